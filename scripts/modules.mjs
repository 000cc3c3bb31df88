/** Compiles `src` module by module, for scripts that need single modules. The bundles of `dist` merge these modules. */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = new URL("../", import.meta.url);

/** Writes the modules into a folder and returns its URL. The folder is in `node_modules`, so that dependencies are found. */
export async function compileModules(name) {
  const folder = new URL(`node_modules/.modules/${name}/`, root);
  rmSync(folder, { recursive: true, force: true });
  await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: ["src/**/*.ts"],
    outdir: fileURLToPath(folder),
    format: "esm",
    target: "es2022",
    logLevel: "error",
  });
  return folder;
}
