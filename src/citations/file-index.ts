/**
 * A container's files, found by what a model wrote. Lists of their folders and of their names, folded, are read along
 * the text (see name-list.ts) and say what it spells from a place, so nobody has to guess where a name ends: names
 * with spaces, dots or brackets are just longer.
 */
import { badInput, isRecord } from "../bad-input.js";
import type { ContainerFile } from "../types.js";
import { NameList, type Spelled } from "./name-list.js";
import { fold, spells } from "./spelling.js";

/** A file under one of its names. */
export interface IndexedFile {
  file: ContainerFile;
  /** The rank of its container: files of the container listed first win over those of the next. */
  container: number;
  /** The folder it is in, below its root, in NFD: `""`, or `out/Figures/`. */
  folder: string;
  /** The same, folded. */
  foldedFolder: string;
  /** The last segment of its path, in NFD. */
  name: string;
  /** True where `name` is the one an upload had before the API put an id in front of it. */
  isUploadAlias: boolean;
}

/** The files a spelling fits: of the nearest container, newest of each path. More than one is ambiguous. */
export interface Fit {
  files: IndexedFile[];
  /** The text does not spell the name itself, only its folded form. */
  isDifferent: boolean;
}

const UPLOAD = /^(?:(?:file|assistant)[-_][a-z0-9]+|[0-9a-f]{6,64})-(?=.)/i;
const EXTENSION = /\.([a-z0-9]{1,10})$/i;

/** The extension of a file name, or `""`: at most ten ASCII characters, not all digits. */
export function extensionOf(name: string): string {
  const extension = EXTENSION.exec(name)?.[1] ?? "";
  return /[a-z]/i.test(extension) ? extension : "";
}

/** The last segment of a file's path, as the API gives it in a citation. */
export function filenameOf({ path }: ContainerFile): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** By their names, folded. */
type FilesByName = Map<string, IndexedFile[]>;

/** The folders below a root, folded and without a slash at the end, and the files in them; its own is `""`. */
interface Root {
  folders: Map<string, FilesByName>;
  names: NameList;
}

export class FileIndex {
  /** Matches the extensions, with their dots, of the files that the model wrote; `undefined` without any. */
  readonly extensionPattern: RegExp | undefined;
  /** How long the names with an extension are, folded, in UTF-16 units: each length once, the longest first. */
  readonly nameLengths: readonly number[];
  readonly #roots = new Map<string, Root>();
  readonly #files: FilesByName = new Map();
  readonly #names: NameList;

  /** Files outside the roots are not indexed. Throws a `TypeError` for what is not a container file. */
  constructor(files: readonly ContainerFile[], roots: readonly string[]) {
    const foldersOf = new Map(roots.map((root) => [root, new Map<string, FilesByName>([["", new Map()]])]));
    // Of two roots, one inside the other, the inner one is meant, as in a text.
    const innerFirst = [...roots].sort((a, b) => b.length - a.length);
    const extensions = new Set<string>();
    const lengths = new Set<number>();
    for (const { file, container } of newestOf(files)) {
      const root = innerFirst.find((candidate) => file.path.startsWith(`${candidate}/`));
      if (root === undefined || file.path.endsWith("/")) continue; // not below a root, or a folder's own entry
      const relative = file.path.slice(root.length + 1).normalize("NFD");
      const folder = relative.slice(0, relative.lastIndexOf("/") + 1);
      const foldedFolder = fold(folder);
      const name = relative.slice(folder.length);
      const foldedName = fold(name);
      const indexed = { file, container, folder, foldedFolder, name, isUploadAlias: false };
      add(this.#files, foldedName, indexed);
      const folders = foldersOf.get(root)!;
      // A folder that is known is known with all it is in.
      for (let within = foldedFolder.slice(0, -1); !folders.has(within); ) {
        folders.set(within, new Map());
        within = within.slice(0, Math.max(0, within.lastIndexOf("/")));
      }
      add(folders.get(foldedFolder.slice(0, -1))!, foldedName, indexed);
      const extension = extensionOf(name);
      if (extension !== "") lengths.add(foldedName.length);
      if (file.source === "user") {
        const alias = name.replace(UPLOAD, "");
        if (alias === name) continue;
        const foldedAlias = fold(alias);
        add(this.#files, foldedAlias, { ...indexed, name: alias, isUploadAlias: true });
        if (extension !== "") lengths.add(foldedAlias.length);
      } else if (extension !== "") {
        extensions.add(extension);
      }
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

  /** The folders below `root`, one of the index's own, that hold files and that `text` spells from `at`, behind the root's slash; longest first. */
  foldersAt(text: string, at: number, root: string): readonly Spelled[] {
    return this.#roots.get(root)!.names.spelledAt(text, at);
  }

  /** Every file name that `text` spells from `at`, longest first. */
  namesAt(text: string, at: number): readonly Spelled[] {
    return this.#names.spelledAt(text, at);
  }

  /** The files of that name in a folder that {@link foldersAt} found below `root`, or in `""`. */
  filesIn(root: string, folder: string, name: string): readonly IndexedFile[] {
    return this.#roots.get(root)!.folders.get(folder)!.get(name) ?? [];
  }

  /** The files in any folder whose name, or what it was before the upload, is `name`, as {@link namesAt} found it. */
  filesNamed(name: string): readonly IndexedFile[] {
    return this.#files.get(name)!;
  }
}

function add(files: FilesByName, name: string, indexed: IndexedFile): void {
  const others = files.get(name);
  if (others) others.push(indexed);
  else files.set(name, [indexed]);
}

/** The files, of those with one path in one container the newest, in the order of their containers. */
function newestOf(files: readonly ContainerFile[]): { file: ContainerFile; container: number }[] {
  const containers = new Map<string, Map<string, ContainerFile>>();
  for (const [position, file] of files.entries()) {
    checkContainerFile(file, position);
    let newest = containers.get(file.container_id);
    if (!newest) {
      newest = new Map();
      containers.set(file.container_id, newest);
    }
    const other = newest.get(file.path);
    if (!other || file.created_at > other.created_at) newest.set(file.path, file);
  }
  return [...containers.values()].flatMap((newest, container) =>
    [...newest.values()].map((file) => ({ file, container })),
  );
}

/** Without those that were once called so before they were uploaded, unless there are no others. */
export function withoutAliases(files: readonly IndexedFile[]): readonly IndexedFile[] {
  const others = files.filter(({ isUploadAlias }) => !isUploadAlias);
  return others.length > 0 ? others : files;
}

/**
 * The files that fit what is `written` best: those that it spells before those that only fold to the same, then the
 * nearest container's, then of those in one folder what is written in just its form of Unicode.
 */
export function fitOf(
  files: readonly IndexedFile[],
  written: string,
  nameOf: (indexed: IndexedFile) => string,
): Fit | undefined {
  const exact = files.filter((indexed) => spells(written, nameOf(indexed)));
  const fitting = exact.length > 0 ? exact : files;
  const first = fitting[0];
  if (!first) return undefined;
  const nearest = fitting.filter(({ container }) => container === first.container);
  const isTogether = nearest.every(({ folder, isUploadAlias }) => folder === first.folder && !isUploadAlias);
  const same = isTogether ? nearest.filter(({ file }) => written.endsWith(filenameOf(file))) : [];
  return { files: same.length > 0 ? same : nearest, isDifferent: exact.length === 0 };
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
