/** What goes wrong with lists of files: what a service, a gateway and a network do, each on request. */
import { ApiError } from "./api-error.js";
import { streamBody } from "./body.js";
import type { ListPage } from "./paging.js";

const STATUSES = [401, 403, 404, 429, 500, 503] as const;
type Status = (typeof STATUSES)[number];
const SHAPES = ["html", "wrong-shape", "same-page", "trickle", "reset", "silence"] as const;

/**
 * A way in which the list of a container's files fails: a status of the API (429 asks for a pause of a second); a
 * gateway's page in HTML; JSON of another shape; a first page that says there is more, and comes again for it; a body
 * of which a byte comes each second; one that breaks off in the middle; no answer at all.
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

/** What it is called: the kind of limit that was reached, or whose mistake it is. */
function kindOf(status: Status): { type?: string; code?: string } {
  if (status === 429) return { type: "requests", code: "rate_limit_exceeded" };
  return status >= 500 ? { type: "server_error" } : {};
}

/** The answer to a request for a page that fails so. `page` gives what the page would be. */
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
      return json(byteBySecond(JSON.stringify(page(query)), signal), signal);
    case "reset":
      return json(brokenOff(JSON.stringify(page(query))), signal);
    case "silence":
      return new Promise(() => {});
    default: {
      const response = new ApiError(fault, MESSAGES[fault], kindOf(fault)).toResponse();
      if (fault === 429) response.headers.set("retry-after", "1");
      return response;
    }
  }
}

function json(next: Parameters<typeof streamBody>[0], signal: AbortSignal | undefined): Response {
  return new Response(streamBody(next, signal), { headers: { "content-type": "application/json" } });
}

function byteBySecond(text: string, signal: AbortSignal | undefined): () => Promise<Uint8Array | undefined> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return async () => {
    await second(signal);
    return at < bytes.length ? bytes.slice(at, ++at) : undefined;
  };
}

/** Resolves after a second, or when nobody waits for it any more. */
function second(signal: AbortSignal | undefined): Promise<void> {
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

function brokenOff(text: string): () => Uint8Array {
  const bytes = new TextEncoder().encode(text);
  let isSent = false;
  return () => {
    if (isSent) throw new Error("The connection was reset.");
    isSent = true;
    return bytes.slice(0, bytes.length >> 1);
  };
}
