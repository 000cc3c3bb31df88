/**
 * A container's files, found by what a model wrote. Two tries hold their paths and their names in folded form
 * (see trie.ts); walking one along the text finds every name that the text spells from a place, so nobody has to
 * guess where a name ends: names with spaces, dots or brackets are just longer walks.
 */
import { badInput, isRecord } from "../bad-input.js";
import type { ContainerFile } from "../types.js";
import { fold } from "./spelling.js";
import { EndTrie, type Spelled, Trie } from "./trie.js";

/** A file, and where it stands among the others. */
export interface IndexedFile {
  file: ContainerFile;
  /** The rank of its container: files of the container listed first win over those of the next. */
  container: number;
  root: string;
  /** Its path below the root, in NFD, as it is written in the list. */
  relative: string;
  /** The folder it is in, below the root, folded: `""`, or `out/figures/`. */
  folder: string;
}

/** A name under which a file is found. `key` is that name in NFD, not folded. */
interface Entry {
  key: string;
  indexed: IndexedFile;
  /** True where `key` is the name an upload had before the API put an id in front of it. */
  isUploadAlias: boolean;
}

/** The files a spelling fits: of the nearest container, newest of each path. More than one is ambiguous. */
export interface Fit {
  entries: Entry[];
  /** The text does not spell the name itself, only its folded form. */
  isDifferent: boolean;
}

const UPLOAD = /^(?:(?:file|assistant)[-_][a-z0-9]+|[0-9a-f]{6,64})-(?=.)/i;
const EXTENSION = /\.([a-z0-9]{1,10})$/i;

/** The extension of a file name, lower case, or `""`: at most ten ASCII characters, not all digits. */
export function extensionOf(name: string): string {
  const extension = EXTENSION.exec(name)?.[1] ?? "";
  return /[a-z]/i.test(extension) ? extension.toLowerCase() : "";
}

/** The last segment of a file's path, as the API gives it in a citation. */
export function filenameOf({ path }: ContainerFile): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export class FileIndex {
  /** Matches the extensions, with their dots, of the files that the model wrote; `undefined` without any. */
  readonly extensionPattern: RegExp | undefined;
  /** The length of the longest name of a file that the model wrote, in UTF-16 units of its NFD. */
  readonly longestName: number = 0;
  readonly #paths = new Map<string, Trie<Entry>>();
  readonly #names = new Trie<Entry>();
  /** The names with an extension of files that the model wrote, and their trie once one is looked for. */
  readonly #writtenNames: string[] = [];
  #nameEnds: EndTrie | undefined;
  /** For each root, the folders that hold files, folded, and their trie once one is looked for. */
  readonly #folders = new Map<string, Set<string>>();
  readonly #folderTries = new Map<string, Trie<{ key: string }>>();

  /** Files outside the roots are not indexed. Throws a `TypeError` for what is not a container file. */
  constructor(files: readonly ContainerFile[], roots: readonly string[]) {
    const containers = new Map<string, number>();
    const newest: Map<string, IndexedFile>[] = [];
    const extensions = new Set<string>();
    /** Each folder's folded name once, not for each of its files. */
    const folded = new Map<string, string>();
    for (const root of roots) {
      this.#paths.set(root, new Trie());
      this.#folders.set(root, new Set());
    }
    for (const [position, file] of files.entries()) {
      checkContainerFile(file, position);
      let container = containers.get(file.container_id);
      if (container === undefined) {
        container = containers.size;
        containers.set(file.container_id, container);
        newest.push(new Map());
      }
      const root = roots.find((candidate) => file.path.startsWith(`${candidate}/`));
      if (root === undefined) continue;
      const relative = file.path.slice(root.length + 1).normalize("NFD");
      const nameAt = relative.lastIndexOf("/") + 1;
      const folder = relative.slice(0, nameAt);
      if (!folded.has(folder)) folded.set(folder, fold(folder));
      const indexed: IndexedFile = {
        file,
        container,
        root,
        relative,
        folder: folded.get(folder)!,
      };
      if (file.path.endsWith("/")) continue; // a folder's own entry
      const other = newest[container]!.get(file.path);
      if (!other || file.created_at > other.file.created_at) newest[container]!.set(file.path, indexed);
    }
    for (const indexed of newest.flatMap((files) => [...files.values()])) {
      const { relative, root } = indexed;
      const name = relative.slice(relative.lastIndexOf("/") + 1);
      this.#paths.get(root)!.add({ key: relative, indexed, isUploadAlias: false });
      this.#names.add({ key: name, indexed, isUploadAlias: false });
      // A folder that is known is known with all it is in.
      const folders = this.#folders.get(root)!;
      let folder = indexed.folder.slice(0, -1);
      while (folder !== "" && !folders.has(folder)) {
        folders.add(folder);
        folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/")));
      }
      if (indexed.file.source === "user") {
        const prefix = UPLOAD.exec(name)?.[0];
        if (prefix) this.#names.add({ key: name.slice(prefix.length), indexed, isUploadAlias: true });
      } else if (extensionOf(name)) {
        extensions.add(extensionOf(name));
        this.#writtenNames.push(name);
        if (name.length > this.longestName) this.longestName = name.length;
      }
    }
    if (extensions.size > 0) {
      this.extensionPattern = new RegExp(`\\.(?:${[...extensions].join("|")})(?![a-z0-9])`, "gi");
    }
  }

  /** Every path below `root` that `text` spells from `at`, which stands behind the root's slash; longest first. */
  pathsAt(text: string, at: number, root: string): readonly Spelled<Entry>[] {
    return this.#paths.get(root)?.spelledAt(text, at) ?? [];
  }

  /** Every file name that `text` spells from `at`, longest first. */
  namesAt(text: string, at: number): readonly Spelled<Entry>[] {
    return this.#names.spelledAt(text, at);
  }

  /** Where the names of files that the model wrote may start which end at `end`, in text that is plain before. */
  nameStartsBefore(text: string, end: number): number[] {
    if (!this.#nameEnds) {
      this.#nameEnds = new EndTrie();
      for (const name of this.#writtenNames) this.#nameEnds.add(name);
    }
    return this.#nameEnds.startsBefore(text, end);
  }

  /** Where the folders end that hold files and that `text` spells from `at`, as {@link pathsAt}; longest first. */
  folderEndsAt(text: string, at: number, root: string): number[] {
    const folders = this.#folders.get(root);
    if (!folders || folders.size === 0) return [];
    let trie = this.#folderTries.get(root);
    if (!trie) {
      trie = new Trie();
      for (const key of folders) trie.add({ key });
      this.#folderTries.set(root, trie);
    }
    return trie.spelledAt(text, at).map(({ end }) => end);
  }

  /** The file whose path below `root` is `relative`, decoded. */
  fitOfPath(root: string, relative: string): Fit | undefined {
    const key = relative.normalize("NFD");
    const spelled = this.#paths
      .get(root)
      ?.spelledAt(key, 0)
      .find(({ end }) => end === key.length);
    return spelled && fitOf(spelled);
  }
}

/** The files that fit a spelling best: its own name before a folded one, then the nearest container. */
export function fitOf(
  { entries, meant }: Spelled<Entry>,
  allows: (entry: Entry) => boolean = () => true,
): Fit | undefined {
  const allowed = entries.filter(allows);
  const exact = allowed.filter(({ key }) => key === meant);
  const fitting = exact.length > 0 ? exact : allowed;
  if (fitting.length === 0) return undefined;
  const nearest = Math.min(...fitting.map(({ indexed }) => indexed.container));
  return {
    entries: fitting.filter(({ indexed }) => indexed.container === nearest),
    isDifferent: exact.length === 0,
  };
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
