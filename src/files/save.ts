/** Saves the files of a response: streams them into a sink or a store, several at the same time. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { asError, badInput, checkNames, isRecord, notify } from "../errors.js";
import { type CollectedFile, collectFiles } from "./collect.js";
import { type ContainerContentClient, checkContentClient } from "./content.js";
import { copyFile, type Sink } from "./copy.js";
import { type FileStore, isStore, STORE, storeSink } from "./store.js";

/** Options of {@link saveFiles}. */
export interface SaveOptions {
  /** How many files are saved at the same time. Default `4`. */
  concurrency?: number | undefined;
  /** How often a failed download is retried: after status 429 or 5xx, or a connection error. Default `3`. */
  retries?: number | undefined;
  /**
   * When this signal aborts, all downloads stop. Files that are not saved by then count as failed. A sink has half a second to
   * clean up.
   */
  signal?: AbortSignal | undefined;
  /** The size of the largest file that is saved, in bytes. Larger files fail. Default: no limit. */
  maxBytes?: number | undefined;
  /**
   * Called for each chunk. `bytes` is the number of bytes received so far. `total` is `undefined` if the server does not send the
   * file's length. Errors that the callback throws or rejects with are ignored.
   */
  onProgress?:
    | ((progress: { file: CollectedFile; bytes: number; total: number | undefined }) => unknown)
    | undefined;
}

/** A file that was saved. */
export interface SavedFile<Location> {
  file: CollectedFile;
  /** What the sink returned. */
  location: Location;
  bytes: number;
  /** The SHA-256 hash of the bytes, in lower-case hexadecimal. */
  sha256: string;
}

/** A file that could not be saved. */
export interface FailedFile {
  file: CollectedFile;
  error: Error;
}

/** The result of {@link saveFiles}. Both lists have the order of the files in the response. */
export interface SaveResult<Location> {
  saved: SavedFile<Location>[];
  failed: FailedFile[];
}

/**
 * Streams all files of a response into a sink or a store. Cited container files are downloaded through the client. Images come
 * from the response or from their URLs. If one file fails, the others are still saved. A container expires after 20 idle minutes,
 * so save its files soon.
 *
 * If you save into a store, such as `directoryStore("kept-files")`, a file route with the same store serves the saved files.
 *
 * @param sink a function, or a store. The `location` of a file in a store is its key.
 * @throws {TypeError} if `client`, `response` or `sink` is not valid, or an option is wrong.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { saveFiles } from "openai-file-citations";
 * import { directory } from "openai-file-citations/node";
 *
 * const client = new OpenAI();
 * const response = await client.responses.retrieve("resp_123");
 * const { saved, failed } = await saveFiles(client, response, directory("downloads"));
 * for (const { location, bytes } of saved) console.log(location, bytes);
 * for (const { file, error } of failed) console.error(file.filename, error.message);
 * ```
 */
export async function saveFiles<Location>(
  client: ContainerContentClient,
  response: { output: unknown },
  sink: Sink<Location>,
  options?: SaveOptions,
): Promise<SaveResult<Location>>;
/** Saves all files of a response into a store. The `location` of a file is its key in the store. */
export async function saveFiles(
  client: ContainerContentClient,
  response: { output: unknown },
  store: FileStore,
  options?: SaveOptions,
): Promise<SaveResult<string>>;
export async function saveFiles(
  client: ContainerContentClient,
  response: { output: unknown },
  target: Sink<unknown> | FileStore,
  options: SaveOptions = {},
): Promise<SaveResult<unknown>> {
  const files = collectFiles(response);
  checkContentClient(client);
  const sink = isStore(target) ? storeSink(target) : target;
  if (typeof sink !== "function") {
    throw badInput("sink", `a function of a file and its stream, or ${STORE}`, sink);
  }
  const { concurrency, retries, signal, maxBytes } = checked(options);

  const outcomes: (SavedFile<unknown> | FailedFile)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < files.length; at = next++) {
      const file = files[at]!;
      let hash = createSha256();
      try {
        const { location, bytes } = await copyFile(client, file, sink, {
          ...{ retries, signal, maxBytes },
          onTry() {
            hash = createSha256();
          },
          onChunk(chunk, bytes, total) {
            hash.update(chunk);
            notify(options.onProgress, { file, bytes, total });
          },
        });
        outcomes[at] = { file, location, bytes, sha256: hash.hex() };
      } catch (error) {
        outcomes[at] = { file, error: asError(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, work));
  return {
    saved: outcomes.filter((outcome) => "location" in outcome),
    failed: outcomes.filter((outcome) => "error" in outcome),
  };
}

/** Checks the options and fills in the defaults. */
function checked(options: SaveOptions) {
  if (!isRecord(options)) throw badInput("options", "an object", options);
  checkNames(options, ["concurrency", "retries", "signal", "maxBytes", "onProgress"]);
  const {
    concurrency = 4,
    retries = 3,
    signal,
    maxBytes = Number.POSITIVE_INFINITY,
    onProgress,
  }: SaveOptions = options;
  if (!(Number.isInteger(concurrency) && concurrency > 0)) {
    throw badInput("options.concurrency", "an integer above 0", concurrency);
  }
  if (!(Number.isInteger(retries) && retries >= 0)) {
    throw badInput("options.retries", "an integer, 0 or more", retries);
  }
  if (!(typeof maxBytes === "number" && maxBytes >= 0)) {
    throw badInput("options.maxBytes", "a number of bytes, 0 or more", maxBytes);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw badInput("options.signal", "an AbortSignal", signal);
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw badInput("options.onProgress", "a function", onProgress);
  }
  return { concurrency, retries, signal, maxBytes };
}

/**
 * Creates a SHA-256 hash that takes its input piece by piece. The Web Crypto API cannot be used, because it only hashes whole
 * buffers. Node.js, Deno and Bun have a built-in hash that takes pieces. It is ten times as fast as a hash in JavaScript, which
 * other runtimes use.
 */
function createSha256(): { update(bytes: Uint8Array): void; hex(): string } {
  // `node:crypto` is not imported, because other runtimes and bundlers cannot resolve it.
  const crypto = globalThis.process?.getBuiltinModule?.("node:crypto");
  if (crypto) {
    const hash = crypto.createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
  }
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => bytesToHex(hash.digest()) };
}
