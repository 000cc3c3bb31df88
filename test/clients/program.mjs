/** Starts programs and servers for the checks of clients, and ends them after a time limit. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const HERE = fileURLToPath(new URL(".", import.meta.url));

/** The time limit for a program that hangs. It is long, so that a slow program on a busy machine still finishes. */
export const TIME_LIMIT_MS = 300_000;

/** Runs a program until it exits. Rejects with its output if it fails or exceeds the time limit. */
export function runProgram(command, args, options) {
  return start(command, args, options).ended;
}

/**
 * Starts a server on 127.0.0.1 and waits until it prints its URL. Rejects with the server's output if the server ends before
 * that. After the time limit, the server is killed.
 */
export async function startServer(command, args, options) {
  const { child, ended, output } = start(command, args, options);
  const exited = new Promise((resolve) => child.on("close", resolve));
  const url = await new Promise((resolve, reject) => {
    child.stdout.on("data", () => {
      const [found] = /http:\/\/127\.0\.0\.1:\d+(?=\s)/.exec(output.stdout) ?? [];
      if (found) resolve(found);
    });
    ended.then(() => reject(new Error(`${command} ended:\n${output.stdout}${output.stderr}`)), reject);
  });
  async function close() {
    child.kill("SIGKILL");
    await exited;
  }
  return { url, output, close };
}

function start(command, args, { cwd, env = process.env, input = "" }) {
  const child = spawn(command, args, { cwd, env, timeout: TIME_LIMIT_MS, killSignal: "SIGKILL" });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (output.stderr += text));
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const reason = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      reject(new Error(`${command} ${args.join(" ")}: ${reason}\n${output.stdout}${output.stderr}`));
    });
    child.stdin.on("error", reject);
  });
  child.stdin.end(input);
  return { child, ended, output };
}
