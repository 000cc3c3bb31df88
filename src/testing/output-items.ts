/** Turns the steps of an emulator's script (see steps.ts) into the output items and events of a response. */
import { citeChart, citeSandboxLinks } from "./citations.js";
import type { Container, FileContent } from "./containers.js";
import { obfuscation, splitIntoDeltas } from "./deltas.js";
import type {
  Chunks,
  ContainerStep,
  FailStep,
  ImageStep,
  IncompleteStep,
  MessageStep,
  MultiAgentCallStep,
  PythonStep,
  ReasoningStep,
  RefusalStep,
  ShellStep,
  Step,
} from "./steps.js";
import {
  type ContainerFileCitation,
  type EventDraft,
  type Ids,
  type IndexUnit,
  type JsonObject,
  type OutputItem,
  toBase64,
} from "./wire.js";

/** The `include` value that adds the outputs of Python calls to a response. */
export const OUTPUTS = "code_interpreter_call.outputs";

/** The state of a turn (one request and its response) that the turn's steps read and change. */
export interface Stage {
  readonly ids: Ids;
  /** The finished output items. */
  readonly output: OutputItem[];
  /** The request's `include`. */
  readonly include: ReadonlySet<string>;
  readonly obfuscated: boolean;
  /** How many listings lack a file that the model has just written. */
  readonly listLag: number;
  /** The unit of the citations' ranges. */
  readonly indexUnit: IndexUnit;
  /** The outputs of each Python call, by the call's id. Responses contain them only if `include` asks for them. */
  readonly outputs: Map<string, readonly JsonObject[]>;
  /** `{ agent: { agent_name } }` of the current step, or `{}` if the step has no agent. */
  readonly agent: JsonObject;
  /** Citations of charts that no message has yet. The next message gets them. */
  charts: ContainerFileCitation[];
  /** Returns the container with this name, or the request's own container for `undefined`. Marks it as last used. */
  enter(name: string | undefined): Container;
  /**
   * Returns the running containers: first those that the current step's agent used, then the others. Each of these two groups is
   * sorted by last use, latest first. A text of this step can mean any of the containers.
   */
  known(): readonly Container[];
}

/** A step that adds items to the output: any but `fail` and `incomplete`. */
export type ItemStep = Exclude<Step, FailStep | IncompleteStep>;

type Events = Generator<EventDraft, void>;

/**
 * Yields the events of a step and adds the step's items to `stage.output`. Writes a file only after the reader has read all
 * earlier events.
 *
 * @param isCutOff whether the turn ends as `incomplete` right after this step.
 */
export function play(step: ItemStep, stage: Stage, isCutOff: boolean): Events {
  switch (step.type) {
    case "reasoning":
      return playReasoning(step, stage);
    case "python":
      return playPython(step, stage);
    case "shell":
      return playShell(step, stage);
    case "message":
    case "refusal":
      return playMessage(step, stage, isCutOff ? "incomplete" : "completed");
    case "image":
      return playImage(step, stage);
    case "multi_agent_call":
      return playMultiAgentCall(step, stage);
  }
}

function* playReasoning({ summary = [] }: ReasoningStep, stage: Stage): Events {
  const output_index = stage.output.length;
  const id = stage.ids.next("rs_");
  // The real format of `encrypted_content` is not public. Clients only need to send the value back unchanged.
  const encrypted = stage.include.has("reasoning.encrypted_content")
    ? { encrypted_content: `gAAAA${id}` }
    : {};
  const parts = (typeof summary === "string" ? [summary] : summary).map((text) => ({
    type: "summary_text",
    text,
  }));
  yield itemAdded(stage, { id, type: "reasoning", ...encrypted, summary: [] });
  for (const [summary_index, part] of parts.entries()) {
    const place = { item_id: id, output_index, summary_index };
    const blank = { type: "summary_text", text: "" };
    yield { type: "response.reasoning_summary_part.added", ...place, part: blank };
    for (const delta of splitIntoDeltas(part.text)) {
      yield { type: "response.reasoning_summary_text.delta", ...place, delta, ...obfuscation(delta, stage) };
    }
    yield { type: "response.reasoning_summary_text.done", ...place, text: part.text };
    yield { type: "response.reasoning_summary_part.done", ...place, part };
  }
  yield itemDone(stage, { id, type: "reasoning", ...encrypted, summary: parts });
}

function* playPython(step: PythonStep, stage: Stage): Events {
  const output_index = stage.output.length;
  const item_id = stage.ids.next("ci_");
  const container = stage.enter(step.container);
  const head = { id: item_id, type: "code_interpreter_call" };
  const included = stage.include.has(OUTPUTS);
  const place = { output_index, item_id };
  const call = "response.code_interpreter_call";
  yield itemAdded(stage, {
    ...head,
    status: "in_progress",
    code: "",
    container_id: container.id,
    outputs: included ? [] : null,
  });
  yield { type: `${call}.in_progress`, ...place };
  for (const delta of splitIntoDeltas(step.code)) {
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
  yield itemDone(stage, {
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
  yield itemAdded(stage, { ...head, status: "in_progress", action: action([]), ...tail });
  for (const [command_index, command] of step.commands.entries()) {
    const place = { output_index, command_index };
    yield { type: "response.shell_call_command.added", ...place, command: "" };
    for (const delta of splitIntoDeltas(command)) {
      yield { type: "response.shell_call_command.delta", ...place, delta, ...obfuscation(delta, stage) };
    }
    yield { type: "response.shell_call_command.done", ...place, command };
  }
  yield itemDone(stage, { ...head, status: "completed", action: action(step.commands), ...tail });

  const { stdout = "", stderr = "", exitCode = 0 } = step;
  const item_id = stage.ids.next("sho_");
  const result = { id: item_id, type: "shell_call_output" };
  const output = [{ stdout, stderr, outcome: { type: "exit", exit_code: exitCode } }];
  const place = { item_id, output_index: output_index + 1, command_index: 0 };
  const content = "response.shell_call_output_content";
  writeFiles(step, container, stage);
  yield itemAdded(stage, {
    ...result,
    status: "in_progress",
    call_id,
    output: [],
    max_output_length: null,
  });
  if (stdout !== "") yield { type: `${content}.delta`, ...place, delta: { stdout } };
  if (stderr !== "") yield { type: `${content}.delta`, ...place, delta: { stderr } };
  yield { type: `${content}.done`, ...place, output };
  yield itemDone(stage, { ...result, status: "completed", call_id, output, max_output_length: null });
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
  yield itemAdded(stage, { ...head, status: "in_progress", content: [], role: "assistant" });
  if (step.type === "refusal") {
    content.push(yield* playRefusal(step.text, { item_id: id, output_index, content_index: 0 }, stage));
  } else {
    const parts = typeof step.text === "string" ? [{ text: step.text, chunks: step.chunks }] : step.text;
    for (const [content_index, { text, chunks }] of parts.entries()) {
      content.push(yield* playText(text, chunks, { item_id: id, output_index, content_index }, stage));
    }
  }
  yield itemDone(stage, { ...head, status, content, role: "assistant" });
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
  for (const delta of splitIntoDeltas(text, chunks)) {
    const hidden = obfuscation(delta, stage);
    yield { type: "response.output_text.delta", ...place, delta, logprobs: [], ...hidden };
  }
  const annotations = [...stage.charts, ...citeSandboxLinks(text, stage.known(), stage.indexUnit)];
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
  for (const delta of splitIntoDeltas(refusal)) {
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
  yield itemAdded(stage, { ...head, status: "in_progress", result: null });
  yield { type: `${call}.in_progress`, ...place };
  yield { type: `${call}.generating`, ...place };
  yield { type: `${call}.completed`, ...place };
  yield itemDone(stage, { ...head, status: "completed", result: toBase64(bytes) });
}

/** Produces the events of a call from one agent to another. The call and its output are whole items, without deltas. */
function* playMultiAgentCall(step: MultiAgentCallStep, stage: Stage): Events {
  const { action = "wait_agent", output } = step;
  const call = { call_id: stage.ids.next("call_"), action };
  const head = { id: stage.ids.next("mac_"), type: "multi_agent_call", ...call };
  yield itemAdded(stage, { ...head, arguments: "" });
  yield itemDone(stage, { ...head, arguments: step.arguments ?? "{}" });
  const result = { id: stage.ids.next("maco_"), type: "multi_agent_call_output", ...call };
  yield itemAdded(stage, { ...result, output: [] });
  const texts = typeof output === "string" ? [output] : output;
  const parts = texts.map((text) => {
    const annotations = citeSandboxLinks(text, stage.known(), stage.indexUnit);
    return { type: "output_text", annotations, logprobs: [], text };
  });
  yield itemDone(stage, { ...result, output: parts });
}

function itemAdded(stage: Stage, item: OutputItem): EventDraft {
  const output_index = stage.output.length;
  return { type: "response.output_item.added", output_index, item: { ...item, ...stage.agent } };
}

/** Adds a finished item to the output and returns the event `response.output_item.done` for it. */
function itemDone(stage: Stage, item: OutputItem): EventDraft {
  const owned = { ...item, ...stage.agent };
  const output_index = stage.output.push(owned) - 1;
  return { type: "response.output_item.done", output_index, item: owned };
}

function writeFiles({ files = {} }: ContainerStep, container: Container, stage: Stage): void {
  for (const [path, content] of Object.entries(files)) container.writeLate(path, content, stage.listLag);
}

function imageUrl(image: FileContent): string {
  return typeof image === "string" ? image : `data:image/png;base64,${toBase64(image)}`;
}
