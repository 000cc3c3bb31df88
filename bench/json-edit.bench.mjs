/**
 * Compares two programs. One edits JSON in place. The other parses the JSON, makes the same change and stringifies the result.
 * The two run alternately. Prints the median ratio of their CPU times. Exits with 1 if a ratio exceeds the limit. To run it:
 * `node bench/json-edit.bench.mjs`.
 */
import { createParser } from "eventsource-parser";
import { compileModules } from "../scripts/modules.mjs";

const modules = await compileModules("json-edit");
const load = (path) => import(new URL(path, modules).href);
const { editJson, editJsonText, parseObject } = await load("http/json-edit.js");
const { editFrame, parseFrame } = await load("http/frames.js");

/** The highest ratio allowed. It is above 1, because the ratio of two equal programs varies by a tenth. */
const LIMIT = 1.1;
const ROUNDS = 15;
/**
 * The minimum CPU time of a measurement, in milliseconds. `countFor` finds how often the program that parses and stringifies
 * must run to take this time. In each round, both programs run that often.
 */
const ROUND_MS = 60;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytesOf = (value, indent) => encoder.encode(JSON.stringify(value, null, indent));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const PROSE =
  'The sums are in a "CSV" file.\n\nIts rows are sorted, and none of them is empty, e.g. row 3.\n';
const ANNOTATION = {
  type: "container_file_citation",
  container_id: "cntr_68c2e6f380d881908a57a82d394434ff02f484f5344062e9",
  end_index: 42,
  file_id: "cfile_68c2e7084ab48191a67824aa1f4c90f1",
  filename: "sums.csv",
  start_index: 10,
};

const prose = (length) => PROSE.repeat(Math.ceil(length / PROSE.length)).slice(0, length);
const messageOf = (length, n, logprobs = []) => ({
  id: `msg_68c2e7054ae481938354ab3e4e77abad02d3a5742c7d${n}`,
  type: "message",
  status: "completed",
  content: [{ type: "output_text", annotations: [], logprobs, text: prose(length) }],
  role: "assistant",
});
const callOf = (n) => ({
  id: `ci_68c2e6f4f47081939a1f2d3c4b5a69788796a5b4c3d2${n}`,
  type: "code_interpreter_call",
  status: "completed",
  code: prose(400),
  container_id: ANNOTATION.container_id,
  outputs: [{ type: "logs", logs: prose(100) }],
});
const times = (count, of) => Array.from({ length: count }, (_, n) => of(n));
const probability = (n) => ({
  token: ` w${n}`,
  logprob: -0.1234 * (n % 97) - 0.0017,
  bytes: [32, 119, 48 + (n % 10)],
  top_logprobs: [],
});
const responseOf = (output) => ({
  id: "resp_68c2e6efa238819383d5f52a2c2a3baa02d3a5742c7ddae9",
  object: "response",
  created_at: 1757603567,
  status: "completed",
  error: null,
  model: "gpt-5-nano-2025-08-07",
  output,
  parallel_tool_calls: true,
  reasoning: { effort: "medium", summary: null },
  temperature: 1,
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  usage: { input_tokens: 6047, output_tokens: 1623, total_tokens: 7670 },
  metadata: {},
});

/** Adds a citation to the last message of a response, as a repair does: copies only the objects around the citation. */
function cited(response) {
  const output = [...response.output];
  const message = output.at(-1);
  const content = message.content.map((part) => ({
    ...part,
    annotations: [...part.annotations, ANNOTATION],
  }));
  output[output.length - 1] = { ...message, content };
  return { ...response, output };
}

/** Adds the link sentence to the last message of a request, and adds the parameter `include` to the request. */
function asking(request) {
  const last = request.input.at(-1);
  const sentence = "\n\nLink each file that you create: [name](sandbox:/mnt/data/name).";
  const input = [...request.input.slice(0, -1), { ...last, content: last.content + sentence }];
  return { ...request, input, include: ["code_interpreter_call.outputs"] };
}

const requestOf = (count, length) => ({
  model: "gpt-5",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  input: times(count, (n) => ({ role: n % 2 === 0 ? "user" : "assistant", content: prose(length) })),
});

const edit = (change) => (bytes) => {
  const text = decoder.decode(bytes);
  const before = parseObject(text);
  return editJson(bytes, before, change(before), 0, text);
};
const rewrite = (change) => (bytes) => bytesOf(change(JSON.parse(decoder.decode(bytes))));

// Clients pass the body of a request as a string. So for requests, both the edit in place and the alternative (parse and
// stringify) take and return a string.
const editOfText = (text) => {
  const before = parseObject(text);
  return editJsonText(text, before, asking(before));
};
const rewriteOfText = (text) => JSON.stringify(asking(JSON.parse(text)));

const editOfFrame = (bytes) => {
  const frame = parseFrame(bytes);
  return editFrame(frame, { ...frame.event, response: cited(frame.event.response) });
};
/**
 * Reads the event with `eventsource-parser`. Like the edit in place, this parser accepts any line ends and several `data:`
 * lines. A regular expression (`/^data: (.*)$/m`) would accept fewer inputs and be slower too: for 67 kB, the program took 1.2
 * times as long.
 */
const rewriteOfFrame = (bytes) => {
  let data = "";
  createParser({
    onEvent(message) {
      data = message.data;
    },
  }).feed(decoder.decode(bytes));
  const event = JSON.parse(data);
  const changed = { ...event, response: cited(event.response) };
  return encoder.encode(`event: ${changed.type}\ndata: ${JSON.stringify(changed)}\n\n`);
};
const frameOf = (response) => {
  const event = { type: "response.completed", response, sequence_number: 77 };
  return encoder.encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
};

const small = responseOf([callOf(1), messageOf(1100, 1)]);
const medium = responseOf([...times(60, callOf), messageOf(20_000, 1)]);
const calls = responseOf([...times(5000, callOf), messageOf(20_000, 1)]);
const text = responseOf([callOf(1), messageOf(4_900_000, 1)]);
const numbers = responseOf([callOf(1), messageOf(1000, 1, times(50_000, probability))]);

// The letter `é` is the worst case for the edit in place. `é` is one character in a string, but two bytes. So the edit must
// search the bytes for the right offset, which is slower. JSON.stringify is as fast for `é` as for ASCII, because V8 stores
// `é` in one byte.
const accented = JSON.parse(JSON.stringify(small).replaceAll("sorted", "triées"));

const answers = [
  ["an answer", small],
  ["an answer with `é`", accented],
  ["an answer, 60 calls", medium],
  ["an answer, 5,000 calls", calls],
  ["an answer, one text", text],
  ["an answer, `logprobs`", numbers],
].map(([what, value]) => [what, bytesOf(value), edit(cited), rewrite(cited)]);
const frames = [
  ["a final event", small],
  ["a final event with `é`", accented],
  ["a final event, 60 calls", medium],
  ["a final event, 5,000 calls", calls],
].map(([what, value]) => [what, frameOf(value), editOfFrame, rewriteOfFrame]);
const requests = [
  ["a request", requestOf(3, 900)],
  ["a request, 80 messages", requestOf(80, 950)],
  ["a request, 5,000 messages", requestOf(5000, 950)],
].map(([what, value]) => [what, JSON.stringify(value), editOfText, rewriteOfText]);

/** Returns the process's CPU time in milliseconds. Other processes do not count. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

/** Runs a program `count` times and returns the CPU time in milliseconds. */
function timeOf(run, body, count) {
  const before = cpu();
  for (let n = 0; n < count; n++) run(body);
  return cpu() - before;
}

/** Returns how many runs take `ROUND_MS` or more. The result is a power of two. */
function countFor(run, body) {
  let count = 1;
  while (timeOf(run, body, count) < ROUND_MS) count *= 2;
  return count;
}

const rows = [...answers, ...frames, ...requests];
// Runs all rows before the first measurement. A real process edits answers, events and requests. In a process that has edited
// only answers, the code runs faster, so the first rows would get times that are too short.
for (const [, body, ...both] of rows) for (const run of both) countFor(run, body);

let isOver = false;
console.log(`Node ${process.version}\n\n| what | in place | parse, stringify | | limit | |`);
console.log("|---|---|---|---|---|---|");
for (const [what, body, inPlace, rewritten] of rows) {
  // Both programs must return the same bytes, because JSON.stringify made the bodies.
  if (Buffer.compare(Buffer.from(inPlace(body)), Buffer.from(rewritten(body))) !== 0)
    throw new Error(`${what}: the results differ`);
  const count = countFor(rewritten, body);
  const measured = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    for (const at of order) measured[at].push(timeOf([inPlace, rewritten][at], body, count));
  }
  const ratio = median(measured[0].map((time, round) => time / measured[1][round]));
  const { length } = body;
  const over = ratio > LIMIT;
  isOver ||= over;
  const size = length < 1e6 ? `${Math.round(length / 1e3)} kB` : `${(length / 1e6).toFixed(1)} MB`;
  const [own, other] = measured.map((times) => `${((1000 * median(times)) / count).toFixed(1)} µs`);
  const verdict = over ? "OVER" : "ok";
  console.log(`| ${what}, ${size} | ${own} | ${other} | ${ratio.toFixed(2)} × | ≤ ${LIMIT} × | ${verdict} |`);
}
process.exitCode = isOver ? 1 : 0;
