/**
 * Tests which headers about connections, encodings and keys the proxy passes on, and which it drops.
 * This file is long because each kind of header has its own tests.
 */

import { once } from "node:events";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { fetchUpstream } from "../src/http/upstream.js";
import type { RecordedRequest } from "../src/testing/index.js";
import {
  ask,
  BYTES,
  FOUND,
  KEY,
  REQUEST,
  type Served,
  serveApi,
  serveProxy,
  setUp,
  setUpApi,
} from "./serving.js";
import { call, cited, message, response } from "./upstream.js";

describe("an answer that is encoded although the request asked for no encoding", () => {
  const lacking = response([call("open('/mnt/data/totals.csv')"), message("Here: /mnt/data/totals.csv")]);
  const files = {
    data: [{ id: "cfile_1", path: "/mnt/data/totals.csv", source: "assistant", created_at: 1 }],
    has_more: false,
  };
  const setUpEncoded = async (encoding: string, encode: (text: string) => Buffer): Promise<Served> => {
    const api = await serveApi((asked, answering) => {
      expect(asked.headers["accept-encoding"] ?? "identity").toBe("identity");
      const bytes = encode(JSON.stringify(asked.url?.includes("/files") ? files : lacking));
      answering.writeHead(200, {
        "content-type": "application/json",
        "content-encoding": encoding,
        "content-length": bytes.length,
      });
      answering.end(bytes);
    });
    return serveProxy(`${api}/v1`);
  };

  it.each([
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["br", brotliCompressSync],
    ["gzip, br", (text: string) => brotliCompressSync(gzipSync(text))],
    ["GZIP \t , \t br", (text: string) => brotliCompressSync(gzipSync(text))],
  ])("is decoded and repaired: %s", async (encoding, encode) => {
    const { baseURL } = await setUpEncoded(encoding, encode);
    const { answer, text } = await ask(`${baseURL}/responses`, { method: "POST", body: "{}" });
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(cited(JSON.parse(text))).toEqual(FOUND);
  });

  it("is passed on unchanged if the encoding is unknown", async () => {
    const { baseURL } = await setUpEncoded("deflate", deflateSync);
    const asking = request(`${baseURL}/responses`, { method: "POST" }).end("{}");
    const [answer] = await once(asking, "response");
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk);
    expect(answer.headers["content-encoding"]).toBe("deflate");
    expect(Buffer.concat(chunks)).toEqual(deflateSync(JSON.stringify(lacking)));
  });

  it("is read in linear time if its content-encoding header has 60 KB of spaces", async () => {
    const api = await serveApi((_, answering) => {
      answering.writeHead(200, { "content-encoding": `gzip${" ".repeat(60_000)}x` }).end("as it came");
    });
    const before = process.cpuUsage();
    const answer = await fetchUpstream(api);
    const { user } = process.cpuUsage(before);
    expect(await text(answer.body as never)).toBe("as it came");
    expect(user / 1e6).toBeLessThan(2); // quadratic time would be 4 seconds or more
  });
});

describe("headers", () => {
  it("of the caller's connection are dropped, those of the request are forwarded", async () => {
    const { proxy, seen, api } = await setUpApi();
    await ask(`${proxy.baseURL}/models`, {
      method: "POST",
      body: "x",
      headers: {
        authorization: `Bearer ${KEY}`,
        "openai-beta": "assistants=v2",
        "x-stainless-lang": "python",
        connection: "keep-alive, X-Internal",
        "x-internal": "1",
        "keep-alive": "timeout=5",
        "proxy-authorization": "Basic secret",
        "proxy-connection": "keep-alive",
        te: "trailers",
        trailer: "x-sum",
        upgrade: "websocket",
        expect: "100-continue",
        "accept-encoding": "zstd, gzip",
      },
    });
    const { headers } = seen[0]!;
    expect(headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      "openai-beta": "assistants=v2",
      "x-stainless-lang": "python",
      host: new URL(api).host,
      "accept-encoding": "identity",
      via: "1.1 openai-file-citations",
    });
    for (const name of [
      "x-internal",
      "proxy-authorization",
      "proxy-connection",
      "te",
      "trailer",
      "upgrade",
      "expect",
    ]) {
      expect(headers, name).not.toHaveProperty(name);
    }
    expect(headers["keep-alive"]).toBeUndefined();
  });

  it("of the upstream's connection are dropped", async () => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.writeHead(200, {
        connection: "keep-alive, x-hop",
        "keep-alive": "timeout=999",
        "x-hop": "1",
        "proxy-authenticate": "Basic",
        trailer: "x-sum",
        upgrade: "h2c",
        "openai-version": "2020-10-01",
      });
      answering.end("{}");
    });
    const { answer } = await ask(`${proxy.baseURL}/models`);
    expect(answer.headers).toMatchObject({ "openai-version": "2020-10-01" });
    expect(answer.headers["keep-alive"]).not.toBe("timeout=999");
    expect(answer.headers.connection).not.toContain("x-hop");
    for (const name of ["x-hop", "proxy-authenticate", "trailer", "upgrade"]) {
      expect(answer.headers, name).not.toHaveProperty(name);
    }
  });

  it.each([
    ["a known length", { "content-length": "5" }, "hello", { "content-length": "5" }, "transfer-encoding"],
    [
      "chunks",
      { "transfer-encoding": "chunked" },
      "hello",
      { "transfer-encoding": "chunked" },
      "content-length",
    ],
    ["no body", {}, undefined, { "content-length": "0" }, "transfer-encoding"],
    ["an empty body", { "content-length": "0" }, undefined, { "content-length": "0" }, "transfer-encoding"],
  ])("frame the forwarded body like the caller's: %s", async (_, headers, body, expected, absent) => {
    const { proxy, seen } = await setUpApi();
    await ask(`${proxy.baseURL}/files`, { method: "POST", headers, body });
    expect(seen[0]!.body).toBe(body ?? "");
    expect(seen[0]!.headers).toMatchObject(expected);
    expect(seen[0]!.headers).not.toHaveProperty(absent);
  });

  it("that frame a body are dropped from a GET request, which has none", async () => {
    const { proxy, seen } = await setUpApi();
    const { answer } = await ask(`${proxy.baseURL}/models`, {
      headers: { "content-length": "5", connection: "close" },
      body: "hello",
    });
    expect(answer.statusCode).toBe(200);
    expect(seen[0]).toMatchObject({ method: "GET", body: "" });
    expect(seen[0]!.headers).not.toHaveProperty("content-length");
  });
});

describe("headers about a body's bytes", () => {
  const OF_BYTES = {
    etag: '"1"',
    digest: "sha-256=AAAA",
    "content-digest": "sha-256=:AAAA:",
    "repr-digest": "sha-256=:AAAA:",
    "content-md5": "AAAA",
  };
  const shown = (headers: object): string[] => Object.keys(OF_BYTES).filter((name) => name in headers);

  it.each([
    [
      "removed from a JSON answer that may be repaired",
      "/responses/resp_1",
      200,
      "application/json",
      "{}",
      false,
    ],
    [
      "removed from a stream that may be repaired",
      "/responses/resp_1",
      200,
      "text/event-stream",
      "data: {}\n\n",
      false,
    ],
    ["kept on an error", "/responses/resp_1", 404, "application/json", "{}", true],
    ["kept on the answer of another endpoint", "/models", 200, "application/json", "{}", true],
    ["kept on a download", "/files/file-1/content", 200, "text/plain", "{}", true],
  ])("are %s", async (_, path, status, type, body, areKept) => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.writeHead(status, { ...OF_BYTES, "content-type": type, "x-request-id": "req_1" });
      answering.end(body);
    });
    const { answer } = await ask(proxy.baseURL + path);
    expect(answer.headers["x-request-id"]).toBe("req_1");
    expect(shown(answer.headers)).toEqual(areKept ? Object.keys(OF_BYTES) : []);
  });

  it("are removed if the proxy has decoded the body", async () => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.writeHead(200, { ...OF_BYTES, "content-encoding": "gzip" });
      answering.end(gzipSync("hello"));
    });
    const { answer, text } = await ask(`${proxy.baseURL}/files/file-1/content`);
    expect([text, shown(answer.headers)]).toEqual(["hello", []]);
  });

  it("are removed from a request that may get the link sentence, and kept on an upload", async () => {
    const { proxy, seen } = await setUpApi();
    const { etag: _, ...ofRequest } = OF_BYTES;
    const headers = { ...ofRequest, authorization: `Bearer ${KEY}` };
    await ask(`${proxy.baseURL}/responses`, { method: "POST", headers, body: "{}" });
    await ask(`${proxy.baseURL}/files`, { method: "POST", headers, body: "{}" });
    expect(seen.map((asked) => shown(asked.headers))).toEqual([[], Object.keys(ofRequest)]);
  });
});

describe("credentials", () => {
  /** Starts an emulator and a proxy. Each container belongs to one key. A list request with another key gets a 404. */
  async function setUpKeys(proxyOptions = {}) {
    const owners = new Map<string, string | undefined>();
    const lists: [string, string | undefined][] = [];
    const set = await setUp(
      {
        intercept: ({ path, headers }) => {
          const [, id] = /\/containers\/([^/]+)\/files/.exec(path) ?? [];
          if (id === undefined) return undefined;
          lists.push([id, headers.authorization]);
          const isOwner = owners.get(id) === headers.authorization;
          return isOwner ? undefined : Response.json({ error: { message: "not found" } }, { status: 404 });
        },
        script: (request) => [
          ...(request.previous.length > 0
            ? []
            : [{ type: "python" as const, code: "x", files: { "totals.csv": BYTES } }]),
          { type: "message", text: "It is /mnt/data/totals.csv" },
        ],
      },
      proxyOptions,
    );
    const clientOf = (apiKey: string): OpenAI => set.client.withOptions({ apiKey });
    const create = async (apiKey: string, more: object = {}): Promise<OpenAI.Responses.Response> => {
      const known = new Set(set.emulator.containers.keys());
      const plain = new OpenAI({ apiKey, baseURL: set.upstream });
      const made = await plain.responses.create({ ...REQUEST, ...more });
      for (const id of set.emulator.containers.keys()) if (!known.has(id)) owners.set(id, `Bearer ${apiKey}`);
      return clientOf(apiKey).responses.retrieve(made.id);
    };
    return { ...set, lists, create, clientOf };
  }

  it("of a request are used for the list that its answer needs", async () => {
    const { create, lists } = await setUpKeys();
    expect(cited(await create("sk-a"))).toEqual(FOUND);
    expect(cited(await create("sk-b"))).toEqual(FOUND);
    expect(new Set(lists.map(([, key]) => key))).toEqual(new Set(["Bearer sk-a", "Bearer sk-b"]));
    expect(new Set(lists.map(([id]) => id)).size).toBe(2);
  });

  it("of another caller give no access to a remembered container", async () => {
    const { create, emulator, lists, proxy } = await setUpKeys();
    const first = await create("sk-a");
    expect(cited(first)).toEqual(FOUND);
    // The same caller continues the response. The proxy remembers the response's container, so it does not read the response again.
    expect(cited(await create("sk-a", { previous_response_id: first.id }))).toEqual(FOUND);
    const isRead = ({ method, path }: RecordedRequest): boolean =>
      method === "GET" && path.endsWith(`/responses/${first.id}`);
    expect(emulator.requests.filter(isRead)).toHaveLength(1); // the first `create` read the response
    lists.length = 0;
    // Another caller continues the first response. The proxy requests the list with that caller's key, and the API refuses it.
    expect(cited(await create("sk-b", { previous_response_id: first.id }))).toEqual([]);
    expect(lists.length).toBeGreaterThan(0);
    expect(new Set(lists.map(([, key]) => key))).toEqual(new Set(["Bearer sk-b"]));
    expect((await proxy.logged(3))[2]).toMatchObject({ status: 200, recovered: 0, failed: true });
  });

  it("that are missing get the upstream's answer", async () => {
    const { proxy } = await setUp();
    expect((await ask(`${proxy.baseURL}/responses`, { method: "POST", body: "{}" })).answer.statusCode).toBe(
      401,
    );
  });

  it("are all that a second replica needs to find the container of a response that another replica saw", async () => {
    const { create, upstream } = await setUpKeys();
    const first = await create("sk-a");
    const other = await serveProxy(upstream);
    const second = await create("sk-a", { previous_response_id: first.id });
    const client = new OpenAI({ apiKey: "sk-a", baseURL: other.baseURL });
    expect(cited(await client.responses.retrieve(second.id))).toEqual(FOUND);
  });
});
