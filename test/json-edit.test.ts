/**
 * Tests edits of JSON bytes: the result parses to the changed value, and all bytes outside the change stay the same. This file is
 * long because the generators of JSON in unusual formats are here too.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editJson, editJsonText } from "../src/http/json-edit.js";

function edited(text: string, before: unknown, after: unknown): string {
  return Buffer.from(editJson(Buffer.from(text), before, after)).toString();
}

/** Different ways to format the same value. */
const written = [
  (value: unknown) => JSON.stringify(value),
  (value: unknown) => JSON.stringify(value, null, 2),
  (value: unknown) => `\t ${JSON.stringify(value, null, "\t")}\r\n`,
  // Writes JSON like Python's json.dumps, with spaces and with escapes for all characters outside ASCII.
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
  it("parses to the changed value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), how, (before, after, write) => {
        const text = write(before);
        expect(JSON.parse(edited(text, JSON.parse(text), after))).toEqual(JSON.parse(JSON.stringify(after)));
        expect(editJsonText(text, JSON.parse(text), after)).toBe(edited(text, JSON.parse(text), after));
      }),
      { numRuns: 1000 },
    );
  });

  it("stays the same text if nothing changed", () => {
    fc.assert(
      fc.property(fc.jsonValue(), how, (value, write) => {
        const text = write(value);
        const before = JSON.parse(text);
        expect(edited(text, before, before)).toBe(text);
      }),
    );
  });

  it("keeps the text around an addition at any depth", () => {
    const key = fc.string({ minLength: 1 }).filter((name) => name !== "before" && name !== "z"); // `nest` adds these two keys
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
          // Copies the objects on the path to the change and keeps all other objects, as a repair does.
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

describe("an added annotation", () => {
  const cite = (text: string): string => {
    const before = JSON.parse(text.replace(/^\ufeff/, ""));
    const given = Array.isArray(before.annotations) ? before.annotations : [];
    return edited(text, before, { ...before, annotations: [...given, { n: 1 }] });
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
    // JSON.parse uses the last of two members with the same key, so the last member is changed.
    [' {"annotations":[0], "annotations":[]}\n', ' {"annotations":[0], "annotations":[{"n":1}]}\n'],
    ['{"annotations":1, "annotations":[[2]]}', '{"annotations":1, "annotations":[[2],{"n":1}]}'],
    ['{"a":1,"a":1.0,"annotations":[]}', '{"a":1,"a":1.0,"annotations":[{"n":1}]}'],
    ['{"\\u0061nnotations":[],"x":-0.0}', '{"\\u0061nnotations":[{"n":1}],"x":-0.0}'],
    ['\ufeff{"x":1e400,"annotations":[]}', '\ufeff{"x":1e400,"annotations":[{"n":1}]}'],
    ['{"annotations":{"x":[1]},"b":"\\ud83d"}', '{"annotations":[{"n":1}],"b":"\\ud83d"}'],
  ])("is written into %s", (text, expected) => {
    expect(cite(text)).toBe(expected);
  });
});

describe("a repeated key", () => {
  // The text of the last member is [[2]]. The earlier members have other types and lengths.
  it.each(["1", '"a b"', "[]", "[[]]", "[[2,3],4]", '{"x":[1]}', "[{}]", '["]",2]', "[[[ ]]]"])(
    "keeps the bytes of an earlier member %s",
    (earlier) => {
      const textOf = (member: string): string => `[{"a": ${earlier} ,"b":1.0,"a":${member} ,"c": []}]`;
      const before = JSON.parse(textOf("[[2]]"));
      const after = [{ ...before[0], a: [[2, "é"], 5] }];
      expect(edited(textOf("[[2]]"), before, after)).toBe(textOf('[[2,"é"],5]'));
    },
  );

  it("keeps the bytes of earlier members at several levels", () => {
    const text = '{"a":{"a":[1],"a":[0]},"b":"","a":{"a":[2.0],"a":[3.0]},"b":"x"}';
    const before = JSON.parse(text);
    const after = { ...before, a: { a: [3, 4] }, b: "xy" };
    expect(edited(text, before, after)).toBe(
      '{"a":{"a":[1],"a":[0]},"b":"","a":{"a":[2.0],"a":[3.0,4]},"b":"xy"}',
    );
  });

  it("allows other edits before and after its last member", () => {
    const text = '{"a":[1],"a":[2],"b":[3.0],"a":[4],"c":"x","a":{"a":[],"a":[5],"b":[]},"d":[{}]}';
    const before = JSON.parse(text);
    const after = { ...before, a: { a: [5, 6], b: [7] }, b: [3, 8], c: "xy", d: [{ e: 9 }], f: 0 };
    expect(edited(text, before, after)).toBe(
      '{"a":[1],"a":[2],"b":[3.0,8],"a":[4],"c":"xy","a":{"a":[],"a":[5,6],"b":[7]},"d":[{"e":9}],"f":0}',
    );
    expect(editJsonText(text, before, after)).toBe(edited(text, before, after));
  });

  it("is written at most twice, however many earlier members it has", () => {
    let writtenCount = 0;
    const toJSON = (): string => {
      writtenCount++;
      return "new";
    };
    const text = `{${'"a":1,'.repeat(50)}"a":2}`;
    expect(edited(text, JSON.parse(text), { a: { toJSON } })).toBe(`{${'"a":1,'.repeat(50)}"a":"new"}`);
    expect(writtenCount).toBeLessThanOrEqual(2);
  });
});

describe("JSON in a string", () => {
  it.each([
    '{"n":1.0,"a":[] }',
    '{"n":"\\u00e9","a":[ ],"a":["x"]}',
    '{"é":"🎉","a":[]}',
    '\ufeff{"n":1,"a":[]}',
    "{}",
  ])("is edited like bytes: %s", (text) => {
    const before = JSON.parse(text.replace(/^\ufeff/, ""));
    const after = { ...before, z: "é", a: [...(before.a ?? []), { n: 1 }, "\ud83d\n"] };
    expect(editJsonText(text, before, after)).toBe(edited(text, before, after));
    expect(editJsonText(text, before, before)).toBe(text);
  });

  it("keeps half of a surrogate pair, which only the encoder replaces", () => {
    const text = '{"broken":"\ud83d","a":"x"}';
    expect(editJsonText(text, { broken: "\ud83d", a: "x" }, { broken: "\ud83d", a: "xy" })).toBe(
      '{"broken":"\ud83d","a":"xy"}',
    );
  });

  it.each(["1", " -1.5e3", "true", "null\n", '"a\\\\"', '"\\""'])(
    "is replaced if it is only a value: %j",
    (text) => {
      expect(editJsonText(text, JSON.parse(text), [2]).trim()).toBe("[2]");
      expect(edited(text, JSON.parse(text), [2]).trim()).toBe("[2]");
    },
  );
});

it("tells a key with a quote from a shorter key", () => {
  // The editor guesses each key from the order of Object.keys. For the member `"a":"x"`, it guesses the key `a":`, but the key
  // is `a`. The guess seems right, because the member begins with `"a":"`, which is the guessed key in quotes.
  const text = '{"a\\":":[],"a":"x", "1":1.0}';
  const before = JSON.parse(text);
  expect(Object.keys(before)).toEqual(["1", 'a":', "a"]);
  expect(edited(text, before, { ...before, a: "xy" })).toBe('{"a\\":":[],"a":"xy", "1":1.0}');
});

describe("bytes with their decoded text", () => {
  // The editor may search the decoded text instead of the bytes only if each character has the same offset in both. In ASCII,
  // the offsets are the same. In most of the other rows, they differ.
  it.each([
    ["ASCII", Buffer.from('{"n":1.0,"t":"\\u00e9","a":[]}')],
    ["characters outside ASCII", Buffer.from('{"n":1.0,"t":"é🎉","a":[]}')],
    ["a byte order mark", Buffer.from('\ufeff{"n":1.0,"t":"x","a":[]}')],
    ["a byte that is not UTF-8", Buffer.from('{"n":1.0,"t":"\xff","a":[]}', "latin1")],
    ["a cut character", Buffer.from('{"n":1.0,"\xe2\x80":"","a":[]}', "latin1")],
  ])("are edited in the same way: %s", (_, bytes) => {
    const text = new TextDecoder().decode(bytes);
    const before = JSON.parse(text);
    const result = editJson(bytes, before, { ...before, a: ["é"], z: 1 }, 0, text);
    const expected = `${bytes.toString("latin1").slice(0, -2)}"\xc3\xa9"],"z":1}`;
    expect(Buffer.from(result).toString("latin1")).toBe(expected);
  });
});

describe("JSON between other bytes", () => {
  it.each(["data: ", "\ufeffdata:", "data:\ufeff"])("is edited after %j", (head) => {
    const [json, tail] = ['{"n":1.0,"a":[]}', "\r\nid: 7\r\n\r\n"];
    const before = JSON.parse(json);
    const start = Buffer.byteLength(head.replace(/(?<=:)\ufeff/, ""));
    const result = editJson(Buffer.from(head + json + tail), before, { ...before, a: [1] }, start);
    expect(Buffer.from(result).toString()).toBe(`${head}{"n":1.0,"a":[1]}${tail}`);
  });
});

it.each(["{}", "[]", '{"a":[{}, "x"]}'])("returns the same bytes for an equal copy of %s", (text) => {
  const bytes = Buffer.from(text);
  expect(editJson(bytes, JSON.parse(text), JSON.parse(text))).toBe(bytes);
});

describe("a string with appended text", () => {
  it.each([
    ['"a\\u0041\\/"', '"a\\u0041\\/ \\"b\\n"'],
    ['""', '" \\"b\\n"'],
    ['"\\\\"', '"\\\\ \\"b\\n"'],
  ])("%s keeps its escapes", (text, expected) => {
    const before = JSON.parse(text);
    expect(edited(text, before, `${before} "b\n`)).toBe(expected);
    expect(edited(`[1.0,${text} ]`, [1, before], [1, `${before} "b\n`])).toBe(`[1.0,${expected} ]`);
  });
});

const space = fc.constantFrom("", "", " ", "\n", "\r\n\t ");
const spaced = (inner: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(space, inner, space).map((parts) => parts.join(""));
const number = fc.constantFrom("1.0", "-0.0", "-0", "1e400", "9223372036854775807", "1E+2", "0.10", "12");
const character = fc.constantFrom(
  "a",
  "é",
  "🎉",
  "\\u0041",
  "\\/",
  '\\"',
  "\\\\",
  "\\ud83d",
  "[",
  "}",
  ",",
  ":",
);
const string = fc.array(character, { maxLength: 6 }).map((characters) => `"${characters.join("")}"`);
const key = fc.constantFrom('"a"', '"a"', '"\\u0061"', '"__proto__"', '"é"', '"0"', '""');
const { odd } = fc.letrec<{ odd: string }>((tie) => ({
  odd: fc.oneof(
    { depthSize: "small" },
    number,
    string,
    fc.constantFrom("true", "false", "null"),
    fc.array(spaced(tie("odd")), { maxLength: 4 }).map((elements) => `[${elements.join(",")}]`),
    fc
      .array(
        fc.tuple(spaced(key), spaced(tie("odd"))).map((member) => member.join(":")),
        { maxLength: 4 },
      )
      .map((members) => `{${members.join(",")}}`),
  ),
}));

/** Returns a copy with an addition to the array, object or string at `path`. Returns `undefined` for any other value there. */
function withAddition(value: unknown, [step, ...path]: readonly number[]): unknown {
  if (typeof value === "string") return `${value}\n"added"`;
  if (typeof value !== "object" || value === null) return undefined;
  const keys = Object.keys(value);
  const chosen = step === undefined ? undefined : keys[step % (keys.length + 1)];
  if (chosen === undefined) return Array.isArray(value) ? [...value, { added: 1 }] : { ...value, added: 1 };
  const changed = withAddition((value as Record<string, unknown>)[chosen], path);
  if (changed === undefined) return undefined;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  return Object.defineProperty(copy, chosen, { value: changed, enumerable: true, configurable: true });
}

/** Returns true if inserting one piece of text into the string `shorter` can give the string `longer`. */
function isInsertion(shorter: string, longer: string): boolean {
  let at = 0;
  while (at < shorter.length && shorter[at] === longer[at]) at++;
  return longer.endsWith(shorter.slice(at));
}

describe("any JSON in unusual formats", () => {
  const texts = spaced(odd);

  it("stays the same bytes if nothing changed", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = Buffer.from(text);
        const value = JSON.parse(text);
        expect(editJson(bytes, value, value)).toBe(bytes);
      }),
    );
  });

  it("keeps all bytes outside an addition and parses to the changed value", () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(5), { maxLength: 5 }), fc.boolean(), (text, path, hasMark) => {
        const before = JSON.parse(text);
        const after = withAddition(before, path);
        if (after === undefined) return;
        const result = edited((hasMark ? "\ufeff" : "") + text, before, after);
        expect(result.startsWith("\ufeff")).toBe(hasMark);
        const edit = result.slice(hasMark ? 1 : 0);
        expect(isInsertion(text, edit)).toBe(true);
        expect(JSON.parse(edit)).toEqual(after);
        expect(editJsonText((hasMark ? "\ufeff" : "") + text, before, after)).toBe(result);
      }),
      { numRuns: 2000 },
    );
  });

  it("parses to the new value if it is replaced", () => {
    fc.assert(
      fc.property(texts, fc.jsonValue(), (text, after) => {
        const result = edited(text, JSON.parse(text), after);
        // The editor keeps an unchanged `-0`, but writes a new `-0` as `0`. `stored` turns both into `0`.
        const stored = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
        expect(stored(JSON.parse(result))).toEqual(stored(after));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("JSON of any size", () => {
  it("is edited next to a value that is nested 100,000 levels deep", () => {
    const deep = `${"[".repeat(100_000)}1.0${"]".repeat(100_000)}`;
    const text = `{"deep":${deep},"annotations":[]}`;
    const before = JSON.parse(text);
    expect(edited(text, before, { ...before, annotations: [1] }) === text.replace(/\[\]\}$/, "[1]}")).toBe(
      true,
    );
  });

  it("is read a fixed number of times, for any number of changes", () => {
    const readsFor = (count: number): number => {
      let reads = 0;
      const text = JSON.stringify({
        output: Array.from({ length: count }, () => ({ text: "x", annotations: [] })),
      });
      const before = JSON.parse(text) as { output: object[] };
      const after = { output: before.output.map((item) => ({ ...item, annotations: [{ n: 1 }] })) };
      const counting = new Proxy(Buffer.from(text), {
        get(bytes, property) {
          reads++;
          const value: unknown = Reflect.get(bytes, property, bytes);
          return typeof value === "function" ? value.bind(bytes) : value;
        },
      });
      const result = Buffer.from(editJson(counting, before, after)).toString();
      expect(JSON.parse(result)).toEqual(after);
      return reads / text.length;
    };
    expect(readsFor(10_000)).toBeLessThan(readsFor(100) * 1.1);
  });
});
