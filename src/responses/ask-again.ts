/** Whether asking another system again may help, and when. */

/** Not where it was said that this may not be had, or is not there: after all else that a server or a connection fails of. */
export function mayHelp(error: unknown): boolean {
  const { status } = Object(error) as { status?: unknown };
  return typeof status !== "number" || status === 429 || status >= 500;
}

/** For how long a server asks to be left alone, in seconds or until a date, in milliseconds; 0 where it does not. */
export function retryAfterMs(headers: Headers): number {
  const said = headers.get("retry-after") ?? "";
  const ms = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - Date.now();
  return ms > 0 ? ms : 0;
}

/** Resolves after a while, rejects at once when `signal` aborts, or has aborted. */
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
