/**
 * Tests texts that repeat a mention. The resolver looks up a repeated mention only once. The result must be the same as if each
 * mention were looked up.
 */
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { LONGEST_PATH } from "../../src/citations/mentions.js";
import { Repetition } from "../../src/citations/repetition.js";
import { resolveFileCitations } from "../../src/index.js";
import { BARE_FORMS, file, LINK_FORMS, resolved } from "./forms.js";

const files = ["report.csv", "out/plot.png", "Q3 report.pdf", "x/a.csv", "y/a.csv", "plo x/b.csv"].map(
  (path) => file(path),
);
files.push(file("file-Ab12-data.csv", { source: "user" }));

/** Texts to repeat: mentions with and without a file, and text around them. */
const pieces = fc
  .array(
    fc.oneof(
      fc
        .tuple(
          fc.constantFrom(...Object.values({ ...LINK_FORMS, ...BARE_FORMS })),
          fc.constantFrom("report.csv", "out/plot.png", "nope.csv", "a.csv", "out/plo", "data.csv", "out"),
        )
        .map(([write, name]) => write(name).join("")),
      fc.constantFrom(
        " ",
        "\n",
        "**",
        "*",
        "`",
        '"',
        "(",
        "[x](",
        "/mnt/data/",
        "é",
        "🎉",
        "```\n",
        "\\",
        "x",
      ),
      fc.constantFrom("/mnt/data/out/plo ", "/mnt/data/Q3 ", "[x](/mnt/data/nope ", '"/mnt/data/a b '),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(""));
const texts = fc
  .array(fc.tuple(pieces, fc.integer({ min: 1, max: 300 })), { minLength: 1, maxLength: 3 })
  .map((runs) => runs.map(([piece, times]) => piece.repeat(times)).join(""));

afterEach(() => {
  vi.restoreAllMocks();
});

test("gives the same result as looking up each mention", () => {
  let repeated = 0;
  fc.assert(
    fc.property(texts, (text) => {
      const count = vi.spyOn(Repetition.prototype, "countAt");
      const found = resolveFileCitations(text, files);
      repeated += Math.max(0, ...count.mock.results.map(({ value }) => value as number));
      count.mockReturnValue(0);
      expect(found).toEqual(resolveFileCitations(text, files));
      count.mockRestore();
    }),
    { seed: 20_260_101, numRuns: 150 },
  );
  expect(repeated).toBeGreaterThan(1000);
});

test("looks up the mentions again where the text after them differs", () => {
  const missing = "/mnt/data/out/plo ";
  for (const times of [226, 227, 228, 500, 1000]) {
    const { missed } = resolved(`${missing.repeat(times)}x/b.csv and ${missing.repeat(times)}`, files);
    expect(missed).toHaveLength(2 * times);
    expect(resolved(`${missing.repeat(times)}/mnt/data/report.csv`, files).cited).toEqual([
      [times * missing.length, times * missing.length + 20, "cfile_report.csv"],
    ]);
  }
});

test("an annotation in a repeated text covers only its own mention", () => {
  const piece = "see /mnt/data/report.csv\n";
  const text = piece.repeat(1000);
  const start = 500 * piece.length + 4;
  const given = { type: "container_file_citation", file_id: "cfile_report.csv", filename: "report.csv" };
  const { cited } = resolved(text, files, [{ ...given, start_index: start, end_index: start + 20 }]);
  expect(cited).toHaveLength(999);
  expect(cited.some(([from]) => from === start)).toBe(false);
});

test("counts a repetition only if all text that a lookup reads repeats too, and leaves out the last repetition", () => {
  const [before, after] = [512, LONGEST_PATH + 512];
  const piece = "see /mnt/data/report.csv\n";
  for (const end of ["", "x", "see", "see /mnt/data/report.csv and more".repeat(200)]) {
    // The repetitions are tested with and without one other character in the middle.
    for (const between of ["", "x"]) {
      const text = piece.repeat(400) + between + piece.repeat(300) + end;
      const repetition = new Repetition(text);
      for (let start = 4; start < text.length; start += 7 * piece.length) {
        const read = text.slice(Math.max(0, start - before), start + after);
        let times = 0;
        const again = () => start - before + (times + 1) * piece.length;
        while (text.startsWith(read, again()) && read.length === before + after) times++;
        const known = Math.max(0, times - 1);
        expect([start, repetition.countAt(start, piece.length)]).toEqual([start, known]);
        const other = new Repetition(text);
        expect([start, other.countAt(start, piece.length)]).toEqual([start, known]);
        expect(other.countAt(start, piece.length + 1)).toBe(0);
      }
    }
  }
});
