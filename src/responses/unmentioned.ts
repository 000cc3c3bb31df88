/** Selects the files that no text mentions, and decides which of these files get a citation. */

import { filenameOf } from "../citations/file-index.js";
import { isUnseenFolder } from "../citations/moved.js";
import { NameList } from "../citations/name-list.js";
import { fold } from "../citations/spelling.js";
import type { Evidence } from "../containers/evidence.js";
import { badInput } from "../errors.js";
import type { Settings } from "../options.js";
import type { ContainerFile } from "../types.js";

/**
 * Returns the files whose name does not occur in any of the texts. Scans each text once for all names, because a separate search
 * for each name takes minutes for 100,000 files.
 */
export function unmentionedIn(files: readonly ContainerFile[], texts: readonly string[]): ContainerFile[] {
  const nameOf = (file: ContainerFile): string => fold(filenameOf(file));
  const unmentioned = new Set(files.map(nameOf));
  unmentioned.delete(""); // a folder has an empty name
  const list = new NameList(unmentioned);
  for (const text of texts) {
    for (let at = 0; at < text.length && unmentioned.size > 0; at++) {
      for (const { names } of list.spelledAt(text, at)) for (const name of names) unmentioned.delete(name);
    }
  }
  return files.filter((file) => unmentioned.has(nameOf(file)));
}

/**
 * Returns the files in `containers` whose path or name occurs in a call. Calls that ran in a different container are ignored
 * for the file.
 */
export function namedByCalls(
  files: readonly ContainerFile[],
  containers: readonly string[],
  evidence: Evidence,
): ContainerFile[] {
  return files.filter((file) => containers.includes(file.container_id) && isNamed(file, evidence));
}

function isNamed(file: ContainerFile, evidence: Evidence): boolean {
  const { container_id: id, path } = file;
  if (evidence.namesPath(path, id)) return true;
  const name = filenameOf(file);
  // The file's name alone counts too, but not if any call contains a path that ends with the name. The name then means the
  // file at that path.
  return evidence.pathsTo(name).length === 0 && !isUnseenFolder(path) && evidence.namesFile(name, id);
}

/** Returns whether the options allow citations of unmentioned files. If not, no file list is requested to find such files. */
export function mayCite({ unmentioned }: Pick<Settings, "unmentioned">): boolean {
  return unmentioned !== "report";
}

/**
 * Returns whether an unmentioned file gets a citation.
 *
 * @throws the error of the user's `unmentioned` function, or a `TypeError` if it does not return a boolean.
 */
export function isWanted(file: ContainerFile, { unmentioned }: Pick<Settings, "unmentioned">): boolean {
  if (typeof unmentioned !== "function") return unmentioned === "cite";
  const result: unknown = unmentioned({ ...file }); // a copy, because the function may change it
  if (typeof result === "boolean") return result;
  // The user's function may be async. No code awaits its promise, so this line ignores a rejection.
  Promise.resolve(result).catch(() => {});
  throw badInput("the result of options.unmentioned", "true or false", result);
}
