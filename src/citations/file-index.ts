/**
 * Finds a container's files by the paths and names in a text. The index compares the known folder and file names with the text
 * (see name-list.ts). The known names decide where a name in the text ends, so names with spaces, dots or brackets are found too.
 * Names are folded (see spelling.ts) before they are compared: case and variants of dashes, spaces and quotes make no difference.
 * `fitOf` decides which files fit a name best. Several files that fit a name equally well are ambiguous.
 *
 * This file is long because all ways to look up a file are methods of one index.
 */
import { badInput, isRecord } from "../errors.js";
import { oncePer } from "../once.js";
import type { ContainerFile } from "../types.js";
import { NameList, type Spelled } from "./name-list.js";
import { decode, fold, literal, spells } from "./spelling.js";

/** The `root` of a file outside of all roots. A text can mention such a file only as `sandbox:` with the file's path or name. */
export const OUTSIDE = "";

/** A file under one of its names. An upload has two names if the API put an id in front of its name. */
export interface IndexedFile {
  file: ContainerFile;
  /** The rank of the file's container. If two files fit, the text means the one whose container has the lower rank. */
  rank: number;
  /** The root that the file is below, or {@link OUTSIDE}. */
  root: string;
  /** The file's folder relative to the root, in NFD: `""` or `out/Figures/`. */
  folder: string;
  /** The folder, folded. */
  foldedFolder: string;
  /** The last segment of the file's path, in NFD. If `isUploadAlias` is true: the upload's former name. */
  name: string;
  /** True if `name` is the upload's former name, before the API put an id in front of it. */
  isUploadAlias: boolean;
}

/** The files that fit a mention best. If there are several, their containers have the same rank, and the mention is ambiguous. */
export interface Fit {
  files: IndexedFile[];
  /**
   * True if no file has exactly the name in the text. The names of `files` then differ from it, for example in case. In a
   * link, the name is decoded before the comparison.
   */
  isDifferent: boolean;
}

/**
 * The prefix that the API puts in front of an upload's name:
 *
 * - 32 hexadecimal digits, or
 * - `file-` or `assistant-` and a long id: at least 20 letters and digits, at least one of them a digit, or
 * - `file-` or `assistant-` and a short id: 4 to 6 letters and digits, with at least one lowercase letter, one uppercase
 *   letter and two digits.
 *
 * Any other prefix is part of a name that somebody chose: `file-final-report.csv`, `file-Version2-report.csv`.
 */
const UPLOAD =
  /^(?:[0-9a-fA-F]{32}|(?:file|assistant)-(?:(?=[^-]*\d)[A-Za-z0-9]{20,}|(?=[^-]*\d[^-]*\d)(?=[^-]*[a-z])(?=[^-]*[A-Z])[A-Za-z0-9]{4,6}))-(?=.)/;
const EXTENSION = /\.([a-z0-9]{1,10})$/i;

/** Returns the extension of a file name, or `""`. An extension is at most ten ASCII letters and digits, but not only digits. */
export function extensionOf(name: string): string {
  const extension = EXTENSION.exec(name)?.[1] ?? "";
  return /[a-z]/i.test(extension) ? extension : "";
}

/** Returns the last segment of a file's path: the `filename` of its citations. */
export function filenameOf({ path }: ContainerFile): string {
  return nameOf(path);
}

/** Returns the last segment of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Returns a path without its last segment and the slash before it. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Returns the names of a file: the last segment of its path and, for an upload that the API has renamed, the former name. */
export function namesOf(file: ContainerFile): string[] {
  const name = filenameOf(file);
  const former = file.source === "user" ? name.replace(UPLOAD, "") : name;
  return former === name ? [name] : [name, former];
}

/** Returns a pattern for white space before a path. */
const joinedPath = oncePer(
  (roots: readonly string[]) => new RegExp(`\\s(?:${roots.map(literal).join("|") || "(?!)"})/`),
);

/**
 * Returns whether an entry of a container's list is a file. A path with a slash at its end is a folder. Some services list two
 * paths joined by white space as one entry without a size. Such an entry cannot be downloaded, so it does not count as a file.
 */
export function isFile({ path }: ContainerFile, roots: readonly string[]): boolean {
  return !path.endsWith("/") && !joinedPath(roots).test(path);
}

/** Files by their folded names. */
type FilesByName = Map<string, IndexedFile[]>;

interface Root {
  /** The files of each folder below the root, by the folder's folded path without a slash at the end. `""` is the root itself. */
  folders: Map<string, FilesByName>;
  /** The folded paths of the folders below the root, without `""`. */
  names: NameList;
}

/** A character at which most paths in a text end, such as a space, a quote or a bracket. */
const SPACE_OR_BRACKET = /[^\p{L}\p{N}_./+-]/u;

/** The files of one or several containers, by folder and by name. */
export class FileIndex {
  /** Matches the extensions of the files that the model wrote, dot included. `undefined` if no such file has an extension. */
  readonly extensionPattern: RegExp | undefined;
  /** The lengths of the folded names that have an extension, in UTF-16 units. Each length occurs once, longest first. */
  readonly nameLengths: readonly number[];
  readonly #roots = new Map<string, Root>();
  readonly #files: FilesByName = new Map();
  readonly #names: NameList;
  /** The folded paths that contain {@link SPACE_OR_BRACKET}. Collected when they are first needed. */
  #withSpaces: readonly string[] | undefined;

  /**
   * Throws a `TypeError` if an element of `files` is not a container file. `rankOf` receives the id of a container and its
   * position among the containers in `files`. It returns the container's rank (see {@link IndexedFile.rank}). By default, the
   * rank is the position.
   */
  constructor(
    files: readonly ContainerFile[],
    roots: readonly string[],
    rankOf: (containerId: string, position: number) => number = (_, position) => position,
  ) {
    const foldersOf = new Map(
      [...roots, OUTSIDE].map((root) => [root, new Map<string, FilesByName>([["", new Map()]])]),
    );
    const extensions = new Set<string>();
    const lengths = new Set<number>();
    for (const { file, position } of newestOf(files)) {
      const root = rootOf(file, roots);
      if (root === undefined || !isFile(file, roots)) continue;
      const [indexed, alias] = indexedUnder(file, root, rankOf(file.container_id, position));
      addToFolder(foldersOf.get(root)!, indexed);
      add(this.#files, indexed);
      if (alias) add(this.#files, alias);
      const extension = extensionOf(indexed.name);
      if (extension === "" || root === OUTSIDE) continue;
      lengths.add(fold(indexed.name).length);
      if (alias) lengths.add(fold(alias.name).length);
      if (file.source !== "user") extensions.add(extension);
    }
    this.#names = new NameList(this.#files.keys());
    this.nameLengths = [...lengths].sort((a, b) => b - a);
    for (const [root, folders] of foldersOf) {
      const names = new NameList([...folders.keys()].filter((folder) => folder !== ""));
      this.#roots.set(root, { folders, names });
    }
    if (extensions.size > 0) {
      this.extensionPattern = new RegExp(`\\.(?:${[...extensions].join("|")})(?![a-z0-9])`, "gi");
    }
  }

  /**
   * Returns the folders below `root` that `text` spells from `at`, longest first. `at` is the offset after the root's slash.
   * `root` is one of the constructor's roots or {@link OUTSIDE}.
   */
  foldersAt(text: string, at: number, root: string): readonly Spelled[] {
    return this.#roots.get(root)!.names.spelledAt(text, at);
  }

  /** Returns every file name that `text` spells from `at`, longest first. */
  namesAt(text: string, at: number): readonly Spelled[] {
    return this.#names.spelledAt(text, at);
  }

  /**
   * Returns the files that have one of `names` and are in one of `folders`. `names` are from a result of {@link namesAt}.
   * `folders` are from a result of {@link foldersAt} for `root`, or `""` for the root itself.
   */
  filesIn(root: string, folders: readonly string[], names: readonly string[]): readonly IndexedFile[] {
    const below = this.#roots.get(root)!.folders;
    return folders.flatMap((folder) => names.flatMap((name) => below.get(folder)!.get(name) ?? []));
  }

  /** Returns the files that have one of `names` and are below a root. `names` are from a result of {@link namesAt}. */
  filesNamed(names: readonly string[]): readonly IndexedFile[] {
    return this.filesAnywhere(names).filter(({ root }) => root !== OUTSIDE);
  }

  /** Returns all files that have one of `names`, also outside of the roots. `names` are from a result of {@link namesAt}. */
  filesAnywhere(names: readonly string[]): readonly IndexedFile[] {
    return names.flatMap((name) => this.#files.get(name)!);
  }

  /**
   * Returns whether a path or name in the text may go on after a space, a quote or a bracket. `written` is the part before
   * that character, without the root, decoded and folded. Returns true if a file's path starts with `written`, or if a file's
   * name starts with the last segment of `written`.
   */
  startsLonger(written: string): boolean {
    this.#withSpaces ??= [...this.#files].flatMap(([name, files]) =>
      files.map(({ foldedFolder }) => foldedFolder + name).filter((path) => SPACE_OR_BRACKET.test(path)),
    );
    const name = nameOf(written);
    return this.#withSpaces.some(
      (path) => path.startsWith(written) || path.startsWith(name, path.lastIndexOf("/") + 1),
    );
  }

  /** Returns whether a file has the folded path `path` below `root`. */
  hasFile(root: string, path: string): boolean {
    const slash = path.lastIndexOf("/");
    const folder = this.#roots.get(root)!.folders.get(path.slice(0, Math.max(0, slash)));
    return folder?.has(path.slice(slash + 1)) ?? false;
  }
}

/**
 * Returns the root that a file is below, or {@link OUTSIDE} if the file is below none. If one root is inside another, returns the
 * inner root, as mentions.ts does for a path in a text. Returns `undefined` for a path that is not absolute.
 */
function rootOf({ path }: ContainerFile, roots: readonly string[]): string | undefined {
  const above = roots.filter((root) => path.startsWith(`${root}/`)).sort((a, b) => b.length - a.length);
  return above[0] ?? (path.startsWith("/") ? OUTSIDE : undefined);
}

/** Returns the entry for a file's own name and, for an upload that the API has renamed, a second entry for the former name. */
function indexedUnder(file: ContainerFile, root: string, rank: number): [IndexedFile, IndexedFile?] {
  const relative = file.path.slice(root.length + 1).normalize("NFD");
  const folder = relative.slice(0, relative.lastIndexOf("/") + 1);
  const name = relative.slice(folder.length);
  const indexed = { file, rank, root, folder, foldedFolder: fold(folder), name, isUploadAlias: false };
  const alias = file.source === "user" ? name.replace(UPLOAD, "") : name;
  return alias === name ? [indexed] : [indexed, { ...indexed, name: alias, isUploadAlias: true }];
}

/** Adds a file to its folder. Adds the folder and its missing parent folders first. */
function addToFolder(folders: Map<string, FilesByName>, indexed: IndexedFile): void {
  const folder = indexed.foldedFolder.slice(0, -1);
  for (let within = folder; !folders.has(within); ) {
    folders.set(within, new Map());
    within = folderOf(within);
  }
  add(folders.get(folder)!, indexed);
}

function add(files: FilesByName, indexed: IndexedFile): void {
  const name = fold(indexed.name);
  const others = files.get(name);
  if (others) others.push(indexed);
  else files.set(name, [indexed]);
}

/** For each path in each container, returns the newest file and the container's position. Sorted by that position. */
function newestOf(files: readonly ContainerFile[]): { file: ContainerFile; position: number }[] {
  const containers = new Map<string, Map<string, ContainerFile>>();
  for (const [at, file] of files.entries()) {
    checkContainerFile(file, at);
    let newest = containers.get(file.container_id);
    if (!newest) {
      newest = new Map();
      containers.set(file.container_id, newest);
    }
    const other = newest.get(file.path);
    if (!other || file.created_at > other.created_at) newest.set(file.path, file);
  }
  return [...containers.values()].flatMap((newest, position) =>
    [...newest.values()].map((file) => ({ file, position })),
  );
}

/** Removes the uploads that were found by their former name. If that would remove all files, returns `files` unchanged. */
export function withoutAliases(files: readonly IndexedFile[]): readonly IndexedFile[] {
  const others = files.filter(({ isUploadAlias }) => !isUploadAlias);
  return others.length > 0 ? others : files;
}

/**
 * Returns the files that fit the text `written` best, or `undefined` if `files` is empty. It prefers, in this order:
 *
 * 1. files whose name the text spells exactly, before files whose name is equal only after folding;
 * 2. files of the container with the lowest rank;
 * 3. among files whose names differ only in their Unicode form, those whose name has the same form as the text.
 *
 * `nameOf` returns the name or the path of a file, to compare it with `written`. The text `a%20b.csv` can spell two names:
 * `a b.csv` and `a%20b.csv`. If `isDecoded` is true, as for a link, only `a b.csv` is exact, and `a%20b.csv` is a look-alike.
 */
export function fitOf(
  files: readonly IndexedFile[],
  written: string,
  nameOf: (indexed: IndexedFile) => string,
  isDecoded = false,
): Fit | undefined {
  const spelled = files.filter((indexed) => spells(written, nameOf(indexed)));
  const meant = isDecoded ? decode(written) : undefined;
  const decoded = spelled.filter((indexed) => nameOf(indexed) === meant);
  let fitting = spelled.length > 0 ? spelled : files;
  if (decoded.length > 0) fitting = decoded;
  const rank = fitting.reduce((lowest, indexed) => Math.min(lowest, indexed.rank), Infinity);
  const nearest = fitting.filter((indexed) => indexed.rank === rank);
  const [first] = nearest;
  if (!first) return undefined;
  const isOneName = nearest.every(
    ({ file, folder, name, isUploadAlias }) =>
      folder === first.folder &&
      name === first.name &&
      file.container_id === first.file.container_id &&
      !isUploadAlias,
  );
  const sameForm = isOneName ? nearest.filter(({ file }) => written.endsWith(filenameOf(file))) : [];
  const isDifferent = isDecoded ? decoded.length === 0 : spelled.length === 0;
  return { files: sameForm.length > 0 ? sameForm : nearest, isDifferent };
}

function checkContainerFile(file: unknown, position: number): void {
  if (!isRecord(file)) throw badInput(`files[${position}]`, "a container file object", file);
  for (const key of ["id", "container_id", "path", "source"]) {
    if (typeof file[key] !== "string") throw badInput(`files[${position}].${key}`, "a string", file[key]);
  }
  if (typeof file.created_at !== "number") {
    throw badInput(`files[${position}].created_at`, "a number of seconds", file.created_at);
  }
}
