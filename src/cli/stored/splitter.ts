/** Cuts an input into records: lines or JSON values. If a value is broken, continues with lines. */
import { LineSplitter } from "./lines.js";
import type { Piece, Position } from "./piece.js";
import { ValueSplitter } from "./values.js";

export class Splitter {
  #values: ValueSplitter | undefined;
  #lines: LineSplitter | undefined;
  #position: Position;

  constructor(position: Position) {
    this.#position = position;
    if (position.shape === "lines") this.#lines = new LineSplitter(position);
    else this.#values = new ValueSplitter(position);
  }

  push(chunk: Buffer): Piece[] {
    return this.#lines ? this.#lines.push(chunk) : this.#withBroken(this.#values!.push(chunk));
  }

  /** Returns the last pieces. Call this once, after the last chunk. */
  end(): Piece[] {
    const pieces = this.#lines ? [] : this.#withBroken(this.#values!.end());
    return [...pieces, ...(this.#lines?.end() ?? [])];
  }

  /** If a value is broken, reads the rest of the input line by line. So only the lines of that value are lost. */
  #withBroken(pieces: Piece[]): Piece[] {
    this.#position = pieces.at(-1) ?? this.#position;
    const { broken } = this.#values!;
    if (!broken) return pieces;
    this.#lines = new LineSplitter(this.#position);
    return [...pieces, ...this.#lines.push(broken)];
  }
}
