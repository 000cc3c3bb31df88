/**
 * As much of Markdown and HTML as a mention needs: whether it stands in a link's destination, in a code block, or
 * in the label of a link. Models write Markdown that no parser accepts (destinations with spaces, links in JSON
 * strings), so this looks at what is around a place, not at a tree.
 */
import { matchAt } from "./spelling.js";

/** UTF-16 offsets, `end` exclusive. */
export interface Range {
  start: number;
  end: number;
}

/** What surrounds a place in a text. `"text"` is everything that is no link. */
export interface Place {
  kind: "text" | "destination" | "attribute" | "definition" | "autolink";
  /** The character that ends it: `)` or `>` of a destination, an attribute's quote or `""`. */
  closer: string;
}

const TEXT: Place = { kind: "text", closer: "" };
const DESTINATION = /\]\(\s{0,8}(<?)$/;
const ATTRIBUTE = /\b(?:href|src|poster)\s{0,8}=\s{0,8}\\?(["']?)$/i;
const DEFINITION = /(?:^|\n|\\n)[ \t>]{0,16}\[[^\]\n]{1,200}\]:\s{0,8}(<?)$/;

/** What surrounds a mention that starts at `at`. `hasScheme`: only a URL makes `<…>` a link. */
export function placeOf(text: string, at: number, hasScheme: boolean): Place {
  let before = at - 1;
  while (before >= 0 && at - before < 9 && /\s/.test(text[before]!)) before--;
  // All that makes a link ends in one of these: the quick answer for nearly every place.
  if (before < 0 || !`(<"'=:`.includes(text[before]!)) return TEXT;
  const context = text.slice(Math.max(0, at - 240), at);
  const destination = DESTINATION.exec(context);
  if (destination) return { kind: "destination", closer: destination[1] ? ">" : ")" };
  const attribute = ATTRIBUTE.exec(context);
  if (attribute) return { kind: "attribute", closer: attribute[1]! };
  const definition = DEFINITION.exec(context);
  if (definition) return { kind: "definition", closer: definition[1] ? ">" : "" };
  if (context.endsWith("<") && hasScheme) return { kind: "autolink", closer: ">" };
  return TEXT;
}

const CLOSED_DESTINATION = /\s{0,8}(?:\\?["'(][^\n]{0,300})?\)/y;
const CLOSED_DEFINITION = /[ \t]{0,8}(?:\r?\n|$|\\[nr"]|["'(])/y;

/** Whether the white space at `at` ends a link's destination: only its title and its closer may follow. */
export function closesAfterSpace(text: string, at: number, { kind, closer }: Place): boolean {
  if (kind === "attribute" && closer === "") return true;
  if (closer === ">" || kind === "attribute")
    return text
      .slice(at, at + 9)
      .trimStart()
      .startsWith(closer);
  return matchAt(kind === "definition" ? CLOSED_DEFINITION : CLOSED_DESTINATION, text, at) !== null;
}

const FENCE = /[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})([^\n]*)/y;
const INDENTED = /(?: {4}| {0,3}\t)[ \t]*[^\s]/y;
const LIST_ITEM = /[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]/y;

/** The fenced and indented code blocks of a text, in order. */
export function codeBlocks(text: string): Range[] {
  const blocks: Range[] = [];
  let fence: { start: number; mark: string } | undefined;
  let isAfterBlank = true;
  let isInList = false;
  let indented: Range | undefined;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline + 1;
    const mark = matchAt(FENCE, text, at);
    if (fence) {
      const isClosed = mark !== null && mark[1]!.startsWith(fence.mark) && mark[2]!.trim() === "";
      if (isClosed || end === text.length) blocks.push({ start: fence.start, end });
      if (isClosed) fence = undefined;
    } else if (mark && !(mark[1]!.startsWith("`") && mark[2]!.includes("`"))) {
      fence = { start: at, mark: mark[1]! };
      if (end === text.length) blocks.push({ start: at, end });
      indented = undefined;
    } else {
      const isBlank = text.slice(at, end).trim() === "";
      const isIndented = matchAt(INDENTED, text, at) !== null;
      if (isIndented && indented) {
        indented.end = end;
      } else if (isIndented && isAfterBlank && !isInList) {
        indented = { start: at, end };
        blocks.push(indented);
      } else if (!isBlank) {
        indented = undefined;
        if (matchAt(LIST_ITEM, text, at)) isInList = true;
        else if (isAfterBlank && !isIndented) isInList = false;
      }
      isAfterBlank = isBlank;
    }
    at = end;
  }
  return blocks;
}

/** Whether `at` is inside one of `ranges`, which are in order and apart from each other. */
export function isInside(ranges: readonly Range[], at: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.end <= at) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]!.start <= at;
}

/** A label longer than this is not looked for: without a bound, unclosed brackets would be read again and again. */
const LONGEST_LABEL = 1000;

/** The labels of the links whose destinations start at `starts`: what they name is named by the destination. */
export function labelsOf(text: string, starts: readonly number[]): Range[] {
  const labels: Range[] = [];
  const definitions = new Set<string>();
  for (const start of starts) {
    const { kind } = placeOf(text, start, true);
    if (kind === "destination") {
      const label = labelBefore(text, text.lastIndexOf("](", start));
      if (label) labels.push(label);
    } else if (kind === "attribute") {
      const close = text.slice(start, start + LONGEST_LABEL).search(/<\\?\/a\b/i);
      if (close >= 0) labels.push({ start, end: start + close });
    } else if (kind === "definition") {
      const label = labelBefore(text, text.lastIndexOf("]:", start));
      if (label) {
        labels.push(label);
        definitions.add(text.slice(label.start, label.end).toLowerCase());
      }
    }
  }
  if (definitions.size > 0) labels.push(...referencesTo(text, definitions));
  return merge(labels);
}

/** Ranges in order, those that touch or overlap as one. */
export function merge(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const { start, end } of ranges.sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** The label whose closing bracket stands at `close`, brackets inside it balanced. */
function labelBefore(text: string, close: number): Range | undefined {
  for (let at = close - 1, depth = 1; at >= 0 && close - at < LONGEST_LABEL; at--) {
    if (text[at] === "]") depth++;
    else if (text[at] === "[" && --depth === 0) return { start: at + 1, end: close };
  }
  return undefined;
}

/** The labels of `[label][id]`, `[id][]` and `[id]` for the ids that are defined. */
function referencesTo(text: string, definitions: ReadonlySet<string>): Range[] {
  const references: Range[] = [];
  for (const { 0: whole, 1: label, 2: id, index } of text.matchAll(/\[([^[\]]*)\](?:\[([^[\]]*)\])?/g)) {
    if (definitions.has((id || label!).toLowerCase()))
      references.push({ start: index, end: index + whole.length });
  }
  return references;
}
