/** Tests `unmentioned: "cite"` in a stream: the annotation events agree with the final event, whatever follows the message. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type RepairOptions,
  type Report,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import { broken, PLAN, POST, repaired, sourceOf } from "./repairing.js";
import {
  BASE,
  call as callOf,
  cited,
  eventsIn,
  file,
  frames,
  message,
  response,
  type StreamEvent,
  sse,
  streamed,
  streamOf,
  upstream,
} from "./upstream.js";

const CHART = file("/mnt/data/chart.png");
const FILES = [PLAN, CHART];
/** Returns a function that lists the files of one container, as the API does. */
const listOf = (files: readonly ContainerFile[]) => sourceOf(files).list;
/** Returns a call whose code names `plan.docx` and `chart.png`. */
const call = (code = "doc.save('/mnt/data/plan.docx'); plt.savefig('chart.png')", containerId = "cntr_1") =>
  callOf(code, containerId);
const ADDED = "response.output_text.annotation.added";
const CITE = { unmentioned: "cite" } as const;

it.each([
  ["no message", [call()]],
  ["a refusal alone", [call(), { type: "message", content: [{ type: "refusal", refusal: "No." }] }]],
] as const)("if a response has %s, only the report names the files", async (_, output) => {
  const { report } = await repairResponse(response([...output]), listOf(FILES), CITE);
  expect(report.unmentioned).toEqual(FILES);
  const reports: Report[] = [];
  await repaired(streamOf([...output]), listOf(FILES), { ...CITE, onReport: (it) => void reports.push(it) });
  expect(reports.map(({ unmentioned }) => unmentioned)).toEqual([FILES]);
});

const throughEvents = (
  events: readonly StreamEvent[],
  files: readonly ContainerFile[] = FILES,
  options: RepairOptions = CITE,
): Promise<StreamEvent[]> => repaired(events, listOf(files), options);

/** Sends the events through the middleware, each event in its own chunk or all events in one chunk. */
async function throughFetch(events: readonly StreamEvent[], files = FILES, isOneChunk = false) {
  const ends = events.map((_, at) => Buffer.byteLength(frames(events.slice(0, at + 1))));
  const { fetch } = upstream({ answer: () => sse(frames(events), isOneChunk ? [] : ends), files });
  const answer = await createFileCitationsFetch({ fetch, ...CITE })(`${BASE}/responses`, POST);
  return eventsIn(await answer.text());
}

type Part = { type: string; text: string; annotations: { file_id: string }[] };
const partsOf = (event: StreamEvent): [string, Part][] =>
  (event.response as { output: { content?: Part[] }[] }).output.flatMap(({ content = [] }, item) =>
    content.flatMap((part, at): [string, Part][] =>
      part.type === "output_text" ? [[`${item}/${at}`, part]] : [],
    ),
  );

/** Returns the annotations that the events add to each part. Checks that `annotation_index` counts up from 0 in each part. */
function toldBy(events: readonly StreamEvent[]): Map<string, unknown[]> {
  const told = new Map<string, unknown[]>();
  for (const { type, output_index, content_index, annotation_index, annotation } of events) {
    if (type !== ADDED) continue;
    const key = `${output_index}/${content_index}`;
    const annotations = told.get(key) ?? [];
    expect(annotation_index).toBe(annotations.length);
    told.set(key, [...annotations, annotation]);
  }
  return told;
}

/** Describes each added annotation and the event after the additions: `a.png 3/0/0 before response.completed`. */
function added(events: readonly StreamEvent[]): string[] {
  return events.flatMap(({ type, annotation, output_index, content_index, annotation_index }, at) => {
    if (type !== ADDED) return [];
    const next = events.slice(at).find((event) => event.type !== ADDED)!.type;
    return [
      `${(annotation as { filename: string }).filename} ${output_index}/${content_index}/${annotation_index} before ${next}`,
    ];
  });
}

const reasoning = { id: "rs_1", type: "reasoning", summary: [] };
const refusal = { ...message(), content: [{ type: "refusal", refusal: "No." }] };

describe("if the last message ends the response,", () => {
  it("its 0..0 citation comes before the end of the text, before its other citations, and in every later event", async () => {
    const output = [
      call(),
      { ...message("First."), id: "msg_a" },
      call(),
      { ...message("See /mnt/data/plan.docx"), id: "msg_b" },
    ];
    const events = streamOf(output);
    for (const out of [
      await throughEvents(events),
      await throughFetch(events),
      await throughFetch(events, FILES, true),
    ]) {
      expect(added(out)).toEqual([
        "chart.png 3/0/0 before response.output_text.done",
        "plan.docx 3/0/1 before response.output_text.done",
      ]);
      for (const event of out.slice(-3, -1)) expect(JSON.stringify(event)).toContain("chart.png");
      expect(cited(out.at(-1)!.response)).toEqual(["chart.png@", "plan.docx@/mnt/data/plan.docx"]);
      const numbers = out.filter(({ type }) => type !== ADDED).map(({ sequence_number }) => sequence_number);
      expect(numbers).toEqual(events.map(({ sequence_number }) => sequence_number));
    }
  });

  it("the citation is sent even if the final event has no output, as from some gateways", async () => {
    const events = streamOf([call(), message("Done.")]);
    events.at(-1)!.response = response([]);
    expect(added(await throughEvents(events, [CHART]))).toEqual([
      "chart.png 1/0/0 before response.output_text.done",
    ]);
  });
});

describe("if something follows the last message,", () => {
  const endings: [string, Record<string, unknown>[]][] = [
    ["a reasoning item", [message("Done."), reasoning]],
    ["a call", [message("Done."), call()]],
    [
      "a function call",
      [message("Done."), { id: "fc_1", type: "function_call", name: "f", arguments: "{}" }],
    ],
    ["a refusal in a message of its own", [message("Done."), refusal]],
    [
      "a refusal in the same message",
      [{ ...message("Done."), content: [...(message("Done.").content as unknown[]), ...refusal.content] }],
    ],
  ];
  it.each(endings)(
    "such as %s, no event is held, and the citation comes right before the final event",
    async (_, end) => {
      const events = streamOf([call(), ...end]);
      for (const out of [
        await throughEvents(events, [CHART]),
        await throughFetch(events, [CHART]),
        await throughFetch(events, [CHART], true),
      ]) {
        expect(added(out)).toEqual(["chart.png 1/0/0 before response.completed"]);
        expect(out.at(-2)!.sequence_number).toBe(events.at(-2)!.sequence_number);
        expect(cited(out.at(-1)!.response)).toEqual(["chart.png@"]);
        expect(out.slice(0, -2)).toEqual(events.slice(0, -1));
      }
    },
  );

  it("the annotation event is sent even if the final event has no output", async () => {
    const events = streamOf([call(), message("Done."), reasoning]);
    events.at(-1)!.response = response([]);
    for (const out of [await throughEvents(events, [CHART]), await throughFetch(events, [CHART])]) {
      expect(added(out)).toEqual(["chart.png 1/0/0 before response.completed"]);
      expect(out.at(-1)).toEqual(events.at(-1));
    }
  });

  it("the text's other citations were sent before, and keep their indices", async () => {
    const out = await throughEvents(streamOf([call(), message("See /mnt/data/plan.docx"), reasoning]));
    expect(added(out)).toEqual([
      "plan.docx 1/0/0 before response.output_text.done",
      "chart.png 1/0/1 before response.completed",
    ]);
    expect(cited(out.at(-1)!.response)).toEqual(["plan.docx@/mnt/data/plan.docx", "chart.png@"]);
  });
});

it("a second repair sends no citation twice if only the text's own citation names the container", async () => {
  const citation = {
    container_id: "cntr_1",
    file_id: "cfile_0",
    filename: "x",
    start_index: 0,
    end_index: 0,
  };
  const own = { text: "Done.", annotations: [{ type: "container_file_citation", ...citation }] };
  const once = await throughEvents(streamOf([call(undefined, ""), message(own)]));
  expect(once.filter(({ type }) => type === ADDED)).toHaveLength(1 + FILES.length);
  expect(await throughEvents(once)).toEqual(once);
});

describe("for any order of the items", () => {
  const text = fc.constantFrom("Done.", "See /mnt/data/plan.docx", "/mnt/data/chart.png", "");
  const part = fc.oneof(
    text.map((given) => ({ type: "output_text", text: given, annotations: [], logprobs: [] })),
    fc.constant({ type: "refusal", refusal: "No." }),
  );
  const item = fc.oneof(
    fc.constant(call()),
    fc.constant(reasoning),
    fc.array(part, { maxLength: 3 }).map((content) => ({ ...message(), content })),
  );

  it("the events have every citation of the final event, and a plain response has the same citations", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 6 }), async (items) => {
        const output = items.map((value, at) => ({ ...value, id: `item_${at}` }));
        const events = streamOf(output);
        const reports: Report[] = [];
        const out = await throughEvents(events, FILES, {
          ...CITE,
          onReport: (report) => reports.push(report),
        });
        expect(await throughFetch(events)).toEqual(out);
        expect(await throughFetch(events, FILES, true)).toEqual(out);
        const told = toldBy(out);
        for (const [key, { annotations }] of partsOf(out.at(-1)!)) {
          expect(told.get(key) ?? []).toEqual(annotations);
          told.delete(key);
        }
        expect(told.size).toBe(0);
        const plain = await repairResponse(response(output), listOf(FILES), CITE);
        expect(cited(plain.response).sort()).toEqual(cited(out.at(-1)!.response).sort());
        expect((await repairResponse(plain.response, listOf(FILES), CITE)).response).toBe(plain.response);
        expect(await throughEvents(out as unknown as StreamEvent[], FILES)).toEqual(out);
        expect(reports).toHaveLength(1);
        expect(reports[0]!.citations.map(({ annotation }) => annotation.file_id).sort()).toEqual(
          plain.report.citations.map(({ annotation }) => annotation.file_id).sort(),
        );
      }),
      { numRuns: 300 },
    );
  });
});

it("a text before its call also gets the citations of the files that it mentions", async () => {
  const given = response([message("I will write /mnt/data/plan.docx."), call()]);
  const { response: repaired, report } = await repairResponse(given, listOf(FILES), CITE);
  expect(cited(repaired)).toEqual(["chart.png@", "plan.docx@/mnt/data/plan.docx"]);
  expect(report.unresolved).toEqual([]);
  expect((await repairResponse(repaired, listOf(FILES), CITE)).response).toBe(repaired);
});

describe("in an irregular stream", () => {
  it("without a final event, nothing is added, and held events keep their order", async () => {
    const events = streamOf([call(), message("First.")]).slice(0, -1);
    expect(await throughEvents(events)).toEqual(events);
    expect(await throughFetch(events)).toEqual(events);
    const body = `${frames(events)}data: [DONE]\n\n`;
    const { fetch } = upstream({ answer: () => streamed(body), files: FILES });
    const answer = await createFileCitationsFetch({ fetch, ...CITE })(`${BASE}/responses/resp_1`);
    expect(await answer.text()).toBe(body);
  });

  it("that breaks, held events come unchanged before the error", async () => {
    const events = streamOf([call(), message("First.")]);
    for (let at = 0; at < events.length; at++) {
      const out: StreamEvent[] = [];
      const read = async (): Promise<void> => {
        for await (const event of repairResponseStream(broken(events.slice(0, at)), listOf(FILES), CITE))
          out.push(event);
      };
      await expect(read()).rejects.toThrow("reset");
      expect(out).toEqual(events.slice(0, at));

      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(frames(events.slice(0, at)))),
        pull: (controller) => controller.error(new Error("reset")),
      });
      const { fetch } = upstream({ answer: () => streamed(body), files: FILES });
      const answer = await createFileCitationsFetch({ fetch, ...CITE })(`${BASE}/responses/resp_1`);
      let text = "";
      const readBytes = async (): Promise<void> => {
        for await (const chunk of answer.body!) text += new TextDecoder().decode(chunk);
      };
      await expect(readBytes()).rejects.toThrow("reset");
      expect(text).toBe(frames(events.slice(0, at)));
    }
  });

  it("with a deeply nested final event, the citations are added, and the nested value stays unchanged", async () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const events = streamOf([call(), message("First.")]);
    const body =
      frames(events.slice(0, -1)) +
      frames(events.slice(-1)).replaceAll('"metadata":{}', `"metadata":${deep}`);
    const { fetch } = upstream({ answer: () => streamed(body), files: FILES });
    const answer = await createFileCitationsFetch({ fetch, ...CITE })(`${BASE}/responses/resp_1`);
    const out = eventsIn((await answer.text()).replace(deep, "{}"));
    expect(added(out)).toHaveLength(FILES.length);
    expect(cited(out.at(-1)!.response)).toHaveLength(FILES.length);
  });
});
