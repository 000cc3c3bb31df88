/** Adds the missing citations to a stream of response events. */

import type { FileSource } from "../containers/listing.js";
import { badInput } from "../errors.js";
import { contextOf, type RepairOptions } from "../responses/repair.js";
import { FileCitationsError } from "../responses/report.js";
import { Lane, Lanes } from "./lanes.js";
import { Messages, type Owners } from "./messages.js";

/**
 * Adds the citations that a streamed response lacks: as `response.output_text.annotation.added` events, and in the later events
 * that repeat a text's annotations. If an event does not have to wait, it is passed on before the next event is read.
 *
 * Without the option `links`, only the events that end a text, a message or the response can wait for a container's file list.
 * While such an event waits, all later events of the response wait too.
 *
 * `response.output_text.done`, `response.content_part.done` and `response.output_item.done` also wait for the event after the
 * message, but for at most `timeoutMs`. They wait in these cases:
 *
 * - No call comes before the text.
 * - A file is still missing.
 * - The option `unmentioned` is `"cite"` or a function.
 *
 * A connection can carry several responses. Each one is repaired separately and does not wait for the list of another. Only an
 * event that may belong to several responses waits for all of them.
 *
 * @param events the events of one response or of a connection, for example from an SDK stream, a WebSocket or a file.
 * Messages of the SDK's `ResponsesWS`, `{ type: "message", message: event }`, stay messages. Values that are not response
 * events pass unchanged.
 * @param source the container files, a function that lists them, or an OpenAI client.
 * @returns the events. An event without additions is the same object that came in.
 * @throws {TypeError} if `events` is not iterable, `source` is not a file source, or an option is invalid.
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
  // The cast is safe: all outputs are input events, copies of them or annotation events, which the caller's type includes.
  return repairEvents(events, new Lanes(contextOf(source, options))) as AsyncGenerator<StreamEvent>;
}

/** The maximum number of input events whose output is buffered while lanes wait for file lists. */
const MOST_WAITING = 10_000;

async function* repairEvents(
  events: AsyncIterable<unknown> | Iterable<unknown>,
  lanes: Lanes,
): AsyncGenerator<unknown, void, undefined> {
  const source = new Source(events);
  const messages = new Messages(lanes);
  const waiting = new Waiting();
  try {
    yield* passEvents(source, messages, waiting, lanes);
    while (waiting.size > 0) yield* await waiting.first();
    for (const { stream } of lanes.open) yield* messages.wrap(await stream.end());
  } catch (error) {
    if (!(error instanceof FileCitationsError)) source.isEnded = true;
    // Events that are still held or waiting are sent before the error is thrown. Held events are sent unchanged.
    const { open } = lanes;
    for (const { stream } of open) stream.breakOff(error);
    while (waiting.size > 0) yield* await waiting.first().catch(() => []);
    // A failed lane may already be closed. `open` has no closed lanes, so the failed lanes are added.
    for (const { stream } of new Set([...messages.failed, ...open]))
      yield* messages.wrap(stream.break(error));
    throw error;
  } finally {
    for (const { stream } of lanes.open) stream.cancel();
    await source.close();
  }
}

/** Passes events on until the source ends. Leaves output in `waiting` if a file list for this output has not arrived yet. */
async function* passEvents(
  source: Source,
  messages: Messages,
  waiting: Waiting,
  lanes: Lanes,
): AsyncGenerator<unknown, void, undefined> {
  for (;;) {
    const read = await nextOf(source, waiting, lanes);
    if (Array.isArray(read)) {
      yield* read;
      continue;
    }
    const value = source.accept(read);
    if (source.isEnded) return;
    // Fast path: nearly all events are deltas that do not have to be inspected.
    if (waiting.size === 0 && messages.passes(value)) {
      yield value;
      continue;
    }
    const wereApart = lanes.areApart; // at a response's final event, `take` can set `areApart` to false
    const { of, taken } = messages.take(value);
    if (mustQueue(of, taken, waiting, wereApart || lanes.areApart)) waiting.add(of, taken);
    else yield* taken instanceof Promise ? await taken : taken;
  }
}

/**
 * Returns what comes first: the next event of `source`, the events of a waiting lane, or a lane that has held text for too
 * long.
 */
function nextOf(
  source: Source,
  waiting: Waiting,
  { overdue }: Lanes,
): Promise<IteratorResult<unknown> | unknown[] | Lane> {
  const next = (): Promise<IteratorResult<unknown> | Lane> =>
    overdue ? Promise.race([source.next(), overdue]) : source.next();
  if (waiting.size === 0) return next();
  const following = waiting.size < MOST_WAITING ? next() : undefined;
  // Prevents an unhandled-rejection warning. If output in `waiting` is ready before the next event, this call does not await
  // `following`. The next call gets the same promise from `source` and handles the error.
  following?.catch(() => {});
  return waiting.first(following);
}

/**
 * Returns whether the output for an event goes into `waiting`. While the output waits there, events of other lanes are read. A
 * stream with a single response has no other lanes, so its output is awaited directly.
 */
function mustQueue(
  of: Owners,
  taken: unknown[] | Promise<unknown[]>,
  waiting: Waiting,
  areApart: boolean,
): boolean {
  if (!areApart && waiting.size === 0) return false;
  return taken instanceof Promise || of.some((lane) => waiting.has(lane));
}

/** Reads an iterable event by event. */
class Source {
  /** The pending read, or a finished read whose event was not used yet. */
  reading: Promise<IteratorResult<unknown>> | undefined;
  isEnded = false;
  readonly #iterator: AsyncIterator<unknown>;

  constructor(events: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#iterator = Symbol.asyncIterator in events ? events[Symbol.asyncIterator]() : iterate(events);
  }

  next(): Promise<IteratorResult<unknown>> {
    this.reading ??= this.#iterator.next();
    return this.reading;
  }

  /** Returns the value of a finished read, and sets `isEnded` if the iterable has ended. If `read` is a lane, returns it. */
  accept(read: IteratorResult<unknown> | Lane): unknown {
    if (read instanceof Lane) return read;
    this.reading = undefined;
    this.isEnded = read.done === true;
    return read.value;
  }

  /** Closes the source unless it has ended. Does not wait if a read is pending, because the read may never finish. */
  async close(): Promise<void> {
    if (this.isEnded) return;
    const closing = this.#iterator.return?.();
    if (!this.reading) await closing;
    else for (const pending of [this.reading, closing]) pending?.catch(() => {});
  }
}

/** Turns an iterable of values or promises into an async iterator. */
async function* iterate(values: Iterable<unknown>): AsyncGenerator<unknown, void, undefined> {
  for await (const value of values) yield value;
}

/**
 * Queues pending output. Within a lane (see lanes.ts), outputs keep their order. Across lanes, the output that is ready first
 * leaves the queue first.
 */
class Waiting {
  /** The number of entries that were added and not taken out yet. */
  size = 0;
  readonly #ready: { of: Owners; taken: Promise<unknown[]> }[] = [];
  /** The last entry of each lane that has entries in the queue. */
  readonly #latest = new Map<Lane | undefined, Promise<unknown[]>>();
  #wake: () => void = () => {};

  /** Returns whether the queue holds output of a lane. */
  has(lane: Lane | undefined): boolean {
    return this.#latest.has(lane);
  }

  /** Adds the output for one event. `of`: the lanes to which the event can belong. Their earlier output comes first. */
  add(of: Owners, events: unknown[] | Promise<unknown[]>): void {
    this.size++;
    const before = of.map((lane) => this.#latest.get(lane));
    const taken = (async () => {
      for (const earlier of before) await earlier?.catch(() => {});
      return events;
    })();
    for (const lane of of) this.#latest.set(lane, taken);
    const settle = (): void => {
      this.#ready.push({ of, taken });
      this.#wake();
    };
    taken.then(settle, settle);
  }

  /** Returns the first output that is ready, or the value of `other` if `other` resolves first. Rejects if the output rejects. */
  async first(): Promise<unknown[]>;
  async first<Other>(other: Promise<Other> | undefined): Promise<unknown[] | Other>;
  async first<Other>(other?: Promise<Other>): Promise<unknown[] | Other> {
    if (this.#ready.length === 0) {
      const woken = new Promise<undefined>((resolve) => {
        this.#wake = () => resolve(undefined);
      });
      const value = await Promise.race(other ? [woken, other] : [woken]);
      if (value !== undefined) return value;
    }
    this.size--;
    const { of, taken } = this.#ready.shift()!;
    for (const lane of of) if (this.#latest.get(lane) === taken) this.#latest.delete(lane);
    return taken;
  }
}
