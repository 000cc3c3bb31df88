/** Reads container ids from the items, tools and citations of a response or request. */
import { isRecord } from "../errors.js";
import { isDotSegment, isId } from "./ids.js";

/**
 * The maximum number of containers in one group or set. If there are more, the containers nearest to the text are kept, because
 * containers that were used earlier have long expired. The limit also prevents thousands of requests for a response that names
 * thousands of containers.
 */
export const MOST_CONTAINERS = 32;

/**
 * Returns whether `id` can name a container. Also accepts `.` and `..`. A URL cannot contain these ids, so the list request
 * fails and the report shows the error.
 */
function isContainerId(id: unknown): id is string {
  return isId(id) || isDotSegment(id);
}

/** Returns the valid ids without duplicates, in their order. */
export function containerIds(ids: readonly unknown[]): string[] {
  if (ids.length === 0) return []; // fast path: most items name no container
  return [...new Set(ids.filter(isContainerId))];
}

/** Returns the container that a call ran in; `undefined` if the item is not a call or does not name its container. */
export function containerOfCall(item: unknown): string | undefined {
  if (!isRecord(item)) return undefined;
  let id: unknown;
  if (item.type === "code_interpreter_call") id = item.container_id;
  else if (item.type === "shell_call" && isRecord(item.environment)) id = item.environment.container_id;
  return isContainerId(id) ? id : undefined;
}

/** The type of items that hold one agent's answer to another agent. The answer has texts with citations, like a message. */
export const AGENT_ANSWER = "multi_agent_call_output";

/** Returns the containers named by the citations of a message or of an agent's answer, in the order of the citations. */
export function containersCitedBy(item: unknown): string[] {
  if (!isRecord(item)) return [];
  const parts = item.type === AGENT_ANSWER ? item.output : item.content;
  if (!Array.isArray(parts)) return [];
  const annotated = parts.filter((part) => isRecord(part) && Array.isArray(part.annotations));
  return containerIds(annotated.flatMap((part) => containersOfAnnotations(part.annotations)));
}

/** The types of items with a tool's output, such as `function_call_output`. An `mcp_call` contains its output itself. */
const TOOL_OUTPUT = /_output$|^mcp_call$/;
/**
 * The properties of a tool output that can contain a `container_id`. The toolbox of Microsoft Foundry sends the id in `_meta`.
 */
const NAMING = ["_meta", "container_file_citations", "annotations", "output", "content", "text"];
/** The maximum length of JSON that is parsed, in characters. */
const LONGEST_JSON = 2 ** 20;
/**
 * The maximum nesting that is read, in levels. A text part with JSON adds four levels: the array of parts, the part, its text and
 * the parsed JSON. In that JSON, another text part with JSON adds four more levels. So JSON in four nested text parts is read.
 */
const DEEPEST = 16;

/**
 * Returns the containers that a tool output names, in the order of the output. Reads all nested values, and the JSON in texts.
 * Skips the answer of one agent to another, because the answer's citations may come from an earlier repair and not from a tool.
 */
export function containersOfOutputs(item: unknown): string[] {
  if (!isRecord(item) || typeof item.type !== "string") return [];
  if (item.type === AGENT_ANSWER || !TOOL_OUTPUT.test(item.type)) return [];
  return containerIds(idsIn(item, 0));
}

function idsIn(value: unknown, depth: number): unknown[] {
  if (depth > DEEPEST) return [];
  if (typeof value === "string") return idsIn(parsed(value), depth + 1);
  if (Array.isArray(value)) return value.flatMap((entry) => idsIn(entry, depth + 1));
  if (!isRecord(value)) return [];
  return [value.container_id, ...NAMING.flatMap((name) => idsIn(value[name], depth + 1))];
}

/** Parses a JSON object or array. Returns `undefined` for any other text, and for JSON without a `container_id`. */
function parsed(text: string): unknown {
  if (text.length > LONGEST_JSON || !/^\s*[{[]/.test(text) || !text.includes("container_id"))
    return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the containers named by an item: first by its citations, then by its tool output. */
export function containersNamedBy(item: unknown): string[] {
  return [...containersCitedBy(item), ...containersOfOutputs(item)];
}

/**
 * Returns the containers that items name. First come the containers of calls and citations, then those of tool outputs. In both
 * groups, the container that was named last comes first.
 */
export function containersOfItems(items: readonly unknown[]): string[] {
  const ids = items.flatMap((item) => [containerOfCall(item), ...containersCitedBy(item)]);
  return containerIds([...ids.reverse(), ...items.flatMap(containersOfOutputs).reverse()]);
}

/** Returns the containers that annotations name. */
export function containersOfAnnotations(annotations: readonly unknown[]): string[] {
  return containerIds(
    annotations.map((annotation) => (isRecord(annotation) ? annotation.container_id : undefined)),
  );
}

/** Returns the containers that the tools of a request or response name. */
export function containersOfTools(tools: unknown): string[] {
  if (!Array.isArray(tools)) return [];
  return containerIds(
    tools.filter(isRecord).map((tool) => {
      if (tool.type === "code_interpreter") return tool.container;
      return tool.type === "shell" && isRecord(tool.environment) ? tool.environment.container_id : undefined;
    }),
  );
}
