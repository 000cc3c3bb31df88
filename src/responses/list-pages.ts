/** One page of a container's list, from the API: by a client or by a `fetch`, and again where that can help. */
import pRetry from "p-retry";
import type { Settings } from "../options.js";
import { letGo } from "./answer-body.js";
import { AnswerError, withoutWords } from "./answer-error.js";
import { mayHelp, pause } from "./ask-again.js";

/** As much of an OpenAI client, of any version and any class, as is needed to list a container's files. */
export interface ContainerFilesClient {
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
        },
      ): PromiseLike<unknown>;
    };
  };
}

/** One page of `GET /containers/{id}/files`, as it came. */
export type ListPage = (
  containerId: string,
  after: string | undefined,
  signal: AbortSignal,
) => PromiseLike<unknown>;

/** How often a page is asked for again; and for how long, at the most, a server is left alone that asks for that. */
export type Patience = Pick<Settings, "retries" | "timeoutMs">;

/** The most that the API gives at once. */
const PAGE_SIZE = 100;
/** The first pause before a page is asked for again. Each one after it is twice as long. */
const FIRST_PAUSE_MS = 250;

/** The pages as a client gets them: with its credentials, its base URL, its `fetch`. */
export function pagesOfClient(
  client: ContainerFilesClient,
  patience: Patience,
  headers?: Record<string, string>,
): ListPage {
  return withRetries(patience, async (containerId, after, signal) => {
    const page = client.containers.files.list(
      containerId,
      { limit: PAGE_SIZE, ...(after !== undefined && { after }) },
      {
        signal,
        ...(headers && { headers }),
        // The client's own pauses end for no signal, and would outlive the answer.
        maxRetries: 0,
        fetchOptions: { redirect: "manual" }, // as below
      },
    );
    // The SDK takes whatever is no list for an empty one.
    const { asResponse } = page as { asResponse?: () => Promise<Response> };
    return asResponse ? (await asResponse.call(page)).json() : page;
  });
}

/** What a header says of one request alone: its body, the form of its answer, its connection, how often it was sent. */
const OF_ONE_REQUEST =
  /^(?:content-|accept|if-|x-stainless-)|^(?:range|expect|host|connection|transfer-encoding|idempotency-key)$/;

/**
 * The headers of `request` that a list needs to be allowed what the request was: its key, its organization and project,
 * and whatever a gateway asks for.
 */
export function credentialsOf(request: Headers): Record<string, string> {
  return Object.fromEntries([...request].filter(([name]) => !OF_ONE_REQUEST.test(name)));
}

/** The pages through a `fetch`, below `base` (`https://api.openai.com/v1`), with the request's own `search` and headers. */
export function pagesOfFetch(
  fetch: typeof globalThis.fetch,
  patience: Patience,
  { base, search, headers }: { base: string; search: string; headers: Record<string, string> },
): ListPage {
  return withRetries(patience, async (containerId, after, signal) => {
    const url = new URL(`${base}/containers/${encodeURIComponent(containerId)}/files${search}`);
    url.searchParams.set("limit", String(PAGE_SIZE));
    if (after !== undefined) url.searchParams.set("after", after);
    // A redirect may lead to another origin, and the credentials are for this one.
    const response = await fetch(url.href, { headers, signal, redirect: "manual" });
    if (response.ok) return response.json();
    letGo(response.body);
    throw response;
  });
}

/** Asks for a page again where that can help: after too many requests, a server's error, a broken connection. */
function withRetries({ retries, timeoutMs }: Patience, listPage: ListPage): ListPage {
  return (containerId, after, signal) => {
    let askedMs = 0;
    return pRetry(() => listPage(containerId, after, signal).then(undefined, throwPlain), {
      retries,
      minTimeout: FIRST_PAUSE_MS,
      signal,
      async shouldRetry({ error, attemptNumber }) {
        if (!mayHelp(error)) return false;
        const askedForMs = error instanceof AnswerError ? error.retryAfterMs : 0;
        askedMs += askedForMs;
        // No answer is held for a list that will not come in time.
        if (askedMs >= timeoutMs) return false;
        // The pause that comes in any case counts.
        const pauseMs = askedForMs - FIRST_PAUSE_MS * 2 ** (attemptNumber - 1);
        if (pauseMs > 0) await pause(pauseMs, signal);
        return true;
      },
    });
  };
}

/** Throws what went wrong, without the server's words. */
function throwPlain(error: unknown): never {
  const plain = withoutWords(error, "the container's file list");
  if (plain instanceof AnswerError && plain.status === 404) {
    plain.message += ": the container has expired, or is not yours";
  }
  throw plain;
}
