/** Emulates a gateway in front of OpenAI's API. Each option adds one difference from the API. */
import { ApiError } from "./api-error.js";
import type { Call } from "./call.js";
import {
  atLeast,
  type Checks,
  checkOptions,
  isBoolean,
  isFunction,
  isStringRecord,
} from "./check-options.js";
import type { ListPage } from "./paging.js";
import { describe, toBase64 } from "./wire.js";

/**
 * How a gateway differs from OpenAI's own API. Each option is one difference, and options can be combined freely.
 * `docs/gateways.md` lists the differences that each gateway documents.
 *
 * ```ts
 * const liteLLM = createResponsesEmulator({ gateway: { ids: "litellm", nativeIdsInLists: true } });
 * const openRouter = createResponsesEmulator({
 *   gateway: { ids: "openrouter", relativePaths: true, emptyPages: 1 },
 * });
 * const azure = createResponsesEmulator({ gateway: { requiredQuery: { "api-version": "preview" } } });
 * ```
 */
export interface GatewayOptions {
  /**
   * The form of the gateway's ids of containers, files and responses. Requests must use these ids; OpenAI's native ids
   * are unknown to the gateway. Default: the native ids.
   *
   * - `"litellm"`: `cntr_` or `resp_`, then the provider, the deployment and the native id in standard base64. A
   *   container's id has 241 characters. Files keep their native ids.
   * - `"openrouter"`: `sess_` and hex digits for containers, `cfile_` and the path below `/mnt/data` in base64url for files.
   *   Responses keep their native ids.
   * - A function that returns the gateway's id for a native id. A native id begins with `cntr_`, `cfile_` or `resp_`. For a file,
   *   the function also gets the file's absolute path. The function must never return an empty id, or the same id for two
   *   containers.
   *
   * ```ts
   * createResponsesEmulator({ gateway: { ids: (nativeId) => nativeId.replace("cntr_", "sbx/pod ") } });
   * ```
   */
  readonly ids?: "litellm" | "openrouter" | ((nativeId: string, path?: string) => string);
  /**
   * If true, the `container_id` of a listed file is the native id (OpenAI's own id of the container). Gateways that
   * forward OpenAI's list unchanged do this. Requires `ids`. If false (the default), the `container_id` is the gateway's id of the
   * container.
   */
  readonly nativeIdsInLists?: boolean;
  /** If true, listed files have paths relative to `/mnt/data`, such as `out/report.csv`. Default false: absolute paths. */
  readonly relativePaths?: boolean;
  /**
   * Query parameters that a request must have, such as `{ provider: "openai" }` or `{ "api-version": "preview" }`. A
   * request that lacks one of them gets 400, and a request with another value gets 404. `POST …/responses` does not need
   * these parameters, because its `model` names the provider. Default: none.
   */
  readonly requiredQuery?: Readonly<Record<string, string>>;
  /**
   * How many empty pages precede each page of a container's list. An empty page has `has_more: true`, and its `last_id` is
   * the cursor for `after`. The cursor is not the id of a file and contains characters that must be URL-encoded. Default 0.
   */
  readonly emptyPages?: number;
  /**
   * How a gateway without containers answers `/containers` and every path below it: `"missing"` with 404,
   * `"unsupported"` with 400 and Azure's `get-container not supported`. Default: the gateway supports containers.
   */
  readonly containerRoutes?: "missing" | "unsupported";
}

const CHECKS: Checks<GatewayOptions> = {
  ids: [
    (value) => value === "litellm" || value === "openrouter" || isFunction(value),
    '"litellm", "openrouter" or a function',
  ],
  nativeIdsInLists: [isBoolean, "a boolean"],
  relativePaths: [isBoolean, "a boolean"],
  requiredQuery: [isStringRecord, "an object of strings by parameter"],
  emptyPages: [atLeast(0), "a whole number of pages, 0 or more"],
  containerRoutes: [(value) => value === "missing" || value === "unsupported", '"missing" or "unsupported"'],
};

type WriteId = (nativeId: string, path?: string) => string;

const ROOT = "/mnt/data/";
/** LiteLLM identifies a deployment by the hash of its configuration. */
const DEPLOYMENT = "4e1f".repeat(16);

const FORMS: Readonly<Record<"litellm" | "openrouter", WriteId>> = {
  litellm(nativeId) {
    const [prefix] = nativeId.split("_");
    const field = { cntr: "container_id", resp: "response_id" }[prefix ?? ""];
    if (field === undefined) return nativeId;
    return `${prefix}_${btoa(`litellm:custom_llm_provider:openai;model_id:${DEPLOYMENT};${field}:${nativeId}`)}`;
  },
  openrouter(nativeId, path) {
    if (path === undefined) return nativeId.replace(/^cntr_/, "sess_");
    const base64 = toBase64(new TextEncoder().encode(belowRoot(path)));
    return `cfile_${base64
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replace(/={1,2}$/, "")}`;
  },
};

/** Matches the cursor of an empty page. `scan/2=cfile_7` means that `cfile_7` was followed by 2 empty pages. */
const CURSOR = /^scan\/(\d+)=(.*)$/s;

const NOT_SUPPORTED =
  "ApiId openai-api-2025-03-01-preview OperationId get-container not supported for CheckAccess.";

/** Applies the differences between a gateway and the API. Without options, there are no differences. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #writeId: WriteId;

  /** @throws TypeError if an option is unknown or has an invalid value. */
  constructor(options: GatewayOptions = {}) {
    checkOptions(options, CHECKS, "The option gateway", "gateway.");
    const { ids = (nativeId: string) => nativeId, nativeIdsInLists } = options;
    if (nativeIdsInLists && options.ids === undefined) {
      throw new TypeError(
        "The option gateway.nativeIdsInLists needs the option gateway.ids: without it, all ids are native.",
      );
    }
    this.#options = options;
    this.#writeId = typeof ids === "function" ? ids : FORMS[ids];
  }

  /**
   * Returns the id that clients see instead of a native id (OpenAI's own id).
   *
   * @param path the file's path, if `nativeId` is the id of a file.
   * @throws ApiError 500 if `gateway.ids` fails.
   */
  idOf(nativeId: string, path?: string): string {
    const id = this.#tryWriteId(nativeId, path);
    if (typeof id === "string" && id !== "") return id;
    throw idsFailed(`It must return a non-empty string for ${nativeId}, got ${describe(id)}.`);
  }

  /** Returns the `container_id` of the container's listed files. */
  containerIdInLists(container: { readonly id: string; readonly nativeId: string }): string {
    return this.#options.nativeIdsInLists ? container.nativeId : container.id;
  }

  /** Converts a file's absolute path to the `path` that the gateway's lists contain. */
  pathInLists(path: string): string {
    return this.#options.relativePaths ? belowRoot(path) : path;
  }

  /**
   * Checks whether the gateway accepts a request.
   *
   * @param route the request's path, starting at the resource's name.
   * @throws ApiError with the gateway's error if it refuses the request.
   */
  checkRequest({ recorded: { method, path }, query }: Call, route: string): void {
    const { containerRoutes, requiredQuery = {} } = this.#options;
    if (containerRoutes !== undefined && /^containers(?:\/|$)/.test(route)) {
      throw containerRoutes === "missing"
        ? new ApiError(404, `Invalid URL (${method} ${path})`)
        : new ApiError(400, NOT_SUPPORTED);
    }
    if (method === "POST" && route === "responses") return;
    for (const [param, value] of Object.entries(requiredQuery)) {
      if (!query.has(param)) {
        const code = "missing_required_parameter";
        throw new ApiError(400, `Missing required query parameter: '${param}'.`, { param, code });
      }
      if (query.get(param) !== value) {
        throw new ApiError(404, `Nothing found at '${path}' for ${param} '${query.get(param)}'.`, { param });
      }
    }
  }

  /**
   * Returns a page of a container's list: one of the gateway's empty pages, or a page from `list`.
   *
   * @param list returns a page of the API's list for a query. The query never has the cursor of an empty page.
   */
  page<Entry>(query: URLSearchParams, list: (query: URLSearchParams) => ListPage<Entry>): ListPage<Entry> {
    const { emptyPages = 0 } = this.#options;
    if (emptyPages === 0) return list(query);
    const cursor = query.get("after") ?? "";
    const [, count = "0", after = cursor] = CURSOR.exec(cursor) ?? [];
    if (Number(count) < emptyPages) {
      const last_id = `scan/${Number(count) + 1}=${after}`;
      return { object: "list", data: [], first_id: "", has_more: true, last_id };
    }
    const listQuery = new URLSearchParams(query);
    listQuery.delete("after");
    if (after !== "") listQuery.set("after", after);
    return list(listQuery);
  }

  #tryWriteId(nativeId: string, path: string | undefined): unknown {
    try {
      return this.#writeId(nativeId, path);
    } catch (error) {
      throw idsFailed(String(error));
    }
  }
}

/** Returns the error for a faulty `gateway.ids`. The error says what failed, because the user's own test sets this option. */
export function idsFailed(reason: string): ApiError {
  return new ApiError(500, `The option gateway.ids failed. ${reason}`, { type: "server_error" });
}

function belowRoot(path: string): string {
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}
