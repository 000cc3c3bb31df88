/** Defines and runs `download`: lists or saves the files of a container, without a response that cites them. */
import { Command } from "commander";
import picomatch from "picomatch";
import { filenameOf, isFile } from "../citations/file-index.js";
import { DEFAULT_ROOTS } from "../citations/mentions.js";
import { citationOf } from "../citations/resolve.js";
import { isId } from "../containers/ids.js";
import { EndlessListError, inPages } from "../containers/listing.js";
import type { ContainerFile } from "../types.js";
import { type Api, apiOf } from "./api.js";
import { untilInterrupted } from "./interrupt.js";
import { inBytes } from "./progress.js";
import { checkFolder, printSaved, savedAsJson, saveInto } from "./saving.js";
import { colorsFor, shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

interface Options {
  out?: string;
  json?: true;
}

/** How many files are requested for each page of the list. The API allows no larger pages. */
const PAGE_SIZE = 100;
const WORKING_FOLDER = `${DEFAULT_ROOTS[0]}/`;

/** Defines `download`. It is for files whose response lacks citations or is no longer available. */
export function downloadCommand(): Command {
  return new Command("download")
    .description("list or save the files of a container")
    .argument("<container>", "the container's id, cntr_…")
    .argument(
      "[file...]",
      "only these files: a path, a name, or a quoted pattern such as '*.csv' or 'out/**'",
    )
    .option("--out <folder>", "save the files in this folder instead of listing them; created if necessary")
    .option("--json", "print JSON: the list as an array, or with --out an object with the saved files")
    .addHelpText(
      "after",
      `
The key is read from OPENAI_API_KEY. OPENAI_BASE_URL selects another server. OpenAI deletes a container and its files
after 20 minutes without use. The exit code is 1 if a FILE matches nothing or a file could not be saved.

Examples:
  $ openai-file-citations download cntr_123
  $ openai-file-citations download cntr_123 "*.csv" --out results`,
    )
    .action((container: string, patterns: string[], options: Options) =>
      untilInterrupted((signal) => download(container, patterns, options, signal)),
    );
}

async function download(
  container: string,
  patterns: readonly string[],
  { out, json }: Options,
  signal: AbortSignal,
): Promise<void> {
  if (!isId(container)) throw new WrongUse(`${JSON.stringify(container)} is not a container id`);
  const matchers = patterns.map(matcherOf);
  if (out !== undefined) await checkFolder(out);
  const api = apiOf(process.env);
  if (!api) throw new WrongUse("no key: set OPENAI_API_KEY to the key that created the container");

  const all = await filesOf(container, api, signal);
  const files = matchers.length === 0 ? all : all.filter((file) => matchers.some(({ fits }) => fits(file)));
  const unmatched = matchers.filter(({ fits }) => !all.some(fits)).map(({ pattern }) => pattern);
  warnAboutMissing(container, all, unmatched);
  if (out === undefined) {
    print(files, json);
    if (unmatched.length > 0) process.exitCode = 1;
    return;
  }
  const result = await saveInto(out, api, asResponse(files), signal);
  if (json) console.log(JSON.stringify({ ...savedAsJson(result), unmatched }));
  else printSaved(result);
  if (files.length === 0 || result.failed.length + unmatched.length > 0) process.exitCode = 1;
}

/**
 * Returns the container's files, sorted by path. If several entries have the same path, returns only the newest. If the list
 * never ends, returns the files that were read.
 */
async function filesOf(container: string, api: Api, signal: AbortSignal): Promise<ContainerFile[]> {
  const list = inPages((id, after, pageSignal) =>
    api.containers.files.list(
      id,
      { limit: PAGE_SIZE, ...(after !== undefined && { after }) },
      { signal: pageSignal },
    ),
  );
  const entries = await list(container, signal, () => {}).catch((error) => {
    if (!(error instanceof EndlessListError)) throw explained(error, container);
    console.error(error.message);
    process.exitCode = 1;
    return error.files;
  });
  const newest = new Map<string, ContainerFile>();
  for (const file of entries) {
    const other = newest.get(file.path);
    if (isFile(file, DEFAULT_ROOTS) && !(other && other.created_at >= file.created_at)) {
      newest.set(file.path, file);
    }
  }
  return [...newest.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Returns a new error for a 404, with possible reasons and a remedy. Returns other errors unchanged. */
function explained(error: unknown, container: string): unknown {
  const { status, message } = Object(error) as { status?: unknown; message?: unknown };
  if (status !== 404) return error;
  return new Error(
    `${message}\nThe container ${container} has expired (OpenAI's do after 20 minutes without use), or it does not belong to the ` +
      "project of this key, or the server at OPENAI_BASE_URL has no containers. The files of an expired container are " +
      "lost: ask the model to create them again.",
  );
}

interface Matcher {
  pattern: string;
  fits: (file: ContainerFile) => boolean;
}

/**
 * Returns a matcher that compares a pattern with a file's path, with the path below `/mnt/data` and with the file's name. A
 * pattern that equals one of these always matches, because a name may contain pattern characters: `[draft].txt`.
 */
function matcherOf(pattern: string): Matcher {
  if (pattern === "") throw new WrongUse('"" is not a file pattern');
  const isMatch = picomatch(pattern, { dot: true, nonegate: true, windows: false });
  const fits = (file: ContainerFile): boolean => {
    const { path } = file;
    const below = path.startsWith(WORKING_FOLDER) ? path.slice(WORKING_FOLDER.length) : path;
    return [below, path, filenameOf(file)].some((name) => name === pattern || isMatch(name));
  };
  return { pattern, fits };
}

/** Warns on stderr if the container has no files, and about each pattern that matches no file. */
function warnAboutMissing(
  container: string,
  all: readonly ContainerFile[],
  unmatched: readonly string[],
): void {
  if (all.length === 0) {
    console.error(`The container ${container} has no files.`);
    return;
  }
  const { yellow } = colorsFor(process.stderr);
  for (const pattern of unmatched) {
    console.error(
      `${yellow(shown(JSON.stringify(pattern)))} matches none of the container's files (${all.length}). Leave out FILE to list all.`,
    );
  }
}

/**
 * Prints two lines for each file: the path, then the other fields. One line would be too long, because the path and the id
 * must not be cut.
 */
function print(files: readonly ContainerFile[], isJson: true | undefined): void {
  if (isJson) {
    console.log(JSON.stringify(files));
    return;
  }
  const { dim } = colorsFor(process.stdout);
  const text = (from: string): string => (process.stdout.isTTY ? shown(from) : from);
  for (const { path, bytes, created_at, source, id } of files) {
    const size = typeof bytes === "number" ? inBytes(bytes) : "";
    // The Swedish locale writes dates as ISO 8601 does, in the local time zone.
    const date = new Date(created_at * 1000).toLocaleString("sv", { dateStyle: "short", timeStyle: "short" });
    console.log(text(path));
    console.log(dim(text(`  ${size.padStart(9)}  ${date}  ${source.padEnd(9)}  ${id}`)));
  }
}

/** Builds a response that cites the files, as input for `saveFiles`. */
function asResponse(files: readonly ContainerFile[]): { output: unknown } {
  const annotations = files.map((file) => citationOf(file, 0, 0));
  return { output: [{ type: "message", content: [{ type: "output_text", annotations }] }] };
}
