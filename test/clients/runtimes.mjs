// smoke.mjs in every runtime the package says it runs in, each against an emulator on loopback HTTP.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { chromium } from "playwright-core";
import { version as workerdVersion } from "workerd";
import { HERE, runProgram } from "./program.mjs";

const MAIN = `import { smoke } from "./smoke.mjs";
const version = globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? process.version;
console.log(JSON.stringify({ version, passed: await smoke("BASE_URL") }));`;

const node = (version) => ["npx", "-y", "-p", `node@${version}`, "node", "--input-type=module", "-"];
const bin = (name) => join(HERE, "node_modules", ".bin", name);

export const runtimes = [
  // The oldest one that package.json's `engines` lets in.
  ["Node 20.19", ({ baseURL }) => runCommand(node("20.19"), baseURL)],
  ["Node 22", ({ baseURL }) => runCommand(node("22"), baseURL)],
  ["Node 24", ({ baseURL }) => runCommand(node("24"), baseURL)],
  ["Node, the newest", ({ baseURL }) => runCommand(node("latest"), baseURL)],
  ["Bun", ({ baseURL }) => runCommand([bin("bun"), "run", "-"], baseURL)],
  // The package needs no permission but to reach the API.
  [
    "Deno",
    ({ baseURL, url }) =>
      runCommand([bin("deno"), "run", "--no-prompt", `--allow-net=${new URL(url).host}`, "-"], baseURL),
  ],
  ["workerd", runWorkerd],
  ["Chromium", runChromium],
].map(([name, run]) => [name, () => withServer(run)]);

/** The bundle that browsers and workers load, as a page of the emulator's own origin. */
let bundle;

async function withServer(run) {
  const emulator = createResponsesEmulator({
    script: stubbornModel({ files: { "plan.docx": "plan" } }),
    intercept({ path }) {
      if (path === "/") return new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
      if (path !== "/smoke.js") return undefined;
      return new Response(bundle, { headers: { "content-type": "text/javascript" } });
    },
  });
  const server = await emulator.listen();
  try {
    const { version, passed } = await run(server);
    if (!Array.isArray(passed) || passed.length === 0) throw new Error("nothing was tried");
    const overHttp = emulator.requests.filter(({ path }) => path === "/v1/responses").length;
    if (overHttp !== 2) throw new Error(`${overHttp} requests for a response came over HTTP, not 2`);
    return `${version}, ${passed.length} checks`;
  } finally {
    await server.close();
  }
}

/** The program comes on standard input, so that it finds its packages from here in every runtime. */
async function runCommand([command, ...args], baseURL) {
  const { stdout } = await runProgram(command, args, { cwd: HERE, input: MAIN.replace("BASE_URL", baseURL) });
  return JSON.parse(stdout);
}

async function bundled(entry) {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: HERE },
    bundle: true,
    write: false,
    format: "esm",
    // Fails on any `node:` import, in the package or below it. The emulator's server is the only one, loaded on demand.
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
        contents: await bundled(`import { smoke } from "./smoke.mjs";
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
  bundle = await bundled(`export { smoke } from "./smoke.mjs";`);
  const profile = await mkdtemp(join(tmpdir(), "clients-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Root in a container has no sandbox; the rest keeps it from calling anyone but this page.
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    const passed = await page.evaluate(async (base) => (await import("/smoke.js")).smoke(base), baseURL);
    return { version: browser.browser().version(), passed };
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
}
