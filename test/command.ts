/** Runs the command as a process, as a user would. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

/** The folder that `test/build-command.ts` creates. */
export const commandFolder = process.env.COMMAND_FOLDER!;
export const main = join(commandFolder, "dist/cli/main.js");

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Returns the environment variables that every process of the command gets. */
export function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, COMMAND_COVERAGE } = process.env;
  return { PATH, HOME, ...(COMMAND_COVERAGE && { NODE_V8_COVERAGE: COMMAND_COVERAGE }) };
}

/** Runs the command until it exits, without a terminal. The process gets only the variables of `environment()` and `env`. */
export function run(
  args: readonly string[],
  { input = "", env = {}, cwd }: { input?: string | Uint8Array; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Run> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...environment(), ...env }, cwd });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk) => stdout.push(chunk));
  child.stderr.on("data", (chunk) => stderr.push(chunk));
  child.stdin.on("error", () => {}); // the command may exit without reading its input
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** Runs the command on a terminal that the program `script` provides. `shown` is stdout and stderr together. */
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

/** A running `serve` command. */
export interface Serving {
  child: ChildProcess;
  url: string;
  baseURL: string;
  stderr(): string;
  /** Resolves with the next line on stdout, where the command writes its log. */
  line(): Promise<string>;
  /** Resolves when stderr matches a pattern. Rejects if the command exits before stderr matches. */
  said(pattern: RegExp): Promise<void>;
  /** Resolves with the exit code. */
  ended: Promise<number | null>;
}

/** Starts `serve` on a free port, and resolves when it listens. The process is stopped when the test ends. */
export async function serve(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const child = spawn(process.execPath, [main, "serve", "--port", "0", ...args], {
    env: { ...environment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    child.kill(); // sends SIGTERM, so that the process exits by itself and writes its coverage
    await ended;
  });
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
    for (const check of listeners) check();
  });
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (pattern.test(stderr)) resolve();
      };
      listeners.add(check);
      ended.then((code) => reject(new Error(`ended with ${code}: ${stderr}`)));
      check();
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

/** Returns the first shell code block of a page. If `heading` is given, returns the first one after that text. */
export async function shellCodeOf(page: string, heading = ""): Promise<string> {
  const text = await readFile(new URL(`../${page}`, import.meta.url), "utf8");
  return /^```sh\n(.*?)^```$/ms.exec(text.slice(text.indexOf(heading)))![1]!;
}

/** Returns an environment for a shell: the command is found by its name and through `npx`, and `npm` does nothing. */
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
  const { PATH, ...others } = environment();
  return { ...others, PATH: `${bin}:${PATH}` };
}

/** Starts a server's script, and stops it when the test ends. Returns the first line that the script prints. */
export async function startScript(script: URL, env: Record<string, string | undefined>): Promise<string> {
  const child = spawn(process.execPath, [script.pathname], {
    env: { PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  onTestFinished(async () => {
    child.kill();
    await exited;
  });
  const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), exited])) as [string];
  return line;
}
