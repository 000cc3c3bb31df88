/** Scans streamed text for paths in a form that the API does not annotate. */
import { finderOf, type MentionFinder } from "../citations/mentions.js";

/**
 * How many characters at the end of the text are kept. They can contain the beginning of a path that the next delta continues.
 * The characters before the path are needed too: they show the path's form, such as `[a label](sandbox:`.
 */
const LONGEST_LEAD = 240;

export class TextWatch {
  readonly #finder: MentionFinder;
  /** The id of the item that the latest delta belongs to. */
  #item: unknown;
  /** The end of the item's text so far. It is kept, because a path can be split across deltas. */
  #text = "";

  constructor(roots: readonly string[]) {
    this.#finder = finderOf(roots);
  }

  /** Adds a delta to the text. Returns whether the text then contains a path in a form that the API does not annotate. */
  shows(item: unknown, delta: string): boolean {
    const text = item === this.#item ? this.#text + delta : delta;
    this.#item = item;
    let from = 0;
    for (let mention = this.#finder.next(text, 0); mention; mention = this.#finder.next(text, from)) {
      if (!mention.hasSlash) break; // the path may continue in the next delta
      from = mention.relativeStart;
      const isCitedByApi =
        mention.place.kind === "destination" && text.startsWith("sandbox:/", mention.start);
      if (!isCitedByApi) return true;
    }
    this.#text = text.slice(Math.max(from, text.length - LONGEST_LEAD));
    return false;
  }
}
