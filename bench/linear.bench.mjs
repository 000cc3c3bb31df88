/**
 * Checks that malformed and hostile input takes linear time: `node bench/linear.bench.mjs [word]`, after `npm run build`. Reads
 * each kind of input (a shape) at one size and at ten times that size, in turns, and compares the median times. If a word is
 * given, reads only the shapes whose name contains it. Exits with 1 if a ratio exceeds the limit. This file is long because each
 * shape is written out.
 */
import { performance } from "node:perf_hooks";
import {
  createFileCitationsFetch,
  repairResponse,
  repairResponseStream,
  replaceFileLinks,
} from "../dist/index.js";

/** Linear time has a ratio of 10, quadratic time 100. The limit is above 10 because large inputs do not fit in CPU caches. */
const LIMIT = 35;
const ROUNDS = 5;
const URL = "https://api.openai.com/v1/responses/resp_1";
const encoder = new TextEncoder();
const only = process.argv[2];

const file = {
  id: "cfile_1",
  object: "container.file",
  container_id: "cntr_1",
  created_at: 1,
  bytes: 1,
  path: "/mnt/data/a.csv",
  source: "assistant",
};
const list = async () => [file];
const call = (n = 1) => ({
  id: `ci_${n}`,
  type: "code_interpreter_call",
  status: "completed",
  code: "write('a.csv')",
  container_id: "cntr_1",
  outputs: [{ type: "logs", logs: "a.csv b.csv c.csv" }],
});
const part = (text, annotations = []) => ({ type: "output_text", text, annotations, logprobs: [] });
const citation = (container_id, file_id, start_index, end_index) => ({
  type: "container_file_citation",
  container_id,
  file_id,
  filename: "x",
  start_index,
  end_index,
});
const message = (content, n = 1) => ({
  id: `msg_${n}`,
  type: "message",
  role: "assistant",
  status: "completed",
  content,
});
const response = (output) => ({ id: "resp_1", object: "response", created_at: 1, tools: [], output });
const times = (n, of) => Array.from({ length: n }, (_, at) => of(at));
const frame = (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const delta = (text, at = 0) => ({
  type: "response.output_text.delta",
  sequence_number: at,
  item_id: "msg_1",
  output_index: 1,
  content_index: 0,
  delta: text,
});
const start = [
  { type: "response.created", response: response([]) },
  { type: "response.output_item.done", output_index: 0, item: call() },
];
/** Returns `n` events. Each event ends the text of a different part. */
const texts = (n, text) =>
  times(n, (at) => ({
    type: "response.output_text.done",
    item_id: "msg_1",
    output_index: 1,
    content_index: at,
    text,
  }));

/** Returns a function that reads the event stream `text` through our `fetch`. The stream arrives in chunks of `size` bytes. */
function stream(text, size = Infinity) {
  const bytes = encoder.encode(text);
  const step = Math.min(size, bytes.length);
  return async () => {
    let at = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(at, at + step));
        at += step;
      },
    });
    const fetch = async (url) =>
      String(url).includes("/files")
        ? Response.json({ data: [file], has_more: false })
        : new Response(body, { headers: { "content-type": "text/event-stream" } });
    const reader = (await createFileCitationsFetch({ fetch })(URL)).body.getReader();
    while (!(await reader.read()).done);
  };
}

/** Returns a function that reads events through `repairResponseStream`. */
function events(all, options = {}) {
  return async () => {
    for await (const _ of repairResponseStream(all, list, options));
  };
}

/** Returns a response with a call and one text that has `annotations`. */
function ofOnePart(text, annotations) {
  return response([call(), message([part(text, annotations)])]);
}

/** Returns a function that repairs a complete response. */
function plain(given, source = list, options = {}) {
  return () => repairResponse(given, source, options);
}

/** Returns a function that replaces each `x` of a text with a link. */
function links(text) {
  const annotations = [...text.matchAll(/x/g)].map(({ index }) => citation("c", "f", index, index + 1));
  return () => replaceFileLinks(text, annotations, () => "https://h/");
}

const begin = start.map(frame).join("");

/**
 * Each shape has a name, its smaller size, and a function. The function makes input of a given size, and returns a function that
 * reads this input.
 */
const shapes = [
  ["bytes without a line's end", 400_000, (n) => stream("x".repeat(n))],
  ["bytes without a line's end, in pieces of 10", 40_000, (n) => stream("x".repeat(n), 10)],
  ["line ends", 40_000, (n) => stream("\n".repeat(n))],
  ["CRs", 40_000, (n) => stream("\r".repeat(n))],
  ["comments", 20_000, (n) => stream(": ping\n\n".repeat(n))],
  ["lines of one frame", 20_000, (n) => stream("data: x\n".repeat(n))],
  [
    "frames that end their lines with CR alone",
    4000,
    (n) => stream(frame(delta("a b")).replaceAll("\n", "\r").repeat(n)),
  ],
  ["frames in pieces of one byte", 200, (n) => stream(frame(delta("a b")).repeat(n), 1)],
  ["frames that are no JSON", 4000, (n) => stream("event: response.output_text.done\ndata: {\n\n".repeat(n))],
  ["deltas in one chunk", 8000, (n) => stream(begin + times(n, (at) => frame(delta(" and", at))).join(""))],
  [
    "deltas in one chunk, spaces in their JSON",
    8000,
    (n) => stream(begin + times(n, (at) => frame(delta(" and", at)).replaceAll('":', '": ')).join("")),
  ],
  ["deltas of slashes", 2000, (n) => stream(begin + times(n, (at) => frame(delta("/m/d/", at))).join(""))],
  [
    "deltas of cited links",
    2000,
    (n) => stream(begin + times(n, (at) => frame(delta("](sandbox:/mnt/data/a.csv)", at))).join("")),
  ],
  [
    "deltas that open brackets",
    2000,
    (n) => stream(begin + times(n, (at) => frame(delta("[[[[/m", at))).join("")),
  ],
  ["one delta", 100_000, (n) => stream(begin + frame(delta("/mnt/dat ".repeat(n))))],
  ["texts that end, nothing in them", 400, (n) => events([...start, ...texts(n, "Done.")])],
  ["texts that end, a file in each", 200, (n) => events([...start, ...texts(n, "See /mnt/data/a.csv")])],
  [
    "texts that end, a missing file in each",
    200,
    (n) => events([...start, ...texts(n, "See /mnt/data/b")], { retries: 0 }),
  ],
  [
    "texts that end, cited unmentioned",
    2000,
    (n) => events([...start, ...texts(n, "Done.")], { unmentioned: "cite" }),
  ],
  [
    "one text that ends again and again",
    400,
    (n) => events([...start, ...times(n, () => texts(1, "See /mnt/data/a.csv")[0])]),
  ],
  [
    "citations of one part",
    2000,
    (n) =>
      events([
        ...start,
        ...times(n, (at) => ({
          type: "response.output_text.annotation.added",
          output_index: 1,
          content_index: 0,
          annotation_index: at,
          annotation: citation("cntr_1", `f${at}`, at, at + 1),
        })),
        ...texts(1, "/mnt/data/a.csv ".repeat(n)),
      ]),
  ],
  [
    "calls",
    400,
    (n) =>
      events(times(n, (at) => ({ type: "response.output_item.done", output_index: at, item: call(at) }))),
  ],
  [
    "calls, a text behind each",
    200,
    (n) =>
      events(
        times(n, (at) => [
          { type: "response.output_item.done", output_index: 2 * at, item: call(at) },
          { ...texts(1, "See b.csv and c.csv")[0], output_index: 2 * at + 1 },
        ]).flat(),
        { retries: 0 }, // with retries, each text would wait while the list is requested again
      ),
  ],
  [
    "items in the wrong order",
    2000,
    (n) =>
      events(times(n, (at) => ({ type: "response.output_item.done", output_index: n - at, item: call(at) }))),
  ],
  [
    "messages",
    200,
    (n) => plain(response([call(), ...times(n, (at) => message([part("See /mnt/data/a.csv")], at))]), list),
  ],
  [
    "messages and calls in turn",
    200,
    (n) =>
      plain(
        response(times(n, (at) => [call(at), message([part("See b.csv, /mnt/data/a.csv")], at)]).flat()),
        list,
      ),
  ],
  [
    "parts",
    200,
    (n) => plain(response([call(), message(times(n, () => part("See /mnt/data/a.csv")))]), list),
  ],
  [
    "annotations",
    2000,
    (n) =>
      plain(
        ofOnePart(
          "/mnt/data/a.csv ".repeat(n),
          times(n, (at) => citation("cntr_1", `f${at}`, 16 * at, 16 * at + 2)),
        ),
      ),
  ],
  [
    "containers in the annotations",
    400,
    (n) =>
      plain(
        ofOnePart(
          "/mnt/data/b.csv",
          times(n, (at) => citation(`cntr_${at}`, "f", 0, 0)),
        ),
        async () => [],
        { retries: 0 },
      ),
  ],
  [
    "tools",
    4000,
    (n) =>
      plain(
        {
          ...response([message([part("Done.")])]),
          tools: times(n, (at) => ({ type: "code_interpreter", container: `cntr_${at}` })),
        },
        list,
      ),
  ],
  [
    "items of the input",
    4000,
    (n) =>
      plain(response([message([part("Done.")])]), list, {
        request: { input: times(n, (at) => ({ type: "item_reference", id: `x${at}` })) },
      }),
  ],
  [
    "logs of a call",
    40_000,
    (n) =>
      plain(
        response([
          { ...call(), outputs: [{ type: "logs", logs: "a.csv,".repeat(n) }] },
          message([part("a.csv ".repeat(n / 100))]),
        ]),
        list,
      ),
  ],
];

for (const [name, size, unit] of [
  ["mentions", 400, "see x. "],
  ["mentions behind what begins a title", 400, "](a 'x "],
  ["mentions behind what begins a footnote", 400, "[^[^[^ x "],
  ["mentions behind open brackets", 400, "[[[[ x "],
  ["mentions behind escapes", 400, "\\\\\\!x "],
  ["mentions behind definitions", 400, "[a]: 'x\n"],
  ["open tags", 4000, "<a b"],
  ["open code spans", 10_000, "` `` "],
  ["comments that do not end", 40_000, "<!-- "],
]) {
  shapes.push([`links: ${name}`, size, (n) => links(`x ${unit.repeat(n)}`)]);
}
shapes.push(["links: an open tag and spaces", 4000, (n) => links(`x\n\n<a b${" ".repeat(n)}`)]);

async function timeOf(make, n) {
  const read = make(n);
  const before = performance.now();
  await read();
  return performance.now() - before;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

let isOver = false;
console.log(`Node ${process.version}\n\n| what | 10 × the size takes | limit | |\n|---|---|---|---|`);
for (const [name, size, make] of shapes) {
  if (only && !name.includes(only)) continue;
  const small = [];
  const large = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Ten small runs read as much as one large run, so the code is warmed up equally for both.
    for (let time = 0; time < 10; time++) small.push(await timeOf(make, size));
    large.push(await timeOf(make, 10 * size));
  }
  const ratio = median(large) / median(small);
  const over = ratio > LIMIT;
  isOver ||= over;
  console.log(
    `| ${10 * size} ${name}: ${median(large).toFixed(1)} ms | ${ratio.toFixed(1)} × | ≤ ${LIMIT} × | ${over ? "OVER" : "ok"} |`,
  );
}
process.exitCode = isOver ? 1 : 0;
