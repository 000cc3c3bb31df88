/**
 * Selects the headers that a proxy passes on. Hop-by-hop headers are not passed on: each belongs to one of the proxy's two
 * connections (RFC 9110, 7.6.1).
 */

const HOP_BY_HOP = new Set(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"]);

/** Returns whether a header belongs to one connection. `named` are the headers that the `connection` header lists. */
function isHopByHop(name: string, named: readonly string[]): boolean {
  return HOP_BY_HOP.has(name) || name.startsWith("proxy-") || named.includes(name);
}

/** Returns the names that a `connection` header lists, in lower case. */
function namedIn(connection: string | null): string[] {
  return connection === null ? [] : connection.split(",").map((name) => name.trim().toLowerCase());
}

/** Headers about a body's exact bytes: their length, their hashes and the entity tag. */
const BODY_HEADERS = new Set([
  "content-length",
  "content-digest",
  "repr-digest",
  "digest",
  "content-md5",
  "etag",
]);

/** Deletes the headers that are wrong after the body's bytes have changed. Changes and returns `headers`. */
export function withoutBodyHeaders(headers: Headers): Headers {
  for (const name of BODY_HEADERS) headers.delete(name);
  return headers;
}

/** Request headers that are not passed on. The proxy sets `host` and `accept-encoding` anew, and answers `expect` itself. */
const SET_BY_PROXY = new Set(["host", "accept-encoding", "expect"]);

/**
 * Returns the headers of the request to the upstream. They ask for a response without compression, so that the middleware can read
 * it. If no citation is missing, the middleware can pass the same bytes on. A request body that is not a stream may be changed, so the
 * headers about its bytes are left out.
 */
export function headersForUpstream(
  headers: Headers,
  { isStream }: { isStream: boolean },
): [string, string][] {
  const named = namedIn(headers.get("connection"));
  const passed: [string, string][] = [["accept-encoding", "identity"]];
  for (const [name, value] of headers) {
    if (isHopByHop(name, named) || SET_BY_PROXY.has(name)) continue;
    if (!isStream && BODY_HEADERS.has(name)) continue;
    passed.push([name, value]);
  }
  return passed;
}

/**
 * Returns the headers of the upstream's response that are passed on to the caller. If the body may be repaired, headers about the
 * body's bytes are left out.
 */
export function headersForCaller(
  headers: Headers,
  { isRepaired }: { isRepaired: boolean },
): [string, string][] {
  const named = namedIn(headers.get("connection"));
  const passed: [string, string][] = [];
  for (const [name, value] of headers) {
    if (isHopByHop(name, named) || (isRepaired && BODY_HEADERS.has(name))) continue;
    passed.push([name, value]);
  }
  return passed;
}
