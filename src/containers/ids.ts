/** Checks the ids of containers, files and responses. */

/** Matches valid ids. OpenRouter documents the longest ids: 512 characters. `\p{Cs}` is half of a surrogate pair. */
const ID = /^[^\p{Cc}\p{Cs}]{1,512}$/u;

/**
 * Returns whether `id` is a valid id: 1 to 512 characters, without control characters. Gateways send many kinds of ids: base64
 * with `/` and `=`, paths, names with spaces. An id is invalid if `encodeURIComponent` cannot encode it, or if a URL with the
 * encoded id leads to another path.
 *
 * Encode even a valid id with `encodeURIComponent` before you put it into a URL.
 */
export function isId(id: unknown): id is string {
  return typeof id === "string" && ID.test(id) && !isDotSegment(id);
}

/** Returns whether `id` is `.` or `..`. A URL parser resolves these path segments, even if they are percent-encoded. */
export function isDotSegment(id: unknown): id is string {
  return id === "." || id === "..";
}

/** Matches the characters that `encodeURIComponent` encodes, but the SDK leaves as they are. */
const UNENCODED_BY_SDK = /[$&+,:;=@]/;

/** A client that may have a method for requests to any path of the API. The SDK's clients have this method. */
export interface GetClient {
  /**
   * Requests `path`, which is relative to the client's base URL. If a client has no `get`, the library calls the client's other
   * methods. Those methods encode the ids in the URL.
   */
  get?(path: string, options: object): unknown;
}

/**
 * Returns the client's `get` if one of the `ids` contains a character that the SDK's other methods leave unencoded, such as `+`.
 * Some gateways read a `+` in a path as a space. With `get`, the library encodes the path itself and avoids this error.
 * Returns `undefined` if `get` is not needed or the client has none.
 */
export function getterFor(client: GetClient, ids: readonly string[]): GetClient["get"] {
  if (typeof client.get !== "function" || !ids.some((id) => UNENCODED_BY_SDK.test(id))) return undefined;
  return client.get.bind(client);
}
