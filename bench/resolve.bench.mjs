/**
 * Measures the resolver's time relative to other work in the same run. Such ratios can be compared between machines.
 *
 *     node --expose-gc bench/resolve.bench.mjs
 *
 * Prints a Markdown table. Exits with 1 if a limit is exceeded.
 */
import { cpus } from "node:os";
import { GCProfiler } from "node:v8";
import { measure } from "mitata";
import { compileModules } from "../scripts/modules.mjs";

const modules = await compileModules("bench");
const { FileIndex } = await import(new URL("citations/file-index.js", modules).href);
const { resolveWithIndex } = await import(new URL("citations/resolve.js", modules).href);

const ROOTS = ["/mnt/data"];
const MB = 1_000_000;
const PROSE =
  "The quarterly numbers look good: revenue grew by 12.5% (see the table below, e.g. row 3), and costs fell.\n\n";
const LONG_NAME = `${"quarterly_summary_".repeat(12)}.csv`;
const SPACED_NAME = `${"all of it ".repeat(20)}x.csv`;

/** Repeats `piece` up to `size`. Returns one flat string, like text from the network. */
function fill(piece, size = MB) {
  return Buffer.alloc(size, piece).toString("latin1");
}

function file(path, number) {
  return {
    id: `cfile_${number}`,
    container_id: "cntr_1",
    created_at: number,
    path: `/mnt/data/${path}`,
    source: "assistant",
  };
}

function manyFiles(count) {
  return Array.from({ length: count }, (_, number) =>
    file(`reports/2024/region ${number % 97}/summary_${number}.csv`, number),
  );
}

const usual = new FileIndex(
  ["report.csv", "plan.docx", "out/plot.png", LONG_NAME, SPACED_NAME, `deep/er/${SPACED_NAME}`].map(file),
  ROOTS,
);
const resolve = (text, index = usual) => resolveWithIndex(text, index, { roots: ROOTS });

/** Returns the process's CPU time in nanoseconds. Other processes do not count. */
function now() {
  const { user, system } = process.cpuUsage();
  return 1e3 * (user + system);
}

/** Returns the median CPU time of `run` in milliseconds. */
async function time(run) {
  globalThis.gc?.();
  const { p50 } = await measure(run, { now, min_cpu_time: 100e6, min_samples: 7 });
  return p50 / 1e6;
}

/**
 * Measures `base` and `run` in three rounds. In each round, computes the median CPU time of `run` in milliseconds, and divides
 * this time by the median CPU time of `base`. Returns the time and the ratio of the round with the median ratio. `run` and
 * `base` take turns, because the speed of a shared machine changes.
 */
async function compare(run, base) {
  const rounds = [];
  for (let round = 0; round < 3; round++) {
    const than = await time(base);
    const spent = await time(run);
    rounds.push({ spent, ratio: spent / than });
  }
  return rounds.sort((a, b) => a.ratio - b.ratio)[1];
}

const rows = [];
let failures = 0;

/** Adds a row to the table. Counts a failure if the limit is exceeded. */
function note(what, { spent, ratio }, than, limit) {
  const isOver = limit !== undefined && ratio > limit;
  if (isOver) failures++;
  const shown = spent === undefined ? "" : `${spent.toPrecision(3)} ms`;
  const bound = limit === undefined ? "" : `≤ ${limit}${isOver ? " **exceeded**" : ""}`;
  rows.push(`| ${what} | ${shown} | ${ratio.toPrecision(3)} × ${than} | ${bound} |`);
}

const plainText = fill(PROSE);
const longText = fill(PROSE, 10 * MB);
const plain = () => resolve(plainText);
note("plain text, 1 MB", await compare(plain, () => plainText.indexOf("report.csv")), "`indexOf(name)`", 3);
note(
  "the same text, compared with another search",
  await compare(plain, () => plainText.indexOf("/mnt/data/")),
  '`indexOf("/mnt/data/")`',
);
note("plain text, 10 MB", await compare(() => resolve(longText), plain), "1 MB", 11);

const mentions = Array.from({ length: 1000 }, (_, number) => {
  const link = `[file](sandbox:/mnt/data/reports/2024/region%20${(number % 100) % 97}/summary_${number % 100}.csv)\n`;
  return PROSE.repeat(10)
    .slice(0, 1000 - link.length - 1)
    .concat("\n", link);
});
const mentionsText = Buffer.from(mentions.join("")).toString();
const few = manyFiles(100);
const many = manyFiles(10_000);
const fewIndex = new FileIndex(few, ROOTS);
const manyIndex = new FileIndex(many, ROOTS);
const withFew = () => resolve(mentionsText, fewIndex);
const withMany = () => resolve(mentionsText, manyIndex);
note("1,000 mentions in 1 MB, 100 files", await compare(withFew, plain), "plain text");
note("1,000 mentions in 1 MB, 10,000 files", await compare(withMany, withFew), "100 files", 1.5);

/** Runs the obvious alternative to the resolver: one regular expression for each file. */
function onePatternEach(files) {
  for (const { path } of files) {
    const pattern = new RegExp(`(?:sandbox:)?${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`, "g");
    for (const _ of mentionsText.matchAll(pattern));
  }
}
note(
  "one regular expression for each of 100 files",
  await compare(() => onePatternEach(few), withFew),
  "the resolver",
);
const started = now();
onePatternEach(many);
const spent = (now() - started) / 1e6;
note(
  "one regular expression for each of 10,000 files",
  { spent, ratio: spent / (await time(withMany)) },
  "the resolver",
);

const thousand = manyFiles(1000);
const buildFew = () => new FileIndex(thousand, ROOTS);
note("building the index, 1,000 files", await compare(buildFew, plain), "plain text");
// An index of ten times as many files takes ten times as long, plus sorting and garbage collection. So the limit is 20. In
// quadratic time, it would take 100 times as long.
note(
  "building the index, 10,000 files",
  await compare(() => new FileIndex(many, ROOTS), buildFew),
  "1,000 files",
  20,
);

/** Texts of 1 MB each that make a careless scanner read parts of them repeatedly. */
const HOSTILE = { "`/mnt/data/`": fill("/mnt/data/") };
for (const character of "[(\\%&`") {
  const shown = character === "`" ? "backtick" : `\`${character}\``;
  HOSTILE[shown] = fill(character);
  HOSTILE[`\`/mnt/data/\`, then ${shown}`] = `/mnt/data/${fill(character)}`;
}
for (const [what, name] of Object.entries({
  "a long path": LONG_NAME,
  "a long path with spaces": SPACED_NAME,
})) {
  HOSTILE[`the beginning of ${what}`] = fill(`/mnt/data/${name.slice(0, -6)}`);
  HOSTILE[`the beginning of ${what}, and a space`] = fill(`/mnt/data/${name.slice(0, -6)} `);
}
HOSTILE["the beginning of a long name, repeated in one line"] = fill(LONG_NAME.slice(0, 18));
HOSTILE["the beginning of a long name with spaces, repeated in one line"] = fill(SPACED_NAME.slice(0, 10));
HOSTILE["a long name without its beginning and with another end, repeated"] = fill(
  `${LONG_NAME.slice(18, -5)}x.csv `,
);
HOSTILE["a long name with spaces without its beginning, repeated"] = fill(`${SPACED_NAME.slice(10)} `);
HOSTILE["a path, then a line of one hyphen and spaces"] = `/mnt/data/x.csv\n-${fill(" ")}x`;
HOSTILE["a path, then nested Markdown quotes (`> > >` and so on)"] = `/mnt/data/x.csv\n${fill("> ")}`;
HOSTILE["`/mnt/data/`, then the beginning of a long name with spaces, repeated"] =
  `/mnt/data/${fill(SPACED_NAME.slice(0, 10))}`;
HOSTILE["the beginning of a short path, and a space"] = fill("/mnt/data/out/plo ");
HOSTILE["links to a file that is not in the list"] = fill("[x](sandbox:/mnt/data/nope.csv) ");
for (const [what, text] of Object.entries(HOSTILE)) {
  note(`1 MB of ${what}`, await compare(() => resolve(text), plain), "plain text", 20);
}
const different = Buffer.from(
  Array.from({ length: 50_000 }, (_, number) => `/mnt/data/out/${10_000 + number}`).join(" "),
).toString();
note(
  "1 MB of 50,000 different paths, none of them in the list of files",
  await compare(() => resolve(different), plain),
  "plain text",
);
/** A text in which each `.csv` could end the first path. The resolver must not read the text again for each `.csv`. */
const afterMissing = `/mnt/data/Q3 a${fill(".csv", MB / 10)}`;
note(
  "1 MB of `/mnt/data/Q3 a`, then `.csv`",
  await compare(
    () => resolve(`/mnt/data/Q3 a${fill(".csv")}`),
    () => resolve(afterMissing),
  ),
  "0.1 MB",
  20,
);

/** Returns the largest growth of the heap during `run`, in bytes. */
function peakOf(run) {
  run(); // so that the compiled code is on the heap before the measurement
  globalThis.gc?.();
  const profiler = new GCProfiler();
  const before = process.memoryUsage().heapUsed;
  profiler.start();
  run();
  const after = process.memoryUsage().heapUsed;
  const { statistics } = profiler.stop();
  return Math.max(after, ...statistics.map(({ beforeGC }) => beforeGC.heapStatistics.usedHeapSize)) - before;
}
const mentionsLong = Buffer.from(mentionsText.repeat(10)).toString();
for (const [what, text] of Object.entries({
  "without a mention": longText,
  "with 10,000 mentions": mentionsLong,
})) {
  note(
    `peak heap, 10 MB ${what}`,
    { ratio: peakOf(() => resolve(text, manyIndex)) / text.length },
    "the text",
    3,
  );
}

console.log(`Node.js ${process.version}, ${cpus().length} cores (${cpus()[0]?.model ?? "unknown"})\n`);
console.log("| what | median | ratio | limit |\n|---|---|---|---|");
console.log(rows.join("\n"));
if (failures > 0) {
  console.error(`\n${failures} limits exceeded`);
  process.exitCode = 1;
}
