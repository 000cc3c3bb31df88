/** Tests names and paths in the label of a link: a label means the file that the link leads to. */
import { expect, it } from "vitest";
import { labelsWithDestination } from "../../src/citations/markup/labels.js";
import { describeRows } from "./rows.js";

describeRows([
  {
    rule: "a name in the label of a link to another place is not cited",
    files: ["report.csv", "report.png"],
    texts: [
      "[report.csv](https://example.com/files/report.csv)",
      "[`report.csv`](https://example.com/files/report.csv) and **[report.csv](https://x.y)**",
      "[report.csv](⟪not-found:sandbox:/tmp/report.csv⟫)",
      "[report.csv](../report.csv) [report.csv](<../my report.csv>)",
      "![report.png](https://example.com/report.png)",
      '![report.png](https://example.com/report.png "the chart")',
      "[![report.png](https://example.com/report.png)](https://example.com)",
      "[report.csv][1]\n\n[1]: https://example.com/report.csv",
      "[report.csv]\n\n[report.csv]: https://example.com/report.csv",
      '<a href="https://example.com/report.csv">report.csv</a>',
      '<a class="x" href="/tmp/report.csv">the <b>report.csv</b></a>',
      '<img alt="report.png" src="https://example.com/report.png">',
      "<img src='https://example.com/report.png' alt='report.png' />",
      '{"html": "<a href=\\"https://example.com/report.csv\\">report.csv</a>"}',
      "[report.csv](https://example.com/report.csv) and ⟦report.png‖report.png⟧",
    ],
  },
  {
    rule: "a name in the label of a link to nowhere is cited",
    files: ["report.csv"],
    texts: [
      "[⟦report.csv⟧](#)",
      "[⟦report.csv⟧]()",
      "[⟦report.csv⟧](<>)",
      "[⟦report.csv⟧]",
      "[⟦report.csv⟧][1]",
      "[⟦report.csv⟧][1]\n\n[1]: #",
      '<a href="#">⟦report.csv⟧</a>',
      '<a href="">⟦report.csv⟧</a> <a name="x" href="https://example.com">other</a>',
      '<a href="https://example.com">other</a> ⟦report.csv⟧',
      '<img src="https://example.com/x.png"> ⟦report.csv⟧',
      "[other](https://example.com) ⟦report.csv⟧ [other](https://example.com)",
    ],
  },
  {
    rule: "a path in a label is not cited if the link leads to a path or has the scheme `sandbox:`",
    texts: [
      "[/mnt/data/a.csv](⟪not-found:sandbox:/tmp/a.csv⟫)",
      "[/mnt/data/a.csv](/tmp/a.csv) [`/mnt/data/a.csv`](../a.csv) [/mnt/data/a.csv](C:\\data\\a.csv)",
      "[/mnt/data/a.csv](file:///tmp/a.csv)",
      "[/mnt/data/a.csv][1]\n\n[1]: /tmp/a.csv",
      '<a href="/tmp/a.csv">/mnt/data/a.csv</a>',
      "[⟦/mnt/data/a.csv⟧](https://example.com/) [⟦/mnt/data/a.csv⟧](#) [⟦/mnt/data/a.csv⟧](link)",
      '<a href="https://example.com/">⟦/mnt/data/a.csv⟧</a>',
    ],
  },
]);

it("calls isNeeded once for each pair of brackets and each tag, and returns only the labels that are needed", () => {
  const text = '[[ [a](./x) ]\n [b [c](./y)](z) [d]: e\n\n]](./w) <img src="./v">';
  const asked: string[] = [];
  const labelsAt = (isNeeded: (start: number, end: number) => boolean): string[] =>
    labelsWithDestination(text, isNeeded).all.map(({ start, end }) => text.slice(start, end));
  const all = labelsAt((start, end) => asked.push(text.slice(start, end)) > 0);
  expect(asked).toEqual(["a", " [a](./x) ", "c", "b [c](./y)", "d", '<img src="./v">']);
  expect(all).toEqual(["a", "b [c](./y)", '<img src="./v">']);
  const c = text.indexOf("c");
  expect(labelsAt((start, end) => start === c && end === c + 1)).toEqual(["c"]);
  expect(labelsAt(() => false)).toEqual([]);
});
