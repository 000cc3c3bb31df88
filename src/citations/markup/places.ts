/**
 * Classifies the text around an offset: a link's destination, an attribute, a definition, an autolink or prose. Models write
 * Markdown that no parser accepts, such as destinations with spaces and links in JSON strings. So the functions of this file look
 * at the text around an offset and build no tree.
 */
import type { Range } from "../ranges.js";
import { endOfMatch, matchAt, testAt } from "../spelling.js";

/** The kind of text around an offset. */
export interface Place {
  /** `"text"` is everything that is not a link. */
  kind: "text" | "destination" | "attribute" | "definition" | "autolink";
  /** The character that ends the link: `)`, `>` or an attribute's quote; `""` if there is none. */
  closer: string;
}

/**
 * Tags that count as HTML. Any other word in `<>` is a placeholder. A tag of one letter is a placeholder too if it is part of
 * a name, as in `part<i>.csv`.
 */
export const HTML_TAGS = String.raw`(?:br|p|hr|b|i|li|ul|ol|td|th|tr|div|span|sup|code)\b`;

const DEFINITION = String.raw`(?:^|\n|\\n)[ \t>]{0,16}\[[^\]\n]{1,200}\]:`;
const ATTRIBUTE = String.raw`\b(?:href|src|poster)\s{0,8}=\s{0,8}`;
/** Text right before a link's destination. A few spaces may be in between. */
const LINK = new RegExp(
  String.raw`(?<=(?:(?:(\]\()|${DEFINITION})\s{0,8}(<?)|${ATTRIBUTE}\\?(["']?))\s{0,8})`,
  "iy",
);

/** Returns the kind of text around a mention that starts at `at`. `<…>` in prose is a link only if the mention has a scheme. */
export function placeOf(text: string, at: number, hasScheme: boolean): Place {
  const link = matchAt(LINK, text, at);
  if (!link) {
    const isAutolink = hasScheme && text[at - 1] === "<";
    return isAutolink ? { kind: "autolink", closer: ">" } : { kind: "text", closer: "" };
  }
  const [, destination, angle, quote] = link;
  if (quote !== undefined) return { kind: "attribute", closer: quote };
  if (destination === undefined) return { kind: "definition", closer: angle === "<" ? ">" : "" };
  return { kind: "destination", closer: angle === "<" ? ">" : ")" };
}

/** Returns whether the mention that starts at `start` is a link of any kind: see {@link Place.kind}. */
export function isLinkAt(text: string, start: number): boolean {
  return placeOf(text, start, /[a-z]/i.test(text[start]!)).kind !== "text";
}

const INSIDE = new RegExp(
  String.raw`(?<=(?:\]\(\s{0,8}<?|${ATTRIBUTE}\\?["'])[^)<>"'\n]{0,200}|${DEFINITION}[ \t]{0,8}<?[^)<>"'\s]{1,200})`,
  "iy",
);

/**
 * Returns whether an offset is in a link's destination. The destination can start before the offset. For example, the offset of
 * `a.py` in `[x](git:/mnt/data/a.py)` is in the destination `git:/mnt/data/a.py`. {@link placeOf} recognizes only destinations that
 * start exactly at the offset.
 */
export function isInDestination(text: string, at: number): boolean {
  return testAt(INSIDE, text, at);
}

/** Matches the rest of a link after its destination: an optional title or image size, and then the closing parenthesis. */
export const CLOSED_DESTINATION =
  /\s{0,8}(?:(?:\\?"[^\n]{0,300}?"|'[^\n]{0,300}?'|\([^()\n]{0,300}\)|[“‘][^\n]{0,300}?[”’]|=[\dx%]{1,12})\s{0,8})?\)/y;
const CLOSED_DEFINITION = /[ \t]{0,8}(?:\r?\n|$|\\[nr"]|["'(])/y;

/**
 * Returns whether the white space at `at` ends a link's destination. The rule depends on the link:
 *
 * - In an unquoted attribute, any white space ends the destination.
 * - In a quoted attribute, or between angle brackets, the link's `closer` must follow.
 * - In any other link, the end of the link must follow. A title or an image size may be in between.
 */
export function closesAfterSpace(text: string, at: number, { kind, closer }: Place): boolean {
  if (kind === "attribute" && closer === "") return true;
  if (closer === ">" || kind === "attribute")
    return text
      .slice(at, at + 9)
      .trimStart()
      .startsWith(closer);
  return matchAt(kind === "definition" ? CLOSED_DEFINITION : CLOSED_DESTINATION, text, at) !== null;
}

/** The maximum length of a label. Without a limit, texts with many unclosed brackets would take quadratic time. */
export const LONGEST_LABEL = 1000;

/** Returns the label whose closing bracket is at `close`. Brackets inside the label must be balanced. */
export function labelBefore(text: string, close: number): Range | undefined {
  for (let at = close - 1, depth = 1; at >= 0 && close - at < LONGEST_LABEL; at--) {
    if (text[at] === "]") depth++;
    else if (text[at] === "[" && --depth === 0) return { start: at + 1, end: close };
  }
  return undefined;
}

/** Returns the whole link or image whose destination is from `start` to `end`, or `undefined` if there is none. */
export function linkAround(text: string, { start, end }: Range): Range | undefined {
  const opening = /\]\(\s{0,8}<?\s{0,8}$/.exec(text.slice(Math.max(0, start - 20), start));
  const label = opening ? labelBefore(text, start - opening[0].length) : undefined;
  const afterAngle = text[end] === ">" ? end + 1 : end;
  const close = endOfMatch(CLOSED_DESTINATION, text, afterAngle);
  if (!label || close === afterAngle) return undefined;
  const isImage = text[label.start - 2] === "!" && !isEscaped(text, label.start - 2);
  return { start: label.start - (isImage ? 2 : 1), end: close };
}

/** Returns whether the character at `at` is escaped: an odd number of backslashes is before it. */
export function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
}

/** A square bracket, or a blank line, which ends a paragraph. */
const BRACKET_OR_BREAK = /[[\]]|\n[ \t\r]{0,7}\n/g;

/**
 * Returns the offset of a label's closing bracket. The label starts at `at`, after the opening bracket. Returns -1 if the
 * paragraph ends first, or if no closing bracket is within {@link LONGEST_LABEL}. Returns `undefined` if more text is needed.
 */
export function closingBracket(text: string, at: number): number | undefined {
  const near = text.slice(at, at + LONGEST_LABEL);
  let depth = 0;
  for (const { 0: mark, index } of near.matchAll(BRACKET_OR_BREAK)) {
    if (mark === "[") depth++;
    else if (mark !== "]") return -1;
    else if (depth-- === 0) return at + index;
  }
  return near.length < LONGEST_LABEL ? undefined : -1;
}
