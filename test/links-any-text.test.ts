/** Links in any text at all, and in the recordings: nothing else in it changes. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type ContainerFileCitation, replaceFileLinks, resolveFileCitations } from "../src/index.js";
import { BARE_FORMS, file, LINK_FORMS, NAMES, SENTENCES } from "./citations/forms.js";
import { citation, HREF, parsed, runs } from "./marked-text.js";
import { describeShared, readShared } from "./shared.js";

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

  test("without annotations, or without URLs, it is unchanged", () => {
    fc.assert(
      fc.property(anyText, anyAnnotations, unit, (text, annotations, indexUnit) => {
        expect(replaceFileLinks(text, [], () => HREF)).toBe(text);
        expect(replaceFileLinks(text, annotations, () => undefined, { indexUnit })).toBe(text);
      }),
      runs,
    );
  });

  test("nothing throws, nothing passed is changed, and each that is asked for gets its URL once", () => {
    fc.assert(
      fc.property(anyText, anyAnnotations, unit, (text, annotations, indexUnit) => {
        const before = JSON.stringify(annotations);
        let asked = 0;
        const output = replaceFileLinks(text, annotations, () => `u:${asked++};`, { indexUnit });
        expect(output.match(/u:\d;/g) ?? []).toEqual(Array.from({ length: asked }, (_, at) => `u:${at};`));
        expect(JSON.stringify(annotations)).toBe(before);
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  test("what is around a mention is unchanged", () => {
    fc.assert(
      fc.property(anyText, anyText, (before, after) => {
        // A link to nowhere around it gets the URL; what wraps it goes with it.
        fc.pre(!/\]\(\s*[#<>]*\s*\)|\]:\s*[#<]/.test(after) && !/\]:\s*[#<]|<a href="#?"/.test(before));
        const text = `${before}\n/mnt/data/a.csv\n${after}`;
        const start = before.length + 1;
        const output = replaceFileLinks(text, [citation(start, start + 15)], () => HREF, {
          indexUnit: "utf-16",
        });
        expect(output.startsWith(before.replace(/[`\s]+$/, ""))).toBe(true);
        expect(output.endsWith(after.replace(/^[`\s]+/, ""))).toBe(true);
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  test("resolved and replaced, no cited file's path is left", () => {
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

describeShared("the recordings", () => {
  interface Part {
    text: string;
    annotations: ContainerFileCitation[];
  }

  it.each(["response.json", "stream.jsonl"])("%s: its link leads where it should", (name) => {
    const lines = readShared(`recordings/${name}`).trim();
    const response =
      name === "response.json" ? JSON.parse(lines) : JSON.parse(lines.split("\n").at(-1)!).response;
    const parts: Part[] = response.output.flatMap((item: { content?: Part[] }) => item.content ?? []);
    const [part] = parts.filter(({ annotations }) => annotations?.length > 0);
    const { text, annotations } = part!;
    const link = annotations.find(({ end_index }) => end_index > 0)!;
    const destination = `sandbox:/mnt/data/${link.filename}`;
    expect(text).toContain(`](${destination})`);
    const output = replaceFileLinks(text, annotations, ({ file_id }) => `https://x.y/${file_id}`);
    expect(output).toBe(text.replace(destination, `https://x.y/${link.file_id}`));
    expect(parsed(output).links.map(({ href }) => href)).toEqual([`https://x.y/${link.file_id}`]);
  });
});
