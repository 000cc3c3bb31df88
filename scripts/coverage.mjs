/**
 * What the tests have run of `src`, the command's processes among them, after `npm run coverage`. Fails below 95 %.
 *
 *     node scripts/coverage.mjs
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const LEAST = 95;

// The command runs in processes of its own: what those ran, c8 tells. All else, vitest has told.
execFileSync("npx", ["c8", "report"], { stdio: "inherit" });
const summaries = ["coverage/coverage-summary.json", "coverage/command/coverage-summary.json"];
const totals = summaries.map((path) => JSON.parse(readFileSync(path, "utf8")).total);

for (const what of ["lines", "branches"]) {
  const sum = (key) => totals.reduce((all, total) => all + total[what][key], 0);
  const percent = (100 * sum("covered")) / sum("total");
  const isShort = percent < LEAST;
  console.log(`${what} of src: ${percent.toFixed(2)} %${isShort ? `, less than ${LEAST} %` : ""}`);
  if (isShort) process.exitCode = 1;
}
