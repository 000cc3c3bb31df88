/** What `repair` reads and writes: checked before anything is written, since wrong use writes nothing. */
import { createReadStream, constants as FS, fstatSync, type Stats } from "node:fs";
import { access, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Read } from "./stored/run.js";
import { WrongUse } from "./wrong-use.js";

/** Stands for stdin among what is read, for stdout among what is written. */
export const STANDARD = "-";
const STDIN_FD = 0;
const CHUNK_BYTES = 256 * 1024;

/** An input, as it was before the run. */
export interface Input {
  /** As the user wrote it; for an error to show. */
  name: string;
  /** From the root; `-` is stdin. */
  path: string;
  /** In bytes. Not there where nothing has a place that one could go back to: a pipe comes as it comes. */
  size: number | undefined;
}

/** What is written. Without a path it goes to stdout. */
export interface Outputs {
  out: string | undefined;
  report: string | undefined;
}

/**
 * The inputs, once they can be read and are not what is written: nothing of them would be left.
 *
 * @throws WrongUse where that is not so.
 */
export async function checkedInputs(
  names: readonly string[],
  { out, report, files }: Partial<Outputs> & { files: string | undefined },
): Promise<Input[]> {
  const targets = await Promise.all([out, report].map((path) => (path ? fileAt(path) : undefined)));
  const refuseTargets = (name: string, found: Stats | undefined): void => {
    if (found && targets.some((target) => target && isSame(target, found))) {
      throw new WrongUse(`${name} would be overwritten while it is read`);
    }
  };
  const [outFile, reportFile] = targets;
  if (
    (out && report && resolve(out) === resolve(report)) ||
    (outFile && reportFile && isSame(outFile, reportFile))
  ) {
    throw new WrongUse("--out and --report are the same file");
  }
  if (files !== undefined) refuseTargets(files, await fileAt(files));
  const inputs: Input[] = [];
  for (const given of names) {
    const isStdin = given === STANDARD || given === "/dev/stdin";
    const name = isStdin ? "stdin" : given;
    const found = isStdin ? fstatSync(STDIN_FD) : await readable(given);
    if (found.isDirectory()) throw new WrongUse(`${name} is a folder`);
    refuseTargets(name, found);
    const size = found.isFile() && !isStdin ? found.size : undefined;
    inputs.push({ name, path: isStdin ? STANDARD : resolve(given), size });
  }
  const stdins = inputs.filter(({ path }) => path === STANDARD).length;
  if (stdins > 1) throw new WrongUse("stdin can be read once only");
  if (stdins > 0 && process.stdin.isTTY) {
    throw new WrongUse("nothing to read: name a file, or pipe responses in");
  }
  return inputs;
}

export function isStdout(path: string | undefined): boolean {
  return path === STANDARD || path === "/dev/stdout";
}

/** How an input is read. `onRead` hears of its bytes. */
export function readerOf({ name, path, size }: Input, onRead: (bytes: number) => void): Read {
  return async function* read(offset) {
    const hasPlaces = size !== undefined;
    const options = { highWaterMark: CHUNK_BYTES, ...(hasPlaces && { start: offset }) };
    let toSkip = hasPlaces ? 0 : offset;
    for await (const chunk of path === STANDARD ? process.stdin : createReadStream(path, options)) {
      const rest = chunk.subarray(toSkip);
      toSkip -= chunk.length - rest.length;
      onRead(rest.length);
      if (rest.length > 0) yield rest;
    }
    if (toSkip > 0) throw shorter(name);
  };
}

export function shorter(name: string): WrongUse {
  return new WrongUse(`${name} is shorter than what the interrupted run had read of it`);
}

/** The file at a path, if one is there: a device or a pipe can be read and written at once. */
async function fileAt(path: string): Promise<Stats | undefined> {
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

/** Whether two names are of one file: links among them. */
function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}
