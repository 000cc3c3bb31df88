/**
 * Writes files to disk under safe names. If a name is taken, the file gets a number: `plan (2).docx`. A file gets its name only
 * when it is complete. On file systems without hard links, an empty file has the name for a moment, to reserve it.
 */
import { link, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { badInput, checkNames, isRecord } from "../errors.js";
import type { Sink } from "./copy.js";
import { partWriter } from "./part-files.js";
import { numberedName, safeName } from "./safe-name.js";

/** The error codes with which `link` fails on file systems without hard links. */
const NO_LINKS = new Set<string | undefined>([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EINVAL",
  "EMLINK",
]);

/** The maximum number of file names for which a sink remembers the next number, such as 3 after `plan (2).docx`. */
const MOST_NAMES = 10_000;

/**
 * Returns a sink that writes each file into a folder. The location of a saved file is its absolute path. The sink creates the
 * folder if needed.
 *
 * A file name from a response is never used as a path. The sink removes folders from the name. It replaces a dot at the
 * beginning, and characters that an operating system may not allow. A file is written under a hidden name and gets its final name
 * when it is complete. If a process is killed, its unfinished files stay in the folder. Before the sink writes its first file,
 * it removes unfinished files of killed processes that ran on this host, if the files are more than an hour old.
 *
 * @param path the folder.
 * @param options With `overwrite: true`, a file replaces an existing file of the same name, even one of the same response. By
 * default, the new file gets a number instead, as in `plan (2).docx`.
 * @throws {TypeError} if `path` is not a string or is empty, or an option is wrong.
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
  const nextNumbers = new Map<string, number>();
  const write = partWriter(folder);
  return (file, stream) =>
    write(stream, async (partial) => {
      const name = safeName(file.filename);
      if (!overwrite) return placeNumbered(partial, folder, name, nextNumbers);
      await rename(partial, join(folder, name));
      return join(folder, name);
    });
}

/**
 * Places the file `partial` under the first free name: `plan.docx`, `plan (2).docx` and so on. `nextNumbers` has the next
 * number to try for each name. If every search started at 2, the hundredth `plan.docx` would take a hundred attempts.
 */
async function placeNumbered(
  partial: string,
  folder: string,
  name: string,
  nextNumbers: Map<string, number>,
): Promise<string> {
  const plain = join(folder, name);
  if (await placeNew(partial, plain)) return plain;
  for (let number = nextNumbers.get(name) ?? 2; ; number++) {
    const target = join(folder, numberedName(name, number));
    if (!(await placeNew(partial, target))) continue;
    if (nextNumbers.size >= MOST_NAMES) nextNumbers.clear();
    nextNumbers.set(name, Math.max(number + 1, nextNumbers.get(name) ?? 0));
    return target;
  }
}

/** Places the file `partial` at the path `target`. Returns false if `target` exists. The caller must remove `partial`. */
async function placeNew(partial: string, target: string): Promise<boolean> {
  try {
    await link(partial, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (!NO_LINKS.has(code)) throw error;
  }
  // The file system has no hard links. So an empty file reserves the name, and then the complete file replaces the empty one.
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
