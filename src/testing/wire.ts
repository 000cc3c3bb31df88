/** A JSON object whose fields nobody has checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A citation of a container's file, with the fields in the order the service sends them. */
export interface ContainerFileCitation {
  readonly type: "container_file_citation";
  readonly container_id: string;
  /** End of the range in Unicode code points, exclusive. */
  readonly end_index: number;
  readonly file_id: string;
  /** The last segment of the file's path. */
  readonly filename: string;
  /** Start of the range in Unicode code points. */
  readonly start_index: number;
}

/** An output item of a response. `type` tells which. */
export interface OutputItem extends JsonObject {
  readonly id: string;
  readonly type: string;
}

/** An event before it has its `sequence_number`. */
export interface EventDraft extends JsonObject {
  readonly type: string;
}

/** An event of a response's stream. */
export interface StreamEvent extends EventDraft {
  readonly sequence_number: number;
}

/** The states that a response goes through. */
export type ResponseStatus = "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How a rejected value is named in an error's message: short, and never its whole content. */
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
 * Makes ids that look like the service's and are the same in every run: a counter for each prefix, as hex digits
 * of the length that real ids have.
 */
export class Ids {
  readonly #counts = new Map<string, number>();

  next(prefix: string): string {
    const count = (this.#counts.get(prefix) ?? 0) + 1;
    this.#counts.set(prefix, count);
    return prefix + count.toString(16).padStart(prefix === "cfile_" ? 32 : 48, "0");
  }
}
