/** Tests that the proxy refuses requests that are too long or malformed, or whose path would lead to another origin. */
import { once } from "node:events";
import { request } from "node:http";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createProxy } from "../src/http/proxy.js";
import { ask, bodyOf, gate, sendRaw, serveApi, serveProxy, setUp, setUpApi } from "./serving.js";

function headOf(answer: string): string {
  return answer.slice(0, answer.indexOf("\r\n"));
}

/** A body of this length does not fit into the socket buffers. So the sender can finish only if the receiver reads it. */
const LONGER_THAN_BUFFERS = 50_000_000;

describe("limits", () => {
  const LIMITS = { maxBody: 1000, maxJson: 100, maxHeaders: 2048 };
  const chunked = { "transfer-encoding": "chunked" };
  const tooLarge = { error: { code: "request_too_large", type: "invalid_request_error", param: null } };

  it.each([
    ["POST /responses with content-length", "/responses", { "content-length": "101" }, 101],
    ["POST /responses in chunks", "/responses", chunked, 101],
    ["an upload with content-length", "/files", { "content-length": "1001" }, 1001],
  ])("answer 413 to a body that is too long and forward nothing: %s", async (_, path, headers, length) => {
    const { emulator, proxy } = await setUp({}, LIMITS);
    const { answer, text } = await ask(proxy.baseURL + path, {
      method: "POST",
      headers,
      body: "x".repeat(length),
    });
    expect(answer.statusCode).toBe(413);
    expect(JSON.parse(text)).toMatchObject(tooLarge);
    expect(emulator.requests).toEqual([]);
    expect(await proxy.logged(1)).toMatchObject([{ method: "POST", path: `/v1${path}`, status: 413 }]);
  });

  it("answer 413 to an upload in chunks that is too long and abort it", async () => {
    const begun = gate();
    const broken = gate();
    const api = await serveApi((asked) => {
      asked
        .on("error", () => {})
        .on("close", broken.open)
        .on("data", begun.open);
    });
    const { baseURL } = await serveProxy(`${api}/v1`, LIMITS);
    const asking = request(`${baseURL}/files`, { method: "POST", headers: chunked });
    asking.write("x".repeat(900));
    await begun.promise;
    asking.write("x".repeat(900));
    const [answer] = await once(asking, "response");
    expect(answer.statusCode).toBe(413);
    expect(JSON.parse(await bodyOf(answer))).toMatchObject(tooLarge);
    await broken.promise;
    // The rest of the upload is read, because some clients read the answer only after they have sent everything.
    asking.end("x".repeat(LONGER_THAN_BUFFERS));
    await once(asking, "close");
    expect(asking.writableFinished).toBe(true);
  });

  it("accept a body of exactly the limit", async () => {
    const { proxy, seen } = await (async () => {
      const { api, seen } = await setUpApi();
      return { proxy: await serveProxy(`${api}/v1`, LIMITS), seen };
    })();
    await ask(`${proxy.baseURL}/files`, { method: "POST", body: "x".repeat(1000) });
    await ask(`${proxy.baseURL}/responses`, { method: "POST", headers: chunked, body: "x".repeat(100) });
    expect(seen.map(({ body }) => body.length)).toEqual([1000, 100]);
  });

  it("answer 431 to headers that are too long, in the API's format, and log it", async () => {
    const { proxy } = await setUp({}, LIMITS);
    const { answer, text } = await ask(`${proxy.baseURL}/models`, {
      headers: { "x-long": "x".repeat(3000) },
    });
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([431, "application/json"]);
    expect(JSON.parse(text)).toMatchObject({
      error: { code: "headers_too_large", message: expect.stringContaining("2048 bytes") },
    });
    expect(await proxy.logged(1)).toMatchObject([{ method: "-", path: "-", status: 431 }]);
  });

  it.each([
    [
      "400: no host",
      "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n",
      "GET",
      "/v1/models",
      "bad_request",
    ],
    [
      "405: a CONNECT request",
      "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
      "CONNECT",
      "-",
      "method_not_allowed",
    ],
  ])("answer in the API's format and log %s", async (name, text, method, path, code) => {
    const { proxy } = await setUpApi();
    const answer = await sendRaw(proxy.url, text);
    const status = Number.parseInt(name, 10);
    expect(headOf(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`"code":"${code}"`);
    expect(await proxy.logged(1)).toMatchObject([{ method, path, status }]);
  });

  it("let the caller receive an answer that comes before the upload's end", async () => {
    const api = await serveApi((_, answering) => {
      answering.writeHead(401, { "content-type": "application/json" });
      answering.end('{"error":{"message":"no"}}');
    });
    const { baseURL } = await serveProxy(`${api}/v1`);
    const asking = request(`${baseURL}/files`, {
      method: "POST",
      headers: { "content-length": String(LONGER_THAN_BUFFERS) },
    });
    asking.write("x");
    const [answer] = await once(asking, "response");
    expect([answer.statusCode, await bodyOf(answer)]).toEqual([401, '{"error":{"message":"no"}}']);
    asking.end("x".repeat(LONGER_THAN_BUFFERS - 1));
    await once(asking, "close");
  });
});

describe("the target of a request", () => {
  it.each([
    ["an absolute target", "GET http://elsewhere.example/v1/models HTTP/1.1", 200],
    ["a target without a scheme", "GET //elsewhere.example/v1/models HTTP/1.1", 404],
    ["credentials in a target", "GET http://user:pass@elsewhere.example/v1/models HTTP/1.1", 200],
    ["steps up", "GET /v1/../admin HTTP/1.1", 404],
    ["encoded steps up", "GET /v1/%2e%2E/admin HTTP/1.1", 404],
    ["steps up with backslashes", "GET /v1\\..\\admin HTTP/1.1", 404],
    ["a name that only starts with v1", "GET /v1x/models HTTP/1.1", 404],
    ["an at sign", "GET /@elsewhere.example/v1 HTTP/1.1", 404],
    ["the whole server", "OPTIONS * HTTP/1.1", 404],
    ["no base path", "POST /responses HTTP/1.1", 404],
    ["a method that fetch does not allow", "TRACE /v1/models HTTP/1.1", 405],
    ["an unknown method", "NOTHING /v1/models HTTP/1.1", 400],
    [
      "contradicting lengths",
      "POST /v1/files HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
      400,
    ],
    ["two lengths", "POST /v1/files HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6", 400],
  ])("never leads to another origin: %s (%j) is answered %d", async (_, head, status) => {
    const { proxy, seen, api } = await setUpApi("/gateway/v1");
    const answer = await sendRaw(proxy.url, `${head}\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(headOf(answer)).toContain(` ${status} `);
    expect(seen.map(({ url, headers }) => [url, headers.host])).toEqual(
      status === 200 ? [["/gateway/v1/models", new URL(api).host]] : [],
    );
    if (status >= 400) expect(answer).toContain('{"error":{"message":"');
  });

  it.each(["", "/v1", "/gateway/openai/v1/"])(
    "stays below the upstream's path %j, for any path",
    async (path) => {
      const asked: string[] = [];
      const proxy = createProxy({
        upstream: `https://api.example${path}`,
        fetch: async (url) => {
          asked.push(String(url));
          return new Response("{}");
        },
        maxBody: 1,
        maxJson: 1,
      });
      const below = new URL(`https://api.example${path}`).pathname.replace(/\/$/, "");
      const piece = fc.oneof(
        fc.constantFrom(
          "/",
          "//",
          "..",
          ".",
          "%2e%2e",
          "%2f",
          "\\",
          "@",
          ":",
          "v1",
          "evil.example",
          "?",
          "#",
          "http:",
          "%00",
        ),
        fc.string(),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(piece), async (pieces) => {
          const url = `http://127.0.0.1/v1/${pieces.join("")}`;
          asked.length = 0;
          const { status } = await proxy(new Request(url));
          for (const sent of asked) {
            expect(new URL(sent).origin).toBe("https://api.example");
            // The path can be the base path itself, for example for `/v1/../v1`. So both paths are compared with a slash added.
            expect(`${new URL(sent).pathname}/`.startsWith(`${below}/`), sent).toBe(true);
          }
          expect(asked.length === 1 || status === 404).toBe(true);
        }),
        { numRuns: 500 },
      );
    },
  );

  it.each([
    ["/v1", "/v1/models?limit=2", "/v1/models?limit=2"],
    ["/v1/", "/v1/models", "/v1/models"],
    ["/openai/v1", "/v1/responses/resp_1?include[]=a%20b", "/openai/v1/responses/resp_1?include[]=a%20b"],
    ["/gateway", "/v1/models", "/gateway/models"],
    [
      "",
      "/openai/deployments/mine/responses?api-version=1",
      "/openai/deployments/mine/responses?api-version=1",
    ],
    ["/", "/v1/files/a%2Fb", "/v1/files/a%2Fb"],
  ])("is mapped with the upstream path %j: %s to %s", async (path, asked, expected) => {
    const { proxy, seen } = await setUpApi(path);
    await sendRaw(proxy.url, `GET ${asked} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(seen.map(({ url }) => url)).toEqual([expected]);
  });

  it.each(["ftp://x/v1", "no URL", "https://user:pass@x/v1", "https://x/v1?key=sk-1", "https://x/#a"])(
    "needs a valid upstream URL: %j is refused, and the error shows no secret",
    (upstream) => {
      const make = (): unknown => createProxy({ upstream, fetch, maxBody: 1, maxJson: 1 });
      expect(make).toThrow(TypeError);
      expect(make).toThrow(/upstream must be an http or https URL/);
      expect(make).not.toThrow(/pass|sk-1/);
    },
  );
});
