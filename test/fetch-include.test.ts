/** Tests what happens if the API refuses the `include` that the library added: the request is sent again without it. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { createFileCitationsFetch } from "../src/index.js";
import { ANSWER, setUp } from "./fetching.js";
import { bodyOf, serveApi, serveProxy } from "./serving.js";
import { type Asked, BASE, json } from "./upstream.js";

const OUTPUTS = "code_interpreter_call.outputs";
const params = { input: "x", tools: [{ type: "code_interpreter", container: { type: "auto" } }] };
const POST = { method: "POST", body: JSON.stringify(params) };
const includeOf = ({ body }: Asked): unknown => JSON.parse(body!).include;
const refusal = (error: object = { message: "Unknown parameter: 'include'.", param: "include" }): Response =>
  Response.json({ error }, { status: 400, headers: { "x-request-id": "req_400" } });
/** Answers with status 400 if a request asks for the outputs of calls. Answers all other requests with `ANSWER`. */
const refusing = (asked: Asked): Response => (asked.body?.includes(OUTPUTS) ? refusal() : json(ANSWER));

function inPieces(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      for (let at = 0; at < chunk.length; at += 10_000) controller.enqueue(chunk.slice(at, at + 10_000));
    },
  });
}

describe("an answer that blames include", () => {
  it.each([
    ["in param", { message: "Invalid value", param: "include[0]" }],
    ["in the message", { message: "include is not supported here", param: null }],
    ["by the value in the message", { message: `Invalid value: '${OUTPUTS}'.` }],
  ])("%s: sends the request again without the include, with the sentence", async (_, error) => {
    const { fetch, asked } = setUp({
      answer: (request) => (request.body?.includes(OUTPUTS) ? refusal(error) : json(ANSWER)),
    });
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(answer.status).toBe(200);
    expect(asked.map(includeOf)).toEqual([[OUTPUTS], undefined]);
    expect(asked[1]!.body).toContain("sandbox:");
  });

  it.each<[string, number, unknown]>([
    ["an error that is a string", 400, { error: "Unknown field include" }],
    ["a detail", 400, { detail: "include not supported" }],
    ["an array of errors", 400, [{ error: { message: "Unknown parameter: 'include'." } }]],
    ["plain text", 400, "include is not allowed"],
    [
      "FastAPI's errors",
      422,
      { detail: [{ loc: ["body", "include"], msg: "Extra inputs are not permitted" }] },
    ],
  ])("as %s, with status %i", async (_, status, body) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const { fetch, asked } = setUp({
      answer: (request) => (request.body?.includes(OUTPUTS) ? new Response(text, { status }) : json(ANSWER)),
    });
    expect((await fetch(`${BASE}/responses`, POST)).status).toBe(200);
    expect(asked.map(includeOf)).toEqual([[OUTPUTS], undefined]);
  });

  it.each([
    ["a string", (body: string) => [`${BASE}/responses`, { method: "POST", body }]],
    ["bytes", (body: string) => [`${BASE}/responses`, { method: "POST", body: Buffer.from(body) }]],
    ["a Request", (body: string) => [new Request(`${BASE}/responses`, { method: "POST", body })]],
  ] as [string, (body: string) => Parameters<typeof fetch>][])(
    "keeps the caller's own include: %s",
    async (_, write) => {
      const { fetch, asked } = setUp({ answer: refusing });
      const given = write(JSON.stringify({ ...params, include: ["file_search_call.results"] }));
      expect((await fetch(...given)).status).toBe(200);
      expect(asked.map(includeOf)).toEqual([
        ["file_search_call.results", OUTPUTS],
        ["file_search_call.results"],
      ]);
    },
  );

  it("is remembered for its base URL only", async () => {
    const { fetch, asked } = setUp({ answer: refusing });
    for (const base of [BASE, BASE, "https://other.example/v1", BASE]) await fetch(`${base}/responses`, POST);
    expect(asked.map((request) => [new URL(request.url).host, includeOf(request) !== undefined])).toEqual([
      ["api.openai.com", true],
      ["api.openai.com", false],
      ["api.openai.com", false],
      ["other.example", true],
      ["other.example", false],
      ["api.openai.com", false],
    ]);
  });

  it("is remembered for the latest 100 base URLs only", async () => {
    const { fetch, asked } = setUp({ answer: refusing });
    for (let n = 0; n <= 100; n++) await fetch(`https://api.example/${n}/responses`, POST);
    asked.length = 0;
    await fetch("https://api.example/100/responses", POST);
    expect(asked).toHaveLength(1);
    await fetch("https://api.example/0/responses", POST);
    expect(asked).toHaveLength(3);
  });

  it("is not remembered if the second request gets a 400 too, and that second answer is returned", async () => {
    let count = 0;
    const answers: Response[] = [];
    const { fetch, asked } = setUp({
      answer: () => {
        answers.push(refusal({ message: `must include ${++count}` }));
        return answers.at(-1)!;
      },
    });
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(answer).toBe(answers[1]);
    expect(await answer.json()).toEqual({ error: { message: "must include 2" } });
    await fetch(`${BASE}/responses`, POST);
    expect(asked.map((request) => includeOf(request) !== undefined)).toEqual([true, false, true, false]);
  });

  it("has its body cancelled when the request is sent again", async () => {
    const cancel = vi.fn();
    const start = (controller: ReadableStreamDefaultController): void =>
      controller.enqueue(Buffer.from('{"error":{"param":"include"}}'.padEnd(100_000)));
    const { fetch, asked } = setUp({
      answer: () =>
        asked.length === 1
          ? new Response(new ReadableStream({ start, cancel }), { status: 400 })
          : json(ANSWER),
    });
    expect((await fetch(`${BASE}/responses`, POST)).status).toBe(200);
    expect(cancel).toHaveBeenCalledOnce();
  });
});

describe("passes on, with its whole body,", () => {
  it.each([
    ["a 400 for another reason", { message: "Invalid model", param: "model" }, 400, POST],
    [
      "a 422 that repeats the request",
      [{ loc: ["body", "model"], input: { ...params, include: [OUTPUTS] } }],
      422,
      POST,
    ],
    [
      "a 400 that repeats the request in a string",
      `400: ${JSON.stringify({ include: [OUTPUTS] })}`,
      400,
      POST,
    ],
    ["a 400 that repeats the request in Python", `{'include': ['${OUTPUTS}']}`, 400, POST],
    ["a 403", { message: "include", param: "include" }, 403, POST],
    [
      "a 400 for the caller's own include",
      { message: "include", param: "include" },
      400,
      { method: "POST", body: JSON.stringify({ ...params, include: [OUTPUTS] }) },
    ],
    [
      "a 400 for a request without tools that write files",
      { message: "include", param: "include" },
      400,
      { method: "POST", body: '{"input":"x"}' },
    ],
  ] as [string, object, number, RequestInit][])("%s", async (_, error, status, init) => {
    const body = `${JSON.stringify({ error })}\r\n\ufffd`;
    const given = new Response(body, { status });
    const { fetch, asked } = setUp({ answer: () => given });
    const answer = await fetch(`${BASE}/responses`, init);
    expect(answer).toBe(given);
    expect(await answer.text()).toBe(body);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ["no body", null],
    ["a body that does not contain the word include", "excludes"],
  ])("a 400 with %s", async (_, body) => {
    const given = new Response(body, { status: 400 });
    const { fetch, asked } = setUp({ answer: () => given });
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(answer).toBe(given);
    expect(await answer.text()).toBe(body ?? "");
    expect(asked).toHaveLength(1);
  });

  it("a 400 with a long body", async () => {
    const body = `{"error":{"param":"model"},"x":"${"x".repeat(1_000_000)}"}`;
    const given = new Response(new Blob([body]).stream().pipeThrough(inPieces()), { status: 400 });
    const { fetch, asked } = setUp({ answer: () => given });
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(answer).toBe(given);
    expect((await answer.text()) === body).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it("a 400 to a request whose body is a stream", async () => {
    const given = refusal();
    const body = new Blob([POST.body]).stream();
    const { fetch, asked } = setUp({ answer: () => given });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    expect(await fetch(`${BASE}/responses`, init)).toBe(given);
    expect(asked).toHaveLength(1);
  });

  it("a 400 whose body fails", async () => {
    const pull = (controller: ReadableStreamDefaultController): void => controller.error(new Error("reset"));
    const given = new Response(new ReadableStream({ pull }), { status: 400 });
    const { fetch } = setUp({ answer: () => given });
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(answer).toBe(given);
    await expect(answer.text()).rejects.toThrow("reset");
  });
});

describe("with fake timers", () => {
  afterEach(() => void vi.useRealTimers());

  it("stops waiting after timeoutMs for a 400 body that never ends, and passes the answer on", async () => {
    vi.useFakeTimers();
    const start = (controller: ReadableStreamDefaultController): void => controller.enqueue(Buffer.from("{"));
    const given = new Response(new ReadableStream({ start }), { status: 400 });
    const fetch = createFileCitationsFetch({ fetch: async () => given, timeoutMs: 1000 });
    const pending = fetch(`${BASE}/responses`, POST);
    await vi.advanceTimersByTimeAsync(1000);
    const answer = await pending;
    expect(answer).toBe(given);
    expect(Buffer.from((await answer.body!.getReader().read()).value!).toString()).toBe("{");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("the proxy", () => {
  it("sends the request again, remembers the refusal and passes other 400 answers on unchanged", async () => {
    const bodies: string[] = [];
    const other = '{"error":{"message":"no such model"}}\r\n';
    const answerTo = (body: string): [status: number, body: string] => {
      if (body.includes("other")) return [400, other];
      if (body.includes(OUTPUTS)) return [400, '{"error":{"param":"include"}}'];
      return [200, JSON.stringify(ANSWER)];
    };
    const api = await serveApi(async (request, answer) => {
      const body = await bodyOf(request);
      if (request.method === "POST") bodies.push(body);
      const [status, text] = answerTo(body);
      answer.writeHead(status, { "content-type": "application/json" }).end(text);
    });
    const { baseURL } = await serveProxy(`${api}/v1`);
    const post = (more: object = {}): Promise<Response> =>
      fetch(`${baseURL}/responses`, {
        method: "POST",
        headers: { authorization: "Bearer any" }, // without a key, the proxy would stream the body and add no include
        body: JSON.stringify({ ...params, ...more }),
      });
    const refused = await post({ model: "other" });
    expect([refused.status, await refused.text()]).toEqual([400, other]);
    for (let n = 0; n < 2; n++) expect((await post()).status).toBe(200);
    expect(bodies.map((body) => body.includes(OUTPUTS))).toEqual([true, true, false, false]);
  });
});
