/** Which citations are of the same file, and which are the same. What a gateway gives as an id may be of any kind. */
import type { Annotation, ContainerFileCitation } from "../types.js";

/** What tells a file from all others: the same id may stand in two containers. */
export function fileKeyOf({ container_id, file_id }: Pick<Annotation, "container_id" | "file_id">): string {
  return typeof container_id === "string" && typeof file_id === "string" ? `${container_id}/${file_id}` : "";
}

/** Those of the citations that are not among the annotations yet, which may be thousands of each. */
export function notAmong(
  annotations: readonly Annotation[],
  citations: readonly ContainerFileCitation[],
): readonly ContainerFileCitation[] {
  if (annotations.length === 0 || citations.length === 0) return citations;
  const known = new Set(annotations.map(citationKeyOf));
  return citations.filter((citation) => !known.has(citationKeyOf(citation)));
}

function citationKeyOf({ file_id, start_index, end_index }: Annotation): string {
  const isCitation = typeof file_id === "string" && isNumber(start_index) && isNumber(end_index);
  return isCitation ? `${start_index} ${end_index} ${file_id}` : "";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
