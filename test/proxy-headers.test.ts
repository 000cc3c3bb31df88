/** The headers that the proxy hands on and those that it does not: of connections, of encodings, of keys. */
import { once } from "node:events";
import { request } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
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

describe("an answer that comes encoded although nobody asked for that", () => {
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
  ])("%s: decoded, and repaired", async (encoding, encode) => {
    const { baseURL } = await setUpEncoded(encoding, encode);
    const { answer, text } = await ask(`${baseURL}/responses`, { method: "POST", body: "{}" });
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(cited(JSON.parse(text))).toEqual(FOUND);
  });

  it("in one that is not known here: as it came", async () => {
    const { baseURL } = await setUpEncoded("deflate", deflateSync);
    const asking = request(`${baseURL}/responses`, { method: "POST" }).end("{}");
    const [answer] = await once(asking, "response");
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk);
    expect(answer.headers["content-encoding"]).toBe("deflate");
    expect(Buffer.concat(chunks)).toEqual(deflateSync(JSON.stringify(lacking)));
  });
});

describe("headers", () => {
  it("of a connection end here, those of the request go on", async () => {
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

  it("of the upstream's connection end here too", async () => {
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
    [
      "a length that is known",
      { "content-length": "5" },
      "hello",
      { "content-length": "5" },
      "transfer-encoding",
    ],
    [
      "chunks",
      { "transfer-encoding": "chunked" },
      "hello",
      { "transfer-encoding": "chunked" },
      "content-length",
    ],
    ["no body", {}, undefined, { "content-length": "0" }, "transfer-encoding"],
    ["an empty body", { "content-length": "0" }, undefined, { "content-length": "0" }, "transfer-encoding"],
  ])("frame a body as the caller did: %s", async (_, headers, body, expected, absent) => {
    const { proxy, seen } = await setUpApi();
    await ask(`${proxy.baseURL}/files`, { method: "POST", headers, body });
    expect(seen[0]!.body).toBe(body ?? "");
    expect(seen[0]!.headers).toMatchObject(expected);
    expect(seen[0]!.headers).not.toHaveProperty(absent);
  });

  it("that frame nothing are left out: a GET has no body", async () => {
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

describe("credentials are the caller's", () => {
  /** Each key's own containers: what another asks for is not there. */
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

  it("a list is asked for with the key of the request that it answers", async () => {
    const { create, lists } = await setUpKeys();
    expect(cited(await create("sk-a"))).toEqual(FOUND);
    expect(cited(await create("sk-b"))).toEqual(FOUND);
    expect(new Set(lists.map(([, key]) => key))).toEqual(new Set(["Bearer sk-a", "Bearer sk-b"]));
    expect(new Set(lists.map(([id]) => id)).size).toBe(2);
  });

  it("what is remembered of one caller's response leads another one nowhere", async () => {
    const { create, emulator, lists, proxy } = await setUpKeys();
    const first = await create("sk-a");
    expect(cited(first)).toEqual(FOUND);
    // The same caller: the container of the response before is remembered.
    expect(cited(await create("sk-a", { previous_response_id: first.id }))).toEqual(FOUND);
    const isRead = ({ method, path }: RecordedRequest): boolean =>
      method === "GET" && path.endsWith(`/responses/${first.id}`);
    expect(emulator.requests.filter(isRead)).toHaveLength(1); // by the client, the first time
    lists.length = 0;
    // Another one that names it, though the upstream would have had to refuse that: asked with its own key, and refused.
    expect(cited(await create("sk-b", { previous_response_id: first.id }))).toEqual([]);
    expect(lists.length).toBeGreaterThan(0);
    expect(new Set(lists.map(([, key]) => key))).toEqual(new Set(["Bearer sk-b"]));
    expect((await proxy.logged(3))[2]).toMatchObject({ status: 200, recovered: 0, failed: true });
  });

  it("without a key, the answer is the upstream's", async () => {
    const { proxy } = await setUp();
    expect((await ask(`${proxy.baseURL}/responses`, { method: "POST", body: "{}" })).answer.statusCode).toBe(
      401,
    );
  });

  it("any number of replicas: one finds what another has seen", async () => {
    const { create, upstream } = await setUpKeys();
    const first = await create("sk-a");
    const other = await serveProxy(upstream);
    const second = await create("sk-a", { previous_response_id: first.id });
    const client = new OpenAI({ apiKey: "sk-a", baseURL: other.baseURL });
    expect(cited(await client.responses.retrieve(second.id))).toEqual(FOUND);
  });
});
