/** Builds the error responses of the proxy itself. */

/** Returns the body of an error of the proxy itself. It has the API's shape, so that clients show its message. */
export function errorBody(status: number, code: string, message: string): { error: object } {
  const type = status < 500 ? "invalid_request_error" : "server_error";
  return { error: { message, type, param: null, code } };
}

/** Returns the HTTP response for an error of the proxy itself. */
export function apiError(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json(errorBody(status, code, message), { status, headers });
}
