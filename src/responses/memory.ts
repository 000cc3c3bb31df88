/** What a client saw in earlier responses, within bounds. */

/** How many responses, items and conversations are remembered, and how many lists: each is a few short strings. */
const MEMORY_SIZE = 5000;
/** How many containers are remembered of each, the nearest ones: those before them have long expired. */
const MOST_CONTAINERS = 32;

/** A map of the latest entries: what was set or asked for last is forgotten last. */
class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>();

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > MEMORY_SIZE) this.#entries.delete(this.#entries.keys().next().value!);
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }
}

/**
 * What a client saw: the containers of earlier responses and conversations, so that "send me that link again" finds
 * its file, and the files that were there before a response.
 */
export class ContainerMemory {
  readonly #containers = new BoundedMap<readonly string[]>();
  readonly #files = new BoundedMap<ReadonlyMap<string, unknown>>();

  /** `id` is that of a response or one of its items, or the key of a conversation. */
  remember(id: unknown, containers: readonly string[]): void {
    if (typeof id !== "string" || containers.length === 0) return;
    this.#containers.set(id, [...new Set(containers)].slice(0, MOST_CONTAINERS));
  }

  recall(id: unknown): readonly string[] {
    return (typeof id === "string" && this.#containers.get(id)) || [];
  }

  /** The ids of the files that a container's list held when `responseId` was repaired. */
  rememberFiles(containerId: string, fileIds: readonly string[], responseId: unknown): void {
    const known = this.#files.get(containerId);
    this.#files.set(
      containerId,
      new Map(fileIds.map((id) => [id, known?.has(id) ? known.get(id) : responseId])),
    );
  }

  /** Whether a file was there before a response: one that is read again finds its own files as new as they were. */
  sawFileBefore(containerId: string, fileId: string, responseId: unknown): boolean {
    const files = this.#files.get(containerId);
    return files?.has(fileId) === true && files.get(fileId) !== responseId;
  }
}
