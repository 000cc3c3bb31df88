/** Tests `repair` as a filter: if an input is split over several processes, their joined outputs equal the output of one run. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { environmentIn, run, shellCodeOf } from "./command.js";
import { fileOf, lines, responseOf } from "./stored/responses.js";

/** Returns whether GNU parallel is installed. moreutils has another program that is called `parallel`. */
function hasParallel(): boolean {
  try {
    return execFileSync("parallel", ["--version"], { encoding: "utf8", stdio: "pipe" }).startsWith(
      "GNU parallel",
    );
  } catch {
    return false;
  }
}
const isThere = hasParallel();
if (!isThere && !process.env.CI)
  console.warn("skipped the test with GNU parallel, because it is not installed");

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "filter-test-"));
  await writeFile(at("list.json"), JSON.stringify(Array.from({ length: 100 }, (_, n) => fileOf(n))));
});
afterAll(() => rm(folder, { recursive: true }));

/**
 * Responses with and without their citation, and records that are not responses. GNU parallel cuts this input into blocks, and
 * some blocks start with a record that is not a response.
 */
const stored = Array.from({ length: 700 }, (_, n) => {
  if (n % 11 === 3) return `${JSON.stringify(responseOf(n)).slice(0, 40 + n)}\n`;
  if (n % 13 === 5) return "\n";
  if (n % 17 === 6) return `[{"id":${n}},\n`;
  return lines([responseOf(n % 100, { cited: n % 3 === 0 })], n % 2 === 0 ? "\n" : "\r\n");
});

describe.skipIf(!isThere && !process.env.CI)("GNU parallel", () => {
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    env = await environmentIn(folder);
  });

  const inBlocks = (block: string): string =>
    `parallel --will-cite --pipe --block ${block} --jobs 2 --keep-order \\
      'openai-file-citations repair --files list.json || [ $? -eq 1 ]' < responses.jsonl > repaired.jsonl`;

  it.each([
    [
      "with the command of docs/at-scale.md",
      () => shellCodeOf("docs/at-scale.md", "## Stored responses"),
      stored.length,
    ],
    ["in many blocks", () => inBlocks("60k"), stored.length],
    ["in blocks of about one line", () => inBlocks("1k"), 12],
  ])("gives the same bytes as one run %s", async (_, code, count) => {
    const input = stored.slice(0, count).join("");
    await writeFile(at("responses.jsonl"), input);
    const whole = await run(["repair", "--files", at("list.json")], { input });
    expect(whole.stdout).not.toBe(input);
    await promisify(execFile)("bash", ["-e", "-c", await code()], { env, cwd: folder, maxBuffer: 2 ** 26 });
    expect(await readFile(at("repaired.jsonl"), "utf8")).toBe(whole.stdout);
  });
});
