/** Copies files from their containers into a store, in the background. */
import { isId } from "../containers/ids.js";
import { notify } from "../errors.js";
import { collectFiles } from "./collect.js";
import { type ContainerContentClient, checkContentClient } from "./content.js";
import { copyFile } from "./copy.js";
import { safeName } from "./safe-name.js";
import type { LinkedFile } from "./signed-link.js";
import { type FileStore, type FoundFile, keyOf, storeSink } from "./store.js";

/** How many files may be copied at the same time. */
const MOST_AT_ONCE = 4;
/** The maximum number of keys in `stored`, and also in `failures`. */
const MOST_KEYS = 10_000;
const RETRIES = 3;
/**
 * A copy that makes no progress for this time is stopped. The time is longer than the longest pause before a retry, so that no
 * pause stops a copy.
 */
const LONGEST_STALL_MS = 90_000;
/** If this many copies of a file have failed in a row, opening the file's link starts no copy for a while. */
const FAILURES_BEFORE_PAUSE = 2;
/**
 * After `FAILURES_BEFORE_PAUSE` failed copies of a file, opening its link starts no copy for this time. Without this pause, each
 * request would download the file again as long as the store cannot be written to.
 */
const PAUSE_MS = 60_000;
/** How long a store may take to find a file. The limit is short, because a browser may be waiting. */
const LONGEST_LOOKUP_MS = 3000;

/** The copies that a route or a webhook handler makes. */
export interface StoreCopies {
  /**
   * Starts to copy a file. Does nothing if the file is in the store. If the file is being copied, starts no second copy. If the
   * latest two copies of the file failed, a call with `isMissing: true` does nothing for a minute. The returned promise resolves
   * when the copy has ended. It never rejects: if the copy fails, `onError` is called with the error.
   *
   * @param key the file's key in the store.
   * @param isMissing true if the caller has just seen that the store does not have the file.
   */
  copy(key: string, file: LinkedFile, isMissing?: boolean): Promise<void>;
  /** Resolves when no file is being copied. */
  ended(): Promise<void>;
}

/**
 * Returns the functions that copy files into a store in the background. Throws a `TypeError` if `client` cannot download
 * container files.
 */
export function createStoreCopies(
  client: unknown,
  store: FileStore,
  onError: (error: unknown) => unknown,
): StoreCopies {
  checkContentClient(client);
  const downloads: ContainerContentClient = client;
  const sink = storeSink(store);
  const underWay = new Map<string, Promise<void>>();
  const stored = new Set<string>();
  /** For each file whose latest copies failed: how many failed, and when the latest one failed. */
  const failures = new Map<string, { count: number; at: number }>();
  /** For each copy that waits for its turn: a function that lets the copy begin. */
  const waiting: (() => void)[] = [];
  let free = MOST_AT_ONCE;

  async function begin(key: string, file: LinkedFile): Promise<void> {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      if (!(await lookUp(store, key))) await copyNow(file);
      failures.delete(key);
      makeRoom(stored);
      stored.add(key);
    } catch (error) {
      const count = (failures.get(key)?.count ?? 0) + 1;
      failures.delete(key); // so that `set` below adds the key as the newest one
      makeRoom(failures);
      failures.set(key, { count, at: Date.now() });
      notify(onError, error);
    } finally {
      underWay.delete(key);
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  }

  /** Returns whether no copy of a file may start now, because too many copies of the file failed in a row. */
  function isPaused(key: string): boolean {
    const { count, at } = failures.get(key) ?? { count: 0, at: 0 };
    return count >= FAILURES_BEFORE_PAUSE && Math.abs(Date.now() - at) < PAUSE_MS;
  }

  async function copyNow({ containerId, fileId, name }: LinkedFile): Promise<void> {
    const stall = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const progressed = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(new Error(STALLED)), LONGEST_STALL_MS);
    };
    try {
      await copyFile(downloads, { kind: "container-file", containerId, fileId, filename: name }, sink, {
        ...{ retries: RETRIES, signal: stall.signal, onTry: progressed, onChunk: progressed },
      });
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    copy(key, file, isMissing = false) {
      if (isMissing) stored.delete(key);
      const running = underWay.get(key);
      if (running) return running;
      if (isMissing ? isPaused(key) : stored.has(key)) return Promise.resolve();
      const copying = begin(key, file);
      underWay.set(key, copying);
      return copying;
    },
    async ended() {
      while (underWay.size > 0) await Promise.all(underWay.values());
    },
  };
}

/** Removes the oldest key if the collection is full. */
function makeRoom(keys: Set<string> | Map<string, unknown>): void {
  if (keys.size >= MOST_KEYS) keys.delete(keys.keys().next().value!);
}

/**
 * Copies the container files that a response cites. Does not reject if a copy fails. Generated images and images in the
 * outputs of calls are not copied: they are in no container and have no links.
 */
export async function copyCited(copies: StoreCopies, response: { output: unknown }): Promise<void> {
  const copying = collectFiles(response).map(async (file) => {
    if (file.kind !== "container-file" || !isId(file.containerId) || !isId(file.fileId)) return;
    await copies.copy(await keyOf(file), { ...file, name: safeName(file.filename) });
  });
  await Promise.all(copying);
}

const STALLED = `a copy into the store made no progress for ${LONGEST_STALL_MS / 1000} seconds`;

/**
 * Looks up a file in a store. Returns `undefined` if the store does not have the file. Rejects if the store takes longer than
 * three seconds, or returns something that is not a stored file.
 */
export async function lookUp(store: FileStore, key: string): Promise<FoundFile | undefined> {
  const found = await withinLookup(store.get(key));
  if (found === undefined || found === null) return undefined;
  const { size, stream } = Object(found) as Partial<FoundFile>;
  if (Number.isSafeInteger(size) && size! >= 0 && typeof stream === "function") return found;
  throw new TypeError("the store's get must return undefined or { file, size, stream }");
}

/** Returns the value of a store's promise. Rejects if the promise takes longer than `LONGEST_LOOKUP_MS`. */
export async function withinLookup<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`the store did not answer within ${LONGEST_LOOKUP_MS / 1000} seconds`);
    timer = setTimeout(reject, LONGEST_LOOKUP_MS, error);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
