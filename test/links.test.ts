import fc from "fast-check";
import MarkdownIt from "markdown-it";
import { describe, expect, expectTypeOf, it, test } from "vitest";
import {
  type Annotation,
  type ContainerFileCitation,
  replaceFileLinks,
  resolveFileCitations,
  type UnresolvedMention,
} from "../src/index.js";
import { BARE_FORMS, file, LINK_FORMS, NAMES, SENTENCES } from "./citations/forms.js";
import { describeShared, readShared } from "./shared.js";

const runs = { seed: 20_260_101, numRuns: 2000 };
const HREF = "https://x.y/f?a=1&b=2";

function citation(start: number, end: number, more: Partial<ContainerFileCitation> = {}) {
  return {
    type: "container_file_citation" as const,
    container_id: "cntr_1",
    end_index: end,
    file_id: "cfile_1",
    filename: "a.csv",
    start_index: start,
    ...more,
  };
}

/** A text whose citations are marked `⟦…⟧`, and their annotations, in UTF-16. */
function cited(source: string, filename = "a.csv"): { text: string; annotations: ContainerFileCitation[] } {
  const annotations: ContainerFileCitation[] = [];
  let text = "";
  for (const piece of source.split(/(⟦[^⟧]*⟧)/)) {
    const start = text.length;
    text += piece.startsWith("⟦") ? piece.slice(1, -1) : piece;
    if (piece.startsWith("⟦")) {
      annotations.push(
        citation(start, text.length, { filename, file_id: `cfile_${annotations.length + 1}` }),
      );
    }
  }
  return { text, annotations };
}

function replaceMarked(source: string, url: string = HREF, filename = "a.csv"): string {
  const { text, annotations } = cited(source, filename);
  return replaceFileLinks(text, annotations, () => url, { indexUnit: "utf-16" });
}

const LINK = `[a.csv](${HREF})`;

describe("each form", () => {
  it.each([
    ["a link", "See [it](⟦sandbox:/mnt/data/a.csv⟧).", `See [it](${HREF}).`],
    ["a title", '[it](⟦sandbox:/mnt/data/a.csv⟧ "Your data")', `[it](${HREF} "Your data")`],
    ["the angle form", "[it](<⟦sandbox:/mnt/data/a b.csv⟧>)", `[it](<${HREF}>)`],
    ["the angle form with a title", "[it](<⟦/mnt/data/a b.csv⟧> 'x')", `[it](<${HREF}> 'x')`],
    ["a path with spaces", "[it](⟦sandbox:/mnt/data/a b (1).csv⟧)", `[it](${HREF})`],
    ["a link on the next line", "[it](\n⟦/mnt/data/a.csv⟧\n)", `[it](\n${HREF}\n)`],
    ["a query that is not cited", "[it](⟦/mnt/data/a.csv⟧?x=1#y)", `[it](${HREF})`],
    ["an image", "![chart](⟦sandbox:/mnt/data/a.png⟧)", `![chart](${HREF})`],
    ["an image in a link", "[![c](⟦/mnt/data/a.png⟧)](https://h/)", `[![c](${HREF})](https://h/)`],
    ["a reference", '[it][1]\n\n[1]: ⟦/mnt/data/a.csv⟧ "T"\n', `[it][1]\n\n[1]: ${HREF} "T"\n`],
    ["a reference, angle", "[it]\n\n[it]: <⟦/mnt/data/a b.csv⟧>", `[it]\n\n[it]: <${HREF}>`],
    ["a footnote", "See[^1]\n\n[^1]: ⟦/mnt/data/a.csv⟧", `See[^1]\n\n[^1]: ${LINK}`],
    ["an autolink", "<⟦sandbox:/mnt/data/a.csv⟧>", LINK],
    ["an autolink with a query", "<⟦sandbox:/mnt/data/a.csv⟧?x>", LINK],
    ["a path in angle brackets", "in <⟦/mnt/data/a.csv⟧>.", `in ${LINK}.`],
    ["a bare path", "It is at ⟦/mnt/data/a.csv⟧.", `It is at ${LINK}.`],
    ["a question", "Do you see ⟦/mnt/data/a.csv⟧?", `Do you see ${LINK}?`],
    ["a file name", "I made ⟦a.csv⟧ for you", `I made ${LINK} for you`],
    ["quotes, which stay", 'in "⟦/mnt/data/a.csv⟧", «⟦a.csv⟧»', `in "${LINK}", «${LINK}»`],
    ["bold type", "**⟦/mnt/data/a.csv⟧**", `**${LINK}**`],
    ["brackets", "[⟦/mnt/data/a.csv⟧] (1 KB)", `[${LINK}] (1 KB)`],
    ["a cell", "|f|s|\n|-|-|\n|⟦/mnt/data/a.csv⟧|1|\n", `|f|s|\n|-|-|\n|${LINK}|1|\n`],
    ["a code span", "in `⟦/mnt/data/a.csv⟧`.", `in ${LINK}.`],
    ["a code span of two", "`` ⟦/mnt/data/a`.csv⟧ ``", LINK],
    ["a code span in bold type", "**`⟦a.csv⟧`**", `**${LINK}**`],
    ["a line number", "`⟦/mnt/data/a.csv⟧:12`", `${LINK}\`:12\``],
    ["more in a code span", "`cat ⟦/mnt/data/a.csv⟧ | wc`", `\`cat \`${LINK}\` | wc\``],
    ["two in a code span", "`cp ⟦/mnt/data/a⟧ ⟦/mnt/data/b⟧`", `\`cp \`${LINK}\` \`${LINK}`],
    ["more in a code span of two", "`` a ⟦/mnt/data/a.csv⟧``", `\`\` a \`\`${LINK}`],
    ["a backtick beside it in a code span", "`` `⟦/mnt/data/a.csv⟧` ``", "`` `/mnt/data/a.csv` ``"],
    ["a code span that a backtick ends", "`⟦/mnt/data/a`.csv⟧` x", `${LINK} x`],
    ["a citation that goes on behind the span", "`a ⟦/mnt/data/a` b⟧", "`a /mnt/data/a` b"],
    ["a backtick that is none of a span", "a ` b ⟦/mnt/data/a.csv⟧", `a \` b ${LINK}`],
    ["an escaped backtick", "a \\` b ⟦/mnt/data/a.csv⟧ `c`", `a \\\` b ${LINK} \`c\``],
    ["backticks of two items", "- a ` b\n- ⟦/mnt/data/a.csv⟧ ` c", `- a \` b\n- ${LINK} \` c`],
    ["an exclamation mark before it", "wow!⟦/mnt/data/a.csv⟧", `wow&#33;${LINK}`],
    ["one before its code span", "wow!`⟦/mnt/data/a.csv⟧ x`", `wow&#33;${LINK}\` x\``],
    ["an escaped one", "wow\\!⟦/mnt/data/a.csv⟧", `wow\\!${LINK}`],
    ["a backslash before it", "C:\\⟦a.csv⟧", `C:${LINK}`],
    ["a fence", "```\n⟦/mnt/data/a.csv⟧\n```\n", `\`\`\`\n${HREF}\n\`\`\`\n`],
    ["quotes in a fence", '```py\nf = "⟦/mnt/data/a.csv⟧"\n```', `\`\`\`py\nf = "${HREF}"\n\`\`\``],
    ["an argument in a fence", '```py\nf(src="⟦/mnt/data/a⟧")\n```', `\`\`\`py\nf(src="${HREF}")\n\`\`\``],
    ["indented code", "x\n\n    ⟦/mnt/data/a.csv⟧\n", `x\n\n    ${HREF}\n`],
    ["HTML, href", '<a href="⟦/mnt/data/a.csv⟧">x</a>', '<a href="https://x.y/f?a=1&amp;b=2">x</a>'],
    ["HTML, src", "<img alt='' src='⟦/mnt/data/a⟧'>", "<img alt='' src='https://x.y/f?a=1&amp;b=2'>"],
    ["HTML, no quotes", "<a href=⟦/mnt/data/a⟧ download>", "<a href='https://x.y/f?a=1&amp;b=2' download>"],
    ["HTML, another attribute", '<object data="⟦/mnt/data/a⟧">', '<object data="https://x.y/f?a=1&amp;b=2">'],
    ["HTML, a part of an attribute", '<img alt="see ⟦/mnt/data/a⟧" />', '<img alt="see /mnt/data/a" />'],
    ["HTML in a line", "<b>⟦/mnt/data/a.csv⟧</b>", `<b>${LINK}</b>`],
    [
      "an HTML block",
      "<ul>\n<li>⟦/mnt/data/a.csv⟧</li>\n</ul>\n\n⟦/mnt/data/a.csv⟧",
      `<ul>\n<li><a href="https://x.y/f?a=1&amp;b=2">a.csv</a></li>\n</ul>\n\n${LINK}`,
    ],
    ["HTML in a fence", "```\n<p>\n```\n⟦/mnt/data/a.csv⟧", `\`\`\`\n<p>\n\`\`\`\n${LINK}`],
    ["JSON", '{"f": "⟦/mnt/data/a.csv⟧"}', `{"f": "${HREF}"}`],
    ["JSON, an array", '["⟦/mnt/data/a.csv⟧", "⟦a.csv⟧"]', `["${HREF}", "${HREF}"]`],
    ["JSON, escaped", '{"f":"⟦\\/mnt\\/data\\/a.csv⟧"}', `{"f":"${HREF}"}`],
    ["JSON in a sentence", 'It is {"f": "⟦/mnt/data/a.csv⟧"}.', `It is {"f": "${HREF}"}.`],
    ["JSON in JSON", '{"x": "{\\"f\\": \\"⟦/mnt/data/a⟧\\"}"}', `{"x": "{\\"f\\": \\"${HREF}\\"}"}`],
    ["JSON with a sentence", '{"x": "It is ⟦/mnt/data/a.csv⟧."}', `{"x": "It is ${LINK}."}`],
    ["JSON with a quotation", '{"x": "\\"⟦/mnt/data/a.csv⟧\\"."}', `{"x": "\\"${LINK}\\"."}`],
    ["JSON with Markdown", '{"x": "[it](⟦/mnt/data/a.csv⟧)"}', `{"x": "[it](${HREF})"}`],
    ["JSON with HTML", '{"x": "<a href=\\"⟦/a⟧\\">"}', '{"x": "<a href=\\"https://x.y/f?a=1&amp;b=2\\">"}'],
    ["a quotation like JSON", 'Files: "⟦a.csv⟧", "⟦a.csv⟧"', `Files: "${LINK}", "${LINK}"`],
    ["a label", "[⟦a.csv⟧](https://h/)", "[a.csv](https://h/)"],
    ["a part of a label", "[see [1] `⟦a.csv⟧` (x)](https://h/)", "[see [1] `a.csv` (x)](https://h/)"],
    ["the label of a reference", "[⟦a.csv⟧][1]\n\n[1]: https://h/", "[a.csv][1]\n\n[1]: https://h/"],
    ["the label of an HTML link", '<A HREF="https://h/">⟦a.csv⟧</A>', '<A HREF="https://h/">a.csv</A>'],
    ["behind an HTML link", '<a href="https://h/">h</a> ⟦a.csv⟧', `<a href="https://h/">h</a> ${LINK}`],
    ["a link to #", "[Get ⟦a.csv⟧](#)", `[Get a.csv](${HREF})`],
    ["a link to nowhere", "[`⟦a.csv⟧`]() [⟦a.csv⟧](<>)", `[\`a.csv\`](${HREF}) [a.csv](${HREF})`],
    ["two in a link to #", "[⟦a.csv⟧, ⟦b.csv⟧](#)", "[a.csv, b.csv](#)"],
    ["the midst of a destination", "[it](https://h/x/⟦mnt/data/a.csv⟧)", "[it](https://h/x/mnt/data/a.csv)"],
  ])("%s", (_, source, expected) => {
    expect(replaceMarked(source)).toBe(expected);
  });

  it("is left where toUrl gives nothing, and asked for once each, in the text's order", () => {
    const { text, annotations } = cited(
      "⟦a.csv⟧ `⟦b.csv⟧` [⟦c.csv⟧](https://h/) [d](⟦/mnt/data/d.csv⟧) ⟦e.csv⟧",
    );
    const asked: string[] = [];
    const result = replaceFileLinks(text, annotations.toReversed(), ({ file_id }) => {
      asked.push(file_id);
      return (
        { cfile_2: undefined, cfile_4: null, cfile_5: "" }[file_id] ?? (file_id === "cfile_1" ? HREF : "")
      );
    });
    expect(result).toBe(`${LINK} \`b.csv\` [c.csv](https://h/) [d](/mnt/data/d.csv) e.csv`);
    expect(asked).toEqual(["cfile_1", "cfile_2", "cfile_4", "cfile_5"]);
  });
});

describe("annotations", () => {
  const text = "See /mnt/data/a.csv";
  it.each([
    ["another type", { ...citation(4, 19), type: "url_citation" }],
    ["0..0", citation(0, 0)],
    ["a range outside of the text", citation(4, 20)],
    ["a range far outside of the text", citation(400, 500)],
    ["an end before the start", citation(19, 4)],
    ["no file", { ...citation(4, 19), file_id: undefined }],
    ["no container", { ...citation(4, 19), container_id: null }],
    ["no name", { ...citation(4, 19), filename: undefined }],
    ["no numbers", { ...citation(4, 19), start_index: "4" as never }],
    ["null", null],
    ["a string", "citation"],
  ])("%s: ignored", (_, annotation) => {
    const never = () => expect.unreachable();
    expect(replaceFileLinks(text, [annotation as Annotation], never)).toBe(text);
    expect(replaceFileLinks(text, [annotation as Annotation, citation(4, 19)], () => HREF)).toBe(
      `See ${LINK}`,
    );
  });

  it("that overlap are left, the rest is not", () => {
    const both = [citation(0, 5), citation(3, 8, { file_id: "cfile_2" }), citation(9, 14)];
    expect(replaceFileLinks("a.csv.csv a.csv", [citation(10, 15), ...both.slice(0, 2)], () => HREF)).toBe(
      `a.csv.csv ${LINK}`,
    );
    const inner = [citation(0, 15), citation(2, 4, { file_id: "2" }), citation(6, 8, { file_id: "3" })];
    expect(replaceFileLinks("a.csv.csv a.csv", inner, () => HREF)).toBe("a.csv.csv a.csv");
  });

  it("for one place: two files are left, the same one twice is one", () => {
    const same = [citation(4, 19), citation(4, 19)];
    expect(replaceFileLinks(text, same, () => HREF)).toBe(`See ${LINK}`);
    expect(replaceFileLinks(text, [...same, citation(4, 19, { file_id: "other" })], () => HREF)).toBe(text);
  });

  it("count code points, or UTF-16 where they prove it or it is said", () => {
    const source = "🎉👩‍👩‍👧 [a](/mnt/data/a.csv) é /mnt/data/a.csv.";
    const expected = `🎉👩‍👩‍👧 [a](${HREF}) é ${LINK}.`;
    const files = [file("a.csv")];
    for (const indexUnit of ["code-point", "utf-16"] as const) {
      const { annotations } = resolveFileCitations(source, files, { indexUnit });
      expect(replaceFileLinks(source, annotations, () => HREF, { indexUnit })).toBe(expected);
      expect(replaceFileLinks(source, annotations, () => HREF)).toBe(expected);
    }
    expect(replaceFileLinks("🎉🎉 x", [citation(3, 4)], () => HREF)).toBe(`🎉🎉 ${LINK}`);
    expect(replaceFileLinks("🎉🎉 x", [citation(5, 6)], () => HREF, { indexUnit: "utf-16" })).toBe(
      `🎉🎉 ${LINK}`,
    );
    // Half an emoji is no place.
    expect(replaceFileLinks("🎉🎉 x", [citation(1, 4)], () => HREF, { indexUnit: "utf-16" })).toBe("🎉🎉 x");
    expect(replaceFileLinks("🎉🎉 x", [citation(0, 3)], () => HREF, { indexUnit: "utf-16" })).toBe("🎉🎉 x");
  });
});

describe("toUrl", () => {
  const { text, annotations } = cited("⟦a.csv⟧ ⟦b.csv⟧ ⟦c.csv⟧");

  it("may be asynchronous, all of it or some", async () => {
    const asked: string[] = [];
    const result = replaceFileLinks(text, annotations, async ({ file_id }) => {
      asked.push(file_id);
      await null;
      return file_id === "cfile_2" ? undefined : HREF;
    });
    expect(result).toBeInstanceOf(Promise);
    expect(asked).toEqual(["cfile_1", "cfile_2", "cfile_3"]);
    expect(await result).toBe(`${LINK} b.csv ${LINK}`);
    const mixed = replaceFileLinks(text, annotations, ({ file_id }) =>
      file_id === "cfile_2" ? Promise.resolve(HREF) : HREF,
    );
    expect(await mixed).toBe(`${LINK} ${LINK} ${LINK}`);
    expectTypeOf(result).toEqualTypeOf<string | Promise<string>>();
    expectTypeOf(replaceFileLinks(text, annotations, () => HREF)).toEqualTypeOf<string>();
  });

  it("that fails, fails", async () => {
    const error = new Error("no");
    const fail = () => {
      throw error;
    };
    expect(() => replaceFileLinks(text, annotations, fail)).toThrow(error);
    await expect(replaceFileLinks(text, annotations, async () => fail())).rejects.toBe(error);
  });
});

describe("mentions that were never found", () => {
  const missing = (mention: UnresolvedMention) => `~~${mention.text.split("/").at(-1)}~~`;
  const noted = (source: string, onMissing = missing as typeof missing | (() => string | undefined)) => {
    const { text, annotations } = cited(source);
    const unresolved = annotations.map(({ start_index: start, end_index: end }) => ({
      text: text.slice(start, end),
      start,
      end,
      reason: "not-found" as const,
    }));
    return replaceFileLinks(text, [], () => HREF, { unresolved, onMissing });
  };

  it.each([
    ["a bare path", "🎉 See ⟦/mnt/data/x.csv⟧.", "🎉 See ~~x.csv~~."],
    ["a link, whole", 'See [the data](⟦/mnt/data/x.csv⟧ "T").', "See ~~x.csv~~."],
    ["a link in the angle form", "See [the data](<⟦/mnt/data/x.csv⟧>).", "See ~~x.csv~~."],
    ["a link with a query", "See [the data](⟦/mnt/data/x.csv⟧?a).", "See ~~x.csv~~."],
    ["an image", "See ![a [b]](⟦/mnt/data/x.csv⟧)", "See ~~x.csv~~"],
    ["an image in a link", "[![a](⟦/mnt/data/x.csv⟧)](https://h/)", "[~~x.csv~~](https://h/)"],
    ["no image", "See \\![a](⟦/mnt/data/x.csv⟧)", "See \\!~~x.csv~~"],
    ["a link to #", "[⟦/mnt/data/x.csv⟧](#)", "~~x.csv~~"],
    ["an autolink", "<⟦sandbox:/mnt/data/x.csv⟧>", "~~x.csv~~"],
    ["a code span", "in `⟦/mnt/data/x.csv⟧`.", "in ~~x.csv~~."],
    ["more in a code span", "in `cat ⟦/mnt/data/x.csv⟧`.", "in `cat `~~x.csv~~."],
    ["a label", "[⟦/mnt/data/x.csv⟧](https://h/)", "[/mnt/data/x.csv](https://h/)"],
    ["an attribute", '<a href="⟦/mnt/data/x.csv⟧">', '<a href="/mnt/data/x.csv">'],
    ["a definition", "[x]\n\n[x]: ⟦/mnt/data/x.csv⟧", "[x]\n\n[x]: /mnt/data/x.csv"],
    ["no link at all", "[x](⟦/mnt/data/x.csv⟧ and so on", "[x](/mnt/data/x.csv and so on"],
    ["a definition below a link", "[x](y)\n[z]: ⟦/mnt/data/x.csv⟧", "[x](y)\n[z]: /mnt/data/x.csv"],
  ])("%s", (_, source, expected) => {
    expect(noted(source)).toBe(expected);
  });

  it("are left without a note, and a note in JSON is escaped", () => {
    expect(noted("See ⟦/mnt/data/x.csv⟧.", () => undefined)).toBe("See /mnt/data/x.csv.");
    expect(noted("See ⟦/mnt/data/x.csv⟧.", () => "")).toBe("See .");
    const quoting = () => 'no "file"\n';
    expect(JSON.parse(noted('{"f": "⟦/mnt/data/x.csv⟧"}', quoting))).toEqual({ f: 'no "file"\n' });
    expect(JSON.parse(noted('{"f": "x ⟦/mnt/data/x.csv⟧"}', quoting))).toEqual({ f: 'x no "file"\n' });
    expect(noted('It is {"f": "⟦/mnt/data/x.csv⟧"}', quoting)).toBe('It is {"f": "no \\"file\\"\\n"}');
    expect(noted("```\n⟦/mnt/data/x.csv⟧\n```", quoting)).toBe('```\nno "file"\n\n```');
  });

  it("stand beside citations, which come first, and in the text that they are of", () => {
    const text = "/mnt/data/a.csv and /mnt/data/x.csv";
    const { annotations, unresolved } = resolveFileCitations(text, [file("a.csv")]);
    const options = { unresolved, onMissing: missing };
    expect(replaceFileLinks(text, annotations, () => HREF, options)).toBe(`${LINK} and ~~x.csv~~`);
    expect(replaceFileLinks(`${text}!`, [], () => HREF, options)).toBe("/mnt/data/a.csv and ~~x.csv~~!");
    expect(replaceFileLinks(`!${text}`, [], () => HREF, options)).toBe(`!${text}`);
    const odd = [null, {}, { text: "", start: 0, end: 0 }] as unknown as UnresolvedMention[];
    expect(replaceFileLinks(text, [], () => HREF, { unresolved: odd, onMissing: missing })).toBe(text);
    const link = "[[a.csv](/mnt/data/a.csv)](/mnt/data/x.csv)";
    const mention = { text: "/mnt/data/x.csv", start: 27, end: 42, reason: "not-found" as const };
    const inside = { unresolved: [mention], onMissing: missing };
    expect(replaceFileLinks(link, [citation(9, 24)], () => HREF, inside)).toBe(`[${LINK}](/mnt/data/x.csv)`);
  });
});

describe("wrong input", () => {
  const text = "a.csv";
  const right: unknown[] = [text, [citation(0, 5)], () => HREF];
  const replace = replaceFileLinks as unknown as (...args: unknown[]) => unknown;
  it.each<[unknown[], string]>([
    [[7, [], () => ""], "text must be a string, got 7"],
    [[text, {}, () => ""], "annotations must be an array of annotations, got {}"],
    [[text, [], HREF], `toUrl must be a function of a citation, got "${HREF}"`],
    [[...right, null], "options must be an object, got null"],
    [
      [...right, { indexUnit: "bytes" }],
      'options.indexUnit must be "auto", "code-point" or "utf-16", got "bytes"',
    ],
    [[...right, { unresolved: {} }], "options.unresolved must be an array of mentions, got {}"],
    [[...right, { onMissing: "no" }], 'options.onMissing must be a function of a mention, got "no"'],
    [[text, right[1], () => 7], "what toUrl returns must be a URL as a string, or undefined, got 7"],
  ])("%#: is a TypeError that says so", (args, message) => {
    expect(() => replace(...args)).toThrow(new TypeError(message));
  });

  it("of onMissing as well", () => {
    const unresolved = [{ text, start: 0, end: 5, reason: "not-found" }];
    expect(() => replace(text, null, () => HREF, { unresolved, onMissing: () => 7 })).toThrow(
      new TypeError("what onMissing returns must be a string or undefined, got 7"),
    );
  });
});

/** Markdown as a browser gets to see it: every link and image, what stands in it, and all HTML. */
function parsed(markdown: string) {
  const parser = new MarkdownIt({ html: true });
  parser.validateLink = () => true;
  parser.normalizeLink = (url) => url;
  const links: { href: string; label: string }[] = [];
  const html: string[] = [];
  const images: string[] = [];
  for (const block of parser.parse(markdown, {})) {
    if (block.type === "html_block") html.push(block.content);
    let isInLink = false;
    for (const token of block.children ?? []) {
      if (token.type === "link_open") links.push({ href: String(token.attrGet("href")), label: "" });
      if (token.type.startsWith("link_")) isInLink = token.type === "link_open";
      else if (isInLink) links.at(-1)!.label += token.content;
      if (token.type === "image") images.push(String(token.attrGet("src")));
      if (token.type === "html_inline") html.push(token.content);
    }
  }
  return { links, images, html };
}

/** Lone halves of surrogate pairs replaced, as an encoder does. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

/** Percent-encoding taken out, as far as it is UTF-8. */
function decoded(url: string): string {
  return url.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => decodeURIComponent(bytes));
}

describe("what comes from a file name or a URL stays inside", () => {
  const HOSTILE = [
    ..."[]()<>{}\\`*_~|!\"'&#;:$^=%@-+ \t\n\r.a1é",
    "](https://evil.example/)",
    ")[x](https://evil.example/)",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<https://evil.example/>",
    "https://evil.example/",
    "javascript:alert(1)",
    "&#93;&lpar;",
    "&amp;",
    "&copy;",
    "\\]",
    "\n\n",
    "\r\n# ",
    "```\n",
    "``",
    "__",
    "**",
    "![",
    "[^1]",
    "%20",
    "%E2%80%AE",
    "\u0000",
    "\u0085",
    "\u00a0",
    "\u200f",
    "\u2028",
    "\u202e",
    "\u2066",
    "\ufffe",
    "\ud83d",
    "\ude00",
    "😀",
    "报告",
    "تقرير",
  ];
  const hostile = fc
    .array(fc.constantFrom(...HOSTILE), { minLength: 1, maxLength: 8 })
    .map((pieces) => pieces.join(""));
  const url = fc.oneof(
    hostile.map((path) => `https://x.y/${path}`),
    hostile.map((path) => `/files/${path}`),
    hostile.map((code) => `javascript:${code}`),
    hostile.filter((text) => !/%(?!20|E2%80%AE)/.test(text)),
  );
  const UNSEEN = "\t\n\r\u0000\u0085\u200f\u2028\u202e\u2066";
  const seen = (name: string) =>
    [...wellFormed(name)].map((c) => (UNSEEN.includes(c) ? "\ufffd" : c)).join("");

  function expectUrl(written: string, url: string): void {
    expect(written).toMatch(/^[\w\-.~:/?#[\]@!$&*+,;=%]*$/);
    // A lone % may stand before what is encoded; then the two decode as nothing together.
    if (!/%(?!20|E2%80%AE)/.test(url)) expect(decoded(written)).toBe(decoded(wellFormed(url)));
  }

  const MARKDOWN = Object.entries({ ...LINK_FORMS, ...BARE_FORMS }).filter(
    ([form]) => !/html|json|image|^tab$/.test(form),
  );

  test.each(MARKDOWN)("as %s: one link, with that URL and no more", (form, write) => {
    fc.assert(
      fc.property(fc.constantFrom(...SENTENCES), hostile, url, (sentence, filename, to) => {
        const [opening, mention, closing] = write("a.csv");
        const [before, after] = sentence.split("%");
        const lead = `${before}${opening}`;
        const text = `${lead}${mention}${closing}${after}`;
        fc.pre(filename.trim() !== "");
        const output = replaceFileLinks(
          text,
          [citation(lead.length, lead.length + mention.length, { filename })],
          () => to,
          { indexUnit: "utf-16" },
        );
        const { links, images, html } = parsed(output);
        expect(links).toHaveLength(1);
        expectUrl(links[0]!.href, to);
        expect([images, html]).toEqual([parsed(text).images, parsed(text).html]);
        const isOwn = form in BARE_FORMS || form === "autolink";
        if (isOwn) expect(links[0]!.label).toBe(seen(filename));
        expect(output.startsWith(before!) && output.endsWith(after!)).toBe(true);
      }),
      { ...runs, numRuns: 150 },
    );
  });

  test("in a cell: the table has the cells that it had", () => {
    fc.assert(
      fc.property(
        hostile,
        url,
        fc.constantFrom("⟦/mnt/data/a.csv⟧", "`⟦a.csv⟧`", "[x](⟦/mnt/data/a⟧)"),
        (filename, to, cell) => {
          const { text, annotations } = cited(`|f|s|\n|-|-|\n|${cell}|1|\n`, filename);
          const output = replaceFileLinks(text, annotations, () => to);
          const cells = new MarkdownIt().parse(output, {}).filter(({ type }) => type === "td_open");
          expect(cells).toHaveLength(2);
          expect(parsed(output).links).toHaveLength(1);
        },
      ),
      runs,
    );
  });

  test("in an attribute: the tag is the one it was", () => {
    fc.assert(
      fc.property(url, fc.constantFrom('"', "'", ""), (to, quote) => {
        const output = replaceMarked(`x <a href=${quote}⟦/mnt/data/a⟧${quote} download>y</a>`, to);
        const { html } = parsed(output);
        expect(html).toHaveLength(2);
        const value = /^<a href=(?:"([^"]*)"|'([^']*)') download>$/.exec(html[0]!)!;
        expectUrl((value[1] ?? value[2])!.replaceAll("&amp;", "&"), to);
      }),
      runs,
    );
  });

  test("in an HTML block: one link more, and nothing else", () => {
    fc.assert(
      fc.property(hostile, url, (filename, to) => {
        fc.pre(filename.trim() !== "");
        const output = replaceMarked("<p>x\n⟦/mnt/data/a⟧</p>", to, filename);
        const [whole, href, label] = /^<p>x\n<a href="([^"<>]*)">([^<>"\n]*)<\/a><\/p>$/.exec(output)!;
        expect(parsed(output).html).toEqual([whole]);
        expectUrl(href!.replaceAll("&amp;", "&"), to);
        expect(label).not.toMatch(/[<>"[\]`*|]/);
      }),
      runs,
    );
  });

  test("in JSON: it is the JSON it was, with the URL in it", () => {
    fc.assert(
      fc.property(hostile, url, (filename, to) => {
        const output = JSON.parse(replaceMarked('{"a": "⟦/mnt/data/a⟧", "b": "x `⟦a⟧`"}', to, filename));
        expectUrl(output.a, to);
        expect(Object.keys(output)).toEqual(["a", "b"]);
        const again = JSON.parse(JSON.parse(replaceMarked('"{\\"a\\": \\"⟦/mnt/data/a⟧\\"}"', to, filename)));
        expectUrl(again.a, to);
        expect(parsed(output.b).links).toHaveLength(1);
      }),
      runs,
    );
  });

  test("in code: the block is the one it was", () => {
    fc.assert(
      fc.property(url, fc.constantFrom("```", "~~~"), (to, fence) => {
        const output = replaceMarked(`${fence}py\nf('⟦/mnt/data/a⟧')\n${fence}\nx`, to);
        const [block, ...rest] = new MarkdownIt().parse(output, {});
        const [, inside] = /^f\('([^'\n]*)'\)\n$/.exec(block!.content)!;
        expectUrl(inside!, to);
        expect(rest.map(({ type }) => type)).toEqual(["paragraph_open", "inline", "paragraph_close"]);
      }),
      runs,
    );
  });

  it("a name of nothing but blanks is the file's id", () => {
    expect(replaceMarked("⟦/mnt/data/a⟧", HREF, " \n")).toBe(`[cfile_1](${HREF})`);
  });

  it("a usual name and URL stay as they are", () => {
    expect(
      replaceMarked(
        "⟦/mnt/data/a⟧",
        "http://[::1]:3000/f/R%26D?t=a.b-c_d~e&x=1#p",
        "sales_by_region (1), R&D.xlsx",
      ),
    ).toBe("[sales_by_region (1), R&D.xlsx](http://[::1]:3000/f/R%26D?t=a.b-c_d~e&x=1#p)");
  });
});

describe("for any text", () => {
  const PIECES = [
    ..."[]()<>{}\\`*_~|!\"':=#.,\n ",
    "](",
    "```\n",
    "\n\n",
    "    ",
    '<a href="',
    "<p>",
    "[1]: ",
    '{"f": "',
    '"}',
    "- ",
    "/mnt/data/",
    "a.csv",
    "😀",
    "\ud83d",
    "x",
  ];
  const anyText = fc.array(fc.constantFrom(...PIECES), { maxLength: 24 }).map((pieces) => pieces.join(""));
  const anyAnnotation = fc.record({
    type: fc.constantFrom("container_file_citation", "container_file_citation", "url_citation"),
    container_id: fc.constant("cntr_1"),
    file_id: fc.constantFrom("cfile_1", "cfile_2"),
    filename: fc.constant("f"),
    start_index: fc.integer({ min: -1, max: 40 }),
    end_index: fc.integer({ min: -1, max: 40 }),
  });
  const unit = fc.constantFrom("auto" as const, "code-point" as const, "utf-16" as const);

  test("without annotations, or without URLs, it is unchanged", () => {
    fc.assert(
      fc.property(
        anyText,
        fc.array(anyAnnotation, { maxLength: 4 }),
        unit,
        (text, annotations, indexUnit) => {
          expect(replaceFileLinks(text, [], () => HREF)).toBe(text);
          expect(replaceFileLinks(text, annotations, () => undefined, { indexUnit })).toBe(text);
        },
      ),
      runs,
    );
  });

  test("nothing throws, nothing passed is changed, and each that is asked for gets its URL once", () => {
    fc.assert(
      fc.property(
        anyText,
        fc.array(anyAnnotation, { maxLength: 4 }),
        unit,
        (text, annotations, indexUnit) => {
          const before = JSON.stringify(annotations);
          let asked = 0;
          const output = replaceFileLinks(text, annotations, () => `u:${asked++};`, { indexUnit });
          expect(output.match(/u:\d;/g) ?? []).toEqual(Array.from({ length: asked }, (_, at) => `u:${at};`));
          expect(JSON.stringify(annotations)).toBe(before);
        },
      ),
      { ...runs, numRuns: 10_000 },
    );
  });

  test("what is around a mention is unchanged", () => {
    fc.assert(
      fc.property(anyText, anyText, (before, after) => {
        // A link to nowhere around it gets the URL; what wraps it goes with it.
        fc.pre(!/\]\(\s*[#<>]*\s*\)/.test(after));
        const text = `${before}\n/mnt/data/a.csv\n${after}`;
        const start = before.length + 1;
        const output = replaceFileLinks(text, [citation(start, start + 15)], () => HREF, {
          indexUnit: "utf-16",
        });
        expect(output.startsWith(before.replace(/[`\s]+$/, ""))).toBe(true);
        expect(output.endsWith(after.replace(/^[`\s]+/, ""))).toBe(true);
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  test("resolved and replaced, no cited file's path is left", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values({ ...LINK_FORMS, ...BARE_FORMS })),
        fc.constantFrom(...NAMES),
        fc.constantFrom(...SENTENCES),
        (write, name, sentence) => {
          const [opening, mention, closing] = write(name);
          const [before, after] = sentence.split("%");
          const text = `${before}${opening}${mention}${closing}${after}`;
          const { annotations, citations } = resolveFileCitations(text, [file(name)]);
          const output = replaceFileLinks(text, annotations, () => "https://x.y/f");
          expect(output.split("https://x.y/f")).toHaveLength(citations.length + 1);
          if (!opening.includes("/mnt")) expect(output).not.toMatch(/sandbox:|\/mnt/);
        },
      ),
      { ...runs, numRuns: 5000 },
    );
  });
});

describeShared("the recordings", () => {
  interface Part {
    text: string;
    annotations: ContainerFileCitation[];
  }

  it.each(["response.json", "stream.jsonl"])("%s: its link leads where it should", (name) => {
    const lines = readShared(`recordings/${name}`).trim();
    const response =
      name === "response.json" ? JSON.parse(lines) : JSON.parse(lines.split("\n").at(-1)!).response;
    const parts: Part[] = response.output.flatMap((item: { content?: Part[] }) => item.content ?? []);
    const [part] = parts.filter(({ annotations }) => annotations?.length > 0);
    const { text, annotations } = part!;
    const link = annotations.find(({ end_index }) => end_index > 0)!;
    const destination = `sandbox:/mnt/data/${link.filename}`;
    expect(text).toContain(`](${destination})`);
    const output = replaceFileLinks(text, annotations, ({ file_id }) => `https://x.y/${file_id}`);
    expect(output).toBe(text.replace(destination, `https://x.y/${link.file_id}`));
    expect(parsed(output).links.map(({ href }) => href)).toEqual([`https://x.y/${link.file_id}`]);
  });
});
