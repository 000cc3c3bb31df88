// Copies the files of each response in the queue into the store. Start as many workers as you like, on any number of machines.
import { UnrecoverableError, Worker } from "bullmq";
import OpenAI from "openai";
import { repairResponse, saveFiles } from "openai-file-citations";
import { connect, QUEUE, store } from "./shared.js";

const client = new OpenAI(); // reads OPENAI_API_KEY

async function save({ data: { responseId } }) {
  const include = ["code_interpreter_call.outputs"];
  const ended = await client.responses.retrieve(responseId, { include });
  if (["queued", "in_progress"].includes(ended.status))
    throw new Error(`the response is still ${ended.status}`);
  const { response, report } = await repairResponse(ended, client);

  const { failed } = await saveFiles(client, response, store);
  const errors = failed.map(({ error }) => error).concat(report.error ?? []);
  if (errors.length === 0) return;
  const message = errors.map((error) => error.message).join("; ");
  // The queue tries a failed job again, unless all errors have the status 404: an expired container does not come back.
  const isLost = errors.every((error) => (error.status ?? error.cause?.status) === 404);
  throw isLost ? new UnrecoverableError(message) : new Error(message);
}

const worker = new Worker(QUEUE, save, {
  connection: connect({ maxRetriesPerRequest: null }),
  concurrency: 4,
  // If a worker is killed, another worker takes over its jobs after about ten seconds.
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 3,
});
worker.on("failed", (job, error) => console.error(`${job?.data.responseId}: ${error.message}`));
worker.on("error", (error) => console.error(error.message));

process.once("SIGTERM", async () => {
  await worker.close();
  process.exit();
});
