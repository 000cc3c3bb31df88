/** The body of an answer, as a web stream, and read no sooner than somebody asks. */
import { type Body, letGo } from "../responses/answer-body.js";

/** As much of a stream's reader as is needed to pass it on. */
export type BodyReader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

/**
 * Reads a body from when somebody asks for it. Until then nobody has taken it, so that `fetch` can end the connection
 * of an answer that was dropped; `open` keeps that answer as long as somebody may still ask.
 */
export function lateReader(open: () => Body): BodyReader {
  let reader: BodyReader | undefined;
  const taken = (): BodyReader => {
    reader ??= readerOf(open());
    return reader;
  };
  return { read: () => taken().read(), cancel: (reason) => taken().cancel(reason) };
}

/** A body as a web stream. */
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
  // Not by its iterator: that costs a tenth of passing a stream of events on, and ends only once a chunk has come.
  let failure: { error: unknown } | undefined;
  let goOn = (): void => {};
  const fail = (error: unknown): void => {
    failure ??= { error };
    goOn();
  };
  body.on("readable", () => goOn());
  body.on("end", () => goOn());
  body.on("error", fail);
  const close = (): void => fail(body.errored ?? new Error("the answer has no end"));
  body.on("close", close);
  if (body.destroyed) close(); // it broke before anybody asked for it, and says nothing more
  const read = (): Promise<ReadableStreamReadResult<Uint8Array>> => {
    const value = body.read();
    if (value) return Promise.resolve({ done: false, value });
    if (body.readableEnded) return Promise.resolve(DONE);
    if (failure) return Promise.reject(failure.error);
    return new Promise<void>((resolve) => {
      goOn = resolve;
    }).then(read);
  };
  return { read, cancel: async () => letGo(body) };
}
