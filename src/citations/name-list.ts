/**
 * Names that are found along a text, however they are written there: their folded forms (see spelling.ts), sorted.
 * Names that begin alike stand together, so each character that is read leaves fewer of them.
 */
import { fold, type Reading, readEncoded, readLiteral } from "./spelling.js";

/** A name that the text spells, up to `end`. */
export interface Spelled {
  end: number;
  /** The name, folded. */
  name: string;
}

/** Those of the names, from `low` to before `high`, whose first `depth` characters the text means up to `at`. */
interface Walk {
  low: number;
  high: number;
  depth: number;
  at: number;
}

export class NameList {
  readonly #names: readonly string[];

  /** `names` are folded. */
  constructor(names: Iterable<string>) {
    this.#names = [...new Set(names)].sort();
  }

  /** Every name that `text` spells from `start`, longest first; of those as long, the one with fewer escapes read. */
  spelledAt(text: string, start: number): readonly Spelled[] {
    const found: Spelled[] = [];
    let walks: Walk[] = [{ low: 0, high: this.#names.length, depth: 0, at: start }];
    while (walks.length > 0) {
      const next: Walk[] = [];
      for (const walk of walks) {
        const shortest = this.#names[walk.low];
        if (shortest?.length === walk.depth) {
          found.push({ end: walk.at, name: shortest });
          walk.low++;
        }
        if (walk.low === walk.high || walk.at >= text.length) continue;
        this.#read(walk, readLiteral(text, walk.at), next);
        // A "%20" may be the name's own three characters or a space: both readings go on, as far as names do.
        const encoded = readEncoded(text, walk.at);
        if (encoded) this.#read(walk, encoded, next);
      }
      walks = next;
    }
    return found.sort((a, b) => b.end - a.end || b.name.length - a.name.length);
  }

  /** Goes on from `walk` by one reading of what stands there, if some names do. */
  #read({ low, high, depth }: Walk, { meant, end }: Reading, walks: Walk[]): void {
    const folded = fold(meant);
    for (let index = 0; index < folded.length && low < high; index++, depth++) {
      low = this.#lowerBound(low, high, depth, folded.charCodeAt(index));
      high = this.#lowerBound(low, high, depth, folded.charCodeAt(index) + 1);
    }
    // Two readings that lead to one place go on as one: without this, `%25%25%25…` would double with each `%25`.
    const isKnown = walks.some((other) => other.low === low && other.depth === depth && other.at === end);
    if (low < high && !isKnown) walks.push({ low, high, depth, at: end });
  }

  /** The first of the names from `low` to before `high`, which begin alike, that goes on at `depth` with `code` or more. */
  #lowerBound(low: number, high: number, depth: number, code: number): number {
    let first = low;
    let end = high;
    while (first < end) {
      const middle = (first + end) >> 1;
      if (this.#names[middle]!.charCodeAt(depth) < code) first = middle + 1;
      else end = middle;
    }
    return first;
  }
}
