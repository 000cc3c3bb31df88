/** A text that says the same again and again: what that means needs to be found out once. */
import { LONGEST_PATH } from "./mentions.js";

/** How far back what is before a mention is read, and how far what is behind its start. */
const LOOKBACK = 512;
const LOOKAHEAD = LONGEST_PATH + LOOKBACK;

/** How far a text repeats itself. Nothing of it is read twice for that, as mentions come in order. */
export class Repetition {
  readonly #text: string;
  #period = 0;
  /** Each character before this one is the same as the one `#period` further on. */
  #end = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** How often the mention at `start` comes again, each `period` behind the last, in all that is ever read of it. */
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
    // Slices are compared ten times as fast as their characters.
    while (isSame(end) && text.slice(end, end + 256) === text.slice(end + period, end + period + 256))
      end += 256;
    while (isSame(end)) end++;
    this.#end = end;
    return Math.max(0, Math.floor((this.#end - start - LOOKAHEAD) / period));
  }
}
