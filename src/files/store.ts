/** Defines the store that keeps files after their container has expired, and the keys of files in a store. */
import { badInput } from "../errors.js";
import type { Sink } from "./copy.js";
import { safeName } from "./safe-name.js";

/** What a store keeps about a file, in addition to the file's bytes. This data is plain JSON, of at most 1 KB. */
export interface StoredFile {
  /** The file's name, without a folder. Characters that are invalid on some operating systems are replaced. */
  filename: string;
}

/** A file that `get` of a {@link FileStore} found. */
export interface FoundFile {
  /** The data that `put` received together with the file's bytes. */
  file: StoredFile;
  /** The file's length in bytes. */
  size: number;
  /**
   * Returns the file's bytes, or those of a range. `start` is the offset of the first byte, and `end` is the offset after the
   * last byte, as in `Blob.slice`. Called at most once for each `get`, and not at all for a request that needs no bytes.
   */
  stream(range?: { start: number; end: number }): ReadableStream<Uint8Array>;
}

/**
 * A place that keeps files, such as a bucket, a disk or a database. The route and the webhook handler copy files into a store.
 * `saveFiles` can save files into a store too. `directoryStore` in `openai-file-citations/node` keeps files on a disk. For S3
 * and for unstorage, see docs/stores.md.
 *
 * A key has at most 210 characters: `a` to `z`, digits, `_`, `-`, `.` and one `/`. The key of a container file consists of the
 * container's id and the file's id. The key of an image consists of `images` and the image's name. Some ids and names are
 * replaced by their SHA-256 hash, for example if they have upper-case letters or more than 100 characters.
 *
 * @example
 * ```ts
 * import type { FileStore, StoredFile } from "openai-file-citations/route";
 *
 * const copies = new Map<string, { file: StoredFile; bytes: Uint8Array<ArrayBuffer> }>();
 * export const store: FileStore = {
 *   async put(key, file, stream) {
 *     copies.set(key, { file, bytes: new Uint8Array(await new Response(stream).arrayBuffer()) });
 *   },
 *   async get(key) {
 *     const copy = copies.get(key);
 *     if (!copy) return undefined;
 *     const { file, bytes } = copy;
 *     return {
 *       file,
 *       size: bytes.length,
 *       stream: ({ start, end } = { start: 0, end: bytes.length }) => new Blob([bytes.subarray(start, end)]).stream(),
 *     };
 *   },
 * };
 * ```
 */
export interface FileStore {
  /**
   * Stores a file whole or not at all: reads `stream` to its end, and only then makes the file visible to `get`. If the stream
   * fails, `put` must reject, and `get` must not return the part that was read. If the store already has the key, `put` may
   * replace the file or do nothing, because the bytes are the same. Several processes may put one key at the same time.
   */
  put(key: string, file: StoredFile, stream: ReadableStream<Uint8Array>): Promise<void>;
  /** Returns a stored file; `undefined` if the store does not have it. Rejects if the store cannot be read. */
  get(key: string): Promise<FoundFile | undefined>;
}

/** Describes a store in error messages. */
export const STORE = "a store, an object with the functions put and get";

/** Returns whether a value has the functions of a store. */
export function isStore(value: unknown): value is FileStore {
  const { put, get } = Object(value) as Partial<FileStore>;
  return typeof value === "object" && typeof put === "function" && typeof get === "function";
}

/** Throws a `TypeError` unless `options.store` is a store or `undefined`. */
export function checkStore(store: unknown): asserts store is FileStore | undefined {
  if (store !== undefined && !isStore(store)) throw badInput("options.store", STORE, store);
}

/**
 * Matches the ids that are used in keys as they are. Other ids are hashed. Upper-case letters do not match, because some disks
 * ignore case. The id must contain `_` or `-`, because Windows reserves names such as `con`.
 */
const PLAIN_ID = /^(?=.{1,100}$)[a-z\d]+[_-][a-z\d_-]*$/;
const HASHED_ID = /^sha256\.[\da-f]{64}$/;
const IMAGES = "images";

/** Returns whether a text has the form of this package's keys. Such keys are safe as paths on any disk. */
export function isKey(key: string): boolean {
  const [first = "", second = "", ...more] = key.split("/");
  const isPart = (part: string): boolean => PLAIN_ID.test(part) || HASHED_ID.test(part);
  return more.length === 0 && (first === IMAGES || isPart(first)) && isPart(second);
}

/**
 * Returns the part of a key that stands for an id: the id itself or its hash. A hash begins with `sha256.`, and no plain id does.
 */
async function partOf(id: string): Promise<string> {
  return PLAIN_ID.test(id) ? id : `sha256.${await sha256(id)}`;
}

/** Returns the SHA-256 hash of a text in hexadecimal. */
export async function sha256(text: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the key of a container file: `<container id>/<file id>`. */
export async function keyOf(file: { containerId: string; fileId: string }): Promise<string> {
  return `${await partOf(file.containerId)}/${await partOf(file.fileId)}`;
}

/** Returns a sink that puts files into a store. The location of a file is its key. */
export function storeSink(store: FileStore): Sink<string> {
  return async (file, stream) => {
    const key = file.kind === "container-file" ? await keyOf(file) : await imageKeyOf(file.filename);
    await store.put(key, { filename: safeName(file.filename) }, stream);
    return key;
  };
}

/**
 * Returns the key of an image: `images/`, followed by the image's file name without the extension. If this name cannot be part of
 * a key, its hash is used instead (see `partOf`). For example, the image `ci_1-2.png` of the call `ci_1` has the key
 * `images/ci_1-2`.
 */
async function imageKeyOf(filename: string): Promise<string> {
  return `${IMAGES}/${await partOf(filename.replace(/\.\w+$/, ""))}`;
}
