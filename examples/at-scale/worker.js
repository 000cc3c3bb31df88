// Saves the files of each response in the queue. Start as many of these as you like, on as many machines.
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UnrecoverableError, Worker } from "bullmq";
import OpenAI from "openai";
import { repairResponse, saveFiles } from "openai-file-citations";
import { directory } from "openai-file-citations/node";
import { connect, QUEUE } from "./queue.js";

const FILES = process.env.FILES ?? "files"; // a folder that all workers see
const client = new OpenAI(); // OPENAI_API_KEY

async function save({ data: { responseId } }) {
  const include = ["code_interpreter_call.outputs"];
  const ended = await client.responses.retrieve(responseId, { include });
  if (["queued", "in_progress"].includes(ended.status)) throw new Error(`it is ${ended.status} as yet`);
  const { response, report } = await repairResponse(ended, client);

  // A folder of its own for each try, which gets the response's name when all is in it. Whoever is first, has it.
  const partial = await mkdtemp(join(FILES, `.${responseId}-`));
  try {
    const { failed } = await saveFiles(client, response, directory(partial));
    const errors = failed.map(({ error }) => error).concat(report.error ?? []);
    const message = errors.map((error) => error.message).join("; ");
    // What can come right is tried again. A container that has expired (404) does not come back.
    if (!errors.every((error) => (error.status ?? error.cause?.status) === 404)) throw new Error(message);
    await rename(partial, join(FILES, responseId)).catch((error) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    if (errors.length > 0) throw new UnrecoverableError(message);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

await mkdir(FILES, { recursive: true });
const worker = new Worker(QUEUE, save, {
  connection: connect({ maxRetriesPerRequest: null }),
  concurrency: 4,
  // What a killed worker had in hand is another's after ten seconds.
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
