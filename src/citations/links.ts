/** Cited links -> your URLs. */
import { badInput, isRecord } from "../bad-input.js";
import type { Annotation, ContainerFileCitation, IndexUnit, UnresolvedMention } from "../types.js";
import { checkIndexUnit, isRanged, rangesOf } from "./index-units.js";
import { type LinkPlace, LinkPlaces } from "./link-places.js";
import { DEFAULT_ROOTS } from "./mentions.js";
import { merge, overlaps, type Range } from "./ranges.js";

/** A URL for a citation. Nothing, or an empty string: the citation is left as it is. */
export type LinkUrl = string | null | undefined;

/** Options of {@link replaceFileLinks}. */
export interface ReplaceOptions {
  /** The unit of `start_index` and `end_index` in `annotations`. Default `"auto"`. */
  indexUnit?: IndexUnit | undefined;
  /**
   * Mentions without a citation, as `resolveFileCitations` or a report gives them. Those of another text, which do not
   * stand in this one, are ignored. Default: none.
   */
  unresolved?: readonly UnresolvedMention[] | null | undefined;
  /**
   * The note, in the text's own Markdown, that takes the place of a mention in `unresolved`, and of the whole link where
   * it is one. Nothing: the mention is left, and so is one in an attribute or a definition, or in a link around an image that
   * is cited.
   */
  onMissing?: ((mention: UnresolvedMention) => string | null | undefined) | undefined;
}

/**
 * The text of an answer, with each cited file as a link that works.
 *
 * - The destination of a link, an image or a reference is replaced. Its label and title stay, and so do its angle brackets.
 * - A bare path, one in quotes or brackets, an autolink, a file's name becomes `[filename](url)`. So does a code span,
 *   without its backticks; if it has more in it than the mention, the rest stays code. In an HTML block it is `<a href>`.
 * - An attribute's value, a string of JSON, and what stands in a code block becomes the URL alone.
 * - In the label of a link that leads elsewhere, in what names a definition, in a title, a comment, a script or a style
 *   sheet nothing is replaced; a link that leads to `#` or nowhere gets the URL.
 *
 * A file name or URL cannot break out of where it is written: of a URL, whatever none may have, quotes and round brackets
 * are percent-encoded; in a file name, what Markdown or HTML could read is written as an entity, and control and bidi
 * characters as U+FFFD. Whether a `javascript:` URL is a good idea is up to `toUrl`.
 *
 * @param text the text of an `output_text` part.
 * @param annotations all of the part's annotations. Those without a range or a place in the text are left out, and so are
 * citations that overlap.
 * @param toUrl the URL for a citation, called once for each, in the text's order. If it returns promises, so does this;
 * without any citation it is not called, and the text comes as it is: `await` takes both.
 * @throws {TypeError} for input of another shape; it names the value and what is taken.
 * @example
 * ```ts
 * import { replaceFileLinks } from "openai-file-citations";
 *
 * const text = "Here is [your plan](sandbox:/mnt/data/plan.docx).";
 * const citation = {
 *   type: "container_file_citation",
 *   container_id: "cntr_1",
 *   file_id: "cfile_1",
 *   filename: "plan.docx",
 *   start_index: 20,
 *   end_index: 47,
 * };
 * replaceFileLinks(text, [citation], ({ file_id }) => `https://example.com/files/${file_id}`);
 * // "Here is [your plan](https://example.com/files/cfile_1)."
 * ```
 */
export function replaceFileLinks(
  text: string,
  annotations: readonly Annotation[] | null | undefined,
  toUrl: (citation: ContainerFileCitation) => LinkUrl,
  options?: ReplaceOptions,
): string;
export function replaceFileLinks(
  text: string,
  annotations: readonly Annotation[] | null | undefined,
  toUrl: (citation: ContainerFileCitation) => LinkUrl | PromiseLike<LinkUrl>,
  options?: ReplaceOptions,
): string | Promise<string>;
export function replaceFileLinks(
  text: string,
  annotations: readonly Annotation[] | null | undefined,
  toUrl: (citation: ContainerFileCitation) => LinkUrl | PromiseLike<LinkUrl>,
  options: ReplaceOptions = {},
): string | Promise<string> {
  const { indexUnit = "auto", unresolved, onMissing } = checked(text, annotations, toUrl, options);
  const citations = citationsOf(text, annotations ?? [], indexUnit);
  const missing = onMissing ? (unresolved ?? []).filter((mention) => isSpelled(text, mention)) : [];
  if (citations.length + missing.length === 0) return text;

  const places = new LinkPlaces(text);
  const placed = new Map<string, CitedPlace>();
  for (const { annotation, range } of citations) {
    const place = places.placeFor(range);
    if (!place) continue;
    const key = `${place.start} ${place.end} ${annotation.container_id} ${annotation.file_id}`;
    if (!placed.has(key)) placed.set(key, { annotation, place });
  }
  const links = apart([...placed.values()]);
  const taken = merge(links.map(({ place }) => place));
  const notes = missing.flatMap((mention): Replacement[] => {
    const place = places.placeForNote(mention);
    if (!place || overlaps(taken, place.start, place.end)) return [];
    return noteFor(mention, place, onMissing!, places.isJson);
  });
  const build = (urls: readonly LinkUrl[]): string =>
    replaced(text, [...links.flatMap((link, at) => linkFor(link, urls[at])), ...notes]);
  const urls: ReturnType<typeof toUrl>[] = [];
  try {
    for (const { annotation } of links) urls.push(toUrl(annotation));
  } catch (error) {
    void Promise.allSettled(urls); // this error is the one that is told
    throw error;
  }
  return urls.some(isThenable) ? Promise.all(urls).then(build) : build(urls as LinkUrl[]);
}

function checked(
  text: unknown,
  annotations: unknown,
  toUrl: unknown,
  options: ReplaceOptions,
): ReplaceOptions {
  if (typeof text !== "string") throw badInput("text", "a string", text);
  if (annotations != null && !Array.isArray(annotations)) {
    throw badInput("annotations", "an array of annotations", annotations);
  }
  if (typeof toUrl !== "function") throw badInput("toUrl", "a function of a citation", toUrl);
  if (!isRecord(options)) throw badInput("options", "an object", options);
  const { indexUnit, unresolved, onMissing }: ReplaceOptions = options;
  if (indexUnit !== undefined) checkIndexUnit(indexUnit, "options.indexUnit");
  if (unresolved != null && !Array.isArray(unresolved)) {
    throw badInput("options.unresolved", "an array of mentions", unresolved);
  }
  if (onMissing !== undefined && typeof onMissing !== "function") {
    throw badInput("options.onMissing", "a function of a mention", onMissing);
  }
  return options;
}

interface CitedRange {
  annotation: ContainerFileCitation;
  range: Range;
}

interface CitedPlace {
  annotation: ContainerFileCitation;
  place: LinkPlace;
}

/** The citations that cover some of the text. */
function citationsOf(text: string, annotations: readonly unknown[], indexUnit: IndexUnit): CitedRange[] {
  // Other annotations prove the unit as well.
  const ranged = (annotations.filter(isRecord) as unknown as Annotation[]).filter(isRanged);
  const { ranges } = rangesOf(text, ranged, indexUnit, DEFAULT_ROOTS);
  return ranged.flatMap((annotation, at): CitedRange[] => {
    const range = ranges[at]!;
    if (!isFileCitation(annotation)) return [];
    if (range.end > text.length || isInPair(text, range.start) || isInPair(text, range.end)) return [];
    return [{ annotation, range }];
  });
}

function isFileCitation(annotation: Annotation): annotation is ContainerFileCitation {
  const { type, container_id, file_id, filename } = annotation;
  return (
    type === "container_file_citation" &&
    [container_id, file_id, filename].every((value) => typeof value === "string")
  );
}

/** Whether `at` is between the two halves of one character. */
function isInPair(text: string, at: number): boolean {
  return text.codePointAt(at - 1)! > 0xffff;
}

function isSpelled(text: string, mention: UnresolvedMention): boolean {
  if (!isRecord(mention)) return false;
  const { start, end, text: spelled } = mention;
  return spelled !== "" && text.slice(start, end) === spelled;
}

/** Those that overlap no other, in the text's order: which of two files is meant is not ours to say. */
function apart(links: readonly CitedPlace[]): CitedPlace[] {
  const sorted = [...links].sort((a, b) => a.place.start - b.place.start);
  let reach = 0;
  return sorted.filter(({ place }, at) => {
    const overlapsBefore = place.start < reach;
    reach = Math.max(reach, place.end);
    return !overlapsBefore && place.end <= (sorted[at + 1]?.place.start ?? place.end);
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

interface Replacement {
  place: Range;
  written: string;
}

function replaced(text: string, replacements: Replacement[]): string {
  let result = "";
  let from = 0;
  for (const { place, written } of replacements.sort((a, b) => a.place.start - b.place.start)) {
    if (place.start < from) continue;
    result += text.slice(from, place.start) + written;
    from = place.end;
  }
  return result + text.slice(from);
}

function linkFor({ annotation, place }: CitedPlace, url: LinkUrl): Replacement[] {
  if (url == null || url === "") return [];
  if (typeof url !== "string") throw badInput("what toUrl returns", "a URL as a string, or undefined", url);
  return [{ place, written: place.before + writtenLink(place, annotation, safeUrl(url)) + place.after }];
}

function writtenLink({ form }: LinkPlace, citation: ContainerFileCitation, url: string): string {
  switch (form) {
    case "code":
    case "json":
      return url;
    case "destination":
      return url.replace(ENTITY, "&amp;");
    case "attribute":
      return url.replaceAll("&", "&amp;");
    case "anchor":
      return `<a href="${url.replaceAll("&", "&amp;")}">${labelOf(citation)}</a>`;
    case "link":
      return `[${labelOf(citation)}](${url.replace(ENTITY, "&amp;")})`;
  }
}

function noteFor(
  mention: UnresolvedMention,
  place: LinkPlace,
  onMissing: (mention: UnresolvedMention) => string | null | undefined,
  isJson: boolean,
): Replacement[] {
  const note: unknown = onMissing(mention);
  if (note == null) return [];
  if (typeof note !== "string") throw badInput("what onMissing returns", "a string or undefined", note);
  const inPlace = isJson || place.form === "json" ? JSON.stringify(note).slice(1, -1) : note;
  return [{ place, written: place.before + inPlace + place.after }];
}

/** What a URL is made of, without quotes and round brackets, which end it in a link or in code. */
const NOT_IN_URL = /[^\w\-.~:/?#[\]@!$&*+,;=%]+/g;
/** Half of a character, which no URL can hold. */
const LONE_SURROGATE = /\p{Cs}/gu;
/** Where `&` would begin an entity. */
const ENTITY = /&(?=#?\w+;)/g;

/** A URL that ends nothing: no destination, attribute, string, code or cell of a table. */
function safeUrl(url: string): string {
  return url
    .replace(LONE_SURROGATE, "\ufffd")
    .replace(NOT_IN_URL, (run) => encodeURIComponent(run).replace(/['()]/g, encoded));
}

/** What `encodeURIComponent` leaves. */
function encoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16)}`;
}

/** Control characters and halves of one, what breaks a line, and what turns the direction of writing. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
/** What Markdown or HTML could read; an underscore only where it can begin or end an emphasis. */
const MARKUP = /[[\]\\`*<>|"~$]|&(?=#?\w+;)|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;

/** A file's name as a label. Entities, unlike backslashes, mean the same in Markdown, HTML and a string of JSON. */
function labelOf({ filename, file_id }: ContainerFileCitation): string {
  return (filename.trim() === "" ? file_id : filename)
    .replace(UNSEEN, "\ufffd")
    .replace(MARKUP, (character) => `&#${character.codePointAt(0)};`);
}
