/** Links that a browser can open without the API key: signed, for a while. `openai-file-citations/route` */
import { create as contentDisposition } from "content-disposition";
import mime from "mime";
import { badInput, checkNames, isRecord } from "../bad-input.js";
import { withoutWords } from "../responses/answer-error.js";
import { isId } from "../responses/ids.js";
import { tell } from "../tell.js";
import type { ContainerFile, ContainerFileCitation } from "../types.js";
import type { CitedFile } from "./collect.js";
import { type ContainerContentClient, retrieveContent } from "./content.js";
import { isPictureType, pictureTypeOf } from "./pictures.js";
import { safeName } from "./safe-name.js";
import { keysOf, type LinkedFile, signed, verified } from "./signed-link.js";

export type { ContainerContentClient };

/** Options of {@link createFileRoute}. */
export interface FileRouteOptions {
  /**
   * What the links are signed with: 32 bytes or more that nobody can guess (`openssl rand -base64 32`). Of several, the
   * first signs and all are taken, so that a new one can be put before the old one until the old one's links have expired.
   */
  secret: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Where the handler is mounted, as the browser sees it: a path, or a URL. Default `"/files"`. */
  basePath?: string | undefined;
  /** How long a link opens, in seconds. Default 1200: a container that is left alone lives no longer. */
  expiresIn?: number | undefined;
  /**
   * Told why a file could not be passed on, when it is not because its container expired. What it throws, or rejects with,
   * is ignored. Default `console.error`.
   */
  onError?: ((error: unknown) => unknown) | undefined;
}

/** What {@link createFileRoute} gives. */
export interface FileRoute {
  /**
   * Answers a link's `GET` or `HEAD`, whatever stands before the link's last segment, and with a slash behind it. It never rejects, and answers
   *
   * - 200 with the file, or 206 with the `Range` of it that was asked for, if the API does ranges;
   * - 403 for a link that was not signed here or was changed, 410 for one that has expired;
   * - 410 when the container has expired or the file in it is gone;
   * - 503 when the API has had too many requests, 502 when it fails in another way;
   * - 405 for another method, 416 for a range that the file does not have.
   */
  handler: (request: Request) => Promise<Response>;
  /** The link to a file: of a citation, of what `collectFiles` found, or of a container's list. */
  urlFor: (file: ContainerFileCitation | CitedFile | ContainerFile) => Promise<string>;
}

/** One range: several would be answered with a body that is no file. */
const RANGE = /^bytes=(?:\d+-\d*|-\d+)$/;
/** What the API's answer says of the bytes. */
const PASSED_ON = ["content-length", "content-range", "accept-ranges", "etag", "last-modified"];
/** Shown by a browser without running anything in it. All else, HTML, SVG and PDF among it, is downloaded. */
const SHOWN = /^(?:image\/(?:png|jpeg|gif|webp|avif)|(?:audio|video)\/[\w.+-]+|text\/plain)$/;
/** How many bytes tell what kind of file it is. */
const START = 16;

/**
 * Makes links to container files, and answers them: the file streams from the API through your server to the browser,
 * which needs no API key. A link is signed over container, file, name and expiry; nothing else is ever fetched. Who has
 * a link can open it.
 *
 * The answer has the media type that name and bytes agree on, and `Content-Disposition`. It is never run as a page of
 * yours: `Content-Security-Policy: sandbox`, `X-Content-Type-Options: nosniff`; only pictures whose bytes say that they are some, sound
 * and video whose bytes are none of a text, and plain text are shown inline.
 *
 * @throws {TypeError} when `client` is none, `secret` is too short, or an option is wrong.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { collectFiles, withFileCitations } from "openai-file-citations";
 * import { createFileRoute } from "openai-file-citations/route";
 *
 * const client = withFileCitations(new OpenAI());
 * const files = createFileRoute(client, { secret: process.env.FILES_SECRET!, basePath: "/files" });
 *
 * export const GET = files.handler; // app/files/[token]/route.ts in Next.js, app.get("/files/:token", …) elsewhere
 *
 * const response = await client.responses.retrieve("resp_123");
 * for (const file of collectFiles(response)) {
 *   if (file.kind === "container-file") console.log(await files.urlFor(file)); // /files/eyJhbGciOiJIUzI1NiJ9.…
 * }
 * ```
 */
export function createFileRoute(client: ContainerContentClient, options: FileRouteOptions): FileRoute {
  if (typeof client?.containers?.files?.content?.retrieve !== "function") {
    throw badInput("client", "an OpenAI client, with containers.files.content.retrieve", client);
  }
  if (!isRecord(options)) throw badInput("options", "an object with secret", options);
  checkNames(options, ["secret", "basePath", "expiresIn", "onError"]);
  const {
    basePath = "/files",
    expiresIn = 1200,
    onError = (error: unknown) => console.error(error),
  } = options;
  const keys = keysOf(options.secret);
  if (typeof basePath !== "string" || !/^(?:\/|https?:\/\/[^/])[^?#]*$/.test(basePath)) {
    throw badInput("options.basePath", "a path or a URL, without a query", basePath);
  }
  if (!(typeof expiresIn === "number" && expiresIn > 0 && Number.isFinite(expiresIn))) {
    throw badInput("options.expiresIn", "a number of seconds above 0", expiresIn);
  }
  if (typeof onError !== "function") throw badInput("options.onError", "a function", onError);

  async function urlFor(file: ContainerFileCitation | CitedFile | ContainerFile): Promise<string> {
    const token = await signed(linkedFile(file), keys[0]!, expiresIn);
    return `${basePath.replace(/\/+$/, "")}/${token}`;
  }

  async function handler(request: Request): Promise<Response> {
    const { method, url, headers } = request;
    const isHead = method === "HEAD";
    const refuse = (status: number, text: string, more: Record<string, string> = {}): Response =>
      new Response(isHead ? null : text, {
        status,
        headers: { ...SAFE, "cache-control": "no-store", ...more },
      });
    if (method !== "GET" && !isHead) return refuse(405, "GET and HEAD only", { allow: "GET, HEAD" });

    const file = await verified(url.replace(/\/?(?:[?#].*)?$/s, "").replace(/^.*\//s, ""), keys);
    if (file === "expired") return refuse(410, "This link has expired.");
    if (file === "forged") return refuse(403, "This link is not valid.");

    try {
      const upstream = await retrieveContent(client, file, {
        headers: { ...AS_IT_IS, ...(!isHead && rangeOf(headers)) },
        signal: request.signal,
      });
      if (!upstream.ok) {
        await upstream.body?.cancel();
        throw upstream;
      }
      return await fileAnswer(upstream, file.name, isHead);
    } catch (error) {
      const { status, text, headers: more } = failureOf(error);
      if (status >= 500 && !request.signal.aborted) tell(onError, withoutWords(error));
      return refuse(status, text, more);
    }
  }

  return { handler, urlFor };
}

/** What the browser is told when the API did not give the file: never the API's own words. */
function failureOf(error: unknown): { status: number; text: string; headers?: Record<string, string> } {
  const { status, headers } = Object(error) as { status?: unknown; headers?: unknown };
  const said = new Headers(headers instanceof Headers ? headers : undefined);
  switch (status) {
    case 404:
      return { status: 410, text: "This file is gone: its container has expired." };
    case 416: {
      const size = said.get("content-range");
      return {
        status: 416,
        text: "The file has no such range.",
        ...(size !== null && { headers: { "content-range": size } }),
      };
    }
    case 429:
      return {
        status: 503,
        text: "Too many requests.",
        headers: { "retry-after": said.get("retry-after") ?? "1" },
      };
    default:
      return { status: 502, text: "The file cannot be had right now." };
  }
}

function linkedFile(file: unknown): LinkedFile {
  if (isRecord(file)) {
    const containerId = file.containerId ?? file.container_id;
    const fileId = file.fileId ?? file.file_id ?? file.id;
    const name = file.filename ?? file.path ?? fileId;
    if (isId(containerId) && isId(fileId)) return { containerId, fileId, name: safeName(String(name)) };
  }
  throw badInput("file", "a container file's citation, or such a file of collectFiles or a list", file);
}

/** Of an encoded body nobody knows the length, nor a range. */
const AS_IT_IS = { "accept-encoding": "identity" };

/** The range that a request asks for, for the API. */
function rangeOf(headers: Headers): Record<string, string> {
  const range = headers.get("range") ?? "";
  const condition = headers.get("if-range");
  return RANGE.test(range) ? { range, ...(condition !== null && { "if-range": condition }) } : {};
}

/** No answer is ever read as something that a browser would run. */
const SAFE = {
  "content-type": "text/plain; charset=utf-8",
  "x-content-type-options": "nosniff",
  "content-security-policy": "sandbox",
};

async function fileAnswer(upstream: Response, name: string, isHead: boolean): Promise<Response> {
  const { status, body, headers: said } = upstream;
  const isPart = status === 206;
  const headers = new Headers({ ...SAFE, "cache-control": "private" });
  // Sizes and ranges of an encoded body are not those of the bytes that come out of it here.
  if (!said.has("content-encoding")) {
    for (const header of PASSED_ON) {
      const value = said.get(header);
      if (value !== null) headers.set(header, value);
    }
  } else if (isPart) {
    await body?.cancel();
    throw new Error("the API sent a range of an encoded body");
  }
  const { start, whole } = await startOf(body);
  const isFromStart = !isPart || /^bytes 0-/.test(said.get("content-range") ?? "");
  const type = mediaTypeOf(name, isFromStart ? start : undefined);
  headers.set("content-type", type.startsWith("text/") ? `${type}; charset=utf-8` : type);
  headers.set(
    "content-disposition",
    contentDisposition(name, { type: SHOWN.test(type) ? "inline" : "attachment" }),
  );
  if (!isHead) return new Response(whole, { status: isPart ? 206 : 200, headers });
  whole.cancel().catch(() => {}); // only the head was asked for
  return new Response(null, { headers });
}

/** A body's first bytes, one character each, and the same body with them. */
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
 * What name and bytes agree on. A picture is one by its bytes, whatever its name, and never by its name alone; sound and
 * video have many forms, but in none of them does a file begin as a text does.
 */
function mediaTypeOf(name: string, start: string | undefined): string {
  const byName = mime.getType(name) ?? "application/octet-stream";
  if (start === undefined) return byName;
  const isOther = isPictureType(byName) || (/^(?:audio|video)/.test(byName) && !isBinary(start));
  return pictureTypeOf(start) ?? (isOther ? "application/octet-stream" : byName);
}

/** Whether there is a byte among them that no text has. */
function isBinary(start: string): boolean {
  return [...start].some((byte) => byte < " " && !"\t\n\f\r\x1b".includes(byte));
}
