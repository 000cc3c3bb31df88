/**
 * Checks each regular expression of `src` for super-linear matching time.
 *
 *     node scripts/regexes.mjs
 *
 * Literals are read from the syntax trees of the compiled modules. Calls of `RegExp` are recorded while the modules load and a
 * sample text is resolved. The script fails in these cases:
 *
 * - An expression is slow, or the checker cannot decide whether it is slow. If the expression is harmless, write the reason
 *   under `known` in `regexes.json`. The script then skips the expression.
 * - A call of `RegExp` did not run, so its expression is unknown. If the call is harmless, write the reason under `unbuilt`.
 * - `regexes.json` has a reason that is not needed, for example because the expression or the call no longer exists.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { parseModule } from "meriyah";
import { compileModules } from "./modules.mjs";

/**
 * The limits of the checker. `timeout` (in milliseconds) is long and the other time limits are off, so that a busy machine
 * does not change the result. On an idle machine, no expression takes more than 3 seconds.
 */
const LIMITS = {
  timeout: 180_000,
  incubationTimeout: null,
  attackTimeout: null,
  randomSeed: 0,
  maxIteration: 5,
  attackLimit: 200_000_000,
  maxAttackStringSize: 100_000,
};
/** The module that is not imported, because importing it runs the command. It contains no regular expressions. */
const NOT_LOADED = "cli/main.js";
const compiled = isMainThread ? await compileModules("regexes") : undefined;

if (isMainThread) process.exitCode = await main();
else await checkInThread();

async function main() {
  const expressions = new Map();
  const sites = new Map();
  const files = readdirSync(compiled, { recursive: true }).filter((name) => name.endsWith(".js"));
  for (const file of files) readTree(file.replaceAll("\\", "/"), expressions, sites);
  await recordBuilt(files, expressions, sites);

  const { known, unbuilt } = JSON.parse(readFileSync(new URL("regexes.json", import.meta.url), "utf8"));
  const problems = [];
  const missed = [...sites].filter(([, wasBuilt]) => !wasBuilt).map(([site]) => siteName(site));
  for (const name of missed) {
    if (!(name in unbuilt))
      problems.push(
        `${name}\n    was not reached, so it was not checked: reach it in recordBuilt, or give a reason in scripts/regexes.json`,
      );
  }
  const stale = [
    ...Object.keys(known).filter((name) => !expressions.has(name)),
    ...Object.keys(unbuilt).filter((name) => !missed.includes(name)),
  ];
  for (const name of stale)
    problems.push(
      `scripts/regexes.json has a reason for something that does not exist: remove it\n    ${name}`,
    );
  const toCheck = [...expressions.keys()].filter((name) => !(name in known));
  const results = await checkAll(toCheck.map((name) => ({ name, ...expressions.get(name) })));
  for (const { name, finding } of results) {
    if (finding) problems.push(`${[...expressions.get(name).files].join(", ")}: ${finding}\n    ${name}`);
  }

  for (const problem of problems) console.error(problem);
  const reasons = Object.keys(known).length + Object.keys(unbuilt).length;
  console.log(`${expressions.size} regular expressions, ${reasons} reasons, ${problems.length} problems`);
  return problems.length > 0 ? 1 : 0;
}

function add(expressions, pattern, flags, file) {
  const name = `/${pattern}/${flags}`;
  if (!expressions.has(name)) expressions.set(name, { pattern, flags, files: new Set() });
  expressions.get(name).files.add(file);
}

/** Collects the literals of a module and the places where it calls `RegExp`. */
function readTree(file, expressions, sites) {
  const visit = (node) => {
    if (node === null || typeof node !== "object") return;
    if (node.type === "Literal" && node.regex) add(expressions, node.regex.pattern, node.regex.flags, file);
    const isCall = node.type === "NewExpression" || node.type === "CallExpression";
    if (isCall && node.callee.name === "RegExp") {
      const { line, column } = node.loc.start;
      sites.set(`${file}:${line}:${column + 1}`, false);
    }
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseModule(readFileSync(new URL(file, compiled), "utf8"), { next: true, loc: true }));
}

/** Returns the key of a `RegExp` call in `regexes.json`: its file and its code. Line numbers would change too often. */
function siteName(site) {
  const [file, line, column] = site.split(":");
  const code = readFileSync(new URL(file, compiled), "utf8")
    .split("\n")
    [line - 1].slice(column - 1);
  return `${file}: ${code}`;
}

/** Loads the modules and resolves a sample text. Records each regular expression that a `RegExp` call creates meanwhile. */
async function recordBuilt(files, expressions, sites) {
  const record = (expression) => {
    // Line 3 of the stack is the call of `RegExp`. Line 0 is the message, line 1 this function, and line 2 the trap of the proxy.
    const { stack } = new Error();
    const frame = stack.split("\n")[3];
    const start = frame.indexOf(compiled.href);
    if (start < 0) return expression;
    const site = frame.slice(start + compiled.href.length).replace(/\)$/, "");
    sites.set(site, true);
    add(expressions, expression.source, expression.flags, site.split(":")[0]);
    return expression;
  };
  const original = globalThis.RegExp;
  globalThis.RegExp = new Proxy(original, {
    construct: (target, given) => record(new target(...given)),
    apply: (target, _, given) => record(target(...given)),
  });
  try {
    const modules = files.filter((file) => file !== NOT_LOADED);
    for (const file of modules) await import(pathToFileURL(fileURLToPath(new URL(file, compiled))).href);
    const { resolveFileCitations } = await import(new URL("index.js", compiled).href);
    // Some regular expressions are built only when they are first needed. The calls below need them.
    const paths = ["/mnt/data/a.csv", "/mnt/data/Makefile", "/mnt/data/out/c.csv"];
    const listed = paths.map((path, position) => ({
      id: `cfile_${position}`,
      path,
      source: "assistant",
      container_id: "cntr_1",
      created_at: 1,
    }));
    resolveFileCitations(
      "See **/mnt/data/b.csv** and a.csv, /mnt/data/Makefile, /mnt/data/out/に, 旧a.csv",
      listed,
    );
    const { marksOf } = await import(new URL("citations/links/text-marks.js", compiled).href);
    marksOf(["/mnt/data"], true);
    const { EvidenceLog } = await import(new URL("containers/evidence.js", compiled).href);
    const log = new EvidenceLog(["/mnt/data"]);
    log.add({ code: [], commands: [], printed: ["/mnt/data/a.csv"] }, undefined);
  } finally {
    globalThis.RegExp = original;
  }
}

/** Checks expressions in one thread per processor. */
async function checkAll(queue) {
  const results = [];
  const work = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url));
      const next = () => worker.postMessage(queue.pop());
      worker.on("error", reject);
      worker.on("exit", resolve);
      worker.on("message", (result) => {
        results.push(result);
        next();
      });
      next();
    });
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return results;
}

/**
 * Runs in a thread: checks the expressions that the thread receives. An empty message ends the thread. Uses the checker's
 * native program if npm has installed it for this platform. The native program is four times as fast.
 */
async function checkInThread() {
  const platform = process.platform === "darwin" ? "macos" : process.platform;
  const hasProgram = existsSync(
    new URL(`../node_modules/recheck-${platform}-${process.arch}`, import.meta.url),
  );
  process.env.RECHECK_BACKEND = hasProgram ? "native" : "pure";
  const { check } = await import("recheck");
  parentPort.on("message", async (expression) => {
    if (!expression) return process.exit(); // ends this thread and its native program
    const { name, pattern, flags } = expression;
    const { status, complexity, attack, error } = await check(pattern, flags, LIMITS);
    let finding;
    if (status === "unknown") finding = `undecided, ${error.kind}`;
    if (status === "vulnerable") finding = `${complexity.summary}, for example on ${attack.pattern}`;
    parentPort.postMessage({ name, finding });
  });
}
