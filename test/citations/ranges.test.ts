/** Tests how ranges are merged into a sorted list, and how that list is searched. */
import { expect, it } from "vitest";
import { Cursor, isInside, lastBefore, merge, overlaps } from "../../src/citations/ranges.js";

const range = (start: number, end: number) => ({ start, end });

it.each([
  ["apart", [range(5, 6), range(1, 4)], [range(1, 4), range(5, 6)]],
  ["touching", [range(1, 4), range(4, 6)], [range(1, 6)]],
  ["overlapping", [range(3, 6), range(1, 4)], [range(1, 6)]],
  ["one in the other", [range(1, 9), range(2, 3), range(8, 9), range(10, 11)], [range(1, 9), range(10, 11)]],
  ["none", [], []],
])("merges ranges: %s", (_, ranges, merged) => {
  expect(merge(ranges)).toEqual(merged);
});

it("finds the last range that starts before an offset", () => {
  const ranges = [range(1, 3), range(5, 8), range(9, 10)];
  const found = (at: number) => lastBefore(ranges, at)?.start;
  expect([0, 1, 2, 5, 6, 9, 10, 99].map(found)).toEqual([undefined, undefined, 1, 1, 5, 5, 9, 9]);
});

it.each([
  ["in order", [0, 1, 2, 5, 6, 9, 10, 99]],
  ["from the end", [99, 10, 9, 6, 5, 2, 1, 0]],
  ["up and down", [6, 2, 99, 0, 5, 5, 10, 1]],
])("a cursor finds the same ranges as a search: %s", (_, offsets) => {
  for (const ranges of [[], [range(1, 3)], [range(1, 3), range(5, 8), range(9, 10)]]) {
    const cursor = new Cursor(ranges);
    expect(offsets.map((at) => cursor.lastBefore(at))).toEqual(offsets.map((at) => lastBefore(ranges, at)));
  }
});

it("a range contains its start but not its end", () => {
  const ranges = [range(1, 3), range(5, 8)];
  expect([0, 1, 2, 3, 4, 5, 7, 8].filter((at) => isInside(ranges, at))).toEqual([1, 2, 5, 7]);
  expect(overlaps(ranges, 3, 5)).toBe(false);
  expect(overlaps(ranges, 2, 4)).toBe(true);
  expect(overlaps(ranges, 0, 99)).toBe(true);
});
