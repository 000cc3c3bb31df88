/** What the calls of a response tell of the files they wrote: their code, what they printed, their commands. */
import { isRecord } from "../bad-input.js";

/** All that an item says of files, if it is a call or what one printed. */
export function evidenceIn(item: unknown): string[] {
  if (!isRecord(item)) return [];
  let texts: unknown[] = [];
  if (item.type === "code_interpreter_call") {
    const outputs = Array.isArray(item.outputs) ? item.outputs.filter(isRecord) : [];
    texts = [item.code, ...outputs.map(({ logs }) => logs)];
  } else if (item.type === "shell_call" && isRecord(item.action)) {
    if (Array.isArray(item.action.commands)) texts = item.action.commands;
  } else if (item.type === "shell_call_output" && Array.isArray(item.output)) {
    texts = item.output.filter(isRecord).flatMap(({ stdout, stderr }) => [stdout, stderr]);
  }
  return texts.filter((text) => typeof text === "string");
}

/** Whether an item is a call that ran in a container. */
export function isContainerCall(item: unknown): boolean {
  return isRecord(item) && (item.type === "code_interpreter_call" || item.type === "shell_call");
}

const EXTENSION = /\.(?=[a-z0-9]{0,9}[a-z])[a-z0-9]{1,10}(?![\w(])/gi;
const NO_NAME = /[\s"'`\\/|<>*?:(),;[\]{}=]/;
const LONGEST_NAME = 255;

/**
 * What looks like a file's name in a text, as far as one word goes: up to a quote, a slash or a space.
 * `np.float64` looks like one as well, `math.sqrt(` does not.
 */
export function* fileNamesIn(text: string): Generator<{ start: number; name: string }> {
  /** Where the word starts that `seen` is in: what was looked at for one dot is not looked at for the next. */
  let wordStart = 0;
  let seen = 0;
  for (const { index, 0: extension } of text.matchAll(EXTENSION)) {
    let at = index;
    while (at > seen && !NO_NAME.test(text[at - 1]!)) at--;
    if (at > seen) wordStart = at;
    seen = index;
    const start = Math.max(wordStart, index - LONGEST_NAME);
    if (start < index) yield { start, name: text.slice(start, index + extension.length) };
  }
}
