/** Runs all checks of `doctor` in order. If a check fails, the later checks that depend on it are skipped. */
import type { Connection } from "../api.js";
import { checkBaseURL, checkKey, checkReached, checkResponses } from "./access.js";
import { type Check, type Finding, skipped } from "./check.js";
import { checkCitation, checkUnit } from "./citation.js";
import { Caller, isAnswer } from "./connection.js";
import { checkDownload } from "./download.js";
import { checkVersions, checkWebhookSecret, type Supported, type Versions } from "./environment.js";
import { checkList } from "./list.js";
import type { Recorder } from "./recorder.js";
import { checkCodeInterpreter, type RunResponse } from "./run-code.js";
import { checkStreaming } from "./streaming.js";

/** The arguments of `examine`. */
export interface Examination {
  connection: Connection;
  /** Sends and records all requests. */
  recorder: Recorder;
  model: string;
  versions: Versions;
  supported: Supported;
  webhookSecret: string | undefined;
  signal: AbortSignal;
  /** Asks the user whether to send requests that cost money. */
  agree: () => Promise<boolean>;
  /** Called with a description of the next step, for a progress line. */
  onStep: (doing: string) => void;
}

/** The checks of the API, in order. Most of them send a request. */
const API_CHECKS = [
  "base URL",
  "key",
  "Responses API",
  "Code Interpreter",
  "file list",
  "citation",
  "index unit",
  "download",
  "streaming",
] as const;

/** Yields the result of each check as soon as it is known. */
export async function* examine(examination: Examination): AsyncGenerator<Check, void> {
  const { versions, supported, webhookSecret } = examination;
  yield { name: "environment", ...checkVersions(versions, supported) };
  let isDone = 0;
  let why = "";
  for await (const finding of checkApi(examination)) {
    if (typeof finding === "string") why = finding;
    else yield { name: API_CHECKS[isDone++]!, ...finding };
  }
  for (const name of API_CHECKS.slice(isDone)) yield { name, ...skipped(`not checked: ${why}`) };
  yield { name: "webhook secret", ...checkWebhookSecret(webhookSecret) };
}

/**
 * Yields the findings of the checks in `API_CHECKS`, in order. If the remaining checks cannot run, yields the reason as a text
 * and ends.
 */
async function* checkApi(examination: Examination): AsyncGenerator<Finding | string, void> {
  const { connection, recorder, model, signal, agree, onStep } = examination;
  const caller = new Caller(connection, { fetch: recorder.fetch, signal });
  const wrong = checkBaseURL(connection.baseURL);
  if (wrong) {
    yield wrong;
    return yield "the base URL is wrong";
  }
  onStep("requesting the model");
  const first = await caller.get(`/models/${encodeURIComponent(model)}`);
  const reached = checkReached(caller, first);
  yield reached;
  if (reached.mark === "failed" || !isAnswer(first)) return yield "the API was not reached";
  const key = checkKey(caller, first);
  yield key;
  if (key.mark === "failed") return yield "there is no valid key";
  if (!(await agree())) return yield "you did not agree to the costs";

  onStep(`asking ${model}`);
  const responses = await checkResponses(caller, model);
  yield responses;
  if (responses.mark === "failed") return yield "the Responses API did not answer";
  onStep(`waiting until ${model} has run Python`);
  const { finding, response } = await checkCodeInterpreter(caller, recorder.fetch, model);
  yield finding;
  if (!response) return yield "no Python ran";
  yield* checkFile(examination, caller, response);
}

/** Yields the findings about the file that Python wrote. Like `checkApi`, yields a reason if the remaining checks cannot run. */
async function* checkFile(
  { connection, recorder, model, signal, onStep }: Examination,
  caller: Caller,
  response: RunResponse,
): AsyncGenerator<Finding | string, void> {
  onStep("reading the container's files");
  const { finding, file, lack } = await checkList(caller, recorder.fetch, response.containerId);
  yield finding;
  if (lack === "no file") return yield "the model wrote no file";
  yield checkCitation(response, file);
  yield checkUnit(response.citation);
  yield await checkFileDownload();
  onStep(`waiting until ${model} has run Python, streamed`);
  yield await checkStreaming(caller, recorder, model);

  async function checkFileDownload(): Promise<Finding> {
    if (lack === "no containers") return skipped("not checked: the server has no containers");
    const ids = file
      ? { container_id: response.containerId, file_id: file.id }
      : response.citation?.annotation;
    if (!ids) return skipped("not checked: neither the list nor a citation has the file's id");
    onStep("downloading the file");
    return checkDownload(connection, { fetch: recorder.fetch, signal }, ids, file);
  }
}
