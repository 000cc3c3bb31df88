/** Makes the list of a container's files fail, with an error of the service, a gateway or the network. */
import { ApiError } from "./api-error.js";
import { streamBody } from "./body.js";
import type { ListPage } from "./paging.js";

const STATUSES = [401, 403, 404, 429, 500, 503] as const;
type Status = (typeof STATUSES)[number];
const SHAPES = ["html", "wrong-shape", "same-page", "trickle", "reset", "silence"] as const;

/**
 * A way in which the list of a container's files fails.
 *
 * - `401`, `403`, `404`, `500`, `503`: the API's error with this status.
 * - `429`: the API's rate limit error, with `Retry-After: 1`.
 * - `"html"`: status 200 and a gateway's HTML page.
 * - `"wrong-shape"`: status 200 and JSON that is not a list.
 * - `"same-page"`: always the first page, with `has_more: true`.
 * - `"trickle"`: the body arrives at one byte per second.
 * - `"reset"`: the connection breaks after half of the body.
 * - `"silence"`: no answer.
 */
export type ListFault = Status | (typeof SHAPES)[number];

export const LIST_FAULTS: readonly unknown[] = [...STATUSES, ...SHAPES];

const MESSAGES: Readonly<Record<Status, string>> = {
  401: "Incorrect API key provided.",
  403: "You have insufficient permissions for this operation.",
  404: "Container is expired.",
  429: "Rate limit reached. Please try again in 1s.",
  500: "The server had an error while processing your request. Sorry about that!",
  503: "The engine is currently overloaded, please try again later.",
};

/** Returns the `type` and `code` that the API's error with this status has. */
function errorKind(status: Status): { type?: string; code?: string } {
  if (status === 429) return { type: "requests", code: "rate_limit_exceeded" };
  return status >= 500 ? { type: "server_error" } : {};
}

/**
 * Returns the faulty response to a request for a container's file list.
 *
 * @param page returns the page of the list that the API would send without the fault.
 */
export function faultyList(
  fault: ListFault,
  page: (query: URLSearchParams) => ListPage<unknown>,
  query: URLSearchParams,
  signal: AbortSignal | undefined,
): Response | Promise<Response> {
  switch (fault) {
    case "html":
      return new Response("<!doctype html><title>Bad gateway</title>", {
        headers: { "content-type": "text/html" },
      });
    case "wrong-shape":
      return Response.json({ files: [], next: null });
    case "same-page": {
      const first = new URLSearchParams(query);
      first.delete("after");
      return Response.json({ ...page(first), has_more: true });
    }
    case "trickle":
      return jsonStream(bytePerSecond(JSON.stringify(page(query)), signal), signal);
    case "reset":
      return jsonStream(firstHalf(JSON.stringify(page(query))), signal);
    case "silence":
      return new Promise(() => {});
    default: {
      const response = new ApiError(fault, MESSAGES[fault], errorKind(fault)).toResponse();
      if (fault === 429) response.headers.set("retry-after", "1");
      return response;
    }
  }
}

function jsonStream(next: Parameters<typeof streamBody>[0], signal: AbortSignal | undefined): Response {
  return new Response(streamBody(next, signal), { headers: { "content-type": "application/json" } });
}

function bytePerSecond(text: string, signal: AbortSignal | undefined): () => Promise<Uint8Array | undefined> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return async () => {
    await waitSecond(signal);
    return at < bytes.length ? bytes.slice(at, ++at) : undefined;
  };
}

/** Resolves after a second, or when the signal aborts. */
function waitSecond(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, 1000);
    signal?.addEventListener("abort", end);
  });
}

/** Returns a function that returns the first half of the text and throws when it is called again. */
function firstHalf(text: string): () => Uint8Array {
  const bytes = new TextEncoder().encode(text);
  let isSent = false;
  return () => {
    if (isSent) throw new Error("The connection was reset.");
    isSent = true;
    return bytes.slice(0, bytes.length >> 1);
  };
}
