/** The time for which an answer is held back: limited, and measured. */

/** Lets recoveries of one response run for so many milliseconds in all. */
export class HeldTime {
  /** For how long the answer was held so far. Recoveries side by side count once. */
  ms = 0;
  readonly #limitMs: number;
  readonly #outer: AbortSignal | undefined;
  /** Made when it is needed: of a million responses, most hold nothing back, and a signal costs more than they do. */
  #stop: { controller: AbortController; signal: AbortSignal } | undefined;
  #running = 0;
  #since = 0;

  /** `outer` aborts when nobody waits for the answer any more. */
  constructor(limitMs: number, outer: AbortSignal | undefined) {
    this.#limitMs = limitMs;
    this.#outer = outer;
  }

  /** Aborts when the time is over, or nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#stopping().signal;
  }

  /** Waits for `recover`, which is told when to stop; rejects when the time is over, whether it stops or not. */
  async wait(recover: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#running++ === 0) this.#since = performance.now();
    const timeOver = new Error(`the files' list took longer than ${this.#limitMs} ms`);
    const timer = setTimeout(() => this.cancel(timeOver), Math.max(0, this.#limitMs - this.ms));
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
    this.#stop?.controller.abort(new Error("the response is complete"));
  }

  /** Nobody waits any more, now or later. */
  cancel(reason?: unknown): void {
    this.#stopping().controller.abort(reason);
  }

  #stopping(): { controller: AbortController; signal: AbortSignal } {
    if (!this.#stop) {
      const controller = new AbortController();
      const { signal } = controller;
      this.#stop = { controller, signal: this.#outer ? AbortSignal.any([signal, this.#outer]) : signal };
    }
    return this.#stop;
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
