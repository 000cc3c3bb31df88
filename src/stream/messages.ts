/**
 * Takes the events out of the messages of the SDK's `ResponsesWS`, and puts the repaired events back into messages. One
 * connection can carry several lanes. A lane is a sequence of responses that come one after the other (see lanes.ts).
 */
import { isRecord } from "../errors.js";
import { andThen } from "../promises.js";
import type { Event, Taken } from "./events.js";
import { Lane, type Lanes } from "./lanes.js";

/** The lane of a value, or all lanes that the value can belong to. Contains `undefined` if the value belongs to no lane. */
export type Owners = readonly (Lane | undefined)[];

/** Types of the `ResponsesWS` messages that report on the connection and hold no event of the API. */
const OF_CONNECTION: ReadonlySet<unknown> = new Set([
  "connecting",
  "open",
  "close",
  "reconnecting",
  "reconnected",
  "raw",
]);

/** Repairs plain events and events inside `ResponsesWS` messages. Events that came inside messages stay inside messages. */
export class Messages {
  readonly #lanes: Lanes;
  /** The `ResponsesWS` message that contained each event. */
  readonly #messageOf = new WeakMap<Event, Event>();
  /** The latest `ResponsesWS` message. An inserted event is sent in a copy of this message. */
  #latest: Event | undefined;

  /** The lanes of the values for which `take` has failed. */
  readonly failed: Lane[] = [];

  /** Lanes that were dropped, with the events that they held. These events are sent before the next event. */
  readonly #dropped: { lane: Lane; held: Taken }[] = [];

  constructor(lanes: Lanes) {
    this.#lanes = lanes;
    lanes.onDrop = (lane, error) => void this.#dropped.push({ lane, held: lane.break(error) });
  }

  /** Returns true if the stream has one response and the value is a delta that can be sent unchanged. Records such a delta. */
  passes(value: unknown): boolean {
    const { type, stream_id, sequence_number } = Object(value) as Event;
    if (type !== "response.output_text.delta" || stream_id !== undefined || this.#lanes.areApart)
      return false;
    const { latest } = this.#lanes;
    if (latest.stream.isHolding || latest.stream.isWatching || latest.stream.isLinking) return false;
    if (latest.stream.isSumming) latest.stream.sum(value as Event);
    latest.numberBefore = sequence_number;
    latest.isUsed = true;
    return true;
  }

  /**
   * Returns the output for a value of the stream, and the lanes to which the value belongs or can belong. `value` can also be a
   * lane. In this case, the output is what this lane has held for too long. The output is a promise only if it is not ready yet.
   */
  take(value: unknown): { of: Owners; taken: unknown[] | Promise<unknown[]> } {
    if (value instanceof Lane) {
      return { of: [value], taken: andThen(value.takeOverdue(), (events) => this.wrap(events)) };
    }
    const event = this.#eventIn(value);
    if (event) {
      const found = this.#lanes.of(event);
      const lanes = found instanceof Lane ? [found] : found;
      const dropped = this.#dropped.splice(0);
      const held = dropped.map((drop) => drop.held);
      const taken = this.#noteFailure(lanes, () =>
        found instanceof Lane ? found.take(event) : afterHeld(found, event),
      );
      return {
        of: [...dropped.map(({ lane }) => lane), ...lanes],
        taken: andThen(inOrder([...held, taken]), (events) => this.wrap(events)),
      };
    }
    // The value is not an event of a response. If the stream has one response, the value must not overtake the held events of
    // this response. If the stream has several responses, the value waits for none of them.
    if (this.#lanes.areApart || !this.#lanes.hasBegun) return { of: [undefined], taken: [value] };
    const held = this.#lanes.latest.stream.release();
    return { of: [undefined], taken: andThen(held, (events) => [...this.wrap(events), value]) };
  }

  /** Calls `take`. If it throws or rejects, adds the lanes to `failed`. */
  #noteFailure(lanes: readonly Lane[], take: () => Taken): Taken {
    const note = (error: unknown): never => {
      this.failed.push(...lanes);
      throw error;
    };
    try {
      const taken = take();
      return taken instanceof Promise ? taken.catch(note) : taken;
    } catch (error) {
      return note(error);
    }
  }

  wrap(events: readonly Event[]): unknown[] {
    const latest = this.#latest;
    if (!latest) return events as unknown[];
    return events.map((event) => this.#messageOf.get(event) ?? { ...latest, message: event });
  }

  #eventIn(value: unknown): Event | undefined {
    if (!isRecord(value)) return undefined;
    const { type, message } = value;
    if (type === "message" && isRecord(message) && typeof message.type === "string") {
      this.#messageOf.set(message, value);
      this.#latest = value;
      return message;
    }
    // `ResponsesWS` puts the API's errors into messages. So after a message, an `error` event outside a message is about the
    // connection. If no message has come, an `error` event is about the connection only if it contains an Error object.
    const isSocketError = type === "error" && (this.#latest !== undefined || value.error instanceof Error);
    return OF_CONNECTION.has(type) || isSocketError ? undefined : value;
  }
}

/** Joins the outputs of several lanes in the order of the array. */
function inOrder(outputs: readonly Taken[]): Taken {
  const [only] = outputs;
  if (outputs.length === 1) return only!;
  return Promise.all(outputs).then((all) => all.flat());
}

/** Returns the events that the lanes hold, followed by `event`, which can belong to any of these lanes. */
function afterHeld(lanes: readonly Lane[], event: Event): Taken {
  const held = lanes.filter(({ stream }) => stream.isHolding).map((lane) => lane.release());
  if (held.length === 0) return [event];
  return Promise.all(held).then((events) => [...events.flat(), event]);
}
