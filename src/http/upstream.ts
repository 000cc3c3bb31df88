/** The proxy's way to the upstream, by Node's own client: less than `fetch` brings, at half its cost. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline, Readable } from "node:stream";
import { json } from "node:stream/consumers";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { createBrotliDecompress, createGunzip } from "node:zlib";

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  br: createBrotliDecompress,
};

/**
 * A `fetch` for requests that are put together already: it follows no redirect, adds no header but those that frame a
 * body, and waits as long as it takes. The global one gives up when an answer has not begun after five minutes.
 */
export const fetchUpstream: typeof globalThis.fetch = async (
  url,
  { method = "GET", headers, body, signal } = {},
) => {
  const answer = await answerTo(new URL(url as string), {
    method,
    headers: Object.fromEntries(new Headers(headers)),
    body: body as Uint8Array | string | ReadableStream<Uint8Array> | null | undefined,
    signal: signal ?? undefined,
  });
  try {
    const { statusCode: status = 0, statusMessage: statusText = "" } = answer;
    const answered = headersOf(answer.rawHeaders);
    const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    if (!hasBody) answer.resume();
    const body = hasBody ? decoded(answer, answered) : null;
    return new UpstreamAnswer(status, statusText, answered, body) as unknown as Response;
  } catch (error) {
    answer.destroy(); // it says what no answer may: nobody will read it
    throw error;
  }
};

/** As much of a `Response` as the middleware reads, in node-fetch's way: its body is a stream of Node's. */
class UpstreamAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: Readable | null;

  constructor(status: number, statusText: string, headers: Headers, body: Readable | null) {
    this.status = status;
    this.statusText = statusText;
    this.headers = headers;
    this.body = body;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  json(): Promise<unknown> {
    return json(this.body ?? Readable.from([]));
  }
}

/** Sends a request; its answer, once that has begun. */
function answerTo(
  url: URL,
  {
    method,
    headers,
    body,
    signal,
  }: {
    method: string;
    headers: Record<string, string>;
    body: Uint8Array | string | ReadableStream<Uint8Array> | null | undefined;
    signal: AbortSignal | undefined;
  },
): Promise<IncomingMessage> {
  const isStream = body instanceof ReadableStream;
  // Said by us: Node frames no stream for a method that has no body as a rule, such as DELETE.
  if (isStream && !("content-length" in headers)) headers["transfer-encoding"] = "chunked";
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(url, { method, headers, ...(signal && { signal }) }, resolve);
    request.on("error", reject);
    if (isStream)
      pipeline(Readable.fromWeb(body as NodeReadableStream), request, (error) => error && reject(error));
    else request.end(body ?? undefined);
  });
}

function headersOf(rawHeaders: readonly string[]): Headers {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  return headers;
}

/**
 * A body that came encoded although it was asked for plain, decoded, for the middleware to read. In an encoding that
 * is none of ours it goes on as it came, to who may know it.
 */
function decoded(body: Readable, headers: Headers): Readable {
  const encodings =
    headers
      .get("content-encoding")
      ?.toLowerCase()
      .split(/\s*,\s*/) ?? [];
  const decoders = encodings.reverse().map((encoding) => DECODERS[encoding]);
  if (decoders.length === 0 || decoders.includes(undefined)) return body;
  headers.delete("content-encoding");
  headers.delete("content-length");
  // What breaks one breaks all of them, and its reader sees it.
  return pipeline([body, ...decoders.map((create) => create!())], () => {}) as unknown as Readable;
}
