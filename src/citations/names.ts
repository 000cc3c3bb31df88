/** Where a text names a file without its path: `summary.docx`. */
import { canStart, endOfCitation, isWordCharacter } from "./boundaries.js";
import { extensionOf, type FileIndex, type Fit, fitOf } from "./file-index.js";
import { isInDestination, type Place, placeOf } from "./markdown.js";
import { isTaken, type PathMentions } from "./paths.js";
import { isInside, overlaps, type Range } from "./ranges.js";
import { matchAt, spells } from "./spelling.js";

/** A file's name, standing alone. */
export interface NameMention extends Range {
  text: string;
  fit: Fit;
  place: Place;
}

/** What may stand in a link before a name, as a part of it. */
const LEAD = /(?:(?:attachment|sandbox):)?(?:\.\/)?$/i;

/**
 * The names in `text` of files that the model wrote, outside of what is taken and covered, in order. Only what comes
 * before an extension that some file has is looked at, so a text without one is read by the pattern and no more.
 */
export function nameMentions(
  text: string,
  index: FileIndex,
  paths: PathMentions,
  covered: readonly Range[],
): NameMention[] {
  const mentions: NameMention[] = [];
  const pattern = index.extensionPattern;
  if (!pattern) return mentions;
  // A character is nine at most, percent-encoded; a file's name has no more than 255 bytes, three each.
  const reach = Math.min(index.longestName * 9, 3 * 255);
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
    if (special < first) special = placeOfNext(SPECIAL, text, first);
    // Where nothing is encoded, a name is found by its end: each place before it need not be tried.
    const starts =
      special >= end ? index.nameStartsBefore(text, end) : placesIn(Math.max(first, looked), dot);
    for (const at of starts) {
      if (at < free || (isWordCharacter(text, at - 1) && text[at - 2] !== "\\")) continue;
      const mention = nameAt(text, at, index);
      if (!mention) continue;
      if (isTaken(text, paths, mention.start, mention.end)) continue;
      if (overlaps(covered, mention.start, mention.end)) continue;
      mentions.push(mention);
      free = mention.end;
    }
    looked = dot + 1;
  }
  return mentions;
}

/** What may be written in more than one way. */
const SPECIAL = /[%&\\]|[^\0-\x7f]/g;

/** Where the next character stands that `pattern`, which is global, matches; behind the text where there is none. */
function placeOfNext(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex - 1 : text.length;
}

function* placesIn(start: number, end: number): Generator<number> {
  for (let at = start; at < end; at++) yield at;
}

function nameAt(text: string, at: number, index: FileIndex): NameMention | undefined {
  for (const spelled of index.namesAt(text, at)) {
    if (extensionOf(spelled.name) === "") continue;
    const files = index.filesNamed(spelled.name).filter(({ isUploadAlias }) => !isUploadAlias);
    const fit = fitOf(files, ({ name }) => spells(text.slice(at, spelled.end), name));
    if (!fit) continue;
    const lead = LEAD.exec(text.slice(Math.max(0, at - 16), at))![0];
    const start = at - lead.length;
    if (!canStart(text, start)) return undefined;
    const hasScheme = lead.includes(":");
    const place = placeOf(text, start, hasScheme);
    const end = endOfCitation(text, { start, place, hasScheme }, spelled.end, fit.files[0]!.name);
    if (place.kind === "text" && (isInDestination(text, start) || isWildcard(text, start, spelled.end)))
      return undefined;
    if (end !== undefined) return { text: text.slice(start, end), start, end, fit, place };
  }
  return undefined;
}

/** `*report.csv`, `{x}_report.csv`: what stands for more than one file, where no emphasis ends behind the name. */
function isWildcard(text: string, start: number, end: number): boolean {
  const lead = text.slice(Math.max(0, start - 8), start);
  if (/[}>)\]]_+$/.test(lead)) return text[end] !== "_";
  return /[^\n*_]\*_*$/.test(lead) && !matchAt(ASTERISK_ON_LINE, text, end);
}

const ASTERISK_ON_LINE = /[^\n*]{0,500}\*/y;
