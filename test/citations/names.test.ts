/**
 * Tests unusual file names, the choice between several files, and invalid input. This file is long because every name is written
 * out.
 */
import { describe, expect, test } from "vitest";
import { resolveFileCitations } from "../../src/index.js";
import type { Annotation } from "../../src/types.js";
import { describeShared, readShared } from "../shared.js";
import { encoded, file, marked, resolved } from "./forms.js";

const PRINTABLE = Array.from({ length: 0x7f - 0x20 }, (_, code) => String.fromCharCode(0x20 + code)).filter(
  (character) => character !== "/",
);

/** Expects that the text has one citation, which covers `cited` and has the file `name`. The container also has another file. */
function expectFound(name: string, before: string, cited: string, after: string): void {
  const files = [file(name), file("zzz.csv")];
  const start = before.length;
  expect(resolved(before + cited + after, files)).toEqual({
    cited: [[start, start + cited.length, `cfile_${name}`]],
    missed: [],
  });
}

describe("a name with", () => {
  test.each(PRINTABLE)("%j in the middle, at the beginning and before the extension", (character) => {
    for (const name of [`a${character}b.csv`, `${character}b.csv`, `a${character}.csv`]) {
      expectFound(name, "See [x](", `sandbox:/mnt/data/${encoded(name)}`, ") there");
      expectFound(name, "See [x](", `sandbox:/mnt/data/${name}`, ") there");
      expectFound(name, "Saved: ", `/mnt/data/${name}`, "\n\nBye.");
      expectFound(name, 'In <a href="', `sandbox:/mnt/data/${entities(name)}`, '">it</a>');
      const json = JSON.stringify(`/mnt/data/${name}`).slice(1, -1);
      expectFound(name, '{"file": "', json, '"}');
      expectFound(name, '{"file": "', json.replaceAll("/", "\\/"), '"}');
    }
  });

  test("all printable ASCII characters", () => {
    const name = `${PRINTABLE.join("")}.csv`;
    expectFound(name, "Saved: ", `/mnt/data/${name}`, "\n");
    expectFound(name, "[x](", `sandbox:/mnt/data/${encoded(name)}`, ")");
  });

  test.each(
    Object.entries({
      Arabic: "تقرير المبيعات",
      Armenian: "զեկույց",
      Bengali: "প্রতিবেদন",
      Cherokee: "ᎪᏪᎵ",
      Cyrillic: "отчёт й",
      Devanagari: "रिपोर्ट",
      Ethiopic: "ሪፖርት",
      Georgian: "ანგარიში",
      Greek: "αναφορά ς",
      Gujarati: "અહેવાલ",
      Han: "报告最终版",
      Hangul: "보고서",
      Hebrew: "דוח",
      Hiragana: "ほうこく",
      Kannada: "ವರದಿ",
      Katakana: "レポート",
      Khmer: "របាយការណ៍",
      Lao: "ລາຍງານ",
      Latin: "Straße Łódź İstanbul ﬁn",
      Malayalam: "റിപ്പോർട്ട്",
      Mongolian: "ᠲᠠᠢᠯᠠᠨ",
      Myanmar: "အစီရင်ခံစာ",
      Sinhala: "වාර්තාව",
      Tamil: "அறிக்கை",
      Telugu: "నివేదిక",
      Thai: "รายงาน",
      Tibetan: "སྙན་ཞུ",
      Vietnamese: "Báo cáo tài chính",
      emoji: "🎉 party 👩‍👩‍👧 🇫🇷 1️⃣",
      mathematics: "𝒳 ∑ ²",
      "right-to-left marks": "\u200freport\u200e",
      "zero-width joiners": "a\u200db\u200cc",
    }),
  )("%s letters", (_, letters) => {
    for (const name of [`${letters}.csv`, `${letters}/${letters}_1.tar.gz`, `x ${letters}.csv`]) {
      for (const form of [name, name.normalize("NFC"), name.normalize("NFD"), encoded(name)]) {
        expectFound(name, "[x](", `sandbox:/mnt/data/${form}`, ")");
        expectFound(name, "`", `/mnt/data/${form}`, "`.");
        expectFound(name, "已保存到", `/mnt/data/${form}`, "，请下载");
      }
      const last = name.slice(name.lastIndexOf("/") + 1);
      expectFound(name, "Saved as **", last, "**.");
    }
  });

  test.each([
    `${"a".repeat(251)}.csv`,
    `${"é".repeat(125)}.csv`,
    `${"报".repeat(83)}.csv`,
    `${"🎉".repeat(62)}.csv`,
    `${"a ".repeat(125)}.csv`,
    `${"%".repeat(251)}.csv`,
    `${"%20".repeat(83)}.csv`,
    `${"\\".repeat(251)}.csv`,
  ])("255 bytes: %s", (name) => {
    expect(Buffer.byteLength(name)).toBeGreaterThan(250);
    expectFound(name, "[x](", `sandbox:/mnt/data/${name}`, ")");
    expectFound(name, "[x](", `sandbox:/mnt/data/${encoded(name)}`, ")");
    expectFound(name, "Saved: ", `/mnt/data/${name}`, ".");
    expectFound(name, "Saved: ", name, ".");
  });

  test("twenty folders above it", () => {
    const name = `${"folder with space/".repeat(20)}a.csv`;
    expectFound(name, "[x](", `sandbox:/mnt/data/${encoded(name)}`, ")");
    expectFound(name, "Saved: ", `/mnt/data/${name}`, ".");
  });
});

/** Returns a name as it is written in an HTML attribute. */
function entities(name: string): string {
  return name.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

describe("several files", () => {
  test("of files with the same path, the newest is cited", () => {
    const files = [
      file("a.csv", { id: "old", created_at: 1 }),
      file("a.csv", { id: "new", created_at: 3 }),
      file("a.csv", { id: "older", created_at: 2 }),
    ];
    expect(resolved("/mnt/data/a.csv", files).cited).toEqual([[0, 15, "new"]]);
  });

  test("of files in several containers, the one in the container listed first is cited, even if others are newer", () => {
    const files = [
      file("b.csv", { container_id: "near", created_at: 1 }),
      file("a.csv", { id: "far", container_id: "far", created_at: 9 }),
      file("a.csv", { id: "near", container_id: "near", created_at: 1 }),
    ];
    expect(resolved("/mnt/data/a.csv", files).cited).toEqual([[0, 15, "near"]]);
  });

  test("a citation has the kind of its match, and an ambiguous mention has its candidates", () => {
    const files = [
      file("a.csv"),
      file("B.csv"),
      file("x/c.csv"),
      file("e.csv"),
      file("y/f.csv"),
      file("z/f.csv"),
    ];
    files.push(file("file-Ab12-d.csv", { source: "user" }));
    const { text } = marked(
      "/mnt/data/a.csv /mnt/data/b.csv /mnt/data/c.csv [x](/mnt/data/d.csv) e.csv /mnt/data/f.csv",
    );
    const { citations, unresolved } = resolveFileCitations(text, files);
    expect(citations.map(({ match }) => match)).toEqual([
      "path",
      "written-differently",
      "moved",
      "upload",
      "filename",
    ]);
    expect(unresolved.map(({ candidates }) => candidates?.map(({ path }) => path))).toEqual([
      ["/mnt/data/y/f.csv", "/mnt/data/z/f.csv"],
    ]);
  });

  test('a path matches as "path" without its first slash or with dots, and as "written-differently" in other characters', () => {
    const text =
      "sandbox:mnt/data/a.csv /MNT/data/a.csv /mnt/data/x/../a.csv [x](sandbox:/mnt/data/x/../b.csv)";
    const { citations, unresolved } = resolveFileCitations(text, [file("a.csv")]);
    expect(citations.map(({ match }) => match)).toEqual(["path", "written-differently", "path"]);
    expect(unresolved.map((mention) => mention.text)).toEqual(["sandbox:/mnt/data/x/../b.csv"]);
    const encoded = "/mnt/data/out//x//é%20b.csv /mnt/data/out/x/e\u0301 b.csv /mnt/data/out/x/é\u00a0b.csv";
    expect(
      resolveFileCitations(encoded, [file("out/x/é b.csv")]).citations.map(({ match }) => match),
    ).toEqual(["path", "path", "written-differently"]);
    const literally = resolveFileCitations("/mnt/data/é%20b.csv", [file("é%20b.csv")]);
    expect(literally.citations.map(({ match }) => match)).toEqual(["path"]);
  });

  test("a file that the API cited without a range is still cited where the text names it", () => {
    const chart = { type: "container_file_citation", file_id: "cfile_a.csv", start_index: 0, end_index: 0 };
    expect(resolved("See a.csv", [file("a.csv")], [chart]).cited).toEqual([[4, 9, "cfile_a.csv"]]);
    expect(resolved("```\n/mnt/data/a.csv\n```", [file("a.csv")], [chart]).cited).toEqual([]);
  });

  test("files below other roots are found if these roots are passed", () => {
    const files = [file("a.csv", { path: "/home/oai/share/a.csv", id: "share" }), file("b.csv")];
    const text = "[a](sandbox:/home/oai/share/a.csv) /mnt/data/b.csv";
    const { citations } = resolveFileCitations(text, files, { roots: ["/home/oai/share"] });
    expect(citations.map(({ annotation }) => annotation.file_id)).toEqual(["share"]);
    const two = { roots: ["/data", "/mnt/data"] };
    expect(
      resolveFileCitations(text, files, two).citations.map(({ annotation }) => annotation.filename),
    ).toEqual(["a.csv", "b.csv"]); // `sandbox:` finds files outside of the roots too
    expect(resolveFileCitations(text, files, { roots: [] })).toEqual({
      annotations: [],
      citations: [],
      unresolved: [],
    });
  });

  test("a file below two nested roots belongs to the inner one, whatever their order", () => {
    const files = [file("a.csv"), file("a.csv", { path: "/mnt/a.csv", id: "outer" })];
    const text = "/mnt/data/a.csv and /mnt/a.csv";
    for (const roots of [
      ["/mnt", "/mnt/data"],
      ["/mnt/data", "/mnt"],
    ]) {
      const { citations } = resolveFileCitations(text, files, { roots });
      expect(citations.map(({ annotation, match }) => [annotation.file_id, match])).toEqual([
        ["cfile_a.csv", "path"],
        ["outer", "path"],
      ]);
    }
  });

  test("a root may contain characters with a meaning in regular expressions", () => {
    const path = "/srv/v1.0 (x)/a+b$/a.csv";
    const roots = ["/srv/v1.0 (x)/a+b$"];
    const { citations } = resolveFileCitations(`Saved: ${path}`, [file("a.csv", { path })], { roots });
    expect(citations.map((citation) => citation.text)).toEqual([path]);
  });
});

describe("a TypeError names the invalid value", () => {
  const a = file("a.csv");
  test.each<[string, unknown[], string]>([
    ["a missing text", [undefined, []], "text must be a string, got undefined"],
    ["files that are no array", ["", {}], "files must be an array of container files, got {}"],
    ["a file that is null", ["", [a, null]], "files[1] must be a container file object, got null"],
    [
      "a file without a path",
      ["", [{ ...a, path: undefined }]],
      "files[0].path must be a string, got undefined",
    ],
    ["a file with a number as its id", ["", [{ ...a, id: 7 }]], "files[0].id must be a string, got 7"],
    [
      "a date that is not a number",
      ["", [{ ...a, created_at: "now" }]],
      'files[0].created_at must be a number of seconds, got "now"',
    ],
    [
      "an annotation that is not an object",
      ["", [], { annotations: [1] }],
      "annotations must be an array of annotation objects, got an array of 1",
    ],
    [
      "an unknown unit",
      ["", [], { indexUnit: "bytes" }],
      'indexUnit must be "auto", "code-point" or "utf-16", got "bytes"',
    ],
    [
      "a root with a slash at its end",
      ["", [], { roots: ["/mnt/data/"] }],
      "roots must be an array of absolute paths without a slash at the end, got an array of 1",
    ],
    [
      "a root that is not a string",
      ["", [], { roots: [["/mnt/data"]] }],
      "roots must be an array of absolute paths without a slash at the end, got an array of 1",
    ],
    [
      "a root that is not an absolute path",
      ["", [], { roots: ["mnt/data"] }],
      "roots must be an array of absolute paths without a slash at the end, got an array of 1",
    ],
    [
      "roots that are not an array",
      ["", [], { roots: "/mnt/data" }],
      'roots must be an array of absolute paths without a slash at the end, got "/mnt/data"',
    ],
  ])("%s", (_, input, message) => {
    const resolve = resolveFileCitations as (...input: unknown[]) => unknown;
    expect(() => resolve(...input)).toThrow(new TypeError(message));
  });
});

interface Case {
  id: string;
  text: string;
  files: Parameters<typeof resolveFileCitations>[1];
  annotations: Annotation[];
  expected: unknown[];
  unresolved: { start: number; end: number; reason: string }[];
}

describeShared("the shared cases", () => {
  test("have exactly the expected citations", () => {
    const cases: Case[] = JSON.parse(readShared("eval/cases.json"));
    const wrong = cases.filter(({ text, files, annotations, expected, unresolved }) => {
      const got = resolveFileCitations(text, files, { annotations, indexUnit: "utf-16" });
      const isReported = unresolved.every(({ start, end, reason }) =>
        got.unresolved.some((miss) => miss.reason === reason && miss.start < end && start < miss.end),
      );
      return !isReported || JSON.stringify(sorted(got.annotations)) !== JSON.stringify(sorted(expected));
    });
    expect(cases.length).toBeGreaterThan(90);
    expect(wrong.map(({ id }) => id)).toEqual([]);
  });
});

/** Returns the entries of each object, sorted by key. */
function sorted(values: readonly unknown[]): unknown[] {
  return values.map((value) => Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test.each([
  "Saved as Budget.xlsx – Übersicht.csv today.",
  "Saved as Budget.xlsx – &Uuml;bersicht.csv today.",
  "Saved as `Budget.xlsx – U\u0308bersicht.csv`.",
])("a name that contains the extension of another file is found whole: %s", (text) => {
  const files = ["Budget.xlsx – Übersicht.csv", "other.xlsx"].map((name) => file(name));
  const { citations } = resolveFileCitations(text, files);
  expect(citations.map(({ annotation }) => annotation.filename)).toEqual(["Budget.xlsx – Übersicht.csv"]);
});
