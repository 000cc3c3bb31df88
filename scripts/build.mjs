/**
 * Builds the package into `dist`: ES modules, CommonJS and their declarations. Also writes the licences of the packages whose
 * code is in the bundles. `npm run build` runs this script.
 *
 * Peers are never bundled. The `dependencies` of package.json are bundled into the CommonJS files, not into the ES modules.
 * Only the command and the emulator's server import these dependencies.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "rolldown";

const { name, bin, exports, dependencies, peerDependencies } = JSON.parse(
  readFileSync("package.json", "utf8"),
);
const PEERS = Object.keys(peerDependencies);
const COMMANDS = Object.values(bin);
const ENTRIES = Object.values(exports).flatMap((target) => target.import?.default ?? []);
/**
 * The chunks of code that entry points share. There are few, because each file costs import time. The code of
 * `resolveFileCitations` has its own chunk, so that a bundler can leave out the other chunks. The chunk `directory` imports
 * modules of Node.js. So `node` is the only entry point in `exports` that may import this chunk.
 */
const CHUNKS = [
  { name: "errors", test: /src\/(errors|once)\.ts$/, priority: 3 },
  { name: "citations", test: /src\/citations\//, priority: 2 },
  { name: "responses", test: /src\/(index|client)\.ts$/, priority: 1 },
  { name: "store", test: /src\/files\/(safe-name|store)\.ts$/, priority: 2 },
  { name: "directory", test: /src\/node\.ts$/ },
];
/** Matches `from "./x.js"`, `import "./x.js"` and `import("./x.js")`, up to the closing quote. */
const RELATIVE_IMPORT = /(\b(?:from|import)\s*\(?\s*"\.{1,2}\/[^"]+)\.js"/g;

/** Matches an unused import that the bundler leaves in some files. A file for browsers must not import a module of Node.js. */
const UNUSED_IMPORT = /^import "node:module";\n/m;

rmSync("dist", { recursive: true, force: true });
const modules = new Set([
  ...(await bundle("esm", "js", [...ENTRIES, ...COMMANDS], [...PEERS, ...Object.keys(dependencies)])),
  // The CommonJS files also contain srvx, which exists only as ES modules. The command is not built as CommonJS, because nobody
  // imports it.
  ...(await bundle("cjs", "cjs", ENTRIES, PEERS)),
]);
writeFileSync("dist/licenses.txt", licencesOf(modules));
writeDeclarations();

/** Returns the name of a built module: `files/route` for `./dist/files/route.js`. */
function moduleName(target) {
  return relative("dist", target).replace(/\.js$/, "");
}

/**
 * Bundles entries in one format, with chunks for the modules that they share. Packages in `imported` are not bundled.
 * Returns the paths of the bundled modules.
 */
async function bundle(format, extension, targets, imported) {
  const { output } = await build({
    input: Object.fromEntries(targets.map(moduleName).map((entry) => [entry, `src/${entry}.ts`])),
    external: imported.map((dependency) => new RegExp(`^${dependency}(/|$)`)),
    platform: "node",
    transform: { target: "es2022" },
    logLevel: "warn",
    output: {
      dir: "dist",
      format,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `shared/[name].${extension}`,
      comments: { legal: false, annotation: true, jsdoc: false },
      dynamicImportInCjs: false, // Jest has no `import()` in CommonJS
      codeSplitting: { groups: CHUNKS },
    },
  });
  for (const { fileName, code } of output) {
    if (UNUSED_IMPORT.test(code)) writeFileSync(join("dist", fileName), code.replace(UNUSED_IMPORT, ""));
  }
  return output.flatMap(({ moduleIds = [] }) => moduleIds);
}

/** Returns the licences of the packages that modules belong to. */
function licencesOf(modulePaths) {
  const folders = new Set(
    Array.from(modulePaths, (path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]),
  );
  folders.delete(undefined);
  const texts = Array.from(folders, (folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no file with its licence`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return [`${name} contains code of these packages.\n`, ...texts.sort()].join(`\n${"-".repeat(80)}\n\n`);
}

/**
 * Writes the declarations of the entry points and of all modules that they need, directly or not, as `.d.ts` and as `.d.cts`.
 * Leaves out names with the tag `@internal`, and modules that only these names need.
 */
function writeDeclarations() {
  const all = "node_modules/.declarations"; // tsconfig.build.json has the same path
  rmSync(all, { recursive: true, force: true });
  execFileSync("tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
  const reached = new Set();
  const waiting = ENTRIES.map(moduleName);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    const text = readFileSync(join(all, `${path}.d.ts`), "utf8");
    for (const [, start] of text.matchAll(RELATIVE_IMPORT)) {
      waiting.push(join(dirname(path), start.slice(start.indexOf('"') + 1)));
    }
    mkdirSync(join("dist", dirname(path)), { recursive: true });
    writeFileSync(`dist/${path}.d.ts`, text);
    writeFileSync(`dist/${path}.d.cts`, text.replaceAll(RELATIVE_IMPORT, '$1.cjs"'));
  }
}
