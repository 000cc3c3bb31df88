/**
 * Tests the option `links`. In each test, a later part of the stream decides the link of a mention: a citation of the API, the
 * next chunk, the end of the text, a call or a failure. A stream must have the same links as a plain response, and no text may
 * be lost. This file is long because each of these cases needs its own stream.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { repairEventStream } from "../src/http/sse.js";
import { createFileCitationsFetch, type Report, repairResponse } from "../src/index.js";
import { contextOf } from "../src/responses/repair.js";
import { A, all, eventsOf, OPTIONS, opened, toUrl, URL_OF_A } from "./linking.js";
import {
  BASE,
  call,
  eventsIn,
  fedBody,
  file,
  frames,
  json,
  message,
  response,
  type StreamEvent,
  sse,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const POST = { method: "POST", body: "{}" };

/** Returns the API's citation of `A` for the `sandbox:` link in a text. */
const citationIn = (text: string) => ({
  ...{ type: "container_file_citation", container_id: "cntr_1", file_id: A.id, filename: "a.csv" },
  ...{ start_index: text.indexOf("sandbox:"), end_index: text.indexOf(")") },
});

const textOf = (output: unknown): string =>
  (output as { content?: { text: string }[] }[]).flatMap(({ content }) => content ?? []).at(-1)!.text;
const outputIn = (events: readonly StreamEvent[]): unknown[] =>
  (events.at(-1)!.response as { output: unknown[] }).output;

it.each([
  ["the link of the file that the API cites", true],
  ["no link if the API cites none", false],
])("a path that the containers of two other agents have gets %s", async (_, isCited) => {
  const other = file(A.path, { container_id: "cntr_2", created_at: 1_760_000_001 });
  const text = "[it](sandbox:/mnt/data/a.csv) ok";
  const citation = citationIn(text);
  const code = "open('/mnt/data/a.csv', 'w')";
  const item = message({ text, annotations: isCited ? [citation] : [] });
  const output = [
    call(code),
    { ...call(code, "cntr_2"), id: "ci_2" },
    { ...item, agent: { agent_name: "x" } },
  ];
  const list = async (id: string) => [A, other].filter(({ container_id }) => container_id === id);
  for (const links of [toUrl, { toUrl, onMissing: () => "(gone)" }]) {
    const { response: whole } = await repairResponse(response(output), list, { ...OPTIONS, links });
    if (isCited) expect(textOf(whole.output)).toBe(`[it](${URL_OF_A}) ok`);
    else expect(textOf(whole.output)).not.toContain("f.test");
    expect(outputIn(await all(opened(streamOf(output), { links }, list).stream))).toEqual(whole.output);
  }
});

describe("a path that two containers of calls have", () => {
  const other = file(A.path, { container_id: "cntr_2", created_at: 1_760_000_001 });
  const text = "See [it](sandbox:/mnt/data/a.csv) now.";
  const list = async (id: string) => [A, other].filter(({ container_id }) => container_id === id);
  const calls = [call("open('/mnt/data/a.csv', 'w')"), { ...call("print(1)", "cntr_2"), id: "ci_2" }];
  const citation = citationIn(text);

  it.each([
    ["the file that the API cites", [citation], URL_OF_A],
    ["the file of the nearest container if the API cites none", [], toUrl({ file_id: other.id })],
  ])("leads to %s", async (_, annotations, url) => {
    const output = [...calls, message({ text, annotations })];
    const { response: whole } = await repairResponse(response(output), list, OPTIONS);
    expect(textOf(whole.output)).toBe(`See [it](${url}) now.`);
    expect(outputIn(await all(opened(streamOf(output), {}, list).stream))).toEqual(whole.output);
  });

  it("gets its link, too, if the list of the other container fails", async () => {
    const failing = async (id: string) => {
      if (id === "cntr_1") throw new Error("expired");
      return [other];
    };
    const { stream, reports } = opened(streamOf([...calls, message(text)]), {}, failing);
    expect(textOf(outputIn(await all(stream)))).toBe(`See [it](${toUrl({ file_id: other.id })}) now.`);
    expect(reports[0]!.error).toBeUndefined();
  });
});

it("a path gets its link wherever the delta before it is cut between two chunks", async () => {
  const text = "Start Done.\n\nsandbox:/mnt/data/a.csv x";
  const events = eventsOf({ text, files: [A] }, [6, 10, 13, 20, 36]);
  const bytes = frames(events);
  expect(bytes.indexOf('"delta":" x"')).toBeGreaterThan(bytes.indexOf('"delta":"Done"'));
  for (let cut = bytes.indexOf('"delta":"Done"'); cut < bytes.indexOf('"delta":" x"'); cut++) {
    const { fetch } = upstream({ answer: () => sse(bytes, [cut]), files: [A] });
    const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, POST);
    expect(textOf(outputIn(eventsIn(await answer.text()))), `cut at ${cut}`).toContain(
      `[a.csv](${URL_OF_A})`,
    );
  }
});

it.each(["See [it][1]\n\n[1]: a.csv", "See [it][1]\n\n[1]: a.csv\n", "Again: /mnt/data/a.csv"])(
  "a mention at the end of a later turn's text gets its link: %j",
  async (text) => {
    const request = { input: [call("open('/mnt/data/a.csv', 'w')"), { role: "user", content: "again" }] };
    const output = [message(text)];
    const list = async () => [A];
    const { response: whole } = await repairResponse(response(output), list, { ...OPTIONS, request });
    expect(textOf(whole.output)).toContain(URL_OF_A);
    expect(outputIn(await all(opened(streamOf(output), { request }, list).stream))).toEqual(whole.output);
  },
);

it("a text that a gateway leaves out where it ends keeps the ranges of its links", async () => {
  const text = "See [it](sandbox:/mnt/data/a.csv) now.";
  const citation = citationIn(text);
  const events = streamOf([message({ text, annotations: [citation] })]).map((event) =>
    event.type === "response.output_text.done" ? { ...event, text: "" } : event,
  );
  const out = await all(opened(events).stream);
  const added = out.filter(({ type }) => type === "response.output_text.annotation.added");
  const { annotations } = (outputIn(out)[0] as { content: { annotations: unknown[] }[] }).content[0]!;
  expect(added.map(({ annotation }) => annotation)).toEqual(annotations);
  expect(annotations).toMatchObject([{ end_index: text.indexOf("sandbox:") + URL_OF_A.length }]);
});

describe("with fake timers", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("a previous response that hangs does not cost the texts after a call their links", async () => {
    const items = [
      message("I write /mnt/data/a.csv first."),
      call("open('/mnt/data/a.csv', 'w')"),
      { ...message("See /mnt/data/a.csv done"), id: "msg_2" },
    ];
    const events = streamOf(items);
    const first = events.findIndex(({ item }) => Object(item).type === "code_interpreter_call");
    const { body, controller } = fedBody();
    const { fetch } = upstream({
      answer: ({ method }) => (method === "GET" ? new Promise<Response>(() => {}) : streamed(body)),
      files: [A],
    });
    const reports: Report[] = [];
    const onReport = (report: Report): void => void reports.push(report);
    const linking = createFileCitationsFetch({ fetch, ...OPTIONS, timeoutMs: 300, onReport });
    const request = JSON.stringify({ input: "again", previous_response_id: "resp_0" });
    const reading = linking(`${BASE}/responses`, { method: "POST", body: request }).then((one) => one.text());
    const send = (some: readonly StreamEvent[]): void =>
      controller.enqueue(new TextEncoder().encode(frames(some)));
    send(events.slice(0, first));
    await vi.advanceTimersByTimeAsync(50);
    send(events.slice(first, first + 2));
    await vi.advanceTimersByTimeAsync(2000);
    send(events.slice(first + 2));
    controller.close();
    await vi.advanceTimersByTimeAsync(2000);
    expect(textOf(outputIn(eventsIn(await reading)))).toBe(`See [a.csv](${URL_OF_A}) done`);
    expect(reports).toMatchObject([{ outcome: "recovered", citations: [{}, {}] }]);
  });

  it("an annotation event of the API is sent after timeoutMs with its own bytes", async () => {
    const text = "See [it](sandbox:/mnt/data/a.csv) and /mnt/data/none.csv";
    const citation = citationIn(text);
    for (const output of [[], [call("open('/mnt/data/a.csv', 'w')")]]) {
      const events = streamOf([...output, message({ text, annotations: [citation] })]);
      const done = events.findIndex(({ type }) => type === "response.output_text.done");
      const withIds = (some: readonly StreamEvent[]): string =>
        some.map((event) => `id: ${event.sequence_number}\n${frames([event])}`).join("");
      const { body, controller } = fedBody();
      const { fetch } = upstream({ answer: () => streamed(body), files: [A] });
      const linking = createFileCitationsFetch({ fetch, ...OPTIONS, timeoutMs: 300 });
      const { body: sent } = await linking(`${BASE}/responses`, POST);
      const reader = sent!.getReader();
      let bytes = "";
      const reading = (async () => {
        for (let read = await reader.read(); !read.done; read = await reader.read())
          bytes += new TextDecoder().decode(read.value);
      })();
      controller.enqueue(new TextEncoder().encode(withIds(events.slice(0, done))));
      await vi.advanceTimersByTimeAsync(300);
      const at = bytes.lastIndexOf(`id: ${done - 1}\n`);
      expect(at).toBeGreaterThan(0);
      expect(eventsIn(bytes.slice(at))).toMatchObject([{ type: "response.output_text.annotation.added" }]);
      if (output.length === 0) expect(bytes.slice(at)).toBe(withIds(events.slice(done - 1, done)));
      await reader.cancel();
      await reading;
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("no timer is left if the reader leaves while a list is requested", async () => {
    for (const options of [OPTIONS, { retries: 0 }]) {
      const events = streamOf([call("x"), message("See /mnt/data/b.csv and more.")]);
      const done = events.findIndex(({ type }) => type === "response.output_text.done") + 1;
      const { fetch } = upstream({
        answer: () => {
          const body = new ReadableStream<Uint8Array>({
            start: (controller) =>
              controller.enqueue(new TextEncoder().encode(frames(events.slice(0, done)))),
          });
          return streamed(body);
        },
        list: () => new Promise<Response>((resolve) => setTimeout(() => resolve(json({ data: [] })), 50)),
      });
      const answer = await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, POST);
      const reader = answer.body!.getReader();
      await reader.read();
      const next = reader.read();
      await vi.advanceTimersByTimeAsync(10);
      await reader.cancel();
      await next;
      await vi.advanceTimersByTimeAsync(100);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("the held text comes before the error if the option onFailure is throw", async () => {
    const text = "See [it](sandbox:/mnt/data/a.csv) now.";
    const { fetch } = upstream({
      answer: ({ method }) =>
        method === "GET" ? new Response("no", { status: 404 }) : sse(frames(streamOf([message(text)]))),
      files: [A],
    });
    const linking = createFileCitationsFetch({ fetch, ...OPTIONS, onFailure: "throw" });
    const body = JSON.stringify({ input: "again", previous_response_id: "resp_0" });
    const answer = await linking(`${BASE}/responses`, { method: "POST", body });
    const reader = answer.body!.getReader();
    let bytes = "";
    const reading = (async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read())
        bytes += new TextDecoder().decode(read.value);
    })();
    await expect(reading).rejects.toThrow(/the response before this one/);
    const out = eventsIn(bytes);
    const deltas = out.filter(({ type }) => type === "response.output_text.delta");
    expect(deltas.map(({ delta }) => delta).join("")).toBe(text);
    expect(out.at(-1)!.type).toBe("response.output_item.done");
  });

  it.each([
    [undefined, 2000],
    [undefined, 1000],
    ["one", 2000],
    ["one", 1000],
  ])(
    "no held text comes inside a frame that is too long (lane %s, cut %d bytes before its end)",
    async (lane, rest) => {
      const events = streamOf([call("x"), message("See /mnt/data/a.csv and /mnt/data/b")]);
      const done = events.findIndex(({ type }) => type === "response.output_text.done");
      const own = lane === undefined ? events : events.map((event) => ({ ...event, stream_id: lane }));
      const two = lane === undefined ? [] : [{ ...events[0]!, stream_id: "two" }];
      const long = `data: {"type":"other","x":"${"x".repeat(3000)}"}\n\n`;
      const bytes = new TextEncoder().encode(`${frames([...two, ...own.slice(0, done)])}${long}`);
      const { body: upstreamBody, controller } = fedBody();
      const context = contextOf([A], { ...OPTIONS, timeoutMs: 300 });
      const reader = repairEventStream(upstreamBody.getReader(), context, 1500).getReader();
      let sent = "";
      const reading = (async () => {
        for (let read = await reader.read(); !read.done; read = await reader.read())
          sent += new TextDecoder().decode(read.value);
      })();
      controller.enqueue(bytes.slice(0, -rest));
      await vi.advanceTimersByTimeAsync(1000);
      controller.enqueue(bytes.slice(-rest));
      controller.close();
      await reading;
      expect(sent).toContain(long);
      expect(textOfDeltas(sent.replace(long, ""))).toBe(`See [a.csv](${URL_OF_A}) and /mnt/data/b`);
    },
  );

  describe("all held text comes before the error if the option onFailure is throw", () => {
    const failing = async (id: string): Promise<never> => {
      throw new Error(`no list of ${id}`);
    };
    const inLane = (name: string | undefined, events: readonly StreamEvent[]): StreamEvent[] =>
      name === undefined ? [...events] : events.map((event) => ({ ...event, stream_id: name }));
    const text = "See /mnt/data/a.csv and also /mnt/data/b";
    const whole = streamOf([call("x"), message(text)]);
    const done = whole.findIndex(({ type }) => type === "response.output_text.done");
    const final = { ...whole.at(-1)!, response: { ...(whole.at(-1)!.response as object), output: [] } };
    const broken = [...whole.slice(0, done), final];
    const other = streamOf([call("x"), message("Hold /mnt/data/a")]).slice(0, done);
    const textsIn = (events: readonly StreamEvent[]): Record<string, string> => {
      const texts: Record<string, string> = {};
      for (const { type, stream_id, delta } of events)
        if (type === "response.output_text.delta")
          texts[String(stream_id)] = (texts[String(stream_id)] ?? "") + delta;
      return texts;
    };

    it.each([
      ["one response", [inLane(undefined, broken)], { undefined: text }],
      ["one lane", [inLane("b", broken)], { b: text }],
      ["two lanes", [inLane("a", other), inLane("b", broken)], { a: "Hold /mnt/data/a", b: text }],
    ])("%s", async (_, streams, texts) => {
      const events = streams.flat();
      const sent: StreamEvent[] = [];
      const { stream } = opened(events, { onFailure: "throw" }, failing as never);
      const reading = (async () => {
        for await (const event of stream) sent.push(event);
      })();
      await expect(reading).rejects.toThrow(/could not be recovered/);
      expect(textsIn(sent)).toEqual(texts);
      for (const size of [50, Infinity]) {
        const { fetch } = upstream({
          answer: () => sse(frames(events), size),
          list: () => new Response("no", { status: 403 }),
        });
        const linking = createFileCitationsFetch({ fetch, ...OPTIONS, onFailure: "throw" });
        const reader = (await linking(`${BASE}/responses`, POST)).body!.getReader();
        let bytes = "";
        const reads = (async () => {
          for (let read = await reader.read(); !read.done; read = await reader.read())
            bytes += new TextDecoder().decode(read.value);
        })();
        await expect(reads).rejects.toThrow(/could not be recovered/);
        expect(textsIn(eventsIn(bytes))).toEqual(texts);
      }
    });
  });
});

function textOfDeltas(bytes: string): string {
  return eventsIn(bytes)
    .filter(({ type }) => type === "response.output_text.delta")
    .map(({ delta }) => delta)
    .join("");
}
