/** Creates the errors that the emulated API answers with. */
import { isObject } from "./wire.js";

/** An error of the API, sent with an HTTP status as `{ error: { message, type, param, code } }`. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;

  constructor(
    status: number,
    message: string,
    { type = "invalid_request_error", param = null, code = null }: ErrorFields = {},
  ) {
    super(message);
    this.status = status;
    this.type = type;
    this.param = param;
    this.code = code;
  }

  toResponse(): Response {
    const { message, type, param, code, status } = this;
    // Forbids retries after a 5xx: the emulator would fail in the same way again.
    const headers: Record<string, string> = status >= 500 ? { "x-should-retry": "false" } : {};
    return Response.json({ error: { message, type, param, code } }, { status, headers });
  }
}

interface ErrorFields {
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** Returns the API's error for a request field of the wrong type. */
export function invalidType(param: string, takes: string, got: unknown): ApiError {
  const kind =
    got === null ? "null" : Array.isArray(got) ? "an array" : isObject(got) ? "an object" : typeof got;
  return new ApiError(400, `Invalid type for '${param}': expected ${takes}, but got ${kind} instead.`, {
    param,
    code: "invalid_type",
  });
}

/** Returns the API's 404 error for a resource that does not exist. */
export function notFound(what: string, id: string): ApiError {
  return new ApiError(404, `${what} with id '${id}' not found.`);
}
