/**
 * Measures the option `links`: `node bench/links.bench.mjs`, after `npm run build`. Compares the CPU time of the middleware for a
 * stream with and without the option. The ratio is the median of interleaved rounds. Then measures how long a link is held after
 * its last delta. Last, compares the time for hostile texts with the time for ordinary texts. Exits with 1 if a limit is
 * exceeded.
 */
import { performance } from "node:perf_hooks";
import { createFileCitationsFetch, repairResponse, repairResponseStream } from "../dist/index.js";
import { DELTAS, framesOf, median, ratioOf, readAll, report, reportHead, upstreamOf } from "./streaming.mjs";

const FILE = {
  id: "cfile_1",
  object: "container.file",
  container_id: "cntr_1",
  created_at: 2,
  bytes: 1,
  path: "/mnt/data/report.csv",
  source: "assistant",
};
const LIST = { object: "list", data: [FILE], first_id: "cfile_1", last_id: "cfile_1", has_more: false };
const toUrl = ({ file_id }) => `https://files.example.com/${file_id}`;
/** A link, split into deltas as a model's tokens would split it. */
const LINK = [" [", "the", " report", "](", "sandbox", ":/", "mnt", "/data", "/report", ".csv", ")"];

/** Returns a `fetch` that answers list requests itself, after `delay` milliseconds, and passes all others to `fetch`. */
function withList(fetch, delay = 0) {
  return async (input, init) => {
    if (!String(input).includes("/containers/")) return fetch(input, init);
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    return Response.json(LIST);
  };
}

reportHead();

/** Returns delta number `n` if it belongs to the link in the middle of the text, else `undefined`. */
const linkAt = (n) => LINK[n - DELTAS / 2];
for (const [what, deltaAt, limit] of [
  ["no mention", undefined, 1.03],
  ["one link", linkAt, 1.1],
]) {
  const fetch = withList(upstreamOf(framesOf(DELTAS, deltaAt)));
  const linking = createFileCitationsFetch({ fetch, links: toUrl });
  const repairing = createFileCitationsFetch({ fetch });
  const { ratio, ours, theirs } = await ratioOf(
    () => readAll(linking),
    () => readAll(repairing),
    41, // with fewer rounds, the ratio varies too much for the limit
  );
  report(`20,000 deltas, ${what}, CPU (${ours.toFixed(0)} ms against ${theirs.toFixed(0)} ms)`, ratio, limit);
}

// Measures how long the link is held after the link's last delta. The call's code names the file, so the list is requested as
// soon as the text begins.
for (const delay of [0, 50, 200]) {
  const times = [];
  for (let round = 0; round < 9; round++) times.push(await heldAfterLink(delay));
  const what = `how long a link is held after its last delta, if its list takes ${delay} ms and was requested earlier`;
  report(what, median(times), 5, "ms");
}

async function heldAfterLink(delay) {
  const texts = [" Text", ...LINK, " more"];
  const frames = framesOf(texts.length, (n) => texts[n]).map((frame) =>
    new TextEncoder().encode(
      new TextDecoder().decode(frame).replaceAll('"code":"x"', `"code":"open('/mnt/data/report.csv')"`),
    ),
  );
  const isDelta = (frame) => new TextDecoder().decode(frame).includes("output_text.delta");
  const first = frames.findIndex(isDelta);
  const lastOfLink = first + LINK.length;
  let sentAt;
  const upstream = async () => {
    let next = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (next >= frames.length) return controller.close();
        // Waits so that the list arrives before the link ends.
        if (next === first + 1) await new Promise((resolve) => setTimeout(resolve, delay + 20));
        if (next === lastOfLink) sentAt = performance.now();
        controller.enqueue(frames[next++]);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const fetch = createFileCitationsFetch({ fetch: withList(upstream, delay), links: toUrl });
  const answer = await fetch("https://api.example/v1/responses", { method: "POST", body: "{}" });
  let heldMs;
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    if (heldMs === undefined && chunk.includes("files.example.com")) heldMs = performance.now() - sentAt;
  }
  return heldMs;
}

const call = {
  type: "code_interpreter_call",
  id: "ci",
  status: "completed",
  code: "x",
  container_id: "cntr_1",
};

/** Returns the time to repair a text that streams in deltas of four characters, in milliseconds: the fastest of two runs. */
async function timeOfStream(text) {
  const part = { type: "output_text", text, annotations: [] };
  const item = { type: "message", id: "m", role: "assistant", content: [part] };
  const at = { item_id: "m", output_index: 1, content_index: 0 };
  const deltas = text.match(/.{1,4}/gs);
  const events = [
    { type: "response.created", response: { id: "r", object: "response", created_at: 1, output: [] } },
    { type: "response.output_item.done", output_index: 0, item: call },
    { type: "response.output_item.added", output_index: 1, item: { ...item, content: [] } },
    ...deltas.map((delta) => ({ type: "response.output_text.delta", ...at, delta, logprobs: [] })),
    { type: "response.output_text.done", ...at, text },
    { type: "response.output_item.done", output_index: 1, item },
    { type: "response.completed", response: { id: "r", status: "completed", output: [call, item] } },
  ].map((event, sequence_number) => ({ ...event, sequence_number }));
  let fastest = Infinity;
  for (let round = 0; round < 2; round++) {
    const before = performance.now();
    for await (const _ of repairResponseStream(events, [FILE], { links: toUrl, retries: 0 }));
    fastest = Math.min(fastest, performance.now() - before);
  }
  return fastest;
}

/** Returns the time to repair a plain response with one text, in milliseconds: the fastest of four runs. */
async function timeOf(text, links) {
  const part = { type: "output_text", text, annotations: [] };
  const output = [call, { type: "message", id: "m", role: "assistant", content: [part] }];
  const response = { id: "r", object: "response", created_at: 1, status: "completed", output };
  let fastest = Infinity;
  for (let round = 0; round < 4; round++) {
    const before = performance.now();
    await repairResponse(response, [FILE], { links, retries: 0 });
    fastest = Math.min(fastest, performance.now() - before);
  }
  return fastest;
}

{
  const LENGTH = 200_000;
  const repeated = (piece) => piece.repeat(Math.ceil(LENGTH / piece.length)).slice(0, LENGTH);
  // The baseline for hostile text without a mention is plain text. The baseline for text full of mentions is ordinary mentions.
  const plain = await timeOf(repeated("plain text without any path. "), toUrl);
  const mentions = await timeOf(repeated("/mnt/data/a a "), toUrl);
  const hostile = [
    ["`sandbox:` repeated", repeated("sandbox:"), plain],
    ["a path that never ends", `sandbox:/mnt/data/${repeated("a")}`, plain],
    ["opening brackets", repeated("["), plain],
    ["`](` repeated (link destinations that are never closed)", repeated("]("), plain],
    ["backticks", repeated("`"), plain],
    ["a backtick and a space repeated, then one letter", `${repeated("` ")}x`, plain],
    ["one to five backticks and a space each time, repeated", repeated("` `` ``` ```` ````` "), plain],
    ["`<!--` repeated (comments that are never closed)", repeated("<!--"), plain],
    ["backslashes", repeated("\\"), plain],
    ["`[x](/mnt/data/` repeated", repeated("[x](/mnt/data/"), mentions],
    ["`` ` /mnt/data/a  `` repeated", repeated("` /mnt/data/a "), mentions],
  ];
  for (const [what, text, base] of hostile) {
    const against = `${base === plain ? "plain text" : "ordinary mentions of the same length"} (${base.toFixed(1)} ms)`;
    report(`200,000 characters, ${what}, against ${against}`, (await timeOf(text, toUrl)) / base, 20);
  }
  const plainStream = await timeOfStream(repeated("plain text without any path. "));
  for (const piece of ["sandbox:", "`", "` ", "` `` ``` ", "<", "!", "[", "](", "\\", "/"]) {
    const measured = (await timeOfStream(repeated(piece))) / plainStream;
    report(
      `200,000 characters streamed, \`\` ${JSON.stringify(piece)} \`\` repeated, against plain text`,
      measured,
      20,
    );
  }
  const links = (count) => "See [the report](sandbox:/mnt/data/report.csv) here.\n".repeat(count);
  const few = await timeOf(links(1000), toUrl);
  report("10,000 links against 1,000", (await timeOf(links(10_000), toUrl)) / few, 20);
}
