import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FrameSplitter } from "../src/http/frames.js";
import {
  type ContainerFile,
  createFileCitationsFetch,
  FileCitationsError,
  type RepairOptions,
  type Report,
  repairResponseStream,
} from "../src/index.js";
import { ResponseRepair } from "../src/responses/response-repair.js";
import { createResponsesEmulator, type Script } from "../src/testing/index.js";
import { describeShared, expectValid } from "./shared.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  file,
  frames,
  listPage,
  message,
  response,
  type StreamEvent,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const POST = { method: "POST", body: "{}" };
const PLAN = file("/mnt/data/plan.docx");

function frameEnds(splitter: FrameSplitter, chunk: Uint8Array): number[] {
  const ends: number[] = [];
  splitter.take(chunk);
  for (let end = splitter.endFrom(0); end >= 0; end = splitter.endFrom(end)) ends.push(end);
  return ends;
}

async function repaired(
  events: readonly StreamEvent[],
  source: Parameters<typeof repairResponseStream>[1] = [PLAN],
  options: RepairOptions = {},
): Promise<StreamEvent[]> {
  const out: StreamEvent[] = [];
  const copy = structuredClone(events);
  for await (const event of repairResponseStream(events, source, options)) out.push(event);
  expect(events, "the caller's events").toEqual(copy);
  return out;
}

/** The same events through the middleware, as bytes. */
async function throughFetch(events: readonly StreamEvent[], files = [PLAN], options: RepairOptions = {}) {
  const { fetch, lists } = upstream({ answer: () => streamed(frames(events)), files });
  const answer = await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, POST);
  const text = await answer.text();
  return { text, events: eventsIn(text), lists: lists() };
}

/** `added@sequence_number` for each citation event, and which item and part it is of. */
function added(events: readonly StreamEvent[]): string[] {
  return events
    .filter(({ type }) => type === "response.output_text.annotation.added")
    .map(
      ({ annotation, sequence_number, output_index, content_index, annotation_index }) =>
        `${(annotation as { filename: string }).filename}@${sequence_number} ${output_index}/${content_index}/${annotation_index}`,
    );
}

const last = (events: readonly StreamEvent[]): unknown => events.at(-1)!.response;

describe("a stream", () => {
  it("gets the event before output_text.done, and the same citation in the three that repeat it", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const out = await repaired(events);
    expect(out.map(({ type }) => type)).toEqual([
      ...events.slice(0, -4).map(({ type }) => type),
      "response.output_text.annotation.added",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const at = out.findIndex(({ type }) => type.endsWith("annotation.added"));
    expect(out[at]!.sequence_number).toBe(out[at - 1]!.sequence_number);
    expect(out.filter((event) => event !== out[at]).map(({ sequence_number }) => sequence_number)).toEqual(
      events.map(({ sequence_number }) => sequence_number),
    );
    const { annotation } = out[at]!;
    expect(out[at + 2]!.part).toMatchObject({ annotations: [annotation] });
    expect(out[at + 3]!.item).toMatchObject({ content: [{ annotations: [annotation] }] });
    expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    // What nothing was added to are the very objects that came in.
    for (const event of out.slice(0, at)) expect(events).toContain(event);
    expect(events).toContain(out[at + 1]);
  });

  it("counts annotation_index on from the API's", async () => {
    const text = "[x](sandbox:/mnt/data/x.csv) and /mnt/data/plan.docx";
    const annotations = [
      {
        type: "container_file_citation",
        container_id: "cntr_1",
        file_id: "cfile_x",
        filename: "x.csv",
        start_index: 4,
        end_index: 27,
      },
    ];
    const out = await repaired(streamOf([call(), message({ text, annotations })]));
    expect(added(out).map((event) => event.split(" ")[1])).toEqual(["1/0/0", "1/0/1"]);
    expect(cited(last(out))).toEqual(["x.csv@sandbox:/mnt/data/x.csv", "plan.docx@/mnt/data/plan.docx"]);
  });

  it("with several messages, parts, and calls between them, in two containers", async () => {
    const other = file("/mnt/data/plan.docx", { container_id: "cntr_2" });
    const output = [
      call("", "cntr_1"),
      { ...message("One /mnt/data/plan.docx", "no", "Two /mnt/data/plan.docx"), id: "msg_a" },
      { id: "rs_1", type: "reasoning", summary: [] },
      { ...call("", "cntr_2"), id: "ci_2" },
      { id: "ig_1", type: "image_generation_call", status: "completed", result: "AAAA" },
      { ...message("Three /mnt/data/plan.docx"), id: "msg_b" },
    ];
    const out = await repaired(streamOf(output), [PLAN, other]);
    expect(added(out).map((event) => event.split(" ")[1])).toEqual(["1/0/0", "1/2/0", "5/0/0"]);
    const ids = out
      .filter(({ type }) => type.endsWith("annotation.added"))
      .map(({ annotation }) => (annotation as { file_id: string }).file_id);
    expect(ids).toEqual([PLAN.id, PLAN.id, other.id]);
    expect(cited(last(out))).toHaveLength(3);
  });

  it.each(["response.completed", "response.incomplete", "response.failed"])(
    "that ends with %s",
    async (final) => {
      const out = await repaired(streamOf([call(), message("Here: /mnt/data/plan.docx")], final));
      expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    },
  );

  it("whose final event has an empty output, as some gateways send it: it stays empty", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    events.at(-1)!.response = response([]);
    const out = await repaired(events);
    expect(added(out)).toHaveLength(1);
    expect(out.at(-1)).toBe(events.at(-1));
  });

  it("that just ends, or ends with an error: what came is repaired, and reported", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const error = { type: "error", code: "server_error", message: "no", param: null, sequence_number: 99 };
    for (const tail of [[], [error]]) {
      const reports: Report[] = [];
      const out = await repaired([...events.slice(0, -2), ...tail], [PLAN], {
        onReport: (report) => reports.push(report),
      });
      expect(added(out)).toHaveLength(1);
      expect(reports).toMatchObject([{ outcome: "recovered", responseId: "resp_1" }]);
      if (tail.length > 0) expect(out.at(-1)).toBe(error);
    }
  });

  it("that is resumed behind its text: no event is made up, the whole part has its citation", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const tail = events.slice(events.findIndex(({ type }) => type === "response.content_part.done"));
    const out = await repaired(tail, [PLAN]);
    expect(out.map(({ type }) => type)).toEqual(tail.map(({ type }) => type));
    expect(out[0]!.part).toMatchObject({ annotations: [{ filename: "plan.docx" }] });
    expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("that is resumed behind its call: the container is known at the end, and the citation then", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const tail = events.slice(events.findIndex(({ type }) => type === "response.output_text.delta"));
    const out = await repaired(tail, async (id) => (id === "cntr_1" ? [PLAN] : []));
    expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("resumed from an inserted event loses none of the API's", async () => {
    const script: Script = () => [
      { type: "python", code: "", files: { "plan.docx": "x" } },
      { type: "message", text: "Here: /mnt/data/plan.docx" },
    ];
    const emulator = createResponsesEmulator({ script });
    const fetch = createFileCitationsFetch({ fetch: emulator.fetch });
    const headers = { authorization: "Bearer k" };
    const tools = [{ type: "code_interpreter", container: { type: "auto" } }];
    const body = JSON.stringify({ model: "gpt-5", input: "x", stream: true, tools });
    const whole = eventsIn(
      await (await fetch(`${BASE}/responses`, { method: "POST", headers, body })).text(),
    );
    const id = (whole[0]!.response as { id: string }).id;
    for (const [at, { sequence_number }] of whole.entries()) {
      const url = `${BASE}/responses/${id}?stream=true&starting_after=${sequence_number}`;
      const rest = eventsIn(await (await fetch(url, { headers })).text());
      const missed = whole
        .slice(at + 1)
        .filter(
          (event) =>
            !rest.some(
              (other) => other.sequence_number === event.sequence_number && other.type === event.type,
            ),
        );
      expect(missed.filter(({ type }) => !type.endsWith("annotation.added"))).toEqual([]);
      if (at < whole.length - 1) expect(cited(last(rest))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    }
  });

  it("with nothing missing: the very same objects, and nothing is asked for", async () => {
    const refusal = { ...message(), content: [{ type: "refusal", refusal: "/mnt/data/plan.docx" }] };
    const events = streamOf([call(), message("Done."), refusal]);
    const source = vi.fn();
    const out = await repaired(events, source);
    expect(out.every((event, at) => event === events[at])).toBe(true);
    expect(source).not.toHaveBeenCalled();
  });

  it("throws a failure where that is wanted", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx")]);
    const source = (): never => {
      throw new Error("down");
    };
    await expect(repaired(events, source, { onFailure: "throw" })).rejects.toThrow(FileCitationsError);
    expect(await repaired(events, source)).toEqual(events);
  });

  it("that breaks: the same error, behind all that came before it", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    for (let at = 0; at < events.length; at++) {
      async function* broken(): AsyncGenerator<StreamEvent> {
        yield* events.slice(0, at);
        throw new Error("reset");
      }
      const out: StreamEvent[] = [];
      const read = async (): Promise<void> => {
        for await (const event of repairResponseStream(broken(), [PLAN])) out.push(event);
      };
      await expect(read()).rejects.toThrow("reset");
      expect(out.filter(({ type }) => !type.endsWith("annotation.added"))).toHaveLength(at);
    }
  });
});

describe("what a gateway does to a stream", () => {
  it("frozen events, and what is no event", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const freeze = (value: unknown): void => {
      if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
    };
    freeze(events);
    expect(cited(last(await repaired(events)))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    const odd = [null, "x", undefined, { type: 5 }] as unknown as StreamEvent[];
    expect(await repaired(odd)).toEqual(odd);
  });

  it("one response after the other: each has its own citations, and its own report", async () => {
    const texts = [
      "Here: /mnt/data/plan.docx",
      "You are very welcome, dear user.",
      "Or: /mnt/data/plan.docx",
    ];
    const events = texts.flatMap((text, at) =>
      streamOf([call(), message(text)]).map((event) =>
        "response" in event
          ? { ...event, response: { ...(event.response as object), id: `resp_${at}` } }
          : event,
      ),
    );
    const reports: Report[] = [];
    const out = await repaired(events, [PLAN], { onReport: (report) => reports.push(report) });
    expect(
      out.filter(({ type }) => type === "response.completed").map((event) => cited(event.response)),
    ).toEqual([["plan.docx@/mnt/data/plan.docx"], [], ["plan.docx@/mnt/data/plan.docx"]]);
    expect(added(out)).toHaveLength(2);
    expect(reports.map(({ responseId, outcome }) => [responseId, outcome])).toEqual([
      ["resp_0", "recovered"],
      ["resp_1", "nothing-to-do"],
      ["resp_2", "recovered"],
    ]);
  });

  it("a final event that leaves items out: no part gets the citation of another", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx"), message("That is all there is.")]);
    const final = { ...events.at(-1)!, response: response([call(), message("That is all there is.")]) };
    expect(cited(last(await repaired([...events.slice(0, -1), final])))).toEqual([]);
  });

  it("an output_text.done without its text", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx")]).map((event) =>
      event.type === "response.output_text.done" ? { ...event, text: "" } : event,
    );
    expect(cited(last(await repaired(events)))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it.each([100_000, 4e9, 1e15])("an index of %d", async (output_index) => {
    const noteItem = vi.spyOn(ResponseRepair.prototype, "noteItem");
    const events = streamOf([call(), message("/mnt/data/plan.docx")]).map((event) =>
      "output_index" in event ? { ...event, output_index } : event,
    );
    expect(cited(last(await repaired(events)))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    for (const [at] of noteItem.mock.calls) expect(at).toBeLessThan(2);
    noteItem.mockRestore();
  });

  it("frames that are all named message", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx")]);
    const body = frames(events).replace(/^event: .*$/gm, "event: message");
    const { fetch } = upstream({ answer: () => streamed(body), files: [PLAN] });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST);
    expect(cited(last(eventsIn(await answer.text())))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("a final event that cannot be written again: the same bytes", async () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const events = streamOf([call(), message("/mnt/data/plan.docx")]);
    const body = frames(events).replaceAll('"metadata":{}', `"metadata":${deep}`);
    const { fetch } = upstream({ answer: () => streamed(body), files: [PLAN] });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST);
    const final = body.slice(body.indexOf("event: response.completed"));
    expect((await answer.text()).endsWith(final)).toBe(true);
  });
});

describe("a stream that breaks", () => {
  const events = streamOf([call(), message("Here: /mnt/data/plan.docx, and more")]);
  const reset = new Error("reset");

  /** A body that breaks behind so many events. */
  function breaking(at: number, error: () => unknown = () => reset): ReadableStream<Uint8Array> {
    let next = 0;
    return new ReadableStream({
      pull(controller) {
        if (next === at) return controller.error(error());
        controller.enqueue(new TextEncoder().encode(frames([events[next++]!])));
      },
    });
  }

  it.each(["pass-through", "throw"] as const)(
    "is reported with the error that broke it, which is what the reader gets: onFailure %s",
    async (onFailure) => {
      for (let at = 0; at < events.length; at++) {
        const reports: Report[] = [];
        const onReport = (report: Report): void => void reports.push(report);
        // A list that fails is no reason to get another error.
        const { fetch } = upstream({ answer: () => streamed(breaking(at)), list: () => listPage([PLAN]) });
        const answer = await createFileCitationsFetch({ fetch, onReport, onFailure })(
          `${BASE}/responses`,
          POST,
        );
        await expect(answer.text()).rejects.toThrow("reset");
        async function* broken(): AsyncGenerator<StreamEvent> {
          yield* events.slice(0, at);
          throw reset;
        }
        const read = async (): Promise<void> => {
          for await (const _ of repairResponseStream(broken(), [PLAN], { onReport, onFailure }));
        };
        await expect(read()).rejects.toBe(reset);
        expect(reports).toMatchObject([{ error: reset }, { error: reset }]);
        const isFound = at > events.findIndex(({ type }) => type === "response.output_text.done");
        expect(reports.map(({ outcome }) => outcome)).toEqual(
          Array(2).fill(isFound ? "recovered" : "failed"),
        );
      }
    },
  );

  it("and whose list failed too: the reader gets the error that broke it, the report tells of the list", async () => {
    const reports: Report[] = [];
    const { fetch } = upstream({
      answer: () => streamed(breaking(events.length - 1)),
      list: () => new Response(null, { status: 404 }),
    });
    const repairing = createFileCitationsFetch({
      fetch,
      onFailure: "throw",
      onReport: (report) => reports.push(report),
    });
    await expect((await repairing(`${BASE}/responses`, POST)).text()).rejects.toThrow("reset");
    expect(reports.map(({ outcome, error }) => [outcome, error!.message.slice(0, 50)])).toEqual([
      ["failed", "the container's file list answered 404: the contai"],
    ]);
  });

  it("that just ends is reported so", async () => {
    const reports: Report[] = [];
    await repaired(events.slice(0, 3), [PLAN], { onReport: (report) => reports.push(report) });
    expect(reports).toMatchObject([{ outcome: "failed", responseId: "resp_1" }]);
    expect(reports[0]!.error!.message).toBe("the stream ended without its final event");
  });

  it("with an error event: the API's words, also where the reader leaves at it, as the SDK does", async () => {
    const error = {
      type: "error",
      code: "server_error",
      message: "overloaded",
      param: null,
      sequence_number: 9,
    };
    for (const leaves of [false, true]) {
      const reports: Report[] = [];
      const source = [...events.slice(0, 3), error];
      const options = { onReport: (report: Report) => reports.push(report) };
      for await (const { type } of repairResponseStream(source, [PLAN], options)) {
        if (type === "error" && leaves) break;
      }
      expect(reports.map((report) => report.error!.message)).toEqual([
        "the stream ended with an error: overloaded",
      ]);
    }
  });

  it("by the caller's own abort is no news to the caller", async () => {
    const controller = new AbortController();
    const reports: Report[] = [];
    const body = breaking(3, () => {
      controller.abort(reset);
      return reset;
    });
    const { fetch } = upstream({ answer: () => streamed(body) });
    const repairing = createFileCitationsFetch({ fetch, onReport: (report) => reports.push(report) });
    const answer = await repairing(`${BASE}/responses`, { ...POST, signal: controller.signal });
    await expect(answer.text()).rejects.toThrow("reset");
    expect(reports).toEqual([]);
  });

  it("ends the list that was asked for ahead", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx is the plan, and more")]).slice(0, 7);
    let next = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const event = events[next++];
        if (event) controller.enqueue(new TextEncoder().encode(frames([event])));
        else controller.error(new Error("reset"));
      },
    });
    let signal: AbortSignal | null | undefined;
    const { fetch } = upstream({
      answer: () => streamed(body),
      list: (_, asked) => {
        signal = asked.signal;
        return new Promise<Response>(() => {});
      },
    });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST);
    await expect(answer.text()).rejects.toThrow("reset");
    expect(signal?.aborted).toBe(true);
  });

  it("by an error of ours that was asked for ends the upstream", async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(
          new TextEncoder().encode(frames(streamOf([call(), message("/mnt/data/plan.docx")]))),
        ),
      cancel: () => {
        isCancelled = true;
      },
    });
    const { fetch } = upstream({
      answer: () => streamed(body),
      list: () => new Response(null, { status: 404 }),
    });
    const repairing = createFileCitationsFetch({ fetch, onFailure: "throw" });
    const answer = await repairing(`${BASE}/responses`, POST);
    await expect(answer.text()).rejects.toThrow(FileCitationsError);
    expect(isCancelled).toBe(true);
  });
});

describe("bytes", () => {
  it("of a frame behind an inserted event are the ones that came, whatever they are like", async () => {
    const body = frames(streamOf([call(), message("Here: /mnt/data/plan.docx")]));
    const odd = body.replace(
      /data: (\{"type":"response.output_text.done".*)/,
      (_, json: string) =>
        `data: ${json.replaceAll("/", "\\/").replaceAll(",", " , ").replace(":0", ":0.0")}`,
    );
    const { fetch } = upstream({ answer: () => streamed(odd), files: [PLAN] });
    const text = await (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).text();
    const frame = /event: response.output_text.done\n.*\n\n/.exec(odd)![0];
    expect(frame).not.toBe(/event: response.output_text.done\n.*\n\n/.exec(body)![0]);
    expect(text.split(frame)).toHaveLength(2);
  });

  it("of a malformed stream pass as they are", async () => {
    const events = frames(streamOf([call(), message("/mnt/data/plan.docx")]));
    const garbage = [
      "data: {not json}\n\n",
      "event: response.completed\ndata: [1]\n\n",
      "data: null\n\n",
      "data: [DONE]\n\n",
      ": ping\n\n",
      "event: response.output_text.done\n\n",
      'event: response.output_text.done\ndata: {"type":"response.output_text.done","output_index":"x"}\n\n',
      'data: {"type":"response.output_item.done","output_index":-1,"item":null}\n\n',
      'data: {"type":"response.completed","response":null}\n\n',
      "data",
      "\n\n\n",
      events.slice(0, events.length / 2),
      'event: response.completed\ndata: {"type":',
      "\u0000\ufffd",
    ];
    for (const text of garbage) {
      const { fetch } = upstream({ answer: () => streamed(text), files: [] });
      expect(await (await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST)).text()).toBe(text);
    }
  });

  it("are split into the same frames, however they are cut and whatever ends their lines", () => {
    const line = fc.constantFrom("data: a", "event: b", ":", "", "é🎉", "id: 1");
    const text = fc
      .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")))
      .map((lines) => lines.map((pair) => pair.join("")).join(""));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), (body, cuts) => {
        const bytes = new TextEncoder().encode(body);
        const whole = frameEnds(new FrameSplitter(), bytes);
        const splitter = new FrameSplitter();
        const edges = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length];
        const ends: number[] = [];
        for (let at = 1; at < edges.length; at++) {
          ends.push(
            ...frameEnds(splitter, bytes.slice(edges[at - 1], edges[at])).map((end) => end + edges[at - 1]!),
          );
        }
        // A CR at the end of a chunk ends its line; an LF that then follows comes with the next frame.
        expect(ends.length).toBe(whole.length);
        for (const [at, end] of ends.entries()) expect([end, end + 1]).toContain(whole[at]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("no delta waits", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Reads a stream to its end, and notes when each event came. */
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

  /** A stream that sends one event each 10 milliseconds. */
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

  it("with a bare path early in the text, the list is there when the text ends: nobody waits for it", async () => {
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
  ])("also in a stream with %s", async (_, vary) => {
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

  it("with one at its end, only what comes behind output_text.done does", async () => {
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
    // The last delta shows the path, so the list was asked for ten milliseconds earlier.
    expect(came[text]).toEqual({ type: "response.output_text.annotation.added", at: 10 * text + 200 });
  });

  it("a link in the form that the API cites is no reason to ask", async () => {
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

  it("a text whose pieces are cut anywhere is watched the same", async () => {
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

describe("whoever stops reading", () => {
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

  it("by an abort signal, as well", async () => {
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

  it("ends the events that came by another way", async () => {
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

  it("is not read ahead of: one chunk is read for each that is asked for", async () => {
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

describeShared("OpenAI's schema", () => {
  it("takes every event that comes out", async () => {
    const shell = {
      type: "shell_call",
      id: "sh_1",
      call_id: "call_1",
      status: "completed",
      action: { commands: ["ls"], timeout_ms: null, max_output_length: null },
      environment: { type: "container_reference", container_id: "cntr_1" },
    };
    const events = streamOf([shell, message("Here: /mnt/data/plan.docx", "and /mnt/data/plan.docx")]);
    const out = await repaired(events.filter(({ type }) => type !== "response.output_item.added"));
    expect(added(out)).toHaveLength(2);
    for (const event of out) expectValid("ResponseStreamEvent", event);
  });
});
