/**
 * Tests that bodies and events that are too long for a string are passed on without being read, and that the report says so. In
 * most tests, the limit is 2,000 bytes.
 */
import { describe, expect, it } from "vitest";
import { ContainerMemory } from "../src/containers/memory.js";
import { IncludeRefusals } from "../src/http/create-request.js";
import { createMiddleware } from "../src/http/fetch.js";
import { createFileCitationsFetch, type Report } from "../src/index.js";
import { settingsOf } from "../src/options.js";
import { ANSWER, FOUND, PLAN, POST } from "./fetching.js";
import { BASE, call, cited, eventsIn, frames, json, message, sse, streamOf, upstream } from "./upstream.js";

const LONGEST = 2000;

async function ask(
  answer: Response,
  { init = POST, ...options }: { init?: RequestInit; unmentioned?: "cite" } = {},
) {
  const reports: Report[] = [];
  const api = upstream({ answer: () => answer, files: [PLAN] });
  const settings = settingsOf({ ...options, onReport: (report) => reports.push(report) });
  const context = { memory: new ContainerMemory(), refusals: new IncludeRefusals(), longest: LONGEST };
  const { body } = await createMiddleware(api.fetch, { settings, ...context })(`${BASE}/responses`, init);
  return { body: body!, reports, ...api };
}

async function chunksOf(body: ReadableStream<Uint8Array>): Promise<string[]> {
  const chunks: string[] = [];
  const reader = body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read())
    chunks.push(Buffer.from(read.value).toString("latin1"));
  return chunks;
}

describe("a JSON answer", () => {
  const long = JSON.stringify({ ...ANSWER, metadata: { x: "é".repeat(LONGEST) } });
  const inChunks = (text: string, size: number): { answer: Response; count: () => number } => {
    const bytes = Buffer.from(text);
    let at = 0;
    let count = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          count++;
          controller.enqueue(new Uint8Array(bytes.subarray(at, at + size)));
          at += size;
        },
      },
      { highWaterMark: 0 },
    );
    const answer = new Response(body, { headers: { "content-type": "application/json" } });
    return { answer, count: () => count };
  };

  it("that is too long is passed on chunk by chunk, without reading ahead", async () => {
    const { answer, count } = inChunks(long, 100);
    const { body, reports, lists } = await ask(answer);
    const reader = body.getReader();
    const first = (await reader.read()).value!;
    expect(count()).toBe(LONGEST / 100 + 1);
    reader.releaseLock();
    const rest = await chunksOf(body);
    expect(rest.every((chunk) => chunk.length <= 100)).toBe(true);
    expect(Buffer.from(first).toString("latin1") + rest.join("")).toBe(Buffer.from(long).toString("latin1"));
    expect(lists()).toEqual([]);
    expect(reports).toMatchObject([
      { outcome: "failed", error: new Error("the answer is too long to read: more than 2000 bytes") },
    ]);
  });

  it("that is too long and then fails also fails for its consumer", async () => {
    const answer = json("");
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(LONGEST + 1)),
      pull: (controller) => controller.error(new Error("reset")),
    });
    const asked = await ask(new Response(body, answer));
    const reader = asked.body.getReader();
    expect((await reader.read()).value).toHaveLength(LONGEST + 1);
    await expect(reader.read()).rejects.toThrow("reset");
    expect(asked.reports).toHaveLength(1);
  });

  it("of exactly the limit is repaired", async () => {
    const text = JSON.stringify(ANSWER).padEnd(LONGEST);
    const { body, reports } = await ask(inChunks(text, 7).answer);
    expect(cited(JSON.parse((await chunksOf(body)).join("")))).toEqual(FOUND);
    expect(reports).toMatchObject([{ outcome: "recovered" }]);
  });
});

describe("the limit by default", () => {
  const TOO_LONG = /too long to read: more than 536870888 bytes$/;

  async function askByDefault(answer: Response, init?: RequestInit) {
    const reports: Report[] = [];
    const sent: unknown[] = [];
    const fetch = createFileCitationsFetch({
      onReport: (report) => reports.push(report),
      async fetch(_, init) {
        sent.push(init?.body);
        return answer;
      },
    });
    const answered = await fetch(init ? `${BASE}/responses` : `${BASE}/responses/resp_1`, init);
    return { answer: answered, reports, sent };
  }

  it("is 512 MiB for a JSON answer, which is passed on as the same chunks", async () => {
    // All chunks are the same array, so the body takes no more memory than one chunk.
    const chunk = new Uint8Array(2 ** 24).fill(0x20);
    const COUNT = 40;
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (sent++ < COUNT) controller.enqueue(chunk);
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const { answer, reports } = await askByDefault(
      new Response(body, { headers: { "content-type": "application/json" } }),
    );
    const received: Uint8Array[] = [];
    const reader = answer.body!.getReader();
    received.push((await reader.read()).value!);
    expect(sent).toBe(32); // 31 chunks fit in the longest string, 32 chunks do not
    for (let read = await reader.read(); !read.done; read = await reader.read()) received.push(read.value);
    expect(received).toHaveLength(COUNT);
    expect(received.every((one) => one === chunk)).toBe(true);
    expect(reports).toMatchObject([
      { outcome: "failed", error: { message: expect.stringMatching(TOO_LONG) } },
    ]);
  });

  it("is 512 MiB for a request, which is sent as it is", async () => {
    const body = new Uint8Array(2 ** 29); // takes little memory: the system allocates a page when it is first used
    const { answer, reports, sent } = await askByDefault(json({ ...ANSWER, output: [] }), {
      method: "POST",
      body,
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]).toBe(body);
    await answer.text();
    expect(reports).toMatchObject([{ error: { message: expect.stringMatching(TOO_LONG) } }]);
  });
});

describe("a request", () => {
  const params = { input: "x", tools: [{ type: "code_interpreter", container: { type: "auto" } }] };
  const long = JSON.stringify({ ...params, user: "x".repeat(LONGEST) });

  it.each([
    ["a string", long],
    ["bytes", new TextEncoder().encode(long)],
  ])("that is too long is sent unchanged: %s", async (_, given) => {
    const init = { method: "POST", body: given };
    const { body, asked, reports } = await ask(json(ANSWER), { init });
    expect(asked[0]!.body).toBe(long);
    expect(cited(JSON.parse((await chunksOf(body)).join("")))).toEqual(FOUND);
    expect(reports).toMatchObject([
      { outcome: "recovered", error: new Error("the request is too long to read: more than 2000 bytes") },
    ]);
  });
});

describe("an event", () => {
  const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
  const longFinal = frames(events).replace(
    /"metadata":\{\}(?=.*\n\n$)/,
    `"metadata":{"x":"${"x".repeat(LONGEST)}"}`,
  );

  it.each([Infinity, 1, 7, 1000])(
    "that is too long is passed on unchanged, in chunks of %d",
    async (size) => {
      const { body, reports } = await ask(sse(longFinal, size));
      const text = (await chunksOf(body)).join("");
      const final = longFinal.slice(longFinal.indexOf("event: response.completed"));
      expect(text.endsWith(final)).toBe(true);
      expect(eventsIn(text).map(({ type }) => type)).toContain("response.output_text.annotation.added");
      expect(reports).toMatchObject([
        { outcome: "recovered", error: new Error("an event is too long to read: more than 2000 bytes") },
      ]);
    },
  );

  it.each([Infinity, 1, 7, 1000])(
    "that is too long is sent after the held events, in chunks of %d",
    async (size) => {
      const { body, reports } = await ask(sse(longFinal, size), { unmentioned: "cite" });
      const text = (await chunksOf(body)).join("");
      const types = eventsIn(text).map(({ type }) => type);
      expect(types.filter((type) => type !== "response.output_text.annotation.added")).toEqual(
        events.map(({ type }) => type),
      );
      expect(reports).toHaveLength(1);
    },
  );

  it.each([Infinity, 1, 7])("after a frame that is too long is repaired, in chunks of %d", async (size) => {
    const early = `: ${"x".repeat(LONGEST)}\n\n${frames(events, "\r\n")}`;
    const { body } = await ask(sse(early, size));
    const text = (await chunksOf(body)).join("");
    expect(cited(eventsIn(text).at(-1)!.response)).toEqual(FOUND);
  });

  it.each([Infinity, 1, 7, 1000])(
    "of several lanes that is too long is passed on as it comes, in chunks of %d",
    async (size) => {
      const inLane = (name: string, of: typeof events) => of.map((event) => ({ ...event, stream_id: name }));
      const [one, two] = [inLane("one", events), inLane("two", events)];
      const other = `data: {"type":"other","x":"${"x".repeat(2 * LONGEST)}"}\r\n\r\n`;
      const before = frames([...one.slice(0, 9), ...two.slice(0, 3)], "\r\n");
      const after = frames([...two.slice(3), ...one.slice(9)], "\r\n");
      const { body, reports } = await ask(sse(before + other + after, size), { unmentioned: "cite" });
      const chunks = await chunksOf(body);
      if (size < LONGEST) expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(LONGEST * 1.5);
      const text = chunks.join("");
      expect(text).toContain(other);
      for (const name of ["one", "two"]) {
        const own = eventsIn(text).filter(({ stream_id }) => stream_id === name);
        expect(own.map(({ type }) => type).filter((type) => !type.endsWith("annotation.added"))).toEqual(
          events.map(({ type }) => type),
        );
        expect(cited(own.at(-1)!.response)).toEqual(FOUND);
      }
      const error = new Error("an event is too long to read: more than 2000 bytes");
      expect(reports).toMatchObject([
        { outcome: "recovered", error },
        { outcome: "recovered", error },
      ]);
    },
  );
});
