/** Tests how the middleware requests container lists: the URL, the credentials, the pages and the failures. */
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileCitationsError, withFileCitations } from "../src/index.js";
import { ANSWER, FOUND, HEADERS, PLAN, POST, setUp } from "./fetching.js";
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
} from "./upstream.js";

describe("the list, without a client", () => {
  it("is requested from the request's base URL, with its credentials and none of its other headers", async () => {
    const { fetch, lists } = setUp();
    const credentials = {
      ...HEADERS,
      "cf-aig-authorization": "Bearer g",
      "x-gateway-key": "g",
      cookie: "a=b",
    };
    const headers = {
      ...credentials,
      "content-type": "application/json",
      "content-length": "2",
      accept: "text/event-stream",
      "idempotency-key": "once",
      "x-stainless-retry-count": "1",
    };
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
    expect([...list!.headers.keys()].sort()).toEqual(Object.keys(credentials).sort());
    expect(list!.redirect).toBe("manual");
  });

  it.each(["OpenAI-Organization", "OpenAI-Project"])(
    "is requested with the %s of the client's request",
    async (name) => {
      const { fetch, lists } = setUp();
      const client = withFileCitations(
        new OpenAI({ apiKey: "k", fetch, project: "own", organization: "own" }),
      );
      await client.responses.create({ model: "gpt-5", input: "x" }, { headers: { [name]: "other" } });
      await client.responses.create({ model: "gpt-5", input: "x" });
      expect(lists().map(({ headers }) => headers.get(name))).toEqual(["other", "own"]);
    },
  );

  it("is requested again exactly after Retry-After", async () => {
    vi.useFakeTimers();
    let tries = 0;
    const list = () =>
      tries++ === 0 ? new Response("", { status: 429, headers: { "retry-after": "1" } }) : listPage([PLAN]);
    const { fetch } = setUp({ list });
    const answer = fetch(`${BASE}/responses`, POST).then((response) => response.json());
    await vi.advanceTimersByTimeAsync(999);
    expect(tries).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(tries).toBe(2);
    expect(cited(await answer)).toEqual(FOUND);
    vi.useRealTimers();
  });

  it("is requested with Azure's api-key", async () => {
    const { fetch, lists } = setUp();
    await (await fetch(`${BASE}/responses`, { ...POST, headers: { "api-key": "k" } })).json();
    expect(Object.fromEntries(lists()[0]!.headers)).toEqual({ "api-key": "k" });
  });

  it("is read page by page, each page after the last file of the page before", async () => {
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

  it("ends at a page that repeats: its files are cited, other paths stay unresolved, and the report says why", async () => {
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
        error: { message: "the container's file list repeats itself" },
      },
    ]);
  });

  it("ends after 1000 pages: their files are cited, and the report says that there are more", async () => {
    const { fetch, lists, reports } = setUp({
      list: () => listPage([lists().length === 1 ? PLAN : file(`/mnt/data/${lists().length}.csv`)], true),
    });
    expect(cited(await (await fetch(`${BASE}/responses`, POST)).json())).toEqual(FOUND);
    expect(lists()).toHaveLength(1000);
    expect(reports).toMatchObject([{ outcome: "recovered" }]);
    expect(reports[0]!.error!.message).toMatch(/more than 1000 pages/);
  });

  it("is requested through the given client if the request has the client's base URL", async () => {
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

  it("is requested without the request's credentials if the given client has no base URL", async () => {
    const asked: unknown[] = [];
    const list = async (...args: unknown[]) => {
      asked.push(args);
      return { data: [PLAN], has_more: false };
    };
    const client = { containers: { files: { list } } };
    const { fetch } = setUp({}, { client });
    const found = await fetch(`${BASE}/responses`, { ...POST, headers: { "api-key": "sk-1" } });
    expect(cited(await found.json())).toEqual(FOUND);
    expect(JSON.stringify(asked)).not.toContain("sk-1");
    expect(asked).toHaveLength(1);
  });
});

describe("a list that fails", () => {
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
    ["JSON of another shape", () => Response.json({ files: [] }), /is not a list: its data is not an array/],
    ["JSON null", () => Response.json(null), /is not a list: it is not an object/],
    [
      "a list without a boolean has_more",
      () => Response.json({ data: [], has_more: "no" }),
      /is not a list: its has_more is not a boolean/,
    ],
    ["a connection error", () => Promise.reject(new TypeError("fetch failed")), /fetch failed/],
    [
      "a connection error in the body",
      () => new Response(new ReadableStream({ pull: (c) => c.error(new Error("reset")) })),
      /reset/,
    ],
    ["no answer", () => new Promise<Response>(() => {}), /longer than 1000 ms/],
  ];

  it.each(faults)("leaves the bytes unchanged, and the report says why: %s", async (_, list, message) => {
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

  it("is requested again if a retry can help", async () => {
    let asked = 0;
    const { fetch } = setUp({
      list: () => (asked++ < 2 ? new Response(null, { status: 503 }) : listPage([PLAN])),
    });
    const found = (await fetch(`${BASE}/responses`, POST)).json();
    await vi.advanceTimersByTimeAsync(5000);
    expect(cited(await found)).toEqual(FOUND);
    expect(asked).toBe(3);
  });

  it("is requested only once if a retry cannot help, however many texts need it", async () => {
    const texts = Array.from({ length: 20 }, () => message("Here: /mnt/data/plan.docx"));
    const { fetch, lists, reports } = setUp({
      answer: () => streamed(frames(streamOf([call(), ...texts]))),
      list: () => new Response(null, { status: 404 }),
    });
    await (await fetch(`${BASE}/responses`, POST)).text();
    expect(lists()).toHaveLength(1);
    expect(reports[0]!.unresolved).toHaveLength(20);
  });

  it("rejects with a FileCitationsError if onFailure is throw", async () => {
    const { fetch } = setUp({ list: () => new Response(null, { status: 404 }) }, { onFailure: "throw" });
    await expect((await fetch(`${BASE}/responses`, POST)).json()).rejects.toThrow(FileCitationsError);
  });
});
