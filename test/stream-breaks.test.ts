/** Tests streams that a gateway changed, and streams that break: the received events are repaired, and no event is lost. */
import { describe, expect, it, vi } from "vitest";
import {
  createFileCitationsFetch,
  FileCitationsError,
  type Report,
  repairResponseStream,
} from "../src/index.js";
import { ResponseRepair } from "../src/responses/response-repair.js";
import { frozen } from "./frozen.js";
import { added, last, PLAN, POST, repaired } from "./repairing.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  frames,
  listPage,
  message,
  response,
  type StreamEvent,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

describe("a stream that a gateway changed", () => {
  it("with frozen events is repaired, and values that are not events pass unchanged", async () => {
    const events = frozen(streamOf([call(), message("Here: /mnt/data/plan.docx")]));
    expect(cited(last(await repaired(events)))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    const odd = [null, "x", undefined, { type: 5 }] as unknown as StreamEvent[];
    expect(await repaired(odd)).toEqual(odd);
  });

  it("with an unread event in a wrong place is repaired in the same way while an event is held and again", async () => {
    const items = [call(), message("Here: /mnt/data/plan.docx"), message("And: /mnt/data/plan.docx")];
    const whole = streamOf(items.map((item, at) => ({ ...item, id: `item_${at}` })));
    const end = whole.findIndex(({ type }) => type === "response.output_text.done");
    // A sequence number is missing before the event that ends the text. The missing event may be a delta that comes late. So
    // the repair holds the end of the text until the next event.
    const events = whole.map((event, at) => ({ ...event, sequence_number: at < end ? at : at + 1 }));
    events.splice(end + 1, 0, events.findLast(({ type }) => type === "response.content_part.added")!);
    const out = await repaired(events);
    expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx", "plan.docx@/mnt/data/plan.docx"]);
    expect(await repaired(out)).toEqual(out);
  });

  it("with several responses in sequence: each has its own citations and its own report", async () => {
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

  it("with a final event that leaves out items: no part gets the citation of another part", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx"), message("That is all there is.")]);
    const final = { ...events.at(-1)!, response: response([call(), message("That is all there is.")]) };
    expect(cited(last(await repaired([...events.slice(0, -1), final])))).toEqual([]);
  });

  it("with an output_text.done event without text is repaired", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx")]).map((event) =>
      event.type === "response.output_text.done" ? { ...event, text: "" } : event,
    );
    expect(cited(last(await repaired(events)))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it.each([100_000, 4e9, 1e15])("with an output_index of %d is repaired", async (output_index) => {
    const noteItem = vi.spyOn(ResponseRepair.prototype, "noteItem");
    const events = streamOf([call(), message("/mnt/data/plan.docx")]).map((event) =>
      "output_index" in event ? { ...event, output_index } : event,
    );
    expect(cited(last(await repaired(events)))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    for (const [at] of noteItem.mock.calls) expect(at).toBeLessThan(2);
    noteItem.mockRestore();
  });

  it("whose frames all have the event name message is repaired", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx")]);
    const body = frames(events).replace(/^event: .*$/gm, "event: message");
    const { fetch } = upstream({ answer: () => streamed(body), files: [PLAN] });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST);
    expect(cited(last(eventsIn(await answer.text())))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("with a final event that is nested too deeply for JSON.stringify is repaired", async () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const events = streamOf([call(), message("/mnt/data/plan.docx")]);
    const body = frames(events).replaceAll('"metadata":{}', `"metadata":${deep}`);
    const { fetch } = upstream({ answer: () => streamed(body), files: [PLAN] });
    const answer = await createFileCitationsFetch({ fetch })(`${BASE}/responses`, POST);
    const final = body.slice(body.indexOf("event: response.completed"));
    const text = await answer.text();
    expect(cited(last(eventsIn(text)))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    expect(text.replaceAll(/(?<="annotations":\[)\{[^{}]*\}/g, "").endsWith(final)).toBe(true);
  });
});

describe("a stream that breaks", () => {
  const events = streamOf([call(), message("Here: /mnt/data/plan.docx, and more")]);
  const reset = new Error("reset");

  /** Returns a body that fails after `at` events. */
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
    "is reported with its error, which the reader gets too: onFailure %s",
    async (onFailure) => {
      for (let at = 0; at < events.length; at++) {
        const reports: Report[] = [];
        const onReport = (report: Report): void => void reports.push(report);
        // The reader gets the error that broke the stream, not an error of the library, even with `onFailure: "throw"`.
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

  it("and whose list failed too: the reader gets the stream's error, and the report has the list's", async () => {
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

  it("without its final event is reported with an error that says so", async () => {
    const reports: Report[] = [];
    await repaired(events.slice(0, 3), [PLAN], { onReport: (report) => reports.push(report) });
    expect(reports).toMatchObject([{ outcome: "failed", responseId: "resp_1" }]);
    expect(reports[0]!.error!.message).toBe("the stream ended without its final event");
  });

  it("with an error event is reported with the event's message, even if the reader stops there, as the SDK does", async () => {
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

  it("because the caller aborted the request is not reported", async () => {
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

  it("aborts the list request that was made early", async () => {
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

  it("because the reader leaves while an event waits for its list is not reported", async () => {
    const bytes = new TextEncoder().encode(frames(streamOf([call(), message("See /mnt/data/plan.docx")])));
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes),
    });
    const reports: Report[] = [];
    let ask = (): void => {};
    const asked = new Promise<void>((resolve) => {
      ask = resolve;
    });
    const { fetch } = upstream({
      answer: () => streamed(body),
      list: (_, { signal }) => {
        ask();
        return new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
        });
      },
    });
    const onReport = (report: Report): void => void reports.push(report);
    const answer = await createFileCitationsFetch({ fetch, onReport })(`${BASE}/responses`, POST);
    const reader = answer.body!.getReader();
    const reading = (async () => {
      while (!(await reader.read()).done);
    })();
    await asked;
    await reader.cancel();
    await reading;
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(reports).toEqual([]);
  });

  it("because onFailure is throw cancels the upstream", async () => {
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
