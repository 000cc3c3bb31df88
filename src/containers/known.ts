/**
 * Finds the containers that existed before a response: in the request's tools and input, and in the memory of earlier responses.
 */
import { isRecord } from "../errors.js";
import type { ContainerMemory } from "./memory.js";
import { containerIds, containersOfTools } from "./named-containers.js";

/**
 * Returns the ids of the `item_reference` items in a request's input, the last one first. The AI SDK sends earlier turns as such
 * references.
 */
function referencesIn(items: readonly unknown[]): unknown[] {
  return items
    .filter(isRecord)
    .flatMap(({ type, id }) => (type === "item_reference" ? [id] : []))
    .reverse();
}

/** Where to look for the containers that existed before a response. The response's own items and citations are not used. */
export interface ContainerSources {
  response: Record<string, unknown>;
  request?: Record<string, unknown> | undefined;
  memory?: ContainerMemory | undefined;
  /**
   * The containers of one turn in the request's input: the latest turn that has containers. The container that was used last
   * comes first. A turn begins with a message of the user.
   */
  history?: readonly string[] | undefined;
  /**
   * The id of the response, if the response was retrieved, not created. The memory can hold the response's own containers under
   * this id.
   */
  responseId?: string | undefined;
}

/**
 * Returns the containers that existed before a response, nearest first. For a retrieved response, also returns the containers
 * that the memory holds under the response's own id.
 */
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
 * Returns the memory key of the conversation that a response belongs to; `undefined` if it belongs to none. The key has a prefix,
 * so that no response id is equal to it.
 */
export function conversationKey({ response, request }: ContainerSources): string | undefined {
  const conversation = response.conversation ?? request?.conversation;
  const id = isRecord(conversation) ? conversation.id : conversation;
  return typeof id === "string" ? `conversation ${id}` : undefined;
}
