/** Emulates the endpoints for responses and conversations. */
import type { ResponseCreateParams } from "openai/resources/responses/responses";
import { ApiError, notFound } from "./api-error.js";
import { streamBody } from "./body.js";
import type { Call } from "./call.js";
import { checkSteps } from "./check-steps.js";
import type { Clock, Container } from "./containers.js";
import type { ContainersApi } from "./containers-api.js";
import type { Gateway } from "./gateway.js";
import {
  lastContainer,
  lastUserText,
  namedContainer,
  readTurnRequest,
  type TurnRequest,
  toItems,
  uploadIds,
} from "./input.js";
import { page } from "./paging.js";
import type { PreviousTurn, Script, Step } from "./steps.js";
import { Turn, type TurnStart } from "./turn.js";
import { describe, type Ids, type JsonObject, type OutputItem, type StreamEvent } from "./wire.js";

/** The emulator's options that the responses endpoints use. */
export interface ResponsesSettings extends Pick<TurnStart, "listLag" | "indexUnit" | "pollsUntilDone"> {
  readonly scripts: readonly Script[];
  readonly beforeEvent: ((event: StreamEvent) => void | Promise<void>) | undefined;
  readonly breakIn: ((event: StreamEvent) => number | undefined) | undefined;
}

/** A turn (one request and its response) that has started, and the state that later turns need. */
export interface Played {
  readonly turn: Turn;
  /** The earlier turns, oldest first. */
  readonly previous: readonly Played[];
  /** The containers of this and earlier turns, by their names in scripts. The key of the request's container is `undefined`. */
  readonly containers: Map<string | undefined, Container>;
}

interface Conversation {
  readonly resource: JsonObject & { id: string };
  readonly items: readonly OutputItem[];
  readonly played: Played[];
}

/** Handles the endpoints below `/responses` and `/conversations`. */
export class ResponsesApi {
  readonly #settings: ResponsesSettings;
  readonly #ids: Ids;
  readonly #now: Clock;
  readonly #gateway: Gateway;
  readonly #api: ContainersApi;
  readonly #played = new Map<string, Played>();
  readonly #conversations = new Map<string, Conversation>();
  readonly #items = new Map<string, OutputItem>();
  #turns = 0;

  constructor(settings: ResponsesSettings, ids: Ids, now: Clock, gateway: Gateway, api: ContainersApi) {
    this.#settings = settings;
    this.#ids = ids;
    this.#now = now;
    this.#gateway = gateway;
    this.#api = api;
  }

  readonly create = async (call: Call) => {
    const request = readTurnRequest(call.json());
    const { turn } = await this.begin(request);
    if (request.stream) return this.#stream(call, turn, 0);
    if (!request.background) turn.finish();
    return Response.json(turn.resource());
  };

  /**
   * Starts the response to a request. The events of the response can be read from the returned `turn`.
   *
   * @param unstored more responses that the request may continue, by id. These responses are not stored.
   * @throws ApiError if the service would reject the request.
   */
  async begin(request: TurnRequest, unstored?: ReadonlyMap<string, Played>): Promise<Played> {
    const conversation =
      request.conversationId === null ? undefined : this.#conversation(request.conversationId);
    const previous = conversation?.played ?? this.#chain(request.previousResponseId, unstored);
    // An earlier turn may be unfinished because its client stopped reading the stream.
    for (const { turn } of previous) turn.finish();
    const { turn, containers } = await this.#play(request, [...previous]);
    const played = { turn, previous: [...previous], containers };
    conversation?.played.push(played);
    if (request.store) this.#played.set(turn.id, played);
    return played;
  }

  readonly retrieve = (call: Call, id: string) => {
    const { turn } = this.#find(id);
    if (call.query.get("stream") === "true") return this.#stream(call, turn, readStart(call.query));
    turn.poll();
    return Response.json(turn.resource(readInclude(call.query)));
  };

  readonly cancel = (_: Call, id: string) => {
    const { turn } = this.#find(id);
    if (!turn.request.background) throw new ApiError(400, "Cannot cancel a synchronous response.");
    turn.cancel();
    return Response.json(turn.resource());
  };

  readonly remove = (_: Call, id: string) => {
    this.#find(id);
    this.#played.delete(id);
    return Response.json({ id, object: "response", deleted: true });
  };

  readonly inputItems = (call: Call, id: string) =>
    Response.json(page(this.#find(id).turn.input, call.query));

  readonly createConversation = (call: Call) => {
    const { items, metadata } = call.jsonObject();
    const { input } = readTurnRequest({ input: items ?? [] });
    const id = this.#ids.next("conv_");
    const created_at = Math.floor(this.#now() / 1000);
    const resource = { id, object: "conversation", created_at, metadata: metadata ?? {} };
    this.#conversations.set(id, { resource, items: this.#toItems(input), played: [] });
    return Response.json(resource);
  };

  readonly retrieveConversation = (_: Call, id: string) => Response.json(this.#conversation(id).resource);

  readonly removeConversation = (_: Call, id: string) => {
    this.#conversation(id);
    this.#conversations.delete(id);
    return Response.json({ id, object: "conversation.deleted", deleted: true });
  };

  readonly conversationItems = (call: Call, id: string) =>
    Response.json(page(this.#itemsOf(id, call.query), call.query));

  readonly conversationItem = (call: Call, id: string, itemId: string) => {
    const item = this.#itemsOf(id, call.query).find((candidate) => candidate.id === itemId);
    if (item === undefined) throw notFound("Item", itemId);
    return Response.json(item);
  };

  /** Returns the items of a conversation, oldest first. */
  #itemsOf(id: string, query: URLSearchParams): OutputItem[] {
    const { items, played } = this.#conversation(id);
    const include = readInclude(query);
    return [...items, ...played.flatMap(({ turn }) => [...turn.input, ...turn.itemsFor(include)])];
  }

  async #play(request: TurnRequest, previous: readonly Played[]) {
    const input = this.#toItems(request.input);
    const uploads = uploadIds(request, input).map((id) => this.#api.upload(id));
    const named = namedContainer(request);
    const containers = new Map(previous.at(-1)?.containers);
    const inInput = this.#api.containers.all.get(lastContainer(input) ?? "");
    if (inInput !== undefined) containers.set(undefined, inInput);
    if (named !== undefined) containers.set(undefined, this.#api.containers.use(named));
    const enterContainer = (name: string | undefined) => {
      const known = containers.get(name);
      // A new container replaces an expired container. But if the request names the expired container, `use` throws.
      const isNamed = name === undefined && known?.id === named;
      if (known === undefined || (known.status === "expired" && !isNamed)) {
        containers.set(name, this.#api.containers.create({ name: name ?? "auto" }));
      }
      const container = this.#api.containers.use(containers.get(name)?.id ?? "");
      for (const { id, name: file, bytes } of name === undefined ? uploads : []) {
        const path = `/mnt/data/${id}-${file}`;
        if (!container.files.some((candidate) => candidate.path === path)) container.upload(file, bytes, id);
      }
      return container;
    };
    const steps = await this.#steps(request, input, previous);
    const turn = new Turn({
      id: this.#gateway.idOf(this.#ids.next("resp_")),
      ids: this.#ids,
      request,
      steps,
      input,
      createdAt: Math.floor(this.#now() / 1000),
      listLag: this.#settings.listLag,
      indexUnit: this.#settings.indexUnit,
      pollsUntilDone: this.#settings.pollsUntilDone,
      enterContainer,
      inherited: [...containers.values()].toReversed(),
    });
    return { turn, containers };
  }

  /**
   * Calls the script and returns its steps.
   *
   * @throws ApiError 500 if the script fails. The message contains the script's own error message, because the script is part of
   * the user's test.
   */
  async #steps(
    request: TurnRequest,
    input: readonly OutputItem[],
    previous: readonly Played[],
  ): Promise<readonly Step[]> {
    // With `generate: false`, a WebSocket request prepares state for the next request and has no output.
    if (request.body.generate === false) return [];
    const { scripts } = this.#settings;
    const turn = this.#turns++;
    const script = scripts[Math.min(turn, scripts.length - 1)];
    const text = lastUserText(input);
    try {
      const steps = await script?.({
        // `readTurnRequest` has checked only the fields that it reads. The other fields need no check: the script and the request
        // come from the same test.
        body: request.body as unknown as ResponseCreateParams,
        turn,
        lastUserText: text,
        previous: previous.map(summarize),
        asksForSandboxLinks: `${text}\n${request.instructions ?? ""}`.includes("sandbox:/mnt/data"),
      });
      return checkSteps(steps);
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : describe(error);
      throw new ApiError(500, `The script failed for turn ${turn}. ${reason}`, { type: "server_error" });
    }
  }

  #toItems(input: TurnRequest["input"]): OutputItem[] {
    const items = toItems(input, this.#ids, (id) => this.#item(id));
    for (const item of items) this.#items.set(item.id, item);
    return items;
  }

  #item(id: string): OutputItem | undefined {
    const inOutputs = () => [...this.#played.values()].flatMap(({ turn }) => turn.output);
    return this.#items.get(id) ?? inOutputs().find((item) => item.id === id);
  }

  #chain(id: string | null, unstored?: ReadonlyMap<string, Played>): readonly Played[] {
    if (id === null) return [];
    const played = this.#played.get(id) ?? unstored?.get(id);
    if (played !== undefined) return [...played.previous, played];
    // According to users, the service answers 400 if the previous response is missing, but 404 for other missing resources.
    throw new ApiError(400, `Previous response with id '${id}' not found.`, {
      param: "previous_response_id",
      code: "previous_response_not_found",
    });
  }

  #find(id: string): Played {
    const played = this.#played.get(id);
    if (played === undefined) throw notFound("Response", id);
    return played;
  }

  #conversation(id: string): Conversation {
    const conversation = this.#conversations.get(id);
    if (conversation === undefined) throw notFound("Conversation", id);
    return conversation;
  }

  #stream(call: Call, turn: Turn, start: number): Response {
    const encoder = new TextEncoder();
    const { beforeEvent, breakIn } = this.#settings;
    let index = start;
    let isBroken = false;
    const body = streamBody(async () => {
      if (isBroken) throw new Error("The connection was reset.");
      const event = turn.eventAt(index);
      if (event === undefined) return undefined;
      index += 1;
      await beforeEvent?.(event);
      const frame = encoder.encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      const sent = breakIn?.(event);
      isBroken = sent !== undefined;
      return frame.slice(0, sent);
    }, call.signal);
    return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
  }
}

function summarize({ turn }: Played): PreviousTurn {
  return { responseId: turn.id, lastUserText: lastUserText(turn.input), outputText: turn.outputText() };
}

/** Returns the `include` values of a query. The SDKs send the parameter as `include[]`. */
function readInclude(query: URLSearchParams): ReadonlySet<string> {
  return new Set([...query.getAll("include[]"), ...query.getAll("include")]);
}

/** Returns the index of the first event after `starting_after`. An event's sequence number is its index. */
function readStart(query: URLSearchParams): number {
  const text = query.get("starting_after");
  if (text === null) return 0;
  if (/^\d+$/.test(text)) return Number(text) + 1;
  throw new ApiError(400, `Invalid 'starting_after': expected an integer, but got ${text} instead.`, {
    param: "starting_after",
    code: "invalid_type",
  });
}
