/**
 * Tests how the command `repair` handles recorded events. The command must write each event once, even an event that it holds for
 * some time. It must not mix up the events of several responses.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Output } from "../../src/cli/stored/output.js";
import { Run, type RunOptions } from "../../src/cli/stored/run.js";
import { contextOf } from "../../src/responses/repair.js";
import type { Report } from "../../src/types.js";
import { call, file, message, response, type StreamEvent, streamOf } from "../upstream.js";

const PATH = "/mnt/data/report.csv";
const LANES = ["a", "b", "c"];
const FILES = LANES.map((name) => file(PATH, { container_id: `cntr_${name}`, id: `cfile_${name}` }));
const ADDED = "response.output_text.annotation.added";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "events-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** The ways in which an input can hold events. */
const SHAPES = {
  lines: (events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join(""),
  values: (events: readonly object[]) => events.map((event) => JSON.stringify(event, null, 1)).join("\n"),
  array: (events: readonly object[]) => JSON.stringify(events),
};

/** Repairs an input. Each list request takes one turn of the event loop. */
async function repaired(
  input: string,
  concurrency = 3,
  milestones?: RunOptions["milestones"],
): Promise<{ text: string; reports: Report[] }> {
  const list = async (id: string) => {
    await new Promise(setImmediate);
    return FILES.filter(({ container_id }) => container_id === id);
  };
  const out = await Output.toFile(join(folder, "out"));
  await out.begin();
  const reports: Report[] = [];
  async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < input.length; at += 500) yield Buffer.from(input.slice(at, at + 500));
  }
  const run = new Run({
    ...{ context: contextOf(list, {}), out, report: undefined, concurrency },
    onReport: (report) => void reports.push(report),
    onOthers: ({ problem }) => expect.fail(problem),
    onProgress: () => {},
    ...(milestones && { milestones }),
  });
  await run.of([chunks()]);
  await out.close();
  return { text: await readFile(join(folder, "out"), "utf8"), reports };
}

function eventsIn(text: string, shape: keyof typeof SHAPES): StreamEvent[] {
  if (shape === "array") return JSON.parse(text);
  return JSON.parse(`[${text.replace(/\}\s*(?=\{"type":|\{\s*"type":)/g, "},")}]`);
}

const withoutCitations = (event: StreamEvent): unknown =>
  JSON.parse(JSON.stringify(event, (key, value) => (key === "annotations" ? [] : value)));

/**
 * Returns the events of a response. The response's message announces a file, and then a call writes the file. The response's
 * tools name the container.
 */
function announcing(name = "a"): StreamEvent[] {
  const wrote = { ...call(`open('${PATH}', 'w')`, `cntr_${name}`), id: `ci_${name}` };
  const output = [{ ...message(`Next I write ${PATH}`), id: `msg_${name}` }, wrote];
  return eventsOf(name, output, [{ type: "code_interpreter", container: `cntr_${name}` }]);
}

function writing(name: string): StreamEvent[] {
  const wrote = { ...call(`open('${PATH}', 'w')`, `cntr_${name}`), id: `ci_${name}` };
  return eventsOf(name, [wrote, { ...message(`Saved ${PATH}`), id: `msg_${name}` }], []);
}

function eventsOf(name: string, output: Record<string, unknown>[], tools: object[]): StreamEvent[] {
  return streamOf(output).map((event) => {
    if (!event.response) return event;
    const own = event.response as { output: unknown[] };
    return { ...event, response: { ...response(output), ...own, id: `resp_${name}`, tools } };
  });
}

describe("the events of a response", () => {
  const cases = Object.keys(SHAPES).flatMap((shape) =>
    [1, 3].map((concurrency) => [shape as keyof typeof SHAPES, concurrency] as const),
  );
  it.each(cases)("are each written once while some are held: %s, %i at once", async (shape, concurrency) => {
    const events = announcing();
    const { text, reports } = await repaired(SHAPES[shape](events), concurrency);
    const out = eventsIn(text, shape);
    expect(out.filter(({ type }) => type !== ADDED).map(withoutCitations)).toEqual(
      events.map(withoutCitations),
    );
    expect(out.filter(({ type }) => type === ADDED)).toHaveLength(1);
    expect(reports).toMatchObject([{ responseId: "resp_a", outcome: "recovered" }]);
  });

  it("are each written once if the input is cut off while some are held", async () => {
    const events = announcing();
    const cut = events.slice(0, events.findIndex(({ type }) => type === "response.output_item.done") + 1);
    const { text, reports } = await repaired(SHAPES.lines(cut));
    expect(eventsIn(text, "lines")).toEqual(cut);
    expect(reports).toHaveLength(1);
  });
});

it("no progress is saved at a whole response between the events of another response, while these events wait", async () => {
  const ends = writing("a").filter(({ type }) => /created|completed/.test(type)); // the list is requested at the final event
  const [created, ...others] = writing("b");
  const records = [...ends, created!, { ...response([]), id: "resp_x" }, ...others];
  for (let skipped = 0; skipped < records.length; skipped++) {
    let left = skipped;
    const places: (number | undefined)[] = [];
    await repaired(SHAPES.lines(records), 8, {
      isDue: () => left-- <= 0,
      stateOf: async () => undefined,
      save: async ({ current }) => void places.push(current?.position.number),
    });
    for (const place of places) expect([ends.length, records.length]).toContain(place);
  }
});

describe("the interleaved events of several responses", () => {
  it.each([true, false])("get the same citations as alone (with stream_id: %s)", async (isNamed) => {
    const named = (name: string, events: StreamEvent[]): StreamEvent[] =>
      isNamed ? events.map((event) => ({ ...event, stream_id: name })) : events;
    const lanes = LANES.map((name) => named(name, name === "b" ? announcing(name) : writing(name)));
    const alone = new Map<string, StreamEvent>();
    for (const [index, events] of lanes.entries()) {
      const { text } = await repaired(SHAPES.lines(events));
      alone.set(LANES[index]!, eventsIn(text, "lines").at(-1)!);
    }
    const order = fc.array(fc.nat(2), { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(order, fc.constantFrom(1, 2, 8), async (picks, concurrency) => {
        const left = lanes.map((events) => [...events]);
        const mixed: StreamEvent[] = [];
        for (const pick of picks) mixed.push(...left[pick]!.splice(0, 1));
        mixed.push(...left.flat());
        const { text, reports } = await repaired(SHAPES.lines(mixed), concurrency);
        const out = eventsIn(text, "lines");
        expect(out.filter(({ type }) => type !== ADDED).map(withoutCitations)).toEqual(
          mixed.map(withoutCitations),
        );
        const finals = out.filter(({ type }) => type === "response.completed");
        for (const final of finals) {
          const name = (final.response as { id: string }).id.slice(-1);
          const cited = [...JSON.stringify(final).matchAll(/"file_id":"cfile_(\w+)"/g)].map(([, of]) => of);
          expect(cited.every((of) => of === name)).toBe(true);
          if (isNamed || reports.every(({ error }) => !error)) expect(final).toEqual(alone.get(name));
        }
        if (isNamed) expect(reports.map(({ outcome }) => outcome)).toEqual(LANES.map(() => "recovered"));
      }),
      { numRuns: 25 },
    );
  });
});
