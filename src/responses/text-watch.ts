/** Looks at a text while it streams, for what the API will not cite by itself. */
import { finderOf, type MentionFinder } from "../citations/mentions.js";

/** How much of the text before a path tells what form it has: `[a label](sandbox:` at the most matters. */
const LONGEST_LEAD = 240;

export class TextWatch {
  readonly #finder: MentionFinder;
  /** The end of the text so far, of the item whose deltas come: a path may be cut between two. */
  #item: unknown;
  #text = "";

  constructor(roots: readonly string[]) {
    this.#finder = finderOf(roots);
  }

  /** Whether the text shows, by this delta of an item, a path that is not in the form that the API cites. */
  shows(item: unknown, delta: string): boolean {
    const text = item === this.#item ? this.#text + delta : delta;
    this.#item = item;
    let from = 0;
    for (let mention = this.#finder.next(text, 0); mention; mention = this.#finder.next(text, from)) {
      if (!mention.hasSlash) break; // the path may go on in the next delta
      from = mention.relativeStart;
      const isCitedByApi =
        mention.place.kind === "destination" && text.startsWith("sandbox:/", mention.start);
      if (!isCitedByApi) return true;
    }
    this.#text = text.slice(Math.max(from, text.length - LONGEST_LEAD));
    return false;
  }
}
