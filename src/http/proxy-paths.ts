/** Tells from a request's path what the proxy must do: answer a health check, serve a file or forward the request. */

/** The path of the health check. */
export const HEALTH_PATH = "/healthz";
/** The path below which the proxy serves files. */
export const FILES_PATH = "/files";

/** Returns whether a request is a health check, which the proxy answers itself. */
export function isHealthCheck(method: string, pathname: string): boolean {
  return pathname === HEALTH_PATH && (method === "GET" || method === "HEAD");
}

/**
 * Returns whether the path of a request's target is below `/files`. `target` is the target as the proxy received it, not decoded.
 * The proxy answers all such requests itself. So if a server in front of the proxy lets only `/files` through, no request reaches
 * the API.
 */
export function isFilesTarget(target: string): boolean {
  return /^\/+files(?:\/|$)/.test(receivedPath(target));
}

/** Returns whether a target has `.` or `..` segments. */
export function hasSteps(target: string): boolean {
  return /(?:^|\/)\.{1,2}(?:\/|$)/.test(receivedPath(target));
}

/** Returns the path of a request's target (a path or a URL). Decodes escaped ASCII characters once. Turns each `\` into `/`. */
function receivedPath(target: string): string {
  return target
    .replace(/^[a-z][a-z\d+.-]*:\/\/[^/\\?#]*/i, "")
    .replace(/[?#].*$/s, "")
    .replace(/%([0-7][\da-f])/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll("\\", "/");
}

/** Returns the path and the query of a request. The path has no `..` segments. If the URL is invalid, returns `{}`. */
export function targetOf({ url }: Request): { pathname?: string; search?: string } {
  try {
    return new URL(url);
  } catch {
    return {};
  }
}
