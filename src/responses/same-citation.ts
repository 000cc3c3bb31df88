/** Compares citations and files. An id from a gateway can be a value of any type. */
import type { Annotation, ContainerFileCitation } from "../types.js";

/**
 * Returns a map key for a cited file; empty if an id is not a string. The key contains both ids, because two containers can use
 * the same file id. A line feed separates the ids, because no id contains one.
 */
export function fileKeyOf({ container_id, file_id }: Pick<Annotation, "container_id" | "file_id">): string {
  return typeof container_id === "string" && typeof file_id === "string" ? `${container_id}\n${file_id}` : "";
}

/** Returns the citations that are not among the annotations. A set is used, because there may be thousands of each. */
export function notAmong(
  annotations: readonly Annotation[],
  citations: readonly ContainerFileCitation[],
): readonly ContainerFileCitation[] {
  if (annotations.length === 0 || citations.length === 0) return citations;
  const known = new Set(annotations.map(citationKeyOf));
  return citations.filter((citation) => !known.has(citationKeyOf(citation)));
}

function citationKeyOf({ file_id, start_index, end_index }: Annotation): string {
  const isCitation =
    typeof file_id === "string" && typeof start_index === "number" && typeof end_index === "number";
  return isCitation ? `${start_index} ${end_index} ${file_id}` : "";
}
