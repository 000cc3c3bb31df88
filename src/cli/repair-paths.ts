/** Checks the paths that `repair` and `stats` read and write, before anything is written. */
import { createReadStream, constants as FS, fstatSync, type Stats } from "node:fs";
import { access, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { WrongUse } from "./wrong-use.js";

/** The path that means stdin for an input and stdout for an output. */
export const STANDARD = "-";
const STDIN_FD = 0;
const CHUNK_BYTES = 256 * 1024;
/** The latest time that a `Date` can hold. Some file systems store later times. */
const LAST_DATE_MS = 8.64e15;

/** An input of the run, and its size before the run. */
export interface Input {
  /** The path as the user wrote it, for error messages. */
  name: string;
  /** The absolute path; `-` for stdin. */
  path: string;
  /** The size in bytes; `undefined` for a pipe, a device and stdin. */
  size: number | undefined;
}

/** The size of an input's file and the time of its last change. */
export interface InputState {
  /** In bytes. */
  size: number;
  /** When the file was last changed, in whole milliseconds since 1970. */
  mtime: number;
}

/** The paths in `--out`, `--report` and `--files`. A path is `undefined` if it means stdout or if the option is not given. */
export interface OtherPaths {
  out: string | undefined;
  report: string | undefined;
  files: string | undefined;
}

/**
 * Checks that each input can be read, and that no output would overwrite an input or the file of `--files`.
 *
 * @throws WrongUse if a check fails.
 */
export async function checkedInputs(
  names: readonly string[],
  { out, report, files }: OtherPaths,
): Promise<Input[]> {
  const outputFiles = await existingOutputs(out, report);
  if (files !== undefined) checkNotWritten(files, await fileAt(files), outputFiles);
  const inputs: Input[] = [];
  for (const name of names) inputs.push(await checkedInput(name, outputFiles));
  checkStdin(inputs);
  return inputs;
}

/**
 * Returns the `stat` results of `out` and `report`. Leaves out an output that does not exist yet or is not a regular file.
 *
 * @throws WrongUse if `out` and `report` are the same file.
 */
async function existingOutputs(out: string | undefined, report: string | undefined): Promise<Stats[]> {
  const [outFile, reportFile] = await Promise.all([fileAt(out), fileAt(report)]);
  const isOnePath = out && report && resolve(out) === resolve(report);
  if (isOnePath || (outFile && reportFile && isSame(outFile, reportFile))) {
    throw new WrongUse("--out and --report are the same file");
  }
  return [outFile, reportFile].filter((found) => found !== undefined);
}

async function checkedInput(given: string, outputFiles: readonly Stats[]): Promise<Input> {
  const isStdin = given === STANDARD || given === "/dev/stdin";
  const name = isStdin ? "stdin" : given;
  const found = isStdin ? fstatSync(STDIN_FD) : await readable(given);
  if (found.isDirectory()) throw new WrongUse(`${name} is a folder, expected a file`);
  checkNotWritten(name, found, outputFiles);
  const size = found.isFile() && !isStdin ? found.size : undefined;
  return { name, path: isStdin ? STANDARD : resolve(given), size };
}

function checkNotWritten(name: string, found: Stats | undefined, outputFiles: readonly Stats[]): void {
  if (found && outputFiles.some((output) => isSame(output, found))) {
    throw new WrongUse(`${name} would be overwritten while it is read: write to another file`);
  }
}

function checkStdin(inputs: readonly Input[]): void {
  const count = inputs.filter(({ path }) => path === STANDARD).length;
  if (count > 1) throw new WrongUse("stdin can be an input once only");
  if (count > 0 && process.stdin.isTTY) {
    throw new WrongUse("nothing to read: name a file, or pipe responses into stdin");
  }
}

export function isStdout(path: string | undefined): boolean {
  return path === STANDARD || path === "/dev/stdout";
}

/** Yields the chunks of an input from its beginning. The file is opened when the first chunk is read. */
export async function* chunksOf({ path }: Input): AsyncGenerator<Buffer, void, undefined> {
  yield* path === STANDARD ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
}

/** Returns the current size and time of an input's file; `undefined` if the input has no size or the file is gone. */
export async function stateOf({ path, size }: Input): Promise<InputState | undefined> {
  if (size === undefined) return undefined;
  const found = await stat(path).catch(() => undefined);
  return found && { size: found.size, mtime: Math.min(Math.trunc(found.mtimeMs), LAST_DATE_MS) };
}

/**
 * Returns the `stat` result of the regular file at a path; `undefined` if there is none. Ignores devices and pipes, because a run
 * may read from a device or pipe and also write to it.
 */
async function fileAt(path: string | undefined): Promise<Stats | undefined> {
  if (!path) return undefined;
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found : undefined;
}

async function readable(path: string): Promise<Stats> {
  try {
    await access(path, FS.R_OK);
    return await stat(path);
  } catch (error) {
    throw new WrongUse((error as Error).message);
  }
}

/** Returns whether two `stat` results are of the same file. A link and its target are the same file. */
function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}
