/**
 * Tests each pattern in the tables of boundaries.ts and other-systems.ts, with texts whose outcome depends only on that pattern.
 * Each row is named after the pattern that it tests. This file is long because each pattern has a row.
 */
import { describe, expect, it } from "vitest";
import {
  AFTER_FOLDER,
  ATTACHING,
  CONTINUING_WITH_EXTENSION,
  CONTINUING_WITHOUT_EXTENSION,
  OPENING,
} from "../../src/citations/boundaries.js";
import { BEFORE_OTHER_PATH, ON_OTHER_SYSTEM } from "../../src/citations/other-systems.js";
import { resolveFileCitations } from "../../src/index.js";
import { file } from "../upstream.js";

/** Returns the cited texts and the reasons of the uncited mentions. `«»` marks the offset at which the pattern is tried. */
function outcomeOf(marked: string, path: string): string[] {
  const text = marked.replace("«»", "");
  const { citations, unresolved } = resolveFileCitations(text, [file(`/mnt/data/${path}`)]);
  return [...citations.map(({ text: cited }) => cited), ...unresolved.map(({ reason }) => reason)];
}

/** Returns whether a pattern matches right before (or, with `isAfter`, right after) the marked offset. */
function matches(pattern: string, marked: string, isAfter: boolean): boolean {
  const place = marked.indexOf("«»");
  const sticky = new RegExp(isAfter ? `(?:${pattern})` : `(?<=${pattern})`, "uy");
  sticky.lastIndex = place;
  return sticky.test(marked.replace("«»", ""));
}

type Rows<Table> = { [Name in keyof Table]: readonly string[] };

function describeTable<Table extends Record<string, string>>(
  name: string,
  {
    table,
    rows,
    path,
    outcome,
    isAfter,
  }: {
    table: Table;
    rows: Rows<Table>;
    path: string;
    outcome: RegExp;
    isAfter: boolean;
  },
): void {
  describe(name, () => {
    it.each(Object.keys(table) as (keyof Table & string)[])("%s", (pattern) => {
      expect(rows[pattern].length).toBeGreaterThan(0);
      for (const marked of rows[pattern]) {
        expect(matches(table[pattern]!, marked, isAfter), marked).toBe(true);
        expect(outcomeOf(marked, marked.includes("データ") ? "データ" : path).join(), marked).toMatch(
          outcome,
        );
      }
    });
  });
}

/** Matches each outcome without a citation: the reason of an uncited mention, or `""` if the text has no mention. */
const UNCITED = /^(?:not-found|pattern|directory|)$/;

const PATH = "/mnt/data/a.csv";

describeTable("text after which a path can start", {
  ...{ table: OPENING, path: "a.csv", outcome: /^\/mnt\/data\/a\.csv$/, isAfter: false },
  rows: {
    space: [`(«»${PATH})`, `"«»${PATH}"`, `See «»${PATH}`],
    jsonBreak: [`Saved:\\n«»${PATH}`],
    curlFile: [`curl -F file=@«»${PATH}`],
    semiticPrefix: [`و«»${PATH}`],
  },
});

describeTable("text that makes the name or path after it part of a longer one", {
  ...{ table: ATTACHING, path: "a.csv", outcome: UNCITED, isAfter: false },
  rows: {
    joiner: ["v1.«»a.csv", "{date}«»a.csv", "$«»a.csv"],
    letter: ["my«»a.csv"],
    underscore: ["my_«»a.csv", "my\\_«»a.csv"],
    underscores: ["my__«»a.csv"],
    home: [`~«»${PATH}`],
    hyphen: ["my-«»a.csv"],
    dash: ["2020–«»a.csv"],
    quotedWord: ["「最新«»a.csv」", "**2024年«»a.csv**", "| 最新«»a.csv |"],
    url: [`https://host«»${PATH}`],
  },
});

describeTable("text that puts the path or name after it on another system", {
  ...{ table: ON_OTHER_SYSTEM, path: "a.csv", outcome: UNCITED, isAfter: false },
  rows: {
    drive: [`C:«»${PATH}`],
    userAtHost: [`me@host:«»${PATH}`],
    dottedHost: [`10.0.0.5:«»${PATH}`, `node1.lan:«»${PATH}`, `10.0.0.5:22:«»${PATH}`],
    ipv6: [`[::1]:«»${PATH}`, `[fe80::1%25eth0]:«»${PATH}`],
    machine: [`db-1:«»${PATH}`, `nas01:«»${PATH}`, `host:«»${PATH}`, `NAS:«»${PATH}`],
    copyCommand: [`docker cp Web:«»${PATH} .`],
    scheme: [`dbfs:«»${PATH}`, `nfs:«»${PATH}`],
  },
});

describeTable("text that puts a path after it, but not a name, on another system", {
  ...{ table: BEFORE_OTHER_PATH, path: "a.csv", outcome: UNCITED, isAfter: false },
  rows: {
    word: [`titan:«»${PATH}`, `web_1:«»${PATH}`],
    variable: [`$HOST:«»${PATH}`, `\${HOST}:«»${PATH}`],
    angles: [`<host>:«»${PATH}`],
    braces: [`{host}:«»${PATH}`, `{{host}}:«»${PATH}`],
    quotedHost: [`me@h:"«»${PATH}"`],
    revision: [`HEAD:«»${PATH}`, `HEAD~1:«»${PATH}`, `HEAD^:«»${PATH}`],
    closingQuote: [`"$HOME"«»${PATH}`],
    ellipsis: [`…«»${PATH}`],
    remoteCommand: [`ssh zeus 'tail «»${PATH}'`, `docker exec web cat «»${PATH}`],
  },
});

const continued = (path: string): Rows<typeof CONTINUING_WITH_EXTENSION> => ({
  letter: [`${path}«»2x`],
  slash: [`${path}«»/x`],
  sign: [`${path}«»+1`],
  equals: [`${path}«»=1`],
  percent: [`${path}«»%20b`, `${path}«»%03d`],
  ampersand: [`${path}«»&b`],
  backup: [`${path}«»~`],
  copy: [`${path}«» (1).csv`],
  wideCopy: [`${path}«»（旧）.csv`],
  call: [`${path}«»()`],
  backslash: [`${path}«»\\_b`],
  braces: [`${path}«»{,.bak}`],
  placeholder: [`${path}«»<n>`],
  brackets: [`${path}«»[1].csv`],
  suffix: [`${path}«».bak`, `${path}«»_old`],
  extensionPlaceholder: [`${path}«».<ext>`],
  starredWord: [`${path}«»*b`],
  wildCard: [`${path}«»*`],
  unspacedName: [`${path}«»数据_1.csv`],
  hyphen: [`${path}«»-old`],
});

describeTable("text that continues a name with an extension", {
  ...{ table: CONTINUING_WITH_EXTENSION, path: "a.csv", outcome: UNCITED, isAfter: true },
  rows: continued(PATH),
});

const BARE = "/mnt/data/Makefile";

describeTable("text that continues a name without an extension", {
  ...{ table: CONTINUING_WITHOUT_EXTENSION, path: "Makefile", outcome: UNCITED, isAfter: true },
  rows: {
    ...continued(BARE),
    hyphen: [`${BARE}«»-old`],
    rest: [`${BARE}«».am`, `${BARE}«» report.pdf`],
    folder: [`${BARE}«» Files/report`],
    punctuatedName: [`${BARE}«»,final.pdf`],
    unspacedRest: [`${BARE}«»最终版.xlsx`],
    unspacedWord: ["/mnt/data/データ«»ベース"],
    opener: [`${BARE}«»{n}`],
    tag: [`${BARE}«»<n>`],
    other: [`${BARE}«»#final`],
  },
});

describeTable("text that ends the folder before it", {
  ...{ table: AFTER_FOLDER, path: "out/a.csv", outcome: /^directory$/, isAfter: true },
  rows: {
    end: ["/mnt/data/out/«» now", "/mnt/data/out/«»,", "/mnt/data/out/«»に"],
    particle: ["/mnt/data/out/«»에"],
    in: ["/mnt/data/out/«»中"],
    folder: ["/mnt/data/out/«»目录"],
    fullStop: ["/mnt/data/out/«»."],
    emphasis: ["**/mnt/data/out/«»**", "_/mnt/data/out/«»_", "~~/mnt/data/out/«»~~"],
    tag: ["<b>/mnt/data/out/«»</b>"],
  },
});
