import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createFileCitationsFetch,
  FileCitationsError,
  type FileCitationsFetchOptions,
  type Report,
} from "../src/index.js";
import { ContainerMemory } from "../src/responses/memory.js";
import {
  BASE,
  call,
  cited,
  file,
  frames,
  json,
  listPage,
  message,
  response,
  sse,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const PLAN = file("/mnt/data/plan.docx");
const ANSWER = response([call(), message("Here: /mnt/data/plan.docx")]);
const FOUND = ["plan.docx@/mnt/data/plan.docx"];
const POST = { method: "POST", body: JSON.stringify({ model: "gpt-5", input: "x" }) };
const HEADERS = { authorization: "Bearer sk-1", "openai-organization": "org_1", "openai-project": "proj_1" };

function setUp(
  more: Partial<Parameters<typeof upstream>[0]> = {},
  options: Omit<FileCitationsFetchOptions, "fetch"> = {},
) {
  const reports: Report[] = [];
  const api = upstream({ answer: () => json(ANSWER), files: [PLAN], ...more });
  const fetch = createFileCitationsFetch({
    fetch: api.fetch,
    onReport: (report) => reports.push(report),
    ...options,
  });
  return { ...api, underneath: api.fetch, fetch, reports };
}

describe("what passes untouched, as the very same Response", () => {
  it.each([
    ["chat completions", "POST", "/chat/completions"],
    ["files", "GET", "/files/file-1"],
    ["a file's content", "GET", "/containers/cntr_1/x"],
    ["counting tokens", "POST", "/responses/input_tokens"],
    ["compaction", "POST", "/responses/compact"],
    ["deleting a response", "DELETE", "/responses/resp_1"],
    ["a name that only begins so", "POST", "/responses2"],
    ["a conversation", "GET", "/conversations/conv_1"],
    ["adding items to it", "POST", "/conversations/conv_1/items"],
  ])("%s", async (_, method, path) => {
    const answer = json(ANSWER);
    const { fetch, lists } = setUp({ answer: () => answer });
    expect(await fetch(BASE + path, { method })).toBe(answer);
    expect(lists()).toEqual([]);
  });

  it.each([
    ["an error", () => Response.json({ error: { message: "no" } }, { status: 429 })],
    ["a redirect", () => new Response(null, { status: 307, headers: { location: "https://example.com" } })],
    ["a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["no body", () => new Response(null, { status: 204 })],
  ])("%s in answer to a response", async (_, answer) => {
    const given = answer();
    const { fetch } = setUp({ answer: () => given });
    expect(await fetch(`${BASE}/responses`, POST)).toBe(given);
  });

  it("an error of the fetch underneath", async () => {
    const broken = createFileCitationsFetch({ fetch: () => Promise.reject(new TypeError("fetch failed")) });
    await expect(broken(`${BASE}/responses`, POST)).rejects.toThrow("fetch failed");
  });

  it("its arguments, where nothing is added to the request", async () => {
    const seen: unknown[] = [];
    const given = { ...POST, headers: HEADERS };
    const fetch = createFileCitationsFetch({
      fetch: async (...args) => {
        seen.push(...args);
        return json(ANSWER);
      },
    });
    await fetch(`${BASE}/responses`, given);
    expect(seen[1]).toBe(given);
  });
});

describe("an answer in JSON", () => {
  it("that cannot be written again is the same bytes", async () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const body = JSON.stringify(ANSWER).replace('"metadata":{}', `"metadata":${deep}`);
    const { fetch } = setUp({ answer: () => json(body) });
    expect((await (await fetch(`${BASE}/responses`, POST)).text()) === body).toBe(true);
  });

  it("whose body is a stream of Node's, as node-fetch gives it", async () => {
    const body = Readable.from([Buffer.from(JSON.stringify(ANSWER))]);
    const headers = new Headers({ "content-type": "application/json" });
    const answer = { ok: true, status: 200, statusText: "OK", url: BASE, headers, body };
    const { fetch } = setUp({ answer: () => answer as unknown as Response });
    expect(cited(await (await fetch(`${BASE}/responses`, POST)).json())).toEqual(FOUND);
  });

  it("whose body is a stream of Node's, is ended when nobody reads it any more, although it is silent", async () => {
    const body = new Readable({ read() {} });
    const headers = new Headers({ "content-type": "text/event-stream" });
    const answer = { ok: true, status: 200, statusText: "OK", url: BASE, headers, body };
    const { fetch } = setUp({ answer: () => answer as unknown as Response });
    const reader = (await fetch(`${BASE}/responses`, POST)).body!.getReader();
    const closed = new Promise((resolve) => body.once("close", resolve));
    reader.read().catch(() => {});
    await reader.cancel();
    await closed;
  });

  it("whose body is a stream of Node's, breaks where that was broken before anybody read it", async () => {
    for (const error of [new Error("reset"), undefined]) {
      const body = new Readable({ read() {} });
      body.on("error", () => {}); // as node-fetch does
      const headers = new Headers({ "content-type": "text/event-stream" });
      const answer = { ok: true, status: 200, statusText: "OK", url: BASE, headers, body };
      const { fetch } = setUp({ answer: () => answer as unknown as Response });
      const answered = await fetch(`${BASE}/responses`, POST);
      const closed = new Promise((resolve) => body.once("close", resolve));
      body.destroy(error);
      await closed;
      await expect(answered.text()).rejects.toThrow(error?.message ?? "the answer has no end");
    }
  });

  it("whose list is refused in node-fetch's way says what it was refused with", async () => {
    const refused = { ok: false, status: 404, headers: new Headers(), body: Readable.from([]) };
    const reports: Report[] = [];
    const { fetch } = setUp(
      { answer: () => json(ANSWER), list: () => refused as unknown as Response },
      { onReport: (report) => reports.push(report) },
    );
    await (await fetch(`${BASE}/responses`, POST)).text();
    expect(reports[0]?.error?.message).toMatch(/answered 404/);
  });

  it("gets its citations; the status, the headers and the URL stay, the length does not", async () => {
    const { fetch } = setUp({
      answer: () => {
        const answer = json(ANSWER);
        answer.headers.set("content-length", "1234");
        return Object.defineProperty(answer, "url", { value: `${BASE}/responses` });
      },
    });
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(answer.status).toBe(200);
    expect(answer.url).toBe(`${BASE}/responses`);
    expect(answer.headers.get("x-request-id")).toBe("req_1");
    expect(answer.headers.get("content-length")).toBeNull();
    expect(cited(await answer.json())).toEqual(FOUND);
  });

  it.each([
    ["retrieve", "GET", "/responses/resp_1"],
    ["cancel", "POST", "/responses/resp_1/cancel"],
    ["create in beta", "POST", "/responses?beta=true"],
    ["create with a slash at the end", "POST", "/responses/"],
    ["Azure", "POST", "/openai/deployments/x/responses?api-version=1"],
  ])("by way of %s", async (_, method, path) => {
    const { fetch } = setUp();
    expect(cited(await (await fetch(BASE + path, { method })).json())).toEqual(FOUND);
  });

  it("asks for no list before somebody reads it", async () => {
    const { fetch, asked } = setUp();
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(asked).toHaveLength(1);
    await answer.json();
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["no JSON", '{"output": [', "{"],
    ["no object", "[1, 2]", "1"],
    ["no response", '{ "object": "list", "output": 7 }', "list"],
    [
      "JSON with a mention and nothing known",
      '{"id":"r", "output":[{"type":"message","content":[{"type":"output_text","text":"/mnt/data/a"}]}]}',
      "r",
    ],
    ["an empty body", "", ""],
  ])("the very same bytes for %s", async (_, body) => {
    const { fetch, lists } = setUp({ answer: () => json(body) });
    expect(await (await fetch(`${BASE}/responses`, POST)).text()).toBe(body);
    expect(lists()).toEqual([]);
  });

  it("the bytes before a break, and then the break", async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"output":')),
      pull: (controller) => controller.error(new Error("reset")),
    });
    const { fetch, reports } = setUp({
      answer: () => new Response(body, { headers: { "content-type": "application/json" } }),
    });
    const reader = (await fetch(`${BASE}/responses`, POST)).body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('{"output":');
    await expect(reader.read()).rejects.toThrow("reset");
    expect(reports).toMatchObject([{ outcome: "failed", error: new Error("reset") }]);
  });
});

describe("lists of items", () => {
  const items = [call(), message("Here: /mnt/data/plan.docx")];
  it.each([
    ["a conversation's, newest first", "/conversations/conv_1/items", items.toReversed()],
    ["a conversation's, oldest first", "/conversations/conv_1/items?order=asc", items],
    ["a response's input", "/responses/resp_1/input_items?order=desc", items.toReversed()],
  ])("%s", async (_, path, data) => {
    const { fetch } = setUp({ answer: () => json({ object: "list", data, has_more: false }) });
    const list = (await (await fetch(BASE + path)).json()) as { data: { type: string }[]; has_more: boolean };
    expect(list.data.map(({ type }) => type)).toEqual(data.map(({ type }) => type));
    expect(list.has_more).toBe(false);
    expect(cited({ output: list.data })).toEqual(FOUND);
  });

  it("stay the same bytes where no container is known", async () => {
    const given = JSON.stringify({ object: "list", data: [message("Here: /mnt/data/plan.docx")] });
    const { fetch, lists } = setUp({ answer: () => json(given) });
    expect(await (await fetch(`${BASE}/conversations/conv_1/items`)).text()).toBe(given);
    expect(lists()).toEqual([]);
  });
});

describe("the request", () => {
  const params = {
    model: "gpt-5",
    input: "Plot",
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  };

  it.each([
    ["a string", (body: string) => body],
    ["bytes", (body: string) => new TextEncoder().encode(body)],
  ])("with %s as its body gets the sentence and the include", async (_, encode) => {
    const { fetch, asked } = setUp();
    await fetch(`${BASE}/responses`, {
      method: "POST",
      body: encode(JSON.stringify(params)),
      headers: { "content-length": "9" },
    });
    const sent = JSON.parse(asked[0]!.body!);
    expect(sent.input).toMatch(/^Plot\n\n.*sandbox:/);
    expect(sent.include).toEqual(["code_interpreter_call.outputs"]);
    expect(asked[0]!.headers.get("content-length")).toBeNull();
  });

  it("that is a Request does too, and its answer is repaired", async () => {
    const { fetch, asked, lists } = setUp();
    const request = new Request(`${BASE}/responses`, {
      method: "POST",
      body: JSON.stringify(params),
      headers: HEADERS,
    });
    expect(cited(await (await fetch(request)).json())).toEqual(FOUND);
    expect(JSON.parse(asked[0]!.body!).input).toContain("sandbox:");
    expect(asked[0]!.headers.get("authorization")).toBe("Bearer sk-1");
    expect(lists()[0]!.headers.get("authorization")).toBe("Bearer sk-1");
  });

  it("that is a Request with another body keeps the Request's headers", async () => {
    const { fetch, asked, lists } = setUp();
    const request = new Request(`${BASE}/responses`, { method: "POST", body: "x", headers: HEADERS });
    await (await fetch(request, { body: JSON.stringify(params) })).json();
    expect(asked[0]!.headers.get("authorization")).toBe("Bearer sk-1");
    expect(lists()[0]!.headers.get("authorization")).toBe("Bearer sk-1");
  });

  it("whose body is a stream, or no JSON, goes out as it is", async () => {
    for (const body of ["not json", "[]", new FormData()]) {
      const seen: unknown[] = [];
      const fetch = createFileCitationsFetch({
        fetch: async (_, init) => {
          seen.push(init?.body);
          return json(ANSWER);
        },
      });
      await fetch(`${BASE}/responses`, { method: "POST", body });
      expect(seen).toEqual([body]);
    }
  });

  it("that reads is not changed", async () => {
    const { fetch, asked } = setUp();
    await fetch(`${BASE}/responses/resp_1`);
    expect(asked[0]!.body).toBeUndefined();
  });
});

describe("the list, without a client", () => {
  it("goes to the request's origin and base, with its credentials and nothing else of it", async () => {
    const { fetch, lists } = setUp();
    const headers = { ...HEADERS, "content-type": "application/json", "x-mine": "1", cookie: "a=b" };
    await (
      await fetch("https://gateway.example/proxy/v1/responses?api-version=7&stream=true", {
        ...POST,
        headers,
      })
    ).json();
    const [list] = lists();
    expect(list!.url).toBe(
      "https://gateway.example/proxy/v1/containers/cntr_1/files?api-version=7&limit=100",
    );
    expect([...list!.headers.keys()].sort()).toEqual(Object.keys(HEADERS).sort());
    expect(list!.redirect).toBe("manual");
  });

  it("takes Azure's api-key", async () => {
    const { fetch, lists } = setUp();
    await (await fetch(`${BASE}/responses`, { ...POST, headers: { "api-key": "k" } })).json();
    expect(Object.fromEntries(lists()[0]!.headers)).toEqual({ "api-key": "k" });
  });

  it("is read page by page, after the last file, until there is no more", async () => {
    const files = Array.from({ length: 250 }, (_, at) => file(`/mnt/data/${at}.csv`));
    const { fetch, lists, reports } = setUp({
      answer: () => json(response([call(), message("/mnt/data/249.csv")])),
      list: (_, { url }) => {
        const after = new URL(url).searchParams.get("after");
        const from = files.findIndex(({ id }) => id === after) + 1;
        return listPage(files.slice(from, from + 100), from + 100 < files.length);
      },
    });
    expect(cited(await (await fetch(`${BASE}/responses`, POST)).json())).toEqual([
      "249.csv@/mnt/data/249.csv",
    ]);
    expect(lists().map(({ url }) => new URL(url).searchParams.get("after"))).toEqual([
      null,
      files[99]!.id,
      files[199]!.id,
    ]);
    expect(reports[0]!.listRequests).toBe(3);
  });

  it("ends where a page points to itself: what came counts, what is not in it may exist, and the report says why", async () => {
    const { fetch, lists, reports } = setUp({
      list: () => listPage([PLAN], true),
      answer: () => json(response([call(), message("Here: /mnt/data/plan.docx and /mnt/data/other.csv")])),
    });
    expect(cited(await (await fetch(`${BASE}/responses`, POST)).json())).toEqual(FOUND);
    expect(lists()).toHaveLength(2);
    expect(reports).toMatchObject([
      {
        outcome: "recovered",
        unresolved: [{ text: "/mnt/data/other.csv", reason: "container-unavailable" }],
        error: { message: "the container's file list goes on without anything new" },
      },
    ]);
  });

  it("through a client, where one is given: the request's base is the client's", async () => {
    const asked: unknown[] = [];
    const client = {
      baseURL: BASE,
      apiKey: "sk-1",
      containers: {
        files: {
          list: async (...args: unknown[]) => {
            asked.push(args);
            return { data: [PLAN], has_more: false };
          },
        },
      },
    };
    const { fetch, lists } = setUp({}, { client });
    const found = await fetch(`${BASE}/responses`, { ...POST, headers: HEADERS });
    expect(cited(await found.json())).toEqual(FOUND);
    const options = {
      signal: expect.any(AbortSignal),
      maxRetries: 0,
      fetchOptions: { redirect: "manual" },
    };
    expect(asked).toEqual([["cntr_1", { limit: 100 }, options]]);
    expect(lists()).toEqual([]);
    await (await fetch("https://elsewhere.example/v1/responses", { ...POST, headers: HEADERS })).json();
    expect(lists().map(({ url }) => new URL(url).origin)).toEqual(["https://elsewhere.example"]);
  });
});

describe("a list that fails: the answer is the API's, byte for byte, and the report says why", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const faults: [string, () => Response | Promise<Response>, RegExp][] = [
    ["401", () => Response.json({ error: {} }, { status: 401 }), /answered 401/],
    ["403", () => Response.json({ error: {} }, { status: 403 }), /answered 403/],
    ["404", () => Response.json({ error: {} }, { status: 404 }), /answered 404: the container has expired/],
    [
      "429",
      () => new Response("slow down", { status: 429, headers: { "retry-after": "60" } }),
      /answered 429/,
    ],
    ["500", () => new Response("oops", { status: 500 }), /answered 500/],
    ["503", () => new Response(null, { status: 503 }), /answered 503/],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "https://evil.example" } }),
      /answered 302/,
    ],
    ["HTML", () => new Response("<html>", { headers: { "content-type": "text/html" } }), /JSON|token/],
    ["JSON of another shape", () => Response.json({ files: [] }), /is no list: its data is no array/],
    ["JSON null", () => Response.json(null), /is no list: it is no object/],
    [
      "a list that does not say whether it goes on",
      () => Response.json({ data: [], has_more: "no" }),
      /is no list: its has_more is no boolean/,
    ],
    ["a reset", () => Promise.reject(new TypeError("fetch failed")), /fetch failed/],
    [
      "a reset in the middle",
      () => new Response(new ReadableStream({ pull: (c) => c.error(new Error("reset")) })),
      /reset/,
    ],
    ["nothing at all", () => new Promise<Response>(() => {}), /longer than 1000 ms/],
  ];

  it.each(faults)("%s", async (_, list, message) => {
    for (const stream of [false, true]) {
      const events = [
        { type: "response.output_item.done", sequence_number: 1, output_index: 0, item: call() },
        {
          type: "response.output_text.done",
          sequence_number: 2,
          item_id: "m",
          output_index: 1,
          content_index: 0,
          text: "/mnt/data/plan.docx",
        },
        { type: "response.completed", sequence_number: 3, response: ANSWER },
      ];
      const { fetch, reports } = setUp(
        { list, answer: () => (stream ? sse(frames(events)) : json(ANSWER)) },
        { timeoutMs: 1000 },
      );
      const answer = await fetch(`${BASE}/responses`, POST);
      const text = answer.text();
      await vi.advanceTimersByTimeAsync(1000);
      expect(await text).toBe(stream ? frames(events) : JSON.stringify(ANSWER, null, 2));
      expect(reports).toMatchObject([
        { outcome: "failed", unresolved: [{ reason: "container-unavailable" }] },
      ]);
      expect(reports[0]!.error!.message).toMatch(message);
      expect(reports[0]!.heldMs).toBeLessThanOrEqual(1000);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("and is asked again where that can help", async () => {
    let asked = 0;
    const { fetch } = setUp({
      list: () => (asked++ < 2 ? new Response(null, { status: 503 }) : listPage([PLAN])),
    });
    const found = (await fetch(`${BASE}/responses`, POST)).json();
    await vi.advanceTimersByTimeAsync(5000);
    expect(cited(await found)).toEqual(FOUND);
    expect(asked).toBe(3);
  });

  it("and is not asked again where it cannot, however many texts need it", async () => {
    const texts = Array.from({ length: 20 }, () => message("Here: /mnt/data/plan.docx"));
    const { fetch, lists, reports } = setUp({
      answer: () => streamed(frames(streamOf([call(), ...texts]))),
      list: () => new Response(null, { status: 404 }),
    });
    await (await fetch(`${BASE}/responses`, POST)).text();
    expect(lists()).toHaveLength(1);
    expect(reports[0]!.unresolved).toHaveLength(20);
  });

  it("is an error of the caller's where that is wanted", async () => {
    const { fetch } = setUp({ list: () => new Response(null, { status: 404 }) }, { onFailure: "throw" });
    await expect((await fetch(`${BASE}/responses`, POST)).json()).rejects.toThrow(FileCitationsError);
  });
});

describe("what a client remembers", () => {
  const turn = (id: string, output: unknown[], more = {}) => response(output, { id, ...more });

  function conversation(...turns: unknown[]) {
    return setUp({ answer: ({ method }) => json(method === "GET" ? { error: "not asked" } : turns.shift()) });
  }

  it("the container of previous_response_id, also two turns later", async () => {
    const { fetch, asked, lists } = conversation(
      turn("resp_1", [call(), message("Here: /mnt/data/plan.docx")]),
      turn("resp_2", [message("You are welcome.")], { previous_response_id: "resp_1" }),
      turn("resp_3", [message("Again: /mnt/data/plan.docx")], { previous_response_id: "resp_2" }),
    );
    for (let at = 0; at < 2; at++) await (await fetch(`${BASE}/responses`, POST)).json();
    const before = asked.length;
    const third = await (await fetch(`${BASE}/responses`, POST)).json();
    expect(cited(third)).toEqual(FOUND);
    expect(asked.slice(before).map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      "POST /v1/responses",
      "GET /v1/containers/cntr_1/files",
    ]);
    expect(lists()).toHaveLength(2);
  });

  it.each([["conv_1"], [{ id: "conv_1" }]])("that of a conversation: %j", async (conversationParam) => {
    const { fetch } = conversation(
      turn("resp_1", [call(), message("Done.")], { conversation: { id: "conv_1" } }),
      turn("resp_2", [message("Again: /mnt/data/plan.docx")]),
    );
    await (await fetch(`${BASE}/responses`, POST)).json();
    const body = JSON.stringify({ input: "x", conversation: conversationParam });
    expect(cited(await (await fetch(`${BASE}/responses`, { method: "POST", body })).json())).toEqual(FOUND);
  });

  it("what the request's input replays", async () => {
    const { fetch } = conversation(turn("resp_2", [message("Again: /mnt/data/plan.docx")]));
    const body = JSON.stringify({ input: [call(), { role: "user", content: "Send me that link again" }] });
    expect(cited(await (await fetch(`${BASE}/responses`, { method: "POST", body })).json())).toEqual(FOUND);
  });

  it("the items that the request's input refers to by id", async () => {
    const { fetch } = conversation(
      turn("resp_1", [call(), message("Here: /mnt/data/plan.docx")]),
      turn("resp_2", [message("Again: /mnt/data/plan.docx")]),
    );
    await (await fetch(`${BASE}/responses`, POST)).json();
    const body = JSON.stringify({
      input: [
        { type: "item_reference", id: "ci_1" },
        { role: "user", content: "Again" },
      ],
    });
    expect(cited(await (await fetch(`${BASE}/responses`, { method: "POST", body })).json())).toEqual(FOUND);
  });

  it("else the previous response is asked for, once, and only where the text has a mention", async () => {
    for (const [text, gets] of [
      ["Again: /mnt/data/plan.docx", ["/v1/responses/resp_1", "/v1/containers/cntr_1/files"]],
      ["You are welcome.", []],
    ] as const) {
      const { fetch, asked } = setUp({
        answer: ({ method }) =>
          json(
            method === "GET"
              ? turn("resp_1", [call()])
              : turn("resp_2", [message(text, text)], { previous_response_id: "resp_1" }),
          ),
      });
      await (await fetch(`${BASE}/responses`, { ...POST, headers: HEADERS })).json();
      const read = asked.filter(({ method }) => method === "GET");
      expect(read.map(({ url }) => new URL(url).pathname)).toEqual(gets);
      for (const { headers } of read) expect(headers.get("authorization")).toBe("Bearer sk-1");
    }
  });

  it("never a previous response whose id is a path", async () => {
    const { fetch, asked } = conversation(
      turn("resp_2", [message("/mnt/data/plan.docx")], { previous_response_id: "../files" }),
    );
    await (await fetch(`${BASE}/responses`, POST)).json();
    expect(asked).toHaveLength(1);
  });

  it("no file that an earlier list showed is new", async () => {
    const old = file("/mnt/data/old.csv");
    const fresh = file("/mnt/data/fresh.csv");
    let files = [PLAN, old];
    let turns = 0;
    const { fetch, reports } = setUp({
      answer: () => json({ ...ANSWER, id: `resp_${++turns}` }),
      list: () => listPage(files),
    });
    await (await fetch(`${BASE}/responses`, POST)).json();
    files = [...files, fresh];
    await (await fetch(`${BASE}/responses`, POST)).json();
    expect(reports.map(({ unmentioned }) => unmentioned.map(({ path }) => path))).toEqual([
      ["/mnt/data/old.csv"],
      ["/mnt/data/fresh.csv"],
    ]);
  });

  it("a response's own files are new each time it is read", async () => {
    const { fetch } = setUp(
      { answer: () => json(response([call(), message("Done.")])) },
      { unmentioned: "cite" },
    );
    const read = async () => (await fetch(`${BASE}/responses/resp_1`)).json();
    const first = await read();
    expect(cited(first)).toEqual(["plan.docx@"]);
    expect(await read()).toEqual(first);
  });

  it("each container once, however often a response is read, and the latest of many", async () => {
    const remember = vi.spyOn(ContainerMemory.prototype, "remember");
    const { fetch } = setUp({
      answer: () => json(response([call()], { conversation: { id: "conv_1" } })),
    });
    for (let at = 0; at < 5; at++) await (await fetch(`${BASE}/responses/resp_1`)).text();
    expect(remember.mock.calls.map(([, containers]) => [...new Set(containers)])).toContainEqual(["cntr_1"]);
    for (const [, containers] of remember.mock.calls) expect(containers.length).toBeLessThanOrEqual(2);
    remember.mockRestore();

    const memory = new ContainerMemory();
    memory.remember(
      ["resp_1"],
      Array.from({ length: 100 }, (_, at) => `cntr_${at}`),
    );
    expect(memory.recall("resp_1")).toHaveLength(32);
    expect(memory.recall("resp_1")[0]).toBe("cntr_0");
  });
});
