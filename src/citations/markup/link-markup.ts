/** Reads the markup that decides where a link can be inserted: code spans and HTML. The resolver does not need this markup. */
import type { Range } from "../ranges.js";
import { type CodeSpan, codeSpans, spanAround } from "./code-spans.js";
import { htmlBlocks, rawHtml } from "./html.js";
import { Markup } from "./markup.js";

/** The markup of one text, with its code spans and its HTML. */
export class LinkMarkup extends Markup {
  #codeSpans: readonly CodeSpan[] | undefined;
  #htmlBlocks: readonly Range[] | undefined;
  #rawHtml: readonly Range[] | undefined;

  /** The HTML blocks. Markdown inside an HTML block has no effect. */
  get htmlBlocks(): readonly Range[] {
    this.#htmlBlocks ??= htmlBlocks(this.text, this.codeBlocks);
    return this.#htmlBlocks;
  }

  /** The comments, scripts, style sheets and text fields. No link works inside them. */
  get rawHtml(): readonly Range[] {
    this.#rawHtml ??= rawHtml(this.text, (at) => this.isInCodeBlock(at) || !!this.codeSpanAround(at));
    return this.#rawHtml;
  }

  /** Returns the code span that contains `at`, if there is one. */
  codeSpanAround(at: number): CodeSpan | undefined {
    this.#codeSpans ??= codeSpans(this.text, this.codeBlocks);
    return spanAround(this.#codeSpans, at);
  }
}
