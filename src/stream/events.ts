/** Classifies the events of a response stream and reads their positions. */
import type { PartPosition } from "../types.js";

export type Event = Record<string, unknown>;
/** The events to send in place of one event. `Taken` is a promise only if the repair must wait, for example for a file list. */
export type Taken = readonly Event[] | Promise<readonly Event[]>;

export const FINAL: ReadonlySet<unknown> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

export const ENDS_OF_MESSAGE: ReadonlySet<unknown> = new Set([
  "response.output_text.done",
  "response.content_part.done",
  "response.output_item.done",
]);

/**
 * The events that a repair always reads, because they can carry a citation, name a container or show the response's state. It
 * reads other events only if needed, for example text deltas with the option `links`.
 */
const READ: ReadonlySet<unknown> = new Set([
  "response.created",
  "response.in_progress",
  "response.queued",
  "response.output_item.added",
  "response.output_text.annotation.added",
  ...ENDS_OF_MESSAGE,
  ...FINAL,
  "error",
]);

/** Indices must be below this limit. Items are stored in an array, and a huge index would make this array huge. */
const MOST_ITEMS = 100_000;

/** Returns whether events of this type always have to be parsed. */
export function isRead(type: unknown): boolean {
  return READ.has(type);
}

export function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_ITEMS;
}

/** Returns the position of the part that an event belongs to, or `undefined` if the event has no valid indices. */
export function positionOf({
  output_index: outputIndex,
  content_index: contentIndex,
}: Event): PartPosition | undefined {
  return isIndex(outputIndex) && isIndex(contentIndex) ? { outputIndex, contentIndex } : undefined;
}

/** Returns the position of an event as a map key. */
export function keyOf({ output_index, content_index }: Event): string {
  return `${output_index}/${content_index}`;
}

/** Returns the number before an event's own sequence number. Used if it is not known which event came before. */
export function precedingNumber({ sequence_number }: Event): number {
  return Number(sequence_number) - 1;
}
