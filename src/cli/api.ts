/** The API, as far as the command needs it: by plain `fetch`, so that it runs where `openai` is not installed. */
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { EventSourceParserStream } from "eventsource-parser/stream";
import pRetry from "p-retry";
import { isRecord } from "../bad-input.js";
import type { ContainerContentClient } from "../files/content.js";
import { createFileCitationsFetch } from "../http/fetch.js";
import { mayHelp, pause, retryAfterMs } from "../responses/ask-again.js";
import type { ContainerFilesClient } from "../responses/list-pages.js";
import type { Report } from "../types.js";
import { WrongUse } from "./wrong-use.js";

type Fetch = typeof globalThis.fetch;

/** Where OpenAI's own clients ask by default. */
export const DEFAULT_BASE_URL = "https://api.openai.com/v1";
/** How often a request is sent again, as the SDK does. */
const RETRIES = 2;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
/** A server that asks for a longer pause than this is not waited for. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** What the API answers a request with that it refuses. */
class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  /** They may say when to ask again. */
  readonly headers: Headers;

  constructor(response: Response, message: string) {
    super(`the API answered ${response.status}${message && `: ${message}`}`);
    this.status = response.status;
    this.headers = response.headers;
  }
}

/** The API that the environment names, by the SDK's rules; `undefined` without a key. */
export function apiOf(env: NodeJS.ProcessEnv): Api | undefined {
  const read = (name: string): string | undefined => env[name]?.trim() || undefined;
  const key = read("OPENAI_API_KEY");
  if (key === undefined) return undefined;
  // Said here, since `fetch` would say it with the key in its words.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new WrongUse("OPENAI_API_KEY holds characters that no key has");
  const baseURL = read("OPENAI_BASE_URL") ?? DEFAULT_BASE_URL;
  if (!URL.canParse(baseURL)) throw new WrongUse(`OPENAI_BASE_URL is no URL: ${JSON.stringify(baseURL)}`);
  const headers = new Headers();
  for (const line of read("OPENAI_CUSTOM_HEADERS")?.split("\n") ?? []) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const organization = read("OPENAI_ORG_ID");
  const project = read("OPENAI_PROJECT_ID");
  if (organization) headers.set("openai-organization", organization);
  if (project) headers.set("openai-project", project);
  return new Api({ key, baseURL, headers });
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
        retrieve: (fileId, { container_id: containerId }, { signal, maxRetries }) =>
          this.#request(
            `/containers/${encodeURIComponent(containerId)}/files/${encodeURIComponent(fileId)}/content`,
            { signal },
            { retries: maxRetries ?? RETRIES },
          ),
      },
    },
  };

  /** A response that was made before. */
  getResponse(id: string, signal: AbortSignal): Promise<unknown> {
    return this.#json(`/responses/${encodeURIComponent(id)}`, { signal });
  }

  /** Uploads a file from disk, as input for a container; its id. */
  async upload(path: string, signal: AbortSignal): Promise<string> {
    const form = new FormData();
    form.set("purpose", "user_data");
    form.set("file", await openAsBlob(path), basename(path));
    const file = await this.#json("/files", { method: "POST", body: form, signal });
    if (!isRecord(file) || typeof file.id !== "string")
      throw new Error("the API's answer to an upload has no id");
    return file.id;
  }

  /** Asks for a response and yields its events, repaired. */
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
    const messages = response
      .body!.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { data } of messages) {
      if (data === "[DONE]") return;
      const event: unknown = JSON.parse(data);
      if (isRecord(event)) yield event;
    }
  }

  async #json(path: string, init: RequestInitWithSignal, options?: { retries: number }): Promise<unknown> {
    return (await this.#request(path, init, options)).json();
  }

  /** Sends a request until it is answered with success; it throws what it was answered with last. */
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
        redirect: "manual", // it may lead to another origin, and the credentials are for this one
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
        if (!mayHelp(error) && !isConflict(error)) return false;
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

/** What an error's body says, in a line. Without the key: a server may send back what it was sent. */
function messageIn(body: string, key: string): string {
  let message: unknown = body;
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown } };
    message = error?.message;
  } catch {}
  return typeof message === "string" ? message.trim().replaceAll(key, "…").slice(0, 500) : "";
}

/** What the SDK asks again after as well: a request that timed out, or met another one. */
function isConflict(error: Error): boolean {
  return error instanceof ApiError && [408, 409].includes(error.status);
}

async function pauseFor({ headers }: ApiError, signal: AbortSignal | undefined): Promise<void> {
  const pauseMs = retryAfterMs(headers);
  if (pauseMs > 0 && pauseMs <= LONGEST_RETRY_AFTER_MS) await pause(pauseMs, signal);
}
