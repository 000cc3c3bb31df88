/** Sends the proxy's requests with Node's HTTP client, which takes half the CPU time of `fetch`. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline, Readable } from "node:stream";
import { json } from "node:stream/consumers";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import { withoutBodyHeaders } from "./end-to-end.js";

/** The longest response head, in bytes. Some gateways and CDNs send more than Node's default of 16 KB. */
const MAX_HEAD = 65_536;

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  br: createBrotliDecompress,
};

/**
 * A `fetch` that sends a request as it is: it follows no redirects, adds only the headers that HTTP requires, and has no
 * time limit. The global `fetch` of Node.js fails if a response has not begun after five minutes.
 */
export const fetchUpstream: typeof globalThis.fetch = async (
  url,
  { method = "GET", headers, body, signal } = {},
) => {
  const answer = await sendRequest(new URL(url as string), {
    method,
    headers: Object.fromEntries(new Headers(headers)),
    body: body as UpstreamRequest["body"],
    signal: signal ?? undefined,
  });
  try {
    const { statusCode: status = 0, statusMessage: statusText = "" } = answer;
    const answerHeaders = headersOf(answer.rawHeaders);
    const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    if (!hasBody) answer.resume();
    const body = hasBody ? decoded(answer, answerHeaders) : null;
    return new UpstreamAnswer(status, statusText, answerHeaders, body) as unknown as Response;
  } catch (error) {
    answer.destroy(); // nobody will read this response, because it has an invalid header
    throw error;
  }
};

/** The properties of a `Response` that the middleware uses. As in node-fetch, the body is a stream of Node.js. */
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

interface UpstreamRequest {
  method: string;
  headers: Record<string, string>;
  body: Uint8Array | string | ReadableStream<Uint8Array> | null | undefined;
  signal: AbortSignal | undefined;
}

/** Sends a request. Resolves when the head of the response has arrived. */
function sendRequest(url: URL, { method, headers, body, signal }: UpstreamRequest): Promise<IncomingMessage> {
  const isStream = body instanceof ReadableStream;
  // Node does not set `transfer-encoding` for methods that usually have no body, such as DELETE.
  if (isStream && !("content-length" in headers)) headers["transfer-encoding"] = "chunked";
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(url, { method, headers, maxHeaderSize: MAX_HEAD, ...(signal && { signal }) });
    request.on("error", reject);
    // The proxy never asks for another protocol, so status 101 (Switching Protocols) is an error. Without an `upgrade` listener,
    // Node reports nothing.
    const refuse = ({ socket }: IncomingMessage): void => {
      socket.destroy();
      reject(new Error("the upstream switched protocols without being asked to"));
    };
    request.on("upgrade", refuse);
    // If a response with status 101 has no `upgrade` header, Node treats it as a normal response.
    request.on("response", (answer) => (answer.statusCode === 101 ? refuse(answer) : resolve(answer)));
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
 * Decodes a compressed body, so that the middleware can read it. Some servers compress even if the request asks them not to.
 * Returns a body with an unknown encoding unchanged.
 */
function decoded(body: Readable, headers: Headers): Readable {
  const encodings =
    headers
      .get("content-encoding")
      ?.toLowerCase()
      .split(",")
      .map((encoding) => encoding.trim()) ?? [];
  const decoders = encodings.reverse().map((encoding) => DECODERS[encoding]);
  if (decoders.length === 0 || decoders.includes(undefined)) return body;
  headers.delete("content-encoding");
  withoutBodyHeaders(headers);
  // If one stream fails, `pipeline` destroys all streams, and the consumer gets the error. So the callback of `pipeline` does
  // nothing.
  return pipeline([body, ...decoders.map((create) => create!())], () => {}) as unknown as Readable;
}
