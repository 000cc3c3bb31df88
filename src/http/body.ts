/** Reads the bodies of HTTP responses, whether they are web streams or streams of Node.js. */
import { type Body, cancelBody } from "../containers/retries.js";

/** The methods of a stream's reader that are needed to pass the stream on. */
export type BodyReader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

/**
 * Returns a reader that opens the body at the first `read` or `cancel`. `open` should keep a reference to the HTTP response:
 * if the response is garbage-collected before its body is opened, `fetch` may close the connection.
 */
export function readerOnDemand(open: () => Body): BodyReader {
  let opened: BodyReader | undefined;
  const reader = (): BodyReader => {
    opened ??= readerOf(open());
    return opened;
  };
  return { read: () => reader().read(), cancel: (reason) => reader().cancel(reason) };
}

/** Returns a body as a web stream. */
export function webStreamOf(body: Body): ReadableStream<Uint8Array> {
  if ("getReader" in body) return body;
  const reader = readerOf(body);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

const DONE = { done: true, value: undefined } as const;

function readerOf(body: Body): BodyReader {
  if ("getReader" in body) return body.getReader();
  // Uses the events of a Node.js stream, not its async iterator. With the iterator, an event stream costs a tenth more, and
  // a cancel waits for the next chunk.
  let failure: { error: unknown } | undefined;
  let wake = (): void => {};
  const fail = (error: unknown): void => {
    failure ??= { error };
    wake();
  };
  body.on("readable", () => wake());
  body.on("end", () => wake());
  body.on("error", fail);
  const close = (): void => fail(body.errored ?? new Error("the body was closed before its end"));
  body.on("close", close);
  if (body.destroyed) close(); // the body failed before this reader was made, and emits no more events
  const read = (): Promise<ReadableStreamReadResult<Uint8Array>> => {
    const value = body.read();
    if (value) return Promise.resolve({ done: false, value });
    if (body.readableEnded) return Promise.resolve(DONE);
    if (failure) return Promise.reject(failure.error);
    return new Promise<void>((resolve) => {
      wake = resolve;
    }).then(read);
  };
  return { read, cancel: async () => cancelBody(body) };
}

/**
 * The longest body that is decoded to a string, in bytes. A string in V8 has at most 0x1fffffe8 UTF-16 units. A body of
 * 0x1fffffe8 bytes always fits, because each UTF-16 unit takes at least one byte in UTF-8.
 */
export const LONGEST_TEXT = 0x1fffffe8;

/** Joins chunks. A single chunk is returned as it is, not copied. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
