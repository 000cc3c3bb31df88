/** Reads the bytes of the files of a model's response: from a container, from a URL or from the response itself. */
import { AbortError } from "p-retry";
import { type GetClient, getterFor, isId } from "../containers/ids.js";
import { type Body, cancelBody, headersOf } from "../containers/retries.js";
import { badInput } from "../errors.js";
import { webStreamOf } from "../http/body.js";
import type { CodeImage, CollectedFile } from "./collect.js";

/**
 * The methods of an OpenAI client that download container files. `retrieve` must percent-encode the ids in the URL, as the SDK
 * does, because ids can contain any characters except control characters.
 */
export interface ContainerContentClient extends GetClient {
  containers: {
    files: {
      content: {
        retrieve(
          fileId: string,
          params: { container_id: string },
          options: {
            signal?: AbortSignal;
            headers?: Record<string, string>;
            maxRetries?: number;
            fetchOptions?: { redirect: "manual" };
          },
        ): PromiseLike<Response>;
      };
    };
  };
}

/** Throws a `TypeError` unless `client` can download container files. */
export function checkContentClient(client: unknown): asserts client is ContainerContentClient {
  const { containers } = Object(client) as Partial<ContainerContentClient>;
  if (typeof containers?.files?.content?.retrieve === "function") return;
  throw badInput("client", "an OpenAI client, with containers.files.content.retrieve", client);
}

/** The ids of a container file. */
interface FileIds {
  containerId: string;
  fileId: string;
}

/** The properties of an HTTP response that are needed to read a file. */
export interface ContentAnswer extends Pick<Response, "ok" | "status" | "headers"> {
  body: ReadableStream<Uint8Array> | null;
}

/**
 * Requests the bytes of a container file and returns the HTTP response. The response's body is always a web stream: the
 * Node.js stream of a client with node-fetch is converted. If the API answers with an error status, the SDK throws an error.
 * Other clients may return the response. The response to a redirected request is returned, even with an error status.
 *
 * If the API redirects the request, this function sends a second request, without the client's credentials. If `fetch`
 * followed the redirect itself, it would send all headers of the client except `authorization` to the other origin.
 */
async function retrieveContent(
  client: ContainerContentClient,
  { containerId, fileId }: FileIds,
  options: { signal?: AbortSignal; headers?: Record<string, string>; maxRetries?: number },
): Promise<ContentAnswer> {
  const request = Promise.resolve(
    requestContent(client, { containerId, fileId }, { ...options, fetchOptions: { redirect: "manual" } }),
  );
  const answer: unknown = await request.catch((error: unknown) => error); // the SDK throws unless the status is 2xx
  const location = redirectOf(answer);
  if (location === undefined) return withWebStream(notEmpty(await request));
  cancelBody(Object(answer).body ?? null); // an error of the SDK has no body
  const { signal, headers } = options;
  return notEmpty(
    await fetch(location, { ...(signal && { signal }), ...(headers && { headers }), credentials: "omit" }),
  );
}

type ContentOptions = Parameters<ContainerContentClient["containers"]["files"]["content"]["retrieve"]>[2];

function requestContent(
  client: ContainerContentClient,
  { containerId, fileId }: FileIds,
  options: ContentOptions,
): PromiseLike<Response> {
  const { content } = client.containers.files;
  const get = getterFor(client, [containerId, fileId]);
  if (!get) return content.retrieve(fileId, { container_id: containerId }, options);
  const path = `/containers/${encodeURIComponent(containerId)}/files/${encodeURIComponent(fileId)}/content`;
  const headers = { accept: "application/binary", ...options.headers };
  // `__binaryResponse` is an internal option of the SDK. With this option, the SDK does not parse the response's body.
  const answer = get(path, { ...options, headers, __binaryResponse: true }) as ReturnType<
    typeof content.retrieve
  >;
  // A wrapped client may return a promise without `asResponse`.
  const { asResponse } = answer as { asResponse?: () => Promise<Response> };
  return asResponse ? asResponse.call(answer) : answer;
}

/** Returns the response with a web stream as its body, and with its headers as an instance of the global `Headers`. */
function withWebStream(answer: Response): ContentAnswer {
  if (answer instanceof Response) return answer;
  const { ok, status, headers, body } = answer as Omit<Response, "body"> & { body: Body | null };
  return { ok, status, headers: headersOf(headers) ?? new Headers(), body: body && webStreamOf(body) };
}

/** Headers that ask for an unencoded body. The length and the ranges of an encoded body are not those of the file. */
const UNENCODED = { "accept-encoding": "identity" };

/**
 * Requests a container file for the file route. If the status is not 2xx, throws either the client's error or the HTTP
 * response (see {@link retrieveContent}).
 */
export async function retrieveFile(
  client: ContainerContentClient,
  file: FileIds,
  { headers, signal }: { headers: Record<string, string>; signal: AbortSignal },
): Promise<ContentAnswer> {
  const answer = await retrieveContent(client, file, { headers: { ...UNENCODED, ...headers }, signal });
  if (answer.ok) return answer;
  await answer.body?.cancel();
  throw answer;
}

/**
 * Returns the HTTP response. Throws if the status is 204, because a 204 response has no body. The SDK returns `null` for a 204
 * response.
 */
function notEmpty(answer: Response | null): Response {
  if (answer && answer.status !== 204) return answer;
  throw Object.assign(new Error("the API answered 204 instead of sending the file"), { status: 204 });
}

/**
 * Returns the URL that a redirect leads to, or `undefined` if there is no redirect. `answer` is an HTTP response, or the error
 * that the SDK threw.
 */
function redirectOf(answer: unknown): string | undefined {
  const { status, headers } = Object(answer) as { status?: unknown; headers?: unknown };
  const isRedirect = typeof status === "number" && status >= 300 && status < 400;
  const location = (isRedirect && headersOf(headers)?.get("location")) || "";
  return /^https?:/i.test(location) && URL.canParse(location) ? location : undefined;
}

/** The bytes of a file. */
export interface Content {
  body: ReadableStream<Uint8Array>;
  /** The length in bytes, if it is known. */
  total: number | undefined;
}

/**
 * Returns whether the model's response itself contains the file's bytes. To read these bytes, no request is sent. So a retry
 * would not help.
 */
export function isInline(file: CollectedFile): boolean {
  return file.kind === "generated-image" || (file.kind === "code-image" && /^data:/i.test(file.url));
}

/**
 * Opens a file and returns its bytes as a stream. If the server answered with an error, the thrown error has the `status` and
 * `headers` of that HTTP response.
 */
export async function openFile(
  client: ContainerContentClient,
  file: CollectedFile,
  signal: AbortSignal | undefined,
): Promise<Content> {
  if (file.kind === "generated-image") return ofBase64(file.base64);
  if (file.kind === "code-image" && isInline(file)) return ofDataUrl(file.url);
  const response = await download(client, file, signal);
  const { status, headers, body } = response;
  if (!response.ok) {
    await body?.cancel();
    throw Object.assign(new Error(`the server answered ${status}`), { status, headers });
  }
  // If the body is compressed, `content-length` counts the compressed bytes. So it does not give the file's length.
  const length = headers.has("content-encoding") ? null : headers.get("content-length");
  return {
    body: body ?? new Blob().stream(),
    total: length !== null && /^\d+$/.test(length) ? Number(length) : undefined,
  };
}

function download(
  client: ContainerContentClient,
  file: CollectedFile,
  signal: AbortSignal | undefined,
): Promise<ContentAnswer> {
  const abort = signal && { signal };
  if (file.kind !== "container-file") {
    return fetch((file as CodeImage).url, { ...abort, credentials: "omit" });
  }
  if (!isId(file.containerId) || !isId(file.fileId)) {
    throw new AbortError("the citation's container_id or file_id is not a valid id");
  }
  // `copyFile` does the retries, so the client must not retry too.
  return retrieveContent(client, file, { ...abort, maxRetries: 0 });
}

/** How many characters of base64 are decoded at once. Must be a multiple of 4. */
const BASE64_PIECE = 64 * 1024;

/** Returns the bytes of base64 as a stream that decodes piece by piece. */
function ofBase64(given: string): Content {
  const base64 = /\s/.test(given) ? given.replace(/\s+/g, "") : given;
  let at = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at >= base64.length) return controller.close();
        const piece = atob(base64.slice(at, at + BASE64_PIECE));
        at += BASE64_PIECE;
        controller.enqueue(Uint8Array.from(piece, (character) => character.charCodeAt(0)));
      },
    },
    { highWaterMark: 0 },
  );
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return { body, total: Math.floor((base64.length * 3) / 4) - padding };
}

function ofDataUrl(url: string): Content {
  const comma = url.indexOf(",");
  if (comma < 0) throw new AbortError("the data: URL has no comma, and so no data");
  const data = url.slice(comma + 1);
  if (/; *base64$/i.test(url.slice(0, comma))) {
    return ofBase64(data.includes("%") ? new TextDecoder().decode(percentDecoded(data)) : data);
  }
  const bytes = percentDecoded(data);
  return { body: new Blob([bytes]).stream(), total: bytes.length };
}

/** Percent-decodes text to bytes. As the URL standard says, an invalid percent sequence is kept as it is. */
function percentDecoded(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === 0x25 ? String.fromCharCode(...bytes.subarray(at + 1, at + 3)) : "";
    const isEscape = /^[\da-f]{2}$/i.test(hex);
    bytes[length++] = isEscape ? Number.parseInt(hex, 16) : bytes[at]!;
    if (isEscape) at += 2;
  }
  return bytes.slice(0, length);
}
