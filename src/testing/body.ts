/**
 * A body that makes its next piece only when the reader asks for it, as a socket with a slow reader would. An abort
 * breaks it off with the signal's reason, as `fetch` does.
 *
 * @param next the next piece, `undefined` at the end; what it throws breaks the body off.
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
        const piece = await afterFlush(next);
        if (signal?.aborted) return;
        if (piece !== undefined) return controller.enqueue(new Uint8Array(piece));
        release();
        controller.close();
      },
      cancel: () => release(),
    },
    // No piece is made ahead of the reader.
    { highWaterMark: 0 },
  );
}

/** Lets what was sent before reach the reader, even through a socket, before a failure breaks the body off. */
async function afterFlush<Piece>(next: () => Piece | Promise<Piece>): Promise<Piece> {
  try {
    return await next();
  } catch (error) {
    // A message is the one task of the event loop that neither needs Node nor stops under fake timers.
    const { port1, port2 } = new MessageChannel();
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(undefined);
    });
    port1.close();
    throw error;
  }
}
