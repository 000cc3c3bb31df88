/** Before all tests: the command as JavaScript, since it is run as a user would, as a process of its own. */
import { cp, rm } from "node:fs/promises";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";

/** Beside the repository's packages, so that it finds them; and its package.json where it is in the package. */
const folder = new URL("../node_modules/.command/", import.meta.url);

export default async function setup({ config }: TestProject): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  // What the processes ran, for scripts/coverage.mjs.
  if (config.coverage.enabled) process.env.COMMAND_COVERAGE = new URL("coverage/", folder).pathname;
  const root = new URL("../", import.meta.url).pathname;
  await build({
    absWorkingDir: root,
    entryPoints: ["src/**/*.ts"],
    outdir: new URL("dist/", folder).pathname,
    format: "esm",
    target: "node20",
    sourcemap: true,
    logLevel: "error",
  });
  await cp(new URL("package.json", `file://${root}`), new URL("package.json", folder));
}
