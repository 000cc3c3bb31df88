/** The body of an answer, of whichever kind of stream, for who may not read it to its end. */

/** A body as `fetch` gives it, or as node-fetch does, which the SDK takes as well: a stream of Node's. */
export type Body = ReadableStream<Uint8Array> | NodeBody;

/** As much of one of Node's streams as is needed to read it. */
interface NodeBody {
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  readonly errored: unknown;
  read(): Uint8Array | null;
  on(event: "readable" | "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  destroy(): unknown;
}

/** Ends a body that nobody reads, or reads any further. */
export function letGo(body: Body | null, reason?: unknown): void {
  if (body === null) return;
  if ("destroy" in body) body.destroy();
  else body.cancel(reason).catch(() => {}); // it broke before: that is an end, too
}
