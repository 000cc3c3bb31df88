/** Remembers which containers and files the earlier responses of one client had, up to a limit. */

import { MOST_CONTAINERS } from "./named-containers.js";

/**
 * The maximum number of entries in each of the two maps. One map has an entry for each response, item and conversation. The other
 * has an entry for each container's file list.
 */
const MEMORY_SIZE = 5000;
/** The maximum total number of files in the remembered file lists. */
const MOST_FILES = 200_000;
/** The maximum length of an id that is stored. All ids of the API are shorter. Without a limit, the memory would be unbounded. */
const LONGEST_ID = 1100;

/** A map with a limit. If the limit is exceeded, the least recently used entries are dropped. */
class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>();
  /** One iterator is used for all evictions, because each new iterator would first have to skip all deleted entries. */
  readonly #oldest = this.#entries.keys();
  readonly #sizeOf: (value: Value) => number;
  readonly #maxSize: number;
  #size = 0;

  /** `maxSize`: the maximum total size of the values. The number of entries is limited to `MEMORY_SIZE` as well. */
  constructor(sizeOf: (value: Value) => number, maxSize: number) {
    this.#sizeOf = sizeOf;
    this.#maxSize = maxSize;
  }

  set(key: string, value: Value): void {
    if (key.length > LONGEST_ID) return;
    this.#delete(key);
    this.#entries.set(key, value);
    this.#size += this.#sizeOf(value);
    while (this.#entries.size > MEMORY_SIZE || this.#size > this.#maxSize) {
      this.#delete(this.#oldest.next().value!);
    }
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  #delete(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#size -= this.#sizeOf(value);
  }
}

/**
 * Remembers the containers of earlier responses and conversations. So if the user asks "send me that link again", the file of
 * the earlier response is found. Also remembers which files existed before a response.
 */
export class ContainerMemory {
  readonly #containers = new BoundedMap<readonly string[]>(() => 1, MEMORY_SIZE);
  readonly #files = new BoundedMap<ReadonlyMap<string, unknown>>(({ size }) => size, MOST_FILES);

  /**
   * Stores containers, nearest first, under the ids of a response and its items, or under the key of a conversation. `areNew`:
   * the response was just created, not retrieved. If a new id is already stored, a gateway has used this id twice. From then
   * on, `recall` returns no containers for this id.
   */
  remember(ids: readonly unknown[], containers: readonly string[], areNew = false): void {
    const nearest = [...new Set(containers)].slice(0, MOST_CONTAINERS);
    for (const id of ids) {
      if (typeof id !== "string") continue;
      const known = this.#containers.get(id);
      if (areNew && known) this.#containers.set(id, []);
      else if (nearest.length > 0 && known?.length !== 0) this.#containers.set(id, nearest);
    }
  }

  /** Returns the containers stored under an id, nearest first. */
  recall(id: unknown): readonly string[] {
    return (typeof id === "string" && this.#containers.get(id)) || [];
  }

  /** Stores the ids of the files that a container's list had when the response `responseId` was repaired. */
  rememberFiles(containerId: string, fileIds: readonly string[], responseId: unknown): void {
    const known = this.#files.get(containerId);
    const seenIn = typeof responseId === "string" && responseId.length <= LONGEST_ID ? responseId : undefined;
    const ids = fileIds.filter((id) => id.length <= LONGEST_ID);
    this.#files.set(containerId, new Map(ids.map((id) => [id, known?.has(id) ? known.get(id) : seenIn])));
  }

  /**
   * Returns whether a file is older than the response `responseId`: the file was first listed for another response. Returns
   * false for a file that was first listed for `responseId` itself. So if the response is retrieved and repaired again, the
   * result is the same.
   */
  sawFileBefore(containerId: string, fileId: string, responseId: unknown): boolean {
    const files = this.#files.get(containerId);
    return files?.has(fileId) === true && files.get(fileId) !== responseId;
  }
}
