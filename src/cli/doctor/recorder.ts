/** Records the requests and responses of a `fetch` in memory. */

type Fetch = typeof globalThis.fetch;

/** A request and its answer. */
export interface Exchange {
  method: string;
  url: string;
  requestHeaders: Headers;
  /** The body, if it is a string; otherwise `undefined`. */
  requestBody: string | undefined;
  /** When the request was sent, in milliseconds since the recorder was made. */
  sentMs: number;
  /** The request's position among all recorded requests and chunks. */
  order: number;
  /** The status of the answer; `undefined` if there was none. */
  status?: number;
  answerHeaders?: Headers;
  chunks: Chunk[];
  /** When the body ended; `undefined` if it was not read to its end. */
  endedMs?: number;
  /** The name and the code of the error, if there was no answer or the answer's body broke off. */
  failure?: string;
}

/** A piece of an answer's body. */
interface Chunk {
  bytes: Uint8Array;
  /** The chunk's position among all recorded requests and chunks. */
  order: number;
}

export class Recorder {
  readonly exchanges: Exchange[] = [];
  readonly #fetch: Fetch;
  readonly #begin = performance.now();
  #count = 0;

  /** @param fetch sends the requests. */
  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /**
   * Sends a request and records it. The response's body is recorded while the caller reads it. So the recording does not change
   * the order in which chunks and further requests follow each other.
   */
  readonly fetch: Fetch = async (input, init) => {
    const isRequest = input instanceof Request;
    const exchange: Exchange = {
      method: init?.method ?? (isRequest ? input.method : "GET"),
      url: isRequest ? input.url : String(input),
      requestHeaders: new Headers(init?.headers ?? (isRequest ? input.headers : undefined)),
      requestBody: typeof init?.body === "string" ? init.body : undefined,
      sentMs: this.#now(),
      order: this.#count++,
      chunks: [],
    };
    this.exchanges.push(exchange);
    const answer = await this.#fetch(input, init).catch((error: unknown) => {
      exchange.failure = nameOf(error);
      throw error;
    });
    exchange.status = answer.status;
    exchange.answerHeaders = new Headers(answer.headers);
    if (answer.body === null) return answer;
    const { status, statusText, headers } = answer;
    return new Response(this.#recorded(answer.body, exchange), { status, statusText, headers });
  };

  #recorded(body: ReadableStream<Uint8Array>, exchange: Exchange): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read().catch((error: unknown) => {
            exchange.failure = nameOf(error);
            throw error;
          });
          if (done) {
            exchange.endedMs = this.#now();
            controller.close();
          } else {
            exchange.chunks.push({ bytes: value, order: this.#count++ });
            controller.enqueue(value);
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 }, // reads nothing ahead
    );
  }

  #now(): number {
    return Math.round(performance.now() - this.#begin);
  }
}

/**
 * Returns the name of an error, and the code of the error or its cause. Leaves out the message, because it may contain an
 * address.
 */
function nameOf(error: unknown): string {
  const { name } = error instanceof Error ? error : { name: "Error" };
  const code = codeOf(error);
  return code === undefined ? name : `${name} ${code}`;
}

/** Returns the code of an error or of one of its causes, such as `ECONNREFUSED`; `undefined` if none has a code. */
export function codeOf(error: unknown): string | undefined {
  for (let found = error; found instanceof Error; found = found.cause) {
    const { code } = found as NodeJS.ErrnoException;
    if (typeof code === "string") return code;
  }
  return undefined;
}
