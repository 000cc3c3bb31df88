/**
 * Tests stored events in which the last events of one response are missing. This may affect only a few later
 * responses. The command must still save its progress.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Output } from "../../src/cli/stored/output.js";
import { type Milestone, Run } from "../../src/cli/stored/run.js";
import { contextOf } from "../../src/responses/repair.js";
import type { Report } from "../../src/types.js";
import { call, file, message, response, type StreamEvent, streamOf } from "../upstream.js";

const PATH = "/mnt/data/report.csv";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cut-off-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Returns the events of a response that writes a file in a container of its own and mentions the file. */
function writing(name: string): StreamEvent[] {
  const wrote = { ...call(`open('${PATH}', 'w')`, `cntr_${name}`), id: `ci_${name}` };
  const output = [wrote, { ...message(`Saved ${PATH}`), id: `msg_${name}` }];
  return streamOf(output).map((event) => {
    const own = event.response as object | undefined;
    return own ? { ...event, response: { ...response(output), ...own, id: `resp_${name}` } } : event;
  });
}

const unnumbered = ({ sequence_number: _, ...event }: StreamEvent): StreamEvent => event as StreamEvent;
const named = (name: string, events: StreamEvent[]): StreamEvent[] =>
  events.map((event) => ({ ...event, stream_id: name }));
const numbersTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const whole = (count: number): StreamEvent[] => numbersTo(count).flatMap((n) => writing(`whole${n}`));

async function repaired(
  events: readonly StreamEvent[],
): Promise<{ out: StreamEvent[]; reports: Report[]; milestones: Milestone[] }> {
  const out = await Output.toFile(join(folder, "out"));
  await out.begin();
  const reports: Report[] = [];
  const milestones: Milestone[] = [];
  async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (const event of events) yield Buffer.from(`${JSON.stringify(event)}\n`);
  }
  const list = (id: string) => [file(PATH, { container_id: id, id: id.replace("cntr_", "cfile_") })];
  const run = new Run({
    ...{ context: contextOf(list, {}), out, report: undefined, concurrency: 3 },
    onReport: (report) => void reports.push(report),
    onOthers: ({ problem }) => expect.fail(problem),
    onProgress: () => {},
    milestones: {
      isDue: () => true,
      stateOf: async () => undefined,
      save: async (milestone) => void milestones.push(milestone),
    },
  });
  await run.of([chunks()]);
  await out.close();
  const text = await readFile(join(folder, "out"), "utf8");
  const parsed = text.split("\n").slice(0, -1);
  return { out: parsed.map((line) => JSON.parse(line) as StreamEvent), reports, milestones };
}

const reportOf = (reports: readonly Report[], name: string): Report[] =>
  reports.filter(({ responseId }) => responseId === `resp_${name}`);

/** Returns whether an event ends the response `whole<n>` and cites this response's own file. */
const isCitedEnd = ({ type, response }: StreamEvent, n: number): boolean =>
  type === "response.completed" &&
  (response as { id: string }).id === `resp_whole${n}` &&
  JSON.stringify(response).includes(`"file_id":"cfile_whole${n}"`);

const places = Object.keys(writing("a")).map(Number).slice(1);

describe("a response whose events are cut off", () => {
  it.each(places)("after %i events harms at most the next eight responses", async (cut) => {
    const { reports, out } = await repaired([...writing("cut").slice(0, cut), ...whole(12)]);
    expect(reports).toHaveLength(13);
    expect(reportOf(reports, "cut")).toMatchObject([{ error: expect.anything() }]);
    for (const n of numbersTo(12)) expect(out.some((event) => isCitedEnd(event, n))).toBe(true);
    for (const n of numbersTo(12).slice(8)) {
      const [report] = reportOf(reports, `whole${n}`);
      expect(report).toMatchObject({
        outcome: "recovered",
        citations: [{ annotation: { file_id: `cfile_whole${n}` } }],
      });
      expect(report!.error).toBeUndefined();
      const done = out.find(({ type, item_id }) => /text.done/.test(type) && item_id === `msg_whole${n}`)!;
      expect(out[out.indexOf(done) - 1]!.type).toBe("response.output_text.annotation.added");
    }
  });

  it.each([1, 9, 300])("harms at most the next response after %i such responses", async (count) => {
    const cut = numbersTo(count).flatMap((n) => writing(`cut${n}`).slice(0, 4));
    const { reports } = await repaired([...cut, ...whole(4)]);
    expect(reports).toHaveLength(count + 4);
    for (const n of [1, 2, 3]) expect(reportOf(reports, `whole${n}`)[0]!.error).toBeUndefined();
  });

  it("harms only a few responses without sequence numbers", async () => {
    const events = [...writing("cut").slice(0, 4), ...whole(20)].map(unnumbered);
    const { reports } = await repaired(events);
    expect(reports).toHaveLength(21);
    for (const n of numbersTo(20).slice(1)) expect(reportOf(reports, `whole${n}`)[0]!.error).toBeUndefined();
  });

  it("is reported soon, and then progress is saved", async () => {
    const { reports, milestones } = await repaired([...writing("cut").slice(0, 4), ...whole(30)]);
    expect(reports.findIndex(({ responseId }) => responseId === "resp_cut")).toBeLessThan(10);
    expect(milestones.length).toBeGreaterThan(15);
    expect(milestones.at(-1)!.counts.responses).toBe(31);
  });

  it("is reported after 64 other responses if it has a stream_id", async () => {
    const others = numbersTo(90).flatMap((n) => named(`lane${n}`, writing(`whole${n}`)));
    const { reports, milestones } = await repaired([...named("cut", writing("cut").slice(0, 4)), ...others]);
    expect(reports).toHaveLength(91);
    expect(reports.filter(({ error }) => error)).toHaveLength(1);
    expect(milestones.length).toBeGreaterThan(15);
  });

  it.each(places)(
    "after %i events does not mix with the next response if it goes on and both have the same sequence numbers",
    async (at) => {
      const [paused, short, next] = ["paused", "short", "next"].map(writing) as [
        StreamEvent[],
        StreamEvent[],
        StreamEvent[],
      ];
      const alternating = Array.from({ length: next.length }, (_, n) => [
        paused[at + n],
        next[at + n],
      ]).flat();
      const rest = alternating.filter((event) => event !== undefined);
      const { out } = await repaired([...paused.slice(0, at), ...short, ...next.slice(0, at), ...rest]);
      for (const event of out.filter(({ type }) =>
        /annotation.added|text.done|part.done|item.done/.test(type),
      )) {
        const [, name] = /^msg_(\w+)/.exec(`${event.item_id ?? (event.item as { id?: string })?.id}`) ?? [];
        for (const [, owner] of JSON.stringify(event).matchAll(/"file_id":"cfile_(\w+)"/g))
          expect(owner).toBe(name);
      }
    },
  );

  it("gets no citation if it goes on after it was reported, and no other response gets its events", async () => {
    const cut = writing("cut");
    for (const place of places) {
      const late = whole(12);
      const begun = writing("next");
      const events = [
        ...cut.slice(0, place),
        ...late,
        ...begun.slice(0, 2),
        ...cut.slice(place),
        ...begun.slice(2),
      ];
      const { reports, out } = await repaired(events);
      expect(reportOf(reports, "cut")).toHaveLength(1);
      for (const event of out) {
        const name = /id":"(?:resp|msg)_(\w+)"/.exec(JSON.stringify(event))?.[1];
        const cited = [...JSON.stringify(event).matchAll(/"file_id":"cfile_(\w+)"/g)].map(([, of]) => of);
        expect(cited.every((of) => of === name)).toBe(true);
      }
    }
  });
});

describe("a response that pauses while others run", () => {
  it.each(places)("after %i events gets its citation if it goes on alone", async (place) => {
    const paused = writing("paused");
    const { reports } = await repaired([...paused.slice(0, place), ...whole(2), ...paused.slice(place)]);
    expect(reports).toHaveLength(3);
    expect(reportOf(reports, "paused")).toMatchObject([{ outcome: "recovered" }]);
  });

  it.each(places)("after %i events gets no events of the others", async (place) => {
    const paused = writing("paused");
    const next = writing("next");
    for (const at of places) {
      const { out } = await repaired([
        ...paused.slice(0, place),
        ...whole(2),
        ...next.slice(0, at),
        ...paused.slice(place),
        ...next.slice(at),
      ]);
      for (const { type, response: own } of out) {
        if (type !== "response.completed") continue;
        const { id } = own as { id: string };
        const cited = [...JSON.stringify(own).matchAll(/"file_id":"cfile_(\w+)"/g)].map(([, of]) => of);
        expect(cited.every((of) => `resp_${of}` === id)).toBe(true);
      }
    }
  });
});

describe("a response that ends with an error", () => {
  const error = { type: "error", code: "server_error", message: "gone", param: null, sequence_number: 4 };
  const failing = [...writing("failing").slice(0, 4), error as unknown as StreamEvent];

  it("is reported with the error, and then progress is saved", async () => {
    const { reports, milestones } = await repaired([...failing, ...whole(5)]);
    expect(reports).toHaveLength(6);
    expect(reportOf(reports, "failing")[0]!.error!.message).toMatch("gone");
    expect(reports.filter((report) => report.error)).toHaveLength(1);
    expect(milestones).toHaveLength(5);
  });

  it("is reported once if its final event follows", async () => {
    const final = { ...writing("failing").at(-1)!, type: "response.failed", sequence_number: 5 };
    const { reports } = await repaired([...failing, final as StreamEvent, ...whole(1)]);
    expect(reports.map(({ responseId }) => responseId)).toEqual(["resp_failing", "resp_whole0"]);
  });
});
