// Tests this example: runs Redis, the web process and two workers, with the emulator in OpenAI's place. Sends 200 deliveries
// and kills one worker half-way. Each file must be kept once and complete, and its link must open after the containers have
// expired. Needs `redis-server` and the installed package.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Queue, QueueEvents } from "bullmq";
import OpenAI from "openai";
import { createFileRoute } from "openai-file-citations/route";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { connect, QUEUE } from "./shared.js";

const DELIVERIES = 200;
/** How many jobs run at the same time: two workers run four jobs each. */
const AT_ONCE = 8;

const folder = await mkdtemp(join(tmpdir(), "at-scale-"));
const files = join(folder, "files");
const socket = join(folder, "redis.sock");
process.env.REDIS_URL = socket;
const secret = `whsec_${Buffer.from(randomUUID()).toString("base64")}`;
const filesSecret = randomUUID();
const children = [];
/** Rejects if a process cannot start or ends unexpectedly, or if a job fails, so that nothing waits forever. */
const accident = deferred();
accident.promise.catch(() => {});
const unlessAccident = (promise) => Promise.race([promise, accident.promise]);

function endAll() {
  for (const child of children) {
    child.isExpected = true;
    child.process.kill("SIGKILL");
  }
}
process.once("SIGTERM", () => {
  endAll();
  for (const { name, output } of children) console.log(`--- ${name}\n${output.slice(-2000)}`);
  console.log(`at-scale: ${passed} passed, 1 failed: it did not end in time`);
  process.exit(1);
});

let passed = 0;
function pass(name, detail) {
  passed++;
  console.log(`passed  ${name}: ${detail}`);
}

// The emulator serves the first half of the downloads normally. Each later download pauses halfway until a worker is killed.
const contentOf = (name) => `${name}\n`.repeat(10_000);
const halfWay = deferred();
const killed = deferred();
let downloads = 0;
let held = 0;
let isHolding = true;
let unreadable;
const emulator = createResponsesEmulator({
  script: (request) => stubbornModel({ files: { "report.csv": contentOf(request.lastUserText) } })(request),
  pollsUntilDone: 1,
  intercept({ method, path }) {
    if (method === "GET" && path.endsWith(`/${unreadable}`)) {
      unreadable = undefined;
      return Response.json({ error: { message: "not there yet" } }, { status: 404 });
    }
    const download = /\/containers\/(\w+)\/files\/(\w+)\/content$/.exec(path);
    if (!download) return undefined;
    downloads++;
    if (!isHolding || downloads <= DELIVERIES / 2) return undefined;
    if (++held === AT_ONCE) halfWay.resolve();
    const { bytes } = emulator.containers.get(download[1]).files.find(({ id }) => id === download[2]);
    return new Response(inTwo(bytes));
  },
});

async function* inTwo(bytes) {
  yield bytes.slice(0, bytes.length / 2);
  await killed.promise;
  yield bytes.slice(bytes.length / 2);
}

try {
  const api = await emulator.listen();
  const redis = await start(
    "redis-server",
    ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
    /ready to accept/i,
  );
  const env = {
    OPENAI_API_KEY: "any",
    OPENAI_BASE_URL: api.baseURL,
    OPENAI_WEBHOOK_SECRET: secret,
    FILES: files,
    FILES_SECRET: filesSecret,
    HOST: "127.0.0.1",
    PORT: "0",
  };
  const web = await start(process.execPath, ["web.js"], /listening on (\S+)/, env);
  const url = new URL("/webhook", web.said[1]);

  const client = new OpenAI({ apiKey: "any", baseURL: api.baseURL });
  const ask = (input) =>
    client.responses.create({
      model: "gpt-5",
      input,
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      background: true,
    });
  const responses = [];
  for (let n = 0; n < DELIVERIES; n++) responses.push({ input: `file ${n}`, ...(await ask(`file ${n}`)) });
  unreadable = responses[0].id;

  const connections = [connect(), connect({ maxRetriesPerRequest: null })];
  const queue = new Queue(QUEUE, { connection: connections[0] });
  const events = new QueueEvents(QUEUE, { connection: connections[1] });
  await events.waitUntilReady();
  const completed = new Set();
  const stalled = new Set();
  const failed = new Map();
  let retries = 0;
  const allCompleted = deferred();
  const oneFailed = deferred();
  events.on("completed", ({ jobId }) => completed.add(jobId).size === DELIVERIES && allCompleted.resolve());
  events.on("stalled", ({ jobId }) => stalled.add(jobId));
  events.on("delayed", () => retries++);
  events.on("failed", ({ jobId, failedReason }) => {
    failed.set(jobId, failedReason);
    if (failed.size === 1 && completed.size === DELIVERIES) oneFailed.resolve();
    else accident.reject(new Error(`a job failed: ${failedReason}`));
  });

  const workers = await Promise.all([
    start(process.execPath, ["worker.js"], null, env),
    start(process.execPath, ["worker.js"], null, env),
  ]);

  // Sends all deliveries at the same time, and every fifth delivery twice.
  const deliveries = responses.map(({ id }) => deliveryOf("response.completed", id));
  const twice = deliveries.filter((_, n) => n % 5 === 0);
  const answers = await Promise.all([...deliveries, ...twice].map((delivery) => fetch(url, delivery)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const forged = { ...deliveries[0], body: deliveries[0].body.replace("resp_", "resp_0") };
  assert.equal((await fetch(url, forged)).status, 400);
  const other = await fetch(url, deliveryOf("batch.completed", "batch_1"));
  assert.equal(await other.text(), "ignored");
  assert.equal(
    Object.values(await queue.getJobCounts()).reduce((sum, count) => sum + count),
    DELIVERIES,
  );
  pass("deliveries", `${answers.length} taken, ${DELIVERIES} jobs, a forged one refused`);

  await unlessAccident(halfWay.promise);
  const before = completed.size;
  await end(workers[0], "SIGKILL");
  isHolding = false;
  killed.resolve();
  await unlessAccident(allCompleted.promise);
  assert.equal(stalled.size, AT_ONCE / 2);
  pass("a killed worker", `after ${before} jobs, with ${stalled.size} in hand: the other one took them over`);

  // All containers expire, so that only the store has the files.
  const containers = [...emulator.containers.values()];
  for (const { id } of containers) emulator.expireContainer(id);
  const names = (await readdir(files)).filter((name) => !name.startsWith("."));
  assert.deepEqual(names.sort(), containers.map(({ id }) => id).sort());
  const route = createFileRoute(client, { secret: filesSecret });
  for (const { id, input } of responses) {
    const { output } = await client.responses.retrieve(id);
    const containerId = output.find(({ type }) => type === "code_interpreter_call").container_id;
    const [{ id: fileId }] = emulator.containers.get(containerId).files;
    assert.deepEqual((await readdir(join(files, containerId))).sort(), [fileId, `${fileId}.json`]);
    const filename = "report.csv";
    const link = await route.urlFor({ kind: "container-file", containerId, fileId, filename });
    assert.equal(await (await fetch(new URL(link, url))).text(), contentOf(input));
  }
  assert.equal(downloads, DELIVERIES + stalled.size);
  pass(
    "links",
    `${names.length} files, each once and whole, in ${downloads} downloads, after all containers have expired`,
  );

  assert.equal(retries, 1);
  pass("a response that could not be read", "tried again, and saved");

  const again = await Promise.all(deliveries.map((delivery) => fetch(url, delivery)));
  assert.deepEqual(new Set(again.map(({ status }) => status)), new Set([200]));
  assert.equal(await queue.getCompletedCount(), DELIVERIES);
  assert.equal(await queue.count(), 0);
  pass("the same deliveries again", "no job more");

  const lost = await client.responses.retrieve((await ask("lost")).id);
  emulator.expireContainer(lost.output.find(({ type }) => type === "code_interpreter_call").container_id);
  assert.equal((await fetch(url, deliveryOf("response.completed", lost.id))).status, 200);
  await unlessAccident(oneFailed.promise);
  const [reason] = failed.values();
  assert.match(reason, /404|expired/);
  pass("a container that has expired", `failed at once: ${reason}`);

  await end(workers[1], "SIGTERM");
  await events.close();
  await queue.close();
  for (const connection of connections) connection.disconnect();
  await end(redis, "SIGTERM");
  assert.equal((await fetch(url, deliveryOf("response.completed", lost.id))).status, 500);
  await end(web, "SIGTERM");
  pass("without Redis", "a delivery is answered 500; the worker and the web process end with exit code 0");
} catch (error) {
  console.log(`FAILED  after ${passed} checks\n${error.stack}`);
  for (const { name, output } of children) console.log(`--- ${name}\n${output.slice(-2000)}`);
  process.exitCode = 1;
} finally {
  endAll();
  await rm(folder, { recursive: true, force: true });
}
console.log(`at-scale: ${passed} passed, ${process.exitCode ?? 0} failed`);
process.exit();

/** Starts a process. Resolves when the process has printed a line that matches `ready`, or without waiting if `ready` is null. */
async function start(command, args, ready, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const started = {
    name: [command, ...args].join(" "),
    process: child,
    output: "",
    isExpected: false,
    said: null,
  };
  children.push(started);
  child.once("exit", (code, signal) => {
    if (!started.isExpected) accident.reject(new Error(`${started.name} ended: ${code ?? signal}`));
  });
  child.once("error", accident.reject);
  const said = deferred();
  if (!ready) said.resolve();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      started.output += `${line}\n`;
      started.said ??= ready?.exec(line) ?? null;
      if (started.said) said.resolve();
    });
  }
  await unlessAccident(said.promise);
  return started;
}

/** Ends a process with a signal. After any signal but SIGKILL, the process must exit with 0. */
async function end(child, signal) {
  child.isExpected = true;
  const ended = once(child.process, "exit");
  child.process.kill(signal);
  const [code] = await ended;
  if (signal !== "SIGKILL") assert.equal(code, 0, `${child.name} ended with ${code}`);
}

/** Builds a webhook delivery like OpenAI's, signed by the rules of Standard Webhooks. */
function deliveryOf(type, id) {
  const timestamp = Math.floor(Date.now() / 1000);
  const webhookId = `wh_${randomUUID()}`;
  const body = JSON.stringify({
    object: "event",
    id: `evt_${randomUUID()}`,
    created_at: timestamp,
    type,
    data: { id },
  });
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key).update(`${webhookId}.${timestamp}.${body}`).digest("base64");
  const headers = {
    "webhook-id": webhookId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${signature}`,
  };
  return { method: "POST", headers, body };
}

function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}
