/** Calls what a caller gave to be told of something. One that throws is no reason to lose the work, nor is one that rejects. */
export function tell<Told>(callback: ((told: Told) => unknown) | undefined, told: Told): void {
  try {
    Promise.resolve(callback?.(told)).catch(() => {});
  } catch {}
}
