/** Decides which mentions count as lacking a citation. */
import type { UnresolvedMention } from "../types.js";

/** Whether a mention lacks a citation. Folders and patterns cannot have one. */
export function isMissing({ reason }: UnresolvedMention): boolean {
  return reason !== "directory" && reason !== "pattern";
}
