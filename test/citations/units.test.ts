/** Tests the unit of ranges (code points or UTF-16 units), and how the unit is derived from annotations. */
import { describe, expect, test } from "vitest";
import { replaceFileLinks, resolveFileCitations } from "../../src/index.js";
import type { Annotation } from "../../src/types.js";
import { file, resolved } from "./forms.js";

describe("the unit of ranges is", () => {
  const files = [file("a.csv"), file("b.csv")];
  const text = "🎉 [a](sandbox:/mnt/data/a.csv) 👩‍👩‍👧 [b](sandbox:/mnt/data/b.csv)";
  const at = text.indexOf("sandbox:/mnt/data/b.csv");
  const astral = (until: number): number => [...text.slice(0, until)].length;

  /** Returns the API's citation of a.csv, with its range in code points or in UTF-16 units. */
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
    ["code points, if nothing shows another unit", undefined, undefined, astral(at)],
    ["code points, if an annotation shows it", given("code-point"), "auto", astral(at)],
    ["UTF-16 units, if an annotation shows it", given("utf-16"), "auto", at],
    ["code points, if the option says so", given("code-point"), "code-point", astral(at)],
    ["UTF-16 units, if the option says so", given("utf-16"), "utf-16", at],
    [
      "code points, if the option says so, even if an annotation shows another unit",
      given("utf-16"),
      "code-point",
      astral(at),
    ],
    ["UTF-16 units, if the option says so and there are no annotations", undefined, "utf-16", at],
  ] as const)("%s", (_, annotation, indexUnit, start) => {
    const annotations = annotation ? [annotation] : [];
    const resolution = resolveFileCitations(text, files, { annotations, indexUnit });
    const found = resolution.citations.find(({ annotation: { filename } }) => filename === "b.csv")!;
    expect(found.annotation.start_index).toBe(start);
    expect(found.annotation.end_index).toBe(start + "sandbox:/mnt/data/b.csv".length);
    expect(found.start).toBe(at);
    expect(resolution.citations).toHaveLength(annotation ? 1 : 2);
  });

  test("code points, if the only range is 0..0, which covers nothing", () => {
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
  ])("not taken from an annotation that covers nothing, and the mention is still cited: %j", (range) => {
    const annotation = { type: "container_file_citation", file_id: "cfile_b.csv", ...range };
    expect(resolved("/mnt/data/a.csv", files, [annotation]).cited).toEqual([[0, 15, "cfile_a.csv"]]);
  });

  /**
   * Returns the unit that the resolver derives from a citation of `spelled`. The text has an emoji before `spelled`, so the range
   * of the citation covers `spelled` only if the range is in UTF-16 units.
   */
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
  ])("the one in which a citation covers %s, the path of any file below any root", (spelled) => {
    expect(unitOf(spelled)).toBe("utf-16");
    expect(unitOf(spelled, { filename: undefined })).toBe("utf-16");
    expect(unitOf(spelled, {}, ["/data", "/mnt/data"])).toBe("utf-16");
  });

  test("the one in which a citation covers its file's name", () => {
    expect(unitOf("a%20B.csv", { filename: "A b.csv" })).toBe("utf-16");
    expect(unitOf("a.csv", { filename: "b.csv" })).toBe("code-point");
    expect(unitOf("a.csv", { filename: undefined })).toBe("code-point");
  });

  test("code points, if the annotation that covers a path is not a container file citation", () => {
    expect(unitOf("sandbox:/mnt/data/a.csv", { type: "url_citation" })).toBe("code-point");
  });

  test("found from annotations in any order", () => {
    const cite = (path: string): Annotation => {
      const start = [...text.slice(0, text.indexOf(path))].length;
      const range = { start_index: start, end_index: start + path.length };
      return { type: "container_file_citation", filename: path.slice(-5), ...range };
    };
    const annotations = [cite("sandbox:/mnt/data/b.csv"), cite("sandbox:/mnt/data/a.csv")];
    expect(resolved(text, files, annotations, "auto")).toEqual({ cited: [], missed: [] });
  });

  test("code points, even if a range in code points ends after the end of the text", () => {
    const lead = `${"💥".repeat(8)} see `;
    const cite = (start: number, end: number, more = {}) => ({
      ...given("utf-16"),
      ...{ filename: "b.csv", start_index: start, end_index: end, ...more },
    });
    const link = (...annotations: Annotation[]) => replaceFileLinks(`${lead}a.csv`, annotations, () => "U");
    expect(link(cite(lead.length, lead.length + 5))).toBe(`${lead}a.csv`);
    const points = lead.length - 8;
    const tooLong = { type: "url_citation", start_index: 0, end_index: points + 6 };
    expect(link(tooLong, cite(points, points + 5, { filename: "a.csv" }))).toBe(`${lead}[a.csv](U)`);
  });

  test.each(["code-point", "utf-16"] as const)("%s, if only the range of a url_citation shows it", (unit) => {
    const link = "[docs](https://docs.example/a_(b))";
    for (const covered of [link, `(${link})`, "https://docs.example/a_(b)"]) {
      const text = `🎉🎉 ${covered} and /mnt/data/a.csv`;
      const measure = (part: string): number => (unit === "utf-16" ? part.length : [...part].length);
      const start = measure(text.slice(0, text.indexOf(covered)));
      const citation = {
        type: "url_citation",
        url: "https://docs.example/a_(b)",
        start_index: start,
        end_index: start + measure(covered),
      };
      const { annotations } = resolveFileCitations(text, [file("a.csv")], { annotations: [citation] });
      expect(annotations[0]!.start_index).toBe(measure(text.slice(0, text.indexOf("/mnt"))));
    }
  });

  test.each(["code-point", "utf-16"] as const)(
    "%s, and a citation that ends after the end of the text is ignored",
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
