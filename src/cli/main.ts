#!/usr/bin/env node
/** Runs the command line program, `openai-file-citations <command>`. Each command has its own file. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { askCommand } from "./ask.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { downloadCommand } from "./download.js";
import { repairCommand } from "./repair.js";
import { serveCommand } from "./serve.js";
import { statsCommand } from "./stats.js";
import { colorsFor, shown } from "./terminal.js";
import { WrongUse } from "./wrong-use.js";

/** The exit code if something failed or could not be recovered. */
const INCOMPLETE = 1;
const WRONG_USE = 2;

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

const program = new Command("openai-file-citations")
  .description("Gives OpenAI responses the container file citations that reasoning models leave out.")
  .version(version)
  .exitOverride()
  .showHelpAfterError("(run with --help for usage)");

for (const command of [
  askCommand(),
  downloadCommand(),
  repairCommand(),
  statsCommand(),
  serveCommand(),
  demoCommand(),
  doctorCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

let hasFailed = false;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // EPIPE: the reader has closed the pipe, as `| head` does. A closed pipe is no failure, but a full disk is.
  if (error.code !== "EPIPE") fail(error);
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  // Commander has already printed the problem. Help and --version end up here too, with exit code 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : WRONG_USE;
  else fail(error);
}

/**
 * Prints an error if none was printed before. A second error can follow from the first: if stdout fails, the command that
 * writes to stdout fails too.
 */
function fail(error: unknown): void {
  if (hasFailed) return;
  hasFailed = true;
  const { red } = colorsFor(process.stderr);
  console.error(`${red("error:")} ${shown(inWords(error))}`);
  process.exitCode = error instanceof WrongUse ? WRONG_USE : INCOMPLETE;
}

/** Returns the messages of an error and of its causes. If `fetch` fails, only the cause says why. */
function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${inWords(error.cause)}` : error.message;
}
