/** Detects an input's shape from its first bytes. */
import { isSpace, joined, LF, type Shape } from "./piece.js";
import { ValueSplitter } from "./values.js";

/** `events`: a recorded HTTP event stream, with lines such as `event: …` and `data: …`. */
export type InputShape = Shape | "events";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
/** Matches the beginning of an event stream's first line. A line that starts with a colon is a comment, such as a keep-alive. */
const EVENT_FIELD = /^(?:event|data|id|retry)?:/;
const LONGEST_FIELD = 6;
/** How many bytes of the first line are parsed, at most. If these bytes hold no complete second value, the shape is `lines`. */
const LONGEST_PROBE = 4 * 2 ** 20;

export class Sniffer {
  /** How many blank lines the input begins with. */
  blankLines = 0;
  /** The chunks that were taken but not given to `pass`. */
  held: Buffer[] = [];
  #isAtStart = true;
  readonly #pass: (bytes: Buffer) => void;
  /** Parses the first line. If the line holds exactly one value, or is not valid JSON, the shape is `lines`, else `values`. */
  #probe: ValueSplitter | undefined;
  #probedLength = 0;
  /** How many values `#probe` has read to their end. */
  #valueCount = 0;

  /**
   * `pass` is called with the byte order mark and the white space at the beginning of the input. These bytes do not show the
   * shape, so the sniffer does not hold them.
   */
  constructor(pass: (bytes: Buffer) => void) {
    this.#pass = pass;
  }

  get #rest(): Buffer {
    return this.held.length === 0 ? Buffer.alloc(0) : joined(this.held);
  }

  /** Returns the shape of an input that has ended before its shape was known. */
  end(): InputShape {
    return this.#valueCount > 1 || (this.#valueCount === 1 && this.#probe?.wholeValues !== 1)
      ? "values"
      : "lines";
  }

  /** Takes the next chunk. Returns the shape, or `undefined` if more bytes are needed to know it. */
  take(chunk: Buffer): InputShape | undefined {
    this.held.push(chunk);
    if (this.#probe) return this.#probeLine(chunk);
    this.#passBlank();
    const rest = this.#rest;
    const text = rest.toString("latin1", 0, LONGEST_FIELD);
    if (EVENT_FIELD.test(text)) return "events";
    if (rest[0] === OPEN_ARRAY) return "values";
    if (rest[0] === OPEN_OBJECT) {
      this.#probe = new ValueSplitter({ shape: "values", number: 0, lines: 0 });
      return this.#probeLine(rest);
    }
    return text.length === LONGEST_FIELD || text.includes("\n") ? "lines" : undefined;
  }

  #passBlank(): void {
    const rest = this.#rest;
    const mark = rest.subarray(0, BYTE_ORDER_MARK.length);
    let end = this.#isAtStart && BYTE_ORDER_MARK.equals(mark) ? mark.length : 0;
    for (; isSpace(rest[end]); end++) if (rest[end] === LF) this.blankLines++;
    if (end === 0) return;
    this.#isAtStart = false;
    this.#pass(rest.subarray(0, end));
    this.held = end < rest.length ? [rest.subarray(end)] : [];
  }

  #probeLine(chunk: Buffer): InputShape | undefined {
    const end = chunk.indexOf(LF) + 1;
    const probe = this.#probe!;
    const pieces = probe.push(end > 0 ? chunk.subarray(0, end) : chunk);
    for (const { number } of pieces) if (number > 0) this.#valueCount++;
    if (probe.broken) return "lines";
    if (end > 0) return probe.wholeValues === 1 ? "lines" : "values";
    this.#probedLength += chunk.length;
    if (this.#probedLength < LONGEST_PROBE) return undefined;
    return this.#valueCount > 1 ? "values" : "lines";
  }
}
