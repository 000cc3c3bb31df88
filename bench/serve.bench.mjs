/**
 * What the proxy costs: `node bench/serve.bench.mjs`, after `npm run build`.
 * `serve`, and a bare proxy of the same libraries (srvx, undici), in front of the same canned API, each in a process of
 * its own, asked in turn by this one. Medians of interleaved pairs. Exits with 1 where a limit is exceeded.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { serve } from "srvx/node";
import { Agent, fetch, Pool } from "undici";

const LIMIT = 1.1;
const PAIRS = Number(process.env.PAIRS ?? 15);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 8);

const roles = { upstream: runUpstream, bare: runBare };
await (roles[process.argv[2]] ?? measure)();

/** A response whose one file is cited: nothing is to be repaired, as in nearly all. */
function responseWith(text, annotations) {
  const message = { id: "msg_1", type: "message", status: "completed", role: "assistant" };
  return {
    id: "resp_68c2e6f2a8d881938354ab3e4e77abad02d3a5742c7ddae9",
    object: "response",
    created_at: 1,
    status: "completed",
    model: "gpt-5",
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    output: [
      { id: "rs_1", type: "reasoning", summary: [] },
      {
        id: "ci_1",
        type: "code_interpreter_call",
        status: "completed",
        code: "x",
        container_id: "cntr_1",
        outputs: null,
      },
      { ...message, content: [{ type: "output_text", text, annotations, logprobs: [] }] },
    ],
  };
}

function cited(words) {
  const before = "The quick brown fox and/or the lazy dog. ".repeat(words / 8);
  const link = "sandbox:/mnt/data/report.csv";
  const text = `${before}[report](${link})`;
  const start_index = before.length + "[report](".length;
  const annotation = {
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: "cfile_1",
    filename: "report.csv",
    start_index,
    end_index: start_index + link.length,
  };
  return responseWith(text, [annotation]);
}

/** The events of that response, as the API writes them. */
function framesOf(response) {
  const frames = [];
  let sequence_number = 0;
  const add = (event) =>
    frames.push(
      `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: sequence_number++ })}\n\n`,
    );
  add({ type: "response.created", response: { ...response, status: "in_progress", output: [] } });
  for (const [output_index, item] of response.output.entries()) {
    add({ type: "response.output_item.added", output_index, item });
    for (const [content_index, part] of (item.content ?? []).entries()) {
      const at = { item_id: item.id, output_index, content_index };
      add({ type: "response.content_part.added", ...at, part: { ...part, text: "", annotations: [] } });
      for (const delta of part.text.match(/\S+\s*/g)) {
        add({ type: "response.output_text.delta", ...at, delta, logprobs: [], obfuscation: "x".repeat(8) });
      }
      for (const [annotation_index, annotation] of part.annotations.entries()) {
        add({ type: "response.output_text.annotation.added", ...at, annotation_index, annotation });
      }
      add({ type: "response.output_text.done", ...at, text: part.text, logprobs: [] });
      add({ type: "response.content_part.done", ...at, part });
    }
    add({ type: "response.output_item.done", output_index, item });
  }
  add({ type: "response.completed", response });
  return frames;
}

/** An API that has its answers ready. */
async function runUpstream() {
  const json = Buffer.from(JSON.stringify(cited(800)));
  const frames = framesOf(cited(400));
  const models = Buffer.from(JSON.stringify({ object: "list", data: [{ id: "gpt-5", object: "model" }] }));
  const send = (response, body) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  };
  const server = createServer((request, response) => {
    let isStream = false;
    request.on("data", (chunk) => {
      isStream ||= chunk.includes('"stream":true');
    });
    request.on("end", () => {
      if (request.method === "GET") return send(response, models);
      if (!isStream) return send(response, json);
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      let next = 0;
      const go = () => {
        if (next === frames.length) return response.end();
        response.write(frames[next++]);
        setImmediate(go);
      };
      go();
    });
  });
  server.listen(0, "127.0.0.1", () =>
    console.error(`listening on http://127.0.0.1:${server.address().port}`),
  );
}

/** A proxy that does what one must, and no more. */
async function runBare() {
  const upstream = process.argv[3];
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const server = serve({
    port: 0,
    hostname: "127.0.0.1",
    silent: true,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      for (const name of ["host", "connection", "content-length"]) headers.delete(name);
      const {
        status,
        statusText,
        headers: answered,
        body,
      } = await fetch(upstream + pathname + search, {
        method: request.method,
        headers,
        body: request.body,
        duplex: "half",
        redirect: "manual",
        signal: request.signal,
        dispatcher,
      });
      const passed = new Headers(answered);
      for (const name of ["connection", "keep-alive", "transfer-encoding"]) passed.delete(name);
      return new Response(body, { status, statusText, headers: passed });
    },
  });
  await server.ready();
  console.error(`listening on ${new URL(server.url).origin}`);
}

async function start(args) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  for (;;) {
    const [line] = await once(child.stderr, "data");
    const [url] = /http:\S+?(?=[,\s])/.exec(line) ?? [];
    if (url) return { url, child, pool: new Pool(url, { connections: CONNECTIONS }) };
  }
}

/** Asks so often over so many connections; requests a second, and the 99th percentile in milliseconds. */
async function round(pool, request, count) {
  const times = [];
  const start = performance.now();
  let left = count;
  const ask = async () => {
    while (left-- > 0) {
      const asked = performance.now();
      const { statusCode, body } = await pool.request(request);
      await body.dump({ limit: 1e9 });
      if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
      times.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  times.sort((a, b) => a - b);
  return {
    rate: (count / (performance.now() - start)) * 1000,
    p99: times[Math.floor(times.length * 0.99)],
  };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function measure() {
  const here = fileURLToPath(import.meta.url);
  const upstream = await start([here, "upstream"]);
  const bare = await start([here, "bare", upstream.url]);
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const ours = await start([main, "serve", "--port", "0", "--upstream", `${upstream.url}/v1`]);
  const body = (more) =>
    JSON.stringify({
      model: "gpt-5",
      input: "Put the monthly sales into a CSV file and give it to me.",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      ...more,
    });
  const post = {
    method: "POST",
    path: "/v1/responses",
    headers: { "content-type": "application/json", authorization: "Bearer sk-any" },
  };
  const kinds = [
    [
      "`GET /models`",
      { method: "GET", path: "/v1/models", headers: { authorization: "Bearer sk-any" } },
      1500,
    ],
    ["`POST /responses`, 5 KB", { ...post, body: body() }, 1200],
    ["`POST /responses`, 400 deltas streamed", { ...post, body: body({ stream: true }) }, 100],
  ];
  console.log(`Node ${process.version}, ${CONNECTIONS} connections\n`);
  console.log("| what | requests a second | bare | bare/ours | p99 | bare | ours/bare | limit | |");
  console.log("|---|---|---|---|---|---|---|---|---|");
  let isOver = false;
  for (const [name, request, count] of kinds) {
    const results = { ours: [], bare: [] };
    const ratios = { rate: [], p99: [] };
    for (let pair = -2; pair < PAIRS; pair++) {
      const pools = pair % 2 === 0 ? { ours, bare } : { bare, ours };
      const of = {};
      for (const [which, { pool }] of Object.entries(pools)) of[which] = await round(pool, request, count);
      if (pair < 0) continue; // warming up
      for (const which of ["ours", "bare"]) results[which].push(of[which]);
      ratios.rate.push(of.bare.rate / of.ours.rate);
      ratios.p99.push(of.ours.p99 / of.bare.p99);
    }
    const of = (which, what) => median(results[which].map((result) => result[what]));
    const [rate, p99] = [median(ratios.rate), median(ratios.p99)];
    const over = rate > LIMIT || p99 > LIMIT;
    isOver ||= over;
    console.log(
      `| ${name} | ${of("ours", "rate").toFixed(0)} | ${of("bare", "rate").toFixed(0)} | ${rate.toFixed(3)} | ${of("ours", "p99").toFixed(1)} ms | ${of("bare", "p99").toFixed(1)} ms | ${p99.toFixed(3)} | ≤ ${LIMIT} | ${over ? "OVER" : "ok"} |`,
    );
  }
  for (const { child, pool } of [ours, bare, upstream]) {
    await pool.destroy();
    child.kill();
  }
  process.exitCode = isOver ? 1 : 0;
}
