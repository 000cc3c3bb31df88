/**
 * Repairs the frames of one response in an event stream. Adjacent frames that need no change are sent as one slice of their
 * chunk. Most frames are not even decoded or parsed. `isRead` (stream/events.ts) tells which events are always parsed. This file
 * is long because all processing of a frame is in one place.
 */

import { andThen } from "../promises.js";
import { isRead } from "../stream/events.js";
import type { StreamRepair } from "../stream/stream-repair.js";
import { concat } from "./body.js";
import {
  editFrame,
  type Frame,
  FrameSplitter,
  formatFrame,
  isComment,
  parseFrame,
  TEXT_DELTA,
  TextDeltas,
  typeOf,
} from "./frames.js";

/**
 * How many of the latest deltas are read when a delta may begin a root such as `/mnt/data`. The earlier deltas show whether
 * the path is in a link. A model writes `](sandbox:/` in about four deltas.
 */
const WATCHED_DELTAS = 16;
/** How many more deltas are read after a delta that may begin a root. A path such as `/mnt/data` arrives in several deltas. */
const WATCHED_AFTER = 4;

export const NOTHING = new Uint8Array();

/** A frame, as a range of offsets in its chunk. This avoids copying the bytes of nearly every frame. */
interface Piece {
  chunk: Uint8Array;
  start: number;
  end: number;
}

/** Takes chunks of one response and sends whole, repaired frames. */
export class FrameRepair {
  /**
   * Called with each event that is read, before the event is repaired. To take over the event's frame and all later bytes of
   * the chunk, the callback calls `rest` and returns true. `rest` sends the bytes before the frame, and returns the bytes that
   * the callback takes over.
   */
  onEvent: ((event: Record<string, unknown>, rest: () => Uint8Array) => boolean) | undefined;
  /** The frame that was parsed last. */
  #parsed: { bytes: Uint8Array; frame: Frame | undefined } | undefined;
  readonly #stream: StreamRepair;
  readonly #longest: number;
  readonly #enqueue: (bytes: Uint8Array) => void;
  #sentCount = 0;
  readonly #text: TextDeltas;
  readonly #splitter = new FrameSplitter();
  /** The beginning of a frame whose end has not come yet. */
  #partial: Uint8Array[] = [];
  #partialLength = 0;
  /** True while the current frame is too long to be read. Its bytes are sent as they come. */
  #isTooLong = false;
  /** A ring buffer of the latest text deltas that `stream.watch` has not seen. */
  readonly #deltas: Piece[] = [];
  #deltaCount = 0;
  /** How many of the next deltas are read in any case, because they may continue a root (see `WATCHED_AFTER`). */
  #watchNext = 0;
  /** The first delta that was sent unread since `#readUnread` last ran. `undefined` if there is none. */
  #firstUnread: Piece | undefined;
  /** The latest frame, read or not. */
  #last: Piece | undefined;
  /** The latest frame that was read. Inserted frames copy its line ends. They have an `event:` line if this frame has one. */
  #like: Frame | undefined;
  /** Frames whose events the stream has taken and not yet returned. */
  #pending: Frame[] = [];

  constructor(stream: StreamRepair, longest: number, enqueue: (bytes: Uint8Array) => void) {
    this.#stream = stream;
    this.#longest = longest;
    this.#enqueue = enqueue;
    this.#text = new TextDeltas(stream.roots);
    stream.latestNumber = () => this.latestNumber;
  }

  /** Sends the frames that a chunk completes. Returns whether any were sent. Returns a promise only if the repair must wait. */
  push(chunk: Uint8Array): boolean | Promise<boolean> {
    const before = this.#sentCount;
    const rest = this.#splitter.take(chunk);
    if (rest > 0) this.endLine(slice(chunk, 0, rest));
    const passed = this.#pass(chunk, rest);
    return passed ? passed.then(() => this.#sentCount > before) : this.#sentCount > before;
  }

  /**
   * Handles the LF of a CR LF that was cut between two chunks. Adds the LF to the frame that has the CR. If that frame was sent
   * already, sends the LF.
   */
  endLine(rest: Uint8Array): void {
    const pending = this.#pending.at(-1);
    if (this.#partial.length > 0) this.#partial.push(rest);
    else if (pending) pending.bytes = concat([pending.bytes, rest]);
    else this.#send(rest);
  }

  /** Sends what the stream has held for too long. */
  sendOverdue(): void | Promise<void> {
    return andThen(this.#stream.takeOverdue(), (events) => this.#send(this.#write(events)));
  }

  /** The sequence number of the latest frame. `undefined` if the frame could not be read. */
  get latestNumber(): unknown {
    return this.#last && parsePiece(this.#last)?.event.sequence_number;
  }

  /** Sends the held frames. Call this before other code sends a frame that may belong to this response. */
  release(): void | Promise<void> {
    return andThen(this.#release(), (held) => this.#send(held));
  }

  /**
   * Sends everything that is held. Held text is sent as the model wrote it: it gets no links. Call this before other code sends a
   * long frame in pieces, because nothing may be sent between the pieces.
   */
  releaseAll(): void | Promise<void> {
    return andThen(this.#stream.releaseAll(), (held) => this.#send(this.#write(held)));
  }

  /** Sends what is left at the end of the stream: held events and an incomplete frame. */
  async end(): Promise<void> {
    this.#send(this.#write(await this.#stream.end()));
    this.flush();
  }

  /**
   * Sends everything that is left, without repairing it. Returns whether any bytes were sent.
   *
   * @param held the events that the stream's repair still held when the stream was broken off.
   */
  flush(held: readonly Record<string, unknown>[] = []): boolean {
    const before = this.#sentCount;
    this.#send(this.#write(held));
    this.#send(concat([...this.#pending.map(({ bytes }) => bytes), ...this.#takePartial()]));
    this.#pending = [];
    return this.#sentCount > before;
  }

  /** Repairs and sends the frames of a chunk, from the offset `from` on. */
  #pass(chunk: Uint8Array, from: number): void | Promise<void> {
    // Frames that need no change are sent together, as one piece of the chunk.
    let sent = from;
    let start = this.#passDeltas(chunk, from);
    for (let end = this.#splitter.endFrom(start); end >= 0; end = this.#splitter.endFrom(start)) {
      const piece = slice(chunk, start, end);
      const bytes = this.#completed(piece);
      if (bytes && this.#isHandedOver(bytes, chunk, sent, start, end)) return undefined;
      const out = bytes ? this.#repairedAfter(bytes, slice(chunk, sent, start)) : piece;
      if (out !== piece) {
        // The frames before this one must not wait for this frame's citations.
        this.#send(slice(chunk, sent, start));
        if (out instanceof Promise) return this.#passAfter(out, chunk, end);
        this.#send(out);
        sent = end;
      }
      start = this.#passDeltas(chunk, end);
    }
    this.#send(slice(chunk, sent, start));
    return start < chunk.length ? this.#hold(slice(chunk, start, chunk.length)) : undefined;
  }

  /**
   * Like `#repaired`. If `#repaired` throws, sends `before`, then sends the frames that are held, then throws the error.
   *
   * @param before the bytes of the chunk that come before the frame and were not sent yet.
   */
  #repairedAfter(bytes: Uint8Array, before: Uint8Array): Uint8Array | Promise<Uint8Array> {
    try {
      return this.#repaired(bytes);
    } catch (error) {
      this.#send(before);
      this.fail(error);
      throw error;
    }
  }

  async #passAfter(out: Promise<Uint8Array>, chunk: Uint8Array, from: number): Promise<void> {
    try {
      this.#send(await out);
    } catch (error) {
      this.fail(error);
      throw error;
    }
    return this.#pass(chunk, from);
  }

  /** Ends the repair after an error, and sends the frames that are held. */
  fail(error: unknown): void {
    this.#send(this.#write(this.#stream.break(error)));
  }

  /** Returns the frame that `piece` completes, or `undefined` if that frame is too long and its beginning was sent already. */
  #completed(piece: Uint8Array): Uint8Array | undefined {
    if (this.#isTooLong) {
      this.#isTooLong = false;
      this.#last = undefined;
      return undefined;
    }
    return this.#partial.length === 0 ? piece : concat([...this.#takePartial(), piece]);
  }

  /** If a frame must be read, calls `onEvent`. Returns true if `onEvent` handles this frame and the rest of the chunk. */
  #isHandedOver(bytes: Uint8Array, chunk: Uint8Array, sent: number, start: number, end: number): boolean {
    if (!this.onEvent || bytes.length > this.#longest || !isRead(typeOf(bytes) ?? "response.created"))
      return false;
    const frame = this.#parse(bytes);
    return (
      frame !== undefined &&
      this.onEvent(frame.event, () => {
        this.#send(slice(chunk, sent, start));
        return concat([bytes, chunk.subarray(end)]);
      })
    );
  }

  #parse(bytes: Uint8Array): Frame | undefined {
    if (this.#parsed?.bytes !== bytes) this.#parsed = { bytes, frame: parseFrame(bytes) };
    return this.#parsed.frame;
  }

  /** Keeps the beginning of a frame until the frame ends. Sends it if the frame is too long. */
  #hold(beginning: Uint8Array): void | Promise<void> {
    if (this.#isTooLong) return this.#send(beginning);
    this.#partial.push(beginning);
    this.#partialLength += beginning.length;
    if (this.#partialLength <= this.#longest) return undefined;
    this.#isTooLong = true;
    const pieces = this.#takePartial();
    return andThen(this.#releaseBeforeLong(), (held) => this.#send(concat([held, ...pieces])));
  }

  #takePartial(): Uint8Array[] {
    const pieces = this.#partial;
    this.#partial = [];
    this.#partialLength = 0;
    return pieces;
  }

  /** Reports that a frame is too long to be read. Returns the held frames, which must be sent before the long frame. */
  #releaseBeforeLong(): Uint8Array | Promise<Uint8Array> {
    this.#stream.noteTooLong(this.#longest);
    return andThen(this.#stream.releaseAll(), (held) => this.#write(held));
  }

  #release(): Uint8Array | Promise<Uint8Array> {
    return andThen(this.#stream.release(), (held) => this.#write(held));
  }

  #send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#sentCount++;
    this.#enqueue(bytes);
  }

  /** Returns the end of the text deltas that begin at the offset `from` and need no change. Most frames are such deltas. */
  #passDeltas(chunk: Uint8Array, from: number): number {
    const stream = this.#stream;
    if (!this.#splitter.isBetweenFrames || stream.isHolding) return from;
    let start = from;
    for (let end = this.#text.endOf(chunk, start); end > 0; end = this.#text.endOf(chunk, start)) {
      const { isLinking } = stream;
      if (isLinking && !this.#passesLinks(chunk, start, end)) return start;
      this.#last = { chunk, start, end };
      if (!isLinking && stream.isWatching) this.#watch(this.#last);
      start = end;
    }
    return start;
  }

  /**
   * Returns true if a delta cannot belong to a mention. Such a delta is sent unread. Its text is kept, because the text before a
   * later mention may be needed.
   */
  #passesLinks(chunk: Uint8Array, start: number, end: number): boolean {
    if (!this.#stream.isIdle || !this.#text.isPlain(chunk, start, end)) return false;
    this.#firstUnread ??= { chunk, start, end };
    return true;
  }

  /** Gives the stream's repair the text of the deltas that were sent unread. */
  #readUnread(): void {
    if (!this.#firstUnread) return;
    const frame = parsePiece(this.#firstUnread);
    this.#firstUnread = undefined;
    const text = this.#text.takeCollected();
    if (frame) this.#stream.passText(frame.event, text);
  }

  /** Returns the bytes to send in place of a frame. If nothing is missing, returns the frame itself, without a promise. */
  #repaired(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    this.#readUnread();
    const before = this.#last;
    this.#last = { chunk: bytes, start: 0, end: bytes.length };
    const stream = this.#stream;
    const type = typeOf(bytes);
    if (type === TEXT_DELTA && stream.isWatching) this.#watch(this.#last);
    if (type === TEXT_DELTA && stream.isLinking) this.#text.noteRead(bytes);
    if (type !== undefined && !stream.mustTake(type)) return bytes;
    const isTooLong = bytes.length > this.#longest;
    const frame = isTooLong ? undefined : this.#parse(bytes);
    this.#parsed = undefined;
    if (!frame) {
      if (isComment(bytes)) this.#last = before; // a comment has no sequence number
      const released = isTooLong ? this.#releaseBeforeLong() : this.#release();
      return andThen(released, (held) => (held.length > 0 ? concat([held, bytes]) : bytes));
    }
    if (!stream.mustTake(frame.event.type)) return bytes;
    this.#like = frame;
    this.#pending.push(frame);
    // The previous frame is parsed only if an event needs its sequence number. Few events need it, and the previous frame is
    // usually not parsed yet.
    const numberBefore = (): unknown => before && parsePiece(before)?.event.sequence_number;
    return andThen(stream.take(frame.event, numberBefore), (events) => this.#write(events));
  }

  /** Formats the events that the stream returned. If that fails, returns the pending frames unchanged. */
  #write(events: readonly Record<string, unknown>[]): Uint8Array {
    if (events.length === 0) return NOTHING;
    const pending = this.#pending;
    this.#pending = [];
    const waiting = [...pending];
    try {
      return concat(events.map((event) => this.#frameOf(event, waiting)));
    } catch {
      return concat(pending.map(({ bytes }) => bytes));
    }
  }

  /**
   * Returns the bytes to send for an event. If the first frame of `waiting` has the event's type, it is the event's own frame.
   * Otherwise the stream inserted the event, and the event gets a new frame. The type is enough to decide, because events keep
   * their order, and the stream never inserts an event before an event of the same type.
   */
  #frameOf(event: Record<string, unknown>, waiting: Frame[]): Uint8Array {
    const own = waiting[0];
    if (!own || own.event.type !== event.type) return formatFrame(event, this.#like!);
    waiting.shift();
    return own.event === event ? own.bytes : editFrame(own, event);
  }

  /** If a delta may begin a root, gives the repair this delta and the deltas around it. All other deltas stay unparsed. */
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

/** Returns a piece of a chunk. If the piece is the whole chunk, as is usual, returns the chunk itself. */
function slice(chunk: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
}
