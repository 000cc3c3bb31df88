/** Events of a response's stream: which ones are read, and of what they tell. */
import type { PartPosition } from "../types.js";

export type Event = Record<string, unknown>;
/** What goes out in place of an event. A promise only where somebody has to wait. */
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

/** The events that can carry a citation, or tell which container one may mean. All others pass unread. */
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

/** More items than any response has: an index beyond is a mistake, and would make a list of that length. */
const MOST_ITEMS = 100_000;

/** Whether events of a type have to be read. */
export function isRead(type: unknown): boolean {
  return READ.has(type);
}

export function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_ITEMS;
}

/** The part that an event is of. */
export function positionOf({
  output_index: outputIndex,
  content_index: contentIndex,
}: Event): PartPosition | undefined {
  return isIndex(outputIndex) && isIndex(contentIndex) ? { outputIndex, contentIndex } : undefined;
}

/** The same as a key. */
export function keyOf({ output_index, content_index }: Event): string {
  return `${output_index}/${content_index}`;
}

/** What the number of the event before one should be, where nobody saw that event. */
export function precedingNumber({ sequence_number }: Event): number {
  return Number(sequence_number) - 1;
}
