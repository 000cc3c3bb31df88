/** Compares the deltas of a text with the whole text in `response.output_text.done`. Keeps neither the deltas nor the text. */
import type { Event } from "./events.js";

/**
 * The result of comparing deltas with the whole text. `unknown`: they could not be compared, for example because a delta may be
 * missing.
 */
type Comparison = "same" | "different" | "no-deltas" | "unknown";

/** Counts the deltas of texts that stream one after another. Keeps only the length and a hash of the latest text. */
export class TextSum {
  /** The id of the item that began last. Texts of other items are not compared: they may have begun before this stream. */
  #added: unknown;
  /** The `output_index` of the latest text. `NaN` makes the next delta begin a new text, because it equals no index. */
  #output: unknown = Number.NaN;
  #content: unknown;
  #hasEnded = true;
  #length = 0;
  #hash = 0;
  /** The length and the hash without the white space at the text's end. */
  #trimmedLength = 0;
  #trimmedHash = 0;
  /** True once a text began before the previous text had ended. After that, `end` returns `unknown` for all texts. */
  #areMixed = false;

  /** Records that an item begins. */
  beginItem(item: unknown): void {
    this.#added = Object(item).id;
    if (this.#hasEnded) this.#output = Number.NaN;
  }

  /** Counts a delta. Returns false if the delta's text has already ended. Must be fast, because it runs for each delta. */
  add({ output_index: output, content_index: content, delta }: Event): boolean {
    if (output !== this.#output || content !== this.#content) this.#begin(output, content);
    else if (this.#hasEnded) return false;
    if (typeof delta !== "string") return true;
    const trimmed = delta.trimEnd().length;
    if (trimmed > 0) {
      this.#trimmedLength = this.#length + trimmed;
      this.#trimmedHash = this.#hash = hashOf(delta, 0, trimmed, this.#hash);
    }
    this.#length += delta.length;
    this.#hash = hashOf(delta, trimmed, delta.length, this.#hash);
    return true;
  }

  /** Takes the event that ends a text, and compares the whole text with its deltas. */
  end({ item_id: item, output_index: output, content_index: content, text }: Event): Comparison {
    const isBegun = output === this.#output && content === this.#content && !this.#hasEnded;
    if (!isBegun) this.#begin(output, content);
    this.#hasEnded = true;
    // Some gateways send the end event without the text.
    if (typeof text !== "string" || text === "") return "unknown";
    if (this.#areMixed || item !== this.#added || item === undefined) return "unknown";
    if (!isBegun) return "no-deltas";
    // Some senders leave out white space at the end of the deltas or at the end of the whole text. This white space is not
    // compared, because no citation depends on it.
    const { length } = text.trimEnd();
    const isSame = length === this.#trimmedLength && hashOf(text, 0, length, 0) === this.#trimmedHash;
    return isSame ? "same" : "different";
  }

  #begin(output: unknown, content: unknown): void {
    if (!this.#hasEnded) this.#areMixed = true;
    this.#output = output;
    this.#content = content;
    this.#hasEnded = false;
    this.#length = this.#trimmedLength = 0;
    this.#hash = this.#trimmedHash = 0;
  }
}

/** Adds the characters of `text` from `start` to `end` to a hash. `before` is the hash of all characters so far. */
function hashOf(text: string, start: number, end: number, before: number): number {
  let hash = before;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}
