/** Tests bodies and connections that carry several responses: the reports, and what happens if a recovery fails. */
import { describe, expect, it } from "vitest";
import {
  createFileCitationsFetch,
  FileCitationsError,
  type FileCitationsOptions,
  type Report,
  repairResponseStream,
} from "../src/index.js";
import { textIn } from "./linking.js";
import {
  BASE,
  call,
  eventsIn,
  file,
  frames,
  listPage,
  message,
  type StreamEvent,
  sse,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const POST = { method: "POST", body: JSON.stringify({ stream: true, input: "x" }) };
const TEXT = "See /mnt/data/report.csv";
const FILES = ["a", "b"].map((name) => file("/mnt/data/report.csv", { container_id: `cntr_${name}` }));

/** Returns the events of a response. The response has its own ids, and its code ran in a container of its own. */
function eventsOf(
  name: string,
  more: Record<string, unknown> = { stream_id: name },
  text = TEXT,
): StreamEvent[] {
  const events = JSON.stringify(streamOf([call("", `cntr_${name}`), message(text)]));
  return (JSON.parse(events.replaceAll(/"(resp|ci|msg)_1"/g, `"$1_${name}"`)) as StreamEvent[]).map(
    (event) => ({
      ...event,
      ...more,
    }),
  );
}

/** Returns the events of two responses alternately: one of `a`, one of `b`, and so on. `b` must not have more events than `a`. */
function inTurn(a: readonly StreamEvent[], b: readonly StreamEvent[]): StreamEvent[] {
  return a.flatMap((event, at) => (b[at] ? [event, b[at]] : [event]));
}

interface Asking extends FileCitationsOptions {
  chunk?: number;
  list?: (containerId: string) => Response | Promise<Response>;
}

async function reportsOf(bytes: string, { chunk, list, ...options }: Asking = {}) {
  const reports: Report[] = [];
  const { fetch } = upstream({ answer: () => sse(bytes, chunk), files: FILES, ...(list && { list }) });
  const onReport = (it: Report): void => void reports.push(it);
  const repairing = createFileCitationsFetch({ fetch, retries: 0, ...options, onReport });
  const answer = await repairing(`${BASE}/responses`, POST);
  let text = "";
  let error: unknown;
  try {
    for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) text += piece;
  } catch (thrown) {
    error = thrown;
  }
  return { reports, text, error };
}

const idsOf = (reports: readonly Report[]) => reports.map(({ responseId }) => responseId).sort();

const MORE = [
  ["", {}],
  [" with links", { links: () => "/files/1" }],
] as const;

describe.each(MORE)("one report for each response of a body%s", (_, options) => {
  const ping = 'event: ping\ndata: {"type":"ping"}\n\n';
  it.each([
    ["of one name", eventsOf("a"), ["resp_a"]],
    ["of two names", inTurn(eventsOf("a"), eventsOf("b")), ["resp_a", "resp_b"]],
    [
      "of one name, one after the other",
      [...eventsOf("a"), ...eventsOf("b", { stream_id: "a" })],
      ["resp_a", "resp_b"],
    ],
    ["without a name and with one", [...eventsOf("a", {}), ...eventsOf("b")], ["resp_a", "resp_b"]],
    ["with a name and without one", [...eventsOf("a"), ...eventsOf("b", {})], ["resp_a", "resp_b"]],
    ["with and without a name, in turn", inTurn(eventsOf("a", {}), eventsOf("b")), ["resp_a", "resp_b"]],
    [
      "without names, one after the other",
      [...eventsOf("a", {}), ...eventsOf("b", {})],
      ["resp_a", "resp_b"],
    ],
  ] as const)("%s", async (_name, events, ids) => {
    for (const before of ["", ": keep-alive\n\n", ping]) {
      for (const chunk of [1, 200, Infinity]) {
        const { reports, error } = await reportsOf(before + frames(events), { ...options, chunk });
        expect(idsOf(reports), `${JSON.stringify(before)}, chunks of ${chunk}`).toEqual(ids);
        expect(reports.map((report) => report.error)).toEqual(ids.map(() => undefined));
        expect(error).toBeUndefined();
      }
    }
  });

  it("of two names, with other frames between their events", async () => {
    const events = inTurn(eventsOf("a"), eventsOf("b"));
    const bytes = events.map((event) => frames([event])).join(ping);
    const { reports, text } = await reportsOf(bytes, options);
    expect(idsOf(reports)).toEqual(["resp_a", "resp_b"]);
    expect(text.split(ping)).toHaveLength(events.length);
  });

  it("without names, in turn", async () => {
    const { reports } = await reportsOf(frames(inTurn(eventsOf("a", {}), eventsOf("b", {}))), options);
    expect(idsOf(reports)).toEqual(["resp_a", "resp_b"]);
  });

  it("that is cut off, with the error", async () => {
    const { reports } = await reportsOf(frames(eventsOf("a").slice(0, -1)), options);
    expect(idsOf(reports)).toEqual(["resp_a"]);
    expect(reports[0]!.error!.message).toBe("the stream ended without its final event");
  });

  it("that has no event at all", async () => {
    const { reports } = await reportsOf(": keep-alive\n\n", options);
    expect(idsOf(reports)).toEqual([undefined]);
  });

  it("of a connection whose first messages are about the connection", async () => {
    const messages = inTurn(eventsOf("a"), eventsOf("b")).map((event) => ({
      type: "message",
      message: event,
    }));
    const reports: Report[] = [];
    const given = [{ type: "connecting" }, { type: "open" }, ...messages, { type: "close" }];
    const onReport = (it: Report): void => void reports.push(it);
    const out: unknown[] = [];
    for await (const value of repairResponseStream(given, FILES, { ...options, onReport })) out.push(value);
    expect(idsOf(reports)).toEqual(["resp_a", "resp_b"]);
    expect(out[0]).toBe(given[0]);
  });
});

describe("onFailure throw in a body with several responses", () => {
  const failing = (id: string) =>
    id === "cntr_a" ? new Response("no", { status: 500 }) : listPage([FILES[1]]);

  it.each([
    ["with names", {}],
    ["of one name", { isAlone: true }],
    ["without names", { more: {} }],
  ])(
    "rejects as with one response: %s",
    async (_, { isAlone, more }: { isAlone?: boolean; more?: object }) => {
      const [a, b] = ["a", "b"].map((name) => eventsOf(name, { ...(more ?? { stream_id: name }) }));
      const events = isAlone ? a! : inTurn(a!, b!);
      const single = await reportsOf(frames(eventsOf("a", {})), { onFailure: "throw", list: failing });
      expect(single.error).toBeInstanceOf(FileCitationsError);
      for (const chunk of [1, 200, Infinity]) {
        const options = { onFailure: "throw", list: failing, chunk } as const;
        const { reports, error } = await reportsOf(frames(events), options);
        expect(error).toBeInstanceOf(FileCitationsError);
        expect((error as FileCitationsError).report).toBe(
          reports.find(({ responseId }) => responseId === "resp_a"),
        );
        expect(idsOf(reports)).toEqual(isAlone ? ["resp_a"] : ["resp_a", "resp_b"]);
      }
    },
  );

  it("rejects at the end of a response that is cut off", async () => {
    const events = inTurn(eventsOf("a").slice(0, -1), eventsOf("b").slice(0, -1));
    const { error, reports } = await reportsOf(frames(events), { onFailure: "throw", list: failing });
    expect(error).toBeInstanceOf(FileCitationsError);
    expect(idsOf(reports)).toEqual(["resp_a", "resp_b"]);
  });

  it.each([
    ["one response", eventsOf("a", {})],
    ["several responses", [...eventsOf("b").slice(0, 3), ...eventsOf("a")]],
  ])(
    "rejects while the API pauses, after what came before, and cancels the API's body: %s",
    async (_, events) => {
      let cancelled: unknown;
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const event of events) controller.enqueue(new TextEncoder().encode(frames([event])));
        },
        cancel: (reason) => {
          cancelled = reason;
        },
      });
      const { fetch } = upstream({ answer: () => streamed(body), list: failing });
      const answer = await createFileCitationsFetch({ fetch, retries: 0, onFailure: "throw" })(
        `${BASE}/responses`,
        POST,
      );
      let text = "";
      const reading = (async () => {
        for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) text += piece;
      })();
      await expect(reading).rejects.toThrow(FileCitationsError);
      expect(cancelled).toBeInstanceOf(FileCitationsError);
      expect(textIn(eventsIn(text))).toBe(TEXT);
    },
  );

  it("unlike the default, which passes the events of a response on unchanged if its list fails", async () => {
    const events = inTurn(eventsOf("a"), eventsOf("b"));
    const { error, text } = await reportsOf(frames(events), { list: failing });
    expect(error).toBeUndefined();
    expect(eventsIn(text).filter(({ stream_id }) => stream_id === "a")).toEqual(
      events.filter(({ stream_id }) => stream_id === "a"),
    );
  });
});
