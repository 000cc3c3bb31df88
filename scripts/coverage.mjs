/**
 * What the tests have run of `src`, the command's processes among them, after `npm run coverage`: each file that is below
 * 95 %, and all of them together. Fails where that is below 95 %. Line by line: `coverage/` and `coverage/command/`.
 *
 *     node scripts/coverage.mjs
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { relative } from "node:path";

const LEAST = 95;

// The command runs in processes of its own: what those ran, c8 tells. All else, vitest has told.
execFileSync("npx", ["c8", "report"], { stdio: "inherit" });
const [inTests, inProcesses] = ["coverage", "coverage/command"].map((folder) => {
  const { total, ...files } = JSON.parse(readFileSync(`${folder}/coverage-summary.json`, "utf8"));
  return files;
});

// A file of the command that both have run counts as the one that ran more of it, which is less than both together.
const covered = ({ branches, lines }) => branches.pct + lines.pct;
const files = Object.entries({ ...inTests, ...inProcesses }).map(([path, file]) => {
  const other = inTests[path] ?? file;
  return [relative(".", path), covered(other) > covered(file) ? other : file];
});
for (const [path, { lines, branches }] of files) {
  if (lines.total === 0) continue; // types, and names of others
  if (Math.min(lines.pct, branches.pct) < LEAST)
    console.log(`${path}: lines ${lines.pct} %, branches ${branches.pct} %`);
}
for (const what of ["lines", "branches"]) {
  const sum = (key) => files.reduce((all, [, file]) => all + file[what][key], 0);
  const percent = (100 * sum("covered")) / sum("total");
  const isShort = percent < LEAST;
  console.log(`${what} of src: ${percent.toFixed(2)} %${isShort ? `, less than ${LEAST} %` : ""}`);
  if (isShort) process.exitCode = 1;
}
