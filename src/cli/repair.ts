/** `repair`: stored responses in, the same with the citations that they lack out. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { contextOf } from "../responses/repair.js";
import type { RepairContext } from "../responses/response-repair.js";
import { apiOf } from "./api.js";
import { checkedInputs, type Input, isStdout, readerOf, STANDARD, shorter } from "./paths.js";
import { bar, ProgressLine } from "./progress.js";
import { readGivenFiles } from "./stored/given-files.js";
import { Output } from "./stored/output.js";
import { ProgressFile, type Task } from "./stored/progress-file.js";
import { type Counts, type Others, Run, START } from "./stored/run.js";
import { colorsFor } from "./terminal.js";
import { WrongUse, wholeNumberFrom } from "./wrong-use.js";

interface Options {
  files?: string;
  out?: string;
  report?: string;
  concurrency: number;
  resume?: true;
}

/** Nobody waits for a single one of them: a server that is busy may take its time. */
const LIST_TIMEOUT_MS = 60_000;
/** A run that is interrupted does this much again, at the most. */
const MILESTONE_MS = 1000;

/** `repair`: a filter from stdin to stdout, or from files to a file. */
export function repairCommand(): Command {
  return new Command("repair")
    .description("repair stored responses: one, an array, JSON Lines, a Batch API's output, recorded events")
    .argument("[input...]", "files to read, - for stdin; stdin if there are none")
    .option("--files <list.json>", "the containers' files, instead of asking the API for them")
    .option("--out <file>", "write there instead of to stdout, which is - as well")
    .option("--report <file>", "write what became of each response, as JSON Lines; - for stdout")
    .option("--concurrency <n>", "how many responses may wait for the API at once", wholeNumberFrom(1), 8)
    .option("--resume", "go on where an interrupted run with the same --out was")
    .addHelpText(
      "after",
      `
What comes out has the shape of what came in, in its order. What lacks nothing keeps its bytes, and so does what is no
response. The summary goes to stderr; the exit code is 1 if a citation is still missing or a line is no response.

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
  const { concurrency, files } = options;
  const outPath = isStdout(options.out) ? undefined : options.out;
  const reportPath = isStdout(options.report) ? STANDARD : options.report;
  const reportFile = reportPath === STANDARD ? undefined : reportPath;
  if (outPath === undefined && options.resume)
    throw new WrongUse("--resume needs the --out that the interrupted run wrote");
  if (outPath === undefined && reportPath === STANDARD)
    throw new WrongUse("what is repaired and its report would both go to stdout: --out says where else");
  const inputs = await checkedInputs(names, { out: outPath, report: reportFile, files });
  const sizes = inputs.every(({ size }) => size !== undefined) ? inputs.map(({ size }) => size!) : undefined;
  const total = sizes?.reduce((sum, size) => sum + size, 0);
  const context = await contextFor(options);
  const task: Task = {
    inputs: inputs.map(({ path }) => path),
    report: reportPath === undefined ? null : reportFile === undefined ? STANDARD : resolve(reportFile),
  };
  const progressFile =
    outPath !== undefined && (await canGrow(outPath)) ? new ProgressFile(outPath) : undefined;
  const start = (await progressFile?.read(task)) ?? START;
  if (progressFile && start !== START && !options.resume) {
    throw new WrongUse(
      `a run that writes ${outPath} was interrupted: go on with --resume, or remove ${progressFile.path} to start again`,
    );
  }
  const { input: startInput, offset } = start;
  if (sizes && offset > (sizes[startInput] ?? 0)) throw shorter(inputs[startInput]!.name);
  const out = outPath === undefined ? Output.toStdout() : await Output.toFile(outPath, start.outLength);
  const report = await reportTo(reportPath, start.reportLength).catch(async (error) => {
    await out.leave();
    throw error;
  });
  await out.begin();
  await report?.begin();
  out.endsLine = start.outEndsLine;

  let bytesRead = (sizes ?? []).slice(0, start.input).reduce((sum, size) => sum + size, start.offset);
  let milestoneAt = Number.NEGATIVE_INFINITY;
  const startedAt = performance.now();
  const line = new ProgressLine(process.stderr, () => {
    const speed = (run.counts.responses - start.counts.responses) / ((performance.now() - startedAt) / 1000);
    return `${bar(bytesRead, total)} ${inWords(run.counts)}, ${Math.round(speed).toLocaleString("en")} a second`;
  });
  // Where the responses go to the terminal, there is no place for it.
  const hasPlace = (outPath !== undefined && reportPath !== STANDARD) || !process.stdout.isTTY;
  const run: Run = new Run(
    {
      context,
      out,
      report,
      concurrency,
      onOthers: (others) => {
        line.clear();
        console.error(inWordsOf(others, inputs));
      },
      onProgress: () => {
        if (hasPlace) line.update();
      },
      isMilestoneDue: () => progressFile !== undefined && performance.now() - milestoneAt > MILESTONE_MS,
      onMilestone: async (milestone) => {
        await Promise.all([out.sync(), report?.sync()]);
        await progressFile?.write(task, milestone);
        milestoneAt = performance.now();
      },
    },
    start,
  );
  const onRead = (bytes: number): void => {
    bytesRead += bytes;
  };
  await run.of(inputs.map((input) => readerOf(input, onRead)));
  await report?.close();
  await out.close();
  await progressFile?.remove();
  line.clear();
  console.error(inWords(run.counts));
  return run.counts;
}

async function reportTo(path: string | undefined, length: number): Promise<Output | undefined> {
  if (path === undefined) return undefined;
  return path === STANDARD ? Output.toStdout() : Output.toFile(path, length);
}

/** Whether a path is, or will be, a file: a device or a pipe takes nothing back. */
async function canGrow(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ?? true;
}

/** Where the containers' lists come from. */
async function contextFor({ files }: Options): Promise<RepairContext> {
  // A list in a file does not come to be longer by asking again.
  if (files !== undefined) return contextOf(await readGivenFiles(files), { retries: 0 });
  const api = apiOf(process.env);
  if (!api) throw new WrongUse("no list of files: set OPENAI_API_KEY, or give the lists with --files");
  return {
    ...contextOf(api, { timeoutMs: LIST_TIMEOUT_MS }),
    getResponse: (id, signal) => api.getResponse(id, signal),
  };
}

/** `1,204 responses: 310 citations recovered in 290, 2 still missing, 1 failed` */
function inWords({ responses, repaired, citations, left, failed, others }: Counts): string {
  const n = (count: number, one: string, more = `${one}s`): string =>
    `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
  const parts = [
    `${n(citations, "citation")} recovered in ${n(repaired, "response")}`,
    left > 0 && `${left.toLocaleString("en")} still missing`,
    failed > 0 && `${n(failed, "failure")}`,
    others > 0 && `${others.toLocaleString("en")} no response`,
  ];
  return `${n(responses, "response")}: ${parts.filter((part) => part !== false).join(", ")}`;
}

/** `responses.jsonl: lines 17-19 are no responses (no JSON), passed as they are` */
function inWordsOf({ input, shape, from, to, problem }: Others, inputs: readonly Input[]): string {
  const { yellow } = colorsFor(process.stderr);
  const kind = shape === "lines" ? "line" : "value";
  const where = from === to ? `${kind} ${from} is no response` : `${kind}s ${from}-${to} are no responses`;
  return `${yellow(`${inputs[input]!.name}: ${where}`)} (${problem}), passed as it came`;
}
