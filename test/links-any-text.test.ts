/** Tests links in random texts and in the recordings: replacing links changes nothing else in the text. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type ContainerFileCitation, replaceFileLinks, resolveFileCitations } from "../src/index.js";
import { BARE_FORMS, file, LINK_FORMS, NAMES, SENTENCES } from "./citations/forms.js";
import { citation, HREF, parsed, runs } from "./marked-text.js";
import { RESPONSES, STREAMS } from "./recordings.js";

describe("for any text", () => {
  const PIECES = [
    ..."[]()<>{}\\`*_~|!\"':=#.,\n ",
    "](",
    "```\n",
    "\n\n",
    "    ",
    '<a href="',
    "<p>",
    "[1]: ",
    '{"f": "',
    '"}',
    "- ",
    "/mnt/data/",
    "a.csv",
    "😀",
    "\ud83d",
    "x",
  ];
  const anyText = fc.array(fc.constantFrom(...PIECES), { maxLength: 24 }).map((pieces) => pieces.join(""));
  const annotation = fc.record({
    type: fc.constantFrom("container_file_citation", "container_file_citation", "url_citation"),
    container_id: fc.constant("cntr_1"),
    file_id: fc.constantFrom("cfile_1", "cfile_2"),
    filename: fc.constant("f"),
    start_index: fc.integer({ min: -1, max: 40 }),
    end_index: fc.integer({ min: -1, max: 40 }),
  });
  const anyAnnotations = fc.array(annotation, { maxLength: 4 });
  const unit = fc.constantFrom("auto" as const, "code-point" as const, "utf-16" as const);

  test("without annotations or without URLs, the text is unchanged", () => {
    fc.assert(
      fc.property(anyText, anyAnnotations, unit, (text, annotations, indexUnit) => {
        expect(replaceFileLinks(text, [], () => HREF)).toBe(text);
        expect(replaceFileLinks(text, annotations, () => undefined, { indexUnit })).toBe(text);
      }),
      runs,
    );
  });

  test("nothing throws, the arguments are not changed, and each URL is written once", () => {
    fc.assert(
      fc.property(anyText, anyAnnotations, unit, (text, annotations, indexUnit) => {
        const before = JSON.stringify(annotations);
        let calls = 0;
        const output = replaceFileLinks(text, annotations, () => `u:${calls++};`, { indexUnit });
        expect(output.match(/u:\d;/g) ?? []).toEqual(Array.from({ length: calls }, (_, at) => `u:${at};`));
        expect(JSON.stringify(annotations)).toBe(before);
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  test("the text around a mention is unchanged", () => {
    fc.assert(
      fc.property(anyText, anyText, (before, after) => {
        // Skips texts such as `[/mnt/data/a.csv](#)`. There the URL replaces `#`, so the text around the mention changes.
        fc.pre(!/\]\(\s*[#<>]*\s*\)|\]:\s*[#<]/.test(after) && !/\]:\s*[#<]|<a href="#?"/.test(before));
        const text = `${before}\n/mnt/data/a.csv\n${after}`;
        const start = before.length + 1;
        const output = replaceFileLinks(text, [citation(start, start + 15)], () => HREF, {
          indexUnit: "utf-16",
        });
        // White space and backticks next to the mention may be removed.
        expect(output.startsWith(before.replace(/[`\s]+$/, ""))).toBe(true);
        expect(output.endsWith(after.replace(/^[`\s]+/, ""))).toBe(true);
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  test("after resolving and replacing, no path of a cited file is left", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values({ ...LINK_FORMS, ...BARE_FORMS })),
        fc.constantFrom(...NAMES),
        fc.constantFrom(...SENTENCES),
        (write, name, sentence) => {
          const [opening, mention, closing] = write(name);
          const [before, after] = sentence.split("%");
          const text = `${before}${opening}${mention}${closing}${after}`;
          const { annotations, citations } = resolveFileCitations(text, [file(name)]);
          const output = replaceFileLinks(text, annotations, () => "https://x.y/f");
          expect(output.split("https://x.y/f")).toHaveLength(citations.length + 1);
          if (!opening.includes("/mnt")) expect(output).not.toMatch(/sandbox:|\/mnt/);
        },
      ),
      { ...runs, numRuns: 5000 },
    );
  });
});

describe("the recordings", () => {
  interface Part {
    text: string;
    annotations: ContainerFileCitation[];
  }

  const recorded = [
    ...RESPONSES,
    ...STREAMS.map(({ name, events }) => ({
      name,
      response: events.at(-1)!.response as { output: { content?: Part[] }[] },
    })),
  ];

  it.each(recorded)("$name: its links lead to the URLs of their files", ({ response }) => {
    const parts = response.output.flatMap((item) => (item.content ?? []) as Part[]);
    const ranged = ({ end_index }: ContainerFileCitation): boolean => end_index > 0;
    expect(parts.flatMap(({ annotations }) => annotations).filter(ranged)).not.toEqual([]);
    for (const { text, annotations } of parts) {
      let expected = text;
      for (const { filename, file_id } of annotations.filter(ranged)) {
        const destination = `sandbox:/mnt/data/${filename}`;
        expect(text).toContain(`](${destination})`);
        expected = expected.replace(destination, `https://x.y/${file_id}`);
      }
      const output = replaceFileLinks(text, annotations, ({ file_id }) => `https://x.y/${file_id}`);
      expect(output).toBe(expected);
      expect(parsed(output).links.map(({ href }) => href)).toEqual(
        annotations.filter(ranged).map(({ file_id }) => `https://x.y/${file_id}`),
      );
    }
  });
});
