/**
 * A response's event stream. Frames that need no change pass as the bytes that came, in the pieces they came in:
 * not decoded, not parsed, not written again. `isRead` (responses/stream-events.ts) names the others.
 */
import { andThen } from "../responses/repair.js";
import { isRead } from "../responses/stream-events.js";
import type { StreamRepair } from "../responses/stream-repair.js";
import type { BodyReader } from "./body.js";
import {
  type Frame,
  FrameSplitter,
  formatFrame,
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
export function repairEventStream(reader: BodyReader, stream: StreamRepair): ReadableStream<Uint8Array> {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let failure: { error: unknown } | undefined;
  const frames = new FrameRepair(stream, (bytes) => controller.enqueue(bytes));
  // Chained by hand, not awaited: this runs once for each delta there is, and mostly has nothing to wait for.
  const pass = ({ done, value }: ReadableStreamReadResult<Uint8Array>): undefined | Promise<void> => {
    if (done)
      return frames
        .end()
        .then(() => controller.close())
        .catch(fail);
    const isSent = frames.push(value);
    return isSent === true ? undefined : goOn(isSent).catch(fail);
  };
  // Nobody cancels a stream that is broken, and what was begun for it has no one left to end it.
  const fail = (error: unknown): never => {
    stream.break(error);
    reader.cancel(error).catch(() => {});
    throw error;
  };
  // What came before upstream broke goes out first.
  const broke = (error: unknown): void => {
    stream.break(error);
    if (!frames.flush()) throw error;
    failure = { error };
  };
  // A chunk that ends no frame, or frames that are held, sends nothing: then nobody would ask again.
  const goOn = async (isSent: boolean | Promise<boolean>): Promise<void> => {
    while (!(await isSent)) {
      let read: ReadableStreamReadResult<Uint8Array>;
      try {
        read = await reader.read();
      } catch (error) {
        return broke(error);
      }
      if (read.done) return pass(read);
      isSent = frames.push(read.value);
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      pull: () => (failure ? Promise.reject(failure.error) : reader.read().then(pass, broke)),
      cancel(reason) {
        stream.cancel(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** A frame where it stands in its chunk: nearly none needs to be looked at by itself. */
interface Piece {
  chunk: Uint8Array;
  start: number;
  end: number;
}

/** Chunks in, whole frames out, repaired. */
class FrameRepair {
  readonly #stream: StreamRepair;
  readonly #enqueue: (bytes: Uint8Array) => void;
  #sentCount = 0;
  readonly #text: TextDeltas;
  readonly #splitter = new FrameSplitter();
  /** The beginning of a frame whose end has not come yet. */
  #partial: Uint8Array[] = [];
  /** The latest deltas of the text, in a ring; none of them was read. */
  readonly #deltas: Piece[] = [];
  #deltaCount = 0;
  #watchNext = 0;
  #last: Piece | undefined;
  /** The latest frame that was read: what is written looks like it. */
  #like: Frame | undefined;
  /** The frames that events were read from. */
  readonly #bytesOf = new WeakMap<Record<string, unknown>, Uint8Array>();
  /** The latest frame was written anew, its end whole. */
  #isRewritten = false;
  /** The frames that were given to the stream, and for which nothing has come out yet. */
  #taken: Uint8Array[] = [];

  constructor(stream: StreamRepair, enqueue: (bytes: Uint8Array) => void) {
    this.#stream = stream;
    this.#enqueue = enqueue;
    this.#text = new TextDeltas(stream.roots);
  }

  /** Sends on the frames that a chunk completes; whether it sent any. A promise only where one has to wait. */
  push(chunk: Uint8Array): boolean | Promise<boolean> {
    const before = this.#sentCount;
    const rest = this.#splitter.take(chunk);
    if (rest > 0) this.#endLine(slice(chunk, 0, rest));
    const passed = this.#pass(chunk, rest);
    return passed ? passed.then(() => this.#sentCount > before) : this.#sentCount > before;
  }

  /** The second half of a line's end belongs to the frame that the first one ended, wherever that is by now. */
  #endLine(rest: Uint8Array): void {
    const held = this.#taken.at(-1);
    if (this.#partial.length > 0) this.#partial.push(rest);
    else if (held) {
      const whole = concat([held, rest]);
      this.#taken[this.#taken.length - 1] = whole;
      this.#bytesOf.set(this.#like!.event, whole);
    } else if (!this.#isRewritten) this.#send(rest);
  }

  /** Sends what is left: events that were held for the one after them, half a frame. */
  async end(): Promise<void> {
    this.#send(this.#write(await this.#stream.end()));
    this.flush();
  }

  /** Sends what has not gone out yet, as it came; whether there was any. */
  flush(): boolean {
    const before = this.#sentCount;
    this.#send(concat([...this.#taken, ...this.#partial]));
    this.#taken = [];
    this.#partial = [];
    return this.#sentCount > before;
  }

  /** The frames of a chunk from the one that goes on at `from` on. */
  #pass(chunk: Uint8Array, from: number): undefined | Promise<void> {
    // Frames that need no change go out together, as one piece of the chunk.
    let sent = from;
    let start = from;
    for (;;) {
      start = this.#passDeltas(chunk, start);
      const end = start < chunk.length ? this.#splitter.endFrom(start) : -1;
      if (end < 0) break;
      const piece = slice(chunk, start, end);
      const frame = concat([...this.#partial, piece]);
      this.#partial = [];
      const out = this.#repaired(frame);
      if (out !== piece) {
        // What came before must not wait for this frame's citations.
        this.#send(slice(chunk, sent, start));
        if (out instanceof Promise) {
          return out.then((later) => {
            this.#send(later);
            return this.#pass(chunk, end);
          });
        }
        this.#send(out);
        sent = end;
      }
      start = end;
    }
    this.#send(slice(chunk, sent, start));
    if (start < chunk.length) this.#partial.push(slice(chunk, start, chunk.length));
    return undefined;
  }

  #send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#sentCount++;
    this.#enqueue(bytes);
  }

  /** Where the deltas of the text that begin at `from` end: the shortest way for what nearly every frame is. */
  #passDeltas(chunk: Uint8Array, from: number): number {
    const stream = this.#stream;
    if (!this.#splitter.isBetweenFrames || stream.isHolding) return from;
    let start = from;
    for (let end = this.#text.endOf(chunk, start); end > 0; end = this.#text.endOf(chunk, start)) {
      this.#last = { chunk, start, end };
      if (stream.isWatching) this.#watch(this.#last);
      start = end;
    }
    return start;
  }

  /** What goes out in place of a frame: itself where nothing is missing, and then at once. */
  #repaired(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    this.#isRewritten = false;
    const before = this.#last;
    this.#last = { chunk: bytes, start: 0, end: bytes.length };
    const stream = this.#stream;
    const type = typeOf(bytes);
    if (type === TEXT_DELTA && stream.isWatching) this.#watch(this.#last);
    if (type !== undefined && !isRead(type) && !stream.isHolding) return bytes;
    const frame = parseFrame(bytes);
    if (!frame) {
      return andThen(stream.release(), (held) =>
        held.length > 0 ? concat([this.#write(held), bytes]) : bytes,
      );
    }
    if (!isRead(frame.event.type) && !stream.isHolding) return bytes;
    this.#like = frame;
    this.#bytesOf.set(frame.event, bytes);
    this.#taken.push(bytes);
    // The event before is a delta nearly always, and its number is needed only where an event is inserted.
    const numberBefore = (): unknown => before && parsePiece(before)?.event.sequence_number;
    return andThen(stream.take(frame.event, numberBefore), (events) => this.#write(events));
  }

  /** Events as frames: the bytes that came where nothing was changed, else like the frame that was read last. */
  #write(events: readonly Record<string, unknown>[]): Uint8Array {
    if (events.length === 0) return NOTHING;
    const taken = this.#taken;
    this.#taken = [];
    try {
      this.#isRewritten = !this.#bytesOf.has(events.at(-1)!);
      return concat(events.map((event) => this.#bytesOf.get(event) ?? formatFrame(event, this.#like!)));
    } catch {
      this.#isRewritten = false;
      return concat(taken); // an event that can be read, but not written again, is no reason to lose it
    }
  }

  /** Shows the stream the text around each slash that may begin a root; all other deltas stay unread. */
  #watch(delta: Piece): void {
    this.#deltas[this.#deltaCount++ % WATCHED_DELTAS] = delta;
    if (this.#text.mayBeginRoot(delta.chunk, delta.start, delta.end)) this.#watchNext = WATCHED_AFTER;
    else if (this.#watchNext === 0) return;
    else this.#watchNext--;
    for (let at = Math.max(0, this.#deltaCount - WATCHED_DELTAS); at < this.#deltaCount; at++) {
      const frame = parsePiece(this.#deltas[at % WATCHED_DELTAS]!);
      if (frame) this.#stream.watch(frame.event);
    }
    this.#deltaCount = 0;
  }
}

function parsePiece({ chunk, start, end }: Piece): Frame | undefined {
  return parseFrame(chunk.subarray(start, end));
}

const NOTHING = new Uint8Array();

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
