/** Compares the folder that a text states for a bare name with the folders of the files: "In /mnt/data/q3: report.csv". */
import type { UnresolvedMention } from "../types.js";
import { extensionOf, type IndexedFile } from "./file-index.js";
import type { Found } from "./found.js";
import type { Range } from "./ranges.js";
import { decode, fold } from "./spelling.js";

/** The maximum distance from a folder to a name after it, in UTF-16 units. */
const REACH = 2000;
/** Text between a folder and a name in the folder: `"/mnt/data/q3", "name": "a.csv"`, `/mnt/data/q3: a.csv`. */
const IN_FOLDER = /^[`*_"')\]]{0,4}(?:\s{0,4}[:：]|,\s{0,4}"(\w{1,30})"\s{0,4}:)\s{0,4}[`*_"'([]{0,4}$/;
/** The text from the end of a folder to the end of its line, if only markup, a remark and a colon follow it: ` (2 files):**`. */
const LINE_END = /^[`*_"')\]]{0,4}(?:\s?\([^()\n]{1,60}\))?\s?[:：]?[`*_"')\]]{0,4}\s{0,4}$/;
/** The beginning of an item in a list or a file tree. */
const ITEM = /^\s{0,40}(?:[-*+•|├└│]|\d{1,3}[.)])/;
/** The text of an item before a name, if the name is the first text of the item. */
const ITEM_START = /^\s{0,40}(?:[-*+•|├└│─\s]{1,40}|\d{1,3}[.)])[`*_"'([\s]{0,6}$/;
/** The beginning of a link, up to its destination. */
const LINK_START = /\[[^[\]\n]{0,200}\]\(<?$/;
/** Text between a name and its folder: `a.csv in /mnt/data/q3`, `"a.csv", "dir": "/mnt/data/q3"`. */
const FOLDER_AFTER =
  /^",\s{0,4}"(\w{1,30})"\s{0,4}:\s{0,4}"$|^[`*_"')\]]{0,4}\s{1,4}(?:(?:is|are|was|were|now) ){0,2}(?:in|into|to|under|inside)\s{1,4}(?:the )?(?:folder |directory )?[`*_"'([]{0,4}$/i;

/** Text before a folder that something was taken out of. The name after the folder may mean a copy elsewhere. */
const OUT_OF = /\b(?:from|aus|von|desde|depuis)\s{1,4}(?:the )?(?:folder |directory )?[`*_"'([]{0,4}$/i;
/** Text between two folders in one enumeration or comparison. The name next to them may mean a file in either folder. */
const SAME_CLAUSE = /^[^:：;.。\n]{0,60}$/;
/** The end of a JSON key, with the beginning of its value. */
const KEY_BEFORE = /"(\w{1,30})"\s{0,4}:\s{0,4}\[?\s{0,4}"$/;
/** JSON keys of the folder that a file is in. */
const FOLDER_KEY = /^(?:dir|directory|dirname|folder|path|location|parent)$/i;
/** JSON keys of a file's name. */
const NAME_KEY = /^(?:name|files?|file_?names?|basename)$/i;

/** A folder that a text states for a name. */
interface StatedFolder {
  path: string;
  /** Whether the name means a file directly in this folder. Otherwise, it is only known that the file is not elsewhere. */
  isExact: boolean;
}

/**
 * Returns a function that compares a name with the folder that the text states for the name. If none of the name's files is in
 * this folder, it returns `undefined`. If some of the files are directly in this folder, it returns the name with these files
 * only. Otherwise it returns the name unchanged. The function must be called for the names in the text's order.
 */
export function inStatedFolder(
  text: string,
  missed: readonly UnresolvedMention[],
  roots: readonly string[],
): (name: Found) => Found | undefined {
  let folders: UnresolvedMention[] | undefined;
  let at = 0;
  return (name) => {
    folders ??= missed.filter(isFolder); // done at the first name, because most texts have no bare name
    while (at < folders.length && folders[at]!.start < name.start) at++;
    const stated = [folderBefore(text, folders, at - 1, name), folderAfter(text, folders, at, name)].filter(
      (folder) => folder !== undefined,
    );
    if (stated.some(({ path }) => !name.files.some((indexed) => isBelow(indexed, path, roots)))) {
      return undefined;
    }
    const [folder, other] = stated;
    if (!folder?.isExact || other) return name;
    const files = name.files.filter((indexed) => isDirectlyIn(indexed, folder.path));
    return files.length > 0 ? { ...name, files, hasFolder: true } : name;
  };
}

function isFolder({ text, reason }: UnresolvedMention): boolean {
  return reason === "directory" || (reason === "not-found" && extensionOf(text) === "");
}

/** Returns the folder at index `at` of `folders`, if it comes before a name and is stated for it. */
function folderBefore(
  text: string,
  folders: readonly UnresolvedMention[],
  at: number,
  { start }: Range,
): StatedFolder | undefined {
  const folder = folders[at];
  if (!folder || start - folder.end > REACH) return undefined;
  const path = pathOf(folder);
  const between = text.slice(folder.end, start).replace(LINK_START, "");
  const isOnlyFolder = !isTakenFrom(text, folder) && !isSameClause(text, folders[at - 1], folder);
  const inFolder = IN_FOLDER.exec(between);
  if (inFolder) {
    const nameKey = inFolder[1];
    const isExact = isOnlyFolder && (nameKey === undefined || areKeys(keyBefore(text, folder), nameKey));
    return { path, isExact };
  }
  const subfolders = subfoldersInList(lineBefore(text, folder.start), between);
  if (!subfolders) return undefined;
  return { path: [path, ...subfolders.names].join("/"), isExact: isOnlyFolder && subfolders.areAll };
}

/** Returns the folder at index `at` of `folders`, if it comes after a name and is stated for it. */
function folderAfter(
  text: string,
  folders: readonly UnresolvedMention[],
  at: number,
  name: Range,
): StatedFolder | undefined {
  const folder = folders[at];
  if (!folder || folder.start - name.end >= 80) return undefined;
  const after = FOLDER_AFTER.exec(text.slice(name.end, folder.start));
  if (!after) return undefined;
  const folderKey = after[1];
  const isExact =
    !isSameClause(text, folder, folders[at + 1]) &&
    (folderKey === undefined || areKeys(folderKey, keyBefore(text, name)));
  return { path: pathOf(folder), isExact };
}

function isTakenFrom(text: string, { start }: Range): boolean {
  return OUT_OF.test(text.slice(Math.max(0, start - 60), start));
}

function isSameClause(text: string, first: Range | undefined, second: Range | undefined): boolean {
  if (!first || !second || second.start - first.end > 60) return false;
  return SAME_CLAUSE.test(text.slice(first.end, second.start));
}

/** Returns the key whose value in JSON starts at `start`, or `undefined` if there is none. */
function keyBefore(text: string, { start }: Range): string | undefined {
  return KEY_BEFORE.exec(text.slice(Math.max(0, start - 60), start))?.[1];
}

/** Returns whether two JSON keys say that a name is the name of a file in a folder. */
function areKeys(folderKey: string | undefined, nameKey: string | undefined): boolean {
  return FOLDER_KEY.test(folderKey ?? "") && NAME_KEY.test(nameKey ?? "");
}

function lineBefore(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - 100), at);
  return before.slice(before.lastIndexOf("\n") + 1);
}

/** The folders between a folder and a name in a list below it. */
interface Subfolders {
  names: string[];
  /** False if the name's item is below an item that may not be a folder. */
  areAll: boolean;
}

/**
 * If a name is an item in the list or the file tree that follows a folder, returns the folders between them. `lead` is the text
 * before the folder on its line. `between` is the text between the folder and the name.
 */
function subfoldersInList(lead: string, between: string): Subfolders | undefined {
  const [heading, ...lines] = between.split("\n");
  const items = lines.filter((line) => line.trim() !== "");
  const [first, last] = [items[0], items.at(-1)];
  if (first === undefined || !LINE_END.test(heading!) || !ITEM_START.test(last!)) return undefined;
  // An item that is less indented than the first item belongs to another list.
  const indent = indentOf(first);
  if (!items.every((item) => ITEM.test(item) && indentOf(item) >= indent)) return undefined;
  const isTree = /^[├└]/.test(first.trimStart());
  const isNested = ITEM_START.test(lead) && indent > indentOf(lead);
  return /[:：]/.test(heading!) || isTree || isNested ? subfoldersOf(items) : undefined;
}

/** Returns the folders above the last of `items`, outermost first. */
function subfoldersOf(items: readonly string[]): Subfolders {
  const names: string[] = [];
  let indent = indentOf(items.at(-1)!);
  for (const item of items.slice(0, -1).reverse()) {
    if (indentOf(item) >= indent) continue;
    indent = indentOf(item);
    const name = folderIn(item);
    if (name === undefined) return { names: [], areAll: false };
    names.unshift(name);
  }
  return { names, areAll: true };
}

/** The beginning of a remark after the name of an item. */
const REMARK = /\s[#←(–—]/;
/** Closing marks, a colon and spaces after the name of an item. */
const AFTER_NAME = /[`*"':：\s]{1,8}$/;

/** Returns the name of a folder that is the only content of an item: it ends with a slash, or the item is part of a tree. */
function folderIn(item: string): string | undefined {
  const content = item.slice(indentOf(item)).replace(/^(?:[-*+•]|\d{1,3}[.)])?\s{0,10}[`*"']{0,4}/, "");
  const name = content.slice(0, 200).split(REMARK, 1)[0]!.replace(AFTER_NAME, "");
  if (!/^[^`*"'<>|:\\/]{1,100}\/?$/.test(name)) return undefined;
  const isTree = /[│├└]/.test(item.slice(0, indentOf(item)));
  return isTree || name.endsWith("/") ? name.replace("/", "") : undefined;
}

/** Returns how deep an item is, in characters. The lines of a tree count. */
function indentOf(line: string): number {
  return /^[\s│├└─]*/.exec(line)![0].length;
}

function pathOf({ text }: UnresolvedMention): string {
  return decode(text).replace(/\/{1,9}$/, "");
}

/** Returns whether a file is in a folder, at any depth. The folder's path can have a scheme. */
function isBelow(indexed: IndexedFile, path: string, roots: readonly string[]): boolean {
  if (roots.some((other) => path.endsWith(other) && indexed.root.startsWith(other))) return true;
  const folder = relativeFolder(indexed, path);
  return folder !== undefined && indexed.foldedFolder.startsWith(folder);
}

/** Returns whether a file is in a folder, but not in a subfolder. */
function isDirectlyIn(indexed: IndexedFile, path: string): boolean {
  return indexed.foldedFolder === relativeFolder(indexed, path);
}

/** Returns the path of a folder below the root of a file, folded and with a slash at its end. */
function relativeFolder({ root }: IndexedFile, path: string): string | undefined {
  const folded = fold(path);
  const before = fold(`${root}/`);
  const at = folded.indexOf(before);
  return at < 0 ? undefined : `${folded.slice(at + before.length)}/`;
}
