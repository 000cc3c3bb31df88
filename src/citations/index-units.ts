/** Code points and UTF-16 units: the API counts the former, JavaScript the latter. */
import { badInput } from "../bad-input.js";
import type { Annotation, IndexUnit } from "../types.js";
import { LONGEST_PATH } from "./mentions.js";
import { merge, type Range } from "./ranges.js";
import { decode, fold } from "./spelling.js";

const ASTRAL = /[\ud800-\udbff][\udc00-\udfff]/;

/** Throws a `TypeError` for what is no unit, by the name that its caller knows it by. */
export function checkIndexUnit(indexUnit: unknown, name: string): asserts indexUnit is IndexUnit {
  if (indexUnit !== "auto" && indexUnit !== "code-point" && indexUnit !== "utf-16") {
    throw badInput(name, '"auto", "code-point" or "utf-16"', indexUnit);
  }
}

/** UTF-16 offsets as code point offsets. `offsets` are in ascending order. */
export function toCodePoints(text: string, offsets: readonly number[]): readonly number[] {
  return ASTRAL.test(text) ? converted(text, offsets, true) : offsets;
}

/** Offsets in one unit as offsets in the other, past the text's end `Infinity`. They are in ascending order. */
function converted(text: string, offsets: readonly number[], isUtf16: boolean): number[] {
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
  return { ranges: merge(ranges), unit };
}

/**
 * The range of each annotation, in UTF-16 offsets, and the unit they count in. With `"auto"`, a citation that spells its
 * link in one unit only proves that unit, and then one that ends behind the text in code points only; where none does, they
 * are code points, as the API's are. A range may end behind the text.
 */
export function rangesOf(
  text: string,
  ranged: readonly Ranged[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): { ranges: Range[]; unit: Exclude<IndexUnit, "auto"> } {
  const inUtf16 = ranged.map(({ start_index, end_index }) => ({ start: start_index, end: end_index }));
  // Where no character takes two of UTF-16's units, both units are the same.
  if (indexUnit === "utf-16" || !ASTRAL.test(text)) return { ranges: inUtf16, unit: "utf-16" };
  const ends = inUtf16.flatMap(({ start, end }) => [start, end]).sort((a, b) => a - b);
  const converts = converted(text, ends, false);
  const utf16Of = new Map(ends.map((end, position) => [end, converts[position]!]));
  const inCodePoints = inUtf16.map(({ start, end }) => ({
    start: utf16Of.get(start)!,
    end: utf16Of.get(end)!,
  }));
  if (indexUnit === "auto") {
    const spells = ({ start, end }: Range, at: number): boolean =>
      spellsItsFile(text.slice(start, end), ranged[at]!, roots);
    const proof = inUtf16.findIndex((range, at) => spells(range, at) !== spells(inCodePoints[at]!, at));
    const isUtf16 =
      proof >= 0
        ? spells(inUtf16[proof]!, proof)
        : inUtf16.some(({ end }, at) => end <= text.length && inCodePoints[at]!.end === Infinity);
    if (isUtf16) return { ranges: inUtf16, unit: "utf-16" };
  }
  return { ranges: inCodePoints, unit: "code-point" };
}

/** Whether `covered` is what a container file citation covers: a path below a root, or the file's name. */
function spellsItsFile(covered: string, { type, filename }: Annotation, roots: readonly string[]): boolean {
  // A range that is longer than any path proves nothing, and need not be read.
  if (type !== "container_file_citation" || covered.length > LONGEST_PATH) return false;
  const meant = fold(decode(covered));
  if (typeof filename === "string" && meant === fold(filename)) return true;
  // Exactly from its first character: in the other unit, one emoji before it leaves "andbox:/mnt/data/…".
  const start = /^(?:(?:sandbox|https?|file|attachment):\/{0,3}|\/)/.exec(meant)?.[0];
  return (
    start !== undefined && roots.some((root) => meant.startsWith(fold(`${root}/`).slice(1), start.length))
  );
}
