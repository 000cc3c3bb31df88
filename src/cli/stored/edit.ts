/** Changes JSON where it stands: what nobody changed keeps its spaces, its escapes and the way its numbers are written. */
import { isRecord } from "../../bad-input.js";

/**
 * `text`, which JSON.parse reads as `before`, so that it reads as `after`. Where an array or an object of `after` is the
 * one of `before` with more behind it, all else in it stays as it was written. What is the very same in both is not
 * even looked at.
 */
export function edited(text: string, before: unknown, after: unknown): string {
  const start = endOfSpace(text, 0);
  const end = endOfValue(text, start);
  return text.slice(0, start) + editedValue(text.slice(start, end), before, after) + text.slice(end);
}

/** A value in an array, or behind a key in an object. */
interface Member {
  key: string | number;
  start: number;
  end: number;
}

function editedValue(text: string, before: unknown, after: unknown): string {
  if (Object.is(before, after)) return text;
  const was = keyed(before);
  const is = keyed(after);
  if (!was || !is || Array.isArray(before) !== Array.isArray(after)) return JSON.stringify(after);
  const keys = Object.keys(was);
  const members = membersOf(text, Array.isArray(before));
  // A key that stands twice in an object was read once: there is no telling its place.
  if (members.length !== keys.length || !keys.every((key) => Object.hasOwn(is, key))) {
    return JSON.stringify(after);
  }
  let edit = "";
  let written = 0;
  for (const { key, start, end } of members) {
    if (Object.is(was[key], is[key])) continue;
    edit += text.slice(written, start) + editedValue(text.slice(start, end), was[key], is[key]);
    written = end;
  }
  const added = Object.keys(is)
    .filter((key) => !Object.hasOwn(was, key))
    .map((key) => (Array.isArray(after) ? "" : `${JSON.stringify(key)}:`) + JSON.stringify(is[key]));
  if (added.length > 0) {
    const last = members.at(-1);
    edit += text.slice(written, last?.end ?? 1) + (last ? "," : "") + added.join(",");
    written = last?.end ?? 1;
  }
  return edit + text.slice(written);
}

/** An array or an object by its keys. */
function keyed(value: unknown): Record<string | number, unknown> | undefined {
  return Array.isArray(value) || isRecord(value) ? (value as Record<string, unknown>) : undefined;
}

/** Where the values stand in an array or an object. */
function membersOf(text: string, isArray: boolean): Member[] {
  const members: Member[] = [];
  let at = endOfSpace(text, 1);
  while (at < text.length - 1) {
    let key: string | number = members.length;
    if (!isArray) {
      const end = endOfValue(text, at);
      key = JSON.parse(text.slice(at, end)) as string;
      at = endOfSpace(text, endOfSpace(text, end) + 1); // behind the colon
    }
    const end = endOfValue(text, at);
    members.push({ key, start: at, end });
    at = endOfSpace(text, endOfSpace(text, end) + 1); // behind the comma
  }
  return members;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SCALAR = /[\w.+-]+/y;

/** Where the value ends that starts at `at`. The text is JSON: only the brackets have to be counted. */
function endOfValue(text: string, at: number): number {
  let depth = 0;
  let end = at;
  do {
    const code = text.charCodeAt(end);
    if (code === QUOTE) end = endOfString(text, end);
    else if (depth === 0 && !isBracket(code)) {
      SCALAR.lastIndex = end;
      SCALAR.test(text);
      end = SCALAR.lastIndex;
    } else {
      if (isBracket(code)) depth += isClosing(code) ? -1 : 1;
      end++;
    }
  } while (depth > 0);
  return end;
}

function endOfString(text: string, at: number): number {
  let end = at;
  let backslashes: number;
  do {
    end = text.indexOf('"', end + 1);
    backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
  } while (backslashes % 2 === 1);
  return end + 1;
}

/** `[` `]` `{` `}`: the two pairs lie 0x20 apart. */
function isBracket(code: number): boolean {
  return (code | 0x20) === 0x7b || (code | 0x20) === 0x7d;
}

function isClosing(code: number): boolean {
  return (code | 0x20) === 0x7d;
}

function endOfSpace(text: string, at: number): number {
  let end = at;
  for (let code = text.charCodeAt(end); isSpace(code); code = text.charCodeAt(end)) end++;
  return end;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
