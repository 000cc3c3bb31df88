/** Defines the parts of the API's JSON that the emulator uses, and creates ids like the service's. */

/** A JSON object with unchecked fields. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The unit of a citation's range: Unicode code points, or the UTF-16 units of JavaScript's strings. */
export type IndexUnit = "code-point" | "utf-16";

/** A citation of a container file. The fields have the service's order. */
export interface ContainerFileCitation {
  readonly type: "container_file_citation";
  readonly container_id: string;
  /** End of the range, exclusive. Counts Unicode code points, or UTF-16 units if the emulator's `indexUnit` says so. */
  readonly end_index: number;
  readonly file_id: string;
  /** The last segment of the file's path. */
  readonly filename: string;
  /** Start of the range, in the unit of `end_index`. */
  readonly start_index: number;
}

/** An input or output item of a response. */
export interface OutputItem extends JsonObject {
  readonly id: string;
  readonly type: string;
}

/** A stream event without its `sequence_number`. */
export interface EventDraft extends JsonObject {
  readonly type: string;
}

/** An event of a response's stream. */
export interface StreamEvent extends EventDraft {
  readonly sequence_number: number;
}

/** The statuses of a response. */
export type ResponseStatus = "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Describes a rejected value in an error message. Long strings are shortened, and objects are not printed. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (value === null || typeof value !== "object") {
    return typeof value === "function" ? "a function" : String(value);
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return isObject(value) && typeof value.type === "string"
    ? `an object of type "${value.type}"`
    : "an object";
}

/**
 * Creates ids that look like the service's and are the same in every run. An id is a prefix and a counter in hex digits,
 * padded to the length of real ids.
 */
export class Ids {
  readonly #counts = new Map<string, number>();

  next(prefix: string): string {
    const count = (this.#counts.get(prefix) ?? 0) + 1;
    this.#counts.set(prefix, count);
    return prefix + count.toString(16).padStart(prefix === "cfile_" ? 32 : 48, "0");
  }
}
