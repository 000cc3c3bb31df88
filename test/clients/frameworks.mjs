// Uses the package in projects of frameworks and bundlers. Each project is a copy of a folder in frameworks/. The copy is outside
// of this repository, and npm installs the project's own dependencies and the packed package there.
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { Miniflare } from "miniflare";
import OpenAI from "openai";
import { createFileRoute } from "openai-file-citations/route";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { version as workerdVersion } from "workerd";
import { inChromium } from "./chromium.mjs";
import { HERE, runProgram, startServer, TIME_LIMIT_MS } from "./program.mjs";

/** Contains each byte value, and is long enough for more than one chunk of a stream. */
const PLAN = Buffer.from(Array.from({ length: 200_000 }, (_, position) => (position * 31) % 256));
const SECRET = "a secret of 32 bytes, or of more";
const ENV = { PATH: process.env.PATH, HOME: process.env.HOME, NEXT_TELEMETRY_DISABLED: "1" };

const ESBUILD = "--bundle --format=esm --log-level=warning --outdir=dist";
/** Commands that build the page and the Worker. The settings for Workers are those of Wrangler and @cloudflare/vite-plugin. */
const BUNDLERS = [
  { bundler: "vite", page: "build", worker: "build --config vite.worker.config.js" },
  {
    bundler: "esbuild",
    page: `index.html page.js --loader:.html=copy ${ESBUILD}`,
    worker: `worker.js ${ESBUILD} --platform=browser --conditions=workerd,worker,browser --target=es2024`,
  },
];

export const frameworks = [
  ["NestJS", () => inProject("nestjs", runNestJs)],
  ["Next.js", () => inProject("nextjs", runNextJs)],
  ["Vite and esbuild", () => inProject("bundlers", runBundlers)],
];

/** Makes a project, calls `run` with its folder, and removes the project. */
async function inProject(name, run) {
  const packed = process.env.PACKED;
  assert(packed, "PACKED must be the path of the packed package: run .ci/clients");
  const project = await mkdtemp(join(tmpdir(), `clients-${name}-`));
  try {
    await cp(join(HERE, "frameworks", name), project, { recursive: true });
    await runProgram("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", packed], {
      cwd: project,
    });
    return await run(project);
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** Compiles the service, runs its Jest test, and sends a request to the compiled service. The service must cite the file. */
async function runNestJs(project) {
  await inside(project, "tsc", "--project tsconfig.json");
  await inside(project, "jest", "--ci");
  await withApi({}, async (env) => {
    const service = await startServer(process.execPath, ["dist/main.js"], { cwd: project, env });
    try {
      const answer = await post(`${service.url}/ask`);
      fileCitedIn(await answer.json());
    } finally {
      await service.close();
    }
  });
  const versions = await versionsIn(project, ["@nestjs/core", "jest", "ts-jest", "typescript"]);
  return `${versions}: compiled, tested with Jest, asked over HTTP: the file is cited`;
}

/** Builds the application for production without the API key and the links' secret, and starts it with both. */
async function runNextJs(project) {
  await writeFileRoute(project);
  await inside(project, "next", "build");
  await withApi({ holdsEnd: true }, async (env, release) => {
    const args = ["start", "--hostname", "127.0.0.1", "--port", "0"];
    const server = await startServer(bin(project, "next"), args, { cwd: project, env });
    try {
      await checkStreamAndLink(server.url, `${server.url}/api/ask`, release);
    } finally {
      await server.close();
    }
  });
  return `${await versionsIn(project, ["next", "typescript"])}: built, started, streamed: the file is cited and downloaded`;
}

/** Writes the route handler that docs/downloads.md shows. */
async function writeFileRoute(project) {
  const page = await readFile(join(HERE, "../../docs/downloads.md"), "utf8");
  const [, code, path] = /^## Next\.js\n\n```ts\n(\/\/ (\S+)\n.*?)^```$/ms.exec(page) ?? [];
  assert(path, "docs/downloads.md must have a block of TypeScript below Next.js that starts with its path");
  await mkdir(join(project, path, ".."), { recursive: true });
  await writeFile(join(project, path), code);
}

/** Builds a page and a Worker with each bundler, without warnings, and runs them in Chromium and workerd. */
async function runBundlers(project) {
  let chromium;
  for (const { bundler, page, worker } of BUNDLERS) {
    await buildWithoutWarning(project, bundler, page);
    chromium = await runPage(join(project, "dist"));
    await buildWithoutWarning(project, bundler, worker);
    await runWorker(join(project, "dist/worker.js"));
  }
  const versions = await versionsIn(
    project,
    BUNDLERS.map(({ bundler }) => bundler),
  );
  const runtimes = `Chromium ${chromium} and workerd ${workerdVersion}`;
  return `${versions}: bundles run in ${runtimes}: the file is cited and downloaded`;
}

async function buildWithoutWarning(project, bundler, args) {
  const { stderr } = await inside(project, bundler, args);
  assert.equal(stderr, "", `${bundler} ${args}`);
}

/** Runs the built page in Chromium. The emulator's server also serves the page, so that the page has the API's origin. */
async function runPage(built) {
  const files = await readdir(built, { recursive: true });
  async function intercept({ path }) {
    const name = path === "/" ? "index.html" : path.slice(1);
    if (!files.includes(name)) return undefined;
    const type = name.endsWith(".html") ? "text/html" : "text/javascript";
    return new Response(await readFile(join(built, name)), { headers: { "content-type": type } });
  }
  return withApi({ intercept }, async ({ OPENAI_BASE_URL }) => {
    const { version, result } = await inChromium(new URL("/", OPENAI_BASE_URL).href, async (page) => {
      await page.waitForFunction(() => "answer" in globalThis);
      return page.evaluate(() => globalThis.answer);
    });
    const { response, contents } = result;
    fileCitedIn(response);
    assert.deepEqual(
      contents.map((bytes) => Buffer.from(bytes)),
      [PLAN],
    );
    return version;
  });
}

async function runWorker(built) {
  const script = await readFile(built, "utf8");
  await withApi({ holdsEnd: true }, async (env, release) => {
    const miniflare = new Miniflare({
      modules: true,
      script,
      compatibilityDate: "2026-07-01",
      bindings: env,
    });
    try {
      const { origin } = await miniflare.ready;
      await checkStreamAndLink(origin, `${origin}/ask`, release);
    } finally {
      await miniflare.dispose();
    }
  });
}

/**
 * Serves the API on loopback. Calls `run` with two arguments: the environment for a program that uses the API, and the
 * function `release` (see `holdsEnd`).
 *
 * @param options.holdsEnd if true, a stream pauses before its end until `run` calls `release`
 */
async function withApi({ holdsEnd = false, intercept }, run) {
  const released = Promise.withResolvers();
  const emulator = createResponsesEmulator({
    apiKey: "test",
    script: stubbornModel({ files: { "plan.docx": PLAN } }),
    intercept,
    beforeEvent: ({ type }) =>
      holdsEnd && type === "response.output_text.done" ? released.promise : undefined,
  });
  const server = await emulator.listen();
  try {
    const env = { OPENAI_API_KEY: "test", OPENAI_BASE_URL: server.baseURL, FILES_SECRET: SECRET };
    return await run({ ...ENV, ...env }, released.resolve);
  } finally {
    released.resolve();
    await server.close();
  }
}

/** Checks that an answer streams and cites its file, and that the file's link leads to the file. */
async function checkStreamAndLink(origin, url, release) {
  const response = await post(url);
  const events = [];
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    const event = JSON.parse(line);
    events.push(event);
    if (event.type === "response.output_text.delta") release();
  }
  const added = events.filter(({ type }) => type === "response.output_text.annotation.added");
  const cited = fileCitedIn(events.at(-1).response);
  assert.deepEqual(
    added.map(({ annotation }) => annotation),
    [cited],
  );

  const { urlFor } = createFileRoute(new OpenAI({ apiKey: "test" }), { secret: SECRET, basePath: "/files" });
  const download = await fetch(`${origin}${await urlFor(cited)}`, {
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  assert.equal(download.status, 200);
  assert.match(download.headers.get("content-disposition"), /plan\.docx/);
  assert.deepEqual(Buffer.from(await download.arrayBuffer()), PLAN);
}

/** Checks that a response has exactly one citation and that it is the citation of the file. Returns the citation. */
function fileCitedIn({ output }) {
  const { text, annotations } = output.at(-1).content[0];
  assert.equal(annotations.length, 1, JSON.stringify(annotations));
  const [{ type, filename, start_index, end_index }] = annotations;
  assert.deepEqual({ type, filename }, { type: "container_file_citation", filename: "plan.docx" });
  assert.equal(text.slice(start_index, end_index), "/mnt/data/plan.docx");
  return annotations[0];
}

async function post(url) {
  const response = await fetch(url, {
    method: "POST",
    body: "Write a lesson plan.",
    headers: { "accept-encoding": "identity" }, // otherwise workerd compresses the stream as a whole
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  if (!response.ok) throw new Error(`${url}: status ${response.status}: ${await response.text()}`);
  return response;
}

const bin = (project, name) => join(project, "node_modules/.bin", name);

/** Runs a program that is installed in a project, with no API key in its environment. */
function inside(project, name, args) {
  return runProgram(bin(project, name), args.split(" "), { cwd: project, env: ENV });
}

async function versionsIn(project, names) {
  const manifests = names.map((name) =>
    readFile(join(project, "node_modules", name, "package.json"), "utf8"),
  );
  const read = (await Promise.all(manifests)).map((text) => JSON.parse(text));
  return read.map(({ name, version }) => `${name} ${version}`).join(", ");
}
