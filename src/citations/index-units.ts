/** Converts annotation indices between Unicode code points, which the API counts, and UTF-16 units, which JavaScript counts. */
import { badInput } from "../errors.js";
import type { Annotation, IndexUnit } from "../types.js";
import { LONGEST_PATH } from "./mentions.js";
import { merge, type Range } from "./ranges.js";
import { decode, fold } from "./spelling.js";

const ASTRAL = /[\ud800-\udbff][\udc00-\udfff]/;

/** Throws a `TypeError` if `indexUnit` is not a unit. The error message contains `name` as the name of the option. */
export function checkIndexUnit(indexUnit: unknown, name: string): asserts indexUnit is IndexUnit {
  if (indexUnit !== "auto" && indexUnit !== "code-point" && indexUnit !== "utf-16") {
    throw badInput(name, '"auto", "code-point" or "utf-16"', indexUnit);
  }
}

/** Converts UTF-16 offsets to code point offsets. `offsets` must ascend. */
export function toCodePoints(text: string, offsets: readonly number[]): readonly number[] {
  return ASTRAL.test(text) ? converted(text, offsets, true) : offsets;
}

/**
 * Converts ascending offsets to the other unit: from UTF-16 units if `isUtf16` is true, otherwise from code points. An offset
 * after the end of the text becomes `Infinity`.
 */
function converted(text: string, offsets: readonly number[], isUtf16: boolean): number[] {
  let units = 0;
  let points = 0;
  const reached = (): number => (isUtf16 ? units : points);
  return offsets.map((offset) => {
    while (reached() < offset && units < text.length) {
      units += text.codePointAt(units)! > 0xffff ? 2 : 1;
      points++;
    }
    if (reached() < offset) return Infinity;
    return isUtf16 ? points : units;
  });
}

/** An annotation with a range of text. */
interface Ranged extends Annotation {
  start_index: number;
  end_index: number;
}

/** Returns whether an annotation covers text. The range `0..0` covers no text. */
export function isRanged(annotation: Annotation): annotation is Ranged {
  const { start_index: start, end_index: end } = annotation;
  return Number.isInteger(start) && Number.isInteger(end) && start! >= 0 && end! > start!;
}

/** Returns the merged UTF-16 ranges that the annotations cover, and the unit of the annotations. */
export function coveredRanges(
  text: string,
  annotations: readonly Annotation[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): { ranges: Range[]; unit: Exclude<IndexUnit, "auto"> } {
  const { ranges, unit } = rangesOf(text, annotations.filter(isRanged), indexUnit, roots);
  return { ranges: merge(ranges), unit };
}

/**
 * Returns the UTF-16 range of each annotation, and the unit that the annotations count in. A range may end after the text's end.
 *
 * With `"auto"`, each range is read in both units. An annotation decides the unit if its range covers the right text in only one
 * unit. For a container file citation, the right text is a path below a root or the file's name. For a `url_citation`, it is the
 * URL or a link to the URL. Container file citations are tried first. If no annotation decides, the unit is code points, as in
 * the API.
 *
 * If code points and UTF-16 units give the same offsets in this text, the returned unit is `"utf-16"`.
 */
export function rangesOf(
  text: string,
  ranged: readonly Ranged[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): { ranges: Range[]; unit: Exclude<IndexUnit, "auto"> } {
  const inUtf16 = ranged.map(({ start_index, end_index }) => ({ start: start_index, end: end_index }));
  if (indexUnit === "utf-16" || !ASTRAL.test(text)) return { ranges: inUtf16, unit: "utf-16" };
  const ends = inUtf16.flatMap(({ start, end }) => [start, end]).sort((a, b) => a - b);
  const converts = converted(text, ends, false);
  const utf16Of = new Map(ends.map((end, position) => [end, converts[position]!]));
  const inCodePoints = inUtf16.map(({ start, end }) => ({
    start: utf16Of.get(start)!,
    end: utf16Of.get(end)!,
  }));
  if (indexUnit === "auto") {
    /**
     * Finds the first annotation whose range fits in only one unit. Returns true if this unit is UTF-16, false if it is code
     * points. Returns `undefined` if there is no such annotation.
     */
    const fitsOnlyUtf16 = (
      fits: (covered: string, annotation: Annotation) => boolean,
    ): boolean | undefined => {
      for (const [at, annotation] of ranged.entries()) {
        const fitsUtf16 = fits(text.slice(inUtf16[at]!.start, inUtf16[at]!.end), annotation);
        const fitsCodePoints = fits(text.slice(inCodePoints[at]!.start, inCodePoints[at]!.end), annotation);
        if (fitsUtf16 !== fitsCodePoints) return fitsUtf16;
      }
      return undefined;
    };
    const isUtf16 =
      fitsOnlyUtf16((covered, annotation) => spellsItsFile(covered, annotation, roots)) ??
      fitsOnlyUtf16(coversItsLink);
    if (isUtf16) return { ranges: inUtf16, unit: "utf-16" };
  }
  return { ranges: inCodePoints, unit: "code-point" };
}

/** The maximum length of a Markdown link that a `url_citation` covers. A longer link does not decide the unit. */
const LONGEST_LINK = 8192;
const BEGINS_LINK = /^\(?\[/;

/** Returns whether `covered` is the URL of a `url_citation` or a Markdown link to this URL. The link may be in parentheses. */
function coversItsLink(covered: string, { type, url }: Annotation & { url?: unknown }): boolean {
  if (type !== "url_citation" || typeof url !== "string" || url === "") return false;
  if (covered === url) return true;
  if (covered.length > LONGEST_LINK || !BEGINS_LINK.test(covered) || !covered.endsWith(")")) return false;
  return covered.includes(`](${url}`);
}

/** Returns whether `covered` is text that a container file citation can cover: a path below a root, or the file's name. */
function spellsItsFile(covered: string, { type, filename }: Annotation, roots: readonly string[]): boolean {
  // A range that is longer than any path cannot decide the unit.
  if (type !== "container_file_citation" || covered.length > LONGEST_PATH) return false;
  const meant = fold(decode(covered));
  if (typeof filename === "string" && meant === fold(filename)) return true;
  // The path must begin at the first covered character. Otherwise the wrong unit could match too. For example, if one emoji
  // comes before the path, the wrong unit covers "andbox:/mnt/data/…".
  const start = /^(?:(?:sandbox|https?|file|attachment):\/{0,3}|\/)/.exec(meant)?.[0];
  return (
    start !== undefined && roots.some((root) => meant.startsWith(fold(`${root}/`).slice(1), start.length))
  );
}
