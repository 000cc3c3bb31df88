/** Stops a command on Ctrl-C. */

/** The exit code after Ctrl-C: 128 + SIGINT. */
const INTERRUPTED = 130;

/** Runs `work` with a signal that Ctrl-C aborts. After Ctrl-C, the exit code is 130 and an error of `work` is ignored. */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  try {
    await work(interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  } finally {
    process.off("SIGINT", interrupt);
  }
  if (interrupted.signal.aborted) process.exitCode = INTERRUPTED;
}
