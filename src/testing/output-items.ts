import { citeChart, citeSandboxLinks } from "./citations.js";
import { type Container, type FileContent, toBytes } from "./containers.js";
import type {
  Chunks,
  ContainerStep,
  FailStep,
  ImageStep,
  IncompleteStep,
  MessageStep,
  PythonStep,
  ReasoningStep,
  RefusalStep,
  ShellStep,
  Step,
} from "./steps.js";
import type { ContainerFileCitation, EventDraft, Ids, JsonObject, OutputItem } from "./wire.js";

/** What a request's `include` has to have so that a Python call shows what it has put out. */
export const OUTPUTS = "code_interpreter_call.outputs";

/** What a turn's steps act on. */
export interface Stage {
  readonly ids: Ids;
  /** The items that are done. */
  readonly output: OutputItem[];
  /** The request's `include`. */
  readonly include: ReadonlySet<string>;
  readonly obfuscated: boolean;
  /** How many lists a file that the model writes stays out of. */
  readonly listLag: number;
  /** What each Python call has put out, by its id: shown to whoever asks for it. */
  readonly outputs: Map<string, readonly JsonObject[]>;
  /** Citations of charts that no message has carried yet. */
  charts: ContainerFileCitation[];
  /** The container of that name, or the one that the request's tool asks for; from now on the one used last. */
  enter(name: string | undefined): Container;
  /** The containers that the turn's text can speak of, the one used last first. */
  known(): readonly Container[];
}

/** A step that leaves output items behind, as `fail` and `incomplete` do not. */
export type ItemStep = Exclude<Step, FailStep | IncompleteStep>;

type Events = Generator<EventDraft, void>;

/**
 * Plays a step: yields its events and adds its items to the stage. Whatever the step does to a container happens when
 * the reader comes to it, not before.
 *
 * @param cut whether the turn is cut off right after this step.
 */
export function play(step: ItemStep, stage: Stage, cut: boolean): Events {
  switch (step.type) {
    case "reasoning":
      return playReasoning(step, stage);
    case "python":
      return playPython(step, stage);
    case "shell":
      return playShell(step, stage);
    case "message":
    case "refusal":
      return playMessage(step, stage, cut ? "incomplete" : "completed");
    case "image":
      return playImage(step, stage);
  }
}

function* playReasoning({ summary = [] }: ReasoningStep, stage: Stage): Events {
  const output_index = stage.output.length;
  const id = stage.ids.next("rs_");
  // The recipe of the real value is secret; what matters is that it comes back as it was sent.
  const encrypted = stage.include.has("reasoning.encrypted_content")
    ? { encrypted_content: `gAAAA${id}` }
    : {};
  const parts = (typeof summary === "string" ? [summary] : summary).map((text) => ({
    type: "summary_text",
    text,
  }));
  yield added(output_index, { id, type: "reasoning", ...encrypted, summary: [] });
  for (const [summary_index, part] of parts.entries()) {
    const place = { item_id: id, output_index, summary_index };
    const blank = { type: "summary_text", text: "" };
    yield { type: "response.reasoning_summary_part.added", ...place, part: blank };
    for (const delta of cutUp(part.text)) {
      yield { type: "response.reasoning_summary_text.delta", ...place, delta, ...obfuscation(delta, stage) };
    }
    yield { type: "response.reasoning_summary_text.done", ...place, text: part.text };
    yield { type: "response.reasoning_summary_part.done", ...place, part };
  }
  yield done(stage, { id, type: "reasoning", ...encrypted, summary: parts });
}

function* playPython(step: PythonStep, stage: Stage): Events {
  const output_index = stage.output.length;
  const item_id = stage.ids.next("ci_");
  const container = stage.enter(step.container);
  const head = { id: item_id, type: "code_interpreter_call" };
  const included = stage.include.has(OUTPUTS);
  const place = { output_index, item_id };
  const call = "response.code_interpreter_call";
  yield added(output_index, {
    ...head,
    status: "in_progress",
    code: "",
    container_id: container.id,
    outputs: included ? [] : null,
  });
  yield { type: `${call}.in_progress`, ...place };
  for (const delta of cutUp(step.code)) {
    yield { type: `${call}_code.delta`, ...place, delta, ...obfuscation(delta, stage) };
  }
  yield { type: `${call}_code.done`, ...place, code: step.code };
  yield { type: `${call}.interpreting`, ...place };
  writeFiles(step, container, stage);
  for (const chart of step.charts ?? []) stage.charts.push(citeChart(container, container.writeChart(chart)));
  yield { type: `${call}.completed`, ...place };
  const images = [...(step.images ?? []), ...(step.charts ?? [])];
  const outputs = [
    ...(step.logs === undefined ? [] : [{ type: "logs", logs: step.logs }]),
    ...images.map((image) => ({ type: "image", url: imageUrl(image) })),
  ];
  stage.outputs.set(item_id, outputs);
  yield done(stage, {
    ...head,
    status: "completed",
    code: step.code,
    container_id: container.id,
    outputs: included ? outputs : null,
  });
}

function* playShell(step: ShellStep, stage: Stage): Events {
  const output_index = stage.output.length;
  const container = stage.enter(step.container);
  const call_id = stage.ids.next("call_");
  const head = { id: stage.ids.next("sh_"), type: "shell_call" };
  const tail = { call_id, environment: { type: "container_reference", container_id: container.id } };
  const action = (commands: readonly string[]) => ({ commands, timeout_ms: null, max_output_length: null });
  yield added(output_index, { ...head, status: "in_progress", action: action([]), ...tail });
  for (const [command_index, command] of step.commands.entries()) {
    const place = { output_index, command_index };
    yield { type: "response.shell_call_command.added", ...place, command: "" };
    for (const delta of cutUp(command)) {
      yield { type: "response.shell_call_command.delta", ...place, delta, ...obfuscation(delta, stage) };
    }
    yield { type: "response.shell_call_command.done", ...place, command };
  }
  yield done(stage, { ...head, status: "completed", action: action(step.commands), ...tail });

  const { stdout = "", stderr = "", exitCode = 0 } = step;
  const item_id = stage.ids.next("sho_");
  const result = { id: item_id, type: "shell_call_output" };
  const output = [{ stdout, stderr, outcome: { type: "exit", exit_code: exitCode } }];
  const place = { item_id, output_index: output_index + 1, command_index: 0 };
  const content = "response.shell_call_output_content";
  writeFiles(step, container, stage);
  yield added(output_index + 1, {
    ...result,
    status: "in_progress",
    call_id,
    output: [],
    max_output_length: null,
  });
  if (stdout !== "") yield { type: `${content}.delta`, ...place, delta: { stdout } };
  if (stderr !== "") yield { type: `${content}.delta`, ...place, delta: { stderr } };
  yield { type: `${content}.done`, ...place, output };
  yield done(stage, { ...result, status: "completed", call_id, output, max_output_length: null });
}

function* playMessage(
  step: MessageStep | RefusalStep,
  stage: Stage,
  status: "completed" | "incomplete",
): Events {
  const output_index = stage.output.length;
  const id = stage.ids.next("msg_");
  const head = { id, type: "message" };
  const content: object[] = [];
  yield added(output_index, { ...head, status: "in_progress", content: [], role: "assistant" });
  if (step.type === "refusal") {
    content.push(yield* playRefusal(step.text, { item_id: id, output_index, content_index: 0 }, stage));
  } else {
    const parts = typeof step.text === "string" ? [{ text: step.text, chunks: step.chunks }] : step.text;
    for (const [content_index, { text, chunks }] of parts.entries()) {
      content.push(yield* playText(text, chunks, { item_id: id, output_index, content_index }, stage));
    }
  }
  yield done(stage, { ...head, status, content, role: "assistant" });
}

interface PartPlace {
  readonly item_id: string;
  readonly output_index: number;
  readonly content_index: number;
}

function* playText(
  text: string,
  chunks: Chunks | undefined,
  place: PartPlace,
  stage: Stage,
): Generator<EventDraft, object> {
  const blank = { type: "output_text", annotations: [], logprobs: [], text: "" };
  yield { type: "response.content_part.added", ...place, part: blank };
  for (const delta of cutUp(text, chunks)) {
    const hidden = obfuscation(delta, stage);
    yield { type: "response.output_text.delta", ...place, delta, logprobs: [], ...hidden };
  }
  const annotations = [...stage.charts, ...citeSandboxLinks(text, stage.known())];
  stage.charts = [];
  for (const [annotation_index, annotation] of annotations.entries()) {
    yield { type: "response.output_text.annotation.added", ...place, annotation_index, annotation };
  }
  yield { type: "response.output_text.done", ...place, text, logprobs: [] };
  const part = { type: "output_text", annotations, logprobs: [], text };
  yield { type: "response.content_part.done", ...place, part };
  return part;
}

function* playRefusal(refusal: string, place: PartPlace, stage: Stage): Generator<EventDraft, object> {
  yield { type: "response.content_part.added", ...place, part: { type: "refusal", refusal: "" } };
  for (const delta of cutUp(refusal)) {
    yield { type: "response.refusal.delta", ...place, delta, ...obfuscation(delta, stage) };
  }
  yield { type: "response.refusal.done", ...place, refusal };
  const part = { type: "refusal", refusal };
  yield { type: "response.content_part.done", ...place, part };
  return part;
}

function* playImage({ bytes }: ImageStep, stage: Stage): Events {
  const output_index = stage.output.length;
  const item_id = stage.ids.next("ig_");
  const head = { id: item_id, type: "image_generation_call" };
  const place = { output_index, item_id };
  const call = "response.image_generation_call";
  yield added(output_index, { ...head, status: "in_progress", result: null });
  yield { type: `${call}.in_progress`, ...place };
  yield { type: `${call}.generating`, ...place };
  yield { type: `${call}.completed`, ...place };
  yield done(stage, { ...head, status: "completed", result: toBase64(bytes) });
}

function added(output_index: number, item: OutputItem): EventDraft {
  return { type: "response.output_item.added", output_index, item };
}

function done(stage: Stage, item: OutputItem): EventDraft {
  const output_index = stage.output.push(item) - 1;
  return { type: "response.output_item.done", output_index, item };
}

function writeFiles({ files = {} }: ContainerStep, container: Container, stage: Stage): void {
  for (const [path, content] of Object.entries(files)) container.writeLate(path, content, stage.listLag);
}

function imageUrl(image: FileContent): string {
  return typeof image === "string" ? image : `data:image/png;base64,${toBase64(image)}`;
}

function toBase64(content: FileContent): string {
  return btoa(Array.from(toBytes(content), (byte) => String.fromCharCode(byte)).join(""));
}

function cutUp(text: string, chunks?: Chunks): readonly string[] {
  if (typeof chunks === "object") return chunks;
  // About what a model's tokens look like: a word with the white space before it.
  if (chunks === undefined) return text.match(/\s*\S+|\s+$/g) ?? [];
  const points = [...text];
  const count = Math.ceil(points.length / chunks);
  return Array.from({ length: count }, (_, index) =>
    points.slice(index * chunks, (index + 1) * chunks).join(""),
  );
}

const OBFUSCATION_BLOCK = 16;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Fills a delta up to a multiple of 16 characters, as the service does to hide the lengths of its tokens. */
function obfuscation(delta: string, stage: Stage): { obfuscation?: string } {
  if (!stage.obfuscated) return {};
  const length = OBFUSCATION_BLOCK - (delta.length % OBFUSCATION_BLOCK);
  const letter = (_: unknown, index: number) =>
    ALPHABET[(delta.length * 31 + index * 17 + (delta.codePointAt(0) ?? 0)) % ALPHABET.length];
  return { obfuscation: Array.from({ length }, letter).join("") };
}
