/** A sink that writes to disk: names made safe, no half file ever seen, no file lost. */
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { constants, copyFile, link, mkdir, rename, rm } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { badInput } from "../bad-input.js";
import type { Sink } from "./save.js";

/** The most that a file's name may have on the usual file systems, in bytes of UTF-8. */
const LONGEST_NAME = 255;

/**
 * A sink that writes each file into a folder, which is made if it is not there, and says its absolute path. A name from
 * a response is no path: what could lead out of the folder, or is no name on some system, is replaced. A file is
 * written under another name and renamed when it is complete.
 *
 * @param path the folder.
 * @param options `overwrite`: put a file in place of one of the same name. Default `false`: it gets a number, `plan (2).docx`.
 * @throws {TypeError} when `path` is no string.
 * @example
 * ```ts
 * import { directory } from "openai-file-citations/node";
 *
 * const sink = directory("downloads");
 * ```
 */
export function directory(path: string, { overwrite = false }: { overwrite?: boolean } = {}): Sink<string> {
  if (typeof path !== "string" || path === "") throw badInput("path", "the path of a folder", path);
  const folder = resolve(path);
  return async (file, stream) => {
    await mkdir(folder, { recursive: true });
    const partial = join(folder, `.${randomUUID()}.part`);
    try {
      const source = Readable.fromWeb(stream as unknown as NodeReadableStream<Uint8Array>);
      await pipeline(source, createWriteStream(partial, { flags: "wx" }));
      const name = safeName(file.filename);
      if (overwrite) {
        await rename(partial, join(folder, name));
        return join(folder, name);
      }
      for (let number = 1; ; number++) {
        const target = join(folder, numbered(name, number));
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
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
  }
  // A file system without links.
  try {
    await copyFile(partial, target, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Control characters, those that turn the direction of writing, and what Windows takes in no name. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069<>:"|?*\ufffd]/g;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

/** A name that is one on every system, and leads nowhere. */
export function safeName(filename: string): string {
  const last = filename.slice(Math.max(filename.lastIndexOf("/"), filename.lastIndexOf("\\")) + 1);
  const name = last

    .replace(UNSAFE, "_")
    .replace(LONE_SURROGATE, "_")
    .replace(/^[ ]+|[. ]+$/g, "")
    .replace(DEVICE, "_$&");
  return shortened(name || "file", "");
}

function numbered(name: string, number: number): string {
  return number === 1 ? name : shortened(name, ` (${number})`);
}

/** A name with `suffix` before its extension, cut so that both fit. */
function shortened(name: string, suffix: string): string {
  const extension = extname(name).length <= 32 ? extname(name) : "";
  let stem = name.slice(0, Math.min(LONGEST_NAME, name.length - extension.length));
  while (Buffer.byteLength(stem + suffix + extension) > LONGEST_NAME) stem = [...stem].slice(0, -1).join("");
  return stem + suffix + extension;
}
