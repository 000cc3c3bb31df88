/**
 * Finds the file that a path means if no file has exactly this path. The file has the same name but is in another folder, or it
 * is an upload that had this name before the API put an id in front of it.
 */
import { endOfCitation } from "./boundaries.js";
import { type FileIndex, fitOf, type IndexedFile, OUTSIDE, withoutAliases } from "./file-index.js";
import { type Files, type Found, foundMention } from "./found.js";
import type { PathMention } from "./mentions.js";
import { decode, fold } from "./spelling.js";

/** The files whose name is the last segment of a path in the text. */
interface Named {
  files: readonly IndexedFile[];
  /** Where the citation ends. */
  end: number;
  /** The folder in the text, decoded, relative to the root. */
  folder: string;
  /** The whole path in the text, decoded, with the root. */
  path: string;
  /** Like `path`, but not decoded: `%20` stays `%20`. */
  literal: string;
}

/**
 * Finds the files whose name is the last segment of a mention's path. Returns the mention with these files, or `undefined` if
 * the path can mean none of them. The last segment starts at `nameStart`.
 */
export function fileByName(
  text: string,
  mention: PathMention,
  files: Files,
  nameStart: number,
): Found | undefined {
  const isOutside = mention.root === OUTSIDE;
  // After `sandbox:`, a path may be outside of the roots. Such a path means a file only if it has no folder: `sandbox:a.csv`.
  if (isOutside && nameStart !== mention.relativeStart) return undefined;
  const named = filesNamed(text, mention, files.index, nameStart);
  if (!named) return undefined;
  return isOutside ? onlyFileOf(mention, files, named) : movedFile(mention, files, named);
}

function filesNamed(
  text: string,
  mention: PathMention,
  index: FileIndex,
  nameStart: number,
): Named | undefined {
  const { relativeStart, root, place, hasScheme } = mention;
  const isLink = place.kind !== "text";
  for (const { names, end: nameEnd } of index.namesAt(text, nameStart)) {
    const named = root === OUTSIDE ? index.filesAnywhere(names) : index.filesNamed(names);
    // In a link or after a scheme, the former name of an upload always counts. Elsewhere, a former name counts only if no file has
    // this name now.
    const candidates = hasScheme || isLink ? named : withoutAliases(named);
    const fit = fitOf(candidates, text.slice(nameStart, nameEnd), ({ name }) => name, isLink);
    const end = fit && endOfCitation(text, mention, nameEnd, fit.files[0]!.name);
    if (end === undefined) continue;
    const folder = decode(text.slice(relativeStart, nameStart));
    const written = text.slice(relativeStart, nameEnd);
    const path = `${root}/${decode(written)}`;
    const files = root === OUTSIDE ? withOwnNames(fit!.files, candidates) : fit!.files;
    return { files, end, folder, path, literal: `${root}/${written}` };
  }
  return undefined;
}

/**
 * Returns `fitting`, the files that fit a name best. If all of these files are uploads that the API has renamed, adds the
 * candidates that have the name now, from any container. An added file makes the mention ambiguous. Files in folders that the
 * system or a tool fills are not added.
 */
function withOwnNames(
  fitting: readonly IndexedFile[],
  candidates: readonly IndexedFile[],
): readonly IndexedFile[] {
  if (!fitting.every(({ isUploadAlias }) => isUploadAlias)) return fitting;
  const isOwn = ({ isUploadAlias, foldedFolder }: IndexedFile): boolean =>
    !isUploadAlias && !isUnseenFolder(foldedFolder);
  return [...fitting, ...candidates.filter(isOwn)];
}

/** Returns the mention `sandbox:name` with the files that it can mean. If there are several, the mention is ambiguous. */
function onlyFileOf(
  mention: PathMention,
  { acceptLookAlike }: Files,
  { files, end, path, literal }: Named,
): Found | undefined {
  const visible = files.filter(({ foldedFolder }) => !isUnseenFolder(foldedFolder));
  if (!visible.some(({ file }) => acceptLookAlike(file, path, literal))) return undefined;
  return foundMention(mention, { end, files, match: files[0]!.isUploadAlias ? "upload" : "filename" });
}

/**
 * Returns what a path means if no file has this path: a file of the same name in another folder, or an upload in the same folder
 * that had this name before.
 */
function movedFile(
  mention: PathMention,
  { index, acceptLookAlike }: Files,
  { files: named, end, folder, path, literal }: Named,
): Found | undefined {
  if (!isFolder(folder, mention.root, index)) return undefined;
  const files = named.filter((indexed) => isWithinReach(folder, mention.root, indexed));
  if (!files.some(({ file }) => acceptLookAlike(file, path, literal))) return undefined;
  const meaning = { end, path, isLookAlike: true };
  // If several files have the name, the mention is ambiguous, even if `isWithinReach` accepts only one of them.
  if (named.length > 1) return foundMention(mention, { ...meaning, files: named, match: "moved" });
  if (!isOnBranch(folder, files[0]!)) return undefined;
  return foundMention(mention, { ...meaning, files, match: files[0]!.isUploadAlias ? "upload" : "moved" });
}

/** Matches folders that the system or a tool fills. A path in any other folder never means a file in one of these folders. */
const UNSEEN_FOLDER = /(?:^|\/)(?:\.|(?:__macosx|__pycache__|node_modules)\/)/i;
/** Matches folders whose names say that their files are old versions or belong to installed packages. */
const OTHER_FOLDER =
  /(?:^|\/)(?:old|older|backups?|bak|archived?|previous|prev|trash|deleted|venv|site-packages|dist-packages)\//i;
/** Matches a placeholder in a folder (`$OUT`, `[id]`, `%TEMP%`, `...`, `YYYY-MM`), and also `C:` (a drive) and `~` (home). */
const PLACEHOLDER = /[$[\]?%:~|…]|\.\.\.|(?<![A-Za-z])(?:Y{2,4}|y{4}|[MDHNX]{2,4})(?![A-Za-z])/;

/** Returns whether the system or a tool fills a folder. `foldedFolder` has a slash at its end. */
export function isUnseenFolder(foldedFolder: string): boolean {
  return UNSEEN_FOLDER.test(foldedFolder);
}

/** Returns whether a path is a pattern for several files: it has `*`, `{}` or `<n>`. */
export function isPattern(path: string): boolean {
  return /\*|\{[^{}]*\}|<[^<>]+>/.test(path);
}

/** Returns whether `written`, the text before a file's name, can be a folder. */
function isFolder(written: string, root: string, index: FileIndex): boolean {
  const folder = fold(written);
  // `a.csv/mnt/data/` is two paths without a separator, not a folder. A pattern or a text with a placeholder is no folder either.
  if (folder.includes(fold(`${root}/`)) || isPattern(written) || PLACEHOLDER.test(written)) return false;
  if (isUnseenFolder(folder)) return false;
  // If a part of the path is a file, such as an archive, the path is not a folder.
  for (let slash = folder.indexOf("/"); slash >= 0; slash = folder.indexOf("/", slash + 1)) {
    if (index.hasFile(root, folder.slice(0, slash))) return false;
  }
  return true;
}

/**
 * Returns whether a path in `folder` can mean a file. An upload found by its former name must be in `folder`. The folder of
 * any other file must be at most one level higher or lower, and not a folder such as `.cache` or `old`.
 */
function isWithinReach(folder: string, root: string, indexed: IndexedFile): boolean {
  const { foldedFolder, isUploadAlias } = indexed;
  const written = fold(folder);
  if (indexed.root !== root) return false;
  if (isUploadAlias) return written === foldedFolder;
  const below = foldedFolder.startsWith(written) ? foldedFolder.slice(written.length) : "";
  if (isUnseenFolder(foldedFolder) || OTHER_FOLDER.test(below)) return false;
  return Math.abs(depthOf(written) - depthOf(foldedFolder)) <= 1;
}

/**
 * Returns whether a file is in `folder`, in a parent of `folder` or below `folder`. If the file is elsewhere, a path in `folder`
 * may mean another file.
 */
function isOnBranch(folder: string, { foldedFolder }: IndexedFile): boolean {
  const written = fold(folder);
  return written.startsWith(foldedFolder) || foldedFolder.startsWith(written);
}

function depthOf(folder: string): number {
  return folder.split("/").length;
}
