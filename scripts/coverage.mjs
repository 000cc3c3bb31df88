/**
 * Reports the test coverage of `src`: each file below 95 %, and the total. Includes code that runs when tests start the command
 * as a process. Fails if the total is below 95 %. `npm run coverage` runs this script after the tests. Details are in `coverage/`
 * and `coverage/command/`.
 *
 *     node scripts/coverage.mjs
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { relative } from "node:path";

const LEAST = 95;

// Vitest has already written the report for its own processes. c8 writes the report for the processes of the command.
execFileSync("npx", ["c8", "report"], { stdio: "inherit" });
const [inTests, inProcesses] = ["coverage", "coverage/command"].map((folder) => {
  const { total, ...files } = JSON.parse(readFileSync(`${folder}/coverage-summary.json`, "utf8"));
  return files;
});

// If a file is in both reports, the report with the higher coverage counts. The real coverage of the file may be even higher,
// because each report can miss lines that the other report covers.
const covered = ({ branches, lines }) => branches.pct + lines.pct;
const files = Object.entries({ ...inTests, ...inProcesses }).map(([path, file]) => {
  const other = inTests[path] ?? file;
  return [relative(".", path), covered(other) > covered(file) ? other : file];
});
for (const [path, { lines, branches }] of files) {
  if (lines.total === 0) continue; // only types or re-exports
  if (Math.min(lines.pct, branches.pct) < LEAST)
    console.log(`${path}: lines ${lines.pct} %, branches ${branches.pct} %`);
}
for (const what of ["lines", "branches"]) {
  const sum = (key) => files.reduce((all, [, file]) => all + file[what][key], 0);
  const percent = (100 * sum("covered")) / sum("total");
  const isShort = percent < LEAST;
  console.log(`${what} of src: ${percent.toFixed(2)} %${isShort ? `, below the minimum of ${LEAST} %` : ""}`);
  if (isShort) process.exitCode = 1;
}
