/** Runs the command as a user would: as a process, without a terminal. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** What `test/build-command.ts` made. */
export const commandFolder = process.env.COMMAND_FOLDER!;
export const main = join(commandFolder, "dist/cli/main.js");

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
  const child = spawn("script", ["--quiet", "--return", "--command", words.join(" "), "/dev/null"], {
    env: { ...environment(), SHELL: "/bin/sh", TERM: "xterm", ...env },
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

/** The command's `serve`, running. */
export interface Serving {
  child: ChildProcess;
  url: string;
  baseURL: string;
  stderr(): string;
  /** The next line on stdout: of the log. */
  line(): Promise<string>;
  /** Resolves once stderr has said something. */
  said(what: RegExp): Promise<void>;
  /** Its exit code. */
  ended: Promise<number | null>;
}

/** Starts `serve` as a user would, and waits until it says that it listens. */
export async function serve(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const child = spawn(process.execPath, [main, "serve", "--port", "0", ...args], {
    env: { ...environment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    child.kill(); // of its own accord, so that what it ran is counted
    await ended;
  });
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
    for (const look of listeners) look();
  });
  const said = (what: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (what.test(stderr)) resolve();
      };
      listeners.add(look);
      ended.then((code) => reject(new Error(`ended with ${code}: ${stderr}`)));
      look();
    });
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = "";
  child.stdout.on("data", (chunk) => {
    rest += chunk;
    const whole = rest.split("\n");
    rest = whole.pop()!;
    for (const line of whole) {
      const next = waiting.shift();
      if (next) next(line);
      else lines.push(line);
    }
  });
  const line = async (): Promise<string> => lines.shift() ?? new Promise((resolve) => waiting.push(resolve));
  await said(/listening on (http:\S+),/);
  const [, url] = /listening on (http:\S+),/.exec(stderr)!;
  return { child, url: url!, baseURL: `${url}/v1`, stderr: () => stderr, line, said, ended };
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
  const { PATH, ...more } = environment();
  return { ...more, PATH: `${bin}:${PATH}` };
}
