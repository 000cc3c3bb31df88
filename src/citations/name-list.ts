/**
 * Finds the known names that a text spells from an offset, in any encoding. The names are folded (see spelling.ts) and sorted.
 * So names with the same beginning form one range of the list, and each character of the text narrows the range.
 */
import { fold, isWordCharacter, type Reading, readEncoded, readLiteral } from "./spelling.js";

/** The names that a text spells between an offset and `end`. */
export interface Spelled {
  end: number;
  /** The folded names. For example, the text `a%20b` can spell two names: `a b` and `a%20b`. */
  names: string[];
}

/**
 * One way to read the text before the offset `at`: the text is the first `depth` characters of some names. These names have the
 * indices `low` to `high - 1` in the list.
 */
interface Walk {
  low: number;
  high: number;
  depth: number;
  at: number;
}

const NOTHING: readonly Spelled[] = [];

/** A list of names to find in texts. */
export class NameList {
  readonly #names: readonly string[];
  /** The first characters of all names. Most characters of a text are not in this set, so no search starts at them. */
  readonly #firsts: ReadonlySet<string>;

  /** `names` must be folded. */
  constructor(names: Iterable<string>) {
    this.#names = [...new Set(names)].sort();
    this.#firsts = new Set(this.#names.map((name) => name.charAt(0)));
  }

  /** Returns every name that `text` spells from `start`, longest first. */
  spelledAt(text: string, start: number): readonly Spelled[] {
    const first = text.charAt(start);
    // Checks slashes too, to start fewer searches. Each search reads consecutive slashes as one slash. A search from every
    // slash would therefore take quadratic time.
    if ((first === "/" || isWordCharacter(text, start)) && !this.#firsts.has(fold(first))) return NOTHING;
    const found = new Map<number, Spelled>();
    let walks: Walk[] = [{ low: 0, high: this.#names.length, depth: 0, at: start }];
    while (walks.length > 0) {
      const next: Walk[] = [];
      for (const walk of walks) {
        this.#takeName(walk, found);
        if (walk.low === walk.high || walk.at >= text.length) continue;
        this.#read(walk, readLiteral(text, walk.at), next);
        // "%20" may be three characters of the name or an encoded space. Both are tried.
        const encoded = readEncoded(text, walk.at);
        if (encoded) this.#read(walk, encoded, next);
      }
      walks = next;
    }
    if (found.size === 0) return NOTHING;
    return [...found.values()].sort((a, b) => b.end - a.end);
  }

  /** If `walk` has reached the end of a name, adds the name to `found` and removes it from the walk. */
  #takeName(walk: Walk, found: Map<number, Spelled>): void {
    const shortest = this.#names[walk.low];
    if (shortest?.length !== walk.depth) return;
    const others = found.get(walk.at);
    if (others) others.names.push(shortest);
    else found.set(walk.at, { end: walk.at, names: [shortest] });
    walk.low++;
  }

  /**
   * Continues a walk with the next character of the text. `meant` is the decoded character. If the text read so far is still
   * the beginning of a name, adds the continued walk to `walks`.
   */
  #read({ low, high, depth }: Walk, { meant, end }: Reading, walks: Walk[]): void {
    const folded = fold(meant);
    for (let index = 0; index < folded.length && low < high; index++, depth++) {
      low = this.#lowerBound(low, high, depth, folded.charCodeAt(index));
      high = this.#lowerBound(low, high, depth, folded.charCodeAt(index) + 1);
    }
    // If two walks have reached the same state, only one goes on. Otherwise each `%25` in `%25%25%25…` would double the walks.
    const isKnown = walks.some((other) => other.low === low && other.depth === depth && other.at === end);
    if (low < high && !isKnown) walks.push({ low, high, depth, at: end });
  }

  /** Returns the first index from `low` whose name has a character code >= `code` at `depth`. Returns `high` if none has. */
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
