/** Whether a text may lack a citation, told without the container's files: only then is their list worth a request. */
import type { Annotation, IndexUnit } from "../types.js";
import { coveredRanges } from "./index-units.js";
import { codeBlocks, labelsOf } from "./markdown.js";
import { endOfUnknown, finderOf } from "./mentions.js";
import { isInside, type Range } from "./ranges.js";
import { decode, fold } from "./spelling.js";

/** What is known of a text without its files. */
export class CitedText {
  readonly #text: string;
  readonly #roots: readonly string[];
  readonly #covered: Range[];
  readonly #labels: Range[];
  readonly #citedNames: Set<string>;

  constructor(
    text: string,
    annotations: readonly Annotation[],
    indexUnit: IndexUnit,
    roots: readonly string[],
  ) {
    this.#text = text;
    this.#roots = roots;
    this.#covered = coveredRanges(text, annotations, indexUnit, roots).ranges;
    this.#labels = labelsOf(
      text,
      this.#covered.map(({ start }) => start),
    );
    this.#citedNames = new Set(
      annotations.map(({ filename }) => (typeof filename === "string" ? fold(filename) : "")),
    );
  }

  /** Whether a path below a root is neither cited nor the label of a cited link nor code that repeats a cited file. */
  hasUncitedPath(): boolean {
    const finder = finderOf(this.#roots);
    let blocks: Range[] | undefined;
    let mention = finder.next(this.#text, 0);
    while (mention) {
      if (mention.hasSlash && this.isUncited(mention.start)) {
        blocks ??= codeBlocks(this.#text);
        if (!isInside(blocks, mention.start)) return true;
        const end = endOfUnknown(this.#text, mention, this.#text.length);
        const name = decode(this.#text.slice(mention.relativeStart, end)).replace(/^.*\//s, "");
        if (!this.isCitedName(name)) return true;
      }
      mention = finder.next(this.#text, mention.relativeStart);
    }
    return false;
  }

  /** Whether a citation hands over a file of that name. */
  isCitedName(name: string): boolean {
    return this.#citedNames.has(fold(name));
  }

  /** Whether what stands at `at` has no citation, and is not the label of a link that has one. */
  isUncited(at: number): boolean {
    return !isInside(this.#covered, at) && !isInside(this.#labels, at);
  }
}
