/** All that a response hands over, into a sink: streamed, side by side, tried again where that can help. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import pRetry, { AbortError } from "p-retry";
import { asError, badInput } from "../bad-input.js";
import { type CollectedFile, collectFiles } from "./collect.js";

/** Where a file goes. Reads `stream` to its end and says where that is now. Called again for a new try. */
export type Sink<Location> = (file: CollectedFile, stream: ReadableStream<Uint8Array>) => Promise<Location>;

/** As much of an OpenAI client as is needed to download a container's file. */
export interface ContainerContentClient {
  containers: {
    files: {
      content: {
        retrieve(
          fileId: string,
          params: { container_id: string },
          options: { signal?: AbortSignal; maxRetries?: number },
        ): PromiseLike<Response>;
      };
    };
  };
}

/** Options of {@link saveFiles}. */
export interface SaveOptions {
  /** How many files are saved at once. Default 4. */
  concurrency?: number | undefined;
  /** How often a download is tried again after a 429, a 5xx or a broken connection. Default 3. */
  retries?: number | undefined;
  /** Stops all downloads; what was not saved by then has failed. */
  signal?: AbortSignal | undefined;
  /** A file with more bytes fails. Default: none does. */
  maxBytes?: number | undefined;
  /** Called for each chunk. `total` is what the server says, `undefined` where it does not. What it throws is ignored. */
  onProgress?:
    | ((progress: { file: CollectedFile; bytes: number; total: number | undefined }) => void)
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
  const { concurrency = 4, retries = 3, signal, maxBytes = Number.POSITIVE_INFINITY } = options;
  if (!(Number.isInteger(concurrency) && concurrency > 0)) {
    throw badInput("options.concurrency", "a whole number above 0", concurrency);
  }
  if (!(Number.isInteger(retries) && retries >= 0))
    throw badInput("options.retries", "a whole number", retries);
  if (!(typeof maxBytes === "number" && maxBytes >= 0))
    throw badInput("options.maxBytes", "a number of bytes", maxBytes);

  const outcomes: (SavedFile<Location> | FailedFile)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < files.length; at = next++) {
      const file = files[at]!;
      const save = (): Promise<SavedFile<Location>> => saveOnce(client, file, sink, { ...options, maxBytes });
      try {
        outcomes[at] = await pRetry(save, {
          retries,
          minTimeout: 500,
          ...(signal && { signal }),
          shouldRetry,
        });
      } catch (error) {
        outcomes[at] = { file, error: inWords(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, work));
  return {
    saved: outcomes.filter((outcome) => "location" in outcome),
    failed: outcomes.filter((outcome) => "error" in outcome),
  };
}

async function saveOnce<Location>(
  client: ContainerContentClient,
  file: CollectedFile,
  sink: Sink<Location>,
  { signal, maxBytes, onProgress }: SaveOptions & { maxBytes: number },
): Promise<SavedFile<Location>> {
  const { body, total } = await open(client, file, signal);
  const reader = body.getReader();
  const hash = sha256.create();
  let bytes = 0;
  let broken: Error | undefined;
  /** One chunk, counted and hashed; `undefined` at the end. */
  const read = async (): Promise<Uint8Array | undefined> => {
    const { done, value } = await reader.read();
    if (done) return undefined;
    bytes += value.length;
    if (bytes > maxBytes) throw new AbortError(`the file has more than ${maxBytes} bytes`);
    hash.update(value);
    try {
      onProgress?.({ file, bytes, total });
    } catch {
      // A progress bar that throws is no reason to lose the file.
    }
    return value;
  };
  let stop: () => void = () => {};
  const measured = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = () => {
          broken = asError(signal?.reason);
          controller.error(broken);
        };
      },
      async pull(controller) {
        try {
          const chunk = await read();
          if (chunk) controller.enqueue(chunk);
          else controller.close();
        } catch (error) {
          broken = asError(error);
          throw error;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  signal?.addEventListener("abort", stop);
  try {
    const location = await sink(file, measured);
    return { file, location, bytes, sha256: bytesToHex(hash.digest()) };
  } catch (error) {
    reader.cancel(error).catch(() => {}); // nobody reads on
    // What the sink could not do, it cannot do a second time; what the connection could not, it may.
    throw broken ?? new AbortError(asError(error));
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

interface Opened {
  body: ReadableStream<Uint8Array>;
  /** How many bytes there will be, if that is known. */
  total: number | undefined;
}

/** The bytes of a file, from where it is. */
async function open(
  client: ContainerContentClient,
  file: CollectedFile,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  if (file.kind === "generated-image") return decoded(file.base64);
  if (file.kind === "code-image" && /^data:/i.test(file.url)) {
    const comma = file.url.indexOf(",");
    const data = file.url.slice(comma + 1);
    if (/;base64$/i.test(file.url.slice(0, comma))) return decoded(data);
    const bytes = new TextEncoder().encode(decodeURIComponent(data));
    return { body: new Blob([bytes]).stream(), total: bytes.length };
  }
  const abort = signal && { signal };
  // What fails is tried again by `saveFiles`, and not in there as well.
  const response =
    file.kind === "code-image"
      ? await fetch(file.url, { ...abort, credentials: "omit" })
      : await client.containers.files.content.retrieve(
          file.fileId,
          { container_id: file.containerId },
          { ...abort, maxRetries: 0 },
        );
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw Object.assign(new Error(`it was answered with ${response.status}`), { status: response.status });
  }
  const length = response.headers.get("content-length");
  return { body: response.body, total: length === null ? undefined : Number(length) };
}

/** How much base64 is decoded at once: a multiple of 4 characters. */
const BASE64_PIECE = 64 * 1024;

/** What base64 stands for, piece by piece. */
function decoded(base64: string): Opened {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= base64.length) return controller.close();
      const piece = atob(base64.slice(at, at + BASE64_PIECE));
      at += BASE64_PIECE;
      controller.enqueue(Uint8Array.from(piece, (character) => character.charCodeAt(0)));
    },
  });
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return { body, total: Math.floor((base64.length * 3) / 4) - padding };
}

/** Whether another try may help: too many requests, a server's error, a broken connection. */
function shouldRetry({ error }: { error: unknown }): boolean {
  const { status } = error as { status?: unknown };
  return typeof status !== "number" || status === 429 || status >= 500;
}

/** An error that says what a 404 means here. */
function inWords(error: unknown): Error {
  const { status } = Object(error) as { status?: unknown };
  if (status !== 404) return asError(error);
  return new Error("the container has expired, or the file in it is gone", { cause: error });
}
