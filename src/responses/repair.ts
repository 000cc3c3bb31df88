/** A response in, the same with its missing citations out. */
import { badInput, isRecord } from "../bad-input.js";
import { type FileCitationsOptions, settingsOf } from "../options.js";
import type { Annotation, PartPosition, Report } from "../types.js";
import { isSame } from "./items.js";
import { type FileSource, listFilesFrom } from "./lookup.js";
import { type RepairContext, ResponseRepair } from "./response-repair.js";
import { notAmong } from "./same-citation.js";

/** The annotations of a part, whatever else a gateway may have put there. */
function annotationsOf(part: Record<string, unknown>): readonly Annotation[] {
  return Array.isArray(part.annotations)
    ? part.annotations.filter(isRecord).map((annotation) => annotation as unknown as Annotation)
    : [];
}

/** Whether a part of a message is text that can be annotated. */
function isOutputText(part: unknown): part is Record<string, unknown> & { text: string } {
  return isRecord(part) && part.type === "output_text" && typeof part.text === "string";
}

/** A copy with some properties changed: what else an SDK put on the object stays, enumerable or not. */
function copyWith<T extends object>(original: T, changes: Partial<T> | Record<string, unknown>): T {
  // Put together before the copy is made: what a frozen object's property became could not be changed any more.
  const properties: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(original);
  for (const [key, value] of Object.entries(changes)) {
    properties[key] = { value, enumerable: true, writable: true, configurable: true };
  }
  return Object.create(Object.getPrototypeOf(original), properties);
}

/** An item with its missing citations, at once where none can be missing; the very same object where none is. */
export function repairItem(repair: ResponseRepair, item: unknown, outputIndex: number): unknown {
  if (!isRecord(item) || item.type !== "message" || !Array.isArray(item.content)) return item;
  const parts: unknown[] = item.content;
  const content = parts.map((part, contentIndex) => repairPart(repair, { outputIndex, contentIndex }, part));
  return andThen(all(content), (repaired) =>
    isSame(repaired, parts) ? item : copyWith(item, { content: repaired }),
  );
}

/** A part with its missing citations, at once where none can be missing; the very same object where none is. */
export function repairPart(repair: ResponseRepair, position: PartPosition, part: unknown): unknown {
  if (!isOutputText(part)) return part;
  const given = annotationsOf(part);
  return andThen(repair.missingOf(position, part.text, given), (missing) => {
    // What the part was given before, by an earlier repair, it has already.
    const added = notAmong(given, missing);
    if (added.length === 0) return part;
    const annotations = [...(Array.isArray(part.annotations) ? part.annotations : []), ...added];
    return copyWith(part, { annotations });
  });
}

/** A response with its missing citations, at once where none can be missing; the very same object where none is. */
export function repairOutput<Response extends Record<string, unknown>>(
  repair: ResponseRepair,
  response: Response,
): Response | Promise<Response> {
  repair.noteResponse(response);
  const items: unknown = response.output;
  if (!Array.isArray(items)) return response;
  for (const [outputIndex, item] of items.entries()) repair.noteItem(outputIndex, item);
  return andThen(citeUnmentioned(repair, items), () => {
    const output = items.map((item, outputIndex) => repairItem(repair, item, outputIndex));
    return andThen(all(output), (repaired) =>
      isSame(repaired, items) ? response : copyWith(response, { output: repaired }),
    );
  });
}

/** Gives the last text the citations of files that no text mentions, if they are wanted; the texts are read first. */
function citeUnmentioned(repair: ResponseRepair, items: readonly unknown[]): undefined | Promise<void> {
  if (!repair.mayCiteUnmentioned) return undefined;
  const last = lastTextOf(items);
  if (!last) return repair.citeUnmentioned(undefined);
  const isTold = repair.knows(last);
  const read = all(items.map((item, outputIndex) => repairItem(repair, item, outputIndex)));
  return Promise.resolve(read).then(() => repair.citeUnmentioned(last, isTold));
}

/** The last text of the last message that has one. */
function lastTextOf(items: readonly unknown[]): PartPosition | undefined {
  for (let outputIndex = items.length - 1; outputIndex >= 0; outputIndex--) {
    const item = items[outputIndex];
    if (!isRecord(item) || item.type !== "message" || !Array.isArray(item.content)) continue;
    const contentIndex = item.content.findLastIndex(isOutputText);
    if (contentIndex >= 0) return { outputIndex, contentIndex };
  }
  return undefined;
}

/**
 * A list of items (a conversation's, a response's input), newest or oldest first, with the citations that are missing
 * where the same list tells the container.
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

/** What follows from a value, at once where it is there: an answer with nothing to repair must not wait a turn. */
export function andThen<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function all(values: unknown[]): unknown[] | Promise<unknown[]> {
  return values.some((value) => value instanceof Promise) ? Promise.all(values) : values;
}

/** How to repair without a client around the request. */
export interface RepairOptions extends FileCitationsOptions {
  /** The parameters of the request: its tools and its input may name a container that the response does not. */
  request?: object | undefined;
  /** Stops the recovery; the response then comes back as it is. */
  signal?: AbortSignal | undefined;
}

/** The context of a repair that somebody asked for by hand. */
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
    // Files that were given do not come to be more by asking again.
    settings: isFixed ? { ...settings, retries: 0 } : settings,
    otherContainers: isFixed ? [...new Set(source.map(({ container_id }) => container_id))] : [],
    request,
    signal,
  };
}

/**
 * Adds the citations that a response lacks. The response is not changed: what comes back is a copy, or the same
 * object where nothing was missing. Whatever goes wrong is in the report, unless `onFailure` is `"throw"`.
 *
 * @param response a response as the API sends it, stored or fresh.
 * @param source the container's files, a function that lists them, or an OpenAI client.
 * @throws {TypeError} when `response` is none, `source` is none or an option is wrong.
 * @throws {FileCitationsError} when a list fails and `onFailure` is `"throw"`.
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
  if (!isRecord(response) || !Array.isArray(response.output)) {
    throw badInput("response", "a response of the Responses API, with an output array", response);
  }
  const repair = new ResponseRepair(contextOf(source, options));
  const repaired = await repairOutput(repair, response);
  return { response: options.signal?.aborted ? response : repaired, report: repair.finish() };
}
