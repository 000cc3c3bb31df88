/** The lists of files that one response's repair asked for: each once, until another call may have written more. */
import { FileIndex } from "../citations/file-index.js";
import type { ContainerFile } from "../types.js";
import { pause } from "./ask-again.js";
import { EndlessListError, type ListFiles } from "./lookup.js";
import type { ContainerMemory } from "./memory.js";

/** The first pause before a list is asked for again. Each one after it is twice as long. */
const FIRST_PAUSE_MS = 250;

/** A container's list; the same one each time, until it is asked for again. */
export type FileList = readonly ContainerFile[];

export class ContainerLists {
  /** Pages of lists, and whatever else was asked for. */
  requests = 0;
  /** The containers asked about, in that order. */
  readonly containers = new Set<string>();
  /** Every file of every list, by its container's id and its own. */
  readonly #files = new Map<string, ContainerFile>();
  readonly #list: ListFiles;
  readonly #memory: ContainerMemory | undefined;
  readonly #lists = new Map<string, Promise<FileList>>();
  /** The rounds of asking again that are on their way: texts that wait for late files wait together. */
  readonly #rounds = new Map<string, Promise<FileList[]>>();
  #latest: { lists: readonly FileList[]; index: FileIndex } | undefined;

  constructor(list: ListFiles, memory: ContainerMemory | undefined) {
    this.#list = list;
    this.#memory = memory;
  }

  /** The files of a container after so many calls. */
  of(containerId: string, callCount: number, signal: AbortSignal): Promise<FileList> {
    const key = `${containerId}/${callCount}`;
    let files = this.#lists.get(key);
    if (!files) {
      files = this.#askFor(containerId, signal);
      files.catch(() => {}); // who waits for it hears of what went wrong; nobody has to
      this.#lists.set(key, files);
    }
    return files;
  }

  /**
   * Adds the lists of `containers` to `into`, in their order. Behind one that fails, the others are left out: of two
   * files that fit, its own would have been the right one. Of one that has no end, what came is added before it throws.
   */
  async add(
    into: FileList[],
    containers: readonly string[],
    callCount: number,
    signal: AbortSignal,
  ): Promise<void> {
    const lists = containers.map((id) => this.of(id, callCount, signal));
    for (const list of lists) {
      try {
        into.push(await list);
      } catch (error) {
        if (error instanceof EndlessListError) into.push(error.files);
        throw error;
      }
    }
  }

  /** Asks again, with growing pauses, until `accept` takes what the lists hold. Throws if the last one fails. */
  async again<Accepted>(
    containers: readonly string[],
    callCount: number,
    signal: AbortSignal,
    { retries, accept }: { retries: number; accept: (lists: readonly FileList[]) => Accepted | undefined },
  ): Promise<Accepted | undefined> {
    for (let round = 0; round < retries; round++) {
      try {
        const accepted = accept(await this.#round(round, containers, callCount, signal));
        if (accepted !== undefined) return accepted;
      } catch (error) {
        if (signal.aborted || round === retries - 1) throw error;
      }
    }
    return undefined;
  }

  /** The files in lists, found by what a text says. Texts mostly mean the same ones as the text before. */
  indexOf(lists: readonly FileList[], roots: readonly string[]): FileIndex {
    const known = this.#latest?.lists;
    if (!this.#latest || known?.length !== lists.length || !lists.every((list, at) => list === known[at])) {
      this.#latest = { lists: [...lists], index: new FileIndex(lists.flat(), roots) };
    }
    return this.#latest.index;
  }

  /** The files that were written since a time and were in no earlier list, before this response. */
  filesSince(seconds: number, responseId: unknown): ContainerFile[] {
    return [...this.#files.values()].filter(
      ({ id, container_id, created_at }) =>
        created_at >= seconds && !this.#memory?.sawFileBefore(container_id, id, responseId),
    );
  }

  /** Hands the lists on to the responses that come after this one. */
  remember(responseId: unknown): void {
    const ids = new Map([...this.containers].map((id): [string, string[]] => [id, []]));
    for (const { container_id, id } of this.#files.values()) ids.get(container_id)?.push(id);
    for (const [containerId, fileIds] of ids) this.#memory?.rememberFiles(containerId, fileIds, responseId);
  }

  /** One round of asking again, behind its pause. */
  #round(
    round: number,
    containers: readonly string[],
    callCount: number,
    signal: AbortSignal,
  ): Promise<FileList[]> {
    const key = `${round} ${callCount} ${containers.join()}`;
    const ask = async (): Promise<FileList[]> => {
      await pause(FIRST_PAUSE_MS * 2 ** round, signal);
      for (const id of containers) this.#lists.delete(`${id}/${callCount}`);
      const lists: FileList[] = [];
      await this.add(lists, containers, callCount, signal);
      return lists;
    };
    let asking = this.#rounds.get(key);
    if (!asking) {
      asking = ask().finally(() => this.#rounds.delete(key));
      this.#rounds.set(key, asking);
    }
    return asking;
  }

  async #askFor(containerId: string, signal: AbortSignal): Promise<FileList> {
    this.containers.add(containerId);
    const files = await this.#list(containerId, signal, () => this.requests++);
    for (const file of files) this.#files.set(`${containerId}/${file.id}`, file);
    return files;
  }
}
