/** Builds the command before all tests, since some tests run the command as a process. */
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";

const root = new URL("../", import.meta.url).pathname;
/** A folder below `node_modules`, so that the command finds its dependencies. */
const runs = join(root, "node_modules/.command");

/**
 * Builds into a new folder, because several test runs may be active at once. With coverage, the folder is always the same and is
 * emptied first. The folder also gets a copy of `package.json`, next to `dist` as in the published package, because the
 * command reads its version there.
 *
 * @returns the function that removes the folder.
 */
export default async function setup({ config }: TestProject): Promise<() => Promise<void>> {
  const coverageFolder = join(runs, "counted");
  await mkdir(runs, { recursive: true });
  if (config.coverage.enabled) await rm(coverageFolder, { recursive: true, force: true });
  const folder = config.coverage.enabled ? coverageFolder : await mkdtemp(join(runs, "run-"));
  process.env.COMMAND_FOLDER = folder;
  // The command's processes write their coverage into this folder. `npm run coverage` reads the coverage after the run.
  if (config.coverage.enabled) process.env.COMMAND_COVERAGE = join(folder, "coverage");
  const { bin, exports, dependencies, peerDependencies } = JSON.parse(
    await readFile(join(root, "package.json"), "utf8"),
  );
  const targets: string[] = [
    ...Object.values<string>(bin),
    ...Object.values<{ import?: { default: string } }>(exports).flatMap(
      (entry) => entry.import?.default ?? [],
    ),
  ];
  await build({
    absWorkingDir: root,
    entryPoints: targets.map((path) => path.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts")),
    outbase: "src",
    outdir: join(folder, "dist"),
    // A few bundles load faster than many modules, and hundreds of tests start the command. scripts/build.mjs bundles too.
    bundle: true,
    splitting: true,
    external: Object.keys({ ...dependencies, ...peerDependencies }),
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "error",
  });
  await cp(join(root, "package.json"), join(folder, "package.json"));
  return async () => {
    if (folder !== coverageFolder) await rm(folder, { recursive: true, force: true });
  };
}
