/**
 * Requests and caches the container file lists that the repair of one response needs. Does not use a cached list if a call has
 * run since its request. A list is late if a call wrote a file that is not in the list yet. late-files.ts decides whether a list
 * is late. The method `again` repeats the requests for late lists.
 */
import { isSame } from "../arrays.js";
import { FileIndex, isFile, namesOf } from "../citations/file-index.js";
import { composed } from "../citations/spelling.js";
import { oncePer } from "../once.js";
import type { ContainerFile, ContainerFileCitation } from "../types.js";
import { EndlessListError, type ListFiles } from "./listing.js";
import type { ContainerMemory } from "./memory.js";
import { pause } from "./retries.js";

/** The pause before a list is requested again for the first time. The pause doubles with each repetition. */
const FIRST_PAUSE_MS = 250;

/** The maximum number of cached indexes. */
const MOST_INDEXES = 3;

/** The files of a container. The array object stays the same until the list is requested again, so it can be a cache key. */
export type FileList = readonly ContainerFile[];

/** The file lists of one response's repair. */
export class ContainerLists {
  /** How many requests were made, for pages of lists and for earlier responses. */
  requests = 0;
  /** The containers whose lists were requested, in order. */
  readonly containers = new Set<string>();
  /** All listed files: by container id, then by file id. */
  readonly #files = new Map<string, Map<string, ContainerFile>>();
  readonly #list: ListFiles;
  readonly #memory: ContainerMemory | undefined;
  readonly #roots: readonly string[];
  readonly #lists = new Map<string, Promise<FileList>>();
  /**
   * Maps a container id to the number of calls that had run when the container's list was requested. If there were several
   * requests, the number belongs to the list that arrived last. The incomplete list of an `EndlessListError` counts as a list.
   */
  readonly #callsAtList = new Map<string, number>();
  /** The repeated requests in progress. Texts that wait for late files of the same containers share these requests. */
  readonly #rounds = new Map<string, Promise<FileList[]>>();
  /** The most recent indexes, newest first. */
  readonly #indexes: { key: string; lists: readonly FileList[]; index: FileIndex }[] = [];

  constructor(list: ListFiles, memory: ContainerMemory | undefined, roots: readonly string[]) {
    this.#list = list;
    this.#roots = roots;
    this.#memory = memory;
  }

  /**
   * Returns the files of a container. `callCount` is the number of calls that have run. Requests the list only once for each
   * `callCount`. Use `again` to repeat the request.
   */
  of(containerId: string, callCount: number, signal: AbortSignal): Promise<FileList> {
    const key = `${containerId}/${callCount}`;
    let files = this.#lists.get(key);
    if (!files) {
      files = this.#askFor(containerId, callCount, signal);
      files.catch(() => {}); // prevents an unhandled-rejection warning; callers that await the list see the rejection
      this.#lists.set(key, files);
    }
    return files;
  }

  /**
   * Appends the lists of `containers` to `into`, in order. If a list fails, throws its error and appends no further list: the
   * file that the text means could be in the failed list. An endless list fails too, but the files that were read from it
   * are appended before the error is thrown.
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

  /**
   * Requests the lists again until `isEnough` returns true, at most `retries` times and each time after a longer pause. Throws if
   * the signal aborts or the last request fails.
   */
  async again(
    containers: readonly string[],
    callCount: number,
    signal: AbortSignal,
    retries: number,
    isEnough: (lists: readonly FileList[]) => boolean,
  ): Promise<void> {
    for (let round = 0; round < retries; round++) {
      try {
        if (isEnough(await this.#round(round, containers, callCount, signal))) return;
      } catch (error) {
        if (signal.aborted || round === retries - 1) throw error;
      }
    }
  }

  /**
   * Returns the index of the files in some lists. The latest indexes are cached, because most texts need the same lists as the
   * previous text. Several are cached, because a search adds lists step by step and needs a new index after each step.
   *
   * Each container has a rank. If files of several containers fit a mention, the files of the first rank win. If two files of
   * the same rank fit equally well, the mention is ambiguous. `leaderOf` maps each container to the first container of its rank.
   * The entries of `leaderOf` are in the order of the ranks.
   */
  indexOf(lists: readonly FileList[], leaderOf: ReadonlyMap<string, string>): FileIndex {
    const key = [...leaderOf].join();
    const known = this.#indexes.find((one) => one.key === key && haveSameFiles(one.lists, lists));
    if (known) return known.index;
    const leaders = [...new Set(leaderOf.values())];
    const index = new FileIndex(lists.flat(), this.#roots, (id) => leaders.indexOf(leaderOf.get(id) ?? id));
    this.#indexes.unshift({ key, lists: [...lists], index });
    this.#indexes.length = Math.min(this.#indexes.length, MOST_INDEXES);
    return index;
  }

  /**
   * Returns whether the list of a container is current: no call has run since the list was requested. A list that is not current
   * can contain files that are gone. `callCount` is the number of calls that have run.
   */
  isCurrent(containerId: string, callCount: number): boolean {
    return this.#callsAtList.get(containerId) === callCount;
  }

  /** Returns the file that a citation cites. The citation must have been made from these lists. */
  file({ container_id, file_id }: ContainerFileCitation): ContainerFile {
    return this.#files.get(container_id)!.get(file_id)!;
  }

  /**
   * Returns the listed files that were created at or after a time (in seconds since 1970). Leaves out files that were first
   * listed for another response. If a container has several files with the same path, all but the newest are left out.
   */
  filesSince(seconds: number, responseId: unknown): ContainerFile[] {
    const newest = new Map<string, ContainerFile>();
    for (const file of [...this.#files.values()].flatMap((inContainer) => [...inContainer.values()])) {
      const key = `${file.container_id}\n${file.path}`;
      const other = newest.get(key);
      if (!other || file.created_at > other.created_at) newest.set(key, file);
    }
    return [...newest.values()].filter(
      (file) =>
        file.created_at >= seconds &&
        isFile(file, this.#roots) &&
        !this.#memory?.sawFileBefore(file.container_id, file.id, responseId),
    );
  }

  /** Stores the ids of the listed files in the memory. The repair of a later response then knows that these files are older. */
  remember(responseId: unknown): void {
    for (const id of this.containers) {
      this.#memory?.rememberFiles(id, [...(this.#files.get(id)?.keys() ?? [])], responseId);
    }
  }

  /**
   * Requests the lists once more, after a pause that depends on `round`. Callers with the same `round`, `callCount` and
   * containers share the requests.
   */
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

  async #askFor(containerId: string, callCount: number, signal: AbortSignal): Promise<FileList> {
    this.containers.add(containerId);
    const add = (files: FileList): FileList => {
      this.#callsAtList.set(containerId, callCount);
      return this.#add(containerId, files);
    };
    try {
      return add(await this.#list(containerId, signal, () => this.requests++));
    } catch (error) {
      if (error instanceof EndlessListError) add(error.files);
      throw error;
    }
  }

  /**
   * Stores and returns the files of a new list, followed by the files that only earlier lists of the container had. So a file
   * that was listed once stays known during the repair. The new files come first, so they win over earlier files with the same
   * path and the same time (in whole seconds).
   */
  #add(containerId: string, listed: FileList): FileList {
    const files = new Map(listed.map((file) => [file.id, file]));
    for (const [id, file] of this.#files.get(containerId) ?? []) if (!files.has(id)) files.set(id, file);
    this.#files.set(containerId, files);
    return files.size === listed.length ? listed : [...files.values()];
  }
}

/** Returns whether two arrays of lists have the same files in the same order. The lists themselves may be copies. */
function haveSameFiles(some: readonly FileList[], others: readonly FileList[]): boolean {
  return some.length === others.length && some.every((list, at) => isSame(list, others[at]!));
}

/** Returns the paths and names in a list, in NFC. They are read once per list. */
export const namesInList = oncePer((list: FileList) => ({
  paths: new Set(list.map(({ path }) => composed(path))),
  names: new Set(list.flatMap(namesOf).map(composed)),
}));
