/** Tests citations in labels, titles and the names of definitions (`[name]: https://h/`), where no new link can be written. */
import { describe, expect, it } from "vitest";
import { replaceFileLinks } from "../src/index.js";
import { citation, HREF, LINK, parsed, replaceMarked } from "./marked-text.js";

describe("the name of a definition that leads elsewhere is unchanged, and so are its references", () => {
  it.each([
    "See [the file][⟦a.csv⟧].\n\n[⟦a.csv⟧]: https://h/",
    "See [⟦a.csv⟧].\n\n[⟦a.csv⟧]: https://h/",
    "See [⟦a.csv⟧][].\n\n[A.CSV]: <https://h/> 'Title'",
    "See [it][⟦/mnt/data/a.csv⟧].\n\n> [⟦/mnt/data/a.csv⟧]: https://h/",
    "[⟦a.csv⟧][1]\n\n[1]: https://h/",
    "[⟦a.csv⟧](https://h/)\n\n[a.csv]: #",
    "[⟦a.csv⟧]: #x",
    "[⟦a.csv⟧]: #(x)",
  ])("%j", (source) => {
    expect(replaceMarked(source)).toBe(source.replace(/[⟦⟧]/g, ""));
  });

  it.each([
    ["[the file][⟦a.csv⟧]\n\n[b.csv]: https://h/", `[the file][${LINK}]\n\n[b.csv]: https://h/`],
    ["[⟦a.csv⟧]: the data\nof [⟦a.csv⟧]", `[${LINK}]: the data\nof [${LINK}]`],
  ])("%j has no definition of that name", (source, expected) => {
    expect(replaceMarked(source)).toBe(expected);
  });
});

describe("a link that leads nowhere gets the URL, and its other parts are unchanged", () => {
  const IN_HTML = HREF.replace("&", "&amp;");
  it.each([
    ['[⟦a.csv⟧](# "Data")', `[a.csv](${HREF} "Data")`],
    ["[⟦a.csv⟧](<> 'Data' )", `[a.csv](${HREF} 'Data' )`],
    ['{"x": "[⟦a.csv⟧](# \\"Data\\")"}', `{"x": "[a.csv](${HREF} \\"Data\\")"}`],
    ["[⟦a.csv⟧](# and so on)", "[a.csv](# and so on)"],
    ['[⟦a.csv⟧]("Data")', '[a.csv]("Data")'],
    ["[⟦a.csv⟧][1]\n\n[1]: #", `[a.csv][1]\n\n[1]: ${HREF}`],
    [
      "[see `⟦a.csv⟧`][The Data]\n\n[the data]: <#> 'T'",
      `[see \`a.csv\`][The Data]\n\n[the data]: ${HREF} 'T'`,
    ],
    ["[⟦a.csv⟧]\n\n[⟦a.csv⟧]: #", "[a.csv]\n\n[a.csv]: #"],
    ['<p><a href="#">⟦a.csv⟧</a></p>', `<p><a href="${IN_HTML}">a.csv</a></p>`],
    [
      "<A class=\"x\" HREF='' download>Get ⟦a.csv⟧</A>",
      `<A class="x" HREF='${IN_HTML}' download>Get a.csv</A>`,
    ],
    ['{"x": "<a href=\\"#\\">⟦a.csv⟧</a>"}', `{"x": "<a href=\\"${IN_HTML}\\">a.csv</a>"}`],
    ['<a href="#x">⟦a.csv⟧</a>', '<a href="#x">a.csv</a>'],
    ['<a data-href="#">⟦a.csv⟧</a>', '<a data-href="#">a.csv</a>'],
    ['<a id="x">href="#" ⟦a.csv⟧</a>', '<a id="x">href="#" a.csv</a>'],
    ['<a href="#">⟦a.csv⟧, ⟦b.csv⟧</a>', '<a href="#">a.csv, b.csv</a>'],
  ])("%s", (source, expected) => {
    expect(replaceMarked(source)).toBe(expected);
  });

  it("the URL is written once if the link names the same file several times", () => {
    const text = "[a.csv] or [a.csv]\n\n[a.csv]: #";
    const annotations = [1, 12, 21].map((start) => citation(start, start + 5));
    expect(replaceFileLinks(text, annotations, () => "U")).toBe("[a.csv] or [a.csv]\n\n[a.csv]: U");
  });
});

describe("a title is unchanged", () => {
  it.each([
    "[x][1]\n\n[1]: https://h/ (made from ⟦/mnt/data/a.csv⟧)",
    '[x][1]\n\n> [1]: <https://h/a b> "from ⟦/mnt/data/a.csv⟧"\n\ntext',
    '[x](https://h/ "made from ⟦/mnt/data/a.csv⟧ and more")',
    "![chart](https://h/c.png '⟦/mnt/data/a.csv⟧' )",
    '{"x": "[x](https://h/ \\"from ⟦/mnt/data/a.csv⟧\\")"}',
  ])("%j", (source) => {
    const output = replaceMarked(source);
    expect(output).toBe(source.replace(/[⟦⟧]/g, ""));
  });

  it.each([
    '[x](https://h/) says "⟦/mnt/data/a.csv⟧"',
    "[Note]: see the files (⟦/mnt/data/a.csv⟧)",
    "[Note]: Files (⟦/mnt/data/a.csv⟧) are there",
    '[x](https://h/ "⟦/mnt/data/a.csv⟧',
  ])("%j has no title", (source) => {
    const output = replaceMarked(source);
    expect(output).toBe(source.replace(/⟦.*⟧/, LINK));
    expect(parsed(output).links).toContainEqual({ href: HREF, label: "a.csv" });
  });
});
