/** What a client saw in earlier responses, within bounds. */

import { MOST_CONTAINERS } from "./containers.js";

/** How many responses, items and conversations are remembered, and how many containers' lists. */
const MEMORY_SIZE = 5000;
/** How many files those lists may have in all. */
const MOST_FILES = 200_000;
/** Longer than any id of the API. What is longer is not remembered: it would be a memory of any size. */
const LONGEST_ID = 300;

/** A map of the latest entries: what was set or asked for last is forgotten last. */
class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>();
  /** Goes on where it was: a new one would begin at all those that were deleted since. */
  readonly #oldest = this.#entries.keys();
  readonly #sizeOf: (value: Value) => number;
  readonly #mostInAll: number;
  #inAll = 0;

  /** At most so many entries, whose sizes are at most so much together. */
  constructor(sizeOf: (value: Value) => number, mostInAll: number) {
    this.#sizeOf = sizeOf;
    this.#mostInAll = mostInAll;
  }

  set(key: string, value: Value): void {
    if (key.length > LONGEST_ID) return;
    this.#delete(key);
    this.#entries.set(key, value);
    this.#inAll += this.#sizeOf(value);
    while (this.#entries.size > MEMORY_SIZE || this.#inAll > this.#mostInAll) {
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
    this.#inAll -= this.#sizeOf(value);
  }
}

/**
 * What a client saw: the containers of earlier responses and conversations, so that "send me that link again" finds
 * its file, and the files that were there before a response.
 */
export class ContainerMemory {
  readonly #containers = new BoundedMap<readonly string[]>(() => 1, MEMORY_SIZE);
  readonly #files = new BoundedMap<ReadonlyMap<string, unknown>>(({ size }) => size, MOST_FILES);

  /** `ids` are those of a response and its items, and the key of its conversation; `containers` come nearest first. */
  remember(ids: readonly unknown[], containers: readonly string[]): void {
    if (containers.length === 0) return;
    const nearest = [...new Set(containers)].slice(0, MOST_CONTAINERS);
    for (const id of ids) if (typeof id === "string") this.#containers.set(id, nearest);
  }

  recall(id: unknown): readonly string[] {
    return (typeof id === "string" && this.#containers.get(id)) || [];
  }

  /** The ids of the files that a container's list held when `responseId` was repaired. */
  rememberFiles(containerId: string, fileIds: readonly string[], responseId: unknown): void {
    const known = this.#files.get(containerId);
    const seenIn = typeof responseId === "string" && responseId.length <= LONGEST_ID ? responseId : undefined;
    const ids = fileIds.filter((id) => id.length <= LONGEST_ID);
    this.#files.set(containerId, new Map(ids.map((id) => [id, known?.has(id) ? known.get(id) : seenIn])));
  }

  /** Whether a file was there before a response: one that is read again finds its own files as new as they were. */
  sawFileBefore(containerId: string, fileId: string, responseId: unknown): boolean {
    const files = this.#files.get(containerId);
    return files?.has(fileId) === true && files.get(fileId) !== responseId;
  }
}
