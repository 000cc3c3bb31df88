/** Ranges of a text. Those in one list are in order and apart from each other, as {@link merge} leaves them. */

/** UTF-16 offsets, `end` exclusive. */
export interface Range {
  start: number;
  end: number;
}

/** Ranges in order, those that touch or overlap as one. */
export function merge(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const { start, end } of ranges.sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** The last of `ranges` that starts before `at`. */
export function lastBefore<R extends Range>(ranges: readonly R[], at: number): R | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.start < at) low = middle + 1;
    else high = middle;
  }
  // `ranges[-1]` would be looked for as a name: it takes as long as all the rest.
  return low > 0 ? ranges[low - 1] : undefined;
}

/** Whether one of `ranges` covers some of the text from `start` to `end`. */
export function overlaps(ranges: readonly Range[], start: number, end: number): boolean {
  const last = lastBefore(ranges, end);
  return last !== undefined && last.end > start;
}

/** Whether `at` is inside one of `ranges`. */
export function isInside(ranges: readonly Range[], at: number): boolean {
  return overlaps(ranges, at, at + 1);
}
