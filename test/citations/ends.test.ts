/** Tests where a path ends, and which paths are on another system. */
import { describeRows } from "./rows.js";

describeRows([
  {
    rule: "a link's destination names a file only as a whole",
    files: ["report", "report.csv", "O", "a.csv"],
    texts: [
      "[x](⟪not-found:sandbox:/mnt/data/report—final.csv⟫)",
      "[x](⟪not-found:sandbox:/mnt/data/report.csv(1)⟫)",
      "[x](⟪not-found:sandbox:/mnt/data/report.csv的副本⟫) [x](⟪not-found:/mnt/data/report.csv—final.csv⟫)",
      "[x](⟪not-found:sandbox:/mnt/data/O’Brien.csv⟫)",
      "[x](<⟪not-found:sandbox:/mnt/data/report.csv, final⟫>)",
      "<a href=\"⟪not-found:/mnt/data/report.csv(1)⟫\">x</a> <img src='⟪not-found:/mnt/data/report.csv,1⟫'>",
      "<⟪not-found:sandbox:/mnt/data/report.csv(1)⟫>",
      "[x](report.csv(1)) [x](report.csv—final.csv)",
      "[1]: ⟪not-found:sandbox:/mnt/data/report.csv—final⟫",
      "[x](⟦report.csv‖sandbox:/mnt/data/report.csv⟧.) [x](⟦report‖sandbox:/mnt/data/report⟧,) [x](⟦a.csv‖/mnt/data/a.csv⟧。)",
      '{"md": "<a href=\\"⟦a.csv‖sandbox:/mnt/data/a.csv⟧\\">x</a>"}',
      "[1]: ⟦a.csv‖sandbox:/mnt/data/a.csv⟧\n[2]: ⟦report.csv‖sandbox:/mnt/data/report.csv⟧.",
    ],
  },
  {
    rule: "a path that opens code or a quotation continues up to an extension right before its end",
    files: ["a.xlsx", "a b.csv", "b.csv"],
    texts: [
      "`⟪not-found:/mnt/data/a.xlsx - Sheet1.csv⟫`",
      '"⟪not-found:/mnt/data/a.xlsx backup.xlsx⟫" “⟪not-found:/mnt/data/a.xlsx⟫ final (2).csv”',
      "`⟦a b.csv‖/mnt/data/a b.csv⟧` `⟦a.xlsx‖/mnt/data/a.xlsx⟧ now` `cat ⟦a.xlsx‖/mnt/data/a.xlsx⟧ c.csv`",
      "⟦a.xlsx‖/mnt/data/a.xlsx⟧ backup.csv",
    ],
  },
  {
    rule: "a path continues after a space, in a pattern and after a dot",
    files: ["My", "a", "report.csv"],
    texts: [
      "⟪not-found:/mnt/data/My⟫ Files/report.csv",
      "⟪not-found:/mnt/data/a%d.csv⟫ ⟪not-found:/mnt/data/a%03d.csv⟫",
      "⟪pattern:/mnt/data/report.csv.<ext>⟫",
      "⟦report.csv‖/mnt/data/report.csv⟧.<br> ⟦My‖/mnt/data/My⟧ and/or ⟦a‖/mnt/data/a⟧",
    ],
  },
  {
    rule: "after a quoted word or an ellipsis, the root's name is part of another path",
    texts: [
      '`$HOME`/mnt/data/a.csv "$HOME"/mnt/data/a.csv',
      "“backup”/mnt/data/a.csv 'x'/mnt/data/a.csv",
      "…/mnt/data/a.csv `…/mnt/data/a.csv`",
      'f"⟦/mnt/data/a.csv⟧" r\'⟦/mnt/data/a.csv⟧\' rb"⟦/mnt/data/a.csv⟧" u"⟦/mnt/data/a.csv⟧"',
      "“⟦/mnt/data/a.csv⟧”, '⟦/mnt/data/a.csv⟧', x='⟦/mnt/data/a.csv⟧', 保存到`⟦/mnt/data/a.csv⟧`",
      "⟦/mnt/data/a.csv⟧…⟦/mnt/data/a.csv⟧",
    ],
  },
  {
    rule: "a lower-case word before a colon is a host or a scheme, unless it is a usual label",
    texts: [
      "titan:/mnt/data/a.csv vscode:/mnt/data/a.csv web_1:/mnt/data/a.csv `titan:/mnt/data/a.csv`",
      "\u0024{HOST}:/mnt/data/a.csv <host>:/mnt/data/a.csv {host}:/mnt/data/a.csv {{host}}:/mnt/data/a.csv $HOST:/mnt/data/a.csv",
      "scp me@h:\"/mnt/data/a.csv\" . and me@h:'/mnt/data/a.csv'",
      "HEAD~1:/mnt/data/a.csv HEAD:/mnt/data/a.csv HEAD^:/mnt/data/a.csv",
      "file path:⟦/mnt/data/a.csv⟧ output:⟦/mnt/data/a.csv⟧ download:⟦/mnt/data/a.csv⟧ csv:⟦/mnt/data/a.csv⟧",
      "Titan:⟦/mnt/data/a.csv⟧ Datei:⟦/mnt/data/a.csv⟧ titan: ⟦/mnt/data/a.csv⟧ `x`:⟦/mnt/data/a.csv⟧ <b>Path</b>:⟦/mnt/data/a.csv⟧",
    ],
  },
  {
    rule: "paths in a command for another machine are files of that machine",
    texts: [
      "`ssh zeus 'tail /mnt/data/a.csv'`",
      "`docker exec web cat /mnt/data/a.csv`",
      "`kubectl exec -it pod -- cat /mnt/data/a.csv` and `adb pull /mnt/data/a.csv`",
      "ssh me@zeus cat /mnt/data/a.csv",
      "$ docker exec web cat /mnt/data/a.csv",
      "`ssh zeus ls; cat ⟦/mnt/data/a.csv⟧`",
      "I used ssh, and saved ⟦/mnt/data/a.csv⟧",
      "ssh access isn't needed: it is at ⟦/mnt/data/a.csv⟧",
      "adb is fine: ⟦/mnt/data/a.csv⟧",
      "`ssh zeus ls` and ⟦/mnt/data/a.csv⟧",
    ],
  },
  {
    rule: 'a hyphen and a word for "file" end a name',
    files: ["report.xlsx"],
    texts: [
      "Die ⟦report.xlsx⟧-Datei",
      "het ⟦/mnt/data/report.xlsx⟧-bestand, den ⟦/mnt/data/report.xlsx⟧-Datei.",
      "⟦/mnt/data/report.xlsx⟧-filen er klar, `⟦/mnt/data/report.xlsx⟧`-Datei",
      "⟪not-found:/mnt/data/report.xlsx-old⟫ report.xlsx-old ⟪not-found:/mnt/data/report.xlsx-Datei2⟫ report.xlsx-Datei.zip",
      {
        text: "⟦report.xlsx-Datei‖/mnt/data/report.xlsx-Datei⟧",
        files: ["report.xlsx", "report.xlsx-Datei"],
      },
      "[x](⟪not-found:sandbox:/mnt/data/report.xlsx-Datei⟫)",
      "de ⟦report.xlsx⟧-rapport",
      "⟦/mnt/data/report.xlsx⟧-tiedostossa, a ⟦/mnt/data/report.xlsx⟧-fájlban",
      "⟦/mnt/data/report.xlsx⟧-файле, ⟦/mnt/data/report.xlsx⟧-документ, ⟦/mnt/data/report.xlsx⟧-文件 ⟦/mnt/data/report.xlsx⟧-ファイル",
      "a ⟦report.xlsx⟧-based chart",
      "⟦/mnt/data/report.xlsx⟧-style tables, ⟦/mnt/data/report.xlsx⟧-files.",
    ],
  },
  {
    rule: "a hyphen and a capitalized word of letters end a name, as German nouns do, except words for another version",
    files: ["report.xlsx"],
    texts: [
      "Den ⟦report.xlsx⟧-Bericht",
      "die ⟦/mnt/data/report.xlsx⟧-Auswertung. **⟦/mnt/data/report.xlsx⟧-Übersicht**",
      "⟦/mnt/data/report.xlsx⟧‑Tabelle, (⟦/mnt/data/report.xlsx⟧-Konfigurationstabelle) ⟦/mnt/data/report.xlsx⟧-Übersicht",
      ...["Backup", "Kopie", "Sicherungskopie", "Entwurf", "Final", "Version", "Cleaned", "Bereinigt"].map(
        (word) => `⟪not-found:/mnt/data/report.xlsx-${word}⟫ report.xlsx-${word}`,
      ),
      ...[
        "Alt",
        "Neu",
        "OLD",
        "V2",
        "Q3",
        "backup",
        "old",
        "copy",
        "v2",
        "1",
        "bak",
        "final",
        "new",
        "tmp",
      ].map((word) => `⟪not-found:/mnt/data/report.xlsx-${word}⟫ report.xlsx-${word}`),
      ...["cleaned", "summary", "kopie", "überarbeitet", "備份", "备份"].map(
        (word) => `⟪not-found:/mnt/data/report.xlsx-${word}⟫ report.xlsx-${word}`,
      ),
      ...["Bericht2", "Bericht_2", "Bericht-2", "Bericht.pdf", "BerichtNeu", "Bericht/a"].map(
        (word) => `⟪not-found:/mnt/data/report.xlsx-${word}⟫ report.xlsx-${word}`,
      ),
      "[x](⟪not-found:sandbox:/mnt/data/report.xlsx-Bericht⟫) [x](report.xlsx-Bericht)",
      {
        text: "⟦report.xlsx-Bericht‖/mnt/data/report.xlsx-Bericht⟧ und ⟦report.xlsx⟧",
        files: ["report.xlsx", "report.xlsx-Bericht"],
      },
    ],
  },
]);
