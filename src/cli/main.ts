#!/usr/bin/env node
/** The command: `openai-file-citations <command>`. Each command is a file of its own. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { askCommand } from "./ask.js";
import { demoCommand } from "./demo.js";
import { repairCommand } from "./repair.js";
import { serveCommand } from "./serve.js";
import { colorsFor, shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

/** What the process ends with; 0 is done. `INCOMPLETE`: something could not be recovered, or failed. */
const INCOMPLETE = 1;
const WRONG_USE = 2;

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

const program = new Command("openai-file-citations")
  .description("Gives OpenAI responses the container file citations that reasoning models leave out.")
  .version(version)
  .exitOverride()
  .showHelpAfterError("(add --help for what it takes)");

for (const command of [askCommand(), repairCommand(), serveCommand(), demoCommand()]) {
  program.addCommand(command.copyInheritedSettings(program));
}

let hasFailed = false;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // Whoever reads the results has enough of them: `| head`. All else, such as a full disk, fails.
  if (error.code !== "EPIPE") fail(error);
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  // A CommanderError has said what is wrong; help and --version come here as well, with 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : WRONG_USE;
  else fail(error);
}

/** Says what has failed, once: who writes to a stdout that is full hears of it as well. */
function fail(error: unknown): void {
  if (hasFailed) return;
  hasFailed = true;
  const { red } = colorsFor(process.stderr);
  console.error(`${red("error:")} ${shown(inWords(error))}`);
  process.exitCode = error instanceof WrongUse ? WRONG_USE : INCOMPLETE;
}

/** A failed `fetch` says what it failed of in its cause. */
function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${inWords(error.cause)}` : error.message;
}
