/**
 * Finds the lanes whose response was cut off, so that these lanes do not get events of later responses. See `Lane` in
 * stream/lanes.ts for what a lane is.
 */
import { type Event, FINAL } from "../../stream/events.js";
import type { Lane } from "../../stream/lanes.js";

/**
 * A lane counts as cut off if this many other responses begin and end while the lane gets no event. `interleaved` applies if
 * the responses are known to be interleaved, or if the events have a `stream_id`. Otherwise `sequential` applies. `sequential`
 * is small, so that memory is freed and progress is saved soon.
 */
const MOST_RESPONSES = { sequential: 8, interleaved: 64 };
/**
 * The maximum number of lanes where `sequential` applies. If there are more lanes, the lanes that got no event for the longest
 * time count as cut off.
 */
const MOST_LANES = 64;

/** A response that has not ended. Times count the events of all lanes: the tenth event has the time 10. */
interface Progress {
  /** When the response began. `undefined` if its first event is missing. */
  begunAt: number | undefined;
  /** When the latest event of this response came. */
  usedAt: number;
  /** How many other responses began and ended since the latest event of this response. */
  responsesSince: number;
  /** True after the API's error event. Usually, no final event follows an error event. */
  hasFailed: boolean;
}

/** Lanes that got no event while other responses began and ended, or while there were too many lanes (see `MOST_LANES`). */
interface Silent {
  /** Lanes whose response may continue. */
  resting: readonly Lane[];
  /** Lanes whose response counts as cut off. */
  cutOff: readonly Lane[];
}

const NONE: Silent = { resting: [], cutOff: [] };

/** The lanes whose response has not ended. */
export class OpenLanes {
  /** The lanes in the order of their latest events: the lane that got an event last is at the end. */
  readonly #progress = new Map<Lane, Progress>();
  #time = 0;

  get size(): number {
    return this.#progress.size;
  }

  get lanes(): readonly Lane[] {
    return [...this.#progress.keys()];
  }

  delete(lane: Lane): void {
    this.#progress.delete(lane);
  }

  /**
   * If `event` begins a response, returns the lanes with an error event: their responses count as ended. Returns none if
   * `event` has a `stream_id`, because the `stream_id` shows which lane `event` belongs to.
   */
  failedBefore({ type, stream_id: name }: Event): readonly Lane[] {
    if (type !== "response.created" || name !== undefined) return [];
    return this.lanes.filter((lane) => this.#progress.get(lane)!.hasFailed);
  }

  /**
   * Records that a lane got an event. Returns the lanes that are silent at that moment (see {@link Silent}).
   *
   * @param areInterleaved whether the responses of the input are known to be interleaved. If false, a silent lane counts as
   * cut off sooner.
   */
  note(lane: Lane, { type, stream_id: name }: Event, areInterleaved: boolean): Silent {
    const now = ++this.#time;
    const before = this.#progress.get(lane);
    if (!before && type === "keepalive") return NONE;
    this.#progress.delete(lane);
    const most =
      areInterleaved || name !== undefined ? MOST_RESPONSES.interleaved : MOST_RESPONSES.sequential;
    if (FINAL.has(type))
      return before?.begunAt === undefined ? NONE : this.#silentSince(before.begunAt, most);
    const isBeginning = type === "response.created";
    this.#progress.set(lane, {
      begunAt: isBeginning ? now : before?.begunAt,
      usedAt: now,
      responsesSince: 0,
      hasFailed: type === "error",
    });
    if (!isBeginning || areInterleaved || name !== undefined || this.size <= MOST_LANES) return NONE;
    return { resting: [], cutOff: this.lanes.slice(0, this.size - MOST_LANES) };
  }

  /**
   * Returns the lanes that got no event while a response was in progress. Call this when the response ends. `begunAt` is the
   * time at which the response began. Adds 1 to `responsesSince` of each returned lane. Returns the lane as resting if the sum
   * is less than `most`, otherwise as cut off.
   */
  #silentSince(begunAt: number, most: number): Silent {
    const resting: Lane[] = [];
    const cutOff: Lane[] = [];
    for (const [lane, progress] of this.#progress) {
      if (progress.usedAt >= begunAt) break;
      progress.responsesSince++;
      (progress.responsesSince < most ? resting : cutOff).push(lane);
    }
    return { resting, cutOff };
  }
}
