/**
 * Tests what the official client and the API receive through the proxy. The proxy repairs responses, passes everything else on
 * unchanged, and streams bodies without delay.
 */
import { once } from "node:events";
import { request } from "node:http";
import OpenAI, { AzureOpenAI } from "openai";
import { describe, expect, it } from "vitest";
import type { RecordedRequest } from "../src/testing/index.js";
import { ask, BYTES, FOUND, gate, KEY, REQUEST, serveApi, serveProxy, setUp, setUpApi } from "./serving.js";
import { cited, frames, message, response } from "./upstream.js";

describe("the official client", () => {
  it("gets the citation, the file and the API's headers", async () => {
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

  it("gets the citation before the text is done in a stream", async () => {
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

  it("creates a background response, polls it and resumes its stream", async () => {
    const { client } = await setUp();
    const created = await client.responses.create({ ...REQUEST, background: true });
    let read = created;
    while (read.status !== "completed") read = await client.responses.retrieve(created.id);
    expect(cited(read)).toEqual(FOUND);
    const stream = client.responses.stream({ response_id: created.id, starting_after: 4 });
    expect(cited(await stream.finalResponse())).toEqual(FOUND);
  });

  it("uploads files to the API and into a container, and downloads them", async () => {
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

  it("gets the API's errors unchanged", async () => {
    const { client } = await setUp({ apiKey: "sk-another" });
    await expect(client.responses.create(REQUEST)).rejects.toThrow(OpenAI.AuthenticationError);
  });

  it("for Azure works if the upstream has no path", async () => {
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

describe("the request asks the model for links", () => {
  const sentence = /sandbox:\/mnt\/data/;
  it.each([
    [undefined, true],
    [false, false],
  ])("with instruction %s: %s", async (instruction, isAsked) => {
    const { client, emulator } = await setUp({}, instruction === undefined ? {} : { instruction });
    await client.responses.create(REQUEST);
    const [{ body }] = emulator.requests as [RecordedRequest];
    expect(sentence.test(JSON.stringify(body))).toBe(isAsked);
  });
});

describe("the proxy", () => {
  it.each([
    [
      "a response that lacks nothing",
      200,
      "application/json",
      `${JSON.stringify(response([message("Done.")]), null, 1)}\n`,
    ],
    ["an error", 429, "application/json", '{ "error" : {"message": "Slow down"} }\n'],
    ["invalid JSON", 200, "application/json", "{ no"],
    ["an HTML page", 503, "text/html", "<h1>Down</h1>"],
    ["a stream that lacks nothing", 200, "text/event-stream", frames([{ type: "response.created" }], "\r\n")],
    ["a stream of something else", 200, "text/event-stream", ": ping\n\ndata: [DONE]\n\n"],
  ])("passes on %s with its status and headers, byte for byte", async (_, status, type, body) => {
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

  it("passes a download on with its length", async () => {
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

  it("forwards the bytes of a request unchanged if the request needs no link sentence", async () => {
    const { proxy, seen } = await setUpApi();
    const body = '{ "model":"gpt-5", "input" : "hi" , "seed":12345678901234567890 }';
    await ask(`${proxy.baseURL}/responses`, { method: "POST", body });
    expect(seen[0]!.body).toBe(body);
  });

  it("passes a redirect on and does not follow it", async () => {
    const { proxy, seen } = await setUpApi("/v1", (answering) => {
      answering.writeHead(307, { location: "https://elsewhere.example/x" });
      answering.end();
    });
    const { answer } = await ask(`${proxy.baseURL}/responses`, { method: "POST", body: "{}" });
    expect([answer.statusCode, answer.headers.location]).toEqual([307, "https://elsewhere.example/x"]);
    expect(seen).toHaveLength(1);
  });

  it("passes on the headers of an answer to HEAD", async () => {
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

  it.each([204, 304])("passes on a %s without a body", async (status) => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.writeHead(status, { etag: '"1"' });
      answering.end();
    });
    const { answer, text } = await ask(`${proxy.baseURL}/models`, {});
    expect([answer.statusCode, answer.headers.etag, text]).toEqual([status, '"1"', ""]);
  });
});

describe("bodies are streamed", () => {
  it("sends the start of an upload to the upstream before its end has arrived", async () => {
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

  it("sends an event to the caller before the next one has arrived", async () => {
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

  it("sends the head of an answer to the caller before its body has arrived", async () => {
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

describe("a health check", () => {
  it("is answered without the upstream and not logged", async () => {
    const proxy = await serveProxy("http://127.0.0.1:1/v1");
    const { answer, text } = await ask(`${proxy.url}/healthz`);
    expect([answer.statusCode, JSON.parse(text)]).toEqual([200, { status: "ok" }]);
    const head = await ask(`${proxy.url}/healthz`, { method: "HEAD" });
    expect([head.answer.statusCode, head.text]).toEqual([200, ""]);
    await ask(`${proxy.baseURL}/models`);
    expect((await proxy.logged(1)).map(({ path }) => path)).toEqual(["/v1/models"]);
  });
});

describe("the log", () => {
  it("contains no query, which could contain a key", async () => {
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
