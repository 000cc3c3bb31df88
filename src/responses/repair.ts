/** Adds the citations that a whole response lacks (`repairResponse`). */

import { type FileSource, listFilesFrom } from "../containers/listing.js";
import { asError, badInput, isRecord } from "../errors.js";
import { type FileCitationsOptions, settingsOf } from "../options.js";
import type { Report } from "../types.js";
import { repairOutput } from "./output-repair.js";
import { FileCitationsError } from "./report.js";
import { type RepairContext, ResponseRepair } from "./response-repair.js";

/** Options of `repairResponse` and `repairResponseStream`. */
export interface RepairOptions extends FileCitationsOptions {
  /** The parameters of the request. The request's tools and input may name a container that the response does not name. */
  request?: object | undefined;
  /** When this signal aborts, the recovery stops and the response is returned unchanged. */
  signal?: AbortSignal | undefined;
}

/**
 * Checks the arguments of `repairResponse` or `repairResponseStream`, and makes the context of the repair.
 *
 * @internal
 */
export function contextOf(source: FileSource, given: RepairOptions): RepairContext {
  if (!isRecord(given)) throw badInput("options", "an object", given);
  const { request, signal, ...options }: RepairOptions = given;
  const settings = settingsOf(options);
  if (request !== undefined && !isRecord(request)) throw badInput("options.request", "an object", request);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw badInput("options.signal", "an AbortSignal", signal);
  }
  const isFixed = Array.isArray(source);
  return {
    list: listFilesFrom(source, settings),
    // `retries` is 0 for an array of files: the array would have the same files when it is read again.
    settings: isFixed ? { ...settings, retries: 0 } : settings,
    otherContainers: isFixed ? [...new Set(source.map(({ container_id }) => container_id))] : [],
    request,
    signal,
  };
}

/**
 * Adds the citations that a response lacks. The given object is never changed: the result holds a copy, or the same object if
 * nothing was missing. If the recovery fails, the report contains the error. With `onFailure: "throw"`, the function then
 * throws a `FileCitationsError` that contains the report.
 *
 * @param response a response of the API, new or retrieved later.
 * @param source the container files, a function that lists them, or an OpenAI client.
 * @throws {TypeError} if `response` is not a response, `source` is not a file source, or an option is invalid.
 * @throws {FileCitationsError} if the recovery fails and `onFailure` is `"throw"`.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { repairResponse } from "openai-file-citations";
 *
 * const client = new OpenAI();
 * const stored = await client.responses.retrieve("resp_123");
 * const { response, report } = await repairResponse(stored, client);
 * console.log(report.outcome, response.output);
 * ```
 */
export async function repairResponse<Response extends { output: unknown }>(
  response: Response,
  source: FileSource,
  options: RepairOptions = {},
): Promise<{ response: Response; report: Report }> {
  checkResponse(response);
  const context = contextOf(source, options);
  let repair: ResponseRepair | undefined;
  try {
    repair = new ResponseRepair(context);
    const repaired = await repairOutput(repair, response);
    const report = repair.finish();
    return { response: options.signal?.aborted ? response : repaired, report };
  } catch (thrown) {
    const error = asError(thrown);
    if (error instanceof FileCitationsError) throw error;
    repair?.cancel(error);
    return { response, report: failedReport(context, response, error) };
  }
}

/**
 * Throws a `TypeError` if the value is not a response. Does not throw if `output` cannot be read: the report will then contain
 * the error.
 */
function checkResponse(response: unknown): void {
  let isResponse: boolean;
  try {
    isResponse = isRecord(response) && Array.isArray(response.output);
  } catch {
    return;
  }
  if (!isResponse)
    throw badInput("response", "a response of the Responses API, with an output array", response);
}

/** Makes the report of a response that could not be repaired, for example because a getter of it or of its request throws. */
function failedReport(context: RepairContext, response: object, error: Error): Report {
  const repair = new ResponseRepair({ ...context, request: undefined });
  repair.giveUp(error);
  try {
    repair.noteResponse({ id: (response as { id?: unknown }).id });
  } catch {
    // Even the id cannot be read, so the report has no id.
  }
  return repair.finish();
}
