/** Text and files in, the citations that are missing out. Pure and synchronous. */
import { badInput, isRecord } from "../bad-input.js";
import type {
  Annotation,
  ContainerFile,
  ContainerFileCitation,
  IndexUnit,
  RecoveredCitation,
  UnresolvedMention,
} from "../types.js";
import { FileIndex, filenameOf } from "./file-index.js";
import { coveredRanges, isRanged, toCodePoints } from "./index-units.js";
import { codeBlocks, isLinkAt, labelsOf } from "./markdown.js";
import { DEFAULT_ROOTS, finderOf } from "./mentions.js";
import { type NameMention, nameMentions } from "./names.js";
import { ambiguous, type Found, pathMentions } from "./paths.js";
import { isInside, type Range } from "./ranges.js";

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

/** {@link resolveFileCitations} on input that was checked, with an index that can serve many texts. */
export function resolveWithIndex(
  text: string,
  index: FileIndex,
  { annotations, indexUnit = "auto", roots = DEFAULT_ROOTS }: ResolveOptions = {},
): Resolution {
  const given = annotations ?? [];
  const { ranges: covered, unit } = coveredRanges(text, given, indexUnit, roots);
  const paths = pathMentions(text, index, finderOf(roots), covered);
  const names = nameMentions(text, index, paths, covered);
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

  const named = fromNames(text, names, (mention) => !isCode(mention) && !isLabel(mention), [
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
  const isHidden = ({ start }: Range): boolean =>
    isInside(blocks, start) || (isInside(labels, start) && !isLinkAt(text, start));
  const unresolved =
    blocks.length + labels.length > 0 ? paths.missed.filter((mention) => !isHidden(mention)) : paths.missed;
  if (named.missed.length > 0) {
    unresolved.push(...named.missed);
    unresolved.sort((a, b) => a.start - b.start);
  }
  return { annotations: citations.map(({ annotation }) => annotation), citations, unresolved };
}

function toCitations(text: string, cited: Found[], unit: "code-point" | "utf-16"): RecoveredCitation[] {
  cited.sort((a, b) => a.start - b.start);
  const offsets = cited.flatMap(({ start, end }) => [start, end]);
  const indices = unit === "utf-16" ? offsets : toCodePoints(text, offsets);
  return cited.map(({ start, end, indexed, match }, position) => ({
    annotation: citationOf(indexed.file, indices[2 * position]!, indices[2 * position + 1]!),
    match,
    text: text.slice(start, end),
    start,
    end,
  }));
}

/** A file's citation as the service writes it, its properties in the service's order. */
export function citationOf(file: ContainerFile, start: number, end: number): ContainerFileCitation {
  return {
    type: "container_file_citation",
    container_id: file.container_id,
    end_index: end,
    file_id: file.id,
    filename: filenameOf(file),
    start_index: start,
  };
}

/** The names that are mentions: each link's destination, else the first place; and those that fit two files. */
function fromNames(
  text: string,
  names: readonly NameMention[],
  isEligible: (mention: Range & { isLink: boolean }) => boolean,
  pathIds: readonly unknown[],
): { found: Found[]; missed: UnresolvedMention[] } {
  const withPath = new Set(pathIds);
  const byFile = new Map<string, (NameMention & { isLink: boolean })[]>();
  for (const name of names) {
    const mention = { ...name, isLink: name.place.kind !== "text" };
    const files = name.fit.files.map(({ file }) => file);
    if (!isEligible(mention) || files.some(({ id }) => withPath.has(id))) continue;
    if (files.length === 1 && files[0]!.source === "user") continue;
    const key = files.map(({ id }) => id).join();
    const others = byFile.get(key);
    if (others) others.push(mention);
    else byFile.set(key, [mention]);
  }
  const found: Found[] = [];
  const missed: UnresolvedMention[] = [];
  for (const mentions of byFile.values()) {
    const links = mentions.filter(({ isLink }) => isLink);
    for (const { start, end, isLink, fit } of links.length > 0 ? links : mentions.slice(0, 1)) {
      const [indexed, ...others] = fit.files;
      if (others.length > 0) missed.push(ambiguous(text, start, end, fit.files));
      else found.push({ start, end, indexed: indexed!, match: "filename", isLink, isHandedOver: isLink });
    }
  }
  return { found, missed };
}
