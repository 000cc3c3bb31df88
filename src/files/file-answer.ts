/** Builds the responses of the file route: the file under a safe media type, or the reason why the file is not sent. */
import { create as contentDisposition } from "content-disposition";
import mime from "mime";
import type { ContentAnswer } from "./content.js";
import { isPictureType, pictureTypeOf } from "./pictures.js";

/** The headers that are copied from the API's response, because they describe the bytes. */
const PASSED_ON = ["content-length", "content-range", "accept-ranges", "etag", "last-modified"];
/** Media types that a browser shows without running code. All others, such as HTML, SVG and PDF, are downloaded. */
const SHOWN = /^(?:image\/(?:png|jpeg|gif|webp|avif)|(?:audio|video)\/[\w.+-]+|text\/plain)$/;
/** How many bytes from the start of a file are needed to recognize its type. */
const START = 16;

/** Headers of all responses. They keep a browser from running a response as a page or script. */
const SAFE = {
  "content-type": "text/plain; charset=utf-8",
  "x-content-type-options": "nosniff",
  "content-security-policy": "sandbox",
};

/** The status and text of a response without the file. They say why the file is not sent. */
export interface Failure {
  status: number;
  text: string;
  headers?: Record<string, string>;
}

/** Returns the response to a request that gets no file. */
export function refusal({ method }: Request, { status, text, headers }: Failure): Response {
  return new Response(method === "HEAD" ? null : text, {
    status,
    headers: { ...SAFE, "cache-control": "no-store", ...headers },
  });
}

/** Returns the failure for a range that the file does not have. `contentRange` is the header that says the file's length. */
export function outsideFile(contentRange: string | null): Failure {
  const headers = contentRange === null ? {} : { "content-range": contentRange };
  return { status: 416, text: "The file has no such range.", headers };
}

/** Returns the 304 response to a client that already has this version of the file. */
export function unchanged(etag: string): Response {
  const { "content-type": _, ...safe } = SAFE; // without `content-type`, the client keeps the type of its copy
  return new Response(null, { status: 304, headers: { ...safe, "cache-control": "private", etag } });
}

/** Returns the response with the file, under the name `name`. The media type depends on `name` and the file's first bytes. */
export async function fileAnswer(upstream: ContentAnswer, name: string, isHead: boolean): Promise<Response> {
  const { status, body, headers: upstreamHeaders } = upstream;
  const isPart = status === 206;
  const headers = new Headers({ ...SAFE, "cache-control": "private" });
  // The route sends decompressed bytes. The headers of a compressed body count the compressed bytes, so they are not copied.
  if (!upstreamHeaders.has("content-encoding")) {
    for (const header of PASSED_ON) {
      const value = upstreamHeaders.get(header);
      if (value !== null) headers.set(header, value);
    }
  } else if (isPart) {
    await body?.cancel();
    throw new Error(
      "the API sent a range of an encoded body, although the request asked for an unencoded one",
    );
  }
  const { start, whole } = await startOf(body);
  const isFromStart = !isPart || /^bytes 0-/.test(upstreamHeaders.get("content-range") ?? "");
  const type = mediaTypeOf(name, isFromStart ? start : undefined);
  headers.set("content-type", type.startsWith("text/") ? `${type}; charset=utf-8` : type);
  headers.set(
    "content-disposition",
    contentDisposition(name, { type: SHOWN.test(type) ? "inline" : "attachment" }),
  );
  if (!isHead) return new Response(whole, { status: isPart ? 206 : 200, headers });
  whole.cancel().catch(() => {}); // a HEAD request gets no body
  return new Response(null, { headers });
}

/** Reads the first bytes of a body. Returns a text with one character for each of these bytes, and a stream of the whole body. */
async function startOf(body: ReadableStream<Uint8Array> | null) {
  const reader = body?.getReader();
  const chunks: Uint8Array[] = [];
  let start = "";
  while (reader && start.length < START) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    start += String.fromCharCode(...value.subarray(0, START));
  }
  const whole = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = chunks.shift() ?? (await reader?.read())?.value;
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      cancel: (reason) => reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { start, whole };
}

/**
 * Returns the media type of a file by its name and its first bytes (`start`). If `start` is `undefined`, the name alone decides.
 * Otherwise, the type depends on the kind of file:
 *
 * - The bytes alone decide whether a file is an image of a type in pictures.ts.
 * - For an audio or video name, the name decides, because there are too many formats to recognize each by its bytes. Exception:
 *   if the file starts like text, the type is `application/octet-stream`.
 * - For all other names, the name decides.
 */
function mediaTypeOf(name: string, start: string | undefined): string {
  const byName = mime.getType(name) ?? "application/octet-stream";
  if (start === undefined) return byName;
  const isOther = isPictureType(byName) || (/^(?:audio|video)/.test(byName) && !isBinary(start));
  return pictureTypeOf(start) ?? (isOther ? "application/octet-stream" : byName);
}

/** Returns whether the start of a file contains a byte that never occurs in text. */
function isBinary(start: string): boolean {
  return [...start].some((byte) => byte < " " && !"\t\n\f\r\x1b".includes(byte));
}
