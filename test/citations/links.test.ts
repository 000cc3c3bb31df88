/**
 * Tests which citations get a link, which mentions get a note, and in which order. test/links.test.ts tests the forms of links.
 */
import { expect, it } from "vitest";
import { replaceFileLinks } from "../../src/index.js";
import type { ContainerFileCitation, UnresolvedMention } from "../../src/types.js";

const text = "See /mnt/data/x.csv, /mnt/data/a.csv and /mnt/data/b.csv";

function citation(spelled: string, more: Partial<ContainerFileCitation> = {}): ContainerFileCitation {
  const start = text.indexOf(spelled);
  return {
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: `cfile_${spelled}`,
    filename: spelled,
    start_index: start,
    end_index: start + spelled.length,
    ...more,
  };
}

const a = citation("/mnt/data/a.csv", { filename: "a.csv" });
const b = citation("/mnt/data/b.csv", { filename: "b.csv" });
const x: UnresolvedMention = { text: "/mnt/data/x.csv", start: 4, end: 19, reason: "not-found" };

it("links each citation to its own file, in any order of the annotations", () => {
  const toUrl = ({ filename }: ContainerFileCitation) => `https://x.y/${filename}`;
  const expected = "See /mnt/data/x.csv, [a.csv](https://x.y/a.csv) and [b.csv](https://x.y/b.csv)";
  expect(replaceFileLinks(text, [b, a], toUrl)).toBe(expected);
});

it.each([undefined, null, ""])("leaves the text unchanged if toUrl returns %j", (nothing) => {
  expect(replaceFileLinks(text, [a], () => nothing)).toBe(text);
});

it("uses the first of two citations of the same file and range", () => {
  const again = { ...a, filename: "other name.csv" };
  expect(replaceFileLinks(text, [a, again], () => "https://x.y/a")).toContain("[a.csv](https://x.y/a)");
});

it("writes the note of a mention that is passed twice only once, and at the place of the mention", () => {
  const options = { unresolved: [x, x], onMissing: () => "(lost)" };
  expect(replaceFileLinks(text, [b, a], () => "https://x.y/f", options)).toBe(
    "See (lost), [a.csv](https://x.y/f) and [b.csv](https://x.y/f)",
  );
});

it("writes an underscore in a label as an entity only where it could start or end emphasis", () => {
  const named = { ...a, filename: "_a_1_2_.csv" };
  expect(replaceFileLinks(text, [named], () => "https://x.y/f")).toContain(
    "[&#95;a_1_2&#95;.csv](https://x.y/f)",
  );
});

it.each(["[it]( /mnt/data/x.csv )", "[it](< /mnt/data/x.csv>)"])(
  "replaces the whole link %s with a note",
  (link) => {
    const start = link.indexOf("/mnt");
    const unresolved = [{ ...x, start, end: start + x.text.length }];
    const onMissing = () => "(lost)";
    expect(replaceFileLinks(link, [], () => "https://x.y/f", { unresolved, onMissing })).toBe("(lost)");
  },
);
