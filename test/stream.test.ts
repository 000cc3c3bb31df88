/** Tests streams: where citation events are inserted, which later events repeat a citation, and the sequence numbers. */
import { describe, expect, it, vi } from "vitest";
import {
  createFileCitationsFetch,
  FileCitationsError,
  type Report,
  repairResponseStream,
} from "../src/index.js";
import { createResponsesEmulator, type Script } from "../src/testing/index.js";
import { added, broken, last, PLAN, repaired } from "./repairing.js";
import { expectValid } from "./schemas.js";
import {
  BASE,
  call,
  cited,
  eventsIn,
  file,
  message,
  response,
  type StreamEvent,
  streamOf,
} from "./upstream.js";

describe("a stream", () => {
  it("gets the annotation event before output_text.done, and the citation in the three events that repeat it", async () => {
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
    // Events without additions are the same objects as in the input.
    for (const event of out.slice(0, at)) expect(events).toContain(event);
    expect(events).toContain(out[at + 1]);
  });

  it("continues the annotation_index of the API's citations", async () => {
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

  it("with several messages and parts, and calls between them in two containers, is repaired", async () => {
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
    "that ends with %s is repaired",
    async (final) => {
      const out = await repaired(streamOf([call(), message("Here: /mnt/data/plan.docx")], final));
      expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
    },
  );

  it("whose final event has an empty output, as from some gateways, keeps it empty", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    events.at(-1)!.response = response([]);
    const out = await repaired(events);
    expect(added(out)).toHaveLength(1);
    expect(out.at(-1)).toBe(events.at(-1));
  });

  it("without a final event, or with an error event, is repaired and reported", async () => {
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

  it("that is resumed after its text gets no annotation event, but its part has the citation", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const tail = events.slice(events.findIndex(({ type }) => type === "response.content_part.done"));
    const out = await repaired(tail, [PLAN]);
    expect(out.map(({ type }) => type)).toEqual(tail.map(({ type }) => type));
    expect(out[0]!.part).toMatchObject({ annotations: [{ filename: "plan.docx" }] });
    expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("that is resumed after its call gets the citation in the final event, which names the container", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    const tail = events.slice(events.findIndex(({ type }) => type === "response.output_text.delta"));
    const out = await repaired(tail, async (id) => (id === "cntr_1" ? [PLAN] : []));
    expect(cited(last(out))).toEqual(["plan.docx@/mnt/data/plan.docx"]);
  });

  it("that is resumed from an inserted event loses no event of the API", async () => {
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

  it("with nothing missing passes the same objects and requests no list", async () => {
    const refusal = { ...message(), content: [{ type: "refusal", refusal: "/mnt/data/plan.docx" }] };
    const events = streamOf([call(), message("Done."), refusal]);
    const source = vi.fn();
    const out = await repaired(events, source);
    expect(out.every((event, at) => event === events[at])).toBe(true);
    expect(source).not.toHaveBeenCalled();
  });

  it("throws if the recovery fails and onFailure is throw", async () => {
    const events = streamOf([call(), message("/mnt/data/plan.docx")]);
    const source = (): never => {
      throw new Error("down");
    };
    await expect(repaired(events, source, { onFailure: "throw" })).rejects.toThrow(FileCitationsError);
    expect(await repaired(events, source)).toEqual(events);
  });

  it("that breaks throws the same error after all received events", async () => {
    const events = streamOf([call(), message("Here: /mnt/data/plan.docx")]);
    for (let at = 0; at < events.length; at++) {
      const out: StreamEvent[] = [];
      const read = async (): Promise<void> => {
        for await (const event of repairResponseStream(broken(events.slice(0, at)), [PLAN])) out.push(event);
      };
      await expect(read()).rejects.toThrow("reset");
      expect(out.filter(({ type }) => !type.endsWith("annotation.added"))).toHaveLength(at);
    }
  });
});

describe("the schemas", () => {
  it("accept every repaired event", async () => {
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
