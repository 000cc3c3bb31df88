/**
 * A response's event stream. Frames that need no change pass as the bytes that came, in the pieces they came in:
 * not decoded, not parsed, not written again. `isRead` (responses/stream.ts) names the others.
 */
import { FileCitationsError } from "../responses/response-repair.js";
import { isRead, type StreamRepair } from "../responses/stream.js";
import {
  type Frame,
  FrameSplitter,
  formatFrames,
  parseFrame,
  TEXT_DELTA,
  TextDeltas,
  typeOf,
} from "./frames.js";

/** How many deltas before a slash are read with it: `](sandbox:/` is about four. */
const WATCHED_DELTAS = 16;
/** How many after it are: `/mnt`, `/data`, `/report` come one by one. */
const WATCHED_AFTER = 4;

/** The event stream with the missing citations in it. A chunk is read when one is asked for, and none ahead. */
export function repairEventStream(
  upstream: ReadableStream<Uint8Array>,
  stream: StreamRepair,
): ReadableStream<Uint8Array> {
  const reader = upstream.getReader();
  const frames = new FrameRepair(stream);
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const send: Send = (bytes) => controller.enqueue(bytes);
  // Chained by hand, not awaited: this runs once for each delta there is, and mostly has nothing to wait for.
  const pass = ({ done, value }: ReadableStreamReadResult<Uint8Array>): undefined | Promise<void> => {
    if (done)
      return frames
        .end(send)
        .then(() => controller.close())
        .catch(fail);
    const isSent = frames.push(value, send);
    return isSent === true ? undefined : goOn(isSent).catch(fail);
  };
  // The stream breaks: nobody cancels one that is broken, and what was begun for it has no one left to end it.
  const fail = (error: unknown): never => {
    stream.cancel(error);
    reader.cancel(error).catch(() => {});
    throw error;
  };
  // A chunk that ends no frame, or frames that are held, sends nothing: then nobody would ask again.
  const goOn = async (isSent: boolean | Promise<boolean>): Promise<void> => {
    while (!(await isSent)) {
      const read = await reader.read();
      if (read.done) return pass(read);
      isSent = frames.push(read.value, send);
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      pull: () => reader.read().then(pass, fail),
      cancel(reason) {
        stream.cancel(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

type Send = (bytes: Uint8Array) => void;

/** Chunks in, whole frames out, repaired. */
class FrameRepair {
  readonly #stream: StreamRepair;
  readonly #text: TextDeltas;
  readonly #splitter: FrameSplitter;
  /** The beginning of a frame whose end has not come yet. */
  #held: Uint8Array[] = [];
  /** The latest deltas of the text, in a ring; none of them was read. */
  readonly #deltas: Uint8Array[] = [];
  #deltaCount = 0;
  #watchNext = 0;
  #last: Uint8Array | undefined;
  /** The latest frame that was read: what is still to be written in the end looks like it. */
  #like: Frame | undefined;

  constructor(stream: StreamRepair) {
    this.#stream = stream;
    this.#text = new TextDeltas(stream.roots);
    this.#splitter = new FrameSplitter(this.#text);
  }

  /** Sends on the frames that a chunk completes; whether it sent any. A promise only where one has to wait. */
  push(chunk: Uint8Array, send: Send): boolean | Promise<boolean> {
    const passed = this.#splitter.isBetweenFrames ? this.#passDeltas(chunk) : 0;
    if (passed === chunk.length && passed > 0) {
      send(chunk);
      return true;
    }
    let isSent = false;
    const noting: Send = (bytes) => {
      if (bytes.length === 0) return;
      isSent = true;
      send(bytes);
    };
    const ends = this.#splitter.endsIn(chunk, passed);
    const rest = this.#pass(chunk, ends, noting, { from: 0, start: passed, sent: 0 });
    return rest ? rest.then(() => isSent) : isSent;
  }

  /**
   * The end of the deltas that a chunk begins with, if they need no change. The shortest way, for what nearly every
   * chunk is: one delta, or some where the reader is behind.
   */
  #passDeltas(chunk: Uint8Array): number {
    const stream = this.#stream;
    if (stream.isHolding) return 0;
    let start = 0;
    let last = 0;
    for (let end = this.#text.endOf(chunk, 0); end > 0; end = this.#text.endOf(chunk, start)) {
      last = start;
      start = end;
      if (stream.isWatching) this.#watch(slice(chunk, last, end));
    }
    if (start > 0) this.#last = slice(chunk, last, start);
    return start;
  }

  /** Sends what is left: half a frame, or events that were held for the one after them. */
  async end(send: Send): Promise<void> {
    if (this.#held.length > 0) send(concat(this.#held));
    const events = await this.#stream.end();
    if (events.length > 0 && this.#like) send(formatFrames(events, this.#like));
  }

  /** The frames of a chunk that end at `ends`, from the one numbered `from` on, which begins at `start`. */
  #pass(
    chunk: Uint8Array,
    ends: readonly number[],
    send: Send,
    { from, start, sent }: { from: number; start: number; sent: number },
  ): undefined | Promise<void> {
    // Frames that need no change go out together, as one piece of the chunk.
    for (let at = from; at < ends.length; at++) {
      const end = ends[at]!;
      const piece = slice(chunk, start, end);
      const bytes = concat([...this.#held, piece]);
      this.#held = [];
      const out = this.#repaired(bytes);
      if (out !== piece) {
        // What came before must not wait for this frame's citations.
        send(slice(chunk, sent, start));
        if (out instanceof Promise) {
          return out.then((later) => {
            send(later);
            return this.#pass(chunk, ends, send, { from: at + 1, start: end, sent: end });
          });
        }
        send(out);
        sent = end;
      }
      start = end;
    }
    send(slice(chunk, sent, start));
    if (start < chunk.length) this.#held.push(slice(chunk, start, chunk.length));
    return undefined;
  }

  /** What goes out in place of a frame: itself where nothing is missing, and then at once. */
  #repaired(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const before = this.#last;
    this.#last = bytes;
    const stream = this.#stream;
    const type = typeOf(bytes);
    if (type === TEXT_DELTA && stream.isWatching && this.#text.endOf(bytes, 0) > 0) this.#watch(bytes);
    if (type !== undefined && !isRead(type) && !stream.isHolding) return bytes;
    const frame = parseFrame(bytes);
    if (!frame || !(isRead(frame.event.type) || stream.isHolding)) return bytes;
    this.#like = frame;
    // The event before is a delta nearly always, and its number is needed only where an event is inserted.
    const numberBefore = (): unknown => before && parseFrame(before)?.event.sequence_number;
    const write = (events: readonly Record<string, unknown>[]): Uint8Array =>
      events.length === 1 && events[0] === frame.event ? bytes : formatFrames(events, frame);
    const giveUp = (error: unknown): Uint8Array | Promise<never> => {
      // A mistake of ours, or an event that cannot be written again, is no reason to lose it.
      return error instanceof FileCitationsError ? Promise.reject(error) : bytes;
    };
    try {
      const taken = stream.take(frame.event, numberBefore);
      return taken instanceof Promise ? taken.then(write).catch(giveUp) : write(taken);
    } catch (error) {
      return giveUp(error);
    }
  }

  /** Shows the stream the text around each slash that may begin a root; all other deltas stay unread. */
  #watch(delta: Uint8Array): void {
    this.#deltas[this.#deltaCount++ % WATCHED_DELTAS] = delta;
    if (this.#text.mayBeginRoot(delta)) this.#watchNext = WATCHED_AFTER;
    else if (this.#watchNext === 0) return;
    else this.#watchNext--;
    for (let at = Math.max(0, this.#deltaCount - WATCHED_DELTAS); at < this.#deltaCount; at++) {
      const frame = parseFrame(this.#deltas[at % WATCHED_DELTAS]!);
      if (frame) this.#stream.watch(frame.event);
    }
    this.#deltaCount = 0;
  }
}

/** A piece of a chunk; the chunk itself where it is all of it, which is how most chunks come. */
function slice(chunk: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
}

/** The pieces as one; a single one as it is, not copied. */
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
