/** What the mentions by path mean: which file each is, or why none. */
import type { MatchKind, UnresolvedMention, UnresolvedReason } from "../types.js";
import { canFolderEnd, endOfCitation } from "./boundaries.js";
import { extensionOf, type FileIndex, type Fit, fitOf, type IndexedFile } from "./file-index.js";
import { isLinkAt } from "./markdown.js";
import {
  endOfPlain,
  endOfSlashes,
  endOfUnknown,
  type MentionFinder,
  type PathMention,
  QUOTES,
} from "./mentions.js";
import type { Spelled } from "./name-list.js";
import { lastBefore, overlaps, type Range } from "./ranges.js";
import { Repetition } from "./repetition.js";
import { decode, endOfMatch, fold, spells } from "./spelling.js";

/** A mention and the file it means. */
export interface Found extends Range {
  indexed: IndexedFile;
  match: MatchKind;
  /** In a link's destination. */
  isLink: boolean;
  /** With a scheme, or in a link: it hands the file over, rather than speak of it. */
  isHandedOver: boolean;
}

/** What became of a mention: its file, or the reason why none; neither, where it hands over no file. */
type Outcome = Found | UnresolvedMention | Range;

/** The mentions by path, in order. Together they are what of the text is taken. */
export interface PathMentions {
  found: Found[];
  missed: UnresolvedMention[];
  /** Those that have a citation already, and those of no file that is handed over. */
  silent: Range[];
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
  const mentions: PathMentions = { found: [], missed: [], silent: [], coveredIds: [] };
  const repetition = new Repetition(text);
  let mention = finder.next(text, 0);
  while (mention) {
    const { start, relativeStart } = mention;
    let following = finder.next(text, relativeStart);
    const outcome = outcomeOf(text, mention, index, following?.start ?? text.length);
    note(mentions, outcome, covered);
    if (following && following.start < outcome.end) {
      following = finder.next(text, outcome.end);
    } else if (following) {
      const period = following.start - start;
      const times = repetition.countAt(start, period);
      for (let time = 1; time <= times; time++) note(mentions, shifted(outcome, time * period), covered);
      if (times > 0) following = finder.next(text, relativeStart + times * period);
    }
    mention = following;
  }
  return mentions;
}

function note(mentions: PathMentions, outcome: Outcome, covered: readonly Range[]): void {
  if (overlaps(covered, outcome.start, outcome.end)) {
    mentions.silent.push(outcome);
    if ("indexed" in outcome) mentions.coveredIds.push(outcome.indexed.file.id);
  } else if ("reason" in outcome) {
    mentions.missed.push(outcome);
  } else if ("indexed" in outcome) {
    mentions.found.push(outcome);
  } else {
    mentions.silent.push(outcome);
  }
}

/** The same, said again further on. */
function shifted(outcome: Outcome, by: number): Outcome {
  return { ...outcome, start: outcome.start + by, end: outcome.end + by };
}

const REST_OF_NAME =
  /(?:[^\S\r\n][^\s/.,;:!?…"'`|<>[\]]+){0,2}[^\S\r\n][^\s/,;:!?…"'`|<>[\]]*\.[a-z]\w{0,9}/iy;

/**
 * Whether the mentions by path take some of the text from `start` to `end`. `report.pdf` behind `/mnt/data/Q3`, which
 * is not there, is most likely the rest of its name, and no other file's.
 */
export function isTaken(text: string, mentions: PathMentions, start: number, end: number): boolean {
  const { found, missed, silent } = mentions;
  if (overlaps(found, start, end) || overlaps(missed, start, end) || overlaps(silent, start, end))
    return true;
  const miss = lastBefore(missed, start);
  if (miss?.reason !== "not-found" || extensionOf(miss.text) !== "") return false;
  return endOfMatch(REST_OF_NAME, text, miss.end) > start && !isLinkAt(text, miss.start);
}

/** What a mention means. `limit` is where the next one starts: no path goes on over it. */
function outcomeOf(text: string, mention: PathMention, index: FileIndex, limit: number): Outcome {
  const { start, relativeStart, root } = mention;
  if (!mention.hasSlash) return missed(text, start, relativeStart, "directory");
  const folders = index.foldersAt(text, relativeStart, root);
  for (const folder of folders) {
    const inside = endOfSlashes(text, folder.end);
    if (inside === folder.end) continue;
    const outcome = outcomeIn(text, mention, index, index.namesAt(text, inside), folder.name);
    if (outcome) return outcome;
  }
  const names = index.namesAt(text, relativeStart);
  const known = outcomeIn(text, mention, index, names, "");
  if (known) return known;

  const plainEnd = endOfPlain(text, relativeStart);
  const end = endOfUnknown(text, mention, limit, plainEnd);
  if (end === relativeStart) return missed(text, start, end, "directory");
  const isPlain = end <= plainEnd;
  let isFolder = text.charCodeAt(end - 1) === 0x2f;
  if (!isPlain) {
    const meant = decode(text.slice(relativeStart, end));
    if (/(?:^|\/)\.\.?(?:\/|$)/.test(meant)) {
      const relative = withoutDots(meant);
      if (relative === undefined) return { start, end };
      const slash = relative.lastIndexOf("/");
      const fit = fitOf(
        index.filesIn(root, fold(relative.slice(0, Math.max(0, slash))), fold(relative.slice(slash + 1))),
        ({ folder, name }) => folder + name === relative,
      );
      if (fit) return outcomeOfPath(text, mention, end, fit);
    }
    if (isPattern(meant)) return missed(text, start, end, "pattern");
    isFolder = meant.endsWith("/");
  }
  const folderEnd = isFolder ? end : endOfFolder(text, mention, folders, end);
  if (folderEnd !== undefined) return missed(text, start, folderEnd, "directory");
  return outcomeOfName(text, mention, index, names, end, isPlain) ?? missed(text, start, end, "not-found");
}

/** What the longest of the names is that is a file's in `folder`. */
function outcomeIn(
  text: string,
  mention: PathMention,
  index: FileIndex,
  names: readonly Spelled[],
  folder: string,
): Outcome | undefined {
  for (const spelled of names) {
    const fit = fitOf(index.filesIn(mention.root, folder, spelled.name), ({ folder, name }) =>
      spells(text.slice(mention.relativeStart, spelled.end), folder + name),
    );
    const end = fit && endOfCitation(text, mention, spelled.end, fit.files[0]!.name);
    if (end !== undefined) return outcomeOfPath(text, mention, end, fit!);
  }
  return undefined;
}

function outcomeOfPath(text: string, mention: PathMention, end: number, fit: Fit): Outcome {
  const isDifferent = fit.isDifferent || mention.isDifferent;
  return outcomeOfFit(text, mention, end, fit, isDifferent ? "written-differently" : "path");
}

/** Where the folder ends that a mention means, if it is one. Between quotes and in a link it is what stands there, whole. */
function endOfFolder(
  text: string,
  { start, relativeStart, place }: PathMention,
  folders: readonly Spelled[],
  unknownEnd: number,
): number | undefined {
  const isClosed = place.kind !== "text" || QUOTES.includes(text[start - 1] ?? " ");
  for (const folder of folders) {
    const end = endOfSlashes(text, folder.end);
    if (folder.end === unknownEnd || end === unknownEnd) return unknownEnd;
    if (!isClosed && canFolderEnd(text, end)) return end;
  }
  return !isClosed && canFolderEnd(text, relativeStart) ? relativeStart : undefined;
}

/** The one file that fits, or that more than one does; neither for uploads that are spoken of in passing. */
function outcomeOfFit(
  text: string,
  { start, place, hasScheme }: PathMention,
  end: number,
  { files }: Fit,
  match: MatchKind,
): Outcome {
  const isLink = place.kind !== "text";
  const isHandedOver = isLink || hasScheme;
  if (files.length === 1) return { start, end, indexed: files[0]!, match, isLink, isHandedOver };
  if (!isHandedOver && files.every(({ file }) => file.source === "user")) return { start, end };
  return ambiguous(text, start, end, files);
}

/** What is reported of a mention that fits several files. */
export function ambiguous(
  text: string,
  start: number,
  end: number,
  files: readonly IndexedFile[],
): UnresolvedMention {
  return { ...missed(text, start, end, "ambiguous"), candidates: files.map(({ file }) => file) };
}

/** What is reported of a mention without a file. */
function missed(text: string, start: number, end: number, reason: UnresolvedReason): UnresolvedMention {
  return { text: text.slice(start, end), start, end, reason };
}

/** A path that no file has, whose last segment is the name of a file elsewhere, or an upload's before its prefix. */
function outcomeOfName(
  text: string,
  mention: PathMention,
  index: FileIndex,
  names: readonly Spelled[],
  unknownEnd: number,
  isPlain: boolean,
): Outcome | undefined {
  const { relativeStart, root, place, hasScheme } = mention;
  const nameStart = lastSegment(text, relativeStart, unknownEnd, isPlain);
  const isHandedOver = hasScheme || place.kind !== "text";
  for (const { name, end: nameEnd } of nameStart === relativeStart ? names : index.namesAt(text, nameStart)) {
    const files = index.filesNamed(name);
    const written = text.slice(nameStart, nameEnd);
    const isExact = (indexed: IndexedFile): boolean => spells(written, indexed.name);
    // In passing, a file that the model wrote is meant before an upload that it would have to hand over.
    const fit =
      (isHandedOver
        ? undefined
        : fitOf(
            files.filter(({ isUploadAlias }) => !isUploadAlias),
            isExact,
          )) ?? fitOf(files, isExact);
    const end = fit && endOfCitation(text, mention, nameEnd, fit.files[0]!.name);
    if (end === undefined) continue;
    const { foldedFolder, isUploadAlias } = fit!.files[0]!;
    if (fit!.files.length > 1) return outcomeOfFit(text, mention, end, fit!, "moved");
    const folder = fold(decode(text.slice(relativeStart, nameStart)));
    if (folder.includes(fold(`${root}/`))) return undefined; // two paths that nothing parts
    // Moved up or down the same branch of folders. In another branch, another file may be meant.
    const isNear = isUploadAlias
      ? folder === foldedFolder
      : folder.startsWith(foldedFolder) || foldedFolder.startsWith(folder);
    return isNear ? outcomeOfFit(text, mention, end, fit!, isUploadAlias ? "upload" : "moved") : undefined;
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
