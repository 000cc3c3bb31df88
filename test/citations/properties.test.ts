/**
 * Tests properties that hold for any text and any files, with random texts made of awkward pieces. This file is long because all
 * properties use the same texts.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Resolution, resolveFileCitations } from "../../src/index.js";
import type { Annotation, ContainerFile, IndexUnit } from "../../src/types.js";
import { BARE_FORMS, file, LINK_FORMS, NAMES, resolved, SENTENCES } from "./forms.js";

const runs = { seed: 20_260_101, numRuns: 4000 };

/** Pieces that start, end, wrap or encode a mention, or look like one. */
const FRAGMENTS = [
  ..."/\\%&[](){}<>\"'`*_~|#?!.,;: \n\t-=+@$^",
  "/mnt/data/",
  "/mnt/data",
  "sandbox:",
  "sandbox:/mnt/data/",
  "sandbox://",
  "https://x.y/",
  "http:",
  "file:///mnt/data/",
  "attachment:",
  "mnt/data/",
  "](",
  "](<",
  "[x](sandbox:/mnt/data/",
  "[1]: ",
  '<a href="',
  "```\n",
  "\n\n    ",
  "**",
  "__",
  "~~",
  "\\n",
  '\\"',
  "\\/",
  "\\u0061",
  "\\ud83d\\ude00",
  "%20",
  "%2F",
  "%25",
  "%E3%83%87",
  "%C3",
  "&amp;",
  "&#47;",
  "&#x110000;",
  "&quot;",
  "..",
  "../",
  "./",
  "//",
  "a",
  "e",
  "1",
  "é",
  "e\u0301",
  "\u0301",
  "\u0323\u0307",
  "한글",
  "に",
  "报告",
  "،",
  "。",
  "，",
  "😀",
  "👩‍👩‍👧",
  "\ud83d",
  "\ude00",
  "\u2011",
  "\u202f",
  "\u200b",
  "’",
  "“",
  ".csv",
  "report.csv",
  "a.csv",
  "REPORT.CSV",
  "Q3 report.pdf",
  "out/",
  "out/plot.png",
  "plot.png",
  "file-Ab12-",
  "İ",
  "ß",
  "ﬁ",
  "Å",
  "ς",
];

const fragment = fc.constantFrom(...FRAGMENTS);
const awkward = fc.array(fragment, { maxLength: 30 }).map((pieces) => pieces.join(""));
const anyText = fc.oneof(
  { weight: 6, arbitrary: awkward },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 60 }) },
);

/** The paths of random files. Many of these paths also occur in `awkward` texts. The others are unusual or invalid. */
const anyPath = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "report.csv",
      "a.csv",
      "out/plot.png",
      "Q3 report.pdf",
      "x/a.csv",
      "é.csv",
      "a",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("Report.csv", "file-Ab12-a.csv", "报告", "a%20b.csv", "..", "a..csv", "/", ""),
  },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
  {
    weight: 2,
    arbitrary: fc.array(fragment, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
);
const anyFile: fc.Arbitrary<ContainerFile> = fc
  .tuple(
    anyPath,
    fc.boolean(),
    fc.integer({ min: 1, max: 3 }),
    fc.nat(1e6),
    fc.constantFrom("/mnt/data/", "/tmp/", ""),
  )
  .map(([path, isUpload, container, id, root]) =>
    file(path, {
      id: `cfile_${id}`,
      path: `${id % 8 === 0 ? root : "/mnt/data/"}${path}`,
      container_id: `cntr_${container === 3 ? 2 : 1}`,
      source: isUpload && id % 3 === 0 ? "user" : "assistant",
    }),
  );
const anyFiles = fc.array(anyFile, { maxLength: 6 });
const anyUnit = fc.constantFrom<IndexUnit>("auto", "code-point", "utf-16");

/** Annotations that a server could send. Most are nonsense. */
const anyAnnotation: fc.Arbitrary<Annotation> = fc.record({
  type: fc.constantFrom("container_file_citation", "url_citation", "file_citation"),
  start_index: fc.option(fc.integer({ min: -1, max: 80 })),
  end_index: fc.option(fc.integer({ min: -1, max: 80 })),
  file_id: fc.constantFrom("cfile_1", "cfile_2", undefined),
  filename: fc.constantFrom("report.csv", "a.csv", undefined),
  container_id: fc.constantFrom("cntr_1", undefined),
});

/** A text, files, and the annotations that the part already has. */
const anyInput = fc.record({
  text: anyText,
  files: anyFiles,
  annotations: fc.array(anyAnnotation, { maxLength: 3 }),
  indexUnit: anyUnit,
});

/** Returns the text that an annotation covers in the given unit. */
function covered(text: string, { start_index, end_index }: Annotation, unit: IndexUnit): string {
  if (unit === "utf-16") return text.slice(start_index!, end_index!);
  return [...text].slice(start_index!, end_index!).join("");
}

/**
 * Resolves a text twice, as two repairs do. The second call gets the citations of the first call as annotations. Returns the
 * result of the second call.
 */
function again(
  text: string,
  files: ContainerFile[],
  annotations: Annotation[],
  indexUnit: IndexUnit,
): Resolution {
  const first = resolveFileCitations(text, files, { annotations, indexUnit });
  return resolveFileCitations(text, files, {
    annotations: [...annotations, ...first.annotations],
    indexUnit,
  });
}

describe("for any text and any files", () => {
  test("the resolver does not throw and does not change its arguments", () => {
    fc.assert(
      fc.property(anyInput, ({ text, files, annotations, indexUnit }) => {
        const before = JSON.stringify([files, annotations]);
        resolveFileCitations(text, files, { annotations, indexUnit });
        expect(JSON.stringify([files, annotations])).toBe(before);
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  test("a new range, sliced in its unit, spells the cited file", () => {
    fc.assert(
      fc.property(
        anyText,
        anyFiles,
        fc.constantFrom<IndexUnit>("code-point", "utf-16"),
        (text, files, indexUnit) => {
          const { annotations, citations } = resolveFileCitations(text, files, { indexUnit });
          expect(annotations).toEqual(citations.map(({ annotation }) => annotation));
          for (const { annotation, text: spelled, start, end } of citations) {
            expect(text.slice(start, end)).toBe(spelled);
            // The text can contain single halves of surrogate pairs. Each of them counts as one code point.
            expect(covered(text, annotation, indexUnit)).toBe(spelled);
            const cited = files.find(({ id }) => id === annotation.file_id)!;
            expect(cited.container_id).toBe(annotation.container_id);
            expect(cited.path.endsWith(`/${annotation.filename}`)).toBe(true);
            // The cited text, as written or decoded, contains the file's name. The prefix of an upload's name may be missing.
            const readings = [spelled, ...[decodeLoosely(spelled)]].map(plain);
            const name = plain(annotation.filename).replace(
              /^(?:file|assistant)-[a-z0-9]+-|^[0-9a-f]{6,}-/,
              "",
            );
            expect(readings.some((reading) => reading.includes(name))).toBe(true);
          }
        },
      ),
      runs,
    );
  });

  test("ranges ascend, and overlap neither each other nor the API's citations", () => {
    fc.assert(
      fc.property(anyInput, ({ text, files, annotations }) => {
        const { citations, unresolved } = resolveFileCitations(text, files, {
          annotations,
          indexUnit: "utf-16",
        });
        let last = 0;
        for (const { start, end } of citations) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(text.length);
          for (const { start_index, end_index } of annotations) {
            if (start_index == null || end_index == null || start_index < 0 || end_index <= start_index)
              continue;
            expect(start < end_index && start_index < end).toBe(false);
          }
          for (const miss of unresolved) expect(start < miss.end && miss.start < end).toBe(false);
          last = end;
        }
      }),
      { ...runs, numRuns: 8000 },
    );
  });

  test("resolving again with the result adds nothing", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("", "😀", "😀😀 "),
        anyInput,
        (lead, { text, files, annotations, indexUnit }) => {
          expect(again(lead + text, files, annotations, indexUnit).annotations).toEqual([]);
        },
      ),
      { ...runs, numRuns: 8000 },
    );
  });

  test("a file that the text does not name does not change the result", () => {
    fc.assert(
      fc.property(
        anyText,
        anyFiles,
        fc.integer({ min: 0, max: 9999 }),
        anyUnit,
        (text, files, number, indexUnit) => {
          const stranger = file(`kxq${number}/zzqx-${number}.wjk`);
          const without = resolveFileCitations(text, files, { indexUnit });
          const position = number % (files.length + 1);
          const more = files.toSpliced(position, 0, {
            ...stranger,
            container_id: files[0]?.container_id ?? "cntr_1",
          });
          expect(resolveFileCitations(text, more, { indexUnit })).toEqual(without);
        },
      ),
      runs,
    );
  });
});

describe("a file in random text", () => {
  /** Text that does not affect a mention on the next line: it opens no link, code block or quotation. */
  const neighbour = fc
    .array(
      fc.constantFrom(
        ...FRAGMENTS.filter((piece) => !/mnt|csv|pdf|png|[[(<{"'`“’:*_~/\\.]|\n {4}|href/.test(piece)),
      ),
      { maxLength: 12 },
    )
    .map((pieces) => pieces.join("").replace(/^( {4}|\t)/gm, ""));

  test.each(Object.entries({ ...LINK_FORMS, ...BARE_FORMS }))("is found as %s", (_, write) => {
    fc.assert(
      fc.property(neighbour, fc.constantFrom(...NAMES), neighbour, (before, name, after) => {
        const [opening, cited, closing] = write(name);
        const lead = `${before}\n${opening}`;
        const text = `${lead}${cited}${closing}\n${after}`;
        expect(resolved(text, [file("zzz/other.txt"), file(name)]).cited).toEqual([
          [lead.length, lead.length + cited.length, `cfile_${name}`],
        ]);
      }),
      { ...runs, numRuns: 1000 },
    );
  });
});

describe("several mentions in one answer", () => {
  const sentence = fc.constantFrom(...SENTENCES).map((text) => text.split("%") as [string, string]);
  const mention = fc
    .tuple(
      sentence,
      // Uses the form `bare` instead of `tab`, because a tab after a blank line begins a code block. A path in a code block
      // gets no citation if the text cites the file elsewhere.
      fc.constantFrom(...Object.values({ ...LINK_FORMS, ...BARE_FORMS, tab: BARE_FORMS.bare! })),
      fc.constantFrom(...NAMES),
    )
    .map(([[before, after], write, name]) => {
      const [opening, cited, closing] = write(name);
      return [before + opening, cited, closing + after, `cfile_${name}`] as const;
    });
  const miss = fc
    .tuple(
      sentence,
      fc.constantFrom("`|`", '"|"', "(|)", "**|**", "[x](|)", "| ok"),
      fc.constantFrom(
        ["/mnt/data/missing.csv", "not-found"],
        ["/mnt/data/zzz/", "directory"],
        ["/mnt/data/zzz/*.png", "pattern"],
      ),
    )
    .map(([[before, after], wrap, [cited, reason]]) => {
      const [opening, closing] = wrap.split("|") as [string, string];
      return [before + opening, cited!, closing + after, reason!] as const;
    });
  const other = fc
    .constantFrom(
      "See https://example.com/mnt/data/report.csv for it.",
      "/home/me/mnt/data/report.csv",
      "| a | b |\n|---|---|\n| 1 | 2 |",
      '<img src="https://example.com/x.png"> <a href="https://example.com">x</a>',
      "```\nprint(1)\n```",
      "- one\n- two",
    )
    .map((text) => [text, "", "", ""] as const);

  test("each mention is found as if it were the only one", () => {
    const files = [...NAMES, "zzz/other.bin"].map((name) => file(name));
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: mention }, miss, other), { maxLength: 8 }),
        (parts) => {
          const expected: ReturnType<typeof resolved> = { cited: [], missed: [] };
          let text = "";
          for (const [before, cited, after, what] of parts) {
            const start = text.length + before.length;
            text += `${before + cited + after}\n\n`;
            const range = [start, start + cited.length] as const;
            if (what.startsWith("cfile_")) expected.cited.push([...range, what]);
            else if (what !== "") expected.missed.push([...range, what]);
          }
          expect(resolved(text, files)).toEqual(expected);
        },
      ),
      { ...runs, numRuns: 2000 },
    );
  });
});

/** Removes the differences that the resolver may ignore: case, Unicode composition, kinds of dashes, spaces and quotes. */
function plain(text: string): string {
  return text
    .normalize("NFD")
    .toLowerCase()
    .replace(/[\u2010-\u2015\u2212]/g, "-")
    .replace(/[\s\u00a0\u202f]/g, " ")
    .replace(/[\u2018-\u201b\u2032]/g, "'")
    .replace(/[\u201c-\u201f\u2033]/g, '"')
    .replace(/ς/g, "σ");
}

/** Decodes percent-encoding, HTML entities and escapes in a text. Shares no code with the resolver. */
function decodeLoosely(text: string): string {
  return text
    .replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
      try {
        return decodeURIComponent(bytes);
      } catch {
        return bytes;
      }
    })
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll("&amp;", "&")
    .replaceAll("&quot;", '"')
    .replace(/\\+u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/\\+(.)/g, "$1");
}
