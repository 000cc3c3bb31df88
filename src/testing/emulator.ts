/** Creates the emulator from its options. */
import { ApiError } from "./api-error.js";
import { streamBody } from "./body.js";
import { Call, type RecordedRequest } from "./call.js";
import { atLeast, type Checks, checkOptions, isFunction } from "./check-options.js";
import type { EmulatedContainer, FileContent } from "./containers.js";
import { ContainersApi } from "./containers-api.js";
import { Gateway, type GatewayOptions } from "./gateway.js";
import { LIST_FAULTS, type ListFault } from "./list-faults.js";
import { type ListeningServer, type ListenOptions, listen } from "./listen.js";
import { ResponsesApi } from "./responses-api.js";
import { checkHandshake, createRoutes, dispatch } from "./routes.js";
import { compliantModel } from "./scripts.js";
import type { Script } from "./steps.js";
import { Connection, type Socket } from "./websocket.js";
import { describe, Ids, isObject, type StreamEvent } from "./wire.js";

/** Options of `createResponsesEmulator`. */
export interface EmulatorOptions {
  /**
   * What the model does: one script for all requests, or an array with one script per request. The last script of an
   * array is used for all further requests. Default: `compliantModel()`.
   */
  readonly script?: Script | readonly Script[];
  /** The only API key that is accepted. Default: any key is accepted, but a request must have one. */
  readonly apiKey?: string;
  /** Returns the current time in milliseconds since 1970. Containers expire by this clock. Default: `Date.now`. */
  readonly now?: () => number;
  /**
   * How many listings of a container lack a file that the model has just written. A listing starts with a request for
   * its first page. The service's lists lag in the same way. Default 0.
   */
  readonly listLag?: number;
  /**
   * How every list of a container's files fails. Default: lists do not fail. Use `intercept` to fail only some lists.
   *
   * ```ts
   * createResponsesEmulator({ script: stubbornModel(), listFault: "trickle" });
   * ```
   */
  readonly listFault?: ListFault;
  /**
   * What the ranges of citations count: Unicode code points as the service does, or UTF-16 units. Default `"code-point"`.
   */
  readonly indexUnit?: "code-point" | "utf-16";
  /**
   * How a gateway between the client and the API differs from the API. Default: there is no gateway.
   *
   * ```ts
   * createResponsesEmulator({ script: stubbornModel(), gateway: { ids: "litellm", nativeIdsInLists: true } });
   * ```
   */
  readonly gateway?: GatewayOptions;
  /**
   * How many `GET` requests a background response needs until it is done. Earlier requests return status
   * `in_progress`; if the number is 3 or more, the first request returns `queued`. Default 2, minimum 1.
   */
  readonly pollsUntilDone?: number;
  /**
   * Called and awaited before each event of a stream is sent. A promise holds the stream until it resolves; an error
   * breaks the connection.
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
   * Breaks a stream in the middle of an event's frame. Returns how many bytes of the frame are sent before the break, or
   * `undefined` to send the whole event. Default: streams do not break.
   *
   * ```ts
   * createResponsesEmulator({ breakIn: ({ type }) => (type === "response.completed" ? 100 : undefined) });
   * ```
   */
  readonly breakIn?: (event: StreamEvent) => number | undefined;
  /**
   * The order in which the lanes of a WebSocket send events, as a list of `stream_id`s that repeats. A lane is the sequence
   * of responses with one `stream_id`. A lane that has nothing left to send is skipped. If a lane has had no request so far,
   * the other lanes of the list wait for it. Lanes that are not in the list do not wait, and take turns. By default, all
   * lanes take turns.
   *
   * ```ts
   * createResponsesEmulator({ laneOrder: ["a", "b", "b"] });
   * ```
   */
  readonly laneOrder?: readonly string[];
  /**
   * Called with every request before the emulator handles the request. If this function returns a `Response`, the emulator
   * sends it as the answer. Use this to imitate a server that is overloaded, sends invalid JSON or never answers.
   *
   * ```ts
   * createResponsesEmulator({
   *   intercept: ({ path }) => (path.endsWith("/files") ? new Response("down", { status: 503 }) : undefined),
   * });
   * ```
   */
  readonly intercept?: (request: RecordedRequest) => Response | undefined | Promise<Response | undefined>;
}

/** An in-memory emulator of OpenAI's Responses and Containers API. */
export interface ResponsesEmulator {
  /**
   * A `fetch` that answers requests without a network. Pass it to a client as its `fetch`. The host is ignored, and so is
   * the path before `/responses`, `/conversations`, `/containers`, `/files` or `/models`.
   */
  readonly fetch: typeof globalThis.fetch;
  /** All requests so far, in order of arrival. Events that a client sends over a WebSocket have the method `WS`. */
  readonly requests: readonly RecordedRequest[];
  /** All containers that were created and not deleted, by id, oldest first. */
  readonly containers: ReadonlyMap<string, EmulatedContainer>;
  /**
   * Creates a container with files, as if the model had written them.
   *
   * @throws TypeError if a path has no file name, or the content of a file is neither a string nor a `Uint8Array`. Error if
   * `gateway.ids` fails.
   */
  createContainer(options?: CreateContainerOptions): EmulatedContainer;
  /**
   * Expires a container now. Every later call on it is answered with 404.
   *
   * @throws TypeError if there is no container with this id.
   */
  expireContainer(id: string): void;
  /**
   * Starts an HTTP server that serves the API and its WebSocket endpoint, by default on the loopback address. Requires Node,
   * and the package `ws` for WebSockets.
   *
   * ```ts
   * const server = await emulator.listen();
   * const client = new OpenAI({ apiKey: "test", baseURL: server.baseURL });
   * // …
   * await server.close();
   * ```
   *
   * @throws TypeError if the port or the host is invalid. Error if the port is in use.
   */
  listen(options?: ListenOptions): Promise<ListeningServer>;
}

/** Options of `ResponsesEmulator.createContainer`. */
export interface CreateContainerOptions {
  /** Default `""`. */
  readonly name?: string;
  /** File contents by path: absolute, or relative to `/mnt/data`. The files' source is `assistant`. */
  readonly files?: Readonly<Record<string, FileContent>>;
}

/**
 * Creates an in-memory emulator of OpenAI's Responses and Containers API that works with the official SDK. A script
 * decides what the model does. Every run with a fixed `now` is identical, because ids are numbered and no timer is used.
 * Only `listFault: "trickle"` uses a timer.
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
 * @throws TypeError if an option is unknown or has an invalid value.
 */
export function createResponsesEmulator(options: EmulatorOptions = {}): ResponsesEmulator {
  checkOptions(options, CHECKS, "createResponsesEmulator");
  const { script = compliantModel(), apiKey, now = Date.now, intercept, beforeEvent } = options;
  const { listLag = 0, listFault, indexUnit = "code-point", breakIn } = options;
  const { pollsUntilDone = 2, laneOrder = [] } = options;
  const ids = new Ids();
  const requests: RecordedRequest[] = [];
  const gateway = new Gateway(options.gateway);
  const containersApi = new ContainersApi(ids, now, gateway, listFault);
  const { containers } = containersApi;
  const scripts = typeof script === "function" ? [script] : script;
  const settings = { scripts, listLag, indexUnit, pollsUntilDone, beforeEvent, breakIn };
  const responsesApi = new ResponsesApi(settings, ids, now, gateway, containersApi);
  const routes = createRoutes(responsesApi, containersApi);

  async function answer(request: Request, signal: AbortSignal | undefined): Promise<Response> {
    const call = await Call.read(request, signal);
    requests.push(call.recorded);
    const intercepted = await intercept?.(call.recorded);
    if (intercepted !== undefined) return abortable(intercepted, signal);
    const response = await respond(call);
    response.headers.set("x-request-id", ids.next("req_"));
    return response;
  }

  async function respond(call: Call): Promise<Response> {
    return orErrorResponse(() => dispatch(call, routes, apiKey, gateway));
  }

  async function connect(handshake: Request) {
    const call = await Call.read(handshake, undefined);
    requests.push(call.recorded);
    const intercepted = await intercept?.(call.recorded);
    if (intercepted !== undefined) return intercepted;
    return orErrorResponse(() => {
      checkHandshake(call, apiKey);
      const record = (body: unknown) => void requests.push({ ...call.recorded, method: "WS", body });
      const begin: ResponsesApi["begin"] = (request, unstored) => responsesApi.begin(request, unstored);
      return (socket: Socket) => new Connection(socket, { laneOrder, beforeEvent, breakIn, begin, record });
    });
  }

  return {
    async fetch(input, init) {
      const request = new Request(input, init);
      // Not `request.signal`: it no longer aborts with the caller's signal once the request is garbage-collected.
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
        throw new TypeError(`expireContainer must get the id of an existing container, got ${describe(id)}.`);
      }
      container.expire();
    },
    listen: (listenOptions = {}) =>
      listen((request) => answer(request, request.signal), listenOptions, connect),
  };
}

/** Calls `answer` and returns its result. If `answer` throws an `ApiError`, returns the error as an HTTP response. */
async function orErrorResponse<Value>(answer: () => Value | Promise<Value>): Promise<Value | Response> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof ApiError) return error.toResponse();
    throw error;
  }
}

/** Returns a copy of a response. When the signal aborts, the copy's body fails and the original body is cancelled. */
function abortable(response: Response, signal: AbortSignal | undefined): Response {
  if (response.body === null || signal === undefined) return response;
  const reader = response.body.getReader();
  signal.addEventListener("abort", () => void reader.cancel(signal.reason).catch(() => {}), { once: true });
  return new Response(
    streamBody(async () => (await reader.read()).value, signal),
    response,
  );
}

/** Returns a promise that settles like `promise`, but rejects with the signal's reason if the signal aborts earlier. */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

const CHECKS: Checks<EmulatorOptions> = {
  script: [
    (value) => isFunction(value) || (Array.isArray(value) && value.length > 0 && value.every(isFunction)),
    "a function or an array of at least one function",
  ],
  apiKey: [(value) => typeof value === "string" && value !== "", "a non-empty string"],
  now: [isFunction, "a function that returns milliseconds"],
  listLag: [atLeast(0), "a whole number of lists, 0 or more"],
  listFault: [(value) => LIST_FAULTS.includes(value), `one of ${LIST_FAULTS.join(", ")}`],
  indexUnit: [(value) => value === "code-point" || value === "utf-16", '"code-point" or "utf-16"'],
  gateway: [isObject, "an object"],
  pollsUntilDone: [atLeast(1), "a whole number of requests, 1 or more"],
  breakIn: [isFunction, "a function"],
  beforeEvent: [isFunction, "a function"],
  laneOrder: [
    (value) =>
      Array.isArray(value) && value.length > 0 && value.every((id) => typeof id === "string" && id !== ""),
    "an array of at least one stream_id",
  ],
  intercept: [isFunction, "a function"],
};
