/**
 * Reads the markup around a mention in a streamed text. It reads only a piece of the text, the window of the mention. A mention
 * in a code block, a comment or a script is never held, so it has no window.
 */
import { LinkMarkup } from "../markup/link-markup.js";
import type { Range } from "../ranges.js";

const NONE: readonly Range[] = [];

export class WindowMarkup extends LinkMarkup {
  /** Always empty. Indented text in a window is not code: it belongs to a list that starts before the window. */
  override get codeBlocks(): readonly Range[] {
    return NONE;
  }

  override get rawHtml(): readonly Range[] {
    return NONE;
  }
}
