/** Defines and runs `doctor`: sends a few requests, checks whether files are cited, and says what to do if not. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Command, InvalidArgumentError } from "commander";
import { directory } from "../files/directory.js";
import { type Connection, connectionOf } from "./api.js";
import type { Check } from "./doctor/check.js";
import { isWhole, linesOf, summaryOf, wrapped } from "./doctor/display.js";
import { installedVersions } from "./doctor/environment.js";
import { type Examination, examine } from "./doctor/examine.js";
import { Recorder } from "./doctor/recorder.js";
import { recordingOf } from "./doctor/recording.js";
import { costsOf, emulatorFetch } from "./doctor/task.js";
import { untilInterrupted } from "./interrupt.js";
import { ProgressLine } from "./progress.js";
import { checkFolder } from "./saving.js";
import { colorsFor, linkTo, shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

interface Options {
  model: string;
  apiKey?: string;
  baseUrl?: string;
  record?: string;
  emulate?: true;
  yes?: true;
  json?: true;
}

/** Defines `doctor`. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("check whether files are cited and can be downloaded, and say what to do if not")
    .option("--model <model>", "the model", "gpt-5")
    .option("--api-key <key>", "the API key. Other users of the machine may see it; prefer OPENAI_API_KEY")
    .option("--base-url <url>", "the API's base URL, instead of OPENAI_BASE_URL", parseURL)
    .option("--record <folder>", "save the requests and answers for a bug report, without keys and ids")
    .option("--emulate", "check an emulator of the API, without a key and a network")
    .option("--yes", "do not ask before requests that cost money")
    .option("--json", "print one JSON object at the end")
    .addHelpText(
      "after",
      `
The key is read from OPENAI_API_KEY. Three requests cost money, so the command asks first.
The exit code is 1 if something is wrong or was not checked.

Examples:
  $ openai-file-citations doctor
  $ openai-file-citations doctor --emulate
  $ openai-file-citations doctor --yes --record for-the-bug-report`,
    )
    .action((options: Options) => untilInterrupted((signal) => doctor(options, signal)));
}

async function doctor(options: Options, signal: AbortSignal): Promise<void> {
  const { model, record, emulate, yes, json } = options;
  if (model.trim() === "") throw new WrongUse("--model must be the name of a model, got an empty text");
  if (record !== undefined) await checkFolder(record, "--record");
  if (!emulate && !yes && !process.stdin.isTTY) {
    throw new WrongUse("doctor sends requests that cost money: add --yes to agree, or try --emulate");
  }
  const connection = connectionFor(options);
  const { version, engines, peerDependencies } = readManifest();
  const recorder = new Recorder(emulate ? emulatorFetch() : globalThis.fetch);
  const line = new Line();
  const examination: Examination = {
    connection,
    recorder,
    model,
    versions: installedVersions(version),
    supported: { node: engines.node, openai: peerDependencies.openai },
    webhookSecret: process.env.OPENAI_WEBHOOK_SECRET,
    signal,
    agree: async () => emulate || yes || (await askUser(model, line, signal)),
    onStep: (doing) => line.show(doing),
  };
  const checks: Check[] = [];
  let recording: string | undefined;
  try {
    for await (const check of examine(examination)) {
      line.clear();
      checks.push(check);
      if (!json) console.log(linesOf(check, process.stdout));
    }
  } finally {
    line.clear();
    if (record !== undefined) recording = await save(record, examination, checks);
  }
  const isWrong = checks.some(({ mark }) => mark === "failed");
  if (json) console.log(JSON.stringify({ ok: !isWrong && isWhole(checks), checks, recording }));
  else printEnd(checks, recording);
  if (isWrong || !isWhole(checks)) process.exitCode = 1;
}

/** The parts of package.json that are needed. */
interface Manifest {
  version: string;
  engines: { node: string };
  peerDependencies: { openai: string };
}

function readManifest(): Manifest {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
}

function connectionFor({ emulate, apiKey, baseUrl }: Options): Connection {
  if (emulate) {
    return { key: "none-needed", baseURL: "http://emulator.invalid/v1", headers: new Headers() };
  }
  return connectionOf({
    ...process.env,
    ...(apiKey !== undefined && { OPENAI_API_KEY: apiKey }),
    ...(baseUrl !== undefined && { OPENAI_BASE_URL: baseUrl }),
  });
}

/** Shows the text of the current step in a progress line. */
class Line {
  #doing = "";
  readonly #line = new ProgressLine(process.stderr, () => `${this.#doing} …`);

  show(doing: string): void {
    this.#doing = doing;
    this.#line.clear();
    this.#line.update();
  }

  clear(): void {
    this.#line.clear();
  }
}

async function askUser(model: string, line: Line, signal: AbortSignal): Promise<boolean> {
  line.clear();
  // Without `terminal: false`, readline would catch Ctrl-C.
  const reader = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const closed = once(reader, "close").then(() => ""); // the input ended, for example by Ctrl-D
  try {
    const cost = wrapped(shown(costsOf(model)), QUESTION_COLUMNS).join("\n");
    const reply = await Promise.race([reader.question(`\n${cost}\nContinue? [y/N] `, { signal }), closed]);
    console.error();
    return /^\s*y(?:es)?\s*$/i.test(reply);
  } finally {
    reader.close();
  }
}

const QUESTION_COLUMNS = 80;

/** Saves the recording and returns its path. */
async function save(
  folder: string,
  { recorder, connection, model, versions, webhookSecret }: Examination,
  checks: readonly Check[],
): Promise<string> {
  const { key, baseURL, headers } = connection;
  const secrets = [key, webhookSecret, ...headers.values()];
  const json = recordingOf(recorder.exchanges, { baseURL, model, versions, checks, secrets });
  const file = { kind: "container-file", containerId: "", fileId: "", filename: "doctor.json" } as const;
  return directory(folder)(file, new Blob([`${json}\n`]).stream());
}

function printEnd(checks: readonly Check[], recording: string | undefined): void {
  const isWrong = checks.some(({ mark }) => mark === "failed");
  const colors = colorsFor(process.stdout);
  console.log(`\n${(isWrong ? colors.red : colors.bold)(summaryOf(checks))}`);
  if (recording !== undefined) {
    console.log(`Recorded in ${linkTo(recording, process.stdout)}\nRead the recording before you share it.`);
  } else if (isWrong) {
    console.log("For a bug report, run it again with --record DIR and attach the recording.");
  }
}

function parseURL(text: string): string {
  if (URL.canParse(text) && /^https?:/i.test(text)) return text;
  throw new InvalidArgumentError("It must be a URL that begins with https: or http:.");
}
