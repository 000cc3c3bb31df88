/** Before all tests: the command as JavaScript, since it is run as a user would, as a process of its own. */
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";

const root = new URL("../", import.meta.url).pathname;
/** Beside the repository's packages, so that it finds them. */
const runs = join(root, "node_modules/.command");

/** In a folder of this run's own, as another one may go on beside it; and with package.json where it is in the package. */
export default async function setup({ config }: TestProject): Promise<() => Promise<void>> {
  const counted = join(runs, "counted");
  await mkdir(runs, { recursive: true });
  if (config.coverage.enabled) await rm(counted, { recursive: true, force: true });
  const folder = config.coverage.enabled ? counted : await mkdtemp(join(runs, "run-"));
  process.env.COMMAND_FOLDER = folder;
  // What the processes ran, for scripts/coverage.mjs, which needs the folder later.
  if (config.coverage.enabled) process.env.COMMAND_COVERAGE = join(folder, "coverage");
  await build({
    absWorkingDir: root,
    entryPoints: ["src/**/*.ts"],
    outdir: join(folder, "dist"),
    format: "esm",
    target: "node20",
    sourcemap: true,
    logLevel: "error",
  });
  await cp(join(root, "package.json"), join(folder, "package.json"));
  return async () => {
    if (folder !== counted) await rm(folder, { recursive: true, force: true });
  };
}
