// Takes OpenAI's webhooks: verifies a delivery and puts a job into the queue. OpenAI waits for no more than that.
import { Queue } from "bullmq";
import OpenAI from "openai";
import { serve } from "srvx";
import { connect, QUEUE } from "./queue.js";

const ENDED = ["response.completed", "response.incomplete", "response.failed"];
const DAY = 24 * 60 * 60;

const client = new OpenAI(); // OPENAI_API_KEY, OPENAI_WEBHOOK_SECRET
const queue = new Queue(QUEUE, {
  // Without Redis it fails at once: OpenAI is answered 500, and delivers again.
  connection: connect({ enableOfflineQueue: false }),
  defaultJobOptions: {
    // After 1, 2, 4, 8 … seconds: 17 minutes in all. A container that nobody uses lives for 20.
    attempts: 11,
    backoff: { type: "exponential", delay: 1000 },
    // A delivery can come again for three days. It is known as long as its job is.
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
  // Of jobs with one id, there is one.
  await queue.add(event.type, { responseId: event.data.id }, { jobId: request.headers.get("webhook-id") });
  return new Response("queued");
}

const server = serve({ fetch: receive, silent: true, gracefulShutdown: false }); // on HOST and PORT, or 3000
await server.ready();
console.log(`listening on ${server.url}`);

process.once("SIGTERM", async () => {
  await server.close();
  await queue.close();
  process.exit();
});
