/** The time for which an answer is held back: limited, and measured. */

/** Lets recoveries of one response run for so many milliseconds in all. */
export class HeldTime {
  /** For how long the answer was held so far. Recoveries side by side count once. */
  ms = 0;
  readonly #limitMs: number;
  readonly #caller: AbortSignal | undefined;
  /** Made when a recovery asks for it, as making one costs more than all else that most responses need. */
  #stop: AbortController | undefined;
  #stopped: { reason: unknown } | undefined;
  /** Rejects when the signal aborts: one for all that wait. */
  #whenStopped: Promise<never> | undefined;
  #running = 0;
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `caller` aborts when nobody waits for the answer any more. */
  constructor(limitMs: number, caller: AbortSignal | undefined) {
    this.#limitMs = limitMs;
    this.#caller = caller;
  }

  /** Aborts when the time is over, or nobody waits for the answer any more. */
  get signal(): AbortSignal {
    if (!this.#stop) {
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      this.#whenStopped = new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      this.#whenStopped.catch(() => {}); // whoever waits hears of it; nobody has to
      if (this.#caller?.aborted) this.#follow();
      else if (this.#stopped) this.#stop.abort(this.#stopped.reason);
      else this.#caller?.addEventListener("abort", this.#follow);
    }
    return this.#stop.signal;
  }

  /** Waits for `recover`, which is told when to stop; rejects when the time is over, whether it stops or not. */
  async wait(recover: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this;
    if (this.#running++ === 0) this.#begin();
    try {
      await Promise.race([recover(signal), this.#whenStopped]);
    } finally {
      if (--this.#running === 0) this.#pause();
    }
  }

  /** Nothing is to be recovered any more: what still runs has no one to run for. */
  stop(reason: unknown): void {
    this.#stopped ??= { reason };
    this.#caller?.removeEventListener("abort", this.#follow);
    this.#stop?.abort(reason);
  }

  #begin(): void {
    this.#since = performance.now();
    this.#timer = setTimeout(
      () => this.stop(new Error(`the files' list took longer than ${this.#limitMs} ms`)),
      Math.max(0, this.#limitMs - this.ms),
    );
  }

  #pause(): void {
    clearTimeout(this.#timer);
    this.ms += performance.now() - this.#since;
  }

  readonly #follow = (): void => this.stop(this.#caller?.reason);
}
