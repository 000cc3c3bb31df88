/** Decides which files were written while a response was made, by comparing the times of the files and the response. */
import type { ContainerFile } from "../types.js";

/**
 * A file that is created up to this many seconds after the end of a response can still belong to that response. A file that is
 * created later belongs to a later response.
 */
const LONGEST_DELAY_S = 600;
/** The year 2001, in seconds since 1970. An earlier time cannot be that of a file or response, so it is invalid. */
const EARLIEST_S = 1e9;
/** The year 5138, in seconds since 1970. A larger number is in milliseconds, which some gateways send. */
const MILLISECONDS = 1e11;

/** The time from the start of a response to its end. */
export class Lifetime {
  readonly #begin: number | undefined;
  readonly #end: number | undefined;

  constructor({ created_at, completed_at }: Record<string, unknown>) {
    this.#begin = seconds(created_at);
    this.#end = seconds(completed_at);
  }

  /** True if the start of the response is known. */
  get isKnown(): boolean {
    return this.#begin !== undefined;
  }

  /** True if the end of the response is known. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Returns whether a file was written while the response was made: not before the response's start and at most `LONGEST_DELAY_S`
   * after the response's end. If the start or the file's time is unknown, returns false. If the end is unknown, every file since
   * the start counts.
   */
  has(file: ContainerFile): boolean {
    const created = seconds(file.created_at);
    return (
      created !== undefined && this.#begin !== undefined && created >= this.#begin && !this.isAfter(file)
    );
  }

  /**
   * Returns whether a file was written more than `LONGEST_DELAY_S` after the response's end. If the end or the file's time is
   * unknown, returns false.
   */
  isAfter(file: ContainerFile): boolean {
    const created = seconds(file.created_at);
    return created !== undefined && this.#end !== undefined && created > this.#end + LONGEST_DELAY_S;
  }
}

/** Converts a time in seconds or milliseconds to seconds. Returns `undefined` if it is invalid. */
function seconds(time: unknown): number | undefined {
  if (typeof time !== "number" || !(time >= EARLIEST_S)) return undefined;
  return time > MILLISECONDS ? time / 1000 : time;
}
