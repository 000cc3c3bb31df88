/** Tests the faults that the emulator can produce: lists that fail or are slow, and streams that break. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createResponsesEmulator,
  type EmulatorOptions,
  type ListFault,
  type Script,
} from "../src/testing/index.js";
import { AUTH, BASE, TOOLS } from "./emulator-calls.js";

const script: Script = () => [
  { type: "python", code: "", files: { "a.csv": "1" } },
  { type: "message", text: "/mnt/data/a.csv" },
];

/** Returns an emulator in which a response has written a file, and a function that lists the files of the response's container. */
async function setUp(options: EmulatorOptions) {
  const emulator = createResponsesEmulator({ script, ...options });
  const body = JSON.stringify({ model: "gpt-5", input: "Go.", tools: TOOLS });
  await emulator.fetch(`${BASE}/responses`, { method: "POST", headers: AUTH, body });
  const [id] = emulator.containers.keys();
  const list = (query = "", signal?: AbortSignal): Promise<Response> =>
    emulator.fetch(`${BASE}/containers/${id}/files${query}`, { headers: AUTH, ...(signal && { signal }) });
  return { emulator, list };
}

describe("a list of files", () => {
  it.each([
    [401, "invalid_request_error", null],
    [403, "invalid_request_error", null],
    [404, "invalid_request_error", null],
    [429, "requests", "rate_limit_exceeded"],
    [500, "server_error", null],
    [503, "server_error", null],
  ] as const)("answers %d with the API's error", async (listFault, type, code) => {
    const { list } = await setUp({ listFault });
    const answer = await list();
    expect(answer.status).toBe(listFault);
    expect(answer.headers.get("retry-after")).toBe(listFault === 429 ? "1" : null);
    expect(await answer.json()).toEqual({
      error: { message: expect.any(String), type, param: null, code },
    });
  });

  it.each([
    ["html", "text/html", /^<!doctype html>/],
    ["wrong-shape", "application/json", /^\{"files":\[\],"next":null\}$/],
    ["same-page", "application/json", /"path":"\/mnt\/data\/a.csv".*"has_more":true/],
  ] as const)("answers with %s", async (listFault, type, body) => {
    const { list } = await setUp({ listFault });
    for (const query of ["", "?after=cfile_0"]) {
      const answer = await list(query);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toContain(type);
      expect(await answer.text()).toMatch(body);
    }
  });

  it("breaks in the middle of the body", async () => {
    const { list } = await setUp({ listFault: "reset" });
    const answer = await list();
    const decoder = new TextDecoder();
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of answer.body!) text += decoder.decode(chunk);
    };
    await expect(read()).rejects.toThrow("reset");
    expect(text).toMatch(/^\{"object":"list"/);
    expect(() => JSON.parse(text)).toThrow();
  });

  describe("that is slow", () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => {
      expect(vi.getTimerCount()).toBe(0);
      vi.useRealTimers();
    });

    it("sends one byte per second until the request is aborted", async () => {
      const { list } = await setUp({ listFault: "trickle" });
      const controller = new AbortController();
      const reader = (await list("", controller.signal)).body!.getReader();
      for (const byte of '{"ob') {
        const next = reader.read();
        await vi.advanceTimersByTimeAsync(1000);
        expect(new TextDecoder().decode((await next).value)).toBe(byte);
      }
      const next = reader.read();
      controller.abort(new Error("enough"));
      await expect(next).rejects.toThrow("enough");
    });

    it("never arrives, and ends when the request is aborted", async () => {
      const { list } = await setUp({ listFault: "silence" });
      const controller = new AbortController();
      const answer = list("", controller.signal);
      await vi.advanceTimersByTimeAsync(3_600_000);
      controller.abort(new Error("enough"));
      await expect(answer).rejects.toThrow("enough");
    });
  });

  it("cannot be given an unknown listFault", () => {
    expect(() => createResponsesEmulator({ listFault: 418 as ListFault })).toThrow(
      "The option listFault must be one of 401, 403, 404, 429, 500, 503, html, wrong-shape, same-page, trickle, reset, silence, got 418.",
    );
  });

  it("of many files has the right pages in both orders", async () => {
    const { emulator, list } = await setUp({});
    const [container] = emulator.containers.values();
    for (let at = 0; at < 25; at++) container!.write(`${at}.csv`, "");
    const paths = container!.files.map(({ path }) => path);
    for (const order of ["asc", "desc"]) {
      const found: string[] = [];
      for (let after = "", more = true; more; ) {
        const page = (await (await list(`?limit=7&order=${order}${after}`)).json()) as {
          data: { path: string }[];
          has_more: boolean;
          last_id: string;
        };
        found.push(...page.data.map(({ path }) => path));
        after = `&after=${page.last_id}`;
        more = page.has_more;
      }
      expect(found).toEqual(order === "asc" ? paths : paths.toReversed());
    }
  });

  it("may contain the same file id as another container's list", async () => {
    const emulator = createResponsesEmulator();
    for (const _ of [1, 2]) {
      const container = emulator.createContainer();
      expect(container.write("a.csv", "1", "assistant", "cfile_same").id).toBe("cfile_same");
      const answer = await emulator.fetch(`${BASE}/containers/${container.id}/files`, { headers: AUTH });
      expect(await answer.json()).toMatchObject({ data: [{ id: "cfile_same", container_id: container.id }] });
    }
  });
});

describe("a stream", () => {
  it.each([0, 1, 20])("breaks inside an event, after %d bytes", async (bytes) => {
    const emulator = createResponsesEmulator({
      script,
      breakIn: ({ type }) => (type === "response.output_text.done" ? bytes : undefined),
    });
    const body = JSON.stringify({ model: "gpt-5", input: "Go.", tools: TOOLS, stream: true });
    const answer = await emulator.fetch(`${BASE}/responses`, { method: "POST", headers: AUTH, body });
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of answer.body!) text += new TextDecoder().decode(chunk);
    };
    await expect(read()).rejects.toThrow("reset");
    expect(text.slice(text.lastIndexOf("\n\n") + 2)).toBe("event: response.outp".slice(0, bytes));
  });
});

describe("a response from intercept", () => {
  it("is cancelled when its request is aborted", async () => {
    const cancelled: unknown[] = [];
    const emulator = createResponsesEmulator({
      intercept: () => new Response(new ReadableStream({ cancel: (reason) => void cancelled.push(reason) })),
    });
    const controller = new AbortController();
    const answer = await emulator.fetch(BASE, { signal: controller.signal });
    const reading = answer.text();
    controller.abort("enough");
    await expect(reading).rejects.toBe("enough");
    expect(cancelled).toEqual(["enough"]);
  });
});
