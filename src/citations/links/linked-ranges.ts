/** Moves annotations from the model's text to the text with links. */
import type { Annotation, IndexUnit, RecoveredCitation } from "../../types.js";
import { isRanged, rangesOf, toCodePoints } from "../index-units.js";
import { meantRange } from "../meant-range.js";
import { lastBefore, merge, overlaps, type Range } from "../ranges.js";
import type { Replacement } from "./linked-text.js";

/** The model's text, the text with links, and the replacements that turn the first into the second. */
export interface TextWithLinks {
  original: string;
  text: string;
  /** In the order of the original text, without overlaps. */
  replacements: readonly Replacement[];
}

/** Returns `original` with all replacements made. */
export function withReplacements(original: string, replacements: readonly Replacement[]): string {
  let text = "";
  let from = 0;
  for (const { start, end, before, url, after } of replacements) {
    text += original.slice(from, start) + before + url + after;
    from = end;
  }
  return text + original.slice(from);
}

/**
 * Moves the ranges of annotations from the model's text to the text that has links. If a container file citation has a URL in
 * the new text, its range becomes the range of this URL. All other ranges move with the text. The range `0..0` stays.
 * Returns the same array if nothing was replaced or no annotation has a range.
 */
export function movedAnnotations(
  { original, text, replacements }: TextWithLinks,
  annotations: readonly Annotation[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): readonly Annotation[] {
  const ranged = annotations.filter(isRanged);
  if (replacements.length === 0 || ranged.length === 0) return annotations;
  const { ranges, unit } = rangesOf(original, ranged, indexUnit, roots);
  const moves = movesOf(replacements);
  const byMention = new Map(moves.map((move) => [move.mentionStart, move.url]));
  const moved = ranged.map((annotation, at) => {
    const range = ranges[at]!;
    if (annotation.type !== "container_file_citation") return movedRange(moves, range);
    const meant = meantRange(original, range);
    return byMention.get(meant.start) ?? urlFor(moves, meant) ?? movedRange(moves, range);
  });
  // The new indices count code points, as in the API. There are two exceptions: `indexUnit` is `"utf-16"`, or the annotations
  // show that their indices count UTF-16 units. Annotations can show this only in a text with a character of two UTF-16 units.
  const isUtf16 = indexUnit === "utf-16" || (unit === "utf-16" && rangesDiffer(original, indexUnit));
  const ends = moved.flatMap(({ start, end }) => [start, end]).sort((a, b) => a - b);
  const indices = isUtf16 ? ends : toCodePoints(text, ends);
  const indexOf = new Map(ends.map((end, position) => [end, indices[position]!]));
  const rangeOf = new Map<Annotation, Range>(ranged.map((annotation, at) => [annotation, moved[at]!]));
  return annotations.map((annotation) => {
    const range = rangeOf.get(annotation);
    if (!range) return annotation;
    return { ...annotation, start_index: indexOf.get(range.start)!, end_index: indexOf.get(range.end)! };
  });
}

const ASTRAL = /[\ud800-\udbff][\udc00-\udfff]/;

/**
 * Returns whether the annotations must show the unit of their indices. They must if `indexUnit` is `"auto"` and the text has a
 * character of two UTF-16 units.
 */
function rangesDiffer(original: string, indexUnit: IndexUnit): boolean {
  return indexUnit === "auto" && ASTRAL.test(original);
}

/** A replacement, and where it is in the text with links. */
interface Move extends Range {
  movedStart: number;
  movedEnd: number;
  mentionStart: number;
  url: Range | undefined;
}

function movesOf(replacements: readonly Replacement[]): Move[] {
  let by = 0;
  return replacements.map(({ start, end, before, url, after, mentionStart }) => {
    const movedStart = start + by;
    const urlStart = movedStart + before.length;
    const urlEnd = urlStart + url.length;
    const movedEnd = urlEnd + after.length;
    by = movedEnd - end;
    return {
      start,
      end,
      movedStart,
      movedEnd,
      mentionStart,
      url: url === "" ? undefined : { start: urlStart, end: urlEnd },
    };
  });
}

function urlFor(moves: readonly Move[], { start, end }: Range): Range | undefined {
  const move = lastBefore(moves, end);
  return move && move.end > start ? move.url : undefined;
}

function movedRange(moves: readonly Move[], { start, end }: Range): Range {
  return { start: movedOffset(moves, start, "movedStart"), end: movedOffset(moves, end, "movedEnd") };
}

/**
 * Converts an offset in the model's text to an offset in the text with links. An offset inside a replaced range becomes the
 * start or the end of the replacement: `inside` says which.
 */
function movedOffset(moves: readonly Move[], offset: number, inside: "movedStart" | "movedEnd"): number {
  const move = lastBefore(moves, offset);
  if (!move) return offset;
  return offset < move.end ? move[inside] : offset + move.movedEnd - move.end;
}

/**
 * Returns the `citations` whose range overlaps no container file citation in `annotations`. The indices of the result are in the
 * unit of `annotations`.
 */
export function uncitedLinks(
  original: string,
  annotations: readonly Annotation[],
  citations: readonly RecoveredCitation[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): RecoveredCitation[] {
  const ranged = annotations.filter(isRanged);
  const { ranges, unit } = rangesOf(original, ranged, indexUnit, roots);
  const covered = merge(
    ranged.flatMap(({ type }, at) =>
      type === "container_file_citation" ? [meantRange(original, ranges[at]!)] : [],
    ),
  );
  const isUtf16 = unit === "utf-16" && (indexUnit === "utf-16" || ASTRAL.test(original));
  return citations
    .filter(({ start, end }) => !overlaps(covered, start, end))
    .map((citation) => {
      if (!isUtf16) return citation;
      const { start, end, annotation } = citation;
      return { ...citation, annotation: { ...annotation, start_index: start, end_index: end } };
    });
}
