/** What the mentions by path mean: which file each is, or why none. */
import type { MatchKind, UnresolvedMention, UnresolvedReason } from "../types.js";
import { canFolderEnd, endOfCitation } from "./boundaries.js";
import {
  extensionOf,
  type FileIndex,
  type Fit,
  fitOf,
  type IndexedFile,
  withoutAliases,
} from "./file-index.js";
import { isLinkAt } from "./markdown.js";
import { endOfSlashes, endOfUnknown, lastSegment, type MentionFinder, type PathMention } from "./mentions.js";
import type { Spelled } from "./name-list.js";
import { lastBefore, overlaps, type Range } from "./ranges.js";
import { Repetition } from "./repetition.js";
import { decode, endOfMatch, fold } from "./spelling.js";

/** A mention and the file it means; more than one is ambiguous, none what leads out of the root. */
export interface Found extends Range {
  files: readonly IndexedFile[];
  match: MatchKind;
  /** In a link's destination. */
  isLink: boolean;
  /** With a scheme, or in a link: it hands the file over, rather than speak of it. */
  isHandedOver: boolean;
}

type Outcome = Found | UnresolvedMention;

/** The mentions by path, in order. Together they are what of the text is taken. */
export interface PathMentions {
  found: Found[];
  missed: UnresolvedMention[];
  /** Those that lead out of the root, and those that have a citation already. */
  silent: Outcome[];
}

/** Every mention by path, in order, each read once. `covered` is what the API cited. */
export function pathMentions(
  text: string,
  index: FileIndex,
  finder: MentionFinder,
  covered: readonly Range[],
): PathMentions {
  const mentions: PathMentions = { found: [], missed: [], silent: [] };
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

function note({ found, missed, silent }: PathMentions, outcome: Outcome, covered: readonly Range[]): void {
  if (overlaps(covered, outcome.start, outcome.end)) silent.push(outcome);
  else if ("reason" in outcome) missed.push(outcome);
  else if (outcome.files.length > 0) found.push(outcome);
  else silent.push(outcome);
}

/** The same, said again further on. */
function shifted(outcome: Outcome, by: number): Outcome {
  return { ...outcome, start: outcome.start + by, end: outcome.end + by };
}

/** No file's name is longer. */
const LONGEST_NAME = 255;
const REST_OF_NAME =
  /(?:[^\S\r\n][^\s/.,;:!?…"'`|<>[\]]{1,255}){0,2}[^\S\r\n][^\s/,;:!?…"'`|<>[\]]{0,255}\.[a-z]/iy;

/**
 * Whether the mentions by path take some of the text from `start` to `end`. `report.pdf` behind `/mnt/data/Q3`, which
 * is not there, is most likely the rest of its name, and no other file's.
 */
export function isTaken(text: string, mentions: PathMentions, start: number, end: number): boolean {
  const { found, missed, silent } = mentions;
  if (overlaps(found, start, end) || overlaps(missed, start, end) || overlaps(silent, start, end))
    return true;
  const miss = lastBefore(missed, start);
  if (miss?.reason !== "not-found" || start - miss.end > LONGEST_NAME) return false;
  if (extensionOf(miss.text) !== "") return false;
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
    const outcome = outcomeIn(text, mention, index, inside, folder.name);
    if (outcome) return outcome;
  }
  const known = outcomeIn(text, mention, index, relativeStart, "");
  if (known) return known;

  const end = endOfUnknown(text, mention, limit);
  if (end === relativeStart) return missed(text, start, end, "directory");
  const path = text.slice(relativeStart, end);
  const meant = decode(path);
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(meant)) {
    const relative = withoutDots(meant);
    if (relative === undefined) return foundMention(mention, end, [], "path");
    const plain = `${root}/${relative}`;
    const same = { ...mention, start: 0, relativeStart: root.length + 1 };
    const outcome = outcomeOf(plain, same, index, plain.length);
    return "reason" in outcome ? missed(text, start, end, outcome.reason) : { ...outcome, start, end };
  }
  const byName = (): Found | undefined =>
    outcomeOfName(text, mention, index, relativeStart + lastSegment(path));
  if (isPattern(meant)) return byName() ?? missed(text, start, end, "pattern");
  const folderEnd = meant.endsWith("/") ? end : endOfFolder(text, mention, folders, end);
  if (folderEnd !== undefined) return missed(text, start, folderEnd, "directory");
  return byName() ?? missed(text, start, end, "not-found");
}

/** What the longest name means that the text spells from `at` and that a file in `folder` has. */
function outcomeIn(
  text: string,
  mention: PathMention,
  index: FileIndex,
  at: number,
  folder: string,
): Found | undefined {
  for (const spelled of index.namesAt(text, at)) {
    const written = text.slice(mention.relativeStart, spelled.end);
    const files = index.filesIn(mention.root, folder, spelled.name);
    const fit = fitOf(files, written, ({ folder, name }) => folder + name);
    const end = fit && endOfCitation(text, mention, spelled.end, fit.files[0]!.name);
    if (end !== undefined) return outcomeOfPath(text, mention, end, fit!);
  }
  return undefined;
}

function outcomeOfPath(text: string, mention: PathMention, end: number, fit: Fit): Found {
  const lead = decode(text.slice(mention.start, mention.relativeStart));
  const isSame = !fit.isDifferent && lead.includes(mention.root.slice(1));
  return foundMention(mention, end, fit.files, isSame ? "path" : "written-differently");
}

/** Where the folder ends that a mention means, if it is one. Between quotes and in a link it is what stands there, whole. */
function endOfFolder(
  text: string,
  { start, relativeStart, place }: PathMention,
  folders: readonly Spelled[],
  unknownEnd: number,
): number | undefined {
  const isClosed = place.kind !== "text" || /["'`]/.test(text.charAt(start - 1));
  for (const folder of folders) {
    const end = endOfSlashes(text, folder.end);
    if (folder.end === unknownEnd) return unknownEnd;
    if (!isClosed && canFolderEnd(text, end)) return end;
  }
  return !isClosed && canFolderEnd(text, relativeStart) ? relativeStart : undefined;
}

function foundMention(
  { start, place, hasScheme }: PathMention,
  end: number,
  files: readonly IndexedFile[],
  match: MatchKind,
): Found {
  const isLink = place.kind !== "text";
  return { start, end, files, match, isLink, isHandedOver: isLink || hasScheme };
}

/** What is reported of a mention without a file. */
export function missed(
  text: string,
  start: number,
  end: number,
  reason: UnresolvedReason,
): UnresolvedMention {
  return { text: text.slice(start, end), start, end, reason };
}

/** A path that no file has, whose last segment is the name of a file elsewhere, or an upload's before its prefix. */
function outcomeOfName(
  text: string,
  mention: PathMention,
  index: FileIndex,
  nameStart: number,
): Found | undefined {
  const { relativeStart, root, place, hasScheme } = mention;
  const isHandedOver = hasScheme || place.kind !== "text";
  for (const { name, end: nameEnd } of index.namesAt(text, nameStart)) {
    const files = index.filesNamed(name);
    // In passing, a file that the model wrote is meant before an upload that it would have to hand over.
    const candidates = isHandedOver ? files : withoutAliases(files);
    const fit = fitOf(candidates, text.slice(nameStart, nameEnd), (indexed) => indexed.name);
    const end = fit && endOfCitation(text, mention, nameEnd, fit.files[0]!.name);
    if (end === undefined) continue;
    if (fit!.files.length > 1) return foundMention(mention, end, fit!.files, "moved");
    const { foldedFolder, isUploadAlias } = fit!.files[0]!;
    const folder = fold(decode(text.slice(relativeStart, nameStart)));
    // Two paths that nothing parts; a pattern that stands for several folders.
    if (folder.includes(fold(`${root}/`)) || isPattern(folder)) return undefined;
    // Moved up or down the same branch of folders. In another branch, another file may be meant.
    const isNear = isUploadAlias
      ? folder === foldedFolder
      : folder.startsWith(foldedFolder) || foldedFolder.startsWith(folder);
    return isNear ? foundMention(mention, end, fit!.files, isUploadAlias ? "upload" : "moved") : undefined;
  }
  return undefined;
}

/** A path with `.` and `..` resolved, a folder's with its slash; `undefined` where it leads out of the root. */
function withoutDots(path: string): string | undefined {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") {
      if (segments.pop() === undefined) return undefined;
    } else if (segment !== ".") {
      segments.push(segment);
    }
  }
  return segments.join("/") + (/\/\.\.?$/.test(path) ? "/" : "");
}

/** `*`, `{}` and `<n>` stand for more than one file. */
function isPattern(path: string): boolean {
  return /\*|\{[^{}]*\}|<[^<>]+>/.test(path);
}
