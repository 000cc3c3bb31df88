/** Limits and measures the time for which a response is held back while its missing citations are looked up. */

/** For each signal: the callbacks to call when it aborts. */
const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` when `signal` aborts. All callbacks of a signal share one listener: many responses can share a signal, and
 * Node.js prints a warning from the eleventh listener on.
 */
export function follow(signal: AbortSignal, callback: () => void): void {
  const callbacks = callbacksOf.get(signal) ?? new Set();
  callbacksOf.set(signal, callbacks.add(callback));
  if (callbacks.size === 1) signal.addEventListener("abort", callAll);
}

/** Removes a callback that `follow` added. */
export function unfollow(signal: AbortSignal, callback: () => void): void {
  const callbacks = callbacksOf.get(signal);
  if (!callbacks?.delete(callback) || callbacks.size > 0) return;
  signal.removeEventListener("abort", callAll);
}

function callAll({ target }: Event): void {
  for (const callback of callbacksOf.get(target as AbortSignal) ?? []) callback();
}

/**
 * Limits the total time of the recoveries of one response. A recovery requests the data for missing citations, such as file lists.
 */
export class HeldTime {
  /** How long recoveries have run, in milliseconds. While a recovery runs, the time since `#since` is not included yet. */
  #endedMs = 0;
  readonly #limitMs: number;
  readonly #caller: AbortSignal | undefined;
  /**
   * Created when `signal` is first read, because most responses never need it. Creating an `AbortController` takes longer than
   * checking a response that needs no recovery.
   */
  #stop: AbortController | undefined;
  #stopped: { reason: unknown } | undefined;
  /** Rejects when `signal` aborts. All waiting recoveries share this promise. */
  #whenStopped: Promise<never> | undefined;
  #running = 0;
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `caller` aborts when the consumer no longer waits for the response. */
  constructor(limitMs: number, caller: AbortSignal | undefined) {
    this.#limitMs = limitMs;
    this.#caller = caller;
  }

  /**
   * How long recoveries have delayed the response so far, in milliseconds. If several recoveries run at the same time, this
   * time is counted once. Includes the recoveries that run now.
   */
  get ms(): number {
    return this.#endedMs + (this.#running > 0 ? performance.now() - this.#since : 0);
  }

  /** Aborts when the time limit is reached, the repair ends, or the consumer no longer waits for the response. */
  get signal(): AbortSignal {
    if (!this.#stop) {
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      this.#whenStopped = new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      this.#whenStopped.catch(() => {}); // prevents an unhandled-rejection warning; callers of wait() see the rejection
      if (this.#caller?.aborted) this.#onAbort();
      else if (this.#stopped) this.#stop.abort(this.#stopped.reason);
      else if (this.#caller) follow(this.#caller, this.#onAbort);
    }
    return this.#stop.signal;
  }

  /** Runs `recover` and waits for it. Rejects when the signal aborts, even if `recover` ignores the signal. */
  async wait(recover: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this;
    if (this.#running++ === 0) this.#begin();
    try {
      await Promise.race([recover(signal), this.#whenStopped]);
    } finally {
      if (--this.#running === 0) this.#pause();
    }
  }

  /** Aborts the running recoveries. Later recoveries fail immediately. */
  stop(reason: unknown): void {
    this.#stopped ??= { reason };
    if (this.#caller) unfollow(this.#caller, this.#onAbort);
    this.#stop?.abort(reason);
  }

  #begin(): void {
    this.#since = performance.now();
    this.#timer = setTimeout(
      () => this.stop(new Error(`the container's file list took longer than ${this.#limitMs} ms`)),
      Math.max(0, this.#limitMs - this.#endedMs),
    );
  }

  #pause(): void {
    clearTimeout(this.#timer);
    this.#endedMs += performance.now() - this.#since;
  }

  readonly #onAbort = (): void => this.stop(this.#caller?.reason);
}
