/**
 * Checks for leaks under load: `node --expose-gc bench/load.bench.mjs`, after `npm run build`. With LOAD_LINKS=1, the texts get
 * links, and a store keeps the files. This file is long because it has the code of both processes.
 *
 * Keeps 500 streams open for LOAD_SECONDS seconds (default 60). A repairing SDK client reads them from an emulator in another
 * process. In every ten streams, the client abandons one stream half-way, and the file list of another stream fails. Exits
 * with 1 if memory grows, a warning appears, a stream, report or stored file is wrong, or a socket, listener or handle stays open.
 */
import { fork } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { createFileRoute } from "../dist/files/route.js";
import { withFileCitations } from "../dist/index.js";
import { directoryStore } from "../dist/node.js";
import { createResponsesEmulator } from "../dist/testing/index.js";

const AT_ONCE = 500;
const SECONDS = Number(process.env.LOAD_SECONDS ?? 60);
const HAS_LINKS = process.env.LOAD_LINKS === "1";
const CONTENT = "a,b\n";
/** How many of the latest links the benchmark opens at the end. */
const OPENED = 100;
/** The limit of the heap at the end of the run, relative to the heap after a third of the run. Both are medians of samples. */
const LIMIT = 1.1;
/** How many containers the library remembers at most. The benchmark fills this memory before it measures. */
const REMEMBERED = 5000;
/** How many calls each response of the warm-up has. Each call has its own container. */
const CALLS = 8;
/** The time limit in streams whose list fails. Other streams have a longer limit, so that a slow machine does not exceed it. */
const HANGING_MS = 300;
/** One in this many streams uses the client's `fetch` and the shared abort signal of `caller`. The others use the SDK. */
const BY_FETCH = 6;
/** The pause between two samples of the heap, and the minimum number of samples. */
const SAMPLE_MS = 500;
const SAMPLES = 12;
/** What happens to each of ten successive streams. `left`: the reader stops half-way. `fails`: the list fails. */
const KINDS = ["works", "works", "left", "works", "works", "fails", "works", "works", "works", "works"];

const roles = { emulator: runEmulator };
await (roles[process.argv[2]] ?? measure)();

/** Returns the text of a stream. The text names the stream's file. */
function textOf(number) {
  return `${"Größe, 😀 and/or the lazy dog. ".repeat(5)}Download: ${pathOf(number)}`;
}

function pathOf(number) {
  return `/mnt/data/report-${number}.csv`;
}

async function runEmulator() {
  const emulator = createResponsesEmulator({
    script({ lastUserText }) {
      const [, number, container] = /^(\d+) (\S+)/.exec(lastUserText);
      const path = pathOf(number);
      return [
        { type: "reasoning" },
        { type: "python", code: `write(${JSON.stringify(path)})`, files: { [path]: CONTENT }, container },
        { type: "message", text: textOf(number), chunks: 8 },
      ];
    },
    // Pauses for a random time before each event, so that different streams are at different events. The pauses are as long as
    // those of a model, so that the machine is not overloaded.
    beforeEvent: () => sleep(Math.random() * 150),
    intercept({ path }) {
      const [, id] = /\/containers\/([^/]+)\/files$/.exec(path) ?? [];
      const { name } = emulator.containers.get(id) ?? {};
      if (name === "answers-500") return new Response("down", { status: 500 });
      if (name === "hangs") return new Promise(() => {});
      return undefined;
    },
  });
  // The emulator keeps all requests and containers, for tests. Here they are removed, because they would look like a leak.
  setInterval(async () => {
    emulator.requests.splice(0);
    for (const { id, createdAt } of emulator.containers.values()) {
      if (createdAt > Date.now() / 1000 - 120) break;
      const init = { method: "DELETE", headers: { authorization: "Bearer sk-any" } };
      await emulator.fetch(`http://localhost/v1/containers/${id}`, init);
    }
  }, 1000);
  const { baseURL } = await emulator.listen();
  process.on("disconnect", () => process.exit());
  process.send({ baseURL });
}

function socketsHere() {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

/** Answers a request without a network. Each response has its own container. */
function answerFromMemory(url) {
  const container_id = /containers\/([^/]+)/.exec(url)?.[1] ?? "";
  if (url.endsWith("/content")) return new Response(CONTENT);
  if (url.includes("/containers/")) {
    const file = { id: `cfile_${crypto.randomUUID()}`, container_id, path: pathOf(1), source: "assistant" };
    return Response.json({ object: "list", data: [{ ...file, created_at: 1 }], has_more: false });
  }
  const content = [{ type: "output_text", text: textOf(1), annotations: [] }];
  return Response.json({
    id: `resp_${crypto.randomUUID()}`,
    object: "response",
    status: "completed",
    output: [
      ...Array.from({ length: CALLS }, () => ({
        id: `ci_${crypto.randomUUID()}`,
        type: "code_interpreter_call",
        status: "completed",
        container_id: `cntr_${crypto.randomUUID()}`,
      })),
      { id: `msg_${crypto.randomUUID()}`, type: "message", status: "completed", role: "assistant", content },
    ],
  });
}

function requestOf(number, container) {
  return {
    model: "gpt-5",
    input: `${number} ${container}`,
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    store: false,
    stream: true,
  };
}

/** Parses the events of a streamed response. */
async function* eventsOf(response) {
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const frames = (text + piece).split("\n\n");
    text = frames.pop();
    for (const frame of frames) yield JSON.parse(frame.slice(frame.indexOf("data: ") + 6));
  }
}

/** Returns what is wrong with the events of a stream; `undefined` if all events are right. */
function faultOf(load, kind, number, events, sent) {
  const text = textOf(number);
  const final = events.at(-1);
  if (final?.type !== "response.completed")
    return `ends with ${final?.type}: ${JSON.stringify(final).slice(0, 200)}`;
  const part = final.response.output.at(-1).content[0];
  if (HAS_LINKS && kind === "works") return faultOfLink(load, number, part, sent);
  if (sent !== text || part.text !== text) return "the text is not complete";
  const told = events.filter(({ type }) => type === "response.output_text.annotation.added");
  const numbers = [told.length, part.annotations.length];
  if (kind === "fails") return numbers.some((count) => count > 0) ? "a citation without a list" : undefined;
  if (numbers.some((count) => count !== 1)) return "no citation";
  const { start_index, end_index, filename } = part.annotations[0];
  const cited = [...text].slice(start_index, end_index).join("");
  return cited === pathOf(number) && pathOf(number).endsWith(filename) ? undefined : `cites ${cited}`;
}

/** Returns what is wrong with a text that must have a link in place of its path; `undefined` if it is right. */
function faultOfLink({ links }, number, { text, annotations }, sent) {
  const [before, after] = textOf(number).split(pathOf(number));
  const start = `${before}[report-${number}.csv](`;
  if (sent !== text || !text.startsWith(start) || !text.endsWith(`)${after}`))
    return "the text is not complete";
  const url = text.slice(start.length, text.length - after.length - 1);
  const [{ start_index, end_index }] = annotations;
  if ([...text].slice(start_index, end_index).join("") !== url)
    return "a citation that does not cover its link";
  links.push(url);
  if (links.length > OPENED) links.shift();
  return undefined;
}

/** Creates the file route that makes the links in the texts. Its store is a temporary folder. */
async function routeOf(client) {
  const folder = await mkdtemp(join(tmpdir(), "load-store-"));
  const secret = "a secret that is long enough to sign with";
  const store = { folder, failed: 0, route: undefined };
  store.route = createFileRoute(client, {
    ...{ secret, basePath: "/files", store: directoryStore(folder) },
    onError: () => store.failed++,
  });
  return store;
}

/** Opens the latest links. Returns how many files the store has, and how many links returned wrong content. */
async function checkStore({ store, links }) {
  const { folder, route } = store;
  await route.keep();
  let wrong = 0;
  for (const url of links) {
    const answer = await route.handler(new Request(`http://localhost${url}`));
    if ((await answer.text()) !== CONTENT) wrong++;
  }
  const names = await readdir(folder, { recursive: true });
  await rm(folder, { recursive: true });
  return { kept: names.filter((name) => name.endsWith(".json")).length, failed: store.failed, wrong };
}

/** Creates what the streams share: the emulator's process, the clients, the counters and the errors. */
async function setUp() {
  const faults = new Map();
  const fault = (what) => faults.set(what, (faults.get(what) ?? 0) + 1);
  process.on("unhandledRejection", (error) => fault(`unhandled rejection: ${error}`));
  process.on("warning", ({ name, message }) => fault(`warning: ${name} ${message}`));

  const emulator = fork(fileURLToPath(import.meta.url), ["emulator"], { execArgv: [] });
  const [{ baseURL }] = await once(emulator, "message");
  const load = {
    faults,
    fault,
    emulator,
    baseURL,
    isWarm: false,
    reports: 0,
    failed: 0,
    counts: { works: 0, left: 0, fails: 0 },
    links: [],
    caller: new AbortController(),
  };
  const fetch = async (url, init) =>
    load.isWarm ? globalThis.fetch(url, init) : answerFromMemory(String(url));
  const bare = new OpenAI({ apiKey: "sk-any", baseURL, fetch, maxRetries: 0 });
  const onReport = ({ error }) => {
    load.reports++;
    if (error) load.failed++;
  };
  if (HAS_LINKS) load.store = await routeOf(bare);
  const options = { onReport, ...(HAS_LINKS && { links: load.store.route }) };
  load.patient = withFileCitations(bare, { timeoutMs: 60_000, ...options });
  load.impatient = withFileCitations(bare, { timeoutMs: HANGING_MS, retries: 1, ...options });
  return load;
}

function post({ baseURL }, client, body, signal) {
  const headers = { authorization: "Bearer sk-any", "content-type": "application/json" };
  return client.fetch(`${baseURL}/responses`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    signal,
  });
}

/** Makes the clients `patient` and `impatient` remember as many containers as a client can. */
async function warmUp(load) {
  for (let left = REMEMBERED; left > 0; left -= CALLS) {
    for (const client of [load.patient, load.impatient]) {
      await (await post(load, client, requestOf(1, "works"))).json();
    }
  }
  await load.store?.route.keep();
  load.isWarm = true;
  load.reports = 0;
  load.failed = 0;
}

/** Opens the stream with the given number and returns its events. */
async function open(load, client, number, container) {
  const request = requestOf(number, container);
  if (number % BY_FETCH !== 0) return client.responses.create(request);
  return eventsOf(await post(load, client, request, load.caller.signal));
}

/** Reads the stream with the given number, to its end or half-way. */
async function run(load, number) {
  const kind = KINDS[number % KINDS.length];
  const client = kind === "fails" ? load.impatient : load.patient;
  const container = kind !== "fails" ? "works" : Math.random() < 0.5 ? "answers-500" : "hangs";
  const half = textOf(number).length / 2;
  const events = [];
  let sent = "";
  for await (const event of await open(load, client, number, container)) {
    events.push(event);
    if (event.type === "response.output_text.delta") sent += event.delta;
    if (kind === "left" && sent.length >= half) break;
  }
  load.counts[kind]++;
  const wrong = kind === "left" ? undefined : faultOf(load, kind, number, events, sent);
  if (wrong) load.fault(wrong);
}

/** Keeps `AT_ONCE` streams open for the time of the run, and samples the heap. */
async function runAll(load) {
  let started = 0;
  let isOver = false;
  const worker = async () => {
    while (!isOver)
      await run(load, started++).catch((error) =>
        load.fault(
          `a stream broke: ${error} ${error.cause?.code ?? error.cause?.cause?.code ?? error.cause}`,
        ),
      );
  };
  const workers = Array.from({ length: AT_ONCE }, worker);
  // All streams begin together. Waits until different streams are at different events, and measures only then.
  while (started < 2 * AT_ONCE) await sleep(100);
  const cpuBefore = process.cpuUsage();
  const before = started;
  const samples = [];
  const from = performance.now();
  while (performance.now() < from + SECONDS * 1000 || samples.length < SAMPLES) {
    await sleep(SAMPLE_MS);
    globalThis.gc();
    samples.push(process.memoryUsage().heapUsed);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - from) / 1000;
  const rate = (started - before) / seconds;
  isOver = true;
  await Promise.all(workers);
  return { seconds, rate, cpu: (user + system) / 1e6 / seconds, samples };
}

/**
 * Returns what is left after the load. Call this after all streams have ended. Waits up to 10 seconds until no socket is in use.
 * Then counts the sockets in use and the abort listeners, and measures the heap (`idle`). Then ends the emulator, and collects the
 * names of the resources that are still open (`handles`).
 */
async function leftovers({ caller, emulator }) {
  // `socketsHere` counts only connections in use, because an idle one does not keep the process alive.
  let sockets = socketsHere();
  for (let tries = 0; tries < 100 && sockets > 0; tries++) {
    await sleep(100);
    sockets = socketsHere();
  }
  globalThis.gc();
  await sleep(10);
  globalThis.gc();
  await sleep(10);
  const listeners = getEventListeners(caller.signal, "abort").length;
  const idle = process.memoryUsage().heapUsed;
  emulator.disconnect();
  await once(emulator, "exit");
  await sleep(100);
  const handles = process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|FS)/.test(name));
  return { sockets, listeners, idle, handles };
}

async function measure() {
  const load = await setUp();
  await warmUp(load);
  const { seconds, rate, cpu, samples } = await runAll(load);
  const stored = HAS_LINKS ? await checkStore(load) : undefined;
  const { sockets, listeners, idle, handles } = await leftovers(load);
  const { counts, reports, failed, faults } = load;

  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const early = median(samples.slice(samples.length / 3, samples.length / 2));
  const late = median(samples.slice((samples.length * 5) / 6));
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const finished = counts.works + counts.fails;
  const wrong = [...faults].map(([what, count]) => `${count} × ${what}`).join("; ");
  const rows = [
    ["streams at once, for so long", `${AT_ONCE}, ${seconds.toFixed(0)} s`],
    ["streams a second", rate.toFixed(0)],
    ["CPU of the process", `${(100 * cpu).toFixed(0)} % of a core`],
    ["ended, their list works", counts.works],
    ["ended, their list fails", counts.fails],
    ["left half-way", counts.left],
    ["incomplete streams, unhandled rejections, warnings", wrong || "0", "0", !wrong],
    ["reports, one for each that ended", reports, finished, reports === finished],
    ["of them with an error, one for each list that fails", failed, counts.fails, failed === counts.fails],
    [
      `heap at the end (${megabytes(late)}) to a third in (${megabytes(early)})`,
      `${(late / early).toFixed(3)} ×`,
      `≤ ${LIMIT} ×`,
      late <= early * LIMIT,
    ],
    ...(stored
      ? [
          ["files in the store", stored.kept],
          ["copies that failed", stored.failed, "0", stored.failed === 0],
          [
            `the latest ${load.links.length} links that give another file`,
            stored.wrong,
            "0",
            stored.wrong === 0,
          ],
        ]
      : []),
    ["heap when all have ended", megabytes(idle)],
    ["sockets left", sockets, "0", sockets === 0],
    ["listeners left on the caller's signal", listeners, "0", listeners === 0],
    ["handles left", handles.join(", ") || "0", "0", handles.length === 0],
  ];
  console.log(`Node ${process.version}\n\n| what | measured | limit | |\n|---|---|---|---|`);
  for (const [what, measured, limit = "", holds] of rows) {
    console.log(`| ${what} | ${measured} | ${limit} | ${limit && (holds ? "ok" : "OVER")} |`);
  }
  process.exitCode = rows.every(([, , limit, holds]) => !limit || holds) ? 0 : 1;
}
