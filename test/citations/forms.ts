/** Data and functions for the resolver's tests: kinds of file names, forms in which models write a mention, and sentences. */
import { resolveFileCitations } from "../../src/index.js";
import type { Annotation, ContainerFile, IndexUnit } from "../../src/types.js";

let created = 1_760_000_000;

/** Builds a container file. Its id contains its path, so that a failed test shows which file was meant. */
export function file(path: string, more: Partial<ContainerFile> = {}): ContainerFile {
  return {
    id: `cfile_${path}`,
    object: "container.file",
    container_id: "cntr_1",
    created_at: created++,
    bytes: 1000,
    path: `/mnt/data/${path}`,
    source: "assistant",
    ...more,
  };
}

/** The citations in a text, and the uncited mentions with their reasons. Offsets are in UTF-16 units. */
export interface Outcome {
  cited: [start: number, end: number, fileId: string][];
  missed: [start: number, end: number, reason: string][];
}

/**
 * Parses a text in which the expected outcome is marked. A file is given by its path below `/mnt/data`:
 * - `⟦/mnt/data/a.csv⟧`: the text in the brackets gets a citation of the file `only`;
 * - `⟦b.csv‖/mnt/data/B.csv⟧`: the text `/mnt/data/B.csv` gets a citation of the file `b.csv`;
 * - `⟪not-found:/mnt/data/c.csv⟫`: the text `/mnt/data/c.csv` is a mention that is reported with the reason `not-found`.
 */
export function marked(source: string, only?: string): { text: string; outcome: Outcome } {
  const outcome: Outcome = { cited: [], missed: [] };
  let text = "";
  for (const piece of source.split(/(⟦[^⟦⟧]*⟧|⟪[a-z-]+:[^⟪⟫]*⟫)/)) {
    const start = text.length;
    const citation = /^⟦(?:([^‖]*)‖)?(.*)⟧$/s.exec(piece);
    const miss = /^⟪([a-z-]+):(.*)⟫$/s.exec(piece);
    text += citation?.[2] ?? miss?.[2] ?? piece;
    if (citation) outcome.cited.push([start, text.length, `cfile_${citation[1] ?? only}`]);
    if (miss) outcome.missed.push([start, text.length, miss[1]!]);
  }
  return { text, outcome };
}

/** Returns the resolver's outcome for a text. */
export function resolved(
  text: string,
  files: readonly ContainerFile[],
  annotations: readonly Annotation[] = [],
  indexUnit: IndexUnit = "utf-16",
): Outcome {
  const { citations, unresolved } = resolveFileCitations(text, files, { annotations, indexUnit });
  return {
    cited: citations.map(({ start, end, annotation }) => [start, end, annotation.file_id]),
    missed: unresolved.map(({ start, end, reason }) => [start, end, reason]),
  };
}

/** Kinds of file names, many with characters that mean something in prose, links, JSON or a shell. */
export const NAMES = [
  "report.csv",
  "sales_by_region.xlsx",
  "Q3 report.pdf",
  "out/figures/plot.png",
  "résumé.docx",
  "notes (final).txt",
  "model-v1.2.bin",
  "データ.csv",
  "archive.tar.gz",
  "Makefile",
  "LICENSE",
  "报告 最终版.xlsx",
  "最终版（2）.docx",
  "보고서_최종.pptx",
  "تقرير المبيعات.pdf",
  "דוח.xlsx",
  "отчёт.docx",
  "रिपोर्ट.pdf",
  "รายงาน.pdf",
  "Übersicht März.xlsx",
  "R&D budget.xlsx",
  "issue #42.md",
  "100% done.csv",
  "c++ notes.txt",
  "it's mine.txt",
  'the "best" one.txt',
  "🎉 party 👩‍👩‍👧.png",
  "a,b;c.csv",
  "[draft] plan.docx",
  "{template}.json",
  "data.2024.01.31.csv",
  "k=v, x@y.csv",
  "__init__.py",
  "~backup~.txt",
  "$price^2.csv",
  "what now!.txt",
  "semi; colon.md",
  "a  b.txt",
  "deep/er/path with space/x_1.json",
  "run.ipynb",
  "Thư mục/báo cáo.docx",
  "back`tick.txt",
  "no extension here",
  "a-b–c—d.txt",
  "x…y.txt",
  "_leading.py",
  "(1).txt",
  "file (1) (copy).xlsx",
  "1.0",
  "résumé’s.docx",
];

/** Other files of the container, with names similar to those in {@link NAMES}. A mention of a name in `NAMES` never means them. */
export const DECOYS = [
  "report.csv.gz",
  "Q3",
  "notes",
  "model-v1.2.bin.sha256",
  "data.csv",
  "port.csv",
  "archive.tar",
  "x.json",
  "plot.pn",
  "out/figures/plot.png.bak",
  "Makefile.am",
  "rt.csv",
];

/** Percent-encodes each segment with `encodeURIComponent`. */
export const encoded = (name: string): string => name.split("/").map(encodeURIComponent).join("/");

/** Writes a mention of a file. Returns the text before the cited range, the cited text, and the text after it. */
export type Form = (name: string) => [before: string, cited: string, after: string];

const inLink =
  (destination: (name: string) => string, before = "[Download](", after = ")"): Form =>
  (name) => [before, destination(name), after];
const sandbox = (name: string): string => `sandbox:/mnt/data/${name}`;
const bare = (name: string): string => `/mnt/data/${name}`;
/** Returns a path as it is written in a JSON string. */
const inJson = (path: string): string => JSON.stringify(path).slice(1, -1);

/** The forms in which models write a mention as a link. */
export const LINK_FORMS: Record<string, Form> = {
  "link-sandbox": inLink(sandbox),
  "link-sandbox-encoded": inLink((name) => sandbox(encoded(name))),
  "link-bare": inLink(bare),
  "link-bare-encoded": inLink((name) => bare(encoded(name))),
  "link-http": inLink((name) => `http:${bare(name)}`),
  "link-https": inLink((name) => `https:${bare(encoded(name))}`),
  "link-file": inLink((name) => `file://${bare(encoded(name))}`),
  "link-attachment": inLink((name) => `attachment:${bare(name)}`),
  "link-two-slashes": inLink((name) => `sandbox:/${bare(name)}`),
  "link-three-slashes": inLink((name) => `sandbox://${bare(encoded(name))}`),
  "link-no-slash": inLink((name) => `sandbox:mnt/data/${name}`),
  "link-other-case": inLink((name) => `SandBox:${bare(name)}`),
  "link-angle": inLink(sandbox, "[Download](<", ">)"),
  "link-angle-bare": inLink(bare, "[Download](<", ">)"),
  "link-title": inLink(sandbox, "[Download](", ' "your file")'),
  "link-title-single": inLink((name) => sandbox(encoded(name)), "[Download](", " 'your file')"),
  "link-label-is-path": (name) => [`[${bare(name)}](`, sandbox(name), ")"],
  "link-label-is-name": (name) => [`[${name.split("/").at(-1)}](`, sandbox(name), ")"],
  "link-label-is-code": (name) => [`[\`${name.split("/").at(-1)}\`](`, sandbox(name), ")"],
  "link-spaced": inLink((name) => sandbox(encoded(name)), "[Download]( ", " )"),
  "bold-link": inLink(sandbox, "**[Download](", ")**"),
  "italic-link": inLink(sandbox, "_[Download](", ")_"),
  "heading-link": inLink(sandbox, "\n\n### [Download](", ")\n\n"),
  "quote-link": inLink(sandbox, "\n\n> [Download](", ")\n\n"),
  "parenthesised-link": inLink(sandbox, "([Download](", "))"),
  "table-link": inLink(sandbox, "\n\n| File |\n|---|\n| [Download](", ") |\n"),
  "emoji-link": inLink(sandbox, "👉 [📥 Download](", ") 👈"),
  "link-query": inLink((name) => `${sandbox(encoded(name))}?_conversation=1&m=2`),
  "link-fragment": inLink((name) => `${sandbox(encoded(name))}#page=2`),
  image: inLink(sandbox, "![chart](", ")"),
  "image-in-link": inLink(sandbox, "[![chart](https://x.y/z.png)](", ")"),
  reference: inLink((name) => sandbox(encoded(name)), "[file][1]\n\n[1]: ", "\n"),
  "reference-title": inLink((name) => sandbox(encoded(name)), "[file][1]\n\n[1]: ", ' "Title"\n'),
  "reference-angle": inLink(sandbox, "[file][a b]\n\n[a b]: <", ">\n"),
  "html-href": inLink(sandbox, '<a href="', '" download>Download</a>'),
  "html-href-single": inLink(
    (name) => sandbox(encoded(name).replace(/'/g, "%27")),
    "<a href='",
    "'>Download</a>",
  ),
  "html-entities": inLink(
    (name) => sandbox(name.replace(/&/g, "&amp;").replace(/"/g, "&quot;")),
    '<a class="x" href="',
    '">Download</a>',
  ),
  "html-src": inLink(bare, '<img src="', '" alt="chart">'),
  autolink: inLink((name) => sandbox(encoded(name)), "<", ">"),
  "json-link": inLink((name) => inJson(sandbox(name)), '{"answer": "[Download](', ')\\n"}'),
};

/** The forms in which models write a mention as a path outside of a link. */
export const BARE_FORMS: Record<string, Form> = {
  bare: inLink(bare, "", ""),
  "bare-sandbox": inLink(sandbox, "", ""),
  "bare-file": inLink((name) => `file://${bare(encoded(name))}`, "", ""),
  code: inLink(bare, "`", "`"),
  "code-double": inLink(bare, "`` ", " ``"),
  "code-sandbox": inLink(sandbox, "`", "`"),
  "code-bold": inLink(bare, "**`", "`**"),
  bold: inLink(bare, "**", "**"),
  "bold-underscores": inLink(bare, "__", "__"),
  italic: inLink(bare, "*", "*"),
  strike: inLink(bare, "~~", "~~"),
  quoted: inLink(bare, '"', '"'),
  "quoted-single": inLink(bare, "'", "'"),
  "quoted-curly": inLink(bare, "“", "”"),
  "quoted-low": inLink(bare, "„", "“"),
  "quoted-guillemets": inLink(bare, "«", "»"),
  "quoted-cjk": inLink(bare, "「", "」"),
  "quoted-book": inLink(bare, "《", "》"),
  parens: inLink(bare, "(", ")"),
  "parens-cjk": inLink(bare, "（", "）"),
  brackets: inLink(bare, "[", "]"),
  braces: inLink(bare, "{", "}"),
  "brackets-cjk": inLink(bare, "【", "】"),
  angle: inLink(bare, "<", ">"),
  table: inLink(bare, "\n\n| File | Size |\n|---|---|\n| ", " | 12 KB |\n"),
  "table-tight": inLink(bare, "\n\n|File|Size|\n|---|---|\n|", "|12 KB|\n"),
  "table-code": inLink(bare, "\n\n| File | Size |\n|---|---|\n| `", "` | 12 KB |\n"),
  list: inLink(bare, "\n\n- ", " – the result\n"),
  "list-colon": inLink(bare, "\n\n1. ", ": the result\n"),
  json: inLink((name) => inJson(bare(name)), '{"file": "', '"}'),
  "json-escaped": inLink((name) => inJson(bare(name)).replace(/\//g, "\\/"), '{"file": "', '"}'),
  "json-text": inLink((name) => inJson(bare(name)), '{"text": "Saved.\\n', '\\nBye."}'),
  "json-quoted": inLink((name) => inJson(bare(name)), '{"text": "Saved to \\"', '\\"."}'),
  "md-escaped": inLink((name) => bare(name.replace(/[_*[\]()#+!{}]/g, "\\$&")), "", ""),
  "sentence-end": inLink(bare, "", "."),
  comma: inLink(bare, "", ", as you asked"),
  semicolon: inLink(bare, "", "; enjoy"),
  colon: inLink(bare, "", ": the result"),
  exclamation: inLink(bare, "", "!"),
  question: inLink(bare, "", "?"),
  ellipsis: inLink(bare, "", "…"),
  dots: inLink(bare, "", "..."),
  "full-stop-cjk": inLink(bare, "", "。"),
  "comma-cjk": inLink(bare, "", "，请下载"),
  "colon-cjk": inLink(bare, "文件：", "；"),
  "line-number": inLink(bare, "`", ":12`"),
  "html-text": inLink(bare, "<code>", "</code>"),
  "html-break": inLink(bare, "", "<br>"),
  "dash-after": inLink(bare, "", " — done"),
  "em-dash": inLink(bare, "", "—done"),
  arrow: inLink(bare, "→ ", ""),
  "new-line": inLink(bare, "\n\n", "\n\n"),
  "carriage-return": inLink(bare, "\r\n", "\r\n"),
  tab: inLink(bare, "\t", "\t12 KB"),
  equals: inLink(bare, "path=", ""),
};

/** Sentences in which a mention replaces the `%`. */
export const SENTENCES = [
  "%",
  "Here it is: %",
  "I saved it to % for you.",
  "Done! 🎉 Your file: %\n\nLet me know if you need changes.",
  "已生成文件：%",
  "Die Datei liegt unter % bereit, viel Spaß!",
  "ファイルは次のとおりです： % \nご確認ください。",
  "파일을 저장했습니다: % (12 KB)",
  "تم حفظ الملف في % بنجاح.",
  "文件已保存到%，请下载。",
  "レポートは%に保存しました。",
];
