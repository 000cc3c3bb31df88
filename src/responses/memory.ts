/** What a client saw in earlier responses, within bounds. */

/** How many responses, items and conversations are remembered, and how many lists: each is a few short strings. */
const MEMORY_SIZE = 5000;

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
  readonly #files = new BoundedMap<ReadonlySet<string>>();

  /** `id` is that of a response or one of its items, or the key of a conversation. */
  remember(id: unknown, containers: readonly string[]): void {
    if (typeof id === "string" && containers.length > 0) this.#containers.set(id, containers);
  }

  recall(id: unknown): readonly string[] {
    return (typeof id === "string" && this.#containers.get(id)) || [];
  }

  /** The ids of the files that a container's list held. */
  rememberFiles(containerId: string, fileIds: ReadonlySet<string>): void {
    this.#files.set(containerId, fileIds);
  }

  recallFiles(containerId: string): ReadonlySet<string> | undefined {
    return this.#files.get(containerId);
  }
}
