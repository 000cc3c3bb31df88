/** Cuts an input of stored responses into JSON values, or into the elements of an array. */
import { isSpace, joined, LF, LONGEST_RECORD, type Piece, type Position, TOO_LONG } from "./piece.js";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** The first byte that is no control character. JSON does not allow control characters in strings. */
const FIRST_PRINTABLE = 0x20;

/** The tokens that may come next. */
type Expected = "value" | "value or ]" | "key" | "key or }" | "colon" | "comma or end";

/**
 * Cuts an input into JSON values that may span several lines, or into the elements of one array.
 *
 * Follows the JSON grammar and stops at the first byte that breaks the grammar. Without this check, a value that was cut off
 * would contain all values after it. Does not check the content of strings and scalars, because JSON.parse does that for each
 * record.
 */
export class ValueSplitter {
  /**
   * The bytes that cannot be cut into pieces. Only set if the input breaks the grammar or ends inside a record. The bytes start
   * with the broken record, or with a wrong token between two records. If the record is too long to hold, its start was already
   * output as a piece.
   */
  broken: Buffer | undefined;
  /** The start of a record whose end is in a later chunk. */
  #held: Buffer[] = [];
  #heldLength = 0;
  /** True if the start of the record was already output, because the record is too long to hold. */
  #isTooLong = false;
  #isInRecord = false;
  /** True if the last chunk ended with a backslash in a string. The backslash escapes the first byte of the next chunk. */
  #isEscaped = false;
  /** The kind of the token that is not complete yet. A key is a string too. */
  #token: "string" | "scalar" | undefined;
  /** The tokens that may come next: after the current token if one is open, else at the current offset. */
  #expected: Expected;
  /** For each open array or object, including the outer array: true if it is an object. */
  readonly #open: boolean[] = [];
  /** How many arrays are open around a record: 1 if the records are the elements of an array, else 0. */
  #recordDepth: 0 | 1;
  #number: number;
  #lines: number;

  constructor({ shape, number, lines }: Position) {
    this.#recordDepth = shape === "array" ? 1 : 0;
    if (this.#recordDepth) this.#open.push(false);
    this.#expected = this.#recordDepth ? "comma or end" : "value";
    this.#number = number;
    this.#lines = lines;
  }

  /** How many values have been read; `undefined` if the last one is not complete. */
  get wholeValues(): number | undefined {
    const isWhole = !this.#isInRecord || this.#token === "scalar";
    return isWhole && this.#open.length === 0 ? this.#number : undefined;
  }

  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = [];
    let pieceStart = 0;
    let at = 0;
    while (at < chunk.length) {
      if (!this.#token) {
        at = endOfSpace(chunk, at);
        if (at === chunk.length) break;
        if (this.#beginsRecord(chunk[at]!)) {
          this.#emit(chunk.subarray(pieceStart, at), pieces);
          pieceStart = at;
          this.#isInRecord = true;
        }
      }
      const end = this.#endOfToken(chunk, at);
      if (end < 0) return this.#break(chunk, pieceStart, at, pieces);
      at = end;
      if (this.#isAtEndOfRecord) {
        this.#emit(chunk.subarray(pieceStart, at), pieces);
        pieceStart = at;
        this.#isInRecord = false;
        this.#isTooLong = false;
      }
    }
    const rest = chunk.subarray(pieceStart);
    if (this.#isInRecord) this.#hold(rest, pieces);
    else this.#emit(rest, pieces);
    return pieces;
  }

  /** Returns the last pieces. Call this once, after the last chunk. */
  end(): Piece[] {
    const pieces: Piece[] = [];
    if (this.#isInRecord && this.#token !== "scalar") this.broken = joined(this.#held);
    else this.#emit(Buffer.alloc(0), pieces);
    if (!this.#isInRecord && this.#recordDepth) pieces.push(this.#unclosedArray());
    return pieces;
  }

  /** Sets `broken`, because the token at the offset `at` breaks the grammar. Returns the pieces before the broken part. */
  #break(chunk: Buffer, pieceStart: number, at: number, pieces: Piece[]): Piece[] {
    if (!this.#isInRecord) {
      this.#emit(chunk.subarray(pieceStart, at), pieces);
      if (this.#recordDepth) pieces.push(this.#unclosedArray());
    }
    this.broken = joined([...this.#held, chunk.subarray(this.#isInRecord ? pieceStart : at)]);
    return pieces;
  }

  /**
   * Returns an empty record that reports the missing end of the array. No element's record can report it, because each element
   * may be valid.
   */
  #unclosedArray(): Piece {
    return { ...this.#piece(Buffer.alloc(0), ++this.#number), problem: "the array is not closed" };
  }

  get #expectsValue(): boolean {
    return this.#expected === "value" || this.#expected === "value or ]";
  }

  get #isAtEndOfRecord(): boolean {
    return this.#isInRecord && this.#open.length === this.#recordDepth && !this.#token;
  }

  /** Returns whether a record begins with this byte. The brackets of an outer array belong to no record. */
  #beginsRecord(byte: number): boolean {
    if (this.#open.length !== this.#recordDepth || !this.#expectsValue) return false;
    return byte !== CLOSE_ARRAY && (byte !== OPEN_ARRAY || this.#recordDepth === 1);
  }

  #afterValue(): Expected {
    return this.#open.length === 0 ? "value" : "comma or end";
  }

  /**
   * Reads the token at the offset `at`. Returns the token's end, or the chunk's end if the token continues in the next chunk.
   * Returns -1 if the grammar does not allow the token.
   */
  #endOfToken(chunk: Buffer, at: number): number {
    let end = at;
    if (!this.#token) {
      if (!this.#take(chunk[at]!)) return -1;
      end = at + 1;
    }
    if (this.#token === "string") return this.#endOfString(chunk, end);
    return this.#token === "scalar" ? this.#endOfScalar(chunk, end) : end;
  }

  /** Takes a token's first byte. Returns whether the grammar allows it. */
  #take(byte: number): boolean {
    switch (byte) {
      case QUOTE:
        return this.#openString();
      case OPEN_OBJECT:
        return this.#openNested(true);
      case OPEN_ARRAY:
        return this.#openNested(false);
      case CLOSE_OBJECT:
        return this.#close(true);
      case CLOSE_ARRAY:
        return this.#close(false);
      case COMMA:
        return this.#takeSeparator("comma or end", this.#open.at(-1) ? "key" : "value");
      case COLON:
        return this.#takeSeparator("colon", "value");
      default:
        if (!this.#expectsValue || !isScalar(byte)) return false;
        this.#token = "scalar";
        this.#expected = this.#afterValue();
        return true;
    }
  }

  #openString(): boolean {
    const isKey = this.#expected === "key" || this.#expected === "key or }";
    if (!isKey && !this.#expectsValue) return false;
    this.#token = "string";
    this.#expected = isKey ? "colon" : this.#afterValue();
    return true;
  }

  #openNested(isObject: boolean): boolean {
    if (!this.#expectsValue) return false;
    if (!this.#isInRecord) this.#recordDepth = 1; // an outer array: its elements are the records
    this.#open.push(isObject);
    this.#expected = isObject ? "key or }" : "value or ]";
    return true;
  }

  #close(isObject: boolean): boolean {
    const isEmpty = this.#expected === (isObject ? "key or }" : "value or ]");
    if (!isEmpty && (this.#expected !== "comma or end" || this.#open.at(-1) !== isObject)) return false;
    this.#open.pop();
    if (this.#open.length === 0) this.#recordDepth = 0;
    this.#expected = this.#afterValue();
    return true;
  }

  #takeSeparator(expected: Expected, next: Expected): boolean {
    if (this.#expected !== expected) return false;
    this.#expected = next;
    return true;
  }

  /**
   * Returns the offset after the string that is open at `at`. Returns the chunk's length if the string continues in the next
   * chunk, and -1 if the string is invalid.
   */
  #endOfString(chunk: Buffer, at: number): number {
    const end = endOfCharacters(chunk, this.#isEscaped ? at + 1 : at);
    this.#isEscaped = end > chunk.length;
    if (end >= chunk.length) return chunk.length;
    if (chunk[end] !== QUOTE) return -1; // usually a newline, because the string was cut off
    this.#token = undefined;
    return end + 1;
  }

  /**
   * Returns the offset after the scalar that is open at `at`. Returns the chunk's length if the scalar may continue in the next
   * chunk.
   */
  #endOfScalar(chunk: Buffer, at: number): number {
    let end = at;
    while (end < chunk.length && isScalar(chunk[end]!)) end++;
    if (end < chunk.length) this.#token = undefined;
    return end;
  }

  /** Holds the start of a record. If the record gets too long, outputs the held bytes instead. */
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

  /**
   * Outputs the held bytes and `rest` as one piece. If both are empty, outputs nothing. The piece is a record, or the bytes
   * between two records.
   */
  #emit(rest: Buffer, pieces: Piece[]): void {
    if (this.#heldLength + rest.length === 0) return;
    const bytes = this.#heldLength > 0 ? joined([...this.#held, rest]) : rest;
    this.#held = [];
    this.#heldLength = 0;
    pieces.push(this.#piece(bytes, this.#isInRecord && !this.#isTooLong ? ++this.#number : 0));
  }

  #piece(bytes: Buffer, number: number): Piece {
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) this.#lines++;
    return { bytes, shape: this.#recordDepth ? "array" : "values", number, lines: this.#lines };
  }
}

/** Returns whether a byte can be part of a number, `true`, `false` or `null`. JSON.parse checks the spelling. */
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

function endOfSpace(chunk: Buffer, at: number): number {
  let end = at;
  while (end < chunk.length && isSpace(chunk[end])) end++;
  return end;
}

/**
 * Returns the offset of the first quote or control character at or after `at`. A quote ends the string, a control character
 * breaks it. Returns the chunk's length if there is neither. Returns the length plus 1 if the chunk ends with a backslash that
 * escapes the first byte of the next chunk.
 */
function endOfCharacters(chunk: Buffer, at: number): number {
  const { length } = chunk; // read only once, because the splitter spends most of its time in this loop
  let end = at;
  while (end < length) {
    const byte = chunk[end]!;
    if (byte === QUOTE || byte < FIRST_PRINTABLE) return end;
    end += byte === BACKSLASH ? 2 : 1;
  }
  return end;
}
