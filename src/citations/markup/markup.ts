/** Reads the Markdown and HTML of a text. Each kind of markup is read when it is first needed, and only once. */
import { isInside, type Range } from "../ranges.js";
import { codeBlocks } from "./code-blocks.js";
import { type IsNeeded, type Labels, labelsOf, labelsWithDestination } from "./labels.js";

/** The markup of one text. All ranges are in order, in UTF-16 offsets. */
export class Markup {
  readonly text: string;
  #codeBlocks: readonly Range[] | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The fenced and indented code blocks. */
  get codeBlocks(): readonly Range[] {
    this.#codeBlocks ??= codeBlocks(this.text);
    return this.#codeBlocks;
  }

  isInCodeBlock(at: number): boolean {
    return isInside(this.codeBlocks, at);
  }

  /**
   * Returns the labels of the links whose destinations start at `starts`. If such a link is a reference definition
   * (`[id]: …`), also returns the references to this definition (`[label][id]`, `[id]`).
   */
  labelsOf(starts: readonly number[]): readonly Range[] {
    return labelsOf(this.text, starts);
  }

  /** Returns the labels of links that have a destination and for which `isNeeded` returns true. */
  labelsWithDestination(isNeeded: IsNeeded): Labels {
    return labelsWithDestination(this.text, isNeeded);
  }
}
