/** Compares the text of a stream's deltas with the text that ends them, without keeping either. */
import type { Event } from "./events.js";

/** What the deltas of a text show when the text ends. `unknown`: some of the text's deltas were not counted. */
type Comparison = "same" | "different" | "no-deltas" | "unknown";

/** Sums up the deltas of one text after the other: only their length and a hash of their characters are kept. */
export class TextSum {
  /** The id of the item that was added last. The deltas of an item that began before the stream are not all known. */
  #added: unknown;
  /** The position of the latest text. `NaN`: no text is at this position. */
  #output: unknown = Number.NaN;
  #content: unknown;
  #hasEnded = true;
  #length = 0;
  #hash = 0;
  /** The same, without the white space at the end. */
  #trimmedLength = 0;
  #trimmedHash = 0;
  /** The deltas of several texts alternate, so they are not counted. */
  #areMixed = false;

  /** Records that an item begins. */
  beginItem(item: unknown): void {
    this.#added = Object(item).id;
    if (this.#hasEnded) this.#output = Number.NaN;
  }

  /** Counts a delta. Returns false if its text has ended before. This runs for each delta. */
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

  /** Ends a text and compares it with its deltas. */
  end({ item_id: item, output_index: output, content_index: content, text }: Event): Comparison {
    const isBegun = output === this.#output && content === this.#content && !this.#hasEnded;
    if (!isBegun) this.#begin(output, content);
    this.#hasEnded = true;
    // Some gateways leave the text out.
    if (typeof text !== "string" || text === "") return "unknown";
    if (this.#areMixed || item !== this.#added || item === undefined) return "unknown";
    if (!isBegun) return "no-deltas";
    // White space at the end moves no citation. Some senders leave it out of the deltas, others out of the text.
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

/** Returns a hash that depends on the order of a text's characters from `start` to `end`. `before`: the hash of the text before. */
function hashOf(text: string, start: number, end: number, before: number): number {
  let hash = before;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}
