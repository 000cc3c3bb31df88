/** Which containers the items, the tools and the citations of a response or a request name. */
import { isRecord } from "../bad-input.js";
import { isId } from "./ids.js";
import type { ContainerMemory } from "./memory.js";

/**
 * How many containers a response can mean, the nearest ones: those before them have long expired, and a response that
 * names thousands is no reason for thousands of requests.
 */
export const MOST_CONTAINERS = 32;

/** Distinct, usable ids in their order. */
function containerIds(ids: readonly unknown[]): string[] {
  if (ids.length === 0) return []; // most items name none, and a million responses have many
  return [...new Set(ids.filter(isId))];
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
          for (const id of containersOfAnnotations(part.annotations)) ids.push(id);
      }
    }
  }
  return containerIds(ids.reverse());
}

/** Whether an item names a container. */
export function namesContainer(item: unknown): boolean {
  return containersOfItems([item]).length > 0;
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

/** The items that a request's input refers to by their ids: the AI SDK replays earlier turns so. */
function referencesIn(items: readonly unknown[]): unknown[] {
  return items
    .filter(isRecord)
    .flatMap(({ type, id }) => (type === "item_reference" ? [id] : []))
    .reverse();
}

/** All that can name a container besides the items and citations of the response itself. */
export interface ContainerSources {
  response: Record<string, unknown>;
  request?: Record<string, unknown> | undefined;
  memory?: ContainerMemory | undefined;
}

/** The containers that were there before a response: its tools', its input's, those of earlier responses. */
export function containersBefore({ response, request, memory }: ContainerSources): string[] {
  const input = Array.isArray(request?.input) ? request.input : [];
  const recall = (id: unknown): readonly string[] => memory?.recall(id) ?? [];
  return containerIds([
    ...containersOfTools(request?.tools ?? response.tools),
    ...containersOfItems(input),
    ...referencesIn(input).flatMap(recall),
    ...recall(response.id),
    ...recall(previousId({ response, request })),
    ...recall(conversationKey({ response, request })),
  ]);
}

/** The id of the response before this one. */
export function previousId({ response, request }: ContainerSources): string | undefined {
  const id = response.previous_response_id ?? request?.previous_response_id;
  return typeof id === "string" ? id : undefined;
}

/** The memory's key of the conversation that a response belongs to: no response's id is taken for one. */
export function conversationKey({ response, request }: ContainerSources): string | undefined {
  const conversation = response.conversation ?? request?.conversation;
  const id = isRecord(conversation) ? conversation.id : conversation;
  return typeof id === "string" ? `conversation ${id}` : undefined;
}
