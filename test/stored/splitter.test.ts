/** Tests that the splitter cuts an input at the ends of its records and loses no byte, whatever the chunks are. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { LONGEST_RECORD, type Piece } from "../../src/cli/stored/piece.js";
import { type InputShape, Sniffer } from "../../src/cli/stored/sniffer.js";
import { Splitter } from "../../src/cli/stored/splitter.js";

/** Lowers the limit of a record's length. A test with the real limit would need hundreds of megabytes. */
vi.mock("../../src/cli/stored/piece.js", async (original) => ({
  ...(await original<typeof import("../../src/cli/stored/piece.js")>()),
  LONGEST_RECORD: 2 ** 20,
}));

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

/** Reads an input in chunks. Returns the input's shape (one record a line, an array, …: see piece.ts) and its pieces. */
function read(bytes: Buffer, cuts: readonly number[] = []): { shape: InputShape; pieces: Piece[] } {
  const chunks = cut(bytes, cuts);
  const passed: Buffer[] = [];
  const sniffer = new Sniffer((bytes) => passed.push(bytes));
  let shape: InputShape | undefined;
  let next = 0;
  while (shape === undefined && next < chunks.length) shape = sniffer.take(chunks[next++]!);
  shape ??= sniffer.end();
  if (shape === "events") return { shape, pieces: [] };
  const { blankLines: lines } = sniffer;
  const splitter = new Splitter({ shape, number: 0, lines });
  const first: Piece = { bytes: Buffer.concat(passed), shape: "values", number: 0, lines };
  const rest = [...sniffer.held, ...chunks.slice(next)];
  return { shape, pieces: [first, ...rest.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()] };
}

const textOf = (pieces: readonly Piece[]): string =>
  Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1");
const records = (pieces: readonly Piece[]): string[] =>
  pieces.filter(({ number }) => number > 0).map(({ bytes }) => Buffer.from(bytes).toString().trim());
const cuts = fc.array(fc.nat(500), { maxLength: 8 });
/** Random sequences of JSON tokens and other characters. */
const junk = fc.array(
  fc.constantFrom(...'{}[]:,"\\ \n\r1-a', "true", '{"a":', '"b"', "[1,", '{"output":[]}', "é", "\n{", "\n["),
  { maxLength: 40 },
);

describe("any bytes", () => {
  const bytes = fc.oneof(
    junk.map((words) => Buffer.from(words.join(""))),
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  );

  it("are not changed", () => {
    fc.assert(
      fc.property(bytes, cuts, (input, at) => {
        const { shape, pieces } = read(input, at);
        if (shape !== "events") expect(textOf(pieces)).toBe(input.toString("latin1"));
      }),
      { numRuns: 2000 },
    );
  });

  it("give the same records wherever the chunks end, with correct line numbers", () => {
    fc.assert(
      fc.property(bytes, cuts, (input, at) => {
        const whole = read(input);
        const inChunks = read(input, at);
        expect(inChunks.shape).toBe(whole.shape);
        expect(records(inChunks.pieces)).toEqual(records(whole.pieces));
        for (const { pieces } of [whole, inChunks]) {
          let lines = 0;
          for (const piece of pieces) {
            lines += piece.bytes.filter((byte) => byte === 0x0a).length;
            const isUnended = piece.shape === "lines" && piece.bytes.at(-1) !== 0x0a;
            expect(piece.lines).toBe(lines + (isUnended ? 1 : 0));
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("any values", () => {
  const values = fc.array(fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue())), {
    minLength: 1,
    maxLength: 6,
  });
  const spaces = fc.constantFrom(undefined, 1, "\t");

  it("are separated in an array", () => {
    fc.assert(
      fc.property(values, spaces, cuts, (list, space, at) => {
        const { shape, pieces } = read(Buffer.from(JSON.stringify(list, null, space)), at);
        expect(shape).toBe("values");
        expect(records(pieces).map((text) => JSON.parse(text))).toEqual(JSON.parse(JSON.stringify(list)));
        expect(pieces.filter(({ number }) => number > 0).every((piece) => piece.shape === "array")).toBe(
          true,
        );
      }),
    );
  });

  it("are separated as objects one after the other, over several lines or on one line each", () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), { minLength: 1, maxLength: 6 }),
        spaces,
        cuts,
        (list, space, at) => {
          const text = list.map((value) => `${JSON.stringify(value, null, space)}\n`).join("");
          const { pieces } = read(Buffer.from(text), at);
          expect(records(pieces).map((record) => JSON.parse(record))).toEqual(
            JSON.parse(JSON.stringify(list)),
          );
        },
      ),
    );
  });

  it("can be read by a new splitter that continues after any record", () => {
    fc.assert(
      fc.property(values, fc.nat(5), fc.constantFrom("array", "lines"), (list, behind, form) => {
        const text =
          form === "array"
            ? JSON.stringify(list, null, 1)
            : list.map((value) => `${JSON.stringify(value)}\n`).join("");
        const { pieces } = read(Buffer.from(text));
        const last = pieces.findIndex(({ number }) => number === Math.min(behind + 1, list.length));
        if (last < 0) return;
        const splitter = new Splitter(pieces[last]!);
        const rest = Buffer.concat(pieces.slice(last + 1).map(({ bytes }) => bytes));
        const again = [...splitter.push(rest), ...splitter.end()];
        expect(again.filter(({ number }) => number > 0)).toEqual(
          pieces.slice(last + 1).filter(({ number }) => number > 0),
        );
      }),
    );
  });
});

describe("an input's shape is detected from its beginning", () => {
  it.each([
    ['{"id":1}\n{"id":2}\n', "lines", ['{"id":1}', '{"id":2}']],
    ['{"id":1}', "lines", ['{"id":1}']],
    ['\ufeff\n{"id":1}\n', "lines", ['{"id":1}']],
    ["not JSON\n{}\n", "lines", ["not JSON", "{}"]],
    ["", "lines", []],
    ["\n \n", "lines", []],
    ['{\n "id": 1\n}\n{\n "id": 2\n}\n', "values", ['{\n "id": 1\n}', '{\n "id": 2\n}']],
    ['{"id":1}{"id":2}\n', "values", ['{"id":1}', '{"id":2}']],
    ['{"id":1}{"id":2}', "values", ['{"id":1}', '{"id":2}']],
    ['{"id":1} {"id":2', "values", ['{"id":1}', '{"id":2']],
    ['{"id":1} \r', "lines", ['{"id":1}']],
    ['\ufeff [ {"id":1},\n{"id":2} ]', "values", ['{"id":1}', '{"id":2}']],
    ["[]", "values", []],
    ["event: response.created\ndata: {}\n\n", "events", []],
    ["data: {}\n\n", "events", []],
    [": keep-alive\n\n", "events", []],
  ])("%j", (text, shape, expected) => {
    const found = read(Buffer.from(text));
    expect(found.shape).toBe(shape);
    expect(records(found.pieces)).toEqual(expected);
  });

  it.each([
    ["cut off in a string", '{"id":"resp_1', '{"id":2}\n{"id":3}\n'],
    ["cut off between two tokens", '{"id":1,"output":[', '{"id":2}\n{"id":3}\n'],
    ["cut off between two tokens, before a single line", '{"id":1,"output":[', '{"id":2}\n'],
    ["not JSON", '{"id":nothing of it}', '{"id":2}\n{"id":3}\n'],
    ["an array that was cut off", '[{"id":1}', '{"id":2}\n{"id":3}\n'],
  ])("a first line that is %s does not swallow other lines", (_, first, rest) => {
    const { pieces } = read(Buffer.from(`${first}\n${rest}`));
    expect(records(pieces).slice(-rest.split("\n").length + 1)).toEqual(rest.trim().split("\n"));
  });

  it("a broken value between others affects only its own lines", () => {
    const { pieces } = read(Buffer.from('{\n "id": 1\n}\n{\n "id":\n}\n{"id":3}\n'));
    expect(records(pieces)).toEqual(['{\n "id": 1\n}', "{", '"id":', "}", '{"id":3}']);
    expect(pieces.filter(({ number }) => number > 0).map(({ shape, number }) => [shape, number])).toEqual([
      ["values", 1],
      ["lines", 4],
      ["lines", 5],
      ["lines", 6],
      ["lines", 7],
    ]);
  });
});

describe("a very long first line", () => {
  it("is held only until it is clear that it is long, and later lines are not affected", () => {
    const chunk = Buffer.alloc(2 ** 16, "a");
    const sniffer = new Sniffer(() => {});
    let shape = sniffer.take(Buffer.from('{"id":"'));
    let held = 0;
    while (shape === undefined && held < 2 ** 30) {
      shape = sniffer.take(chunk);
      held += chunk.length;
    }
    expect(shape).toBe("lines");
    expect(held).toBeLessThan(2 ** 23);
    const splitter = new Splitter({ shape: "lines", number: 0, lines: 0 });
    const pieces = [...sniffer.held, Buffer.from('"}\n{"id":2}\n')].flatMap((part) => splitter.push(part));
    expect(pieces.every(({ bytes }) => bytes.length <= chunk.length)).toBe(true);
    expect(pieces.filter(({ number }) => number > 0)).toMatchObject([
      { number: 1, problem: "longer than 256 MiB" },
      { number: 2, bytes: Buffer.from('{"id":2}\n') },
    ]);
  });

  it("of several values is cut into the values", () => {
    const value = `{"id":"${"a".repeat(2 ** 19)}"}`;
    const { shape, pieces } = read(Buffer.from(value.repeat(12)), [2 ** 20, 2 ** 21, 5 * 2 ** 20]);
    expect(shape).toBe("values");
    expect(records(pieces)).toEqual(Array(12).fill(value));
  });

  it("that is too long is not parsed if it comes in one chunk", () => {
    const line = `{"id":"${"a".repeat(LONGEST_RECORD)}"}\n`;
    const splitter = new Splitter({ shape: "lines", number: 0, lines: 0 });
    const pieces = splitter.push(Buffer.from(`${line}{"id":2}\n`));
    expect(textOf(pieces)).toBe(`${line}{"id":2}\n`);
    expect(pieces.filter(({ number }) => number > 0)).toMatchObject([
      { number: 1, problem: "longer than 256 MiB" },
      { number: 2, lines: 2 },
    ]);
  });
});

describe("blank lines", () => {
  const blank = Buffer.from(" \n\r\n\n".repeat(1000));

  it("become one piece", () => {
    const splitter = new Splitter({ shape: "lines", number: 0, lines: 5 });
    const pieces = splitter.push(Buffer.concat([blank, Buffer.from('{"id":1}\n'), blank, Buffer.from(" {")]));
    expect([...pieces, ...splitter.end()]).toMatchObject([
      { bytes: blank, number: 0, lines: 3005 },
      { number: 3006, lines: 3006 },
      { bytes: blank, number: 0, lines: 6006 },
      { number: 6007, lines: 6007 },
    ]);
  });

  it("are passed on and counted at an input's beginning", () => {
    let length = 0;
    const sniffer = new Sniffer((bytes) => {
      length += bytes.length;
    });
    for (let n = 1; n <= 3; n++) {
      expect(sniffer.take(blank)).toBeUndefined();
      expect([length, sniffer.blankLines, sniffer.held.length]).toEqual([n * blank.length, n * 3000, 0]);
    }
  });
});

describe.each([
  ["lines", '{"id":1}\n"', '"\n{"id":3}\n', 2],
  ["array", ',{"id":1},"', '",{"id":3}]', 2],
] as const)("a record of %s that is too long", (shape, before, behind, number) => {
  it("is output in pieces, counts once and does not affect other records", () => {
    const splitter = new Splitter({ shape, number: 0, lines: 0 });
    const chunk = Buffer.alloc(2 ** 16, "x");
    const pieces = splitter.push(Buffer.from(before));
    let length = 0;
    while (length <= LONGEST_RECORD + 2 * chunk.length) {
      pieces.push(...splitter.push(chunk));
      length += chunk.length;
    }
    pieces.push(...splitter.push(Buffer.from(behind)), ...splitter.end());
    const all = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(all).toBe(before.length + length + behind.length);
    expect(pieces.every(({ bytes }) => bytes.length <= chunk.length)).toBe(true);
    expect(pieces.filter(({ problem }) => problem).map((piece) => piece.number)).toEqual([number]);
    expect(pieces.filter((piece) => piece.number > 0).map((piece) => piece.number)).toEqual([1, number, 3]);
  });
});
