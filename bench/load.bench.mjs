/**
 * Whether anything piles up: `node --expose-gc bench/load.bench.mjs`, after `npm run build`.
 * 500 streams at once for LOAD_SECONDS (60), by the SDK's client with citations, from an emulator in another process. Of ten
 * streams one is left half-way, and one has a list that fails. Exits with 1 where memory grows, a stream is not complete,
 * or anything is left behind.
 */
import { fork } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { withFileCitations } from "../dist/index.js";
import { createResponsesEmulator } from "../dist/testing/index.js";

const AT_ONCE = 500;
const SECONDS = Number(process.env.LOAD_SECONDS ?? 60);
/** How much more heap there may be at the end than a third in. */
const LIMIT = 1.1;
/** What the library remembers is full before anything is measured: as many containers as it knows at most. */
const REMEMBERED = 5000;
/** How many calls, each in a container of its own, those responses have. */
const CALLS = 8;
/** A list that never comes holds its answer for so long; one that works may take as long as it likes. */
const HANGING_MS = 300;
/** Each stream of so many goes by the client's `fetch`, with a signal that all of these share. The others go by the SDK. */
const BY_FETCH = 6;
/** How long the heap is left alone before it is looked at again, and how often at least. */
const SAMPLE_MS = 500;
const SAMPLES = 12;
/** What becomes of ten streams, one after the other. */
const KINDS = ["works", "works", "left", "works", "works", "fails", "works", "works", "works", "works"];

const roles = { emulator: runEmulator };
await (roles[process.argv[2]] ?? measure)();

/** The text of the stream of that number, with its file. */
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
        { type: "python", code: `write(${JSON.stringify(path)})`, files: { [path]: "a,b\n" }, container },
        { type: "message", text: textOf(number), chunks: 8 },
      ];
    },
    // As a model takes its time: the streams are at all their places at once, and the machine is not the limit.
    beforeEvent: () => sleep(Math.random() * 150),
    intercept({ path }) {
      const [, id] = /\/containers\/([^/]+)\/files$/.exec(path) ?? [];
      const { name } = emulator.containers.get(id) ?? {};
      if (name === "answers-500") return new Response("down", { status: 500 });
      if (name === "hangs") return new Promise(() => {});
      return undefined;
    },
  });
  // It keeps all that it was asked, for tests to look at. Here, nobody does.
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

/** The answer of an API whose every response has containers of its own, from memory. */
function answerFromMemory(url) {
  const container_id = /containers\/([^/]+)/.exec(url)?.[1] ?? "";
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

/** The events of a body of the bare `fetch`'s. */
async function* eventsOf(response) {
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const frames = (text + piece).split("\n\n");
    text = frames.pop();
    for (const frame of frames) yield JSON.parse(frame.slice(frame.indexOf("data: ") + 6));
  }
}

/** What is wrong with the events of a stream of that kind; `undefined` for nothing. */
function faultOf(kind, number, events, sent) {
  const text = textOf(number);
  const final = events.at(-1);
  if (final?.type !== "response.completed") return "no final event";
  const part = final.response.output.at(-1).content[0];
  if (sent !== text || part.text !== text) return "the text is not complete";
  const told = events.filter(({ type }) => type === "response.output_text.annotation.added");
  const numbers = [told.length, part.annotations.length];
  if (kind === "fails") return numbers.some((count) => count > 0) ? "a citation out of nothing" : undefined;
  if (numbers.some((count) => count !== 1)) return "no citation";
  const { start_index, end_index, filename } = part.annotations[0];
  const cited = [...text].slice(start_index, end_index).join("");
  return cited === pathOf(number) && pathOf(number).endsWith(filename) ? undefined : `cites ${cited}`;
}

async function measure() {
  const faults = new Map();
  const fault = (what) => faults.set(what, (faults.get(what) ?? 0) + 1);
  process.on("unhandledRejection", (error) => fault(`unhandled rejection: ${error}`));
  process.on("warning", ({ name, message }) => fault(`warning: ${name} ${message}`));

  const emulator = fork(fileURLToPath(import.meta.url), ["emulator"], { execArgv: [] });
  const [{ baseURL }] = await once(emulator, "message");
  let isWarm = false;
  const fetch = async (url, init) => (isWarm ? globalThis.fetch(url, init) : answerFromMemory(String(url)));
  const bare = new OpenAI({ apiKey: "sk-any", baseURL, fetch, maxRetries: 0 });
  let reports = 0;
  let failed = 0;
  const onReport = ({ error }) => {
    reports++;
    if (error) failed++;
  };
  const patient = withFileCitations(bare, { timeoutMs: 60_000, onReport });
  const impatient = withFileCitations(bare, { timeoutMs: HANGING_MS, retries: 1, onReport });
  const caller = new AbortController();
  const headers = { authorization: "Bearer sk-any", "content-type": "application/json" };
  const post = (client, body, signal) =>
    client.fetch(`${baseURL}/responses`, { method: "POST", headers, body: JSON.stringify(body), signal });

  async function open(client, number, container) {
    const request = requestOf(number, container);
    if (number % BY_FETCH !== 0) return client.responses.create(request);
    return eventsOf(await post(client, request, caller.signal));
  }

  const counts = { works: 0, left: 0, fails: 0 };
  async function run(number) {
    const kind = KINDS[number % KINDS.length];
    const client = kind === "fails" ? impatient : patient;
    const container = kind !== "fails" ? "works" : Math.random() < 0.5 ? "answers-500" : "hangs";
    const half = textOf(number).length / 2;
    const events = [];
    let sent = "";
    for await (const event of await open(client, number, container)) {
      events.push(event);
      if (event.type === "response.output_text.delta") sent += event.delta;
      if (kind === "left" && sent.length >= half) break;
    }
    counts[kind]++;
    const wrong = kind === "left" ? undefined : faultOf(kind, number, events, sent);
    if (wrong) fault(wrong);
  }

  for (let left = REMEMBERED; left > 0; left -= CALLS) {
    for (const client of [patient, impatient]) await (await post(client, requestOf(1, "works"))).json();
  }
  isWarm = true;
  reports = 0;
  failed = 0;

  let started = 0;
  let isOver = false;
  const worker = async () => {
    while (!isOver)
      await run(started++).catch((error) =>
        fault(`a stream broke: ${error} ${error.cause?.code ?? error.cause?.cause?.code ?? error.cause}`),
      );
  };
  const workers = Array.from({ length: AT_ONCE }, worker);
  // The streams that began together have come apart.
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
  const cpu = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - from) / 1000;
  const rate = (started - before) / seconds;
  isOver = true;
  await Promise.all(workers);

  // Of the connections only those that somebody still uses: one that is idle keeps no process alive.
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

  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const early = median(samples.slice(samples.length / 3, samples.length / 2));
  const late = median(samples.slice((samples.length * 5) / 6));
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const finished = counts.works + counts.fails;
  const wrong = [...faults].map(([what, count]) => `${count} × ${what}`).join("; ");
  const rows = [
    ["streams at once, for so long", `${AT_ONCE}, ${seconds.toFixed(0)} s`],
    ["streams a second", rate.toFixed(0)],
    ["CPU of the process", `${((cpu.user + cpu.system) / 1e4 / seconds).toFixed(0)} % of a core`],
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
