/** A reverse proxy for the API: forwards requests to the upstream and repairs the responses. */
import { Readable } from "node:stream";
import { FastResponse } from "srvx";
import { ContainerMemory } from "../containers/memory.js";
import { badInput } from "../errors.js";
import { type FileCitationsOptions, type Settings, settingsOf } from "../options.js";
import type { Report } from "../types.js";
import { apiError } from "./api-error.js";
import { webStreamOf } from "./body.js";
import { type BodyLimits, HeldBytes, LimitedBody } from "./body-limit.js";
import { IncludeRefusals } from "./create-request.js";
import { headersForCaller, headersForUpstream } from "./end-to-end.js";
import { createMiddleware } from "./fetch.js";
import { hasSteps, isFilesTarget, isHealthCheck, targetOf } from "./proxy-paths.js";
import { hasInput } from "./request-route.js";

/** Options of {@link createProxy}. */
export interface ProxyOptions extends Omit<FileCitationsOptions, "onReport"> {
  /** The API's base URL, such as `https://api.openai.com/v1`. If it has no path, request paths are forwarded unchanged. */
  upstream: string;
  /** The `fetch` that sends requests to the upstream. If it decodes a body, it must remove `content-encoding`. */
  fetch: typeof globalThis.fetch;
  /** The longest request body, in bytes. */
  maxBody: number;
  /**
   * The longest body of `POST /responses`, in bytes. The proxy holds the whole body in memory to add the link sentence. With
   * `files`, the limit applies to all requests with input: the proxy replaces its links in the input with the original text.
   */
  maxJson: number;
  /** The maximum total size of the request bodies that are held in memory at the same time, in bytes. Default: 512 MB. */
  maxHeld?: number;
  /** The longest wait for the next chunk of a request body, in milliseconds. Default: 60 s. */
  bodyIdleMs?: number;
  /** The links that the proxy writes into texts, and the files that it serves for them. Default: no links. */
  files?: ProxyFiles | undefined;
}

/** The links of a proxy with a key of its own, and the files behind them. */
export interface ProxyFiles {
  /** The option `links`. It applies to requests with the proxy's own key. */
  links: NonNullable<FileCitationsOptions["links"]>;
  /**
   * Returns whether a request has the proxy's own key. Only answers to such requests get links: the proxy opens files with its
   * own key, and the API may refuse this key for the files of another key.
   */
  hasOwnKey(headers: Headers): boolean;
  /** Answers a request below `/files`. Never rejects. */
  handler(request: Request): Promise<Response>;
}

/** What the server provides besides the request. */
interface ProxyContext {
  /** The request body, if the server has a cheaper stream than `request.body`. */
  body?: AsyncIterable<Uint8Array> | null;
  /** The request's target as the server received it. In `request.url`, `..` is already resolved. */
  target?: string | undefined;
  /** The option `onReport` of `withFileCitations`, for this request. */
  onReport?: (report: Report) => void;
  /** With `files`, called for each request that lacks the proxy's own key. The answer to such a request gets no links. */
  onOtherKey?: () => void;
}

/** Answers a request. Never rejects. */
export type ApiProxy = (request: Request, context?: ProxyContext) => Promise<Response>;

/** The path of the proxy's base URL. OpenAI's base URL has the same path. */
const BASE_PATH = "/v1";
const CREATE_PATH = /\/responses\/?$/;
const NAME = "openai-file-citations";

/**
 * Creates a reverse proxy for the whole API. The proxy repairs the responses. It forwards requests with the caller's key, and
 * uses the same key to request the file lists that a repair needs. Only the handler of `files` has a key of its own. Forwarded
 * requests go only to the upstream's origin, whatever their path.
 *
 * @throws {TypeError} if an option is wrong.
 */
export function createProxy({
  upstream,
  fetch,
  maxBody,
  maxJson,
  maxHeld = 2 ** 29,
  bodyIdleMs = 60_000,
  files,
  ...options
}: ProxyOptions): ApiProxy {
  const base = baseOf(upstream);
  // Links need the upstream's path for two reasons. The downloads need the API's base URL, which includes the path. And without
  // the path, `/files` could be a path of the API.
  if (files && base.path === "") {
    throw badInput("upstream", "a URL with the API's path if there are links, such as …/v1", base.origin);
  }
  const settings = settingsOf(options);
  const linking = files && settingsOf({ ...options, links: files.links });
  const memory = new ContainerMemory();
  const refusals = new IncludeRefusals();
  const held = new HeldBytes(maxHeld);

  const limitsOf = ({ isCreate, hasInput }: Route, { links }: Settings, headers: Headers): BodyLimits => {
    const isRead = isCreate || (hasInput && links !== undefined);
    const length = isRead ? Math.min(maxJson, maxBody) : maxBody;
    if (!isRead || !hasCredentials(headers)) return { length, idleMs: bodyIdleMs, held: undefined };
    // The answer to a body of more than `maxHeld` bytes is a 413 (too long), not a 503 (overloaded). Such a body can never be held,
    // so a retry would not help.
    return { length: Math.min(length, maxHeld), idleMs: bodyIdleMs, held };
  };

  /** Returns the settings for a request. The setting `links` is set only if the request has the proxy's own key. */
  const settingsFor = (headers: Headers, onOtherKey?: () => void): Settings => {
    if (!linking || files?.hasOwnKey(headers)) return linking ?? settings;
    onOtherKey?.();
    return settings;
  };

  return async (request, { body = request.body, target = request.url, onReport, onOtherKey } = {}) => {
    if (files && isFilesTarget(target)) return files.handler(request);
    const route = files && hasSteps(target) ? stepsRefused() : routeOf(request, base);
    if (route instanceof Response) return route;
    const settingsOfRequest = settingsFor(request.headers, onOtherKey);
    const limits = limitsOf(route, settingsOfRequest, request.headers);
    if (Number(request.headers.get("content-length")) > limits.length) return tooLong(limits.length);
    const limited = new LimitedBody(body, limits);
    const send = createMiddleware(fetch, { settings: { ...settingsOfRequest, onReport }, memory, refusals });
    try {
      const sent = await limited.read();
      const { answer, body: repaired } = await send(route.url, requestInit(request, sent));
      if (limits.held) releaseAfter(answer, limited);
      return answerForCaller(answer, repaired);
    } catch (error) {
      limited.release();
      return refusalOfBody(limited, limits.length) ?? failedAnswer(error, request.signal, base);
    }
  };
}

/** Where a request is forwarded to. */
interface Route {
  url: string;
  /** True for `POST /responses`. The request's body is read whole, to add the link sentence. */
  isCreate: boolean;
  /** True if the request has input, but creates no response. Our links in the input are replaced with the model's own text. */
  hasInput: boolean;
}

/** Returns where to forward a request to, or the HTTP response if the proxy answers it itself. */
function routeOf(request: Request, base: Base): Route | Response {
  const { method, headers } = request;
  const { pathname, search } = targetOf(request);
  if (pathname === undefined) return apiError(400, "bad_request", "The request's target is not a valid URL.");
  if (isHealthCheck(method, pathname)) return Response.json({ status: "ok" });
  const path = upstreamPath(pathname, base);
  if (path === undefined) {
    const message = `This proxy serves the API below ${BASE_PATH}, but the request's path is ${pathname}.`;
    return apiError(404, "not_found", message);
  }
  if (method === "TRACE")
    return apiError(405, "method_not_allowed", "This proxy does not forward TRACE requests.");
  if (headers.get("via")?.includes(NAME)) {
    const message = `This request went through such a proxy before. The upstream ${base.origin} must not be this proxy.`;
    return apiError(508, "loop_detected", message);
  }
  return {
    url: `${base.origin}${path}${search}`,
    isCreate: method === "POST" && CREATE_PATH.test(pathname),
    hasInput: hasInput(method, pathname),
  };
}

/** Returns the answer to a path with `.` or `..`. A proxy that makes links does not forward such paths. */
function stepsRefused(): Response {
  return apiError(400, "bad_request", "This proxy does not accept . and .. in the path of a request.");
}

/** Returns whether a request has a key. The API refuses requests without one, so their bodies are not held in memory. */
function hasCredentials(headers: Headers): boolean {
  return headers.has("authorization") || headers.has("api-key");
}

function requestInit(
  { method, headers, signal }: Request,
  body: Uint8Array | ReadableStream<Uint8Array> | undefined,
): RequestInit {
  const passed = headersForUpstream(headers, { isStream: body instanceof ReadableStream });
  return {
    method,
    headers: [...passed, ["via", `1.1 ${NAME}`]],
    signal,
    redirect: "manual",
    ...(body && { body, duplex: "half" }),
  } as RequestInit;
}

/**
 * Releases a held request body when the upstream response has ended or failed. Until then, the middleware may need the request to
 * find the containers of the response. If the response's body is not a stream of Node.js, its end cannot be observed, so the
 * request body is released now.
 */
function releaseAfter({ body }: Response, limited: LimitedBody): void {
  if (body instanceof Readable && !body.closed) body.once("close", () => limited.release());
  else limited.release();
}

function answerForCaller(answer: Response, repaired: ReadableStream<Uint8Array> | undefined): Response {
  const { status, statusText } = answer;
  const headers = headersForCaller(answer.headers, { isRepaired: repaired !== undefined });
  const body = repaired ?? (answer.body && webStreamOf(answer.body));
  return new FastResponse(body, { status, statusText, headers });
}

/** Returns the response to a request whose body exceeded a limit; `undefined` if no limit was exceeded. */
function refusalOfBody({ failure }: LimitedBody, length: number): Response | undefined {
  switch (failure) {
    case "too-long":
      return tooLong(length);
    case "idle":
      return apiError(408, "request_timeout", "The rest of the request's body did not arrive in time.", {
        connection: "close",
      });
    case "no-room":
      return apiError(
        503,
        "overloaded",
        "This proxy has reached its memory limit for request bodies. Try again later.",
        {
          "retry-after": "1",
        },
      );
    default:
      return undefined;
  }
}

function tooLong(limit: number): Response {
  const message = `The request's body is longer than this proxy accepts: ${limit} bytes.`;
  return apiError(413, "request_too_large", message);
}

/** Returns the response to a request that the upstream did not answer. */
function failedAnswer(error: unknown, signal: AbortSignal, { origin }: Base): Response {
  if (signal.aborted) return new Response(null, { status: 499 }); // the caller has closed the connection
  return apiError(502, "upstream_failed", `${origin} did not answer: ${reasonOf(error)}.`);
}

/** The upstream's origin and its path, without a trailing slash. */
interface Base {
  origin: string;
  path: string;
}

function baseOf(upstream: string): Base {
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined;
  const isBase =
    url && /^https?:$/.test(url.protocol) && !(url.username || url.password || url.search || url.hash);
  if (!isBase) {
    throw badInput(
      "upstream",
      "an http or https URL without credentials, query and fragment",
      withoutSecrets(upstream),
    );
  }
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, "") };
}

/** Removes the credentials and the query from a URL that an error message shows. */
function withoutSecrets(url: string): string {
  return String(url)
    .replace(/[?#].*/, "?…")
    .replace(/\/\/.*@/, "//…@");
}

/**
 * Maps a path below `/v1` to one below the upstream's path. Returns `undefined` for a path that is not below `/v1`. If the
 * upstream has no path, returns each path unchanged.
 */
function upstreamPath(pathname: string, base: Base): string | undefined {
  if (base.path === "") return pathname;
  const isBelow = pathname === BASE_PATH || pathname.startsWith(`${BASE_PATH}/`);
  return isBelow ? base.path + pathname.slice(BASE_PATH.length) : undefined;
}

/** Returns the code or message of a connection error, such as `ECONNREFUSED`. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(code ?? message ?? error);
}
