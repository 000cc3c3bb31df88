/** Tells what an input is by how it begins. */
import { isSpace, joined, LF, type Shape } from "./piece.js";
import { ValueSplitter } from "./values.js";

/** `events`: a recorded stream as it came over HTTP, `event: …` and `data: …`. */
export type InputShape = Shape | "events";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
/** Such a line begins an event stream; also the comment that keeps a connection alive. */
const EVENT_FIELD = /^(?:event|data|id|retry)?:/;
const LONGEST_FIELD = 6;

export class Sniffer {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Follows the first line: what ends there is a line, what goes on is a value over several. */
  #probe: ValueSplitter | undefined;

  /** What was taken so far. */
  get beginning(): Buffer {
    return this.#length === 0 ? Buffer.alloc(0) : joined(this.#chunks);
  }

  /** How many bytes of the beginning are a byte order mark. */
  get markLength(): number {
    const mark = this.beginning.subarray(0, BYTE_ORDER_MARK.length);
    return BYTE_ORDER_MARK.equals(mark) ? mark.length : 0;
  }

  /** Takes the next chunk; the shape as soon as the beginning tells it. */
  take(chunk: Buffer): InputShape | undefined {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#probe) return this.#probeLine(chunk);
    const { beginning } = this;
    let start = this.markLength;
    while (start < beginning.length && isSpace(beginning[start])) start++;
    const text = beginning.toString("latin1", start, start + LONGEST_FIELD);
    if (EVENT_FIELD.test(text)) return "events";
    if (beginning[start] === OPEN_ARRAY) return "values";
    if (beginning[start] === OPEN_OBJECT) {
      this.#probe = new ValueSplitter({ shape: "values", number: 0, lines: 0 });
      return this.#probeLine(beginning.subarray(start));
    }
    return text.length === LONGEST_FIELD || text.includes("\n") ? "lines" : undefined;
  }

  #probeLine(chunk: Buffer): InputShape | undefined {
    const end = chunk.indexOf(LF) + 1;
    const probe = this.#probe!;
    probe.push(end > 0 ? chunk.subarray(0, end) : chunk);
    if (probe.broken) return "lines";
    if (end === 0) return undefined;
    return probe.wholeValues === 1 ? "lines" : "values";
  }
}
