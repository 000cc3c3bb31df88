import type { ResponseCreateParams } from "openai/resources/responses/responses";
import { checkFile, type FileContent } from "./containers.js";
import { describe, isObject } from "./wire.js";

/**
 * Says what the model does in one turn: the steps it takes, in order.
 *
 * ```ts
 * const script: Script = ({ lastUserText }) => [
 *   { type: "reasoning" },
 *   { type: "python", code: "df.to_csv('/mnt/data/sums.csv')", files: { "/mnt/data/sums.csv": "sum\n7\n" } },
 *   { type: "message", text: `You said: ${lastUserText}. The file is [here](sandbox:/mnt/data/sums.csv).` },
 * ];
 * ```
 *
 * A script that throws, or that answers something else, makes the request fail with status 500 and the reason.
 */
export type Script = (request: ScriptRequest) => readonly Step[] | Promise<readonly Step[]>;

/** What a script knows of the request that it answers. */
export interface ScriptRequest {
  /** The request's body, as it arrived. Only what the emulator itself reads of it has been checked. */
  readonly body: ResponseCreateParams;
  /** Which request this is, from 0, of all that the emulator's scripts have answered. */
  readonly turn: number;
  /** The text of the last user message, `""` where there is none. */
  readonly lastUserText: string;
  /** The turns before this one in the chain of `previous_response_id` or in the conversation, oldest first. */
  readonly previous: readonly PreviousTurn[];
  /** Whether the last user message or the instructions contain `sandbox:/mnt/data`. */
  readonly asksForSandboxLinks: boolean;
}

/** A turn that came before. */
export interface PreviousTurn {
  readonly responseId: string;
  readonly lastUserText: string;
  /** The text of its messages, joined. */
  readonly outputText: string;
}

/** One thing that a model does. */
export type Step =
  | ReasoningStep
  | PythonStep
  | ShellStep
  | MessageStep
  | RefusalStep
  | ImageStep
  | FailStep
  | IncompleteStep;

/** A `reasoning` item. */
export interface ReasoningStep {
  readonly type: "reasoning";
  /** The parts of its summary. Default none. */
  readonly summary?: string | readonly string[];
}

/** What the steps that run in a container share. */
export interface ContainerStep {
  /** The files that the step writes, by path: absolute, or below `/mnt/data`. */
  readonly files?: Readonly<Record<string, FileContent>>;
  /**
   * The name of another container to run in: made at its first use, and found again by that name in later turns.
   * Default: the container that the request's tool asks for.
   */
  readonly container?: string;
}

/** Code that runs in Code Interpreter: a `code_interpreter_call` item. */
export interface PythonStep extends ContainerStep {
  readonly type: "python";
  readonly code: string;
  /** What the code printed. Default nothing. */
  readonly logs?: string;
  /** Pictures among the call's outputs: URLs, or the bytes of a PNG. */
  readonly images?: readonly FileContent[];
  /**
   * Charts that the code shows: the bytes of a PNG each. Each becomes a file `cfile_….png`, a picture among the
   * outputs, and a citation 0..0 at the head of the next message's annotations.
   */
  readonly charts?: readonly Uint8Array[];
}

/** Commands that run in the hosted shell: a `shell_call` item and its `shell_call_output`. */
export interface ShellStep extends ContainerStep {
  readonly type: "shell";
  readonly commands: readonly string[];
  /** What the commands printed. Default `""`. */
  readonly stdout?: string;
  /** Default `""`. */
  readonly stderr?: string;
  /** Default 0. */
  readonly exitCode?: number;
}

/** How a text is cut into deltas: the pieces themselves, or a number of code points. Default: word by word. */
export type Chunks = readonly string[] | number;

/** A text of a message. */
export interface TextPart {
  readonly text: string;
  readonly chunks?: Chunks;
}

/** A `message` item. The emulator annotates its `sandbox:` links as the service does. */
export interface MessageStep {
  readonly type: "message";
  /** One text, or several parts of content. */
  readonly text: string | readonly TextPart[];
  /** How a single text is cut into deltas. */
  readonly chunks?: Chunks;
}

/** A `message` item whose content is a refusal. */
export interface RefusalStep {
  readonly type: "refusal";
  readonly text: string;
}

/** A picture that the image generation tool makes: an `image_generation_call` item. */
export interface ImageStep {
  readonly type: "image";
  /** The bytes of a PNG. */
  readonly bytes: Uint8Array;
}

/** The turn ends here, with status `failed`. */
export interface FailStep {
  readonly type: "fail";
  /** Default `server_error`. */
  readonly code?: "server_error" | "rate_limit_exceeded" | "invalid_prompt";
  /** Default: the service's own excuse. */
  readonly message?: string;
}

/** The turn ends here, with status `incomplete`; a message just before it is incomplete too. */
export interface IncompleteStep {
  readonly type: "incomplete";
  /** Default `max_output_tokens`. */
  readonly reason?: "max_output_tokens" | "content_filter";
}

type Check = (step: Readonly<Record<string, unknown>>, where: string) => void;

const CHECKS: { readonly [Type in Step["type"]]: Check } = {
  reasoning(step, where) {
    if (!isOptional(step.summary, (summary) => typeof summary === "string" || isStrings(summary))) {
      throw wrong(`${where}.summary`, "a string or an array of strings", step.summary);
    }
  },
  python(step, where) {
    need(step.code, `${where}.code`);
    optionalString(step.logs, `${where}.logs`);
    if (!isOptional(step.images, (images) => Array.isArray(images) && images.every(isContent))) {
      throw wrong(`${where}.images`, "an array of URLs and Uint8Arrays", step.images);
    }
    const isBytes = (chart: unknown) => chart instanceof Uint8Array;
    if (!isOptional(step.charts, (charts) => Array.isArray(charts) && charts.every(isBytes))) {
      throw wrong(`${where}.charts`, "an array of Uint8Arrays", step.charts);
    }
    checkContainerStep(step, where);
  },
  shell(step, where) {
    if (!isStrings(step.commands)) throw wrong(`${where}.commands`, "an array of strings", step.commands);
    optionalString(step.stdout, `${where}.stdout`);
    optionalString(step.stderr, `${where}.stderr`);
    if (!isOptional(step.exitCode, Number.isInteger)) {
      throw wrong(`${where}.exitCode`, "an integer", step.exitCode);
    }
    checkContainerStep(step, where);
  },
  message(step, where) {
    if (typeof step.text === "string") return checkText(step.text, step.chunks, where);
    if (!Array.isArray(step.text) || step.text.length === 0) {
      throw wrong(`${where}.text`, "a string or an array of { text, chunks }", step.text);
    }
    for (const [index, part] of step.text.entries()) {
      const name = `${where}.text[${index}]`;
      if (!isObject(part)) throw wrong(name, "{ text, chunks }", part);
      checkText(part.text, part.chunks, name);
    }
  },
  refusal: (step, where) => need(step.text, `${where}.text`),
  image(step, where) {
    if (!(step.bytes instanceof Uint8Array)) throw wrong(`${where}.bytes`, "a Uint8Array", step.bytes);
  },
  fail(step, where) {
    oneOf(step.code, ["server_error", "rate_limit_exceeded", "invalid_prompt"], `${where}.code`);
    optionalString(step.message, `${where}.message`);
  },
  incomplete: (step, where) => oneOf(step.reason, ["max_output_tokens", "content_filter"], `${where}.reason`),
};

/** The steps that a script answered, checked, so that a slip is named where it was made and not deep in a stream. */
export function checkSteps(steps: unknown): readonly Step[] {
  if (!Array.isArray(steps)) throw wrong("A script's answer", "an array of steps", steps);
  return steps.map((step: unknown, index) => {
    const where = `steps[${index}]`;
    if (!isStep(step)) {
      const takes = Object.keys(CHECKS).map((type) => JSON.stringify(type));
      throw wrong(where, `an object whose type is one of ${takes.join(", ")}`, step);
    }
    CHECKS[step.type]({ ...step }, where);
    return step;
  });
}

/** Looks at the type alone: the rest is what `CHECKS` are for. */
function isStep(step: unknown): step is Step {
  return isObject(step) && typeof step.type === "string" && Object.hasOwn(CHECKS, step.type);
}

function checkContainerStep(step: Readonly<Record<string, unknown>>, where: string): void {
  optionalString(step.container, `${where}.container`);
  if (step.files === undefined) return;
  if (!isObject(step.files)) throw wrong(`${where}.files`, "an object of contents by path", step.files);
  for (const [path, content] of Object.entries(step.files)) checkFile(path, content);
}

function checkText(text: unknown, chunks: unknown, where: string): void {
  need(text, `${where}.text`);
  if (chunks === undefined || (typeof chunks === "number" && Number.isInteger(chunks) && chunks > 0)) return;
  if (!isStrings(chunks))
    throw wrong(`${where}.chunks`, "an array of strings or a whole number above 0", chunks);
  if (chunks.join("") !== text) {
    throw new TypeError(`${where}.chunks must join to the text, got ${describe(chunks.join(""))}.`);
  }
}

function oneOf(value: unknown, choices: readonly string[], where: string): void {
  if (!isOptional(value, (choice) => typeof choice === "string" && choices.includes(choice))) {
    throw wrong(where, `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`, value);
  }
}

function need(value: unknown, where: string): void {
  if (typeof value !== "string") throw wrong(where, "a string", value);
}

function optionalString(value: unknown, where: string): void {
  if (value !== undefined) need(value, where);
}

function isOptional(value: unknown, fits: (value: unknown) => boolean): boolean {
  return value === undefined || fits(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function isContent(value: unknown): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

export function wrong(name: string, takes: string, got: unknown): TypeError {
  return new TypeError(`${name} must be ${takes}, got ${describe(got)}.`);
}
