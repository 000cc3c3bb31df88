/** Formats the results of the checks for the terminal. */
import { colorsFor, shown } from "../terminal.js";
import type { Check, Mark } from "./check.js";

const MARKS: Record<Mark, string> = { ok: "✓", warning: "!", failed: "✗", skipped: "-" };
const COLORS = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;
/** The width of the column with the names. */
const NAME_WIDTH = 18;
const SEEN_INDENT = 2 + NAME_WIDTH;
const ADVICE_INDENT = 4;
/** The number of columns if the terminal reports none. */
const DEFAULT_COLUMNS = 80;
/** The maximum width of a line, in columns. Longer lines are hard to read. */
const MOST_COLUMNS = 100;
const FEWEST_COLUMNS = 50;

/** Returns the lines of a check: the mark, the name and what was seen, and below them the advice. */
export function linesOf({ name, mark, seen, advice }: Check, stream: NodeJS.WriteStream): string {
  const colors = colorsFor(stream);
  const color = colors[COLORS[mark]];
  const columns = Math.max(FEWEST_COLUMNS, Math.min(stream.columns || DEFAULT_COLUMNS, MOST_COLUMNS));
  const [first = "", ...others] = wrapped(shown(seen), columns - SEEN_INDENT);
  const head = `${color(MARKS[mark])} ${colors.bold(name.padEnd(NAME_WIDTH))}${first}`;
  const lines = [head, ...others.map((line) => " ".repeat(SEEN_INDENT) + line)];
  const arrow = "→ ";
  for (const [at, line] of wrapped(shown(advice ?? ""), columns - ADVICE_INDENT - arrow.length).entries()) {
    lines.push(" ".repeat(ADVICE_INDENT) + color(at === 0 ? arrow : "  ") + line);
  }
  return lines.join("\n");
}

/** Sums up the checks in one line. */
export function summaryOf(checks: readonly Check[]): string {
  const namesOf = (mark: Mark): string[] =>
    checks.filter((check) => check.mark === mark).map(({ name }) => name);
  const [wrong, warned] = [namesOf("failed"), namesOf("warning")];
  if (wrong.length > 0) return `Something is wrong: ${wrong.join(", ")}.`;
  if (warned.length > 0) return `Everything works, but see ${warned.join(", ")}.`;
  return isWhole(checks) ? "Everything works." : "No problem was found, but not everything was checked.";
}

/** Returns whether the run was complete: whether it made the check `streaming`, which sends the last request. */
export function isWhole(checks: readonly Check[]): boolean {
  return checks.some(({ name, mark }) => name === "streaming" && mark !== "skipped");
}

/** Breaks a text into lines at its spaces. Breaks a word only if the word is longer than a line. */
export function wrapped(text: string, width: number): string[] {
  const pieces = text
    .split(/\s+/)
    .flatMap((word) =>
      Array.from({ length: Math.ceil(word.length / width) }, (_, at) =>
        word.slice(at * width, (at + 1) * width),
      ),
    );
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + piece.length <= width)
      lines[lines.length - 1] = `${last} ${piece}`;
    else lines.push(piece);
  }
  return lines;
}
