import { isSpace, joined, LF, LONGEST_RECORD, type Piece, type Position, TOO_LONG } from "./piece.js";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What may come next. */
type Expected =
  | "value"
  | "value or ]"
  | "key"
  | "key or }"
  | "colon"
  | "comma or end"
  | "rest of string"
  | "rest of key"
  | "rest of scalar";

/**
 * Cuts an input into JSON values that go on over several lines, or into the elements of an array. It follows the
 * grammar, so that it knows as soon as an input is no JSON: a value that lacks its end must not swallow all that
 * comes after it. A record is what JSON.parse says it is, all the same.
 */
export class ValueSplitter {
  /** What is left once the input broke the grammar: the bytes from the latest record's beginning on. */
  broken: Buffer | undefined;
  #held: Buffer[] = [];
  #heldLength = 0;
  #isTooLong = false;
  #isInRecord = false;
  #isEscaped = false;
  #expected: Expected;
  /** For each open array or object inside the record, and the one around it: whether it is an object. */
  readonly #open: boolean[] = [];
  /** How many are open around a record: the array whose elements the records are, or nothing. */
  #around: 0 | 1;
  #number: number;
  #lines: number;

  constructor({ shape, number, lines }: Position) {
    this.#around = shape === "array" ? 1 : 0;
    if (this.#around) this.#open.push(false);
    this.#expected = this.#around ? "comma or end" : "value";
    this.#number = number;
    this.#lines = lines;
  }

  /** How many values were seen, if the last one is whole; undefined inside of one. */
  get wholeValues(): number | undefined {
    const isOutside = !this.#isInRecord && this.#open.length === 0;
    return isOutside || this.#expected === "rest of scalar" ? this.#number : undefined;
  }

  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = [];
    let mark = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#expected === "rest of string" || this.#expected === "rest of key") {
        const end = this.#endOfString(chunk, at);
        if (end < 0) return this.#break(chunk, mark, at, pieces);
        at = end;
        if (this.#isInString) continue; // the chunk is over
      } else if (this.#expected === "rest of scalar") {
        while (at < chunk.length && isScalar(chunk[at]!)) at++;
        if (at === chunk.length) continue;
        this.#expected = this.#afterValue();
      } else if (isSpace(chunk[at])) {
        at++;
        continue;
      } else {
        const startsRecord = this.#expectsValue && this.#open.length === this.#around;
        const isOuterArray = startsRecord && this.#around === 0 && chunk[at] === OPEN_ARRAY;
        if (startsRecord && !isOuterArray && chunk[at] !== CLOSE_ARRAY) {
          this.#cut(chunk.subarray(mark, at), pieces);
          mark = at;
          this.#isInRecord = true;
        }
        if (!this.#take(chunk[at]!)) return this.#break(chunk, mark, at, pieces);
        at++;
        if (isOuterArray) this.#around = 1;
        else if (this.#open.length < this.#around) this.#around = 0;
      }
      if (this.#isInRecord && this.#open.length === this.#around && this.#isBetweenTokens) {
        this.#cut(chunk.subarray(mark, at), pieces);
        mark = at;
        this.#isInRecord = false;
        this.#isTooLong = false;
      }
    }
    const rest = chunk.subarray(mark);
    if (this.#isInRecord) this.#hold(rest, pieces);
    else this.#cut(rest, pieces);
    return pieces;
  }

  /** The input is over. */
  end(): Piece[] {
    const pieces: Piece[] = [];
    if (this.#isInRecord && this.#expected !== "rest of scalar") this.broken = joined(this.#held);
    else this.#cut(Buffer.alloc(0), pieces);
    if (!this.#isInRecord && this.#around) pieces.push(this.#endlessArray());
    return pieces;
  }

  /** What stands at `at` is no JSON. */
  #break(chunk: Buffer, mark: number, at: number, pieces: Piece[]): Piece[] {
    if (!this.#isInRecord) {
      this.#cut(chunk.subarray(mark, at), pieces);
      if (this.#around) pieces.push(this.#endlessArray());
    }
    this.broken = joined([...this.#held, chunk.subarray(this.#isInRecord ? mark : at)]);
    return pieces;
  }

  /** No bytes, but a record that is none: its values may be right, and yet the array is not. */
  #endlessArray(): Piece {
    return { ...this.#piece(Buffer.alloc(0), ++this.#number), problem: "the array breaks off" };
  }

  get #expectsValue(): boolean {
    return this.#expected === "value" || this.#expected === "value or ]";
  }

  get #isInString(): boolean {
    return this.#expected === "rest of string" || this.#expected === "rest of key";
  }

  get #isBetweenTokens(): boolean {
    return !this.#isInString && this.#expected !== "rest of scalar";
  }

  #afterValue(): Expected {
    return this.#open.length === 0 ? "value" : "comma or end";
  }

  /** Takes one byte outside of strings, scalars and spaces; whether it may stand there. */
  #take(byte: number): boolean {
    const expected = this.#expected;
    switch (byte) {
      case QUOTE:
        if (this.#expectsValue) this.#expected = "rest of string";
        else if (expected === "key" || expected === "key or }") this.#expected = "rest of key";
        else return false;
        return true;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (!this.#expectsValue) return false;
        this.#open.push(byte === OPEN_OBJECT);
        this.#expected = byte === OPEN_OBJECT ? "key or }" : "value or ]";
        return true;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY: {
        const isObject = byte === CLOSE_OBJECT;
        const isEmpty = expected === (isObject ? "key or }" : "value or ]");
        if (!isEmpty && (expected !== "comma or end" || this.#open.at(-1) !== isObject)) return false;
        this.#open.pop();
        this.#expected = this.#afterValue();
        return true;
      }
      case COMMA:
        if (expected !== "comma or end") return false;
        this.#expected = this.#open.at(-1) ? "key" : "value";
        return true;
      case COLON:
        if (expected !== "colon") return false;
        this.#expected = "value";
        return true;
      default:
        if (!this.#expectsValue || !isScalar(byte)) return false;
        this.#expected = "rest of scalar";
        return true;
    }
  }

  /** Where a string ends that is open at `at`; the chunk's end if it goes on, -1 if it cannot. */
  #endOfString(chunk: Buffer, at: number): number {
    let end = at;
    for (; end < chunk.length; end++) {
      const byte = chunk[end]!;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === QUOTE) {
        this.#expected = this.#expected === "rest of key" ? "colon" : this.#afterValue();
        return end + 1;
      } else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte < 0x20) return -1; // a line's end, above all: the string was cut off
    }
    return end;
  }

  #hold(beginning: Buffer, pieces: Piece[]): void {
    this.#held.push(beginning);
    this.#heldLength += beginning.length;
    if (this.#heldLength <= LONGEST_RECORD && !this.#isTooLong) return;
    for (const bytes of this.#held) {
      if (this.#isTooLong) pieces.push(this.#piece(bytes, 0));
      else pieces.push({ ...this.#piece(bytes, ++this.#number), problem: TOO_LONG });
      this.#isTooLong = true;
    }
    this.#held = [];
    this.#heldLength = 0;
  }

  /** Puts out what is held and `rest`, if that is anything: a record, or what stands between two. */
  #cut(rest: Buffer, pieces: Piece[]): void {
    if (this.#heldLength + rest.length === 0) return;
    const bytes = this.#heldLength > 0 ? joined([...this.#held, rest]) : rest;
    this.#held = [];
    this.#heldLength = 0;
    pieces.push(this.#piece(bytes, this.#isInRecord && !this.#isTooLong ? ++this.#number : 0));
  }

  #piece(bytes: Buffer, number: number): Piece {
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) this.#lines++;
    return { bytes, shape: this.#around ? "array" : "values", number, lines: this.#lines };
  }
}

/** Whether a byte can be part of a number, `true`, `false` or `null`. What it spells, JSON.parse will tell. */
function isScalar(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || // 0-9
    (byte >= 0x61 && byte <= 0x7a) || // a-z
    (byte >= 0x41 && byte <= 0x5a) || // A-Z
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e
  );
}
