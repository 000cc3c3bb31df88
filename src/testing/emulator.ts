import { ApiError } from "./api-error.js";
import { streamBody } from "./body.js";
import { Call, type RecordedRequest } from "./call.js";
import type { EmulatedContainer, FileContent } from "./containers.js";
import { ContainersApi } from "./containers-api.js";
import { LIST_FAULTS, type ListFault } from "./list-faults.js";
import { type ListeningServer, type ListenOptions, listen } from "./listen.js";
import { ResponsesApi } from "./responses-api.js";
import { createRoutes, dispatch } from "./routes.js";
import { compliantModel } from "./scripts.js";
import { type Script, wrong } from "./steps.js";
import { describe, Ids, isObject, type StreamEvent } from "./wire.js";

/** Options of `createResponsesEmulator`. */
export interface EmulatorOptions {
  /**
   * What the model does: one script for every request, or one for each, of which the last repeats.
   * Default: `compliantModel()`.
   */
  readonly script?: Script | readonly Script[];
  /** The only key that is let in. Default: any key is, but there must be one. */
  readonly apiKey?: string;
  /** The time, in milliseconds since 1970. Default: `Date.now`. A container expires when it has passed. */
  readonly now?: () => number;
  /**
   * How many first pages of a container's list a file that the model writes is missing from, as the service's list
   * lags behind too. Default 0.
   */
  readonly listLag?: number;
  /**
   * How every list of a container's files fails. Default: it does not. For one that fails now and then, see `intercept`.
   *
   * ```ts
   * createResponsesEmulator({ script: stubbornModel(), listFault: "trickle" });
   * ```
   */
  readonly listFault?: ListFault;
  /**
   * The `GET` that finds a background response done. The ones before it find it `in_progress`; of three or more, the
   * first finds it `queued`. Default 2, at least 1.
   */
  readonly pollsUntilDone?: number;
  /**
   * Awaited before an event of a stream goes out: wait here to hold the stream, throw to break it off.
   *
   * ```ts
   * createResponsesEmulator({
   *   beforeEvent(event) {
   *     if (event.sequence_number === 10) throw new Error("connection lost");
   *   },
   * });
   * ```
   */
  readonly beforeEvent?: (event: StreamEvent) => void | Promise<void>;
  /**
   * Breaks a stream off inside an event: behind so many bytes of its frame. Default, and for `undefined`: it goes on.
   *
   * ```ts
   * createResponsesEmulator({ breakIn: ({ type }) => (type === "response.completed" ? 100 : undefined) });
   * ```
   */
  readonly breakIn?: (event: StreamEvent) => number | undefined;
  /**
   * Sees every request first, and answers those it returns a `Response` for: for overloads, wrong JSON, lists that
   * hang.
   *
   * ```ts
   * createResponsesEmulator({
   *   intercept: ({ path }) => (path.endsWith("/files") ? new Response("down", { status: 503 }) : undefined),
   * });
   * ```
   */
  readonly intercept?: (request: RecordedRequest) => Response | undefined | Promise<Response | undefined>;
}

/** OpenAI's Responses and Containers API, in memory. */
export interface ResponsesEmulator {
  /**
   * Answers a request without a network, as `fetch` would: give it to a client as its `fetch`. The path before
   * `/responses`, `/conversations`, `/containers` and `/files` does not matter, nor does the host.
   */
  readonly fetch: typeof globalThis.fetch;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Every container that was made and not deleted, by id, the oldest first. */
  readonly containers: ReadonlyMap<string, EmulatedContainer>;
  /**
   * Makes a container, with files that the model might have written.
   *
   * @throws TypeError for a file without a name, or content that is neither text nor bytes.
   */
  createContainer(options?: CreateContainerOptions): EmulatedContainer;
  /**
   * Lets a container expire now: from here on every call on it answers 404.
   *
   * @throws TypeError for an id that no container has.
   */
  expireContainer(id: string): void;
  /**
   * Serves the API on loopback HTTP. Needs Node.
   *
   * ```ts
   * const server = await emulator.listen();
   * const client = new OpenAI({ apiKey: "test", baseURL: server.baseURL });
   * // …
   * await server.close();
   * ```
   *
   * @throws TypeError for a port that is none; Error where the port is taken.
   */
  listen(options?: ListenOptions): Promise<ListeningServer>;
}

/** Options of `ResponsesEmulator.createContainer`. */
export interface CreateContainerOptions {
  /** Default `""`. */
  readonly name?: string;
  /** Files by path: absolute, or below `/mnt/data`. Their source is `assistant`. */
  readonly files?: Readonly<Record<string, FileContent>>;
}

/**
 * Plays OpenAI's Responses and Containers API in memory, closely enough that the official SDK cannot tell. A script
 * says what the model does. Ids are counters and nothing waits on a timer, so with a fixed `now` every run is the same.
 *
 * ```ts
 * const emulator = createResponsesEmulator({ script: stubbornModel({ files: { "plan.docx": bytes } }) });
 * const client = new OpenAI({ apiKey: "test", fetch: emulator.fetch });
 * const response = await client.responses.create({
 *   model: "gpt-5",
 *   input: "Write the plan.",
 *   tools: [{ type: "code_interpreter", container: { type: "auto" } }],
 * });
 * response.output_text; // "Download: /mnt/data/plan.docx", and no annotation
 * ```
 *
 * @throws TypeError for an option of the wrong type, or one that does not exist.
 */
export function createResponsesEmulator(options: EmulatorOptions = {}): ResponsesEmulator {
  checkOptions(options);
  const { script = compliantModel(), apiKey, now = Date.now, intercept, beforeEvent } = options;
  const { listLag = 0, listFault, breakIn, pollsUntilDone = 2 } = options;
  const ids = new Ids();
  const requests: RecordedRequest[] = [];
  const containersApi = new ContainersApi(ids, now, listFault);
  const { containers } = containersApi;
  const scripts = typeof script === "function" ? [script] : script;
  const settings = { scripts, listLag, pollsUntilDone, beforeEvent, breakIn };
  const routes = createRoutes(new ResponsesApi(settings, ids, now, containersApi), containersApi);

  async function answer(request: Request, signal: AbortSignal | undefined): Promise<Response> {
    const call = await Call.read(request, signal);
    requests.push(call.recorded);
    const own = await intercept?.(call.recorded);
    if (own !== undefined) return endingWith(own, signal);
    const response = await respond(call);
    response.headers.set("x-request-id", ids.next("req_"));
    return response;
  }

  async function respond(call: Call): Promise<Response> {
    try {
      return await dispatch(call, routes, apiKey);
    } catch (error) {
      if (error instanceof ApiError) return error.toResponse();
      throw error;
    }
  }

  return {
    async fetch(input, init) {
      const request = new Request(input, init);
      // The request's own signal follows the caller's only as long as the request is not collected.
      const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
      signal?.throwIfAborted();
      return unlessAborted(answer(request, signal), signal);
    },
    requests,
    containers: containers.all,
    createContainer({ name = "", files = {} } = {}) {
      const container = containers.create({ name });
      for (const [path, content] of Object.entries(files)) container.write(path, content);
      return container;
    },
    expireContainer(id) {
      const container = containers.all.get(id);
      if (container === undefined) {
        throw new TypeError(`expireContainer takes the id of a container, got ${describe(id)}.`);
      }
      container.expire();
    },
    listen: (listenOptions = {}) => listen((request) => answer(request, request.signal), listenOptions),
  };
}

/** A response whose body breaks off when the signal aborts, and then ends where it comes from. */
function endingWith(response: Response, signal: AbortSignal | undefined): Response {
  if (response.body === null || signal === undefined) return response;
  const reader = response.body.getReader();
  signal.addEventListener("abort", () => void reader.cancel(signal.reason).catch(() => {}), { once: true });
  return new Response(
    streamBody(async () => (await reader.read()).value, signal),
    response,
  );
}

/** Rejects with the signal's reason as soon as it aborts, whatever the answer waits for. */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

const isFunction = (value: unknown) => typeof value === "function";
const atLeast = (least: number) => (value: unknown) => Number.isInteger(value) && Number(value) >= least;

const OPTIONS: Readonly<Record<keyof EmulatorOptions, readonly [(value: unknown) => boolean, string]>> = {
  script: [
    (value) => isFunction(value) || (Array.isArray(value) && value.length > 0 && value.every(isFunction)),
    "a function or an array of at least one function",
  ],
  apiKey: [(value) => typeof value === "string" && value !== "", "a string that is not empty"],
  now: [isFunction, "a function that returns milliseconds"],
  listLag: [atLeast(0), "a whole number of lists, 0 or more"],
  listFault: [(value) => LIST_FAULTS.includes(value), `one of ${LIST_FAULTS.join(", ")}`],
  pollsUntilDone: [atLeast(1), "a whole number of requests, 1 or more"],
  breakIn: [isFunction, "a function"],
  beforeEvent: [isFunction, "a function"],
  intercept: [isFunction, "a function"],
};

function checkOptions(options: unknown): void {
  if (!isObject(options)) throw wrong("The options of createResponsesEmulator", "an object", options);
  for (const [name, value] of Object.entries(options)) {
    const check = new Map(Object.entries(OPTIONS)).get(name);
    if (check === undefined) {
      const known = Object.keys(OPTIONS).join(", ");
      throw new TypeError(
        `createResponsesEmulator has no option ${describe(name)}; its options are ${known}.`,
      );
    }
    const [fits, takes] = check;
    if (value !== undefined && !fits(value)) throw wrong(`The option ${name}`, takes, value);
  }
}
