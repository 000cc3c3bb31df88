/**
 * Edits JSON as bytes. Only the changed places are written. All other bytes stay the same, so `1.0`, `1e400`,
 * `9223372036854775807`, escapes, spaces and repeated keys survive, which `JSON.stringify` would rewrite.
 * This file is long because all code that reads the bytes of JSON is in one place.
 */
import { isRecord } from "../errors.js";

const decoder = new TextDecoder();
/** Keeps a byte order mark. */
const withMarkDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Returns `json` with the smallest edit after which it parses to `after`, or `json` itself if nothing changed. Takes time
 * linear in the length of `json`.
 *
 * @param json UTF-8, with or without a byte order mark. `JSON.parse` must accept it.
 * @param before what `JSON.parse` returned for `json`.
 * @param after a changed copy of `before`. The unchanged parts must be the same objects in both: they are skipped without a
 *   comparison. Changes must not be nested more than a few thousand levels deep.
 * @param start the offset at which the JSON starts, if other bytes come before it. Bytes after an object or an array stay too.
 */
export function editJson(json: Uint8Array, before: unknown, after: unknown, start = 0): Uint8Array {
  if (Object.is(before, after)) return json;
  const editor = new Editor(json);
  editor.change(startOfValue(json, hasByteOrderMark(json, start) ? start + 3 : start), before, after);
  return editor.result();
}

/** Does the same as {@link editJson} with JSON in a string. A lone surrogate becomes U+FFFD, as when `fetch` sends the string. */
export function editJsonText(json: string, before: unknown, after: unknown): string {
  if (Object.is(before, after)) return json;
  const bytes = encoder.encode(json);
  const isAscii = bytes.length === json.length;
  if (!isAscii) return withMarkDecoder.decode(editJson(bytes, before, after));
  // Offsets in ASCII bytes are offsets in the string too. Editing the string saves copying and decoding the bytes.
  const editor = new Editor(bytes);
  editor.change(startOfValue(bytes, 0), before, after);
  return editor.resultIn(json);
}

/** Parses JSON. Returns `undefined` if it is invalid or its value is not an object. */
export function parseObject(json: Uint8Array | string): Record<string, unknown> | undefined {
  const text = typeof json === "string" ? json.replace(/^\ufeff/, "") : decoder.decode(json);
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function hasByteOrderMark(bytes: Uint8Array, at = 0): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;

/** Reads the JSON once and records the edits. Only if a key is repeated, its last member is read a second time. */
class Editor {
  readonly #json: Uint8Array;
  /** The start and end offsets of each replaced range, alternating. */
  readonly #ranges: number[] = [];
  readonly #texts: string[] = [];
  /** The edits are not in the order of their offsets. */
  #isUnordered = false;

  constructor(json: Uint8Array) {
    this.#json = json;
  }

  result(): Uint8Array {
    const json = this.#json;
    const ranges = this.#ranges;
    if (ranges.length === 0) return json;
    this.#order();
    // Encoding all texts at once is much faster. LF can separate them, because JSON.stringify never writes one.
    const texts = encoder.encode(`${this.#texts.join("\n")}\n`);
    let length = json.length + texts.length - this.#texts.length;
    for (let index = 0; index < ranges.length; index += 2) length -= ranges[index + 1]! - ranges[index]!;
    const result = new Uint8Array(length);
    let at = 0;
    let copied = 0;
    let textStart = 0;
    for (let index = 0; index < ranges.length; index += 2) {
      const kept = json.subarray(copied, ranges[index]);
      const textEnd = texts.indexOf(LF, textStart);
      result.set(kept, at);
      result.set(texts.subarray(textStart, textEnd), at + kept.length);
      at += kept.length + textEnd - textStart;
      copied = ranges[index + 1]!;
      textStart = textEnd + 1;
    }
    result.set(json.subarray(copied), at);
    return result;
  }

  /** Returns the result as a string. `json` is the string of the bytes, all of which are ASCII. */
  resultIn(json: string): string {
    this.#order();
    let result = "";
    let copied = 0;
    for (const [edit, text] of this.#texts.entries()) {
      result += json.slice(copied, this.#ranges[2 * edit]) + text;
      copied = this.#ranges[2 * edit + 1]!;
    }
    return result + json.slice(copied);
  }

  /**
   * Changes the value that starts at `start` from `before` to `after`. Returns the offset after the value. If the value's key is
   * repeated later in the same object, the bytes can differ from `before`. The edits are then undone at the later member.
   */
  change(start: number, before: unknown, after: unknown): number {
    const first = this.#json[start];
    if (
      first === OPEN_ARRAY &&
      Array.isArray(before) &&
      Array.isArray(after) &&
      after.length >= before.length
    )
      return this.#changeArray(start, before, after);
    if (first === OPEN_OBJECT && isRecord(before) && isRecord(after) && hasKeysOf(before, after))
      return this.#changeObject(start, before, after);
    const end = endOfValue(this.#json, start);
    const added = addedText(before, after);
    if (added === undefined) this.#replace(start, end, JSON.stringify(after));
    else this.#replace(end - 1, end - 1, JSON.stringify(added).slice(1, -1)); // before the closing quote
    return end;
  }

  #changeArray(start: number, before: readonly unknown[], after: readonly unknown[]): number {
    const json = this.#json;
    let end = start + 1;
    let count = 0;
    for (let at = startOfNext(json, end); json[at] !== CLOSE_ARRAY; at = startOfNext(json, end)) {
      const isSame = count >= before.length || Object.is(before[count], after[count]);
      end = isSame ? endOfValue(json, at) : this.change(at, before[count], after[count]);
      count++;
    }
    const added = after.slice(before.length).map((element) => JSON.stringify(element));
    this.#add(end, added, count > 0);
    return startOfValue(json, end) + 1;
  }

  #changeObject(start: number, before: Record<string, unknown>, after: Record<string, unknown>): number {
    const json = this.#json;
    /** For each changed member: the index of its first edit, and the index after its last edit. */
    const edits = new Map<string, [first: number, next: number]>();
    /** For each changed member whose key is repeated: the offset of the last value with this key so far. */
    const repeated = new Map<string, number>();
    const keys = Object.keys(before);
    let end = start + 1;
    let count = 0;
    for (let at = startOfNext(json, end); json[at] === QUOTE; at = startOfNext(json, end)) {
      const endOfKey = endOfString(json, at);
      const value = startOfValue(json, startOfValue(json, endOfKey) + 1); // after the colon
      const key = readKey(json, at, endOfKey, keys[count++]);
      if (Object.is(before[key], after[key])) end = endOfValue(json, value);
      else if (edits.has(key)) {
        this.#undo(edits.get(key)); // JSON.parse uses the last of several members with the same key
        repeated.set(key, value);
        end = endOfValue(json, value);
      } else {
        const first = this.#texts.length;
        end = this.change(value, before[key], after[key]);
        edits.set(key, [first, this.#texts.length]);
      }
    }
    // This is not done in the loop above: with many members of the same key, each would be changed and undone again.
    for (const [key, value] of repeated) this.change(value, before[key], after[key]);
    this.#isUnordered ||= repeated.size > 0;
    const added = Object.keys(after).filter((key) => !Object.hasOwn(before, key));
    const members = added.map((key) => `${JSON.stringify(key)}:${JSON.stringify(after[key])}`);
    this.#add(end, members, count > 0);
    return startOfValue(json, end) + 1;
  }

  /** Sorts the edits by their offsets. */
  #order(): void {
    if (!this.#isUnordered) return;
    const edits = this.#texts.map((text, edit) => ({
      start: this.#ranges[2 * edit]!,
      end: this.#ranges[2 * edit + 1]!,
      text,
    }));
    edits.sort((one, other) => one.start - other.start);
    for (const [edit, { start, end, text }] of edits.entries()) {
      this.#ranges[2 * edit] = start;
      this.#ranges[2 * edit + 1] = end;
      this.#texts[edit] = text;
    }
  }

  /** Makes edits change nothing. */
  #undo([first, next]: readonly [number, number] = [0, 0]): void {
    for (let edit = first; edit < next; edit++) {
      this.#ranges[2 * edit + 1] = this.#ranges[2 * edit]!;
      this.#texts[edit] = "";
    }
  }

  /** Inserts members or elements at `at`, with a comma before them if they follow another one. */
  #add(at: number, added: readonly string[], hasPredecessor: boolean): void {
    if (added.length > 0) this.#replace(at, at, (hasPredecessor ? "," : "") + added.join(","));
  }

  #replace(start: number, end: number, text: string): void {
    this.#ranges.push(start, end);
    this.#texts.push(text);
  }
}

function hasKeysOf(before: object, after: object): boolean {
  return Object.keys(before).every((key) => Object.hasOwn(after, key));
}

/** Returns the text that was appended to a string, or `undefined` for any other change. */
function addedText(before: unknown, after: unknown): string | undefined {
  const isLonger = typeof before === "string" && typeof after === "string" && after.startsWith(before);
  return isLonger ? after.slice(before.length) : undefined;
}

/** Reads a key. Returns `likely` without decoding if the bytes equal it, as they nearly always do. */
function readKey(json: Uint8Array, start: number, end: number, likely: string | undefined): string {
  if (likely !== undefined && isPlain(json, start + 1, end - 1, likely)) return likely;
  return JSON.parse(decoder.decode(json.subarray(start, end))) as string;
}

/** Returns whether the bytes from `start` to `end` are `text`, in ASCII and without escapes. */
function isPlain(json: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let at = start; at < end; at++) {
    const byte = json[at]!;
    if (byte !== text.charCodeAt(at - start) || byte === BACKSLASH || byte >= 0x80) return false;
  }
  return true;
}

/** Returns the offset after white space. */
function startOfValue(json: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(json[at])) at++;
  return at;
}

/** Returns the offset after white space and a comma. */
function startOfNext(json: Uint8Array, from: number): number {
  const at = startOfValue(json, from);
  return json[at] === COMMA ? startOfValue(json, at + 1) : at;
}

/** Returns the offset after a value. The JSON is valid, so only brackets and strings need to be recognized. */
function endOfValue(json: Uint8Array, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at);
    else if (isBracket(byte)) {
      depth += isClosing(byte) ? -1 : 1;
      at++;
    } else if (depth === 0) at = endOfScalar(json, at);
    else at++;
  } while (depth > 0);
  return at;
}

/** Returns the offset after a string. A loop is faster for short strings, `indexOf` for long ones without quotes in them. */
function endOfString(json: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    for (const near = at + 64; at < near; at += json[at] === BACKSLASH ? 2 : 1) {
      if (json[at] === QUOTE) return at + 1;
    }
    at = json.indexOf(QUOTE, at);
    let backslashes = 0;
    while (json[at - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at + 1;
    at++;
  }
}

/** Returns the end of a number, `true`, `false` or `null`: a comma, a closing bracket, white space or the end of the JSON. */
function endOfScalar(json: Uint8Array, start: number): number {
  let at = start;
  for (let byte = json[at]; byte !== undefined; byte = json[++at]) {
    if (byte === COMMA || isBracket(byte) || isSpace(byte)) break;
  }
  return at;
}

/** Returns whether a byte is `[`, `]`, `{` or `}`. The codes of the two pairs differ by 0x20. */
function isBracket(byte: number | undefined): byte is number {
  return byte !== undefined && ((byte | 0x20) === 0x7b || (byte | 0x20) === 0x7d);
}

function isClosing(byte: number): boolean {
  return (byte | 0x20) === 0x7d;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
