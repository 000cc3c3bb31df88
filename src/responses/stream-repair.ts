/** Repairs a response event by event: the missing citations come where the API would have sent them. */
import { asError, isRecord } from "../bad-input.js";
import type { Annotation, ContainerFileCitation } from "../types.js";
import { andThen, repairItem, repairOutput, repairPart } from "./repair.js";
import { FileCitationsError } from "./report.js";
import { type RepairContext, ResponseRepair } from "./response-repair.js";
import { notAmong } from "./same-citation.js";
import {
  ENDS_OF_MESSAGE,
  type Event,
  FINAL,
  isIndex,
  keyOf,
  positionOf,
  precedingNumber,
  type Taken,
} from "./stream-events.js";
import { TextWatch } from "./text-watch.js";

/** Repairs the events of a response, one after the other, and those of the next one where the stream goes on. */
export class StreamRepair {
  /** The folders whose paths the text is watched for. */
  readonly roots: readonly string[];
  readonly #context: RepairContext;
  #repair: ResponseRepair;
  /** The annotations that the API sent for each part, in its events. */
  readonly #sent = new Map<string, Annotation[]>();
  /** The texts that ended, and how many citations were added to each. */
  readonly #texts = new Map<string, { event: Event; addedCount: number }>();
  readonly #held: { event: Event; numberBefore: unknown }[] = [];
  #watch: TextWatch;
  /** Unknown until the first delta of a message asks: no container, nothing to watch for. */
  #isWatching: boolean | undefined;
  #isFinished = false;
  #responseId: unknown;
  /** What the API said in place of going on. */
  #apiError: Error | undefined;

  constructor(context: RepairContext) {
    this.roots = context.settings.roots;
    this.#context = context;
    this.#repair = new ResponseRepair(context);
    this.#watch = new TextWatch(this.roots);
  }

  /**
   * The events to send in place of `event`: its own object alone where nothing is missing. At once then, so that a
   * stream with nothing to repair never waits. `numberBefore` gives the sequence number of the event before it.
   */
  take(event: Event, numberBefore: () => unknown): Taken {
    const isEnd = ENDS_OF_MESSAGE.has(event.type);
    if (
      isEnd &&
      (this.isHolding || (event.type === "response.output_text.done" && this.#repair.mayCiteUnmentioned))
    ) {
      this.#held.push({ event, numberBefore: numberBefore() });
      return [];
    }
    if (this.isHolding) return this.#release(event);
    return this.#orAsTheyCame([event], () => this.#take(event, numberBefore));
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
    try {
      if (!this.#watch.shows(event.item_id, event.delta)) return;
      this.#repair.lookAhead(position);
    } catch (error) {
      this.#repair.noteError(error); // a mistake of ours is no reason to lose a delta
    }
    this.#isWatching = false;
  }

  /** What is held, for what is no event comes now: it must not overtake them. */
  release(): Taken {
    return this.isHolding ? this.#release() : [];
  }

  /** The stream has ended, with its final event or without: what is still to be sent. */
  end(): Taken {
    return andThen(this.release(), (events) => {
      this.#finish(this.#apiError ?? new Error("the stream ended without its final event"));
      return events;
    });
  }

  /** The stream broke. What was found until then is reported; what was held is to be sent, as it came. */
  break(error: unknown): readonly Event[] {
    this.#reportBreak(asError(error));
    this.cancel(error);
    return this.#held.splice(0).map(({ event }) => event);
  }

  /** Nobody reads the stream any more. Who leaves at the API's error leaves for that. */
  cancel(reason?: unknown): void {
    if (this.#apiError) this.#reportBreak(this.#apiError);
    this.#isFinished = true;
    this.#repair.cancel(reason);
  }

  #release(event?: Event): Taken {
    const held = this.#held.splice(0);
    const text = held[0]!.event;
    const position = positionOf(text);
    const isLast = event !== undefined && FINAL.has(event.type);
    const release = async (): Promise<readonly Event[]> => {
      if (isLast && position && typeof text.text === "string") {
        await this.#repair.missingOf(position, text.text, this.#sentFor(text));
        await this.#repair.citeUnmentioned(position);
      }
      const events: Event[] = [];
      for (const { event: late, numberBefore } of held)
        events.push(...(await this.#take(late, () => numberBefore)));
      if (event) events.push(...(await this.#take(event, () => held.at(-1)!.event.sequence_number)));
      return events;
    };
    const came = held.map(({ event: late }) => late);
    return this.#orAsTheyCame(event ? [...came, event] : came, release);
  }

  /** A mistake of ours, or events that nobody thought of: they go out as they came. */
  #orAsTheyCame(events: readonly Event[], take: () => Taken): Taken {
    const giveUp = (error: unknown): readonly Event[] => {
      if (error instanceof FileCitationsError) throw error;
      this.#repair.noteError(error);
      return events;
    };
    try {
      const taken = take();
      return taken instanceof Promise ? taken.catch(giveUp) : taken;
    } catch (error) {
      return giveUp(error);
    }
  }

  #take(event: Event, numberBefore: () => unknown): Taken {
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
        return this.#takeText(event, numberBefore);
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
        return this.#takeFinal(event, response, numberBefore);
      case "error":
        this.#apiError = new Error(`the stream ended with an error: ${event.message}`);
        return [event];
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
      this.#texts.clear();
      this.#apiError = undefined;
      this.#watch = new TextWatch(this.roots);
      this.#isWatching = undefined;
      this.#isFinished = false;
    }
    this.#responseId = responseId;
  }

  /** Throws if a failure is to be thrown. */
  #finish(brokenBy?: Error): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#repair.finish(brokenBy);
  }

  /** Whoever reads the stream gets the error that broke it, and no other. */
  #reportBreak(error: Error): void {
    try {
      this.#finish(error);
    } catch {}
  }

  #sentFor(event: Event): Annotation[] {
    const key = keyOf(event);
    const sent = this.#sent.get(key) ?? [];
    this.#sent.set(key, sent);
    return sent;
  }

  #takeText(event: Event, numberBefore: () => unknown): Taken {
    const position = positionOf(event);
    if (!position || typeof event.text !== "string") return [event];
    const missing = this.#repair.missingOf(position, event.text, this.#sentFor(event));
    return andThen(missing, (citations) => {
      this.#texts.set(keyOf(event), { event, addedCount: citations.length });
      return [...this.#citationEvents(event, citations, 0, numberBefore() ?? precedingNumber(event)), event];
    });
  }

  /** The events that tell of the citations of a text from the one numbered `from` on. */
  #citationEvents(
    text: Event,
    citations: readonly ContainerFileCitation[],
    from: number,
    sequenceNumber: unknown,
  ): Event[] {
    const sent = this.#sentFor(text);
    // What an earlier repair found in the end is among those that were sent, and found again.
    const untold = notAmong(sent, citations.slice(from));
    return untold.map((annotation, added) => ({
      type: "response.output_text.annotation.added",
      // The number of the event before it: whoever resumes behind an inserted event loses none of the API's.
      ...("sequence_number" in text && { sequence_number: sequenceNumber }),
      item_id: text.item_id,
      output_index: text.output_index,
      content_index: text.content_index,
      annotation_index: sent.length + from + added,
      annotation,
    }));
  }

  #takePart(event: Event): Taken {
    const position = positionOf(event);
    return position ? replace(event, "part", repairPart(this.#repair, position, event.part)) : [event];
  }

  #takeFinal(event: Event, response: Record<string, unknown>, numberBefore: () => unknown): Taken {
    const repaired = andThen(repairOutput(this.#repair, response), (value) =>
      andThen(this.#citeUnmentioned(response), () => value),
    );
    return andThen(replace(event, "response", repaired), (events) => {
      const late = [...this.#texts.values()].flatMap(({ event: text, addedCount }) =>
        this.#citationEvents(
          text,
          this.#repair.knownOf(positionOf(text)!, String(text.text)),
          addedCount,
          numberBefore() ?? precedingNumber(event),
        ),
      );
      this.#finish();
      return [...late, ...events];
    });
  }

  /** Where the final event has no output, the last text that ended is the last of the response. */
  #citeUnmentioned({ output }: Record<string, unknown>): undefined | Promise<void> {
    const last = [...this.#texts.values()].at(-1);
    if (!this.#repair.mayCiteUnmentioned || (Array.isArray(output) && output.length > 0)) return undefined;
    return this.#repair.citeUnmentioned(last && positionOf(last.event), true);
  }
}

/** The event with one property repaired; its own object where nothing was. */
function replace(event: Event, key: string, repaired: unknown): Taken {
  return andThen(repaired, (value) => [value === event[key] ? event : { ...event, [key]: value }]);
}
