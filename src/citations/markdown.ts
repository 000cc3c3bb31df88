/**
 * As much of Markdown and HTML as a mention needs: whether it stands in a link's destination, in a code block, or
 * in the label of a link. Models write Markdown that no parser accepts (destinations with spaces, links in JSON
 * strings), so this looks at what is around a place, not at a tree.
 */
import { merge, type Range } from "./ranges.js";
import { endOfMatch, matchAt, testAt } from "./spelling.js";

/** What surrounds a place in a text. `"text"` is everything that is no link. */
export interface Place {
  kind: "text" | "destination" | "attribute" | "definition" | "autolink";
  /** The character that ends it: `)` or `>` of a destination, an attribute's quote or `""`. */
  closer: string;
}

const DEFINITION = String.raw`(?:^|\n|\\n)[ \t>]{0,16}\[[^\]\n]{1,200}\]:`;
const ATTRIBUTE = String.raw`\b(?:href|src|poster)\s{0,8}=\s{0,8}`;
/** What stands before the target of a link. A few spaces may pad it. */
const LINK = new RegExp(
  String.raw`(?<=(?:(?:(\]\()|${DEFINITION})\s{0,8}(<?)|${ATTRIBUTE}\\?(["']?))\s{0,8})`,
  "iy",
);

/** What surrounds a mention that starts at `at`. `hasScheme`: only a URL makes `<…>` a link. */
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

/** Whether the mention that starts at `start` is in a link. */
export function isLinkAt(text: string, start: number): boolean {
  return placeOf(text, start, /[a-z]/i.test(text[start]!)).kind !== "text";
}

const INSIDE = new RegExp(
  String.raw`(?<=(?:\]\(\s{0,8}<?|${ATTRIBUTE}\\?["'])[^)<>"'\n]{0,200}|${DEFINITION}[ \t]{0,8}<?[^)<>"'\s]{1,200})`,
  "iy",
);

/** Whether `at` is in the midst of a link's destination: what stands there is a piece of another file's name. */
export function isInDestination(text: string, at: number): boolean {
  return testAt(INSIDE, text, at);
}

/** Its title, which models also write in curly quotes, or an image's size. */
export const CLOSED_DESTINATION =
  /\s{0,8}(?:(?:\\?"[^\n]{0,300}?"|'[^\n]{0,300}?'|\([^()\n]{0,300}\)|[“‘][^\n]{0,300}?[”’]|=[\dx%]{1,12})\s{0,8})?\)/y;
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

/** The marks of the quotes that a line stands in. Like the rest of a line's beginning it is not read without end. */
const QUOTE = /(?:[ \t]{0,3}> ?){0,32}/y;
const FENCE = /[ \t]{0,99}(?:(?:[-*+]|\d{1,9}[.)])[ \t]{1,9}){0,32}(`{3,}|~{3,})([^\n]*)/y;
const INDENT = /[ \t]{0,99}/y;
const LIST_ITEM = /[ \t]{0,99}(?:[-*+]|\d{1,9}[.)])[ \t]/y;
/** A heading, its underline, a rule across the page: no paragraph that an indented line would go on with. */
const ALONE =
  / {0,3}(?:#{1,6}[ \t]|(?:=+|(?:-[ \t]{0,9})+|(?:_[ \t]{0,9}){3,}|(?:\*[ \t]{0,9}){3,})[ \t]?\r?$)/my;

/** The fenced and indented code blocks of a text, in order. */
export function codeBlocks(text: string): Range[] {
  const blocks: Range[] = [];
  let fence: { start: number; mark: string; depth: number } | undefined;
  /** No paragraph goes on with the next line: indented, it is code. */
  let isAfterBlank = true;
  /** In how many quotes the line before stands. */
  let depthBefore = 0;
  /** Where the text of the list's items begins: code in them is indented from there. 0 outside of lists. */
  let listIndent = 0;
  let indented: Range | undefined;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline + 1;
    // Most lines begin with a letter or are empty, and are no code: they need no regular expression.
    const first = text.charCodeAt(at);
    const isProse = (first | 0x20) >= 0x61 && (first | 0x20) <= 0x7a;
    const isEmpty = first === 0x0a;
    const inside = isProse || isEmpty ? at : endOfMatch(QUOTE, text, at);
    const depth = inside === at ? 0 : text.slice(at, inside).split(">").length - 1;
    const mark = isProse || isEmpty ? null : matchAt(FENCE, text, inside);
    if (fence && depth < fence.depth) {
      blocks.push({ start: fence.start, end: at });
      fence = undefined;
      isAfterBlank = true;
    }
    if (depth > depthBefore) isAfterBlank = true;
    depthBefore = depth;
    if (fence) {
      const isClosed = mark !== null && mark[1]!.startsWith(fence.mark) && mark[2]!.trim() === "";
      if (isClosed || end === text.length) blocks.push({ start: fence.start, end });
      if (isClosed) fence = undefined;
      isAfterBlank = true;
    } else if (mark && !(mark[1]!.startsWith("`") && mark[2]!.includes("`"))) {
      fence = { start: at, mark: mark[1]!, depth };
      if (end === text.length) blocks.push({ start: at, end });
      indented = undefined;
    } else {
      const isBlank = isEmpty || (!isProse && text.slice(inside, end).trim() === "");
      const indent = isBlank || isProse ? 0 : columns(matchAt(INDENT, text, inside)![0]);
      const item = isBlank || isProse ? null : matchAt(LIST_ITEM, text, inside);
      const isIndented = indent >= listIndent + 4 && !(item && listIndent > 0);
      if (isIndented && indented) {
        indented.end = end;
      } else if (isIndented && isAfterBlank) {
        indented = { start: at, end };
        blocks.push(indented);
      } else if (!isBlank) {
        indented = undefined;
        if (item) listIndent = columns(item[0]);
        else if (isAfterBlank) listIndent = Math.min(listIndent, indent);
      }
      isAfterBlank = isBlank || (!isProse && testAt(ALONE, text, inside));
    }
    at = end;
  }
  return blocks;
}

/** How wide white space and a list's mark are, a tab reaching to the next multiple of four. */
function columns(lead: string): number {
  let width = 0;
  for (const character of lead) width += character === "\t" ? 4 - (width % 4) : 1;
  return width;
}

/** A label longer than this is not looked for: without a bound, unclosed brackets would be read again and again. */
export const LONGEST_LABEL = 1000;

/** Inside an `<a …`; from there to its `</a`. */
const IN_ANCHOR = /(?<=<a\b[^<>]{0,300})/iy;
const ANCHOR = /(?:(?!<a\b).){0,1000}?<\\?\/a\b/isy;

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
      const end = testAt(IN_ANCHOR, text, start) ? endOfMatch(ANCHOR, text, start) : start;
      if (end > start) labels.push({ start, end });
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

/** The label whose closing bracket stands at `close`, brackets inside it balanced. */
export function labelBefore(text: string, close: number): Range | undefined {
  for (let at = close - 1, depth = 1; at >= 0 && close - at < LONGEST_LABEL; at--) {
    if (text[at] === "]") depth++;
    else if (text[at] === "[" && --depth === 0) return { start: at + 1, end: close };
  }
  return undefined;
}

/** The whole link, or image, whose destination stands from `start` to `end`; `undefined` where it is none. */
export function linkAround(text: string, { start, end }: Range): Range | undefined {
  const opening = /\]\(\s{0,8}<?\s{0,8}$/.exec(text.slice(Math.max(0, start - 20), start));
  const label = opening ? labelBefore(text, start - opening[0].length) : undefined;
  const behind = text[end] === ">" ? end + 1 : end;
  const close = endOfMatch(CLOSED_DESTINATION, text, behind);
  if (!label || close === behind) return undefined;
  const isImage = text[label.start - 2] === "!" && !isEscaped(text, label.start - 2);
  return { start: label.start - (isImage ? 2 : 1), end: close };
}

/** Whether an odd number of backslashes stands before `at`. */
export function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
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
