/** What passes through the middleware untouched, and what does not: answers, lists of items, requests. */
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type Report } from "../src/index.js";
import { ANSWER, FOUND, HEADERS, POST, setUp } from "./fetching.js";
import { BASE, call, cited, json, message } from "./upstream.js";

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
