/**
 * Decides from a request's method and URL whether the HTTP response (the answer) is repaired. Also tells what a repaired answer
 * contains: a response, a list of items or a single item.
 */

import type { AnswerShape } from "./json.js";

type Fetch = typeof globalThis.fetch;

/** A request whose answer is repaired. Such an answer contains a response, or items that may be messages. */
export interface Route extends AnswerShape {
  /** True if the request creates a response. Other requests read or cancel a response, or read items. */
  isCreate: boolean;
  /** The id of the response that is read or cancelled; `undefined` for other requests. */
  responseId: string | undefined;
  /** The item of a conversation, if a single item is read. */
  item: { id: string; conversationId: string } | undefined;
  /** The URL up to `/responses` or `/conversations`: `https://api.openai.com/v1`. */
  base: string;
  /** The query parameters that a request to any endpoint needs, such as Azure's `api-version` or a gateway's `provider`. */
  search: string;
}

/** The part of a route that depends only on the request's method and path. Here, `base` is a path, not a URL. */
type Endpoint = Omit<Route, "isNewestFirst" | "search">;

const RESPONSES_PATH = /^(.*)\/responses(?:\/([^/]+)(\/cancel|\/input_items)?)?\/?$/;
const CONVERSATION_ITEMS_PATH = /^(.*)\/conversations\/([^/]+)\/items(?:\/([^/]+))?\/?$/;

/** The paths of requests that carry input for a model and create no response: they compact, count or store the input. */
const INPUT_PATH = /\/(?:responses\/(?:compact|input_tokens)|conversations(?:\/[^/]+\/items)?)\/?$/;

/** Returns whether a request carries input for a model, but creates no response. */
export function hasInput(method: string, pathname: string): boolean {
  return method === "POST" && INPUT_PATH.test(pathname);
}

/** Matches query parameters that only the endpoints of a {@link Route} accept. Other requests leave these parameters out. */
const OWN_PARAMETER =
  /^(?:stream|starting_after|include|include\[.*\]|include_obfuscation|after|before|limit|order|beta)$/;

/** Returns the method and the URL of a request; `undefined` if the request is not about responses or conversations. */
export function requestLine(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
): { method: string; url: URL } | undefined {
  const href = input instanceof Request ? input.url : String(input);
  if (!/\/responses|\/conversations/.test(href) || !URL.canParse(href)) return undefined;
  const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
  return { method, url: new URL(href) };
}

/** Returns the route of a request, or `undefined` if its answer is not repaired. */
export function routeOf(input: Parameters<Fetch>[0], init: RequestInit | undefined): Route | undefined {
  const line = requestLine(input, init);
  if (!line) return undefined;
  const { method } = line;
  const { pathname, origin, searchParams } = line.url;
  const items = CONVERSATION_ITEMS_PATH.exec(pathname);
  const endpoint = items
    ? conversationItems(items, method)
    : responseEndpoint(RESPONSES_PATH.exec(pathname), method);
  if (!endpoint) return undefined;
  return {
    ...endpoint,
    isNewestFirst: searchParams.get("order") !== "asc",
    base: origin + endpoint.base,
    search: sharedSearch(searchParams),
  };
}

/** Describes a GET request for the items of a conversation or for one item. Returns `undefined` for other methods. */
function conversationItems(path: RegExpExecArray, method: string): Endpoint | undefined {
  if (method !== "GET") return undefined;
  const [, base = "", conversationId = "", itemId] = path;
  return {
    isCreate: false,
    responseId: undefined,
    item: itemId === undefined ? undefined : { id: idIn(itemId), conversationId: idIn(conversationId) },
    holds: itemId === undefined ? "items" : "item",
    base,
  };
}

/** Describes a request that creates, reads or cancels a response, or lists its input items. Returns `undefined` for others. */
function responseEndpoint(path: RegExpExecArray | null, method: string): Endpoint | undefined {
  if (!path) return undefined;
  const [, base = "", id, action] = path;
  const isCreate = method === "POST" && id === undefined;
  const isCancel = method === "POST" && action === "/cancel";
  const isRead = method === "GET" && id !== undefined && action !== "/cancel";
  if (!isCreate && !isCancel && !isRead) return undefined;
  return {
    isCreate,
    responseId: id === undefined ? undefined : idIn(id),
    item: undefined,
    holds: action === "/input_items" ? "items" : "response",
    base,
  };
}

/** Decodes an id in a path segment. Returns the segment itself if its percent-encoding is invalid. */
function idIn(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Returns the query without the parameters in `OWN_PARAMETER`: `?` and the other parameters, or an empty string. */
function sharedSearch(params: URLSearchParams): string {
  const shared = [...params].filter(([name]) => !OWN_PARAMETER.test(name));
  return shared.length > 0 ? `?${new URLSearchParams(shared)}` : "";
}
