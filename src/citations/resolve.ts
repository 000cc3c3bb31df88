/** Text and files in, the citations that are missing out. Pure and synchronous. */
import { badInput, isRecord } from "../bad-input.js";
import type {
  Annotation,
  ContainerFile,
  ContainerFileCitation,
  IndexUnit,
  MatchKind,
  RecoveredCitation,
  UnresolvedMention,
  UnresolvedReason,
} from "../types.js";
import { endOfCitation } from "./boundaries.js";
import { FileIndex, type Fit, fitOf, type IndexedFile } from "./file-index.js";
import { coveredRanges, isRanged, toCodePoints } from "./index-units.js";
import { codeBlocks, isInside, labelsOf, merge, type Range } from "./markdown.js";
import { DEFAULT_ROOTS, endOfUnknown, finderOf, type MentionFinder, type PathMention } from "./mentions.js";
import { type NameMention, nameMentions } from "./names.js";
import { decode, fold } from "./spelling.js";

/** Options of {@link resolveFileCitations}. */
export interface ResolveOptions {
  /** The annotations that the part has. What they cover is left alone. Default: none. */
  annotations?: readonly Annotation[] | null | undefined;
  /** The unit of `start_index` and `end_index`, in `annotations` and in the result. Default `"auto"`. */
  indexUnit?: IndexUnit | undefined;
  /** Folders of the container that files are looked for in: absolute paths. Default `["/mnt/data"]`. */
  roots?: readonly string[] | undefined;
}

/** What {@link resolveFileCitations} found. */
export interface Resolution {
  /** The missing annotations, and only those, in the order of the text and in the API's shape. */
  annotations: ContainerFileCitation[];
  /** The same, each with how it matched and where it stands in UTF-16. */
  citations: RecoveredCitation[];
  /** The mentions that stay without a citation. In code blocks, and of uploads in passing, they are not listed. */
  unresolved: UnresolvedMention[];
}

/**
 * Finds where `text` speaks of `files` and writes the `container_file_citation` annotations that are missing,
 * as the Responses API would have. What is ambiguous stays uncited and is reported.
 *
 * @param text the text of an `output_text` part.
 * @param files the container's files, as `GET /v1/containers/{id}/files` lists them. With files of several
 * containers, those of the container listed first win.
 * @throws {TypeError} for input of another shape; it names the value and what is taken.
 * @example
 * ```ts
 * import { resolveFileCitations } from "openai-file-citations";
 *
 * const { annotations } = resolveFileCitations("Download: /mnt/data/plan.docx", [
 *   { id: "cfile_1", container_id: "cntr_1", path: "/mnt/data/plan.docx", source: "assistant", created_at: 1757603592 },
 * ]);
 * // [{ type: "container_file_citation", file_id: "cfile_1", start_index: 10, end_index: 29, … }]
 * ```
 */
export function resolveFileCitations(
  text: string,
  files: readonly ContainerFile[],
  { annotations, indexUnit = "auto", roots = DEFAULT_ROOTS }: ResolveOptions = {},
): Resolution {
  if (typeof text !== "string") throw badInput("text", "a string", text);
  if (!Array.isArray(files)) throw badInput("files", "an array of container files", files);
  if (annotations != null && !isArrayOfObjects(annotations)) {
    throw badInput("annotations", "an array of annotation objects", annotations);
  }
  if (!["auto", "code-point", "utf-16"].includes(indexUnit)) {
    throw badInput("indexUnit", '"auto", "code-point" or "utf-16"', indexUnit);
  }
  if (
    !Array.isArray(roots) ||
    !roots.every((root) => typeof root === "string" && /^(?:\/[^/]+)+$/.test(root))
  ) {
    throw badInput("roots", "an array of absolute paths without a slash at the end", roots);
  }
  return resolveWithIndex(text, new FileIndex(files, roots), { annotations, indexUnit, roots });
}

function isArrayOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isRecord);
}

/** A mention and the file it means. */
interface Found extends Range {
  indexed: IndexedFile;
  match: MatchKind;
  /** In a link's destination. */
  isLink: boolean;
  /** With a scheme, or in a link: it hands the file over, rather than speak of it. */
  isHandedOver: boolean;
}

/** A mention without a file. */
type Missed = UnresolvedMention & { isLink: boolean };

/** {@link resolveFileCitations} on input that was checked, with an index that can serve many texts. */
export function resolveWithIndex(
  text: string,
  index: FileIndex,
  { annotations, indexUnit = "auto", roots = DEFAULT_ROOTS }: ResolveOptions = {},
): Resolution {
  const given = annotations ?? [];
  const { ranges: covered, unit } = coveredRanges(text, given, indexUnit, roots);
  const paths = pathMentions(text, index, finderOf(roots), covered);
  const names = nameMentions(text, index, merge([...paths.taken, ...covered]));
  if (paths.found.length + paths.missed.length + names.length === 0) {
    return { annotations: [], citations: [], unresolved: [] };
  }

  const blocks = codeBlocks(text);
  const links = paths.found.filter(({ isLink }) => isLink);
  const labels = labelsOf(
    text,
    [...links, ...covered].map(({ start }) => start),
  );
  const isLabel = (mention: { start: number; isLink: boolean }): boolean =>
    !mention.isLink && isInside(labels, mention.start);
  const isCode = ({ start }: Range): boolean => isInside(blocks, start);

  const named = fromNames(names, (mention) => !isCode(mention) && !isLabel(mention), [
    ...paths.coveredIds,
    ...given.filter(isRanged).map((annotation) => annotation.file_id),
    ...paths.found.map(({ indexed }) => indexed.file.id),
  ]);
  // An upload that the model speaks of in passing is no file that it hands over.
  const citable = paths.found.filter(
    (mention) => !isLabel(mention) && (mention.isHandedOver || mention.indexed.file.source !== "user"),
  );
  const cited = [...citable.filter((mention) => !isCode(mention)), ...named.found];
  // Code that names a file counts only where nothing else does, and then once.
  const citedIds = new Set([
    ...given.filter(({ type }) => type === "container_file_citation").map((annotation) => annotation.file_id),
    ...cited.map(({ indexed }) => indexed.file.id),
  ]);
  for (const mention of citable) {
    if (!isCode(mention) || citedIds.has(mention.indexed.file.id)) continue;
    citedIds.add(mention.indexed.file.id);
    cited.push(mention);
  }

  const citations = toCitations(text, cited, unit);
  const unresolved = [...paths.missed, ...named.missed]
    .filter((mention) => !isCode(mention) && !isLabel(mention))
    .sort((a, b) => a.start - b.start)
    .map(({ isLink: _, ...mention }) => mention);
  return { annotations: citations.map(({ annotation }) => annotation), citations, unresolved };
}

function toCitations(text: string, cited: Found[], unit: "code-point" | "utf-16"): RecoveredCitation[] {
  cited.sort((a, b) => a.start - b.start);
  const offsets = cited.flatMap(({ start, end }) => [start, end]);
  const indices = unit === "utf-16" ? offsets : toCodePoints(text, offsets);
  return cited.map(({ start, end, indexed, match }, position) => ({
    // The properties in the order in which the service sends them.
    annotation: {
      type: "container_file_citation",
      container_id: indexed.file.container_id,
      end_index: indices[2 * position + 1]!,
      file_id: indexed.file.id,
      filename: indexed.filename,
      start_index: indices[2 * position]!,
    },
    match,
    text: text.slice(start, end),
    start,
    end,
  }));
}

/** What became of a mention by path: a file, the reason why none, or nothing for what is no mention at all. */
type Outcome =
  | { end: number; indexed: IndexedFile; match: MatchKind }
  | { end: number; reason: UnresolvedReason; candidates?: ContainerFile[] }
  | { end: number; isNoMention: true };

/** Every mention by path, in order, each read once. */
function pathMentions(
  text: string,
  index: FileIndex,
  finder: MentionFinder,
  covered: readonly Range[],
): { found: Found[]; missed: Missed[]; taken: Range[]; coveredIds: string[] } {
  const found: Found[] = [];
  const missed: Missed[] = [];
  const taken: Range[] = [];
  const coveredIds: string[] = [];
  let mention = finder.next(text, 0);
  while (mention) {
    let following = finder.next(text, mention.relativeStart);
    const outcome = outcomeOf(text, mention, index, following?.start ?? text.length);
    const { start, place, hasScheme } = mention;
    const { end } = outcome;
    if (!("isNoMention" in outcome)) {
      taken.push({ start, end });
      const isLink = place.kind !== "text";
      if (overlaps(covered, start, end)) {
        if ("indexed" in outcome) coveredIds.push(outcome.indexed.file.id);
      } else if ("indexed" in outcome) {
        found.push({ start, isLink, isHandedOver: isLink || hasScheme, ...outcome });
      } else {
        missed.push({ text: text.slice(start, end), start, isLink, ...outcome });
      }
    }
    while (following && following.start < end) following = finder.next(text, end);
    mention = following;
  }
  return { found, missed, taken, coveredIds };
}

function overlaps(ranges: readonly Range[], start: number, end: number): boolean {
  return isInside(ranges, start) || isInside(ranges, end - 1);
}

/** `limit` is where the next mention starts: no path goes on over it. */
function outcomeOf(text: string, mention: PathMention, index: FileIndex, limit: number): Outcome {
  const { relativeStart, root, hasSlash, isDifferent } = mention;
  if (!hasSlash) return { end: relativeStart, reason: "directory" };
  for (const spelled of index.pathsAt(text, relativeStart, root)) {
    const end = endOfCitation(text, mention, spelled.end, spelled.entries[0]!.indexed.filename);
    if (end === undefined) continue;
    const fit = fitOf(spelled)!;
    return outcomeOfFit(fit, end, fit.isDifferent || isDifferent ? "written-differently" : "path");
  }
  const end = endOfUnknown(text, mention, limit);
  const path = text.slice(relativeStart, end);
  if (/(?:\.|%2e){2}|\.\//i.test(path)) {
    const relative = withoutDots(decode(path));
    if (relative === undefined) return { end: Math.max(end, relativeStart), isNoMention: true };
    const fit = index.fitOfPath(root, relative);
    if (fit) return outcomeOfFit(fit, end, fit.isDifferent || isDifferent ? "written-differently" : "path");
  }
  if (isPattern(path)) return { end, reason: "pattern" };
  const meant = decode(path);
  if (meant === "" || meant.endsWith("/") || index.hasFolder(root, meant))
    return { end, reason: "directory" };
  return outcomeOfName(text, mention, index, end) ?? { end, reason: "not-found" };
}

function outcomeOfFit({ entries }: Fit, end: number, match: MatchKind): Outcome {
  if (entries.length === 1) return { end, indexed: entries[0]!.indexed, match };
  return { end, reason: "ambiguous", candidates: entries.map(({ indexed }) => indexed.file) };
}

/** A path that no file has, whose last segment is the name of a file elsewhere, or an upload's before its prefix. */
function outcomeOfName(
  text: string,
  mention: PathMention,
  index: FileIndex,
  unknownEnd: number,
): Outcome | undefined {
  const { relativeStart, place, hasScheme } = mention;
  const nameStart = lastSegment(text, relativeStart, unknownEnd);
  const folder = fold(decode(text.slice(relativeStart, nameStart))).replace(/\/{2,}/g, "/");
  const isHandedOver = hasScheme || place.kind !== "text";
  for (const spelled of index.namesAt(text, nameStart)) {
    const end = endOfCitation(text, mention, spelled.end, spelled.entries[0]!.key);
    const fit =
      end === undefined ? undefined : fitOf(spelled, ({ isUploadAlias }) => isHandedOver || !isUploadAlias);
    if (end === undefined || !fit) continue;
    const { indexed, isUploadAlias } = fit.entries[0]!;
    if (fit.entries.length > 1) return outcomeOfFit(fit, end, "moved");
    if (isUploadAlias) return folder === indexed.folder ? outcomeOfFit(fit, end, "upload") : undefined;
    // Moved up or down the same branch of folders. In another branch, another file may be meant.
    const isNear = folder.startsWith(indexed.folder) || indexed.folder.startsWith(folder);
    return isNear ? outcomeOfFit(fit, end, "moved") : undefined;
  }
  return undefined;
}

/** Where the last segment of the path in `text` from `start` to `end` starts, whatever its slashes look like. */
function lastSegment(text: string, start: number, end: number): number {
  let last = start;
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

/** The names that are mentions: each link's destination, else the first place; and those that fit two files. */
function fromNames(
  names: readonly NameMention[],
  isEligible: (mention: Range & { isLink: boolean }) => boolean,
  pathIds: readonly unknown[],
): { found: Found[]; missed: Missed[] } {
  const withPath = new Set(pathIds);
  const byFile = new Map<string, (NameMention & { isLink: boolean })[]>();
  for (const name of names) {
    const mention = { ...name, isLink: name.place.kind !== "text" };
    const files = name.fit.entries.map(({ indexed }) => indexed.file);
    if (!isEligible(mention) || files.some(({ id }) => withPath.has(id))) continue;
    if (files.length === 1 && files[0]!.source === "user") continue;
    const key = files.map(({ id }) => id).join();
    byFile.set(key, [...(byFile.get(key) ?? []), mention]);
  }
  const found: Found[] = [];
  const missed: Missed[] = [];
  for (const mentions of byFile.values()) {
    const links = mentions.filter(({ isLink }) => isLink);
    for (const { start, end, isLink, fit, text } of links.length > 0 ? links : mentions.slice(0, 1)) {
      const outcome = outcomeOfFit(fit, end, "filename");
      if ("indexed" in outcome) found.push({ start, isLink, isHandedOver: isLink, ...outcome });
      else if ("reason" in outcome) missed.push({ text, start, isLink, ...outcome });
    }
  }
  return { found, missed };
}
