/** The units that ranges count in, and which of them the annotations prove. */
import { describe, expect, test } from "vitest";
import { resolveFileCitations } from "../../src/index.js";
import type { Annotation } from "../../src/types.js";
import { file, resolved } from "./forms.js";

describe("ranges count in", () => {
  const files = [file("a.csv"), file("b.csv")];
  const text = "🎉 [a](sandbox:/mnt/data/a.csv) 👩‍👩‍👧 [b](sandbox:/mnt/data/b.csv)";
  const at = text.indexOf("sandbox:/mnt/data/b.csv");
  const astral = (until: number): number => [...text.slice(0, until)].length;

  /** What the API says of a.csv, in one unit or the other. */
  function given(unit: "code-point" | "utf-16"): Annotation {
    const start = text.indexOf("sandbox:");
    return {
      type: "container_file_citation",
      file_id: "cfile_a.csv",
      container_id: "cntr_1",
      filename: "a.csv",
      start_index: unit === "utf-16" ? start : astral(start),
      end_index: (unit === "utf-16" ? start : astral(start)) + "sandbox:/mnt/data/a.csv".length,
    };
  }

  test.each([
    ["code points, where nothing proves another unit", undefined, undefined, astral(at)],
    ["code points, where an annotation proves it", given("code-point"), "auto", astral(at)],
    ["UTF-16 units, where an annotation proves it", given("utf-16"), "auto", at],
    ["code points, where that is asked for", given("code-point"), "code-point", astral(at)],
    ["UTF-16 units, where that is asked for", given("utf-16"), "utf-16", at],
  ] as const)("%s", (_, annotation, indexUnit, start) => {
    const annotations = annotation ? [annotation] : [];
    const resolution = resolveFileCitations(text, files, { annotations, indexUnit });
    const found = resolution.citations.find(({ annotation: { filename } }) => filename === "b.csv")!;
    expect(found.annotation.start_index).toBe(start);
    expect(found.annotation.end_index).toBe(start + "sandbox:/mnt/data/b.csv".length);
    expect(found.start).toBe(at);
    expect(resolution.citations).toHaveLength(annotation ? 1 : 2);
  });

  test("no unit where a citation stands for no place: 0..0 covers nothing and proves nothing", () => {
    const chart = { type: "container_file_citation", file_id: "cfile_a.csv", start_index: 0, end_index: 0 };
    const { annotations } = resolveFileCitations(text, files, { annotations: [chart] });
    expect(annotations.map(({ start_index }) => start_index)).toEqual([
      astral(text.indexOf("sandbox:")),
      astral(at),
    ]);
    expect(resolved("/mnt/data/a.csv", files, [chart]).cited).toEqual([[0, 15, "cfile_a.csv"]]);
  });

  test.each([
    { start_index: null, end_index: null },
    { start_index: 3, end_index: 3 },
    { start_index: 9, end_index: 4 },
    { start_index: -4, end_index: 9 },
    { start_index: 500, end_index: 900 },
    {},
  ])("nothing an annotation covers: %j", (range) => {
    const annotation = { type: "container_file_citation", file_id: "cfile_b.csv", ...range };
    expect(resolved("/mnt/data/a.csv", files, [annotation]).cited).toEqual([[0, 15, "cfile_a.csv"]]);
  });
});
