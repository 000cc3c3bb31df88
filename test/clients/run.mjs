// Runs the checks of all libraries, tracing wrappers, runtimes and frameworks, and prints a line for each and a total. Arguments
// select checks by name.
import { frameworks } from "./frameworks.mjs";
import { libraries } from "./libraries.mjs";
import { runtimes } from "./runtimes.mjs";
import { tracing } from "./tracing/tracing.mjs";

const wanted = process.argv.slice(2);
const cases = [...libraries, ...tracing, ...runtimes, ...frameworks].filter(
  ([name]) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
);

let failed = 0;
for (const [name, run] of cases) {
  const start = performance.now();
  let outcome = "passed";
  let detail = "";
  try {
    detail = await run();
  } catch (error) {
    outcome = "FAILED";
    failed++;
    detail = `\n${error?.stack ?? error}`.replaceAll("\n", "\n    ");
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${outcome}  ${seconds.padStart(5)} s  ${name}: ${detail}`);
}
console.log(`clients: ${cases.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 || cases.length === 0 ? 1 : 0);
