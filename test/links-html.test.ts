/** A text that is HTML in part: where Markdown is not read, a link is one of HTML's, and where HTML has no links, none. */
import { describe, expect, it } from "vitest";
import { HREF, LINK, parsed, replaceMarked } from "./marked-text.js";

const ANCHOR = `<a href="${HREF.replace("&", "&amp;")}">a.csv</a>`;
const write = (source: string, link: string): string => source.replace(/⟦[^⟧]*⟧/g, link);

describe("a line on which Markdown is not read has a link of HTML", () => {
  it.each([
    "<pre>\nfiles:\n\n⟦/mnt/data/a.csv⟧\n</pre>",
    "<PRE class='x'>\n\n⟦/mnt/data/a.csv⟧",
    "<!-- note --> ⟦/mnt/data/a.csv⟧",
    '<span style="color:red">\n⟦/mnt/data/a.csv⟧\n</span>',
    "<br>\n⟦/mnt/data/a.csv⟧",
    "  <br/>\t\n⟦/mnt/data/a.csv⟧",
    "<hr>\n⟦/mnt/data/a.csv⟧",
    "text\n\n<kbd>\n⟦/mnt/data/a.csv⟧\n</kbd>",
    "# Title\n<video controls>\n⟦/mnt/data/a.csv⟧\n</video>",
    "# Title\r\n<br>\r\n⟦/mnt/data/a.csv⟧",
    "```\nx\n```\n</span>\n⟦/mnt/data/a.csv⟧",
    "<details>\n<summary>x</summary>\n\ntext\n\n</details>\n⟦/mnt/data/a.csv⟧",
    "<pre></pre>\n<div>\n⟦/mnt/data/a.csv⟧",
  ])("%j", (source) => {
    const output = replaceMarked(source);
    expect(output).toBe(write(source, ANCHOR));
    expect(parsed(output).html.join("")).toContain(ANCHOR);
  });
});

describe("one on which it is read has a link of Markdown's", () => {
  it.each([
    "<br>⟦/mnt/data/a.csv⟧",
    "text\n<br>\n⟦/mnt/data/a.csv⟧",
    "<br>\n\n⟦/mnt/data/a.csv⟧",
    "<kbd>x</kbd>\n⟦/mnt/data/a.csv⟧",
    "<b>⟦/mnt/data/a.csv⟧</b>",
    "<!-- note -->\n⟦/mnt/data/a.csv⟧",
    "<!-- a\n\nb -->\n⟦/mnt/data/a.csv⟧",
    "<https://h/>\n⟦/mnt/data/a.csv⟧",
    "<pre>x\n\n</pre>\n⟦/mnt/data/a.csv⟧",
    "<script>x</script>\n⟦/mnt/data/a.csv⟧",
    "a `<script>` and ⟦/mnt/data/a.csv⟧ `</script>`",
    "`<!--` begins a comment. ⟦/mnt/data/a.csv⟧",
    "```\n<script>\n```\n⟦/mnt/data/a.csv⟧",
    "```\n<pre>\n```\n⟦/mnt/data/a.csv⟧",
    "--> </style> ⟦/mnt/data/a.csv⟧",
    "a <scripted> ⟦/mnt/data/a.csv⟧",
  ])("%j", (source) => {
    const output = replaceMarked(source);
    expect(output).toBe(write(source, LINK));
    expect(parsed(output).links).toContainEqual({ href: HREF, label: "a.csv" });
  });
});

describe("where HTML has no links, nothing is written", () => {
  it.each([
    "<!-- ⟦/mnt/data/a.csv⟧ -->",
    "text <!-- see\n⟦/mnt/data/a.csv⟧ --> text",
    "<!-- <script> ⟦/mnt/data/a.csv⟧ </script> -->",
    "<!-- never closed\n\n⟦/mnt/data/a.csv⟧",
    "<script>var f = '⟦/mnt/data/a.csv⟧'</script>",
    '<script>\nvar f = "x"; // ⟦/mnt/data/a.csv⟧\n</script>',
    '<script type="module">\n\nimport("⟦/mnt/data/a.csv⟧")</script>',
    "<style>a{background:url(⟦/mnt/data/a.csv⟧)}</style>",
    "<STYLE>a{background:url('⟦/mnt/data/a.csv⟧')}",
    "<textarea>⟦/mnt/data/a.csv⟧</textarea>",
    '{"html": "<script>f(\\"⟦/mnt/data/a.csv⟧\\")<\\/script>"}',
  ])("%j", (source) => {
    expect(replaceMarked(source, HREF, "';alert(1)//")).toBe(source.replace(/[⟦⟧]/g, ""));
  });

  it("but where a script comes from is an attribute, and behind it all is as before", () => {
    expect(replaceMarked('<script src="⟦/mnt/data/a⟧"></script> ⟦/mnt/data/a⟧', "/f/1")).toBe(
      '<script src="/f/1"></script> <a href="/f/1">a.csv</a>',
    );
  });
});
