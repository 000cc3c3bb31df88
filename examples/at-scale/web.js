// Receives OpenAI's webhooks and serves the files. Verifies each delivery and adds a job to the queue before it answers.
import { Queue } from "bullmq";
import OpenAI from "openai";
import { createFileRoute } from "openai-file-citations/route";
import { serve } from "srvx";
import { connect, QUEUE, store } from "./shared.js";

const ENDED = ["response.completed", "response.incomplete", "response.failed"];
const DAY = 24 * 60 * 60;

const client = new OpenAI(); // reads OPENAI_API_KEY and OPENAI_WEBHOOK_SECRET
// Your own code makes the links for your pages, with `files.urlFor(file)`. The links never expire, and work as long as the
// store has the file.
const files = createFileRoute(client, {
  secret: process.env.FILES_SECRET,
  store,
  expiresIn: Number.POSITIVE_INFINITY,
});
const queue = new Queue(QUEUE, {
  // If Redis is down, adding a job fails immediately. Then OpenAI gets a 500 and delivers again.
  connection: connect({ enableOfflineQueue: false }),
  defaultJobOptions: {
    // Retries after 1, 2, 4, 8 … seconds, for 17 minutes in all. Later retries are useless: a container expires after 20
    // minutes without use.
    attempts: 11,
    backoff: { type: "exponential", delay: 1000 },
    // OpenAI may repeat a delivery for three days. Jobs are kept longer, so that the queue recognizes a repeated delivery.
    removeOnComplete: { age: 4 * DAY },
    removeOnFail: { age: 14 * DAY },
  },
});
await queue.waitUntilReady();

async function receive(request) {
  let event;
  try {
    event = await client.webhooks.unwrap(await request.text(), Object.fromEntries(request.headers));
  } catch {
    return new Response("the signature is not valid", { status: 400 });
  }
  if (!ENDED.includes(event.type)) return new Response("ignored");
  // The queue ignores a second job with the same id, so each delivery is handled once.
  await queue.add(event.type, { responseId: event.data.id }, { jobId: request.headers.get("webhook-id") });
  return new Response("queued");
}

const answer = (request) =>
  new URL(request.url).pathname.startsWith("/files/") ? files.handler(request) : receive(request);
const server = serve({ fetch: answer, silent: true, gracefulShutdown: false }); // listens on HOST and PORT (default 3000)
await server.ready();
console.log(`listening on ${server.url}`);

process.once("SIGTERM", async () => {
  await server.close();
  await files.keep(); // waits for the copies under way
  await queue.close();
  process.exit();
});
