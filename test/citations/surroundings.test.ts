/**
 * Tests how the text around a path or a file name decides whether it is a mention, and where the mention starts and ends. The
 * cases come from readers who knew the rules but not the code.
 */
import { describeRows } from "./rows.js";

describeRows([
  {
    rule: "`/mnt/data` right after the name of a folder, in any script, is part of another path",
    files: ["x.csv"],
    texts: [
      "/home/田中/mnt/data/x.csv",
      "~/文档/mnt/data/x.csv",
      "/home/김/mnt/data/x.csv and C:/用户/mnt/data/x.csv",
      "/home/🎉/mnt/data/x.csv",
      "ファイルは⟦/mnt/data/x.csv⟧と⟦/mnt/data/x.csv⟧です",
      "保存到⟦/mnt/data/x.csv⟧",
    ],
  },
  {
    rule: "a path after the scheme of another storage is not a mention",
    files: ["x.csv"],
    texts: [
      "dbfs:/mnt/data/x.csv",
      'spark.read.csv("dbfs:/mnt/data/x.csv")',
      "[x](dbfs:/mnt/data/x.csv) [x](hdfs:/mnt/data/x.csv) [x](s3:/mnt/data/x.csv) [x](gs:/mnt/data/x.csv)",
      "abfss:/mnt/data/x.csv wasbs:/mnt/data/x.csv sftp:/mnt/data/x.csv",
      "`scp nas:/mnt/data/x.csv .` `docker cp web:/mnt/data/x.csv ./y` `rsync -a [::1]:/mnt/data/x.csv ./bak/`",
      "`cp ⟦/mnt/data/x.csv⟧ ⟦/mnt/data/x.csv⟧`",
      "Path:⟦/mnt/data/x.csv⟧ Datei:⟦/mnt/data/x.csv⟧ paths3:/mnt/data/x.csv",
    ],
  },
  {
    rule: "curl's @ and a Semitic prefix can stand right before a path, other words cannot",
    texts: [
      "curl -F file=@⟦/mnt/data/a.csv⟧ https://example.com",
      "curl -d @⟦/mnt/data/a.csv⟧ https://example.com",
      "git@/mnt/data/a.csv",
      "تجد الملخص في a و⟦/mnt/data/a.csv⟧.",
      "הקובץ נמצא ב⟦/mnt/data/a.csv⟧.",
      "/home/محمد/mnt/data/a.csv",
      "ملف/mnt/data/a.csv",
    ],
  },
  {
    rule: "a name without an extension ends at the separator of a list or at a closing bracket or quote",
    files: ["Makefile", "main.c"],
    texts: [
      "⟦Makefile‖/mnt/data/Makefile⟧, ⟦main.c‖main.c⟧",
      "⟦Makefile‖/mnt/data/Makefile⟧: ⟦main.c‖main.c⟧",
      "`⟦Makefile‖/mnt/data/Makefile⟧` ⟦main.c‖main.c⟧",
      "(⟦Makefile‖/mnt/data/Makefile⟧) ⟦main.c‖main.c⟧",
      "“⟦Makefile‖/mnt/data/Makefile⟧” ⟦main.c‖main.c⟧",
      "See ⟦Makefile‖/mnt/data/Makefile⟧; e.g. it runs U.S. tests",
      "See ⟦Makefile‖/mnt/data/Makefile⟧. node.js is needed",
      "⟦Makefile‖/mnt/data/Makefile⟧、⟦main.c‖main.c⟧",
      "⟪not-found:/mnt/data/Makefile,v2.txt⟫",
    ],
  },
  {
    rule: "a number in brackets and an extension after a name make another name",
    files: ["a.csv", "Q3"],
    texts: [
      '"⟪not-found:/mnt/data/a.csv (1).csv⟫"',
      "[x](⟪not-found:sandbox:/mnt/data/a.csv (1).csv⟫)",
      '"⟪not-found:/mnt/data/Q3 report (1).pdf⟫"',
      '"⟪not-found:/mnt/data/Q3 (1).pdf⟫"',
      "⟦a.csv‖/mnt/data/a.csv⟧ (1 kB). Next",
    ],
  },
  {
    rule: "a name ends before an arrow, and before a sign with nothing after it",
    files: ["a.csv", "b.csv"],
    texts: [
      "⟦a.csv‖/mnt/data/a.csv⟧= ⟦a.csv‖/mnt/data/a.csv⟧@ ⟦a.csv‖/mnt/data/a.csv⟧$ ⟦a.csv‖/mnt/data/a.csv⟧-- it has rows",
      "⟦a.csv‖/mnt/data/a.csv⟧=>⟦b.csv‖/mnt/data/b.csv⟧",
      "⟪not-found:/mnt/data/a.csv=1⟫",
    ],
  },
  {
    rule: "particles follow names without an extension as well",
    files: ["データ", "보고서", "a.csv", "a.csvのコピー"],
    texts: [
      "⟦データ‖/mnt/data/データ⟧に保存しました",
      "⟦보고서‖/mnt/data/보고서⟧를 저장했습니다",
      "⟦a.csvのコピー‖/mnt/data/a.csvのコピー⟧を",
      "⟪not-found:/mnt/data/データベース⟫ ⟪not-found:/mnt/data/보고서로그⟫",
    ],
  },
  {
    rule: "a named entity counts as the letter or the punctuation that it stands for",
    files: ["résumé.docx", "Übersicht.xlsx", "Maß.csv", "a.csv", "a–b.csv"],
    texts: [
      '<a href="⟦résumé.docx‖/mnt/data/r&eacute;sum&eacute;.docx⟧">x</a>',
      '<a href="⟦Übersicht.xlsx‖sandbox:/mnt/data/&Uuml;bersicht.xlsx⟧">x</a>',
      '<a href="⟦Maß.csv‖sandbox:/mnt/data/Ma&szlig;.csv⟧">x</a>',
      '<a href="⟦a–b.csv‖sandbox:/mnt/data/a&ndash;b.csv⟧">x</a>',
      "&ldquo;⟦a.csv‖/mnt/data/a.csv⟧&rdquo;",
      "&rarr; ⟦a.csv‖/mnt/data/a.csv⟧&hellip;",
      "&rarr;⟦a.csv‖/mnt/data/a.csv⟧ &bull;⟦a.csv‖/mnt/data/a.csv⟧ &emsp;⟦a.csv‖/mnt/data/a.csv⟧",
      "caf&eacute;/mnt/data/a.csv",
    ],
  },
  {
    rule: "particles, words for a folder and closing markup are not part of a folder's path",
    files: ["out/a.png", "my plots/a.png"],
    texts: [
      "⟪directory:/mnt/data/out/⟫에 저장했습니다",
      "⟪directory:/mnt/data/out/⟫中",
      "⟪directory:/mnt/data/out/⟫目录下",
      "⟪not-found:/mnt/data/out/目录.csv⟫",
      "<b>⟪directory:/mnt/data/my plots/⟫</b>",
      "_⟪directory:/mnt/data/my plots/⟫_ ~~⟪directory:/mnt/data/my plots/⟫~~",
    ],
  },
  {
    rule: "a query continues to the end of the destination",
    texts: [
      "[x](⟦sandbox:/mnt/data/a.csv?x=(1)⟧) [x](⟦sandbox:/mnt/data/a.csv#sec(2)⟧) [x](⟦sandbox:/mnt/data/a.csv?a=(b)&c=(d)⟧)",
      "[x](⟦sandbox:/mnt/data/a.csv?q='hi'⟧) [x](⟦sandbox:/mnt/data/a.csv#it's⟧)",
      '[x](⟦sandbox:/mnt/data/a.csv?q="hi"⟧) [x](⟦sandbox:/mnt/data/a.csv?x⟧ "title")',
      "[x](⟦sandbox:/mnt/data/a.csv?x=a|b⟧) [x](⟦sandbox:/mnt/data/a.csv?x=\\_y⟧)",
      "[x](<⟦sandbox:/mnt/data/a.csv?x=a b⟧>) [x](<⟦sandbox:/mnt/data/a.csv?x=(1⟧>)",
      '<a href="⟦sandbox:/mnt/data/a.csv?x=a b⟧">x</a>',
      "<a href='⟦sandbox:/mnt/data/a.csv?x=\"a\"⟧'>x</a>",
      '<a href=\\"⟦sandbox:/mnt/data/a.csv?x=1⟧\\">x</a>',
      '<a href="⟦sandbox:/mnt/data/a.csv?x=(1)⟧">x</a>',
      "(see ⟦sandbox:/mnt/data/a.csv⟧?x=1)",
      '{"md": "[x](⟦sandbox:/mnt/data/a.csv?x=1⟧)"}',
    ],
  },
  {
    rule: "a scheme's colon can be encoded",
    texts: [
      "[x](⟦sandbox%3A/mnt/data/a.csv⟧) [x](⟦sandbox%3A%2Fmnt%2Fdata%2Fa.csv⟧) [x](⟦sandbox&#58;/mnt/data/a.csv⟧)",
    ],
  },
  {
    rule: "a link's title can have curly quotes",
    texts: ["[x](⟦sandbox:/mnt/data/a.csv⟧ “the table”) [x](⟦sandbox:/mnt/data/a.csv⟧ ‘t’)"],
  },
  {
    rule: "a link's destination can lack the root's first slash, a bare path cannot",
    texts: [
      "[x](⟦mnt/data/a.csv⟧) [x](<⟦mnt/data/a.csv⟧>)",
      "mnt/data/a.csv",
      "x/mnt/data/a.csv [x](y/mnt/data/a.csv)",
    ],
  },
  {
    rule: "a space in a path can be escaped for a shell",
    files: ["my file.csv"],
    texts: ["cat ⟦/mnt/data/my\\ file.csv⟧", "[x](⟦sandbox:/mnt/data/my\\ file.csv⟧)"],
  },
  {
    rule: "if two names differ only in their Unicode form, the one in the text's form is cited",
    files: ["\u00e9.csv", "e\u0301.csv"],
    texts: [
      "[x](⟦\u00e9.csv‖sandbox:/mnt/data/\u00e9.csv⟧) [x](⟦e\u0301.csv‖sandbox:/mnt/data/e\u0301.csv⟧)",
      "⟦\u00e9.csv‖/mnt/data/\u00e9.csv⟧ ⟦e\u0301.csv‖/mnt/data/e\u0301.csv⟧",
    ],
  },
  {
    rule: "a file's name is not cited inside the name of an upload",
    files: ["user:my data.csv", "data.csv", "user:file-Ab12-Q3 report.pdf", "report.pdf"],
    texts: [
      "`my data.csv`",
      "I read Q3 report.pdf.",
      "I read Q3 report.pdf, and made ⟦report.pdf‖report.pdf⟧.",
    ],
  },
  {
    rule: "an en dash or another word in the same quotes joins a name to a longer name, an em dash does not",
    files: ["a.csv", "报告.xlsx", "2021.csv"],
    texts: [
      "year–a.csv, year−a.csv",
      "2020–2021.csv",
      "Result—⟦a.csv‖a.csv⟧",
      "Result – ⟦a.csv‖a.csv⟧",
      "Download–⟦a.csv‖/mnt/data/a.csv⟧",
      "`最终报告.xlsx` 「最终报告.xlsx」 “最终报告.xlsx”",
      "我保存了⟦报告.xlsx‖报告.xlsx⟧。",
      "“结果⟦报告.xlsx‖/mnt/data/报告.xlsx⟧”",
    ],
  },
  {
    rule: "a name with its folders is cited, except inside a longer path",
    files: ["out/a.png", "src/lib/index.ts", "lib/index.ts"],
    texts: [
      "[a](⟦out/a.png‖out/a.png⟧)",
      "[a](⟦out/a.png‖./out/a.png⟧)",
      "`⟦out/a.png‖out/a.png⟧`",
      "- `⟦src/lib/index.ts‖src/lib/index.ts⟧`\n- `⟦lib/index.ts‖lib/index.ts⟧`",
      "../out/a.png, x/out/a.png, https://example.com/out/a.png, C:/out/a.png",
      "other/a.png",
    ],
  },
  {
    rule: "a link that is only a name, together with a path of the same file in code, in its label or in prose",
    texts: [
      "```\nopen('/mnt/data/a.csv')\n```\n[x](⟦a.csv⟧) and [y](⟦./a.csv⟧)",
      "```\nopen('⟦/mnt/data/a.csv⟧')\n```\nThat is a.csv.",
      "[/mnt/data/a.csv](⟦a.csv⟧) [a.csv](⟦./a.csv⟧) [the table /mnt/data/a.csv](⟦attachment:a.csv⟧)",
      "[/mnt/data/a.csv](a.csv) or ⟦/mnt/data/a.csv⟧",
    ],
  },
  {
    rule: "a name that files in folders also have means the root's file in a link, and is ambiguous in prose",
    files: ["a.csv", "out/a.csv"],
    texts: ["[x](⟦a.csv‖a.csv⟧) [y](⟦out/a.csv‖out/a.csv⟧)", "It is ⟪ambiguous:a.csv⟫."],
  },
  {
    rule: "a path or a name inside another URL is not cited",
    files: ["a.py"],
    texts: [
      "[x](https://e.com/?p[]=/mnt/data/a.py) https://e.com/?a[]=a.py",
      "[x]: mailto:a.py\n[y]: view?f=a.py\n[z]: <cid:a.py>\n\n[x]",
      "[^1]: See ⟦a.py‖a.py⟧",
      "[x]: ⟦a.py‖a.py⟧\n\n[x]",
      "[x](git:/mnt/data/a.py) [x](view-source:/mnt/data/a.py) [x](data:,/mnt/data/a.py)",
      "[x](page.html?f=/mnt/data/a.py) [x](?p=/mnt/data/a.py) <a href='page?f=/mnt/data/a.py'>x</a>",
      "[x](https://e.com):⟦a.py‖/mnt/data/a.py⟧",
    ],
  },
  {
    rule: "a file's name before a colon is not a drive",
    files: ["main.c"],
    texts: [
      "main.c:⟦main.c‖/mnt/data/main.c⟧",
      "`-v ./main.c:⟦main.c‖/mnt/data/main.c⟧:ro`",
      "c:/mnt/data/main.c",
    ],
  },
  {
    rule: "an underscore before a name is part of the name unless it starts emphasis",
    files: ["index.html"],
    texts: [
      "`_index.html`",
      "See _index.html and more",
      "`_index.html`, `index.html_old`",
      "_⟦index.html‖index.html⟧_",
      "_⟦index.html‖index.html⟧ is done_",
    ],
  },
  {
    rule: "a call of a function is no file's name, and shell operators can follow a file's name",
    files: ["data.csv"],
    texts: ["`data.csv()`", "`wc -l ⟦data.csv‖/mnt/data/data.csv⟧&& echo ok`"],
  },
  {
    rule: "braces after a name make a pattern, an HTML tag does not",
    texts: [
      "⟪pattern:/mnt/data/a.csv{,.bak}⟫",
      "⟪pattern:/mnt/data/a.csv{n}⟫ and [x](⟪pattern:sandbox:/mnt/data/a.csv{n}⟫)",
      "`a.csv{n}` `a.csv<n>`",
      "⟦/mnt/data/a.csv⟧<b>!</b>",
    ],
  },
  {
    rule: "a picture's size is not part of the destination",
    texts: ["![c](⟦sandbox:/mnt/data/a.csv⟧ =300x200) ![c](⟦sandbox:/mnt/data/a.csv⟧ =50%)"],
  },
  {
    rule: "highlighting marks are not part of a path",
    texts: ["==⟦/mnt/data/a.csv⟧== and ==⟦/mnt/data/a.csv⟧=="],
  },
  {
    rule: "a name can follow slashes and the scheme attachment, sandbox or file, but not https",
    texts: [
      "[x](⟦attachment://a.csv⟧)",
      "[x](⟦sandbox:/a.csv⟧)",
      "[x](⟦file:///a.csv⟧)",
      "[x](https://a.csv)",
    ],
  },
  {
    rule: "an indented code block can follow a heading, rule, fence or quote mark, but not interrupt a paragraph",
    texts: [
      "# Run\n    /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "x\n\n---\n    /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "```\nx\n```\n    /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      ">     /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "> x\n>\n>     /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "a paragraph\n    ⟦/mnt/data/a.csv⟧ goes on\n\n⟦/mnt/data/a.csv⟧",
    ],
  },
  {
    rule: "a fenced block ends with its block quote",
    texts: [
      "> ```\n> /mnt/data/a.csv\n\n⟦/mnt/data/a.csv⟧",
      "> ~~~\n> [x](sandbox:/mnt/data/a.csv)\n[y](⟦sandbox:/mnt/data/a.csv⟧)",
    ],
  },
]);
