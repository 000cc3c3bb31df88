/** A run goes on from every milestone to the same bytes, whatever was written after it. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Output } from "../../src/cli/stored/output.js";
import { type Counts, type Milestone, type Read, Run } from "../../src/cli/stored/run.js";
import { contextOf } from "../../src/responses/repair.js";
import { batchLineOf, eventsOf, fileOf, lines, responseOf, sse } from "./responses.js";

const NUMBERS = Array.from({ length: 12 }, (_, n) => n);
const context = contextOf((containerId) => [fileOf(Number(containerId.slice("cntr_".length)))], {
  retries: 0,
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "run-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

const responses = (cited: boolean): object[] => NUMBERS.map((n) => responseOf(n, { cited }));

/** In chunks that end anywhere. */
function reading(text: string): Read {
  const bytes = Buffer.from(text);
  return async function* read(offset) {
    for (let at = offset; at < bytes.length; at += 700)
      yield bytes.subarray(at, Math.min(at + 700, bytes.length));
  };
}

interface Result {
  out: string;
  reportText: string;
  /** Without its times. */
  report: unknown[];
  counts: Counts;
  milestones: Milestone[];
}

async function run(inputs: readonly string[], from?: Milestone): Promise<Result> {
  const out = await Output.toFile(join(folder, "out"), from?.outLength);
  const report = await Output.toFile(join(folder, "report"), from?.reportLength);
  await Promise.all([out.begin(), report.begin()]);
  const milestones: Milestone[] = [];
  const options = {
    context,
    out,
    report,
    concurrency: 3,
    onOthers: () => {},
    onProgress: () => {},
    isMilestoneDue: () => true,
    onMilestone: async (milestone: Milestone) => {
      milestones.push(JSON.parse(JSON.stringify(milestone)));
    },
  };
  out.endsLine = from?.outEndsLine ?? true;
  const running = new Run(options, from);
  await running.of(inputs.map(reading));
  await out.close();
  await report.close();
  const reportText = await readFile(join(folder, "report"), "utf8");
  const reported = reportText.split("\n").slice(0, -1);
  return {
    out: await readFile(join(folder, "out"), "utf8"),
    reportText,
    report: reported.map((line) => ({ ...JSON.parse(line), heldMs: 0 })),
    counts: running.counts,
    milestones,
  };
}

describe.each([
  ["lines", [lines(responses(false))], [lines(responses(true))]],
  [
    "lines with CRLF and a byte order mark",
    [`\ufeff${lines(responses(false), "\r\n")}`],
    [`\ufeff${lines(responses(true), "\r\n")}`],
  ],
  [
    "a Batch API's output",
    [lines(NUMBERS.map((n) => batchLineOf(n)))],
    [lines(NUMBERS.map((n) => batchLineOf(n, { cited: true })))],
  ],
  ["an array", [JSON.stringify(responses(false), null, 1)], undefined],
  [
    "values over several lines",
    [
      responses(false)
        .map((value) => JSON.stringify(value, null, 1))
        .join("\n"),
    ],
    undefined,
  ],
  [
    "values, of which one is broken",
    [`${JSON.stringify(responseOf(1), null, 1)}\n{\n${lines(responses(false))}`],
    undefined,
  ],
  [
    "events",
    [lines(NUMBERS.flatMap((n) => eventsOf(n)))],
    [lines(NUMBERS.flatMap((n) => eventsOf(n, { cited: true })))],
  ],
  [
    "several inputs, one after the other",
    [
      lines(responses(false)).trim(),
      sse(eventsOf(1)),
      "",
      JSON.stringify(responses(false)),
      sse(eventsOf(2)),
      lines(responses(false)).trim(),
    ],
    undefined,
  ],
])("%s", (_, inputs, expected) => {
  it("go on from every milestone", async () => {
    const whole = await run(inputs);
    if (expected) expect(whole.out).toBe(expected.join("\n"));
    expect(whole.counts).toMatchObject({ citations: whole.counts.responses, left: 0, failed: 0 });
    expect(whole.counts.responses).toBeGreaterThanOrEqual(NUMBERS.length);
    expect(whole.milestones.length).toBeGreaterThan(inputs.length);
    for (const milestone of whole.milestones) {
      // What a process that was killed may have left: more than the milestone, and half of something.
      await writeFile(join(folder, "out"), whole.out);
      await appendFile(join(folder, "out"), '{"id":"resp_');
      await writeFile(join(folder, "report"), `${whole.reportText}{"line":`);
      const resumed = await run(inputs, milestone);
      expect(resumed.out).toBe(whole.out);
      expect(resumed.report).toEqual(whole.report);
      expect(resumed.counts).toEqual(whole.counts);
    }
  });
});

/** Whether lines before and behind a cut are one value together. */
function isInsideValue(all: readonly string[], cut: number): boolean {
  for (let from = 0; from < cut; from++) {
    for (let to = cut + 1; to <= all.length; to++) {
      try {
        JSON.parse(all.slice(from, to).join(""));
        return true;
      } catch {}
    }
  }
  return false;
}

describe("lines, whatever they hold", () => {
  const line = fc.oneof(
    fc.nat(11).map((n) => JSON.stringify(responseOf(n))),
    fc.nat(11).map((n) => JSON.stringify(responseOf(n, { cited: true }))),
    fc.nat(11).map((n) => JSON.stringify(responseOf(n), null, 1)),
    fc.tuple(fc.nat(11), fc.nat(900)).map(([n, end]) => JSON.stringify(responseOf(n)).slice(0, end)),
    fc.constantFrom(
      "",
      " ",
      "[",
      "[1,",
      "[{},",
      "]",
      "}",
      "{",
      "null",
      "1",
      '"a"',
      '{"a":',
      '{"a":[1,',
      "{}{}",
      "no JSON",
    ),
  );

  it("give the same bytes when they are split between two of them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), fc.nat(8), async (list, at) => {
        const all = list.map((text) => `${text}\n`);
        // What goes on over several lines is one thing only where nobody cuts it.
        fc.pre(!all.some((text) => text.trim().includes("\n")) || at >= all.length);
        fc.pre(!isInsideValue(all, at));
        const whole = await run([all.join("")]);
        const parts = [await run([all.slice(0, at).join("")]), await run([all.slice(at).join("")])];
        expect(parts.map(({ out }) => out).join("")).toBe(whole.out);
      }),
      { numRuns: 300, examples: [[['{"a":', JSON.stringify(responseOf(0)), "}"], 1]] },
    );
  });

  it("come out again in their order, and what is no response as it came", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (list) => {
        const { out, counts } = await run([list.join("\n")]);
        const without = (text: string): string =>
          text.replace(/\{"type":"container_file_citation".*?\}/g, "");
        expect(without(out)).toBe(without(list.join("\n")));
        expect(counts.left + counts.failed).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

it("fails with what its input fails with, when all before that is written", async () => {
  const out = await Output.toFile(join(folder, "out"));
  await out.begin();
  const options = {
    context,
    out,
    report: undefined,
    concurrency: 3,
    onOthers: () => {},
    onProgress: () => {},
    isMilestoneDue: () => false,
    onMilestone: async () => {},
  };
  const breaking: Read = async function* read() {
    yield Buffer.from(lines([responseOf(1), responseOf(2)]));
    throw new Error("the disk is gone");
  };
  await expect(new Run(options).of([breaking])).rejects.toThrow("the disk is gone");
  await out.close();
  const written = await readFile(join(folder, "out"), "utf8");
  expect(lines([responseOf(1, { cited: true }), responseOf(2, { cited: true })]).startsWith(written)).toBe(
    true,
  );
});
