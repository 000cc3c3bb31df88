/** Tests which events wait for a list, and how a repair ends when the reader stops reading. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type Report,
  repairResponseStream,
} from "../src/index.js";
import { added, PLAN, POST, throughFetch } from "./repairing.js";
import {
  BASE,
  call,
  eventsIn,
  frames,
  listPage,
  message,
  type StreamEvent,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

describe("no delta waits", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Reads a stream to its end and records when each event arrived. */
  function reading(body: ReadableStream<Uint8Array>) {
    const came: { type: string; at: number }[] = [];
    const started = Date.now();
    const done = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of body) {
        for (const { type } of eventsIn(decoder.decode(chunk))) came.push({ type, at: Date.now() - started });
      }
    })();
    return { came, done };
  }

  /** Returns a stream that sends one event every 10 milliseconds. */
  function slowly(events: readonly StreamEvent[]): ReadableStream<Uint8Array> {
    let next = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        const event = events[next++];
        if (event) controller.enqueue(new TextEncoder().encode(frames([event])));
        else controller.close();
      },
    });
  }

  const words = " and so on".repeat(20);
  const slowList = async (): Promise<Response> => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return listPage([PLAN]);
  };

  it("the end of a text without a call before it passes at once if the text names no file", async () => {
    const given = streamOf([message("Nothing was written."), call()]);
    const end = given.findIndex(({ type }) => type === "response.output_text.done");
    async function* untilEnd(): AsyncGenerator<StreamEvent> {
      yield* given.slice(0, end + 1);
      await new Promise(() => {}); // the next event never arrives
    }
    const read: StreamEvent[] = [];
    for await (const event of repairResponseStream(untilEnd(), () => [PLAN])) {
      read.push(event);
      if (read.length > end) break;
    }
    expect(read).toEqual(given.slice(0, end + 1));
  });

  it("with a bare path early in the text, the list has arrived when the text ends, so nothing waits", async () => {
    const events = streamOf([call(), message(`First /mnt/data/plan.docx ${words}`)]);
    const { fetch, lists } = upstream({ answer: () => streamed(slowly(events)), list: slowList });
    const reports: Report[] = [];
    const repairing = createFileCitationsFetch({ fetch, onReport: (report) => reports.push(report) });
    const { came, done } = reading((await repairing(`${BASE}/responses`, POST)).body!);
    await vi.advanceTimersByTimeAsync(10 * (events.length + 1));
    await done;
    expect(came).toHaveLength(events.length + 1);
    expect(came.at(-1)!.at).toBe(10 * events.length);
    expect(reports).toMatchObject([{ outcome: "recovered", heldMs: 0, listRequests: 1 }]);
    expect(lists()).toHaveLength(1);
  });

  it.each([
    ["CR LF", (text: string) => text.replaceAll("\n", "\r\n")],
    ["no event lines", (text: string) => text.replaceAll(/^event: .*\n/gm, "")],
    ["spaces in its JSON", (text: string) => text.replaceAll('":', '": ').replaceAll(',"', ', "')],
  ])("with a bare path early in the text, nothing waits in a stream with %s", async (_, vary) => {
    const events = streamOf([call(), message(`First /mnt/data/plan.docx ${words}`)]);
    const body = slowly(events).pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) =>
          controller.enqueue(new TextEncoder().encode(vary(new TextDecoder().decode(chunk)))),
      }),
    );
    const { fetch } = upstream({ answer: () => streamed(body), list: slowList });
    const reports: Report[] = [];
    const repairing = createFileCitationsFetch({ fetch, onReport: (report) => reports.push(report) });
    const done = (await repairing(`${BASE}/responses`, POST)).text();
    await vi.advanceTimersByTimeAsync(10 * (events.length + 1));
    await done;
    expect(reports).toMatchObject([{ outcome: "recovered", heldMs: 0, listRequests: 1 }]);
  });

  it("with a bare path at the end of the text, only output_text.done and later events wait", async () => {
    const events = streamOf([call(), message(`${words} at last /mnt/data/plan.docx`)]);
    const { fetch } = upstream({ answer: () => streamed(slowly(events)), list: slowList });
    const { came, done } = reading(
      (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).body!,
    );
    await vi.advanceTimersByTimeAsync(10 * (events.length + 1) + 200);
    await done;
    const text = events.findIndex(({ type }) => type === "response.output_text.done");
    expect(came.slice(0, text).map(({ at }) => at)).toEqual(
      events.slice(0, text).map((_, at) => 10 * (at + 1)),
    );
    // The last delta arrives after 10 * text milliseconds and completes the path. The list takes another 200 milliseconds.
    expect(came[text]).toEqual({ type: "response.output_text.annotation.added", at: 10 * text + 200 });
  });

  it("a link in the form that the API annotates causes no request", async () => {
    const text = `[plan](sandbox:/mnt/data/plan.docx) and https://example.com/mnt/data/x ${words}`;
    const annotations = [
      {
        type: "container_file_citation",
        container_id: "cntr_1",
        file_id: PLAN.id,
        filename: "plan.docx",
        start_index: 7,
        end_index: 34,
      },
    ];
    const { lists } = await throughFetch(streamOf([call(), message({ text, annotations })]));
    expect(lists).toEqual([]);
  });

  it("a path is seen wherever the deltas cut the text", async () => {
    const text = "Saved: /mnt/data/plan.docx, and more words behind it";
    for (let size = 1; size < 30; size++) {
      const events = streamOf([call(), message(text)]);
      const first = events.findIndex(({ type }) => type === "response.output_text.delta");
      const { type, item_id, output_index, content_index } = events[first]!;
      const pieces = text.match(new RegExp(`.{1,${size}}`, "gs"))!;
      const deltas = pieces.map((delta) => ({
        type,
        item_id,
        output_index,
        content_index,
        delta,
        sequence_number: first,
      }));
      const rest = events.slice(events.findIndex((event) => event.type === "response.output_text.done"));
      let askedAfter = -1;
      let sent = 0;
      async function* upstreamEvents(): AsyncGenerator<StreamEvent> {
        for (const event of [...events.slice(0, first), ...deltas, ...rest]) {
          sent++;
          yield event;
        }
      }
      const source = async (): Promise<ContainerFile[]> => {
        askedAfter = sent;
        return [PLAN];
      };
      const out: StreamEvent[] = [];
      for await (const event of repairResponseStream(upstreamEvents(), source)) out.push(event);
      expect(added(out)).toHaveLength(1);
      expect(askedAfter, `pieces of ${size}`).toBe(
        first +
          pieces.findIndex((_, at) =>
            pieces
              .slice(0, at + 1)
              .join("")
              .includes("/mnt/data/"),
          ) +
          1,
      );
    }
  });
});

describe("a reader that stops reading", () => {
  it("cancels the upstream and the list at once", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    let cancelled: unknown;
    let next = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(frames([events[next++]!]))),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    let listSignal: AbortSignal | null | undefined;
    let isAsked: () => void;
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const { fetch } = upstream({
      answer: () => streamed(body),
      list: (_, { signal }) => {
        listSignal = signal;
        isAsked();
        return new Promise<Response>(() => {});
      },
    });
    const reports: Report[] = [];
    const repairing = createFileCitationsFetch({ fetch, onReport: (report) => reports.push(report) });
    const reader = (await repairing(`${BASE}/responses`, POST)).body!.getReader();
    void (async () => {
      while (!(await reader.read()).done);
    })();
    await asked;
    await reader.cancel("enough");
    expect(cancelled).toBe("enough");
    expect(listSignal?.aborted).toBe(true);
    expect(reports).toEqual([]);
  });

  it("aborts the list request with its signal, and the events that have arrived pass unchanged", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const controller = new AbortController();
    let listSignal: AbortSignal | null | undefined;
    const { fetch } = upstream({
      answer: () => streamed(frames(events)),
      list: (_, { signal }) => {
        listSignal = signal;
        controller.abort(new Error("enough"));
        return new Promise<Response>(() => {});
      },
    });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, {
      ...POST,
      signal: controller.signal,
    });
    expect(await answer.text()).toBe(frames(events));
    expect(listSignal?.aborted).toBe(true);
  });

  it("ends the iterator of events that do not come from the fetch", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    let isReturned = false;
    async function* upstreamEvents(): AsyncGenerator<StreamEvent> {
      try {
        yield* events;
      } finally {
        isReturned = true;
      }
    }
    for await (const _ of repairResponseStream(upstreamEvents(), [PLAN])) break;
    expect(isReturned).toBe(true);
  });

  it("causes no more upstream reads than its own reads and one more", async () => {
    const events = streamOf([call(), message("one two three four five")]);
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          const event = events[pulled++];
          if (event) controller.enqueue(new TextEncoder().encode(frames([event])));
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const { fetch } = upstream({ answer: () => streamed(body) });
    const reader = (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).body!.getReader();
    for (let read = 1; read <= 5; read++) {
      await reader.read();
      expect(pulled).toBeLessThanOrEqual(read + 1);
    }
  });
});
