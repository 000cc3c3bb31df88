/** The middleware: a `fetch` that asks for cited links and gives back responses that have them. */
import { badInput, isRecord } from "../bad-input.js";
import { type FileCitationsOptions, type Settings, settingsOf } from "../options.js";
import { letGo } from "../responses/answer-body.js";
import { withoutWords } from "../responses/answer-error.js";
import { withLinkInstruction } from "../responses/instruction.js";
import {
  type ContainerFilesClient,
  credentialsOf,
  pagesOfClient,
  pagesOfFetch,
} from "../responses/list-pages.js";
import { inPages, isContainerFilesClient, type ListFiles } from "../responses/lookup.js";
import { ContainerMemory } from "../responses/memory.js";
import { type RepairContext, ResponseRepair } from "../responses/response-repair.js";
import { StreamRepair } from "../responses/stream-repair.js";
import type { Report } from "../types.js";
import { lateReader } from "./body.js";
import { type AnswerShape, parseObject, repairJson } from "./json.js";
import { repairEventStream } from "./sse.js";

type Fetch = typeof globalThis.fetch;

/** Options of {@link createFileCitationsFetch}. */
export interface FileCitationsFetchOptions extends FileCitationsOptions {
  /** The `fetch` underneath. Default: the global one, as it is at each call. */
  fetch?: Fetch | undefined;
  /**
   * An OpenAI client to read the containers' lists with. Default: none; they are then read with the credentials and
   * the base URL of the request that the response answers.
   */
  client?: ContainerFilesClient | undefined;
}

const IS_WRAPPED: unique symbol = Symbol.for("openai-file-citations") as never;

/** Whether a `fetch` came from here, or from another copy of this package. */
export function isFileCitationsFetch(fetch: unknown): boolean {
  return typeof fetch === "function" && IS_WRAPPED in fetch;
}

const REPORT: unique symbol = Symbol.for("openai-file-citations.report") as never;

/** What became of the response in an answer's JSON body, once that was read; `undefined` for any other answer. */
export function reportOf(answer: Response): Report | undefined {
  return (answer as Response & { [REPORT]?: () => Report | undefined })[REPORT]?.();
}

/**
 * A `fetch` for any client of the Responses API. It adds the link sentence to requests that can make files, and to
 * their responses, plain or streamed, the file citations that are missing. Everything else passes: what is no
 * response of the Responses API is the very same `Response` object. A `fetch` that came from here is given back as it is,
 * with the options that it has.
 *
 * @throws {TypeError} when an option is wrong; it names the option, what it got and what it takes.
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
  const underneath: Fetch = (input, init) => (fetch ?? globalThis.fetch)(input, init);
  const ask = repairedAnswers(underneath, { client, settings, memory: new ContainerMemory() });
  const repairingFetch: Fetch = async (input, init) => {
    const { answer, body, report } = await ask(input, init);
    return body ? Object.defineProperty(withBody(answer, body), REPORT, { value: report }) : answer;
  };
  return Object.assign(repairingFetch, { [IS_WRAPPED]: true });
}

/** An answer as it came, and the body that it has once it is repaired; none where it is the same. */
interface RepairedAnswer {
  answer: Response;
  body?: ReadableStream<Uint8Array>;
  /** What became of a JSON body, once it was read. */
  report?: () => Report | undefined;
}

/** The middleware itself, for who has settings and a memory: the proxy, whose every request has a report of its own. */
export function repairedAnswers(
  underneath: Fetch,
  {
    client,
    settings,
    memory,
  }: { client?: ContainerFilesClient | undefined; settings: Settings; memory: ContainerMemory },
): (...request: Parameters<Fetch>) => Promise<RepairedAnswer> {
  return async (input, init) => {
    const route = routeOf(input, init);
    if (!route) return { answer: await underneath(input, init) };
    const request = route.isCreate ? await withInstruction(input, init, settings) : { input, init };
    const answer = await underneath(request.input, request.init);
    const type = answer.headers.get("content-type")?.toLowerCase() ?? "";
    const isStream = type.startsWith("text/event-stream");
    if (!answer.ok || !answer.body || !(isStream || type.startsWith("application/json"))) return { answer };

    const headers = (): Headers =>
      new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    const context: RepairContext = {
      responseId: route.responseId,
      // Most answers need no list: what only a list needs is made for one.
      list: (...asked) => listFilesFor(route, headers(), { fetch: underneath, client, settings })(...asked),
      settings,
      memory,
      request: request.params,
      getResponse: (id, signal) => getResponse(underneath, route, headers(), id, signal),
      signal: init?.signal ?? (input instanceof Request ? input.signal : undefined),
    };
    const upstream = lateReader(() => answer.body!);
    if (isStream) return { answer, body: repairEventStream(upstream, new StreamRepair(context)) };
    const repair = new ResponseRepair(context);
    return { answer, body: repairJson(upstream, repair, route), report: () => repair.report };
  };
}

/** A request that is answered with a response, or with a list of items that may hold messages. */
interface Route extends AnswerShape {
  /** It makes a response, rather than read one. */
  isCreate: boolean;
  /** The one that is read. */
  responseId: string | undefined;
  /** The URL up to `/responses`: `https://api.openai.com/v1`. */
  base: string;
  /** The query that every request to this API needs: Azure's `api-version`. */
  search: string;
}

const RESPONSES_PATH = /^(.*)\/responses(?:\/([^/]+)(\/cancel|\/input_items)?)?\/?$/;
const CONVERSATION_ITEMS_PATH = /^(.*)\/conversations\/[^/]+\/items\/?$/;

function routeOf(input: Parameters<Fetch>[0], init: RequestInit | undefined): Route | undefined {
  const href = input instanceof Request ? input.url : String(input);
  if (!/\/responses|\/conversations/.test(href) || !URL.canParse(href)) return undefined;
  const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
  const { pathname, origin, searchParams } = new URL(href);
  const [, responsesBase, id, action] = RESPONSES_PATH.exec(pathname) ?? [];
  const [, conversationsBase] = CONVERSATION_ITEMS_PATH.exec(pathname) ?? [];
  const base = responsesBase ?? conversationsBase;
  if (base === undefined) return undefined;
  const isCreate = method === "POST" && conversationsBase === undefined && id === undefined;
  const isCancel = method === "POST" && action === "/cancel";
  const isRead = method === "GET" && action !== "/cancel" && (conversationsBase ?? id) !== undefined;
  if (!isCreate && !isCancel && !isRead) return undefined;
  const version = searchParams.get("api-version");
  return {
    isCreate,
    responseId: id,
    isItemList: conversationsBase !== undefined || action === "/input_items",
    isNewestFirst: searchParams.get("order") !== "asc",
    base: origin + base,
    search: version === null ? "" : `?${new URLSearchParams({ "api-version": version })}`,
  };
}

/** A request as it goes out, and its parameters where they could be read. */
interface PreparedRequest {
  input: Parameters<Fetch>[0];
  init: RequestInit | undefined;
  params?: Record<string, unknown> | undefined;
}

/** The request with the link sentence. One whose body is a stream, or no JSON, goes out as it is. */
async function withInstruction(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
  settings: Settings,
): Promise<PreparedRequest> {
  const isRequest = input instanceof Request && init?.body == null;
  const body = isRequest ? await input.clone().text() : textOf(init?.body);
  const params = body === undefined ? undefined : parseObject(body);
  const asking = params && withLinkInstruction(params, settings);
  if (asking === params) return { input, init, params };
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.delete("content-length");
  const changed = { ...init, headers, body: JSON.stringify(asking) };
  if (isRequest) return { input: new Request(input, changed), init: undefined, params: asking };
  return { input, init: changed, params: asking };
}

function textOf(body: unknown): string | undefined {
  if (typeof body === "string") return body;
  return body instanceof Uint8Array || body instanceof ArrayBuffer
    ? new TextDecoder().decode(body)
    : undefined;
}

/** How the files behind a response are listed: by the client if the request went where the client's go. */
function listFilesFor(
  { base, search }: Route,
  requestHeaders: Headers,
  { fetch, client, settings }: { fetch: Fetch; client: ContainerFilesClient | undefined; settings: Settings },
): ListFiles {
  const headers = credentialsOf(requestHeaders);
  if (!client) return inPages(pagesOfFetch(fetch, settings, { base, search, headers }));
  const { baseURL, apiKey, organization, project } = client as Partial<
    Record<"baseURL" | "apiKey" | "organization" | "project", unknown>
  >;
  // A copy of the client with another base URL: its credentials stay where its requests go.
  if (typeof baseURL === "string" && baseURL.replace(/\/+$/, "") !== base) {
    return inPages(pagesOfFetch(fetch, settings, { base, search, headers }));
  }
  // A copy of the client with another key, organization or project sees other containers.
  const isOwnKey = headers.authorization === `Bearer ${apiKey}` || headers["api-key"] === apiKey;
  const isOwn =
    isOwnKey &&
    (organization === undefined || (headers["openai-organization"] ?? null) === organization) &&
    (project === undefined || (headers["openai-project"] ?? null) === project);
  return inPages(pagesOfClient(client, settings, isOwn ? undefined : headers));
}

/** An earlier response, by its id. */
async function getResponse(
  fetch: Fetch,
  { base, search }: Route,
  requestHeaders: Headers,
  id: string,
  signal: AbortSignal,
): Promise<unknown> {
  const headers = credentialsOf(requestHeaders);
  const response = await fetch(`${base}/responses/${id}${search}`, {
    headers,
    signal,
    redirect: "manual",
  });
  try {
    if (response.ok) return await response.json();
    letGo(response.body);
    throw response;
  } catch (error) {
    throw withoutWords(error, "the response before this one");
  }
}

/** The same answer with another body, which may be of another length. */
function withBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  const { status, statusText, url } = response;
  // A Response that was constructed has no URL, and clients log it.
  return Object.defineProperty(new Response(body, { status, statusText, headers }), "url", { value: url });
}
