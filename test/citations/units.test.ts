/** The units that ranges count in, and which of them the annotations prove. */
import { describe, expect, test } from "vitest";
import { replaceFileLinks, resolveFileCitations } from "../../src/index.js";
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
    ["code points, where that is asked for, whatever is proved", given("utf-16"), "code-point", astral(at)],
    ["UTF-16 units, where that is asked for and nothing is cited", undefined, "utf-16", at],
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

  /** The unit of a text whose first `spelled` has this annotation, exact in UTF-16: one emoji stands before it. */
  function unitOf(spelled: string, more: Partial<Annotation> = {}, roots = ["/mnt/data"]): string {
    const lead = "🎉 [x](";
    const text = `${lead}${spelled}) and /mnt/data/b.csv`;
    const range = { start_index: lead.length, end_index: lead.length + spelled.length };
    const citation = { type: "container_file_citation", filename: "other.csv", ...range, ...more };
    const annotations = [{ type: "url_citation", start_index: 1, end_index: 2 }, citation];
    const { citations } = resolveFileCitations(text, files, { annotations, roots });
    const { annotation, start } = citations.at(-1)!;
    return annotation.start_index === start ? "utf-16" : "code-point";
  }

  test.each([
    "sandbox:/mnt/data/a.csv",
    "sandbox:mnt/data/a.csv",
    "sandbox:%2Fmnt%2Fdata/a.csv",
    "SANDBOX:///mnt/data/a.csv",
    "/mnt/data/a.csv",
    "http:/mnt/data/a.csv",
    "https:/mnt/data/a.csv",
    "file:///mnt/data/a.csv",
    "attachment:/mnt/data/a.csv",
  ])("the unit in which a citation covers %s, a path of any file, below any root", (spelled) => {
    expect(unitOf(spelled)).toBe("utf-16");
    expect(unitOf(spelled, { filename: undefined })).toBe("utf-16");
    expect(unitOf(spelled, {}, ["/data", "/mnt/data"])).toBe("utf-16");
  });

  test("the unit in which a citation covers its file's name", () => {
    expect(unitOf("a%20B.csv", { filename: "A b.csv" })).toBe("utf-16");
    expect(unitOf("a.csv", { filename: "b.csv" })).toBe("code-point");
    expect(unitOf("a.csv", { filename: undefined })).toBe("code-point");
  });

  test("code points, where what covers a path is no citation of a container's file", () => {
    expect(unitOf("sandbox:/mnt/data/a.csv", { type: "url_citation" })).toBe("code-point");
  });

  test("either unit, of annotations in any order", () => {
    const cite = (path: string): Annotation => {
      const start = [...text.slice(0, text.indexOf(path))].length;
      const range = { start_index: start, end_index: start + path.length };
      return { type: "container_file_citation", filename: path.slice(-5), ...range };
    };
    const annotations = [cite("sandbox:/mnt/data/b.csv"), cite("sandbox:/mnt/data/a.csv")];
    expect(resolved(text, files, annotations, "auto")).toEqual({ cited: [], missed: [] });
  });

  test("UTF-16 units, where one ends behind the text in code points", () => {
    const lead = `${"💥".repeat(8)} see `;
    const cite = (start: number, end: number, more = {}) => ({
      ...given("utf-16"),
      ...{ filename: "b.csv", start_index: start, end_index: end, ...more },
    });
    const last = cite(lead.length, lead.length + 5);
    const link = (...annotations: Annotation[]) => replaceFileLinks(`${lead}a.csv`, annotations, () => "U");
    expect(link(last)).toBe(`${lead}[b.csv](U)`);
    expect(link(cite(lead.length, lead.length + 6))).toBe(`${lead}a.csv`);
    const points = lead.length - 8;
    expect(link({ ...last, type: "url_citation" }, cite(points, points + 5, { filename: "a.csv" }))).toBe(
      `${lead}[a.csv](U)`,
    );
  });

  test.each(["code-point", "utf-16"] as const)(
    "%s: a citation that ends behind the text has no place in it",
    (unit) => {
      const link = "🎉 [a](sandbox:/mnt/data/a.csv)";
      const whole = unit === "utf-16" ? link.length : [...link].length;
      const citation = { ...given(unit), end_index: whole };
      const toUrl = () => "https://x.y/a";
      expect(
        replaceFileLinks(link, [{ ...citation, end_index: whole - 1 }], toUrl, { indexUnit: unit }),
      ).toBe("🎉 [a](https://x.y/a)");
      expect(
        replaceFileLinks(link, [{ ...citation, end_index: whole + 1 }], toUrl, { indexUnit: unit }),
      ).toBe(link);
    },
  );
});
