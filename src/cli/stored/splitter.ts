/** Cuts an input into its records: as lines, or as values until one is broken. */
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
    return this.#lines ? this.#lines.push(chunk) : this.#note(this.#values!.push(chunk));
  }

  /** The input is over. */
  end(): Piece[] {
    const pieces = this.#lines ? [] : this.#note(this.#values!.end());
    return [...pieces, ...(this.#lines?.end() ?? [])];
  }

  /** What is broken is lines from there on: then it can spoil its own line only. */
  #note(pieces: Piece[]): Piece[] {
    this.#position = pieces.at(-1) ?? this.#position;
    const { broken } = this.#values!;
    if (!broken) return pieces;
    this.#lines = new LineSplitter(this.#position);
    return [...pieces, ...this.#lines.push(broken)];
  }
}
