/** What the mentions by path mean: which file each is, or why none. */
import type { ContainerFile, MatchKind, UnresolvedMention, UnresolvedReason } from "../types.js";
import { canFolderEnd, endOfCitation } from "./boundaries.js";
import { extensionOf, type FileIndex, type Fit, filenameOf, fitOf, type IndexedFile } from "./file-index.js";
import { endOfSlashes, endOfUnknown, type MentionFinder, type PathMention, QUOTES } from "./mentions.js";
import { overlaps, type Range } from "./ranges.js";
import { decode, endOfMatch, fold } from "./spelling.js";

/** A mention and the file it means. */
export interface Found extends Range {
  indexed: IndexedFile;
  match: MatchKind;
  /** In a link's destination. */
  isLink: boolean;
  /** With a scheme, or in a link: it hands the file over, rather than speak of it. */
  isHandedOver: boolean;
}

/** What became of a mention by path: a file, the reason why none, or nothing for what is no mention at all. */
type Outcome = Hit | Miss | { end: number; isNoMention: true };

interface Hit {
  end: number;
  indexed: IndexedFile;
  match: MatchKind;
}

interface Miss {
  end: number;
  reason: UnresolvedReason;
  candidates?: ContainerFile[];
}

/** The mentions by path, in order, and what of the text they take. */
export interface PathMentions {
  found: Found[];
  missed: UnresolvedMention[];
  /** Where those of `missed` start that are links. */
  missedLinks: Set<number>;
  taken: Range[];
  /** The files of those that have a citation already. */
  coveredIds: string[];
}

/** Every mention by path, in order, each read once. `covered` is what the API cited. */
export function pathMentions(
  text: string,
  index: FileIndex,
  finder: MentionFinder,
  covered: readonly Range[],
): PathMentions {
  const mentions: PathMentions = {
    found: [],
    missed: [],
    missedLinks: new Set(),
    taken: [],
    coveredIds: [],
  };
  let mention = finder.next(text, 0);
  while (mention) {
    let following = finder.next(text, mention.relativeStart);
    const outcome = outcomeOf(text, mention, index, following?.start ?? text.length);
    const { end } = outcome;
    note(mentions, text, mention, outcome, overlaps(covered, mention.start, end));
    while (following && following.start < end) following = finder.next(text, end);
    mention = following;
  }
  return mentions;
}

function note(
  { found, missed, missedLinks, taken, coveredIds }: PathMentions,
  text: string,
  { start, place, hasScheme }: PathMention,
  outcome: Outcome,
  isCovered: boolean,
): void {
  if ("isNoMention" in outcome) return;
  const isLink = place.kind !== "text";
  if (isCovered) {
    if ("indexed" in outcome) coveredIds.push(outcome.indexed.file.id);
    taken.push({ start, end: outcome.end });
  } else if ("indexed" in outcome) {
    const { end, indexed, match } = outcome;
    const mention = { start, end, indexed, match, isLink, isHandedOver: isLink || hasScheme };
    found.push(mention);
    taken.push(mention);
  } else {
    const mention = toUnresolved(text, start, outcome);
    missed.push(mention);
    taken.push({ start, end: isLink ? outcome.end : endOfRest(text, mention) });
    if (isLink) missedLinks.add(start);
  }
}

const REST_OF_NAME =
  /(?:[^\S\r\n][^\s/.,;:!?…"'`|<>[\]]+){0,2}[^\S\r\n][^\s/,;:!?…"'`|<>[\]]*\.[a-z]\w{0,9}/iy;

/** `report.pdf` behind `/mnt/data/Q3`, which is not there: most likely the rest of its name, and no other file's. */
function endOfRest(text: string, { text: path, end, reason }: UnresolvedMention): number {
  const mayGoOn = reason === "not-found" && /[^\S\r\n]/.test(text[end] ?? "") && extensionOf(path) === "";
  return mayGoOn ? endOfMatch(REST_OF_NAME, text, end) : end;
}

/** What is reported of a mention without a file. */
export function toUnresolved(
  text: string,
  start: number,
  { end, reason, candidates }: Miss,
): UnresolvedMention {
  const mention: UnresolvedMention = { text: text.slice(start, end), start, end, reason };
  if (candidates) mention.candidates = candidates;
  return mention;
}

/** `limit` is where the next mention starts: no path goes on over it. */
function outcomeOf(text: string, mention: PathMention, index: FileIndex, limit: number): Outcome {
  const { relativeStart, root, hasSlash, isDifferent } = mention;
  if (!hasSlash) return { end: relativeStart, reason: "directory" };
  for (const spelled of index.pathsAt(text, relativeStart, root)) {
    const end = endOfCitation(text, mention, spelled.end, filenameOf(spelled.entries[0]!.indexed.file));
    if (end === undefined) continue;
    const fit = fitOf(spelled)!;
    return outcomeOfFit(fit, end, fit.isDifferent || isDifferent ? "written-differently" : "path");
  }
  const end = endOfUnknown(text, mention, limit);
  if (end === relativeStart) return { end, reason: "directory" };
  const path = text.slice(relativeStart, end);
  const isPlain = !/[^\w/. -]/.test(path);
  if (!(isPlain && !path.includes(".")) && /(?:\.|%2e){2}|\.\//i.test(path)) {
    const relative = withoutDots(decode(path));
    if (relative === undefined) return { end, isNoMention: true };
    const fit = index.fitOfPath(root, relative);
    if (fit) return outcomeOfFit(fit, end, fit.isDifferent || isDifferent ? "written-differently" : "path");
  }
  const meant = isPlain ? path : decode(path);
  if (!isPlain && isPattern(meant)) return { end, reason: "pattern" };
  const folderEnd = meant.endsWith("/") ? end : endOfFolder(text, mention, index, end);
  if (folderEnd !== undefined) return { end: folderEnd, reason: "directory" };
  return outcomeOfName(text, mention, index, end, isPlain) ?? { end, reason: "not-found" };
}

/** Where the folder ends that a mention means, if it is one. Between quotes and in a link it is what stands there, whole. */
function endOfFolder(
  text: string,
  { start, relativeStart, root, place }: PathMention,
  index: FileIndex,
  unknownEnd: number,
): number | undefined {
  const isClosed = place.kind !== "text" || QUOTES.includes(text[start - 1] ?? " ");
  for (const folderEnd of index.folderEndsAt(text, relativeStart, root)) {
    const end = endOfSlashes(text, folderEnd);
    if (folderEnd === unknownEnd || end === unknownEnd) return unknownEnd;
    if (!isClosed && canFolderEnd(text, end)) return end;
  }
  return !isClosed && canFolderEnd(text, relativeStart) ? relativeStart : undefined;
}

/** The one file that fits, or that more than one does. */
export function outcomeOfFit({ entries }: Fit, end: number, match: MatchKind): Hit | Miss {
  if (entries.length === 1) return { end, indexed: entries[0]!.indexed, match };
  return { end, reason: "ambiguous", candidates: entries.map(({ indexed }) => indexed.file) };
}

/** A path that no file has, whose last segment is the name of a file elsewhere, or an upload's before its prefix. */
function outcomeOfName(
  text: string,
  mention: PathMention,
  index: FileIndex,
  unknownEnd: number,
  isPlain: boolean,
): Outcome | undefined {
  const { relativeStart, root, place, hasScheme } = mention;
  const nameStart = lastSegment(text, relativeStart, unknownEnd, isPlain);
  const isHandedOver = hasScheme || place.kind !== "text";
  for (const spelled of index.namesAt(text, nameStart)) {
    const end = endOfCitation(text, mention, spelled.end, spelled.entries[0]!.key);
    const fit =
      end === undefined ? undefined : fitOf(spelled, ({ isUploadAlias }) => isHandedOver || !isUploadAlias);
    if (end === undefined || !fit) continue;
    const { indexed, isUploadAlias } = fit.entries[0]!;
    if (fit.entries.length > 1) return outcomeOfFit(fit, end, "moved");
    const folder = fold(decode(text.slice(relativeStart, nameStart))).replace(/\/{2,}/g, "/");
    if (folder.includes(fold(`${root}/`))) return undefined; // two paths that nothing parts
    if (isUploadAlias) return folder === indexed.folder ? outcomeOfFit(fit, end, "upload") : undefined;
    // Moved up or down the same branch of folders. In another branch, another file may be meant.
    const isNear = folder.startsWith(indexed.folder) || indexed.folder.startsWith(folder);
    return isNear ? outcomeOfFit(fit, end, "moved") : undefined;
  }
  return undefined;
}

/** Where the last segment of the path in `text` from `start` to `end` starts, whatever its slashes look like. */
function lastSegment(text: string, start: number, end: number, isPlain: boolean): number {
  let last = start;
  if (isPlain) {
    // Several times as fast as `lastIndexOf`, which is slow for one character.
    for (last = end; last > start && text.charCodeAt(last - 1) !== 0x2f; ) last--;
    return last;
  }
  for (const slash of text.slice(start, end).matchAll(/\/|%2f|&#47;|&#x2f;/gi))
    last = start + slash.index + slash[0].length;
  return last;
}

/** A path with `.` and `..` resolved; `undefined` where it leads out of the root. */
function withoutDots(path: string): string | undefined {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") {
      if (segments.pop() === undefined) return undefined;
    } else if (segment !== "." && segment !== "") {
      segments.push(segment);
    }
  }
  return segments.join("/");
}

/** `*`, `{}` and `<n>` stand for more than one file. */
function isPattern(path: string): boolean {
  return /\*|\{[^{}]*\}|<[^<>]+>/.test(path);
}
