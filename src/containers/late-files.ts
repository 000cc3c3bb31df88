/**
 * Decides whether a list is late: a call of the response wrote a file, but the list does not show the file yet, or shows only an
 * older version. text-files.ts then lets lists.ts request the list again.
 */
import { composed } from "../citations/spelling.js";
import type { ContainerFile } from "../types.js";
import { type FileList, namesInList } from "./lists.js";
import type { TextContext } from "./possible-files.js";

/**
 * Returns whether a list has only an old version of a file: a call writes the file or may write it, but the file in the list is
 * older than the response.
 */
export function isOutdated(file: ContainerFile, { lifetime, scope, evidence, turn }: TextContext): boolean {
  if (!lifetime.isKnown) return false;
  // If no call comes before the text, the text announces files. The calls of the turn write these files later.
  const calls = scope.hasCall ? evidence : turn;
  if (lifetime.has(file) || !calls) return false;
  return calls.writesPath(file.path) || (scope.hasCall && calls.writesUnspelled(file.container_id));
}

/**
 * Returns whether the lists lack a file that a call names and the text means. `names` has the names of such files. If a call
 * writes a file of this name, an older file at its path does not count.
 */
export function lacksName(
  names: readonly string[],
  lists: readonly FileList[],
  { evidence, lifetime }: TextContext,
): boolean {
  const listed = lists.map(namesInList);
  // If the start of the response is unknown, any file at the path counts.
  const isListedAnew = (path: string): boolean =>
    lists.flat().some((file) => composed(file.path) === path && (!lifetime.isKnown || lifetime.has(file)));
  return names.some((name) => {
    const written = evidence.writtenPathsTo(name);
    if (written.length > 0) return !written.some(isListedAnew);
    const named = evidence.pathsTo(name);
    if (named.length > 0) return !named.some((path) => listed.some(({ paths }) => paths.has(path)));
    return evidence.namesFile(name) && !listed.some((list) => list.names.has(composed(name)));
  });
}
