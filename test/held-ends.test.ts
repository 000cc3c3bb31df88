/**
 * Tests how long a message's end events are held. End events wait for the event after the message, because that event shows
 * whether a call follows. If no event follows, the end events are sent after `timeoutMs`.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileCitationsFetch, type RepairOptions, repairResponseStream } from "../src/index.js";
import { A, all, OPTIONS, textIn, toUrl } from "./linking.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  fedBody,
  frames,
  message,
  type StreamEvent,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CONTAINER = { tools: [{ type: "code_interpreter", container: "cntr_1" }] };
const WITHOUT_LINKS: RepairOptions = { retries: 0, timeoutMs: 300 };
const WITH_LINKS: RepairOptions = { ...WITHOUT_LINKS, links: toUrl };

type Feed = { send: (events: readonly StreamEvent[]) => Promise<void>; sent: () => StreamEvent[] };

/** Repairs the events that a test sends, with `repairResponseStream`. */
function throughFunction(options: RepairOptions): Feed {
  const waiting: StreamEvent[] = [];
  let wake = (): void => {};
  async function* source() {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift()!;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  const sent: StreamEvent[] = [];
  void (async () => {
    for await (const event of repairResponseStream(source(), async () => [A], {
      ...options,
      request: CONTAINER,
    }))
      sent.push(event);
  })();
  return {
    send: async (events) => {
      waiting.push(...events);
      wake();
      await vi.advanceTimersByTimeAsync(0);
    },
    sent: () => sent,
  };
}

/** Repairs the events that a test sends, with the package's `fetch`. With `lane`, the connection has a second response. */
async function throughFetch(options: RepairOptions, lane?: string): Promise<Feed> {
  const { body, controller } = fedBody();
  const { fetch } = upstream({ answer: () => streamed(body), files: [A] });
  const repairing = createFileCitationsFetch({ fetch, ...options });
  const answer = await repairing(`${BASE}/responses`, { method: "POST", body: JSON.stringify(CONTAINER) });
  const reader = answer.body!.getReader();
  let bytes = "";
  void (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read())
      bytes += new TextDecoder().decode(read.value);
  })();
  const send = async (events: readonly StreamEvent[]): Promise<void> => {
    const inLane = lane === undefined ? events : events.map((event) => ({ ...event, stream_id: lane }));
    controller.enqueue(new TextEncoder().encode(frames(inLane)));
    await vi.advanceTimersByTimeAsync(0);
  };
  if (lane !== undefined) {
    const other = streamOf([message("Hi")]).slice(0, 1);
    controller.enqueue(
      new TextEncoder().encode(frames(other.map((one) => ({ ...one, stream_id: "other" })))),
    );
  }
  return { send, sent: () => eventsIn(bytes).filter(({ stream_id }) => stream_id === lane) };
}

describe.each([
  ["the function", async (options: RepairOptions) => throughFunction(options)],
  ["the fetch", (options: RepairOptions) => throughFetch(options)],
  ["the fetch, in one of two lanes", (options: RepairOptions) => throughFetch(options, "one")],
])("the end of a message, through %s", (_, open) => {
  it.each([
    ["a path", "I write /mnt/data/a.csv now.", WITHOUT_LINKS, ["a.csv@/mnt/data/a.csv"]],
    ["a path, with links", "I write /mnt/data/a.csv now.", WITH_LINKS, ["a.csv@/mnt/data/a.csv"]],
    ["a link that is a file's name, with links", "See [it](a.csv) now.", WITH_LINKS, []],
  ])("is sent after timeoutMs if no event follows: %s", async (_case, text, options, citations) => {
    const output = [message(text), call("open('/mnt/data/a.csv', 'w')")];
    const events = streamOf(output);
    const next = events.findIndex(({ type }) => type === "response.output_item.done") + 1;
    const { send, sent } = await open(options);
    await send(events.slice(0, next));
    await vi.advanceTimersByTimeAsync(299);
    expect(sent().filter(({ type }) => type.endsWith(".done"))).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(textIn(sent())).toBe(text);
    expect(sent().map(({ type }) => type)).toEqual(
      expect.arrayContaining(events.slice(next - 3, next).map(({ type }) => type)),
    );
    await send(events.slice(next));
    await vi.advanceTimersByTimeAsync(10);
    const last = sent().at(-1)!;
    expect(last.type).toBe("response.completed");
    expect(cited(last.response)).toEqual(citations);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("no timer is left if the stream ends without its final event", async () => {
  const events = streamOf([message("See /mnt/data/a.csv.")]).slice(0, -1);
  const out = await all(repairResponseStream(events, async () => [A], { ...OPTIONS, request: CONTAINER }));
  expect(out.at(-1)!.type).toBe("response.output_item.done");
  expect(vi.getTimerCount()).toBe(0);
});

it("no timer is left if the reader leaves while the end of a message is held", async () => {
  const events = streamOf([message("See /mnt/data/a.csv.")]);
  const { fetch } = upstream({
    answer: () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(frames(events.slice(0, -1))));
        },
      });
      return streamed(body);
    },
    files: [A],
  });
  const body = JSON.stringify(CONTAINER);
  const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, { method: "POST", body });
  const reader = answer.body!.getReader();
  await reader.read();
  const next = reader.read();
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(1);
  await reader.cancel();
  expect(await next).toMatchObject({ done: true });
  expect(vi.getTimerCount()).toBe(0);
});
