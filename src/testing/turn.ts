import { ApiError } from "./api-error.js";
import type { Container } from "./containers.js";
import { echoTool, messageText, type TurnRequest } from "./input.js";
import { OUTPUTS, play, type Stage } from "./output-items.js";
import type { FailStep, IncompleteStep, Step } from "./steps.js";
import type {
  ContainerFileCitation,
  EventDraft,
  Ids,
  JsonObject,
  OutputItem,
  ResponseStatus,
  StreamEvent,
} from "./wire.js";
import { isObject } from "./wire.js";

/** What a turn starts from. */
export interface TurnStart {
  readonly ids: Ids;
  readonly request: TurnRequest;
  readonly steps: readonly Step[];
  /** The request's input, as items. */
  readonly input: readonly OutputItem[];
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly listLag: number;
  readonly pollsUntilDone: number;
  /** Gives the container of a name, `undefined` for that of the request's tool, and makes it where there is none. */
  readonly enterContainer: (name: string | undefined) => Container;
  /** The containers of earlier turns that still run. */
  readonly inherited: readonly Container[];
}

const FAILURE = "The model failed to generate a response. Please try again.";

/**
 * A response and its events. It goes on only as far as somebody reads: a stream pulls event by event, a plain request
 * pulls all. What was pulled is kept, so any number of readers can follow it from any place.
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
  charts: ContainerFileCitation[] = [];
  readonly #start: TurnStart;
  readonly #events: StreamEvent[] = [];
  readonly #source: Generator<EventDraft, void>;
  #known: readonly Container[];
  #status: ResponseStatus;
  #error: JsonObject | null = null;
  #incomplete: JsonObject | null = null;
  #polls = 0;

  constructor(start: TurnStart) {
    this.#start = start;
    this.id = start.ids.next("resp_");
    this.ids = start.ids;
    this.request = start.request;
    this.input = start.input;
    this.include = start.request.include;
    this.obfuscated = start.request.obfuscated;
    this.listLag = start.listLag;
    this.#known = start.inherited;
    this.#status = start.request.background ? "queued" : "in_progress";
    this.#source = this.#run();
  }

  enter(name: string | undefined): Container {
    const container = this.#start.enterContainer(name);
    this.#known = [container, ...this.#known.filter(({ id }) => id !== container.id)];
    return container;
  }

  known(): readonly Container[] {
    return this.#known.filter(({ status }) => status === "running");
  }

  /** The event at an index, or nothing once the turn is over. Goes on as far as it must. */
  eventAt(index: number): StreamEvent | undefined {
    while (this.#events.length <= index) {
      const { done, value } = this.#source.next();
      if (done) break;
      const { type, ...fields } = value;
      this.#events.push({ type, sequence_number: this.#events.length, ...fields });
    }
    return this.#events[index];
  }

  /** Goes on to the end. */
  finish(): void {
    this.eventAt(Number.POSITIVE_INFINITY);
  }

  /** What `GET` does to it: a background turn gets on with each look, any other turn is through. */
  poll(): void {
    this.#polls += 1;
    const left = this.request.background ? this.#start.pollsUntilDone - this.#polls : 0;
    // Long enough to be seen in both states: the first look finds it waiting, later ones at work.
    const waits = this.#polls === 1 && left > 1;
    if (left <= 0) this.finish();
    for (let index = 0; !waits && this.#status === "queued"; index += 1) this.eventAt(index);
  }

  /** A turn that is over stays as it is. */
  cancel(): void {
    if (this.#status !== "queued" && this.#status !== "in_progress") return;
    this.#status = "cancelled";
    this.#source.return();
  }

  /** Its items for a request with such an `include`, whatever that of the turn's own was. */
  itemsFor(include: ReadonlySet<string>): OutputItem[] {
    return this.output.map((item) => {
      if (item.type !== "code_interpreter_call") return item;
      return { ...item, outputs: include.has(OUTPUTS) ? this.outputs.get(item.id) : null };
    });
  }

  /** The text of its messages, joined. */
  outputText(): string {
    return this.output
      .filter(({ type }) => type === "message")
      .map(messageText)
      .join("\n");
  }

  /** The response object as it is now, its fields in the service's order. */
  resource(include = this.include): JsonObject {
    const { body, background, conversationId, instructions, previousResponseId, store, tools } = this.request;
    const over = this.#status !== "queued" && this.#status !== "in_progress";
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
      max_output_tokens: body.max_output_tokens ?? null,
      max_tool_calls: body.max_tool_calls ?? null,
      model: body.model ?? "gpt-5",
      output: this.itemsFor(include),
      parallel_tool_calls: body.parallel_tool_calls ?? true,
      previous_response_id: previousResponseId,
      prompt_cache_key: body.prompt_cache_key ?? null,
      reasoning: { effort: "medium", summary: null, ...(isObject(body.reasoning) ? body.reasoning : {}) },
      safety_identifier: body.safety_identifier ?? null,
      service_tier: over ? "default" : (body.service_tier ?? "auto"),
      store,
      temperature: body.temperature ?? 1,
      text: { format: text.format ?? { type: "text" }, verbosity: text.verbosity ?? "medium" },
      tool_choice: body.tool_choice ?? "auto",
      tools: tools.map(echoTool),
      top_logprobs: body.top_logprobs ?? 0,
      top_p: body.top_p ?? 1,
      truncation: body.truncation ?? "disabled",
      usage: over ? this.#usage() : null,
      user: body.user ?? null,
      metadata: body.metadata ?? {},
    };
  }

  *#run(): Generator<EventDraft, void> {
    // The first event of a resumed stream must look as it did, so each carries the response of its own moment.
    yield { type: "response.created", response: this.#bare() };
    if (this.request.background) yield { type: "response.queued", response: this.#bare() };
    this.#status = "in_progress";
    yield { type: "response.in_progress", response: this.#bare() };
    const { steps } = this.#start;
    try {
      for (const [index, step] of steps.entries()) {
        if (step.type === "fail" || step.type === "incomplete") return yield this.#end(step);
        yield* play(step, this, steps[index + 1]?.type === "incomplete");
      }
    } catch (error) {
      // The stream has begun, so a container that expires under it can only fail the response.
      if (!(error instanceof ApiError)) throw error;
      return yield this.#end({ type: "fail", message: error.message });
    }
    yield this.#end();
  }

  #end(step?: FailStep | IncompleteStep): EventDraft {
    this.#status = "completed";
    if (step?.type === "fail") {
      this.#status = "failed";
      this.#error = { code: step.code ?? "server_error", message: step.message ?? FAILURE };
    } else if (step?.type === "incomplete") {
      this.#status = "incomplete";
      this.#incomplete = { reason: step.reason ?? "max_output_tokens" };
    }
    return { type: `response.${this.#status}`, response: this.resource() };
  }

  #bare(): JsonObject {
    return { ...this.resource(), output: [] };
  }

  /** Nobody counts these tokens; they only must be whole numbers that grow with the text. */
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
