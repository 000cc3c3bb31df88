/**
 * Creates signed links to container files. A browser can open these links without the API key. The package exports this file
 * as `openai-file-citations/route`.
 */
import { safeUrl } from "../citations/links/writing.js";
import { isDotSegment, isId } from "../containers/ids.js";
import { headersOf, withoutServerText } from "../containers/retries.js";
import { badInput, checkNames, isRecord, notify } from "../errors.js";
import type { OriginalText, ReplacedText } from "../options.js";
import { withOriginals } from "../responses/restored-input.js";
import type { ContainerFile, ContainerFileCitation } from "../types.js";
import { singleRange } from "./byte-range.js";
import type { CitedFile } from "./collect.js";
import { type ContainerContentClient, checkContentClient, retrieveFile } from "./content.js";
import { type Failure, fileAnswer, outsideFile, refusal } from "./file-answer.js";
import { originalsIn } from "./original-text.js";
import { safeName } from "./safe-name.js";
import { keysOf, type LinkedFile, signed, verified } from "./signed-link.js";
import { checkStore, type FileStore, type FoundFile, type StoredFile } from "./store.js";
import { createStoreRoute } from "./store-route.js";

export type { ContainerContentClient, FileStore, FoundFile, StoredFile };

/** Options of {@link createFileRoute}. */
export interface FileRouteOptions {
  /**
   * The secret that signs the links: 32 random bytes or more (`openssl rand -base64 32`). With several secrets, the first one
   * signs new links. Links that were signed with any of the secrets are accepted. To rotate secrets, put the new secret first.
   * Remove the old secret when its links have expired.
   */
  secret: string | Uint8Array | readonly (string | Uint8Array)[];
  /** The path or URL under which browsers reach the handler. Default `"/files"`. */
  basePath?: string | undefined;
  /**
   * How long a link is valid, in seconds. Default `1200`, the time after which an idle container expires. With a `store`, links
   * can be valid for longer. With `Infinity`, links never expire. They work until you delete the file from the store, or drop
   * the secret that signed them.
   */
  expiresIn?: number | undefined;
  /**
   * Keeps the files, so that their links work after the container has expired. Default: none.
   *
   * - `urlFor` starts to copy the file into the store, and does not wait for the copy. Each file is copied once, and at most four
   *   files are copied at the same time.
   * - `handler` serves a file from the store. If the store does not have the file, `handler` serves it from the container and
   *   starts to copy it. In both cases, if the file's length is known, the response has an `ETag` and supports ranges.
   * - If the store fails or does not answer within three seconds, `onError` is called. Then `handler` serves the file from the
   *   container, unless the container has expired.
   */
  store?: FileStore | undefined;
  /**
   * Called with an error if the API fails to send a file, or if a file cannot be copied into the `store` or read from it. Not
   * called if the container has expired, if the file does not have the requested range, or if the browser has closed the request.
   * Errors that the callback throws or rejects with are ignored. Default `console.error`.
   */
  onError?: ((error: unknown) => unknown) | undefined;
}

/** What {@link createFileRoute} returns. */
export interface FileRoute {
  /**
   * Answers a `GET` or `HEAD` request to a link. Reads only the last segment of the URL's path, with or without a slash at the
   * end. Never rejects. The answers are:
   *
   * - 200 with the file;
   * - 206 with a part of the file, if the request has a `Range`. This needs a `store`, or an API that supports ranges;
   * - 304 if there is a `store` and `If-None-Match` has the file's `ETag`;
   * - 403 if the link was changed, or was not signed with one of the secrets;
   * - 405 for methods other than `GET` and `HEAD`;
   * - 410 if the link has expired, or if neither the `store` nor the container has the file any more;
   * - 416 for a range that the file does not have;
   * - 502 if the API fails, but 503 if it answers 429.
   */
  handler: (request: Request) => Promise<Response>;
  /**
   * Returns the link to a file. The file is given as a citation, a file from `collectFiles` or an entry of a container's list.
   */
  urlFor: (file: ContainerFileCitation | CitedFile | ContainerFile) => Promise<string>;
  /**
   * Like `urlFor`, for the option `links`. The link also contains the text that it replaces, so that `restore` can put this text
   * back.
   */
  toUrl: (citation: ContainerFileCitation, replaced: ReplacedText) => Promise<string>;
  /**
   * Returns `text` with the model's own text in place of each link that the option `links` wrote. Use `restore` if you keep the
   * history of a conversation yourself. Otherwise the model reads URLs of your site in the history and learns to write such URLs.
   * Expired links are replaced too. Links that this route did not sign are not changed. If the option `links` is this route, the
   * `input` of later requests is restored automatically.
   *
   * ```ts
   * import OpenAI from "openai";
   * import { createFileRoute } from "openai-file-citations/route";
   *
   * const files = createFileRoute(new OpenAI(), { secret: process.env.FILES_SECRET! });
   * const text = await files.restore("See [the plan](/files/eyJhbGciOiJIUzI1NiJ9.…).");
   * // "See [the plan](sandbox:/mnt/data/plan.docx)."
   * ```
   */
  restore: (text: string) => Promise<string>;
  /**
   * Returns the offsets of the links that `restore` replaces, and the text that replaces each link. Offsets are in UTF-16 units.
   */
  originals: (text: string) => Promise<readonly OriginalText[]>;
  /**
   * Resolves when no file is being copied into the `store`, even if a copy failed. Never rejects. Without a `store`, it resolves
   * immediately. A process that is told to stop, for example by `SIGTERM`, must await this promise before `process.exit`. Workers
   * pass the promise to `waitUntil`.
   */
  keep: () => Promise<void>;
}

/**
 * Creates links to container files and a handler for them. The file streams from the API through your server to the browser,
 * which needs no API key. A link's signature covers the container, the file, its name and the expiry. The handler fetches only
 * files that a valid link names. Anyone who has a link can open it.
 *
 * The response has `Content-Disposition`. The file's name decides the media type, unless the file's first bytes contradict the
 * name. A browser never runs the file as a page of your site, because the response has `Content-Security-Policy: sandbox` and
 * `X-Content-Type-Options: nosniff`. Browsers show only three kinds of files inline: images that are recognized by their bytes,
 * audio and video that do not start like text, and plain text.
 *
 * @throws {TypeError} if `client` is not an OpenAI client, `secret` is too short, or an option is wrong.
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
  checkContentClient(client);
  if (!isRecord(options)) throw badInput("options", "an object with secret", options);
  checkNames(options, ["secret", "basePath", "expiresIn", "onError", "store"]);
  const {
    basePath = "/files",
    expiresIn = 1200,
    onError = (error: unknown) => console.error(error),
    store,
  } = options;
  const keys = keysOf(options.secret);
  if (typeof basePath !== "string" || !/^(?:\/|https?:\/\/[^/])[^?#]*$/.test(basePath)) {
    throw badInput("options.basePath", "a path or a URL, without a query", basePath);
  }
  checkStore(store);
  if (!(typeof expiresIn === "number" && expiresIn > 0)) {
    throw badInput("options.expiresIn", "a number of seconds above 0", expiresIn);
  }
  if (!store && !Number.isFinite(expiresIn)) {
    throw badInput("options.expiresIn", "a finite number of seconds if there is no options.store", expiresIn);
  }
  if (typeof onError !== "function") throw badInput("options.onError", "a function", onError);
  const kept = store && createStoreRoute(client, store, onError);

  // `base` is encoded like the URLs that are written into texts, so that `originals` finds `base` in these texts.
  const base = safeUrl(basePath.replace(/\/+$/, ""));

  async function linkTo(file: unknown, replaced?: ReplacedText): Promise<string> {
    const linked = linkedFile(file);
    const token = await signed(linked, keys[0]!, expiresIn, replaced);
    await kept?.copy(linked);
    return `${base}/${token}`;
  }

  async function originals(text: string): Promise<readonly OriginalText[]> {
    if (typeof text !== "string") throw badInput("text", "a string", text);
    return originalsIn(text, base, keys);
  }

  async function restore(text: string): Promise<string> {
    return withOriginals(text, await originals(text));
  }

  async function handler(request: Request): Promise<Response> {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      return refusal(request, { status: 405, text: "GET and HEAD only", headers: { allow: "GET, HEAD" } });
    }
    const file = await verified(tokenIn(request.url), keys, kept !== undefined);
    if (file === "expired") return refusal(request, { status: 410, text: "This link has expired." });
    if (file === "forged") return refusal(request, { status: 403, text: "This link is not valid." });
    try {
      return await (kept ? kept.answer(request, file) : passOn(request, file));
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status >= 500 && !request.signal.aborted) notify(onError, withoutServerText(error));
      return refusal(request, failure);
    }
  }

  /** Answers with the file as the API sends it. If the status is not 2xx, throws the SDK's error or the API's response. */
  async function passOn(request: Request, file: LinkedFile): Promise<Response> {
    const upstream = await retrieveFile(client, file, {
      headers: rangeHeaders(request),
      signal: request.signal,
    });
    return fileAnswer(upstream, file.name, request.method === "HEAD");
  }

  return {
    handler,
    urlFor: (file) => linkTo(file),
    toUrl: linkTo,
    restore,
    originals,
    keep: async () => kept?.ended(),
  };
}

/** Returns the last segment of a URL's path: the signed token. A slash after it is ignored. */
function tokenIn(url: string): string {
  return url.replace(/\/?(?:[?#].*)?$/s, "").replace(/^.*\//s, "");
}

/**
 * Returns the status and text for the browser if the API did not send the file. The text never contains the API's own message.
 */
function failureOf(error: unknown): Failure {
  const { status, headers } = Object(error) as { status?: unknown; headers?: unknown };
  const upstreamHeaders = headersOf(headers) ?? new Headers();
  switch (status) {
    case 404:
      return { status: 410, text: "This file is gone: its container has expired." };
    case 416:
      return outsideFile(upstreamHeaders.get("content-range"));
    case 429:
      return {
        status: 503,
        text: "Too many requests.",
        headers: { "retry-after": upstreamHeaders.get("retry-after") ?? "1" },
      };
    default:
      return { status: 502, text: "The file is not available right now." };
  }
}

function linkedFile(file: unknown): LinkedFile {
  if (isRecord(file)) {
    const containerId = file.containerId ?? file.container_id;
    const fileId = file.fileId ?? file.file_id ?? file.id;
    const name = file.filename ?? file.path ?? fileId;
    checkDots("container", containerId);
    checkDots("file", fileId);
    if (isId(containerId) && isId(fileId)) return { containerId, fileId, name: safeName(String(name)) };
  }
  throw badInput("file", "a container file's citation, or such a file of collectFiles or a list", file);
}

/** Throws a `TypeError` if an id is `.` or `..`, because a URL parser resolves such a path segment. */
function checkDots(owner: "container" | "file", id: unknown): void {
  if (isDotSegment(id)) throw badInput(`the ${owner}'s id`, 'an id other than "." and ".."', id);
}

/**
 * Returns the `Range` and `If-Range` headers to send to the API. Returns none for a HEAD request, and none if the request does
 * not ask for exactly one range.
 */
function rangeHeaders({ method, headers }: Request): Record<string, string> {
  const range = method === "HEAD" ? undefined : singleRange(headers);
  const condition = headers.get("if-range");
  return range === undefined ? {} : { range, ...(condition !== null && { "if-range": condition }) };
}
