/** The bytes of what a response hands over, from where they are: a container, a URL, the response itself. */
import { AbortError } from "p-retry";
import { isId } from "../responses/ids.js";
import type { CodeImage, CollectedFile } from "./collect.js";

/** As much of an OpenAI client as is needed to download a container's file. */
export interface ContainerContentClient {
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

/** A container's file, as a citation names it. */
interface FileIds {
  containerId: string;
  fileId: string;
}

/**
 * The answer with a container file's bytes. Where the API redirects to them, they are fetched from there without the
 * client's credentials: `fetch` itself would take along all but `authorization`, to whatever origin that is.
 */
export async function retrieveContent(
  client: ContainerContentClient,
  { containerId, fileId }: FileIds,
  options: { signal?: AbortSignal; headers?: Record<string, string>; maxRetries?: number },
): Promise<Response> {
  const asked = Promise.resolve(
    client.containers.files.content.retrieve(
      fileId,
      { container_id: containerId },
      { ...options, fetchOptions: { redirect: "manual" } },
    ),
  );
  const answer: unknown = await asked.catch((error: unknown) => error); // the SDK throws what is not ok
  const location = redirectOf(answer);
  if (location === undefined) return notEmpty(await asked);
  if (answer instanceof Response) await answer.body?.cancel();
  const { signal, headers } = options;
  return notEmpty(
    await fetch(location, { ...(signal && { signal }), ...(headers && { headers }), credentials: "omit" }),
  );
}

/** An answer that has a file, if an empty one. The SDK gives `null` for a 204. */
function notEmpty(answer: Response | null): Response {
  if (answer && answer.status !== 204) return answer;
  throw Object.assign(new Error("the API answered 204, without a file"), { status: 204 });
}

/** The URL that an answer, or the error that it was thrown as, redirects to. */
function redirectOf(answer: unknown): string | undefined {
  const { status, headers } = Object(answer) as { status?: unknown; headers?: unknown };
  const isRedirect = typeof status === "number" && status >= 300 && status < 400;
  const location = isRedirect && headers instanceof Headers ? (headers.get("location") ?? "") : "";
  return /^https?:/i.test(location) && URL.canParse(location) ? location : undefined;
}

/** A file's bytes. */
export interface Content {
  body: ReadableStream<Uint8Array>;
  /** How many bytes there will be, if that is known. */
  total: number | undefined;
}

/** Whether the bytes are in the response itself: what is wrong with them then is so each time. */
export function isInline(file: CollectedFile): boolean {
  return file.kind === "generated-image" || (file.kind === "code-image" && /^data:/i.test(file.url));
}

/** Opens a file. An error has the `status` and the `headers` of the answer, if there was one. */
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
    throw Object.assign(new Error(`it was answered with ${status}`), { status, headers });
  }
  // The length of an encoded body is not that of the bytes that come out of it.
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
): Promise<Response> {
  const abort = signal && { signal };
  if (file.kind !== "container-file") {
    return fetch((file as CodeImage).url, { ...abort, credentials: "omit" });
  }
  if (!isId(file.containerId) || !isId(file.fileId)) {
    throw new AbortError("the citation's ids are not those of a container's file");
  }
  // What fails is tried again by `saveFiles`, and not in there as well.
  return retrieveContent(client, file, { ...abort, maxRetries: 0 });
}

/** How much base64 is decoded at once: a multiple of 4 characters. */
const BASE64_PIECE = 64 * 1024;

/** What base64 stands for, piece by piece. */
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
  if (comma < 0) throw new AbortError("the data: URL holds no data");
  const data = url.slice(comma + 1);
  if (/; *base64$/i.test(url.slice(0, comma))) {
    return ofBase64(data.includes("%") ? new TextDecoder().decode(percentDecoded(data)) : data);
  }
  const bytes = percentDecoded(data);
  return { body: new Blob([bytes]).stream(), total: bytes.length };
}

/** The bytes of a URL's text. A percent sign that stands for no byte is one, as the URL standard has it. */
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
