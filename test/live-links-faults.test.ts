/**
 * Tests the option `links` when something fails or takes too long. This file is long because it tests some failures twice: with
 * `repairResponseStream` and with the fetch.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type RepairOptions,
  repairResponse,
} from "../src/index.js";
import {
  A,
  all,
  CUTS,
  eventsOf,
  type Given,
  given,
  itemsOf,
  LINKED,
  listOf,
  OPTIONS,
  opened,
  paused,
  plain,
  readEvents,
  streamed,
  TEXT,
  textIn,
  toUrl,
  URL_OF_A,
} from "./linking.js";
import {
  BASE,
  eventsIn,
  frames,
  message,
  response,
  type StreamEvent,
  streamOf,
  upstream,
} from "./upstream.js";

describe("a text whose links cannot be made", () => {
  it.each<[string, RepairOptions["links"], RegExp]>([
    [
      "throws",
      () => {
        throw new Error("no URL");
      },
      /no URL/,
    ],
    ["rejects", () => Promise.reject(new Error("no URL")), /no URL/],
    ["returns a number", (() => 1) as never, /the return value of toUrl must be a URL string/],
  ])("stays as it is if toUrl %s, and the report says why", async (_, links, message) => {
    const { stream, reports } = opened(eventsOf(given, CUTS), { links });
    const { text, annotations } = readEvents(await all(stream));
    expect(text).toBe(TEXT);
    expect(text.slice(annotations[0]!.start_index, annotations[0]!.end_index)).toBe(
      "sandbox:/mnt/data/a.csv",
    );
    expect(reports[0]!.error!.message).toMatch(message);
    const { response: repaired, report } = await repairResponse(response(itemsOf(given)), listOf([A]), {
      ...OPTIONS,
      links,
    });
    expect(JSON.stringify(repaired)).toContain("(sandbox:/mnt/data/a.csv)");
    expect(report.error!.message).toMatch(message);
  });

  it.each([null, undefined, ""])("stays as it is if toUrl returns %s", async (url) => {
    const { stream, reports } = opened(eventsOf(given, CUTS), { links: () => url });
    expect(readEvents(await all(stream)).text).toBe(TEXT);
    expect(reports[0]!.error).toBeUndefined();
  });

  it("stays as it is if the list fails, and the report says why", async () => {
    const failing = async (): Promise<ContainerFile[]> => {
      throw new Error("no list");
    };
    const { stream, reports } = opened(eventsOf(given, CUTS), {}, failing);
    expect(readEvents(await all(stream)).text).toBe(TEXT);
    expect(reports[0]!.error!.message).toMatch(/no list/);
  });

  it("stays as it is if the response's events contradict each other", async () => {
    const events = eventsOf(given, CUTS).map((event) =>
      event.type === "response.output_item.added" && event.output_index === 1
        ? { ...event, sequence_number: 0 }
        : event,
    );
    const { stream, reports } = opened(events);
    expect(textIn(await all(stream))).toBe(TEXT);
    expect(reports[0]!.error!.message).toMatch(/out of order/);
  });

  it("causes an error at the end with onFailure throw, after all text", async () => {
    const { stream } = opened(eventsOf(given, CUTS), {
      onFailure: "throw",
      links: () => {
        throw new Error("no URL");
      },
    });
    const events: StreamEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) events.push(event);
    })();
    await expect(reading).rejects.toThrow(/no URL/);
    expect(textIn(events)).toBe(TEXT);
  });
});

describe("held text", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("goes out after timeoutMs while the stream pauses, and the report says so", async () => {
    const { events, resume } = paused(eventsOf(given, [30]), 1);
    const { stream, reports } = opened(events, { timeoutMs: 2000 });
    const out: StreamEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) out.push(event);
    })();
    await vi.advanceTimersByTimeAsync(1999);
    expect(textIn(out)).toBe(TEXT.slice(0, TEXT.indexOf("sandbox:")));
    await vi.advanceTimersByTimeAsync(1);
    expect(textIn(out)).toBe(TEXT.slice(0, 30));
    resume();
    await reading;
    expect(readEvents(out).text).toBe(TEXT);
    expect(reports[0]!.error!.message).toBe(
      "text was held for longer than 2000 ms, so its links were not replaced",
    );
    expect(reports[0]!.heldMs).toBeGreaterThanOrEqual(2000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes out after timeoutMs through the fetch too", async () => {
    const whole = eventsOf(given, [30]);
    const at = whole.findIndex(({ type }) => type === "response.output_text.delta") + 1;
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(started) {
        controller = started;
        started.enqueue(new TextEncoder().encode(frames(whole.slice(0, at))));
      },
    });
    const headers = { "content-type": "text/event-stream" };
    const { fetch } = upstream({ answer: () => new Response(body, { headers }), files: [A] });
    const repairing = createFileCitationsFetch({ fetch, ...OPTIONS, timeoutMs: 2000 });
    const answer = await repairing(`${BASE}/responses`, { method: "POST", body: "{}" });
    let received = "";
    const reading = (async () => {
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) received += chunk;
    })();
    await vi.advanceTimersByTimeAsync(1999);
    expect(textIn(eventsIn(received))).toBe(TEXT.slice(0, TEXT.indexOf("sandbox:")));
    await vi.advanceTimersByTimeAsync(1);
    expect(textIn(eventsIn(received))).toBe(TEXT.slice(0, 30));
    controller.enqueue(new TextEncoder().encode(frames(whole.slice(at))));
    controller.close();
    await vi.runAllTimersAsync();
    await reading;
    expect(readEvents(eventsIn(received)).text).toBe(TEXT);
  });

  it.each([
    ["comments", ": keep-alive\n\n"],
    ["other frames", 'event: ping\ndata: {"cost":1}\n\n'],
    ["events that are read", frames([{ type: "response.in_progress" } as StreamEvent])],
  ])("goes out after timeoutMs while the API sends only %s", async (_, frame) => {
    const whole = eventsOf(given, [30]);
    const at = whole.findIndex(({ type }) => type === "response.output_text.delta") + 1;
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const send = (text: string): void => controller.enqueue(new TextEncoder().encode(text));
    const body = new ReadableStream<Uint8Array>({
      start(started) {
        controller = started;
      },
    });
    send(frames(whole.slice(0, at)));
    const headers = { "content-type": "text/event-stream" };
    const { fetch } = upstream({ answer: () => new Response(body, { headers }), files: [A] });
    const repairing = createFileCitationsFetch({ fetch, ...OPTIONS, timeoutMs: 2000 });
    const answer = await repairing(`${BASE}/responses`, { method: "POST", body: "{}" });
    let received = "";
    const reading = (async () => {
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) received += chunk;
    })();
    for (let ms = 0; ms < 2000; ms += 250) {
      await vi.advanceTimersByTimeAsync(250);
      send(frame);
    }
    await vi.advanceTimersByTimeAsync(1);
    expect(textIn(eventsIn(received))).toBe(TEXT.slice(0, 30));
    controller.close();
    await reading;
  });

  it("loses no bytes that arrive after it has gone out and before the next read", async () => {
    const whole = eventsOf(given, [30]);
    const at = whole.findIndex(({ type }) => type === "response.output_text.delta") + 1;
    const bytesOf = (events: readonly StreamEvent[]) => new TextEncoder().encode(frames(events));
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(started) {
        controller = started;
        started.enqueue(bytesOf(whole.slice(0, at)));
      },
    });
    const headers = { "content-type": "text/event-stream" };
    const { fetch } = upstream({ answer: () => new Response(body, { headers }), files: [A] });
    const repairing = createFileCitationsFetch({ fetch, ...OPTIONS, timeoutMs: 2000 });
    const answer = await repairing(`${BASE}/responses`, { method: "POST", body: "{}" });
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    let received = "";
    while (textIn(eventsIn(received)) !== TEXT.slice(0, 30)) {
      const reading = reader.read();
      await vi.advanceTimersByTimeAsync(2000);
      received += decoder.decode((await reading).value);
    }
    controller.enqueue(bytesOf(whole.slice(at)));
    controller.close();
    await vi.runAllTimersAsync();
    for (let next = await reader.read(); !next.done; next = await reader.read())
      received += decoder.decode(next.value);
    expect(readEvents(eventsIn(received)).text).toBe(TEXT);
  });

  it("goes out after timeoutMs if the list or a URL hangs", async () => {
    const never = () => new Promise<never>(() => {});
    for (const [list, links] of [
      [never, toUrl],
      [listOf([A]), never],
    ] as const) {
      const { stream, reports } = opened(eventsOf(given, CUTS), { timeoutMs: 1000, links }, list);
      const reading = all(stream);
      await vi.advanceTimersByTimeAsync(1000);
      const out = await reading;
      expect(readEvents(out).text).toBe(TEXT);
      expect(reports[0]!.error!.message).toMatch(/took longer than 1000 ms/);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("gets its link if the list comes late, and the report says how long it was held", async () => {
    const late = async (): Promise<ContainerFile[]> => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return [A];
    };
    const { stream, reports } = opened(eventsOf(given, CUTS), {}, late);
    const reading = all(stream);
    await vi.advanceTimersByTimeAsync(200);
    expect(readEvents(await reading).text).toBe(LINKED);
    expect(reports[0]!.heldMs).toBeGreaterThanOrEqual(200);
    expect(reports[0]!.error).toBeUndefined();
  });

  it("clears its timer when the reader stops reading", async () => {
    const { events } = paused(eventsOf(given, [30]), 1);
    const { stream } = opened(events);
    const iterator = stream[Symbol.asyncIterator]();
    for (let count = 0; count < 6; count++) await iterator.next();
    expect(vi.getTimerCount()).toBe(1);
    await iterator.return!(undefined);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes out before the error if the stream breaks", async () => {
    const whole = eventsOf(given, [30]);
    const at = whole.findIndex(({ type }) => type === "response.output_text.delta") + 1;
    async function* broken() {
      yield* whole.slice(0, at);
      throw new Error("connection lost");
    }
    const out: StreamEvent[] = [];
    const reading = (async () => {
      for await (const event of opened(broken()).stream) out.push(event);
    })();
    await expect(reading).rejects.toThrow("connection lost");
    expect(textIn(out)).toBe(TEXT.slice(0, 30));
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([1, 40, Infinity])(
    "goes out before the error if the connection breaks, through the fetch with chunks of %d bytes",
    async (size) => {
      const whole = eventsOf(given, [30]);
      const at = whole.findIndex(({ type }) => type === "response.output_text.delta") + 1;
      const bytes = new TextEncoder().encode(frames(whole.slice(0, at)));
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (sent >= bytes.length) return controller.error(new Error("connection lost"));
          controller.enqueue(bytes.subarray(sent, sent + size));
          sent += size;
        },
      });
      const headers = { "content-type": "text/event-stream" };
      const { fetch } = upstream({ answer: () => new Response(body, { headers }), files: [A] });
      const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, {
        method: "POST",
        body: "{}",
      });
      let received = "";
      const reading = (async () => {
        for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) received += chunk;
      })();
      await expect(reading).rejects.toThrow("connection lost");
      expect(textIn(eventsIn(received))).toBe(TEXT.slice(0, 30));
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it("goes out at the end of a stream without a final event", async () => {
    const whole = eventsOf(given, [30]);
    const at = whole.findIndex(({ type }) => type === "response.output_text.delta") + 1;
    expect(textIn(await all(opened(whole.slice(0, at)).stream))).toBe(TEXT.slice(0, 30));
  });

  it("of a response without a call so far waits for the end of the message, as a call could still follow", async () => {
    const items = [message("Again: sandbox:/mnt/data/a.csv and more text.")];
    const request = { tools: [{ type: "code_interpreter", container: "cntr_1" }] };
    const events = streamOf(items);
    const out = await all(opened(events, { request }).stream);
    expect(readEvents(out).text).toBe(`Again: [a.csv](${URL_OF_A}) and more text.`);
  });

  it("of a response without a call does not wait if the message is marked as the final answer", async () => {
    const items = [{ ...message("Again: sandbox:/mnt/data/a.csv and more text."), phase: "final_answer" }];
    const request = { tools: [{ type: "code_interpreter", container: "cntr_1" }] };
    const { events, resume } = paused(streamOf(items), 3);
    const { stream } = opened(events, { request });
    const out: StreamEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) out.push(event);
    })();
    await vi.advanceTimersByTimeAsync(100);
    expect(textIn(out)).toBe(`Again: [a.csv](${URL_OF_A}) and`);
    resume();
    await reading;
  });

  it("with a file's name in another letter case waits for the end, and is the same in a plain response", async () => {
    const other: Given = { text: "See /mnt/data/A.CSV for it. Bye.", files: [A] };
    const whole = await plain(other);
    expect(whole.text).toContain(URL_OF_A);
    expect(await streamed(other, [6, 20, 28])).toEqual(whole);
  });
});
