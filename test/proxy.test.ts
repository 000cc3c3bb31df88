import { once } from "node:events";
import { request } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import OpenAI, { AzureOpenAI } from "openai";
import { describe, expect, it } from "vitest";
import type { RecordedRequest } from "../src/testing/index.js";
import {
  ask,
  BYTES,
  FOUND,
  gate,
  KEY,
  REQUEST,
  type Served,
  serveApi,
  serveProxy,
  setUp,
  setUpApi,
} from "./serving.js";
import { call, cited, frames, message, response } from "./upstream.js";

describe("the official client", () => {
  it("gets the citation, the file, and all that the API says besides", async () => {
    const { client, proxy } = await setUp();
    const { data, response: answer } = await client.responses.create(REQUEST).withResponse();
    expect(cited(data)).toEqual(FOUND);
    expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    const [{ annotations }] = (data.output.at(-1) as OpenAI.Responses.ResponseOutputMessage).content as [
      OpenAI.Responses.ResponseOutputText,
    ];
    const { file_id, container_id } =
      annotations[0] as OpenAI.Responses.ResponseOutputText.ContainerFileCitation;
    const content = await client.containers.files.content.retrieve(file_id, { container_id });
    expect(await content.text()).toBe(BYTES);
    const [created] = await proxy.logged(2);
    expect(created).toMatchObject({ method: "POST", path: "/v1/responses", status: 200, recovered: 1 });
  });

  it("streams: the citation comes before the text is done", async () => {
    const { client, proxy } = await setUp();
    const stream = client.responses.stream(REQUEST);
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    expect(types.slice(-6, -3)).toEqual([
      "response.output_text.delta",
      "response.output_text.annotation.added",
      "response.output_text.done",
    ]);
    expect(cited(await stream.finalResponse())).toEqual(FOUND);
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, recovered: 1 }]);
  });

  it("background: created, polled, streamed from some event on", async () => {
    const { client } = await setUp();
    const created = await client.responses.create({ ...REQUEST, background: true });
    let read = created;
    while (read.status !== "completed") read = await client.responses.retrieve(created.id);
    expect(cited(read)).toEqual(FOUND);
    const stream = client.responses.stream({ response_id: created.id, starting_after: 4 });
    expect(cited(await stream.finalResponse())).toEqual(FOUND);
  });

  it("uploads files, to the API and into a container, and downloads them", async () => {
    const { client, emulator } = await setUp();
    const file = new File([BYTES.repeat(10_000)], "more.csv");
    expect((await client.files.create({ file, purpose: "user_data" })).bytes).toBe(file.size);
    const container = emulator.createContainer();
    const uploaded = await client.containers.files.create(container.id, { file });
    const content = await client.containers.files.content.retrieve(uploaded.id, {
      container_id: container.id,
    });
    expect((await content.text()) === (await file.text())).toBe(true);
  });

  it("gets the API's errors as the API's", async () => {
    const { client } = await setUp({ apiKey: "sk-another" });
    await expect(client.responses.create(REQUEST)).rejects.toThrow(OpenAI.AuthenticationError);
  });

  it("for Azure, where the upstream is a bare origin", async () => {
    const { emulator, upstream } = await setUp();
    const proxy = await serveProxy(new URL(upstream).origin);
    const client = new AzureOpenAI({ apiKey: KEY, endpoint: proxy.url, apiVersion: "2025-04-01-preview" });
    expect(cited(await client.responses.create(REQUEST))).toEqual(FOUND);
    expect(
      emulator.requests.map(({ path, headers }) => [path.replace(/cntr_\w+/, "{id}"), headers["api-key"]]),
    ).toEqual([
      ["/openai/responses", KEY],
      ["/openai/containers/{id}/files", KEY],
    ]);
  });
});

describe("the model is asked for links", () => {
  const sentence = /sandbox:\/mnt\/data/;
  it.each([
    [undefined, true],
    [false, false],
  ])("with instruction: %s", async (instruction, isAsked) => {
    const { client, emulator } = await setUp({}, instruction === undefined ? {} : { instruction });
    await client.responses.create(REQUEST);
    const [{ body }] = emulator.requests as [RecordedRequest];
    expect(sentence.test(JSON.stringify(body))).toBe(isAsked);
  });
});

describe("the bytes", () => {
  it.each([
    [
      "a response that lacks nothing",
      200,
      "application/json",
      `${JSON.stringify(response([message("Done.")]), null, 1)}\n`,
    ],
    ["an error", 429, "application/json", '{ "error" : {"message": "Slow down"} }\n'],
    ["no JSON where there should be", 200, "application/json", "{ no"],
    ["a page", 503, "text/html", "<h1>Down</h1>"],
    ["a stream that lacks nothing", 200, "text/event-stream", frames([{ type: "response.created" }], "\r\n")],
    ["a stream of something else", 200, "text/event-stream", ": ping\n\ndata: [DONE]\n\n"],
  ])("of %s are the upstream's, its status and headers too", async (_, status, type, body) => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.writeHead(status, "As It Is", [
        ["content-type", type],
        ["x-request-id", "req_1"],
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ] as never);
      answering.end(body);
    });
    const { answer, text } = await ask(`${proxy.baseURL}/responses`, { method: "POST", body: "{}" });
    expect(text).toBe(body);
    expect([answer.statusCode, answer.statusMessage]).toEqual([status, "As It Is"]);
    expect(answer.headers).toMatchObject({
      "content-type": type,
      "x-request-id": "req_1",
      "set-cookie": ["a=1", "b=2"],
    });
  });

  it("of a download are the file's, its length known", async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 251));
    const api = await serveApi((_, answering) => {
      answering.setHeader("content-length", bytes.length);
      answering.end(bytes);
    });
    const { baseURL } = await serveProxy(`${api}/v1`);
    const answer = await fetch(`${baseURL}/files/file-1/content`);
    expect(answer.headers.get("content-length")).toBe(String(bytes.length));
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("of a request go on as they came, where the model is not to be asked", async () => {
    const { proxy, seen } = await setUpApi();
    const body = '{ "model":"gpt-5", "input" : "hi" , "seed":12345678901234567890 }';
    await ask(`${proxy.baseURL}/responses`, { method: "POST", body });
    expect(seen[0]!.body).toBe(body);
  });

  it("a redirect is passed, not followed", async () => {
    const { proxy, seen } = await setUpApi("/v1", (answering) => {
      answering.writeHead(307, { location: "https://elsewhere.example/x" });
      answering.end();
    });
    const { answer } = await ask(`${proxy.baseURL}/responses`, { method: "POST", body: "{}" });
    expect([answer.statusCode, answer.headers.location]).toEqual([307, "https://elsewhere.example/x"]);
    expect(seen).toHaveLength(1);
  });

  it("an answer without a body has none, and says how long it would be", async () => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.writeHead(200, { "content-length": 1234, "content-encoding": "gzip" });
      answering.end();
    });
    const { answer, text } = await ask(`${proxy.baseURL}/models`, { method: "HEAD" });
    expect([text, answer.headers["content-length"], answer.headers["content-encoding"]]).toEqual([
      "",
      "1234",
      "gzip",
    ]);
  });

  it.each([204, 304])("%s has no body", async (status) => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.writeHead(status, { etag: '"1"' });
      answering.end();
    });
    const { answer, text } = await ask(`${proxy.baseURL}/models`, {});
    expect([answer.statusCode, answer.headers.etag, text]).toEqual([status, '"1"', ""]);
  });
});

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

describe("requests stream in, answers stream out", () => {
  it("an upload reaches the upstream before it is all there", async () => {
    const begun = gate<string>();
    const api = await serveApi(async (asked, answering) => {
      asked.once("data", (chunk) => begun.open(String(chunk)));
      await once(asked, "end");
      answering.end("{}");
    });
    const { baseURL } = await serveProxy(`${api}/v1`);
    const asking = request(`${baseURL}/files`, { method: "POST", headers: { "content-length": "10" } });
    asking.write("first");
    expect(await begun.promise).toBe("first");
    asking.end("-last");
    const [answer] = await once(asking, "response");
    expect(answer.statusCode).toBe(200);
  });

  it("an event reaches the caller before the next one is there", async () => {
    const goOn = gate();
    const { client } = await setUp({
      beforeEvent: ({ sequence_number }) => (sequence_number === 1 ? goOn.promise : undefined),
    });
    const stream = await client.responses.create({ ...REQUEST, stream: true });
    const types: string[] = [];
    for await (const { type } of stream) {
      types.push(type);
      if (type === "response.created") goOn.open();
    }
    expect(types.at(-1)).toBe("response.completed");
  });

  it("the head of an answer reaches the caller before anything of its body", async () => {
    const goOn = gate();
    const { proxy } = await setUpApi("/v1", async (answering) => {
      answering.writeHead(200, { "content-type": "application/octet-stream" });
      answering.flushHeaders();
      await goOn.promise;
      answering.end("late");
    });
    const answer = await fetch(`${proxy.baseURL}/files/file-1/content`);
    goOn.open();
    expect(await answer.text()).toBe("late");
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

describe("health", () => {
  it("is told without the upstream, and not logged", async () => {
    const proxy = await serveProxy("http://127.0.0.1:1/v1");
    const { answer, text } = await ask(`${proxy.url}/healthz`);
    expect([answer.statusCode, JSON.parse(text)]).toEqual([200, { status: "ok" }]);
    await ask(`${proxy.baseURL}/models`);
    expect((await proxy.logged(1)).map(({ path }) => path)).toEqual(["/v1/models"]);
  });
});

describe("the log", () => {
  it("has no query, and so no key that stands in one", async () => {
    const { proxy } = await setUpApi();
    await ask(`${proxy.baseURL}/models?api_key=sk-secret`);
    const [line] = await proxy.logged(1);
    expect(line).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      method: "GET",
      path: "/v1/models",
      status: 200,
      ms: expect.any(Number),
      recovered: 0,
    });
  });
});
