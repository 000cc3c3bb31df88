/** Asks the model for the one link form that the API annotates by itself. */
import { badInput, isRecord } from "../bad-input.js";
import { type FileCitationsOptions, type Settings, settingsOf } from "../options.js";

const OUTPUTS = "code_interpreter_call.outputs";

/**
 * A Responses request with the link-format sentence and the `include` of the calls' outputs added, where it has
 * a tool that writes files: `code_interpreter`, or a `shell` in a hosted container. The very same object where
 * there is nothing to add; the caller's is never changed.
 *
 * @param params the parameters of `POST /v1/responses`.
 * @param options only `instruction`, `includeOutputs` and `roots` matter here.
 * @throws {TypeError} when `params` is no object, or an option is wrong.
 * @example
 * ```ts
 * import { addLinkInstruction } from "openai-file-citations";
 *
 * const params = addLinkInstruction({
 *   model: "gpt-5",
 *   input: "Plot a sine wave and give me the PNG",
 *   tools: [{ type: "code_interpreter", container: { type: "auto" } }],
 * });
 * ```
 */
export function addLinkInstruction<Params extends object>(
  params: Params,
  options?: FileCitationsOptions,
): Params {
  if (!isRecord(params)) throw badInput("params", "the parameters of a Responses request", params);
  return withLinkInstruction(params, settingsOf(options));
}

/** {@link addLinkInstruction} with options that were checked. */
export function withLinkInstruction<Params extends object>(params: Params, settings: Settings): Params {
  const { tools, include, input, instructions } = params as Record<string, unknown>;
  const list = Array.isArray(tools) ? tools.filter(isRecord) : [];
  const hasInterpreter = list.some((tool) => tool.type === "code_interpreter");
  if (!hasInterpreter && !list.some(isHostedShell)) return params;

  const changes: Record<string, unknown> = {};
  if (settings.includeOutputs && hasInterpreter && (include == null || Array.isArray(include))) {
    if (!include?.includes(OUTPUTS)) changes.include = [...(include ?? []), OUTPUTS];
  }
  if (settings.instruction) {
    const { text, placement } = settings.instruction;
    const marks = [text, ...settings.roots.map((root) => `sandbox:${root}`)];
    const asking = placement === "last-user-message" ? withSentence(input, text, marks) : undefined;
    if (asking !== undefined) {
      if (asking !== input) changes.input = asking;
    } else if (instructions == null) changes.instructions = text;
    else if (typeof instructions === "string" && !isAsked(instructions, marks)) {
      changes.instructions = `${instructions}\n\n${text}`;
    }
  }
  return Object.keys(changes).length === 0 ? params : { ...params, ...changes };
}

/** A shell that the caller runs itself (`local`, or no environment) writes to no container. */
function isHostedShell(tool: Record<string, unknown>): boolean {
  const environment = isRecord(tool.environment) ? tool.environment.type : undefined;
  return tool.type === "shell" && (environment === "container_auto" || environment === "container_reference");
}

/** Whether a text asks for the form already, by this sentence or by showing such a link. */
function isAsked(text: string, marks: readonly string[]): boolean {
  return marks.some((mark) => text.includes(mark));
}

/**
 * The input with the sentence at the end of its last user message: the very same where that asks already, `undefined`
 * where there is no such message.
 */
function withSentence(
  input: unknown,
  text: string,
  marks: readonly string[],
): string | unknown[] | undefined {
  if (typeof input === "string") return isAsked(input, marks) ? input : `${input}\n\n${text}`;
  if (!Array.isArray(input)) return undefined;
  const at = input.findLastIndex(
    (item) => isRecord(item) && item.role === "user" && (item.type ?? "message") === "message",
  );
  const message: unknown = input[at];
  if (!isRecord(message)) return undefined;
  const { content } = message;
  if (typeof content === "string") {
    return isAsked(content, marks) ? input : input.with(at, { ...message, content: `${content}\n\n${text}` });
  }
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part) => (isRecord(part) && typeof part.text === "string" ? part.text : ""));
  if (texts.some((part) => isAsked(part, marks))) return input;
  return input.with(at, { ...message, content: [...content, { type: "input_text", text }] });
}
