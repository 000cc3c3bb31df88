/**
 * Reads the calls in a response's output: the code, commands and printed output of each call, and whether the call ran in a
 * container.
 */

import { isRecord } from "../errors.js";

/** The texts of one item. In code, a file name is in quotes. In commands and in printed output, it can be a plain word. */
export interface CallTexts {
  code: string[];
  commands: string[];
  printed: string[];
}

/** Like {@link CallTexts}, but the entries can have any type. */
type RawTexts = { [Kind in keyof CallTexts]?: unknown[] };

/** For each type of item: a function that extracts the item's texts. */
const SAYS: Record<string, (item: Record<string, unknown>) => RawTexts> = {
  code_interpreter_call: ({ code, outputs }) => ({
    code: [code],
    printed: recordsIn(outputs).map(({ logs }) => logs),
  }),
  shell_call: ({ action }) => ({ commands: isRecord(action) ? listIn(action.commands) : [] }),
  local_shell_call: ({ action }) => ({
    commands: isRecord(action) ? [listIn(action.command).join(" ")] : [],
  }),
  shell_call_output: ({ output }) => ({
    printed: recordsIn(output).flatMap(({ stdout, stderr }) => [stdout, stderr]),
  }),
  // For a patch, the path of the patched file is returned as code that writes the file: `write("/mnt/data/a.csv")`. The patch's
  // diff is not read, because it is the content of a file.
  apply_patch_call: ({ operation }) => ({ code: isRecord(operation) ? patchedPath(operation) : [] }),
  apply_patch_call_output: ({ status, output }) => ({ printed: status === "failed" ? [] : [output] }),
};

/** Returns the texts in which an item can name files. If the item is not a call or a call's output, returns empty lists. */
export function textsOf(item: unknown): CallTexts {
  const { code = [], commands = [], printed = [] } = rawTextsOf(item);
  return {
    code: code.filter(isText),
    commands: commands.filter(isText),
    printed: printed.filter(isText),
  };
}

function rawTextsOf(item: unknown): RawTexts {
  // `type` is untrusted data: it can be an object that throws when it is converted to a string. `hasOwn` is needed because every
  // object inherits properties such as `constructor`.
  if (!isRecord(item) || !isText(item.type) || !Object.hasOwn(SAYS, item.type)) return {};
  return SAYS[item.type]!(item);
}

function patchedPath({ type, path }: Record<string, unknown>): string[] {
  return (type === "create_file" || type === "update_file") && isText(path) ? [`write("${path}")`] : [];
}

function listIn(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function recordsIn(value: unknown): Record<string, unknown>[] {
  return listIn(value).filter(isRecord);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Returns whether an item is a call that ran in a container. A local shell runs on the caller's machine. */
export function isContainerCall(item: unknown): boolean {
  if (!isRecord(item)) return false;
  return item.type === "code_interpreter_call" || (item.type === "shell_call" && !isLocalCall(item));
}

/** Returns whether an item is a call that ran on the caller's own machine. */
export function isLocalCall(item: unknown): boolean {
  if (!isRecord(item)) return false;
  if (item.type === "local_shell_call") return true;
  return item.type === "shell_call" && isRecord(item.environment) && item.environment.type === "local";
}

const MAY_WRITE =
  /open|write|save|to_|dump|export|copy|cp|mv|move|rename|tee|touch|zip|tar|wget|curl|download|path|mkdir|plt|fig|doc|system|subprocess|exec|eval|>/i;

/** Returns whether a call may have written a file: the call's code is unknown, or contains a word that is used to write files. */
export function mayWrite(call: unknown): boolean {
  const { code, commands } = textsOf(call);
  const texts = [...code, ...commands];
  return texts.length === 0 || texts.some((text) => MAY_WRITE.test(text));
}

/** Used in place of a container id for the caller's own machine. No container has this id. */
export const LOCAL = "";
