/** Tests that no file name and no URL can inject markup into Markdown, HTML or JSON. */
import fc from "fast-check";
import MarkdownIt from "markdown-it";
import { describe, expect, it, test } from "vitest";
import { replaceFileLinks } from "../src/index.js";
import { BARE_FORMS, LINK_FORMS, SENTENCES } from "./citations/forms.js";
import { citation, cited, HREF, parsed, replaceMarked, runs } from "./marked-text.js";

/** Replaces lone surrogates with U+FFFD, as a UTF-8 encoder does. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

/** Decodes percent-encoded characters. */
function decoded(url: string): string {
  return url.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => decodeURIComponent(bytes));
}

describe("a file name or a URL cannot break out", () => {
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
    // A lone % before an encoded character cannot be decoded.
    if (!/%(?!20|E2%80%AE)/.test(url)) expect(decoded(written)).toBe(decoded(wellFormed(url)));
  }

  const MARKDOWN = Object.entries({ ...LINK_FORMS, ...BARE_FORMS }).filter(
    ([form]) => !/html|json|image|^tab$/.test(form),
  );

  test.each(MARKDOWN)("as %s: there is exactly one link, with that URL", (form, write) => {
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

  test("in a table cell: the number of cells does not change", () => {
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

  test("in an attribute: the rest of the tag does not change", () => {
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

  test("in an HTML block: only one link is added", () => {
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

  test("in JSON: it stays the same JSON, with the URL as the value", () => {
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

  test("in code: the block does not change", () => {
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

  it("the label is the file's id if the name is blank", () => {
    expect(replaceMarked("⟦/mnt/data/a⟧", HREF, " \n")).toBe(`[cfile_1](${HREF})`);
  });

  it("a usual name and a usual URL are unchanged", () => {
    expect(
      replaceMarked(
        "⟦/mnt/data/a⟧",
        "http://[::1]:3000/f/R%26D?t=a.b-c_d~e&x=1#p",
        "sales_by_region (1), R&D.xlsx",
      ),
    ).toBe("[sales_by_region (1), R&D.xlsx](http://[::1]:3000/f/R%26D?t=a.b-c_d~e&x=1#p)");
  });
});
