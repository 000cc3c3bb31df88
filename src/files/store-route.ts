/**
 * Serves the files of a route that has a store: from the store if it has the file, else from the container. If the length of the
 * file is known, the response is the same in both cases.
 */
import { notify } from "../errors.js";
import { type ByteRange, cut, isKnown, rangeOf, singleRange } from "./byte-range.js";
import { type ContainerContentClient, type ContentAnswer, retrieveFile } from "./content.js";
import { fileAnswer, outsideFile, refusal, unchanged } from "./file-answer.js";
import type { LinkedFile } from "./signed-link.js";
import { type FileStore, keyOf } from "./store.js";
import { createStoreCopies, lookUp, withinLookup } from "./store-copies.js";

/** A file of a store or a container, before any of its bytes are read. */
interface Source {
  /** The file's length in bytes, if it is known. */
  size: number | undefined;
  /** The part of the file that the source has; `undefined` if it has the whole file. */
  part?: ByteRange;
  /** Returns the bytes of a range, or all bytes. If the source has only a part of the file, returns that part. */
  open(range: ByteRange | undefined): ReadableStream<Uint8Array> | null;
  /** Cancels the download, if there is one. Must be called if the bytes are not needed. */
  cancel?(): Promise<void> | undefined;
}

/** The part of a route that copies files into a store and serves them. */
export interface StoreRoute {
  /** Starts to copy a file into the store. Resolves before the copy ends, and never rejects. */
  copy(file: LinkedFile): Promise<void>;
  /**
   * Answers a request with a file from the store or the container. If both fail, rejects with an error or with the API's
   * response.
   */
  answer(request: Request, file: LinkedFile): Promise<Response>;
  /** Resolves when no file is being copied. */
  ended(): Promise<void>;
}

/** Creates the part of a route that copies files into a store and serves them. */
export function createStoreRoute(
  client: ContainerContentClient,
  store: FileStore,
  onError: (error: unknown) => unknown,
): StoreRoute {
  const copies = createStoreCopies(client, store, onError);

  /** Returns the response with the stored file; `undefined` if the store does not have the file. */
  async function fromStore(request: Request, file: LinkedFile, key: string): Promise<Response | undefined> {
    const found = await lookUp(store, key);
    if (!found) return undefined;
    const { size } = found;
    const answering = sourceAnswer(request, file, key, {
      size,
      open(range) {
        const length = range ? range.end - range.start : size;
        return cut(found.stream(range), { start: 0, end: length }, length);
      },
    });
    return withinLookup(answering).catch((error: unknown) => {
      // The store may still answer later. That response is not needed, so its body is cancelled.
      answering.then((late) => late.body?.cancel()).catch(() => {});
      throw error;
    });
  }

  async function fromContainer(request: Request, file: LinkedFile, key: string): Promise<Response> {
    const { headers, method, signal } = request;
    // If the request has an If-Range, requests the whole file and cuts the range out of it. The API cannot check the If-Range,
    // because the ETag in this header is from this route, not from the API.
    const range = method === "HEAD" || headers.has("if-range") ? undefined : singleRange(headers);
    const retrieve = (wanted: Record<string, string>) =>
      retrieveFile(client, file, { headers: wanted, signal });
    const upstream = await retrieve(range === undefined ? {} : { range }).catch((error: unknown) => {
      // A 416 means that the file does not have the range. The route then requests the whole file and chooses the response itself.
      // It does not pass the 416 on, because the 416 may lack the file's length. And if the request has an If-None-Match, the right
      // response may be a 304.
      if (range !== undefined && Object(error).status === 416) return retrieve({});
      throw error;
    });
    return sourceAnswer(request, file, key, containerSource(upstream));
  }

  return {
    async copy(file) {
      const key = await keyOf(file);
      void copies.copy(key, file);
    },
    async answer(request, file) {
      const key = await keyOf(file);
      let hasFailed = false;
      const stored = await fromStore(request, file, key).catch((error: unknown) => {
        hasFailed = true;
        notify(onError, error);
        return undefined;
      });
      if (stored) return stored;
      try {
        const answer = await fromContainer(request, file, key);
        if (!hasFailed) void copies.copy(key, file, true);
        return answer;
      } catch (error) {
        // If the store could not be read, it may still have the file. So the file is not reported as gone.
        if (hasFailed && Object(error).status === 404) throw new Error(UNREACHABLE);
        throw error;
      }
    },
    ended: copies.ended,
  };
}

const UNREACHABLE = "the container has expired, and the store could not be read";

/** Returns a source with the bytes of the API's response. The response contains the whole file or the requested range. */
function containerSource({ status, headers, body }: ContentAnswer): Source {
  const cancel = () => body?.cancel();
  // If the body is compressed, the lengths in the headers count compressed bytes. So they do not give the file's length.
  const isEncoded = headers.has("content-encoding");
  if (status !== 206) {
    const length = isEncoded ? undefined : lengthIn(headers);
    const open = (range?: ByteRange) => (range && body && length ? cut(body, range, length) : body);
    return { size: length, open, cancel };
  }
  const { part, size } = isEncoded ? {} : contentRangeIn(headers);
  return {
    size,
    ...(part && { part }),
    open(range) {
      if (range && part && isStartOf(range, part)) return body;
      cancel()?.catch(() => {});
      throw new Error("the API sent a range other than the requested one");
    },
    cancel,
  };
}

/** Returns whether `part` has the start of `range` and nothing outside of `range`. A server may send less than the range. */
function isStartOf(range: ByteRange, part: ByteRange): boolean {
  // `rangeOf` sets the start to Infinity if a request asks for the last bytes of a file of unknown length. Nothing shows where
  // these bytes begin, so any part is accepted.
  return range.start === Number.POSITIVE_INFINITY || (part.start === range.start && part.end <= range.end);
}

const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(?:(\d{1,15})|\*)$/;

/** Returns the part of the file that a `content-range` header names, and the file's length, if the header says it. */
function contentRangeIn(headers: Headers): { part?: ByteRange; size?: number } {
  const [range, first, last, length] = CONTENT_RANGE.exec(headers.get("content-range") ?? "") ?? [];
  const part = { start: Number(first), end: Number(last) + 1 };
  const size = length === undefined ? undefined : Number(length);
  const isValid = range !== undefined && part.start < part.end && part.end <= (size ?? part.end);
  return isValid ? { part, ...(size !== undefined && { size }) } : {};
}

function lengthIn(headers: Headers): number | undefined {
  const length = headers.get("content-length") ?? "";
  return /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Answers a request with a file. Applies the conditions and the range in the request's headers. */
async function sourceAnswer(
  request: Request,
  { name }: LinkedFile,
  key: string,
  source: Source,
): Promise<Response> {
  const { size } = source;
  const isHead = request.method === "HEAD";
  if (size === undefined) return fileAnswer(unknownLength(request, source), name, isHead);
  // The ETag contains the file's length as well as the ids, because some gateways derive a file's id from the file's path. A new
  // version of the file then has the same id.
  const etag = `"${key}.${size}"`;
  if (isKnown(request.headers, etag)) {
    await source.cancel?.();
    return unchanged(etag);
  }
  const range = isHead ? undefined : rangeOf(request.headers, size, etag);
  if (range === "outside") {
    await source.cancel?.();
    return refusal(request, outsideFile(`bytes */${size}`));
  }
  const answer = range
    ? partial(source.open(range), source.part ?? range, size)
    : new Response(source.open(undefined), { headers: { "content-length": `${size}` } });
  answer.headers.set("etag", etag);
  answer.headers.set("accept-ranges", "bytes");
  return fileAnswer(answer, name, isHead);
}

/** Returns the response with a file of unknown length: the whole file, or the part that the source has. */
function unknownLength({ method, headers }: Request, { part, open }: Source): Response {
  if (!part) return new Response(open(undefined));
  // Without the file's length, there is no ETag. So `rangeOf` gets "" as the ETag. No valid If-Range is empty.
  const range = method === "HEAD" ? undefined : rangeOf(headers, Number.POSITIVE_INFINITY, "");
  return partial(open(range === "outside" ? undefined : range), part, "*");
}

function partial(
  body: ReadableStream<Uint8Array> | null,
  { start, end }: ByteRange,
  size: number | "*",
): Response {
  const headers = {
    "content-length": `${end - start}`,
    "content-range": `bytes ${start}-${end - 1}/${size}`,
  };
  return new Response(body, { status: 206, headers });
}
