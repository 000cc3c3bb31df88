/** Requests one page of a container's file list, through a client or a `fetch`, with retries. */
import pRetry from "p-retry";
import type { Settings } from "../options.js";
import { type GetClient, getterFor } from "./ids.js";
import { AnswerError, cancelBody, isRetryable, pause, withoutServerText } from "./retries.js";

/**
 * The methods of an OpenAI client that list a container's files. `list` must percent-encode the container id in the URL, as
 * the SDK does, because ids can contain any characters except control characters.
 */
export interface ContainerFilesClient extends GetClient {
  containers: {
    files: {
      list(
        containerId: string,
        query: { limit?: number; after?: string },
        options: {
          signal?: AbortSignal;
          headers?: Record<string, string>;
          maxRetries?: number;
          fetchOptions?: { redirect: "manual" };
          query?: Record<string, string | string[] | number>;
        },
      ): PromiseLike<unknown>;
    };
  };
}

/** Returns one page of `GET /containers/{id}/files`, parsed but not checked. */
export type ListPage = (
  containerId: string,
  after: string | undefined,
  signal: AbortSignal,
) => PromiseLike<unknown>;

/**
 * `retries`: how often the request for a page is retried. `timeoutMs`: the request is no longer retried once its `retry-after`
 * delays add up to this time.
 */
export type Patience = Pick<Settings, "retries" | "timeoutMs">;

/** The maximum page size of the API. */
const PAGE_SIZE = 100;
/** The pause before the first retry. It doubles with each retry. */
const FIRST_PAUSE_MS = 250;

/**
 * Lists pages through a client, with its credentials, base URL, default query and `fetch`. `search` and `headers` are the query
 * and headers to send in addition.
 */
export function pagesOfClient(
  client: ContainerFilesClient,
  patience: Patience,
  { search = "", headers }: { search?: string; headers?: Record<string, string> } = {},
): ListPage {
  const shared = queryOf(search);
  return withRetries(patience, async (containerId, after, signal) => {
    const query = { limit: PAGE_SIZE, ...(after !== undefined && { after }) };
    const options = {
      signal,
      ...(headers && { headers }),
      // The client's own retries are turned off, because their pauses ignore the signal and could exceed the time limit.
      maxRetries: 0,
      // A redirect may lead to another origin, which must not get the credentials.
      fetchOptions: { redirect: "manual" as const },
    };
    const whole = { ...shared, ...query };
    const get = getterFor(client, [containerId]);
    const page = get
      ? get(`/containers/${encodeURIComponent(containerId)}/files`, { ...options, query: whole })
      : client.containers.files.list(containerId, query, {
          ...options,
          // `shared` may contain a parameter such as `timeout`. In the second argument, openai 7 would treat it as a request
          // option and throw. So `shared` goes into the option `query`. The SDK then ignores the second argument, so the
          // option must contain the whole query.
          ...(shared && { query: whole }),
        });
    // The raw response is parsed here, because the SDK would turn a body that is not a list into an empty list.
    const { asResponse } = page as { asResponse?: () => Promise<Response> };
    return asResponse ? (await asResponse.call(page)).json() : page;
  });
}

/** Converts a query string to an SDK query; `undefined` if it is empty. The SDK sends an array as `name[]=a&name[]=b`. */
function queryOf(search: string): Record<string, string | string[]> | undefined {
  const params = new URLSearchParams(search);
  const names = [...new Set(params.keys())];
  if (names.length === 0) return undefined;
  return Object.fromEntries(
    names.map((name) =>
      name.endsWith("[]") ? [name.slice(0, -2), params.getAll(name)] : [name, params.get(name)!],
    ),
  );
}

/** Matches headers that fit only one request, because they describe its body, response format, connection or retry count. */
const OF_ONE_REQUEST =
  /^(?:content-|accept|if-|x-stainless-)|^(?:range|expect|host|connection|transfer-encoding|idempotency-key)$/;

/**
 * Returns those headers of a request that are also needed to request a list: the API key, the organization, the project, and what
 * a gateway needs.
 */
export function credentialsOf(request: Headers): Record<string, string> {
  return Object.fromEntries([...request].filter(([name]) => !OF_ONE_REQUEST.test(name)));
}

/** Lists pages through a `fetch`. `base` is the API's base URL, such as `https://api.openai.com/v1`. */
export function pagesOfFetch(
  fetch: typeof globalThis.fetch,
  patience: Patience,
  { base, search, headers }: { base: string; search: string; headers: Record<string, string> },
): ListPage {
  return withRetries(patience, async (containerId, after, signal) => {
    const url = new URL(`${base}/containers/${encodeURIComponent(containerId)}/files${search}`);
    url.searchParams.set("limit", String(PAGE_SIZE));
    if (after !== undefined) url.searchParams.set("after", after);
    // A redirect may lead to another origin, which must not get the credentials.
    const response = await fetch(url.href, { headers, signal, redirect: "manual" });
    if (response.ok) return response.json();
    cancelBody(response.body);
    throw response;
  });
}

/** Retries the request for a page after status 429, a server error or a broken connection. */
function withRetries({ retries, timeoutMs }: Patience, listPage: ListPage): ListPage {
  return (containerId, after, signal) => {
    let totalDelayMs = 0;
    return pRetry(() => listPage(containerId, after, signal).then(undefined, throwPlain), {
      retries,
      minTimeout: FIRST_PAUSE_MS,
      signal,
      async shouldRetry({ error, attemptNumber }) {
        if (!isRetryable(error)) return false;
        const delayMs = error instanceof AnswerError ? error.retryAfterMs : 0;
        totalDelayMs += delayMs;
        // A list that cannot arrive in time must not delay the response.
        if (totalDelayMs >= timeoutMs) return false;
        // Subtracts the pause that pRetry itself adds before the retry.
        const pauseMs = delayMs - FIRST_PAUSE_MS * 2 ** (attemptNumber - 1);
        if (pauseMs > 0) await pause(pauseMs, signal);
        return true;
      },
    });
  };
}

/** Throws the error without the server's text. For a 404, adds what the status means. */
function throwPlain(error: unknown): never {
  const plain = withoutServerText(error, "the container's file list");
  if (plain instanceof AnswerError && plain.status === 404) {
    plain.message += ": the container has expired, or is not yours";
  }
  throw plain;
}
