/** A stream of events in, the same with the missing citations out, where the API would have sent them. */
import { badInput, isRecord } from "../bad-input.js";
import { finderOf, type MentionFinder } from "../citations/mentions.js";
import type { Annotation, ContainerFileCitation, PartPosition } from "../types.js";
import type { FileSource } from "./lookup.js";
import {
  andThen,
  completeAnnotations,
  contextOf,
  copyWith,
  isOutputText,
  type RepairOptions,
  repairItem,
  repairOutput,
} from "./repair.js";
import { type RepairContext, ResponseRepair } from "./response-repair.js";

type Event = Record<string, unknown>;
/** What goes out in place of an event. A promise only where somebody has to wait. */
type Taken = readonly Event[] | Promise<readonly Event[]>;

/** The events that can carry a citation, or tell which container one may mean. All others pass unread. */
const READ = new Set([
  "response.created",
  "response.in_progress",
  "response.queued",
  "response.output_item.added",
  "response.output_item.done",
  "response.output_text.annotation.added",
  "response.output_text.done",
  "response.content_part.done",
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

const ENDS_OF_MESSAGE = new Set([
  "response.output_text.done",
  "response.content_part.done",
  "response.output_item.done",
]);
const FINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** How much of the text before a path tells what form it has: `[a label](sandbox:` at the most matters. */
const LONGEST_LEAD = 240;

/** Whether events of a type have to be read. */
export function isRead(type: string): boolean {
  return READ.has(type);
}

/** More items than any response has: an index beyond is a mistake, and would make a list of that length. */
const MOST_ITEMS = 100_000;

/** Repairs the events of a response, one after the other, and those of the next one where the stream goes on. */
export class StreamRepair {
  /** The folders whose paths the text is watched for. */
  readonly roots: readonly string[];
  readonly #context: RepairContext;
  #repair: ResponseRepair;
  /** The annotations that the API sent for each part, in its events. */
  readonly #sent = new Map<string, Annotation[]>();
  readonly #held: { event: Event; before: unknown }[] = [];
  readonly #finder: MentionFinder;
  /** The end of the text so far, of the item whose deltas come: a path may be cut between two. */
  #watched: { item: unknown; text: string } = { item: undefined, text: "" };
  /** Unknown until the first delta of a message asks: no container, nothing to watch for. */
  #isWatching: boolean | undefined;
  #isFinished = false;
  #responseId: unknown;

  constructor(context: RepairContext) {
    this.roots = context.settings.roots;
    this.#context = context;
    this.#repair = new ResponseRepair(context);
    this.#finder = finderOf(this.roots);
  }

  /**
   * The events to send in place of `event`: its own object alone where nothing is missing. At once then, so that a
   * stream with nothing to repair never waits. `before` gives the sequence number of the event before it.
   */
  take(event: Event, before: () => unknown): Taken {
    const isEnd = ENDS_OF_MESSAGE.has(String(event.type));
    if (
      isEnd &&
      (this.isHolding || (event.type === "response.output_text.done" && this.#repair.mayCiteUnmentioned))
    ) {
      this.#held.push({ event, before: before() });
      return [];
    }
    return this.isHolding ? this.#release(event) : this.#take(event, before);
  }

  /**
   * The ends of a message are being held, since only the event after them tells whether it was the last one, which
   * cites the files that no text mentions. Every event must be taken now, to keep their order.
   */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Whether the deltas of the text still have something to tell. */
  get isWatching(): boolean {
    this.#isWatching ??= this.#repair.hasContainers;
    return this.#isWatching;
  }

  /**
   * Looks at a delta of the text: a path that is not in the form that the API cites by itself will lack its citation,
   * so the list is asked for while the text goes on. The form that it cites by itself costs nothing.
   */
  watch(event: Event): void {
    const position = positionOf(event);
    if (!position || typeof event.delta !== "string") return;
    if (event.item_id !== this.#watched.item) this.#watched = { item: event.item_id, text: "" };
    const text = this.#watched.text + event.delta;
    let from = 0;
    for (let mention = this.#finder.next(text, 0); mention; mention = this.#finder.next(text, from)) {
      if (!mention.hasSlash) break; // the path may go on in the next delta
      from = mention.relativeStart;
      const isCitedByApi =
        mention.place.kind === "destination" && text.startsWith("sandbox:/", mention.start);
      if (isCitedByApi) continue;
      this.#isWatching = false;
      this.#repair.lookAhead(position);
      return;
    }
    this.#watched.text = text.slice(Math.max(from, text.length - LONGEST_LEAD));
  }

  /** The stream has ended, with its final event or without: what is still to be sent. */
  end(): Taken {
    return andThen(this.isHolding ? this.#release() : [], (events) => {
      this.#finish();
      return events;
    });
  }

  async #release(event?: Event): Promise<readonly Event[]> {
    const held = this.#held.splice(0);
    const text = held[0]!.event;
    const position = positionOf(text);
    if (event && FINAL.has(String(event.type)) && position && typeof text.text === "string") {
      await this.#repair.missingOf(position, text.text, this.#sentFor(text));
      await this.#repair.citeUnmentioned(position);
    }
    const events: Event[] = [];
    for (const { event: late, before } of held) events.push(...(await this.#take(late, () => before)));
    if (event) events.push(...(await this.#take(event, () => held.at(-1)!.event.sequence_number)));
    return events;
  }

  #take(event: Event, before: () => unknown): Taken {
    const { type, output_index: outputIndex, response, item } = event;
    // What comes now may be another message, after another call.
    if (type === "response.output_item.added") this.#isWatching = undefined;
    if (type === "response.created" && isRecord(response)) this.#begin(response.id);
    switch (type) {
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        if (isRecord(response)) this.#repair.noteResponse(response);
        return [event];
      case "response.output_item.added":
        if (isIndex(outputIndex)) this.#repair.noteItem(outputIndex, item);
        return [event];
      case "response.output_text.annotation.added":
        if (isRecord(event.annotation)) this.#sentFor(event).push(event.annotation as unknown as Annotation);
        return [event];
      case "response.output_text.done":
        return this.#takeText(event, before);
      case "response.content_part.done":
        return this.#takePart(event);
      case "response.output_item.done":
        if (!isIndex(outputIndex)) return [event];
        this.#repair.noteItem(outputIndex, item);
        return replace(event, "item", repairItem(this.#repair, item, outputIndex));
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        if (!isRecord(response)) return [event];
        return this.#takeFinal(event, response);
      default:
        return [event];
    }
  }

  /** A WebSocket brings one response after the other: what is known of one says nothing of the next. */
  #begin(responseId: unknown): void {
    if (this.#isFinished || (this.#responseId !== undefined && this.#responseId !== responseId)) {
      this.#finish();
      this.#repair = new ResponseRepair(this.#context);
      this.#sent.clear();
      this.#watched = { item: undefined, text: "" };
      this.#isWatching = undefined;
      this.#isFinished = false;
    }
    this.#responseId = responseId;
  }

  /** Throws if a failure is to be thrown. */
  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#repair.finish();
  }

  /** Nobody reads the stream any more. */
  cancel(reason?: unknown): void {
    this.#isFinished = true;
    this.#repair.cancel(reason);
  }

  #sentFor({ output_index, content_index }: Event): Annotation[] {
    const key = `${output_index}/${content_index}`;
    const sent = this.#sent.get(key) ?? [];
    this.#sent.set(key, sent);
    return sent;
  }

  #takeText(event: Event, before: () => unknown): Taken {
    const position = positionOf(event);
    if (!position || typeof event.text !== "string") return [event];
    const sent = this.#sentFor(event);
    const missing = this.#repair.missingOf(position, event.text, sent);
    const insert = (citations: readonly ContainerFileCitation[]): readonly Event[] => [
      ...citations.map((annotation, added) => ({
        type: "response.output_text.annotation.added",
        // The number of the event before it: whoever resumes behind an inserted event loses none of the API's.
        ...("sequence_number" in event && { sequence_number: before() ?? Number(event.sequence_number) - 1 }),
        item_id: event.item_id,
        output_index: event.output_index,
        content_index: event.content_index,
        annotation_index: sent.length + added,
        annotation,
      })),
      event,
    ];
    return andThen(missing, insert);
  }

  #takePart(event: Event): Taken {
    const { part } = event;
    const position = positionOf(event);
    if (!position || !isOutputText(part)) return [event];
    const repaired = andThen(completeAnnotations(this.#repair, position, part), (annotations) =>
      annotations ? copyWith(part, { annotations }) : part,
    );
    return replace(event, "part", repaired);
  }

  #takeFinal(event: Event, response: Record<string, unknown>): Taken {
    return andThen(replace(event, "response", repairOutput(this.#repair, response)), (events) => {
      this.#finish();
      return events;
    });
  }
}

/** The event with one property repaired; its own object where nothing was. */
function replace(event: Event, key: string, repaired: unknown): Taken {
  return andThen(repaired, (value) => [value === event[key] ? event : { ...event, [key]: value }]);
}

function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_ITEMS;
}

function positionOf({
  output_index: outputIndex,
  content_index: contentIndex,
}: Event): PartPosition | undefined {
  return isIndex(outputIndex) && isIndex(contentIndex) ? { outputIndex, contentIndex } : undefined;
}

/**
 * Adds the citations that a streamed response lacks, as events and in the events that repeat them. Each event goes
 * out before the next is asked for; only `response.output_text.done` may wait, and only where a citation is missing.
 *
 * @param events the events of one response, from any transport: an SDK's stream, a WebSocket, a file.
 * @param source the container's files, a function that lists them, or an OpenAI client.
 * @returns the events. Those that nothing was added to are the very objects that came in.
 * @throws {TypeError} when `events` cannot be iterated, `source` is none or an option is wrong.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { repairResponseStream } from "openai-file-citations";
 *
 * const client = new OpenAI();
 * const events = await client.responses.create({ model: "gpt-5", input: "…", stream: true });
 * for await (const event of repairResponseStream(events, client)) {
 *   if (event.type === "response.output_text.annotation.added") console.log(event.annotation);
 * }
 * ```
 */
export function repairResponseStream<StreamEvent extends { type: string }>(
  events: AsyncIterable<StreamEvent> | Iterable<StreamEvent>,
  source: FileSource,
  options: RepairOptions = {},
): AsyncGenerator<StreamEvent, void, undefined> {
  const isIterable =
    typeof events === "object" &&
    events !== null &&
    (Symbol.asyncIterator in events || Symbol.iterator in events);
  if (!isIterable) throw badInput("events", "an iterable or async iterable of response events", events);
  return repairEvents(events, streamRepairOf(contextOf(source, options)));
}

/** A repair of events in a context. */
export function streamRepairOf(context: RepairContext): StreamRepair {
  return new StreamRepair(context);
}

async function* repairEvents<StreamEvent extends { type: string }>(
  events: AsyncIterable<StreamEvent> | Iterable<StreamEvent>,
  stream: StreamRepair,
): AsyncGenerator<StreamEvent, void, undefined> {
  let before: unknown;
  let isDone = false;
  try {
    for await (const event of events) {
      if (!isRecord(event)) {
        yield event; // no event, whatever it is: nothing to repair, nothing to fail for
        continue;
      }
      if (event.type === "response.output_text.delta" && stream.isWatching) stream.watch(event);
      const taken = isRead(event.type) || stream.isHolding ? stream.take(event, () => before) : [event];
      // What comes in place of an event is of its kind: the same union of events.
      for (const next of taken instanceof Promise ? await taken : taken) yield next as StreamEvent;
      before = "sequence_number" in event ? event.sequence_number : undefined;
    }
    for (const next of await stream.end()) yield next as StreamEvent;
    isDone = true;
  } finally {
    if (!isDone) stream.cancel();
  }
}
