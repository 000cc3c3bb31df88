/**
 * Tests a run that is killed and resumed. The run resumes at a milestone: a point of the input at which it saved its progress.
 * The killed run may have written more after the milestone. The output must have the same bytes as without the kill.
 */
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Output } from "../../src/cli/stored/output.js";
import { readAgain } from "../../src/cli/stored/reading.js";
import { type Counts, type Milestone, Run } from "../../src/cli/stored/run.js";
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

/** Yields a text in chunks of 700 bytes, which can end in the middle of a record or character. */
async function* reading(text: string): AsyncGenerator<Buffer, void, undefined> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, Math.min(at + 700, bytes.length));
}

interface Result {
  out: string;
  reportText: string;
  /** The report without `heldMs` and `durationMs`, which differ between runs. */
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
    milestones: {
      isDue: () => true,
      stateOf: async (input: number) => ({ size: input, mtime: 1000 + input }),
      save: async (milestone: Milestone) => {
        milestones.push(JSON.parse(JSON.stringify(milestone)));
      },
    },
  };
  out.endsLine = from?.outEndsLine ?? true;
  const running = new Run(options, from);
  const [first, ...others] = inputs.slice(from?.done.length).map(reading);
  const { rest, hash } = await readAgain(
    { name: "the input", path: "-", size: undefined },
    first!,
    from?.current,
  );
  await running.of([rest, ...others], hash);
  await out.close();
  await report.close();
  const reportText = await readFile(join(folder, "report"), "utf8");
  const reported = reportText.split("\n").slice(0, -1);
  return {
    out: await readFile(join(folder, "out"), "utf8"),
    reportText,
    report: reported.map((line) => ({ ...JSON.parse(line), heldMs: 0, durationMs: 0 })),
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
    "values with a broken one",
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
  it("resume from every milestone", async () => {
    const whole = await run(inputs);
    if (expected) expect(whole.out).toBe(expected.join("\n"));
    expect(whole.counts).toMatchObject({ citations: whole.counts.responses, left: 0, failed: 0 });
    expect(whole.counts.responses).toBeGreaterThanOrEqual(NUMBERS.length);
    expect(whole.milestones.length).toBeGreaterThan(inputs.length);
    for (const milestone of whole.milestones) {
      const parts = [...milestone.done, ...(milestone.current ? [milestone.current] : [])];
      expect(parts).toMatchObject(parts.map((_, input) => ({ size: input, mtime: 1000 + input })));
      // A killed process may have written more records after the milestone, and part of another record.
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

/** Returns whether a JSON value begins before the line with the index `cut` and ends in this line or later. */
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

describe("any lines", () => {
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
      "not JSON",
    ),
  );

  it("give the same bytes if they are split into two inputs", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), fc.nat(8), async (list, at) => {
        const all = list.map((text) => `${text}\n`);
        // The cut must not be inside a value that spans several lines.
        fc.pre(!all.some((text) => text.trim().includes("\n")) || at >= all.length);
        fc.pre(!isInsideValue(all, at));
        const whole = await run([all.join("")]);
        const parts = [await run([all.slice(0, at).join("")]), await run([all.slice(at).join("")])];
        expect(parts.map(({ out }) => out).join("")).toBe(whole.out);
      }),
      { numRuns: 300, examples: [[['{"a":', JSON.stringify(responseOf(0)), "}"], 1]] },
    );
  });

  it("keep their order, and records that are not responses keep their bytes", async () => {
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

it("a run fails with its input's error, and what it has written is correct", async () => {
  const out = await Output.toFile(join(folder, "out"));
  await out.begin();
  const right = lines([responseOf(1, { cited: true }), responseOf(2, { cited: true })]);
  let onWritten!: () => void;
  const written = new Promise<void>((resolve) => {
    onWritten = resolve;
  });
  const flush = out.flush.bind(out);
  out.flush = async () => {
    await flush();
    if ((await readFile(join(folder, "out"), "utf8")) === right) onWritten();
  };
  const options = {
    context,
    out,
    report: undefined,
    concurrency: 3,
    onOthers: () => {},
    onProgress: () => {},
  };
  const breaking = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(lines([responseOf(1), responseOf(2)]));
    yield Buffer.from(lines([responseOf(3)]).slice(0, -9));
    await written;
    throw new Error("the disk is gone");
  };
  await expect(new Run(options).of([breaking()])).rejects.toThrow("the disk is gone");
  await out.close();
  expect(await readFile(join(folder, "out"), "utf8")).toBe(right);
});
