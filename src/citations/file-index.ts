/**
 * A container's files, found by what a model wrote. Two tries hold their paths and their names in folded form
 * (see spelling.ts); walking one along the text finds every name that the text spells from a place, so nobody has
 * to guess where a name ends: names with spaces, dots or brackets are just longer walks.
 */
import { badInput, isRecord } from "../bad-input.js";
import type { ContainerFile } from "../types.js";
import { fold, readEncoded, readLiteral } from "./spelling.js";

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
  /** The last segment of its path, as the API gives it in a citation. */
  filename: string;
}

/** A name under which a file is found. `key` is that name in NFD, not folded. */
interface Entry {
  key: string;
  indexed: IndexedFile;
  /** True where `key` is the name an upload had before the API put an id in front of it. */
  isUploadAlias: boolean;
}

/** A path or a name that the text spells, up to `end`. */
export interface Spelled {
  end: number;
  entries: readonly Entry[];
  /** What the text means there, in NFD, not folded. */
  meant: string;
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

export class FileIndex {
  /** The extensions of the files that the model wrote. */
  readonly extensions = new Set<string>();
  /** The length of the longest name of a file that the model wrote, in UTF-16 units of its NFD. */
  readonly longestName: number = 0;
  readonly #paths = new Map<string, Trie>();
  readonly #names = new Trie();
  readonly #folders = new Set<string>();

  /** Files outside the roots are not indexed. Throws a `TypeError` for what is not a container file. */
  constructor(files: readonly ContainerFile[], roots: readonly string[]) {
    const containers = new Map<string, number>();
    const newest = new Map<string, IndexedFile>();
    for (const root of roots) this.#paths.set(root, new Trie());
    for (const [position, file] of files.entries()) {
      checkContainerFile(file, position);
      const root = roots.find((candidate) => file.path.startsWith(`${candidate}/`));
      if (root === undefined) continue;
      const container = containers.get(file.container_id) ?? containers.size;
      containers.set(file.container_id, container);
      const relative = file.path.slice(root.length + 1).normalize("NFD");
      const nameAt = relative.lastIndexOf("/") + 1;
      const indexed: IndexedFile = {
        file,
        container,
        root,
        relative,
        folder: fold(relative.slice(0, nameAt)),
        filename: file.path.slice(file.path.lastIndexOf("/") + 1),
      };
      if (indexed.filename === "") continue; // a folder's own entry
      const id = `${container}/${file.path}`;
      const other = newest.get(id);
      if (!other || file.created_at > other.file.created_at) newest.set(id, indexed);
    }
    for (const indexed of newest.values()) {
      const { relative, root } = indexed;
      const name = relative.slice(relative.lastIndexOf("/") + 1);
      this.#paths.get(root)!.add({ key: relative, indexed, isUploadAlias: false });
      this.#names.add({ key: name, indexed, isUploadAlias: false });
      for (let at = relative.indexOf("/"); at >= 0; at = relative.indexOf("/", at + 1)) {
        this.#folders.add(`${root}/${fold(relative.slice(0, at))}`);
      }
      if (indexed.file.source === "user") {
        const prefix = UPLOAD.exec(name)?.[0];
        if (prefix) this.#names.add({ key: name.slice(prefix.length), indexed, isUploadAlias: true });
      } else if (extensionOf(name)) {
        this.extensions.add(extensionOf(name));
        if (name.length > this.longestName) this.longestName = name.length;
      }
    }
  }

  /** Every path below `root` that `text` spells from `at`, which stands behind the root's slash; longest first. */
  pathsAt(text: string, at: number, root: string): Spelled[] {
    return this.#paths.get(root)?.spelledAt(text, at) ?? [];
  }

  /** Every file name that `text` spells from `at`, longest first. */
  namesAt(text: string, at: number): Spelled[] {
    return this.#names.spelledAt(text, at);
  }

  /** Whether some file is in the folder `relative`, a decoded path below `root` without a slash at its end. */
  hasFolder(root: string, relative: string): boolean {
    return this.#folders.has(`${root}/${fold(relative)}`);
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
  { entries, meant }: Spelled,
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

/** A node of a radix trie: the characters that lead to it from its parent, and what is found there. */
interface Node {
  label: string;
  entries: Entry[];
  children: Map<number, Node>;
}

/** A place in the trie (`used` characters into `node.label`) that the text led to, up to `at`. */
interface Walk {
  node: Node;
  used: number;
  at: number;
  /** What the text up to `at` means, once it is not simply what it spells. */
  meant: string | undefined;
}

/** A radix trie over folded keys. Building it is linear in the keys, a walk in the text it covers. */
class Trie {
  readonly #root: Node = { label: "", entries: [], children: new Map() };

  add(entry: Entry): void {
    const key = fold(entry.key);
    let node = this.#root;
    for (let at = 0; at < key.length; ) {
      const child = node.children.get(key.charCodeAt(at));
      if (!child) {
        node.children.set(key.charCodeAt(at), {
          label: key.slice(at),
          entries: [entry],
          children: new Map(),
        });
        return;
      }
      let shared = 1;
      while (shared < child.label.length && child.label.charCodeAt(shared) === key.charCodeAt(at + shared))
        shared++;
      if (shared < child.label.length) {
        const upper: Node = { label: child.label.slice(0, shared), entries: [], children: new Map() };
        node.children.set(key.charCodeAt(at), upper);
        child.label = child.label.slice(shared);
        upper.children.set(child.label.charCodeAt(0), child);
        node = upper;
      } else {
        node = child;
      }
      at += shared;
    }
    node.entries.push(entry);
  }

  /** Every key that `text` spells from `start`, longest first. */
  spelledAt(text: string, start: number): Spelled[] {
    const found: Spelled[] = [];
    let walks: Walk[] = [{ node: this.#root, used: 0, at: start, meant: undefined }];
    while (walks.length > 0) {
      const next: Walk[] = [];
      for (const walk of walks) {
        addFound(found, walk, text, start);
        const before = walk.at;
        followPlain(walk, text);
        if (walk.at > before) addFound(found, walk, text, start);
        if (walk.at >= text.length) continue;
        const literal = readLiteral(text, walk.at);
        const after = follow(walk, fold(literal.meant));
        // "a//b" is the same path as "a/b".
        if (after && literal.meant === "/") while (text.charCodeAt(literal.end) === 0x2f) literal.end++;
        if (after) {
          const meant = walk.meant === undefined ? undefined : walk.meant + literal.meant;
          addWalk(next, { ...after, at: literal.end, meant });
        }
        // A "%20" may be the name's own three characters or a space: both readings go on, as far as files do.
        const encoded = readEncoded(text, walk.at);
        const decoded = encoded && follow(walk, fold(encoded.meant));
        if (decoded) {
          const meant = (walk.meant ?? text.slice(start, walk.at)) + encoded.meant;
          addWalk(next, { ...decoded, at: encoded.end, meant });
        }
      }
      walks = next;
    }
    return found.sort((a, b) => b.end - a.end);
  }
}

/** What is found where a walk stands: the names that end there. */
function addFound(found: Spelled[], { node, used, at, meant }: Walk, text: string, start: number): void {
  if (used < node.label.length || node.entries.length === 0) return;
  const spelled = (meant ?? text.slice(start, at)).normalize("NFD").replace(/\/{2,}/g, "/");
  found.push({ end: at, entries: node.entries, meant: spelled });
}

/** Two readings that lead to one place go on as one: without this, `%25%25%25…` would double with each `%25`. */
function addWalk(walks: Walk[], walk: Walk): void {
  const isKnown = walks.some(
    ({ node, used, at }) => node === walk.node && used === walk.used && at === walk.at,
  );
  if (!isKnown) walks.push(walk);
}

/** Where `key` leads from a place in the trie. */
function follow({ node, used }: Walk, key: string): { node: Node; used: number } | undefined {
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    if (used < node.label.length) {
      if (node.label.charCodeAt(used) !== code) return undefined;
      used++;
    } else {
      const child = node.children.get(code);
      if (!child) return undefined;
      node = child;
      used = 1;
    }
  }
  return { node, used };
}

/**
 * Follows plain ASCII as far as it leads, in place and without a copy: nearly all of every walk. Stops at the end
 * of a node that holds files, and before any character that can be read in more than one way.
 */
function followPlain(walk: Walk, text: string): void {
  if (walk.meant !== undefined) return;
  let { node, used, at } = walk;
  for (;;) {
    let code = text.charCodeAt(at);
    const isPlain = code < 0x80 && code !== 0x25 && code !== 0x26 && code !== 0x2f && code !== 0x5c;
    if (!isPlain || text.charCodeAt(at + 1) >= 0x300) break;
    if (code >= 0x41 && code <= 0x5a) code |= 0x20;
    if (used < node.label.length) {
      if (node.label.charCodeAt(used) !== code) break;
      used++;
    } else {
      if (node.entries.length > 0 && at > walk.at) break; // what ends here is to be noted first
      const child = node.children.get(code);
      if (!child) break;
      node = child;
      used = 1;
    }
    at++;
  }
  walk.node = node;
  walk.used = used;
  walk.at = at;
}
