/**
 * Tests the option `links` with one response whose items are interleaved: another item begins in the middle of a text. Several
 * agents and some gateways cause such streams.
 * This file is long because each way in which items are interleaved needs its own stream.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileCitationsFetch, type Report, repairResponse, repairResponseStream } from "../src/index.js";
import { A, all, LINKED, listOf, OPTIONS, TEXT, URL_OF_A } from "./linking.js";
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
  streamOf,
  upstream,
} from "./upstream.js";

const B = file("/mnt/data/b.csv", { container_id: "cntr_2", created_at: 1_760_000_001 });
const FILES = [A, B];
const CALL = call("open('/mnt/data/a.csv', 'w')");
const OTHER_CALL = { ...call("open('/mnt/data/b.csv', 'w')", "cntr_2"), id: "ci_2" };
const OF_ITEM = /^response\.(?:output_item|content_part|output_text)\./;

/** Returns the events of a response, with the text of each message cut into deltas of `size` characters. */
function cutInto(size: number, items: Record<string, unknown>[]): StreamEvent[] {
  return streamOf(items)
    .filter(({ type }, at, events) => type !== "response.output_text.delta" || events[at - 1]!.type !== type)
    .flatMap((event) => {
      if (event.type !== "response.output_text.delta") return [event];
      const { content } = items[event.output_index as number] as { content: { text: string }[] };
      const { text } = content[event.content_index as number]!;
      const starts = Array.from({ length: Math.ceil(text.length / size) }, (_, at) => at * size);
      return starts.map((at) => ({ ...event, delta: text.slice(at, at + size) }));
    });
}

/**
 * Returns the events in another order. Each number in `turns` is the output index of the item whose event comes next. The order
 * within an item and the order in which the items begin stay the same. Events that are left over come at the end, item by item.
 */
function inTurns(events: readonly StreamEvent[], turns: readonly number[]): StreamEvent[] {
  const first = events.filter(({ type }) => !OF_ITEM.test(type));
  const queues = new Map<number, StreamEvent[]>();
  for (const event of events.filter(({ type }) => OF_ITEM.test(type))) {
    const index = event.output_index as number;
    queues.set(index, [...(queues.get(index) ?? []), event]);
  }
  const out: StreamEvent[] = [];
  const take = (index: number): void => {
    for (let before = 0; before < index; before++) {
      if (queues.get(before)?.[0]?.type === "response.output_item.added")
        out.push(queues.get(before)!.shift()!);
    }
    const next = queues.get(index)?.shift();
    if (next) out.push(next);
  };
  for (const index of turns) take(index);
  for (const [index, queue] of queues) while (queue.length > 0) take(index);
  const all = [...first.slice(0, -1), ...out, first.at(-1)!];
  return all.map((event, sequence_number) => ({ ...event, sequence_number }));
}

interface Text {
  text: string;
  annotations: unknown[];
}

/** Returns the texts of a stream by output index. All events of a text must have the same text and annotations. */
function textsIn(events: readonly StreamEvent[]): Map<number, Text> {
  const { output } = events.at(-1)!.response as { output: { content?: Text[] }[] };
  const texts = new Map<number, Text>();
  for (const [index, { content }] of output.entries()) {
    if (!content) continue;
    const of = (type: string) =>
      events.filter((event) => event.type === `response.${type}` && event.output_index === index);
    const { text, annotations } = content[0]!;
    const deltas = of("output_text.delta").map(({ delta }) => delta);
    expect(deltas.join("")).toBe(text);
    expect(of("output_text.done").map((event) => event.text)).toEqual([text]);
    expect(of("output_text.annotation.added").map(({ annotation }) => annotation)).toEqual(annotations);
    expect(of("content_part.done")[0]!.part).toMatchObject({ text });
    expect((of("output_item.done")[0]!.item as { content: Text[] }).content[0]).toMatchObject({ text });
    texts.set(index, { text, annotations });
  }
  return texts;
}

async function repaired(events: readonly StreamEvent[]): Promise<Map<number, Text>> {
  return textsIn(await all(repairResponseStream(events, listOf(FILES), OPTIONS)));
}

async function throughFetch(
  events: readonly StreamEvent[],
  size: number,
  previous?: Record<string, unknown>,
): Promise<Map<number, Text>> {
  const { fetch } = upstream({
    answer: ({ method }) => (method === "GET" ? json(previous) : sse(frames(events), size)),
    files: FILES,
  });
  const body = JSON.stringify(previous ? { previous_response_id: "resp_0" } : {});
  const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, {
    method: "POST",
    body,
  });
  return textsIn(eventsIn(await answer.text()));
}

async function plain(items: Record<string, unknown>[]): Promise<string[]> {
  const { response: whole } = await repairResponse(response(items), listOf(FILES), OPTIONS);
  return (whole.output as { content?: Text[] }[])
    .flatMap(({ content }) => content ?? [])
    .map(({ text }) => text);
}

const linked = (texts: Map<number, Text>): string[] => [...texts.values()].map(({ text }) => text);

const messageOf = (id: string, text: string) => ({ ...message(text), id });

/** Returns the events, but sets `container_id` to `null` in the events that add a call. */
function namedLate(events: readonly StreamEvent[]): StreamEvent[] {
  return events.map((event) =>
    event.type === "response.output_item.added" && Object(event.item).container_id
      ? { ...event, item: { ...(event.item as object), container_id: null } }
      : event,
  );
}

/** Chunk sizes in bytes, for the fake API of `throughFetch`. */
const SIZES = [1, 150, Infinity];
/** How many events an item has before its text: those that add the item and its part. */
const BEFORE_TEXT = 2;

describe("a text in whose middle another item begins", () => {
  it.each([
    ["a call names the container then", (events: StreamEvent[]) => events],
    ["a call names its container only at its end", namedLate],
  ])("stays as the model wrote it in all events if %s", async (_, changed) => {
    for (const text of [TEXT, "Plain: `/mnt/data/a.csv`, and [it](a.csv)."]) {
      const whole = cutInto(5, [{ ...messageOf("msg_1", text), phase: "final_answer" }, CALL]);
      for (let before = BEFORE_TEXT + 1; before < BEFORE_TEXT + text.length / 5; before++) {
        const events = changed(inTurns(whole, [...Array(before).fill(0), 1, 1]));
        for (const texts of [
          await repaired(events),
          ...(await Promise.all(SIZES.map((size) => throughFetch(events, size)))),
        ]) {
          expect(linked(texts)).toEqual([text]);
        }
      }
    }
  });

  it("gets its links if the container was known before", async () => {
    const items = [
      CALL,
      messageOf("msg_1", TEXT),
      OTHER_CALL,
      messageOf("msg_2", "So [b](sandbox:/mnt/data/b.csv)."),
    ];
    const want = await plain(items);
    expect(want[0]).toBe(LINKED);
    const whole = cutInto(5, items);
    for (let before = BEFORE_TEXT + 1; before < BEFORE_TEXT + TEXT.length / 5; before++) {
      const events = inTurns(whole, [0, 0, ...Array(before).fill(1), 2, 2]);
      expect(linked(await repaired(events))).toEqual(want);
      for (const size of SIZES) expect(linked(await throughFetch(events, size))).toEqual(want);
    }
  });

  it("is the same in all events if only the previous response names the container, and a call begins", async () => {
    const items = [messageOf("msg_1", TEXT), { ...OTHER_CALL, code: "1 + 1" }];
    const whole = cutInto(5, items);
    const previous = response([CALL]);
    for (let before = BEFORE_TEXT + 1; before < BEFORE_TEXT + TEXT.length / 5; before++) {
      const events = inTurns(whole, [...Array(before).fill(0), 1, 1]);
      for (const size of SIZES) await throughFetch(events, size, previous); // one text in all events
    }
  });
});

describe("texts whose deltas come in turn", () => {
  const texts = [TEXT, "sand [x](a.csv) s", "`/mnt/data/a.csv` and sandbox, /mnt/data/b.csv s"];

  it.each(texts)("keep their text and their links: %s", async (text) => {
    const items = [
      CALL,
      messageOf("msg_1", text),
      messageOf("msg_2", "Some s[x](sandbox:/mnt/data/a.csv) s"),
    ];
    const want = await plain(items);
    expect(want[1]).toBe(`Some s[x](${URL_OF_A}) s`);
    for (const size of [1, 2, 3, 5, 8]) {
      const events = inTurns(
        cutInto(size, items),
        Array.from({ length: 150 }, (_, at) => (at < 2 ? 0 : 1 + (at % 2))),
      );
      expect(linked(await repaired(events))).toEqual(want);
      for (const chunk of SIZES) expect(linked(await throughFetch(events, chunk))).toEqual(want);
    }
  });

  const text = fc.constantFrom(
    ...texts,
    "Plain words, nothing else at all.",
    "ss sand sa s /mnt /mn [x](/mnt/data/b.csv) s",
  );
  const item = fc.oneof(
    { weight: 1, arbitrary: text.map((one) => message(one)) },
    { weight: 1, arbitrary: text.map((one) => ({ ...message(one), phase: "final_answer" })) },
    { weight: 1, arbitrary: fc.constantFrom(CALL, OTHER_CALL) },
  );
  const stream = fc.record({
    items: fc
      .array(item, { minLength: 2, maxLength: 4, size: "max" })
      .map((items) => items.map((one, at) => ({ ...one, id: `item_${at}` }))),
    turns: fc.array(fc.nat(3), { minLength: 20, maxLength: 80, size: "max" }),
    size: fc.integer({ min: 1, max: 12 }),
    chunk: fc.constantFrom(...SIZES),
    isLate: fc.boolean(),
    previous: fc.constantFrom(undefined, response([CALL]), response([])),
  });

  it("have one text in all events, whatever comes between them", async () => {
    await fc.assert(
      fc.asyncProperty(stream, async ({ items, turns, size, chunk, isLate, previous }) => {
        const events = inTurns(cutInto(size, items), turns);
        const given = isLate ? namedLate(events) : events;
        await repaired(given);
        await throughFetch(given, chunk, previous);
      }),
      { numRuns: 100 },
    );
  });

  it("have the links of a plain response if a call came before them", async () => {
    await fc.assert(
      fc.asyncProperty(stream, async ({ items, turns, size, chunk }) => {
        const all = [{ ...CALL, id: "ci_0" }, ...items];
        const want = await plain(all);
        const events = inTurns(cutInto(size, all), [0, 0, ...turns.map((turn) => turn + 1)]);
        expect(linked(await repaired(events))).toEqual(want);
        expect(linked(await throughFetch(events, chunk))).toEqual(want);
      }),
      { numRuns: 100 },
    );
  });
});

/** Joins the deltas of each text. Returns the joined deltas by output index and content index. */
function deltasByText(events: readonly StreamEvent[]): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { type, output_index, content_index, delta } of events) {
    const key = `${output_index}/${content_index}`;
    if (type === "response.output_text.delta") texts[key] = (texts[key] ?? "") + delta;
  }
  return texts;
}

it("the parts of one message whose deltas come in turn keep all their text", async () => {
  const texts = [
    "Plain s words, [x](sandbox:/mnt/data/a.csv) yes",
    "Other words and /mnt/data/a.csv text here",
  ];
  const parts = texts.map((text) => ({ type: "output_text", text, annotations: [] }));
  const events = cutInto(6, [CALL, { ...message(""), content: parts }]);
  const isDelta = ({ type }: StreamEvent): boolean => type === "response.output_text.delta";
  const byPart = [0, 1].map((part) => events.filter((one) => isDelta(one) && one.content_index === part));
  const inTurn = byPart[0]!.flatMap((delta, at) => [delta, ...byPart[1]!.slice(at, at + 1)]);
  const first = events.findIndex(isDelta);
  const rest = events.slice(first).filter((one) => !isDelta(one));
  const sent = [...events.slice(0, first), ...inTurn, ...rest].map((event, sequence_number) => ({
    ...event,
    sequence_number,
  }));
  const { fetch } = upstream({ answer: () => sse(frames(sent)), files: [A] });
  const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, {
    method: "POST",
    body: "{}",
  });
  const deltas = deltasByText(eventsIn(await answer.text()));
  expect(deltas["1/0"]).toBe(`Plain s words, [x](${URL_OF_A}) yes`);
  expect(deltas["1/1"]).toBe(`Other words and [a.csv](${URL_OF_A}) text here`);
});

describe("text that is held", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const now = (): number => performance.now();
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it("is sent in time although the text of another message goes on", async () => {
    const first = { ...message("See /mnt/data/a.csv now"), id: "msg_a" };
    const second = { ...message("word ".repeat(40)), id: "msg_b" };
    const events = cutInto(5, [CALL, first, second]);
    const of = (index: number, type: RegExp) =>
      events.filter((event) => event.output_index === index && type.test(event.type));
    const start = [
      ...events.filter(({ output_index: index }) => index === undefined).slice(0, 1),
      ...of(0, /./),
    ];
    async function* source() {
      yield* [...start, ...of(1, /added$/), ...of(2, /added$/), ...of(1, /delta$/).slice(0, 3)];
      for (const delta of of(2, /delta$/).slice(0, 30)) {
        await sleep(40);
        yield delta;
      }
    }
    const began = now();
    let sentAfter: number | undefined;
    const reading = (async () => {
      for await (const event of repairResponseStream(source(), [A], { ...OPTIONS, timeoutMs: 200 })) {
        if (String((event as StreamEvent).delta).includes("/mnt")) sentAfter ??= now() - began;
      }
    })();
    await vi.advanceTimersByTimeAsync(2000);
    await reading;
    expect(sentAfter).toBeLessThanOrEqual(240);
  });

  it("is no failure if it is a link that may lead to a website", async () => {
    const events = cutInto(5, [message("See [x](about.html) now.")]);
    const done = events.findIndex(({ type }) => type === "response.output_item.done") + 1;
    async function* source() {
      yield* events.slice(0, done);
      await sleep(1000);
      yield* events.slice(done);
    }
    const reports: Report[] = [];
    const onReport = (report: Report): void => void reports.push(report);
    const options = { ...OPTIONS, timeoutMs: 200, onReport };
    const reading = all(repairResponseStream(source(), [A], options));
    await vi.advanceTimersByTimeAsync(2000);
    expect(deltasByText(await reading)["0/0"]).toBe("See [x](about.html) now.");
    expect(reports).toMatchObject([{ outcome: "nothing-to-do" }]);
    expect(reports[0]!.error).toBeUndefined();
  });

  it("is sent in time if it was held only after a decision, and no event of any lane follows", async () => {
    const text = "[it](sandbox:/mnt/data/a.csv) and /mnt/data/b";
    const inLane = (name: string, events: readonly StreamEvent[]) =>
      events.map((event) => ({ ...event, stream_id: name }) as StreamEvent);
    const events = cutInto(1000, [CALL, message(text)]);
    const done = events.findIndex(({ type }) => type === "response.output_text.done");
    const { body, controller } = fedBody();
    const headers = { "content-type": "text/event-stream" };
    const { fetch } = upstream({
      answer: () => new Response(body, { headers }),
      list: async () => {
        await sleep(60);
        return json({ object: "list", data: [A], has_more: false });
      },
    });
    const options = { ...OPTIONS, timeoutMs: 300 };
    const answer = await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, {
      method: "POST",
      body: "{}",
    });
    const reader = answer.body!.getReader();
    let bytes = "";
    const reading = (async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read())
        bytes += new TextDecoder().decode(read.value);
    })();
    const sent = [...inLane("two", events.slice(0, 1)), ...inLane("one", events.slice(0, done))];
    controller.enqueue(new TextEncoder().encode(frames(sent)));
    await vi.advanceTimersByTimeAsync(1000);
    expect(deltasByText(eventsIn(bytes))["1/0"]).toBe(`[it](${URL_OF_A}) and /mnt/data/b`);
    await reader.cancel();
    await reading;
  });
});
