/** A line on a terminal that says how far something is. */
import type { WriteStream } from "node:tty";

/** So often it is drawn: 10 times a second at the most. */
const PAUSE_MS = 100;
const BAR_WIDTH = 24;
/** Where a terminal does not know how wide it is. */
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = "\r\u001b[K";

/** Draws on a terminal, and nowhere else. */
export class ProgressLine {
  readonly #terminal: WriteStream;
  readonly #text: () => string;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  /** `text` is asked for what to draw, each time. */
  constructor(terminal: WriteStream, text: () => string) {
    this.#terminal = terminal;
    this.#text = text;
  }

  /** Draws, if that is not too soon after the last time. */
  update(): void {
    if (!this.#terminal.isTTY) return;
    const now = performance.now();
    if (now - this.#drawnAt < PAUSE_MS) return;
    this.#drawnAt = now;
    this.#isDrawn = true;
    const columns = this.#terminal.columns || DEFAULT_COLUMNS;
    this.#terminal.write(CLEAR_LINE + this.#text().slice(0, columns - 1));
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (this.#isDrawn) this.#terminal.write(CLEAR_LINE);
    this.#isDrawn = false;
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }
}

/** `[=====     ]  42%`; only what was done, where nobody knows how much there is. */
export function bar(done: number, total: number | undefined): string {
  if (!total) return "";
  const part = Math.min(1, done / total);
  const filled = Math.round(part * BAR_WIDTH);
  return `[${"=".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}] ${String(Math.floor(part * 100)).padStart(3)}%`;
}

/** `1.4 MB` */
export function inBytes(bytes: number): string {
  if (bytes === 1) return "1 byte";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let power = 0;
  // As it is written: 999,999 bytes are 1.0 MB, not 1000 kB.
  for (; Math.round(value) >= 1000 && power < units.length - 1; power++) value /= 1000;
  return `${power === 0 ? value : value.toFixed(value < 9.95 ? 1 : 0)} ${units[power]}`;
}
