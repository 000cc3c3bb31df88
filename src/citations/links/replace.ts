/** Replaces cited links in a text with the caller's URLs. */
import { badInput, isRecord, isThenable } from "../../errors.js";
import type { Annotation, ContainerFileCitation, IndexUnit, UnresolvedMention } from "../../types.js";
import { checkIndexUnit, isRanged, rangesOf } from "../index-units.js";
import { LinkMarkup } from "../markup/link-markup.js";
import { type LinkPlace, LinkPlaces } from "../markup/link-places.js";
import { DEFAULT_ROOTS } from "../mentions.js";
import { merge, overlaps, type Range } from "../ranges.js";
import { type LinkUrl, linkAt, noteAt } from "./writing.js";

/** Options of {@link replaceFileLinks}. */
export interface ReplaceOptions {
  /** The unit of `start_index` and `end_index` in `annotations`. Default `"auto"`. */
  indexUnit?: IndexUnit | undefined;
  /**
   * Mentions without a citation, as `resolveFileCitations` or a report returns them. If the text at a mention's range is not the
   * mention's text, the mention belongs to another part and is ignored. Default: none.
   */
  unresolved?: readonly UnresolvedMention[] | null | undefined;
  /**
   * Returns a note in Markdown that replaces a mention in `unresolved`. If the mention is a link's destination, the note replaces
   * the whole link. If `onMissing` returns `null` or `undefined`, the mention stays unchanged. These mentions always stay
   * unchanged:
   *
   * - a mention in an HTML attribute or in a link reference definition;
   * - the destination of a link whose label contains a cited image;
   * - a mention at a place where {@link replaceFileLinks} never writes a link;
   * - a folder that is not a link's destination.
   */
  onMissing?: ((mention: UnresolvedMention) => string | null | undefined) | undefined;
}

/**
 * Returns the text with each cited file as a working link.
 *
 * | the citation covers | the result |
 * |---|---|
 * | the destination of a link, an image or a reference definition | the URL replaces it; label, title and angle brackets stay |
 * | only a link's label with its brackets, only its parentheses, or the whole link | the URL replaces the link's destination |
 * | a bare path (with or without quotes or brackets around it), an autolink, or a file name | `[filename](url)`, or `<a href>` in an HTML block |
 * | all or part of a code span | as for a bare path, without backticks around the link; the rest of the span stays code |
 * | an attribute's value, a string in JSON, text in a code block | only the URL |
 * | text in the label of a link that leads nowhere or to `#` | the URL becomes the link's destination |
 * | text in any other label, in the name of a definition, in a title, a comment, a script or a style sheet | unchanged |
 *
 * A `!` or a backslash right before a new link becomes an entity if it would otherwise turn the link into an image or plain text.
 *
 * A file name or a URL cannot break out of its place. In a URL, quotes, parentheses and characters that are invalid in URLs are
 * percent-encoded. In a file name, characters with a meaning in Markdown or HTML become entities, and control and bidi characters
 * become U+FFFD. The scheme of a URL is not checked: a `javascript:` URL from `toUrl` is written like any other.
 *
 * @param text the text of an `output_text` part.
 * @param annotations all annotations of the part. These are ignored: annotations without a range, annotations with a range
 * outside of the text, and citations that overlap.
 * @param toUrl returns the URL for a citation. It is called once for each link to write, in the text's order. If it returns a
 * promise, `replaceFileLinks` returns a promise too. If there is no link to write, `toUrl` is not called, and the result is a
 * string, not a promise. `await` accepts both.
 * @throws {TypeError} if an argument is invalid, or if `toUrl` or `onMissing` returns an invalid value. The message names the
 * value, what is expected and what was received.
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
  const missing = onMissing ? (unresolved ?? []).filter((mention) => isMentionOf(text, mention)) : [];
  if (citations.length + missing.length === 0) return text;

  const places = new LinkPlaces(new LinkMarkup(text));
  const placed = new Map<string, CitedPlace>();
  for (const { annotation, range } of citations) {
    const place = places.placeFor(range);
    if (!place) continue;
    const key = `${place.start} ${place.end} ${annotation.container_id} ${annotation.file_id}`;
    if (!placed.has(key)) placed.set(key, { annotation, place });
  }
  const links = withoutOverlaps([...placed.values()]);
  const linked = merge(links.map(({ place }) => place));
  const notes = missing.flatMap((mention): Replacement[] => {
    const place = places.placeForNote(mention);
    if (!place || overlaps(linked, place.start, place.end)) return [];
    return noteFor(mention, place, onMissing!, places.isJson);
  });
  const build = (urls: readonly LinkUrl[]): string =>
    replaced(text, [...links.flatMap((link, at) => linkFor(link, urls[at])), ...notes]);
  const urls: ReturnType<typeof toUrl>[] = [];
  try {
    for (const { annotation } of links) urls.push(toUrl(annotation));
  } catch (error) {
    void Promise.allSettled(urls); // otherwise, rejections of these promises would be unhandled
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
  if (typeof toUrl !== "function") throw badInput("toUrl", "a function that takes a citation", toUrl);
  if (!isRecord(options)) throw badInput("options", "an object", options);
  const { indexUnit, unresolved, onMissing }: ReplaceOptions = options;
  if (indexUnit !== undefined) checkIndexUnit(indexUnit, "options.indexUnit");
  if (unresolved != null && !Array.isArray(unresolved)) {
    throw badInput("options.unresolved", "an array of mentions", unresolved);
  }
  if (onMissing !== undefined && typeof onMissing !== "function") {
    throw badInput("options.onMissing", "a function that takes a mention", onMissing);
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

/** Returns the container file citations whose range is in the text and cuts no surrogate pair. */
function citationsOf(text: string, annotations: readonly unknown[], indexUnit: IndexUnit): CitedRange[] {
  // Keeps annotations of all types for now. `rangesOf` finds out from their ranges whether indices count code points or UTF-16
  // units, and a `url_citation` can decide this too.
  const ranged = (annotations.filter(isRecord) as unknown as Annotation[]).filter(isRanged);
  const { ranges } = rangesOf(text, ranged, indexUnit, DEFAULT_ROOTS);
  return ranged.flatMap((annotation, at): CitedRange[] => {
    const range = ranges[at]!;
    if (!isFileCitation(annotation)) return [];
    if (range.end > text.length || isInSurrogatePair(text, range.start) || isInSurrogatePair(text, range.end))
      return [];
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

/** Returns whether `at` is between the two units of a surrogate pair. */
function isInSurrogatePair(text: string, at: number): boolean {
  return text.codePointAt(at - 1)! > 0xffff;
}

/** Returns whether a mention belongs to this text: the text at the mention's range is the mention's text. */
function isMentionOf(text: string, mention: UnresolvedMention): boolean {
  if (!isRecord(mention)) return false;
  const { start, end, text: spelled } = mention;
  return spelled !== "" && text.slice(start, end) === spelled;
}

/** Returns the links whose place overlaps no other place, in the text's order. If two places overlap, neither gets a link. */
function withoutOverlaps(links: readonly CitedPlace[]): CitedPlace[] {
  const sorted = [...links].sort((a, b) => a.place.start - b.place.start);
  let reach = 0;
  return sorted.filter(({ place }, at) => {
    const overlapsBefore = place.start < reach;
    reach = Math.max(reach, place.end);
    // The two citations in `[a.csv, b.csv]()` have the same place: the empty range between the parentheses. Empty ranges never
    // overlap, so the starts of the ranges are compared too.
    const isShared = [at - 1, at + 1].some((other) => sorted[other]?.place.start === place.start);
    return !overlapsBefore && !isShared && place.end <= (sorted[at + 1]?.place.start ?? place.end);
  });
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
  const link = linkAt(place, annotation, url);
  return link ? [{ place, written: link.before + link.url + link.after }] : [];
}

function noteFor(
  mention: UnresolvedMention,
  place: LinkPlace,
  onMissing: (mention: UnresolvedMention) => string | null | undefined,
  isJson: boolean,
): Replacement[] {
  const written = noteAt(place, onMissing(mention), isJson);
  return written === undefined ? [] : [{ place, written }];
}
