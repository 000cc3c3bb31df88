// The package as a user gets it: packed, installed from the tarball into an empty project, first without `openai`.
//
//     npm run build && node test/package/check.mjs
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createRequire, isBuiltin } from "node:module";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
const subpaths = Object.keys(manifest.exports).filter((subpath) => !subpath.endsWith(".json"));
const specifiers = subpaths.map((subpath) => manifest.name + subpath.slice(1));
const commands = Object.values(manifest.bin).map((path) => `./node_modules/${join(manifest.name, path)}`);

const FOR_READERS = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
const node = (version) => ["npx", "-y", "-p", `node@${version}`, "node"];
/** This one, the oldest that package.json's `engines` lets in, and a newer one. */
const NODES = [["node"], node("20.19"), node("24")];
/** This repository's compiler, and the last one that has an API: most users have one of its line. */
const COMPILERS = [[join(ROOT, "node_modules/.bin/tsc")], ["npx", "-y", "-p", "typescript@5.9", "tsc"]];

// Not among the temporary files: a node_modules there would lend this project what it has not.
const project = await realpath(await mkdtemp("/var/tmp/package-"));
const installed = join(project, "node_modules", manifest.name);
try {
  await install();
  await checkImports();
  const used = [...FOR_READERS, ...(await checkBundles())];
  // What the emulator tells a script of its request is typed by `openai`.
  used.push(...(await checkTypes(specifiers.filter((specifier) => !specifier.endsWith("/testing")))));
  await run(["npm", "install", "--no-audit", "--no-fund", "openai@7"]);
  used.push(...(await checkTypes(specifiers)));
  await checkFiles(new Set(used));
  await checkCommands();
} finally {
  await rm(project, { recursive: true, force: true });
}

/** What a command in the project printed. */
async function run([command, ...args]) {
  const options = { cwd: project, timeout: 120_000, maxBuffer: 2 ** 26 };
  const { stdout } = await promisify(execFile)(command, args, options).catch(
    ({ message, stdout: output }) => {
      throw new Error(`${message}\n${output}`);
    },
  );
  return stdout;
}

async function install() {
  await writeFile(join(project, "package.json"), '{ "private": true }\n');
  const packed = await run([
    "npm",
    "pack",
    ROOT,
    "--json",
    "--ignore-scripts",
    "--pack-destination",
    project,
  ]);
  await run(["npm", "install", "--no-audit", "--no-fund", join(project, JSON.parse(packed)[0].filename)]);
  const strange = createRequire(join(project, "package.json")).resolve.paths("openai");
  for (const folder of strange) {
    if (existsSync(join(folder, "openai"))) throw new Error(`there must be no ${folder}/openai`);
  }
}

/** By `import` and by `require`, on every Node.js: the same names. */
async function checkImports() {
  const names = `Object.keys(all).filter((name) => !["__esModule", "module.exports"].includes(name)).sort()`;
  const print = (specifier, load) => `{ const all = ${load}; console.log("${specifier}", ...${names}); }\n`;
  const esm = specifiers.map((specifier) => print(specifier, `await import("${specifier}")`));
  const common = specifiers.map((specifier) => print(specifier, `require("${specifier}")`));
  await writeFile(join(project, "esm.mjs"), esm.join(""));
  await writeFile(join(project, "common.cjs"), common.join(""));
  let expected;
  for (const command of NODES) {
    const version = (await run([...command, "--version"])).trim();
    for (const file of ["esm.mjs", "common.cjs"]) {
      const printed = await run([...command, file]);
      expected ??= printed;
      if (printed !== expected) throw new Error(`${version}, ${file}: ${printed}\ninstead of: ${expected}`);
    }
    console.log(`Node.js ${version}: import and require of ${subpaths.join(", ")}`);
  }
}

/** The declarations themselves too, in a project without `@types/node`. Returns the package's files that were read. */
async function checkTypes(names) {
  const imports = names.map((name, position) => `import * as all${position} from "${name}";\n`);
  const uses = names.map((_, position) => `console.log(all${position});\n`);
  for (const file of ["types.mts", "types.cts"]) {
    await writeFile(join(project, file), [...imports, ...uses].join(""));
  }
  const read = [];
  for (const command of COMPILERS) {
    const version = (await run([...command, "--version"])).trim();
    const check = [...command, "--noEmit", "--strict", "--listFiles", "--target", "es2022"];
    const libraries = ["--lib", "es2022,dom,dom.iterable,dom.asynciterable"];
    const inNode = await run([...check, ...libraries, "--module", "nodenext", "types.mts", "types.cts"]);
    const forBundler = ["--module", "esnext", "--moduleResolution", "bundler"];
    await run([...check, ...libraries, ...forBundler, "types.mts"]);
    read.push(...inNode.split("\n").map((path) => relative(installed, path)));
    console.log(`TypeScript, ${version}: ${names.length} imports, from ESM, from CommonJS and for a bundler`);
  }
  return read;
}

/** Every subpath and command in a bundle; the main one without Node.js, in itself and in all that it needs. */
async function checkBundles() {
  const read = [];
  for (const target of [...specifiers, ...commands]) {
    const { metafile } = await build({
      stdin: { contents: `export * from "${target}";`, resolveDir: project },
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "node",
      external: ["openai"],
      absWorkingDir: project,
      logLevel: "silent",
    });
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    const ofNode = new Set(imports.map(({ path }) => path).filter((path) => isBuiltin(path)));
    const isForAll = target === manifest.name;
    if (isForAll && ofNode.size > 0) throw new Error(`${target} reaches ${[...ofNode].join(", ")}`);
    read.push(...Object.keys(metafile.inputs).map((path) => relative(installed, join(project, path))));
    console.log(`esbuild: ${target}${isForAll ? ", without any module of Node.js" : ""}`);
  }
  return read;
}

async function checkFiles(used) {
  const entries = await readdir(installed, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const unused = files.map((path) => relative(installed, path)).filter((path) => !used.has(path));
  if (unused.length > 0) throw new Error(`in the package, but of no use: ${unused.join(", ")}`);
  console.log(`files: ${files.length}, each of use`);
}

/** As `npx` starts it. */
async function checkCommands() {
  for (const name of Object.keys(manifest.bin)) {
    await run([join(project, "node_modules/.bin", name), "demo", "--json"]);
    console.log(`command: ${name}`);
  }
}
