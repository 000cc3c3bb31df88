/** Lists the files of a container from a client, a function or an array, and checks what the source returns. */
import * as z from "zod/mini";
import { badInput, isRecord } from "../errors.js";
import { once } from "../once.js";
import type { ContainerFile } from "../types.js";
import { isId } from "./ids.js";
import { type ContainerFilesClient, type ListPage, type Patience, pagesOfClient } from "./pages.js";

/** A function that lists the files of a container. `signal` aborts when the time limit is reached. */
export type FileSourceFunction = (
  containerId: string,
  context: { signal: AbortSignal },
) => readonly ContainerFile[] | PromiseLike<readonly ContainerFile[]>;

/** The source of the container files: an array of files, a function that lists them, or an OpenAI client. */
export type FileSource = readonly ContainerFile[] | FileSourceFunction | ContainerFilesClient;

/** Returns all files of a container. Calls `onRequest` before each request. */
export type ListFiles = (
  containerId: string,
  signal: AbortSignal,
  onRequest: () => void,
) => Promise<ContainerFile[]>;

/** The maximum number of pages of a list. All known lists are shorter, so a longer list counts as endless. */
const MOST_PAGES = 1000;

const pageSchema = once(() =>
  z.object(
    {
      data: z.array(z.unknown(), { error: "its data is not an array" }),
      has_more: z.nullish(z.boolean({ error: "its has_more is not a boolean" })),
      last_id: z.optional(z.unknown()),
    },
    { error: "it is not an object" },
  ),
);
/** An entry of a list. The entry's `container_id` is ignored: behind a gateway, it can differ from the id in the request. */
const entrySchema = once(() =>
  z.looseObject({
    id: z.string().check(z.refine(isId)),
    path: z.string(),
    source: z.string(),
    created_at: z.number(),
  }),
);

/** A file that the caller passes. It must have a `container_id`, because nothing else names the file's container. */
const givenFileSchema = once(() =>
  z.extend(entrySchema(), {
    id: z.string().check(z.minLength(1)),
    container_id: z.string(),
  }),
);

/**
 * Returns whether `value` has the `list` method of a client. The check does not use `instanceof`, because `instanceof` fails if
 * an app has several copies of the SDK.
 */
export function isContainerFilesClient(value: unknown): value is ContainerFilesClient {
  if (typeof value !== "object" || value === null) return false;
  const { containers } = value as { containers?: { files?: { list?: unknown } } };
  return typeof containers?.files?.list === "function";
}

/** Throws a `TypeError` if an entry is not a container file. `name` is the argument's name in the message. */
export function checkFiles(
  files: readonly unknown[],
  name: string,
): asserts files is readonly ContainerFile[] {
  for (const [position, file] of files.entries()) {
    if (!isContainerFile(file)) {
      throw badInput(
        `${name}[${position}]`,
        "a container file (id, container_id, path, source, created_at)",
        file,
      );
    }
  }
}

/** Returns whether a value is a container file. Returns false if one of its properties cannot be read. */
function isContainerFile(value: unknown): boolean {
  try {
    return isRecord(value) && givenFileSchema().safeParse(value).success;
  } catch {
    return false;
  }
}

/** Returns the function that lists files from `source`. Throws a `TypeError` if `source` is not a file source. */
export function listFilesFrom(source: FileSource, patience: Patience): ListFiles {
  if (isContainerFilesClient(source)) return inPages(pagesOfClient(source, patience));
  if (typeof source === "function") {
    return async (containerId, signal, onRequest) => {
      checkId(containerId);
      onRequest();
      const files: unknown = await source(containerId, { signal: ownSignal(signal) });
      return filesIn({ data: Array.isArray(files) ? ownFiles(files, containerId) : files }, containerId)
        .files;
    };
  }
  if (!Array.isArray(source)) {
    throw badInput(
      "source",
      "container files, a function from a container's id to them, or an OpenAI client",
      source,
    );
  }
  checkFiles(source, "source");
  const files: readonly ContainerFile[] = source;
  return async (containerId) => files.filter((file) => file.container_id === containerId);
}

/**
 * Returns a new signal that aborts with `signal`. Clients do not remove the listeners that they add to a signal. If all requests
 * used one signal, its listeners would pile up.
 */
function ownSignal(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal]);
}

/** Throws if an id is not safe in a URL. */
function checkId(containerId: string): void {
  if (!isId(containerId)) {
    throw new Error(`the container's id is ${JSON.stringify(containerId)}, which cannot be part of a URL`);
  }
}

/**
 * Selects the files of one container from `files`, the result of the caller's function. That function may return the files of
 * all containers. A file without a `container_id` is selected too. If no file has the container's id, returns all files, because
 * a gateway may use an id of its own while the files have the provider's id.
 */
function ownFiles(files: readonly unknown[], containerId: string): readonly unknown[] {
  const containerOf = (file: unknown): unknown => (isRecord(file) ? file.container_id : undefined);
  if (!files.some((file) => containerOf(file) === containerId)) return files;
  return files.filter((file) => (containerOf(file) ?? containerId) === containerId);
}

/** A checked page: its files, whether more pages follow, and the cursor from the API (`last_id`). */
interface Page {
  files: ContainerFile[];
  hasMore: boolean;
  lastId: unknown;
}

/**
 * Checks a page and returns its files, each with the container id of the request. Skips entries that are not files. Throws if
 * the page is not a list, or if it has entries but none of them is a file.
 */
function filesIn(page: unknown, containerId: string): Page {
  const parsed = pageSchema().safeParse(page);
  if (!parsed.success) {
    throw new Error(`the container's file list is not a list: ${parsed.error.issues[0]!.message}`);
  }
  const { data: entries, has_more: hasMore, last_id: lastId } = parsed.data;
  const files = entries.flatMap((entry): ContainerFile[] => {
    const { data: file } = entrySchema().safeParse(entry);
    return file ? [{ ...file, container_id: containerId }] : [];
  });
  if (entries.length > 0 && files.length === 0) {
    throw new Error("the container's file list is not a list: none of its entries is a container file");
  }
  return { files, hasMore: hasMore === true, lastId };
}

/**
 * The error for a list that never ends. `files` are the files that were read before the error. The container may have more files.
 */
export class EndlessListError extends Error {
  override name = "EndlessListError";
  readonly files: readonly ContainerFile[];
  constructor(message: string, files: Iterable<ContainerFile>) {
    super(message);
    this.files = [...files];
  }
}

/** Returns a function that reads all pages of a list. It throws an {@link EndlessListError} if the list does not end. */
export function inPages(listPage: ListPage): ListFiles {
  return async (containerId, signal, onRequest) => {
    checkId(containerId);
    const files = new Map<string, ContainerFile>();
    const cursors = new Set<string>();
    let after: string | undefined;
    for (let count = 0; count < MOST_PAGES; count++) {
      signal.throwIfAborted();
      onRequest();
      const page = filesIn(await listPage(containerId, after, ownSignal(signal)), containerId);
      for (const file of page.files) files.set(file.id, file);
      if (!page.hasMore) return [...files.values()];
      after = nextCursor(page, cursors);
      if (after === undefined) {
        throw new EndlessListError("the container's file list repeats itself", files.values());
      }
      cursors.add(after);
    }
    throw new EndlessListError(`the container's file list has more than ${MOST_PAGES} pages`, files.values());
  };
}

/**
 * Returns the cursor for the page after `page`: the page's `last_id`, or else the id of its last file. OpenRouter can send a page
 * with a `last_id` but without files. Skips a cursor that is in `used`, because it would repeat a page. Returns `undefined` if no
 * cursor is left.
 */
function nextCursor({ files, lastId }: Page, used: ReadonlySet<string>): string | undefined {
  const isUnused = (id: unknown): id is string => typeof id === "string" && id !== "" && !used.has(id);
  return [lastId, files.at(-1)?.id].find(isUnused);
}
