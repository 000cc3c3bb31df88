/** Tests `replaceFileLinks`: how it replaces each form of a mention, notes for missing files, and wrong arguments. */
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  type Annotation,
  replaceFileLinks,
  resolveFileCitations,
  type UnresolvedMention,
} from "../src/index.js";
import { file } from "./citations/forms.js";
import { citation, cited, HREF, LINK, replaceMarked } from "./marked-text.js";

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
    ["quotes, which are unchanged", 'in "⟦/mnt/data/a.csv⟧", «⟦a.csv⟧»', `in "${LINK}", «${LINK}»`],
    ["bold type", "**⟦/mnt/data/a.csv⟧**", `**${LINK}**`],
    ["brackets", "[⟦/mnt/data/a.csv⟧] (1 KB)", `[${LINK}] (1 KB)`],
    ["a cell", "|f|s|\n|-|-|\n|⟦/mnt/data/a.csv⟧|1|\n", `|f|s|\n|-|-|\n|${LINK}|1|\n`],
    ["a code span", "in `⟦/mnt/data/a.csv⟧`.", `in ${LINK}.`],
    ["a code span of two", "`` ⟦/mnt/data/a`.csv⟧ ``", LINK],
    ["a code span in bold type", "**`⟦a.csv⟧`**", `**${LINK}**`],
    ["a line number", "`⟦/mnt/data/a.csv⟧:12`", `${LINK}\`:12\``],
    ["other text in a code span", "`cat ⟦/mnt/data/a.csv⟧ | wc`", `\`cat \`${LINK}\` | wc\``],
    ["two paths in a code span", "`cp ⟦/mnt/data/a⟧ ⟦/mnt/data/b⟧`", `\`cp \`${LINK}\` \`${LINK}`],
    ["other text in a code span of two", "`` a ⟦/mnt/data/a.csv⟧``", `\`\` a \`\`${LINK}`],
    ["a backtick next to the path in a code span", "`` `⟦/mnt/data/a.csv⟧` ``", "`` `/mnt/data/a.csv` ``"],
    ["a code span that a backtick in the name ends", "`⟦/mnt/data/a`.csv⟧` x", `${LINK} x`],
    ["a citation that continues after the span", "`a ⟦/mnt/data/a` b⟧", "`a /mnt/data/a` b"],
    ["a backtick that starts no span", "a ` b ⟦/mnt/data/a.csv⟧", `a \` b ${LINK}`],
    ["an escaped backtick", "a \\` b ⟦/mnt/data/a.csv⟧ `c`", `a \\\` b ${LINK} \`c\``],
    ["backticks of two items", "- a ` b\n- ⟦/mnt/data/a.csv⟧ ` c", `- a \` b\n- ${LINK} \` c`],
    ["an exclamation mark before the path", "wow!⟦/mnt/data/a.csv⟧", `wow&#33;${LINK}`],
    ["an exclamation mark before the path's code span", "wow!`⟦/mnt/data/a.csv⟧ x`", `wow&#33;${LINK}\` x\``],
    ["an escaped exclamation mark", "wow\\!⟦/mnt/data/a.csv⟧", `wow\\!${LINK}`],
    ["a backslash before the name", "C:\\⟦a.csv⟧", `C:&#92;${LINK}`],
    ["a backslash that escapes the path's first slash", "\\⟦/mnt/data/a.csv⟧", LINK],
    ["a fence", "```\n⟦/mnt/data/a.csv⟧\n```\n", `\`\`\`\n${HREF}\n\`\`\`\n`],
    ["quotes in a fence", '```py\nf = "⟦/mnt/data/a.csv⟧"\n```', `\`\`\`py\nf = "${HREF}"\n\`\`\``],
    ["an argument in a fence", '```py\nf(src="⟦/mnt/data/a⟧")\n```', `\`\`\`py\nf(src="${HREF}")\n\`\`\``],
    ["indented code", "x\n\n    ⟦/mnt/data/a.csv⟧\n", `x\n\n    ${HREF}\n`],
    ["HTML, href", '<a href="⟦/mnt/data/a.csv⟧">x</a>', '<a href="https://x.y/f?a=1&amp;b=2">x</a>'],
    ["HTML, src", "<img alt='' src='⟦/mnt/data/a⟧'>", "<img alt='' src='https://x.y/f?a=1&amp;b=2'>"],
    ["HTML, no quotes", "<a href=⟦/mnt/data/a⟧ download>", "<a href='https://x.y/f?a=1&amp;b=2' download>"],
    ["HTML, another attribute", '<object data="⟦/mnt/data/a⟧">', '<object data="https://x.y/f?a=1&amp;b=2">'],
    ["HTML, part of an attribute", '<img alt="see ⟦/mnt/data/a⟧" />', '<img alt="see /mnt/data/a" />'],
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
    ["part of a label", "[see [1] `⟦a.csv⟧` (x)](https://h/)", "[see [1] `a.csv` (x)](https://h/)"],
    ["the label of a reference", "[⟦a.csv⟧][1]\n\n[1]: https://h/", "[a.csv][1]\n\n[1]: https://h/"],
    ["the label of an HTML link", '<A HREF="https://h/">⟦a.csv⟧</A>', '<A HREF="https://h/">a.csv</A>'],
    ["after an HTML link", '<a href="https://h/">h</a> ⟦a.csv⟧', `<a href="https://h/">h</a> ${LINK}`],
    ["a link to #", "[Get ⟦a.csv⟧](#)", `[Get a.csv](${HREF})`],
    ["a link to nowhere", "[`⟦a.csv⟧`]() [⟦a.csv⟧](<>)", `[\`a.csv\`](${HREF}) [a.csv](${HREF})`],
    ["two names in a link to #", "[⟦a.csv⟧, ⟦b.csv⟧](#)", "[a.csv, b.csv](#)"],
    ["two names in a link without a destination", "[⟦a.csv⟧, ⟦b.csv⟧]()", "[a.csv, b.csv]()"],
    ["the middle of a destination", "[it](https://h/x/⟦mnt/data/a.csv⟧)", "[it](https://h/x/mnt/data/a.csv)"],
  ])("%s", (_, source, expected) => {
    expect(replaceMarked(source)).toBe(expected);
  });

  it("is unchanged if toUrl returns nothing, and toUrl is called once for each citation, in the text's order", () => {
    const { text, annotations } = cited(
      "⟦a.csv⟧ `⟦b.csv⟧` [⟦c.csv⟧](https://h/) [d](⟦/mnt/data/d.csv⟧) ⟦e.csv⟧",
    );
    const calls: string[] = [];
    const result = replaceFileLinks(text, annotations.toReversed(), ({ file_id }) => {
      calls.push(file_id);
      return (
        { cfile_2: undefined, cfile_4: null, cfile_5: "" }[file_id] ?? (file_id === "cfile_1" ? HREF : "")
      );
    });
    expect(result).toBe(`${LINK} \`b.csv\` [c.csv](https://h/) [d](/mnt/data/d.csv) e.csv`);
    expect(calls).toEqual(["cfile_1", "cfile_2", "cfile_4", "cfile_5"]);
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
  ])("with %s are ignored", (_, annotation) => {
    const never = () => expect.unreachable();
    expect(replaceFileLinks(text, [annotation as Annotation], never)).toBe(text);
    expect(replaceFileLinks(text, [annotation as Annotation, citation(4, 19)], () => HREF)).toBe(
      `See ${LINK}`,
    );
  });

  it("that overlap are ignored, and the others are not", () => {
    const both = [citation(0, 5), citation(3, 8, { file_id: "cfile_2" }), citation(9, 14)];
    expect(replaceFileLinks("a.csv.csv a.csv", [citation(10, 15), ...both.slice(0, 2)], () => HREF)).toBe(
      `a.csv.csv ${LINK}`,
    );
    const inner = [citation(0, 15), citation(2, 4, { file_id: "2" }), citation(6, 8, { file_id: "3" })];
    expect(replaceFileLinks("a.csv.csv a.csv", inner, () => HREF)).toBe("a.csv.csv a.csv");
  });

  it("for one place are ignored if they name two files, and count once if they name one", () => {
    const same = [citation(4, 19), citation(4, 19)];
    expect(replaceFileLinks(text, same, () => HREF)).toBe(`See ${LINK}`);
    expect(replaceFileLinks(text, [...same, citation(4, 19, { file_id: "other" })], () => HREF)).toBe(text);
  });

  it("count code points, or UTF-16 units if the annotations show it or the option says so", () => {
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
    // A range that starts or ends inside an emoji is ignored.
    expect(replaceFileLinks("🎉🎉 x", [citation(1, 4)], () => HREF, { indexUnit: "utf-16" })).toBe("🎉🎉 x");
    expect(replaceFileLinks("🎉🎉 x", [citation(0, 3)], () => HREF, { indexUnit: "utf-16" })).toBe("🎉🎉 x");
  });
});

describe("toUrl", () => {
  const { text, annotations } = cited("⟦a.csv⟧ ⟦b.csv⟧ ⟦c.csv⟧");

  it("may return a promise for all citations or for some", async () => {
    const calls: string[] = [];
    const result = replaceFileLinks(text, annotations, async ({ file_id }) => {
      calls.push(file_id);
      await null;
      return file_id === "cfile_2" ? undefined : HREF;
    });
    expect(result).toBeInstanceOf(Promise);
    expect(calls).toEqual(["cfile_1", "cfile_2", "cfile_3"]);
    expect(await result).toBe(`${LINK} b.csv ${LINK}`);
    const mixed = replaceFileLinks(text, annotations, ({ file_id }) =>
      file_id === "cfile_2" ? Promise.resolve(HREF) : HREF,
    );
    expect(await mixed).toBe(`${LINK} ${LINK} ${LINK}`);
    expectTypeOf(result).toEqualTypeOf<string | Promise<string>>();
    expectTypeOf(replaceFileLinks(text, annotations, () => HREF)).toEqualTypeOf<string>();
  });

  it("passes on its error or rejection", async () => {
    const error = new Error("no");
    const fail = () => {
      throw error;
    };
    expect(() => replaceFileLinks(text, annotations, fail)).toThrow(error);
    await expect(replaceFileLinks(text, annotations, async () => fail())).rejects.toBe(error);
    const rejected = Promise.reject(new Error("another"));
    const both = () =>
      replaceFileLinks(text, annotations, ({ file_id }) => (file_id === "cfile_1" ? rejected : fail()));
    expect(both).toThrow(error);
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the test during this wait
  });
});

describe("unresolved mentions", () => {
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
    ["a whole link", 'See [the data](⟦/mnt/data/x.csv⟧ "T").', "See ~~x.csv~~."],
    ["a link in the angle form", "See [the data](<⟦/mnt/data/x.csv⟧>).", "See ~~x.csv~~."],
    ["a link with a query", "See [the data](⟦/mnt/data/x.csv⟧?a).", "See ~~x.csv~~."],
    ["an image", "See ![a [b]](⟦/mnt/data/x.csv⟧)", "See ~~x.csv~~"],
    ["an image in a link", "[![a](⟦/mnt/data/x.csv⟧)](https://h/)", "[~~x.csv~~](https://h/)"],
    ["a link after an escaped exclamation mark", "See \\![a](⟦/mnt/data/x.csv⟧)", "See \\!~~x.csv~~"],
    ["a link to #", "[⟦/mnt/data/x.csv⟧](#)", "~~x.csv~~"],
    ["an autolink", "<⟦sandbox:/mnt/data/x.csv⟧>", "~~x.csv~~"],
    ["a code span", "in `⟦/mnt/data/x.csv⟧`.", "in ~~x.csv~~."],
    ["other text in a code span", "in `cat ⟦/mnt/data/x.csv⟧`.", "in `cat `~~x.csv~~."],
    ["a label", "[⟦/mnt/data/x.csv⟧](https://h/)", "[/mnt/data/x.csv](https://h/)"],
    ["an attribute", '<a href="⟦/mnt/data/x.csv⟧">', '<a href="/mnt/data/x.csv">'],
    ["a definition", "[x]\n\n[x]: ⟦/mnt/data/x.csv⟧", "[x]\n\n[x]: /mnt/data/x.csv"],
    ["a link that does not end", "[x](⟦/mnt/data/x.csv⟧ and so on", "[x](/mnt/data/x.csv and so on"],
    ["a definition below a link", "[x](y)\n[z]: ⟦/mnt/data/x.csv⟧", "[x](y)\n[z]: /mnt/data/x.csv"],
  ])("%s", (_, source, expected) => {
    expect(noted(source)).toBe(expected);
  });

  it("are unchanged without a note, and a note in JSON is escaped", () => {
    expect(noted("See ⟦/mnt/data/x.csv⟧.", () => undefined)).toBe("See /mnt/data/x.csv.");
    expect(noted("See ⟦/mnt/data/x.csv⟧.", () => "")).toBe("See .");
    const quoting = () => 'no "file"\n';
    expect(JSON.parse(noted('{"f": "⟦/mnt/data/x.csv⟧"}', quoting))).toEqual({ f: 'no "file"\n' });
    expect(JSON.parse(noted('{"f": "x ⟦/mnt/data/x.csv⟧"}', quoting))).toEqual({ f: 'x no "file"\n' });
    expect(noted('It is {"f": "⟦/mnt/data/x.csv⟧"}', quoting)).toBe('It is {"f": "no \\"file\\"\\n"}');
    expect(noted("```\n⟦/mnt/data/x.csv⟧\n```", quoting)).toBe('```\nno "file"\n\n```');
  });

  it("are ignored if they overlap a link or belong to another text", () => {
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

describe("invalid input", () => {
  const text = "a.csv";
  const right: unknown[] = [text, [citation(0, 5)], () => HREF];
  const replace = replaceFileLinks as unknown as (...args: unknown[]) => unknown;
  it.each<[unknown[], string]>([
    [[7, [], () => ""], "text must be a string, got 7"],
    [[text, {}, () => ""], "annotations must be an array of annotations, got {}"],
    [[text, [], HREF], `toUrl must be a function that takes a citation, got "${HREF}"`],
    [[...right, null], "options must be an object, got null"],
    [
      [...right, { indexUnit: "bytes" }],
      'options.indexUnit must be "auto", "code-point" or "utf-16", got "bytes"',
    ],
    [[...right, { unresolved: {} }], "options.unresolved must be an array of mentions, got {}"],
    [[...right, { onMissing: "no" }], 'options.onMissing must be a function that takes a mention, got "no"'],
    [[text, right[1], () => 7], "the return value of toUrl must be a URL string, null or undefined, got 7"],
  ])("%#: throws a TypeError that names the value", (args, message) => {
    expect(() => replace(...args)).toThrow(new TypeError(message));
  });

  it("also throws for a wrong return value of onMissing", () => {
    const unresolved = [{ text, start: 0, end: 5, reason: "not-found" }];
    expect(() => replace(text, null, () => HREF, { unresolved, onMissing: () => 7 })).toThrow(
      new TypeError("the return value of onMissing must be a string, null or undefined, got 7"),
    );
  });
});
