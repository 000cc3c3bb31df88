/**
 * Resumes an event stream whose texts get links. Requests the stream from its start, and drops the events that the client
 * already has. The rest of the stream is not enough to make links: the rest can begin inside a path, and the calls that wrote
 * the files came earlier.
 */
import { concat } from "./body.js";
import { FrameSplitter, parseFrame } from "./frames.js";

/** A request for a whole stream, which replaces a request for the rest of the stream. */
export interface Resumed {
  /** The request for the whole stream. */
  input: Request | string;
  /** The sequence number of the last event that the client has. */
  after: number;
}

/** If a request has `stream=true` and `starting_after`, returns the request for the whole stream; else `undefined`. */
export function resumedBy(input: Request | string | URL): Resumed | undefined {
  const url = new URL(input instanceof Request ? input.url : input);
  const after = url.searchParams.get("starting_after") ?? "";
  if (url.searchParams.get("stream") !== "true" || !/^\d{1,15}$/.test(after)) return undefined;
  url.searchParams.delete("starting_after");
  return { input: input instanceof Request ? new Request(url, input) : url.href, after: Number(after) };
}

/**
 * Returns an event stream without the events that the client has: those up to the sequence number `after`. Inserted events that
 * repeat this number stay, because the client may not have them. If `after` is `undefined`, returns the same stream.
 */
export function eventsAfter(
  stream: ReadableStream<Uint8Array>,
  after: number | undefined,
): ReadableStream<Uint8Array> {
  if (after === undefined) return stream;
  const reader = stream.getReader();
  const skip = skipper(after);
  let isSkipping = true;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return controller.close();
          const rest: Uint8Array | undefined = isSkipping ? skip(value) : value;
          if (!rest) continue;
          isSkipping = false;
          if (rest.length > 0) return controller.enqueue(rest);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/**
 * Returns a function that removes the events that the client has. Call the function with the chunks in order. It returns
 * `undefined` until it has read a whole event with the number `after` or a higher number. Then it returns the bytes that it
 * has read, beginning with the first event that the client does not have.
 */
function skipper(after: number): (chunk: Uint8Array) => Uint8Array | undefined {
  const splitter = new FrameSplitter();
  let partial: Uint8Array[] = [];
  return (chunk) => {
    let start = splitter.take(chunk);
    for (let end = splitter.endFrom(start); end >= 0; end = splitter.endFrom(start)) {
      const frame = concat([...partial, chunk.subarray(start, end)]);
      partial = [];
      const number = parseFrame(frame)?.event.sequence_number;
      if (number === after) return chunk.subarray(end);
      if (typeof number === "number" && number > after) return concat([frame, chunk.subarray(end)]);
      start = end;
    }
    partial.push(chunk.subarray(start));
    return undefined;
  };
}
