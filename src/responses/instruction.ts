/** Adds a sentence to requests. The sentence asks the model to write links in the form that the API annotates. */
import { badInput, isRecord } from "../errors.js";
import { type FileCitationsOptions, type Settings, settingsOf } from "../options.js";

type LinkInstruction = NonNullable<Settings["instruction"]>;

const OUTPUTS = "code_interpreter_call.outputs";

/**
 * Adds two things to a Responses request: the sentence that asks for links, and `code_interpreter_call.outputs` in `include`.
 * Changes only requests with a tool that writes container files: `code_interpreter`, or a `shell` in a hosted container. For a
 * `shell`, `include` stays the same.
 *
 * @param params the parameters of `POST /v1/responses`, or a `response.create` event. They are not changed.
 * @param options only `instruction`, `includeOutputs` and `roots` are used.
 * @returns a copy with the additions, or the same object if there is nothing to add.
 * @throws {TypeError} if `params` is not an object or an option is invalid.
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

/** Like {@link addLinkInstruction}, with options that were already checked. */
export function withLinkInstruction<Params extends object>(params: Params, settings: Settings): Params {
  const request = params as Record<string, unknown>;
  const { tools } = request;
  const list = Array.isArray(tools) ? tools.filter(isRecord) : [];
  const hasInterpreter = list.some((tool) => tool.type === "code_interpreter");
  if (!hasInterpreter && !list.some(isHostedShell)) return params;
  const changes = {
    ...(hasInterpreter && settings.includeOutputs && includeChange(request)),
    ...(settings.instruction && sentenceChange(request, settings.instruction, settings.roots)),
  };
  return Object.keys(changes).length === 0 ? params : { ...params, ...changes };
}

/** Returns `include` with the code interpreter outputs added; `{}` if `include` has them already or is not an array. */
function includeChange({ include }: Record<string, unknown>): { include?: unknown[] } {
  const included = include ?? [];
  if (!Array.isArray(included) || included.includes(OUTPUTS)) return {};
  return { include: [...included, OUTPUTS] };
}

/**
 * Returns the request's `input` or `instructions` with the sentence. The sentence goes into the last user message if `placement`
 * says so and this message can take the sentence. Otherwise, the sentence goes into the instructions. Returns `{}` in two cases:
 *
 * - The text that would get the sentence already asks for the link form.
 * - The sentence would go into `instructions`, but `instructions` has a value that is not a string.
 */
function sentenceChange(
  { input, instructions }: Record<string, unknown>,
  { text, placement }: LinkInstruction,
  roots: readonly string[],
): { input?: unknown; instructions?: string } {
  const marks = [text, ...roots.map((root) => `sandbox:${root}`)];
  const asking = placement === "last-user-message" ? withSentence(input, text, marks) : undefined;
  if (asking !== undefined) return asking === input ? {} : { input: asking };
  if (instructions == null) return { instructions: text };
  if (typeof instructions !== "string") return {};
  const changed = withSentenceAtEnd(instructions, text, marks);
  return changed === instructions ? {} : { instructions: changed };
}

/**
 * Returns whether a tool is a shell in a hosted container. A shell with the environment `local`, or with none, runs on the
 * caller's machine.
 */
function isHostedShell(tool: Record<string, unknown>): boolean {
  const environment = isRecord(tool.environment) ? tool.environment.type : undefined;
  return tool.type === "shell" && (environment === "container_auto" || environment === "container_reference");
}

/**
 * Returns whether a text already asks for the link form: it contains the sentence, or the beginning of such a link, for example
 * `sandbox:/mnt/data`.
 */
function isAsked(text: string, marks: readonly string[]): boolean {
  return marks.some((mark) => text.includes(mark));
}

/** Returns a text with the sentence at the end, or the same text if it already asks for the link form. */
function withSentenceAtEnd(given: string, sentence: string, marks: readonly string[]): string {
  return isAsked(given, marks) ? given : `${given}\n\n${sentence}`;
}

/**
 * Returns the input with the sentence at the end of its last user message. If that message already asks for the link form,
 * returns the same object. Returns `undefined` if there is no user message, or if the message's content is invalid.
 */
function withSentence(
  input: unknown,
  text: string,
  marks: readonly string[],
): string | unknown[] | undefined {
  if (typeof input === "string") return withSentenceAtEnd(input, text, marks);
  if (!Array.isArray(input)) return undefined;
  const at = input.findLastIndex(
    (item) => isRecord(item) && item.role === "user" && (item.type ?? "message") === "message",
  );
  const message: unknown = input[at];
  if (!isRecord(message)) return undefined;
  const content = contentWithSentence(message.content, text, marks);
  if (content === undefined) return undefined;
  return content === message.content ? input : input.with(at, { ...message, content });
}

/**
 * Adds the sentence to the end of a message's content and returns the new content. If the content already asks for the link
 * form, returns the same object. If the content is neither a string nor an array, returns `undefined`.
 */
function contentWithSentence(
  content: unknown,
  text: string,
  marks: readonly string[],
): string | unknown[] | undefined {
  if (typeof content === "string") return withSentenceAtEnd(content, text, marks);
  if (!Array.isArray(content)) return undefined;
  const isAsking = content.some(
    (part) => isRecord(part) && typeof part.text === "string" && isAsked(part.text, marks),
  );
  return isAsking ? content : [...content, { type: "input_text", text }];
}
