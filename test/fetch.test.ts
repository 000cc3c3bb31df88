/** Tests which requests and HTTP responses the middleware changes, and which it passes on unchanged. */
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type Report } from "../src/index.js";
import { ANSWER, FOUND, HEADERS, POST, setUp } from "./fetching.js";
import { BASE, call, cited, json, message } from "./upstream.js";

describe("passes on unchanged", () => {
  it.each([
    ["chat completions", "POST", "/chat/completions"],
    ["files", "GET", "/files/file-1"],
    ["a file's content", "GET", "/containers/cntr_1/x"],
    ["counting tokens", "POST", "/responses/input_tokens"],
    ["compaction", "POST", "/responses/compact"],
    ["deleting a response", "DELETE", "/responses/resp_1"],
    ["a path that only starts like an endpoint", "POST", "/responses2"],
    ["a conversation", "GET", "/conversations/conv_1"],
    ["adding items to a conversation", "POST", "/conversations/conv_1/items"],
  ])("the same Response object for %s", async (_, method, path) => {
    const answer = json(ANSWER);
    const { fetch, lists } = setUp({ answer: () => answer });
    expect(await fetch(BASE + path, { method })).toBe(answer);
    expect(lists()).toEqual([]);
  });

  it.each([
    ["an error", () => Response.json({ error: { message: "no" } }, { status: 429 })],
    ["a redirect", () => new Response(null, { status: 307, headers: { location: "https://example.com" } })],
    ["an HTML page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["no body", () => new Response(null, { status: 204 })],
  ])("%s as the answer to a Responses request", async (_, answer) => {
    const given = answer();
    const { fetch } = setUp({ answer: () => given });
    expect(await fetch(`${BASE}/responses`, POST)).toBe(given);
  });

  it("an error of the given fetch", async () => {
    const broken = createFileCitationsFetch({ fetch: () => Promise.reject(new TypeError("fetch failed")) });
    await expect(broken(`${BASE}/responses`, POST)).rejects.toThrow("fetch failed");
  });

  it("the arguments of fetch if nothing is added to the request", async () => {
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

describe("a JSON answer", () => {
  it("gets its citations if it is nested too deep for JSON.stringify", async () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const body = JSON.stringify(ANSWER).replace('"metadata":{}', `"metadata":${deep}`);
    const { fetch } = setUp({ answer: () => json(body) });
    const text = await (await fetch(`${BASE}/responses`, POST)).text();
    expect(cited(JSON.parse(text))).toEqual(FOUND);
    expect(text.replace(/(?<="annotations":\[)\{[^{}]*\}/, "") === body).toBe(true);
  });

  it("gets its citations if the body is a Node.js stream, as in node-fetch", async () => {
    const body = Readable.from([Buffer.from(JSON.stringify(ANSWER))]);
    const headers = new Headers({ "content-type": "application/json" });
    const answer = { ok: true, status: 200, statusText: "OK", url: BASE, headers, body };
    const { fetch } = setUp({ answer: () => answer as unknown as Response });
    expect(cited(await (await fetch(`${BASE}/responses`, POST)).json())).toEqual(FOUND);
  });

  it("destroys a Node.js body when the consumer cancels while it waits for data", async () => {
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

  it("fails if a Node.js body failed before it was read", async () => {
    for (const error of [new Error("reset"), undefined]) {
      const body = new Readable({ read() {} });
      body.on("error", () => {}); // as node-fetch does
      const headers = new Headers({ "content-type": "text/event-stream" });
      const answer = { ok: true, status: 200, statusText: "OK", url: BASE, headers, body };
      const { fetch } = setUp({ answer: () => answer as unknown as Response });
      const repaired = await fetch(`${BASE}/responses`, POST);
      const closed = new Promise((resolve) => body.once("close", resolve));
      body.destroy(error);
      await closed;
      await expect(repaired.text()).rejects.toThrow(error?.message ?? "the body was closed before its end");
    }
  });

  it("reports the status of a failed list request if the HTTP response is like node-fetch's", async () => {
    const refused = { ok: false, status: 404, headers: new Headers(), body: Readable.from([]) };
    const reports: Report[] = [];
    const { fetch } = setUp(
      { answer: () => json(ANSWER), list: () => refused as unknown as Response },
      { onReport: (report) => reports.push(report) },
    );
    await (await fetch(`${BASE}/responses`, POST)).text();
    expect(reports[0]?.error?.message).toMatch(/answered 404/);
  });

  it("gets its citations and keeps its status, URL and headers, except content-length", async () => {
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
  ])("gets its citations from this endpoint: %s", async (_, method, path) => {
    const { fetch } = setUp();
    expect(cited(await (await fetch(BASE + path, { method })).json())).toEqual(FOUND);
  });

  it("requests the list only when the body is read", async () => {
    const { fetch, asked } = setUp();
    const answer = await fetch(`${BASE}/responses`, POST);
    expect(asked).toHaveLength(1);
    await answer.json();
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["invalid JSON", '{"output": [', "{"],
    ["JSON that is not an object", "[1, 2]", "1"],
    ["an object that is not a response", '{ "object": "list", "output": 7 }', "list"],
    [
      "a mention without a known container",
      '{"id":"r", "output":[{"type":"message","content":[{"type":"output_text","text":"/mnt/data/a"}]}]}',
      "r",
    ],
    ["an empty body", "", ""],
  ])("keeps its bytes if it is %s", async (_, body) => {
    const { fetch, lists } = setUp({ answer: () => json(body) });
    expect(await (await fetch(`${BASE}/responses`, POST)).text()).toBe(body);
    expect(lists()).toEqual([]);
  });

  it("delivers the bytes before an upstream error, then the error", async () => {
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
    ["of a conversation, newest first", "/conversations/conv_1/items", items.toReversed()],
    ["of a conversation, oldest first", "/conversations/conv_1/items?order=asc", items],
    ["of a response's input", "/responses/resp_1/input_items?order=desc", items.toReversed()],
  ])("get their citations: %s", async (_, path, data) => {
    const { fetch } = setUp({ answer: () => json({ object: "list", data, has_more: false }) });
    const list = (await (await fetch(BASE + path)).json()) as { data: { type: string }[]; has_more: boolean };
    expect(list.data.map(({ type }) => type)).toEqual(data.map(({ type }) => type));
    expect(list.has_more).toBe(false);
    expect(cited({ output: list.data })).toEqual(FOUND);
  });

  it("keep their bytes if no container is known", async () => {
    const given = JSON.stringify({ object: "list", data: [message("Here: /mnt/data/plan.docx")] });
    const { fetch, lists } = setUp({ answer: () => json(given) });
    expect(await (await fetch(`${BASE}/conversations/conv_1/items`)).text()).toBe(given);
    expect(lists()).toEqual([]);
  });
});

describe("a request", () => {
  const params = {
    model: "gpt-5",
    input: "Plot",
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  };

  it.each([
    ["a string", (body: string) => body],
    ["bytes", (body: string) => new TextEncoder().encode(body)],
  ])("gets the sentence and the include if its body is %s", async (_, encode) => {
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

  it("gets the sentence, and its answer is repaired, if it is a Request object", async () => {
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

  it("keeps the headers of a Request object that is sent with another body", async () => {
    const { fetch, asked, lists } = setUp();
    const request = new Request(`${BASE}/responses`, { method: "POST", body: "x", headers: HEADERS });
    await (await fetch(request, { body: JSON.stringify(params) })).json();
    expect(asked[0]!.headers.get("authorization")).toBe("Bearer sk-1");
    expect(lists()[0]!.headers.get("authorization")).toBe("Bearer sk-1");
  });

  it("is sent unchanged if its body is not a JSON object", async () => {
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

  it("is sent unchanged if it reads a response", async () => {
    const { fetch, asked } = setUp();
    await fetch(`${BASE}/responses/resp_1`);
    expect(asked[0]!.body).toBeUndefined();
  });
});
