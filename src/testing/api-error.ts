import { isObject } from "./wire.js";

/** An answer that is an error of the API: `{ error: { message, type, param, code } }`. */
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
    // A client would ask again after a 5xx and wait between; what fails here fails the same way each time.
    const headers: Record<string, string> = status >= 500 ? { "x-should-retry": "false" } : {};
    return Response.json({ error: { message, type, param, code } }, { status, headers });
  }
}

interface ErrorFields {
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** A request field of the wrong type, said the way the API says it. */
export function invalidType(param: string, takes: string, got: unknown): ApiError {
  const kind =
    got === null ? "null" : Array.isArray(got) ? "an array" : isObject(got) ? "an object" : typeof got;
  return new ApiError(400, `Invalid type for '${param}': expected ${takes}, but got ${kind} instead.`, {
    param,
    code: "invalid_type",
  });
}

/** Something that is not there, in the words of the API. */
export function notFound(what: string, id: string): ApiError {
  return new ApiError(404, `${what} with id '${id}' not found.`);
}
