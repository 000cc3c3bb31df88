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

  /** The offsets in `chunk` behind the end of each frame. */
  endsIn(chunk: Uint8Array): number[] {
    const ends: number[] = [];
    let at = 0;
    if (this.#isAfterCr && chunk[0] === LF) at = 1;
    if (chunk.length > 0) this.#isAfterCr = false;
    // Most streams have no CR at all: it is looked for once, not once a line.
    let cr = chunk.indexOf(CR, at);
    while (at < chunk.length) {
      if (cr >= 0 && cr < at) cr = chunk.indexOf(CR, at);
      const lf = chunk.indexOf(LF, at);
      const lineEnd = cr >= 0 && (lf < 0 || cr < lf) ? cr : lf;
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

const EVENT = encoder.encode("event:");
const TEXT_DELTA = encoder.encode("event: response.output_text.delta\n");
const DELTA = encoder.encode("delta");
const TYPE = /^\s*(?:data:\s*\{\s*"type"\s*:\s*"|event:\s*)([\w.]+)/;

/**
 * The type of a frame's event as its beginning tells it, or `undefined`. Nearly every frame is a delta, and its first
 * bytes say so: no decoding for those. Deltas of other things than text are just `"delta"`.
 */
export function typeOf(frame: Uint8Array): string | undefined {
  if (startsWith(frame, TEXT_DELTA, 0)) return "response.output_text.delta";
  if (startsWith(frame, EVENT, 0)) {
    const lineEnd = frame.indexOf(LF);
    const end = frame[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (startsWith(frame, DELTA, end - DELTA.length) && frame[end - 7] !== 0x74 /* text.delta */)
      return "delta";
  }
  return TYPE.exec(decoder.decode(frame.subarray(0, 160)))?.[1];
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array, at: number): boolean {
  if (at < 0) return false;
  for (let offset = 0; offset < prefix.length; offset++)
    if (bytes[at + offset] !== prefix[offset]) return false;
  return true;
}
