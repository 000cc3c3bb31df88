/**
 * Measures the route with a store: `node --expose-gc bench/store.bench.mjs`, after `npm run build`. Measures the time to the
 * first byte of a file, the rate of copies and the heap. The API is a server in another process on loopback, and the store is
 * `directoryStore`. Exits with 1 if the heap grows by more than its limit.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { createFileRoute } from "../dist/files/route.js";
import { saveFiles } from "../dist/index.js";
import { directory, directoryStore } from "../dist/node.js";

const MB = 2 ** 20;
const SECRET = "a secret that is long enough to sign with";
const COPIES = 500;
/** How much the heap may grow while files are copied into the store. */
const LIMIT_MB = 50;

/** Serves files of up to 10 MB. The id says the size: `cfile_3_1024` has 1,024 bytes. */
async function serveBytes() {
  const bytes = Buffer.alloc(10 * MB, "0123456789abcdef-");
  const server = createServer((request, response) => {
    const size = Number(/cfile_\d+_(\d+)/.exec(request.url)[1]);
    response.writeHead(200, { "content-length": size }).end(bytes.subarray(0, size));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send(`http://127.0.0.1:${server.address().port}/v1`);
}

const fileOf = (at, size) => ({
  ...{ kind: "container-file", containerId: "cntr_1", fileId: `cfile_${at}_${size}`, filename: `${at}.bin` },
});

/** Returns each handler's median time until the first bytes of an answer, in milliseconds. Reads the answers to their ends. */
async function timeToFirstByte(handlers, url) {
  const times = handlers.map(() => []);
  for (let count = 0; count < 120; count++) {
    // Each handler comes first in half of the rounds: the handler that runs first can slow down the other one.
    const order = [...handlers.entries()];
    if (count % 2 === 1) order.reverse();
    for (const [at, handler] of order) {
      const start = performance.now();
      const { body } = await handler(new Request(url));
      const reader = body.getReader();
      await reader.read();
      if (count >= 20) times[at].push(performance.now() - start); // the first requests warm up
      while (!(await reader.read()).done);
    }
  }
  return times.map((each) => each.sort((a, b) => a - b)[each.length >> 1]);
}

async function main() {
  console.log(`Node ${process.version}\n\n| what | measured | limit |\n|---|---|---|`);
  const api = fork(new URL(import.meta.url), ["serve"]);
  const [baseURL] = await once(api, "message");
  const client = new OpenAI({ apiKey: "k", baseURL });
  const folder = await mkdtemp(join(tmpdir(), "store-bench-"));
  try {
    const kept = createFileRoute(client, { secret: SECRET, store: directoryStore(join(folder, "kept")) });
    const plain = createFileRoute(client, { secret: SECRET });
    for (const size of [100_000, 10 * MB]) {
      const url = `https://example.com${await kept.urlFor(fileOf(0, size))}`;
      await kept.keep();
      const [store, container] = await timeToFirstByte([kept.handler, plain.handler], url);
      const ratio = (store / container).toFixed(2);
      console.log(
        `| time to the first byte of ${size.toLocaleString("en")} bytes: store, container, ratio ` +
          `| ${store.toFixed(2)} ms, ${container.toFixed(2)} ms, ${ratio} × | |`,
      );
    }

    const sizes = Array.from({ length: COPIES }, (_, at) => fileOf(at, 100_000));
    const annotations = sizes.map(({ containerId, fileId, filename }) => ({
      ...{ type: "container_file_citation", container_id: containerId, file_id: fileId, filename },
    }));
    const response = { output: [{ type: "message", content: [{ type: "output_text", annotations }] }] };
    let start = performance.now();
    await saveFiles(client, response, directory(join(folder, "saved")));
    const saved = COPIES / ((performance.now() - start) / 1000);
    start = performance.now();
    for (const file of sizes) await kept.urlFor(file);
    await kept.keep();
    const copied = COPIES / ((performance.now() - start) / 1000);
    console.log(
      `| copies per second of 100,000 bytes: store, \`saveFiles\` into \`directory\`, ratio ` +
        `| ${copied.toFixed(0)}, ${saved.toFixed(0)}, ${(copied / saved).toFixed(2)} × | |`,
    );

    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().heapUsed);
    }, 5);
    for (let at = 0; at < COPIES; at++) await kept.urlFor(fileOf(at, MB));
    await kept.keep();
    clearInterval(timer);
    globalThis.gc?.();
    const after = process.memoryUsage().heapUsed;
    const growth = (most - before) / MB;
    if (growth > LIMIT_MB) process.exitCode = 1;
    console.log(
      `| heap while ${COPIES} files of 1 MB are copied: before, most, after ` +
        `| ${[before, most, after].map((bytes) => (bytes / MB).toFixed(1)).join(", ")} MB | + ${LIMIT_MB} MB |`,
    );
  } finally {
    api.kill();
    await rm(folder, { recursive: true });
  }
}

if (process.argv[2] === "serve") await serveBytes();
else await main();
