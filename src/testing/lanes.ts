/**
 * Runs the lanes of a WebSocket. A lane is the sequence of responses with one `stream_id`: they run one after the other. The
 * events of different lanes interleave.
 */
import { ApiError } from "./api-error.js";
import type { SteerInput } from "./input.js";
import type { Turn } from "./turn.js";
import type { JsonObject } from "./wire.js";

/** An event that is sent over a WebSocket. */
export interface ServerEvent extends JsonObject {
  readonly type: string;
}

/** Queues the requests with the same `stream_id` and returns the events of their responses, one response after the other. */
export class Lane {
  /** The lane's `stream_id`, or `""` for the lane of requests without one. */
  readonly id: string;
  /** The lane's index in its connection. Lanes are ordered by their first requests. */
  readonly position: number;
  /** True while an event of the lane is being sent. */
  isBusy = false;
  readonly #begin: (body: JsonObject) => Promise<Turn>;
  readonly #waiting: JsonObject[] = [];
  /** Error events that belong to no running response. */
  readonly #errors: ServerEvent[] = [];
  #turn: Turn | undefined;
  #index = 0;

  /** @param begin takes a request's body and starts the response. Throws an `ApiError` if the request is invalid. */
  constructor(id: string, position: number, begin: (body: JsonObject) => Promise<Turn>) {
    this.id = id;
    this.position = position;
    this.#begin = begin;
  }

  get isReady(): boolean {
    return !this.isBusy && (this.#turn !== undefined || this.#waiting.length > 0);
  }

  /** Queues a request. */
  ask(body: JsonObject): void {
    this.#waiting.push(body);
  }

  /** Returns the lane's next event. Returns `undefined` if the lane has nothing to send before its next request arrives. */
  async next(): Promise<ServerEvent | undefined> {
    for (;;) {
      const event = this.#errors.shift() ?? this.#turn?.eventAt(this.#index++);
      if (event !== undefined) return withStreamId(event, this.id);
      const ended = this.#turn;
      this.#turn = undefined;
      if (ended !== undefined && ended.steers.length > 0) {
        await this.#startSuccessor(ended);
        continue;
      }
      const body = this.#waiting.shift();
      if (body === undefined) return undefined;
      await this.#start(body, (error) => [errorEvent(error)]);
    }
  }

  /**
   * Starts the response that follows a steered response. A response is steered if the client sent more input for it in a
   * `response.steer` event. The new response has the same settings and gets this input.
   */
  async #startSuccessor(turn: Turn): Promise<void> {
    const input = turn.steers.flatMap((steer) => messagesOf(steer.input));
    await this.#start({ ...turn.request.body, input, previous_response_id: turn.id }, () =>
      turn.steers.map((steer) => steerFailed("successor_creation_failed", turn.id, steer)),
    );
  }

  async #start(body: JsonObject, toEvents: (error: ApiError) => readonly ServerEvent[]): Promise<void> {
    try {
      this.#turn = await this.#begin(body);
      this.#index = 0;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#errors.push(...toEvents(error));
    }
  }
}

/** Chooses the lane that sends the next event. */
export class LaneOrder {
  readonly #names: readonly string[];
  /** Counts the turns of the lanes in `#names`. A turn ends when its lane sends an event or has none to send. */
  #step = 0;
  /** The `position` of the lane that sent last. Lanes in `#names` do not count. */
  #last = -1;

  /** @param names the `stream_id`s in the order in which their lanes send. The order repeats. Other lanes take turns. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /**
   * Returns the lane that sends the next event: the lane in `#names` whose turn it is. If that lane cannot send now, returns a
   * lane that is not in `#names`. Returns `undefined` if no such lane can send either.
   */
  next(lanes: ReadonlyMap<string, Lane>): Lane | undefined {
    return this.#named(lanes) ?? this.#unnamed(lanes);
  }

  #named(lanes: ReadonlyMap<string, Lane>): Lane | undefined {
    for (const _ of this.#names) {
      const lane = lanes.get(this.#names[this.#step % this.#names.length] ?? "");
      if (lane === undefined || lane.isBusy) return undefined;
      this.#step += 1;
      if (lane.isReady) return lane;
    }
    return undefined;
  }

  #unnamed(lanes: ReadonlyMap<string, Lane>): Lane | undefined {
    const ready = [...lanes.values()].filter((lane) => lane.isReady && !this.#names.includes(lane.id));
    const lane = ready.find(({ position }) => position > this.#last) ?? ready[0];
    if (lane !== undefined) this.#last = lane.position;
    return lane;
  }
}

/** Returns an event with the lane's `stream_id` added, if the lane has one. */
export function withStreamId(event: ServerEvent, id: string): ServerEvent {
  return id === "" ? event : { ...event, stream_id: id };
}

/** Returns the event for a rejected request. */
export function errorEvent({ status, type, code, message, param }: ApiError): ServerEvent {
  return { type: "error", status, error: { type, code, message, param } };
}

const MESSAGES: Readonly<Record<string, string>> = {
  response_not_found: "The response was not found on this connection.",
  invalid_input: "The input must be a string or an array of user messages.",
  steering_not_supported: "This response cannot be steered.",
  response_already_completed: "The response is already completed.",
  successor_creation_failed: "The successor response could not be created.",
};

/** Returns the event that rejects a client's `response.steer` event. It contains the rejected input. */
export function steerFailed(
  code: string,
  responseId: string,
  { id, input }: { readonly id?: string; readonly input: unknown },
): ServerEvent {
  return {
    type: "response.steer.failed",
    sequence_number: 0,
    error: { type: "invalid_request_error", code, message: MESSAGES[code] },
    steer: { previous_response_id: responseId, input, ...(id === undefined ? {} : { id }) },
  };
}

function messagesOf(input: SteerInput): readonly JsonObject[] {
  return typeof input === "string" ? [{ role: "user", content: input }] : input;
}
