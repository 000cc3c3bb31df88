/** Which containers a message can mean, nearest first. */
import { isRecord } from "../bad-input.js";

/**
 * The ids that may stand in a URL. What a response names is data: an id of another form could lead a request
 * elsewhere, and no container has one.
 */
const CONTAINER_ID = /^[A-Za-z0-9][\w-]{0,255}$/;

/** Distinct, usable ids in their order. */
export function containerIds(ids: readonly unknown[]): string[] {
  return [...new Set(ids.filter((id): id is string => typeof id === "string" && CONTAINER_ID.test(id)))];
}

/** The containers that calls and citations in `items` name, the last one first. */
export function containersOfItems(items: readonly unknown[]): string[] {
  const ids: unknown[] = [];
  for (const item of items) {
    if (!isRecord(item)) continue;
    if (item.type === "code_interpreter_call") ids.push(item.container_id);
    if (item.type === "shell_call" && isRecord(item.environment)) ids.push(item.environment.container_id);
    if (Array.isArray(item.content)) {
      for (const part of item.content) {
        if (isRecord(part) && Array.isArray(part.annotations))
          ids.push(...containersOfAnnotations(part.annotations));
      }
    }
  }
  return containerIds(ids.reverse());
}

/** The containers that a part's own citations name. */
export function containersOfAnnotations(annotations: readonly unknown[]): string[] {
  return containerIds(
    annotations.map((annotation) => (isRecord(annotation) ? annotation.container_id : undefined)),
  );
}

/** The containers that a request's or a response's tools name. */
export function containersOfTools(tools: unknown): string[] {
  if (!Array.isArray(tools)) return [];
  return containerIds(
    tools.filter(isRecord).map((tool) => {
      if (tool.type === "code_interpreter") return tool.container;
      return tool.type === "shell" && isRecord(tool.environment) ? tool.environment.container_id : undefined;
    }),
  );
}

/** How many responses, items and conversations are remembered, and how many lists: each is a few short strings. */
const MEMORY_SIZE = 5000;

/** A map of the latest entries: what was set or asked for last is forgotten last. */
class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>();

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > MEMORY_SIZE) this.#entries.delete(this.#entries.keys().next().value!);
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }
}

/**
 * What a client saw: the containers of earlier responses and conversations, so that "send me that link again" finds
 * its file, and the files that were there before a response.
 */
export class ContainerMemory {
  readonly #containers = new BoundedMap<readonly string[]>();
  readonly #files = new BoundedMap<ReadonlySet<string>>();

  /** `id` is that of a response or one of its items, or the key of a conversation. */
  remember(id: unknown, containers: readonly string[]): void {
    if (typeof id === "string" && containers.length > 0) this.#containers.set(id, containers);
  }

  recall(id: unknown): readonly string[] {
    return (typeof id === "string" && this.#containers.get(id)) || [];
  }

  /** The ids of the files that a container's list held. */
  rememberFiles(containerId: string, fileIds: ReadonlySet<string>): void {
    this.#files.set(containerId, fileIds);
  }

  recallFiles(containerId: string): ReadonlySet<string> | undefined {
    return this.#files.get(containerId);
  }
}

/** The items that a request's input refers to by their ids: the AI SDK replays earlier turns so. */
export function referencesIn(items: readonly unknown[]): unknown[] {
  return items
    .filter(isRecord)
    .flatMap(({ type, id }) => (type === "item_reference" ? [id] : []))
    .reverse();
}

/** The id of a `conversation`, which is one, or an object that has one. */
export function conversationId(conversation: unknown): unknown {
  return isRecord(conversation) ? conversation.id : conversation;
}
