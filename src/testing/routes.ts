import { ApiError } from "./api-error.js";
import type { Call } from "./call.js";
import type { ContainersApi } from "./containers-api.js";
import type { ResponsesApi } from "./responses-api.js";

/** Answers a call; the further arguments are the ids in its path. */
type Handler = (call: Call, first: string, second: string) => Response | Promise<Response>;

interface Route {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

const RESOURCES: ReadonlySet<string> = new Set(["responses", "conversations", "containers", "files"]);

/** The API's paths, each as it stands behind the base URL; `:id` stands for an id. */
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
  };
  return Object.entries(routes).map(([route, handler]) => {
    const [method = "", path = ""] = route.split(" ");
    return { method, segments: path.split("/"), handler };
  });
}

/**
 * Answers a call by its route. Whatever stands before the resource's name is the base URL's path: `/v1`,
 * `/openai/v1`, or none.
 *
 * @param apiKey the only key that is let in; without it any key is.
 */
export function dispatch(
  call: Call,
  routes: readonly Route[],
  apiKey: string | undefined,
): Response | Promise<Response> {
  checkKey(call.recorded.headers, apiKey);
  const { method, path } = call.recorded;
  const all = path.split("/").filter((segment) => segment !== "");
  const start = all.findIndex((segment) => RESOURCES.has(segment));
  const segments = start === -1 ? [] : all.slice(start);
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
