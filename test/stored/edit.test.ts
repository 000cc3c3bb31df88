/** JSON that is changed where it stands reads as the change, and all else in it is as it was written. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { edited } from "../../src/cli/stored/edit.js";

/** Ways in which people write the same value. */
const written = [
  (value: unknown) => JSON.stringify(value),
  (value: unknown) => JSON.stringify(value, null, 2),
  (value: unknown) => `\t ${JSON.stringify(value, null, "\t")}\r\n`,
  // Python's json.dumps: spaces, and escapes for all that is not ASCII.
  (value: unknown) =>
    JSON.stringify(value, null, 1)
      .replace(/\n */g, " ")
      .replace(
        /[\u0080-\uffff]/g,
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
      ),
];
const how = fc.constantFrom(...written);

describe("any JSON", () => {
  it("reads as what it was changed to", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), how, (before, after, write) => {
        const text = write(before);
        expect(JSON.parse(edited(text, JSON.parse(text), after))).toEqual(JSON.parse(JSON.stringify(after)));
      }),
    );
  });

  it("is the very same text where nothing was changed", () => {
    fc.assert(
      fc.property(fc.jsonValue(), how, (value, write) => {
        const text = write(value);
        const before = JSON.parse(text);
        expect(edited(text, before, before)).toBe(text);
      }),
    );
  });

  it("keeps what is around an addition, however deep it is", () => {
    const key = fc.string({ minLength: 1 }).filter((name) => name !== "before" && name !== "z"); // its neighbours
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(3), key), { maxLength: 6 }),
        fc.jsonValue(),
        how,
        (path, aside, write) => {
          const nest = (inner: unknown): unknown =>
            path.reduceRight<unknown>(
              (value, key) =>
                typeof key === "number"
                  ? [...Array(key).fill(aside), value]
                  : { before: aside, [key]: value, z: aside },
              inner,
            );
          const text = write(nest([]));
          const before = JSON.parse(text);
          // As a repair does it: a copy of what leads to the change, and the very same objects beside it.
          const change = (value: unknown, depth: number): unknown => {
            if (depth === path.length) return [7];
            const key = path[depth]!;
            if (Array.isArray(value))
              return value.map((element, at) => (at === key ? change(element, depth + 1) : element));
            const copy: object = { ...(value as object) };
            const changed = change((value as Record<string, unknown>)[key], depth + 1);
            return Object.defineProperty(copy, key, { value: changed, enumerable: true });
          };
          const result = edited(text, before, change(before, 0));
          expect(result).toHaveLength(text.length + 1);
          expect(JSON.parse(result)).toEqual(change(before, 0));
        },
      ),
    );
  });
});

describe("edited", () => {
  const cite = (text: string): string => {
    const before = JSON.parse(text);
    return edited(text, before, { ...before, annotations: [...(before.annotations ?? []), { n: 1 }] });
  };

  it.each([
    ['{"annotations":[]}', '{"annotations":[{"n":1}]}'],
    [
      '{ "a" : 1.0 , "annotations" : [ ] , "b" : 1e2 }',
      '{ "a" : 1.0 , "annotations" : [{"n":1} ] , "b" : 1e2 }',
    ],
    ['{"annotations": [\n  {"n": 0.10}\n ]}\r\n', '{"annotations": [\n  {"n": 0.10},{"n":1}\n ]}\r\n'],
    ['{"text":"a\\"]}\\\\","annotations":["]"]}', '{"text":"a\\"]}\\\\","annotations":["]",{"n":1}]}'],
    ['{"id":12345678901234567890,"annotations":[]}', '{"id":12345678901234567890,"annotations":[{"n":1}]}'],
    ['{"t":"\\u00e9\\/"}', '{"t":"\\u00e9\\/","annotations":[{"n":1}]}'],
    ["{}", '{"annotations":[{"n":1}]}'],
    ['{"annotations":null,"b":true}', '{"annotations":[{"n":1}],"b":true}'],
    // Read as the last of the two; which one to write to cannot be told.
    [' {"annotations":[0], "annotations":[]}\n', ' {"annotations":[{"n":1}]}\n'],
    ['{"annotations":1, "annotations":[[2]]}', '{"annotations":[[2],{"n":1}]}'],
  ])("writes %s", (text, expected) => {
    expect(cite(text)).toBe(expected);
  });
});
