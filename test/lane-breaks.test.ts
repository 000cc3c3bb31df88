/**
 * Tests several responses on one connection. While one response waits for its file list, the connection breaks or its consumer
 * stops reading.
 */
import { describe, expect, it } from "vitest";
import { createFileCitationsFetch, type Report, repairResponseStream } from "../src/index.js";
import {
  BASE,
  call,
  eventsIn,
  frames,
  message,
  type StreamEvent,
  sse,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const POST = { method: "POST", body: JSON.stringify({ stream: true, input: "x" }) };
const TEXT = "See /mnt/data/report.csv";
const NAMED = (stream_id: string) => ({ stream_id });
const FORMS = [
  ["with names", NAMED],
  ["without names", () => ({})],
] as const;

/** Returns the events of a response. The response has its own ids, and its code ran in a container of its own. */
function eventsOf(name: string, more: Record<string, unknown>, text = TEXT): StreamEvent[] {
  const events = JSON.stringify(streamOf([call("", `cntr_${name}`), message(text)]));
  return (JSON.parse(events.replaceAll(/"(resp|ci|msg)_1"/g, `"$1_${name}"`)) as StreamEvent[]).map(
    (event) => ({
      ...event,
      ...more,
    }),
  );
}

/** Returns five events of the response `b`, then all events of the response `a`, then `next`, then the sixth event of `b`. */
function withOther(more: (name: string) => Record<string, unknown>, next: StreamEvent[] = []): StreamEvent[] {
  const b = eventsOf("b", more("b"), "Hello");
  return [...b.slice(0, 5), ...eventsOf("a", more("a")), ...next, b[5]!];
}

/** Returns a list function that never answers. Its promise rejects only if the request is aborted. */
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

/** Returns a body that sends these events and then stays open. */
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

  it("causes no list request for the next response with the same stream_id, whose events are held", async () => {
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

describe("an event stream with several responses and nothing to repair", () => {
  it.each(FORMS)(
    "keeps its bytes if its lines end with CR LF, wherever they are cut: %s",
    async (_, more) => {
      const [a, b] = ["a", "b"].map((name) => eventsOf(name, more(name), "Hello"));
      const bytes = frames([...a!.slice(0, 5), ...b!, ...a!.slice(5)], "\r\n");
      for (const cut of [1, 2, 3, 5, 7, 64, 97, 121]) {
        const { fetch } = upstream({ answer: () => sse(bytes, cut) });
        expect(await (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).text()).toBe(
          bytes,
        );
      }
    },
  );
});

describe("a connection that breaks while a response waits for its list", () => {
  const reset = new Error("reset");
  const OPTIONS = [
    ["", {}],
    [", with links", { links: () => "/files/1" }],
    [", with unmentioned files", { unmentioned: "cite" }],
  ] as const;
  // The second text has one backtick, and a delta with the closing backtick could still come. So the end of the text is held.
  // The next event shows that the backtick stays alone. From then on, the text is held until the file list arrives.
  const texts = [TEXT, "See `/mnt/data/report.csv and more"];
  const cases = FORMS.flatMap(([form, more]) =>
    OPTIONS.flatMap(([option, options]) =>
      texts.map((text) => ({ name: `${form}${option}: ${text}`, more, options, text })),
    ),
  );

  const never = () => new Promise<never>(() => {});

  /** Yields the events. Fails when all of them have been read. */
  async function* broken(events: StreamEvent[]): AsyncGenerator<StreamEvent> {
    yield* events;
    await turns();
    throw reset;
  }

  function brokenBody(events: StreamEvent[]): ReadableStream<Uint8Array> {
    const source = broken(events);
    return new ReadableStream({
      async pull(controller) {
        const { value } = await source.next();
        controller.enqueue(new TextEncoder().encode(frames([value!])));
      },
    });
  }

  async function readAll(body: ReadableStream<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
    } catch (error) {
      expect(String(error)).toContain("reset");
      return text;
    }
    throw new Error("the body did not fail");
  }

  /** Checks that all events of the response `a` arrived in their order, and that its deltas make the whole text. */
  function expectWhole(out: StreamEvent[], given: StreamEvent[]): void {
    const isOfA = (event: StreamEvent) => /_a"/.test(JSON.stringify(event));
    const isDelta = ({ type }: StreamEvent) => type === "response.output_text.delta";
    const [came, expected] = [out, given].map((events) => events.filter(isOfA));
    const types = (events: StreamEvent[]) => events.filter((it) => !isDelta(it)).map(({ type }) => type);
    expect(types(came!)).toEqual(types(expected!));
    const textOf = (events: StreamEvent[]) =>
      events
        .filter(isDelta)
        .map(({ delta }) => delta)
        .join("");
    expect(textOf(came!)).toBe(textOf(expected!));
    const end = came!.findIndex(({ type }) => type === "response.output_text.done");
    expect(came!.slice(end).some(isDelta)).toBe(false);
  }

  it.each(cases)("loses no event and keeps the order of events $name", async ({ more, options, text }) => {
    const all = eventsOf("a", more("a"), text);
    const b = eventsOf("b", more("b"), "Hello");
    for (const length of [all.length, all.length - 1, all.length - 2, all.length - 3]) {
      const given = [...b.slice(0, 5), ...all.slice(0, length), b[5]!];
      const out: StreamEvent[] = [];
      const reports: Report[] = [];
      const repairing = { ...options, timeoutMs: 2 ** 30, onReport: (it: Report) => void reports.push(it) };
      const read = async (): Promise<void> => {
        for await (const event of repairResponseStream(broken(given), never, repairing)) out.push(event);
      };
      await expect(read()).rejects.toBe(reset);
      expectWhole(out, given);
      const { fetch } = upstream({ answer: () => streamed(brokenBody(given)), list: never });
      const answer = await createFileCitationsFetch({ fetch, ...repairing })(`${BASE}/responses`, POST);
      expectWhole(eventsIn(await readAll(answer.body!)), given);
      const reported = reports.flatMap(({ responseId }) => responseId ?? []);
      expect(reported.sort()).toEqual(["resp_a", "resp_a", "resp_b", "resp_b"]);
    }
  });
});
