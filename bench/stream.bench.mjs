/**
 * Measures the cost of the middleware for a stream: `node --expose-gc bench/stream.bench.mjs`, after `npm run build`. Measures
 * CPU time, the delay at the end of the stream, and memory, each compared with a stream without the middleware. CPU ratios are
 * medians of interleaved rounds. Exits with 1 if a limit is exceeded.
 */
import { performance } from "node:perf_hooks";
import { createFileCitationsFetch } from "../dist/index.js";
import { createResponsesEmulator } from "../dist/testing/index.js";
import {
  bare,
  DELTAS,
  framesOf,
  median,
  ratioOf,
  readAll,
  report,
  reportHead,
  upstreamOf,
} from "./streaming.mjs";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

reportHead();

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
  console.log(
    `| the same, but both sides without the middleware: shows how exact the measurement is | ${noise.toFixed(3)} × | | |`,
  );
  await server.close();
}

{
  // The text has a bare path near its start. The list takes 200 ms, and the text goes on for longer than that.
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
  const withPath = frames.map((frame) => {
    const text = decoder.decode(frame);
    return encoder.encode(
      text
        .replace(/the quick brown/g, "/mnt/data/a.csv brown")
        .replace('"delta":" the"', '"delta":" /mnt/data/a.csv"'),
    );
  });
  // The time at which the upstream sent the end of the text. `timeOf` measures from then to the end of the stream.
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
  for (let pair = 0; pair < 19; pair++)
    later.push((await timeOf(createFileCitationsFetch({ fetch: slow }))) - (await timeOf(bare(slow))));
  // The first ten pairs do not count, because Node.js is still compiling the code.
  const compiled = median(later.slice(10));
  report(
    "how much later the stream ends, if its list takes 200 ms while the text goes on",
    compiled,
    10,
    "ms",
  );
}

{
  // Measures the largest growth of the heap while 200 MB of deltas pass through, with and without the middleware.
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
  report(
    "200 MB of deltas: how much more the heap grows than with a stream that only passes them on",
    ours - theirs,
    32,
    "MB",
  );
}
