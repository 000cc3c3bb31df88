/** Tests links in texts with HTML. Where Markdown is not parsed, links are HTML. Where HTML allows no link, none is made. */
import { describe, expect, it } from "vitest";
import { HREF, LINK, parsed, replaceMarked } from "./marked-text.js";

const ANCHOR = `<a href="${HREF.replace("&", "&amp;")}">a.csv</a>`;
const write = (source: string, link: string): string => source.replace(/⟦[^⟧]*⟧/g, link);

describe("where Markdown is not read, the link is HTML", () => {
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

describe("where Markdown is read, the link is Markdown", () => {
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

describe("where HTML allows no links, the text is unchanged", () => {
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

  it("but the src of a script is replaced, and so is text after the script", () => {
    expect(replaceMarked('<script src="⟦/mnt/data/a⟧"></script> ⟦/mnt/data/a⟧', "/f/1")).toBe(
      '<script src="/f/1"></script> <a href="/f/1">a.csv</a>',
    );
  });
});
