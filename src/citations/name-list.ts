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

/** One for all: nearly every walk finds nothing. */
const NOTHING: readonly Spelled[] = [];

export class NameList {
  readonly #names: readonly string[];
  /** The names again, one behind the other, each with a 0 at its end: read several times as fast as strings. */
  readonly #codes: Uint16Array;
  /** Where in `#codes` each begins. */
  readonly #starts: Uint32Array;

  /** `names` are folded. */
  constructor(names: Iterable<string>) {
    this.#names = [...new Set(names)].sort();
    this.#starts = new Uint32Array(this.#names.length);
    this.#codes = new Uint16Array(this.#names.reduce((length, name) => length + name.length + 1, 0));
    let at = 0;
    for (const [position, name] of this.#names.entries()) {
      this.#starts[position] = at;
      for (let index = 0; index < name.length; index++) this.#codes[at++] = name.charCodeAt(index);
      at++;
    }
  }

  /** Every name that `text` spells from `start`, longest first. */
  spelledAt(text: string, start: number): readonly Spelled[] {
    const whole = { low: 0, high: this.#names.length, depth: 0, at: start };
    let found = this.#readPlain(whole, text, NOTHING);
    for (let walks: Walk[] = isOver(whole, text) ? [] : [whole]; walks.length > 0; ) {
      const next: Walk[] = [];
      for (const walk of walks) {
        this.#read(walk, readLiteral(text, walk.at), next);
        // A "%20" may be the name's own three characters or a space: both readings go on, as far as names do.
        const encoded = readEncoded(text, walk.at);
        if (encoded) this.#read(walk, encoded, next);
      }
      for (const walk of next) found = this.#readPlain(walk, text, found);
      walks = next.filter((walk) => !isOver(walk, text));
    }
    return found.length > 1 ? [...found].sort((a, b) => b.end - a.end) : found;
  }

  /** Reads on as far as the text is plain, nearly all of every walk. Returns what was found before, and on the way. */
  #readPlain(walk: Walk, text: string, before: readonly Spelled[]): readonly Spelled[] {
    const codes = this.#codes;
    let { low, high, depth, at } = walk;
    let found = before;
    while (low < high) {
      // They are sorted: as long as the first and the last go on alike, all do.
      const first = this.#starts[low]!;
      const last = this.#starts[high - 1]!;
      let plain = plainAt(text, at);
      while (plain !== 0 && codes[first + depth] === plain && codes[last + depth] === plain) {
        depth++;
        plain = plainAt(text, ++at);
      }
      if (codes[first + depth] === 0) {
        found = [...found, { end: at, name: this.#names[low]! }];
        low++;
      } else if (plain !== 0) {
        low = this.#lowerBound(low, high, depth, plain);
        high = this.#lowerBound(low, high, depth, plain + 1);
      } else {
        break;
      }
    }
    walk.low = low;
    walk.high = high;
    walk.depth = depth;
    walk.at = at;
    return found;
  }

  /** Goes on from `walk` by one reading of what stands there, if some names do. */
  #read({ low, high, depth }: Walk, { meant, end }: Reading, walks: Walk[]): void {
    const folded = fold(meant);
    for (let index = 0; index < folded.length; index++, depth++) {
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
      if (this.#codes[this.#starts[middle]! + depth]! < code) first = middle + 1;
      else end = middle;
    }
    return first;
  }
}

function isOver({ low, high, at }: Walk, text: string): boolean {
  return low === high || at >= text.length;
}

/** ASCII in lower case; 0 for what may begin an escape. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return "%&\\".includes(character) ? 0 : character.toLowerCase().charCodeAt(0);
});

/** The character at `at` in lower case where it is plain: ASCII that can be read in one way only. Else 0. */
function plainAt(text: string, at: number): number {
  // Nothing is read behind the text's end: V8 is several times slower where that was done once.
  const code = at < text.length ? text.charCodeAt(at) : 0;
  if (code === 0x2f && text[at + 1] === "/") return 0; // "a//b" is the same path as "a/b"
  return code < 0x80 ? PLAIN[code]! : 0;
}
