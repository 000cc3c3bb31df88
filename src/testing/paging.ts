/** Cuts a list into the pages that the API sends. */
import { ApiError } from "./api-error.js";

/** A page of a list in the API's format. */
export interface ListPage<Entry> {
  readonly object: "list";
  readonly data: readonly Entry[];
  readonly first_id: string;
  readonly has_more: boolean;
  readonly last_id: string;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/**
 * Returns the page that a list request asks for. The query may have `limit` (1 to 100, default 20), `after` (the id of
 * the last entry before the page) and `order` (default `desc`).
 *
 * @param entries all entries, oldest first.
 * @param indexOf returns the index of an id in `entries`, or -1.
 * @throws ApiError 400 if a parameter is invalid.
 */
export function page<Entry extends { readonly id: string }>(
  entries: readonly Entry[],
  query: URLSearchParams,
  indexOf = (id: string): number => entries.findIndex((entry) => entry.id === id),
): ListPage<Entry> {
  const limit = readLimit(query.get("limit"));
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") {
    throw new ApiError(400, `Invalid value: '${order}'. Supported values are: 'asc' and 'desc'.`, {
      param: "order",
      code: "invalid_value",
    });
  }
  const after = query.get("after");
  const found = after === null ? 0 : indexOf(after);
  if (found === -1) {
    throw new ApiError(400, `Invalid 'after': no entry with id '${after}' in this list.`, {
      param: "after",
      code: "invalid_value",
    });
  }
  // How many entries come before the page in the requested order. Lists can be long, so only the page's entries are reversed.
  const before = after === null ? 0 : order === "asc" ? found + 1 : entries.length - found;
  const last = entries.length - before;
  const data =
    order === "asc"
      ? entries.slice(before, before + limit)
      : entries.slice(Math.max(0, last - limit), last).reverse();
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? "",
    has_more: before + limit < entries.length,
    last_id: data.at(-1)?.id ?? "",
  };
}

function readLimit(text: string | null): number {
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  const [expected, code] = Number.isNaN(limit)
    ? ["expected an integer", "invalid_type"]
    : limit < 1
      ? ["expected a value >= 1", "integer_below_min_value"]
      : [`expected a value <= ${MAX_LIMIT}`, "integer_above_max_value"];
  throw new ApiError(400, `Invalid 'limit': ${expected}, but got ${text} instead.`, { param: "limit", code });
}
