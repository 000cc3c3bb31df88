/** Merges and searches lists of ranges of a text. The search needs a sorted list of ranges that do not overlap. */

/** A range of text in UTF-16 offsets, `end` exclusive. */
export interface Range {
  start: number;
  end: number;
}

/** Returns the ranges in order, and joins ranges that touch or overlap. */
export function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const { start, end } of inTextOrder(ranges)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** Returns a copy of the items in the order of the text. */
export function inTextOrder<Item extends { start: number }>(items: readonly Item[]): Item[] {
  return [...items].sort((a, b) => a.start - b.start);
}

/** Returns the last of `ranges` that starts before `at`. */
export function lastBefore<R extends Range>(ranges: readonly R[], at: number): R | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.start < at) low = middle + 1;
    else high = middle;
  }
  // `ranges[-1]` is `undefined` too, but is looked up by property name. This lookup takes as long as the whole search.
  return low > 0 ? ranges[low - 1] : undefined;
}

/** A faster {@link lastBefore} for offsets that mostly ascend: each search starts at the result of the previous search. */
export class Cursor<R extends Range> {
  readonly #ranges: readonly R[];
  /** The number of ranges that start before the offset of the previous search. */
  #count = 0;

  constructor(ranges: readonly R[]) {
    this.#ranges = ranges;
  }

  /** Returns the last range that starts before `at`. */
  lastBefore(at: number): R | undefined {
    const ranges = this.#ranges;
    let count = this.#count;
    while (count > 0 && ranges[count - 1]!.start >= at) count--;
    while (count < ranges.length && ranges[count]!.start < at) count++;
    this.#count = count;
    return count > 0 ? ranges[count - 1] : undefined;
  }
}

/** Returns whether one of `ranges` overlaps the text from `start` to `end`. */
export function overlaps(ranges: readonly Range[], start: number, end: number): boolean {
  const last = lastBefore(ranges, end);
  return last !== undefined && last.end > start;
}

/** Returns whether the character at `at` is in one of `ranges`. */
export function isInside(ranges: readonly Range[], at: number): boolean {
  return overlaps(ranges, at, at + 1);
}
