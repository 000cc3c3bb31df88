import { concat } from "./sse.js";

/**
 * A request's body, up to a length. Nobody may need all of it: it is too long, or the upstream has answered already.
 * The rest is read all the same, for nothing: a caller whose connection is cut while it still sends sees a broken
 * connection, and never the answer that says why.
 */
export class LimitedBody {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #limit: number;
  #length = 0;

  /** `body` is read from when it is asked for, and not ended early. */
  constructor(body: AsyncIterable<Uint8Array>, limit: number) {
    // By hand: a loop that is left would end what it loops over.
    this.#chunks = body[Symbol.asyncIterator]();
    this.#limit = limit;
  }

  /** Whether more than the limit has come. Reading it has failed then. */
  get isTooLong(): boolean {
    return this.#length > this.#limit;
  }

  /** All of it at once. */
  async whole(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (let chunk = await this.#next(); chunk; chunk = await this.#next()) chunks.push(chunk);
    return concat(chunks);
  }

  /** As it comes. */
  stream(): ReadableStream<Uint8Array> {
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const chunk = await this.#next();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    };
    return new ReadableStream({ pull, cancel: () => this.#readOn() }, { highWaterMark: 0 });
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#chunks.next();
    if (done) return undefined;
    this.#length += value.length;
    if (!this.isTooLong) return value;
    this.#readOn();
    throw new RangeError(`a body of more than ${this.#limit} bytes`);
  }

  /** Reads what is left, for nothing. */
  #readOn(): void {
    const go = async (): Promise<void> => {
      while (!(await this.#chunks.next()).done);
    };
    go().catch(() => {}); // the caller is gone
  }
}
