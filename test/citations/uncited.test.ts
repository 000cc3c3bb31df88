/** Whether a text may lack a citation is told without its files: no list is asked for where it cannot. */
import { describe, expect, it, test } from "vitest";
import { CitedText } from "../../src/citations/uncited.js";
import type { Annotation } from "../../src/types.js";

const ROOTS = ["/mnt/data"];

/** What the API cited of `text`: each of what is spelled, at its first place, and the file's name. */
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
    ["of a path behind one that is cited", "[x](sandbox:/mnt/data/a.csv) and /mnt/data/b.csv", [LINK]],
    ["of the same path again", "[x](sandbox:/mnt/data/a.csv) and /mnt/data/a.csv", [LINK]],
    ["of the label of a link that is not cited", "[/mnt/data/a.csv](https://example.com)", []],
    ["of a path behind the folder's own name", "In /mnt/data: /mnt/data/a.csv", []],
    ["of a path in code", "```\ncat /mnt/data/a.csv\n```", []],
    ["of another file's path in code", "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/b.csv\n```", [LINK]],
    [
      "of another file's path in code, behind the cited one's",
      "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/a.csv /mnt/data/b.csv\n```",
      [LINK],
    ],
    ["of a longer name in code", "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/xa.csv\n```", [LINK]],
  ] as const)("%s", (_, text, cited) => {
    expect(citedText(text, cited).hasUncitedPath()).toBe(true);
  });
});

describe("a text lacks none", () => {
  test.each([
    ["where it names no path", "All done: a.csv", []],
    ["where it names the folder only", "All of it is in /mnt/data.", []],
    ["where each path is cited", "[x](sandbox:/mnt/data/a.csv)", [LINK]],
    ["in the label of a cited link", "[/mnt/data/a.csv](sandbox:/mnt/data/a.csv)", [LINK]],
    [
      "in code that names a cited file",
      "[x](sandbox:/mnt/data/a.csv)\n```\ncat /mnt/data/a.csv\n```",
      [LINK],
    ],
    [
      "in code that names it in another folder, encoded, or in other letters",
      "[x](sandbox:/mnt/data/a b.csv)\n```\n/mnt/data/out/x/a%20b.csv\n/mnt/data/A%20B.csv\n```",
      [["sandbox:/mnt/data/a b.csv", "a b.csv"]],
    ],
  ] as const)("%s", (_, text, cited) => {
    expect(citedText(text, cited).hasUncitedPath()).toBe(false);
  });
});

describe("a place is uncited", () => {
  it("outside of what is cited and of its label", () => {
    const text = "See [the a.csv](sandbox:/mnt/data/a.csv).";
    const cited = citedText(text, [LINK]);
    expect(cited.isUncited(text.indexOf("See"))).toBe(true);
    expect(cited.isUncited(text.indexOf("a.csv"))).toBe(false);
    expect(cited.isUncited(text.lastIndexOf("a.csv"))).toBe(false);
    expect(cited.isUncited(text.length - 1)).toBe(true);
  });
});

describe("a name is cited", () => {
  it("by a citation of a file of that name, whatever its letters' case, with a range or without", () => {
    const cited = citedText("", [["", "Plan.docx"]]);
    expect(cited.isCitedName("plan.DOCX")).toBe(true);
    expect(cited.isCitedName("plan.doc")).toBe(false);
  });

  it("by nothing that names no file", () => {
    const annotations = [
      { type: "url_citation" },
      { type: "file_citation", filename: 7 },
    ] as unknown as Annotation[];
    const cited = new CitedText("", annotations, "auto", ROOTS);
    expect(cited.isCitedName("7")).toBe(false);
    expect(cited.isCitedName("undefined")).toBe(false);
  });
});
