/**
 * Measures the speed and memory of `repair`, and the speed of `stats`. Command: `npm run build && node bench/repair.bench.mjs`
 * Each run has its own process. CPU ratios are medians of interleaved rounds. Exits with 1 if a limit is exceeded.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

const RESPONSES = 100_000;
const FEWER = 10_000;
const PAIRS = 5;
const main = new URL("../dist/cli/main.js", import.meta.url).pathname;
const rewrite = new URL("rewrite.mjs", import.meta.url).pathname;
/** Code that is preloaded into each process. When the process exits, it sends the parent the resources that the process used. */
const probe = `data:text/javascript,import fs from "node:fs";
process.on("exit", () => fs.writeSync(3, JSON.stringify(process.resourceUsage())));`;

const CONTAINER = "cntr_68c2e6f380d881908a57a82d394434ff02f484f5344062e9";
const FILE = "cfile_68c2e7084ab48191a67824aa1f4c90f1";
const CODE = `import random
import csv

trials = 10000
sums = [random.randint(1, 6) + random.randint(1, 6) for _ in range(trials)]
counts = {total: sums.count(total) for total in range(2, 13)}
path = '/mnt/data/roll2dice_sums_10000.csv'
with open(path, 'w', newline='') as handle:
    writer = csv.writer(handle)
    writer.writerow(['sum', 'count', 'percent'])
    for total, count in sorted(counts.items()):
        writer.writerow([total, count, round(100 * count / trials, 2)])
print(path, len(sums), min(sums), max(sums), sum(sums) / trials)
`;
const TEXT = `I rolled two fair six-sided dice 10,000 times and wrote the sums to a CSV file.

- The average of the sums is close to 7, which is what is expected of two fair dice.
- The most frequent sum is 7, the least frequent ones are 2 and 12.
- Every sum from 2 to 12 came up at least once, so that no row of the file is empty.

You can download it here: [roll2dice_sums_10000.csv](sandbox:/mnt/data/roll2dice_sums_10000.csv)

If you like, I can plot a histogram of the sums, compare it with the expected distribution, or repeat the
experiment with loaded dice and another number of trials. Just tell me which of these you would like to see.`;
const LINK = "sandbox:/mnt/data/roll2dice_sums_10000.csv";

/** Returns a realistic response of about 3 kB. */
function responseOf(n, isCited) {
  const start_index = TEXT.indexOf(LINK);
  const annotation = {
    type: "container_file_citation",
    container_id: CONTAINER,
    end_index: start_index + LINK.length,
    file_id: FILE,
    filename: "roll2dice_sums_10000.csv",
    start_index,
  };
  const id = `68c2e6efa238819383d5f52a2c2a3baa02d3a5742c${String(n).padStart(8, "0")}`;
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: 1757603567 + n,
    status: "completed",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    max_tool_calls: null,
    model: "gpt-5-nano-2025-08-07",
    output: [
      { id: `rs_${id}0`, type: "reasoning", summary: [] },
      {
        id: `ci_${id}`,
        type: "code_interpreter_call",
        status: "completed",
        code: CODE,
        container_id: CONTAINER,
        outputs: [{ type: "logs", logs: "/mnt/data/roll2dice_sums_10000.csv 10000 2 12 6.9873\n" }],
      },
      { id: `rs_${id}1`, type: "reasoning", summary: [] },
      {
        id: `msg_${id}`,
        type: "message",
        status: "completed",
        content: [
          { type: "output_text", annotations: isCited ? [annotation] : [], logprobs: [], text: TEXT },
        ],
        role: "assistant",
      },
    ],
    parallel_tool_calls: true,
    previous_response_id: null,
    prompt_cache_key: null,
    reasoning: { effort: "medium", summary: null },
    service_tier: "default",
    store: true,
    temperature: 1,
    text: { format: { type: "text" }, verbosity: "medium" },
    tool_choice: "auto",
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    top_logprobs: 0,
    top_p: 1,
    truncation: "disabled",
    usage: {
      input_tokens: 6047,
      input_tokens_details: { cached_tokens: 2944 },
      output_tokens: 1623,
      output_tokens_details: { reasoning_tokens: 1408 },
      total_tokens: 7670,
    },
    user: null,
    metadata: {},
  };
}

const folder = await mkdtemp(join(tmpdir(), "repair-bench-"));
const at = (name) => join(folder, name);

async function write(name, count, isCited, [before, between, behind] = ["", "\n", "\n"]) {
  const file = createWriteStream(at(name));
  file.write(before);
  for (let n = 0; n < count; n++) {
    const text = JSON.stringify(responseOf(n, isCited)) + (n < count - 1 ? between : behind);
    if (!file.write(text)) await once(file, "drain");
  }
  file.end();
  await once(file, "close");
  return at(name);
}

/** Runs a program. Returns its wall time and CPU time in seconds, and its peak memory in MB. */
async function run(args) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ["--import", probe, ...args], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const texts = ["", ""];
  child.stderr.on("data", (chunk) => (texts[0] += chunk));
  child.stdio[3].on("data", (chunk) => (texts[1] += chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${texts[0]}`);
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(texts[1]);
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, cpu: (userCPUTime + systemCPUTime) / 1e6, peak: maxRSS / 1024 };
}

const repair = (input) => run([main, "repair", "--files", at("list.json"), input, "--out", at("out")]);
const stats = (input) => run([main, "stats", "--files", at("list.json"), input]);
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

let isOver = false;
function report(what, measured, limit) {
  const over = limit !== undefined && measured.value > limit;
  isOver ||= over;
  const verdict = limit === undefined ? "" : over ? "OVER" : "ok";
  console.log(`| ${what} | ${measured.text} | ${limit === undefined ? "" : `≤ ${limit} ×`} | ${verdict} |`);
}
const times = (value) => ({ value, text: `${value.toFixed(2)} ×` });

try {
  const file = {
    id: FILE,
    container_id: CONTAINER,
    path: "/mnt/data/roll2dice_sums_10000.csv",
    source: "assistant",
    created_at: 1757603592,
  };
  await writeFile(at("list.json"), JSON.stringify([file]));
  const complete = await write("complete.jsonl", RESPONSES, true);
  const { size } = await stat(complete);
  console.log(
    `Node ${process.version}; ${RESPONSES.toLocaleString("en")} responses, ${Math.round(size / 1e6)} MB\n`,
  );
  console.log("| what | measured | limit | |\n|---|---|---|---|");

  const runs = { repair: [], rewrite: [], stats: [] };
  const ratios = [];
  const statsRatios = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const all = [
      async () => runs.repair.push(await repair(complete)),
      async () => runs.rewrite.push(await run([rewrite, complete, at("rewritten")])),
      async () => runs.stats.push(await stats(complete)),
    ];
    for (const one of pair % 2 === 0 ? all : all.reverse()) await one();
    ratios.push(runs.repair.at(-1).cpu / runs.rewrite.at(-1).cpu);
    statsRatios.push(runs.stats.at(-1).cpu / runs.repair.at(-1).cpu);
  }
  const speed = (list) =>
    `${Math.round(RESPONSES / median(list.map(({ seconds }) => seconds))).toLocaleString("en")} lines a second`;
  const cpu = (list) => `${median(list.map((one) => one.cpu)).toFixed(1)} s`;
  report("`repair`, if nothing is missing", { text: speed(runs.repair) });
  report("`bench/rewrite.mjs`, which only reads, parses, stringifies and writes", {
    text: speed(runs.rewrite),
  });
  report(
    `CPU time if nothing is missing, against \`bench/rewrite.mjs\` (${cpu(runs.repair)} against ${cpu(runs.rewrite)})`,
    times(median(ratios)),
    1.5,
  );

  report("`stats`, nothing is missing", { text: speed(runs.stats) });
  report(
    `CPU, \`stats\` against \`repair\`, nothing is missing (${cpu(runs.stats)} against ${cpu(runs.repair)})`,
    times(median(statsRatios)),
    1.2,
  );

  const shapes = [
    ["JSON Lines in which nothing is missing", true, undefined],
    ["JSON Lines in which each response lacks its citation", false, undefined],
    ["a JSON array in which each response lacks its citation", false, ["[\n", ",\n", "\n]\n"]],
  ];
  for (const [what, isCited, around] of shapes) {
    const few = await repair(await write("few", FEWER, isCited, around));
    const many = await repair(await write("many", RESPONSES, isCited, around));
    if (!isCited) report(what, { text: speed([many]) });
    const peaks = `${few.peak.toFixed(0)} MB at ${FEWER.toLocaleString("en")}, ${many.peak.toFixed(0)} MB at ${RESPONSES.toLocaleString("en")}`;
    report(`peak memory: ${what} (${peaks})`, times(many.peak / few.peak), 1.3);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

process.exitCode = isOver ? 1 : 0;
