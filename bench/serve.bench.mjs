/**
 * Measures the cost of the proxy: `node bench/serve.bench.mjs`, after `npm run build`. Compares `serve` with two minimal proxies
 * on the same server (srvx): one uses `fetch`, the other Node's own requests. All three forward to the same API, which has
 * prepared responses. Each proxy has its own process. The process of this benchmark sends requests to the proxies in turn. Exits
 * with 1 if `serve` takes more than `LIMIT` times as long as the minimal proxy with `fetch`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { FastResponse, serve } from "srvx/node";

const LIMIT = 1.1;
const ROUNDS = 45;
const WARMING_UP = 6;
const CONNECTIONS = 8;

const roles = { upstream: runUpstream, bare: runBare };
await (roles[process.argv[2]] ?? measure)();

/** A response whose file is already cited. Nearly all responses are like this: there is nothing to repair. */
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

/** Returns the frames of the event stream in which the API sends a response. */
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

/** Runs an API with prepared responses. */
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

/** The headers that the minimal proxies do not forward, because they belong to one connection. */
const OF_THE_CONNECTION = ["host", "connection", "keep-alive", "transfer-encoding"];

function passed(headers, more = []) {
  const passing = new Headers(headers);
  for (const name of [...OF_THE_CONNECTION, ...more]) passing.delete(name);
  return passing;
}

/** Returns the handler of a minimal proxy with `fetch`, as most people would write it. */
function byFetch(upstream) {
  return async (asked) => {
    const { pathname, search } = new URL(asked.url);
    const answer = await fetch(upstream + pathname + search, {
      method: asked.method,
      headers: passed(asked.headers, ["content-length"]),
      body: asked.body,
      duplex: "half",
      redirect: "manual",
      signal: asked.signal,
    });
    const { status, statusText, headers, body } = answer;
    return new Response(body, { status, statusText, headers: passed(headers) });
  };
}

/** Returns the handler of a minimal proxy that uses Node's own requests and streams, because they cost less than `fetch`. */
function byRequest(upstream) {
  const { hostname, port } = new URL(upstream);
  return async (asked) => {
    const { req } = asked.runtime.node;
    const headers = Object.fromEntries(passed(asked.headers));
    const { method, url: path } = req;
    const asking = request({ hostname, port, path, method, headers, signal: asked.signal });
    req.pipe(asking);
    const [answer] = await once(asking, "response");
    const { statusCode: status, statusMessage: statusText } = answer;
    return new FastResponse(answer, { status, statusText, headers: passed(Object.entries(answer.headers)) });
  };
}

async function runBare() {
  const [, , , upstream, way] = process.argv;
  const fetch = way === "request" ? byRequest(upstream) : byFetch(upstream);
  const server = serve({ port: 0, hostname: "127.0.0.1", silent: true, fetch });
  await server.ready();
  console.error(`listening on ${new URL(server.url).origin}`);
}

async function start(args) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  for (;;) {
    const [line] = await once(child.stderr, "data");
    const [url] = /http:\S+?(?=[,\s])/.exec(line) ?? [];
    if (url) return { url, child, agent: new Agent({ keepAlive: true, maxSockets: CONNECTIONS }) };
  }
}

/** Sends `count` requests over `CONNECTIONS` connections. Returns the total time and each request's time, in milliseconds. */
async function round({ url, agent }, { path, body, ...asked }, count) {
  const times = [];
  const start = performance.now();
  let left = count;
  const ask = async () => {
    while (left-- > 0) {
      const from = performance.now();
      const asking = request(url + path, { ...asked, agent }).end(body);
      const [answer] = await once(asking, "response");
      await once(answer.resume(), "end");
      if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  return { took: performance.now() - start, times };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function p99(times) {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)];
}

/**
 * Measures the proxies in turn, in short rounds. So other work on the machine slows down all proxies equally. The first rounds
 * only warm up.
 */
async function roundsOf(proxies, asked, count) {
  const rounds = proxies.map(() => []);
  for (let turn = -WARMING_UP; turn < ROUNDS; turn++) {
    for (const offset of proxies.keys()) {
      const at = (offset + turn + WARMING_UP) % proxies.length;
      const result = await round(proxies[at], asked, count);
      if (turn >= 0) rounds[at].push(result);
    }
  }
  return rounds;
}

async function measure() {
  const here = fileURLToPath(import.meta.url);
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const upstream = await start([here, "upstream"]);
  const proxies = [
    await start([main, "serve", "--port", "0", "--upstream", `${upstream.url}/v1`]),
    await start([here, "bare", upstream.url, "fetch"]),
    await start([here, "bare", upstream.url, "request"]),
  ];
  const headers = { "content-type": "application/json", authorization: "Bearer sk-any" };
  const post = (more) => ({
    method: "POST",
    path: "/v1/responses",
    headers,
    body: JSON.stringify({
      model: "gpt-5",
      input: "Put the monthly sales into a CSV file and give it to me.",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      ...more,
    }),
  });
  const kinds = [
    ["`GET /models`", { method: "GET", path: "/v1/models", headers }, 400],
    ["`POST /responses`, 6 KB of JSON", post(), 300],
    ["`POST /responses`, 400 deltas streamed", post({ stream: true }), 60],
  ];
  console.log(`Node ${process.version}, ${CONNECTIONS} connections\n`);
  console.log("| what | | `serve` | bare, by `fetch` | ratio | limit | | the least | ratio |");
  console.log("|---|---|---|---|---|---|---|---|---|");
  let isOver = false;
  for (const [name, asked, count] of kinds) {
    const rounds = await roundsOf(proxies, asked, count);
    const took = rounds.map((each) => each.map((round) => round.took));
    const rates = took.map((each) => (count / median(each)) * 1000);
    const slowest = rounds.map((each) => p99(each.flatMap(({ times }) => times)));
    const slower = [1, 2].map((other) => median(took[0].map((ours, turn) => ours / took[other][turn])));
    const later = [1, 2].map((other) => slowest[0] / slowest[other]);
    for (const [unit, [serves, fetches, least], [ratio, more], digits] of [
      ["requests/s", rates, slower, 0],
      ["ms p99", slowest, later, 1],
    ]) {
      const over = ratio > LIMIT;
      isOver ||= over;
      console.log(
        `| ${name} | ${unit} | ${serves.toFixed(digits)} | ${fetches.toFixed(digits)} | ${ratio.toFixed(2)} × | ≤ ${LIMIT} × | ${over ? "OVER" : "ok"} | ${least.toFixed(digits)} | ${more.toFixed(2)} × |`,
      );
    }
  }
  for (const { child, agent } of [...proxies, upstream]) {
    agent.destroy();
    child.kill();
  }
  process.exitCode = isOver ? 1 : 0;
}
