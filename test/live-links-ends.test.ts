/**
 * Tests the option `links` with texts that end early: no text is lost, no text comes after the end of its response, and the events
 * agree on the text.
 */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, repairResponse } from "../src/index.js";
import { A, all, eventsOf, given, listOf, OPTIONS, opened, TEXT, textIn, URL_OF_A } from "./linking.js";
import {
  BASE,
  call,
  eventsIn,
  frames,
  message,
  response,
  type StreamEvent,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

/** Returns the events of a response up to its second delta, which ends within a link. */
function cut(): StreamEvent[] {
  const events = eventsOf(given, [12, 30]);
  return events.slice(
    0,
    events.findLastIndex(({ type }) => type === "response.output_text.delta"),
  );
}

const SENT = TEXT.slice(0, 30);
const NUMBER = cut().length;
const final = (type: string, output: unknown[]): StreamEvent =>
  ({
    type,
    response: { id: "resp_1", object: "response", status: "failed", created_at: 1_760_000_000, output },
    sequence_number: NUMBER,
  }) as StreamEvent;
const error = {
  type: "error",
  code: "server_error",
  message: "boom",
  sequence_number: NUMBER,
} as StreamEvent;
/** A complete response without links, whose text is "Hi". */
const next = streamOf([message("Hi")]).map((event) => {
  const { response } = event as { response?: object };
  return (response ? { ...event, response: { ...response, id: "resp_2" } } : event) as StreamEvent;
});
const inLane = (events: readonly StreamEvent[]): StreamEvent[] =>
  events.map((event) => ({ ...event, stream_id: "lane" }) as StreamEvent);

/** Returns the joined deltas before the first event of the type `end`. */
const textBefore = (events: readonly StreamEvent[], end: string): string =>
  textIn(
    events.slice(
      0,
      events.findIndex(({ type }) => type === end),
    ),
  );

const ENDS: [string, StreamEvent][] = [
  ["response.failed without output", final("response.failed", [])],
  ["response.failed with only a call", final("response.failed", [call()])],
  ["response.incomplete without output", final("response.incomplete", [])],
  ["error", error],
];

describe.each(ENDS)("the text that is held when the response ends with %s", (_, end) => {
  it.each([
    ["nothing else follows", [] as StreamEvent[]],
    ["another response follows", next],
  ])("comes unchanged and before the end: %s", async (_case, after) => {
    const events = [...cut(), end, ...after];
    for (const given of [events, inLane(events)]) {
      const { stream, reports } = opened(given);
      const out = await all(stream);
      expect(textBefore(out, end.type)).toBe(SENT);
      expect(textIn(out)).toBe(after.length > 0 ? `${SENT}Hi` : SENT);
      expect(reports).toHaveLength(after.length > 0 ? 2 : 1);
    }
  });

  it.each([1, 100, Infinity])(
    "comes before the end through the fetch, in chunks of %d bytes",
    async (size) => {
      for (const events of [[...cut(), end], inLane([...cut(), end, ...next])]) {
        const { fetch } = upstream({ answer: () => sse(frames(events), size), files: [A] });
        const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, {
          method: "POST",
          body: "{}",
        });
        const out = eventsIn(await answer.text());
        expect(textBefore(out, end.type)).toBe(SENT);
      }
    },
  );
});

it("the text that is held when the lane's next response begins comes before that response", async () => {
  const out = await all(opened(inLane([...cut(), ...next])).stream);
  const second = out.findIndex(({ type }, at) => type === "response.created" && at > 0);
  expect(textIn(out.slice(0, second))).toBe(SENT);
  expect(textIn(out)).toBe(`${SENT}Hi`);
});

it("the text that is held when the response ends gets its links if the final event has the text", async () => {
  const text = TEXT.slice(0, TEXT.indexOf(" and"));
  const end = final("response.incomplete", [call(), message(text)]);
  const delta = { ...cut().at(-1)!, delta: text.slice(30) } as StreamEvent;
  const out = await all(opened([...cut(), delta, end]).stream);
  expect(textBefore(out, end.type)).toBe(`Before. See [the file](${URL_OF_A})`);
});

describe("a text that announces a file before the call that writes it", () => {
  const text = "I will write [it](sandbox:/mnt/data/a.csv) and /mnt/data/a.csv now.";
  const events = streamOf([message(text), call("open('/mnt/data/a.csv', 'w')"), message("Done.")]);

  it("has no link in any event of a stream, and the late citations fit the text", async () => {
    const { stream, reports } = opened(events);
    const out = await all(stream);
    const done = out.find(({ type }) => type === "response.output_text.done")!;
    expect(done.text).toBe(text);
    const added = out.filter(({ type }) => type === "response.output_text.annotation.added");
    const ranges = added.map(({ annotation }) => annotation as { start_index: number; end_index: number });
    expect(ranges.map(({ start_index, end_index }) => text.slice(start_index, end_index))).toEqual([
      "sandbox:/mnt/data/a.csv",
      "/mnt/data/a.csv",
    ]);
    const { output } = out.at(-1)!.response as { output: { content: unknown[] }[] };
    expect(output[0]!.content[0]).toMatchObject({ text, annotations: ranges });
    expect(reports).toMatchObject([{ outcome: "recovered", citations: [{}, {}] }]);
  });

  it("is the same through the fetch", async () => {
    const { fetch } = upstream({ answer: () => sse(frames(events), 50), files: [A] });
    const repairing = createFileCitationsFetch({ fetch, ...OPTIONS });
    const answer = await repairing(`${BASE}/responses`, { method: "POST", body: "{}" });
    expect(eventsIn(await answer.text())).toEqual(await all(opened(events).stream));
  });

  it("has the same text and the same citations in a plain response", async () => {
    const { output } = (events.at(-1)!.response ?? {}) as { output: unknown[] };
    const { response: repaired } = await repairResponse(response(output), listOf([A]), OPTIONS);
    const out = await all(opened(events).stream);
    expect(repaired.output).toEqual((out.at(-1)!.response as { output: unknown[] }).output);
  });
});
