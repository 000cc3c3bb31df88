/**
 * The design's table "Which text is a mention, and of which file": a row a rule, several texts a row. Long, as that has
 * many rows.
 */
import { describe, expect, test } from "vitest";
import { BARE_FORMS, DECOYS, type Form, file, LINK_FORMS, NAMES, resolved, SENTENCES } from "./forms.js";
import { describeRows, type Row } from "./rows.js";

const TABLE: Row[] = [
  {
    rule: "a link's destination, with any scheme, is cited as written",
    texts: [
      "[x](⟦sandbox:/mnt/data/a.csv⟧)",
      "[x](⟦/mnt/data/a.csv⟧)",
      "[x](⟦http:/mnt/data/a.csv⟧) and [x](⟦https:/mnt/data/a.csv⟧)",
      "[x](⟦file:/mnt/data/a.csv⟧) and [x](⟦file:///mnt/data/a.csv⟧)",
      "[x](⟦attachment:/mnt/data/a.csv⟧)",
      "[x](⟦sandbox://mnt/data/a.csv⟧) and [x](⟦sandbox:///mnt/data/a.csv⟧)",
      "[x](⟦sandbox:mnt/data/a.csv⟧)",
      "[x](⟦SANDBOX:/mnt/data/a.csv⟧) and [x](⟦Sandbox:/mnt/data/a.csv⟧)",
      "![x](⟦sandbox:/mnt/data/a.csv⟧)",
      { text: "[](⟦sandbox:/mnt/data/Q3 report (final).pdf⟧)", files: ["Q3 report (final).pdf"] },
      { text: "[x](⟦sandbox:/mnt/data/Makefile⟧)v2.txt", files: ["Makefile"] },
      "[x](⟪not-found:sandbox:/mnt/data/a.csv old⟫) <a href=⟪not-found:/mnt/data/a.csv2⟫>x</a>",
      "[1]: ⟪not-found:sandbox:/mnt/data/a.csv2⟫\n[2]: ⟦sandbox:/mnt/data/a.csv⟧, the table",
    ],
  },
  {
    rule: "whatever wraps a path is not part of it",
    texts: [
      "⟦/mnt/data/a.csv⟧",
      "`⟦/mnt/data/a.csv⟧` “⟦/mnt/data/a.csv⟧” '⟦/mnt/data/a.csv⟧' \"⟦/mnt/data/a.csv⟧\" «⟦/mnt/data/a.csv⟧»",
      "(⟦/mnt/data/a.csv⟧) [⟦/mnt/data/a.csv⟧] {⟦/mnt/data/a.csv⟧} <⟦/mnt/data/a.csv⟧> 「⟦/mnt/data/a.csv⟧」",
      "**⟦/mnt/data/a.csv⟧**, __⟦/mnt/data/a.csv⟧__, *⟦/mnt/data/a.csv⟧*, ~~⟦/mnt/data/a.csv⟧~~, **`⟦/mnt/data/a.csv⟧`**",
      "Saved: **⟦/mnt/data/a.csv⟧**.\nAnd **⟦sandbox:/mnt/data/a.csv⟧**...",
      "| file | size |\n|---|---|\n| ⟦/mnt/data/a.csv⟧ | 12 |\n|⟦/mnt/data/a.csv⟧|12|",
      '{"path": "⟦/mnt/data/a.csv⟧", "n": ["⟦/mnt/data/a.csv⟧"], "text": "see\\n⟦/mnt/data/a.csv⟧\\nor \\"⟦/mnt/data/a.csv⟧\\""}',
      "<a href=\"⟦sandbox:/mnt/data/a.csv⟧\">x</a> <img src='⟦/mnt/data/a.csv⟧'> <a href=⟦sandbox:/mnt/data/a.csv⟧>x</a>",
      "<⟦sandbox:/mnt/data/a.csv⟧>",
      "See [the file][1].\n\n[1]: ⟦sandbox:/mnt/data/a.csv⟧\n[2]: <⟦sandbox:/mnt/data/a.csv⟧>\n[3]: ⟦/mnt/data/a.csv⟧ 'Title'",
      "[x](<⟦sandbox:/mnt/data/a.csv⟧>) [x](⟦sandbox:/mnt/data/a.csv⟧ \"Title\") [x](⟦sandbox:/mnt/data/a.csv⟧ 'T (1)')",
      "> - [x]( ⟦sandbox:/mnt/data/a.csv⟧ )",
      '{"answer": "{\\"text\\": \\"See\\\\n⟦/mnt/data/a.csv⟧\\\\nBye\\"}"}',
      { text: "⟦a.csv‖/mnt/data/a.csv⟧\0b &#0;⟦a.csv‖/mnt/data/a.csv⟧&#0;b", files: ["a.csv", "b"] },
      "✅️⟦/mnt/data/a.csv⟧ and 1️⃣⟦sandbox:/mnt/data/a.csv⟧",
      "`https://x.y`:⟦/mnt/data/a.csv⟧",
    ],
  },
  {
    rule: "punctuation and particles that follow are not part of it",
    texts: [
      "⟦/mnt/data/a.csv⟧. ⟦/mnt/data/a.csv⟧, ⟦/mnt/data/a.csv⟧; ⟦/mnt/data/a.csv⟧: ⟦/mnt/data/a.csv⟧! ⟦/mnt/data/a.csv⟧?",
      "⟦/mnt/data/a.csv⟧… ⟦/mnt/data/a.csv⟧... ⟦/mnt/data/a.csv⟧?! ⟦/mnt/data/a.csv⟧.",
      "已保存到⟦/mnt/data/a.csv⟧，请下载。也在⟦/mnt/data/a.csv⟧。还有⟦/mnt/data/a.csv⟧的副本、⟦/mnt/data/a.csv⟧！",
      "⟦/mnt/data/a.csv⟧に保存しました。⟦/mnt/data/a.csv⟧を確認してください。",
      "파일은 ⟦/mnt/data/a.csv⟧에 있습니다. ⟦/mnt/data/a.csv⟧를 여세요.",
      "ไฟล์⟦/mnt/data/a.csv⟧พร้อมแล้ว",
      "⟦/mnt/data/a.csv⟧[^1]. ⟦/mnt/data/a.csv⟧[1]. ⟦/mnt/data/a.csv⟧[1]に",
      "الملف ⟦/mnt/data/a.csv⟧، أين ⟦/mnt/data/a.csv⟧؟ फ़ाइल ⟦/mnt/data/a.csv⟧। Datei „⟦/mnt/data/a.csv⟧“.",
      "הקובץ נשמר ב-⟦/mnt/data/a.csv⟧. ①⟦/mnt/data/a.csv⟧②⟦sandbox:/mnt/data/a.csv⟧③",
      '{"text": "⟦/mnt/data/a.csv⟧\\u306b\\u4fdd\\u5b58 \\u0022⟦/mnt/data/a.csv⟧\\u0022"}',
      "⟦/mnt/data/a.csv⟧—done, ⟦/mnt/data/a.csv⟧'s rows, ⟦/mnt/data/a.csv⟧¹, ⟦/mnt/data/a.csv⟧(12 KB)",
      {
        text: "⟦/mnt/data/Makefile⟧，请下载。`⟦/mnt/data/Makefile⟧`文件 (⟦/mnt/data/Makefile⟧). ⟦/mnt/data/Makefile⟧입니다.",
        files: ["Makefile"],
      },
      { text: "⟦/mnt/data/Makefile⟧؟ ⟦/mnt/data/Makefile⟧।에 ⟦/mnt/data/Makefile⟧،و", files: ["Makefile"] },
    ],
  },
  {
    rule: "encoded and escaped paths match, and are cited as written",
    files: ["R&D data_1 (ü).csv"],
    texts: [
      "[x](⟦sandbox:/mnt/data/R&D%20data_1%20(%C3%BC).csv⟧) [x](⟦sandbox:/mnt/data/R%26D%20data_1%20%28%C3%BC%29.csv⟧)",
      "⟦/mnt/data/R&D data\\_1 \\(ü\\).csv⟧ and ⟦/mnt/data/R\\&D data\\_1 (ü).csv⟧",
      '{"f": "⟦\\/mnt\\/data\\/R&D data_1 (ü).csv⟧", "g": "⟦/mnt/data/R\\u0026D data_1 (\\u00fc).csv⟧"}',
      '<a href="⟦sandbox:/mnt/data/R&amp;D data_1 (&#252;).csv⟧">x</a> ⟦/mnt/data/R&#38;D data_1 (&#xfc;).csv⟧',
      "⟦/mnt/data/R&D data_1 (u\u0308).csv⟧ and [x](⟦sandbox:/mnt/data/R&D%20data_1%20(u%CC%88).csv⟧)",
      "[x](⟦sandbox:%2Fmnt%2Fdata%2FR%26D%20data_1%20(ü).csv⟧)",
      "[x](⟦%2Fmnt%2Fdata%2FR%26D%20data_1%20(ü).csv⟧)",
      { text: "⟦/mnt/data/u\u0308.csv⟧ and ⟦/mnt/data/ü.csv⟧", files: ["u\u0308.csv"] },
      {
        text: "⟦/mnt/data/\u1ead.csv⟧ ⟦/mnt/data/\u00e2\u0323.csv⟧ ⟦/mnt/data/a\u0302\u0323.csv⟧",
        files: ["\u1ead.csv"],
      },
      { text: "⟦/mnt/data/a\u0315\u0300.csv⟧", files: ["a\u0300\u0315.csv"] },
      { text: "⟦/mnt/data/a\u0301\u{1e8d0}.csv⟧", files: ["a\u{1e8d0}\u0301.csv"] },
      { text: "⟦/mnt/data/𐐀.csv⟧ and ⟦/mnt/data/𐐨.csv⟧", files: ["𐐀.csv"] },
      { text: "⟦/mnt/data/it&apos;s.csv⟧", files: ["it's.csv"] },
      { text: '{"f": "⟦/mnt/data/\\ud83c\\udf89.csv⟧"}', files: ["🎉.csv"] },
      {
        text: "⟦é%20b.csv‖/mnt/data/é%20b.csv⟧ ⟦é b.csv‖/mnt/data/é b.csv⟧",
        files: ["é b.csv", "é%20b.csv"],
      },
      { text: "[x](⟦sandbox:/mnt/data/100%25.csv⟧) [x](⟦sandbox:/mnt/data/100%.csv⟧)", files: ["100%.csv"] },
      {
        text: "[x](⟦a b.csv‖sandbox:/mnt/data/a b.csv⟧) [x](⟦a%20b.csv‖sandbox:/mnt/data/a%20b.csv⟧)",
        files: ["a b.csv", "a%20b.csv"],
      },
      { text: "⟦/mnt/data//out///x/a.csv⟧", files: ["out/x/a.csv"] },
      { text: "⟪not-found:/mnt/data/re\u0301⟫", files: ["re\u0301sume\u0301.pdf"] },
    ],
  },
  {
    rule: "other dashes, spaces, quotes and case match when nothing matches exactly and one file fits",
    files: ["Year-end report's.pdf"],
    texts: [
      "⟦/mnt/data/Year\u2011end report's.pdf⟧",
      "⟦/mnt/data/Year-end\u202freport's.pdf⟧ and ⟦/mnt/data/Year\u2013end\u00a0report's.pdf⟧",
      "⟦/mnt/data/Year-end report’s.pdf⟧",
      "⟦/mnt/data/year-end REPORT'S.PDF⟧ and [x](⟦sandbox:/mnt/data/YEAR-END%20REPORT%E2%80%99S.pdf⟧)",
      { text: "⟦a.csv‖/mnt/data/a.csv⟧ ⟦A.csv‖/mnt/data/A.csv⟧", files: ["a.csv", "A.csv"] },
      { text: "⟪ambiguous:/mnt/data/a.CSV⟫", files: ["a.csv", "A.csv"] },
      {
        text: "⟦a\u2011b.csv‖/mnt/data/a\u2011b.csv⟧ ⟦a-b.csv‖/mnt/data/a-b.csv⟧ ⟪ambiguous:/mnt/data/a\u2013b.csv⟫",
        files: ["a-b.csv", "a\u2011b.csv"],
      },
      { text: "⟦/Mnt/Data/a.csv⟧", files: ["a.csv"] },
    ],
  },
  {
    rule: "a query and a fragment after a link's destination with a scheme are part of the range",
    texts: [
      "[x](⟦sandbox:/mnt/data/a.csv?_conversation=1&m=2⟧)",
      "[x](⟦sandbox:/mnt/data/a.csv#page=2⟧)",
      '[x](⟦sandbox:/mnt/data/a.csv?a=1#b⟧ "T")',
      '<a href="⟦file:///mnt/data/a.csv?dl=1⟧">x</a>',
      "[x](<⟦sandbox:/mnt/data/a.csv?dl=1⟧>) <⟦sandbox:/mnt/data/a.csv?dl=1⟧>",
      {
        text: "[x](⟦a#1.csv‖sandbox:/mnt/data/a#1.csv⟧) [x](⟦a‖sandbox:/mnt/data/a#2⟧)",
        files: ["a#1.csv", "a"],
      },
    ],
  },
  {
    rule: "a line number after a bare path is not part of it",
    texts: [
      "⟦/mnt/data/a.csv⟧:12",
      "`⟦/mnt/data/a.csv⟧:12`",
      "⟦/mnt/data/a.csv⟧:12:4 and (⟦/mnt/data/a.csv⟧:3-9)",
      "⟦/mnt/data/a.csv⟧#L3",
      { text: "⟦/mnt/data/Makefile⟧:12: missing separator", files: ["Makefile"] },
    ],
  },
  {
    rule: "the same file twice is cited twice",
    texts: [
      "[x](⟦sandbox:/mnt/data/a.csv⟧) and ⟦/mnt/data/a.csv⟧",
      "⟦/mnt/data/a.csv⟧ ⟦/mnt/data/a.csv⟧ ⟦/mnt/data/a.csv⟧",
      "[x](⟦sandbox:/mnt/data/a.csv⟧)[y](⟦/mnt/data/A.csv⟧)",
      {
        text: "[x](sandbox:/mnt/data/a.csv) and ⟦/mnt/data/a.csv⟧",
        cited: [["sandbox:/mnt/data/a.csv", "a.csv"]],
      },
      "[x](⟦a.csv⟧) and [y](⟦./a.csv⟧)",
    ],
  },
  {
    rule: "of a link that is cited, the label is not",
    texts: [
      "[/mnt/data/a.csv](⟦sandbox:/mnt/data/a.csv⟧)",
      "[a.csv](⟦sandbox:/mnt/data/a.csv⟧) [`a.csv` here](⟦sandbox:/mnt/data/a.csv⟧)",
      "[`a.csv`](⟦a.csv⟧)",
      "[**/mnt/data/a.csv** [1]](⟦sandbox:/mnt/data/a.csv⟧)",
      '<a href="⟦sandbox:/mnt/data/a.csv⟧">/mnt/data/a.csv</a>',
      '<img src="⟦/mnt/data/a.csv⟧"> ⟦/mnt/data/a.csv⟧ <a href="https://example.com">x</a>',
      '<a href="⟦/mnt/data/a.csv⟧" /> ⟦/mnt/data/a.csv⟧ <a href="⟦/mnt/data/a.csv⟧">/mnt/data/a.csv</a> ⟦/mnt/data/a.csv⟧',
      "[sandbox:/mnt/data/a.csv][f]\n\n[f]: ⟦sandbox:/mnt/data/a.csv⟧",
      { text: "[/mnt/data/a.csv](sandbox:/mnt/data/a.csv)", cited: [["sandbox:/mnt/data/a.csv", "a.csv"]] },
      { text: "[a.csv](⟦b.csv‖sandbox:/mnt/data/b.csv⟧)", files: ["a.csv", "b.csv"] },
      "[⟦/mnt/data/a.csv⟧](https://example.com/)",
      "[/mnt/data/nope.csv](⟦sandbox:/mnt/data/a.csv⟧)",
      "[⟦/mnt/data/a.csv⟧](sandbox:/mnt/data/../etc/a.csv)",
    ],
  },
  {
    rule: "code blocks count only for a file that is cited nowhere else, and once",
    texts: [
      "```python\ndf.to_csv('⟦/mnt/data/a.csv⟧')\ndf.read('/mnt/data/a.csv')\n```",
      "```python\ndf.to_csv('/mnt/data/a.csv')\n```\n[x](⟦sandbox:/mnt/data/a.csv⟧)",
      "Done:\n\n    cp x ⟦/mnt/data/a.csv⟧\n    ls /mnt/data/a.csv\n",
      "~~~\n/mnt/data/a.csv\n~~~\n⟦/mnt/data/a.csv⟧",
      "1. Run\n   ```\n   cat ⟦/mnt/data/a.csv⟧\n   ```\n",
      "```\n⟦/mnt/data/a.csv⟧",
      {
        text: "```\n/mnt/data/a.csv\n```\n[x](sandbox:/mnt/data/a.csv)",
        cited: [["sandbox:/mnt/data/a.csv", "a.csv"]],
      },
      "```\na.csv\n/mnt/data/zzz.csv /mnt/data/*.csv\n```",
      "- one\n\n    - ⟦/mnt/data/a.csv⟧\n\n    - ⟦/mnt/data/a.csv⟧",
      "- one\n\n      cat /mnt/data/a.csv\n\n- ⟦/mnt/data/a.csv⟧",
      "1. one\n\n   two\n\n    ⟦/mnt/data/a.csv⟧ and ⟦/mnt/data/a.csv⟧",
      { text: "```\n/mnt/data/a.csv\n```", files: ["x/a.csv", "y/a.csv"] },
    ],
  },
  {
    rule: "the only file of that name in another folder is meant",
    files: ["out/report.pdf"],
    texts: [
      "⟦/mnt/data/report.pdf⟧",
      "[x](⟦sandbox:/mnt/data/report.pdf⟧) and `⟦/mnt/data/Report.pdf⟧`",
      "⟦/mnt/data/out/figures/report.pdf⟧",
      { text: "[x](⟦sandbox:/mnt/data/out/report.pdf⟧)", files: ["report.pdf"] },
      { text: "⟦/mnt/data/a/b/report.pdf⟧.", files: ["a/report.pdf"] },
      { text: "⟪not-found:/mnt/data/other/report.pdf⟫" },
      { text: "⟪not-found:/mnt/data/a.csv&/mnt/data/report.pdf⟫", files: ["a.csv", "report.pdf"] },
      { text: "⟪ambiguous:/mnt/data/report.pdf⟫", files: ["x/report.pdf", "y/report.pdf"] },
      { text: "⟦report.pdf‖/mnt/data/report.pdf⟧", files: ["x/report.pdf", "report.pdf"] },
      { text: "⟦x/a.csv‖/mnt/data/a.csv⟧ ⟦y/A.csv‖/mnt/data/A.csv⟧", files: ["x/a.csv", "y/A.csv"] },
      { text: "⟪ambiguous:/mnt/data/other/a.csv⟫", files: ["x/a.csv", "y/a.csv"] },
      {
        text: "⟪not-found:/mnt/data/outreport.pdf⟫ [x](⟪not-found:sandbox:/mnt/data/nope /mnt/data/report.pdf⟫)",
      },
    ],
  },
  {
    rule: "an upload is found in a link under the name it had",
    files: ["user:file-Ab12-data.csv"],
    texts: [
      "[x](⟦sandbox:/mnt/data/data.csv⟧)",
      "[x](⟦/mnt/data/data.csv⟧) and ⟦sandbox:/mnt/data/data.csv⟧",
      { text: "[x](⟦sandbox:/mnt/data/my data.csv⟧)", files: ["user:6889aa3a1d0c8191b1-my data.csv"] },
      {
        text: "[x](⟪ambiguous:sandbox:/mnt/data/data.csv⟫)",
        files: ["user:file-A1-data.csv", "user:file-B2-data.csv"],
      },
      { text: "[x](⟦data.csv‖sandbox:/mnt/data/data.csv⟧)", files: ["user:file-A1-data.csv", "data.csv"] },
      { text: "[x](⟪not-found:sandbox:/mnt/data/data.csv⟫)", files: ["file-A1-data.csv"] },
      "I read /mnt/data/data.csv, and `/mnt/data/data.csv` again: /mnt/data/file-Ab12-data.csv.",
      { text: "I read /mnt/data/data.csv.", files: ["user:file-A1-data.csv", "user:file-B2-data.csv"] },
      {
        text: "I read ⟦out/data.csv‖/mnt/data/data.csv⟧.",
        files: ["user:file-A1-data.csv", "out/data.csv"],
      },
      {
        text: "[x](⟪ambiguous:/mnt/data/data.csv⟫), ⟪ambiguous:sandbox:/mnt/data/data.csv⟫",
        files: ["user:file-A1-data.csv", "out/data.csv"],
      },
    ],
  },
  {
    rule: "a bare file name counts in each link, else at its first mention outside code",
    files: ["summary.docx"],
    texts: [
      "I saved **⟦summary.docx⟧**. Open summary.docx.",
      "[x](⟦summary.docx⟧), [y](⟦./summary.docx⟧), [z](⟦attachment:summary.docx⟧), summary.docx",
      "```\nopen('summary.docx')\n```\nIt is `⟦summary.docx⟧`.",
      "已保存为⟦summary.docx⟧，请下载。",
      "| ⟦summary.docx⟧ | 12 KB |",
      "summary.docx is here: ⟦/mnt/data/summary.docx⟧",
      "summary.docxx, my_summary.docx, xsummary.docx, summary.docx.bak, https://x.y/summary.docx, a/summary.docx",
      "[x](New summary.docx) [x](<New summary.docx>) [x](my\\_summary.docx) [x](/home/me/my summary.docx)",
      '<a href="New summary.docx">x</a>, <img src="a/New summary.docx">',
      "`*summary.docx` files, {date}_summary.docx and <n>_summary.docx",
      "the *_summary.docx files",
      "{date}__summary.docx and <n>___summary.docx, but (new)_⟦summary.docx⟧_",
      "It is *⟦summary.docx⟧ in all*",
      '{"path": "C:\\\\new\\\\nsummary.docx"}',
      "*⟦summary.docx⟧ is ready*",
      "my&#95;summary.docx, my&#x5f;summary.docx, R&amp;summary.docx, caf&#233;summary.docx, caf&eacute;summary.docx",
      "my%5Fsummary.docx, my%20summary.docx, my%2Dsummary.docx, caf%C3%A9summary.docx, 报%E5%91%8Asummary.docx",
      "my\\_summary.docx, my\\-summary.docx, my\\.summary.docx, my\\\\_summary.docx, 报告\\_summary.docx, 报告_summary.docx",
      "summary.docx&#95;old, summary.docx&amp;co, summary.docx&eacute;, summary.docx&#46;bak",
      "&Eacute;summary.docx and my&#95;summary.docx.",
      "summary.docx%5Fold, summary.docx%20old, summary.docx\\_old, summary.docx\\-old, summary.docx\\u005fold",
      "&quot;⟦summary.docx⟧&quot; is ready",
      "&#34;⟦summary.docx⟧&#34; is ready",
      "&nbsp;⟦summary.docx⟧&nbsp;is ready",
      "&lt;⟦summary.docx⟧&gt; and \\(summary.docx\\)",
      "\\(⟦summary.docx⟧\\), \\[summary.docx\\]",
      "⟪not-found:/mnt/data/New⟫ summary.docx and ⟪not-found:/mnt/data/New⟫ long summary.docx",
      { text: "⟪not-found:/mnt/data/New⟫, but ⟦summary.docx⟧ is there" },
      "⟪not-found:/mnt/data/New⟫\n⟦summary.docx⟧",
      "⟪not-found:/mnt/data/new.csv⟫ ⟦summary.docx⟧",
      `${"It is done. ".repeat(30)}⟪not-found:/mnt/data/New⟫ summary.docx`,
      { text: "⟪not-found:/mnt/data/New⟫ y.csv", files: ["y.csv"] },
      { text: "Makefile and LICENSE", files: ["Makefile", "LICENSE"] },
      { text: "It is ⟦Q3 report.csv⟧.", files: ["Q3 report.csv", "report.csv"] },
      { text: "It is ⟦Q3 report.csv‖Q3 report.csv⟧.", files: ["report.csv", "Q3 report.csv"] },
      {
        text: "Wrote ⟦out/Q3 report.pdf‖Q3 report.pdf⟧ and ⟪ambiguous:a.csv⟫",
        files: ["out/Q3 report.pdf", "x/a.csv", "y/a.csv"],
      },
      { text: "I read data.csv and [data](data.csv).", files: ["user:data.csv"] },
      { text: "I read data.csv and wrote ⟦plan.csv⟧.", files: ["plan.csv", "user:data.csv"] },
      { text: "I made ⟦out/data.csv‖data.csv⟧.", files: ["user:file-A1-data.csv", "out/data.csv"] },
      { text: "The Makefile 📄 makes ⟦a.csv⟧", files: ["a.csv", "Makefile"] },
      "[x](⟦sandbox:summary.docx?dl=1⟧), [y](⟦summary.docx⟧?dl=1)",
      {
        text: "⟪not-found:/mnt/data/Q3(my⟫ very long final report.pdf",
        files: ["my very long final report.pdf"],
      },
      { text: "my final report.pdf", files: ["my final report.pdf"], cited: [["my final", "x.pdf"]] },
      {
        text: "summary.docx: [x](sandbox:/mnt/data/summary.docx)",
        cited: [["sandbox:/mnt/data/summary.docx", "summary.docx"]],
      },
      { text: "summary.docx, or here", cited: [["here", "summary.docx"]] },
      {
        text: "⟦x/a.csv‖/mnt/data/x/a.csv⟧ has what a.csv had",
        files: ["x/a.csv", "y/a.csv"],
      },
    ],
  },
  {
    rule: "an upload is cited in a link or with a scheme, never for a bare mention",
    files: ["user:in.csv"],
    texts: [
      "I read /mnt/data/in.csv.",
      "I read `/mnt/data/in.csv` and in.csv",
      "[x](⟦/mnt/data/in.csv⟧)",
      "[x](⟦/mnt/data/up/in.csv⟧)",
      "[x](⟦sandbox:/mnt/data/in.csv⟧)",
      "It is at ⟦sandbox:/mnt/data/in.csv⟧",
      '<a href="⟦/mnt/data/in.csv⟧">x</a>',
    ],
  },
  {
    rule: "two files that fit equally well stay uncited",
    files: ["x/a.csv", "y/a.csv"],
    texts: [
      "⟪ambiguous:/mnt/data/a.csv⟫",
      "[x](⟪ambiguous:sandbox:/mnt/data/a.csv⟫)",
      "⟦x/a.csv‖/mnt/data/x/a.csv⟧ ⟦y/a.csv‖/mnt/data/y/a.csv⟧",
      "[x](⟪ambiguous:a.csv⟫)",
      { text: "⟪ambiguous:/mnt/data/REPORT.pdf⟫", files: ["Report.pdf", "report.PDF"] },
      { text: "⟪ambiguous:/mnt/data/a.csv⟫", files: ["x/a.csv", "user:y/a.csv"] },
      "⟪ambiguous:/mnt/data/a.csv⟫, ⟪not-found:/mnt/data/b.csv⟫, ⟪ambiguous:/mnt/data/a.csv⟫",
    ],
  },
  {
    rule: "folders, patterns and files that are not there stay uncited",
    files: ["out/a.png", "out/b.png"],
    texts: [
      "⟪directory:/mnt/data/out/⟫ and ⟪directory:/mnt/data/out⟫.",
      "In ⟪directory:/mnt/data/⟫ and ⟪directory:/mnt/data⟫ and [x](⟪directory:sandbox:/mnt/data/out/⟫)",
      "⟪pattern:/mnt/data/*.png⟫ and ⟪pattern:/mnt/data/out/*⟫",
      "⟪pattern:/mnt/data/out/{a,b}.png⟫ `⟪pattern:/mnt/data/out/<n>.png⟫`",
      {
        text: "⟦out/{a}.png‖/mnt/data/{a}.png⟧ ⟪pattern:/mnt/data/{out,in}/x.png⟫ ⟪pattern:/mnt/data/*/x.png⟫",
        files: ["out/{a}.png", "x.png"],
      },
      "⟪pattern:/mnt/data/<filename>⟫ ⟪pattern:/mnt/data/<your-file>.csv⟫ ⟪pattern:/mnt/data/part-<1-5>.csv⟫",
      "[x](<⟪pattern:sandbox:/mnt/data/<n>.png⟫>) [x](⟪pattern:sandbox:/mnt/data/%7Bname%7D.png⟫)",
      "⟪not-found:/mnt/data/c.png⟫<br>next ⟪not-found:/mnt/data/c.png⟫<b>now</b> ⟪pattern:/mnt/data/c-<i>.png⟫",
      "**⟪pattern:/mnt/data/*.png⟫** ⟪directory:/mnt/data/⟫<br>",
      "**⟪not-found:/mnt/data/c.png⟫**, *⟪not-found:/mnt/data/c.png⟫*. **In ⟪not-found:/mnt/data/c.png⟫**",
      "**⟪directory:/mnt/data/out/⟫**: *⟪directory:/mnt/data/out⟫*",
      "*new* ⟪pattern:/mnt/data/c*⟫ and *new\nat ⟪pattern:/mnt/data/c*⟫",
      "[x](⟪not-found:sandbox:/mnt/data/c(final).png⟫) (⟪not-found:/mnt/data/c(1)(2).png⟫)",
      "[x](<⟪not-found:sandbox:/mnt/data/c d.png⟫ >) <img src='⟪not-found:/mnt/data/c d.png⟫'>",
      "⟪not-found:/mnt/data/c⟫`d` ⟪not-found:/mnt/data/c⟫,⟦out/a.png‖/mnt/data/out/a.png⟧",
      '"⟪not-found:/mnt/data/c⟫ and on',
      '"⟪not-found:/mnt/data/c⟫ is\nnot "there"',
      '"⟪not-found:/mnt/data/c d⟫" is\nnew',
      "⟪directory:/mnt/data/out⟫の中, ⟪directory:/mnt/data/out/⟫に保存, ⟪directory:/mnt/data⟫目录",
      {
        text: "⟪directory:/mnt/data/my files/⟫. ⟪directory:/mnt/data/my files⟫, **⟪directory:/mnt/data/my files/⟫**",
        files: ["my files/a.csv"],
      },
      "⟪not-found:/mnt/data/c.png⟫, [x](⟪not-found:sandbox:/mnt/data/d e.png⟫)",
      {
        text: "There is ⟪not-found:/mnt/data/report.csv2⟫ and ⟪not-found:/mnt/data/report.csv.bak⟫.",
        files: ["report.csv"],
      },
      {
        text: "⟪not-found:/mnt/data/my_report.csv⟫ ⟪not-found:/mnt/data/report.csv_old⟫ ⟪not-found:/mnt/data/report.csv-old⟫",
        files: ["report.csv"],
      },
      {
        text: "⟪not-found:/mnt/data/Q3⟫ report.pdf, ⟪not-found:/mnt/data/Makefile.am⟫",
        files: ["Q3", "Makefile"],
      },
      {
        text: '⟪not-found:/mnt/data/Q3,final.pdf⟫ ⟪not-found:/mnt/data/Q3#final⟫ "⟪not-found:/mnt/data/Q3 for me⟫"',
        files: ["Q3"],
      },
      { text: '⟦/mnt/data/Q3⟧ `data.csv`, "⟦/mnt/data/Q3⟧"', files: ["Q3"] },
      "In ⟪directory:/mnt/data⟫ v2.txt is new",
      { text: "In ⟪directory:/mnt/data⟫ x.csv", files: [" x.csv"] },
      "⟪directory:/mnt/data/⟫に保存しました",
      { text: "⟪directory:/mnt/data/out⟫", files: ["out/figures/a.png"] },
      {
        text: '[x](⟪not-found:sandbox:/mnt/data/my files zzz⟫) "⟪not-found:/mnt/data/my files zzz⟫" ⟪directory:/mnt/data/my files⟫ zzz',
        files: ["my files/a.csv"],
      },
      "[x](⟪directory:sandbox:/mnt/data/out/..⟫) [x](⟪directory:sandbox:/mnt/data/.⟫) [x](sandbox:/mnt/data/..)",
      "[x](⟪directory:sandbox:/mnt/data/x/../new/⟫) [x](⟪directory:sandbox:/mnt/data/new/.⟫) [x](⟪directory:sandbox:/mnt/data/new/x/..⟫)",
      "[x](⟪not-found:sandbox:/mnt/data/x/../new⟫) [x](⟪not-found:sandbox:/mnt/data/./new⟫)",
      { text: "⟪not-found:/mnt/data/报告最终版⟫。", files: ["报告"] },
      { text: "[x](⟪not-found:sandbox:/mnt/data/notes (final).txt⟫)", files: ["notes"] },
    ],
  },
  {
    rule: "what only looks like a path of the container is no mention",
    files: ["x.csv"],
    texts: [
      "https://example.com/mnt/data/x.csv http://example.com/mnt/data/x.csv [x](https://example.com/mnt/data/x.csv)",
      "s3://b/mnt/data/x.csv gs://b/mnt/data/x.csv ftp://h/mnt/data/x.csv",
      "/home/me/mnt/data/x.csv ./mnt/data/x.csv ../mnt/data/x.csv ~/mnt/data/x.csv C:/mnt/data/x.csv",
      "my&#95;/mnt/data/x.csv my\\_/mnt/data/x.csv 报告\\_/mnt/data/x.csv my%5F/mnt/data/x.csv",
      "`C:/mnt/data/x.csv` [x](C:/mnt/data/x.csv) “d:/mnt/data/x.csv”",
      "/mnt/database/x.csv /mnt/data2/x.csv /mnt/data_old/x.csv /mnt/data-old/x.csv /mnt/data.old/x.csv",
      "/mnt/data/../x.csv [x](sandbox:/mnt/data/../etc/x.csv) /mnt/data/a/../../x.csv /mnt/data/%2e%2e/x.csv",
      "https://x.y/?f=/mnt/data/x.csv https://x.y/#/mnt/data/x.csv https://x.y/a,/mnt/data/x.csv",
      "me@host:/mnt/data/x.csv $HOME/mnt/data/x.csv a/mnt/data/x.csv data/x.csv mnt/data/x.csv",
      "//host/mnt/data/x.csv //mnt/data/x.csv host.com/mnt/data/x.csv sandbox:////mnt/data/x.csv",
      "The value of x is 12.",
      "/mnt/database/x.csv, me@host:/mnt/data/x.csv, but ⟦/mnt/data/x.csv⟧",
    ],
  },
];

describeRows(TABLE);

describe("every form, with every kind of name, in every sentence", () => {
  const decoys = DECOYS.map((path) => file(path));
  const forms: [string, Form][] = Object.entries({ ...LINK_FORMS, ...BARE_FORMS });

  test.each(forms)("%s", (_, write) => {
    const wrong: unknown[] = [];
    for (const name of NAMES) {
      const files = [...decoys, file(name)];
      for (const sentence of SENTENCES) {
        const [before, cited, after] = write(name);
        const lead = sentence.slice(0, sentence.indexOf("%")) + before;
        const text = lead + cited + after + sentence.slice(sentence.indexOf("%") + 1);
        const expected = [[lead.length, lead.length + cited.length, `cfile_${name}`]];
        const outcome = resolved(text, files);
        if (JSON.stringify(outcome.cited) !== JSON.stringify(expected)) wrong.push({ text, outcome });
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** The forms that name the file only by its name, `@` where it stands; the citation starts at `⟦`. */
const NAME_FORMS = {
  mentions: [
    "Saved as ⟦@.",
    "已保存为⟦@，请下载。",
    "レポートは⟦@に保存しました。",
    "⟦@를 확인하세요",
    "الملف ⟦@، وهو جاهز",
    "**⟦@** and `@`",
    "**`⟦@`**.",
    '"⟦@" “@”',
    "„⟦@“",
    "(⟦@)",
    "（⟦@）",
    "「⟦@」",
    "- ⟦@: the result",
    "1. ⟦@ – the result",
    "| ⟦@ | 12 KB |",
    "|⟦@|12 KB|",
    "# ⟦@\n\n@",
    "> ⟦@",
    '{"file": "⟦@"}',
    "📄 ⟦@",
    "✅️⟦@…",
    "<b>⟦@</b>",
    "⟦@ (12 KB)",
    "⟦@—done",
    "Where is ⟦@?",
    "[⟦@][1]",
  ],
  links: [
    "[x](⟦@)",
    "![x](⟦@)",
    "@ [x](⟦./@)",
    "[x](⟦attachment:@)",
    "[x](⟦sandbox:@)",
    "[x](<⟦@>)",
    '[x](⟦@ "Title")',
    "[x][1]\n\n[1]: ⟦@\n",
    '<a href="⟦@">@</a>',
    '<img src="⟦./@">',
    "**[@](⟦@)**",
  ],
};

describe("every form of a bare file name, with every kind of name", () => {
  const named = NAMES.filter((path) => /\.[a-z][a-z0-9]*$/.test(path));

  test.each([...NAME_FORMS.mentions, ...NAME_FORMS.links])("%s", (form) => {
    const wrong: unknown[] = [];
    for (const path of named) {
      const name = path.slice(path.lastIndexOf("/") + 1);
      for (const lead of ["", "Saved. 🎉 ", "完成！"]) {
        const text = lead + form.replace("⟦", "").replaceAll("@", name);
        const start = lead.length + form.slice(0, form.indexOf("⟦")).replaceAll("@", name).length;
        const scheme = /⟦((?:attachment:|sandbox:)?(?:\.\/)?)/.exec(form)![1]!;
        const expected = [[start, start + scheme.length + name.length, `cfile_${path}`]];
        const outcome = resolved(text, [file(path), file("zzz.csv")]);
        if (JSON.stringify(outcome.cited) !== JSON.stringify(expected)) wrong.push({ text, outcome });
      }
    }
    expect(wrong).toEqual([]);
  });
});
