/** Finds the code spans of a text: the text between two runs of backticks of the same length. */

import { isInside, type Range } from "../ranges.js";
import { isEscaped } from "./places.js";

/** A code span, with the backticks around it. */
export interface CodeSpan extends Range {
  ticks: string;
}

/** Matches a run of backticks, or a line break that ends a paragraph. A code span never continues in the next paragraph. */
const TICKS_OR_BREAK = /`+|\n(?=[ \t>]*(?:\r?\n|[-+*#|]|\d{1,9}[.)]))/g;

/** A run of backticks without a closing run so far. A later run of the same length in the same paragraph would close it. */
export interface OpenRun {
  start: number;
  length: number;
}

/** Returns the code spans of a text, in order. Ignores backticks inside `blocks`, the text's code blocks. */
export function codeSpans(text: string, blocks: readonly Range[]): CodeSpan[] {
  return readSpans(text, blocks).spans;
}

/** Returns the code spans of a text, and the open runs of backticks in its last paragraph. */
export function readSpans(text: string, blocks: readonly Range[]): { spans: CodeSpan[]; open: OpenRun[] } {
  const spans: CodeSpan[] = [];
  let runs: Range[] = [];
  for (const { 0: found, index } of text.matchAll(TICKS_OR_BREAK)) {
    if (found.startsWith("`") && !isInside(blocks, index)) {
      runs.push({ start: index, end: index + found.length });
    } else {
      addSpans(text, runs, spans);
      runs = [];
    }
  }
  return { spans, open: addSpans(text, runs, spans) };
}

/** Adds the code spans of one paragraph, and returns its open runs. A run is closed by the next run of the same length. */
function addSpans(text: string, runs: readonly Range[], spans: CodeSpan[]): OpenRun[] {
  const closers = new Map<number, number[]>();
  for (let at = runs.length - 1; at >= 0; at--) {
    const length = runs[at]!.end - runs[at]!.start;
    closers.set(length, closers.get(length) ?? []);
    closers.get(length)!.push(at); // the loop goes backward, so each list ends with its first run
  }
  const open: OpenRun[] = [];
  for (let at = 0; at < runs.length; at++) {
    const start = runs[at]!.start + (isEscaped(text, runs[at]!.start) ? 1 : 0);
    const length = runs[at]!.end - start;
    const candidates = closers.get(length) ?? [];
    while (candidates.length > 0 && candidates.at(-1)! <= at) candidates.pop();
    const closer = candidates.at(-1);
    if (closer === undefined) {
      if (length > 0) open.push({ start, length });
      continue;
    }
    spans.push({ start, end: runs[closer]!.end, ticks: text.slice(start, runs[at]!.end) });
    at = closer;
  }
  return open;
}

/** Returns the code span that starts before `at` and ends after `at`, if there is one. */
export function spanAround(spans: readonly CodeSpan[], at: number): CodeSpan | undefined {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.end <= at) low = middle + 1;
    else high = middle;
  }
  const span = spans[low];
  return span && span.start < at ? span : undefined;
}
