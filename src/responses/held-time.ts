/** The time for which an answer is held back: limited, and measured. */

/** Lets recoveries of one response run for so many milliseconds in all. */
export class HeldTime {
  /** For how long the answer was held so far. Recoveries side by side count once. */
  ms = 0;
  readonly #limitMs: number;
  readonly #cancelled: AbortSignal;
  readonly #over = new AbortController();
  /** Aborts when the time is over, or nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  #running = 0;
  #since = 0;

  constructor(limitMs: number, cancelled: AbortSignal) {
    this.#limitMs = limitMs;
    this.#cancelled = cancelled;
    this.signal = AbortSignal.any([this.#over.signal, cancelled]);
  }

  /** Waits for `recover`, which is told when to stop; rejects when the time is over, whether it stops or not. */
  async wait(recover: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#running++ === 0) this.#since = performance.now();
    const timeOver = new Error(`the files' list took longer than ${this.#limitMs} ms`);
    const timer = setTimeout(() => this.#over.abort(timeOver), Math.max(0, this.#limitMs - this.ms));
    const { promise: stopped, reject } = withReject();
    const stop = (): void => reject(this.signal.reason);
    try {
      if (this.signal.aborted) stop();
      this.signal.addEventListener("abort", stop);
      await Promise.race([recover(this.signal), stopped]);
    } finally {
      this.signal.removeEventListener("abort", stop);
      clearTimeout(timer);
      if (--this.#running === 0) this.ms += performance.now() - this.#since;
    }
  }

  /** The response is done with: what still runs has no one to run for. */
  end(): void {
    if (!this.#cancelled.aborted) this.#over.abort(new Error("the response is complete"));
  }
}

function withReject(): { promise: Promise<never>; reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  promise.catch(() => {}); // whoever races it hears of it; nobody has to
  return { promise, reject };
}

/** Resolves after a while, rejects at once when `signal` aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}
