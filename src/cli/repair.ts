/**
 * Defines and runs `repair`: adds missing citations to stored responses. Also decides where a run with `--resume` continues after
 * a crash: see `startOf`.
 */
import { resolve } from "node:path";
import { Command } from "commander";
import { checkedInputs, type Input, isStdout, STANDARD, stateOf } from "./repair-paths.js";
import { counted, RunDisplay } from "./run-display.js";
import { contextFor } from "./stored/context.js";
import { lockOutput } from "./stored/lock.js";
import { Output } from "./stored/output.js";
import { ProgressFile, type Task } from "./stored/progress-file.js";
import { type Remaining, readOn } from "./stored/reading.js";
import { type Counts, type Milestone, Run, type RunOptions, START } from "./stored/run.js";
import { WrongUse, wholeNumberFrom } from "./wrong-use.js";

interface Options {
  files?: string;
  out?: string;
  report?: string;
  concurrency: number;
  resume?: true;
}

/**
 * The minimum time between two saved milestones. A milestone says how far the run has come. A resumed run repeats the work since
 * the last saved milestone.
 */
const MILESTONE_MS = 1000;

/** Defines `repair`, which reads files or stdin and writes the repaired responses to a file or stdout. */
export function repairCommand(): Command {
  return new Command("repair")
    .description(
      "add missing citations to stored responses: JSON, JSON Lines, Batch API output, recorded events",
    )
    .argument("[input...]", "the files to read; - for stdin, which is also the default")
    .option(
      "--files <list.json>",
      "read the containers' file lists from this file, instead of asking the API",
    )
    .option("--out <file>", "write to this file; - for stdout, which is also the default")
    .option("--report <file>", "write a report of each response, as JSON Lines; - for stdout")
    .option("--concurrency <n>", "how many responses may wait for the API at once", wholeNumberFrom(1), 8)
    .option("--resume", "continue the interrupted run that wrote --out")
    .addHelpText(
      "after",
      `
The output has the shape and the order of the input. A response that lacks nothing keeps its bytes, and so does a record
that is not a response. The summary goes to stderr. The exit code is 1 if a citation is still missing, if a recovery
failed, or if a record is not a response.

Examples:
  $ openai-file-citations repair responses.jsonl --out repaired.jsonl
  $ openai-file-citations repair --files list.json < response.json`,
    )
    .action(async (inputs: string[], options: Options) => {
      const counts = await repair(inputs.length > 0 ? inputs : [STANDARD], options);
      if (counts.left + counts.failed + counts.others > 0) process.exitCode = 1;
    });
}

async function repair(names: readonly string[], options: Options): Promise<Counts> {
  const { out: outPath, report: reportPath } = destinationsOf(options);
  const paths = { out: fileOf(outPath), report: fileOf(reportPath), files: options.files };
  const inputs = await checkedInputs(names, paths);
  const { context, lists } = await contextFor(options.files);
  if (lists === "none")
    throw new WrongUse("no file lists: set OPENAI_API_KEY to ask the API, or give the lists with --files");
  const task: Task = {
    inputs: inputs.map(({ path }) => path),
    report: paths.report === undefined ? (reportPath ?? null) : resolve(paths.report),
  };
  const lockedFile = paths.out === undefined ? undefined : await lockOutput(paths.out);
  if (paths.report !== undefined) await lockOutput(paths.report);
  const progressFile = lockedFile === undefined ? undefined : new ProgressFile(lockedFile);
  const start = await startOf(outPath, progressFile, task, options);
  const outputs = await openOutputs(outPath, reportPath, start);
  const { out, report } = outputs;
  const remaining = await remainingOf(inputs, start, progressFile).catch(async (error) => {
    await leave(outputs);
    throw error;
  });
  await out.begin();
  await report?.begin();
  out.endsLine = start.outEndsLine;

  // If responses go to the terminal, no progress is drawn, because it would appear between them.
  const canDraw = (outPath !== STANDARD && reportPath !== STANDARD) || !process.stdout.isTTY;
  const words = { summary: inWords, fate: "written unchanged" };
  const display = new RunDisplay(words, inputs, start, remaining.hash.bytes);
  const run = new Run(
    {
      context,
      out,
      report,
      concurrency: options.concurrency,
      onOthers: (others) => display.warn(others),
      onProgress: () => {
        if (canDraw) display.update(run.counts);
      },
      ...(progressFile && {
        milestones: {
          stateOf: (input) => stateOf(inputs[input]!),
          ...everySecond(async (milestone) => {
            await Promise.all([out.sync(), report?.sync()]);
            await progressFile.write(task, milestone);
          }),
        },
      }),
    },
    start,
  );
  await run.of(
    remaining.inputs.map((chunks) => display.count(chunks)),
    remaining.hash,
  );
  await report?.close();
  await out.close();
  await progressFile?.remove();
  display.end(run.counts);
  return run.counts;
}

/** The paths that the responses and their reports are written to; `-` for stdout. Without `report`, no reports are written. */
interface Destinations {
  out: string;
  report: string | undefined;
}

function destinationsOf(options: Options): Destinations {
  const out = options.out === undefined || isStdout(options.out) ? STANDARD : options.out;
  const report = isStdout(options.report) ? STANDARD : options.report;
  if (out === STANDARD && options.resume)
    throw new WrongUse("--resume needs the --out of the interrupted run");
  if (out === STANDARD && report === STANDARD) {
    throw new WrongUse("responses and reports would both go to stdout: give --out or --report a file");
  }
  return { out, report };
}

function fileOf(destination: string | undefined): string | undefined {
  return destination === STANDARD ? undefined : destination;
}

/**
 * Returns the milestone from which the run starts. It is the last milestone that an interrupted run has saved, or `START` if no
 * run was interrupted.
 *
 * @throws WrongUse if a run was interrupted and `--resume` is not given.
 */
async function startOf(
  outPath: string,
  progressFile: ProgressFile | undefined,
  task: Task,
  { resume }: Options,
): Promise<Milestone> {
  const saved = await progressFile?.read(task);
  if (saved && !resume) {
    throw new WrongUse(
      `a run that writes ${outPath} was interrupted: continue it with --resume, or remove ${progressFile!.path} to start again`,
    );
  }
  return saved ?? START;
}

interface Outputs {
  out: Output;
  report: Output | undefined;
}

async function openOutputs(
  outPath: string,
  reportPath: string | undefined,
  { outLength, reportLength }: Milestone,
): Promise<Outputs> {
  const out = await outputTo(outPath, outLength);
  try {
    return { out, report: reportPath === undefined ? undefined : await outputTo(reportPath, reportLength) };
  } catch (error) {
    await out.leave();
    throw error;
  }
}

async function outputTo(path: string, length: number): Promise<Output> {
  return path === STANDARD ? Output.toStdout() : Output.toFile(path, length);
}

async function leave({ out, report }: Outputs): Promise<void> {
  await Promise.all([out.leave(), report?.leave()]);
}

/**
 * Returns the part of the inputs that was not read yet at the milestone `start`. If an input has changed, throws an error that
 * says what the user can do.
 */
async function remainingOf(
  inputs: readonly Input[],
  start: Milestone,
  progressFile: ProgressFile | undefined,
): Promise<Remaining> {
  try {
    return await readOn(inputs, start);
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error;
    throw new WrongUse(`${error.message}. Restore the input, or remove ${progressFile?.path} to start again`);
  }
}

/** Returns callbacks that save at most one milestone a second. The first milestone is due immediately. */
function everySecond(
  save: (milestone: Milestone) => Promise<void>,
): Pick<NonNullable<RunOptions["milestones"]>, "isDue" | "save"> {
  let savedAt = Number.NEGATIVE_INFINITY;
  return {
    isDue: () => performance.now() - savedAt > MILESTONE_MS,
    save: async (milestone) => {
      await save(milestone);
      savedAt = performance.now();
    },
  };
}

/** Returns the summary: `1,204 responses: 310 citations recovered in 290 responses, 2 still missing, 1 failure`. */
function inWords({ responses, repaired, citations, left, failed, others }: Counts): string {
  const parts = [
    `${counted(citations, "citation")} recovered in ${counted(repaired, "response")}`,
    left > 0 && `${left.toLocaleString("en")} still missing`,
    failed > 0 && counted(failed, "failure"),
    others > 0 && counted(others, "not a response", "not responses"),
  ];
  return `${counted(responses, "response")}: ${parts.filter((part) => part !== false).join(", ")}`;
}
