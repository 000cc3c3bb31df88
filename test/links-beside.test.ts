/** Tests links next to punctuation that Markdown would take as part of the link, and ranges longer or shorter than a path. */
import { describe, expect, it } from "vitest";
import { replaceFileLinks, resolveFileCitations } from "../src/index.js";
import { file } from "./citations/forms.js";
import { HREF, LINK, parsed, replaceMarked, shownText } from "./marked-text.js";

/** Returns the text with a link in place of its mention. The text must have exactly one mention. */
function repaired(text: string): string {
  const { annotations } = resolveFileCitations(text, [file("a.csv")]);
  expect(annotations).toHaveLength(1);
  return replaceFileLinks(text, annotations, () => HREF);
}

describe("the character before a mention keeps its meaning and does not change the link", () => {
  it.each([
    ["an exclamation mark", "Done!⟦/mnt/data/a.csv⟧", "Done!a.csv"],
    ["two exclamation marks", "Done!!⟦/mnt/data/a.csv⟧", "Done!!a.csv"],
    ["an exclamation mark before an escaped slash", "Done!⟦\\/mnt\\/data\\/a.csv⟧", "Done!a.csv"],
    ["an exclamation mark before an escape outside of the range", "Done!\\⟦/mnt/data/a.csv⟧", "Done!a.csv"],
    ["an escaped exclamation mark", "Done\\!⟦/mnt/data/a.csv⟧", "Done!a.csv"],
    ["an exclamation mark after a backslash", "Done\\\\!⟦/mnt/data/a.csv⟧", "Done\\!a.csv"],
    ["an exclamation mark before a code span", "Done!`⟦/mnt/data/a.csv⟧`", "Done!a.csv"],
    ["an exclamation mark before an autolink", "Done!<⟦sandbox:/mnt/data/a.csv⟧>", "Done!a.csv"],
    ["an exclamation mark before a name", "Done!⟦a.csv⟧", "Done!a.csv"],
    ["a backslash before a name", "C:\\⟦a.csv⟧", "C:\\a.csv"],
    ["two backslashes before a name", "C:\\\\⟦a.csv⟧", "C:\\a.csv"],
    ["three backslashes before a name", "C:\\\\\\⟦a.csv⟧", "C:\\\\a.csv"],
    ["a backslash after an exclamation mark", "!\\⟦a.csv⟧", "!\\a.csv"],
    ["brackets", "[x]⟦a.csv⟧", "[x]a.csv"],
    ["brackets after an exclamation mark", "![x]⟦a.csv⟧", "![x]a.csv"],
    ["an open bracket after an exclamation mark", "![⟦a.csv⟧]", "![a.csv]"],
  ])("%s", (_, source, text) => {
    const output = replaceMarked(source);
    expect(parsed(output)).toEqual({ links: [{ href: HREF, label: "a.csv" }], images: [], html: [] });
    expect(shownText(output)).toBe(text);
  });

  it.each([
    ["a reference", "[x]⟦a.csv⟧\n\n[x]: https://h/", { href: "https://h/", label: "x" }],
    [
      "a name that is defined",
      "[x]⟦a.csv⟧\n\n[x]: https://h/\n[a.csv]: https://i/",
      { href: "https://h/", label: "x" },
    ],
  ])("%s stays a separate link", (_, source, first) => {
    expect(parsed(replaceMarked(source)).links).toEqual([first, { href: HREF, label: "a.csv" }]);
  });

  it.each([
    "Done!\\/mnt\\/data\\/a.csv",
    '"!\\/mnt\\/data\\/a.csv"',
    '{"x": "Done!\\/mnt\\/data\\/a.csv"}',
    '{"x": "Done! \\/mnt\\/data\\/a.csv"}',
  ])("a path that the resolver finds in %j becomes a link and not an image", (text) => {
    const { links, images } = parsed(repaired(text));
    expect({ links, images }).toEqual({ links: [{ href: HREF, label: "a.csv" }], images: [] });
  });

  it.each([
    ["an exclamation mark", { x: "Done!⟦/mnt/data/a.csv⟧" }, "Done!a.csv"],
    ["an escaped exclamation mark", { x: "Done\\!⟦/mnt/data/a.csv⟧" }, "Done!a.csv"],
    ["a backslash", { x: "C:\\⟦a.csv⟧" }, "C:\\a.csv"],
    ["two backslashes", { x: "C:\\\\⟦a.csv⟧" }, "C:\\a.csv"],
    ["a line break", { x: "C:\n⟦a.csv⟧" }, "C:\na.csv"],
    ["an escaped slash", { x: "see \\⟦/mnt/data/a.csv⟧" }, "see a.csv"],
  ])("in a JSON string: %s", (_, value, text) => {
    const { x } = JSON.parse(replaceMarked(JSON.stringify(value)));
    expect(parsed(x)).toEqual({ links: [{ href: HREF, label: "a.csv" }], images: [], html: [] });
    expect(shownText(x)).toBe(text);
  });

  it("in a JSON string, an escape before the range is part of the path", () => {
    expect(replaceMarked('{"f": "\\⟦/mnt\\/data\\/a.csv⟧"}')).toBe(`{"f": "${HREF}"}`);
  });

  it("in an HTML block, where Markdown is not read, the characters are unchanged", () => {
    const anchor = `<a href="${HREF.replace("&", "&amp;")}">a.csv</a>`;
    expect(replaceMarked("<p>\n!⟦a.csv⟧ C:\\⟦a.csv⟧ [x]⟦a.csv⟧\n</p>")).toBe(
      `<p>\n!${anchor} C:\\${anchor} [x]${anchor}\n</p>`,
    );
  });
});

describe("a range that covers another part of a link, or more than the destination", () => {
  it.each([
    [
      "the label's brackets",
      "See ⟦[report.csv]⟧(sandbox:/mnt/data/report.csv).",
      `See [report.csv](${HREF}).`,
    ],
    ["the parentheses", "See [report.csv]⟦(sandbox:/mnt/data/report.csv)⟧.", `See [report.csv](${HREF}).`],
    ["the whole link", "See ⟦[report.csv](sandbox:/mnt/data/report.csv)⟧.", `See [report.csv](${HREF}).`],
    ["a label that is no file name", "⟦[the [new] report]⟧(/mnt/data/a.csv)", `[the [new] report](${HREF})`],
    [
      "a link whose label is no file name",
      "⟦[the [new] report](/mnt/data/a.csv)⟧",
      `[the [new] report](${HREF})`,
    ],
    ["a label, before a title", '⟦[r]⟧(sandbox:/mnt/data/a.csv "Your data")', `[r](${HREF} "Your data")`],
    ["parentheses with a title", '[r]⟦(sandbox:/mnt/data/a.csv "Your data")⟧', `[r](${HREF} "Your data")`],
    ["a link with a title", '⟦[r](sandbox:/mnt/data/a.csv "a (b)")⟧', `[r](${HREF} "a (b)")`],
    ["a label, before spaces", "⟦[r]⟧(sandbox:/mnt/data/a b (1).csv)", `[r](${HREF})`],
    ["parentheses with spaces", "[r]⟦(sandbox:/mnt/data/a b (1).csv)⟧", `[r](${HREF})`],
    ["a link with spaces", "⟦[r](sandbox:/mnt/data/a b (1).csv)⟧", `[r](${HREF})`],
    ["a label, before angle brackets", "⟦[r]⟧(<sandbox:/mnt/data/a b.csv>)", `[r](<${HREF}>)`],
    ["parentheses with angle brackets", "[r]⟦(<sandbox:/mnt/data/a b.csv>)⟧", `[r](<${HREF}>)`],
    ["a link with angle brackets", "⟦[r](<sandbox:/mnt/data/a b.csv> 'T')⟧", `[r](<${HREF}> 'T')`],
    ["a link over lines", "⟦[r](\n/mnt/data/a.csv\n)⟧", `[r](\n${HREF}\n)`],
    ["a query", "⟦[r]⟧(sandbox:/mnt/data/a.csv?x=1)", `[r](${HREF})`],
    ["an image", "⟦![chart](sandbox:/mnt/data/a.png)⟧", `![chart](${HREF})`],
    ["an image without its mark", "!⟦[chart](sandbox:/mnt/data/a.png)⟧", `![chart](${HREF})`],
    ["an image's label", "!⟦[chart]⟧(sandbox:/mnt/data/a.png)", `![chart](${HREF})`],
    ["an image's parentheses", "![chart]⟦(sandbox:/mnt/data/a.png)⟧", `![chart](${HREF})`],
    ["a link in bold type", "**⟦[r](sandbox:/mnt/data/a.csv)⟧**", `**[r](${HREF})**`],
    ["a link in JSON", '{"x": "⟦[r](sandbox:/mnt/data/a.csv)⟧"}', `{"x": "[r](${HREF})"}`],
    ["the label of a link to elsewhere", "⟦[r]⟧(https://h/)", "[r](https://h/)"],
    ["the label of a link to nowhere", "⟦[r]⟧(#) ⟦[r]⟧()", `[r](${HREF}) [r](${HREF})`],
    ["a whole link to elsewhere", "⟦[r](https://old.example/r)⟧", `[r](${HREF})`],
    ["the label and the destination", "⟦[r]⟧(⟦sandbox:/mnt/data/a.csv⟧)", "[r](sandbox:/mnt/data/a.csv)"],
    ["two links", "⟦[r]⟧(sandbox:/mnt/data/a.csv) ⟦[s](/mnt/data/b.csv)⟧", `[r](${HREF}) [s](${HREF})`],
  ])("%s", (_, source, expected) => {
    expect(replaceMarked(source)).toBe(expected);
  });

  it.each([
    ["a path in parentheses", "the file ⟦(/mnt/data/a.csv)⟧", `the file ${LINK}`],
    [
      "a link that does not end",
      "⟦[r]⟧(sandbox:/mnt/data/a.csv and so on",
      `${LINK}(sandbox:/mnt/data/a.csv and so on`,
    ],
  ])("%s does not cover part of a link", (_, source, expected) => {
    expect(replaceMarked(source)).toBe(expected);
  });

  it("writes one link if several ranges cover parts of the same link to one file", () => {
    const text = "[r](sandbox:/mnt/data/a.csv)";
    const ranges = [
      [0, 3],
      [3, 28],
      [0, 28],
      [4, 27],
    ];
    const annotations = ranges.map(([start_index, end_index]) => ({
      type: "container_file_citation" as const,
      container_id: "cntr_1",
      file_id: "cfile_1",
      filename: "a.csv",
      start_index: start_index!,
      end_index: end_index!,
    }));
    expect(replaceFileLinks(text, annotations, () => HREF)).toBe(`[r](${HREF})`);
  });
});

it("writes a link after more code spans than a function call can have arguments", () => {
  const spans = `${"`a` ".repeat(200_000)}\n\n`;
  const output = replaceMarked(`${spans}⟦/mnt/data/a.csv⟧`);
  expect(output.slice(spans.length)).toBe(LINK);
});
