/** All that a response hands over, into a sink: streamed, side by side, tried again where that can help. */
import pRetry, { AbortError } from "p-retry";
import { asError, badInput, checkNames, isRecord } from "../bad-input.js";
import { withoutWords } from "../responses/answer-error.js";
import { mayHelp, pause, retryAfterMs } from "../responses/ask-again.js";
import { tell } from "../tell.js";
import { type CollectedFile, collectFiles } from "./collect.js";
import { type ContainerContentClient, isInline, openFile } from "./content.js";
import { createSha256 } from "./sha256.js";

/**
 * Where a file goes. Reads `stream` to its end and says where that is now. A stream that breaks was not a file: what was
 * written of it must not stay. Called again for a new try.
 */
export type Sink<Location> = (file: CollectedFile, stream: ReadableStream<Uint8Array>) => Promise<Location>;

/** Options of {@link saveFiles}. */
export interface SaveOptions {
  /** How many files are saved at once. Default 4. */
  concurrency?: number | undefined;
  /** How often a download is tried again after a 429, a 5xx or a broken connection. Default 3. */
  retries?: number | undefined;
  /** Stops all downloads; what was not saved by then has failed. A sink has half a second to clean up. */
  signal?: AbortSignal | undefined;
  /** A file with more bytes fails. Default: none does. */
  maxBytes?: number | undefined;
  /** Called for each chunk. `total` is what the server says, `undefined` where it does not. What it throws, or rejects with, is ignored. */
  onProgress?:
    | ((progress: { file: CollectedFile; bytes: number; total: number | undefined }) => unknown)
    | undefined;
}

/** A file that is where it should be. */
export interface SavedFile<Location> {
  file: CollectedFile;
  /** What the sink said. */
  location: Location;
  bytes: number;
  /** In lower case hexadecimal. */
  sha256: string;
}

/** A file that is not. */
export interface FailedFile {
  file: CollectedFile;
  error: Error;
}

/** What became of the files, each list in the response's order. */
export interface SaveResult<Location> {
  saved: SavedFile<Location>[];
  failed: FailedFile[];
}

/**
 * Streams everything that a response hands over into a sink: cited container files through the client, images from
 * where they are. One file's failure does not stop the others. A container lives for 20 idle minutes only, so save
 * soon.
 *
 * @throws {TypeError} when `client` is none, `response` is none, `sink` is no function or an option is wrong.
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
  options: SaveOptions = {},
): Promise<SaveResult<Location>> {
  const files = collectFiles(response);
  if (typeof client?.containers?.files?.content?.retrieve !== "function") {
    throw badInput("client", "an OpenAI client, with containers.files.content.retrieve", client);
  }
  if (typeof sink !== "function") throw badInput("sink", "a function of a file and its stream", sink);
  const { concurrency, retries, signal, maxBytes } = checked(options);

  const outcomes: (SavedFile<Location> | FailedFile)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < files.length; at = next++) {
      const file = files[at]!;
      const save = (): Promise<SavedFile<Location>> => saveOnce(client, file, sink, { ...options, maxBytes });
      try {
        outcomes[at] = await pRetry(save, {
          retries: isInline(file) ? 0 : retries,
          minTimeout: 500,
          ...(signal && { signal }),
          async shouldRetry({ error }) {
            if (!mayHelp(error)) return false;
            await pause(pauseFor(error), signal);
            return true;
          },
        });
      } catch (error) {
        outcomes[at] = { file, error: inWords(error, file) };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, work));
  return {
    saved: outcomes.filter((outcome) => "location" in outcome),
    failed: outcomes.filter((outcome) => "error" in outcome),
  };
}

/** The options with their defaults. */
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
    throw badInput("options.concurrency", "a whole number above 0", concurrency);
  }
  if (!(Number.isInteger(retries) && retries >= 0)) {
    throw badInput("options.retries", "a whole number", retries);
  }
  if (!(typeof maxBytes === "number" && maxBytes >= 0)) {
    throw badInput("options.maxBytes", "a number of bytes", maxBytes);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw badInput("options.signal", "an AbortSignal", signal);
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw badInput("options.onProgress", "a function", onProgress);
  }
  return { concurrency, retries, signal, maxBytes };
}

/** How long a sink may take to end, and clean up, once all is stopped: it may wait for something that never comes. */
const LONGEST_END_MS = 500;

/** One try. What it throws another try may help with, unless it is an `AbortError`. */
async function saveOnce<Location>(
  client: ContainerContentClient,
  file: CollectedFile,
  sink: Sink<Location>,
  { signal, maxBytes, onProgress }: SaveOptions & { maxBytes: number },
): Promise<SavedFile<Location>> {
  const { body, total } = await openFile(client, file, signal).catch(throwPlain);
  if (total !== undefined && total > maxBytes) {
    await body.cancel();
    throw new AbortError(`the file has ${total} bytes, more than ${maxBytes}`);
  }
  const reader = body.getReader();
  const hash = createSha256();
  let bytes = 0;
  let isWhole = false;
  let broken: Error | undefined;
  /** One chunk, counted and hashed; `undefined` at the end. */
  const read = async (): Promise<Uint8Array | undefined> => {
    const { done, value } = await reader.read();
    if (done) {
      if (total !== undefined && bytes !== total)
        throw new Error(`the download ended after ${bytes} of ${total} bytes`);
      isWhole = true;
      return undefined;
    }
    bytes += value.length;
    if (bytes > maxBytes) throw new AbortError(`the file has more than ${maxBytes} bytes`);
    hash.update(value);
    tell(onProgress, { file, bytes, total });
    return value;
  };
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const measured = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      async pull() {
        try {
          const chunk = await read();
          if (chunk) controller.enqueue(chunk);
          else controller.close();
        } catch (error) {
          broken ??= asError(error);
          throw error;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  let stop: () => void = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abandoned = new Promise<never>((_, reject) => {
    stop = () => {
      broken ??= asError(signal?.reason);
      controller.error(broken);
      timer = setTimeout(reject, LONGEST_END_MS, broken);
    };
  });
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop(); // while the file was opened
  try {
    const location = await Promise.race([sink(file, measured), abandoned]);
    // A sink that knows how long the file is may not ask for more behind its last byte.
    if (!isWhole && bytes !== total) throw new Error("the sink stopped before the file's end");
    return { file, location, bytes, sha256: hash.hex() };
  } catch (error) {
    reader.cancel(error).catch(() => {}); // nobody reads on
    // What the sink could not do, it cannot do a second time; what the connection could not, it may.
    if (!broken) throw new AbortError(asError(error));
    return throwPlain(broken);
  } finally {
    signal?.removeEventListener("abort", stop);
    clearTimeout(timer);
  }
}

/** Throws an error that p-retry leaves to `mayHelp`: of TypeErrors, it takes few for a broken connection. */
function throwPlain(error: unknown): never {
  throw error instanceof TypeError ? new Error(error.message, { cause: error }) : error;
}

/** A container does not live long enough for more. */
const LONGEST_PAUSE_MS = 60_000;

/** How long the server asks to be left alone, besides the pause that there is before each try. */
function pauseFor(error: unknown): number {
  const { headers } = Object(error) as { headers?: unknown };
  return headers instanceof Headers ? Math.min(retryAfterMs(headers), LONGEST_PAUSE_MS) : 0;
}

/** An error that says what a 404 means here. */
function inWords(error: unknown, file: CollectedFile): Error {
  const { status } = Object(error) as { status?: unknown };
  const plain = asError(withoutWords(error));
  if (status !== 404) return plain;
  const words =
    file.kind === "container-file"
      ? "the container has expired, or the file in it is gone"
      : "the picture's URL has expired";
  return new Error(words, { cause: plain });
}
