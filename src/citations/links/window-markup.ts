/**
 * Reads the markup in the window of a mention: the piece of streamed text around it. The window is never inside a code block, a
 * comment or a script.
 */
import { LinkMarkup } from "../markup/link-markup.js";
import type { Range } from "../ranges.js";

const NONE: readonly Range[] = [];

export class WindowMarkup extends LinkMarkup {
  /** Always empty: indented text in a window is no code. It belongs to a list that starts before the window. */
  override get codeBlocks(): readonly Range[] {
    return NONE;
  }

  override get rawHtml(): readonly Range[] {
    return NONE;
  }
}
