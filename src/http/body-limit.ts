/** Reads a request body within limits on its length, the pause between chunks, and the memory that all bodies take. */
import { concat } from "./body.js";

/** Counts the bytes of all request bodies that are in memory. */
export class HeldBytes {
  readonly #limit: number;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds `bytes` to the count and returns true. If the sum would exceed the limit, keeps the count and returns false. */
  take(bytes: number): boolean {
    if (this.#count + bytes > this.#limit) return false;
    this.#count += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#count -= bytes;
  }
}

/** Why a body was not read to its end: it is too long, the next chunk did not come in time, or memory is full. */
export type BodyFailure = "too-long" | "idle" | "no-room";

export interface BodyLimits {
  /** The longest body, in bytes. */
  length: number;
  /** The longest wait for a chunk, in milliseconds. Time during which the upstream accepts no data does not count. */
  idleMs: number;
  /** If given, the body is read whole and its bytes are counted. Otherwise the body is streamed and takes no memory. */
  held: HeldBytes | undefined;
}

/** When this many chunks are kept, they are merged into one, because a chunk of one byte takes a hundred bytes of memory. */
const MANY_CHUNKS = 1000;

/**
 * Reads a request body within limits. If reading fails, or the upstream answers early, the rest of the body is still read and
 * dropped. Otherwise the caller, who is still sending, would get a connection error instead of the HTTP response.
 */
export class LimitedBody {
  readonly #chunks: AsyncIterator<Uint8Array> | undefined;
  readonly #limits: BodyLimits;
  #length = 0;
  #heldBytes = 0;
  #failure: BodyFailure | undefined;

  constructor(body: AsyncIterable<Uint8Array> | null, limits: BodyLimits) {
    // Not `for await`: leaving such a loop early would destroy the request.
    this.#chunks = body?.[Symbol.asyncIterator]();
    this.#limits = limits;
  }

  /** Which limit stopped the reading; `undefined` if none did. */
  get failure(): BodyFailure | undefined {
    return this.#failure;
  }

  /** Returns the body for the upstream, or `undefined` if there is none. Call `release` when the body is sent. */
  async read(): Promise<Uint8Array | ReadableStream<Uint8Array> | undefined> {
    if (!this.#chunks) return undefined;
    return this.#limits.held ? this.#whole() : this.#stream();
  }

  /** Removes the body's bytes from the count. A second call does nothing. */
  release(): void {
    this.#limits.held?.release(this.#heldBytes);
    this.#heldBytes = 0;
  }

  async #whole(): Promise<Uint8Array> {
    const merged: Uint8Array[] = [];
    const chunks: Uint8Array[] = [];
    for (let chunk = await this.#next(); chunk; chunk = await this.#next()) {
      this.#hold(chunk.length);
      chunks.push(chunk);
      if (chunks.length === MANY_CHUNKS) merged.push(concat(chunks.splice(0)));
    }
    return concat([...merged, ...chunks]);
  }

  #stream(): ReadableStream<Uint8Array> {
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const chunk = await this.#next();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    };
    return new ReadableStream({ pull, cancel: () => this.#drain() }, { highWaterMark: 0 });
  }

  #hold(bytes: number): void {
    if (!this.#limits.held?.take(bytes)) throw this.#fail("no-room");
    this.#heldBytes += bytes;
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#nextInTime();
    if (done) return undefined;
    this.#length += value.length;
    if (this.#length > this.#limits.length) throw this.#fail("too-long");
    return value;
  }

  #nextInTime(): Promise<IteratorResult<Uint8Array>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#fail("idle")), this.#limits.idleMs);
      this.#chunks!.next()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  /** Records the failure, drains the body and returns the error to throw. */
  #fail(failure: BodyFailure): Error {
    this.#failure = failure;
    this.#drain();
    return new Error(`the request's body could not be read: ${failure}`);
  }

  /** Reads the rest of the body and drops it. */
  #drain(): void {
    const readRest = async (): Promise<void> => {
      while (!(await this.#chunks!.next()).done);
    };
    readRest().catch(() => {}); // fails if the caller has closed the connection
  }
}
