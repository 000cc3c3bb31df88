/**
 * Handles server-sent events as bytes: finds the end of a frame, reads its event and writes a changed event into it.
 * This file is long because all code that reads or writes the bytes of a frame is in one place.
 */
import { concat } from "./body.js";
import { editJson, hasByteOrderMark, parseObject } from "./json-edit.js";

const LF = 0x0a;
const CR = 0x0d;
/** What `indexOf` returns if it finds nothing. */
const NONE = -1;
/** Stands for an offset that has not been searched for yet. */
const UNKNOWN = -2;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Finds the ends of frames. It does not matter where the stream is cut into chunks. A line ends with LF, CR LF or CR. */
export class FrameSplitter {
  /** True while the current line has no bytes. */
  #isLineEmpty = true;
  /** True if the current frame has a line that is not empty. An empty line before the first such line does not end the frame. */
  #hasLines = false;
  /** True if the previous chunk ended with CR. If the next byte is LF, it belongs to the same line end. */
  #isAfterCr = false;
  #chunk: Uint8Array = new Uint8Array();
  /** The offset of the next LF. Cached, so that a chunk without LF is searched only once, not once for each line. */
  #lf = UNKNOWN;
  /** True if the chunk has a CR. Most streams have none, so their lines are not searched for CR. `undefined`: not known yet. */
  #hasCr: boolean | undefined;

  /** True if the next byte begins a frame. */
  get isBetweenFrames(): boolean {
    return this.#isLineEmpty && !this.#hasLines && !this.#isAfterCr;
  }

  /** Starts the next chunk. Returns how many of its first bytes belong to the previous chunk's line end: 0, or 1 for an LF. */
  take(chunk: Uint8Array): number {
    this.#chunk = chunk;
    this.#lf = UNKNOWN;
    this.#hasCr = undefined;
    const isRestOfEnd = this.#isAfterCr && chunk[0] === LF;
    if (chunk.length > 0) this.#isAfterCr = false;
    return isRestOfEnd ? 1 : 0;
  }

  /** Returns the offset after the current frame, or -1 if it does not end in this chunk. Searches from the offset `from` on. */
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
      at = this.#nextLineAfter(lineEnd);
      if (this.#endLine(isEmpty)) return at;
    }
    return -1;
  }

  /** Returns the offset after a line's end, which is LF, CR LF or CR. The LF of a CR LF may be in the next chunk. */
  #nextLineAfter(lineEnd: number): number {
    const chunk = this.#chunk;
    const next = lineEnd + 1;
    if (chunk[lineEnd] === LF) return next;
    if (next === chunk.length) this.#isAfterCr = true;
    return chunk[next] === LF ? next + 1 : next;
  }

  /** Ends a line. Returns whether the frame ends with it: an empty line after other lines ends a frame. */
  #endLine(isEmpty: boolean): boolean {
    const isFrameEnd = isEmpty && this.#hasLines;
    this.#hasLines = !isEmpty;
    this.#isLineEmpty = true;
    return isFrameEnd;
  }

  #lineEndFrom(at: number): number {
    const chunk = this.#chunk;
    if (this.#lf < at && this.#lf !== NONE) this.#lf = chunk.indexOf(LF, at);
    this.#hasCr ??= chunk.includes(CR);
    if (!this.#hasCr) return this.#lf;
    const cr = chunk.subarray(at, this.#lf === NONE ? chunk.length : this.#lf).indexOf(CR);
    return cr === NONE ? this.#lf : at + cr;
  }
}

/** A frame with an event. */
export interface Frame {
  event: Record<string, unknown> & { type: string };
  /** True if the frame has an `event:` line with a value. */
  hasName: boolean;
  newline: string;
  bytes: Uint8Array;
  /** The decoded bytes. */
  text: string;
  /**
   * The line numbers of the `data:` lines. The frame's first line has the number 0. The values of the `data:` lines, joined with
   * LF, are the event's JSON.
   */
  dataLines: readonly number[];
}

interface Range {
  start: number;
  end: number;
}

/** Parses a whole frame. Returns `undefined` if it has no event in JSON: a comment, for example, or `[DONE]`. */
export function parseFrame(bytes: Uint8Array): Frame | undefined {
  // Decodes first: finding line ends is many times faster in a string than in bytes, and JSON.parse needs a string anyway.
  const text = decoder.decode(bytes);
  const lines = text.includes("\r") ? text.split(/\r\n|\r|\n/) : text.split("\n");
  const data: string[] = [];
  const dataLines: number[] = [];
  let name = "";
  for (let number = 0; number < lines.length; number++) {
    const line = lines[number]!;
    const value = fieldValue(line, "data");
    if (value === undefined) name = fieldValue(line, "event") ?? name;
    else {
      data.push(value);
      dataLines.push(number);
    }
  }
  const event = data.length === 0 ? undefined : parseObject(data.join("\n"));
  if (typeof event?.type !== "string") return undefined;
  return {
    event: event as Frame["event"],
    hasName: name !== "",
    newline: newlineAt(text, lines[0]!.length),
    bytes,
    text,
    dataLines,
  };
}

/** Formats an inserted event as a frame. Writes an `event:` line if the given frame has one. Uses that frame's line ends. */
export function formatFrame(event: Record<string, unknown>, { hasName, newline }: Frame): Uint8Array {
  const name = hasName ? `event: ${event.type}${newline}` : "";
  return encoder.encode(`${name}data: ${JSON.stringify(event)}${newline}${newline}`);
}

/** Returns a frame's bytes with its event changed. Other lines (`id:`, `retry:`, comments) keep their bytes. */
export function editFrame(
  { bytes, text, dataLines, event }: Frame,
  changed: Record<string, unknown>,
): Uint8Array {
  // Nearly all frames have one `data:` line. In such a frame, the JSON is edited as a part of the frame, without copying it first.
  if (dataLines.length === 1) {
    const start = startOfData(bytes, startOfLine(bytes, dataLines[0]!));
    return editJson(bytes, event, changed, start, text);
  }
  const ranges = rangesOf(bytes, dataLines);
  const data = joinedLines(ranges.map(({ start, end }) => bytes.subarray(start, end)));
  const edited = editJson(data, event, changed);
  const pieces: Uint8Array[] = [];
  let copied = 0;
  let from = 0;
  // An edit never adds lines. If an edit removes lines, the last `data:` lines become empty. JSON ignores empty lines.
  for (const { start, end } of ranges) {
    const lf = edited.indexOf(LF, from);
    const to = lf === NONE ? edited.length : lf;
    pieces.push(bytes.subarray(copied, start), edited.subarray(from, to));
    copied = end;
    from = to + 1;
  }
  return concat([...pieces, bytes.subarray(copied)]);
}

const DATA_LENGTH = "data".length;
const COLON = 0x3a;
const SPACE = 0x20;

/** Returns whether a frame begins with a comment, as keep-alive frames do. */
export function isComment(frame: Uint8Array): boolean {
  return frame[0] === COLON;
}

/** Returns the value of a line, or `undefined` if the line is of another field. */
function fieldValue(line: string, field: string): string | undefined {
  if (!line.startsWith(field)) return undefined;
  if (line.length === field.length) return "";
  if (line.charCodeAt(field.length) !== COLON) return undefined;
  return line.slice(field.length + (line.charCodeAt(field.length + 1) === SPACE ? 2 : 1));
}

function newlineAt(text: string, end: number): string {
  if (text[end] === "\n") return "\n";
  return text[end + 1] === "\n" ? "\r\n" : "\r";
}

/** Returns the ranges of the values of the given `data:` lines in a frame. */
function rangesOf(bytes: Uint8Array, dataLines: readonly number[]): Range[] {
  let number = 0;
  let at = startOfLine(bytes, 0);
  return dataLines.map((dataLine) => {
    at = startOfLine(bytes, dataLine - number, at);
    number = dataLine;
    const start = startOfData(bytes, at);
    return { start, end: endOfLine(bytes, start) };
  });
}

/**
 * Returns the offset of a line. `number` is how many lines come between the offset `from` and this line. By default, `from` is
 * the start of the frame's first line.
 */
function startOfLine(bytes: Uint8Array, number: number, from = hasByteOrderMark(bytes) ? 3 : 0): number {
  let at = from;
  for (let line = 0; line < number; line++) {
    const end = endOfLine(bytes, at);
    at = end + (bytes[end] === CR && bytes[end + 1] === LF ? 2 : 1);
  }
  return at;
}

function endOfLine(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at++;
  return at;
}

/** Returns the offset of the value in a `data:` line. `line` is the offset of the line. */
function startOfData(bytes: Uint8Array, line: number): number {
  const colon = line + DATA_LENGTH;
  if (bytes[colon] !== COLON) return colon; // the line is `data`, without a value
  return colon + (bytes[colon + 1] === SPACE ? 2 : 1);
}

function joinedLines(lines: readonly Uint8Array[]): Uint8Array {
  return concat(lines.flatMap((line, index) => (index === 0 ? [line] : [LF_BYTE, line])));
}

const LF_BYTE = Uint8Array.of(LF);

export const TEXT_DELTA = "response.output_text.delta";
/** Stands for the type of each delta that is not a text delta. These deltas are never read, so none needs its own type. */
const OTHER_DELTA = "another delta";
const TEXT_DELTA_LINE = encoder.encode(`event: ${TEXT_DELTA}\n`);
const EVENT = encoder.encode("event:");
const DELTA = encoder.encode(".delta");
const DELTA_LINE_END = encoder.encode(".delta\n");
// An `event:` name without the `response.` prefix, such as `message`, does not tell the type of the data. In the data, the type must
// end with its closing quote. Otherwise, the pattern would match only the beginning of a type that contains an escape.
const TYPE = /^\s*(?:data:\s*\{\s*"type"\s*:\s*"(?=[\w.]+")|event:\s*(?=response\.))([\w.]+)/;

/**
 * Returns the type of a frame's event if the beginning of the frame shows it. Nearly all frames are deltas, which are
 * recognized by the bytes of their first line, without decoding.
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
const OUTPUT_INDEX_KEY = encoder.encode('"output_index":');
const CONTENT_INDEX_KEY = encoder.encode('"content_index":');
const SLASH = 0x2f;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const LETTER_N = 0x6e;
const ZERO = 0x30;
const NINE = 0x39;

/** The most bytes of text that `isPlain` collects. If a delta might not fit, `isPlain` returns false. */
const MOST_COLLECTED = 4096;
/** A table of the bytes that occur in mentions and in markup that affects links. */
const MENTION_BYTES = tableOf("%&`<!][=");
const WORD_BYTES = tableOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
/** Schemes in lower case. A path or a URL in a text can start with one, as `sandbox:/mnt/data/a.csv` does. */
const SCHEMES = ["sandbox", "file", "http"].map((word) => encoder.encode(word));
/** Marks the bytes that need a closer look: `MENTION_BYTES`, backslash, slash, LF, and the first letters of the schemes. */
const NOTABLE_BYTES = tableOf("%&`<!][=\\/\nsSfFhH");

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of encoder.encode(characters)) table[byte] = 1;
  return table;
}

/** Returns whether a scheme starts at the offset `at`. Also returns true if the delta ends before the scheme is complete. */
function startsScheme(chunk: Uint8Array, at: number): boolean {
  const first = chunk[at]! | 0x20;
  for (const scheme of SCHEMES) {
    if (scheme[0] !== first) continue;
    let length = 1;
    while (length < scheme.length && (chunk[at + length]! | 0x20) === scheme[length]) length++;
    return length === scheme.length || chunk[at + length] === QUOTE;
  }
  return false;
}

/** Recognizes text deltas by their bytes, without parsing them. Nearly all frames of a stream are text deltas. */
export class TextDeltas {
  /** The first letters of the roots' folders, in lower and upper case. */
  readonly #folderLetters: ReadonlySet<number>;
  /** The offset of the text in the latest delta's frame. In the next frame it is usually the same. */
  #textAt = 0;
  /** True if `isPlain` accepted the latest delta, and the delta ended with a letter, a digit or `_`. */
  #isAfterLetter = false;
  /**
   * The texts that `isPlain` accepted, as they are in the JSON. Created when needed, because most streams need no such buffer.
   */
  #collected: Uint8Array | undefined;
  #collectedLength = 0;
  /**
   * The bytes of `output_index` and `content_index` in the delta that `noteRead` got last, with their distances to the text.
   * All deltas of a text have the same bytes at these distances. `undefined` if an index does not come before the text.
   */
  #indices: readonly { byte: number; distance: number }[] | undefined;

  constructor(roots: readonly string[]) {
    const letters = roots.flatMap((root) => root.split("/").map((folder) => folder.slice(0, 1)));
    this.#folderLetters = new Set(
      letters.flatMap((letter) => [...encoder.encode(letter.toLowerCase() + letter.toUpperCase())]),
    );
  }

  /**
   * Returns the end of the frame that starts at the offset `at`, or -1 if the frame is not a text delta in the API's format.
   * Compares only the beginning and the end of the first line. Other deltas with a name of the same length are accepted too,
   * but the repair ignores them. Does not search for CR, because the API's JSON contains no raw CR.
   */
  endOf(chunk: Uint8Array, at: number): number {
    const dataAt = at + TEXT_DELTA_LINE.length;
    if (!hasAt(chunk, DELTA_LINE_END, dataAt - DELTA_LINE_END.length) || !hasAt(chunk, EVENT, at))
      return NONE;
    const isKnown = this.#hasTextAtSameOffset(chunk, at);
    const lineEnd = chunk.indexOf(LF, isKnown ? at + this.#textAt : dataAt);
    if (lineEnd < 0 || chunk[lineEnd + 1] !== LF) return NONE;
    if (!isKnown) this.#findText(chunk.subarray(at, lineEnd));
    return lineEnd + 2;
  }

  /**
   * Returns whether a root may begin in the text of a delta. A root may begin at a slash if the slash ends the text, or if the
   * first letter of a root's folder follows. If the text is not found in the frame, any slash counts.
   */
  mayBeginRoot(chunk: Uint8Array, at: number, end: number): boolean {
    if (!this.#hasTextAtSameOffset(chunk, at)) {
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

  /**
   * Returns true if the delta from `at` to `end` certainly belongs to no mention: the delta's text has no character that a
   * mention needs, and no word that begins a scheme. In this case, also collects the delta's text without decoding it. Always
   * returns false if this delta and the delta that `noteRead` got last belong to different texts.
   *
   * Call this right after `endOf`, because `endOf` finds the offset of the text. While no mention is open, call this for each
   * delta, in order. Do not call this while a mention is open.
   */
  isPlain(chunk: Uint8Array, at: number, end: number): boolean {
    let isLetterBefore = this.#isAfterLetter;
    this.#isAfterLetter = false;
    if (this.#collectedLength + end - at > MOST_COLLECTED || !this.#isOfSameText(chunk, at)) return false;
    this.#collected ??= new Uint8Array(MOST_COLLECTED);
    const collected = this.#collected;
    let to = this.#collectedLength;
    let index = at + this.#textAt;
    // The variable `from` is the start of the text, or the end of its latest escape. `isLetterBefore` is true if a letter comes
    // before this offset. It is false after an escape such as `\n`: the `n` is part of the escape, not a letter of the text.
    let from = index;
    for (; chunk[index] !== QUOTE; index++) {
      const byte = chunk[index]!;
      collected[to++] = byte;
      if (NOTABLE_BYTES[byte] === 0) continue; // nearly all bytes
      const isInWord = index === from ? isLetterBefore : WORD_BYTES[chunk[index - 1]!] === 1;
      if (this.#isOfMention(chunk, index, isInWord)) return false;
      if (byte !== BACKSLASH) continue;
      collected[to++] = chunk[++index]!;
      from = index + 1;
      isLetterBefore = false;
    }
    this.#collectedLength = to;
    this.#isAfterLetter = index === from ? isLetterBefore : WORD_BYTES[chunk[index - 1]!] === 1;
    return true;
  }

  /** Returns the text of the deltas that `isPlain` has accepted since the last call. */
  takeCollected(): string {
    const json = decoder.decode(this.#collected!.subarray(0, this.#collectedLength));
    this.#collectedLength = 0;
    return JSON.parse(`"${json}"`) as string;
  }

  /** Records which text the delta in `frame` belongs to. Call this for each delta that `isPlain` did not accept. */
  noteRead(frame: Uint8Array): void {
    this.#isAfterLetter = false; // the delta's last character is not known here, so the next `s` may begin a scheme
    const head = frame.subarray(0, this.#findText(frame) ? this.#textAt : 0);
    const values = [OUTPUT_INDEX_KEY, CONTENT_INDEX_KEY].map((key) => valueOffsets(head, key));
    const isComplete = values.every((offsets) => offsets.length > 0);
    const offsets = values.flat().sort((a, b) => a - b);
    this.#indices = isComplete
      ? offsets.map((offset) => ({ byte: head[offset]!, distance: head.length - offset }))
      : undefined;
  }

  /** Returns whether the delta at the offset `at` belongs to the same text as the delta that `noteRead` got last. */
  #isOfSameText(chunk: Uint8Array, at: number): boolean {
    const indices = this.#indices;
    if (!indices || indices[0]!.distance > this.#textAt) return false;
    const text = at + this.#textAt;
    for (const { byte, distance } of indices) if (chunk[text - distance] !== byte) return false;
    return true;
  }

  /** Returns whether the notable byte at the offset `at` can belong to a mention, or to markup that affects links. */
  #isOfMention(chunk: Uint8Array, at: number, isInWord: boolean): boolean {
    const byte = chunk[at]!;
    const next = chunk[at + 1]!;
    if (byte === BACKSLASH) return next !== LETTER_N;
    if (byte === SLASH) return !this.#isOrdinarySlash(next);
    // A raw LF ends the line inside the JSON string, so the JSON is not valid. Such a frame must be parsed.
    return MENTION_BYTES[byte] === 1 || byte === LF || (!isInWord && startsScheme(chunk, at));
  }

  /** Returns whether a slash certainly does not begin a root such as `/mnt/data`. `next` is the byte after the slash. */
  #isOrdinarySlash(next: number): boolean {
    return next !== QUOTE && next !== SLASH && next !== BACKSLASH && !this.#folderLetters.has(next);
  }

  #hasTextAtSameOffset(chunk: Uint8Array, at: number): boolean {
    return hasAt(chunk, DELTA_KEY, at + this.#textAt - DELTA_KEY.length);
  }

  /** Sets `#textAt` to the offset of the frame's text. Returns whether there is one. */
  #findText(frame: Uint8Array): boolean {
    const key = indexOf(frame, DELTA_KEY);
    if (key >= 0) this.#textAt = key + DELTA_KEY.length;
    return key >= 0;
  }
}

/** Returns the offset of each digit after `key`, and then the offset after the last digit. Returns `[]` if `key` is missing. */
function valueOffsets(head: Uint8Array, key: Uint8Array): number[] {
  const at = indexOf(head, key);
  if (at < 0) return [];
  const start = at + key.length;
  let end = start;
  while (head[end]! >= ZERO && head[end]! <= NINE) end++;
  return Array.from({ length: end + 1 - start }, (_, digit) => start + digit);
}

/** Returns the first offset of `expected` in `bytes`, or -1. */
function indexOf(bytes: Uint8Array, expected: Uint8Array): number {
  for (let at = bytes.indexOf(expected[0]!); at >= 0; at = bytes.indexOf(expected[0]!, at + 1)) {
    if (hasAt(bytes, expected, at)) return at;
  }
  return NONE;
}

function hasAt(bytes: Uint8Array, expected: Uint8Array, at: number): boolean {
  // Checks the length first: a single read beyond the end of an array makes V8 slow down all later reads.
  if (at < 0 || at + expected.length > bytes.length) return false;
  for (let offset = 0; offset < expected.length; offset++) {
    if (bytes[at + offset] !== expected[offset]) return false;
  }
  return true;
}
