/** Defines and runs `stats`: counts how many mentions of files are cited in stored responses, by model. */
import { Command } from "commander";
import { checkedInputs, chunksOf, STANDARD } from "./repair-paths.js";
import { counted, RunDisplay } from "./run-display.js";
import { Statistics } from "./statistics.js";
import { contextFor, NO_LISTS } from "./stored/context.js";
import { Output } from "./stored/output.js";
import { type Counts, Run } from "./stored/run.js";
import { shown } from "./terminal.js";
import { wholeNumberFrom } from "./wrong-use.js";

interface Options {
  files?: string;
  concurrency: number;
  json?: true;
}

const HINT =
  "no file lists: give them with --files, or set OPENAI_API_KEY to ask the API, to count what can be recovered";

/** Defines the command `stats`. It reads the same inputs as `repair`, but prints counts instead of repaired responses. */
export function statsCommand(): Command {
  return new Command("stats")
    .description("count, by model, which files stored responses mention, cite and lack")
    .argument(
      "[input...]",
      "the files to read, of any shape that repair reads; - for stdin, also the default",
    )
    .option(
      "--files <list.json>",
      "read the containers' file lists from this file, instead of asking the API",
    )
    .option("--concurrency <n>", "how many responses may wait for the API at once", wholeNumberFrom(1), 8)
    .option("--json", "print JSON instead of a table")
    .addHelpText(
      "after",
      `
"recovered" counts the citations that repair would add with the same options. The file lists are those of --files, or else
the API's if OPENAI_API_KEY is set. Without both, nothing is sent, and a mention without a citation counts as
container-unavailable. The exit code is 1 if a list could not be read, or if a record is not a response.

Examples:
  $ openai-file-citations stats responses.jsonl
  $ openai-file-citations stats --files list.json --json < responses.jsonl`,
    )
    .action(async (inputs: string[], options: Options) => {
      const hasAll = await stats(inputs.length > 0 ? inputs : [STANDARD], options);
      if (!hasAll) process.exitCode = 1;
    });
}

/**
 * Prints the counts. Returns whether every record is a response and no recovery failed. If the user gave no source of file lists,
 * the missing lists do not count as failures.
 */
async function stats(names: readonly string[], { files, concurrency, json }: Options): Promise<boolean> {
  const inputs = await checkedInputs(names, { out: undefined, report: undefined, files });
  const { context, lists } = await contextFor(files);
  const statistics = new Statistics();
  let failure: Error | undefined;
  const summary = (counts: Counts): string => {
    const parts = [
      counted(counts.responses, "response"),
      failure && `${counted(statistics.failed, "failure")} (${shown(failure.message)})`,
      counts.others > 0 && counted(counts.others, "not a response", "not responses"),
    ];
    return parts.filter((part) => typeof part === "string").join(", ");
  };
  const display = new RunDisplay({ summary, fate: "not counted" }, inputs);
  const run = new Run({
    context,
    out: Output.toNowhere(),
    report: undefined,
    concurrency,
    onReport: (report) => {
      const error = report.error === NO_LISTS ? undefined : report.error;
      if (error) failure ??= error;
      statistics.add(report, error !== undefined);
    },
    onOthers: (others) => display.warn(others),
    onProgress: () => display.update(run.counts),
  });
  await run.of(inputs.map((input) => display.count(chunksOf(input))));
  display.end(run.counts);
  if (lists === "none" && statistics.left > 0) console.error(HINT);
  const { others } = run.counts;
  const text = json ? `${JSON.stringify({ lists, others, ...statistics.asJson() })}\n` : statistics.asTable();
  process.stdout.write(text);
  return others + statistics.failed === 0;
}
