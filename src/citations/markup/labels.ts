/** Finds the labels of links. A file name in a label means the file that the link leads to. */
import { merge, type Range } from "../ranges.js";
import { endOfMatch, matchAt, testAt } from "../spelling.js";
import { LONGEST_LABEL, labelBefore, type Place, placeOf } from "./places.js";

/** The labels of links that have a destination. */
export interface Labels {
  all: Range[];
  /** The labels of links whose destination matches {@link IS_PATH}. */
  toPaths: Range[];
}

interface Label extends Range {
  destination: string;
}

/** Returns whether the caller needs the label from `start` to `end`. */
export type IsNeeded = (start: number, end: number) => boolean;

/**
 * Returns the labels of Markdown and HTML links that have a destination. The label of an `<a>` element includes the opening tag.
 * The label of any other element, such as `<img>`, is the tag itself. Leaves out labels for which `isNeeded` returns false,
 * because finding a link's destination takes ten times as long as finding its brackets.
 */
export function labelsWithDestination(text: string, isNeeded: IsNeeded): Labels {
  const labels = [...markdownLabels(text, isNeeded), ...htmlLabels(text, isNeeded)].filter(
    ({ destination }) => !LEADS_NOWHERE.test(destination),
  );
  return {
    all: merge(labels),
    toPaths: merge(labels.filter(({ destination }) => IS_PATH.test(destination))),
  };
}

const LEADS_NOWHERE = /^#?$/;
/**
 * A destination that is a path. A path begins with a file scheme or a drive, or has no scheme and contains a dot or a slash.
 * Does not match `file` or `#top`.
 */
const IS_PATH =
  /^(?:(?:sandbox|file|attachment)(?::|%3a)|[a-z]:[\\/]|(?![a-z][a-z\d+.-]{0,30}:|[#?]).{0,300}[./\\])/is;

const OPENING = 0x5b;
const CLOSING = 0x5d;
const NEWLINE = 0x0a;
const BLANK_LINE = /\n[ \t\r]*(?=\n)/y;
const DESTINATION = /\(\s{0,8}(?:<([^<>\n]{0,1000})>|([^\s()<>]{0,1000}))/y;
const REFERENCE = /\[([^[\]]{1,200})\]/y;
const DEFINITION = /^[ \t>]{0,16}\[(?!\^)([^[\]\n]{1,200})\]:[ \t]{0,8}<?([^\s<>]{0,1000})/gm;

function markdownLabels(text: string, isNeeded: IsNeeded): Label[] {
  if (!text.includes("]")) return [];
  const definitions = definitionsIn(text);
  const labels: Label[] = [];
  forEachPair(text, (start, end) => {
    const destination = isNeeded(start, end) ? destinationOf(text, start, end, definitions) : undefined;
    if (destination !== undefined) labels.push({ start, end, destination });
  });
  return labels;
}

/**
 * Calls `visit` with the range between each pair of square brackets in one paragraph. It compares character codes: matching a
 * regular expression for each bracket would take 20 times as long.
 */
function forEachPair(text: string, visit: (start: number, end: number) => void): void {
  // Only the first `depth` elements are open brackets. Popping would free the array's memory and allocate it again and again.
  const open: number[] = [];
  let depth = 0;
  const last = text.lastIndexOf("]");
  for (let at = text.indexOf("["); at >= 0 && at <= last; ) {
    const code = text.charCodeAt(at);
    if (code === OPENING) open[depth++] = at + 1;
    else if (code === CLOSING && depth > 0) visit(open[--depth]!, at);
    else if (code === NEWLINE && testAt(BLANK_LINE, text, at)) depth = 0;
    at = depth > 0 ? at + 1 : text.indexOf("[", at + 1);
  }
}

/** Returns the destinations of the definitions `[id]: destination`, by lower-case id. */
function definitionsIn(text: string): ReadonlyMap<string, string> {
  if (!text.includes("]:")) return new Map();
  return new Map(
    Array.from(text.matchAll(DEFINITION), ([, id, destination]) => [id!.toLowerCase(), destination!]),
  );
}

/** Returns the destination of the label from `start` to `end`, or `undefined` if the brackets are not a label. */
function destinationOf(
  text: string,
  start: number,
  end: number,
  definitions: ReadonlyMap<string, string>,
): string | undefined {
  const inline = matchAt(DESTINATION, text, end + 1);
  if (inline) return inline[1] ?? inline[2]!;
  if (end - start > LONGEST_LABEL || definitions.size === 0) return undefined;
  const id = matchAt(REFERENCE, text, end + 1)?.[1] ?? text.slice(start, end);
  return definitions.get(id.toLowerCase());
}

const TAG = /<(a|img|video|audio|source|iframe|embed)\b([^<>]{0,2000})>/gi;
const ATTRIBUTE = /\b(?:href|src)\s{0,8}=\s{0,8}\\?["']?([^"'\s<>\\]{0,1000})/i;
const ANCHOR = /<(?:\\?(\/))?a\b/i;

function htmlLabels(text: string, isNeeded: IsNeeded): Label[] {
  if (!text.includes("<")) return [];
  const labels: Label[] = [];
  for (const { 0: whole, 1: tag, 2: attributes, index: start } of text.matchAll(TAG)) {
    const end = start + whole.length;
    if (!isNeeded(start, end + LONGEST_LABEL)) continue; // the label cannot be longer
    const destination = ATTRIBUTE.exec(attributes!)?.[1] ?? "";
    const next = tag!.toLowerCase() === "a" ? ANCHOR.exec(text.slice(end, end + LONGEST_LABEL)) : null;
    labels.push({ start, end: next?.[1] ? end + next.index : end, destination });
  }
  return labels;
}

/** Matches at an offset inside an opening `<a …`. */
const IN_ANCHOR = /(?<=<a\b[^<>]{0,300})/iy;
/** The text from an offset inside `<a …` to the next `</a`, if no other `<a` is in between. */
const LINKED = /(?:(?!<a\b).){0,1000}?<\\?\/a\b/isy;

/** Returns the labels of the links whose destinations start at `starts`. For a definition, includes all references to it. */
export function labelsOf(text: string, starts: readonly number[]): Range[] {
  const labels: Range[] = [];
  const definitions = new Set<string>();
  for (const start of starts) {
    const { kind } = placeOf(text, start, true);
    const label = labelOf(text, start, kind);
    if (label) labels.push(label);
    if (label && kind === "definition") definitions.add(text.slice(label.start, label.end).toLowerCase());
  }
  if (definitions.size > 0) labels.push(...referencesTo(text, definitions));
  return merge(labels);
}

/** Returns the label of the link whose destination starts at `start`. For `<a>`, the text from `start` to `</a` is the label. */
function labelOf(text: string, start: number, kind: Place["kind"]): Range | undefined {
  if (kind === "destination") return labelBefore(text, text.lastIndexOf("](", start));
  if (kind === "definition") return labelBefore(text, text.lastIndexOf("]:", start));
  if (kind !== "attribute" || !testAt(IN_ANCHOR, text, start)) return undefined;
  const end = endOfMatch(LINKED, text, start);
  return end > start ? { start, end } : undefined;
}

/** Returns the ranges of the references `[label][id]`, `[id][]` and `[id]` to the definitions with the given ids. */
function referencesTo(text: string, definitions: ReadonlySet<string>): Range[] {
  const references: Range[] = [];
  for (const { 0: whole, 1: label, 2: id, index } of text.matchAll(/\[([^[\]]*)\](?:\[([^[\]]*)\])?/g)) {
    if (definitions.has((id || label!).toLowerCase()))
      references.push({ start: index, end: index + whole.length });
  }
  return references;
}
