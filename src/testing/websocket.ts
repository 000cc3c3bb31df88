/** Implements the WebSocket endpoint of the Responses API, independent of the network. */
import { ApiError, invalidType } from "./api-error.js";
import { nextTask } from "./body.js";
import { readSteerInput, readTurnRequest, type TurnRequest } from "./input.js";
import { errorEvent, Lane, LaneOrder, type ServerEvent, steerFailed, withStreamId } from "./lanes.js";
import type { Played } from "./responses-api.js";
import type { Turn } from "./turn.js";
import { describe, isObject, type JsonObject, type StreamEvent } from "./wire.js";

/** The part of an open WebSocket that the emulator uses. */
export interface Socket {
  send(text: string): void;
  /** Cuts the connection without a close frame. */
  terminate(): void;
}

/** Answers a handshake. Resolves to a response that refuses the handshake, or to a function that takes the open socket. */
export type Connect = (handshake: Request) => Promise<Response | ((socket: Socket) => Connection)>;

/** What a connection needs from the emulator. */
export interface ConnectionSettings {
  readonly laneOrder: readonly string[];
  readonly beforeEvent: ((event: StreamEvent) => void | Promise<void>) | undefined;
  readonly breakIn: ((event: StreamEvent) => number | undefined) | undefined;
  /** Starts a response, see `ResponsesApi.begin`. */
  readonly begin: (request: TurnRequest, unstored: ReadonlyMap<string, Played>) => Promise<Played>;
  /** Called with each event that the client sends: the parsed JSON, or the text if it is not valid JSON. */
  readonly record: (event: unknown) => void;
}

/**
 * Handles one WebSocket connection. `LaneOrder` chooses the lane that sends the next event. A lane that waits, for
 * example in `beforeEvent`, does not hold up the others.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #settings: ConnectionSettings;
  readonly #order: LaneOrder;
  readonly #lanes = new Map<string, Lane>();
  /** The responses of this connection by id. */
  readonly #played = new Map<string, Played>();
  /** The `stream_id` of each response. */
  readonly #streamIds = new Map<string, string>();
  #isClosed = false;
  #wake = () => {};

  constructor(socket: Socket, settings: ConnectionSettings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#order = new LaneOrder(settings.laneOrder);
    void this.#run();
  }

  /** Handles a text message of the client. */
  receive(text: string): void {
    const event = parse(text);
    this.#settings.record(event ?? text);
    try {
      this.#accept(event);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const streamId = isObject(event) && typeof event.stream_id === "string" ? event.stream_id : "";
      this.#send(withStreamId(errorEvent(error), streamId));
    }
  }

  /** Stops sending events. Must be called when the socket is closed. */
  closed(): void {
    this.#isClosed = true;
    this.#wake();
  }

  #accept(event: unknown): void {
    if (event === undefined) {
      throw new ApiError(400, "We could not parse the event: it is not valid JSON.", {
        code: "invalid_json",
      });
    }
    if (!isObject(event)) throw invalidType("event", "an object", event);
    if (event.type === "response.create") this.#create(event);
    else if (event.type === "response.steer") this.#steer(event);
    else {
      const message = `Invalid value: ${describe(event.type)}. Supported values are: 'response.create' and 'response.steer'.`;
      throw new ApiError(400, message, { param: "type", code: "invalid_value" });
    }
  }

  #create({ type: _, stream_id = "", ...body }: JsonObject): void {
    if (typeof stream_id !== "string") throw invalidType("stream_id", "a string", stream_id);
    let lane = this.#lanes.get(stream_id);
    if (lane === undefined) {
      lane = new Lane(stream_id, this.#lanes.size, (request) => this.#begin(request, stream_id));
      this.#lanes.set(stream_id, lane);
    }
    lane.ask(body);
    this.#wake();
  }

  async #begin(body: JsonObject, streamId: string): Promise<Turn> {
    const played = await this.#settings.begin(readSocketRequest(body), this.#played);
    this.#played.set(played.turn.id, played);
    this.#streamIds.set(played.turn.id, streamId);
    return played.turn;
  }

  #steer({ type: _, ...fields }: JsonObject): void {
    const { previous_response_id: id, input } = fields;
    if (typeof id !== "string") throw invalidType("previous_response_id", "a string", id);
    const turn = this.#played.get(id)?.turn;
    const code = turn === undefined ? "response_not_found" : steer(turn, fields);
    if (code === undefined) this.#wake();
    else this.#send(withStreamId(steerFailed(code, id, { input }), this.#streamIds.get(id) ?? ""));
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const lane = this.#order.next(this.#lanes);
      if (lane === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else {
        void this.#advance(lane);
        // Lets the client's messages arrive between two events.
        await nextTask();
      }
    }
  }

  /** Sends the next event of a lane, if it has one. */
  async #advance(lane: Lane): Promise<void> {
    const { beforeEvent, breakIn } = this.#settings;
    lane.isBusy = true;
    try {
      const event = await lane.next();
      if (event === undefined) return;
      if (isStreamEvent(event)) {
        await beforeEvent?.(event);
        // Cuts the connection before the event, even for a break inside the event. WebSocket clients get only whole messages.
        if (breakIn?.(event) !== undefined) return this.#socket.terminate();
      }
      this.#send(event);
    } catch {
      this.#socket.terminate();
    } finally {
      lane.isBusy = false;
      this.#wake();
    }
  }

  #send(event: ServerEvent): void {
    if (!this.#isClosed) this.#socket.send(JSON.stringify(event));
  }
}

/**
 * Reads the fields of a `response.create` event.
 *
 * @throws ApiError with the service's error if the service would reject one of the fields.
 */
function readSocketRequest(body: JsonObject): TurnRequest {
  for (const param of ["stream", "background"]) {
    if ((body[param] ?? null) === null) continue;
    const message = `Unsupported parameter: '${param}' is not supported over WebSocket.`;
    throw new ApiError(400, message, { param, code: "unsupported_parameter" });
  }
  const request = readTurnRequest(body);
  if (typeof body.model === "string" || isObject(body.prompt)) return request;
  throw new ApiError(400, "Missing required parameter: 'model'.", {
    param: "model",
    code: "missing_required_parameter",
  });
}

/** Queues the input of a `response.steer` event. Returns the error code if the input is rejected, otherwise `undefined`. */
function steer(turn: Turn, { previous_response_id: _, input, ...others }: JsonObject): string | undefined {
  const steerInput = readSteerInput(input);
  if (steerInput === undefined || Object.keys(others).length > 0) return "invalid_input";
  const { request, isOver } = turn;
  if (request.conversationId !== null || isObject(request.body.multi_agent)) return "steering_not_supported";
  if (isOver) return "response_already_completed";
  turn.steer(steerInput);
  return undefined;
}

function isStreamEvent(event: ServerEvent): event is StreamEvent {
  return typeof event.sequence_number === "number";
}

/** Parses JSON. Returns `undefined` if it is invalid. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
