/** Finds the places where a text names a file without its path: `summary.docx`. */
import { canStart, endOfCitation } from "./boundaries.js";
import {
  extensionOf,
  type FileIndex,
  type Fit,
  fitOf,
  type IndexedFile,
  withoutAliases,
} from "./file-index.js";
import type { AcceptLookAlike, Files, Found } from "./found.js";
import { isInDestination, type Place, placeOf } from "./markup/places.js";
import { isUnseenFolder } from "./moved.js";
import { isEndOfWord, isPartOfLongerText, isSplitByMarkup } from "./name-places.js";
import { type PathMentions, PathText } from "./paths.js";
import { isInside, lastBefore, overlaps, type Range } from "./ranges.js";
import { decode, isWordCharacter, matchAt, startOfSpelled, testAt } from "./spelling.js";
import { isEndOfUnspaced } from "./unspaced-names.js";

/** The scheme and the `./` before a name. Each may be missing. The citation of the name includes them. */
const LEAD = /(?<=((?:(attachment|file):\/{0,3})?(?:\.\/)?))/iy;
/** A character that can start an escape, or a non-ASCII character, which can be composed or decomposed. */
const SPECIAL = /[%&\\]|[^\0-\x7f]/g;

/**
 * Returns the mentions by name in `text`, in order, except those that a path or a citation covers. Searches the text for the
 * extensions of the files that the model wrote, and looks for names only before such an extension. Also returns mentions that
 * fit only uploads. These mentions are never cited (see choose.ts).
 */
export function nameMentions(
  text: string,
  files: Files,
  paths: PathMentions,
  covered: readonly Range[],
): Found[] {
  const mentions: Found[] = [];
  const pattern = files.index.extensionPattern;
  if (!pattern) return mentions;
  const pathText = new PathText(text, paths);
  const isFree = (start: number, end: number): boolean =>
    !pathText.overlaps(start, end) && !overlaps(covered, start, end);
  const starts = new NameStarts(text, files.index);
  let lastEnd = 0;
  pattern.lastIndex = 0;
  while (pattern.test(text)) {
    const end = pattern.lastIndex;
    const dot = text.lastIndexOf(".", end - 1);
    if (pathText.overlaps(dot, end) || isInside(covered, dot)) continue;
    for (const at of starts.before(dot, end, lastEnd)) {
      const mention = at < lastEnd ? undefined : nameAt(text, at, files, paths);
      if (!mention || mention.start < lastEnd || !isFree(mention.start, mention.end)) continue;
      mentions.push(mention);
      lastEnd = mention.end;
    }
  }
  return mentions;
}

/** Finds the offsets where a name with a given extension may start. Calls must come in the text's order. */
class NameStarts {
  readonly #text: string;
  readonly #lengths: readonly number[];
  /** The maximum distance from the start of a name to the dot of its extension, in UTF-16 units. */
  readonly #reach: number;
  /** The smallest offset that `#all` may return. Smaller offsets were already tried for an earlier extension. */
  #triedTo = 0;
  /** The offset of the next character that matches {@link SPECIAL}. */
  #special = -1;

  constructor(text: string, { nameLengths }: FileIndex) {
    this.#text = text;
    this.#lengths = nameLengths;
    // Percent-encoding writes a UTF-16 unit as at most nine characters, and a byte as three characters. A file name has at most
    // 255 bytes.
    this.#reach = Math.min(nameLengths[0]! * 9, 3 * 255);
  }

  /**
   * Returns the offsets where a name can start. The name's extension begins at the offset `dot` and ends at `end`. Returns no
   * offset less than `from`.
   */
  before(dot: number, end: number, from: number): number[] {
    const first = Math.max(from, dot - this.#reach);
    if (this.#special < first) {
      SPECIAL.lastIndex = first;
      this.#special = SPECIAL.test(this.#text) ? SPECIAL.lastIndex - 1 : this.#text.length;
    }
    const starts =
      this.#special < end
        ? this.#all(first, dot)
        : // No character is encoded, so the lengths of the known names give the few offsets to try.
          this.#lengths.map((length) => end - length).filter((at) => at >= first);
    return starts.filter((at) => !isWordCharacter(this.#text, at - 1) || this.#text[at - 2] === "\\");
  }

  /** Returns all offsets from `first` up to `dot` that were not returned before. */
  #all(first: number, dot: number): number[] {
    const start = Math.max(first, this.#triedTo);
    this.#triedTo = dot + 1;
    return Array.from({ length: Math.max(0, dot - start) }, (_, at) => start + at);
  }
}

function nameAt(
  text: string,
  at: number,
  { index, acceptLookAlike }: Files,
  paths: PathMentions,
): Found | undefined {
  for (const spelled of index.namesAt(text, at)) {
    const named = index.filesNamed(spelled.names);
    if (named.length === 0 || extensionOf(spelled.names[0]!) === "") continue;
    const name = writtenName(text, { start: at, end: spelled.end }, named);
    const { start, place, fit, hasFolder } = name;
    const isLink = place.kind !== "text";
    if (!canStart(text, start)) return undefined;
    if (!isLink && isPartOfOther(text, name, spelled.end, paths)) return undefined;
    const end = endOfCitation(text, name, spelled.end, fit.files[0]!.name);
    if (end === undefined) continue;
    if (!isMeant(name, text.slice(at, spelled.end), acceptLookAlike)) return undefined;
    return { start, end, files: fit.files, match: "filename", isLink, isHandedOver: false, hasFolder };
  }
  return undefined;
}

/** A name in the text, together with the scheme, `./` or folder before it, and the files that the name fits. */
interface WrittenName {
  /** Where the citation starts: at the scheme, the `./` or the folder before the name, if there is one. */
  start: number;
  hasScheme: boolean;
  hasFolder: boolean;
  place: Place;
  fit: Fit;
}

function writtenName(text: string, { start: at, end }: Range, named: readonly IndexedFile[]): WrittenName {
  // The former name of an upload counts only if no file has that name now.
  const { files, folderStart } = inFolderBefore(text, at, withoutAliases(named));
  const hasFolder = folderStart < at;
  const [, lead, scheme] = matchAt(LEAD, text, folderStart)!;
  const start = folderStart - lead!.length;
  const hasScheme = scheme !== undefined;
  const place = placeOf(text, start, hasScheme);
  const isLink = place.kind !== "text";
  const nameOf = ({ folder, name }: IndexedFile): string => (hasFolder ? folder + name : name);
  const fitAmong = (some: readonly IndexedFile[]): Fit | undefined =>
    fitOf(some, text.slice(folderStart, end), nameOf, isLink);
  const anywhere = fitAmong(files)!;
  const inRoot = isLink ? fitAmong(files.filter((indexed) => indexed.folder === "")) : undefined;
  const fit = inRoot ? fitOfLink(anywhere, inRoot) : anywhere;
  return { start, hasScheme, hasFolder, place, fit };
}

/**
 * Returns the files that a link to a name means. A link's destination is relative to the root, so the link usually means the
 * best fit in the root (`inRoot`). There is one exception: the file in the root has only a similar name, and a file in a
 * folder has exactly the link's name. Then the link means the file in the folder (`anywhere`).
 */
function fitOfLink(anywhere: Fit, inRoot: Fit): Fit {
  return inRoot.isDifferent && !anywhere.isDifferent ? anywhere : inRoot;
}

/** Returns whether a name outside of a link is part of something else: a URL, a pattern, a longer name or another path. */
function isPartOfOther(
  text: string,
  { start, hasFolder, fit }: WrittenName,
  end: number,
  { found, missed, ignored }: PathMentions,
): boolean {
  const [first] = fit.files;
  const isPathEnd = (at: number): boolean =>
    [found, missed, ignored].some((mentions) => lastBefore<Range>(mentions, at)?.end === at);
  const pathEnd = (): number =>
    Math.max(...[found, missed, ignored].map((mentions) => lastBefore<Range>(mentions, start)?.end ?? 0));
  return (
    isInDestination(text, start) ||
    isWildcard(text, start, end) ||
    isSplitByMarkup(text, start, first!) ||
    (hasFolder && isEndOfWord(text, start, first!.folder)) ||
    isPartOfLongerText(text, { start, end }, isPathEnd) ||
    isEndOfUnspaced(text, { start, end }, pathEnd)
  );
}

/**
 * Returns whether a name may mean the files that it fits. Returns false in two cases:
 *
 * - The name in the text differs from the names of the files, and `acceptLookAlike` refuses all of these files.
 * - All files are in folders that the system or a tool fills, and the text has no folder before the name.
 */
function isMeant(
  { fit, hasFolder }: WrittenName,
  written: string,
  acceptLookAlike: AcceptLookAlike,
): boolean {
  const { files, isDifferent } = fit;
  if (isDifferent && !files.some(({ file }) => acceptLookAlike(file, decode(written), written))) return false;
  return hasFolder || files.some(({ foldedFolder }) => !isUnseenFolder(foldedFolder));
}

/**
 * Returns the files whose folder, such as `out/figures/`, is written right before `at`. Also returns the folder's start. If
 * no file's folder is written there, returns all files and `at`. The returned files can be in two folders, because a text
 * such as `a%20b/` can be read in two ways.
 */
function inFolderBefore(
  text: string,
  at: number,
  files: readonly IndexedFile[],
): { files: readonly IndexedFile[]; folderStart: number } {
  if (text[at - 1] !== "/") return { files, folderStart: at };
  const starts = files.map(({ folder }) => startOfSpelled(text, at, folder) ?? at);
  const folderStart = starts.reduce((first, start) => Math.min(first, start), at);
  const isWritten = folderStart < at;
  return {
    files: isWritten ? files.filter((_, index) => starts[index] === folderStart) : files,
    folderStart,
  };
}

const FILLED_IN = /(?<=[}>)\]]_{1,4})/y;
const UNDERSCORE = /(?<=(?<![\p{L}\p{N}_])_)/uy;
const UNDERSCORE_ON_LINE = /[^\n]{0,500}?_(?!\w)/y;
const ASTERISK = /(?<=[^\n*_]\*_{0,4})/y;
const ASTERISK_ON_LINE = /[^\n*]{0,500}\*/y;

/**
 * Returns whether the text before a name shows that the name is part of a pattern or of a longer name: `*report.csv`,
 * `{x}_report.csv`, `_report.csv`. Returns false if the `*` or `_` opens emphasis: `*report.csv*`, `_report.csv_`.
 */
function isWildcard(text: string, start: number, end: number): boolean {
  if (testAt(FILLED_IN, text, start)) return text[end] !== "_";
  if (testAt(UNDERSCORE, text, start) && !testAt(UNDERSCORE_ON_LINE, text, end)) return true;
  return testAt(ASTERISK, text, start) && !testAt(ASTERISK_ON_LINE, text, end);
}
