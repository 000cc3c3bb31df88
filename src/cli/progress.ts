/** Draws a progress line on a terminal, and formats its bar and numbers of bytes. */
import type { WriteStream } from "node:tty";

/** The minimum time between two updates of the line, in milliseconds. */
const PAUSE_MS = 100;
const BAR_WIDTH = 24;
/** The width if the terminal does not report one. */
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = "\r\u001b[K";

/** Draws a line on a terminal. Does nothing if the stream is not a terminal. */
export class ProgressLine {
  readonly #terminal: WriteStream;
  readonly #text: () => string;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  /** `text` is called whenever the line is drawn. */
  constructor(terminal: WriteStream, text: () => string) {
    this.#terminal = terminal;
    this.#text = text;
  }

  /** Draws the line. Does nothing if it was drawn less than `PAUSE_MS` ago. */
  update(): void {
    if (!this.#terminal.isTTY) return;
    const now = performance.now();
    if (now - this.#drawnAt < PAUSE_MS) return;
    this.#drawnAt = now;
    this.#isDrawn = true;
    const columns = this.#terminal.columns || DEFAULT_COLUMNS;
    this.#terminal.write(CLEAR_LINE + this.#text().slice(0, columns - 1));
  }

  /** Removes the line, so that other output can follow. */
  clear(): void {
    if (this.#isDrawn) this.#terminal.write(CLEAR_LINE);
    this.#isDrawn = false;
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }
}

/** Returns a bar such as `[=====     ]  42%`; an empty text if the total is unknown or 0. */
export function bar(done: number, total: number | undefined): string {
  if (!total) return "";
  const part = Math.min(1, done / total);
  const filled = Math.round(part * BAR_WIDTH);
  return `[${"=".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}] ${String(Math.floor(part * 100)).padStart(3)}%`;
}

/** Formats a number of bytes, such as `1.4 MB`. */
export function inBytes(bytes: number): string {
  if (bytes === 1) return "1 byte";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let power = 0;
  // The rounded value is compared, so that 999,999 bytes are 1.0 MB, not 1000 kB.
  for (; Math.round(value) >= 1000 && power < units.length - 1; power++) value /= 1000;
  return `${power === 0 ? value : value.toFixed(value < 9.95 ? 1 : 0)} ${units[power]}`;
}
