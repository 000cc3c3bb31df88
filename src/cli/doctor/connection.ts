/** Sends the requests of `doctor`, and explains in words why a request failed. */
import { isRecord } from "../../errors.js";
import type { Connection } from "../api.js";
import { codeOf } from "./recorder.js";

type Fetch = typeof globalThis.fetch;

/** How long the answer to a POST request may take. The request may run code. */
const LONGEST_RUN_MS = 300_000;
/** How long the answer to a GET request may take. */
const LONGEST_WAIT_MS = 30_000;
const LONGEST_MESSAGE = 300;

/** An answer of the server. */
export interface Answer {
  status: number;
  /** The media type, in lower case and without parameters. */
  type: string;
  body: string;
  /** The parsed body; `undefined` if it is not JSON. */
  json: unknown;
}

/** Says why the server did not answer, and what the user should do. */
export interface NoAnswer {
  problem: string;
  advice: string;
}

/** The kind of server behind the base URL. The advice depends on it. */
export type Server = "openai" | "azure" | "foundry" | "gateway";

export class Caller {
  readonly #fetch: Fetch;
  readonly #connection: Connection;
  readonly #signal: AbortSignal;

  constructor(connection: Connection, { fetch, signal }: { fetch: Fetch; signal: AbortSignal }) {
    this.#connection = connection;
    this.#fetch = fetch;
    this.#signal = signal;
  }

  /** The base URL without a slash at its end. */
  get baseURL(): string {
    return this.#connection.baseURL.replace(/\/+$/, "");
  }

  get hasKey(): boolean {
    return this.#connection.key !== undefined || this.headers.has("authorization");
  }

  /** The headers of each request, with the key. */
  get headers(): Headers {
    const { key, headers } = this.#connection;
    const all = new Headers(headers);
    if (key !== undefined && !all.has("authorization")) all.set("authorization", `Bearer ${key}`);
    return all;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  get(path: string): Promise<Answer | NoAnswer> {
    return this.#send(path, {}, LONGEST_WAIT_MS);
  }

  /** Sends a POST request. Uses `fetch`, or the constructor's `fetch` if none is given. */
  post(path: string, body: object, fetch?: Fetch): Promise<Answer | NoAnswer> {
    return this.#send(path, postOf(body), LONGEST_RUN_MS, fetch);
  }

  /** Sends a POST request and returns the answer before its body has arrived. */
  open(path: string, body: object, fetch: Fetch): Promise<Response | NoAnswer> {
    return this.#open(path, postOf(body), AbortSignal.timeout(LONGEST_RUN_MS), fetch);
  }

  async #send(path: string, init: RequestInit, limitMs: number, fetch?: Fetch): Promise<Answer | NoAnswer> {
    const timeout = AbortSignal.timeout(limitMs);
    const response = await this.#open(path, init, timeout, fetch);
    if (!(response instanceof Response)) return response;
    try {
      return await answerOf(response);
    } catch (error) {
      return this.failureOf(error);
    }
  }

  async #open(
    path: string,
    init: RequestInit,
    timeout: AbortSignal,
    fetch = this.#fetch,
  ): Promise<Response | NoAnswer> {
    const headers = this.headers;
    if (init.body) headers.set("content-type", "application/json");
    try {
      return await fetch(this.baseURL + path, {
        ...init,
        headers,
        redirect: "manual", // a redirect could send the credentials to another origin
        signal: AbortSignal.any([this.#signal, timeout]),
      });
    } catch (error) {
      return this.failureOf(error);
    }
  }

  /** Says why a request failed. Rethrows the error if the user interrupted the command. */
  failureOf(error: unknown): NoAnswer {
    if (this.#signal.aborted) throw error;
    return failureOf(error, this.baseURL);
  }

  /**
   * Returns the message in a server's error, without the key. If the body is not JSON, says so instead. Returns an empty text if
   * there is no message.
   */
  messageOf({ json, body }: Answer): string {
    const error = isRecord(json) ? (json.error ?? json) : undefined;
    const text = isRecord(error) ? error.message : error;
    if (typeof text === "string") return shortened(this.#hidden(text));
    return json === undefined && body !== "" ? "with something that is not JSON" : "";
  }

  /** Removes the key and the values of the user's own headers from a text, because a server may repeat them in its message. */
  #hidden(text: string): string {
    const values = [...this.headers.values()].flatMap((value) => [value, ...value.split(/[\s;,=]+/)]);
    return [this.#connection.key ?? "", ...values]
      .filter((value) => value.length >= SHORTEST_SECRET)
      .sort((a, b) => b.length - a.length)
      .reduce((hidden, value) => hidden.replaceAll(value, "…"), text.trim());
  }
}

/** Cuts a long text between two words. A secret that is cut in two would not be recognized and would stay in a recording. */
function shortened(text: string): string {
  if (text.length <= LONGEST_MESSAGE) return text;
  return `${text.slice(0, Math.max(0, text.lastIndexOf(" ", LONGEST_MESSAGE)))} …`;
}

/** The length of the shortest value that is removed. Shorter values are usually words such as `openai` or `true`. */
const SHORTEST_SECRET = 8;

function postOf(body: object): RequestInit {
  return { method: "POST", body: JSON.stringify(body) };
}

/** Reads an answer to its end. */
export async function answerOf(response: Response): Promise<Answer> {
  const body = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {}
  const [type = ""] = (response.headers.get("content-type") ?? "").toLowerCase().split(";");
  return { status: response.status, type: type.trim(), body, json };
}

/** Returns the `code` of the API's error. */
export function errorCodeOf({ json }: Answer): unknown {
  return isRecord(json) && isRecord(json.error) ? json.error.code : undefined;
}

export function isAnswer(outcome: Answer | NoAnswer | Response): outcome is Answer {
  return "status" in outcome;
}

/** Returns a URL without user, password and query, which may be secrets. */
export function shownURL(url: string): string {
  const { origin, pathname } = new URL(url);
  return (origin + pathname).replace(/\/+$/, "");
}

/** Returns the kind of a server, judging by its base URL. */
export function serverAt(baseURL: string): Server {
  const { hostname } = new URL(baseURL);
  if (/^(?:[a-z]{2}\.)?api\.openai\.com$/.test(hostname)) return "openai";
  if (hostname.endsWith(".services.ai.azure.com")) return "foundry";
  if (/\.(?:openai\.azure|cognitiveservices\.azure)\.(?:com|us|cn)$/.test(hostname)) return "azure";
  return "gateway";
}

const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|^ERR_(?:TLS|SSL)/;
const UNKNOWN_HOST = new Set<string | undefined>(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA"]);
const TOO_SLOW = new Set<string | undefined>([
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
]);

function failureOf(error: unknown, baseURL: string): NoAnswer {
  const { host } = new URL(baseURL);
  const code = codeOf(error);
  if (UNKNOWN_HOST.has(code)) {
    return {
      problem: `the name ${host} cannot be found (${code})`,
      advice: `Check the spelling of OPENAI_BASE_URL and your network connection. ${ABOUT_PROXIES}`,
    };
  }
  if (code === "ECONNREFUSED") {
    return {
      problem: `nothing listens at ${host} (${code})`,
      advice: "Start the server at OPENAI_BASE_URL, or correct its host and port.",
    };
  }
  if (TOO_SLOW.has(code) || (error as Error | undefined)?.name === "TimeoutError") {
    return {
      problem: `${host} did not answer in time`,
      advice: `Check whether a firewall blocks the connection. ${ABOUT_PROXIES}`,
    };
  }
  if (code !== undefined && UNTRUSTED.test(code)) {
    return {
      problem: `the certificate of ${host} is not trusted (${code})`,
      advice: "If your network has its own certificate authority, set NODE_EXTRA_CA_CERTS to its file.",
    };
  }
  return {
    problem: `the connection to ${host} failed${code === undefined ? "" : ` (${code})`}`,
    advice: `Check your network connection and run the command again. ${ABOUT_PROXIES}`,
  };
}

const ABOUT_PROXIES =
  "If your network needs an HTTP proxy, use Node.js 24 or later and set NODE_USE_ENV_PROXY=1 and HTTPS_PROXY.";
