/** Records and parses the requests to the emulator. */
import { ApiError } from "./api-error.js";
import { isObject, type JsonObject } from "./wire.js";

/** A request that the emulator received. */
export interface RecordedRequest {
  /** In upper case. */
  readonly method: string;
  /** The URL's path, without query. */
  readonly path: string;
  /** The whole URL. */
  readonly url: string;
  /** The headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed JSON body, or the text if it is not valid JSON. `undefined` for an empty or multipart body. */
  readonly body: unknown;
}

/** A recorded request, with methods for handlers to read its body. */
export class Call {
  readonly recorded: RecordedRequest;
  readonly query: URLSearchParams;
  readonly signal: AbortSignal | undefined;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #isBadJson: boolean;

  private constructor(
    recorded: RecordedRequest,
    bytes: Uint8Array<ArrayBuffer>,
    isBadJson: boolean,
    signal: AbortSignal | undefined,
  ) {
    this.recorded = recorded;
    this.query = new URL(recorded.url).searchParams;
    this.signal = signal;
    this.#bytes = bytes;
    this.#isBadJson = isBadJson;
  }

  static async read(request: Request, signal: AbortSignal | undefined): Promise<Call> {
    const bytes = new Uint8Array(await request.arrayBuffer());
    const headers = Object.fromEntries(request.headers);
    const { body, isBadJson } = readBody(bytes, headers);
    const path = new URL(request.url).pathname;
    const recorded = { method: request.method.toUpperCase(), path, url: request.url, headers, body };
    return new Call(recorded, bytes, isBadJson, signal);
  }

  /** Returns the JSON body, or `{}` if the request has no body. */
  json(): unknown {
    if (this.#isBadJson) {
      throw new ApiError(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP " +
          "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
      );
    }
    return this.recorded.body ?? {};
  }

  jsonObject(): JsonObject {
    const body = this.json();
    if (isObject(body)) return body;
    throw new ApiError(400, "Invalid body: expected an object.", { code: "invalid_type" });
  }

  get isUpload(): boolean {
    return isMultipart(this.recorded.headers);
  }

  /** Returns the fields of a multipart body. */
  async form(): Promise<FormData> {
    if (!this.isUpload) throw new ApiError(400, "Expected a multipart/form-data body.");
    const headers = { "content-type": this.recorded.headers["content-type"] ?? "" };
    try {
      return await new Response(this.#bytes, { headers }).formData();
    } catch (error) {
      throw new ApiError(400, `Could not parse the multipart form: ${String(error)}`);
    }
  }
}

function readBody(bytes: Uint8Array, headers: Readonly<Record<string, string>>) {
  if (bytes.byteLength === 0 || isMultipart(headers)) return { body: undefined, isBadJson: false };
  const text = new TextDecoder().decode(bytes);
  try {
    const body: unknown = JSON.parse(text);
    return { body, isBadJson: false };
  } catch {
    return { body: text, isBadJson: true };
  }
}

function isMultipart(headers: Readonly<Record<string, string>>): boolean {
  return headers["content-type"]?.startsWith("multipart/form-data") ?? false;
}
