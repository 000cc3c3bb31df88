/** Cuts an input of stored responses into lines. */
import { isSpace, joined, LF, LONGEST_RECORD, type Piece, type Position, TOO_LONG } from "./piece.js";

/** Cuts an input into lines. Does not parse the lines, so a broken line does not affect the others. */
export class LineSplitter {
  /** The start of a line whose end is in a later chunk. */
  #held: Buffer[] = [];
  #heldLength = 0;
  /** True if the start of the line was already output, because the line is too long to hold. */
  #isTooLong = false;
  #number: number;

  constructor({ lines }: Pick<Position, "lines">) {
    this.#number = lines;
  }

  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LF) + 1; end > 0; end = chunk.indexOf(LF, from) + 1) {
      const blankEnd = this.#takeBlank(chunk, from);
      const isBlank = blankEnd > from;
      const bytes = chunk.subarray(from, isBlank ? blankEnd : end);
      if (isBlank) pieces.push({ bytes, shape: "lines", number: 0, lines: this.#number });
      else if (this.#heldLength + bytes.length <= LONGEST_RECORD) pieces.push(this.#line(bytes));
      else {
        this.#hold(bytes, pieces); // outputs the line, because it is too long
        pieces.push(this.#line(Buffer.alloc(0)));
      }
      from += bytes.length;
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from), pieces);
    return pieces;
  }

  /** Returns the last line, if no newline ends it. Call this once, after the last chunk. */
  end(): Piece[] {
    return this.#heldLength > 0 ? [this.#line(Buffer.alloc(0))] : [];
  }

  /**
   * Counts the blank lines that start at the offset `at`, and returns the offset after them. There may be millions of blank
   * lines, so they become one piece.
   */
  #takeBlank(chunk: Buffer, at: number): number {
    let end = at;
    if (this.#heldLength > 0 || this.#isTooLong) return end; // inside a line
    for (let next = at; isSpace(chunk[next]); next++) {
      if (chunk[next] !== LF) continue;
      end = next + 1;
      this.#number++;
    }
    return end;
  }

  #line(rest: Buffer): Piece {
    const bytes = this.#heldLength > 0 ? joined([...this.#held, rest]) : rest;
    this.#held = [];
    this.#heldLength = 0;
    const isRecord = !this.#isTooLong && !isBlank(bytes);
    this.#isTooLong = false;
    this.#number++;
    return { bytes, shape: "lines", number: isRecord ? this.#number : 0, lines: this.#number };
  }

  #hold(beginning: Buffer, pieces: Piece[]): void {
    this.#held.push(beginning);
    this.#heldLength += beginning.length;
    if (!this.#isTooLong && this.#heldLength <= LONGEST_RECORD) return;
    for (const bytes of this.#held) {
      const piece: Piece = { bytes, shape: "lines", number: 0, lines: this.#number };
      pieces.push(this.#isTooLong ? piece : { ...piece, number: this.#number + 1, problem: TOO_LONG });
      this.#isTooLong = true;
    }
    this.#held = [];
    this.#heldLength = 0;
  }
}

function isBlank(bytes: Buffer): boolean {
  let at = 0;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at === bytes.length;
}
