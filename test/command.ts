/** Runs the command as a user would: as a process, without a terminal. */
import { spawn } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What `test/build-command.ts` made. */
export const main = new URL("../node_modules/.command/dist/cli/main.js", import.meta.url).pathname;

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What it always sees of the environment. */
export function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, COMMAND_COVERAGE } = process.env;
  return { PATH, HOME, ...(COMMAND_COVERAGE && { NODE_V8_COVERAGE: COMMAND_COVERAGE }) };
}

/** Runs it to its end. Of the environment it sees only `PATH`, `HOME` and what `env` says. */
export function run(
  args: readonly string[],
  { input = "", env = {}, cwd }: { input?: string | Uint8Array; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Run> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...environment(), ...env }, cwd });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk) => stdout.push(chunk));
  child.stderr.on("data", (chunk) => stderr.push(chunk));
  child.stdin.on("error", () => {}); // it need not read its input
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** Runs it on a terminal, as `script` makes one: what that shows, stdout and stderr in one. */
export async function runOnTerminal(
  args: readonly string[],
  { env = {}, cwd }: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<{ code: number | null; shown: string }> {
  const words = [process.execPath, main, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const { PATH, HOME } = process.env;
  const child = spawn("script", ["--quiet", "--return", "--command", words.join(" "), "/dev/null"], {
    env: { PATH, HOME, SHELL: "/bin/sh", TERM: "xterm", ...env },
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const shown: Buffer[] = [];
  child.stdout.on("data", (chunk) => shown.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, shown: Buffer.concat(shown).toString() }));
  });
}

/** The first shell code of a page, or of a section in it. */
export async function shellCodeOf(page: string, heading = ""): Promise<string> {
  const text = await readFile(new URL(`../${page}`, import.meta.url), "utf8");
  return /^```sh\n(.*?)^```$/ms.exec(text.slice(text.indexOf(heading)))![1]!;
}

/** An environment where the shell finds the command: installed, and by `npx`. */
export async function environmentIn(folder: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, "bin");
  await mkdir(bin);
  const programs = {
    "openai-file-citations": `exec "${process.execPath}" "${main}" "$@"`,
    npx: 'exec "$@"',
    npm: ":",
  };
  for (const [name, code] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${code}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const { PATH, HOME } = process.env;
  return { PATH: `${bin}:${PATH}`, HOME };
}
