/**
 * Finds out whether a text states a folder for a name, as in "In /mnt/data/q3: report.csv". If so, checks whether a file with
 * this name is in that folder.
 */
import type { UnresolvedMention } from "../types.js";
import { extensionOf, type IndexedFile } from "./file-index.js";
import type { Range } from "./ranges.js";
import { decode, fold } from "./spelling.js";

/** The maximum distance from a folder to a name after it, in UTF-16 units. */
const REACH = 2000;
/**
 * The text between a folder and a name that follows the folder. In `/mnt/data/q3: a.csv`, it is `: `. In
 * `"/mnt/data/q3", "name": "a.csv"`, it is `", "name": "`.
 */
const IN_FOLDER = /^[`*_"')\]]{0,4}(?:\s{0,4}[:：]|,\s{0,4}"\w{1,30}"\s{0,4}:)\s{0,4}[`*_"'([]{0,4}$/;
/** The rest of the line after a folder, if it is only markup and a colon, such as `:**` after `**In /mnt/data/q3`. */
const LINE_END = /^[`*_"')\]]{0,4}\s?[:：]?[`*_"')\]]{0,4}\s{0,4}$/;
/** The beginning of an item in a list or a file tree. */
const ITEM = /^\s{0,40}(?:[-*+•|├└│]|\d{1,3}[.)])/;
/** The text from the start of a list item to a name, if it is only markup, such as `- **` in `- **a.csv**`. */
const ITEM_START = /^\s{0,40}(?:[-*+•|├└│─\s]{1,40}|\d{1,3}[.)])[`*_"'([\s]{0,6}$/;
/**
 * The text between a name and a folder that follows the name. In `a.csv in /mnt/data/q3`, it is ` in `. In
 * `"a.csv", "dir": "/mnt/data/q3"`, it is `", "dir": "`.
 */
const FOLDER_AFTER =
  /^",\s{0,4}"\w{1,30}"\s{0,4}:\s{0,4}"$|^[`*_"')\]]{0,4}\s{1,4}(?:(?:is|are|was|were|now) ){0,2}(?:in|into|to|under|inside)\s{1,4}(?:the )?(?:folder |directory )?[`*_"'([]{0,4}$/i;

/**
 * Returns a function that takes a name without a path. The function returns true if the text states a folder for the name, and
 * none of the files with this name is in that folder. Then the name means none of these files. Call the function for the names in
 * the text's order.
 */
export function statesOtherFolder(
  text: string,
  missed: readonly UnresolvedMention[],
  roots: readonly string[],
): (name: Range & { files: readonly IndexedFile[] }) => boolean {
  let folders: UnresolvedMention[] | undefined;
  let at = 0;
  return ({ start, end, files }) => {
    folders ??= missed.filter(isFolder); // filtered only when needed: most texts have no bare name
    while (at < folders.length && folders[at]!.start < start) at++;
    const [before, after] = [folders[at - 1], folders[at]];
    const isOther = (folder: UnresolvedMention): boolean =>
      !files.some((indexed) => isBelow(indexed, pathOf(folder), roots));
    return (
      (before !== undefined && isBefore(text, before, start) && isOther(before)) ||
      (after !== undefined && isAfter(text, end, after) && isOther(after))
    );
  };
}

function isFolder({ text, reason }: UnresolvedMention): boolean {
  return reason === "directory" || (reason === "not-found" && extensionOf(text) === "");
}

function isBefore(text: string, { end }: Range, start: number): boolean {
  if (start - end > REACH) return false;
  const between = text.slice(end, start);
  return IN_FOLDER.test(between) || isList(between);
}

/** Returns whether a name is an item in the list or the file tree that follows a folder. `between` is the text between them. */
function isList(between: string): boolean {
  const [heading, ...lines] = between.split("\n");
  const items = lines.filter((line) => line.trim() !== "");
  const isHeading = /[:：]/.test(heading!) || /^[├└]/.test(items[0] ?? "");
  if (!isHeading || !LINE_END.test(heading!) || !ITEM_START.test(items.at(-1) ?? "")) return false;
  // An item that is less indented than the first item belongs to another list.
  const indent = indentOf(items[0]!);
  return items.every((item) => ITEM.test(item) && indentOf(item) >= indent);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function isAfter(text: string, end: number, { start }: Range): boolean {
  return start - end < 80 && FOLDER_AFTER.test(text.slice(end, start));
}

function pathOf({ text }: UnresolvedMention): string {
  return decode(text).replace(/\/{1,9}$/, "");
}

/** Returns whether a file is in a folder, at any depth. The folder's path can have a scheme such as `sandbox:`. */
function isBelow({ root, foldedFolder }: IndexedFile, path: string, roots: readonly string[]): boolean {
  if (roots.some((other) => path.endsWith(other) && root.startsWith(other))) return true;
  const at = path.indexOf(`${root}/`);
  return at >= 0 && foldedFolder.startsWith(`${fold(path.slice(at + root.length + 1))}/`);
}
