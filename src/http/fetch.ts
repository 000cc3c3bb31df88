/** The middleware: a `fetch` that asks the model for links that the API cites, and adds the citations that are missing. */

import { conversationKey } from "../containers/known.js";
import { inPages, isContainerFilesClient, type ListFiles } from "../containers/listing.js";
import { ContainerMemory } from "../containers/memory.js";
import {
  type ContainerFilesClient,
  credentialsOf,
  pagesOfClient,
  pagesOfFetch,
} from "../containers/pages.js";
import { cancelBody, withoutServerText } from "../containers/retries.js";
import { badInput, isRecord } from "../errors.js";
import { type FileCitationsOptions, type Settings, settingsOf } from "../options.js";
import { type RepairContext, ResponseRepair } from "../responses/response-repair.js";
import type { Report } from "../types.js";
import { readerOnDemand } from "./body.js";
import { type Created, createResponse, IncludeRefusals, sendOther } from "./create-request.js";
import { withoutBodyHeaders } from "./end-to-end.js";
import { repairJson } from "./json.js";
import { type Route, routeOf } from "./request-route.js";
import { eventsAfter, resumedBy } from "./resume.js";
import { repairEventStream } from "./sse.js";

type Fetch = typeof globalThis.fetch;

/** Options of {@link createFileCitationsFetch}. */
export interface FileCitationsFetchOptions extends FileCitationsOptions {
  /** The `fetch` that sends the requests. Default: `globalThis.fetch`, looked up at each call. */
  fetch?: Fetch | undefined;
  /**
   * An OpenAI client that lists the containers' files. Default: none. Without a client, a list is requested with the base URL
   * and the credentials of the request whose response is repaired.
   */
  client?: ContainerFilesClient | undefined;
}

const IS_WRAPPED: unique symbol = Symbol.for("openai-file-citations") as never;

/** Returns whether a `fetch` was made by {@link createFileCitationsFetch} of this or another copy of the package. */
export function isFileCitationsFetch(fetch: unknown): boolean {
  return typeof fetch === "function" && IS_WRAPPED in fetch;
}

const REPORT: unique symbol = Symbol.for("openai-file-citations.report") as never;

/** Returns the report of a repaired JSON body after it was read; `undefined` for any other HTTP response. */
export function reportOf(answer: Response): Report | undefined {
  return (answer as Response & { [REPORT]?: () => Report | undefined })[REPORT]?.();
}

/**
 * Creates a `fetch` for any client of the Responses API. If a request can make files, the `fetch` adds the sentence that asks the
 * model for links. If an HTTP response contains a response or its items, streamed or not, the `fetch` adds the missing file
 * citations. The HTTP responses of all other endpoints are passed on as the same objects. Without the option `links`, requests to
 * these endpoints are passed on unchanged too. If `options.fetch` was made by this function, it is returned as it is and keeps its
 * own options.
 *
 * @throws {TypeError} if an option is wrong. The message names the option, the value and what is accepted.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { createFileCitationsFetch } from "openai-file-citations";
 *
 * const client = new OpenAI({ fetch: createFileCitationsFetch() });
 * ```
 */
export function createFileCitationsFetch(given: FileCitationsFetchOptions = {}): Fetch {
  if (!isRecord(given)) throw badInput("options", "an object", given);
  const { fetch, client, ...options }: FileCitationsFetchOptions = given;
  if (fetch !== undefined && typeof fetch !== "function")
    throw badInput("options.fetch", "a fetch function", fetch);
  if (client !== undefined && !isContainerFilesClient(client)) {
    throw badInput("options.client", "an OpenAI client, with containers.files.list", client);
  }
  const settings = settingsOf(options);
  if (fetch && isFileCitationsFetch(fetch)) return fetch;
  const upstream: Fetch = (input, init) => (fetch ?? globalThis.fetch)(input, init);
  const send = createMiddleware(upstream, {
    client,
    settings,
    memory: new ContainerMemory(),
    refusals: new IncludeRefusals(),
  });
  const repairingFetch: Fetch = async (input, init) => {
    const { answer, body, report } = await send(input, init);
    return body ? Object.defineProperty(withBody(answer, body), REPORT, { value: report }) : answer;
  };
  return Object.assign(repairingFetch, { [IS_WRAPPED]: true });
}

/** An HTTP response from upstream, and its repaired body. */
interface RepairedAnswer {
  answer: Response;
  /** The repaired body. Without it, the answer is passed on as it is. */
  body?: ReadableStream<Uint8Array>;
  /** Returns the report of a JSON body after it was read. */
  report?: () => Report | undefined;
}

/** The settings and the state of the middleware. `memory` and `refusals` are shared by all requests of a client or a proxy. */
interface MiddlewareContext {
  client?: ContainerFilesClient | undefined;
  settings: Settings;
  memory: ContainerMemory;
  refusals: IncludeRefusals;
  /** The maximum size of a body or event, in bytes. Larger ones stay unchanged. Default: `LONGEST_TEXT` (see body.ts). */
  longest?: number;
}

/**
 * Creates the middleware. The proxy creates one for each request, because each request has its own `onReport`.
 *
 * @internal
 */
export function createMiddleware(
  fetch: Fetch,
  { client, settings, memory, refusals, longest }: MiddlewareContext,
): (...request: Parameters<Fetch>) => Promise<RepairedAnswer> {
  return async (input, init) => {
    const route = routeOf(input, init);
    if (!route) return { answer: await sendOther(input, init, { fetch, settings, longest }) };
    const startedAt = performance.now();
    const created: Answered = route.isCreate
      ? await createResponse(input, init, route.base, { fetch, settings, refusals, longest })
      : await readResponse(input, init, { fetch, settings });
    const { answer } = created;
    const type = answer.headers.get("content-type")?.toLowerCase() ?? "";
    const isStream = type.startsWith("text/event-stream");
    if (!answer.ok || !answer.body || !(isStream || type.startsWith("application/json"))) return { answer };

    const headers = (): Headers =>
      new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    const context: RepairContext = {
      responseId: route.responseId,
      isCreated: route.isCreate,
      startedAt,
      // Calls `listFilesFor` only when a list is requested, because most responses need no list.
      list: (...args) => listFilesFor(route, headers(), { fetch, client, settings })(...args),
      settings,
      memory,
      request: created.params,
      requestError: created.requestError,
      otherContainers: route.item && containersOfItem(route.item, memory),
      getResponse: (id, signal) => getResponse(fetch, route, headers(), id, signal),
      signal: init?.signal ?? (input instanceof Request ? input.signal : undefined),
    };
    const reader = readerOnDemand(() => answer.body!);
    if (isStream)
      return { answer, body: eventsAfter(repairEventStream(reader, context, longest), created.after) };
    const repair = new ResponseRepair(context);
    return { answer, body: repairJson(reader, repair, route, longest), report: () => repair.report };
  };
}

/** An answer and what is known about its request. */
interface Answered extends Created {
  /** The sequence number of the last event that the client has, if the request asks for the rest of a stream. */
  after?: number | undefined;
}

/**
 * Sends a request that creates no response. If the request asks for the rest of a stream and the option `links` is set, requests
 * the whole stream instead (see resume.ts).
 */
async function readResponse(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
  { fetch, settings }: { fetch: Fetch; settings: Settings },
): Promise<Answered> {
  const resumed = settings.links && resumedBy(input);
  return { answer: await fetch(resumed?.input ?? input, init), after: resumed?.after };
}

/**
 * Returns the containers that an item of a conversation can mean. These are the containers of the response that made the item.
 * The conversation can have newer containers, but the item cannot mean them. If the response's containers are unknown, returns
 * those of the conversation.
 */
function containersOfItem(
  { id, conversationId }: NonNullable<Route["item"]>,
  memory: ContainerMemory,
): readonly string[] {
  const own = memory.recall(id);
  return own.length > 0
    ? own
    : memory.recall(conversationKey({ response: { conversation: conversationId } }));
}

/**
 * Returns the function that lists a container's files. It uses the client if the request went to the client's base URL. The
 * comments below give the exceptions.
 */
function listFilesFor(
  { base, search }: Route,
  requestHeaders: Headers,
  { fetch, client, settings }: { fetch: Fetch; client: ContainerFilesClient | undefined; settings: Settings },
): ListFiles {
  const headers = credentialsOf(requestHeaders);
  if (!client) return inPages(pagesOfFetch(fetch, settings, { base, search, headers }));
  const { baseURL, apiKey, organization, project, _options } = client as Partial<
    Record<"baseURL" | "apiKey" | "organization" | "project" | "_options", unknown>
  >;
  // This object is not an SDK client: it can list files, but has no base URL. It decides itself where its requests go.
  if (typeof baseURL !== "string") return inPages(pagesOfClient(client, settings, { search }));
  // The request came from a copy of the client with another base URL. The copy's credentials must not go to the client's URL.
  if (baseURL.replace(/\/+$/, "") !== base) {
    return inPages(pagesOfFetch(fetch, settings, { base, search, headers }));
  }
  // A client with a provider (Amazon Bedrock, Vertex) adds the credentials itself and rejects authorization headers. If the
  // original request has a bearer token, the list request is sent with this token through `fetch`, not through the client.
  // Otherwise the original request has a signature. A signature is valid only for the request that it signs. So the client sends
  // the list request and adds a new signature.
  if (isRecord(_options) && _options.provider !== undefined) {
    if (!headers.authorization?.startsWith("Bearer "))
      return inPages(pagesOfClient(client, settings, { search }));
    return inPages(pagesOfFetch(fetch, settings, { base, search, headers }));
  }
  // The original request may come from a copy of the client with another key, organization or project. Then the list request
  // uses the credentials of the original request, because the client's own credentials may give access to other containers.
  const isOwnKey = headers.authorization === `Bearer ${apiKey}` || headers["api-key"] === apiKey;
  const isOwn =
    isOwnKey &&
    (organization === undefined || (headers["openai-organization"] ?? null) === organization) &&
    (project === undefined || (headers["openai-project"] ?? null) === project);
  return inPages(pagesOfClient(client, settings, isOwn ? { search } : { search, headers }));
}

/** Requests an earlier response by its id. */
async function getResponse(
  fetch: Fetch,
  { base, search }: Route,
  requestHeaders: Headers,
  id: string,
  signal: AbortSignal,
): Promise<unknown> {
  const headers = credentialsOf(requestHeaders);
  const response = await fetch(`${base}/responses/${encodeURIComponent(id)}${search}`, {
    headers,
    signal,
    redirect: "manual",
  });
  try {
    if (response.ok) return await response.json();
    cancelBody(response.body);
    throw response;
  } catch (error) {
    throw withoutServerText(error, "the response before this one");
  }
}

/**
 * Returns a copy of an HTTP response with another body. Removes `content-encoding`, because `fetch` has decoded the body. Also
 * removes the headers that depend on the body's exact bytes, such as `content-length` and `etag`. All headers are sent before
 * the repair, and the repair may change the body.
 */
function withBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const headers = withoutBodyHeaders(new Headers(response.headers));
  headers.delete("content-encoding");
  const { status, statusText, url } = response;
  // Clients log the URL of a Response. A constructed Response has none, so it gets the URL of the original.
  return Object.defineProperty(new Response(body, { status, statusText, headers }), "url", { value: url });
}
