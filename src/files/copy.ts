/** Copies one file into a sink. Retries downloads that fail, and checks that the sink got the whole file. */
import pRetry, { AbortError } from "p-retry";
import { headersOf, isRetryable, pause, retryAfterMs, withoutServerText } from "../containers/retries.js";
import { asError } from "../errors.js";
import type { CollectedFile } from "./collect.js";
import { type ContainerContentClient, isInline, openFile } from "./content.js";

/**
 * Stores a file: reads `stream` to its end and resolves with the file's location. If the stream fails, the sink must remove
 * what it has written. The sink is called again for each retry.
 */
export type Sink<Location> = (file: CollectedFile, stream: ReadableStream<Uint8Array>) => Promise<Location>;

/** Options of {@link copyFile}. */
export interface CopyOptions {
  /** How many times a failed download is retried, at most. Only status 429 or 5xx or a connection error causes a retry. */
  retries: number;
  signal?: AbortSignal | undefined;
  /** The size of the largest file that is copied, in bytes. Default: no limit. */
  maxBytes?: number;
  /** Called before each try, the first one included. */
  onTry: () => void;
  /** Called for each chunk. `bytes` is the number of bytes received so far, and `total` is the file's length, if it is known. */
  onChunk: (chunk: Uint8Array, bytes: number, total: number | undefined) => void;
}

/** Where a copied file is, and its length. */
export interface Copied<Location> {
  location: Location;
  bytes: number;
}

/**
 * Downloads a file into a sink and retries failed downloads. If the download fails, the error contains no text that the server
 * sent.
 */
export async function copyFile<Location>(
  client: ContainerContentClient,
  file: CollectedFile,
  sink: Sink<Location>,
  options: CopyOptions,
): Promise<Copied<Location>> {
  const { retries, signal } = options;
  try {
    return await pRetry(() => copyOnce(client, file, sink, options), {
      retries: isInline(file) ? 0 : retries,
      minTimeout: 500,
      ...(signal && { signal }),
      async shouldRetry({ error }) {
        if (!isRetryable(error)) return false;
        await pause(pauseFor(error), signal);
        return true;
      },
    });
  } catch (error) {
    throw errorFor(file, error);
  }
}

/** How long a sink may take to clean up after an abort. The copy does not wait longer, because the sink may never settle. */
const LONGEST_CLEANUP_MS = 500;

/** Downloads and stores a file, without retries. Throws an `AbortError` if a retry cannot help. */
async function copyOnce<Location>(
  client: ContainerContentClient,
  file: CollectedFile,
  sink: Sink<Location>,
  { signal, maxBytes = Number.POSITIVE_INFINITY, onTry, onChunk }: CopyOptions,
): Promise<Copied<Location>> {
  onTry();
  const { body, total } = await openFile(client, file, signal).catch(rethrow);
  if (total !== undefined && total > maxBytes) {
    await body.cancel();
    throw new AbortError(`the file has ${total} bytes, more than ${maxBytes}`);
  }
  const reader = body.getReader();
  let bytes = 0;
  let isWhole = false;
  /** True if the sink has cancelled the stream. Errors after that do not count as a failed download. */
  let isCanceled = false;
  /** Why the download failed or was aborted. */
  let failure: Error | undefined;
  /** Returns the next chunk and counts its bytes. Returns `undefined` at the end of the file. */
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
    onChunk(value, bytes, total);
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
          if (!isCanceled) failure ??= asError(error);
          throw error;
        }
      },
      cancel(reason) {
        isCanceled = true;
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  let stop: () => void = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abandoned = new Promise<never>((_, reject) => {
    stop = () => {
      failure ??= asError(signal?.reason);
      controller.error(failure);
      timer = setTimeout(reject, LONGEST_CLEANUP_MS, failure);
    };
  });
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop(); // the signal aborted while the file was being opened
  try {
    const location = await Promise.race([sink(file, measured), abandoned]);
    // A sink that knows the file's length may stop after the last byte, without reading the end of the stream.
    if (!isWhole && bytes !== total) throw new Error("the sink stopped before the file's end");
    return { location, bytes };
  } catch (error) {
    reader.cancel(error).catch(() => {}); // rejects if the download has already failed
    // Only a failed download is retried, not a failed sink.
    if (!failure) throw new AbortError(asError(error));
    return rethrow(failure);
  } finally {
    signal?.removeEventListener("abort", stop);
    clearTimeout(timer);
  }
}

/** Throws an error. A TypeError is wrapped in an Error, because p-retry does not call `shouldRetry` for most TypeErrors. */
function rethrow(error: unknown): never {
  throw error instanceof TypeError ? new Error(error.message, { cause: error }) : error;
}

/** The longest delay that is used for `Retry-After`. During a much longer pause, the container could expire. */
const LONGEST_PAUSE_MS = 60_000;

/** Returns the server's `Retry-After` in milliseconds, at most `LONGEST_PAUSE_MS`. p-retry's own pause is added to this delay. */
function pauseFor(error: unknown): number {
  const headers = headersOf(Object(error).headers);
  return headers ? Math.min(retryAfterMs(headers), LONGEST_PAUSE_MS) : 0;
}

/** Returns the error to report for a file. For status 404, the message says what the status means. */
function errorFor(file: CollectedFile, error: unknown): Error {
  const { status } = Object(error) as { status?: unknown };
  const plain = asError(withoutServerText(error));
  if (status !== 404) return plain;
  const message =
    file.kind === "container-file"
      ? "the container has expired, or the file in it is gone"
      : "the image's URL has expired";
  return new Error(message, { cause: plain });
}
