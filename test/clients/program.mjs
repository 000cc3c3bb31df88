import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const HERE = fileURLToPath(new URL(".", import.meta.url));

const TIME_LIMIT = 120_000;

/** Runs a program to its end. Rejects with all that it wrote where it fails or does not end. */
export function runProgram(command, args, { cwd, env = process.env, input = "" }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, timeout: TIME_LIMIT, killSignal: "SIGKILL" });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (output.stderr += text));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const end = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      reject(new Error(`${command} ${args.join(" ")}: ${end}\n${output.stdout}${output.stderr}`));
    });
    child.stdin.on("error", reject);
    child.stdin.end(input);
  });
}
