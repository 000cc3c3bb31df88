/** Adds the missing citations to whole responses, items and parts. */

import { isSame } from "../arrays.js";
import { beginsTurn } from "../containers/items-before.js";
import { type FileSource, listFilesFrom } from "../containers/listing.js";
import { asError, badInput, isRecord } from "../errors.js";
import { type FileCitationsOptions, settingsOf } from "../options.js";
import type { Annotation, PartPosition, Report } from "../types.js";
import { isOutputText, partsOf } from "./items.js";
import { FileCitationsError } from "./report.js";
import type { TextWithAnnotations } from "./response-links.js";
import { type RepairContext, ResponseRepair } from "./response-repair.js";
import { notAmong } from "./same-citation.js";

/** Returns the annotations of a part. Skips entries that are not objects, which gateways may send. */
export function annotationsOf(part: Record<string, unknown>): readonly Annotation[] {
  return Array.isArray(part.annotations)
    ? (part.annotations.filter(isRecord) as unknown[] as Annotation[])
    : [];
}

/**
 * Returns a copy with some properties changed. The copy keeps all other properties, even non-enumerable ones that an SDK has
 * added.
 */
function copyWith<T extends object>(original: T, changes: Partial<T> | Record<string, unknown>): T {
  // Changes the property descriptors before it makes the copy: in a copy of a frozen object, the properties are read-only.
  const properties: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(original);
  for (const [key, value] of Object.entries(changes)) {
    properties[key] = { value, enumerable: true, writable: true, configurable: true };
  }
  return Object.create(Object.getPrototypeOf(original), properties);
}

/**
 * Returns a copy of an item with its missing citations, or the same object if none is missing. The result is a promise only
 * if a citation may be missing.
 */
export function repairItem(repair: ResponseRepair, item: unknown, outputIndex: number): unknown {
  const texts = partsOf(item);
  if (!texts) return item;
  const { key, parts } = texts;
  const repaired = all(parts, (part, contentIndex) =>
    repairPart(repair, { outputIndex, contentIndex }, part),
  );
  return andThen(repaired, (values) =>
    isSame(values, parts) ? item : copyWith(item as object, { [key]: values }),
  );
}

/** Like {@link repairItem}, for one part. */
export function repairPart(repair: ResponseRepair, position: PartPosition, part: unknown): unknown {
  if (!isOutputText(part)) return part;
  const given = annotationsOf(part);
  return andThen(repair.missingOf(position, part.text, given), (missing) => {
    // If the part was repaired before, it already has some of the citations in `missing`.
    const added = notAmong(given, missing);
    const linked = repair.links && repair.withLinks(position, part.text, given, added);
    if (linked) return andThen(linked, (changed) => linkedPart(part, given, changed));
    if (added.length === 0) return part;
    const annotations = [...(Array.isArray(part.annotations) ? part.annotations : []), ...added];
    return copyWith(part, { annotations });
  });
}

/**
 * Returns a copy of a part with links in its text, and with the annotations for that text. Returns the same object if text and
 * annotations stay the same.
 */
function linkedPart(
  part: Record<string, unknown> & { text: string },
  given: readonly Annotation[],
  { text, annotations }: TextWithAnnotations,
): unknown {
  if (text === part.text && isSame(annotations, given)) return part;
  // Annotations that are not objects stay at their places in the list.
  const all: unknown[] = Array.isArray(part.annotations) ? part.annotations : [];
  let next = 0;
  const changed = all.map((entry) => (isRecord(entry) ? annotations[next++] : entry));
  // Log probabilities belong to the tokens of the model's text, so they are dropped if the text changes.
  const logprobs = Array.isArray(part.logprobs) && text !== part.text ? { logprobs: [] } : {};
  return copyWith(part, { annotations: [...changed, ...annotations.slice(next)], text, ...logprobs });
}

/** Like {@link repairItem}, for a response that arrives whole. Its texts get the same links as in a stream. */
export function repairOutput<Response extends Record<string, unknown>>(
  repair: ResponseRepair,
  response: Response,
): Response | Promise<Response> {
  const { output } = response;
  const linked = repair.links && Array.isArray(output) ? linkEarlyTexts(repair, response, output) : undefined;
  return andThen(linked, () => repairFinal(repair, response));
}

/**
 * Puts links into all texts except the last one of each turn. Takes the texts one by one, as in a stream. A stream sends each
 * text before the rest of the response is known, so the links of a text must not depend on the rest.
 */
function linkEarlyTexts(
  repair: ResponseRepair,
  response: Record<string, unknown>,
  items: readonly unknown[],
): unknown {
  repair.noteResponse(response);
  let done: unknown;
  for (const [outputIndex, item] of items.entries()) {
    const next = items[outputIndex + 1];
    const { key = "", parts = [] } = partsOf(item) ?? {};
    const early = next === undefined || beginsTurn(next) ? parts.slice(0, -1) : parts;
    // First records the item without its texts, as a stream does. So the links of a text cannot depend on later texts.
    const added = early.length > 0 ? { ...(item as object), [key]: [] } : item;
    done = andThen(done, () => repair.noteItem(outputIndex, added));
    for (const [contentIndex, part] of early.entries())
      done = andThen(done, () => repairPart(repair, { outputIndex, contentIndex }, part));
    if (added !== item) done = andThen(done, () => repair.noteItem(outputIndex, item));
  }
  return done;
}

/** Like {@link repairItem}, for the response in the final event of a stream. */
export function repairFinal<Response extends Record<string, unknown>>(
  repair: ResponseRepair,
  response: Response,
): Response | Promise<Response> {
  repair.noteWhole(response);
  const items: unknown = response.output;
  if (!Array.isArray(items)) return response;
  return andThen(citeUnmentioned(repair, items), () => {
    const output = all(items, (item, outputIndex) => repairItem(repair, item, outputIndex));
    return andThen(output, (repaired) =>
      isSame(repaired, items) ? response : copyWith(response, { output: repaired }),
    );
  });
}

/**
 * Cites the files that no text mentions, if the option `unmentioned` asks for this. First repairs all texts, because their
 * citations show which files are mentioned. Then adds the citations of the other files to the last text.
 */
function citeUnmentioned(repair: ResponseRepair, items: readonly unknown[]): undefined | Promise<void> {
  if (!repair.mayCiteUnmentioned) return undefined;
  const last = lastTextOf(items);
  if (!last) return repair.citeUnmentioned(undefined);
  const isSent = repair.knows(last);
  const resolved = all(items, (item, outputIndex) => repairItem(repair, item, outputIndex));
  return Promise.resolve(resolved).then(() => repair.citeUnmentioned(last, isSent));
}

/** Returns the position of the last text in the last message that has a text; `undefined` if there is none. */
function lastTextOf(items: readonly unknown[]): PartPosition | undefined {
  for (let outputIndex = items.length - 1; outputIndex >= 0; outputIndex--) {
    const item = items[outputIndex];
    const texts = isRecord(item) && item.type === "message" ? partsOf(item) : undefined;
    if (!texts) continue;
    const contentIndex = texts.parts.findLastIndex(isOutputText);
    if (contentIndex >= 0) return { outputIndex, contentIndex };
  }
  return undefined;
}

/**
 * Like {@link repairItem}, for a list of items: the items of a conversation, or the input of a response. A missing citation can
 * be found if an item of the same list names the file's container.
 */
export function repairItemList<List extends Record<string, unknown>>(
  repair: ResponseRepair,
  list: List,
  isNewestFirst: boolean,
): List | Promise<List> {
  const data: unknown = list.data;
  if (!Array.isArray(data)) return list;
  const items = isNewestFirst ? data.toReversed() : data;
  return andThen(repairOutput(repair, { output: items }), ({ output }) =>
    output === items ? list : copyWith(list, { data: isNewestFirst ? output.toReversed() : output }),
  );
}

/**
 * Calls `next` with a value. If the value is not a promise, calls `next` synchronously, because a response with nothing to repair
 * must not wait for a microtask.
 */
export function andThen<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * Maps the values with `repairOne`. Returns a promise only if one of the results is a promise. If `repairOne` throws, the
 * error becomes a rejected promise, so that `Promise.all` still handles the rejections of the other promises.
 */
function all(
  values: readonly unknown[],
  repairOne: (value: unknown, at: number) => unknown,
): unknown[] | Promise<unknown[]> {
  const repaired = values.map((value, at) => {
    try {
      return repairOne(value, at);
    } catch (error) {
      return Promise.reject(error);
    }
  });
  return repaired.some((value) => value instanceof Promise) ? Promise.all(repaired) : repaired;
}

/** Options of `repairResponse` and `repairResponseStream`. */
export interface RepairOptions extends FileCitationsOptions {
  /** The parameters of the request. The request's tools and input may name a container that the response does not name. */
  request?: object | undefined;
  /** When this signal aborts, the recovery stops and the response is returned unchanged. */
  signal?: AbortSignal | undefined;
}

/** Checks the arguments of `repairResponse` or `repairResponseStream`, and makes the context of the repair. */
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
 * nothing was missing. An error of the recovery is in the report. If `onFailure` is `"throw"`, a `FileCitationsError` that
 * contains the report is thrown instead.
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
  const repair = new ResponseRepair(context);
  try {
    const repaired = await repairOutput(repair, response);
    const report = repair.finish();
    return { response: options.signal?.aborted ? response : repaired, report };
  } catch (thrown) {
    const error = asError(thrown);
    if (error instanceof FileCitationsError) throw error;
    repair.cancel(error);
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

/** Makes the report of a response that could not be repaired, for example because one of its getters throws. */
function failedReport(context: RepairContext, response: object, error: Error): Report {
  const repair = new ResponseRepair(context);
  repair.giveUp(error);
  try {
    repair.noteResponse({ id: (response as { id?: unknown }).id });
  } catch {
    // Even the id cannot be read, so the report has no id.
  }
  return repair.finish();
}
