/** Where a text names a file without its path: `summary.docx`. */
import { canStart, endOfCitation, isWordCharacter } from "./boundaries.js";
import { extensionOf, type FileIndex, fitOf, type IndexedFile, withoutAliases } from "./file-index.js";
import { isInDestination, placeOf } from "./markdown.js";
import { type Found, isTaken, type PathMentions } from "./paths.js";
import { isInside, overlaps, type Range } from "./ranges.js";
import { matchAt, testAt } from "./spelling.js";

/** What may stand in a link before a name, as a part of it. */
const LEAD = /(?<=((?:(attachment|sandbox|file):\/{0,3})?(?:\.\/)?))/iy;
/** What may be written in more than one way. */
const SPECIAL = /[%&\\]|[^\0-\x7f]/g;

/**
 * The names in `text` of files that the model wrote, outside of what is taken and covered, in order. Only what comes
 * before an extension that some file has is looked at, so a text without one is read by the pattern and no more.
 */
export function nameMentions(
  text: string,
  index: FileIndex,
  paths: PathMentions,
  covered: readonly Range[],
): Found[] {
  const mentions: Found[] = [];
  const pattern = index.extensionPattern;
  if (!pattern) return mentions;
  // A character is nine at most, percent-encoded; a file's name has no more than 255 bytes, three each.
  const reach = Math.min(index.nameLengths[0]! * 9, 3 * 255);
  /** Where the last mention ends, the last dot that was looked at, and the next character that is not plain. */
  let free = 0;
  let looked = 0;
  let special = -1;
  pattern.lastIndex = 0;
  while (pattern.test(text)) {
    const end = pattern.lastIndex;
    const dot = text.lastIndexOf(".", end - 1);
    if (isTaken(text, paths, dot, end) || isInside(covered, dot)) continue;
    const first = Math.max(free, dot - reach);
    if (special < first) {
      SPECIAL.lastIndex = first;
      special = SPECIAL.test(text) ? SPECIAL.lastIndex - 1 : text.length;
    }
    // Where nothing is encoded, a name is as long as it is written: each place before its end need not be tried.
    const starts =
      special < end
        ? placesIn(Math.max(first, looked), dot)
        : index.nameLengths.map((length) => end - length);
    for (const at of starts) {
      if (at < free || (isWordCharacter(text, at - 1) && text[at - 2] !== "\\")) continue;
      const mention = nameAt(text, at, index);
      if (!mention || mention.start < free) continue;
      if (isTaken(text, paths, mention.start, mention.end)) continue;
      if (overlaps(covered, mention.start, mention.end)) continue;
      mentions.push(mention);
      free = mention.end;
    }
    looked = dot + 1;
  }
  return mentions;
}

function* placesIn(start: number, end: number): Generator<number> {
  for (let at = start; at < end; at++) yield at;
}

function nameAt(text: string, at: number, index: FileIndex): Found | undefined {
  for (const spelled of index.namesAt(text, at)) {
    if (extensionOf(spelled.name) === "") continue;
    // An upload is never cited for its name alone, but what it was called takes its place.
    const { files, folder } = inFolderBefore(text, at, withoutAliases(index.filesNamed(spelled.name)));
    const [, lead, scheme] = matchAt(LEAD, text, at - folder.length)!;
    const start = at - folder.length - lead!.length;
    if (!canStart(text, start)) return undefined;
    const hasScheme = scheme !== undefined;
    const place = placeOf(text, start, hasScheme);
    const isLink = place.kind !== "text";
    // A link's destination is read from the root on, where there is such a file.
    const atRoot = isLink ? files.filter((indexed) => indexed.folder === "") : [];
    const written = text.slice(at, spelled.end);
    const fit = fitOf(atRoot.length > 0 ? atRoot : files, written, ({ name }) => name)!;
    const end = endOfCitation(text, { start, place, hasScheme }, spelled.end, fit.files[0]!.name);
    if (!isLink && (isInDestination(text, start) || isWildcard(text, start, spelled.end))) return undefined;
    if (end !== undefined)
      return { start, end, files: fit.files, match: "filename", isLink, isHandedOver: false };
  }
  return undefined;
}

/** Of the files of a name at `at` those in the folder that is written before it, `out/figures/`, and that; else all. */
function inFolderBefore(
  text: string,
  at: number,
  files: readonly IndexedFile[],
): { files: readonly IndexedFile[]; folder: string } {
  let folder = "";
  if (text[at - 1] === "/") {
    for (const { folder: candidate } of files) {
      if (candidate.length > folder.length && text.endsWith(candidate, at)) folder = candidate;
    }
  }
  return { files: folder === "" ? files : files.filter((indexed) => indexed.folder === folder), folder };
}

const FILLED_IN = /(?<=[}>)\]]_{1,4})/y;
const UNDERSCORE = /(?<=(?<![\p{L}\p{N}_])_)/uy;
const UNDERSCORE_ON_LINE = /[^\n]{0,500}?_(?!\w)/y;
const ASTERISK = /(?<=[^\n*_]\*_{0,4})/y;
const ASTERISK_ON_LINE = /[^\n*]{0,500}\*/y;

/** `*report.csv`, `{x}_report.csv`, `_report.csv`: a pattern or a longer name, where no emphasis ends behind it. */
function isWildcard(text: string, start: number, end: number): boolean {
  if (testAt(FILLED_IN, text, start)) return text[end] !== "_";
  if (testAt(UNDERSCORE, text, start) && !testAt(UNDERSCORE_ON_LINE, text, end)) return true;
  return testAt(ASTERISK, text, start) && !testAt(ASTERISK_ON_LINE, text, end);
}
