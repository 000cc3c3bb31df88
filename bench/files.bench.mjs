/**
 * Measures the time and memory to download 1 GB. Command: `npm run build && node bench/files.bench.mjs`. The API is a
 * server in another process, and each case runs in its own process. Exits with 1 if a limit is exceeded.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import OpenAI from "openai";
import { serve } from "srvx/node";
import { createFileRoute } from "../dist/files/route.js";
import { saveFiles } from "../dist/index.js";
import { directory } from "../dist/node.js";

const GB = 1e9;
const MB = 2 ** 20;
/** How much the memory of a process may grow during the download. */
const LIMIT_MB = 100;

/** The benchmark measures these ways to download. Each way returns a function that downloads files of the given sizes. */
const WAYS = {
  discard: (client) => (sizes) => saveFiles(client, responseOf(sizes), discard),
  directory: (client, folder) => (sizes) => saveFiles(client, responseOf(sizes), directory(folder)),
  async route(client) {
    const route = createFileRoute(client, { secret: "a secret that is long enough to sign with" });
    const server = serve({ fetch: route.handler, port: 0, hostname: "127.0.0.1", silent: true });
    await server.ready();
    return async ([size]) => {
      const [citation] = responseOf([size]).output[0].content[0].annotations;
      process.send({ link: new URL(await route.urlFor(citation), server.url).href });
      await once(process, "message");
      return { saved: [{ bytes: size }], failed: [] };
    };
  },
};

const CASES = [
  { what: "`saveFiles` into a sink that discards", way: "discard", sizes: [GB] },
  { what: "`saveFiles` into `directory`", way: "directory", sizes: [GB] },
  {
    what: "`saveFiles` into `directory`, 4 files at once",
    way: "directory",
    sizes: [GB / 4, GB / 4, GB / 4, GB / 4],
  },
  { what: "the route", way: "route", sizes: [GB] },
];

async function discard(_, stream) {
  for await (const _chunk of stream);
}

/** Returns a response that cites files. The id of each file ends with the file's size. */
function responseOf(sizes) {
  const annotations = sizes.map((size, at) => ({
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: `cfile_${at}_${size}`,
    filename: `${at}.bin`,
    start_index: 0,
    end_index: 0,
  }));
  return { output: [{ type: "message", content: [{ type: "output_text", text: "", annotations }] }] };
}

/** Serves files as fast as the client reads them. */
async function serveBytes() {
  const chunk = new Uint8Array(64 * 1024).map((_, at) => (at * 7) % 251);
  const server = createServer((request, response) => {
    const size = Number(/cfile_\d+_(\d+)/.exec(request.url)[1]);
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size });
    function* bytes() {
      for (let left = size; left > 0; left -= chunk.length)
        yield chunk.subarray(0, Math.min(left, chunk.length));
    }
    Readable.from(bytes(), { objectMode: false, highWaterMark: chunk.length }).pipe(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send(`http://127.0.0.1:${server.address().port}/v1`);
}

async function measure(way, baseURL, folder, sizes) {
  const client = new OpenAI({ apiKey: "k", baseURL });
  const run = await WAYS[way](client, folder);
  await run([1e6]); // warms up: loading and compiling are not part of the measurement
  globalThis.gc?.();
  const before = process.memoryUsage.rss() / MB;
  const start = performance.now();
  const cpu = process.cpuUsage();
  const { saved, failed } = await run(sizes);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  if (failed.length > 0) throw failed[0].error;
  const bytes = saved.reduce((sum, file) => sum + file.bytes, 0);
  const peak = process.resourceUsage().maxRSS / 1024;
  process.send({ bytes, seconds, cpu: (user + system) / 1e6, peak, growth: peak - before });
}

/** Runs this file in a new process. `next()` resolves with the next message from the new process. */
function inProcess(...args) {
  const child = fork(new URL(import.meta.url), args.map(String), { execArgv: ["--expose-gc"] });
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`${args.join(" ")} ended with ${code}`);
  });
  exited.catch(() => {});
  return { child, next: () => Promise.race([once(child, "message").then(([message]) => message), exited]) };
}

async function readToEnd(link) {
  const response = await fetch(link);
  let bytes = 0;
  for await (const chunk of response.body) bytes += chunk.length;
  return bytes;
}

async function main() {
  console.log(`Node ${process.version}\n`);
  console.log(
    "| what | bytes | time | CPU | peak memory | used by the download | limit | |\n|---|---|---|---|---|---|---|---|",
  );
  const api = inProcess("serve");
  const baseURL = await api.next();
  for (const { what, way, sizes } of CASES) {
    const folder = await mkdtemp(join(tmpdir(), "files-bench-"));
    const measured = inProcess("measure", way, baseURL, folder, sizes.join());
    try {
      let result = await measured.next();
      while (result.link) {
        await readToEnd(result.link);
        measured.child.send("read");
        result = await measured.next();
      }
      const { bytes, seconds, cpu, peak, growth } = result;
      const isOver = growth > LIMIT_MB || bytes !== GB;
      if (isOver) process.exitCode = 1;
      console.log(
        `| ${what} | ${bytes.toLocaleString("en")} | ${seconds.toFixed(1)} s | ${cpu.toFixed(1)} s | ${peak.toFixed(0)} MB ` +
          `| ${growth.toFixed(0)} MB | ≤ ${LIMIT_MB} MB | ${isOver ? "OVER" : "ok"} |`,
      );
    } finally {
      measured.child.kill();
      await rm(folder, { recursive: true });
    }
  }
  api.child.kill();
}

const [role, ...args] = process.argv.slice(2);
if (role === "serve") await serveBytes();
else if (role === "measure") {
  const [way, baseURL, folder, sizes] = args;
  await measure(way, baseURL, folder, sizes.split(",").map(Number));
} else await main();
