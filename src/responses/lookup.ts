/** From a container's id to its files: page after page, in time, whatever the other side does. */
import * as z from "zod/mini";
import { badInput, isRecord } from "../bad-input.js";
import type { ContainerFile } from "../types.js";
import { type ContainerFilesClient, type ListPage, type Patience, pagesOfClient } from "./list-pages.js";

/** A list of files by your own means. `signal` aborts when the time is over. */
export type FileSourceFunction = (
  containerId: string,
  context: { signal: AbortSignal },
) => readonly ContainerFile[] | PromiseLike<readonly ContainerFile[]>;

/** Where files come from: the files themselves, a function from a container's id to them, or an OpenAI client. */
export type FileSource = readonly ContainerFile[] | FileSourceFunction | ContainerFilesClient;

/** Files of a container, and how many requests they took. */
export type ListFiles = (
  containerId: string,
  signal: AbortSignal,
  onRequest: () => void,
) => Promise<ContainerFile[]>;

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

/** Throws a `TypeError` for what is no container file, with its place in the list of that name. */
export function checkFiles(
  files: readonly unknown[],
  name: string,
): asserts files is readonly ContainerFile[] {
  for (const [position, file] of files.entries()) {
    if (!isRecord(file) || !givenFileSchema.safeParse(file).success) {
      throw badInput(
        `${name}[${position}]`,
        "a container file (id, container_id, path, source, created_at)",
        file,
      );
    }
  }
}

/** How `source` lists a container's files. Throws a `TypeError` for what is no source. */
export function listFilesFrom(source: FileSource, patience: Patience): ListFiles {
  if (isContainerFilesClient(source)) return inPages(pagesOfClient(source, patience));
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
  checkFiles(source, "source");
  const files: readonly ContainerFile[] = source;
  return async (containerId) => files.filter((file) => file.container_id === containerId);
}

/**
 * The files in a page, whatever it is: what is no file of this container is left out. Throws where it is no page, and
 * where nothing in it is a file.
 */
function filesIn(page: unknown, containerId: string): { files: ContainerFile[]; hasMore: boolean } {
  const parsed = pageSchema.safeParse(page);
  if (!parsed.success) {
    throw new Error(`the container's file list is no list: ${parsed.error.issues[0]!.message}`);
  }
  const entries = parsed.data.data;
  const readable = entries.flatMap((entry) => fileSchema.safeParse(entry).data ?? []);
  if (entries.length > 0 && readable.length === 0) {
    throw new Error("the container's file list is no list: none of its entries is a container's file");
  }
  const files = readable
    .filter((file) => (file.container_id ?? containerId) === containerId)
    .map((file): ContainerFile => ({ ...file, container_id: containerId }));
  return { files, hasMore: parsed.data.has_more === true };
}

/** A list that says it has more, and never comes to its end. What came of it counts, but what is not in it may exist. */
export class EndlessListError extends Error {
  override name = "EndlessListError";
  readonly files: readonly ContainerFile[];
  constructor(message: string, files: Iterable<ContainerFile>) {
    super(message);
    this.files = [...files];
  }
}

/** All pages of a list. Throws an {@link EndlessListError} for one that has no end. */
export function inPages(listPage: ListPage): ListFiles {
  return async (containerId, signal, onRequest) => {
    const files = new Map<string, ContainerFile>();
    let after: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      signal.throwIfAborted();
      onRequest();
      // A signal of its own: clients listen to it, and leave their listeners there.
      const answer = await listPage(containerId, after, AbortSignal.any([signal]));
      const { files: found, hasMore } = filesIn(answer, containerId);
      const before = files.size;
      for (const file of found) files.set(file.id, file);
      if (!hasMore) return [...files.values()];
      // A page that brings nothing new would bring nothing new for ever.
      if (files.size === before) {
        throw new EndlessListError("the container's file list goes on without anything new", files.values());
      }
      after = found.at(-1)?.id;
    }
    throw new EndlessListError(`the container's file list has more than ${MOST_PAGES} pages`, files.values());
  };
}
