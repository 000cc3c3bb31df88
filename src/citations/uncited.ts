/** Decides whether a citation may be missing in a text. If no citation can be missing, no file list is needed. */
import { oncePer } from "../once.js";
import type { Annotation, IndexUnit } from "../types.js";
import { coveredRanges } from "./index-units.js";
import { Markup } from "./markup/markup.js";
import { endOfUnknown, finderOf } from "./mentions.js";
import { isInside, type Range } from "./ranges.js";
import { decode, fold, literal } from "./spelling.js";

/** Returns a pattern that matches a folder in `roots` if no path below this folder follows. */
const folderPattern = oncePer(
  (roots: readonly string[]) =>
    new RegExp(`(?<![\\w/.:-])(?:${roots.map(literal).join("|") || "(?!)"})/?(?![\\w/.-]*\\w)`),
);

/** Returns whether a text names one of the folders in `roots` without a path below it, as in "saved in /mnt/data". */
export function namesFolder(text: string, roots: readonly string[]): boolean {
  return folderPattern(roots).test(text);
}

/** A text and the citations that the text already has. */
export class CitedText {
  readonly #text: string;
  readonly #roots: readonly string[];
  readonly #markup: Markup;
  readonly #covered: readonly Range[];
  readonly #labels: readonly Range[];
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
    this.#markup = new Markup(text);
    this.#labels = this.#markup.labelsOf(this.#covered.map(({ start }) => start));
    this.#citedNames = new Set(
      annotations.map(({ filename }) => (typeof filename === "string" ? fold(filename) : "")),
    );
  }

  /**
   * Returns whether the text has a path without a citation: a path below a root, or any path with the scheme `sandbox:`. A path
   * in the label of a cited link does not count. A path in a code block does not count if its file name is cited.
   */
  hasUncitedPath(): boolean {
    const finder = finderOf(this.#roots);
    let mention = finder.next(this.#text, 0);
    while (mention) {
      if (mention.hasSlash && this.isUncited(mention.start)) {
        if (!this.#markup.isInCodeBlock(mention.start)) return true;
        const end = endOfUnknown(this.#text, mention, this.#text.length);
        const name = decode(this.#text.slice(mention.relativeStart, end)).replace(/^.*\//s, "");
        if (!this.isCitedName(name)) return true;
      }
      mention = finder.next(this.#text, mention.relativeStart);
    }
    return false;
  }

  /** Returns whether an annotation cites a file with this name. */
  isCitedName(name: string): boolean {
    return this.#citedNames.has(fold(name));
  }

  /** Returns whether the offset `start` is uncited (see `isUncited`) and no annotation cites a file with this name. */
  isUncitedName({ start, name }: { start: number; name: string }): boolean {
    return this.isUncited(start) && !this.isCitedName(name);
  }

  /** Returns whether the offset `at` is outside of all cited texts and outside of the labels of cited links. */
  isUncited(at: number): boolean {
    return !isInside(this.#covered, at) && !isInside(this.#labels, at);
  }
}
