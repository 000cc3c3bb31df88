/** Finds the handler for a request's method and path, and checks the request's key. */
import { ApiError } from "./api-error.js";
import type { Call } from "./call.js";
import type { ContainersApi } from "./containers-api.js";
import type { Gateway } from "./gateway.js";
import type { ResponsesApi } from "./responses-api.js";

/** Answers a call. `first` and `second` are the ids in its path, or `""`. */
type Handler = (call: Call, first: string, second: string) => Response | Promise<Response>;

interface Route {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

const RESOURCES: ReadonlySet<string> = new Set([
  "responses",
  "conversations",
  "containers",
  "files",
  "models",
]);

/** Returns the API's routes. Paths are relative to the base URL, and `:id` stands for an id. */
export function createRoutes(responses: ResponsesApi, containers: ContainersApi): readonly Route[] {
  const routes: Readonly<Record<string, Handler>> = {
    "POST responses": responses.create,
    "GET responses/:id": responses.retrieve,
    "DELETE responses/:id": responses.remove,
    "POST responses/:id/cancel": responses.cancel,
    "GET responses/:id/input_items": responses.inputItems,
    "POST conversations": responses.createConversation,
    "GET conversations/:id": responses.retrieveConversation,
    "DELETE conversations/:id": responses.removeConversation,
    "GET conversations/:id/items": responses.conversationItems,
    "GET conversations/:id/items/:id": responses.conversationItem,
    "POST containers": containers.create,
    "GET containers": containers.list,
    "GET containers/:id": containers.retrieve,
    "DELETE containers/:id": containers.remove,
    "GET containers/:id/files": containers.listFiles,
    "POST containers/:id/files": containers.createFile,
    "GET containers/:id/files/:id": containers.retrieveFile,
    "DELETE containers/:id/files/:id": containers.removeFile,
    "GET containers/:id/files/:id/content": containers.fileContent,
    "POST files": containers.createUpload,
    "GET files/:id": containers.retrieveUpload,
    "GET files/:id/content": containers.uploadContent,
    "GET models/:id": (_, id) => Response.json({ id, object: "model", created: 0, owned_by: "openai" }),
  };
  return Object.entries(routes).map(([route, handler]) => {
    const [method = "", path = ""] = route.split(" ");
    return { method, segments: path.split("/"), handler };
  });
}

/**
 * Answers a call by its route. Path segments before the resource's name, such as `/v1` or `/openai/v1`, are ignored,
 * because they are part of the base URL.
 *
 * @param apiKey the only key that is accepted, or `undefined` to accept any key.
 * @throws ApiError if the key or the path is wrong, or the gateway refuses the request.
 */
export function dispatch(
  call: Call,
  routes: readonly Route[],
  apiKey: string | undefined,
  gateway: Gateway,
): Response | Promise<Response> {
  checkKey(call.recorded.headers, apiKey);
  const { method, path } = call.recorded;
  const segments = segmentsOf(path);
  gateway.checkRequest(call, segments.join("/"));
  for (const route of routes) {
    if (route.method !== method || route.segments.length !== segments.length) continue;
    if (!route.segments.every((segment, index) => segment === ":id" || segment === segments[index])) continue;
    const [first = "", second = ""] = segments
      .filter((_, index) => route.segments[index] === ":id")
      .map(decode);
    return route.handler(call, first, second);
  }
  throw new ApiError(404, `Invalid URL (${method} ${path})`);
}

/**
 * Checks a WebSocket's handshake.
 *
 * @throws ApiError if the key is wrong or the path does not end in `/responses`.
 */
export function checkHandshake({ recorded }: Call, apiKey: string | undefined): void {
  checkKey(recorded.headers, apiKey);
  if (segmentsOf(recorded.path).join("/") === "responses") return;
  throw new ApiError(404, `Invalid URL (WebSocket ${recorded.path})`);
}

/** Returns the segments of a path, starting at the resource's name. */
function segmentsOf(path: string): readonly string[] {
  const all = path.split("/").filter((segment) => segment !== "");
  const start = all.findIndex((segment) => RESOURCES.has(segment));
  return start === -1 ? [] : all.slice(start);
}

function checkKey(headers: Readonly<Record<string, string>>, apiKey: string | undefined): void {
  const given = headers["api-key"] ?? /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? "")?.[1];
  if (given === undefined || given === "") {
    const message =
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth " +
      "(i.e. Authorization: Bearer YOUR_KEY).";
    throw new ApiError(401, message);
  }
  if (apiKey !== undefined && given !== apiKey) {
    throw new ApiError(401, "Incorrect API key provided.", { code: "invalid_api_key" });
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ApiError(400, `Invalid URL: '${segment}' is not percent-encoded text.`);
  }
}
