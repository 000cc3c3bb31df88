/**
 * A response's event stream. Frames that need no change pass as the bytes that came, in the pieces they came in:
 * not decoded, not parsed, not written again. `isRead` (responses/stream.ts) names the others.
 */
import { isRead, type StreamRepair } from "../responses/stream.js";
import { type Frame, FrameSplitter, formatFrames, parseFrame, typeOf } from "./frames.js";

const SLASH = 0x2f;
/** How many deltas before a slash are read with it: `](sandbox:/` is about four. */
const WATCHED_DELTAS = 12;

/** The event stream with the missing citations in it. A chunk is read when one is asked for, and none ahead. */
export function repairEventStream(
  upstream: ReadableStream<Uint8Array>,
  stream: StreamRepair,
): ReadableStream<Uint8Array> {
  const reader = upstream.getReader();
  const splitter = new FrameSplitter();
  /** The beginning of a frame whose end has not come yet. */
  let held: Uint8Array[] = [];
  /** The latest deltas, not read yet. */
  let deltas: Uint8Array[] = [];
  let last: Uint8Array | undefined;
  let like: Frame | undefined;

  /** Shows the stream the text around each slash, and leaves all other deltas unread. */
  const watch = (delta: Uint8Array): void => {
    deltas.push(delta);
    if (deltas.length > WATCHED_DELTAS) deltas.shift();
    if (!delta.includes(SLASH)) return;
    for (const recent of deltas) {
      const frame = parseFrame(recent);
      if (frame) stream.watch(frame.event);
    }
    deltas = [];
  };

  /** What goes out in place of a frame: itself where nothing is missing, and then at once. */
  const repaired = (bytes: Uint8Array): Uint8Array | Promise<Uint8Array> => {
    const before = last;
    last = bytes;
    const type = typeOf(bytes);
    if (type === "response.output_text.delta" && stream.isWatching) watch(bytes);
    if (type !== undefined && !isRead(type) && !stream.isHolding) return bytes;
    const frame = parseFrame(bytes);
    if (!frame || !(isRead(frame.event.type) || stream.isHolding)) return bytes;
    like = frame;
    // The event before is a delta nearly always, and its number is needed only where an event is inserted.
    const numberBefore = (): unknown => before && parseFrame(before)?.event.sequence_number;
    const taken = stream.take(frame.event, numberBefore);
    const write = (events: readonly Record<string, unknown>[]): Uint8Array =>
      events.length === 1 && events[0] === frame.event ? bytes : formatFrames(events, frame);
    return taken instanceof Promise ? taken.then(write) : write(taken);
  };

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (let isSent = false; !isSent; ) {
          const { done, value: chunk } = await reader.read();
          if (done) {
            if (held.length > 0) controller.enqueue(concat(held));
            const events = await stream.end();
            if (events.length > 0 && like) controller.enqueue(formatFrames(events, like));
            controller.close();
            return;
          }
          const send = (bytes: Uint8Array): void => {
            if (bytes.length === 0) return;
            controller.enqueue(bytes);
            isSent = true;
          };
          let sent = 0;
          let start = 0;
          for (const end of splitter.endsIn(chunk)) {
            const isWhole = held.length === 0;
            const bytes = concat([...held, chunk.subarray(start, end)]);
            held = [];
            let out = repaired(bytes);
            if (!isWhole || out !== bytes) {
              // The frames before it, as one piece; they must not wait for this one's citations.
              send(chunk.subarray(sent, start));
              sent = start;
              if (out instanceof Promise) out = await out;
              send(out);
              sent = end;
            }
            start = end;
          }
          send(chunk.subarray(sent, start));
          if (start < chunk.length) held.push(chunk.subarray(start));
        }
      },
      cancel(reason) {
        stream.cancel(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The pieces as one; a single one as it is, not copied. */
function concat(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
