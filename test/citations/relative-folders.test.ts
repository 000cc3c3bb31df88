/** Tests names with a folder before them, as in `out/a.csv`. A text can write the folder in any encoding and Unicode form. */
import { describe, expect, test } from "vitest";
import { resolveFileCitations } from "../../src/index.js";
import { file } from "./forms.js";
import { describeRows } from "./rows.js";

const FOLDERS = [
  ...[
    "out",
    "figures/2024",
    "图表",
    "Übersicht",
    "グラフ",
    "보고서",
    "отчёты/май",
    "Thư mục/báo cáo",
    "final results",
  ],
  ...["results_2024", "R&D", "it's", "🎉 party", "a (1)", "100%", "a%20b", "_private"],
];

/** Each way to write a folder in a link's destination, in code or in prose. */
const SPELLINGS: Record<string, (folder: string) => string> = {
  NFC: (folder) => folder.normalize("NFC"),
  NFD: (folder) => folder.normalize("NFD"),
  "percent-encoded": (folder) => encodeURI(folder.normalize("NFC")),
  "percent-encoded NFD": (folder) => folder.normalize("NFD").split("/").map(encodeURIComponent).join("/"),
  entities: (folder) => folder.replaceAll("&", "&amp;").replaceAll("'", "&#39;"),
  "escaped for JSON": (folder) =>
    folder.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "escaped for Markdown": (folder) => folder.replace(/[_()]/g, "\\$&"),
  "with two slashes": (folder) => folder.replaceAll("/", "//"),
};

describe.each(FOLDERS)("a name after the folder %s", (folder) => {
  test.each(Object.entries(SPELLINGS))("%s", (_, spelling) => {
    const path = `/mnt/data/${folder}/a.png`;
    const others = ["/mnt/data/elsewhere/a.png", "/mnt/data/a.png"].map((other) =>
      file(other, { path: other }),
    );
    const written = `${spelling(folder)}/a.png`;
    for (const form of ["NFC", "NFD"]) {
      const files = [...others, file(path, { id: "meant", path: path.normalize(form) })];
      for (const [before, after] of [
        ["[x](", ")"],
        ["See `", "`."],
        ["", ""],
      ] as const) {
        const { citations } = resolveFileCitations(before + written + after, files);
        expect(citations.map(({ annotation, text }) => [annotation.file_id, text])).toEqual([
          ["meant", written],
        ]);
      }
    }
  });
});

describeRows([
  {
    rule: "a name whose folder is the end of a longer folder, or another folder, is not cited",
    files: ["Übersicht/a.png", "out/a.png", "_b/a.png"],
    texts: [
      "`x/Übersicht/a.png` [x](x/%C3%9Cbersicht/a.png) `neueÜbersicht/a.png` `Ubersicht/a.png`",
      "[x](x%20out/a.png) x%20out/a.png `a%C3%BCout/a.png` a\\_b/a.png https://host/Übersicht/a.png",
      "`übersicht/a.png` [x](%C3%BCbersicht/a.png)",
    ],
  },
  {
    rule: "a name whose folder is the end of a word in a script without spaces is not cited",
    files: ["보고서/a.png", "グラフ/b.png", "がぞう/c.png"],
    texts: [
      "최종보고서/a.png 売上グラフ/b.png ラインナップグラフ/b.png 折れ線グラフ図グラフ/b.png わがぞう/c.png",
      '{"path": "\\ucd5c\\uc885보고서/a.png"}',
      `${"최종".normalize("NFD")}보고서/a.png ${"ログ".normalize("NFD")}グラフ/b.png`,
      "최종 ⟦보고서/a.png‖보고서/a.png⟧, 次は⟦グラフ/b.png‖グラフ/b.png⟧、⟦がぞう/c.png‖がぞう/c.png⟧に",
      "파일:⟦보고서/a.png‖보고서/a.png⟧를",
    ],
  },
  {
    rule: "a folder that can be read in two ways is decoded in a link, and ambiguous elsewhere",
    files: ["a b/x.png", "a%20b/x.png"],
    texts: ["[x](⟦a b/x.png‖a%20b/x.png⟧)", "See `⟪ambiguous:a%20b/x.png⟫`", "See `⟦a b/x.png‖a b/x.png⟧`"],
  },
  {
    rule: "markup between a folder and a name does not split the path",
    files: ["Übersicht/a.png", "my plots/b.png", "q_1/c.png"],
    texts: [
      "`⟪directory:/mnt/data/Übersicht/⟫`**⟦Übersicht/a.png‖a.png⟧**",
      "Übersicht/`⟦Übersicht/a.png‖a.png⟧`",
      "my%20plots/`⟦my plots/b.png‖b.png⟧` and q\\_1/**⟦q_1/c.png‖c.png⟧**",
      "Ubersicht/`a.png` x/Übersicht/`a.png`",
    ],
  },
]);
