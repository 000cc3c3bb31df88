import type { UnresolvedMention } from "../types.js";

/** Whether a mention lacks a citation that it could have: a folder, or a pattern, is no file to hand over. */
export function isMissing({ reason }: UnresolvedMention): boolean {
  return reason !== "directory" && reason !== "pattern";
}
