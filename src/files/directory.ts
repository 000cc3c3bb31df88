/** A sink that writes to disk: names made safe, no half file ever seen, no file lost. */
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { badInput, checkNames, isRecord } from "../bad-input.js";
import { numberedName, safeName } from "./safe-name.js";
import type { Sink } from "./save.js";

/** What a file system says that has no links. */
const NO_LINKS = new Set<string | undefined>([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EINVAL",
  "EMLINK",
]);

/**
 * A sink that writes each file into a folder, which is made if it is not there, and says its absolute path. A name from
 * a response is no path: what could lead out of the folder, or is no name on some system, is replaced. A file is
 * written under another name and renamed when it is complete.
 *
 * @param path the folder.
 * @param options `overwrite`: put a file in place of one of the same name, also of one that the same response hands over.
 * Default `false`: it gets a number, `plan (2).docx`.
 * @throws {TypeError} when `path` is no string, or an empty one, or an option is wrong.
 * @example
 * ```ts
 * import { directory } from "openai-file-citations/node";
 *
 * const sink = directory("downloads");
 * ```
 */
export function directory(path: string, options: { overwrite?: boolean | undefined } = {}): Sink<string> {
  if (typeof path !== "string" || path === "") throw badInput("path", "the path of a folder", path);
  if (!isRecord(options)) throw badInput("options", "an object", options);
  checkNames(options, ["overwrite"]);
  const { overwrite = false } = options;
  if (typeof overwrite !== "boolean") throw badInput("options.overwrite", "a boolean", overwrite);
  const folder = resolve(path);
  return async (file, stream) => {
    await mkdir(folder, { recursive: true });
    const partial = join(folder, `.${randomUUID()}.part`);
    try {
      const source = Readable.fromWeb(stream as unknown as NodeReadableStream<Uint8Array>);
      await pipeline(source, createWriteStream(partial, { flags: "wx", flush: true }));
      const name = safeName(file.filename);
      if (overwrite) {
        await rename(partial, join(folder, name));
        return join(folder, name);
      }
      for (let number = 1; ; number++) {
        const target = join(folder, numberedName(name, number));
        if (await placeNew(partial, target)) return target;
      }
    } finally {
      await rm(partial, { force: true });
    }
  };
}

/** Gives a complete file its name, if no other has it; both names are one file for a moment. */
async function placeNew(partial: string, target: string): Promise<boolean> {
  try {
    await link(partial, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (!NO_LINKS.has(code)) throw error;
  }
  // A file system without links: the name is taken by an empty file, which then gives way to the complete one.
  try {
    await (await open(target, "wx")).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  try {
    await rename(partial, target);
    return true;
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}
