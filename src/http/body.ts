/** The body of an answer, as a web stream, and read no sooner than somebody asks. */
import { type Body, letGo } from "../responses/list-pages.js";

/** As much of a stream's reader as is needed to pass it on. */
export type BodyReader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

/**
 * Reads a body from when somebody asks for it. Until then nobody has taken it, so that `fetch` can end the connection
 * of an answer that was dropped; `open` keeps that answer as long as somebody may still ask.
 */
export function lateReader(open: () => ReadableStream<Uint8Array>): BodyReader {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const taken = (): ReadableStreamDefaultReader<Uint8Array> => {
    reader ??= open().getReader();
    return reader;
  };
  return { read: () => taken().read(), cancel: (reason) => taken().cancel(reason) };
}

/** A body as a web stream. */
export function webStreamOf(body: Body): ReadableStream<Uint8Array> {
  if ("getReader" in body) return body;
  const chunks = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      // Not by `chunks`, which would wait for the next one first.
      cancel: () => letGo(body),
    },
    { highWaterMark: 0 },
  );
}
