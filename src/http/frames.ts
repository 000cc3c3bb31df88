/** Server-sent events as bytes: where a frame ends, what it says, how one is written. */
import { createParser } from "eventsource-parser";
import { isRecord } from "../bad-input.js";

const LF = 0x0a;
const CR = 0x0d;
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
  readonly #deltas: TextDeltas;

  constructor(deltas: TextDeltas) {
    this.#deltas = deltas;
  }

  /** No frame has begun: a chunk that is a whole frame can be told by itself. */
  get isBetweenFrames(): boolean {
    return this.#isLineEmpty && !this.#hasLines && !this.#isAfterCr;
  }

  /** The offsets in `chunk` behind the end of each frame, from `from` on. */
  endsIn(chunk: Uint8Array, from = 0): number[] {
    const ends: number[] = [];
    let at = this.#isAfterCr && chunk[from] === LF ? from + 1 : from;
    if (chunk.length > 0) this.#isAfterCr = false;
    /** The next CR. Most streams have none: it is looked for where a line is, and then once. */
    let cr = -1;
    let crFrom = at;
    while (at < chunk.length) {
      const deltaEnd = this.isBetweenFrames ? this.#deltas.endOf(chunk, at) : -1;
      if (deltaEnd > 0) {
        ends.push(deltaEnd);
        at = deltaEnd;
        continue;
      }
      if (cr < at && crFrom >= 0) cr = chunk.indexOf(CR, at);
      crFrom = cr;
      const lf = chunk.indexOf(LF, at);
      const lineEnd = cr >= at && (lf < 0 || cr < lf) ? cr : lf;
      if (lineEnd < 0) {
        this.#isLineEmpty = false;
        return ends;
      }
      const isEmpty = this.#isLineEmpty && lineEnd === at;
      at = lineEnd + 1;
      if (lineEnd === cr) {
        if (at === chunk.length) this.#isAfterCr = true;
        else if (chunk[at] === LF) at++;
      }
      this.#isLineEmpty = true;
      if (!isEmpty) this.#hasLines = true;
      else if (this.#hasLines) {
        ends.push(at);
        this.#hasLines = false;
      }
    }
    return ends;
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

/** Events as frames that look like `like`. */
export function formatFrames(events: readonly Record<string, unknown>[], like: Frame): Uint8Array {
  const { hasName, newline } = like;
  const frames = events.map(
    (event) =>
      `${hasName ? `event: ${event.type}${newline}` : ""}data: ${JSON.stringify(event)}${newline}${newline}`,
  );
  return encoder.encode(frames.join(""));
}

export const TEXT_DELTA = "response.output_text.delta";
const TEXT_DELTA_LINE = encoder.encode(`event: ${TEXT_DELTA}\n`);
const EVENT = encoder.encode("event:");
const DELTA = encoder.encode(".delta");
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
    if (hasAt(frame, DELTA, lineEnd - DELTA.length)) return "another delta";
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
   * alone would end a line as well, but no JSON holds one.)
   */
  endOf(chunk: Uint8Array, at: number): number {
    if (!hasAt(chunk, TEXT_DELTA_LINE, at)) return -1;
    let from = at + this.#textAt;
    if (!hasAt(chunk, DELTA_KEY, from - DELTA_KEY.length)) {
      // Not where it was: then it may be anywhere behind the first line, and so may the line's end.
      from = at + TEXT_DELTA_LINE.length;
      this.#textAt = indexOf(chunk, DELTA_KEY, from) + DELTA_KEY.length - at;
    }
    const lineEnd = chunk.indexOf(LF, from);
    return lineEnd >= 0 && chunk[lineEnd + 1] === LF ? lineEnd + 2 : -1;
  }

  /**
   * Whether the text of the delta that `endOf` saw last may begin a root: by a slash that it ends with, or that stands
   * before the first letter of a folder.
   */
  mayBeginRoot(delta: Uint8Array): boolean {
    for (let at = this.#textAt; at < delta.length; at++) {
      const byte = delta[at];
      if (byte === QUOTE) return false;
      if (byte === BACKSLASH && delta[at + 1] !== SLASH) at++;
      if (byte !== SLASH) continue;
      const next = delta[at + 1]!;
      if (next === QUOTE || this.#folderLetters.has(next)) return true;
    }
    return false;
  }
}

/** Where `expected` stands in `bytes`, from `from` on; the end of `bytes` where it does not. */
function indexOf(bytes: Uint8Array, expected: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(expected[0]!, from); at >= 0; at = bytes.indexOf(expected[0]!, at + 1)) {
    if (hasAt(bytes, expected, at)) return at;
  }
  return bytes.length;
}

function hasAt(bytes: Uint8Array, expected: Uint8Array, at: number): boolean {
  if (at < 0) return false;
  for (let offset = 0; offset < expected.length; offset++) {
    if (bytes[at + offset] !== expected[offset]) return false;
  }
  return true;
}
