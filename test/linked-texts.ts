/** Provides texts with mentions for tests of the option `links`: the texts below, the cases in `../shared`, and random texts. */
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import type { ContainerFile } from "../src/index.js";
import type { Given } from "./linking.js";
import { file } from "./upstream.js";

/** The texts of this file: each with its name, the text, and the names of its files in /mnt/data. */
const OWN: [string, string, ...string[]][] = [
  ["a link", "See [the plan](sandbox:/mnt/data/plan.docx).", "plan.docx"],
  ["two links", "[a](sandbox:/mnt/data/a.csv) and [b](sandbox:/mnt/data/b.csv)", "a.csv", "b.csv"],
  ["an image", "![chart](sandbox:/mnt/data/chart.png)", "chart.png"],
  ["a title", '[a](sandbox:/mnt/data/a.csv "The (first) file")', "a.csv"],
  ["angle brackets", "[a](<sandbox:/mnt/data/a b.csv>) and more", "a b.csv"],
  ["a bare path", "Download: /mnt/data/plan.docx\n", "plan.docx"],
  ["a bare path at the end", "Download: /mnt/data/plan.docx", "plan.docx"],
  ["a sentence's end", "It is in /mnt/data/plan.docx. Bye.", "plan.docx"],
  ["a longer known name", "/mnt/data/report.csv.gz /mnt/data/report.csv", "report.csv", "report.csv.gz"],
  ["a name with spaces", "See /mnt/data/Q3 final report.pdf for more.", "Q3 final report.pdf", "Q3.pdf"],
  ["brackets in a name", "[x](sandbox:/mnt/data/notes (final).txt) ok", "notes (final).txt"],
  ["percent-encoding", "[x](sandbox:/mnt/data/my%20file.csv)", "my file.csv"],
  ["a code span", "Run `cat /mnt/data/a.csv` or read `/mnt/data/a.csv`.", "a.csv"],
  ["an open code span", "A ` here, and /mnt/data/a.csv there.\n\nEnd `x`", "a.csv"],
  ["bold type", "**/mnt/data/a.csv**", "a.csv"],
  ["fenced code", "```python\nopen('/mnt/data/a.csv')\n```\nSee /mnt/data/a.csv", "a.csv"],
  ["a fence with only a path", "Saved:\n\n```\n/mnt/data/a.csv\n```\nDone.", "a.csv"],
  ["a path right after a fence", "```\nx\n```\n/mnt/data/a.csv has it:\n```sh\ny\n```\nEnd", "a.csv"],
  ["a scheme right after a fence", "```\nx\n```\nsandbox:/mnt/data/a.csv\n```\ny\n```\n", "a.csv"],
  ["a label that is a path", "[/mnt/data/a.csv](sandbox:/mnt/data/a.csv)", "a.csv"],
  ["a label of a link that leads nowhere", "[/mnt/data/a.csv](#) and", "a.csv"],
  ["a bare name as a destination", "[report](report.csv) and [x](https://example.com/a.csv)", "report.csv"],
  [
    "a table",
    "| File | Size |\n|---|---|\n| /mnt/data/a.csv | 1 kB |\n| /mnt/data/b.csv | 2 kB |\n",
    "a.csv",
    "b.csv",
  ],
  ["JSON", '{"file": "/mnt/data/a.csv", "other": ["/mnt/data/b.csv"]}', "a.csv", "b.csv"],
  ["escaped JSON", '{"file": "\\/mnt\\/data\\/a.csv"}', "a.csv"],
  ["an attribute", 'See <a href="sandbox:/mnt/data/a.csv">it</a> now', "a.csv"],
  ["an HTML block", "<div>\n/mnt/data/a.csv\n</div>\n\nEnd", "a.csv"],
  ["a comment", "<!-- /mnt/data/a.csv --> and /mnt/data/a.csv", "a.csv"],
  ["a definition", "[the file][1]\n\n[1]: sandbox:/mnt/data/a.csv\n", "a.csv"],
  ["an autolink", "<sandbox:/mnt/data/a.csv>", "a.csv"],
  ["an exclamation mark", "Done!/mnt/data/a.csv or !/mnt/data/a.csv", "a.csv"],
  [
    "emoji and other scripts",
    "🎉🎉 完成：/mnt/data/报告.xlsx。 👍 [再](sandbox:/mnt/data/a.csv)",
    "报告.xlsx",
    "a.csv",
  ],
  ["a file that is not there", "See /mnt/data/missing.csv and /mnt/data/a.csv", "a.csv"],
  [
    "another site",
    "https://example.com/mnt/data/a.csv s3://b/mnt/data/a.csv /home/me/mnt/data/a.csv",
    "a.csv",
  ],
  ["text that only looks like a path", "sand sandbox s /m /mnt /mnt/dat / & % ` < ! \\ ](", "a.csv"],
];
const inContainer = (files: readonly ContainerFile[]): ContainerFile[] =>
  files.map((one) => ({ ...one, container_id: "cntr_1", created_at: 1_760_000_001 }));
const EVAL = new URL("../../shared/eval/cases.json", import.meta.url);
const shared: { id: string; text: string; files: ContainerFile[] }[] = existsSync(EVAL)
  ? JSON.parse(readFileSync(EVAL, "utf8"))
  : [];
export const cases: [string, Given][] = [
  ...OWN.map(([name, text, ...names]): [string, Given] => [
    name,
    { text, files: inContainer(names.map((one) => file(`/mnt/data/${one}`))) },
  ]),
  ...shared
    .filter(({ files }) => new Set(files.map(({ container_id }) => container_id)).size <= 1)
    .map(({ id, text, files }): [string, Given] => [id, { text, files: inContainer(files) }]),
];

const NAMES = [
  "a.csv",
  "b c.csv",
  "report (final).pdf",
  "out/plot.png",
  "r\u00e9sum\u00e9.docx",
  "data.tar.gz",
  "data.tar",
];
const FILES = inContainer(NAMES.map((name) => file(`/mnt/data/${name}`)));
const path = fc.constantFrom(...NAMES, "missing.csv", "*.csv", "").map((name) => `/mnt/data/${name}`);
const mention = fc.tuple(
  fc.constantFrom("", "sandbox:", "SANDBOX:", "sandbox:/", "http:", "file://", "x", "/home", "https://e.com"),
  fc.oneof(
    path,
    path.map(encodeURI),
    path.map((one) => one.replaceAll("/", "\\/")),
  ),
);
const piece = fc.oneof(
  mention.map((parts) => parts.join("")),
  fc
    .tuple(
      fc.constantFrom("[x](", "![x](", "[x](<", "[", "`", "``", "<", '"', '<a href="', "[1]: ", "(", "**"),
      mention,
    )
    .map(([open, parts]) => open + parts.join("")),
  fc.constantFrom(
    ...[
      ")",
      ">",
      "`",
      "``",
      "```",
      "\n",
      "\n\n",
      "\n```\n",
      "]",
      "](",
      "](#)",
      "[",
      "!",
      "<",
      "\\",
      '"',
      "'",
      "&",
      "%2F",
    ],
    ...[
      "<!--",
      "-->",
      "<div>",
      "</div>",
      "</a>",
      "|",
      "- ",
      "    ",
      " ",
      "\u{1f389}",
      "sand",
      "sandbox:",
      "/mnt",
      "/mnt/data",
    ],
    ...["text", "s", "a.csv", "[y](a.csv)", "\u3002", "{", "}", ": ", "file", "http"],
  ),
);
export const given = fc
  .record({
    text: fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
    files: fc.constant(FILES),
  })
  .filter(({ text }) => text !== "");
export const cutsOf = fc.array(fc.nat(400), { maxLength: 30 });
