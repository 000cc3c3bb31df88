/** Tests where `replaceFileLinks` puts a link if the markup is unusual. test/links.test.ts tests the usual forms of links. */
import { describe, expect, test } from "vitest";
import { replaceFileLinks } from "../../src/index.js";
import { marked } from "./forms.js";

const HREF = "https://x.y/f";
const LINK = `[a.csv](${HREF})`;
/** Each row has a text in which the citation is marked, and the expected result: `undefined` if the text must not change. */
const PLACES: Record<string, [source: string, expected: string | undefined][]> = {
  "an angle bracket without its partner": [
    ["a <⟦/mnt/data/a.csv⟧ b", `a <${LINK} b`],
    ["a ⟦/mnt/data/a.csv⟧> b", `a ${LINK}> b`],
  ],
  "a code span with other text in it": [
    ["`` `⟦/mnt/data/a.csv⟧ x ``", undefined],
    ["`` x ⟦/mnt/data/a.csv⟧` ``", undefined],
    ["`a ⟦/mnt/data/a`.csv⟧` x", undefined],
    ["`⟦/mnt/data/a`.csv⟧ x", undefined],
    ["`wow!⟦/mnt/data/a.csv⟧`", `\`wow!\`${LINK}`],
    ["`x`⟦a.csv⟧", `\`x\`${LINK}`],
  ],
  "backticks that form no code span, or a shorter one": [
    ["a ` ⟦a.csv⟧ b\n\nc", `a \` ${LINK} b\n\nc`],
    ["a ` b\n\n⟦a.csv⟧ ` c", `a \` b\n\n${LINK} \` c`],
    ["a ` b\r\n\r\n⟦a.csv⟧ ` c", `a \` b\r\n\r\n${LINK} \` c`],
    ["> - a ` b\n> - ⟦a.csv⟧ ` c", `> - a \` b\n> - ${LINK} \` c`],
    ["1. a ` b\n2. ⟦a.csv⟧ ` c", `1. a \` b\n2. ${LINK} \` c`],
    ["9. a ` b\n10. ⟦a.csv⟧ ` c", `9. a \` b\n10. ${LINK} \` c`],
    ["\\``⟦a.csv⟧` b", `\\\`${LINK} b`],
  ],
  "quotes of JSON and of prose": [
    ['It is {"f" : "⟦a.csv⟧"}.', `It is {"f" : "${HREF}"}.`],
    ['It is {"f":"⟦a.csv⟧" }.', `It is {"f":"${HREF}" }.`],
    ['\n["⟦a.csv⟧"]\n', `\n["${HREF}"]\n`],
    ['[x] "⟦a.csv⟧"', `[x] "${LINK}"`],
    ['{"k": "v"} and "⟦a.csv⟧", x', `{"k": "v"} and "${LINK}", x`],
    ['Say "f": "⟦a.csv⟧" or {"g": "h"}', `Say "f": "${LINK}" or {"g": "h"}`],
  ],
  "a footnote, and a definition below one": [
    ["[^note]: ⟦/mnt/data/a.csv⟧", `[^note]: ${LINK}`],
    ["[^1]:  ⟦/mnt/data/a.csv⟧", `[^1]:  ${LINK}`],
    ["[^1]: note\n[2]: ⟦/mnt/data/a.csv⟧", `[^1]: note\n[2]: ${HREF}`],
  ],
  "a label, and brackets that are not a label": [
    ["[see ⟦a.csv⟧ [1]](https://h/)", undefined],
    [`${"It is done. ".repeat(80)}[⟦a.csv⟧](https://h/)`, undefined],
    ["[⟦a.csv⟧\nx](https://h/)", undefined],
    ["All of it is in [⟦a.csv⟧\n\nx](https://h/)", `All of it is in [${LINK}\n\nx](https://h/)`],
    ["[⟦a.csv⟧\n \nx](https://h/)", `[${LINK}\n \nx](https://h/)`],
    ["⟦/mnt/data/[a.csv⟧](h)", `${LINK}](h)`],
    ["[⟦a.csv⟧](h) [x](#)", undefined],
    ["[⟦a.csv⟧]( # )", `[a.csv](${HREF} )`],
  ],
};

describe.each(Object.entries(PLACES))("%s", (_, rows) => {
  test.each(rows)("%s", (source, expected) => {
    const { text, outcome } = marked(source);
    const annotations = outcome.cited.map(([start, end]) => ({
      type: "container_file_citation",
      container_id: "cntr_1",
      file_id: "cfile_1",
      filename: "a.csv",
      start_index: start,
      end_index: end,
    }));
    expect(replaceFileLinks(text, annotations, () => HREF)).toBe(expected ?? text);
  });
});
