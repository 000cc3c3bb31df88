/** Defines the pieces that an input is cut into: records, and the bytes between them. Joined, they are the whole input. */
import type { Report } from "../../types.js";

/** How an input holds its records. */
export type Shape =
  /** One record on each line. */
  | "lines"
  /** The records are JSON values, one after the other. Each may span several lines. */
  | "values"
  /** The records are the elements of one JSON array. */
  | "array";

export interface Piece {
  /** If the record is a line, its newline is included. */
  bytes: Buffer;
  shape: Shape;
  /** The number of the record's line or value, counted from 1. The bytes between records have the number 0. */
  number: number;
  /** How many lines of the input are complete at the end of this piece. */
  lines: number;
  /**
   * Why the record cannot be read. A record that is too long is cut into several pieces. Only the first of them has a problem and
   * a number; the others have the number 0.
   */
  problem?: string;
}

/** A record after its repair. */
export interface Repaired {
  /** The repaired bytes. If nothing was missing, this is the buffer of the given record itself. */
  bytes: Buffer;
  /** One report for each response that ends with this record. */
  reports: readonly Report[];
  /** The `custom_id` of a line of the Batch API's output. */
  customId?: unknown;
  /** Why the record is neither a response nor an event. Its bytes are written unchanged. */
  problem?: string;
  /** True if a response has begun but not ended at this record, so that more of its events may follow. */
  isInsideStream?: boolean;
}

/** Where a splitter starts: at the beginning of the input, or after a piece. */
export type Position = Pick<Piece, "shape" | "number" | "lines">;

/**
 * The maximum length of a record, in bytes. V8's longest string is about twice as long, but repairing a record needs the memory
 * for several copies of it.
 */
export const LONGEST_RECORD = 256 * 2 ** 20;

export const TOO_LONG = "longer than 256 MiB";

export const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

export function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}

/** Joins chunks. A single chunk is returned without a copy. */
export function joined(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** Returns a `Buffer` that shares the memory of the given bytes. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
