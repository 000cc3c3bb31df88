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

/** How many responses and conversations are remembered. An entry is two short strings or so. */
const MEMORY_SIZE = 1000;

/**
 * The containers of earlier responses and conversations, so that "send me that link again" finds its file. Holds
 * the latest thousand; what was asked for last is forgotten last.
 */
export class ContainerMemory {
  readonly #containers = new Map<string, readonly string[]>();

  remember(id: unknown, containers: readonly string[]): void {
    if (typeof id !== "string" || containers.length === 0) return;
    this.#containers.delete(id);
    this.#containers.set(id, containers);
    if (this.#containers.size > MEMORY_SIZE) this.#containers.delete(this.#containers.keys().next().value!);
  }

  recall(id: unknown): readonly string[] {
    const containers = typeof id === "string" ? this.#containers.get(id) : undefined;
    if (!containers) return [];
    this.remember(id, containers);
    return containers;
  }
}

/** The id of a `conversation`, which is one, or an object that has one. */
export function conversationId(conversation: unknown): unknown {
  return isRecord(conversation) ? conversation.id : conversation;
}
