/** Detects a mention that a text repeats at equal distances. The caller then looks up the file of this mention only once. */
import { LONGEST_PATH } from "./mentions.js";

/** How many UTF-16 units before and after the start of a mention can affect which file the mention means. */
const LOOKBACK = 512;
const LOOKAHEAD = LONGEST_PATH + LOOKBACK;

/**
 * Counts how many times a text repeats a mention. Pass the mentions in the text's order: then each part of the text is
 * compared only once.
 */
export class Repetition {
  readonly #text: string;
  #period = 0;
  /** From the start of the comparison up to this offset, each UTF-16 unit equals the unit `#period` units later. */
  #end = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /**
   * Returns how many times the mention at `start` is repeated, each time `period` UTF-16 units later. A repetition counts only
   * if all the text that can affect the meaning of the mention is repeated too.
   */
  countAt(start: number, period: number): number {
    const from = start - LOOKBACK;
    if (from < 0) return 0;
    if (period !== this.#period || this.#end < from) {
      this.#period = period;
      this.#end = from;
    }
    const text = this.#text;
    const isSame = (end: number): boolean =>
      end + period < text.length && text.charCodeAt(end) === text.charCodeAt(end + period);
    let end = this.#end;
    // Comparing slices is ten times as fast as comparing characters.
    while (isSame(end) && text.slice(end, end + 256) === text.slice(end + period, end + period + 256))
      end += 256;
    while (isSame(end)) end++;
    this.#end = end;
    return Math.max(0, Math.floor((this.#end - start - LOOKAHEAD) / period));
  }
}
