/** Produces the events of one response from the steps of a script. */
import { ApiError } from "./api-error.js";
import type { Container } from "./containers.js";
import { echoTool, messageText, type SteerInput, type TurnRequest } from "./input.js";
import { type ItemStep, OUTPUTS, play, type Stage } from "./output-items.js";
import type { FailStep, Step } from "./steps.js";
import type {
  ContainerFileCitation,
  EventDraft,
  Ids,
  IndexUnit,
  JsonObject,
  OutputItem,
  ResponseStatus,
  StreamEvent,
} from "./wire.js";
import { isObject } from "./wire.js";

/** The arguments of a `Turn`. */
export interface TurnStart {
  /** The response's id. */
  readonly id: string;
  readonly ids: Ids;
  readonly request: TurnRequest;
  readonly steps: readonly Step[];
  /** The request's input, as items. */
  readonly input: readonly OutputItem[];
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly listLag: number;
  readonly indexUnit: IndexUnit;
  readonly pollsUntilDone: number;
  /** Returns the container with this name, or the request's own container for `undefined`. Creates it if there is none yet. */
  readonly enterContainer: (name: string | undefined) => Container;
  /** The containers of earlier turns, the most recently added first. Some may have expired. */
  readonly inherited: readonly Container[];
}

/** Input from a `response.steer` event. It is queued for the response that follows the running response. */
export interface Steer {
  readonly id: string;
  readonly input: SteerInput;
}

const FAILURE = "The model failed to generate a response. Please try again.";

/** Request parameters that the response repeats, with the values for requests that omit them. */
const DEFAULTS = {
  max_output_tokens: null,
  max_tool_calls: null,
  model: "gpt-5",
  parallel_tool_calls: true,
  prompt_cache_key: null,
  safety_identifier: null,
  service_tier: "auto",
  temperature: 1,
  tool_choice: "auto",
  top_logprobs: 0,
  top_p: 1,
  truncation: "disabled",
  user: null,
} as const;

/**
 * Produces the events of one response. Steps run only when a reader needs their events: a stream reads one event at a
 * time, a plain request reads all of them. Events are kept, so any number of readers can start at any index.
 */
export class Turn implements Stage {
  readonly id: string;
  readonly ids: Ids;
  readonly request: TurnRequest;
  readonly input: readonly OutputItem[];
  readonly output: OutputItem[] = [];
  readonly include: ReadonlySet<string>;
  readonly outputs = new Map<string, readonly JsonObject[]>();
  readonly obfuscated: boolean;
  readonly listLag: number;
  readonly indexUnit: IndexUnit;
  readonly steers: Steer[] = [];
  agent: JsonObject = {};
  charts: ContainerFileCitation[] = [];
  readonly #start: TurnStart;
  readonly #events: StreamEvent[] = [];
  readonly #source: Generator<EventDraft, void>;
  #known: readonly Container[];
  /** The names of the agents that used each container. `undefined` stands for a step without an agent. */
  readonly #users = new Map<Container, Set<unknown>>();
  #status: ResponseStatus;
  #error: JsonObject | null = null;
  #incomplete: JsonObject | null = null;
  #polls = 0;

  constructor(start: TurnStart) {
    this.#start = start;
    this.id = start.id;
    this.ids = start.ids;
    this.request = start.request;
    this.input = start.input;
    this.include = start.request.include;
    this.obfuscated = start.request.obfuscated;
    this.listLag = start.listLag;
    this.indexUnit = start.indexUnit;
    this.#known = start.inherited;
    this.#status = start.request.background ? "queued" : "in_progress";
    this.#source = this.#run();
  }

  enter(name: string | undefined): Container {
    const container = this.#start.enterContainer(name);
    this.#known = [container, ...this.#known.filter(({ id }) => id !== container.id)];
    this.#users.set(container, (this.#users.get(container) ?? new Set()).add(this.#agentName()));
    return container;
  }

  known(): readonly Container[] {
    const running = this.#known.filter(({ status }) => status === "running");
    const isOwn = (container: Container) => this.#users.get(container)?.has(this.#agentName()) ?? false;
    return [...running.filter(isOwn), ...running.filter((container) => !isOwn(container))];
  }

  /** True if the response has reached its final status. */
  get isOver(): boolean {
    return this.#status !== "queued" && this.#status !== "in_progress";
  }

  /** Queues input for the next response. If the running response has steps left, it skips them and ends as `incomplete`. */
  steer(input: SteerInput): void {
    const steer = { id: this.ids.next("steer_"), input };
    this.steers.push(steer);
    this.#add({
      type: "response.steer.accepted",
      steer: { id: steer.id, previous_response_id: this.id },
    });
  }

  /** Returns the event at an index, or `undefined` if the turn ends before it. Runs the steps up to that event. */
  eventAt(index: number): StreamEvent | undefined {
    while (this.#events.length <= index) {
      const { done, value } = this.#source.next();
      if (done) break;
      this.#add(value);
    }
    return this.#events[index];
  }

  /** Runs all remaining steps. */
  finish(): void {
    this.eventAt(Number.POSITIVE_INFINITY);
  }

  /** Called for each `GET` of the response. Advances a background turn by one poll, and runs any other turn to its end. */
  poll(): void {
    this.#polls += 1;
    const left = this.request.background ? this.#start.pollsUntilDone - this.#polls : 0;
    // If `pollsUntilDone` is 3 or more, the response is `queued` at the first poll, then `in_progress` until it is done.
    const staysQueued = this.#polls === 1 && left > 1;
    if (left <= 0) this.finish();
    for (let index = 0; !staysQueued && this.#status === "queued"; index += 1) this.eventAt(index);
  }

  /** Cancels the turn. Does nothing if the turn is over. */
  cancel(): void {
    if (this.isOver) return;
    this.#status = "cancelled";
    this.#source.return();
  }

  /** Returns the output items for a request with this `include`, which may differ from the `include` of the turn's request. */
  itemsFor(include: ReadonlySet<string>): OutputItem[] {
    return this.output.map((item) => {
      if (item.type !== "code_interpreter_call") return item;
      return { ...item, outputs: include.has(OUTPUTS) ? this.outputs.get(item.id) : null };
    });
  }

  /** Returns the text of all messages, joined with newlines. */
  outputText(): string {
    return this.output
      .filter(({ type }) => type === "message")
      .map(messageText)
      .join("\n");
  }

  /** Returns the response object in its current state. The fields have the service's order. */
  resource(include = this.include): JsonObject {
    const { body, background, conversationId, instructions, previousResponseId, store, tools } = this.request;
    const setting = (name: keyof typeof DEFAULTS) => body[name] ?? DEFAULTS[name];
    const text = isObject(body.text) ? body.text : {};
    return {
      id: this.id,
      object: "response",
      created_at: this.#start.createdAt,
      status: this.#status,
      background,
      ...(conversationId === null ? {} : { conversation: { id: conversationId } }),
      error: this.#error,
      incomplete_details: this.#incomplete,
      instructions,
      max_output_tokens: setting("max_output_tokens"),
      max_tool_calls: setting("max_tool_calls"),
      model: setting("model"),
      output: this.itemsFor(include),
      parallel_tool_calls: setting("parallel_tool_calls"),
      previous_response_id: previousResponseId,
      prompt_cache_key: setting("prompt_cache_key"),
      reasoning: { effort: "medium", summary: null, ...(isObject(body.reasoning) ? body.reasoning : {}) },
      safety_identifier: setting("safety_identifier"),
      service_tier: this.isOver ? "default" : setting("service_tier"),
      store,
      temperature: setting("temperature"),
      text: { format: text.format ?? { type: "text" }, verbosity: text.verbosity ?? "medium" },
      tool_choice: setting("tool_choice"),
      tools: tools.map(echoTool),
      top_logprobs: setting("top_logprobs"),
      top_p: setting("top_p"),
      truncation: setting("truncation"),
      usage: this.isOver ? this.#usage() : null,
      user: setting("user"),
      metadata: body.metadata ?? {},
    };
  }

  *#run(): Generator<EventDraft, void> {
    // Each event holds a copy of the response at that moment, because a stream that resumes gets earlier events again.
    yield { type: "response.created", response: this.#bare() };
    if (this.request.background) yield { type: "response.queued", response: this.#bare() };
    this.#status = "in_progress";
    yield { type: "response.in_progress", response: this.#bare() };
    const { steps } = this.#start;
    try {
      for (const [index, step] of steps.entries()) {
        if (this.steers.length > 0) return yield this.#endIncomplete("steered");
        if (step.type === "fail") return yield this.#endFailed(step);
        if (step.type === "incomplete") return yield this.#endIncomplete(step.reason);
        yield* this.#play(step, steps[index + 1]?.type === "incomplete");
      }
    } catch (error) {
      // If a container has expired, the response ends as `failed`: the HTTP status may already be sent, so it cannot be 404.
      if (!(error instanceof ApiError)) throw error;
      return yield this.#endFailed({ message: error.message });
    }
    yield this.#end("completed");
  }

  /** Produces the events of a step. Adds the step's agent to every event. */
  *#play(step: ItemStep, isCutOff: boolean): Generator<EventDraft, void> {
    this.agent = step.agent === undefined ? {} : { agent: { agent_name: step.agent } };
    for (const event of play(step, this, isCutOff)) yield { ...event, ...this.agent };
  }

  #agentName(): unknown {
    return isObject(this.agent.agent) ? this.agent.agent.agent_name : undefined;
  }

  #add({ type, ...fields }: EventDraft): void {
    this.#events.push({ type, sequence_number: this.#events.length, ...fields });
  }

  #endFailed({ code = "server_error", message = FAILURE }: Omit<FailStep, "type">): EventDraft {
    this.#error = { code, message };
    return this.#end("failed");
  }

  #endIncomplete(reason = "max_output_tokens"): EventDraft {
    this.#incomplete = { reason };
    return this.#end("incomplete");
  }

  #end(status: ResponseStatus): EventDraft {
    this.#status = status;
    return { type: `response.${status}`, response: this.resource() };
  }

  #bare(): JsonObject {
    return { ...this.resource(), output: [] };
  }

  /** Estimates the token counts: whole numbers that grow with the text. They are not real token counts. */
  #usage(): JsonObject {
    const input_tokens = Math.ceil(JSON.stringify(this.input).length / 4);
    const output_tokens = Math.ceil(JSON.stringify(this.output).length / 4);
    return {
      input_tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input_tokens + output_tokens,
    };
  }
}
