/** Shows the progress, warnings and summary of `repair` and `stats` on stderr. */

import { bar, ProgressLine } from "./progress.js";
import type { Input } from "./repair-paths.js";
import { type Counts, type Milestone, type Others, START } from "./stored/run.js";
import { colorsFor } from "./terminal.js";

/** The texts that differ between `repair` and `stats`. */
export interface Words {
  /** Formats the counts, for the progress line and the summary. */
  summary: (counts: Counts) => string;
  /** Says what was done with a record that is not a response. */
  fate: string;
}

/** Counts the bytes that are read, and shows how much of the inputs was read. */
export class RunDisplay {
  readonly #words: Words;
  readonly #inputs: readonly Input[];
  readonly #total: number | undefined;
  readonly #startCounts: Counts;
  readonly #startedAt = performance.now();
  readonly #line: ProgressLine;
  #counts: Counts;
  #bytesRead: number;

  /** `currentBytes`: how much of the current input an interrupted run has read. */
  constructor(words: Words, inputs: readonly Input[], { done, counts }: Milestone = START, currentBytes = 0) {
    this.#words = words;
    this.#inputs = inputs;
    const sizes = inputs.map(({ size }) => size);
    this.#total = sizes.every((size) => size !== undefined) ? sumOf(sizes) : undefined;
    this.#bytesRead = sumOf(done.map(({ bytes }) => bytes)) + currentBytes;
    this.#startCounts = counts;
    this.#counts = counts;
    this.#line = new ProgressLine(process.stderr, () => this.#text());
  }

  async *count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      this.#bytesRead += chunk.length;
      yield chunk;
    }
  }

  update(counts: Counts): void {
    this.#counts = counts;
    this.#line.update();
  }

  /** Prints a warning above the progress line. */
  warn(others: Others): void {
    this.#line.clear();
    console.error(`${inWordsOf(others, this.#inputs)}, ${this.#words.fate}`);
  }

  /** Replaces the progress line with the summary. */
  end(counts: Counts): void {
    this.#line.clear();
    console.error(this.#words.summary(counts));
  }

  #text(): string {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const speed = Math.round((this.#counts.responses - this.#startCounts.responses) / seconds);
    return `${bar(this.#bytesRead, this.#total)} ${this.#words.summary(this.#counts)}, ${speed.toLocaleString("en")} a second`;
  }
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Returns a number with its noun, such as `1 response` or `1,204 responses`. */
export function counted(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
}

/** Returns a warning about records that are not responses: `responses.jsonl: lines 17-19 are not responses (invalid JSON)`. */
function inWordsOf({ input, shape, from, to, problem }: Others, inputs: readonly Input[]): string {
  const { yellow } = colorsFor(process.stderr);
  const kind = shape === "lines" ? "line" : "value";
  const where =
    from === to ? `${kind} ${from} is not a response` : `${kind}s ${from}-${to} are not responses`;
  return `${yellow(`${inputs[input]!.name}: ${where}`)} (${problem})`;
}
