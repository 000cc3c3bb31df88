/**
 * Tests look-alikes: files whose path or name is similar to one in the text. The text around the mention decides whether they
 * are cited.
 */
import { describe, expect, test } from "vitest";
import { resolveFileCitations } from "../../src/index.js";
import { file } from "./forms.js";
import { describeRows } from "./rows.js";

const Q3: [string, string][] = [["sandbox:/mnt/data/q3/report.csv", "q3/report.csv"]];
const UPLOAD = "0123456789abcdef0123456789abcdef-report.csv";

describeRows([
  {
    rule: "a look-alike is not cited if the API cited another file of that name",
    files: ["q2/report.csv"],
    texts: [
      { text: "[x](sandbox:/mnt/data/q3/report.csv) then report.csv", cited: Q3 },
      { text: "[x](sandbox:/mnt/data/q3/report.csv) then [y](report.csv)", cited: Q3 },
      { text: "[x](sandbox:/mnt/data/q3/report.csv) then ⟪not-found:/mnt/data/report.csv⟫", cited: Q3 },
      { text: "[x](sandbox:/mnt/data/q3/report.csv) then ⟪not-found:/mnt/data/Report.csv⟫", cited: Q3 },
      {
        text: "[x](sandbox:/mnt/data/q3/report.csv) then ⟪ambiguous:/mnt/data/q3/report.csv⟫",
        files: ["q3/report.csv@new"],
        cited: Q3,
      },
      { text: "[x](sandbox:/mnt/data/q3/report.csv) then ⟦/mnt/data/q2/report.csv⟧", cited: Q3 },
      {
        text: "[x](sandbox:/mnt/data/q3/report.csv) then ⟦/mnt/data/q3/report.csv⟧",
        files: ["q3/report.csv"],
        cited: Q3,
      },
    ],
  },
  {
    rule: "a look-alike is not cited if the text also gives the file's own path",
    files: ["q3/report.csv"],
    texts: [
      "⟪not-found:/mnt/data/report.csv⟫ and ⟦/mnt/data/q3/report.csv⟧",
      "⟦/mnt/data/q3/report.csv⟧, ⟦/mnt/data/q3/report.csv⟧ and [x](⟪not-found:sandbox:/mnt/data/q3/old/report.csv⟫)",
      "⟪not-found:/mnt/data/Q3/Report.csv⟫ and ⟦/mnt/data/q3/report.csv⟧",
      { text: "[x](sandbox:/mnt/data/q3/report.csv) and ⟪not-found:/mnt/data/report.csv⟫", cited: Q3 },
      {
        text: `[x](⟪not-found:sandbox:/mnt/data/report.csv⟫) and [y](⟦sandbox:/mnt/data/${UPLOAD}⟧)`,
        files: [`user:${UPLOAD}`],
      },
    ],
  },
  {
    rule: "two different paths for one look-alike are not cited",
    files: ["q3/report.csv"],
    texts: [
      "⟪not-found:/mnt/data/report.csv⟫ and ⟪not-found:/mnt/data/q3/old/report.csv⟫",
      "⟦/mnt/data/report.csv⟧ and ⟦/mnt/data/Report.csv⟧ and [x](⟦sandbox:/mnt/data/report.csv⟧)",
      { text: "⟪not-found:/mnt/data/A.csv⟫ and ⟪not-found:/mnt/data/x/a.csv⟫", files: ["a.csv"] },
    ],
  },
  {
    rule: "dashes, spaces, quotes and case do not make a different path",
    files: ["report-v2.pdf"],
    texts: [
      "⟦/mnt/data/report\u2011v2.pdf⟧ and ⟦/mnt/data/report-v2.pdf⟧",
      "⟦/mnt/data/Report-v2.pdf⟧ and ⟦/mnt/data/REPORT\u2011v2.pdf⟧",
      {
        text: "⟦/mnt/data/My\u00a0report’s.pdf⟧ and ⟦/mnt/data/My report's.pdf⟧",
        files: ["My report's.pdf"],
      },
    ],
  },
  {
    rule: "an exactly spelled name wins over a longer look-alike",
    files: ["report", "Report Results"],
    texts: [
      "⟦report‖/mnt/data/report⟧ results below",
      "⟦Report Results‖/mnt/data/Report Results⟧ below",
      { text: "⟦a.csv‖/mnt/data/a.csv⟧ b.csv", files: ["a.csv", "A.csv B.csv"] },
      { text: "⟦Q3 Final Report.pdf‖/mnt/data/Q3 final report.pdf⟧", files: ["Q3", "Q3 Final Report.pdf"] },
      { text: "⟦out/report‖/mnt/data/out/report⟧ results", files: ["out/report", "OUT/Report Results"] },
    ],
  },
  {
    rule: "a path in a folder that tools fill, or in a placeholder, does not mean a file elsewhere",
    files: ["r.csv"],
    texts: [
      "⟪not-found:/mnt/data/.trash/r.csv⟫ ⟪not-found:/mnt/data/node_modules/r.csv⟫",
      "⟪not-found:/mnt/data/__MACOSX/r.csv⟫ `⟪not-found:/mnt/data/.git/r.csv⟫`",
      "`⟪not-found:/mnt/data/$OUT/r.csv⟫` `⟪not-found:/mnt/data/%OUT%/r.csv⟫` `⟪not-found:/mnt/data/~/r.csv⟫`",
      "`⟪not-found:/mnt/data/[id]/r.csv⟫` `⟪not-found:/mnt/data/out?/r.csv⟫` `⟪not-found:/mnt/data/a:b/r.csv⟫`",
      "`⟪not-found:/mnt/data/.../r.csv⟫` `⟪not-found:/mnt/data/YYYY-MM/r.csv⟫` `⟪not-found:/mnt/data/XXX/r.csv⟫`",
      "⟦/mnt/data/out/r.csv⟧",
      {
        text: "⟪not-found:/mnt/data/r.zip/r.csv⟫ ⟪not-found:/mnt/data/r.zip/x/r.csv⟫",
        files: ["r.zip", "r.csv"],
      },
    ],
  },
]);

test("a path below one root does not mean a file below another root", () => {
  const files = [file("r.csv", { path: "/home/oai/share/r.csv" })];
  const roots = ["/mnt/data", "/home/oai/share"];
  const { citations, unresolved } = resolveFileCitations("/mnt/data/r.csv", files, { roots });
  expect(citations).toEqual([]);
  expect(unresolved.map(({ reason }) => reason)).toEqual(["not-found"]);
});

test.each([
  [
    "the file in a folder, if only that file has exactly the name",
    ["q3\u2011report.csv", "out/q3-report.csv"],
    1,
  ],
  ["the file in the root, if both files have exactly the name", ["q3-report.csv", "out/q3-report.csv"], 0],
  ["the file in the root, if no file has exactly the name", ["q3\u2011report.csv", "out/Q3-report.csv"], 0],
])("a name in a link means %s", (_, paths, meant) => {
  const { citations } = resolveFileCitations(
    "[it](q3-report.csv)",
    paths.map((path) => file(path)),
  );
  expect(citations.map(({ annotation }) => annotation.file_id)).toEqual([`cfile_${paths[meant]}`]);
});

test("an upload's former name is ambiguous if a farther container has a file that has this name now", () => {
  const files = [file(UPLOAD, { source: "user" }), file("report.csv", { container_id: "cntr_2" })];
  const { citations, unresolved } = resolveFileCitations("[x](sandbox:report.csv)", files);
  expect(citations).toEqual([]);
  expect(unresolved.map(({ reason }) => reason)).toEqual(["ambiguous"]);
});

describe("an upload's id", () => {
  const cited = (name: string) =>
    resolveFileCitations("[it](sandbox:/mnt/data/sales.csv)", [file(name, { source: "user" })]).citations;

  test.each([
    "file-Version2-sales.csv",
    "file-Final2-sales.csv",
    "file-CustomerExport2024-sales.csv",
    "file-InternationalCustomerExport-sales.csv",
    "assistant-2024Q3Report-sales.csv",
    "file-V1a-sales.csv",
  ])("is not found in a name that somebody chose: %s", (name) => {
    expect(cited(name)).toEqual([]);
  });

  test.each(["file-Ab12-sales.csv", "file-Xy12Cd-sales.csv", "assistant-9fW4TrWxDbKZvFzDGXyaSk-sales.csv"])(
    "is found if it is short and mixed, or long: %s",
    (name) => {
      expect(cited(name)).toHaveLength(1);
    },
  );
});
