/** From a container's id to its files: page after page, in time, whatever the other side does. */
import pRetry from "p-retry";
import * as z from "zod/mini";
import { badInput, isRecord } from "../bad-input.js";
import type { ContainerFile } from "../types.js";

/** As much of an OpenAI client, of any version and any class, as is needed to list a container's files. */
export interface ContainerFilesClient {
  containers: {
    files: {
      list(
        containerId: string,
        query: { limit?: number; after?: string },
        options: { signal?: AbortSignal; headers?: Record<string, string> },
      ): PromiseLike<unknown>;
    };
  };
}

/** A list of files by your own means. `signal` aborts when the time is over. */
export type FileSourceFunction = (
  containerId: string,
  context: { signal: AbortSignal },
) => readonly ContainerFile[] | PromiseLike<readonly ContainerFile[]>;

/** Where files come from: the files themselves, a function from a container's id to them, or an OpenAI client. */
export type FileSource = readonly ContainerFile[] | FileSourceFunction | ContainerFilesClient;

/** One page of `GET /containers/{id}/files`, as it came. */
export type ListPage = (
  containerId: string,
  after: string | undefined,
  signal: AbortSignal,
) => PromiseLike<unknown>;

/** Files of a container, and how many requests they took. */
export type ListFiles = (
  containerId: string,
  signal: AbortSignal,
  onRequest: () => void,
) => Promise<ContainerFile[]>;

/** The most that the API gives at once. */
const PAGE_SIZE = 100;
/** More files than a container was ever seen to hold: a list that goes on after them has no end. */
const MOST_PAGES = 1000;

const pageSchema = z.object(
  {
    data: z.array(z.unknown(), { error: "its data is no array" }),
    has_more: z.nullish(z.boolean({ error: "its has_more is no boolean" })),
  },
  { error: "it is no object" },
);
const fileSchema = z.looseObject({
  id: z.string().check(z.minLength(1)),
  path: z.string(),
  source: z.string(),
  created_at: z.number(),
  container_id: z.nullish(z.string()),
});

/** A file that a caller gives: nothing but itself tells whose it is. */
const givenFileSchema = z.extend(fileSchema, { container_id: z.string() });

/** Whether `value` can list container files: known by what it can do, since there are many copies of its class. */
export function isContainerFilesClient(value: unknown): value is ContainerFilesClient {
  if (typeof value !== "object" || value === null) return false;
  const { containers } = value as { containers?: { files?: { list?: unknown } } };
  return typeof containers?.files?.list === "function";
}

/** How `source` lists a container's files. Throws a `TypeError` for what is no source. */
export function listFilesFrom(source: FileSource): ListFiles {
  if (isContainerFilesClient(source)) return inPages(pagesOfClient(source));
  if (typeof source === "function") {
    return async (containerId, signal, onRequest) => {
      onRequest();
      return filesIn({ data: await source(containerId, { signal }) }, containerId).files;
    };
  }
  if (!Array.isArray(source)) {
    throw badInput(
      "source",
      "container files, a function from a container's id to them, or an OpenAI client",
      source,
    );
  }
  for (const [position, file] of source.entries()) {
    if (!isRecord(file) || !givenFileSchema.safeParse(file).success) {
      throw badInput(
        `source[${position}]`,
        "a container file (id, container_id, path, source, created_at)",
        file,
      );
    }
  }
  const files: readonly ContainerFile[] = source;
  return async (containerId) => files.filter((file) => file.container_id === containerId);
}

/** The pages as a client gets them: its credentials, its base URL, its retries. */
export function pagesOfClient(client: ContainerFilesClient, headers?: Record<string, string>): ListPage {
  return (containerId, after, signal) =>
    client.containers.files.list(
      containerId,
      { limit: PAGE_SIZE, ...(after !== undefined && { after }) },
      { signal, ...(headers && { headers }) },
    );
}

/** The credentials of a request, and what else says whose containers it may see. */
const CREDENTIALS = ["authorization", "api-key", "openai-organization", "openai-project"];

/** The headers of `request` that a list needs to be allowed what the request was. */
export function credentialsOf(request: Headers): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of CREDENTIALS) {
    const value = request.get(name);
    if (value !== null) headers[name] = value;
  }
  return headers;
}

/** The pages through a `fetch`, below `base` (`https://api.openai.com/v1`), with the request's own `search` and headers. */
export function pagesOfFetch(
  fetch: typeof globalThis.fetch,
  {
    base,
    search,
    headers,
    retries,
  }: { base: string; search: string; headers: Record<string, string>; retries: number },
): ListPage {
  return (containerId, after, signal) => {
    const url = new URL(`${base}/containers/${encodeURIComponent(containerId)}/files${search}`);
    url.searchParams.set("limit", String(PAGE_SIZE));
    if (after !== undefined) url.searchParams.set("after", after);
    const getPage = async (): Promise<unknown> => {
      // A redirect may lead to another origin, and the credentials are for this one.
      const response = await fetch(url.href, { headers, signal, redirect: "manual" });
      if (response.ok) return response.json();
      letGo(response.body);
      throw new ListError(response.status);
    };
    return pRetry(getPage, {
      retries,
      minTimeout: 250,
      signal,
      shouldRetry: ({ error }) => isPassing(error),
    });
  };
}

/** A body as `fetch` gives it, or as node-fetch does, which the SDK takes as well: a stream of Node's. */
export type Body =
  | ReadableStream<Uint8Array>
  | (AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown });

/** Ends a body that nobody reads, or reads any further. */
export function letGo(body: Body | null, reason?: unknown): void {
  if (body === null) return;
  if ("destroy" in body) body.destroy();
  else body.cancel(reason).catch(() => {}); // it broke before: that is an end, too
}

/** A list that was answered with an error's status. */
class ListError extends Error {
  override name = "ListError";
  readonly status: number;
  constructor(status: number) {
    super(
      `the container's file list answered ${status}${status === 404 ? ": the container has expired, or is not yours" : ""}`,
    );
    this.status = status;
  }
}

/** Whether asking again may help: too many requests, a server's error, a broken connection. */
function isPassing(error: Error): boolean {
  return !(error instanceof ListError) || error.status === 429 || error.status >= 500;
}

/** The files in a page, whatever it is: what is no file of this container is left out. Throws where it is no page. */
function filesIn(page: unknown, containerId: string): { files: ContainerFile[]; hasMore: boolean } {
  const parsed = pageSchema.safeParse(page);
  if (!parsed.success) {
    throw new Error(`the container's file list is no list: ${parsed.error.issues[0]!.message}`);
  }
  const files = parsed.data.data.flatMap((entry): ContainerFile[] => {
    const file = fileSchema.safeParse(entry).data;
    const isOfContainer = file && (file.container_id ?? containerId) === containerId;
    return isOfContainer ? [{ ...file, container_id: containerId }] : [];
  });
  return { files, hasMore: parsed.data.has_more === true };
}

/** All pages of a list. */
export function inPages(listPage: ListPage): ListFiles {
  return async (containerId, signal, onRequest) => {
    const files = new Map<string, ContainerFile>();
    let after: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      signal.throwIfAborted();
      onRequest();
      const { files: found, hasMore } = filesIn(await listPage(containerId, after, signal), containerId);
      const before = files.size;
      for (const file of found) files.set(file.id, file);
      after = found.at(-1)?.id;
      // A page that brings nothing new would bring nothing new for ever.
      if (!hasMore || files.size === before) break;
    }
    return [...files.values()];
  };
}
