/** Code points and UTF-16 units: the API counts the former, JavaScript the latter. */
import type { Annotation, IndexUnit } from "../types.js";
import { merge, type Range } from "./ranges.js";
import { decode, fold } from "./spelling.js";

const ASTRAL = /[\ud800-\udbff][\udc00-\udfff]/;

/** UTF-16 offsets as code point offsets. `offsets` are in ascending order. */
export function toCodePoints(text: string, offsets: readonly number[]): number[] {
  return converted(text, offsets, true);
}

/** Offsets in one unit as offsets in the other, past the text's end `Infinity`. They are in ascending order. */
function converted(text: string, offsets: readonly number[], isUtf16: boolean): number[] {
  if (!ASTRAL.test(text)) return offsets.map((offset) => (offset <= text.length ? offset : Infinity));
  let units = 0;
  let points = 0;
  return offsets.map((offset) => {
    for (; (isUtf16 ? units : points) < offset && units < text.length; points++) {
      units += text.codePointAt(units)! > 0xffff ? 2 : 1;
    }
    if ((isUtf16 ? units : points) < offset) return Infinity;
    return isUtf16 ? points : units;
  });
}

/** An annotation that stands for a place in the text. */
interface Ranged extends Annotation {
  start_index: number;
  end_index: number;
}

/** Whether an annotation covers some text; `0..0` covers none. */
export function isRanged(annotation: Annotation): annotation is Ranged {
  const { start_index: start, end_index: end } = annotation;
  return Number.isInteger(start) && Number.isInteger(end) && start! >= 0 && end! > start!;
}

/**
 * The text that the annotations cover, in UTF-16 offsets and in order, and the unit they count in.
 */
export function coveredRanges(
  text: string,
  annotations: readonly Annotation[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): { ranges: Range[]; unit: Exclude<IndexUnit, "auto"> } {
  const { ranges, unit } = rangesOf(text, annotations.filter(isRanged), indexUnit, roots);
  return { ranges: merge(ranges.filter(({ start }) => start < text.length)), unit };
}

/**
 * The range of each annotation, in UTF-16 offsets, and the unit they count in. With `"auto"`, a citation that spells its
 * link in one unit only proves that unit; where none does, they are code points, as the API's are. A range may end
 * behind the text.
 */
export function rangesOf(
  text: string,
  ranged: readonly Ranged[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): { ranges: Range[]; unit: Exclude<IndexUnit, "auto"> } {
  if (ranged.length === 0) return { ranges: [], unit: indexUnit === "utf-16" ? "utf-16" : "code-point" };
  if (!ASTRAL.test(text)) return inEitherUnit(text, ranged, indexUnit);
  const ends = ranged.flatMap(({ start_index, end_index }) => [start_index, end_index]).sort((a, b) => a - b);
  const utf16 = converted(text, ends, false);
  const utf16Of = new Map(ends.map((end, position) => [end, utf16[position]!]));
  const asCodePoints = (end: number): number => utf16Of.get(end)!;
  const asUtf16 = (end: number): number => end;

  let unit: Exclude<IndexUnit, "auto"> = indexUnit === "utf-16" ? "utf-16" : "code-point";
  if (indexUnit === "auto") {
    const spellsAs = (annotation: Ranged, convert: (end: number) => number): boolean =>
      spellsItsFile(
        text.slice(convert(annotation.start_index), convert(annotation.end_index)),
        annotation,
        roots,
      );
    const proof = ranged.find(
      (annotation) => spellsAs(annotation, asCodePoints) !== spellsAs(annotation, asUtf16),
    );
    if (proof && spellsAs(proof, asUtf16)) unit = "utf-16";
  }
  const convert = unit === "utf-16" ? asUtf16 : asCodePoints;
  const ranges = ranged.map(({ start_index, end_index }) => ({
    start: convert(start_index),
    end: convert(end_index),
  }));
  return { ranges, unit };
}

/** The ranges where both units are the same, and none can be proved. */
function inEitherUnit(
  text: string,
  ranged: readonly Ranged[],
  indexUnit: IndexUnit,
): { ranges: Range[]; unit: Exclude<IndexUnit, "auto"> } {
  const unit = indexUnit === "utf-16" ? "utf-16" : "code-point";
  const convert = (end: number): number => (unit === "utf-16" || end <= text.length ? end : Infinity);
  const ranges = ranged.map(({ start_index, end_index }) => ({
    start: convert(start_index),
    end: convert(end_index),
  }));
  return { ranges, unit };
}

/** Longer than any path: a range that long proves nothing, and need not be read. */
const LONGEST_PATH = 4096;

/** Whether `covered` is what a container file citation covers: a path below a root, or the file's name. */
function spellsItsFile(covered: string, { type, filename }: Annotation, roots: readonly string[]): boolean {
  if (type !== "container_file_citation" || covered.length > LONGEST_PATH) return false;
  const meant = fold(decode(covered));
  if (typeof filename === "string" && filename !== "" && meant === fold(filename)) return true;
  // Exactly from its first character: in the other unit, one emoji before it leaves "andbox:/mnt/data/…".
  const start = /^(?:(?:sandbox|https?|file|attachment):\/{0,3}|\/)/.exec(meant)?.[0];
  return (
    start !== undefined && roots.some((root) => meant.startsWith(fold(`${root}/`).slice(1), start.length))
  );
}
