/** The files that no text mentions. */
import { filenameOf } from "../citations/file-index.js";
import { NameList } from "../citations/name-list.js";
import { fold } from "../citations/spelling.js";
import type { ContainerFile } from "../types.js";

/**
 * Those of `files` whose name stands in none of `texts`. The names are read along the texts, all at once: each looked
 * for by itself, a hundred thousand files would take minutes.
 */
export function unmentionedIn(files: readonly ContainerFile[], texts: readonly string[]): ContainerFile[] {
  const nameOf = (file: ContainerFile): string => fold(filenameOf(file));
  const unmentioned = new Set(files.map(nameOf));
  unmentioned.delete(""); // a folder's own entry
  const names = new NameList(unmentioned);
  for (const text of texts) {
    for (let at = 0; at < text.length && unmentioned.size > 0; at++) {
      for (const { name } of names.spelledAt(text, at)) unmentioned.delete(name);
    }
  }
  return files.filter((file) => unmentioned.has(nameOf(file)));
}
