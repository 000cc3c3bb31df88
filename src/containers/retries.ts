/**
 * Handles failed requests: decides whether a request is retried, reads the delay from `Retry-After`, removes the server's text from
 * errors, and cancels response bodies. The loops that wait and retry are elsewhere: in pages.ts for lists, in files/copy.ts
 * for downloads, and in cli/api.ts for the command.
 */

/**
 * Returns whether a failed request should be retried: after status 429 or 5xx, and after an error without a status, such as a
 * broken connection.
 */
export function isRetryable(error: unknown): boolean {
  const { status } = Object(error) as { status?: unknown };
  return typeof status !== "number" || status === 429 || status >= 500;
}

/** Returns the delay of a `retry-after` header in milliseconds; 0 without the header. The header holds seconds or a date. */
export function retryAfterMs(headers: Headers): number {
  const value = headers.get("retry-after") ?? "";
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}

/**
 * Returns the headers of an HTTP response or of a client's error as a `Headers` object. Returns `undefined` if `given` is not
 * an object. A client on node-fetch has its own class `Headers`, so its headers must be converted.
 */
export function headersOf(given: unknown): Headers | undefined {
  if (given instanceof Headers) return given;
  if (typeof given !== "object" || given === null) return undefined;
  try {
    return new Headers(given as HeadersInit);
  } catch {
    return new Headers(); // a name or a value is invalid
  }
}

/** Resolves after some milliseconds. Rejects as soon as `signal` aborts, or immediately if `signal` is already aborted. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** The error for a response with an error status. */
export class AnswerError extends Error {
  override name = "AnswerError";
  readonly status: number;
  /** The delay that the server asked for in `retry-after`; 0 if it asked for none. */
  readonly retryAfterMs: number;
  constructor(message: string, { status, headers }: { status: number; headers: Headers }) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs(headers);
  }
}

/**
 * Replaces the error of a failed request with an error that does not contain the message, headers and body of the server's
 * response. Errors are logged, and a response may repeat the request, including the API key. Returns other errors unchanged,
 * such as those of a broken connection. `who` names the server in the new message.
 */
export function withoutServerText(error: unknown, who = "the API"): unknown {
  // The message of a SyntaxError quotes the response's body, so the error is replaced.
  if (error instanceof SyntaxError) return new Error(`${who} answered with invalid JSON`);
  const { status, headers: given } = Object(error) as { status?: unknown; headers?: unknown };
  const headers = headersOf(given);
  if (typeof status !== "number" || !headers) return error;
  return new AnswerError(`${who} answered ${status}`, { status, headers });
}

/**
 * A response body. It is a Node.js stream if the client uses node-fetch, which the SDK accepts as its `fetch`. Otherwise it is a
 * web stream.
 */
export type Body = ReadableStream<Uint8Array> | NodeBody;

/** The members of a Node.js stream that are needed to read it. */
interface NodeBody {
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  readonly errored: unknown;
  read(): Uint8Array | null;
  on(event: "readable" | "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  destroy(): unknown;
}

/** Cancels a response body that is no longer needed. */
export function cancelBody(body: Body | null, reason?: unknown): void {
  if (body === null) return;
  if ("destroy" in body) body.destroy();
  else body.cancel(reason).catch(() => {}); // rejects if the body has already failed
}
