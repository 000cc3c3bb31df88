/** Finds where a mention ends in a growing text. Text after this end cannot change what the mention means. */
import { readSpans } from "../markup/code-spans.js";
import { closingBracket, LONGEST_LABEL, type Place } from "../markup/places.js";
import { ENDS_BARE } from "../mentions.js";

/** The text so far. */
export interface GrowingText {
  text: string;
  /** True if no more text follows. */
  isEnded: boolean;
}

/** A mention in a growing text. Offsets are in UTF-16 units. */
export interface OpenMention {
  /** Markup before this offset is not read. The paragraph usually starts here. A long paragraph starts before this offset. */
  paragraph: number;
  start: number;
  place: Place;
}

const TERMINATOR = new RegExp(`[${ENDS_BARE}]`, "g");
const LINE_END = /\n/g;
const END_OF_UNQUOTED = /[\s>]/g;
const QUOTED_END: Record<string, RegExp> = { '"': /["\n]/g, "'": /['\n]/g, "": END_OF_UNQUOTED };
const END_OF_ANGLE = /[>\n]/g;
const NOT_SPACE = /\S/g;

/** Searches from the offset `from`. Returns the offset after the first match, or `undefined` if the text has no match yet. */
function after(pattern: RegExp, text: string, from: number): number | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/**
 * Searches from the offset `from` for the character that ends the path or name. Returns the offset after this character, or
 * `undefined` if the text does not have it yet. If a known file name contains the character, the caller searches again from the
 * returned offset.
 */
export function endOfName(text: string, { place }: OpenMention, from: number): number | undefined {
  const { kind, closer } = place;
  if (kind === "attribute") return after(QUOTED_END[closer] ?? END_OF_UNQUOTED, text, from);
  if (closer === ">") return after(END_OF_ANGLE, text, from);
  if (kind === "destination") return afterParenthesis(text, from);
  return after(kind === "definition" ? LINE_END : TERMINATOR, text, from);
}

/**
 * Returns the offset after the parenthesis that closes a destination. If the line ends first, returns the offset after the line's
 * end. Returns `undefined` if the text has neither yet.
 */
function afterParenthesis(text: string, from: number): number | undefined {
  for (let at = from, depth = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\n") return at + 1;
    if (character === "(") depth++;
    else if (character === ")" && depth-- === 0) return at + 1;
  }
  return undefined;
}

/**
 * Returns the offset where a mention ends, or `undefined` if the end is not in the text yet. `nameEnd` is the result of
 * {@link endOfName}. In prose, a mention can be in a code span, in the label of a link or in a JSON string. Then the code span,
 * the link or the string must have ended too.
 */
export function endOfMention(
  growing: GrowingText,
  mention: OpenMention,
  nameEnd: number,
): number | undefined {
  const { text, isEnded } = growing;
  const { place } = mention;
  const ends: (number | undefined)[] = [nameEnd];
  if (place.kind === "destination" && place.closer === ">") ends.push(afterParenthesis(text, nameEnd));
  if (place.kind === "text") {
    ends.push(endOfString(text, mention, nameEnd));
    ends.push(endOfSpan(growing, mention));
    ends.push(endOfLabel(text, mention));
  }
  let last = 0;
  for (const end of ends) {
    if (end === undefined && !isEnded) return undefined;
    last = Math.max(last, end ?? text.length);
  }
  return last;
}

/**
 * For a mention in double quotes, returns the offset after the next visible character, or `undefined` if there is none yet. That
 * character shows whether the quoted string is a whole JSON value. For any other mention, returns `nameEnd`.
 */
function endOfString(text: string, { start }: OpenMention, nameEnd: number): number | undefined {
  const isQuoted = text[start - 1] === '"' && text[nameEnd - 1] === '"';
  return isQuoted ? after(NOT_SPACE, text, nameEnd) : nameEnd;
}

/** A run of backticks, or a line break that ends a paragraph: a blank line, a list item, a heading or a table row follows. */
const TICKS_OR_BREAK = /`+|\n[ \t>]{0,99}(?:\r?\n|[-+*#|]|\d{1,9}[.)])/g;

/**
 * Returns how much of the text is needed to find the end of the code span around the mention, as an offset:
 *
 * - If the span has closing backticks: the offset one character after them. That character shows that no more backticks follow.
 * - If the paragraph ends without closing backticks: the end of the paragraph.
 * - If the text is still too short: `undefined`.
 * - If the mention is not in a code span: the mention's start.
 */
function endOfSpan({ text, isEnded }: GrowingText, { paragraph, start }: OpenMention): number | undefined {
  const open = new Set(readSpans(text.slice(paragraph, start), []).open.map(({ length }) => length));
  if (open.size === 0) return start;
  TICKS_OR_BREAK.lastIndex = start;
  for (let found = TICKS_OR_BREAK.exec(text); found; found = TICKS_OR_BREAK.exec(text)) {
    const end = TICKS_OR_BREAK.lastIndex;
    if (!found[0].startsWith("`")) return end;
    if (end === text.length && !isEnded) return undefined; // the run may continue
    if (open.has(found[0].length)) return Math.min(end + 1, text.length);
  }
  return undefined;
}

/** Returns whether `lead` has an open run of backticks: one that a later run of the same length would close. */
export function hasOpenSpan(lead: string): boolean {
  return readSpans(lead, []).open.length > 0;
}

/**
 * Returns where to start reading the markup around a mention: `distance` before the mention, but never before `paragraph`. If
 * this offset is inside a code span, returns the start of the span. If an open run of backticks (see `hasOpenSpan`) comes
 * before this offset, returns the start of the run.
 */
export function startOfMarkup(text: string, paragraph: number, start: number, distance: number): number {
  let from = start - distance;
  if (from <= paragraph) return paragraph;
  const { spans, open } = readSpans(text.slice(paragraph, start), []);
  for (const span of spans)
    if (paragraph + span.start < from && paragraph + span.end > from) from = paragraph + span.start;
  for (const run of open) from = Math.min(from, paragraph + run.start);
  return from;
}

const REFERENCE_END = /[\]\n]/g;

/**
 * If the mention is in the label of a link, returns where the link ends. Returns `undefined` if the text does not have
 * the link's end yet. For any other mention, returns the mention's start.
 */
function endOfLabel(text: string, { paragraph, start }: OpenMention): number | undefined {
  if (!isInBrackets(text, Math.max(paragraph, start - LONGEST_LABEL), start)) return start;
  const close = closingBracket(text, start);
  if (close === undefined || close < 0) return close === undefined ? undefined : start;
  const next = text[close + 1];
  if (next === undefined) return undefined;
  if (next === "(") return afterParenthesis(text, close + 2);
  return next === "[" ? after(REFERENCE_END, text, close + 2) : close + 2;
}

/** Returns whether a square bracket is open at the offset `at`. Looks back no further than to the offset `from`. */
function isInBrackets(text: string, from: number, at: number): boolean {
  let depth = 0;
  for (let index = at - 1; index >= from; index--) {
    if (text[index] === "]") depth++;
    else if (text[index] === "[" && depth-- === 0) return true;
  }
  return false;
}
