/** The lists of files that one response's repair asked for: each once, until another call may have written more. */
import pRetry from "p-retry";
import type { ContainerFile } from "../types.js";
import { pause } from "./held-time.js";
import type { ListFiles } from "./lookup.js";
import type { ContainerMemory } from "./memory.js";

/** The first pause before a list is asked for again. Each one after it is twice as long. */
const FIRST_PAUSE_MS = 250;

export class ContainerLists {
  /** Pages of lists, and whatever else was asked for. */
  requests = 0;
  /** The containers asked about, in that order. */
  readonly containers = new Set<string>();
  /** Every file of every list, by its id. */
  readonly files = new Map<string, ContainerFile>();
  readonly #list: ListFiles;
  readonly #memory: ContainerMemory | undefined;
  readonly #lists = new Map<string, Promise<ContainerFile[]>>();

  constructor(list: ListFiles, memory: ContainerMemory | undefined) {
    this.#list = list;
    this.#memory = memory;
  }

  /** The files of a container after so many calls. */
  of(containerId: string, callCount: number, signal: AbortSignal): Promise<ContainerFile[]> {
    const key = `${containerId}/${callCount}`;
    let files = this.#lists.get(key);
    if (!files) {
      files = this.#askFor(containerId, signal);
      // Who waits for it hears of what went wrong; who needs it later asks again.
      files.catch(() => this.#lists.delete(key));
      this.#lists.set(key, files);
    }
    return files;
  }

  /**
   * Adds the files of `containers` to `into`, in their order. Behind one that fails, the others are left out: of two
   * files that fit, its own would have been the right one.
   */
  async add(
    into: ContainerFile[],
    containers: readonly string[],
    callCount: number,
    signal: AbortSignal,
  ): Promise<void> {
    const lists = containers.map((id) => this.of(id, callCount, signal));
    for (const list of lists) into.push(...(await list));
  }

  /** Asks again, with growing pauses, until `accept` takes what the lists hold. */
  async again<Accepted>(
    containers: readonly string[],
    callCount: number,
    signal: AbortSignal,
    {
      retries,
      accept,
    }: { retries: number; accept: (files: readonly ContainerFile[]) => Accepted | undefined },
  ): Promise<Accepted | undefined> {
    if (retries === 0) return undefined;
    const ask = async (): Promise<Accepted> => {
      this.#lists.clear();
      const files: ContainerFile[] = [];
      await this.add(files, containers, callCount, signal);
      const accepted = accept(files);
      if (accepted === undefined) throw new Error("a file that a call wrote is not in its container's list");
      return accepted;
    };
    await pause(FIRST_PAUSE_MS, signal);
    return pRetry(ask, { retries: retries - 1, minTimeout: 2 * FIRST_PAUSE_MS, signal }).catch(
      (error: unknown) => {
        if (signal.aborted) throw error;
        return undefined;
      },
    );
  }

  /** Whether an earlier list showed a file, before this response. */
  wasSeenBefore({ id, container_id }: ContainerFile, responseId: unknown): boolean {
    return this.#memory?.sawFileBefore(container_id, id, responseId) ?? false;
  }

  /** Hands the lists on to the responses that come after this one. */
  remember(responseId: unknown): void {
    for (const containerId of this.containers) {
      const files = [...this.files.values()].filter((file) => file.container_id === containerId);
      this.#memory?.rememberFiles(
        containerId,
        files.map(({ id }) => id),
        responseId,
      );
    }
  }

  async #askFor(containerId: string, signal: AbortSignal): Promise<ContainerFile[]> {
    this.containers.add(containerId);
    const files = await this.#list(containerId, signal, () => this.requests++);
    for (const file of files) this.files.set(file.id, file);
    return files;
  }
}
