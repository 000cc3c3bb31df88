/** What is no good request, whoever breaks off, and the end: nothing of it harms another request, or goes elsewhere. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import type { Readable } from "node:stream";
import fc from "fast-check";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { lateReader } from "../src/http/body.js";
import { createProxy } from "../src/http/proxy.js";
import { fetchUpstream } from "../src/http/upstream.js";
import {
  ask,
  bodyOf,
  gate,
  KEY,
  REQUEST,
  sendRaw,
  serveApi,
  serveProxy,
  setUp,
  setUpApi,
} from "./serving.js";
import { cited, frames } from "./upstream.js";

function headOf(answer: string): string {
  return answer.slice(0, answer.indexOf("\r\n"));
}

/** More than the sockets on a way of one machine hold: somebody has to read it. */
const LONGER_THAN_BUFFERS = 50_000_000;

describe("limits", () => {
  const LIMITS = { maxBody: 1000, maxJson: 100, maxHeaders: 2048 };
  const chunked = { "transfer-encoding": "chunked" };
  const tooLarge = { error: { code: "request_too_large", type: "invalid_request_error", param: null } };

  it.each([
    ["POST /responses, whose length says so", "/responses", { "content-length": "101" }, 101],
    ["POST /responses, in chunks", "/responses", chunked, 101],
    ["an upload, whose length says so", "/files", { "content-length": "1001" }, 1001],
  ])("413: %s; nothing goes upstream", async (_, path, headers, length) => {
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

  it("413: an upload in chunks, which the upstream sees break off", async () => {
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
    // What else it sends is read, so that a client that reads no answer before it has sent all comes to read it.
    asking.end("x".repeat(LONGER_THAN_BUFFERS));
    await once(asking, "close");
    expect(asking.writableFinished).toBe(true);
  });

  it("as long as the limit is not too long", async () => {
    const { proxy, seen } = await (async () => {
      const { api, seen } = await setUpApi();
      return { proxy: await serveProxy(`${api}/v1`, LIMITS), seen };
    })();
    await ask(`${proxy.baseURL}/files`, { method: "POST", body: "x".repeat(1000) });
    await ask(`${proxy.baseURL}/responses`, { method: "POST", headers: chunked, body: "x".repeat(100) });
    expect(seen.map(({ body }) => body.length)).toEqual([1000, 100]);
  });

  it("431: headers; said as the API would, and logged", async () => {
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

  it("an answer that comes before the upload's end reaches the caller", async () => {
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

describe("a path is data", () => {
  it.each([
    ["an absolute target", "GET http://elsewhere.example/v1/models HTTP/1.1", 200],
    ["a target without a scheme", "GET //elsewhere.example/v1/models HTTP/1.1", 404],
    ["credentials in a target", "GET http://user:pass@elsewhere.example/v1/models HTTP/1.1", 200],
    ["steps up", "GET /v1/../admin HTTP/1.1", 404],
    ["encoded steps up", "GET /v1/%2e%2E/admin HTTP/1.1", 404],
    ["steps up with backslashes", "GET /v1\\..\\admin HTTP/1.1", 404],
    ["a name that only begins so", "GET /v1x/models HTTP/1.1", 404],
    ["an at sign", "GET /@elsewhere.example/v1 HTTP/1.1", 404],
    ["all of the server", "OPTIONS * HTTP/1.1", 404],
    ["no base path", "POST /responses HTTP/1.1", 404],
    ["what fetch does not know", "TRACE /v1/models HTTP/1.1", 405],
    ["no method", "NOTHING /v1/models HTTP/1.1", 400],
    [
      "lengths that contradict",
      "POST /v1/files HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
      400,
    ],
    ["two lengths", "POST /v1/files HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6", 400],
  ])("%s: %j is answered %d, by the upstream or by none", async (_, head, status) => {
    const { proxy, seen, api } = await setUpApi("/gateway/v1");
    const answer = await sendRaw(proxy.url, `${head}\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect(headOf(answer)).toContain(` ${status} `);
    expect(seen.map(({ url, headers }) => [url, headers.host])).toEqual(
      status === 200 ? [["/gateway/v1/models", new URL(api).host]] : [],
    );
    if (status >= 400) expect(answer).toContain('{"error":{"message":"');
  });

  it.each(["a:99999", "a b", "[::1", "%zz", ""])("the host %j breaks nothing", async (host) => {
    const { proxy } = await setUpApi();
    const answer = await sendRaw(
      proxy.url,
      `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    expect(headOf(answer)).toMatch(/ (?:200|400) /);
    expect((await ask(`${proxy.baseURL}/models`)).answer.statusCode).toBe(200);
  });

  it.each(["", "/v1", "/gateway/openai/v1/"])(
    "and stays below the upstream's %j, whatever it is",
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
            expect(new URL(sent).pathname.startsWith(`${below}/`), sent).toBe(true);
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
  ])("below the upstream's %j, %s is %s", async (path, asked, expected) => {
    const { proxy, seen } = await setUpApi(path);
    await sendRaw(proxy.url, `GET ${asked} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect(seen.map(({ url }) => url)).toEqual([expected]);
  });

  it.each(["ftp://x/v1", "no URL", "https://user:pass@x/v1", "https://x/v1?key=sk-1", "https://x/#a"])(
    "the upstream %j is refused, and no secret in it shown",
    (upstream) => {
      const make = (): unknown => createProxy({ upstream, fetch, maxBody: 1, maxJson: 1 });
      expect(make).toThrow(TypeError);
      expect(make).toThrow(/upstream must be an http or https URL/);
      expect(make).not.toThrow(/pass|sk-1/);
    },
  );
});

describe("what goes wrong", () => {
  it("no upstream: 502, said as the API would", async () => {
    const api = await serveApi(() => {});
    const proxy = await serveProxy("http://127.0.0.1:1/v1");
    expect(api).not.toBe(proxy.url);
    const client = new OpenAI({ apiKey: KEY, baseURL: proxy.baseURL, maxRetries: 0 });
    const error = await client.models.list().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "upstream_failed", type: "server_error" });
    expect((error as Error).message).toContain("http://127.0.0.1:1 did not answer: ECONNREFUSED");
  });

  it("an upstream that hangs up: 502", async () => {
    const api = await serveApi((asked) => asked.socket.destroy());
    const { baseURL } = await serveProxy(`${api}/v1`);
    expect((await ask(`${baseURL}/responses`, { method: "POST", body: "{}" })).answer.statusCode).toBe(502);
  });

  it("an answer that breaks off breaks off here, and is logged so", async () => {
    const { client, proxy } = await setUp({
      beforeEvent({ sequence_number }) {
        if (sequence_number === 5) throw new Error("connection lost");
      },
    });
    const stream = await client.responses.create({ ...REQUEST, stream: true });
    const read = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow();
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, aborted: true }]);
  });

  it.each(["identity", "gzip", "gzip, br"])(
    "an answer in %s that breaks off before anybody reads it harms nobody",
    async (encoding) => {
      const hangUp = gate();
      const api = await serveApi((_, answer) => {
        answer.writeHead(200, { "content-encoding": encoding }).write("half");
        hangUp.promise.then(() => answer.destroy());
      });
      const { body } = await fetchUpstream(api);
      hangUp.open();
      await new Promise((resolve) => (body as unknown as Readable).once("close", resolve));
      const reader = lateReader(() => body!);
      const readAll = async (): Promise<void> => {
        while (!(await reader.read()).done);
      };
      await expect(readAll()).rejects.toThrow();
    },
  );

  it("a list that fails: the answer as it came, and a line that says so", async () => {
    const { client, proxy } = await setUp({
      intercept: ({ path }) => (path.endsWith("/files") ? new Response("gone", { status: 404 }) : undefined),
    });
    expect(cited(await client.responses.create(REQUEST))).toEqual([]);
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, recovered: 0, failed: true }]);
  });

  it("an upstream that is the proxy itself: 508", async () => {
    const first = await serveProxy("http://127.0.0.1:1/v1");
    const second = await serveProxy(first.baseURL);
    const { answer, text } = await ask(`${second.baseURL}/models`);
    expect(answer.statusCode).toBe(508);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "loop_detected" } });
  });

  it("a mistake of ours: 500, and the next request is answered", async () => {
    let isFirst = true;
    const proxy = await serveProxy("", {
      proxy: async () => {
        if (!isFirst) return new Response("fine");
        isFirst = false;
        throw new Error("a bug");
      },
    });
    const { answer, text } = await ask(proxy.url);
    expect([answer.statusCode, JSON.parse(text).error.code]).toEqual([500, "internal_error"]);
    expect((await ask(proxy.url)).text).toBe("fine");
  });
});

describe("a caller that goes", () => {
  it("before there is an answer: the upstream's request is cancelled", async () => {
    const asked = gate<IncomingMessage>();
    const api = await serveApi((incoming) => asked.open(incoming));
    const proxy = await serveProxy(`${api}/v1`);
    const aborter = new AbortController();
    const answer = fetch(`${proxy.baseURL}/responses`, {
      method: "POST",
      body: "{}",
      signal: aborter.signal,
    });
    const { socket } = await asked.promise;
    const closed = once(socket, "close");
    aborter.abort();
    await expect(answer).rejects.toThrow();
    await closed;
    expect(await proxy.logged(1)).toMatchObject([{ status: 499, aborted: true }]);
  });

  it.each([
    ["/responses", "text/event-stream", frames([{ type: "response.created" }])],
    ["/responses", "application/json", "{"],
    ["/files/file-1/content", "text/plain", "a"],
  ])("while the answer of %s (%s) comes: the upstream's answer is cancelled", async (path, type, first) => {
    const asked = gate<IncomingMessage>();
    const api = await serveApi((incoming, answering) => {
      answering.writeHead(200, { "content-type": type });
      answering.write(first);
      asked.open(incoming);
    });
    const proxy = await serveProxy(`${api}/v1`);
    const { hostname, port } = new URL(proxy.url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /v1${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}`);
    const { socket: upstream } = await asked.promise;
    // JSON is handed on once it is whole.
    if (type !== "application/json") await once(socket, "data");
    const closed = once(upstream, "close");
    socket.destroy();
    await closed;
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, aborted: true }]);
  });

  it("in the middle of an upload: the upstream sees it break off", async () => {
    const asked = gate<IncomingMessage>();
    const api = await serveApi((incoming) => {
      incoming.on("error", () => {});
      incoming.once("data", () => asked.open(incoming));
    });
    const { baseURL } = await serveProxy(`${api}/v1`);
    const asking = request(`${baseURL}/files`, { method: "POST", headers: { "content-length": "10" } });
    asking.on("error", () => {});
    asking.write("first");
    const incoming = await asked.promise;
    const closed = new Promise((resolve) => incoming.once("close", resolve));
    asking.destroy();
    await closed;
    expect(incoming.complete).toBe(false);
  });
});

describe("stopping", () => {
  it("answers what runs, and takes nothing new; connections without a request end", async () => {
    const goOn = gate();
    const { proxy } = await setUpApi("/v1", async (answering) => {
      answering.write("{");
      await goOn.promise;
      answering.end("}");
    });
    const { hostname, port } = new URL(proxy.url);
    const idle = connect(Number(port), hostname);
    await once(idle, "connect");
    // It has had an answer, and is kept for the next one.
    const kept = connect(Number(port), hostname);
    kept.write("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    await once(kept, "data");
    const running = await fetch(`${proxy.baseURL}/models`);
    const ended = Promise.all([once(idle, "close"), once(kept, "close")]);
    const stopped = proxy.stop(60_000);
    await ended;
    await expect(fetch(`${proxy.url}/healthz`)).rejects.toThrow();
    goOn.open();
    expect(await running.text()).toBe("{}");
    expect(await stopped).toBe(true);
  });

  it("cuts off what runs longer than it may", async () => {
    const { proxy } = await setUpApi("/v1", (answering) => void answering.write("{"));
    const running = await fetch(`${proxy.baseURL}/models`);
    expect(await proxy.stop(0)).toBe(false);
    await expect(running.text()).rejects.toThrow();
  });
});
