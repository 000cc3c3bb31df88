/** Builds response bodies that are produced chunk by chunk. */

/**
 * Returns a body that produces each chunk only when the reader asks for it, like a socket with a slow reader. When the
 * signal aborts, the body fails with the signal's reason, as with `fetch`.
 *
 * @param next returns the next chunk, or `undefined` at the end. If it throws, the body fails with that error.
 */
export function streamBody(
  next: () => Uint8Array | undefined | Promise<Uint8Array | undefined>,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let release = () => {};
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start(controller) {
        const abort = () => controller.error(signal?.reason);
        signal?.addEventListener("abort", abort, { once: true });
        release = () => signal?.removeEventListener("abort", abort);
      },
      async pull(controller) {
        const chunk = await delayFailure(next);
        if (signal?.aborted) return;
        if (chunk !== undefined) return controller.enqueue(new Uint8Array(chunk));
        release();
        controller.close();
      },
      cancel: () => release(),
    },
    // By default, a stream calls `pull` for one chunk before the reader asks for it.
    { highWaterMark: 0 },
  );
}

/**
 * Calls `next`. If `next` fails, lets the event loop run once before rethrowing the error, so that earlier chunks reach the
 * reader even through a socket.
 */
async function delayFailure<Chunk>(next: () => Chunk | Promise<Chunk>): Promise<Chunk> {
  try {
    return await next();
  } catch (error) {
    await nextTask();
    throw error;
  }
}

/** Resolves after the event loop has run its pending tasks, such as incoming messages. Works with fake timers. */
export async function nextTask(): Promise<void> {
  // Fake timers replace `setTimeout` and `setImmediate`, but not message channels. Channels also work outside Node.
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(undefined);
  });
  port1.close();
}
