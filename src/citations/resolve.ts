/** Finds the citations that are missing in a text, given the container's files. Pure and synchronous. */
import { badInput, isRecord } from "../errors.js";
import type {
  Annotation,
  ContainerFile,
  ContainerFileCitation,
  IndexUnit,
  RecoveredCitation,
  UnresolvedMention,
} from "../types.js";
import { choose } from "./choose.js";
import { FileIndex, filenameOf } from "./file-index.js";
import type { AcceptLookAlike, Found, NarrowName } from "./found.js";
import { checkIndexUnit, isRanged, rangesOf, toCodePoints } from "./index-units.js";
import { type ApiCitation, CitedFiles, settleLookAlikes } from "./look-alikes.js";
import { Markup } from "./markup/markup.js";
import { DEFAULT_ROOTS, finderOf, LONGEST_PATH, ROOT } from "./mentions.js";
import { nameMentions } from "./names.js";
import { pathMentions } from "./paths.js";
import { inTextOrder, merge, type Range } from "./ranges.js";
import { statesOtherFolder } from "./stated-folder.js";

/** Options of {@link resolveFileCitations}. */
export interface ResolveOptions {
  /** The annotations that the part already has. Text that they cover gets no new citation. Default: none. */
  annotations?: readonly Annotation[] | null | undefined;
  /** The unit of `start_index` and `end_index`, in `annotations` and in the result. Default `"auto"`. */
  indexUnit?: IndexUnit | undefined;
  /** The absolute paths of the container's folders whose files are cited. Default `["/mnt/data"]`. */
  roots?: readonly string[] | undefined;
}

/** The result of {@link resolveFileCitations}. */
export interface Resolution {
  /** The missing annotations, in the API's shape and the text's order. Annotations that the part already has are not included. */
  annotations: ContainerFileCitation[];
  /** The citations in `annotations`, each with the kind of its match and its range in UTF-16 offsets. */
  citations: RecoveredCitation[];
  /**
   * The mentions that mean no file, and those that could mean several files. Not included: mentions in code blocks and in link
   * labels, paths that lead out of the root, and bare paths or names (without `sandbox:`) that can mean only uploads.
   */
  unresolved: UnresolvedMention[];
}

/**
 * Finds the mentions of `files` in `text` and returns the missing `container_file_citation` annotations, as the Responses API
 * would have written them. Ambiguous mentions get no citation and are reported.
 *
 * @param text the text of an `output_text` part.
 * @param files the container's files, as `GET /v1/containers/{id}/files` lists them. If files of several containers fit a mention
 * equally well, the file of the container that comes first in `files` is cited.
 * @throws {TypeError} if an argument is invalid. The message names the argument, what is expected and what was passed.
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

/** The options of {@link resolveWithIndex}. {@link resolveFileCitations} does not have the options below. */
interface IndexedResolveOptions extends ResolveOptions {
  /** Decides which look-alikes may be cited. A look-alike is a file whose path the text does not spell exactly. Default: all. */
  acceptLookAlike?: AcceptLookAlike | undefined;
  /** Called if a name without a path fits several files. Returns the files that the name can mean. Default: all. */
  narrowName?: NarrowName | undefined;
  /** The markup of the text. Default: read from the text. */
  markup?: Markup | undefined;
}

/**
 * Like {@link resolveFileCitations}, but takes an index, so that many texts can share it. Does not check its arguments.
 *
 * @internal
 */
export function resolveWithIndex(
  text: string,
  index: FileIndex,
  {
    annotations,
    indexUnit = "auto",
    roots = DEFAULT_ROOTS,
    acceptLookAlike = () => true,
    narrowName = (several) => several,
    markup = new Markup(text),
  }: IndexedResolveOptions = {},
): Resolution {
  const given = annotations ?? [];
  const { citations: citedByApi, covered, unit } = citedRanges(text, given, indexUnit, roots);
  const files = { index, acceptLookAlike };
  const paths = settleLookAlikes(text, pathMentions(text, files, finderOf(roots), covered), citedByApi);
  const isElsewhere = statesOtherFolder(text, paths.missed, roots);
  const names = nameMentions(text, files, paths, covered).filter(
    (mention) => !isElsewhere(mention) && !mention.files.some((indexed) => citedByApi.hasOther(indexed)),
  );
  if (paths.found.length + paths.missed.length + names.length === 0) {
    return { annotations: [], citations: [], unresolved: [] };
  }

  const { cited, unresolved } = choose({ text, markup, given, covered, paths, names, narrowName });
  const citations = toCitations(text, cited, unit);
  return { annotations: citations.map(({ annotation }) => annotation), citations, unresolved };
}

/** Returns the files that the given annotations cite, the ranges that the annotations cover, and the unit of the annotations. */
function citedRanges(
  text: string,
  given: readonly Annotation[],
  indexUnit: IndexUnit,
  roots: readonly string[],
): { citations: CitedFiles; covered: Range[]; unit: "code-point" | "utf-16" } {
  const ranged = given.filter(isRanged);
  const { ranges, unit } = rangesOf(text, ranged, indexUnit, roots);
  const citations = ranged.flatMap(({ type, file_id: fileId, filename }, at): ApiCitation[] => {
    if (type !== "container_file_citation") return [];
    if (typeof fileId !== "string" || typeof filename !== "string") return [];
    const { start, end } = ranges[at]!;
    return [{ fileId, filename, covered: text.slice(start, Math.min(end, start + LONGEST_PATH)) }];
  });
  return { citations: new CitedFiles(citations), covered: merge(ranges), unit };
}

function toCitations(
  text: string,
  found: readonly Found[],
  unit: "code-point" | "utf-16",
): RecoveredCitation[] {
  const cited = inTextOrder(found);
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

/** Returns a file's citation in the API's shape, with its properties in the API's order. */
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
