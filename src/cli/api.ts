/** A small API client on `fetch`, so that the command runs without the `openai` package. */
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { EventSourceParserStream } from "eventsource-parser/stream";
import pRetry from "p-retry";
import type { ContainerFilesClient } from "../containers/pages.js";
import { isRetryable, pause, retryAfterMs } from "../containers/retries.js";
import { isRecord } from "../errors.js";
import type { ContainerContentClient } from "../files/content.js";
import { createFileCitationsFetch } from "../http/fetch.js";
import type { Report } from "../types.js";
import { WrongUse } from "./wrong-use.js";

type Fetch = typeof globalThis.fetch;

/** The base URL that OpenAI's own clients use by default. */
export const DEFAULT_BASE_URL = "https://api.openai.com/v1";
/** How many times a failed request is retried. The SDK has the same default. */
const RETRIES = 2;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
/** The longest pause that a `Retry-After` header may ask for. A header that asks for more is ignored. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** The error for a response with an error status. */
class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  /** The response's headers, which may contain `Retry-After`. */
  readonly headers: Headers;

  constructor(response: Response, message: string) {
    super(`the API answered ${response.status}${message && `: ${message}`}`);
    this.status = response.status;
    this.headers = response.headers;
  }
}

/** The base URL of the server that gets the requests, and the key and headers of the requests. */
export interface Connection {
  /** The API key. `undefined` if none is set. */
  key: string | undefined;
  baseURL: string;
  /** The headers that the environment variables set for each request, without the key. */
  headers: Headers;
}

/** Creates a client from the environment variables that the SDK reads; `undefined` without a key. */
export function apiOf(env: NodeJS.ProcessEnv): Api | undefined {
  // Without a key, the other variables are not used, so it does not matter if they are wrong.
  if (!env.OPENAI_API_KEY?.trim()) return undefined;
  const { key = "", ...others } = connectionOf(env);
  return new Api({ key, ...others });
}

/**
 * Reads the connection from the environment variables that the SDK reads.
 *
 * @throws WrongUse if the key, the base URL or a header is not valid.
 */
export function connectionOf(env: NodeJS.ProcessEnv): Connection {
  const read = (name: string): string | undefined => env[name]?.trim() || undefined;
  const key = read("OPENAI_API_KEY");
  // Checks the key before `Headers` does. An error of `Headers` would contain the invalid key.
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key))
    throw new WrongUse(
      "OPENAI_API_KEY contains spaces or characters that are not ASCII: expected an API key",
    );
  const baseURL = read("OPENAI_BASE_URL") ?? DEFAULT_BASE_URL;
  if (!URL.canParse(baseURL))
    throw new WrongUse(`OPENAI_BASE_URL must be a URL, got ${JSON.stringify(baseURL)}`);
  const headers = new Headers();
  for (const line of read("OPENAI_CUSTOM_HEADERS")?.split("\n") ?? []) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    if (colon > 0) setHeader(headers, name, value, "OPENAI_CUSTOM_HEADERS");
  }
  const organization = read("OPENAI_ORG_ID");
  const project = read("OPENAI_PROJECT_ID");
  if (organization) setHeader(headers, "openai-organization", organization, "OPENAI_ORG_ID");
  if (project) setHeader(headers, "openai-project", project, "OPENAI_PROJECT_ID");
  return { key, baseURL, headers };
}

const EXPECTED_OF = {
  OPENAI_CUSTOM_HEADERS: "expected lines such as x-team: a, with ASCII characters",
  OPENAI_ORG_ID: "expected an id",
  OPENAI_PROJECT_ID: "expected an id",
};

/**
 * Sets a header from an environment variable. If the header is invalid, the error names only the variable, because the header's
 * name or value can be a secret.
 */
function setHeader(headers: Headers, name: string, value: string, variable: keyof typeof EXPECTED_OF): void {
  try {
    headers.set(name, value);
  } catch {
    throw new WrongUse(`${variable} is not a valid HTTP header: ${EXPECTED_OF[variable]}`);
  }
}

export class Api implements ContainerFilesClient, ContainerContentClient {
  readonly #key: string;
  readonly #baseURL: string;
  readonly #headers: Headers;
  readonly #fetch: Fetch;

  constructor({
    key,
    baseURL,
    headers,
    fetch = globalThis.fetch,
  }: { key: string; baseURL: string; headers?: Headers; fetch?: Fetch }) {
    this.#key = key;
    this.#baseURL = baseURL.replace(/\/+$/, "");
    this.#headers = new Headers(headers);
    if (!this.#headers.has("authorization")) this.#headers.set("authorization", `Bearer ${key}`);
    this.#fetch = fetch;
  }

  readonly containers: ContainerFilesClient["containers"] & ContainerContentClient["containers"] = {
    files: {
      list: (containerId, { limit, after }, { signal, maxRetries }) => {
        const query = new URLSearchParams({ limit: String(limit), ...(after !== undefined && { after }) });
        const path = `/containers/${encodeURIComponent(containerId)}/files?${query}`;
        return this.#json(path, { signal }, { retries: maxRetries ?? RETRIES });
      },
      content: {
        retrieve: (fileId, { container_id: containerId }, { signal, headers, maxRetries }) =>
          this.#request(
            `/containers/${encodeURIComponent(containerId)}/files/${encodeURIComponent(fileId)}/content`,
            { signal, ...(headers && { headers }) },
            { retries: maxRetries ?? RETRIES },
          ),
      },
    },
  };

  /** Retrieves a response by its id. */
  getResponse(id: string, signal: AbortSignal): Promise<unknown> {
    return this.#json(`/responses/${encodeURIComponent(id)}`, { signal });
  }

  /** Uploads a file from disk as input for a container. Returns its file id. */
  async upload(path: string, signal: AbortSignal): Promise<string> {
    const form = new FormData();
    form.set("purpose", "user_data");
    form.set("file", await openAsBlob(path), basename(path));
    const file = await this.#json("/files", { method: "POST", body: form, signal });
    if (!isRecord(file) || typeof file.id !== "string")
      throw new Error("the API answered the upload without a file id");
    return file.id;
  }

  /** Creates a streamed response and yields its repaired events. */
  async *respond(
    params: object,
    { signal, onReport }: { signal: AbortSignal; onReport: (report: Report) => void },
  ): AsyncGenerator<Record<string, unknown>, void, undefined> {
    const response = await this.#request(
      "/responses",
      {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...params, stream: true }),
        signal,
      },
      { fetch: createFileCitationsFetch({ fetch: this.#fetch, onReport }) },
    );
    yield* eventsOf(response);
  }

  async #json(path: string, init: RequestInitWithSignal, options?: { retries: number }): Promise<unknown> {
    return (await this.#request(path, init, options)).json();
  }

  /** Sends a request and retries it if a retry may help. Throws the last error. */
  #request(
    path: string,
    { headers, signal, ...init }: RequestInitWithSignal,
    { retries = RETRIES, fetch = this.#fetch }: { retries?: number; fetch?: Fetch } = {},
  ): Promise<Response> {
    const send = async (): Promise<Response> => {
      const all = new Headers(this.#headers);
      for (const [name, value] of Object.entries(headers ?? {})) all.set(name, value);
      const response = await fetch(this.#baseURL + path, {
        ...init,
        headers: all,
        redirect: "manual", // a redirect could send the credentials to another origin
        ...(signal && { signal }),
      });
      if (response.ok) return response;
      throw new ApiError(response, messageIn(await response.text().catch(() => ""), this.#key));
    };
    return pRetry(send, {
      retries,
      minTimeout: FIRST_PAUSE_MS,
      maxTimeout: LONGEST_PAUSE_MS,
      randomize: true,
      ...(signal && { signal }),
      async shouldRetry({ error }) {
        if (!isRetryable(error) && !isTimeoutOrConflict(error)) return false;
        if (error instanceof ApiError) await pauseFor(error, signal);
        return true;
      },
    });
  }
}

type RequestInitWithSignal = Omit<RequestInit, "signal" | "headers"> & {
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
};

/** Returns the message of an API error, cut to 500 characters. Removes the key, because a server may repeat it. */
function messageIn(body: string, key: string): string {
  let message: unknown = body;
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown } };
    message = error?.message;
  } catch {}
  return typeof message === "string" ? message.trim().replaceAll(key, "…").slice(0, 500) : "";
}

/** Returns whether an error has a status that the SDK retries but `isRetryable` does not: 408 (timeout) or 409 (conflict). */
function isTimeoutOrConflict(error: Error): boolean {
  return error instanceof ApiError && [408, 409].includes(error.status);
}

async function pauseFor({ headers }: ApiError, signal: AbortSignal | undefined): Promise<void> {
  const pauseMs = retryAfterMs(headers);
  if (pauseMs > 0 && pauseMs <= LONGEST_RETRY_AFTER_MS) await pause(pauseMs, signal);
}

/** Yields the events of a stream. */
export async function* eventsOf(
  response: Response,
): AsyncGenerator<Record<string, unknown>, void, undefined> {
  const messages = response
    .body!.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of messages) {
    if (data === "[DONE]") return;
    const event: unknown = JSON.parse(data);
    if (isRecord(event)) yield event;
  }
}
