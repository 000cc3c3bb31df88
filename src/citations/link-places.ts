/**
 * Where a text has room for a link, and for which: one of its own in prose, a URL in what is a link already, none in a
 * label. Like `markdown.ts` it looks at what is around a place, not at a tree.
 */
import { QUERY } from "./boundaries.js";
import { htmlBlocks, rawHtml } from "./html.js";
import {
  CLOSED_DESTINATION,
  codeBlocks,
  isEscaped,
  isInDestination,
  LONGEST_LABEL,
  labelBefore,
  linkAround,
  placeOf,
} from "./markdown.js";
import { isInside, type Range } from "./ranges.js";
import { endOfMatch } from "./spelling.js";

/** What of a text a citation's URL takes the place of, and in which form. */
export interface LinkPlace extends Range {
  /**
   * `link`: a Markdown link. `anchor`: one in HTML. `destination` and `attribute`: the URL, as it is written in a link's
   * destination or an attribute's value. `code` and `json`: the URL alone.
   */
  form: "link" | "anchor" | "destination" | "attribute" | "code" | "json";
  /** What is written before and behind it: what closes the code span that it stands in, and opens it again. */
  before: string;
  after: string;
}

function replacing(start: number, end: number, form: LinkPlace["form"]): LinkPlace {
  return { start, end, form, before: "", after: "" };
}

interface CodeSpan extends Range {
  ticks: string;
}

/** The places of one text. */
export class LinkPlaces {
  /** The text is JSON as a whole: an answer with a schema. */
  readonly isJson: boolean;
  readonly #text: string;
  readonly #codeBlocks: Range[];
  readonly #htmlBlocks: Range[];
  readonly #rawHtml: Range[];
  readonly #spans: CodeSpan[];
  readonly #definitions: Definitions;

  constructor(text: string) {
    this.#text = text;
    this.isJson = isJson(text);
    this.#codeBlocks = codeBlocks(text);
    this.#htmlBlocks = htmlBlocks(text, this.#codeBlocks);
    this.#spans = codeSpans(text, this.#codeBlocks);
    this.#definitions = definitionsOf(text);
    this.#rawHtml = rawHtml(text, (at) => isInside(this.#codeBlocks, at) || !!spanAround(this.#spans, at));
  }

  /** Where the link goes for what stands from `start` to `end`; `undefined` where it has no place. */
  placeFor({ start, end }: Range): LinkPlace | undefined {
    const text = this.#text;
    if (isInside(this.#rawHtml, start)) return undefined;
    const before = text.slice(Math.max(0, start - LONGEST_LABEL), start);
    const endOfUrl = endOfMatch(QUERY, text, end);
    const tag = OPEN_TAG.exec(before);
    if (tag) {
      const value = /=\s*(\\?["'])?$/.exec(tag[0]);
      if (!value) return undefined;
      const quote = value[1] ? "" : "'"; // without quotes, a URL's `=` would end the tag
      return { start, end: endOfUrl, form: "attribute", before: quote, after: quote };
    }
    const { kind } = placeOf(text, start, false);
    if (kind === "destination" || (kind === "definition" && !FOOTNOTE.test(before))) {
      return replacing(start, endOfUrl, "destination");
    }
    if (isInTitle(text, before, end)) return undefined;
    if (isInside(this.#codeBlocks, start)) return replacing(start, end, "code");
    if (this.#isJsonString(start, end)) return replacing(start, end, "json");
    if (isInDestination(text, start)) return undefined;
    const label = labelAround(text, { start, end }, this.#definitions);
    if (label) return destinationToFill(text, label, this.#definitions);
    const anchor = OPEN_ANCHOR.exec(before);
    if (anchor) return hrefToFill(anchor[0], start);
    if (text[start - 1] === "<" && text[endOfUrl] === ">") {
      return this.#linkFrom({ start: start - 1, end: endOfUrl + 1 });
    }
    return this.#linkFrom({ start, end });
  }

  /** Where a note goes for what stands from `start` to `end`: in place of the whole link, where it is in one. */
  placeForNote(range: Range): LinkPlace | undefined {
    const place = this.placeFor(range);
    if (!place || place.form === "attribute") return undefined;
    if (place.form !== "destination") return place;
    const link = linkAround(this.#text, place);
    return link && this.#linkFrom(link);
  }

  /** A link of its own, or a note. It is none inside a code span: what the span has besides stays one. */
  #linkFrom({ start, end }: Range): LinkPlace | undefined {
    const text = this.#text;
    const form = isInside(this.#htmlBlocks, start) ? "anchor" : "link";
    const place = replacing(start, end, form);
    const span = spanAround(this.#spans, start);
    if (span) {
      const { ticks } = span;
      const close = span.end - ticks.length;
      const head = text.slice(span.start + ticks.length, start);
      const tail = text.slice(end, close);
      // A backtick beside it would make the span's own ones longer.
      if (head.endsWith("`") || tail.startsWith("`")) return undefined;
      if (head.trim() === "") place.start = span.start;
      else place.before = ticks;
      if (end > close) {
        // A backtick in a name ends the span, as Markdown reads it. It was meant to end where the name does.
        if (place.before !== "" || !text.startsWith(ticks, end)) return undefined;
        place.end = end + ticks.length;
      } else if (tail.trim() === "") place.end = span.end;
      else place.after = ticks;
    }
    if (place.before !== "") return place;
    // "!" before a link makes it an image, a backslash makes its bracket one of the text.
    if (isEscaped(text, place.start)) {
      place.start--;
    } else if (text[place.start - 1] === "!" && !isEscaped(text, place.start - 1)) {
      place.start--;
      place.before = "&#33;";
    }
    return place;
  }

  /** Whether it is a string of JSON, whole: the value of a member, or any string in a text that is all JSON. */
  #isJsonString(start: number, end: number): boolean {
    const text = this.#text;
    const lead = /(\\{0,4})"$/.exec(text.slice(Math.max(0, start - 5), start));
    if (!lead || !text.startsWith(lead[0], end)) return false;
    if (this.isJson && lead[1] === "") return true;
    const isMember = /"\s{0,40}:\s{0,40}\\{0,4}"$/.test(text.slice(Math.max(0, start - 96), start));
    return isMember && /^\\{0,4}"\s{0,80}[,}\]]/.test(text.slice(end, end + 96));
  }
}

/** A tag with attributes, as yet open. */
const OPEN_TAG = /<[a-z][\w-]*\s[^<>]*$/i;
/** `[^1]:` defines no link, but begins a footnote. */
const FOOTNOTE = /\[\^[^\]\n]{1,200}\]:\s{0,8}<?$/;

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A run of backticks, or what parts two paragraphs: no code span goes on over that. */
const TICKS_OR_BREAK = /`+|\n(?=[ \t>]*(?:\r?\n|[-+*#|]|\d{1,9}[.)]))/g;

/** The code spans of a text, in order. */
function codeSpans(text: string, blocks: readonly Range[]): CodeSpan[] {
  const spans: CodeSpan[] = [];
  let runs: Range[] = [];
  for (const { 0: found, index } of text.matchAll(TICKS_OR_BREAK)) {
    if (found.startsWith("`") && !isInside(blocks, index)) {
      runs.push({ start: index, end: index + found.length });
    } else {
      spans.push(...spansOf(text, runs));
      runs = [];
    }
  }
  return spans.concat(spansOf(text, runs));
}

/** The code spans that runs of backticks make: each is closed by the next that is as long. */
function spansOf(text: string, runs: readonly Range[]): CodeSpan[] {
  const closers = new Map<number, number[]>();
  for (let at = runs.length - 1; at >= 0; at--) {
    const length = runs[at]!.end - runs[at]!.start;
    closers.set(length, closers.get(length) ?? []);
    closers.get(length)!.push(at); // so the first one is the last of the list
  }
  const spans: CodeSpan[] = [];
  for (let at = 0; at < runs.length; at++) {
    const start = runs[at]!.start + (isEscaped(text, runs[at]!.start) ? 1 : 0);
    const candidates = closers.get(runs[at]!.end - start) ?? [];
    while (candidates.length > 0 && candidates.at(-1)! <= at) candidates.pop();
    const closer = candidates.at(-1);
    if (closer === undefined) continue;
    spans.push({ start, end: runs[closer]!.end, ticks: text.slice(start, runs[at]!.end) });
    at = closer;
  }
  return spans;
}

function spanAround(spans: readonly CodeSpan[], at: number): CodeSpan | undefined {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.end <= at) low = middle + 1;
    else high = middle;
  }
  const span = spans[low];
  return span && span.start < at ? span : undefined;
}

/** By the label of a definition, in lower case: where its destination is, if that leads nowhere. */
type Definitions = ReadonlyMap<string, LinkPlace | undefined>;

const DEFINITION =
  /^[ \t>]{0,16}\[([^[\]]{1,200})\]:\s{0,8}(?:(#|<#?>)|<[^<>\n]*>|[^\s<]\S*)(?=[ \t]*$|\s+["'(])/gm;

function definitionsOf(text: string): Definitions {
  return new Map(
    [...text.matchAll(DEFINITION)].map(({ 0: whole, 1: label, 2: nowhere, index }) => {
      const end = index + whole.length;
      return [
        label!.toLowerCase(),
        nowhere ? replacing(end - nowhere.length, end, "destination") : undefined,
      ] as const;
    }),
  );
}

/**
 * The label that what stands from `start` to `end` is in, or is: links do not nest. What names a definition is no text
 * either: it would name none.
 */
function labelAround(text: string, { start, end }: Range, definitions: Definitions): Range | undefined {
  for (let at = end, depth = 0; at < text.length && at - end < LONGEST_LABEL; at++) {
    if (text[at] === "[") depth++;
    else if (text[at] === "]" && depth-- === 0) {
      const label = labelBefore(text, at);
      if (!label || label.start > start) return undefined;
      const isLabel = /[([]/.test(text.charAt(at + 1)) || definitions.has(idOf(text, label));
      return isLabel ? label : undefined;
    } else if (text[at] === "\n" && /\n[ \t\r]*\n/y.test(text.slice(at, at + 9))) return undefined;
  }
  return undefined;
}

function idOf(text: string, { start, end }: Range): string {
  return text.slice(start, end).toLowerCase();
}

/** `[plan.docx](#)` and `[plan.docx]()` lead nowhere, and so may a definition: there is where the URL belongs. */
function destinationToFill(text: string, label: Range, definitions: Definitions): LinkPlace | undefined {
  const close = label.end;
  const behind = text.slice(close, close + LONGEST_LABEL);
  if (text[close + 1] !== "(") {
    const id = /^\]\[([^[\]]+)\]/.exec(behind)?.[1];
    return definitions.get(id?.toLowerCase() ?? idOf(text, label));
  }
  const nowhere = /^\]\(\s{0,8}(?:#|<#?>|(?=\s*\)))/.exec(behind)?.[0] ?? "";
  const end = close + nowhere.length;
  const isNowhere = nowhere !== "" && endOfMatch(CLOSED_DESTINATION, text, end) > end;
  return isNowhere ? replacing(close + 2, end, "destination") : undefined;
}

/** What the text before a place has from the `<a …>` on that it leaves open. */
const OPEN_ANCHOR = /<a (?:(?!<\\?\/?a\b).)*$/is;

/** `<a href="#">` and `<a href="">` lead nowhere as well. `anchor` ends at `at`. */
function hrefToFill(anchor: string, at: number): LinkPlace | undefined {
  const nowhere = /^[^>]*?\shref=(\\?["'])#?(?=\1)/i.exec(anchor)?.[0];
  if (!nowhere) return undefined;
  const end = at - anchor.length + nowhere.length;
  return replacing(nowhere.endsWith("#") ? end - 1 : end, end, "attribute");
}

/** What stands between a link's or a definition's destination and a place in its title. */
const TITLE = /(?:\]\(|(?:^|\n)[ \t>]*\[[^[\]\n]+\]:)\s*(?:<[^<>\n]*>|[^\s()<>]+)\s+\\?["'(][^"()\n]*$/;

/** A title is text, and Markdown none in there. */
function isInTitle(text: string, before: string, end: number): boolean {
  return TITLE.test(before) && /^.*?["')][ \t]*(?:\)|$)/m.test(text.slice(end, end + LONGEST_LABEL));
}
