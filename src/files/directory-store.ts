/** Keeps copies of files on a disk: each copy is a file, and is valid only together with a JSON file beside it. */
import { type FileHandle, mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { badInput, isRecord } from "../errors.js";
import { partWriter } from "./part-files.js";
import { type FileStore, isKey, type StoredFile, sha256 } from "./store.js";

/** How many bytes are read from the disk at once. */
const CHUNK = 64 * 1024;

/** The content of the JSON file that belongs to a copy. */
interface About {
  key: string;
  file: StoredFile;
  /** The length of the copy in bytes. */
  size: number;
}

/**
 * Returns a store that keeps files in a folder. Pass the store to `saveFiles`, or as the option `store` of a file route or a
 * webhook handler. The store creates the folder if needed. Several processes and machines can use one folder.
 *
 * The container file `cfile_1` of `cntr_1` is kept as `cntr_1/cfile_1`. Its name and length are in `cntr_1/cfile_1.json`. File
 * names from a response are never part of a path.
 *
 * An incomplete copy is never served, even if the process is killed. The store first writes both files under hidden names and
 * flushes them to the disk. Then it renames the copy, and after that the JSON file. It ignores a copy if the JSON file is
 * missing or gives another length. A later process removes the hidden files of killed processes, as `directory` does.
 *
 * The store never deletes a copy. To delete a copy yourself, delete its JSON file first, and then the copy.
 *
 * @param path the folder.
 * @throws {TypeError} if `path` is not a string or is empty.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { directoryStore } from "openai-file-citations/node";
 * import { createFileRoute } from "openai-file-citations/route";
 *
 * const files = createFileRoute(new OpenAI(), {
 *   secret: process.env.FILES_SECRET!,
 *   store: directoryStore("kept-files"),
 *   expiresIn: 30 * 24 * 60 * 60, // 30 days
 * });
 * ```
 */
export function directoryStore(path: string): FileStore {
  if (typeof path !== "string" || path === "") throw badInput("path", "the path of a folder", path);
  const folder = resolve(path);
  const write = partWriter(folder);
  const pathOf = async (key: string): Promise<string> =>
    join(folder, isKey(key) ? key : join("other", await sha256(key)));

  return {
    async put(key, file, stream) {
      const target = await pathOf(key);
      await write(stream, async (copy) => {
        const { size } = await stat(copy);
        const about: About = { key, file, size };
        await write(new Blob([JSON.stringify(about)]).stream(), async (json) => {
          await mkdir(dirname(target), { recursive: true });
          await rename(copy, target);
          await rename(json, `${target}.json`);
        });
      });
    },
    async get(key) {
      const target = await pathOf(key);
      const [about, copy] = await Promise.all([
        readAbout(`${target}.json`, key),
        stat(target).catch(ifMissing),
      ]);
      if (!about || copy?.size !== about.size) return undefined;
      const { file, size } = about;
      return { file, size, stream: ({ start, end } = { start: 0, end: size }) => read(target, start, end) };
    },
  };
}

/** Reads the JSON file that belongs to the copy of `key`. Returns `undefined` if the JSON file is missing or not valid. */
async function readAbout(path: string, key: string): Promise<About | undefined> {
  const text = await readFile(path, "utf8").catch(ifMissing);
  if (text === undefined) return undefined;
  try {
    const about: unknown = JSON.parse(text);
    const isAbout = isRecord(about) && about.key === key && isRecord(about.file);
    return isAbout ? (about as unknown as About) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns `undefined` if the error says that a file does not exist. Throws any other error. */
function ifMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

/**
 * Streams the bytes of a file from the offset `start` up to, but not including, the offset `end`. `Readable.toWeb` is not used,
 * because it would read many chunks ahead.
 */
function read(path: string, start: number, end: number): ReadableStream<Uint8Array> {
  let opening: Promise<FileHandle> | undefined;
  let at = start;
  const close = async (): Promise<void> => (await opening)?.close();
  /** Returns the next bytes; `undefined` at the end. */
  async function next(): Promise<Uint8Array | undefined> {
    if (at >= end) return undefined;
    opening ??= open(path);
    const buffer = new Uint8Array(Math.min(CHUNK, end - at));
    const { bytesRead } = await (await opening).read({ buffer, position: at });
    at += bytesRead;
    return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await next().catch(async (error: unknown) => {
          await close();
          throw error;
        });
        if (chunk) return controller.enqueue(chunk);
        await close();
        controller.close();
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}
