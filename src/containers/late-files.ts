/**
 * Decides whether lists are late: a call may have written a file, but the lists do not show the file yet, or show only an older
 * version. text-files.ts then lets lists.ts request these lists again.
 */
import type { Resolution } from "../citations/resolve.js";
import { composed } from "../citations/spelling.js";
import type { ContainerFile, ContainerFileCitation, UnresolvedMention } from "../types.js";
import type { ContainerGroup } from "./candidates.js";
import { type FileList, namesInList } from "./lists.js";
import type { TextContext } from "./possible-files.js";

/**
 * Returns whether the lists of a group may be late: a call may have written files that the lists do not show yet.
 *
 * - With a call before the text, only the group that is searched first can have late lists. Its `kind` must be `called`.
 * - Without a call before the text, the lists may be late if a later call ran in one of the group's containers.
 */
export function mayBeLate(
  { kind, containers }: ContainerGroup,
  isFirst: boolean,
  { scope }: TextContext,
): boolean {
  if (scope.hasCall) return kind === "called" && isFirst;
  return containers.some((id) => scope.later.includes(id));
}

/**
 * Returns whether `lists` are late: they lack a file that the text means, or have only an old version of this file. The first
 * argument is the result for the text with these lists. `uncited` returns the text's file names that also occur in calls and have no
 * citation. `fileOf` returns the file of a citation.
 */
export function isLate(
  { citations, unresolved }: Resolution,
  uncited: () => readonly string[],
  lists: readonly FileList[],
  fileOf: (annotation: ContainerFileCitation) => ContainerFile,
  context: TextContext,
): boolean {
  if (unresolved.some(isNotFound)) return true;
  const cited = citations.filter(({ match }) => match === "filename");
  const names = new Set([...uncited(), ...cited.map(({ annotation }) => annotation.filename)]);
  if (names.size > 0 && lacksName([...names], lists, context)) return true;
  return citations.some(({ annotation }) => isOutdated(fileOf(annotation), context));
}

/** Returns whether a mention matches no file in the lists so far. */
export function isNotFound({ reason }: UnresolvedMention): boolean {
  return reason === "not-found";
}

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
 * Returns whether a call names a file that the lists lack. Looks only for the file names in `names`. If calls write to paths
 * that end with a name, the lists must have a file at one of these paths, and the response must have written this file.
 */
function lacksName(
  names: readonly string[],
  lists: readonly FileList[],
  { evidence, lifetime }: TextContext,
): boolean {
  const listed = lists.map(namesInList);
  // If the start of the response is unknown, any file at the path is accepted.
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
