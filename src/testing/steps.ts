/** Defines the types of scripts and of steps. A script returns what the emulator's model does, as a list of steps. */
import type { ResponseCreateParams } from "openai/resources/responses/responses";
import type { FileContent } from "./containers.js";

/**
 * A function that returns what the model does in one turn, as a list of steps.
 *
 * ```ts
 * const script: Script = ({ lastUserText }) => [
 *   { type: "reasoning" },
 *   { type: "python", code: "df.to_csv('/mnt/data/sums.csv')", files: { "/mnt/data/sums.csv": "sum\n7\n" } },
 *   { type: "message", text: `You said: ${lastUserText}. The file is [here](sandbox:/mnt/data/sums.csv).` },
 * ];
 * ```
 *
 * If a script throws or does not return a list of steps, the request fails with status 500 and the reason.
 */
export type Script = (request: ScriptRequest) => readonly Step[] | Promise<readonly Step[]>;

/** The request that a script answers. */
export interface ScriptRequest {
  /** The request's body, unchanged. Only the fields that the emulator uses have been checked. */
  readonly body: ResponseCreateParams;
  /** How many requests the emulator's scripts have answered before this one. */
  readonly turn: number;
  /** The text of the last user message, or `""` if there is no user message. */
  readonly lastUserText: string;
  /** The earlier turns of the `previous_response_id` chain or the conversation, oldest first. */
  readonly previous: readonly PreviousTurn[];
  /** True if the last user message or the instructions contain `sandbox:/mnt/data`. */
  readonly asksForSandboxLinks: boolean;
}

/** An earlier turn. */
export interface PreviousTurn {
  readonly responseId: string;
  readonly lastUserText: string;
  /** The text of the response's messages, joined with newlines. */
  readonly outputText: string;
}

/** One action of the model. */
export type Step =
  | ReasoningStep
  | PythonStep
  | ShellStep
  | MessageStep
  | RefusalStep
  | ImageStep
  | MultiAgentCallStep
  | FailStep
  | IncompleteStep;

/** The common fields of all steps that add an item to the output. */
export interface AgentStep {
  /**
   * The name of the agent that takes this step, for responses of the multi-agent beta. The step's items and events get
   * the field `agent: { agent_name }`. Default: they have no such field.
   */
  readonly agent?: string;
}

/** A `reasoning` item. */
export interface ReasoningStep extends AgentStep {
  readonly type: "reasoning";
  /** The parts of the summary. Default: no summary. */
  readonly summary?: string | readonly string[];
}

/** The common fields of steps that run in a container. */
export interface ContainerStep extends AgentStep {
  /** The contents of files that the step writes, by path: absolute, or relative to `/mnt/data`. */
  readonly files?: Readonly<Record<string, FileContent>>;
  /**
   * The name of another container to run in. The emulator creates it on first use, and later turns can use it by this
   * name. Default: the request's own container.
   */
  readonly container?: string;
}

/** Code that runs in Code Interpreter: a `code_interpreter_call` item. */
export interface PythonStep extends ContainerStep {
  readonly type: "python";
  readonly code: string;
  /** The output that the code prints. Default: no logs. */
  readonly logs?: string;
  /** Images in the call's outputs: URLs, or the bytes of a PNG. */
  readonly images?: readonly FileContent[];
  /**
   * Charts that the code shows, each as the bytes of a PNG. Each chart adds a file `cfile_….png` and an image in the
   * call's outputs. It also adds a citation with the range 0..0 to the next message, before the citations of links.
   */
  readonly charts?: readonly Uint8Array[];
}

/** Commands that run in the hosted shell: a `shell_call` item and its `shell_call_output`. */
export interface ShellStep extends ContainerStep {
  readonly type: "shell";
  readonly commands: readonly string[];
  /** Default `""`. */
  readonly stdout?: string;
  /** Default `""`. */
  readonly stderr?: string;
  /** Default 0. */
  readonly exitCode?: number;
}

/** How a text is split into deltas: an array of the deltas, or the length of each delta in code points. Default: one per word. */
export type Chunks = readonly string[] | number;

/** A text part of a message. */
export interface TextPart {
  readonly text: string;
  readonly chunks?: Chunks;
}

/** A `message` item. The emulator annotates its `sandbox:` links, as the service does. */
export interface MessageStep extends AgentStep {
  readonly type: "message";
  /** The text, or several content parts. */
  readonly text: string | readonly TextPart[];
  /** How `text` is split into deltas if it is a string. */
  readonly chunks?: Chunks;
}

/** A `message` item whose content is a refusal. */
export interface RefusalStep extends AgentStep {
  readonly type: "refusal";
  readonly text: string;
}

/** An image from the image generation tool: an `image_generation_call` item. */
export interface ImageStep extends AgentStep {
  readonly type: "image";
  /** The bytes of a PNG. */
  readonly bytes: Uint8Array;
}

/** The actions of a `multi_agent_call` item. */
export const MULTI_AGENT_ACTIONS = [
  "spawn_agent",
  "interrupt_agent",
  "list_agents",
  "send_message",
  "followup_task",
  "wait_agent",
] as const;

/** A call from one agent to another: a `multi_agent_call` item and its `multi_agent_call_output`. */
export interface MultiAgentCallStep extends AgentStep {
  readonly type: "multi_agent_call";
  /** Default `wait_agent`. */
  readonly action?: (typeof MULTI_AGENT_ACTIONS)[number];
  /** The call's arguments, as JSON. Default `{}`. */
  readonly arguments?: string;
  /** The other agent's answer, as one or more texts. The emulator annotates their `sandbox:` links. */
  readonly output: string | readonly string[];
}

/** Ends the turn with status `failed`. */
export interface FailStep {
  readonly type: "fail";
  /** Default `server_error`. */
  readonly code?: "server_error" | "rate_limit_exceeded" | "invalid_prompt";
  /** Default: the service's message, "The model failed to generate a response. Please try again." */
  readonly message?: string;
}

/** Ends the turn with status `incomplete`. A message directly before this step is `incomplete` as well. */
export interface IncompleteStep {
  readonly type: "incomplete";
  /** Default `max_output_tokens`. */
  readonly reason?: "max_output_tokens" | "content_filter";
}
