/** Tests connections with several responses that break, or whose reader leaves, while one response waits for its list. */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type Report, repairResponseStream } from "../src/index.js";
import { BASE, call, frames, message, type StreamEvent, streamed, streamOf, upstream } from "./upstream.js";

const POST = { method: "POST", body: JSON.stringify({ stream: true, input: "x" }) };
const TEXT = "See /mnt/data/report.csv";
const NAMED = (stream_id: string) => ({ stream_id });
const FORMS = [
  ["with names", NAMED],
  ["without names", () => ({})],
] as const;

/** Returns the events of a response with its own ids, whose code ran in a container of its own. */
function eventsOf(name: string, more: Record<string, unknown>, text = TEXT): StreamEvent[] {
  const events = JSON.stringify(streamOf([call("", `cntr_${name}`), message(text)]));
  return (JSON.parse(events.replaceAll(/"(resp|ci|msg)_1"/g, `"$1_${name}"`)) as StreamEvent[]).map(
    (event) => ({
      ...event,
      ...more,
    }),
  );
}

/** Returns the events of the response `a` and of the `next` ones, between the first events of the response `b`. */
function withOther(more: (name: string) => Record<string, unknown>, next: StreamEvent[] = []): StreamEvent[] {
  const b = eventsOf("b", more("b"), "Hello");
  return [...b.slice(0, 5), ...eventsOf("a", more("a")), ...next, b[5]!];
}

/** A list that never comes. Its request fails if it is aborted. */
function hangingList() {
  const asked: string[] = [];
  const aborted: string[] = [];
  const list = (id: string, { signal }: { signal?: AbortSignal | null | undefined } = {}) => {
    asked.push(id);
    return new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => {
        aborted.push(id);
        reject(signal.reason);
      });
    });
  };
  return { asked, aborted, list };
}

const turns = async (count = 50): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
};

/** Reads a body until it contains `text`. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, text: string): Promise<void> {
  let read = "";
  while (!read.includes(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the body ended without ${text}`);
    read += new TextDecoder().decode(value);
  }
}

/** Returns a body that has these events and then goes on without another event. */
function open(events: StreamEvent[]): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(frames(events));
  return new ReadableStream({ start: (controller) => controller.enqueue(bytes) });
}

describe("a reader that leaves a connection while a response waits for its list", () => {
  it.each(FORMS)("aborts the list, and gets no report: %s", async (_, more) => {
    const { asked, aborted, list } = hangingList();
    const reports: Report[] = [];
    const { fetch } = upstream({ answer: () => streamed(open(withOther(more))), list });
    const repairing = createFileCitationsFetch({ fetch, onReport: (it) => void reports.push(it) });
    const reader = (await repairing(`${BASE}/responses`, POST)).body!.getReader();
    await readUntil(reader, "Hello");
    await turns();
    expect([asked, aborted]).toEqual([["cntr_a"], []]);
    await reader.cancel();
    await turns();
    expect(aborted).toEqual(["cntr_a"]);
    expect(reports).toEqual([]);
  });

  it("causes no list request for the next response of the same name, whose events wait", async () => {
    const given = withOther(NAMED, eventsOf("next", NAMED("a")));
    const { asked, list } = hangingList();
    const reports: Report[] = [];
    const options = { onReport: (it: Report) => void reports.push(it) };
    const { fetch } = upstream({ answer: () => streamed(open(given)), list });
    const body = (await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, POST)).body!;
    const reader = body.getReader();
    await readUntil(reader, "Hello");
    await turns();
    await reader.cancel();
    const events = repairResponseStream(given, list, options);
    for await (const { type, stream_id } of events)
      if (stream_id === "b" && type === "response.output_text.delta") break;
    await turns();
    expect(asked).toEqual(["cntr_a", "cntr_a"]);
    expect(reports).toEqual([]);
  });
});
