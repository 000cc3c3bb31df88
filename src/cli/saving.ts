/** Saves files in a folder, and shows the progress and the results to the user. `ask` and `download` use it. */
import { stat } from "node:fs/promises";
import type { CollectedFile } from "../files/collect.js";
import type { ContainerContentClient } from "../files/content.js";
import { directory } from "../files/directory.js";
import { type SaveResult, saveFiles } from "../files/save.js";
import { bar, inBytes, ProgressLine } from "./progress.js";
import { colorsFor, linkTo, shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

/**
 * Throws `WrongUse` if a path is empty, if something other than a folder is at the path, or if the path cannot be checked. A
 * missing folder is no error, because it is created later. The error message names `option`.
 */
export async function checkFolder(path: string, option = "--out"): Promise<void> {
  if (path === "") throw new WrongUse(`${option} must be the path of a folder, got an empty text`);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw new WrongUse(`${option} ${path} cannot be a folder: ${error.message}`);
    return undefined;
  });
  if (found && !found.isDirectory()) throw new WrongUse(`${option} ${path} is not a folder`);
}

/** Saves all files of a response in the folder `out`. Shows progress if stderr is a terminal. */
export async function saveInto(
  out: string,
  api: ContainerContentClient,
  response: { output: unknown },
  signal: AbortSignal,
): Promise<SaveResult<string>> {
  const files = new Map<CollectedFile, { bytes: number; total: number | undefined }>();
  const line = new ProgressLine(process.stderr, () => {
    const all = [...files.values()];
    const bytes = all.reduce((sum, file) => sum + file.bytes, 0);
    const isKnown = all.every(({ total }) => total !== undefined);
    const total = isKnown ? all.reduce((sum, file) => sum + file.total!, 0) : undefined;
    return `${bar(bytes, total)} ${inBytes(bytes)} of ${files.size} ${files.size === 1 ? "file" : "files"}`;
  });
  try {
    return await saveFiles(api, response, directory(out), {
      signal,
      onProgress: ({ file, bytes, total }) => {
        files.set(file, { bytes, total });
        line.update();
      },
    });
  } finally {
    line.clear();
  }
}

/** Prints the paths of saved files to stdout. Prints the names of failed files, with the errors, to stderr. */
export function printSaved({ saved, failed }: SaveResult<string>): void {
  const { dim } = colorsFor(process.stdout);
  const { red } = colorsFor(process.stderr);
  for (const { location, bytes } of saved) {
    console.log(`${linkTo(location, process.stdout)} ${dim(`(${inBytes(bytes)})`)}`);
  }
  for (const { file, error } of failed) {
    console.error(`${red(shown(file.filename))} could not be saved: ${shown(error.message)}`);
  }
}

/** Returns saved and failed files as objects, for `--json`. */
export function savedAsJson({ saved, failed }: SaveResult<string>): { files: object[]; failed: object[] } {
  return {
    files: saved.map(({ file, location, bytes, sha256 }) => ({
      filename: file.filename,
      path: location,
      bytes,
      sha256,
      ...(file.kind === "container-file" && { containerId: file.containerId, fileId: file.fileId }),
    })),
    failed: failed.map(({ file, error }) => ({ filename: file.filename, error: error.message })),
  };
}
