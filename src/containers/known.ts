/** Finds the containers that existed before a response: in its tools, in its input and in earlier responses. */
import { isRecord } from "../errors.js";
import type { ContainerMemory } from "./memory.js";
import { containerIds, containersOfTools } from "./named-containers.js";

/** Returns the ids of the item references in a request's input, last one first. The AI SDK sends earlier turns this way. */
function referencesIn(items: readonly unknown[]): unknown[] {
  return items
    .filter(isRecord)
    .flatMap(({ type, id }) => (type === "item_reference" ? [id] : []))
    .reverse();
}

/** The data that can name a container from before a response. The response's own items and citations are not used. */
export interface ContainerSources {
  response: Record<string, unknown>;
  request?: Record<string, unknown> | undefined;
  memory?: ContainerMemory | undefined;
  /** The containers that the latest turn in the request's input names, nearest first. */
  history?: readonly string[] | undefined;
  /** The id of a response that is retrieved, not created. The memory can hold the response's own containers under this id. */
  responseId?: string | undefined;
}

/** Returns the containers that existed before a response, nearest first. */
export function containersBefore(sources: ContainerSources): string[] {
  const { response, request, memory, responseId, history = [] } = sources;
  const input = Array.isArray(request?.input) ? request.input : [];
  const recall = (id: unknown): readonly string[] => memory?.recall(id) ?? [];
  return containerIds([
    ...containersOfTools(request?.tools ?? response.tools),
    ...history,
    ...referencesIn(input).flatMap(recall),
    ...recall(responseId),
    ...recall(previousId({ response, request })),
    ...recall(conversationKey({ response, request })),
  ]);
}

/** Returns the id of the previous response; `undefined` if there is none. */
export function previousId({ response, request }: ContainerSources): string | undefined {
  const id = response.previous_response_id ?? request?.previous_response_id;
  return typeof id === "string" ? id : undefined;
}

/**
 * Returns the memory key of the conversation that a response belongs to. The key has a prefix, so that it differs from all
 * response ids.
 */
export function conversationKey({ response, request }: ContainerSources): string | undefined {
  const conversation = response.conversation ?? request?.conversation;
  const id = isRecord(conversation) ? conversation.id : conversation;
  return typeof id === "string" ? `conversation ${id}` : undefined;
}
