/** Reads and checks the body of a request that creates a response. */
import { ApiError, invalidType, notFound } from "./api-error.js";
import { describe, type Ids, isObject, type JsonObject, type OutputItem } from "./wire.js";

/** The fields of a `POST /responses` body that the emulator uses, checked and with their defaults. */
export interface TurnRequest {
  readonly body: JsonObject;
  readonly input: string | readonly JsonObject[];
  readonly instructions: string | null;
  readonly tools: readonly JsonObject[];
  readonly include: ReadonlySet<string>;
  readonly stream: boolean;
  readonly background: boolean;
  readonly store: boolean;
  readonly previousResponseId: string | null;
  readonly conversationId: string | null;
  /** `stream_options.include_obfuscation`. Default true. */
  readonly obfuscated: boolean;
}

/**
 * Reads the body of `POST /responses`.
 *
 * @throws ApiError with the service's error if the service would reject the body.
 */
export function readTurnRequest(body: unknown): TurnRequest {
  if (!isObject(body)) throw invalidType("body", "an object", body);
  const previousResponseId = optional(body, "previous_response_id", "a string", isString) ?? null;
  const conversationId = conversationOf(body.conversation);
  const hasHistory = previousResponseId !== null || conversationId !== null;
  const input = readInput(body, hasHistory);
  if (previousResponseId !== null && conversationId !== null) {
    const message = "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.";
    throw new ApiError(400, message, { code: "mutually_exclusive_parameters" });
  }
  optional(body, "model", "a string", isString);
  const { background, store } = readStorage(body);
  const streamOptions = optional(body, "stream_options", "an object", isObject);
  return {
    body,
    input,
    instructions: optional(body, "instructions", "a string", isString) ?? null,
    tools: optional(body, "tools", "an array of objects", isObjects) ?? [],
    include: new Set(optional(body, "include", "an array of strings", isStrings) ?? []),
    stream: optional(body, "stream", "a boolean", isBoolean) ?? false,
    background,
    store,
    previousResponseId,
    conversationId,
    obfuscated: streamOptions?.include_obfuscation !== false,
  };
}

/** Reads `input`. It may be missing only if the request continues a history or uses a stored prompt. */
function readInput(body: JsonObject, hasHistory: boolean): TurnRequest["input"] {
  const input = body.input ?? [];
  if (!isString(input) && !isObjects(input)) {
    throw invalidType("input", "a string or an array of objects", input);
  }
  if (body.input === undefined && !hasHistory && !isObject(body.prompt)) {
    throw new ApiError(400, "Missing required parameter: 'input'.", {
      param: "input",
      code: "missing_required_parameter",
    });
  }
  return input;
}

function readStorage(body: JsonObject): { background: boolean; store: boolean } {
  const background = optional(body, "background", "a boolean", isBoolean) ?? false;
  const store = optional(body, "store", "a boolean", isBoolean) ?? true;
  if (background && !store) {
    throw new ApiError(400, "Background mode requires 'store' to be true.", { param: "store" });
  }
  return { background, store };
}

/** Input that a client sends with `response.steer` while a response is running. */
export type SteerInput = string | readonly JsonObject[];

/**
 * Reads the input of a `response.steer` event. Returns `undefined` for input that the service rejects: it accepts only
 * a string or user messages.
 */
export function readSteerInput(input: unknown): SteerInput | undefined {
  if (isString(input)) return input;
  return isObjects(input) && input.length > 0 && input.every(isSteerMessage) ? input : undefined;
}

const STEER_FIELDS: ReadonlySet<string> = new Set(["type", "role", "content"]);
const STEER_PARTS: ReadonlySet<unknown> = new Set(["input_text", "input_image", "input_file"]);

function isSteerMessage(item: JsonObject): boolean {
  const { type = "message", role, content } = item;
  if (type !== "message" || role !== "user" || !Object.keys(item).every((name) => STEER_FIELDS.has(name)))
    return false;
  return isString(content) || (isObjects(content) && content.every((part) => STEER_PARTS.has(part.type)));
}

/**
 * Converts a request's input to items. Items without an id get a new one, and an `item_reference` is replaced by the
 * item that `find` returns.
 *
 * @throws ApiError for an item that the service would reject, or for a reference to an unknown item.
 */
export function toItems(
  input: TurnRequest["input"],
  ids: Ids,
  find: (id: string) => OutputItem | undefined,
): OutputItem[] {
  const items = isString(input) ? [{ role: "user", content: input }] : input;
  return items.map((item) => {
    if (item.type === "item_reference" && isString(item.id)) {
      const known = find(item.id);
      if (known === undefined) throw notFound("Item", item.id);
      return known;
    }
    return isString(item.role) ? toMessage(item, item.role, ids) : withId(item, ids);
  });
}

/** Returns the text of the last user message, or `""` if there is no user message. */
export function lastUserText(items: readonly OutputItem[]): string {
  return messageText(items.findLast((item) => item.type === "message" && item.role === "user"));
}

/** Returns the texts of a message's parts, joined with newlines. */
export function messageText(message: OutputItem | undefined): string {
  if (!isObjects(message?.content)) return "";
  return message.content.flatMap((part) => (isString(part.text) ? [part.text] : [])).join("\n");
}

/** Returns the ids of the uploads that a request adds to its container. Finds them in the tools and in `input_file` parts. */
export function uploadIds({ tools }: TurnRequest, items: readonly OutputItem[]): string[] {
  const inTools = tools.flatMap(({ container, environment }) => {
    const { file_ids } = {
      ...(isObject(container) ? container : {}),
      ...(isObject(environment) ? environment : {}),
    };
    return isStrings(file_ids) ? file_ids : [];
  });
  const parts = items.flatMap(({ content }) => (isObjects(content) ? content : []));
  const inMessages = parts.flatMap(({ type, file_id }) =>
    type === "input_file" && isString(file_id) ? [file_id] : [],
  );
  return [...new Set([...inTools, ...inMessages])];
}

/** Returns the id of the container that the request's tools name, if any. */
export function namedContainer({ tools }: TurnRequest): string | undefined {
  for (const { type, container, environment } of tools) {
    if (type === "code_interpreter" && isString(container)) return container;
    if (type === "shell" && isObject(environment) && isString(environment.container_id))
      return environment.container_id;
  }
  return undefined;
}

/**
 * Returns the id of the container in which the last call among the items ran. The model sees that call in its input, so
 * it continues in the same container.
 */
export function lastContainer(items: readonly OutputItem[]): string | undefined {
  const ids = items.flatMap(({ container_id, environment }) => [
    container_id,
    isObject(environment) ? environment.container_id : undefined,
  ]);
  return ids.findLast(isString);
}

/** Returns a tool as the response repeats it. The service adds defaults for fields that are missing in a function tool. */
export function echoTool(tool: JsonObject): JsonObject {
  return tool.type === "function" ? { description: null, parameters: null, strict: true, ...tool } : tool;
}

function toMessage(message: JsonObject, role: string, ids: Ids): OutputItem {
  const { content } = message;
  const part =
    role === "assistant"
      ? (text: string) => ({ type: "output_text", annotations: [], logprobs: [], text })
      : (text: string) => ({ type: "input_text", text });
  const parts = isString(content) ? [part(content)] : content;
  if (!isObjects(parts)) throw invalidType("input[].content", "a string or an array of objects", content);
  return {
    ...message,
    id: isString(message.id) ? message.id : ids.next("msg_"),
    type: "message",
    status: "completed",
    content: parts.map((entry) => (entry.type === "input_image" ? { detail: "auto", ...entry } : entry)),
    role,
  };
}

const PREFIXES: Readonly<Record<string, string>> = {
  reasoning: "rs_",
  code_interpreter_call: "ci_",
  shell_call: "sh_",
  shell_call_output: "sho_",
  image_generation_call: "ig_",
  function_call: "fc_",
  function_call_output: "fco_",
  multi_agent_call: "mac_",
  multi_agent_call_output: "maco_",
};

function withId(item: JsonObject, ids: Ids): OutputItem {
  if (!isString(item.type)) {
    const message = `Invalid value for 'input': expected items with a 'type' or a 'role', but got ${describe(item)}.`;
    throw new ApiError(400, message, { param: "input" });
  }
  const id = isString(item.id) ? item.id : ids.next(PREFIXES[item.type] ?? "item_");
  return { status: "completed", ...item, id, type: item.type };
}

function conversationOf(conversation: unknown): string | null {
  if (conversation === undefined || conversation === null) return null;
  if (isString(conversation)) return conversation;
  if (isObject(conversation) && isString(conversation.id)) return conversation.id;
  throw invalidType("conversation", "a string or an object with an id", conversation);
}

function optional<Value>(
  body: JsonObject,
  name: string,
  takes: string,
  fits: (value: unknown) => value is Value,
): Value | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!fits(value)) throw invalidType(name, takes, value);
  return value;
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}

function isObjects(value: unknown): value is JsonObject[] {
  return Array.isArray(value) && value.every(isObject);
}
