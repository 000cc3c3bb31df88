/** Adds the missing citations to the output of a response: to its items and their parts. */

import { isSame } from "../arrays.js";
import { beginsTurn } from "../containers/items-before.js";
import { isRecord } from "../errors.js";
import { all, andThen } from "../promises.js";
import type { Annotation, PartPosition } from "../types.js";
import { isOutputText, partsOf } from "./items.js";
import type { TextWithAnnotations } from "./response-links.js";
import type { ResponseRepair } from "./response-repair.js";
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
  const entries: unknown[] = Array.isArray(part.annotations) ? part.annotations : [];
  let next = 0;
  const changed = entries.map((entry) => (isRecord(entry) ? annotations[next++] : entry));
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
    // Records the item without its texts first, because the links of a text must not depend on later texts.
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
