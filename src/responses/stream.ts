/** A stream of events in, the same with the missing citations out. */
import { badInput, isRecord } from "../bad-input.js";
import type { FileSource } from "./lookup.js";
import { contextOf, type RepairOptions } from "./repair.js";
import { type Event, isRead, type Taken } from "./stream-events.js";
import { StreamRepair } from "./stream-repair.js";

/**
 * Adds the citations that a streamed response lacks, as events and in the events that repeat them. Each event goes
 * out before the next is asked for; only `response.output_text.done` may wait, and only where a citation is missing.
 * (With `unmentioned: "cite"`, the three events that end a message wait for the one behind them.)
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
  return repairEvents(events, new StreamRepair(contextOf(source, options)));
}

/** What goes out in place of an event of any kind: a delta is looked at, and what need not be read passes. */
export function takeEvent(stream: StreamRepair, event: Event, numberBefore: () => unknown): Taken {
  if (event.type === "response.output_text.delta" && stream.isWatching) stream.watch(event);
  return isRead(event.type) || stream.isHolding ? stream.take(event, numberBefore) : [event];
}

async function* repairEvents<StreamEvent extends { type: string }>(
  events: AsyncIterable<StreamEvent> | Iterable<StreamEvent>,
  stream: StreamRepair,
): AsyncGenerator<StreamEvent, void, undefined> {
  let numberBefore: unknown;
  try {
    for await (const event of events) {
      if (!isRecord(event)) {
        for (const held of await stream.release()) yield held as StreamEvent;
        yield event; // no event, whatever it is: nothing to repair, nothing to fail for
        continue;
      }
      const taken = takeEvent(stream, event, () => numberBefore);
      // What comes in place of an event is of its kind: the same union of events.
      for (const next of taken instanceof Promise ? await taken : taken) yield next as StreamEvent;
      numberBefore = "sequence_number" in event ? event.sequence_number : undefined;
    }
    for (const next of await stream.end()) yield next as StreamEvent;
  } catch (error) {
    for (const held of stream.break(error)) yield held as StreamEvent;
    throw error;
  } finally {
    stream.cancel();
  }
}
