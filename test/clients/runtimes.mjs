// Runs smoke.mjs in every runtime that the package supports, against an emulator on loopback HTTP.
import { join } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { version as workerdVersion } from "workerd";
import { inChromium } from "./chromium.mjs";
import { HERE, runProgram } from "./program.mjs";

const MAIN = `import { smoke } from "./smoke.mjs";
const version = globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? process.version;
console.log(JSON.stringify({ version, passed: await smoke("BASE_URL") }));`;

const node = (version) => ["npx", "-y", "-p", `node@${version}`, "node", "--input-type=module", "-"];
const bin = (name) => join(HERE, "node_modules", ".bin", name);

export const runtimes = [
  // The oldest version that package.json's `engines` allows.
  ["Node 20.19", ({ baseURL }) => runCommand(node("20.19"), baseURL)],
  ["Node 22", ({ baseURL }) => runCommand(node("22"), baseURL)],
  ["Node 24", ({ baseURL }) => runCommand(node("24"), baseURL)],
  ["Node, latest", ({ baseURL }) => runCommand(node("latest"), baseURL)],
  ["Bun", ({ baseURL }) => runCommand([bin("bun"), "run", "-"], baseURL)],
  // The package needs no permission except network access to the API.
  [
    "Deno",
    ({ baseURL, url }) =>
      runCommand([bin("deno"), "run", "--no-prompt", `--allow-net=${new URL(url).host}`, "-"], baseURL),
  ],
  ["workerd", runWorkerd],
  ["Chromium", runChromium],
].map(([name, run]) => [name, () => withServer(run)]);

/** The bundle of smoke.mjs for Chromium. The emulator's server serves the bundle, so that it has the same origin as the API. */
let smokeBundle;

async function withServer(run) {
  const emulator = createResponsesEmulator({
    script: stubbornModel({ files: { "plan.docx": "plan" } }),
    intercept({ path }) {
      if (path === "/") return new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
      if (path !== "/smoke.js") return undefined;
      return new Response(smokeBundle, { headers: { "content-type": "text/javascript" } });
    },
  });
  const server = await emulator.listen();
  try {
    const { version, passed } = await run(server);
    if (!Array.isArray(passed) || passed.length === 0)
      throw new Error("expected the names of the checks that passed, got none");
    const overHttp = emulator.requests.filter(({ path }) => path === "/v1/responses").length;
    if (overHttp !== 2) throw new Error(`expected 2 requests for responses over HTTP, got ${overHttp}`);
    return `${version}, ${passed.length} checks`;
  } finally {
    await server.close();
  }
}

/**
 * Runs smoke.mjs with the command of a runtime. The command reads a module from stdin, and this module imports smoke.mjs. The
 * runtime looks for smoke.mjs in the working directory, which is this folder.
 */
async function runCommand([command, ...args], baseURL) {
  const { stdout } = await runProgram(command, args, { cwd: HERE, input: MAIN.replace("BASE_URL", baseURL) });
  return JSON.parse(stdout);
}

async function bundle(entry) {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: HERE },
    bundle: true,
    write: false,
    format: "esm",
    // The bundle leaves out the emulator's server, which imports `node:` but is loaded only on demand. If any other code of the
    // package or of a dependency imports `node:`, bundling fails.
    platform: "browser",
    external: ["srvx/node"],
    logLevel: "silent",
  });
  return outputFiles[0].text;
}

async function runWorkerd({ baseURL }) {
  const miniflare = new Miniflare({
    modules: [
      {
        type: "ESModule",
        path: "worker.mjs",
        contents: await bundle(`import { smoke } from "./smoke.mjs";
          export default {
            async fetch() {
              try {
                return Response.json(await smoke("${baseURL}"));
              } catch (error) {
                return new Response(error.stack, { status: 500 });
              }
            },
          };`),
      },
    ],
    compatibilityDate: "2026-07-01",
  });
  try {
    const response = await miniflare.dispatchFetch("http://localhost/");
    if (!response.ok) throw new Error(await response.text());
    return { version: workerdVersion, passed: await response.json() };
  } finally {
    await miniflare.dispose();
  }
}

async function runChromium({ url, baseURL }) {
  smokeBundle = await bundle(`export { smoke } from "./smoke.mjs";`);
  const { version, result } = await inChromium(url, (page) =>
    page.evaluate(async (base) => (await import("/smoke.js")).smoke(base), baseURL),
  );
  return { version, passed: result };
}
