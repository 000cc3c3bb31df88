/** Finds the file that each path in a text means, or the reason why a path means no file. */
import type { UnresolvedMention } from "../types.js";
import { canFolderEnd, endOfCitation } from "./boundaries.js";
import { extensionOf, type FileIndex, type Fit, fitOf, type IndexedFile } from "./file-index.js";
import { type Files, type Found, foundMention, missed, type Outcome } from "./found.js";
import { isLinkAt } from "./markup/places.js";
import { endOfSlashes, endOfUnknown, lastSegment, type MentionFinder, type PathMention } from "./mentions.js";
import { fileByName, isPattern } from "./moved.js";
import type { Spelled } from "./name-list.js";
import { Cursor, overlaps, type Range } from "./ranges.js";
import { Repetition } from "./repetition.js";
import { decode, endOfMatch, withPlainTypography } from "./spelling.js";

/** The mentions by path: the places where a text spells a path. Each list is in the text's order. */
export interface PathMentions {
  found: Found[];
  missed: UnresolvedMention[];
  /** Mentions that are neither cited nor reported: paths that lead out of the root, and mentions that an annotation overlaps. */
  ignored: Outcome[];
}

/** Returns all mentions by path in a text. `covered` holds the ranges of the text that annotations already cover. */
export function pathMentions(
  text: string,
  files: Files,
  finder: MentionFinder,
  covered: readonly Range[],
): PathMentions {
  const mentions: PathMentions = { found: [], missed: [], ignored: [] };
  const repetition = new Repetition(text);
  let mention = finder.next(text, 0);
  while (mention) {
    const { start, relativeStart } = mention;
    let following = finder.next(text, relativeStart);
    const outcome = outcomeOf(text, mention, files, following?.start ?? text.length);
    record(mentions, outcome, covered);
    if (following && following.start < outcome.end) {
      following = finder.next(text, outcome.end);
    } else if (following) {
      const period = following.start - start;
      const times = repetition.countAt(start, period);
      for (let time = 1; time <= times; time++) record(mentions, shifted(outcome, time * period), covered);
      if (times > 0) following = finder.next(text, relativeStart + times * period);
    }
    mention = following;
  }
  return mentions;
}

function record({ found, missed, ignored }: PathMentions, outcome: Outcome, covered: readonly Range[]): void {
  if (overlaps(covered, outcome.start, outcome.end)) ignored.push(outcome);
  else if ("reason" in outcome) missed.push(outcome);
  else if (outcome.files.length > 0) found.push(outcome);
  else ignored.push(outcome);
}

/** Returns the outcome for a repetition of the mention. The repetition is `by` UTF-16 units later in the text. */
function shifted(outcome: Outcome, by: number): Outcome {
  return { ...outcome, start: outcome.start + by, end: outcome.end + by };
}

/** The maximum length of a file name in common file systems. */
const LONGEST_NAME = 255;
const REST_OF_NAME =
  /(?:[^\S\r\n][^\s/.,;:!?…"'`|<>[\]]{1,255}){0,2}[^\S\r\n][^\s/,;:!?…"'`|<>[\]]{0,255}\.[a-z]/iy;

/** Tells which parts of a text belong to mentions by path. Calls are fast if their offsets mostly ascend. */
export class PathText {
  readonly #text: string;
  readonly #mentions: Cursor<Outcome>[];
  readonly #missed: Cursor<UnresolvedMention>;

  constructor(text: string, { found, missed, ignored }: PathMentions) {
    this.#text = text;
    this.#mentions = [found, missed, ignored].map((mentions) => new Cursor<Outcome>(mentions));
    this.#missed = new Cursor(missed);
  }

  /**
   * Returns whether a mention by path overlaps the text from `start` to `end`, or probably goes on in this text. A path may
   * go on after a space if it matches no file and has no extension. For example, if there is no file `/mnt/data/Q3`, then
   * `report.pdf` counts as part of the path in `/mnt/data/Q3 report.pdf`.
   */
  overlaps(start: number, end: number): boolean {
    for (const mentions of this.#mentions) {
      if ((mentions.lastBefore(end)?.end ?? 0) > start) return true;
    }
    const miss = this.#missed.lastBefore(start);
    if (miss?.reason !== "not-found" || start - miss.end > LONGEST_NAME) return false;
    if (extensionOf(miss.text) !== "") return false;
    return endOfMatch(REST_OF_NAME, this.#text, miss.end) > start && !isLinkAt(this.#text, miss.start);
  }
}

/** Returns what a mention means. `limit` is where the next mention starts (see {@link endOfUnknown}). */
function outcomeOf(text: string, mention: PathMention, files: Files, limit: number): Outcome {
  const { start, relativeStart, root } = mention;
  if (!mention.hasSlash) return missed(text, start, relativeStart, "directory");
  const folders = files.index.foldersAt(text, relativeStart, root);
  const known = outcomeOfKnown(text, mention, files, folders);
  if (known) return known;

  const end = endOfUnknown(text, mention, limit);
  if (end === relativeStart) return missed(text, start, end, "directory");
  const path = text.slice(relativeStart, end);
  const meant = decode(path);
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(meant)) {
    const relative = withoutDots(meant);
    if (relative === undefined) return foundMention(mention, { end, files: [], match: "path" });
    const plain = `${root}/${relative}`;
    const same = { ...mention, start: 0, relativeStart: root.length + 1 };
    const outcome = outcomeOf(plain, same, files, plain.length);
    return "reason" in outcome ? missed(text, start, end, outcome.reason) : { ...outcome, start, end };
  }
  const byName = (): Found | undefined => fileByName(text, mention, files, relativeStart + lastSegment(path));
  if (isPattern(meant)) return byName() ?? missed(text, start, end, "pattern");
  const folderEnd = meant.endsWith("/") ? end : endOfFolder(text, mention, folders, end);
  if (folderEnd !== undefined) return missed(text, start, folderEnd, "directory");
  return byName() ?? missed(text, start, end, "not-found");
}

/** Files whose path the text spells, exactly or with other dashes, spaces, quotes or case. */
interface Candidate {
  fit: Fit;
  /** Where the citation ends. */
  end: number;
  /** The path in the text, decoded, with its root. */
  path: string;
  /** Like `path`, but not decoded: `%20` stays `%20`. */
  literal: string;
  isLookAlike: boolean;
}

/**
 * Returns the outcome for the file whose path the text spells, or `undefined` if the text spells no file's path. If only
 * dashes, spaces or quotes differ, the file counts as exact. If anything else differs, such as the case, it is a look-alike.
 *
 * Searches in the longest of `folders` first and in the root last. The first exact file wins. But an exact file is skipped if
 * {@link isLikelier} prefers a look-alike that was found earlier. If no exact file wins, the first look-alike wins.
 */
function outcomeOfKnown(
  text: string,
  mention: PathMention,
  files: Files,
  folders: readonly Spelled[],
): Outcome | undefined {
  let lookAlike: Candidate | undefined;
  for (const candidate of candidatesOf(text, mention, files.index, folders)) {
    if (candidate.isLookAlike) lookAlike ??= candidate;
    else if (!lookAlike || !isLikelier(lookAlike, candidate)) {
      return outcomeOfCandidate(text, mention, files, candidate);
    }
  }
  return lookAlike && outcomeOfCandidate(text, mention, files, lookAlike);
}

/**
 * Returns true if the look-alike `longer` covers more of the text than `exact` and only `longer` has an extension. For
 * example, the text `Q3 final report.pdf` more likely means the file `Q3 Final Report.pdf` than the file `Q3`.
 */
function isLikelier(longer: Candidate, exact: Candidate): boolean {
  const hasExtension = ({ fit }: Candidate): boolean => extensionOf(fit.files[0]!.name) !== "";
  return longer.end > exact.end && hasExtension(longer) && !hasExtension(exact);
}

function* candidatesOf(
  text: string,
  mention: PathMention,
  index: FileIndex,
  folders: readonly Spelled[],
): Generator<Candidate> {
  for (const folder of folders) {
    const inside = endOfSlashes(text, folder.end);
    if (inside > folder.end) yield* candidatesIn(text, mention, index, inside, folder.names);
  }
  yield* candidatesIn(text, mention, index, mention.relativeStart, [""]);
}

/**
 * Yields the files whose names the text spells from `at`, if they are in one of `folders`. Files with longer names come first.
 */
function* candidatesIn(
  text: string,
  mention: PathMention,
  index: FileIndex,
  at: number,
  folders: readonly string[],
): Generator<Candidate> {
  const { relativeStart, root, place } = mention;
  const pathOf = ({ folder, name }: IndexedFile): string => folder + name;
  for (const spelled of index.namesAt(text, at)) {
    const written = text.slice(relativeStart, spelled.end);
    const inFolders = index.filesIn(root, folders, spelled.names);
    const fit = fitOf(inFolders, written, pathOf, place.kind !== "text");
    const end = fit && endOfCitation(text, mention, spelled.end, fit.files[0]!.name);
    if (end === undefined) continue;
    const path = decode(written);
    const isLookAlike =
      fit!.isDifferent && !fit!.files.some((indexed) => isSameTypography(path, pathOf(indexed)));
    yield { fit: fit!, end, path: `${root}/${path}`, literal: `${root}/${written}`, isLookAlike };
  }
}

function isSameTypography(path: string, other: string): boolean {
  return withPlainTypography(path) === withPlainTypography(other);
}

function outcomeOfCandidate(
  text: string,
  mention: PathMention,
  { acceptLookAlike }: Files,
  { fit, end, path, literal, isLookAlike }: Candidate,
): Outcome {
  const { files, isDifferent } = fit;
  if (isDifferent && !files.some(({ file }) => acceptLookAlike(file, path, literal))) {
    return missed(text, mention.start, end, "not-found");
  }
  const lead = decode(text.slice(mention.start, mention.relativeStart));
  const isSame = !isDifferent && lead.includes(mention.root.slice(1));
  return foundMention(mention, {
    end,
    files,
    match: isSame ? "path" : "written-differently",
    path,
    isLookAlike,
  });
}

/** If a mention means a folder, returns where the mention ends. A mention in quotes or in a link must be exactly the folder. */
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

/** Returns a path with `.` and `..` resolved, or `undefined` if it leads out of the root. A folder keeps a slash at its end. */
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
