/** Which headers go through a proxy, and which belong to one of its two connections (RFC 9110, 7.6.1). */

const HOP_BY_HOP = new Set(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"]);

/** Whether a header belongs to the connection it came by: `named` are those that its `connection` header lists. */
function isHopByHop(name: string, named: readonly string[]): boolean {
  return HOP_BY_HOP.has(name) || name.startsWith("proxy-") || named.includes(name);
}

function namedIn(connection: string | null): string[] {
  return connection === null ? [] : connection.split(",").map((name) => name.trim().toLowerCase());
}

/** What the connection to the upstream says by itself. `expect` was answered by the server here. */
const ANEW = new Set(["host", "accept-encoding", "expect"]);

/**
 * A request's headers for the upstream. Asked for without an encoding, an answer is as readable as it is for the
 * middleware, and its untouched bytes are the very ones that came. Only of a body that streams is the length known.
 */
export function headersForUpstream(
  headers: Headers,
  { isStream }: { isStream: boolean },
): [string, string][] {
  const named = namedIn(headers.get("connection"));
  const passed: [string, string][] = [["accept-encoding", "identity"]];
  for (const [name, value] of headers) {
    if (isHopByHop(name, named) || ANEW.has(name)) continue;
    if (name === "content-length" && !isStream) continue;
    passed.push([name, value]);
  }
  return passed;
}

/** An answer's headers for the caller. Its length is known where its body is the one that came. */
export function headersForCaller(
  headers: Headers,
  { isRepaired }: { isRepaired: boolean },
): [string, string][] {
  const named = namedIn(headers.get("connection"));
  const passed: [string, string][] = [];
  for (const [name, value] of headers) {
    if (isHopByHop(name, named) || (name === "content-length" && isRepaired)) continue;
    passed.push([name, value]);
  }
  return passed;
}
