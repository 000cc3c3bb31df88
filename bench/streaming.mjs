/** Code for the benchmarks of streams: makes a stream's frames, sends them from memory, and measures ratios of CPU time. */
import OpenAI from "openai";

export const DELTAS = 20_000;
/** An id of the API's usual length. */
const MESSAGE_ID = "msg_68c2e7054ae481938354ab3e4e77abad02d3a5742c7ddae9";
const encoder = new TextEncoder();

const WORDS = [" the", " quick", " brown", " fox", ",", " and/or", " a", " lazy", " dog", ".", "\n"];

/** Returns the frames of a stream: a call, then a text without a mention. `deltaAt(n)` can return another text for delta `n`. */
export function framesOf(deltas, deltaAt = () => undefined) {
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
  let text = "";
  for (let n = 0; n < deltas; n++) {
    const delta = deltaAt(n) ?? WORDS[n % WORDS.length];
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

/** Returns a `fetch` that streams frames from memory. Each pull of the reader enqueues up to `perChunk` frames. */
export function upstreamOf(frames, perChunk = 1) {
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

/** Returns the baseline: a `fetch` that only passes the body through another ReadableStream. */
export function bare(fetch) {
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

export async function readAll(fetch, baseURL) {
  const client = new OpenAI({ apiKey: "k", fetch, ...(baseURL && { baseURL }) });
  const stream = await client.responses.create({
    model: "gpt-5",
    input: "x",
    stream: true,
    store: false, // stored responses would slow down garbage collection in all later runs
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  });
  let count = 0;
  for await (const _ of stream) count++;
  return count;
}

export async function cpuOf(run) {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/**
 * Returns the median CPU times of `ours` and `theirs` in milliseconds, and the median of their ratio. Each round runs `theirs`,
 * `ours` twice, and `theirs` again. So a change of the machine's speed affects both alike.
 */
export async function ratioOf(ours, theirs, rounds) {
  const times = [];
  for (let round = -1; round < rounds; round++) {
    const before = await cpuOf(theirs);
    const our = (await cpuOf(ours)) + (await cpuOf(ours));
    const their = before + (await cpuOf(theirs));
    if (round >= 0) times.push({ ours: our / 2, theirs: their / 2 }); // the first round only warms up
  }
  return {
    ratio: median(times.map((time) => time.ours / time.theirs)),
    ours: median(times.map((time) => time.ours)),
    theirs: median(times.map((time) => time.theirs)),
  };
}

/** Prints the head of the table. */
export function reportHead() {
  console.log(`Node ${process.version}\n`);
  console.log("| what | measured | limit | |\n|---|---|---|---|");
}

/** Prints a row of the table. If the limit is exceeded, the process will exit with 1. */
export function report(what, measured, limit, unit = "×") {
  const isOver = measured > limit;
  if (isOver) process.exitCode = 1;
  console.log(
    `| ${what} | ${measured.toFixed(3)} ${unit} | ≤ ${limit} ${unit} | ${isOver ? "OVER" : "ok"} |`,
  );
}
