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
    this.#length += delta.length;
    this.#hash = hashOf(delta, this.#hash);
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
    // Spaces at the end move no citation, and some senders leave them out of the deltas.
    const isSame =
      text.slice(this.#length).trim() === "" && hashOf(text.slice(0, this.#length), 0) === this.#hash;
    return isSame && text.length >= this.#length ? "same" : "different";
  }

  #begin(output: unknown, content: unknown): void {
    if (!this.#hasEnded) this.#areMixed = true;
    this.#output = output;
    this.#content = content;
    this.#hasEnded = false;
    this.#length = 0;
    this.#hash = 0;
  }
}

/** Returns a hash that depends on the order of the characters. `before`: the hash of the text before this one. */
function hashOf(text: string, before: number): number {
  let hash = before;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}
