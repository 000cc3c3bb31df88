/** Collects the output items of a response. For each text, returns the containers and calls of the items before the text. */

import { isSame } from "../arrays.js";
import { isContainerCall, isLocalCall, textsOf } from "../containers/call-texts.js";
import { agentOf, beginsTurn, ItemsBefore } from "../containers/items-before.js";
import {
  AGENT_ANSWER,
  containerOfCall,
  containersNamedBy,
  containersOfOutputs,
} from "../containers/named-containers.js";
import { isRecord } from "../errors.js";

/**
 * The output items of a response. In a stream, each item arrives twice: when it is added and when it is done. A list of items,
 * such as the items of a conversation, can hold several turns. Each user message begins a new turn.
 *
 * The items are read in one pass, not once for each text, because a response can have thousands of items and texts.
 */
export class ResponseItems {
  readonly #items: unknown[] = [];
  readonly #roots: readonly string[];
  #callCount = 0;
  readonly #firstNaming = new FirstItem(namesContainer);
  readonly #firstUsing = new FirstItem(usesContainer);
  /**
   * Maps each id to the number of items that have it. The id of a replaced item is not counted, so that the map does not outgrow
   * the items.
   */
  readonly #countOf = new Map<string, number>();
  #before: ItemsBefore;
  /** The last result of `turnOf`, and the index for which it was requested. */
  #turn: { start: number; items: ItemsBefore } | undefined;

  constructor(roots: readonly string[]) {
    this.#roots = roots;
    this.#before = new ItemsBefore(roots);
  }

  /** Records an item. An item that arrives again replaces the earlier one. */
  note(index: number, item: unknown): void {
    const known = this.#items[index];
    this.#items[index] = item;
    this.#noteId(known, item);
    this.#callCount += Number(isContainerCall(item)) - Number(isContainerCall(known));
    this.#firstNaming.note(index, item);
    this.#firstUsing.note(index, item);
    if (known !== undefined && hasSameFacts(known, item)) return;
    this.#turn = undefined;
    if (index < this.#before.count) this.#before = new ItemsBefore(this.#roots);
  }

  /** The items so far. The array can have gaps. */
  get all(): readonly unknown[] {
    return this.#items;
  }

  /** How many calls ran in a container so far. */
  get callCount(): number {
    return this.#callCount;
  }

  /** True if any item names a container. */
  get hasContainers(): boolean {
    return this.#firstNaming.isBefore(this.#items.length, this.#items);
  }

  /** Returns whether a call or a tool output before `index` names a container. Citations do not count. */
  useContainer(index: number): boolean {
    return this.#firstUsing.isBefore(index, this.#items);
  }

  /**
   * Returns the containers and calls of the items before `index`. The next call of this method may add items to the returned
   * object, so do not use the object after that.
   */
  before(index: number): ItemsBefore {
    if (index < this.#before.count) this.#before = new ItemsBefore(this.#roots);
    while (this.#before.count < index) this.#before.add(this.#items[this.#before.count]);
    return this.#before;
  }

  /** Returns the containers and calls of all items up to the end of the turn that the item at `index` belongs to. */
  turnOf(index: number): ItemsBefore {
    if (this.#turn && index >= this.#turn.start && index < this.#turn.items.count) return this.#turn.items;
    let end = index + 1;
    while (end < this.#items.length && !beginsTurn(this.#items[end])) end++;
    const items = new ItemsBefore(this.#roots);
    for (let at = 0; at < end; at++) items.add(this.#items[at]);
    this.#turn = { start: index, items };
    return items;
  }

  /** Returns the name of the agent that the item at `index` belongs to, if the item has one. */
  agentAt(index: number): string | undefined {
    return agentOf(this.#items[index]);
  }

  /** Throws if the item at `index` is inconsistent: its agent has no name, or another item has the same id. */
  check(index: number): void {
    const item = this.#items[index];
    if (!isRecord(item)) return;
    if (item.agent != null && agentOf(item) === undefined) {
      throw new Error(`the agent of the item at output_index ${index} has no agent_name`);
    }
    if (typeof item.id === "string" && this.#countOf.get(item.id)! > 1) {
      throw new Error(`two items of the response have the id ${JSON.stringify(item.id)}`);
    }
  }

  /** Updates `#countOf` when `item` replaces `replaced`: decrements the old id's count and increments the new id's count. */
  #noteId(replaced: unknown, item: unknown): void {
    const [before, id] = [idOf(replaced), idOf(item)];
    if (before === id) return;
    const others = before === undefined ? 0 : this.#countOf.get(before)! - 1;
    if (before !== undefined && others > 0) this.#countOf.set(before, others);
    else if (before !== undefined) this.#countOf.delete(before);
    if (id !== undefined) this.#countOf.set(id, (this.#countOf.get(id) ?? 0) + 1);
  }
}

/** Finds the first item that a function accepts. Reads each item once, unless the item is replaced. */
class FirstItem {
  readonly #accepts: (item: unknown) => boolean;
  /** `#accepts` returns false for all items before this index. */
  #index = 0;

  constructor(accepts: (item: unknown) => boolean) {
    this.#accepts = accepts;
  }

  /** Records that `item` is now at `index`. */
  note(index: number, item: unknown): void {
    if (index < this.#index && this.#accepts(item)) this.#index = index;
  }

  /** Returns whether the function accepts an item before `end`. */
  isBefore(end: number, items: readonly unknown[]): boolean {
    while (this.#index < end && !this.#accepts(items[this.#index])) this.#index++;
    return this.#index < end;
  }
}

/** Returns whether a part of a message is text that can be annotated. */
export function isOutputText(part: unknown): part is Record<string, unknown> & { text: string } {
  return isRecord(part) && part.type === "output_text" && typeof part.text === "string";
}

/** Returns an item's parts, and the property that holds the parts. Returns `undefined` if no part can be a text. */
export function partsOf(item: unknown): { key: "content" | "output"; parts: readonly unknown[] } | undefined {
  if (!isRecord(item)) return undefined;
  // A `multi_agent_call_output` is one agent's answer to another. It is included, because users may read it too.
  const key = item.type === AGENT_ANSWER ? "output" : "content";
  const isText = key === "output" || item.type === "message";
  const parts: unknown = item[key];
  return isText && Array.isArray(parts) ? { key, parts } : undefined;
}

/** Returns an item's texts, but only those that can be annotated. */
export function outputTextsOf(item: unknown): string[] {
  return (partsOf(item)?.parts ?? []).filter(isOutputText).map(({ text }) => text);
}

function idOf(item: unknown): string | undefined {
  return isRecord(item) && typeof item.id === "string" ? item.id : undefined;
}

function namesContainer(item: unknown): boolean {
  return containerOfCall(item) !== undefined || containersNamedBy(item).length > 0;
}

/** Returns whether an item names a container. Citations in the item's texts do not count. */
function usesContainer(item: unknown): boolean {
  return containerOfCall(item) !== undefined || containersOfOutputs(item).length > 0;
}

/** Returns whether two versions of an item have the same containers, calls and files. */
function hasSameFacts(known: unknown, item: unknown): boolean {
  if (known === item) return true;
  const texts = textsOf(known);
  const { code, commands, printed } = textsOf(item);
  return (
    isContainerCall(known) === isContainerCall(item) &&
    isLocalCall(known) === isLocalCall(item) &&
    beginsTurn(known) === beginsTurn(item) &&
    agentOf(known) === agentOf(item) &&
    containerOfCall(known) === containerOfCall(item) &&
    isSame(containersNamedBy(known), containersNamedBy(item)) &&
    isSame(texts.code, code) &&
    isSame(texts.commands, commands) &&
    isSame(texts.printed, printed)
  );
}
