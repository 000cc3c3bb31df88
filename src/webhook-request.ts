/** Verifies a webhook request and reads which response it is about. */

import { isId } from "./containers/ids.js";
import { isRecord } from "./errors.js";
import { FINAL } from "./stream/events.js";

/** The longest body that is read, in bytes. OpenAI's deliveries have a few hundred. */
const MOST_BYTES = 1024 * 1024;

/** A verified event about a response that has ended. */
export interface Delivery {
  deliveryId: string;
  responseId: string;
}

/** The part of an OpenAI client that verifies signatures. */
interface Webhooks {
  unwrap(payload: string, headers: Record<string, string>): PromiseLike<unknown>;
}

/**
 * Verifies a request. Returns its delivery, or the HTTP response to send if there is nothing to handle.
 *
 * @throws if this server cannot verify the request: its runtime lacks a global that the SDK needs, or other code has already read
 * the request's body.
 */
export async function verify(request: Request, webhooks: Webhooks): Promise<Delivery | Response> {
  if (request.method !== "POST") return answer(405, "POST only", { allow: "POST" });
  // Some frameworks parse the body first. Then the bytes that were signed are lost.
  if (request.bodyUsed) {
    throw new TypeError(
      "the request's body was already read; pass the request on before anything parses its body",
    );
  }
  const headers = signatureHeaders(request.headers);
  if (!headers) return answer(400, "the request has no signature headers");
  let event: unknown;
  try {
    const body = await bodyOf(request);
    if (body === undefined) return answer(413, `the body has more than ${MOST_BYTES} bytes`);
    event = await webhooks.unwrap(body, headers);
  } catch (error) {
    // A ReferenceError means that the runtime lacks a global that the SDK needs for the verification.
    if (error instanceof ReferenceError) throw error;
    return answer(400, "the signature is not valid");
  }
  if (!isRecord(event) || typeof event.type !== "string") return answer(400, "the body is not an event");
  if (!FINAL.has(event.type)) return answer(200, "ignored");
  const responseId = isRecord(event.data) ? event.data.id : undefined;
  if (!isId(responseId)) return answer(400, "the event has no response id");
  return { deliveryId: headers["webhook-id"], responseId };
}

/** Returns the headers that sign a delivery (Standard Webhooks), or `undefined` if one is missing. */
function signatureHeaders(headers: Headers) {
  const id = headers.get("webhook-id");
  const timestamp = headers.get("webhook-timestamp");
  const signature = headers.get("webhook-signature");
  if (!id || !timestamp || !signature) return undefined;
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
}

/** Reads a body and returns its text. If the body is too long, stops reading and returns `undefined`. */
async function bodyOf(request: Request): Promise<string | undefined> {
  if (!request.body) return "";
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const reader = (request.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    chunks.push(read.value);
    bytes += read.value.length;
    if (bytes <= MOST_BYTES) continue;
    reader.cancel().catch(() => {}); // the connection may have failed
    return undefined;
  }
  return new Blob(chunks).text();
}

/** Returns an HTTP response with a text. */
export function answer(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain", ...headers } });
}
