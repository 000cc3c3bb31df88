/**
 * Tests how `CitedText` decides whether a text may lack a citation. It decides before the files are known, because the list of
 * files is requested only if a citation may be missing.
 */
import { describe, expect, it, test } from "vitest";
import { CitedText } from "../../src/citations/uncited.js";
import type { Annotation } from "../../src/types.js";

const ROOTS = ["/mnt/data"];

/** Builds a text with the API's citations. Each citation covers the first occurrence of `spelled` and has the given file name. */
function citedText(
  text: string,
  cited: readonly (readonly [spelled: string, filename: string])[],
): CitedText {
  const annotations = cited.map(([spelled, filename]) => ({
    type: "container_file_citation",
    filename,
    start_index: text.indexOf(spelled),
    end_index: text.indexOf(spelled) + spelled.length,
  }));
  return new CitedText(text, annotations, "utf-16", ROOTS);
}

const LINK = ["sandbox:/mnt/data/a.csv", "a.csv"] as const;

describe("a text lacks a citation", () => {
  test.each([
    ["of a path", "Saved: /mnt/data/a.csv", []],
    ["of a path after one that is cited", "[x](sandbox:/mnt/data/a.csv) and /mnt/data/b.csv", [LINK]],
    ["of the same path again", "[x](sandbox:/mnt/data/a.csv) and /mnt/data/a.csv", [LINK]],
    ["of a path in the label of an uncited link", "[/mnt/data/a.csv](https://example.com)", []],
    ["of a path after the name of its folder", "In /mnt/data: /mnt/data/a.csv", []],
    ["of a path in code", "```\ncat /mnt/data/a.csv\n```", []],
    ["of another file's path in code", "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/b.csv\n```", [LINK]],
    [
      "of another file's path in code, after the path of the cited file",
      "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/a.csv /mnt/data/b.csv\n```",
      [LINK],
    ],
    ["of a longer name in code", "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/xa.csv\n```", [LINK]],
  ] as const)("%s", (_, text, cited) => {
    expect(citedText(text, cited).hasUncitedPath()).toBe(true);
  });
});

describe("a text lacks no citation", () => {
  test.each([
    ["if it has no path", "All done: a.csv", []],
    ["if it names only the folder", "All of it is in /mnt/data.", []],
    ["if each path is cited", "[x](sandbox:/mnt/data/a.csv)", [LINK]],
    ["in the label of a cited link", "[/mnt/data/a.csv](sandbox:/mnt/data/a.csv)", [LINK]],
    [
      "in code that names a cited file",
      "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/a.csv\n```",
      [LINK],
    ],
    [
      "in code that names a cited file in another folder, encoded, or in another case",
      "[x](sandbox:/mnt/data/a b.csv)\n```\n/mnt/data/out/x/a%20b.csv\n/mnt/data/A%20B.csv\n```",
      [["sandbox:/mnt/data/a b.csv", "a b.csv"]],
    ],
  ] as const)("%s", (_, text, cited) => {
    expect(citedText(text, cited).hasUncitedPath()).toBe(false);
  });
});

describe("an offset is uncited", () => {
  it("outside of cited ranges and their labels", () => {
    const text = "See [the a.csv](sandbox:/mnt/data/a.csv).";
    const cited = citedText(text, [LINK]);
    expect(cited.isUncited(text.indexOf("See"))).toBe(true);
    expect(cited.isUncited(text.indexOf("a.csv"))).toBe(false);
    expect(cited.isUncited(text.lastIndexOf("a.csv"))).toBe(false);
    expect(cited.isUncited(text.length - 1)).toBe(true);
  });
});

describe("a name is cited", () => {
  it("by a citation of a file with that name in any case, even without a range", () => {
    const cited = citedText("", [["", "Plan.docx"]]);
    expect(cited.isCitedName("plan.DOCX")).toBe(true);
    expect(cited.isCitedName("plan.doc")).toBe(false);
  });

  it("not by an annotation without a file name", () => {
    const annotations = [
      { type: "url_citation" },
      { type: "file_citation", filename: 7 },
    ] as unknown as Annotation[];
    const cited = new CitedText("", annotations, "auto", ROOTS);
    expect(cited.isCitedName("7")).toBe(false);
    expect(cited.isCitedName("undefined")).toBe(false);
  });
});
