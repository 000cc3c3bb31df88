/** The body of an error of the proxy itself, in the shape of the API's: clients show its message. */
export function errorBody(status: number, code: string, message: string): { error: object } {
  const type = status < 500 ? "invalid_request_error" : "server_error";
  return { error: { message, type, param: null, code } };
}

export function apiError(status: number, code: string, message: string): Response {
  return Response.json(errorBody(status, code, message), { status });
}
