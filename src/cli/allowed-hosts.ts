/** Refuses requests by their `Host` and `Origin` headers, to protect the proxy against DNS rebinding. */
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { apiError } from "../http/api-error.js";

/**
 * Matches characters that cannot occur in a host. The URL parser would read only a part of a `Host` header that contains such
 * a character: it would read `evil.example@localhost` as `localhost`.
 */
const NOT_IN_A_HOST = /[\s/?#@\\]/;

/**
 * Returns the host name or address in a `Host` header without its port, in the form that URLs have: `localhost` for
 * `LocalHost:8787`. Returns `undefined` for an invalid header.
 */
export function hostNameIn(host: string): string | undefined {
  return NOT_IN_A_HOST.test(host) ? undefined : hostNameOf(`http://${host}`);
}

function hostNameOf(url: string): string | undefined {
  try {
    return new URL(url).hostname.replace(/\.$/, "");
  } catch {
    return undefined;
  }
}

/**
 * Checks that a request has exactly one `Host` header and that the header is valid (RFC 9112, 3.2). In HTTP/1.0, the header may
 * be missing. Returns a 400 response if the check fails, otherwise `undefined`.
 */
export function refusalForInvalidHost({
  headers: { host },
  rawHeaders,
  httpVersion,
}: IncomingMessage): Response | undefined {
  if (host === undefined) {
    return httpVersion === "1.1" ? badRequest("The request has no Host header.") : undefined;
  }
  if (hostNameIn(host) === undefined) {
    return badRequest("The request's Host header is neither a host name nor an address.");
  }
  const count = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host").length;
  return count > 1 ? badRequest("The request has more than one Host header.") : undefined;
}

function badRequest(message: string): Response {
  return apiError(400, "bad_request", message);
}

/** Returns a 403 response for a request whose host or origin is not allowed, `undefined` for other requests. */
export type HostRule = (request: IncomingMessage) => Response | undefined;

/**
 * Creates the rule for a server that listens on `address`. The server accepts only loopback names, the names in `allowed`, and
 * the name in `also`. There is one exception: if `allowed` is empty, a server on an address that is not a loopback address
 * accepts all names.
 *
 * Without this rule, a web page could use a loopback server: the page's owner can make the page's host name resolve to
 * 127.0.0.1, and the page's requests then reach the server.
 */
export function hostRule(
  { address, family }: AddressInfo,
  allowed: readonly string[],
  also?: string,
): HostRule {
  const bound = hostNameIn(family === "IPv6" ? `[${address}]` : address);
  if (allowed.length === 0 && !isLoopback(bound)) return () => undefined;
  const isAllowed = (name: string | undefined): boolean =>
    isLoopback(name) || (name !== undefined && (name === also || allowed.includes(name)));

  return ({ headers: { host, origin } }) => {
    const hostName = host === undefined ? undefined : hostNameIn(host);
    if (host !== undefined && !isAllowed(hostName)) {
      return apiError(
        403,
        "host_not_allowed",
        `This proxy does not answer requests to the host ${hostName}. ${remedy(hostName)}`,
      );
    }
    // The origin `null` has no host name and is refused, because any page can send it from a sandboxed frame.
    const originName = origin === undefined ? undefined : hostNameOf(origin);
    if (origin !== undefined && !isAllowed(originName)) {
      const message = `This proxy does not answer pages of the origin ${origin}. ${remedy(originName)}`;
      return apiError(403, "origin_not_allowed", message);
    }
    return undefined;
  };
}

function remedy(name: string | undefined): string {
  return name
    ? `To allow it, start the proxy with --allow-host ${name}.`
    : "Serve the page over http from localhost, or from a host that --allow-host names.";
}

function isLoopback(name: string | undefined): boolean {
  if (name === undefined) return false;
  return /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]+\])$/.test(name);
}
