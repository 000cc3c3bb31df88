/** Tests the option `links` behind gateways that trim a text in some events, or send an empty `response.output_text.done`. */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type RepairOptions } from "../src/index.js";
import { A, all, expectRanges, OPTIONS, opened, type Read, textIn, URL_OF_A } from "./linking.js";
import {
  BASE,
  call,
  eventsIn,
  frames,
  json,
  message,
  response,
  type StreamEvent,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

const TEXTS = [
  "See [it](sandbox:/mnt/data/a.csv) \n",
  " \n/mnt/data/a.csv \n",
  "\n\n🎉 `/mnt/data/a.csv`\n\n",
  " So sandbox:/mnt/data/a.csv ",
  "\n[/mnt/data/a.csv](sandbox:/mnt/data/a.csv) and `cat /mnt/data/a.csv\n",
  ' {"path": "/mnt/data/a.csv"} \n',
  "\n[a](a.csv)\n",
];
const NOT_THERE = " See /mnt/data/gone.csv \n";

type Trim = (text: string) => string;
const TRIMS: [string, Trim][] = [
  ["at its end", (text) => text.trimEnd()],
  ["at its start", (text) => text.trimStart()],
  ["at both ends", (text) => text.trim()],
];

type Part = { type: string; text: string };
const isText = (part: Part) => part.type === "output_text";

/** Trims the text of a part or an item. */
function withText<Value>(value: Value, trim: Trim): Value {
  const { text, content } = Object(value) as { text?: string; content?: Part[] };
  if (typeof text === "string") return { ...value, text: trim(text) };
  if (!content) return value;
  return { ...value, content: content.map((part) => (isText(part) ? withText(part, trim) : part)) };
}

/** Returns the events. If the type of an event is in `types`, the text in it is trimmed. */
function trimmed(events: readonly StreamEvent[], trim: Trim, types: readonly string[]): StreamEvent[] {
  return events.map((event) => {
    if (!types.includes(event.type)) return event;
    if (typeof event.text === "string") return withText(event, trim);
    if (event.part) return { ...event, part: withText(event.part, trim) };
    if (event.item) return { ...event, item: withText(event.item, trim) };
    const { output } = event.response as { output: unknown[] };
    return {
      ...event,
      response: { ...(event.response as object), output: output.map((item) => withText(item, trim)) },
    };
  });
}

const DONE = "response.output_text.done";
const PART = "response.content_part.done";
const ENDS = [DONE, PART, "response.output_item.done", "response.completed"];
const DELTA = "response.output_text.delta";

/** Returns the events of a response, with the text of the last item cut into deltas of `size` characters. */
function cutInto(size: number, items: Record<string, unknown>[], text: string): StreamEvent[] {
  return streamOf(items)
    .filter(({ type }, at, events) => type !== DELTA || events[at - 1]!.type !== DELTA)
    .flatMap((event) => {
      if (event.type !== DELTA) return [event];
      const starts = Array.from({ length: Math.ceil(text.length / size) }, (_, at) => at * size);
      return starts.map((at) => ({ ...event, delta: text.slice(at, at + size) }));
    })
    .map((event, sequence_number) => ({ ...event, sequence_number }));
}

/** Returns a map for the event types in `ENDS`. It maps each type to the text and the annotations in the event. */
function textsIn(events: readonly StreamEvent[]): Map<string, Read> {
  const texts = new Map<string, Read>();
  const partOf = (item: unknown) => (item as { content: Read[] }).content[0]!;
  for (const event of events.filter(({ type }) => ENDS.includes(type))) {
    const isCall = Object(event.item).type === "code_interpreter_call";
    if (event.type === DONE) texts.set(DONE, { text: event.text as string, annotations: [] });
    else if (event.part) texts.set(event.type, event.part as Read);
    else if (event.item && !isCall) texts.set(event.type, partOf(event.item));
    else if (event.response) {
      texts.set(event.type, partOf((event.response as { output: unknown[] }).output.at(-1)));
    }
  }
  return texts;
}

async function throughFetch(events: readonly StreamEvent[], previous?: object): Promise<StreamEvent[]> {
  const { fetch } = upstream({
    answer: ({ method }) => (method === "GET" ? json(previous) : sse(frames(events), 100)),
    files: [A],
  });
  const body = JSON.stringify(previous ? { previous_response_id: "resp_0" } : {});
  const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, {
    method: "POST",
    body,
  });
  return eventsIn(await answer.text());
}

/**
 * Kinds of responses. In each kind, a piece of the text may still be held when the text ends. A kind has a name, a function
 * that returns the items for a text, and options. If the items have no call, the options `request` or `previous` name the
 * container.
 */
const KINDS: [string, (text: string) => Record<string, unknown>[], RepairOptions & { previous?: object }][] =
  [
    ["after a call", (text) => [call("open('/mnt/data/a.csv', 'w')"), message(text)], {}],
    [
      "of a follow-up",
      (text) => [message(text)],
      { request: { tools: [{ type: "code_interpreter", container: "cntr_1" }] } },
    ],
    [
      "of a final answer",
      (text) => [{ ...message(text), phase: "final_answer" }],
      { request: { tools: [{ type: "code_interpreter", container: "cntr_1" }] } },
    ],
    [
      "after a response that must be retrieved",
      (text) => [message(text)],
      { previous: response([call("open('/mnt/data/a.csv', 'w')")]) },
    ],
  ];

const read = async (events: StreamEvent[], { previous, ...options }: (typeof KINDS)[number][2]) =>
  previous ? throughFetch(events, previous) : all(opened(events, options).stream);

describe.each(KINDS)("a text %s that a gateway trims", (_, itemsOf, options) => {
  it.each(TRIMS)("%s has its links in all events, or in none", async (_where, trim) => {
    for (const text of [...TEXTS, NOT_THERE]) {
      for (const size of [1, 3, 7, 200]) {
        const events = cutInto(size, itemsOf(text), text);
        const whole = textIn(await read(events, options));
        for (const types of [[DONE], [PART], ENDS.slice(0, 3), ENDS]) {
          const out = await read(trimmed(events, trim, types), options);
          const sent = textIn(out);
          // A text with a trimmed start differs from its deltas, as if events were missing. The repair then stops, so `sent`
          // can have fewer links than `whole`.
          if (trim(" a") !== "a") expect(sent).toBe(whole);
          for (const [type, part] of textsIn(out)) {
            expect(part.text, `${type} of ${JSON.stringify(text)}`).toBe(
              types.includes(type) ? trim(sent) : sent,
            );
            if (type !== DONE) expectRanges(part);
          }
        }
      }
    }
  });

  it("in its deltas has its links in all events, or in none", async () => {
    for (const text of TEXTS) {
      for (const size of [1, 7, 200]) {
        const whole = textIn(await read(cutInto(size, itemsOf(text), text), options));
        const out = await read(cutInto(size, itemsOf(text), text.trimEnd()), options);
        expect(textIn(out)).toBe(whole.trimEnd());
        for (const part of textsIn(out).values()) expect(part.text).toBe(whole);
      }
    }
  });

  it("to nothing where it ends has its links in all other events", async () => {
    for (const text of TEXTS) {
      for (const size of [1, 7, 200]) {
        const events = cutInto(size, itemsOf(text), text);
        const whole = textIn(await read(events, options));
        const out = await read(
          trimmed(events, () => "", [DONE]),
          options,
        );
        expect(textIn(out)).toBe(whole);
        for (const [type, part] of textsIn(out)) expect(part.text).toBe(type === DONE ? "" : whole);
      }
    }
  });
});

it("a text without a container stays as it is if a gateway trims it and a later call names a container", async () => {
  const text = `See /mnt/data/a.csv and [it](sandbox:/mnt/data/a.csv). \n`;
  const items = [message(text), call("open('/mnt/data/a.csv', 'w')")];
  const out = await all(opened(trimmed(cutInto(5, items, text), (one) => one.trim(), [DONE])).stream);
  const { output } = out.at(-1)!.response as { output: { content: Read[] }[] };
  expect(textIn(out)).toBe(text);
  expect(output[0]!.content[0]!.text).toBe(text);
});

it("the texts have links at all", async () => {
  const [, itemsOf, options] = KINDS[0]!;
  for (const text of TEXTS) {
    expect(textIn(await read(cutInto(7, itemsOf(text), text), options))).toContain(URL_OF_A);
  }
});
