/** Checks the steps that the script of an emulator returns (see steps.ts). */
import { wrong } from "./check-options.js";
import { checkFile } from "./containers.js";
import { MULTI_AGENT_ACTIONS, type Step } from "./steps.js";
import { describe, isObject } from "./wire.js";

type Check = (step: Readonly<Record<string, unknown>>, where: string) => void;

const CHECKS: { readonly [Type in Step["type"]]: Check } = {
  reasoning(step, where) {
    if (!isOptional(step.summary, (summary) => typeof summary === "string" || isStrings(summary))) {
      throw wrong(`${where}.summary`, "a string or an array of strings", step.summary);
    }
  },
  python(step, where) {
    checkString(step.code, `${where}.code`);
    checkOptionalString(step.logs, `${where}.logs`);
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
    checkOptionalString(step.stdout, `${where}.stdout`);
    checkOptionalString(step.stderr, `${where}.stderr`);
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
  refusal: (step, where) => checkString(step.text, `${where}.text`),
  image(step, where) {
    if (!(step.bytes instanceof Uint8Array)) throw wrong(`${where}.bytes`, "a Uint8Array", step.bytes);
  },
  multi_agent_call(step, where) {
    checkChoice(step.action, MULTI_AGENT_ACTIONS, `${where}.action`);
    checkOptionalString(step.arguments, `${where}.arguments`);
    if (typeof step.output === "string" || isStrings(step.output)) return;
    throw wrong(`${where}.output`, "a string or an array of strings", step.output);
  },
  fail(step, where) {
    checkChoice(step.code, ["server_error", "rate_limit_exceeded", "invalid_prompt"], `${where}.code`);
    checkOptionalString(step.message, `${where}.message`);
  },
  incomplete: (step, where) =>
    checkChoice(step.reason, ["max_output_tokens", "content_filter"], `${where}.reason`),
};

/**
 * Checks what a script returned, and returns it as steps. All steps are checked before the first one runs. So a mistake is
 * reported with its step, and does not break a stream in the middle.
 *
 * @throws TypeError that names the step and the field.
 */
export function checkSteps(steps: unknown): readonly Step[] {
  if (!Array.isArray(steps)) throw wrong("A script's return value", "an array of steps", steps);
  return steps.map((step: unknown, index) => {
    const where = `steps[${index}]`;
    if (!isStep(step)) {
      const takes = Object.keys(CHECKS).map((type) => JSON.stringify(type));
      throw wrong(where, `an object whose type is one of ${takes.join(", ")}`, step);
    }
    const fields: Readonly<Record<string, unknown>> = { ...step };
    CHECKS[step.type](fields, where);
    checkOptionalString(fields.agent, `${where}.agent`);
    return step;
  });
}

/** Returns whether a value is an object whose `type` is that of a step. Does not check its other fields. */
function isStep(step: unknown): step is Step {
  return isObject(step) && typeof step.type === "string" && Object.hasOwn(CHECKS, step.type);
}

function checkContainerStep(step: Readonly<Record<string, unknown>>, where: string): void {
  checkOptionalString(step.container, `${where}.container`);
  if (step.files === undefined) return;
  if (!isObject(step.files)) throw wrong(`${where}.files`, "an object of contents by path", step.files);
  for (const [path, content] of Object.entries(step.files)) checkFile(path, content);
}

function checkText(text: unknown, chunks: unknown, where: string): void {
  checkString(text, `${where}.text`);
  if (chunks === undefined || (typeof chunks === "number" && Number.isInteger(chunks) && chunks > 0)) return;
  if (!isStrings(chunks))
    throw wrong(`${where}.chunks`, "an array of strings or a whole number above 0", chunks);
  if (chunks.join("") !== text) {
    throw new TypeError(`${where}.chunks must equal the text when joined, got ${describe(chunks.join(""))}.`);
  }
}

function checkChoice(value: unknown, choices: readonly string[], where: string): void {
  if (!isOptional(value, (choice) => typeof choice === "string" && choices.includes(choice))) {
    throw wrong(where, `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`, value);
  }
}

function checkString(value: unknown, where: string): void {
  if (typeof value !== "string") throw wrong(where, "a string", value);
}

function checkOptionalString(value: unknown, where: string): void {
  if (value !== undefined) checkString(value, where);
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
