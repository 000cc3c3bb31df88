/**
 * What the middleware costs a stream: `node --expose-gc bench/stream.bench.mjs`, after `npm run build`.
 * Ratios within one run, medians of interleaved pairs. Exits with 1 where a limit is exceeded.
 */
import { performance } from "node:perf_hooks";
import OpenAI from "openai";
import { createFileCitationsFetch } from "../dist/index.js";
import { createResponsesEmulator } from "../dist/testing/index.js";

const DELTAS = 20_000;
/** As long as the service's. */
const MESSAGE_ID = "msg_68c2e7054ae481938354ab3e4e77abad02d3a5742c7ddae9";
const encoder = new TextEncoder();

/** The frames of a stream with so many deltas: a call, then a text that the API has nothing to cite in. */
function framesOf(deltas) {
  const frames = [];
  let sequence_number = 0;
  const add = (event) =>
    frames.push(
      encoder.encode(
        `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: sequence_number++ })}\n\n`,
      ),
    );
  const base = {
    id: "resp_1",
    object: "response",
    created_at: 1,
    status: "in_progress",
    model: "gpt-5",
    tools: [],
  };
  const call = {
    id: "ci_1",
    type: "code_interpreter_call",
    status: "completed",
    code: "x",
    container_id: "cntr_1",
    outputs: [],
  };
  add({ type: "response.created", response: { ...base, output: [] } });
  add({ type: "response.output_item.added", output_index: 0, item: call });
  add({ type: "response.output_item.done", output_index: 0, item: call });
  const at = { item_id: MESSAGE_ID, output_index: 1, content_index: 0 };
  add({
    type: "response.output_item.added",
    output_index: 1,
    item: { id: MESSAGE_ID, type: "message", status: "in_progress", role: "assistant", content: [] },
  });
  add({
    type: "response.content_part.added",
    ...at,
    part: { type: "output_text", text: "", annotations: [] },
  });
  const words = [" the", " quick", " brown", " fox", ",", " and/or", " a", " lazy", " dog", ".", "\n"];
  let text = "";
  for (let n = 0; n < deltas; n++) {
    const delta = words[n % words.length];
    text += delta;
    add({
      type: "response.output_text.delta",
      ...at,
      delta,
      logprobs: [],
      obfuscation: "x".repeat(1 + (n % 16)),
    });
  }
  const part = { type: "output_text", text, annotations: [], logprobs: [] };
  const item = { id: MESSAGE_ID, type: "message", status: "completed", role: "assistant", content: [part] };
  add({ type: "response.output_text.done", ...at, text, logprobs: [] });
  add({ type: "response.content_part.done", ...at, part });
  add({ type: "response.output_item.done", output_index: 1, item });
  add({ type: "response.completed", response: { ...base, status: "completed", output: [call, item] } });
  return frames;
}

/** A fetch that streams frames from memory, a few to a chunk, as they come over a socket. */
function upstreamOf(frames, perChunk = 1) {
  return async () => {
    let next = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (next >= frames.length) return controller.close();
        for (let n = 0; n < perChunk && next < frames.length; n++) controller.enqueue(frames[next++]);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
}

/** A pass-through in the same place: a ReadableStream around a ReadableStream. */
function bare(fetch) {
  return async (...args) => {
    const response = await fetch(...args);
    const reader = response.body.getReader();
    const body = new ReadableStream(
      {
        async pull(controller) {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    return new Response(body, response);
  };
}

async function readAll(fetch, baseURL) {
  const client = new OpenAI({ apiKey: "k", fetch, ...(baseURL && { baseURL }) });
  const stream = await client.responses.create({
    model: "gpt-5",
    input: "x",
    stream: true,
    store: false, // what the emulator kept would be the garbage collector's work in every later run
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  });
  let count = 0;
  for await (const _ of stream) count++;
  return count;
}

async function cpuOf(run) {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** The medians of `rounds` rounds, each theirs, ours, ours, theirs: what grows or slows down meanwhile counts for both. */
async function ratioOf(ours, theirs, rounds) {
  const times = [];
  for (let round = -1; round < rounds; round++) {
    const before = await cpuOf(theirs);
    const our = (await cpuOf(ours)) + (await cpuOf(ours));
    const their = before + (await cpuOf(theirs));
    if (round >= 0) times.push({ ours: our / 2, theirs: their / 2 }); // the first one warms up
  }
  return {
    ratio: median(times.map((time) => time.ours / time.theirs)),
    ours: median(times.map((time) => time.ours)),
    theirs: median(times.map((time) => time.theirs)),
  };
}

let isOver = false;
function report(what, measured, limit, unit = "×") {
  const over = measured > limit;
  isOver ||= over;
  console.log(`| ${what} | ${measured.toFixed(3)} ${unit} | ≤ ${limit} ${unit} | ${over ? "OVER" : "ok"} |`);
}

console.log(`Node ${process.version}\n`);
console.log("| what | measured | limit | |\n|---|---|---|---|");

{
  const fetch = upstreamOf(framesOf(DELTAS));
  const repairing = createFileCitationsFetch({ fetch });
  const { ratio, ours, theirs } = await ratioOf(
    () => readAll(repairing),
    () => readAll(bare(fetch)),
    15,
  );
  report(
    `20,000 deltas from memory, CPU (${ours.toFixed(0)} ms against ${theirs.toFixed(0)} ms)`,
    ratio,
    1.05,
  );
}

{
  const words = Array.from({ length: DELTAS }, (_, n) => [" the", " quick", " and/or", " fox", "."][n % 5]);
  const script = () => [
    { type: "python", code: "x" },
    { type: "message", text: words.join(""), chunks: words },
  ];
  const emulator = createResponsesEmulator({ script });
  const server = await emulator.listen();
  const repairing = createFileCitationsFetch();
  const read = (fetch) => () => readAll(fetch, server.baseURL);
  const { ratio, ours, theirs } = await ratioOf(read(repairing), read(undefined), 31);
  report(
    `20,000 deltas over loopback HTTP, CPU of client and server (${ours.toFixed(0)} ms against ${theirs.toFixed(0)} ms)`,
    ratio,
    1.05,
  );
  const { ratio: noise } = await ratioOf(read(undefined), read(undefined), 31);
  console.log(`| the same, the bare client against itself: how exact this is | ${noise.toFixed(3)} × | | |`);
  await server.close();
}

{
  // A bare path early in the text, a list that takes 200 ms, and more text behind it for longer than that.
  const file = {
    id: "cfile_1",
    object: "container.file",
    container_id: "cntr_1",
    created_at: 1,
    bytes: 1,
    path: "/mnt/data/a.csv",
    source: "assistant",
  };
  const frames = framesOf(300);
  const decoder = new TextDecoder();
  const withPath = frames.map((frame) => {
    const text = decoder.decode(frame);
    return encoder.encode(
      text
        .replace(/the quick brown/g, "/mnt/data/a.csv brown")
        .replace('"delta":" the"', '"delta":" /mnt/data/a.csv"'),
    );
  });
  // From the text's end, as it comes in, to the stream's end, as it goes out.
  let textEnded = 0;
  const slow = async (input) => {
    if (String(input).includes("/containers/")) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return Response.json({ object: "list", data: [file], has_more: false });
    }
    let next = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (next >= withPath.length) return controller.close();
        if (next > 5 && next < 60) await new Promise((resolve) => setTimeout(resolve, 5));
        if (next === withPath.length - 4) textEnded = performance.now();
        controller.enqueue(withPath[next++]);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const timeOf = async (fetch) => {
    await readAll(fetch);
    return performance.now() - textEnded;
  };
  const later = [];
  for (let pair = 0; pair < 9; pair++)
    later.push((await timeOf(createFileCitationsFetch({ fetch: slow }))) - (await timeOf(bare(slow))));
  report("a list of 200 ms while the text goes on: the end comes later by", median(later), 10, "ms");
}

{
  // Heap while 200 MB of deltas go through: the most that either held, over what was there before.
  const heapOf = async (wrap) => {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const frame = framesOf(1)[5];
    const count = Math.ceil(200e6 / frame.length);
    let next = 0;
    let most = 0;
    const source = async () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            if (next++ >= count) controller.close();
            else controller.enqueue(frame.slice());
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    const response = await wrap(source)("https://api.openai.com/v1/responses", {
      method: "POST",
      body: "{}",
    });
    const reader = response.body.getReader();
    for (let read = 0; ; read++) {
      const { done } = await reader.read();
      if (done) break;
      if (read % 20_000 === 0) {
        globalThis.gc?.();
        most = Math.max(most, process.memoryUsage().heapUsed - before);
      }
    }
    return most / 2 ** 20;
  };
  const theirs = await heapOf(bare);
  const ours = await heapOf((fetch) => createFileCitationsFetch({ fetch }));
  report("heap over a pass-through's, 200 MB of deltas", ours - theirs, 32, "MB");
}

process.exitCode = isOver ? 1 : 0;
