/**
 * Decides for each cited range which text is replaced by a link, and in which form the link is written. A path in prose is replaced by a
 * new link. In a link's destination or an HTML attribute, the path is replaced by the URL alone. Like `places.ts`, this file
 * looks at the text around an offset and builds no tree. This file is long because it has each form of a link.
 */
import type { UnresolvedMention } from "../../types.js";
import { QUERY } from "../boundaries.js";
import { meantRange } from "../meant-range.js";
import { isInside, type Range } from "../ranges.js";
import { endOfMatch, testAt } from "../spelling.js";
import type { CodeSpan } from "./code-spans.js";
import type { LinkMarkup } from "./link-markup.js";
import {
  CLOSED_DESTINATION,
  closingBracket,
  isInDestination,
  LONGEST_LABEL,
  labelBefore,
  linkAround,
  placeOf,
} from "./places.js";

/** The range of text that a citation's link replaces, and the form of the link. */
export interface LinkPlace extends Range {
  /**
   * - `link`: a Markdown link.
   * - `anchor`: an HTML link.
   * - `destination`, `attribute`: the URL, escaped for a link's destination or an attribute's value.
   * - `code`, `json`: the URL without further escapes.
   */
  form: "link" | "anchor" | "destination" | "attribute" | "code" | "json";
  /** Text to write before and after the link, for example backticks that close a code span and open it again. */
  before: string;
  after: string;
}

function replacing(start: number, end: number, form: LinkPlace["form"]): LinkPlace {
  return { start, end, form, before: "", after: "" };
}

/** Finds the places for links in one text. */
export class LinkPlaces {
  /** True if the whole text is JSON, as with structured outputs. */
  readonly isJson: boolean;
  readonly #text: string;
  readonly #markup: LinkMarkup;
  readonly #definitions: Definitions;

  /**
   * @param isJson whether the whole text is JSON. Pass it if `markup` is only for a piece of the text, because a piece does
   * not show whether the whole text is JSON.
   */
  constructor(markup: LinkMarkup, isJson = isJsonText(markup.text)) {
    this.#text = markup.text;
    this.#markup = markup;
    this.isJson = isJson;
    this.#definitions = definitionsOf(markup.text);
  }

  /** Returns the place for the link of a cited range, or `undefined` if no link can be written for this range. */
  placeFor(cited: Range): LinkPlace | undefined {
    const range = meantRange(this.#text, cited);
    if (isInside(this.#markup.rawHtml, range.start)) return undefined;
    const before = this.#text.slice(Math.max(0, range.start - LONGEST_LABEL), range.start);
    const tag = OPEN_TAG.exec(before)?.[0];
    if (tag !== undefined) return placeInTag(tag, range.start, this.#endOfUrl(range));
    if (this.#isDestination(range.start)) return replacing(range.start, this.#endOfUrl(range), "destination");
    if (isInTitle(this.#text, range)) return undefined;
    return this.#placeOutsideLinks(range, before);
  }

  /** Returns where the query after a URL ends. Not called for paths in prose: many of them in a row would take quadratic time. */
  #endOfUrl({ end }: Range): number {
    return endOfMatch(QUERY, this.#text, end);
  }

  #isDestination(start: number): boolean {
    const { kind } = placeOf(this.#text, start, false);
    return kind === "destination" || (kind === "definition" && !testAt(FOOTNOTE, this.#text, start));
  }

  /** Returns the place for a range that is neither a link's destination nor an attribute. `before` is the text before `range`. */
  #placeOutsideLinks(range: Range, before: string): LinkPlace | undefined {
    const text = this.#text;
    const { start, end } = range;
    if (this.#markup.isInCodeBlock(start)) return replacing(start, end, "code");
    if (this.#isJsonString(start, end)) return replacing(start, end, "json");
    if (isInDestination(text, start)) return undefined;
    const label = labelAround(text, range, this.#definitions);
    if (label) return destinationToFill(text, label, this.#definitions);
    const anchor = OPEN_ANCHOR.exec(before);
    if (anchor) return hrefToFill(anchor[0], start);
    if (text[start - 1] !== "<") return this.#newLinkAt(range);
    const endOfUrl = this.#endOfUrl(range);
    return this.#newLinkAt(text[endOfUrl] === ">" ? { start: start - 1, end: endOfUrl + 1 } : range);
  }

  /**
   * Returns the place for a note about a mention, or `undefined` if the mention gets no note. If the mention is a link's
   * destination, the note replaces the whole link. A mention in an attribute or a definition gets no note. A folder outside a
   * destination gets no note either. For example, "Saved in /mnt/data: a.csv" has no broken link.
   */
  placeForNote(mention: Range & Pick<UnresolvedMention, "reason">): LinkPlace | undefined {
    const place = this.placeFor(mention);
    if (!place || place.form === "attribute") return undefined;
    if (place.form !== "destination") return mention.reason === "directory" ? undefined : place;
    const link = linkAround(this.#text, place);
    return link && this.#newLinkAt(link);
  }

  /** Returns the place for a new link or a note. A code span around the place is closed before it and opened again after it. */
  #newLinkAt({ start, end }: Range): LinkPlace | undefined {
    const form = isInside(this.#markup.htmlBlocks, start) ? "anchor" : "link";
    const place = replacing(start, end, form);
    const span = this.#markup.codeSpanAround(start);
    if (span && !this.#breakSpan(place, span)) return undefined;
    if (place.before === "" && form === "link") this.#keepApart(place);
    return place;
  }

  /**
   * Closes a code span where `place` starts, and opens the span again where `place` ends. `span` is the code span around `place`.
   * Returns false if this is impossible.
   */
  #breakSpan(place: LinkPlace, span: CodeSpan): boolean {
    const text = this.#text;
    const { ticks } = span;
    const close = span.end - ticks.length;
    const open = span.start + ticks.length;
    // The span cannot be closed and reopened here if its own text has a backtick right before or after the place. The inserted
    // backticks and this backtick would form one longer run, which does not close or reopen the span.
    if (text.slice(open, place.start).endsWith("`") || text.slice(place.end, close).startsWith("`"))
      return false;
    if (this.#isBlank(open, place.start)) place.start = span.start;
    else place.before = ticks;
    if (place.end > close) {
      // A backtick in a file name ended the span too early. The model meant the span to end after the name.
      if (place.before !== "" || !text.startsWith(ticks, place.end)) return false;
      place.end += ticks.length;
    } else if (this.#isBlank(place.end, close)) place.end = span.end;
    else place.after = ticks;
    return true;
  }

  /** Returns whether the text from `start` to `end` is white space, but not more than {@link LONGEST_RUN} characters. */
  #isBlank(start: number, end: number): boolean {
    return end - start <= LONGEST_RUN && this.#text.slice(start, end).trim() === "";
  }

  /**
   * Prevents the character before a new link from changing the link:
   *
   * - `!` would make the link an image. It becomes an entity.
   * - A backslash would escape the link's first bracket. If the backslash escapes the start of the path (`\/mnt/data/a.csv`),
   *   the link replaces the backslash too. Otherwise the backslash becomes an entity.
   * - After `]`, the link's label could become the id of a reference link. So an invisible character is written before the link.
   *
   * Entities are used instead of backslashes, because only an entity means the same in Markdown and in a JSON string.
   */
  #keepApart(place: LinkPlace): void {
    const text = this.#text;
    const backslash = this.#escapeBefore(place.start);
    const isLiteral = backslash > 0 && !PUNCTUATION.test(text.charAt(place.start));
    place.start -= backslash;
    if (isLiteral) {
      place.before = "&#92;";
      return;
    }
    const before = text[place.start - 1];
    if (this.#escapeBefore(place.start - 1) > 0) return;
    if (before === "!") {
      place.start--;
      place.before = "&#33;";
    } else if (before === "]" && this.#definitions.size > 0) {
      place.before = WORD_JOINER;
    }
  }

  /** Returns the length of the backslash that escapes the character at `at`: 2 in JSON, else 1. Returns 0 if there is none. */
  #escapeBefore(at: number): number {
    const length = this.isJson ? 2 : 1;
    let first = at;
    while (this.#text[first - 1] === "\\" && at - first < LONGEST_RUN) first--;
    return Math.floor((at - first) / length) % 2 === 1 ? length : 0;
  }

  /**
   * Returns whether a range is the whole content of a JSON string. If the text is JSON, any string counts. Otherwise, only the
   * value of a member counts, as in `"path": "…"`.
   */
  #isJsonString(start: number, end: number): boolean {
    const text = this.#text;
    const lead = /(\\{0,4})"$/.exec(text.slice(Math.max(0, start - 5), start));
    if (!lead || !text.startsWith(lead[0], end)) return false;
    if (this.isJson && lead[1] === "") return true;
    const isMember = /"\s{0,40}:\s{0,40}\\{0,4}"$/.test(text.slice(Math.max(0, start - 96), start));
    return isMember && /^\\{0,4}"\s{0,80}[,}\]]/.test(text.slice(end, end + 96));
  }
}

/**
 * How many characters of white space or backslashes are read next to a mention. Without this limit, many mentions beside one long
 * run would take quadratic time.
 */
const LONGEST_RUN = 1000;
/** Characters that a backslash escapes in Markdown. A backslash before any other character is a literal backslash. */
const PUNCTUATION = /[!-/:-@[-`{-~]/;
/** An invisible character that prevents a line break at its place. */
const WORD_JOINER = "&#8288;";

/**
 * Returns the place for a link from `start` to `end` if this range is an attribute's value. Otherwise, returns `undefined`. `tag`
 * is the text of the open tag up to `start`.
 */
function placeInTag(tag: string, start: number, end: number): LinkPlace | undefined {
  const value = /=\s*(\\?["'])?$/.exec(tag);
  if (!value) return undefined;
  const quote = value[1] ? "" : "'"; // an unquoted value must not contain `=`
  return { start, end, form: "attribute", before: quote, after: quote };
}

/** An unclosed tag with attributes at the end of a text. */
const OPEN_TAG = /<[a-z][\w-]*\s[^<>]*$/i;
/** `[^1]:` starts a footnote and does not define a link. */
const FOOTNOTE = /(?<=\[\^[^\]\n]{1,200}\]:\s{0,8}<?)/y;

function isJsonText(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * All definitions, by lower-case id. If a definition leads nowhere, such as `[a]: #`, the value is the place of its
 * destination, which a link can replace. For any other definition, the value is `undefined`.
 */
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
 * Returns the label that contains a range, if there is one. A range in a label gets no new link, because links cannot be nested.
 * The id of a definition counts as a label too: it must not change, because references to the definition contain the same id.
 */
function labelAround(text: string, { start, end }: Range, definitions: Definitions): Range | undefined {
  const close = closingBracket(text, end) ?? -1;
  const label = close < 0 ? undefined : labelBefore(text, close);
  if (!label || label.start > start) return undefined;
  const isLabel = /[([]/.test(text.charAt(label.end + 1)) || definitions.has(idOf(text, label));
  return isLabel ? label : undefined;
}

function idOf(text: string, { start, end }: Range): string {
  return text.slice(start, end).toLowerCase();
}

/**
 * Returns the place of a link's destination if the link leads nowhere, as in `[plan.docx](#)` and `[plan.docx]()`. The
 * destination can also be in a definition. Returns `undefined` if the link leads somewhere. `label` is the link's label.
 */
function destinationToFill(text: string, label: Range, definitions: Definitions): LinkPlace | undefined {
  const close = label.end;
  const after = text.slice(close, close + LONGEST_LABEL);
  if (text[close + 1] !== "(") {
    const id = /^\]\[([^[\]]+)\]/.exec(after)?.[1];
    return definitions.get(id?.toLowerCase() ?? idOf(text, label));
  }
  const nowhere = /^\]\(\s{0,8}(?:#|<#?>|(?=\s*\)))/.exec(after)?.[0] ?? "";
  const end = close + nowhere.length;
  const isNowhere = nowhere !== "" && endOfMatch(CLOSED_DESTINATION, text, end) > end;
  return isNowhere ? replacing(close + 2, end, "destination") : undefined;
}

/** An unclosed `<a …>` and all text after it. */
const OPEN_ANCHOR = /<a (?:(?!<\\?\/?a\b).)*$/is;

/** Returns the place of an `href` that leads nowhere, as in `<a href="#">`. `anchor` is the text from the `<a` to `at`. */
function hrefToFill(anchor: string, at: number): LinkPlace | undefined {
  const nowhere = /^[^>]*?\shref=(\\?["'])#?(?=\1)/i.exec(anchor)?.[0];
  if (!nowhere) return undefined;
  const end = at - anchor.length + nowhere.length;
  return replacing(nowhere.endsWith("#") ? end - 1 : end, end, "attribute");
}

/**
 * Matches at an offset that is in the title of a link or a definition, such as the `x` of `[a](b "x")`. The lookbehind reads
 * backwards from the offset to the destination. A forward search would have to start at each bracket before the offset.
 */
const TITLE =
  /(?<=(?:\]\(|(?:^|\n)[ \t>]{0,16}\[[^[\]\n]{1,200}\]:)\s{0,99}(?:<[^<>\n]{0,500}>|[^\s()<>]{1,500})\s{1,99}\\?["'(][^"()\n]{0,500})/y;

/** Returns whether a range is in the title of a link or a definition. A title is plain text, so a link in it would not work. */
function isInTitle(text: string, { start, end }: Range): boolean {
  return testAt(TITLE, text, start) && /^.*?["')][ \t]*(?:\)|$)/m.test(text.slice(end, end + LONGEST_LABEL));
}
