// Checks the packed package after installing it into an empty project, first without `openai`, then with it.
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

/** The entry points that run without Node.js. */
const FOR_ALL = ["", "/route", "/webhook"].map((subpath) => manifest.name + subpath);
const FOR_READERS = ["CHANGELOG.md", "LICENSE", "README.md", "package.json", "dist/licenses.txt"];
const node = (version) => ["npx", "-y", "-p", `node@${version}`, "node"];
/** The versions of Node.js to test: the installed one, the oldest one that package.json's `engines` allows, and 24. */
const NODES = [["node"], node("20.19"), node("24")];
/** The types are checked with this repository's compiler and with TypeScript 5.9, which most users have. */
const OLDER_COMPILER = ["npx", "-y", "-p", "typescript@5.9", "tsc"];
const COMPILERS = [[join(ROOT, "node_modules/.bin/tsc")], OLDER_COMPILER];
/**
 * The ways in which TypeScript finds a package's types: the compiler options and the files to compile. `types.ts` is compiled
 * as CommonJS, because the project's `package.json` has no `type`.
 */
const RESOLUTIONS = [
  { name: "nodenext", options: ["--module", "nodenext"], files: ["types.mts", "types.cts", "types.ts"] },
  { name: "node16", options: ["--module", "node16"], files: ["types.mts", "types.cts", "types.ts"] },
  { name: "bundler", options: ["--module", "esnext", "--moduleResolution", "bundler"], files: ["types.mts"] },
  {
    name: "node10",
    options: ["--module", "commonjs", "--moduleResolution", "node10"],
    files: ["types.ts"],
    compilers: [OLDER_COMPILER], // TypeScript 7 no longer has this resolution
  },
];

// The project must not be in the system's temporary folder. A node_modules folder there would provide packages that the project
// does not install.
const project = await realpath(await mkdtemp("/var/tmp/package-"));
const installed = join(project, "node_modules", manifest.name);
try {
  await install();
  await checkImports();
  const used = [...FOR_READERS, ...(await checkBundles())];
  // Checks the types of `/testing` only after `openai` is installed, because they import types of `openai`.
  used.push(...(await checkTypes(specifiers.filter((specifier) => !specifier.endsWith("/testing")))));
  await run(["npm", "install", "--no-audit", "--no-fund", "openai@7"]);
  used.push(...(await checkTypes(specifiers)));
  await checkFiles(new Set(used));
  await checkBothFormats();
  await checkJest();
  await checkCommands();
} finally {
  await rm(project, { recursive: true, force: true });
}

/** Runs a command in the project. Returns its stdout. */
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
  const searched = createRequire(join(project, "package.json")).resolve.paths("openai");
  for (const folder of searched) {
    if (existsSync(join(folder, "openai"))) throw new Error(`${folder}/openai must not exist`);
  }
}

/** Checks that `import` and `require` return the same names in every version of Node.js. */
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
      if (printed !== expected) throw new Error(`${version}, ${file}: expected ${expected}\ngot ${printed}`);
    }
    console.log(`Node.js ${version}: import and require of ${subpaths.join(", ")}`);
  }
}

/**
 * Checks the types, and the declaration files themselves, in a project without `@types/node` and with the strictest options.
 * Returns the files of the package that the compiler read.
 */
async function checkTypes(names) {
  const imports = names.map((name, position) => `import * as all${position} from "${name}";\n`);
  const uses = names.map((_, position) => `console.log(all${position});\n`);
  for (const file of ["types.mts", "types.cts", "types.ts"]) {
    await writeFile(join(project, file), [...imports, ...uses].join(""));
  }
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
  const check = ["--noEmit", "--listFiles", "--target", "es2022", ...strict];
  const libraries = ["--lib", "es2022,dom,dom.iterable,dom.asynciterable"];
  const read = [];
  for (const { name, options, files, compilers = COMPILERS } of RESOLUTIONS) {
    for (const command of compilers) {
      const version = (await run([...command, "--version"])).trim();
      const printed = await run([...command, ...check, ...libraries, ...options, ...files]);
      read.push(...printed.split("\n").map((path) => relative(installed, path)));
      const imported = `${names.length} imports from ${files.join(", ")}`;
      console.log(`TypeScript, ${version}, ${name}, ${strict.join(" ")}: ${imported}`);
    }
  }
  return read;
}

/**
 * Bundles every subpath and command. Checks that the entry points in `FOR_ALL` and their dependencies import no Node.js module.
 * Returns the files of the package that the bundler read.
 */
async function checkBundles() {
  const imported = [...specifiers, ...commands].map((target) => [target, `export * from "${target}";`]);
  const required = specifiers.map((target) => [target, `module.exports = require("${target}");`]);
  const read = [];
  for (const [target, contents] of [...imported, ...required]) {
    const { metafile, warnings } = await build({
      stdin: { contents, resolveDir: project },
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "node",
      external: ["openai", "ws"],
      absWorkingDir: project,
      logLevel: "silent",
    });
    if (warnings.length > 0) throw new Error(`${contents} ${warnings[0].text}`);
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    const ofNode = new Set(imports.map(({ path }) => path).filter((path) => isBuiltin(path)));
    const isForAll = FOR_ALL.includes(target);
    if (isForAll && ofNode.size > 0) throw new Error(`${target} reaches ${[...ofNode].join(", ")}`);
    read.push(...Object.keys(metafile.inputs).map((path) => relative(installed, join(project, path))));
    console.log(`esbuild: ${contents}${isForAll ? " Reaches no module of Node.js" : ""}`);
  }
  return read;
}

/** Checks that the package contains no unused file, and that it contains the files in `FOR_READERS`, such as the README. */
async function checkFiles(used) {
  const entries = await readdir(installed, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const unused = files.map((path) => relative(installed, path)).filter((path) => !used.has(path));
  if (unused.length > 0)
    throw new Error(`the package contains files that nothing uses: ${unused.join(", ")}`);
  const missing = FOR_READERS.filter((path) => !existsSync(join(installed, path)));
  if (missing.length > 0) throw new Error(`the package lacks ${missing.join(", ")}`);
  console.log(`files: ${files.length}, all used`);
}

/** Checks a process that imports and requires the package: each copy recognizes the clients that the other copy made. */
async function checkBothFormats() {
  const program = `
    import assert from "node:assert/strict";
    import { createRequire } from "node:module";
    import OpenAI from "openai";
    import * as imported from "${manifest.name}";
    import { createResponsesEmulator, stubbornModel } from "${manifest.name}/testing";
    const require = createRequire(import.meta.url);
    const required = require("${manifest.name}");
    assert.notEqual(required.withFileCitations, imported.withFileCitations);
    for (const [one, other] of [[imported, required], [required, imported]]) {
      const { fetch, requests } = createResponsesEmulator({ script: stubbornModel() });
      const client = one.withFileCitations(new OpenAI({ apiKey: "k", fetch }));
      assert.equal(other.withFileCitations(client), client);
      assert.equal(other.createFileCitationsFetch({ fetch: client.fetch }), client.fetch);
      const tools = [{ type: "code_interpreter", container: { type: "auto" } }];
      const request = { model: "gpt-5", input: "Make a file", tools };
      const { id } = await client.responses.create(request);
      // The client remembers the first response, so the first response is not requested again.
      await other.withFileCitations(client).responses.create({ ...request, previous_response_id: id });
      assert.deepEqual(requests.filter(({ method, path }) => method === "GET" && path.endsWith(id)), []);
      const given = await new OpenAI({ apiKey: "k", fetch }).responses.create(request);
      const list = () => Promise.reject(new Error("no list"));
      const error = await one.repairResponse(given, list, { onFailure: "throw", retries: 0 }).catch((error) => error);
      assert(error instanceof one.FileCitationsError && error instanceof other.FileCitationsError);
      assert(!(new Error("another") instanceof other.FileCitationsError));
    }`;
  await writeFile(join(project, "both.mjs"), program);
  await run(["node", "both.mjs"]);
  console.log("import and require in one process: the same wrapped clients, memory and errors");
}

/**
 * Checks the package in Jest, which loads CommonJS by default: loads every entry point, repairs a response from the emulator over
 * HTTP, and opens a WebSocket to the emulator.
 */
async function checkJest() {
  const test = `
    const WebSocket = require("ws");
    const { OpenAI } = require("openai");
    const { withFileCitations } = require("${manifest.name}");
    const { createResponsesEmulator, stubbornModel } = require("${manifest.name}/testing");
    test.each(${JSON.stringify(specifiers)})("%s", (specifier) => {
      expect(Object.values(require(specifier)).every((value) => typeof value === "function")).toBe(true);
    });
    test("a response is repaired", async () => {
      const server = await createResponsesEmulator({ script: stubbornModel() }).listen();
      const client = withFileCitations(new OpenAI({ apiKey: "k", baseURL: server.baseURL }));
      const tools = [{ type: "code_interpreter", container: { type: "auto" } }];
      const { output } = await client.responses.create({ model: "gpt-5", input: "Make a file", tools });
      expect(output.at(-1).content[0].annotations).toMatchObject([{ type: "container_file_citation" }]);
      const headers = { authorization: "Bearer k" };
      const socket = new WebSocket(server.baseURL.replace("http", "ws") + "/responses", { headers });
      await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
      socket.terminate();
      await server.close();
    });`;
  await writeFile(join(project, "package.test.js"), test);
  await run(["npm", "install", "--no-audit", "--no-fund", "jest@30", "ws@8"]);
  await run(["npx", "jest", "--ci"]);
  console.log("Jest 30 in CommonJS: every entry, a response repaired over HTTP, a WebSocket");
}

/** Checks the commands as `npx` starts them. */
async function checkCommands() {
  for (const name of Object.keys(manifest.bin)) {
    await run([join(project, "node_modules/.bin", name), "demo", "--json"]);
    await run([join(project, "node_modules/.bin", name), "doctor", "--emulate"]);
    console.log(`command: ${name}`);
  }
}
