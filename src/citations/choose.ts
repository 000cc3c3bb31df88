/**
 * Chooses which mentions (paths and file names in a text) are cited, and which are reported. file-index.ts decides whether
 * two files fit a mention equally well. If a response has several files of one name, containers/text-files.ts uses the
 * response's calls to choose between them.
 */
import type { Annotation, UnresolvedMention } from "../types.js";
import type { IndexedFile } from "./file-index.js";
import { ambiguous, type Found, type NarrowName } from "./found.js";
import { isRanged } from "./index-units.js";
import type { Markup } from "./markup/markup.js";
import { isLinkAt } from "./markup/places.js";
import { lastSegment } from "./mentions.js";
import type { PathMentions } from "./paths.js";
import { Cursor, inTextOrder, isInside, merge, type Range } from "./ranges.js";
import { decode, fold } from "./spelling.js";

/** The mentions of a text, and the citations that the text already has. */
export interface Mentions {
  text: string;
  markup: Markup;
  /** The annotations that the text already has. */
  given: readonly Annotation[];
  /** The ranges of the text that already have an annotation. */
  covered: readonly Range[];
  paths: PathMentions;
  names: readonly Found[];
  narrowName: NarrowName;
}

export interface Chosen {
  /** The mentions to cite, in no order. */
  cited: Found[];
  /** The mentions to report as uncited, in the text's order. */
  unresolved: UnresolvedMention[];
}

/**
 * Returns which mentions are cited, and which are reported:
 *
 * - A path is cited if it means one file. The exceptions are paths in code blocks, paths in labels, and bare paths of uploads.
 * - A bare name, or a path in a code block, is cited only if nothing else in the text cites its file.
 * - Ambiguous mentions and paths without a file are reported. The exceptions are mentions in code blocks or labels, paths that
 *   lead out of the root, and bare paths or names that can mean only uploads.
 *
 * An image or another link inside a label is treated as if it were outside the label.
 */
export function choose(mentions: Mentions): Chosen {
  const choice = new Choice(mentions);
  const outsideCode = choice.outsideCode();
  const cited = outsideCode.filter(({ files }) => files.length === 1);
  cited.push(...choice.inCode(cited));
  return { cited, unresolved: choice.unresolved(outsideCode) };
}

class Choice {
  readonly #mentions: Mentions;
  readonly #markup: Markup;
  /** The link labels in which paths are not cited. The link's destination already shows which file the label means. */
  readonly #labels: readonly Range[];
  /** The link labels in which bare names are not cited. Includes all of `#labels`. */
  readonly #labelsOfNames: readonly Range[];

  constructor(mentions: Mentions) {
    this.#mentions = mentions;
    this.#markup = mentions.markup;
    const ofFiles = this.#markup.labelsOf(this.#startsOfLinks());
    const { all, toPaths } = this.#labelsWithMentions();
    this.#labels = merge([...ofFiles, ...toPaths]);
    this.#labelsOfNames = merge([...ofFiles, ...all]);
  }

  /** Returns the offset of each link destination that is a container file. Includes missing files and cited links. */
  #startsOfLinks(): number[] {
    const { text, covered, paths, names } = this.#mentions;
    const links = [...paths.found, ...names].filter(({ isLink }) => isLink);
    // Includes links to missing files, so that mentions in their labels are not cited. If nothing can be cited, these links
    // are not needed.
    const canCite = paths.found.length + names.length > 0;
    const broken = canCite ? paths.missed.filter(({ start }) => isLinkAt(text, start)) : [];
    return [...links, ...broken, ...covered].map(({ start }) => start);
  }

  /** Returns the labels that contain a mention. Leaves out labels of links without a destination. */
  #labelsWithMentions(): ReturnType<Markup["labelsWithDestination"]> {
    const { paths, names } = this.#mentions;
    const cursors = [paths.found, paths.missed, paths.ignored, names]
      .filter((ranges) => ranges.length > 0)
      .map((ranges) => new Cursor<Range>(ranges));
    return this.#markup.labelsWithDestination((start, end) =>
      cursors.some((cursor) => (cursor.lastBefore(end)?.start ?? -1) >= start),
    );
  }

  /**
   * Returns the mentions outside of code blocks that {@link handsOver} accepts. Leaves out the names that `#withoutPath` and
   * {@link oncePerFile} remove.
   */
  outsideCode(): Found[] {
    const { paths, names } = this.#mentions;
    const isShown = (mention: Found, labels: readonly Range[]): boolean =>
      !this.#markup.isInCodeBlock(mention.start) && handsOver(mention, labels);
    const shown = paths.found.filter((mention) => isShown(mention, this.#labels));
    const named = names.filter((mention) => isShown(mention, this.#labelsOfNames));
    // `#withoutPath` must run before `narrowName`. `#withoutPath` removes a name if a path in the text means one of the name's
    // files. If `narrowName` ran first, it could remove this file from the name's files. Then the name would stay and mean another
    // file.
    const { narrowName } = this.#mentions;
    const narrowed = this.#withoutPath(named).map((mention) => ({
      ...mention,
      files: mention.files.length > 1 ? narrowName(mention.files) : mention.files,
    }));
    return [...shown, ...oncePerFile(narrowed)];
  }

  /**
   * Removes a name if the text mentions its file by a path, or if an annotation with a range cites the file. For a name that is
   * a link's destination, ignores paths in code blocks and labels. Also removes the names of missing files (see
   * {@link missingMeaning}).
   */
  #withoutPath(names: readonly Found[]): Found[] {
    if (names.length === 0) return [];
    const { given, paths } = this.#mentions;
    const meansMissing = missingMeaning(paths.missed);
    const citedBefore = given.filter(isRanged).map((annotation) => annotation.file_id);
    const withPath = new Set<unknown>(citedBefore);
    const withPathInText = new Set<unknown>(citedBefore);
    for (const mention of [...paths.found, ...paths.ignored]) {
      if (!("files" in mention) || mention.files.length !== 1) continue;
      const { id } = mention.files[0]!.file;
      withPath.add(id);
      if (this.#isPathInText(mention)) withPathInText.add(id);
    }
    return names.filter((mention) => {
      const others = mention.isLink ? withPathInText : withPath;
      return !mention.files.some(({ file }) => others.has(file.id)) && !meansMissing(mention);
    });
  }

  /**
   * Returns whether a mention is a path outside of code blocks and labels. A path in a label counts too if it is a link
   * itself, such as an image. A name is not a path, even in a link or after `sandbox:`.
   */
  #isPathInText({ path, start, isLink }: Found): boolean {
    if (path === undefined || this.#markup.isInCodeBlock(start)) return false;
    return isLink || !isInside(this.#labels, start);
  }

  /** Returns which mentions in code blocks are cited: the first mention of each file that nothing else in the text cites. */
  inCode(cited: readonly Found[]): Found[] {
    const { given, paths } = this.#mentions;
    const citedIds = new Set<unknown>([
      ...given.map((annotation) => annotation.file_id),
      ...cited.flatMap(idsOf),
    ]);
    return paths.found.filter((mention) => {
      const [id, ...others] = idsOf(mention);
      if (!this.#markup.isInCodeBlock(mention.start) || !handsOver(mention, this.#labels)) return false;
      if (others.length > 0 || citedIds.has(id)) return false;
      citedIds.add(id);
      return true;
    });
  }

  /**
   * Returns the mentions to report: ambiguous mentions, and mentions without a file. Leaves out all mentions in code blocks. Also
   * leaves out mentions in labels, unless the mention is itself a link, such as an image.
   */
  unresolved(outsideCode: readonly Found[]): UnresolvedMention[] {
    const { text, paths } = this.#mentions;
    const isShown = ({ start }: Range): boolean =>
      !this.#markup.isInCodeBlock(start) && (!isInside(this.#labels, start) || isLinkAt(text, start));
    const isPlain = this.#markup.codeBlocks.length + this.#labels.length === 0;
    const shown = isPlain ? paths.missed : paths.missed.filter(isShown);
    const withSeveralFiles = outsideCode.filter(({ files }) => files.length > 1);
    if (withSeveralFiles.length === 0) return shown;
    return inTextOrder([...shown, ...withSeveralFiles.map((mention) => ambiguous(text, mention))]);
  }
}

/**
 * Returns whether a mention can be cited. These mentions cannot:
 *
 * - a mention in the label of a link. A mention that is itself a link, such as an image in the label, can be cited;
 * - a bare path, or a name without `sandbox:`, that can mean only uploads.
 */
function handsOver({ start, files, isLink, isHandedOver }: Found, labels: readonly Range[]): boolean {
  return (
    (isLink || !isInside(labels, start)) && (isHandedOver || files.some(({ file }) => file.source !== "user"))
  );
}

/**
 * Returns a function that decides whether a name means a missing file. The function returns true if a path in `missed` ends with
 * the name. If the text has a folder before the name, the path must end with the folder and the name.
 */
function missingMeaning(missed: readonly UnresolvedMention[]): (mention: Found) => boolean {
  const pathsByName = new Map<string, string[]>();
  for (const { text } of missed) {
    const name = fold(decode(text.slice(lastSegment(text))));
    const path = fold(decode(text));
    const others = pathsByName.get(name);
    if (others) others.push(path);
    else pathsByName.set(name, [path]);
  }
  /** Caches by file id what `isMissing` returns, so that each file is compared with the missing paths only once. */
  const results = new Map<string, boolean>();
  const isMissing = ({ file, foldedFolder, name }: IndexedFile, paths: readonly string[]): boolean => {
    let result = results.get(file.id);
    if (result === undefined) {
      const end = foldedFolder + fold(name);
      result = paths.some((path) => path.endsWith(`/${end}`) || path.endsWith(`:${end}`));
      results.set(file.id, result);
    }
    return result;
  };
  return ({ files, hasFolder }) =>
    files.some((indexed) => {
      const paths = pathsByName.get(fold(indexed.name));
      return paths !== undefined && (!hasFolder || isMissing(indexed, paths));
    });
}

/**
 * Returns the mentions to keep: for each file, all mentions that are link destinations. If no mention of a file is a link
 * destination, keeps the file's first mention.
 */
function oncePerFile(names: readonly Found[]): Found[] {
  const byFile = new Map<string, Found[]>();
  for (const name of names) {
    const key = idsOf(name).join();
    const others = byFile.get(key);
    if (others) others.push(name);
    else byFile.set(key, [name]);
  }
  return [...byFile.values()].flatMap((mentions) => {
    const links = mentions.filter(({ isLink }) => isLink);
    return links.length > 0 ? links : mentions.slice(0, 1);
  });
}

function idsOf({ files }: Found): string[] {
  return files.map(({ file }) => file.id);
}
