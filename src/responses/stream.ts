/** A stream of events in, the same with the missing citations out, where the API would have sent them. */
import { badInput, isRecord } from "../bad-input.js";
import type { Annotation, ContainerFileCitation, PartPosition } from "../types.js";
import type { FileSource } from "./lookup.js";
import {
  andThen,
  completeAnnotations,
  contextOf,
  copyWith,
  isOutputText,
  type RepairOptions,
  repairItem,
  repairOutput,
} from "./repair.js";
import { ResponseRepair } from "./response-repair.js";

type Event = Record<string, unknown>;

/** The events that can carry a citation, or tell which container one may mean. All others pass unread. */
const READ = new Set([
  "response.created",
  "response.in_progress",
  "response.queued",
  "response.output_item.added",
  "response.output_item.done",
  "response.output_text.annotation.added",
  "response.output_text.done",
  "response.content_part.done",
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

/** Whether events of a type have to be read. */
export function isRead(type: string): boolean {
  return READ.has(type);
}

/** Repairs one response's events, one after the other. */
export class StreamRepair {
  readonly #repair: ResponseRepair;
  /** The annotations that the API sent for each part, in its events. */
  readonly #sent = new Map<string, Annotation[]>();
  #isFinished = false;

  constructor(repair: ResponseRepair) {
    this.#repair = repair;
  }

  /**
   * The events to send in place of `event`: its own object alone where nothing is missing. At once then, so that a
   * stream with nothing to repair never waits. `before` gives the sequence number of the event before it.
   */
  take(event: Event, before: () => unknown): readonly Event[] | Promise<readonly Event[]> {
    const { type, output_index: outputIndex, response, item } = event;
    switch (type) {
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        if (isRecord(response)) this.#repair.noteResponse(response);
        return [event];
      case "response.output_item.added":
        if (isIndex(outputIndex)) this.#repair.noteItem(outputIndex, item);
        return [event];
      case "response.output_text.annotation.added":
        if (isRecord(event.annotation)) this.#sentFor(event).push(event.annotation as unknown as Annotation);
        return [event];
      case "response.output_text.done":
        return this.#takeText(event, before);
      case "response.content_part.done":
        return this.#takePart(event);
      case "response.output_item.done":
        if (!isIndex(outputIndex)) return [event];
        this.#repair.noteItem(outputIndex, item);
        return replace(event, "item", repairItem(this.#repair, item, outputIndex));
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        if (!isRecord(response)) return [event];
        return this.#takeFinal(event, response);
      default:
        return [event];
    }
  }

  /** The stream has ended, with its final event or without. Throws if a failure is to be thrown. */
  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#repair.finish();
  }

  /** Nobody reads the stream any more. */
  cancel(reason?: unknown): void {
    this.#isFinished = true;
    this.#repair.cancel(reason);
  }

  #sentFor({ output_index, content_index }: Event): Annotation[] {
    const key = `${output_index}/${content_index}`;
    const sent = this.#sent.get(key) ?? [];
    this.#sent.set(key, sent);
    return sent;
  }

  #takeText(event: Event, before: () => unknown): readonly Event[] | Promise<readonly Event[]> {
    const position = positionOf(event);
    if (!position || typeof event.text !== "string") return [event];
    const sent = this.#sentFor(event);
    const missing = this.#repair.missingOf(position, event.text, sent);
    const insert = (citations: readonly ContainerFileCitation[]): readonly Event[] => [
      ...citations.map((annotation, added) => ({
        type: "response.output_text.annotation.added",
        // The number of the event before it: whoever resumes behind an inserted event loses none of the API's.
        ...("sequence_number" in event && { sequence_number: before() ?? Number(event.sequence_number) - 1 }),
        item_id: event.item_id,
        output_index: event.output_index,
        content_index: event.content_index,
        annotation_index: sent.length + added,
        annotation,
      })),
      event,
    ];
    return andThen(missing, insert);
  }

  #takePart(event: Event): readonly Event[] | Promise<readonly Event[]> {
    const { part } = event;
    const position = positionOf(event);
    if (!position || !isOutputText(part)) return [event];
    const repaired = andThen(completeAnnotations(this.#repair, position, part), (annotations) =>
      annotations ? copyWith(part, { annotations }) : part,
    );
    return replace(event, "part", repaired);
  }

  #takeFinal(event: Event, response: Record<string, unknown>): readonly Event[] | Promise<readonly Event[]> {
    return andThen(replace(event, "response", repairOutput(this.#repair, response)), (events) => {
      this.finish();
      return events;
    });
  }
}

/** The event with one property repaired; its own object where nothing was. */
function replace(event: Event, key: string, repaired: unknown): readonly Event[] | Promise<readonly Event[]> {
  return andThen(repaired, (value) => [value === event[key] ? event : { ...event, [key]: value }]);
}

function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function positionOf({
  output_index: outputIndex,
  content_index: contentIndex,
}: Event): PartPosition | undefined {
  return isIndex(outputIndex) && isIndex(contentIndex) ? { outputIndex, contentIndex } : undefined;
}

/**
 * Adds the citations that a streamed response lacks, as events and in the events that repeat them. Each event goes
 * out before the next is asked for; only `response.output_text.done` may wait, and only where a citation is missing.
 *
 * @param events the events of one response, from any transport: an SDK's stream, a WebSocket, a file.
 * @param source the container's files, a function that lists them, or an OpenAI client.
 * @returns the events. Those that nothing was added to are the very objects that came in.
 * @throws {TypeError} when `events` cannot be iterated, `source` is none or an option is wrong.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { repairResponseStream } from "openai-file-citations";
 *
 * const client = new OpenAI();
 * const events = await client.responses.create({ model: "gpt-5", input: "…", stream: true });
 * for await (const event of repairResponseStream(events, client)) {
 *   if (event.type === "response.output_text.annotation.added") console.log(event.annotation);
 * }
 * ```
 */
export function repairResponseStream<StreamEvent extends { type: string }>(
  events: AsyncIterable<StreamEvent> | Iterable<StreamEvent>,
  source: FileSource,
  options: RepairOptions = {},
): AsyncGenerator<StreamEvent, void, undefined> {
  const isIterable =
    typeof events === "object" &&
    events !== null &&
    (Symbol.asyncIterator in events || Symbol.iterator in events);
  if (!isIterable) throw badInput("events", "an iterable or async iterable of response events", events);
  return repairEvents(events, new StreamRepair(new ResponseRepair(contextOf(source, options))));
}

async function* repairEvents<StreamEvent extends { type: string }>(
  events: AsyncIterable<StreamEvent> | Iterable<StreamEvent>,
  stream: StreamRepair,
): AsyncGenerator<StreamEvent, void, undefined> {
  let before: unknown;
  let isDone = false;
  try {
    for await (const event of events) {
      const taken = isRead(event.type) ? stream.take(event, () => before) : [event];
      // What comes in place of an event is of its kind: the same union of events.
      for (const next of taken instanceof Promise ? await taken : taken) yield next as StreamEvent;
      before = "sequence_number" in event ? event.sequence_number : undefined;
    }
    isDone = true;
  } finally {
    if (!isDone) stream.cancel();
  }
  stream.finish();
}
