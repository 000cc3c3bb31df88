/**
 * Measures how long it takes to import the main entry, compared with `openai`.
 *
 *     npm run build && node bench/import.bench.mjs
 *
 * Each import runs in a process of its own. The two packages take turns, so that other work on the machine slows down both.
 * Prints a Markdown table with the time of the fastest run: other work on the machine only makes runs slower. Exits with 1 if a
 * ratio exceeds its limit.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RUNS = 15;
/**
 * The limits of the ratio: this package's time divided by the time of `openai`. The limits are above the aim, because the ratio
 * depends on the machine. For `import`, the same code had a ratio of 0.35 to 0.39 on a slow machine and 0.42 to 0.50 on a fast
 * machine. The limit for `require` is higher, because `require` loads `openai` faster: in 0.6 of the time that `import` takes.
 * This package takes the same time with both.
 */
const LIMITS = { import: 0.55, require: 0.75 };
const AIM = 0.3;
const root = fileURLToPath(new URL("..", import.meta.url));
const own = { mjs: `${root}dist/index.js`, cjs: `${root}dist/index.cjs` };

// The programs to measure are written below the repository's `node_modules`. So their imports find `openai` there.
const folder = mkdtempSync(join(root, "node_modules/.import-"));
try {
  console.log("| | openai, ms | this package, ms | ratio | limit | aim |\n|---|---|---|---|---|---|");
  for (const [what, extension, load] of [
    ["import", "mjs", (path) => `await import(${JSON.stringify(path)})`],
    ["require", "cjs", (path) => `require(${JSON.stringify(path)})`],
  ]) {
    const programs = ["openai", own[extension]].map((path, position) =>
      writeProgram(`${position}.${extension}`, load(path)),
    );
    const times = programs.map(() => []);
    for (const program of programs) timeOf(program); // fills the cache of the disk before the measurement
    for (let run = 0; run < RUNS; run++) {
      for (const [position, program] of programs.entries()) times[position].push(timeOf(program));
    }
    const [openai, ours] = times.map((all) => Math.min(...all));
    const ratio = ours / openai;
    const limit = LIMITS[what];
    const remark = ratio > limit ? " **exceeded**" : "";
    console.log(
      `| \`${what}\` | ${openai.toFixed(1)} | ${ours.toFixed(1)} | ${ratio.toFixed(2)} | ≤ ${limit}${remark} | ≤ ${AIM} |`,
    );
    if (ratio > limit) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Writes a program that prints how many milliseconds a statement takes. */
function writeProgram(name, statement) {
  const path = join(folder, name);
  writeFileSync(
    path,
    `const start = performance.now();\n${statement};\nconsole.log(performance.now() - start);\n`,
  );
  return path;
}

function timeOf(program) {
  return Number(execFileSync(process.execPath, [program], { encoding: "utf8" }));
}
