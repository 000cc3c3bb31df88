/** What another system failed with, for who reads it. */
import { retryAfterMs } from "./ask-again.js";

/** An answer with an error's status. */
export class AnswerError extends Error {
  override name = "AnswerError";
  readonly status: number;
  /** For how long the server asks to be left alone. */
  readonly retryAfterMs: number;
  constructor(message: string, { status, headers }: { status: number; headers: Headers }) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs(headers);
  }
}

/**
 * What asking `who` threw, without the words, the headers and the body of its answer: a server may send back what it was
 * sent, the key among it, and an error is logged.
 */
export function withoutWords(error: unknown, who = "the API"): unknown {
  // It quotes the body.
  if (error instanceof SyntaxError) return new Error(`${who} answered with what is no JSON`);
  const { status, headers } = Object(error) as { status?: unknown; headers?: unknown };
  if (typeof status !== "number" || !(headers instanceof Headers)) return error;
  return new AnswerError(`${who} answered ${status}`, { status, headers });
}
