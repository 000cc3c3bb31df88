/** `ask`: a question in, the answer and the files that it hands over out. */
import { stat } from "node:fs/promises";
import { Command } from "commander";
import type { CollectedFile } from "../files/collect.js";
import { directory } from "../files/directory.js";
import { type SaveResult, saveFiles } from "../files/save.js";
import { createResponsesEmulator, stubbornModel } from "../testing/index.js";
import type { Report } from "../types.js";
import { Answer } from "./answer.js";
import { Api, apiOf } from "./api.js";
import { isMissing } from "./missing.js";
import { bar, inBytes, ProgressLine } from "./progress.js";
import { colorsFor, linkTo, shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

interface Options {
  model: string;
  out: string;
  file?: string[];
  emulate?: true;
  json?: true;
}

/** What a process ends with that was interrupted from the keyboard. */
const INTERRUPTED = 130;

/** `ask`: streams the answer, uploads and downloads files. */
export function askCommand(): Command {
  return new Command("ask")
    .description("ask a model that can run Python, and save the files that it makes")
    .argument("[prompt...]", "what to ask")
    .option("--model <model>", "the model", "gpt-5")
    .option("--out <folder>", "where to save the files", ".")
    .option("--file <path...>", "files to upload for the model's Python")
    .option("--emulate", "let an emulator answer: no key, no network")
    .option("--json", "one JSON object in the end, for a program to read")
    .addHelpText(
      "after",
      `
Without OPENAI_API_KEY the emulator answers. OPENAI_BASE_URL names another server.

Examples:
  $ openai-file-citations ask "Plot a sine wave as a PNG" --out downloads
  $ openai-file-citations ask "Which month was the best?" --file sales.csv`,
    )
    .action(async (words: string[], options: Options) => {
      const prompt = words.join(" ").trim();
      if (prompt === "") throw new WrongUse("nothing was asked: put the words before --file, or behind --");
      const interrupted = new AbortController();
      const interrupt = (): void => interrupted.abort(new Error("interrupted"));
      process.once("SIGINT", interrupt);
      try {
        await ask(prompt, options, interrupted.signal);
      } catch (error) {
        if (!interrupted.signal.aborted) throw error;
      } finally {
        process.off("SIGINT", interrupt);
      }
      if (interrupted.signal.aborted) process.exitCode = INTERRUPTED;
    });
}

async function ask(prompt: string, options: Options, signal: AbortSignal): Promise<void> {
  const paths = options.file ?? [];
  for (const path of paths) {
    const found = await stat(path).catch((error: Error) => {
      throw new WrongUse(error.message);
    });
    if (!found.isFile()) throw new WrongUse(`${path} is no file`);
  }
  await checkFolder(options.out);
  const api = apiFor(options);
  const fileIds: string[] = [];
  for (const path of paths) fileIds.push(await api.upload(path, signal));

  let report: Report | undefined;
  const answer = new Answer(options.json ? undefined : process.stdout);
  const events = api.respond(
    {
      model: options.model,
      input: prompt,
      tools: [
        {
          type: "code_interpreter",
          container: { type: "auto", ...(fileIds.length > 0 && { file_ids: fileIds }) },
        },
      ],
    },
    { signal, onReport: (told) => (report = told) },
  );
  for await (const event of events) answer.take(event);
  const response = answer.end();
  const result = await save(api, response, options, signal);
  const unresolved = (report?.unresolved ?? [])
    .filter(isMissing)
    .map(({ text, reason }) => ({ text, reason }));
  if (options.json) console.log(asJson(answer, result, unresolved));
  else tell(answer, result, unresolved);
  if (!answer.isComplete || result.failed.length + unresolved.length > 0) process.exitCode = 1;
}

/** What is asked costs money: that its files have no place is to be known before. A folder that is not there is made. */
async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw new WrongUse(`--out ${path} cannot be a folder: ${error.message}`);
    return undefined;
  });
  if (found && !found.isDirectory()) throw new WrongUse(`--out ${path} is no folder`);
}

function apiFor({ emulate }: Options): Api {
  const api = emulate ? undefined : apiOf(process.env);
  if (api) return api;
  if (!emulate) console.error("OPENAI_API_KEY is not set: an emulator of the API answers, as with --emulate");
  const { fetch } = createResponsesEmulator({ script: stubbornModel() });
  return new Api({ key: "none-needed", baseURL: "http://emulator.invalid/v1", fetch });
}

/** Saves all that the response hands over, with a bar on a terminal. */
async function save(
  api: Api,
  response: { output: unknown },
  { out }: Options,
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

interface Unresolved {
  text: string;
  reason: string;
}

/** The files' paths on stdout, since they are results; what went wrong on stderr. */
function tell(
  answer: Answer,
  { saved, failed }: SaveResult<string>,
  unresolved: readonly Unresolved[],
): void {
  const { dim } = colorsFor(process.stdout);
  const { red, yellow } = colorsFor(process.stderr);
  if (saved.length > 0) console.log();
  for (const { location, bytes } of saved) {
    console.log(`${linkTo(location, process.stdout)} ${dim(`(${inBytes(bytes)})`)}`);
  }
  for (const { file, error } of failed) {
    console.error(`${red(shown(file.filename))} could not be saved: ${shown(error.message)}`);
  }
  for (const { text, reason } of unresolved) {
    console.error(`${yellow(shown(text))} could not be told to be a file: ${reason}`);
  }
  if (answer.problem) console.error(red(shown(answer.problem)));
}

function asJson(
  answer: Answer,
  { saved, failed }: SaveResult<string>,
  unresolved: readonly Unresolved[],
): string {
  return JSON.stringify({
    responseId: answer.responseId,
    text: answer.text,
    files: saved.map(({ file, location, bytes, sha256 }) => ({
      filename: file.filename,
      path: location,
      bytes,
      sha256,
      ...(file.kind === "container-file" && { containerId: file.containerId, fileId: file.fileId }),
    })),
    failed: failed.map(({ file, error }) => ({ filename: file.filename, error: error.message })),
    unresolved,
    ...(answer.problem && { problem: answer.problem }),
  });
}
