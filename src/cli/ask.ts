/** Defines and runs `ask`: sends a prompt, prints the response and saves its files. */
import { stat } from "node:fs/promises";
import { Command } from "commander";
import type { SaveResult } from "../files/save.js";
import { createResponsesEmulator, stubbornModel } from "../testing/index.js";
import type { Report } from "../types.js";
import { Answer } from "./answer.js";
import { Api, apiOf } from "./api.js";
import { untilInterrupted } from "./interrupt.js";
import { isMissing } from "./missing.js";
import { checkFolder, printSaved, savedAsJson, saveInto } from "./saving.js";
import { colorsFor, shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

interface Options {
  model: string;
  out: string;
  file?: string[];
  emulate?: true;
  json?: true;
}

/** Defines `ask`. */
export function askCommand(): Command {
  return new Command("ask")
    .description("ask a model that can run Python, and save the files it creates")
    .argument("[prompt...]", "the question")
    .option("--model <model>", "the model", "gpt-5")
    .option("--out <folder>", "the folder to save files in, created if necessary", "downloads")
    .option("--file <path...>", "files to upload for the model")
    .option("--emulate", "ask an emulator of the API, without a key and a network")
    .option("--json", "print one JSON object at the end")
    .addHelpText(
      "after",
      `
The key is read from OPENAI_API_KEY; without one, the emulator is asked. OPENAI_BASE_URL selects another server.

Examples:
  $ openai-file-citations ask "Plot a sine wave as a PNG" --out plots
  $ openai-file-citations ask "Which month was the best?" --file sales.csv`,
    )
    .action(async (words: string[], options: Options) => {
      const prompt = words.join(" ").trim();
      if (prompt === "") throw new WrongUse("no prompt was given: write it before --file, or after --");
      await untilInterrupted((signal) => ask(prompt, options, signal));
    });
}

async function ask(prompt: string, options: Options, signal: AbortSignal): Promise<void> {
  const paths = options.file ?? [];
  for (const path of paths) {
    const found = await stat(path).catch((error: Error) => {
      throw new WrongUse(error.message);
    });
    if (!found.isFile()) throw new WrongUse(`--file ${path} is not a file`);
  }
  await checkFolder(options.out); // before the request, because requests cost money
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
    { signal, onReport: (made) => (report = made) },
  );
  for await (const event of events) answer.take(event);
  const response = answer.end();
  const result = await saveInto(options.out, api, response, signal);
  const unresolved = (report?.unresolved ?? [])
    .filter(isMissing)
    .map(({ text, reason }) => ({ text, reason }));
  if (options.json) console.log(asJson(answer, result, unresolved));
  else print(answer, result, unresolved);
  if (!answer.isComplete || result.failed.length + unresolved.length > 0) process.exitCode = 1;
}

function apiFor({ emulate }: Options): Api {
  const api = emulate ? undefined : apiOf(process.env);
  if (api) return api;
  if (!emulate) console.error("OPENAI_API_KEY is not set: asking an emulator of the API, as with --emulate");
  const { fetch } = createResponsesEmulator({ script: stubbornModel() });
  return new Api({ key: "none-needed", baseURL: "http://emulator.invalid/v1", fetch });
}

interface Unresolved {
  text: string;
  reason: string;
}

/** Prints the saved files to stdout and problems to stderr. */
function print(answer: Answer, result: SaveResult<string>, unresolved: readonly Unresolved[]): void {
  const { red, yellow } = colorsFor(process.stderr);
  if (result.saved.length > 0) console.log();
  printSaved(result);
  for (const { text, reason } of unresolved) {
    console.error(`${yellow(shown(text))} could not be matched to a file: ${reason}`);
  }
  if (answer.problem) console.error(red(shown(answer.problem)));
}

function asJson(answer: Answer, result: SaveResult<string>, unresolved: readonly Unresolved[]): string {
  return JSON.stringify({
    responseId: answer.responseId,
    text: answer.text,
    ...savedAsJson(result),
    unresolved,
    ...(answer.problem && { problem: answer.problem }),
  });
}
