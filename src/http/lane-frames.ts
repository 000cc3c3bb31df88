/** Repairs the frames of an event stream that may carry several responses at once, each in a lane of its own. */

import { andThen } from "../promises.js";
import { FileCitationsError } from "../responses/report.js";
import { Lane, type Lanes } from "../stream/lanes.js";
import { concat } from "./body.js";
import { FrameRepair, NOTHING } from "./frame-repair.js";
import { FrameSplitter, isComment, parseFrame } from "./frames.js";

/**
 * The latest whole frame, or the latest piece of a frame that is too long. `frames` is the repair of the frame's lane.
 * `isPassed` is true once the bytes were sent or given to `frames`. Until then, `#endLine` can add an LF to `bytes`.
 */
interface Latest {
  bytes: Uint8Array;
  frames: FrameRepair | undefined;
  isPassed: boolean;
}

/**
 * Takes chunks and sends whole, repaired frames. While the stream carries one response, one {@link FrameRepair} gets the
 * unchanged chunks. Once the stream carries several responses, this class splits the chunks into frames itself. Each lane then
 * has its own `FrameRepair`, so that no lane waits for another.
 */
export class LaneFrames {
  readonly #lanes: Lanes;
  readonly #longest: number;
  readonly #enqueue: (bytes: Uint8Array) => void;
  readonly #onFailure: (error: FileCitationsError) => void;
  readonly #byLane = new Map<Lane, FrameRepair>();
  readonly #first: FrameRepair;
  #sentCount = 0;
  /** True once nothing can be sent any more: the consumer has left, or the stream has failed. */
  #isStopped = false;
  /** Splits the chunks once the stream carries several responses. */
  #splitter: FrameSplitter | undefined;
  /** The beginning of a frame whose end has not come yet. */
  #partial: Uint8Array[] = [];
  #partialLength = 0;
  /** True while the current frame is too long to be read. Its bytes are sent as they come. */
  #isTooLong = false;
  #latest: Latest | undefined;

  /**
   * If the option `onFailure` is `"throw"`, a failed recovery causes a `FileCitationsError`. While the stream carries several
   * responses, the callback `onFailure` gets this error. While the stream carries one response, `push` throws the error or rejects
   * with it.
   */
  constructor(
    lanes: Lanes,
    longest: number,
    enqueue: (bytes: Uint8Array) => void,
    onFailure: (error: FileCitationsError) => void,
  ) {
    this.#lanes = lanes;
    this.#longest = longest;
    this.#enqueue = enqueue;
    this.#onFailure = onFailure;
    this.#first = this.#framesOf(lanes.latest);
    lanes.onDrop = (lane, error) => {
      const frames = this.#framesOf(lane);
      const sent = this.#after([lane], NOTHING, () => frames.flush(lane.stream.break(error)));
      andThen(sent, () => this.#byLane.delete(lane));
    };
    // Keeps a lane that was closed after an error event, because its report is made only at the end of the stream.
    lanes.onClose = (lane) => {
      if (lane.stream.isFinished) this.#byLane.delete(lane);
    };
  }

  /** Sends the frames that a chunk completes. Returns true if any was sent. Returns a promise only if it has to wait. */
  push(chunk: Uint8Array): boolean | Promise<boolean> {
    const before = this.#sentCount;
    const passed = this.#splitter ? this.#split(chunk) : this.#first.push(chunk);
    // Creates a promise only if `passed` is a promise: this code runs for each chunk, and most chunks do not wait.
    return passed instanceof Promise ? passed.then(() => this.#sentCount > before) : this.#sentCount > before;
  }

  /** Sends the events that a lane has held for too long. Returns whether any were sent. */
  sendOverdue(lane: Lane): boolean | Promise<boolean> {
    const before = this.#sentCount;
    const sent = this.#after([lane], NOTHING, () => this.#framesOf(lane).sendOverdue());
    return andThen<unknown, boolean>(sent, () => this.#sentCount > before);
  }

  /** Sends what is left at the end of the stream: held events and an incomplete frame. */
  async end(): Promise<void> {
    await this.#settled();
    for (const frames of this.#byLane.values()) await frames.end();
    this.#send(concat(this.#takePartial()));
  }

  /** Ends all repairs, and sends the remaining bytes unchanged. Returns whether any bytes were sent. */
  break(error: unknown): boolean | Promise<boolean> {
    const before = this.#sentCount;
    const broken = [...this.#byLane];
    for (const [{ stream }] of broken) stream.breakOff(error);
    return andThen<unknown, boolean>(this.#settled(), () => {
      for (const [{ stream }, frames] of broken) frames.flush(stream.break(error));
      this.#send(concat(this.#takePartial()));
      return this.#sentCount > before;
    });
  }

  /** Ends all repairs, because the consumer has left. Sends nothing more. Makes a report only if an error event came before. */
  cancel(reason: unknown): void {
    this.#isStopped = true;
    for (const { stream } of this.#byLane.keys()) stream.cancel(reason);
  }

  /** Ends all repairs after the stream has failed, and sends what they hold. Sends nothing more after that. */
  fail(error: unknown): void {
    for (const frames of this.#byLane.values()) frames.fail(error);
    this.#isStopped = true;
  }

  /** Resolves when no frame waits any more. Returns `undefined` if none waits. */
  #settled(): Promise<unknown> | undefined {
    const waiting = [...this.#byLane.keys()].flatMap(({ busy }) => busy ?? []);
    return waiting.length > 0 ? Promise.all(waiting) : undefined;
  }

  #send(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#isStopped) return;
    this.#sentCount++;
    this.#enqueue(bytes);
  }

  /** Returns the repair of a lane's frames. The first lane's repair also detects that a second response begins. */
  #framesOf(lane: Lane): FrameRepair {
    let frames = this.#byLane.get(lane);
    if (!frames) {
      const isFirst = !this.#splitter && this.#byLane.size === 0;
      frames = new FrameRepair(lane.stream, this.#longest, (bytes) => this.#send(bytes));
      if (isFirst) frames.onEvent = (event, rest) => this.#takeOver(event, rest);
      this.#byLane.set(lane, frames);
    }
    return frames;
  }

  /**
   * Checks whether the stream now carries several responses. If it does, splits the chunks into frames from now on, beginning with
   * the frame of `event`, and returns true.
   */
  #takeOver(event: Record<string, unknown>, rest: () => Uint8Array): boolean {
    // Marks the first lane as used if the frame before `event` has a sequence number. `lanes` closes an unused lane without a
    // report, but does not see deltas that are sent without being parsed. A lane that got only these deltas would seem unused.
    if (event.stream_id !== undefined && this.#first.latestNumber !== undefined)
      this.#lanes.latest.isUsed = true;
    const lane = this.#lanes.of(event);
    if (lane instanceof Lane) lane.numberBefore = event.sequence_number;
    if (!this.#lanes.areApart) return false;
    for (const [first, frames] of this.#byLane) {
      frames.onEvent = undefined;
      // The lane may not know its latest sequence number: it did not see the deltas that were sent without being parsed.
      first.numberBefore = frames.latestNumber;
    }
    this.#splitter = new FrameSplitter();
    this.#split(rest());
    return true;
  }

  #split(chunk: Uint8Array): void {
    const splitter = this.#splitter!;
    let start = splitter.take(chunk);
    if (start > 0) this.#endLine(chunk.subarray(0, start));
    for (let end = splitter.endFrom(start); end >= 0; end = splitter.endFrom(start)) {
      this.#add(chunk.subarray(start, end));
      const frame = this.#takePartial();
      if (this.#isTooLong) this.#isTooLong = false;
      else this.#pass(concat(frame));
      start = end;
    }
    if (start < chunk.length) this.#add(chunk.subarray(start));
  }

  /** Adds bytes to the current frame. Sends the frame's bytes if the frame is too long. */
  #add(bytes: Uint8Array): void {
    this.#partial.push(bytes);
    this.#partialLength += bytes.length;
    if (!this.#isTooLong && this.#partialLength <= this.#longest) return;
    const lanes = [...this.#byLane.keys()];
    const piece = concat(this.#takePartial());
    if (!this.#isTooLong) {
      this.#isTooLong = true;
      this.#lanes.noteTooLong(this.#longest);
      // Sends everything that the lanes hold, because nothing may be sent between the pieces of this frame.
      this.#after(lanes, NOTHING, () => Promise.all(lanes.map((lane) => this.#framesOf(lane).releaseAll())));
    }
    // Sends the piece after the frames that the lanes hold, because the piece can belong to any lane.
    const latest: Latest = { bytes: piece, frames: undefined, isPassed: false };
    this.#latest = latest;
    this.#after(lanes, piece, () => this.#passUnassigned(lanes, latest));
  }

  #takePartial(): Uint8Array[] {
    this.#partialLength = 0;
    return this.#partial.splice(0);
  }

  /**
   * Handles the LF of a CR LF that was cut between two chunks. Adds the LF to the frame that has the CR, or sends it after that
   * frame.
   */
  #endLine(lf: Uint8Array): void {
    const latest = this.#latest;
    if (this.#partial.length > 0 || this.#isTooLong) this.#add(lf);
    else if (latest?.frames) latest.frames.endLine(lf);
    else if (latest && !latest.isPassed) latest.bytes = concat([latest.bytes, lf]);
    else this.#send(lf);
  }

  /** Gives a whole frame to the repair of its lane, after the frames that already wait for that repair. */
  #pass(bytes: Uint8Array): void {
    const latest: Latest = { bytes, frames: undefined, isPassed: false };
    this.#latest = latest;
    const event = parseFrame(bytes)?.event;
    if (!event) {
      if (!isComment(bytes)) this.#lanes.lose();
      latest.isPassed = true;
      this.#send(bytes);
      return;
    }
    const lane = this.#lanes.of(event);
    if (!(lane instanceof Lane)) {
      this.#after(lane, bytes, () => this.#passUnassigned(lane, latest));
      return;
    }
    lane.numberBefore = event.sequence_number;
    const frames = this.#framesOf(lane);
    this.#after([lane], bytes, () => {
      latest.isPassed = true;
      latest.frames = frames;
      return frames.push(latest.bytes);
    });
  }

  /**
   * Calls `pass` when no earlier frame of these lanes waits any more. If `pass` fails with a `FileCitationsError`, calls
   * `onFailure`. After any other error, sends `bytes`, the unchanged frame. Returns a promise only if it has to wait. This
   * promise never rejects.
   */
  #after(lanes: readonly Lane[], bytes: Uint8Array, pass: () => unknown): Promise<void> | undefined {
    const waiting = lanes.flatMap(({ busy }) => busy ?? []);
    const fail = (error: unknown): void => {
      if (error instanceof FileCitationsError) this.#onFailure(error);
      else this.#send(bytes);
    };
    const passed =
      waiting.length > 0 ? Promise.all(waiting).then(() => !this.#isStopped && pass()) : attempt(pass, fail);
    if (!(passed instanceof Promise)) return undefined;
    const settled = passed.then(() => {}, fail);
    for (const lane of lanes) lane.waitFor(settled);
    return settled;
  }

  /** Sends a frame that can belong to several lanes, after the frames that these lanes hold. */
  #passUnassigned(lanes: readonly Lane[], latest: Latest): void | Promise<void> {
    const holding = lanes.filter(({ stream }) => stream.isHolding);
    const released = holding.map((lane) => this.#framesOf(lane).release());
    const isWaiting = released.some((sent) => sent instanceof Promise);
    return andThen(isWaiting ? Promise.all(released) : undefined, () => {
      latest.isPassed = true;
      this.#send(latest.bytes);
    });
  }
}

function attempt(call: () => unknown, onError: (error: unknown) => void): unknown {
  try {
    return call();
  } catch (error) {
    return onError(error);
  }
}
