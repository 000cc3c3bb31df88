/** What an input is cut into: its records, and what stands between them. Together they are its bytes, each once. */

/** How the records of an input stand in it. */
export type Shape =
  /** One a line. */
  | "lines"
  /** One after the other, each over as many lines as it likes. */
  | "values"
  /** As the elements of an array. */
  | "array";

export interface Piece {
  bytes: Buffer;
  shape: Shape;
  /** Counted from 1: a line's number, its newline is among its bytes, or a value's place. 0: between records. */
  number: number;
  /** How many lines end before this piece's own end. */
  lines: number;
  /** Why it cannot be read. Of a record that is too long, the other pieces come as if they stood between records. */
  problem?: string;
}

/** Where a splitter begins: at the input's beginning, or behind a piece. */
export type Position = Pick<Piece, "shape" | "number" | "lines">;

/** The longest record that is read. V8's longest string is twice that, and a record is copied a few times. */
export const LONGEST_RECORD = 256 * 2 ** 20;

export const TOO_LONG = "too long to be read";

export const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

export function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}

/** Chunks of bytes as one; a single one as it is. */
export function joined(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
