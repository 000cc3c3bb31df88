/** Runs the code of documentation pages as programs. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Returns the TypeScript code blocks of a file, in order. */
export async function codeOf(path: string): Promise<string[]> {
  const text = await readFile(join(root, path), "utf8");
  return Array.from(text.matchAll(/^```ts(?: runnable)?\n(.*?)^```$/gms), ([, code]) => code!);
}

/**
 * Bundles code into a program for Node.js. The code imports the package by its name. The bundle has the package's code from src.
 *
 * @returns the program's path, and a function that removes it. The path is inside the repository, so that imports of other
 * packages work.
 */
export async function programOf(code: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(root, "node_modules", ".page-"));
  const remove = () => rm(folder, { recursive: true });
  const path = join(folder, "page.mjs");
  try {
    await build({
      stdin: { contents: code, loader: "ts", resolveDir: root },
      outfile: path,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      packages: "external",
      alias: {
        "openai-file-citations": join(root, "src/index.ts"),
        "openai-file-citations/node": join(root, "src/node.ts"),
        "openai-file-citations/route": join(root, "src/files/route.ts"),
        "openai-file-citations/testing": join(root, "src/testing/index.ts"),
        "openai-file-citations/webhook": join(root, "src/webhook.ts"),
      },
      logLevel: "silent",
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, remove };
}

/**
 * Runs code as a program and waits until the program ends. The code imports the package by its name.
 *
 * @param cwd the program's working directory.
 * @returns the program's stdout. If the program fails, rejects with an error that contains the program's output.
 */
export async function run(code: string, { cwd, env }: { cwd: string; env: Record<string, string> }) {
  const program = await programOf(code);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program.path], {
      cwd,
      env: { PATH: process.env.PATH, ...env },
    });
    return stdout;
  } finally {
    await program.remove();
  }
}
