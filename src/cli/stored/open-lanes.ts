/** Finds the lanes whose response was cut off, so that they do not compete for the events of later responses. */
import { type Event, FINAL } from "../../stream/events.js";
import type { Lane } from "../../stream/lanes.js";

/**
 * A lane is cut off if it got no event while this number of other responses began and ended. The number is small while nothing
 * shows that the log is interleaved, so that memory is freed and progress can be saved soon.
 */
const MOST_RESPONSES = { sequential: 8, interleaved: 64 };
/** While no response's events came after those of a later response, this is the maximum number of lanes that are not cut off. */
const MOST_LANES = 64;

/** A response that has not ended. The times count the events of all lanes. */
interface Progress {
  /** When the response began. `undefined` if its first event is missing. */
  begunAt: number | undefined;
  /** When its latest event came. */
  usedAt: number;
  /** How many other responses began and ended since its latest event. */
  responsesSince: number;
  /** True after the API's error event. Usually, the final event does not follow. */
  hasFailed: boolean;
}

/** Lanes that got no event for a while. */
interface Silent {
  /** Lanes that got no event while another response began and ended. */
  resting: readonly Lane[];
  /** Lanes whose response was cut off. */
  cutOff: readonly Lane[];
}

const NONE: Silent = { resting: [], cutOff: [] };

/** The lanes whose response has not ended. */
export class OpenLanes {
  /** The lane with the latest event is the last one. */
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

  /** Returns the lanes whose response ended with an error, if `event` begins the next response. */
  failedBefore({ type, stream_id: name }: Event): readonly Lane[] {
    if (type !== "response.created" || name !== undefined) return [];
    return this.lanes.filter((lane) => this.#progress.get(lane)!.hasFailed);
  }

  /**
   * Records an event of a lane. Returns the lanes that got no event for a while, judging by this event.
   *
   * @param areInterleaved whether the events of several responses are known to be interleaved. If not, a response that ends
   * without its final event is followed by the whole next response.
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

  /** Returns the lanes that got no event since the response that ends now began. Those of `most` responses are cut off. */
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
