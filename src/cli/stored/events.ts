/**
 * Repairs those records of an input that hold one stream event each. The events can belong to several responses. A lane
 * repairs responses that follow one another. If the events of two responses are interleaved, each of the two has its own lane.
 */
import { editJson } from "../../http/json-edit.js";
import { andThen } from "../../promises.js";
import type { RepairContext } from "../../responses/response-repair.js";
import type { Event } from "../../stream/events.js";
import { Lane, Lanes } from "../../stream/lanes.js";
import type { Report } from "../../types.js";
import { OpenLanes } from "./open-lanes.js";
import { asBuffer, type Repaired } from "./piece.js";
import type { Later } from "./window.js";

/** An event whose record is not repaired yet. */
interface Pending {
  event: Event;
  bytes: Buffer;
  /** Events can be inserted before this record. This text, such as a newline, is written after each inserted event. */
  separator: string;
  /** Called with the repaired record. */
  resolve: (repaired: Repaired) => void;
}

export class EventRecords {
  readonly #lanes: Lanes;
  /** The reports that were not returned in a `Repaired` yet. */
  readonly #reports: Report[] = [];
  /**
   * For each lane, the records that are not repaired yet. They are the records that the lane holds, and the latest record while
   * the lane works on it.
   */
  readonly #pending = new Map<Lane, Pending[]>();
  /** The lanes whose response has not ended. */
  readonly #inside = new OpenLanes();
  /**
   * The lanes that are no longer repaired, with the reason. Either too many responses have not ended, or an event could belong to
   * several responses.
   */
  readonly #dropped: { lane: Lane; error: Error }[] = [];
  /**
   * Resolves when the work of the latest call of `take` or `release` has ended; `undefined` if no work is running. These calls
   * are handled one after the other.
   */
  #before: Promise<unknown> | undefined;

  constructor(context: RepairContext) {
    const onReport = (report: Report): void => void this.#reports.push(report);
    this.#lanes = new Lanes({ ...context, settings: { ...context.settings, onReport } });
    this.#lanes.onDrop = (lane, error) => void this.#dropped.push({ lane, error });
  }

  /**
   * Repairs the record of an event. If only a later event can show whether this event needs a citation, the record is held until
   * then.
   */
  take(event: Event, bytes: Buffer, separator: string): Repaired | Promise<Repaired | Later<Repaired>> {
    return this.#inTurn((): Repaired | Promise<Repaired | Later<Repaired>> => {
      let repaired: Repaired | undefined;
      let settle: ((value: Repaired) => void) | undefined;
      const resolve = (value: Repaired): void => {
        repaired = value;
        settle?.(value);
      };
      const taken = this.#take({ event, bytes, separator, resolve });
      const result = andThen<void, Repaired | Later<Repaired>>(taken, () => {
        if (repaired) return repaired;
        const later = new Promise<Repaired>((done) => {
          settle = done;
        });
        return { later };
      });
      return "later" in result
        ? Promise.resolve(result)
        : (result as Repaired | Promise<Repaired | Later<Repaired>>);
    });
  }

  /** Repairs the held records now, without waiting for later events that could show whether they lack a citation. */
  release(): void | Promise<void> {
    return this.#inTurn(() => this.#release([...this.#pending.keys()]));
  }

  /** True if more events of a response may follow: its final event has not come, or an event is still being repaired. */
  get mayBeInside(): boolean {
    return this.#inside.size > 0 || this.#before !== undefined;
  }

  /**
   * Call this at the input's end. Returns the reports of the responses that were cut off, and the citation events that were
   * recovered for these responses. Write these events after all other events of the input.
   */
  async end(): Promise<Repaired | undefined> {
    await this.#before;
    if (this.#inside.size === 0) return undefined;
    let left = "";
    for (const lane of this.#inside.lanes)
      for (const event of await this.#end(lane)) left += `${JSON.stringify(event)}\n`;
    return { bytes: Buffer.from(left), reports: this.#reports.splice(0) };
  }

  /** Runs `take` when all work that was started earlier has ended. */
  #inTurn<Value, Later>(take: () => Value | Promise<Later>): Value | Promise<Value | Later> {
    const taken = this.#before ? this.#before.then<Value | Later>(take) : take();
    if (taken instanceof Promise) {
      const settled: Promise<unknown> = taken.then(() => {
        if (this.#before === settled) this.#before = undefined;
      });
      this.#before = settled;
    }
    return taken;
  }

  #take(pending: Pending): void | Promise<void> {
    const { event } = pending;
    const failed = this.#inside.failedBefore(event);
    if (failed.length > 0) return this.#endAll(failed).then(() => this.#take(pending));
    const found = this.#lanes.of(event);
    const cut = this.#dropped.length > 0 ? this.#drop() : undefined;
    return andThen(cut, () => this.#takeIn(found, pending));
  }

  #takeIn(found: Lane | readonly Lane[], pending: Pending): void | Promise<void> {
    const { event } = pending;
    const lanes = found instanceof Lane ? [found] : found;
    if (!(found instanceof Lane) || found.isClosed) {
      // The event is not repaired: it has no lane, its lane is closed, or it could belong to several lanes. The earlier
      // records that `lanes` still hold are released first.
      if (found instanceof Lane) found.numberBefore = event.sequence_number;
      for (const lane of lanes) if (lane.isClosed) this.#lanes.rest(lane);
      return andThen(this.#release(lanes), () => pending.resolve(this.#repaired(pending.bytes)));
    }
    const silent = this.#inside.note(found, event, this.#lanes.areInterleaved);
    for (const lane of silent.resting) this.#lanes.rest(lane);
    this.#pending.set(found, [...this.#pendingOf(found), pending]);
    const taken = (): void | Promise<void> => this.#settled(found, () => found.take(event));
    if (silent.cutOff.length === 0) return taken();
    for (const lane of silent.cutOff) this.#lanes.close(lane);
    return this.#endAll(silent.cutOff).then(taken);
  }

  async #endAll(lanes: readonly Lane[]): Promise<void> {
    for (const lane of lanes) await this.#end(lane);
  }

  /**
   * Ends a lane whose response was cut off, so that the response is reported. Resolves the records that the lane holds. Returns
   * the inserted citation events that come after the last of these records.
   */
  async #end(lane: Lane): Promise<readonly Event[]> {
    this.#inside.delete(lane);
    return this.#settle(lane, await lane.stream.end());
  }

  /** Resolves the records of the lanes in `#dropped`. Does not change the bytes of these records. */
  #drop(): void | Promise<void> {
    // Only lanes in `#inside` have a response that has not been reported yet.
    const dropped = this.#dropped.splice(0).filter(({ lane }) => this.#inside.lanes.includes(lane));
    const settled = dropped.map(({ lane, error }) => {
      this.#inside.delete(lane);
      return this.#settled(lane, () => lane.break(error));
    });
    return settled.some((wait) => wait instanceof Promise) ? Promise.all(settled).then(() => {}) : undefined;
  }

  #release(lanes: readonly Lane[]): void | Promise<void> {
    const holding = lanes.filter((lane) => this.#pending.has(lane));
    if (holding.length === 0) return undefined;
    const released = holding.map((lane) => this.#settled(lane, () => lane.release()));
    return Promise.all(released).then(() => {});
  }

  /**
   * Resolves the records of the events that `take` returns. Only a bug can make `take` fail. Then this method resolves all
   * records of the lane, and does not change their bytes.
   */
  #settled(lane: Lane, take: () => readonly Event[] | Promise<readonly Event[]>): void | Promise<void> {
    const giveUp = (): void => {
      this.#settle(
        lane,
        this.#pendingOf(lane).map(({ event }) => event),
      );
    };
    try {
      const taken = andThen(take(), (events): void => void this.#settle(lane, events));
      return taken instanceof Promise ? taken.catch(giveUp) : taken;
    } catch {
      return giveUp();
    }
  }

  /**
   * Resolves the records of the events that a lane has returned. An event belongs to the next pending record if both have the
   * same type. The lane inserted all other events. They are written before the next record. Returns the inserted events that
   * come after the last record.
   */
  #settle(lane: Lane, events: readonly Event[]): readonly Event[] {
    const pending = [...this.#pendingOf(lane)];
    const ready: (() => void)[] = [];
    let inserted: Event[] = [];
    for (const event of events) {
      const own = pending[0]?.event.type === event.type ? pending.shift() : undefined;
      if (!own) {
        inserted.push(event);
        continue;
      }
      const bytes = written(inserted, event, own);
      const isLast = pending.length === 0 || event === events.at(-1);
      ready.push(() =>
        own.resolve(isLast ? this.#repaired(bytes) : { bytes, reports: [], isInsideStream: true }),
      );
      inserted = [];
    }
    if (pending.length > 0) this.#pending.set(lane, pending);
    else this.#pending.delete(lane);
    for (const resolve of ready) resolve();
    return inserted;
  }

  #pendingOf(lane: Lane): readonly Pending[] {
    return this.#pending.get(lane) ?? [];
  }

  #repaired(bytes: Buffer): Repaired {
    return { bytes, reports: this.#reports.splice(0), isInsideStream: this.#inside.size > 0 };
  }
}

/** Returns the bytes of the inserted events, then the bytes of `event`. In the bytes of `event`, only the citations change. */
function written(
  inserted: readonly Event[],
  event: Event,
  { event: before, bytes, separator }: Pending,
): Buffer {
  const own = asBuffer(editJson(bytes, before, event));
  if (inserted.length === 0) return own;
  return Buffer.concat([
    Buffer.from(inserted.map((added) => JSON.stringify(added) + separator).join("")),
    own,
  ]);
}
