/** Decides which unresolved mentions count as lacking a citation. */
import type { UnresolvedMention } from "../types.js";

/**
 * Returns whether an unresolved mention counts as lacking a citation. Mentions of folders and patterns do not count,
 * because they cannot be cited.
 */
export function isMissing({ reason }: UnresolvedMention): boolean {
  return reason !== "directory" && reason !== "pattern";
}
