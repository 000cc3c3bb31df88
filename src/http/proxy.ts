/** The API behind a proxy: requests go on to the upstream, answers come back with their citations. */
import { FastResponse } from "srvx";
import { badInput } from "../bad-input.js";
import { type FileCitationsOptions, settingsOf } from "../options.js";
import { ContainerMemory } from "../responses/memory.js";
import type { Report } from "../types.js";
import { apiError } from "./api-error.js";
import { webStreamOf } from "./body.js";
import { LimitedBody } from "./body-limit.js";
import { headersForCaller, headersForUpstream } from "./end-to-end.js";
import { repairedAnswers } from "./fetch.js";

/** Options of {@link createProxy}. */
export interface ProxyOptions extends Omit<FileCitationsOptions, "onReport"> {
  /** The API's base URL, such as `https://api.openai.com/v1`; or only an origin, and then every path goes there. */
  upstream: string;
  /** The `fetch` to the upstream. What it has decoded it gives without `content-encoding`. */
  fetch: typeof globalThis.fetch;
  /** The longest body that a request may have, in bytes. */
  maxBody: number;
  /** The longest body of `POST /responses`, in bytes: it is held in memory, for the link sentence. */
  maxJson: number;
}

/** What else a request comes with. */
interface ProxyContext {
  /** Its body, where that is to be had more cheaply than as the request's own. */
  body?: AsyncIterable<Uint8Array> | null;
  /** Hears what became of each response in the answer. */
  onReport?: (report: Report) => void;
}

/** Answers a request; it never rejects. */
export type ApiProxy = (request: Request, context?: ProxyContext) => Promise<Response>;

/** Where `GET`, or `HEAD`, tells that the proxy is there. The upstream is not asked. */
export const HEALTH_PATH = "/healthz";
/** What the path of a client's base URL is, as that of the API itself. */
const BASE_PATH = "/v1";
const CREATE_PATH = /\/responses\/?$/;
const NAME = "openai-file-citations";

/**
 * A reverse proxy for the whole API, with the middleware in between. It has no key: each request goes out with the
 * caller's own, its container lists too. A request's path is data, and never leads to another origin than the upstream's.
 *
 * @throws {TypeError} when an option is wrong.
 */
export function createProxy({ upstream, fetch, maxBody, maxJson, ...options }: ProxyOptions): ApiProxy {
  const base = baseOf(upstream);
  const settings = settingsOf(options);
  const memory = new ContainerMemory();

  return async (request, { body = request.body, onReport } = {}) => {
    const { method, headers, signal } = request;
    const { pathname, search } = targetOf(request);
    if (pathname === undefined) return apiError(400, "bad_request", "The request's host or path is none.");
    if (pathname === HEALTH_PATH && /^(?:GET|HEAD)$/.test(method)) return Response.json({ status: "ok" });
    const path = upstreamPath(pathname, base);
    if (path === undefined) {
      return apiError(404, "not_found", `This proxy has the API below ${BASE_PATH}, and not ${pathname}.`);
    }
    if (method === "TRACE") return apiError(405, "method_not_allowed", "TRACE is not passed on.");
    if (headers.get("via")?.includes(NAME)) {
      const message = `This request has been here before: is ${base.origin} this proxy itself, or another one?`;
      return apiError(508, "loop_detected", message);
    }

    // Read whole, for the link sentence.
    const isCreate = method === "POST" && CREATE_PATH.test(pathname);
    const limit = isCreate ? maxJson : maxBody;
    if (Number(headers.get("content-length")) > limit) return tooLong(limit);
    const limited = body ? new LimitedBody(body, limit) : undefined;
    const isStream = limited !== undefined && !isCreate;
    const ask = repairedAnswers(fetch, { settings: { ...settings, onReport }, memory });
    try {
      const sent = isStream ? limited.stream() : await limited?.whole();
      const { answer, body: repaired } = await ask(`${base.origin}${path}${search}`, {
        method,
        headers: [...headersForUpstream(headers, { isStream }), ["via", `1.1 ${NAME}`]],
        signal,
        redirect: "manual",
        ...(sent && { body: sent, duplex: "half" }),
      } as RequestInit);
      const { status, statusText } = answer;
      const passed = headersForCaller(answer.headers, { isRepaired: repaired !== undefined });
      const body = repaired ?? (answer.body && webStreamOf(answer.body));
      return new FastResponse(body, { status, statusText, headers: passed });
    } catch (error) {
      if (limited?.isTooLong) return tooLong(limit);
      // Nobody waits for it any more.
      if (signal.aborted) return new Response(null, { status: 499 });
      return apiError(502, "upstream_failed", `${base.origin} did not answer: ${reasonOf(error)}.`);
    }
  };
}

/** What a request asks for, as URLs have it: without `..` and the like. Nothing where its `Host` is none. */
export function targetOf({ url }: Request): { pathname?: string; search?: string } {
  try {
    return new URL(url);
  } catch {
    return {};
  }
}

function tooLong(limit: number): Response {
  return apiError(
    413,
    "request_too_large",
    `The request's body is longer than this proxy takes: ${limit} bytes.`,
  );
}

/** The upstream's origin, and its path without a slash at the end. */
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
      "an http or https URL without credentials and query",
      withoutSecrets(upstream),
    );
  }
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, "") };
}

/** A URL that may hold a key, for an error to show. */
function withoutSecrets(url: string): string {
  return String(url)
    .replace(/[?#].*/, "?…")
    .replace(/\/\/.*@/, "//…@");
}

/** A path below the caller's base URL as one below the upstream's; `undefined` where it is not below it. */
function upstreamPath(pathname: string, base: Base): string | undefined {
  if (base.path === "") return pathname;
  const isBelow = pathname === BASE_PATH || pathname.startsWith(`${BASE_PATH}/`);
  return isBelow ? base.path + pathname.slice(BASE_PATH.length) : undefined;
}

/** Why there is no answer, in the words of the connection: `ECONNREFUSED`. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(code ?? message ?? error);
}
