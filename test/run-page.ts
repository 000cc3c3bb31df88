/** The code of a page in docs/, run as the program a user would make of it. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));

/** The blocks of TypeScript in a file, in order. */
export async function codeOf(path: string): Promise<string[]> {
  const text = await readFile(join(root, path), "utf8");
  return Array.from(text.matchAll(/^```ts(?: runnable)?\n(.*?)^```$/gms), ([, code]) => code!);
}

/**
 * Code that imports the package by its name, as a program that Node.js runs, with the package as it is in src.
 *
 * @returns its path, inside the repository, so that other packages resolve as they do for a user; and how it goes away.
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
 * Runs such code to its end.
 *
 * @param cwd the folder it runs in.
 * @returns what it printed. Rejects, with all of that, where it fails.
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
