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
import { checkIndexUnit, coveredRanges, isRanged, toCodePoints } from "./index-units.js";
import { codeBlocks, isLinkAt, labelsOf } from "./markdown.js";
import { DEFAULT_ROOTS, finderOf, ROOT } from "./mentions.js";
import { nameMentions } from "./names.js";
import { type Found, missed, pathMentions } from "./paths.js";
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
  checkIndexUnit(indexUnit, "indexUnit");
  if (!Array.isArray(roots) || !roots.every((root) => typeof root === "string" && ROOT.test(root))) {
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
  const isCode = ({ start }: Range): boolean => isInside(blocks, start);
  const links = [...[...paths.found, ...names].filter(({ isLink }) => isLink), ...covered];
  const labels = labelsOf(
    text,
    links.map(({ start }) => start),
  );
  const isShown = ({ start, files, isLink, isHandedOver }: Found): boolean =>
    (isLink || !isInside(labels, start)) &&
    // An upload that the model speaks of in passing is no file that it hands over.
    (isHandedOver || files.some(({ file }) => file.source !== "user"));

  const shown = paths.found.filter(isShown);
  const citedBefore = given.filter(isRanged).map((annotation) => annotation.file_id);
  // A name counts where no path does. A link that is only a name counts before a path in code, and before its own label.
  const withPath = new Set<unknown>(citedBefore);
  const withPathInText = new Set<unknown>(citedBefore);
  for (const mention of [...paths.found, ...paths.silent]) {
    if (!("files" in mention) || mention.files.length !== 1) continue;
    withPath.add(mention.files[0]!.file.id);
    if (!isCode(mention) && (mention.isLink || !isInside(labels, mention.start)))
      withPathInText.add(mention.files[0]!.file.id);
  }
  const named = names.filter((mention) => {
    const others = mention.isLink ? withPathInText : withPath;
    return !isCode(mention) && isShown(mention) && !idsOf(mention).some((id) => others.has(id));
  });
  const mentions = [...shown.filter((mention) => !isCode(mention)), ...oncePerFile(named)];
  const cited = mentions.filter(({ files }) => files.length === 1);
  // Code that names a file counts only where nothing else does, and then once.
  const citedIds = new Set([...given.map((annotation) => annotation.file_id), ...cited.flatMap(idsOf)]);
  for (const mention of shown) {
    const [id, ...others] = idsOf(mention);
    if (!isCode(mention) || others.length > 0 || citedIds.has(id)) continue;
    citedIds.add(id);
    cited.push(mention);
  }

  const citations = toCitations(text, cited, unit);
  let unresolved = paths.missed;
  if (blocks.length + labels.length > 0) {
    unresolved = unresolved.filter(
      ({ start }) => !isInside(blocks, start) && (!isInside(labels, start) || isLinkAt(text, start)),
    );
  }
  const ambiguous = mentions.filter(({ files }) => files.length > 1);
  if (ambiguous.length > 0) {
    unresolved = [...unresolved, ...ambiguous.map((mention) => toUnresolved(text, mention))];
    unresolved.sort((a, b) => a.start - b.start);
  }
  return { annotations: citations.map(({ annotation }) => annotation), citations, unresolved };
}

function idsOf({ files }: Found): string[] {
  return files.map(({ file }) => file.id);
}

function toUnresolved(text: string, { start, end, files }: Found): UnresolvedMention {
  return { ...missed(text, start, end, "ambiguous"), candidates: files.map(({ file }) => file) };
}

function toCitations(text: string, cited: Found[], unit: "code-point" | "utf-16"): RecoveredCitation[] {
  cited.sort((a, b) => a.start - b.start);
  const offsets = cited.flatMap(({ start, end }) => [start, end]);
  const indices = unit === "utf-16" ? offsets : toCodePoints(text, offsets);
  return cited.map(({ start, end, files, match }, position) => ({
    annotation: citationOf(files[0]!.file, indices[2 * position]!, indices[2 * position + 1]!),
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

/** Of the names of each file those that count: each link's destination, else the first. */
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
