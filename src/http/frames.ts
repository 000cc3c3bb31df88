/** Server-sent events as bytes: where a frame ends, what it says, how one is written. */
import { createParser } from "eventsource-parser";
import { isRecord } from "../bad-input.js";

const LF = 0x0a;
const CR = 0x0d;
/** What `indexOf` says of what is not there. */
const NONE = -1;
const UNKNOWN = -2;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Finds where frames end, however their bytes are cut into chunks. A line ends with LF, CR LF or CR. */
export class FrameSplitter {
  /** The line that the next byte belongs to has none yet. */
  #isLineEmpty = true;
  /** The frame has a line that is not empty: only then does an empty one end it. */
  #hasLines = false;
  /** The chunk before ended with a CR: an LF now is the rest of that line's end. */
  #isAfterCr = false;
  #chunk: Uint8Array = new Uint8Array();
  /** The chunk's next LF, looked for once: in a stream that has none, each line would look to the end. */
  #lf = UNKNOWN;

  /** No frame has begun: a chunk that is a whole frame can be told by itself. */
  get isBetweenFrames(): boolean {
    return this.#isLineEmpty && !this.#hasLines && !this.#isAfterCr;
  }

  /** Turns to the next chunk. How much of its beginning ends the line that the chunk before ended with half of it. */
  take(chunk: Uint8Array): number {
    this.#chunk = chunk;
    this.#lf = UNKNOWN;
    const isRestOfEnd = this.#isAfterCr && chunk[0] === LF;
    if (chunk.length > 0) this.#isAfterCr = false;
    return isRestOfEnd ? 1 : 0;
  }

  /** The offset behind the frame that goes on at `from`; -1 where the chunk does not hold its end. */
  endFrom(from: number): number {
    const chunk = this.#chunk;
    let at = from;
    while (at < chunk.length) {
      const lineEnd = this.#lineEndFrom(at);
      if (lineEnd < 0) {
        this.#isLineEmpty = false;
        return -1;
      }
      const isEmpty = this.#isLineEmpty && lineEnd === at;
      at = lineEnd + 1;
      if (chunk[lineEnd] === CR) {
        if (at === chunk.length) this.#isAfterCr = true;
        else if (chunk[at] === LF) at++;
      }
      this.#isLineEmpty = true;
      if (!isEmpty) this.#hasLines = true;
      else if (this.#hasLines) {
        this.#hasLines = false;
        return at;
      }
    }
    return -1;
  }

  #lineEndFrom(at: number): number {
    const chunk = this.#chunk;
    if (this.#lf < at && this.#lf !== NONE) this.#lf = chunk.indexOf(LF, at);
    const cr = chunk.subarray(at, this.#lf === NONE ? chunk.length : this.#lf).indexOf(CR);
    return cr === NONE ? this.#lf : at + cr;
  }
}

/** What a frame says, as far as this library reads it. */
export interface Frame {
  event: Record<string, unknown> & { type: string };
  /** The frame has an `event:` line. */
  hasName: boolean;
  newline: string;
}

/** The event of a frame; `undefined` where its data is not one event's JSON (a comment, `[DONE]`, garbage). */
export function parseFrame(bytes: Uint8Array): Frame | undefined {
  let data: string | undefined;
  let name: string | undefined;
  const text = decoder.decode(bytes);
  const parser = createParser({
    onEvent(message) {
      data = message.data;
      name = message.event;
    },
  });
  parser.feed(`${text}\n`); // a CR at the end could be half of a line's end: now it is whole
  if (data === undefined) return undefined;
  try {
    const event: unknown = JSON.parse(data);
    if (!isRecord(event) || typeof event.type !== "string") return undefined;
    const newline = text.includes("\r\n") ? "\r\n" : text.includes("\n") ? "\n" : "\r";
    return { event: event as Frame["event"], hasName: name !== undefined, newline };
  } catch {
    return undefined;
  }
}

/** An event as a frame that looks like `like`. */
export function formatFrame(event: Record<string, unknown>, { hasName, newline }: Frame): Uint8Array {
  const name = hasName ? `event: ${event.type}${newline}` : "";
  return encoder.encode(`${name}data: ${JSON.stringify(event)}${newline}${newline}`);
}

export const TEXT_DELTA = "response.output_text.delta";
/** Stands for the types of all other deltas, which nobody reads. */
const OTHER_DELTA = "another delta";
const TEXT_DELTA_LINE = encoder.encode(`event: ${TEXT_DELTA}\n`);
const EVENT = encoder.encode("event:");
const DELTA = encoder.encode(".delta");
const DELTA_LINE_END = encoder.encode(".delta\n");
// An event's name that is of no response (`message`) says nothing of the type that the data has.
const TYPE = /^\s*(?:data:\s*\{\s*"type"\s*:\s*"|event:\s*(?=response\.))([\w.]+)/;

/**
 * The type of a frame's event as its beginning tells it, or `undefined`. Nearly every frame is a delta, and its first
 * line says so in bytes: no decoding for those.
 */
export function typeOf(frame: Uint8Array): string | undefined {
  if (hasAt(frame, TEXT_DELTA_LINE, 0)) return TEXT_DELTA;
  if (hasAt(frame, EVENT, 0)) {
    const lineEnd = frame.indexOf(LF);
    if (hasAt(frame, DELTA, lineEnd - DELTA.length)) return OTHER_DELTA;
  }
  return TYPE.exec(decoder.decode(frame.subarray(0, 160)))?.[1];
}

const DELTA_KEY = encoder.encode('"delta":"');
const SLASH = 0x2f;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Looks at the deltas of a text in their bytes, since they are nearly all of every stream. */
export class TextDeltas {
  /** The first letters of the roots' folders, in either case. */
  readonly #folderLetters: ReadonlySet<number>;
  /** How far into the latest delta's frame its text starts. It mostly starts there again. */
  #textAt = 0;

  constructor(roots: readonly string[]) {
    const letters = roots.flatMap((root) => root.split("/").map((folder) => folder.slice(0, 1)));
    this.#folderLetters = new Set(
      letters.flatMap((letter) => [...encoder.encode(letter.toLowerCase() + letter.toUpperCase())]),
    );
  }

  /**
   * Where the frame ends that starts at `at`, if it is a delta of the text as the service writes it; else -1. (A CR
   * alone would end a line as well, but no JSON holds one.) Of its first line, both ends are enough: another event
   * whose name is as long and ends the same is a delta as well, and passes unread as well.
   */
  endOf(chunk: Uint8Array, at: number): number {
    const dataAt = at + TEXT_DELTA_LINE.length;
    if (!hasAt(chunk, DELTA_LINE_END, dataAt - DELTA_LINE_END.length) || !hasAt(chunk, EVENT, at))
      return NONE;
    const isKnown = this.#isTextWhereItWas(chunk, at);
    const lineEnd = chunk.indexOf(LF, isKnown ? at + this.#textAt : dataAt);
    if (lineEnd < 0 || chunk[lineEnd + 1] !== LF) return NONE;
    if (!isKnown) this.#findText(chunk.subarray(at, lineEnd));
    return lineEnd + 2;
  }

  /**
   * Whether the text of the delta from `at` to `end` may begin a root: by a slash that it ends with, or that stands
   * before the first letter of a folder. Where its text is not found, any slash may.
   */
  mayBeginRoot(chunk: Uint8Array, at: number, end: number): boolean {
    if (!this.#isTextWhereItWas(chunk, at)) {
      const frame = chunk.subarray(at, end);
      if (!this.#findText(frame)) return frame.includes(SLASH);
    }
    for (let index = at + this.#textAt; index < end; index++) {
      const byte = chunk[index];
      if (byte === QUOTE) return false;
      if (byte === BACKSLASH && chunk[index + 1] !== SLASH) index++;
      if (byte !== SLASH) continue;
      const next = chunk[index + 1]!;
      if (next === QUOTE || this.#folderLetters.has(next)) return true;
    }
    return false;
  }

  #isTextWhereItWas(chunk: Uint8Array, at: number): boolean {
    return hasAt(chunk, DELTA_KEY, at + this.#textAt - DELTA_KEY.length);
  }

  #findText(frame: Uint8Array): boolean {
    const key = indexOf(frame, DELTA_KEY);
    if (key >= 0) this.#textAt = key + DELTA_KEY.length;
    return key >= 0;
  }
}

/** Where `expected` stands in `bytes` first; -1 where it does not. */
function indexOf(bytes: Uint8Array, expected: Uint8Array): number {
  for (let at = bytes.indexOf(expected[0]!); at >= 0; at = bytes.indexOf(expected[0]!, at + 1)) {
    if (hasAt(bytes, expected, at)) return at;
  }
  return NONE;
}

function hasAt(bytes: Uint8Array, expected: Uint8Array, at: number): boolean {
  // Never beyond the end: reading there, even once, makes every later read slow.
  if (at < 0 || at + expected.length > bytes.length) return false;
  for (let offset = 0; offset < expected.length; offset++) {
    if (bytes[at + offset] !== expected[offset]) return false;
  }
  return true;
}
