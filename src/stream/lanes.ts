/**
 * Assigns the interleaved events of one connection to lanes. The responses of one lane come one after the other, and each lane
 * has its own repair.
 * This file is long because all code that assigns an event to its response is in one place.
 */
import { isRecord } from "../errors.js";
import type { RepairContext } from "../responses/response-repair.js";
import { type Event, FINAL, isRead, type Taken } from "./events.js";
import { StreamRepair } from "./stream-repair.js";

/** The maximum number of open lanes. The limit bounds the memory if a peer opens lanes and never ends them. */
const MOST_LANES = 256;
/** The maximum number of item ids whose lanes are remembered. The limit bounds the memory of a stream that never ends. */
const MOST_ITEMS = 10_000;
/** The events that begin a response. */
const BEGINNINGS: ReadonlySet<unknown> = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
]);
/**
 * The maximum size of a lane's `#uncertain`, a set of sequence numbers. If the set grows larger, the lane forgets all its
 * sequence numbers. Then it accepts an event with any number.
 */
const MOST_NUMBERS = 1000;

/** Repairs a sequence of responses whose events arrive in order. */
export class Lane {
  readonly stream: StreamRepair;
  /** The sequence number of the latest event. */
  numberBefore: unknown;
  /**
   * True once the lane was closed, because its response was cut off. A closed lane without a name still gets late events of this
   * response. These events are not repaired.
   */
  isClosed = false;
  /** True once an event of a response belonged to this lane. */
  isUsed = false;
  /** True if the lane got an event that could also belong to a resting lane (see `Lanes.rest`). */
  isDoubtful = false;
  /** True once the beginning of the lane's first response was seen, or its absence was reported. */
  #isBegun = false;
  /**
   * The sequence numbers of the events since `numberBefore` that may belong to this lane or to another one. The lane's next event
   * may follow any of them.
   */
  readonly #uncertain = new Set<number>();
  #busy: Promise<unknown> | undefined;

  constructor(context: RepairContext) {
    this.stream = new StreamRepair(context);
    this.stream.latestNumber = () => this.numberBefore;
  }

  /** True if the latest event's sequence number is known. If false, the next event can have any number. */
  get isCounted(): boolean {
    return typeof this.numberBefore === "number";
  }

  /** Returns whether an event can be this lane's next event, judging by its sequence number. */
  mayExpect({ type, sequence_number: number }: Event): boolean {
    if (!this.isCounted || typeof number !== "number") return true;
    const isLatest = (before: number): boolean => before === this.numberBefore || this.#uncertain.has(before);
    // In a stream that was repaired before, an inserted event repeats the number of the event before it.
    return isLatest(number - 1) || (type === "response.output_text.annotation.added" && isLatest(number));
  }

  /** Records an event that may belong to this lane or to another one. */
  noteUncertain({ sequence_number: number }: Event): void {
    if (typeof number === "number") this.#uncertain.add(number);
    if (this.#uncertain.size > MOST_NUMBERS) this.lose();
  }

  /**
   * Empties `#uncertain`. Call this when the ids of an event show that the event belongs to this lane. The lane's next event then
   * follows that event, so the numbers of earlier, uncertain events are no longer needed.
   */
  noteCertain(): void {
    if (this.#uncertain.size > 0) this.#uncertain.clear();
  }

  /**
   * Stops recovering if the first events of the lane's first response are missing. The missing events may contain calls, and the
   * texts may mean files in the containers of these calls. Do not call this for a stream of one response, because a resumed
   * stream begins in the middle of its response.
   */
  checkBegun(event: Event): void {
    if (this.#isBegun || !isOfResponse(event)) return;
    this.#isBegun = true;
    const { type } = event;
    if (BEGINNINGS.has(type)) return;
    this.stream.giveUp(
      new Error(`the events of a response begin with ${type}: its first events are missing`),
    );
  }

  /** Forgets the latest event's sequence number, so that the next event can have any number. */
  lose(): void {
    this.numberBefore = undefined;
    this.#uncertain.clear();
  }

  /** Returns the events to send in place of `event`, once the output for earlier events is ready. */
  take(event: Event): Taken {
    const number = this.numberBefore;
    this.numberBefore = "sequence_number" in event ? event.sequence_number : undefined;
    return this.#queue(() => takeEvent(this.stream, event, () => number));
  }

  /** Ends the lane. Returns its held events unchanged, once the output for earlier events is ready. */
  break(error: unknown): Taken {
    return this.#queue(() => this.stream.break(error));
  }

  /** Waits for the output for earlier events. Then returns the events that the lane has held for too long. */
  takeOverdue(): Taken {
    return this.#queue(() => this.stream.takeOverdue());
  }

  /** Repairs and returns the held events. Send them before an event that may belong to this lane but bypasses `take`. */
  release(): Taken {
    return this.#queue(() => this.stream.release());
  }

  #queue(take: () => Taken): Taken {
    const taken = this.#busy ? this.#busy.then(take) : take();
    if (taken instanceof Promise) this.waitFor(taken.catch(() => {})); // the caller of take() handles the error
    return taken;
  }

  /** Resolves when the output for the latest event is ready. `undefined` if no event waits. */
  get busy(): Promise<unknown> | undefined {
    return this.#busy;
  }

  /**
   * Makes the output for later events wait for `output`. The lane stays open until `output` resolves. `output` must not reject,
   * and must not resolve before the output for earlier events.
   */
  waitFor(output: Promise<unknown>): void {
    const busy = output.then(() => {
      if (this.#busy === busy) this.#busy = undefined;
    });
    this.#busy = busy;
  }

  /** Resolves when no event waits any more. */
  async idle(): Promise<void> {
    while (this.#busy) await this.#busy;
  }
}

/**
 * Returns the events to send in place of `event`. With `isSumming`, adds each text delta to a sum (see text-sum.ts), and compares
 * the sum with the event that ends the text. With `isWatching`, searches text deltas for paths. If the repair need not read an
 * event, returns it as it is. While earlier events are held, every event goes through the repair, to keep the order.
 */
function takeEvent(stream: StreamRepair, event: Event, numberBefore: () => unknown): Taken {
  if (event.type === "response.output_text.delta") {
    if (stream.isSumming) stream.sum(event);
    if (stream.isWatching) stream.watch(event);
  } else if (event.type === "response.output_text.done" && stream.isSumming) stream.compare(event);
  return stream.mustTake(event.type) ? stream.take(event, numberBefore) : [event];
}

/**
 * The lanes of a connection. On a WebSocket, an event names its lane (`stream_id`). A lane without such a name is called unnamed.
 * An event without a `stream_id` is assigned to an unnamed lane by its response id or item id. If the event has no such id, it
 * is assigned by its sequence number.
 */
export class Lanes {
  readonly #context: RepairContext;
  /** Named lanes, the most recently used last. */
  readonly #byName = new Map<string, Lane>();
  /** Named lanes whose final event came, but was not sent yet. */
  readonly #ending = new Map<string, Lane>();
  /** Unnamed lanes by response id, without those that rest. */
  readonly #byResponse = new Map<string, Lane>();
  /** Unnamed lanes by response id, if their responses seem to be cut off (see `rest`). */
  readonly #resting = new Map<string, Lane>();
  /** Lanes by item id. `undefined` for an item whose beginning could not be assigned to a lane. */
  readonly #byItem = new Map<unknown, Lane | undefined>();
  /** All lanes that are neither closed nor dropped. */
  readonly #open = new Set<Lane>();
  /** The unnamed lane whose response began last. */
  #latest: Lane | undefined;
  #areNamed = false;
  /** True while no response has a gap in its sequence numbers. After a gap, the numbers cannot tell unnamed lanes apart. */
  #areCounted = true;
  /**
   * True once an unnamed lane was dropped, because too many lanes were open. The dropped lane's events can still arrive. So a
   * sequence number no longer shows to which lane an event belongs.
   */
  #hasDropped = false;
  #hasBegun = false;
  /** The unnamed lane that got the latest event. */
  #used: Lane | undefined;
  /**
   * True once events of several responses alternate: an event other than `response.created` came right after an event of another
   * response.
   */
  areInterleaved = false;

  /** Called with a lane that is no longer repaired, and the reason. The callback must send what the lane holds. */
  onDrop: (lane: Lane, error: Error) => void = () => {};

  /**
   * Called when a lane is closed. A lane is closed after its response has ended and the output for its events was sent. A lane
   * that never had a response can be closed too.
   */
  onClose: (lane: Lane) => void = () => {};

  constructor(context: RepairContext) {
    this.#context = context;
  }

  /** The folders whose paths are searched for in the text, such as `/mnt/data`. */
  get roots(): readonly string[] {
    return this.#context.settings.roots;
  }

  /** True if several responses can be in progress. Then every event has to be parsed. */
  get areApart(): boolean {
    return this.#areNamed || this.#hasDropped || this.#byResponse.size > 1;
  }

  /** The unnamed lane whose response began last. It is the only lane unless `areApart` is true. */
  get latest(): Lane {
    this.#latest ??= this.#begin();
    return this.#latest;
  }

  /**
   * Resolves with a lane that has held text for too long. Also waits for lanes whose output is not ready yet, because these
   * lanes may hold text later. `undefined` if there is nothing to wait for.
   */
  get overdue(): Promise<Lane> | undefined {
    let waiting: Promise<Lane>[] | undefined; // created only when needed, because this getter runs for each chunk
    for (const lane of this.#open) {
      const overdue = lane.stream.overdue ?? lane.busy?.then(() => lane.stream.overdue ?? never());
      if (!overdue) continue;
      waiting ??= [];
      waiting.push(overdue.then(() => lane));
    }
    return waiting && Promise.race(waiting);
  }

  /** All lanes that are neither closed nor dropped. A stream without events gets a lane, so that it gets a report too. */
  get open(): readonly Lane[] {
    if (!this.#hasBegun) this.#begin();
    return [...this.#open];
  }

  /** True once there is a lane. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Returns the lane of an event. If the event does not identify its lane, returns an array of all lanes that the event can belong
   * to. The array may be empty.
   */
  of(event: Event): Lane | readonly Lane[] {
    const lane = this.#find(event);
    if (lane instanceof Lane && !lane.isUsed) lane.isUsed = needsRepair(event);
    return lane;
  }

  #find(event: Event): Lane | readonly Lane[] {
    if (typeof event.stream_id === "string") return this.#named(event.stream_id, event);
    if (this.#areNamed && !this.#latest && !needsRepair(event)) return []; // for example a `ping`
    const { response, item } = event;
    if (isRecord(response) && typeof response.id === "string") {
      const lane = this.#ofResponse(event, response.id);
      if (event.type !== "response.created") this.#checkNumber(lane, event);
      lane.noteCertain();
      return lane;
    }
    return this.#ofItem(event, isRecord(item) ? item.id : event.item_id);
  }

  /** Forgets the sequence numbers of all unnamed lanes. Call this after an unreadable event: it may belong to any lane. */
  lose(): void {
    for (const lane of this.#byResponse.values()) lane.lose();
  }

  /** Reports to all open lanes that an event of more than `longest` bytes was not read. It may belong to any lane. */
  noteTooLong(longest: number): void {
    for (const { stream } of this.#open) stream.noteTooLong(longest);
    this.lose();
  }

  /**
   * Lets an unnamed lane rest, because its response seems to be cut off. A resting lane gets no events. It wakes if the ids of
   * an event name the lane. If the ids name no lane, `#wakeFor` decides which lanes wake.
   */
  rest(lane: Lane): void {
    const id = keyIn(this.#byResponse, lane);
    if (id !== undefined) {
      this.#byResponse.delete(id);
      this.#resting.set(id, lane);
      this.#limit(this.#resting);
    }
    if (lane === this.#latest) this.#latest = [...this.#byResponse.values()].at(-1);
  }

  /** Closes a lane whose response was cut off. An unnamed lane also rests (see `rest`), to get the response's late events. */
  close(lane: Lane): void {
    lane.isClosed = true;
    this.rest(lane);
    removeValue(this.#byName, lane);
    this.#open.delete(lane);
  }

  #wake(id: string, lane: Lane): void {
    this.#resting.delete(id);
    this.#byResponse.set(id, lane);
    // If no other lane has a response in progress, this lane becomes `#latest`, because events without ids belong to it now. The
    // lane that was `#latest` before has no response in progress, so it is closed.
    if (this.#byResponse.size === 1) {
      if (this.#latest) this.#end(this.#latest);
      this.#latest = lane;
    }
    this.#limit(this.#byResponse);
  }

  /**
   * Wakes the resting lane that the ids of `event` name. If a sequence number is missing between the lane's latest
   * event and `event`, another lane may have got the missing event by mistake. So all lanes that may have got the missing
   * event (`isDoubtful`) are closed.
   */
  #wakeById(id: string, lane: Lane, event: Event): void {
    const others = [...this.#byResponse.values()].filter((other) => other.isDoubtful);
    this.#wake(id, lane);
    if (lane.isCounted && event.sequence_number === Number(lane.numberBefore) + 1) return;
    for (const other of others) {
      this.close(other);
      this.onDrop(other, new Error("an event could not be assigned to one of several responses"));
    }
  }

  /**
   * Wakes the resting lanes to which an event may belong. Call this if the event's ids name no lane.
   *
   * - A lane that is not closed wakes if it expects the event's number. If several lanes expect this number, the event may
   *   belong to any of them.
   * - A closed lane wakes if it expects the event's number and no awake lane does.
   * - All lanes that are not closed wake if no lane is awake.
   * - They also wake if `areInterleaved` is true and the event has no usable number. After a gap, no number is usable.
   */
  #wakeFor(event: Event): void {
    const isNumbered = this.#areCounted && typeof event.sequence_number === "number";
    if (isNumbered) this.#wakeExpecting(event);
    const lanes = [...this.#byResponse.values()];
    if (lanes.length > 0 && isNumbered && lanes.some((lane) => lane.mayExpect(event))) return;
    if (lanes.length > 0 && !isNumbered && !this.areInterleaved) return;
    for (const [id, lane] of [...this.#resting]) {
      const mayExpect = isNumbered && lane.isCounted && lane.mayExpect(event);
      const isPossible = !lane.isClosed && (lanes.length === 0 || !isNumbered);
      if (mayExpect || isPossible) this.#wake(id, lane);
    }
  }

  #wakeExpecting(event: Event): void {
    for (const [id, lane] of [...this.#resting])
      if (!lane.isClosed && lane.isCounted && lane.mayExpect(event)) this.#wake(id, lane);
  }

  /** Records that the ids of an event name this lane. */
  #use(lane: Lane, { type }: Event): void {
    if (lane !== this.#used && this.#used && type !== "response.created") this.areInterleaved = true;
    this.#used = lane;
  }

  #useKnown(lane: Lane, event: Event): void {
    const id = this.#resting.size > 0 ? keyIn(this.#resting, lane) : undefined;
    if (id !== undefined) this.#wakeById(id, lane, event);
    this.#use(lane, event);
    this.#checkNumber(lane, event);
  }

  #ofItem(event: Event, itemId: unknown): Lane | readonly Lane[] {
    const known = this.#byItem.get(itemId);
    if (known) this.#useKnown(known, event);
    else if (this.#resting.size > 0) this.#wakeFor(event);
    const found = known ?? this.#laneByNumber(event);
    const lane = found instanceof Lane ? found : undefined;
    if (lane && !known && this.#resting.size > 0) lane.isDoubtful = true;
    lane?.noteCertain();
    // `event` bypasses the lane's repair, and is sent after the events that the lane holds. The repair must get all events of
    // an item or none. It did not get the item's first event, because no lane could be found for that event.
    if (lane && !known && this.#byItem.has(itemId) && !isWholeCall(event)) {
      lane.numberBefore = event.sequence_number;
      return [lane];
    }
    if (typeof itemId === "string" && (isRecord(event.item) || !lane)) this.#noteItem(itemId, lane);
    if (lane && event.type === "error") this.#forget(lane);
    return found;
  }

  #noteItem(itemId: string, lane: Lane | undefined): void {
    this.#byItem.set(itemId, lane);
    if (this.#byItem.size > MOST_ITEMS) this.#byItem.delete(this.#byItem.keys().next().value);
  }

  /** Checks that an event has the number that its lane expects. After a gap, no event is assigned by its number any more. */
  #checkNumber(lane: Lane, event: Event): void {
    const { size } = this.#byResponse;
    if (size + this.#resting.size > 1 && !lane.mayExpect(event)) this.#areCounted = false;
  }

  /**
   * Returns the only lane. If there are several, returns the lane that expects the event's sequence number next: each response
   * counts its own events. If the numbers do not identify a single lane, returns all lanes that the event can belong to.
   */
  #laneByNumber(event: Event): Lane | readonly Lane[] {
    if (this.#byResponse.size <= 1 && !this.#hasDropped) return this.latest;
    const open = [...this.#byResponse.values()];
    const lanes = open.filter((lane) => lane.mayExpect(event));
    const [lane] = lanes;
    if (lanes.length === 0) this.#areCounted = false;
    const isUnique = lanes.length === 1 && lane!.isCounted && typeof event.sequence_number === "number";
    if (isUnique && this.#areCounted && !this.#hasDropped) return lane!;
    const possible = lanes.length > 1 && this.#areCounted ? lanes : open;
    for (const other of lanes) other.noteUncertain(event);
    if (lanes.length === 0 || isRead(event.type)) this.#noteMissed(possible);
    return possible;
  }

  /** Records that an event may be missing from each of these lanes. */
  #noteMissed(lanes: readonly Lane[]): void {
    for (const [id, lane] of this.#byResponse) if (lanes.includes(lane)) lane.stream.noteMissed(id);
  }

  #named(name: string, event: Event): Lane | readonly Lane[] {
    if (!this.#areNamed) this.#dropUnused();
    this.#areNamed = true;
    const known = this.#byName.get(name) ?? this.#ending.get(name);
    // An event like `response.steer.failed` can come when no response of its lane is in progress. It needs no repair.
    if (!known && !needsRepair(event)) return [];
    const lane = known ?? this.#begin();
    lane.checkBegun(event);
    this.#byName.delete(name);
    this.#ending.delete(name);
    const isFinal = FINAL.has(event.type);
    (isFinal ? this.#ending : this.#byName).set(name, lane);
    if (isFinal) this.#end(lane, name);
    this.#limit(this.#byName);
    return lane;
  }

  /** Closes the unnamed lane, without a report, if it got no event of a response. Other events, such as a `ping`, do not count. */
  #dropUnused(): void {
    const lane = this.#latest;
    if (!lane || lane.isUsed) return;
    this.#latest = undefined;
    this.#open.delete(lane);
    lane.stream.cancel();
    this.onClose(lane);
  }

  #ofResponse(event: Event, id: string): Lane {
    const resting = this.#resting.get(id);
    if (event.type === "response.created")
      this.#resting.delete(id); // the response begins again
    else if (resting) this.#wakeById(id, resting, event);
    const lane = this.#byResponse.get(id) ?? this.#unknown(event, id);
    this.#use(lane, event);
    if (event.type === "response.created") {
      this.#latest = lane;
      lane.isDoubtful = false;
    }
    if (FINAL.has(event.type)) this.#forget(lane);
    return lane;
  }

  /**
   * Returns the lane for an unknown response id. If only one response is in progress, the event belongs to this response: some
   * gateways change ids midway. Begins a new lane instead if the event is a `response.created`, or if a lane was dropped.
   */
  #unknown(event: Event, id: string): Lane {
    const { type } = event;
    const isOnly =
      this.#byResponse.size === 0 ||
      (this.#byResponse.size === 1 && type !== "response.created" && !this.#hasDropped);
    const lane = isOnly ? this.latest : this.#begin();
    if (isOnly) removeValue(this.#byResponse, lane);
    else lane.checkBegun(event);
    this.#byResponse.set(id, lane);
    this.#limit(this.#byResponse);
    return lane;
  }

  /** Closes the lane of a response that has ended. If only this lane is left, it stays open for the next response. */
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

  /**
   * Closes a lane when its final event has been sent. The next response of the same `stream_id` can begin before that. In this
   * case, the next response uses the same lane, so that its events do not overtake the final event.
   */
  #end(lane: Lane, name?: string): void {
    const close = (): void => {
      if (name !== undefined && this.#ending.get(name) !== lane) return;
      if (name !== undefined) this.#ending.delete(name);
      this.#open.delete(lane);
      this.onClose(lane);
    };
    queueMicrotask(() => void lane.idle().then(close));
  }

  #limit(lanes: Map<string, Lane>): void {
    if (lanes.size <= MOST_LANES) return;
    const [[name, oldest]] = lanes as unknown as [[string, Lane]];
    lanes.delete(name);
    removeValue(this.#byItem, oldest);
    if (lanes === this.#byResponse) this.#hasDropped = true;
    this.#open.delete(oldest);
    const error = new Error(
      `more than ${MOST_LANES} responses are in progress: the oldest one is no longer repaired`,
    );
    this.onDrop(oldest, error);
  }
}

/** Returns whether an event is part of a response: its beginning, its end, or an event about its output. */
function isOfResponse({ type, output_index }: Event): boolean {
  return output_index !== undefined || BEGINNINGS.has(type) || FINAL.has(type);
}

/** Returns whether an event is part of a response, or is the error that ends one. */
function needsRepair(event: Event): boolean {
  return isOfResponse(event) || event.type === "error";
}

/** Returns whether an event has a complete item that is not a message. The repair needs no earlier event of such an item. */
function isWholeCall({ type, item }: Event): boolean {
  return type === "response.output_item.done" && isRecord(item) && item.type !== "message";
}

function keyIn<Key>(map: ReadonlyMap<Key, Lane>, value: Lane): Key | undefined {
  for (const [key, other] of map) if (other === value) return key;
  return undefined;
}

function removeValue<Key>(map: Map<Key, Lane | undefined>, value: Lane): void {
  for (const [key, other] of map) if (other === value) map.delete(key);
}

function never(): Promise<void> {
  return new Promise(() => {});
}
