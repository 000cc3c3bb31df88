/** Assigns the interleaved events of one connection to their responses. Each response has its own repair. */
import { isRecord } from "../errors.js";
import type { RepairContext } from "../responses/response-repair.js";
import { type Event, FINAL, type Taken } from "./events.js";
import { StreamRepair } from "./stream-repair.js";

/** The maximum number of open lanes. The limit bounds the memory if a peer opens lanes and never ends them. */
const MOST_LANES = 256;

/** Repairs a sequence of responses whose events arrive in order. */
export class Lane {
  readonly stream: StreamRepair;
  /** The sequence number of the latest event. */
  numberBefore: unknown;
  /** Resolves when no event waits any more. `undefined` if no event waits. */
  #busy: Promise<unknown> | undefined;

  constructor(context: RepairContext) {
    this.stream = new StreamRepair(context);
  }

  /** Returns the events to send in place of `event`. These events are ready only after the output for earlier events. */
  take(event: Event): Taken {
    const number = this.numberBefore;
    this.numberBefore = "sequence_number" in event ? event.sequence_number : undefined;
    const take = (): Taken => takeEvent(this.stream, event, () => number);
    const taken = this.#busy ? this.#busy.then(take) : take();
    if (!(taken instanceof Promise)) return taken;
    const busy = taken
      .catch(() => {}) // the caller of take() handles the error
      .then(() => {
        if (this.#busy === busy) this.#busy = undefined;
      });
    this.#busy = busy;
    return taken;
  }

  /** Resolves when no event waits any more. */
  async idle(): Promise<void> {
    while (this.#busy) await this.#busy;
  }
}

/**
 * Returns the events to send in place of an event of any type. A delta is only scanned for paths. An event that the repair
 * does not have to read passes unchanged, unless earlier events are held.
 */
export function takeEvent(stream: StreamRepair, event: Event, numberBefore: () => unknown): Taken {
  if (event.type === "response.output_text.delta" && stream.isWatching) stream.watch(event);
  return stream.mustTake(event.type) ? stream.take(event, numberBefore) : [event];
}

/**
 * The lanes of a connection. On a WebSocket, an event names its lane (`stream_id`). Without a `stream_id`, the ids of responses
 * and items in an event identify its response.
 */
export class Lanes {
  readonly #context: RepairContext;
  /** Named lanes, the most recently used last. */
  readonly #byName = new Map<string, Lane>();
  /** Unnamed lanes by response id. */
  readonly #byResponse = new Map<string, Lane>();
  readonly #byItem = new Map<unknown, Lane>();
  /** All lanes whose response has not ended. */
  readonly #open = new Set<Lane>();
  /** The unnamed lane whose response began last. */
  #latest: Lane | undefined;
  #areNamed = false;
  #hasBegun = false;

  constructor(context: RepairContext) {
    this.#context = context;
  }

  /** The folders whose paths are looked for in the text. */
  get roots(): readonly string[] {
    return this.#context.settings.roots;
  }

  /** Whether several responses can be in progress. If true, every event has to be parsed. */
  get areApart(): boolean {
    return this.#areNamed || this.#byResponse.size > 1;
  }

  /** The unnamed lane whose response began last. It is the only lane unless `areApart` is true. */
  get latest(): Lane {
    this.#latest ??= this.#begin();
    return this.#latest;
  }

  /** Resolves with a lane that has held text for too long. `undefined` if no lane holds text. */
  get overdue(): Promise<Lane> | undefined {
    const waiting = [...this.#open].flatMap((lane) => lane.stream.overdue?.then(() => lane) ?? []);
    return waiting.length > 0 ? Promise.race(waiting) : undefined;
  }

  /** All lanes whose response has not ended. A stream without events gets a lane, so that it gets a report too. */
  get open(): readonly Lane[] {
    if (!this.#hasBegun) this.#begin();
    return [...this.#open];
  }

  /** Returns the lane of an event, or `undefined` if several are open and the event does not identify one. */
  of(event: Event): Lane | undefined {
    if (typeof event.stream_id === "string") return this.#named(event.stream_id, event);
    const { response, item } = event;
    if (isRecord(response) && typeof response.id === "string") return this.#ofResponse(event, response.id);
    const itemId = isRecord(item) ? item.id : event.item_id;
    const lane = this.#byItem.get(itemId) ?? this.#laneByNumber(event);
    if (lane && isRecord(item) && typeof itemId === "string") this.#byItem.set(itemId, lane);
    if (lane && event.type === "error") this.#forget(lane);
    return lane;
  }

  /**
   * Returns the only lane. If there are several, returns the lane that expects the event's sequence number next. Returns
   * `undefined` if no lane or several lanes expect this number: each response counts its own events.
   */
  #laneByNumber({ sequence_number: number }: Event): Lane | undefined {
    if (this.#byResponse.size <= 1) return this.latest;
    const lanes = [...this.#byResponse.values()].filter(
      ({ numberBefore }) => Number(numberBefore) + 1 === number,
    );
    return lanes.length === 1 ? lanes[0] : undefined;
  }

  #named(name: string, event: Event): Lane {
    this.#areNamed = true;
    const lane = this.#byName.get(name) ?? this.#begin();
    this.#byName.delete(name);
    if (FINAL.has(event.type)) this.#end(lane);
    else this.#byName.set(name, lane);
    this.#limit(this.#byName);
    return lane;
  }

  #ofResponse(event: Event, id: string): Lane {
    const lane = this.#byResponse.get(id) ?? this.#unknown(event, id);
    if (event.type === "response.created") this.#latest = lane;
    if (FINAL.has(event.type)) this.#forget(lane);
    return lane;
  }

  /** Returns the lane of an unknown response id. Some gateways change the id midway, so only `response.created` begins a lane. */
  #unknown({ type }: Event, id: string): Lane {
    const isOnly =
      this.#byResponse.size === 0 || (this.#byResponse.size === 1 && type !== "response.created");
    const lane = isOnly ? this.latest : this.#begin();
    if (isOnly) removeValue(this.#byResponse, lane);
    this.#byResponse.set(id, lane);
    this.#limit(this.#byResponse);
    return lane;
  }

  /** Drops the lane of a response that has ended. The last remaining lane stays for the next response. */
  #forget(lane: Lane): void {
    removeValue(this.#byResponse, lane);
    removeValue(this.#byItem, lane);
    const latest = [...this.#byResponse.values()].at(-1);
    if (lane !== this.#latest) this.#end(lane);
    else if (latest) {
      this.#end(lane);
      this.#latest = latest;
    }
  }

  #begin(): Lane {
    this.#hasBegun = true;
    const lane = new Lane(this.#context);
    this.#open.add(lane);
    return lane;
  }

  /** Closes a lane after its final event has been sent. */
  #end(lane: Lane): void {
    queueMicrotask(() => void lane.idle().then(() => this.#open.delete(lane)));
  }

  #limit(lanes: Map<string, Lane>): void {
    if (lanes.size <= MOST_LANES) return;
    const [name, oldest] = lanes.entries().next().value!;
    lanes.delete(name);
    removeValue(this.#byItem, oldest);
    this.#open.delete(oldest);
    oldest.stream.break(
      new Error(`more than ${MOST_LANES} responses are in progress: the oldest one is no longer repaired`),
    );
  }
}

function removeValue<Key>(map: Map<Key, Lane>, value: Lane): void {
  for (const [key, other] of map) if (other === value) map.delete(key);
}
