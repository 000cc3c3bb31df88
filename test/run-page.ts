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
  return Array.from(text.matchAll(/^```ts\n(.*?)^```$/gms), ([, code]) => code!);
}

/**
 * Runs code that imports the package by its name, with the package as it is in src.
 *
 * @param cwd the folder it runs in.
 * @returns what it printed. Rejects, with all of that, where it fails.
 */
export async function run(code: string, { cwd, env }: { cwd: string; env: Record<string, string> }) {
  // Inside the repository, so that other packages resolve as they do for a user.
  const folder = await mkdtemp(join(root, "node_modules", ".page-"));
  try {
    const program = join(folder, "page.mjs");
    await build({
      stdin: { contents: code, loader: "ts", resolveDir: root },
      outfile: program,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      packages: "external",
      alias: {
        "openai-file-citations": join(root, "src/index.ts"),
        "openai-file-citations/node": join(root, "src/node.ts"),
      },
      logLevel: "silent",
    });
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      cwd,
      env: { PATH: process.env.PATH, ...env },
    });
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}
