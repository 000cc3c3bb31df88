/** Reads the headers `Range`, `If-Range` and `If-None-Match` of a request, and cuts a range out of a stream. */

/** A range of bytes. `end` is the offset after the last byte. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Matches a header that asks for one range. Multiple ranges are not supported: the response would be a multipart body. */
const RANGE = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/;

/** Returns the `Range` header if it asks for a single range, else `undefined`. */
export function singleRange(headers: Headers): string | undefined {
  const range = headers.get("range") ?? "";
  return RANGE.test(range) ? range : undefined;
}

/**
 * Returns the range that a request asks for in a file of `size` bytes. Returns `undefined` if the request asks for the whole
 * file, and `"outside"` if the file has no such range. Ignores a range that is invalid or that was meant for another version of
 * the file.
 */
export function rangeOf(headers: Headers, size: number, etag: string): ByteRange | "outside" | undefined {
  const [, first, last, suffix] = RANGE.exec(headers.get("range") ?? "") ?? [];
  if ((headers.get("if-range") ?? etag) !== etag) return undefined;
  if (suffix !== undefined) {
    if (Number(suffix) === 0 || size === 0) return "outside";
    return { start: Math.max(0, size - Number(suffix)), end: size };
  }
  if (first === undefined) return undefined;
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "outside";
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}

/** Returns whether `If-None-Match` says that the client already has this version of the file. */
export function isKnown(headers: Headers, etag: string): boolean {
  const known = headers.get("if-none-match");
  if (known === null) return false;
  return known.trim() === "*" || (known.match(/"[^"]*"/g)?.includes(etag) ?? false);
}

/**
 * Cuts a range out of `body`, a stream of `length` bytes, and returns the range as a stream. The returned stream fails if `body`
 * ends too early. If the range ends before the file does, `body` is cancelled after the range. Otherwise `body` is read to its
 * end, so that its connection can be used again.
 */
export function cut(
  body: ReadableStream<Uint8Array>,
  { start, end }: ByteRange,
  length: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let at = 0;
  /** Returns the next bytes of the range; `undefined` after its end. */
  async function next(): Promise<Uint8Array | undefined> {
    while (at < end) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`the file ended after ${at} of ${length} bytes`);
      const wanted = value.subarray(Math.max(0, start - at), end - at);
      at += value.length;
      if (wanted.length > 0) return wanted;
    }
    if (end === length) await reader.read();
    reader.cancel().catch(() => {}); // rejects if the stream has already failed
    return undefined;
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await next();
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
