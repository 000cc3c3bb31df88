/** Simulates the containers of an invented conversation: the files in them, and which files a list shows at which time. */
import type { ContainerFile } from "../src/index.js";
import { type Asked, listPage } from "./upstream.js";

/** One version of a file. */
export interface WorldFile {
  id: string;
  container: string;
  path: string;
  source: "user" | "assistant";
  createdAt: number;
  /** The file was written in this turn, when the item at `item` was complete. An `item` of -1 means before the first item. */
  turn: number;
  item: number;
  /** After the file was written, the next `late` lists in the same turn lack the file. Lists in later turns have the file. */
  late: number;
  /** No list ever has the file. */
  isLost: boolean;
  /** The older version that this version of the file hides: a list with this version does not have the older version. */
  hides?: WorldFile | undefined;
  /** A list entry that is not a file: its path consists of two paths. */
  isGarbage: boolean;
}

/** How the lists of a container behave during a turn. */
export type ListMode = "ok" | "paged" | "flaky" | "404" | "500" | "half" | "hang";

/**
 * The modes in which a list becomes complete, and the mode in which it fails at once (`404`). In the other modes, a repair may wait
 * until its time limit ends.
 */
export const QUICK: ReadonlySet<ListMode> = new Set(["ok", "paged", "flaky", "404"]);
/** The modes in which a list becomes complete. */
export const COMPLETE: ReadonlySet<ListMode> = new Set(["ok", "paged", "flaky"]);

/** Serves the lists during one reading of a conversation. Each conversation is read more than once. */
export class ListServer {
  /** How many pages were requested. */
  requests = 0;
  readonly #files: readonly WorldFile[];
  #turn = 0;
  #modes: ReadonlyMap<string, ListMode> = new Map();
  /** How many output items of the turn are complete. */
  #done = 0;
  /** By container: one number for each list request in this turn. The number says how many items were complete at that time. */
  #taken = new Map<string, number[]>();
  #pages = new Map<string, readonly ContainerFile[]>();
  #failed = new Set<string>();

  constructor(files: readonly WorldFile[]) {
    this.#files = files;
  }

  begin(turn: number, modes: ReadonlyMap<string, ListMode>): void {
    this.#turn = turn;
    this.#modes = modes;
    this.#done = 0;
    this.#taken = new Map();
    this.#failed = new Set();
  }

  /** Marks the output item at `index` as complete. */
  complete(index: number): void {
    this.#done = Math.max(this.#done, index + 1);
  }

  /** Returns a list as the API sends it. */
  answer(container: string, { url, signal }: Asked): Response | Promise<Response> {
    this.requests++;
    const mode = this.#modes.get(container) ?? "ok";
    const after = new URL(url).searchParams.get("after");
    if (mode === "hang") return untilAborted(signal);
    if (mode === "404") return failure(404);
    if (mode === "500" || (mode === "half" && after !== null)) return failure(500);
    if (mode === "flaky" && !this.#failed.has(container)) {
      this.#failed.add(container);
      return failure(500);
    }
    const files = (after !== null && this.#pages.get(container)) || this.#take(container);
    this.#pages.set(container, files);
    const from = after === null ? 0 : files.findIndex(({ id }) => id === after) + 1;
    const size = mode === "paged" || mode === "half" ? 2 : files.length;
    return listPage(files.slice(from, from + size), from + size < files.length);
  }

  /** Returns a container's files. This is a list function as a user passes it to the library. */
  readonly source = async (
    container: string,
    { signal }: { signal: AbortSignal },
  ): Promise<ContainerFile[]> => {
    this.requests++;
    const mode = this.#modes.get(container) ?? "ok";
    if (mode === "hang") return untilAborted(signal);
    if (!COMPLETE.has(mode)) throw new Error(`the list answers ${mode}`);
    return this.#take(container);
  };

  #take(container: string): ContainerFile[] {
    const taken = this.#taken.get(container) ?? [];
    const listed = this.#files.filter((file) => file.container === container && this.#isListed(file, taken));
    this.#taken.set(container, [...taken, this.#done]);
    const hidden = new Set(listed.map(({ hides }) => hides));
    return listed.filter((file) => !hidden.has(file)).map(toListed);
  }

  #isListed({ turn, item, late, isLost }: WorldFile, taken: readonly number[]): boolean {
    if (isLost || turn > this.#turn) return false;
    if (turn < this.#turn) return true;
    return item < this.#done && taken.filter((done) => done > item).length >= late;
  }
}

function toListed({ id, container, path, source, createdAt, isGarbage }: WorldFile): ContainerFile {
  return {
    ...{ id, object: "container.file", container_id: container, created_at: createdAt },
    ...{ bytes: isGarbage ? null : 10, path, source },
  };
}

function failure(status: number): Response {
  return Response.json({ error: { message: "no" } }, { status });
}

function untilAborted(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
