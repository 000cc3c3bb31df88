/**
 * Repairs a streamed response event by event. It inserts the missing citations where the API would have sent them.
 * This file is long because all code that keeps the events in order is in one place.
 */
import { asError, isRecord } from "../errors.js";
import { andThen } from "../promises.js";
import { isOutputText, partsOf } from "../responses/items.js";
import { annotationsOf, repairFinal, repairItem, repairPart } from "../responses/output-repair.js";
import { FileCitationsError } from "../responses/report.js";
import { type RepairContext, ResponseRepair } from "../responses/response-repair.js";
import { notAmong } from "../responses/same-citation.js";
import type { Annotation, ContainerFileCitation, PartPosition } from "../types.js";
import {
  ENDS_OF_MESSAGE,
  type Event,
  FINAL,
  isIndex,
  isRead,
  keyOf,
  positionOf,
  precedingNumber,
  type Taken,
} from "./events.js";
import { StreamLinks } from "./stream-links.js";
import { TextSum } from "./text-sum.js";
import { TextWatch } from "./text-watch.js";

/** Repairs the events of one response, and then the events of the next response if the stream carries several. */
export class StreamRepair {
  /** The text is searched for paths in these folders, such as `/mnt/data`. */
  readonly roots: readonly string[];
  /** Returns the sequence number of the latest event. `undefined` if that event has no number. */
  latestNumber: () => unknown = () => undefined;
  readonly #context: RepairContext;
  #repair: ResponseRepair;
  /** The annotations from the API's annotation events, by part. */
  readonly #sent = new Map<string, Annotation[]>();
  /** The `output_text.done` events that were sent. `addedCount`: how many added citations of the text were known at that time. */
  readonly #texts = new Map<string, { event: Event; addedCount: number }>();
  /** End events of a message, held until the event after the message arrives (see `#mustHold`). */
  readonly #held: { event: Event; numberBefore: unknown }[] = [];
  /** Resolves when the events in `#held` have waited for `timeoutMs`. `undefined` if none is held. */
  #heldTooLong: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: TextWatch;
  #sum = new TextSum();
  /** True if deltas are counted, to compare them with the whole text. `undefined` until the first delta of an item. */
  #isSumming: boolean | undefined;
  /**
   * True if the latest text has ended before any of its deltas came. The deltas may still come. Always false if the text's
   * item began before this stream.
   */
  #isWithoutDeltas = false;
  /** The output indices of the open messages. Other items are left out, because some gateways never end reasoning items. */
  readonly #openItems = new Set<number>();
  /** True once an item of the response has ended. Until then, open items are not an error: some gateways never end items. */
  #hasItemEnds = false;
  /**
   * True while an item's deltas are scanned for paths. False if no container is known, or once the file list was requested for a
   * path. `undefined` until the item's first delta.
   */
  #isWatching: boolean | undefined;
  /** Puts working links into the texts. `undefined` without the option `links`. */
  #links: StreamLinks | undefined;
  #isFinished = false;
  /** True once the consumer has left or the stream is broken. Events from the last chunk that was read can still follow. */
  #isStopped = false;
  /** True after `cancel`. Then no event needs a repair or a report any more. */
  #hasLeft = false;
  #responseId: unknown;
  /** The response's id in the latest final event. */
  #endedId: unknown;
  /** The sequence number of the latest event that was read. */
  #number: number | undefined;
  /** The id of a response from which an event may be missing, because it was unclear to which response the event belongs. */
  #missedIn: string | undefined;
  /** The error for the report, made from the API's error event. `undefined` if no such event came. */
  #apiError: Error | undefined;

  constructor(context: RepairContext) {
    this.roots = context.settings.roots;
    this.#context = context;
    this.#repair = new ResponseRepair(context);
    this.#watch = new TextWatch(this.roots);
    this.#links = this.#newLinks();
  }

  #newLinks(): StreamLinks | undefined {
    const { links } = this.#repair;
    return links && new StreamLinks(this.#repair, links, this.#context.settings.timeoutMs);
  }

  /**
   * Returns the events to send in place of `event`. If nothing is missing, returns the same event object synchronously, so that a
   * stream with nothing to repair never waits. `numberBefore` returns the sequence number of the previous event.
   */
  take(event: Event, numberBefore: () => unknown): Taken {
    if (this.#hasLeft) return [event];
    this.#check(event);
    const isEnd = ENDS_OF_MESSAGE.has(event.type);
    if (isEnd && (this.#isHeld || this.#mustHold(event, numberBefore)))
      return this.#limited(this.#hold(event, numberBefore));
    return this.#limited(
      this.#isHeld
        ? this.#release(event)
        : this.#unchangedOnError([event], numberBefore, () => this.#take(event, numberBefore)),
    );
  }

  /**
   * True while annotation events or end events are held (see `#mustHold`). Then every event must go through `take`, so that no
   * event overtakes the held events.
   */
  get isHolding(): boolean {
    return this.#isHeld || this.#links?.isHoldingEvents === true;
  }

  /** True if the report of the latest response was already made, or is no longer needed. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  get #isHeld(): boolean {
    return this.#held.length > 0;
  }

  #hold(event: Event, numberBefore: () => unknown): Taken {
    this.#held.push({ event, numberBefore: numberBefore() });
    return [];
  }

  /** Returns `taken`. Starts the time limit if events are still held when `taken` is ready. Otherwise stops the time limit. */
  #limited(taken: Taken): Taken {
    if (taken instanceof Promise) return taken.finally(() => this.#limitHold());
    this.#limitHold();
    return taken;
  }

  #limitHold(): void {
    if (!this.isHolding || this.#isStopped) {
      this.#endLimit();
      return;
    }
    this.#heldTooLong ??= new Promise((resolve) => {
      this.#timer = setTimeout(resolve, this.#context.settings.timeoutMs);
    });
  }

  #endLimit(): void {
    if (!this.#heldTooLong) return;
    clearTimeout(this.#timer);
    this.#heldTooLong = undefined;
  }

  /** Returns the sequence number of the latest event that was sent. Events that are still held do not count. */
  readonly #numberSent = (): unknown => {
    const [first] = this.#held;
    return first ? first.numberBefore : this.latestNumber();
  };

  /**
   * True if text deltas must go through `take` or `passText`, because their text can get working links. One flag covers all
   * texts of the response, because an unread delta does not show to which text it belongs.
   */
  get isLinking(): boolean {
    return this.#links !== undefined && !this.#isFinished;
  }

  /**
   * True if no text is held, no link has begun, and at most one message is open. Then a delta that cannot belong to a mention
   * can be sent unread.
   */
  get isIdle(): boolean {
    return this.#links?.isIdle === true && !this.#areMessagesMixed;
  }

  /** True if several messages are open. Their deltas can be interleaved. */
  get #areMessagesMixed(): boolean {
    return this.#openItems.size > 1;
  }

  /** Records the text of deltas that did not go through `take`. `event` is the first of these deltas. */
  passText(event: Event, text: string): void {
    this.#links?.passText(event, text);
  }

  /** Returns whether an event of this type must go through `take`. All other events can be sent unread. */
  mustTake(type: unknown): boolean {
    return isRead(type) || this.isHolding || (type === "response.output_text.delta" && this.isLinking);
  }

  /** Resolves when text or end events are held for longer than `timeoutMs`. `undefined` if nothing is held. */
  get overdue(): Promise<void> | undefined {
    const text = this.#links?.overdue;
    return text && this.#heldTooLong ? Promise.race([text, this.#heldTooLong]) : (text ?? this.#heldTooLong);
  }

  /** Returns what was held for too long: the text without its links, and the end events with the citations found so far. */
  takeOverdue(): Taken {
    const text = this.#links?.takeOverdue(this.#numberSent) ?? [];
    this.#endLimit();
    return this.#limited(this.#isHeld ? andThen(this.#release(), (events) => [...text, ...events]) : text);
  }

  /** True while the deltas of the text have to be passed to `watch`. */
  get isWatching(): boolean {
    if (this.isLinking) return false;
    this.#isWatching ??= this.#repair.hasContainers;
    return this.#isWatching;
  }

  /**
   * Scans a text delta for paths. If a path has a form that the API does not annotate, its citation will be missing. So the file
   * list is requested while the text still streams. A path in the annotated form causes no request.
   */
  watch(event: Event): void {
    const position = positionOf(event);
    if (!position || typeof event.delta !== "string") return;
    try {
      if (!this.#watch.shows(event.item_id, event.delta)) return;
      this.#repair.lookAhead(position);
    } catch (error) {
      this.#repair.noteError(error); // a bug of ours must not lose a delta
    }
    this.#isWatching = false;
  }

  /** True if the deltas have to be passed to `sum`. False without a known container, because then no text can get a citation. */
  get isSumming(): boolean {
    this.#isSumming ??= this.#repair.hasContainers;
    return this.#isSumming;
  }

  /** Counts a delta, so that `compare` can check the whole text. Stops recovering if the delta's text has already ended. */
  sum(event: Event): void {
    if (this.#sum.add(event)) return;
    this.giveUp(new Error(`the events are out of order: ${textAt(event)} goes on after its end`));
  }

  /** Stops recovering if the whole text in `event` differs from its deltas. Call this only if all deltas were counted. */
  compare(event: Event): void {
    const comparison = this.#sum.end(event);
    this.#isWithoutDeltas = comparison === "no-deltas";
    if (comparison !== "different") return;
    this.giveUp(
      new Error(`the events are out of order: ${textAt(event)} ends with another text than its deltas`),
    );
  }

  /** Stops recovering citations for the response in progress. */
  giveUp(error: Error): void {
    this.#repair.giveUp(error);
  }

  /** Reports that an event of more than `longest` bytes was not read. */
  noteTooLong(longest: number): void {
    this.#repair.noteError(new Error(`an event is too long to read: more than ${longest} bytes`));
  }

  /**
   * Records that an event may be missing from a response. If the response has not begun yet, `#begin` records this again when the
   * response begins.
   */
  noteMissed(responseId: string): void {
    this.#missedIn = responseId;
    this.#repair.noteMissed();
  }

  /** Repairs and returns the held events. Send them before anything that bypasses `take`, to keep the order. */
  release(): Taken {
    return this.#limited(this.#isHeld ? this.#release() : (this.#links?.release(this.#numberSent) ?? []));
  }

  /** Like `release`, but also returns the text that `release` keeps holding. This text stays unchanged: it gets no links. */
  releaseAll(): Taken {
    const released = this.#isHeld ? this.#release() : [];
    return this.#limited(
      andThen(released, (events) => [...events, ...(this.#links?.releaseUnchanged(this.#numberSent) ?? [])]),
    );
  }

  /** Ends the response and returns the events that are still held. If the final event never came, the report has an error. */
  end(): Taken {
    this.#endLimit();
    return andThen(this.#isHeld ? this.#release() : [], (events) => {
      const text = this.#links?.releaseUnchanged(this.#numberSent) ?? [];
      this.#finish(this.#apiError ?? new Error("the stream ended without its final event"));
      return [...events, ...text];
    });
  }

  /** Ends a broken stream: reports what was found so far, and requests no more lists. Call `break` afterwards. */
  breakOff(error: unknown): void {
    this.#reportBreak(asError(error));
    this.#stop(error);
  }

  /**
   * Ends a broken stream and returns the held text and the held events, unchanged. If results of `take` are pending, first
   * call `breakOff`, then await the results, and then call `break`. The pending results can still add held events.
   */
  break(error: unknown): readonly Event[] {
    const text = this.#links?.releaseUnchanged(this.#numberSent) ?? [];
    this.breakOff(error);
    return [...text, ...this.#held.splice(0).map(({ event }) => event)];
  }

  /**
   * Stops the repair: the consumer has left, the stream is broken, or no event of a response came. If the API sent an error event,
   * reports that error.
   */
  cancel(reason?: unknown): void {
    if (this.#apiError) this.#reportBreak(this.#apiError);
    this.#hasLeft = true;
    this.#stop(reason);
  }

  #stop(reason: unknown): void {
    this.#isFinished = this.#isStopped = true;
    this.#endLimit();
    this.#links?.end();
    this.#repair.cancel(reason);
  }

  /**
   * Returns whether an end event must wait for the event after its message. That event answers three questions:
   * - Is the message the last one? The last message gets the citations of unmentioned files.
   * - Does a call follow? The call may write a file that the text means. With the option `links`, some mentions are held until
   *   it is known whether a call follows. An example is a link whose destination is a file's name.
   * - Does the text go on? The event that ends a text may come before some of the text's deltas.
   */
  #mustHold(event: Event, numberBefore: () => unknown): boolean {
    const isText = event.type === "response.output_text.done";
    if (isText && this.#repair.mayCiteUnmentioned) return true;
    try {
      return textsOf(event).some(({ position, text, given = this.#sentFor(event) }) => {
        if (this.#repair.mustWait(position, text, given) || this.#links?.mustWait(position, text))
          return true;
        const mayBeEarly = isText && this.#repair.mayLack(position, text, given);
        return mayBeEarly && (this.#isWithoutDeltas || isAfterGap(event, numberBefore()));
      });
    } catch (error) {
      this.#repair.noteError(error);
      return false;
    }
  }

  /** Repairs the held events, and then `event`, which came after the held events. */
  #release(event?: Event): Taken {
    const held = this.#held.splice(0);
    // Stops the time limit of the held text: finding the citations has a time limit of its own.
    this.#links?.stop();
    if (event?.type === "response.output_text.delta" && held.some((end) => isEndOf(end.event, event)))
      this.giveUp(new Error(`the events are out of order: ${textAt(event)} goes on after its end`));
    const text = held[0]!.event;
    const position = positionOf(text);
    const isLast = event !== undefined && FINAL.has(event.type);
    const release = async (): Promise<readonly Event[]> => {
      if (isLast && isRecord(event.response)) this.#repair.noteWhole(event.response);
      if (isLast && position && typeof text.text === "string" && this.#repair.mayCiteUnmentioned) {
        await this.#repair.missingOf(position, text.text, this.#sentFor(text));
        await this.#repair.citeUnmentioned(position);
      }
      const events: Event[] = [];
      for (const { event: heldEvent, numberBefore } of held)
        events.push(...(await this.#take(heldEvent, () => numberBefore, true)));
      if (!event) return events;
      try {
        return [...events, ...(await this.#take(event, () => held.at(-1)!.event.sequence_number))];
      } catch (error) {
        // Repairing the final event threw an error (see `onFailure`). The events before the final event are held, so that the
        // method `break` returns them.
        this.#held.push(...events.map((ready) => ({ event: ready, numberBefore: undefined })));
        throw error;
      }
    };
    const heldEvents = held.map(({ event: heldEvent }) => heldEvent);
    const { numberBefore: first } = held[0]!;
    return this.#unchangedOnError(event ? [...heldEvents, event] : heldEvents, () => first, release);
  }

  /**
   * Returns the result of `take`. If `take` throws a `FileCitationsError`, rethrows it. After any other error (a bug of ours
   * or unexpected data), returns the held text and the input events unchanged.
   */
  #unchangedOnError(events: readonly Event[], numberBefore: () => unknown, take: () => Taken): Taken {
    const giveUp = (error: unknown): readonly Event[] => {
      if (error instanceof FileCitationsError) throw error;
      this.#repair.noteError(error);
      return [...(this.#links?.releaseUnchanged(numberBefore) ?? []), ...events];
    };
    try {
      const taken = take();
      return taken instanceof Promise ? taken.catch(giveUp) : taken;
    } catch (error) {
      return giveUp(error);
    }
  }

  /** Stops recovering if the events of the response contradict each other. */
  #check(event: Event): void {
    // Skips the events that are parsed only while something is held. A second repair of the stream may hold nothing. It would
    // not check these events, and could have another result.
    if (this.#isStopped || !isRead(event.type)) return;
    const { type, output_index: outputIndex, item_id: itemId } = event;
    if (type === "response.created") this.#number = undefined;
    else if (this.#isFinished && (isIndex(outputIndex) || this.#isOtherFinal(event)))
      this.#beginAfterEnd(type);
    try {
      if (isIndex(outputIndex)) {
        this.#repair.checkItem(outputIndex, itemId);
        if (type === "response.output_item.added" && isMessage(event.item)) this.#openItems.add(outputIndex);
        else if (type === "response.output_item.done") this.#endItem(outputIndex);
      }
      this.#checkNumber(event);
      const [open] = this.#openItems;
      if (type === "response.completed" && open !== undefined && this.#hasItemEnds) {
        throw new Error(
          `the events are out of order: ${type} comes before the end of the item at output_index ${open}`,
        );
      }
    } catch (error) {
      this.#repair.giveUp(error);
    }
  }

  /**
   * Returns true for a final event with another response id than the latest final event. A final event with the same id is a
   * repetition, which some gateways send.
   */
  #isOtherFinal({ type, response }: Event): boolean {
    return FINAL.has(type) && Object(response).id !== this.#endedId;
  }

  #endItem(outputIndex: number): void {
    this.#openItems.delete(outputIndex);
    this.#hasItemEnds = true;
  }

  #checkNumber({ sequence_number: number }: Event): void {
    if (typeof number !== "number") return;
    const before = this.#number;
    this.#number = number;
    if (before !== undefined && number < before) {
      throw new Error(`the events are out of order: sequence_number ${number} comes after ${before}`);
    }
  }

  /** Repairs one event. `isReleased` is true if the event was held until now. Such an event is not held again. */
  #take(event: Event, numberBefore: () => unknown, isReleased = false): Taken {
    const links = this.#links; // `#takeOne` replaces `#links` if another response begins
    const taken = this.#takeOne(event, numberBefore, isReleased);
    if (!links || PARTS_OF_TEXT.has(event.type)) return taken;
    const isEnd = FINAL.has(event.type) || event.type === "error" || links !== this.#links;
    // The held text and its annotation events are sent before the events that repeat them, and before the response ends.
    const released = (): Event[] =>
      isEnd ? links.releaseUnchanged(numberBefore) : links.release(numberBefore);
    if (taken instanceof Promise) links.stop(); // see `#release`
    return andThen(taken, (events) => {
      if (events.length > 0) return [...released(), ...events];
      links.watchHeld();
      return events;
    });
  }

  #takeOne(event: Event, numberBefore: () => unknown, isReleased: boolean): Taken {
    const { type, output_index: outputIndex, response, item } = event;
    // Each new item restarts the scan for paths, because a call since the last scan may have written files.
    if (type === "response.output_item.added") this.#beginItem(item);
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
        return this.#takeAnnotation(event, numberBefore);
      case "response.output_text.delta":
        return this.#links?.takeDelta(event) ?? [event];
      case "response.output_text.done":
        this.#links?.beginText();
        return this.#takeText(event, numberBefore, isReleased);
      case "response.content_part.done":
        this.#links?.beginText();
        return this.#takePart(event);
      case "response.output_item.done":
        return this.#takeItem(event);
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        if (!isRecord(response)) return [event];
        this.#endedId = response.id;
        return this.#takeFinal(event, response, numberBefore);
      case "error":
        this.#apiError = new Error(`the stream ended with an error: ${event.message}`);
        return [event];
      default:
        return [event];
    }
  }

  /** Resets the flags that say how deltas are processed. They are set again at the first delta of the new item. */
  #beginItem(item: unknown): void {
    this.#sum.beginItem(item);
    this.#isSumming = undefined;
    this.#isWatching = undefined;
    this.#links?.beginText();
  }

  #takeAnnotation(event: Event, numberBefore: () => unknown): Taken {
    if (!isRecord(event.annotation) || !positionOf(event)) return [event];
    this.#sentFor(event).push(event.annotation as unknown as Annotation);
    if (!this.#links) return [event];
    this.#links.hold(event, numberBefore);
    return [];
  }

  #takeItem(event: Event): Taken {
    const { output_index: outputIndex, item } = event;
    if (!isIndex(outputIndex)) return [event];
    this.#repair.noteItem(outputIndex, item);
    return replace(event, "item", repairItem(this.#repair, item, outputIndex));
  }

  /** Starts a new repair if the stream continues with another response, as a WebSocket does. No state is carried over. */
  #begin(responseId: unknown): void {
    if (this.#isFinished || (this.#responseId !== undefined && this.#responseId !== responseId)) {
      this.#finish(this.#apiError ?? new Error("the response ended without its final event"));
      this.#renew();
      if (this.#isStopped) this.#repair.cancel();
    }
    // Forgets an error event that came before this response began: it was about another request, which got no response.
    this.#apiError = undefined;
    this.#responseId = responseId;
    if (this.#missedIn === responseId && responseId !== undefined) this.#repair.noteMissed();
  }

  /**
   * Starts a repair for events after the final event. These events get their own report, because the response's report is already
   * made.
   */
  #beginAfterEnd(type: unknown): void {
    this.#renew();
    this.#repair.noteResponse({ id: this.#responseId });
    this.giveUp(
      new Error(`the events are out of order: ${type} comes after the final event of the response`),
    );
  }

  #renew(): void {
    this.#repair = new ResponseRepair({ ...this.#context, startedAt: undefined });
    this.#sent.clear();
    this.#texts.clear();
    this.#openItems.clear();
    this.#hasItemEnds = false;
    this.#apiError = undefined;
    this.#watch = new TextWatch(this.roots);
    this.#sum = new TextSum();
    this.#links = this.#newLinks();
    this.#isWatching = this.#isSumming = undefined;
    this.#isFinished = false;
  }

  /** Finishes the repair and makes the report, once. Throws if `onFailure` is `"throw"` and the recovery failed. */
  #finish(brokenBy?: Error): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#links?.stop();
    this.#repair.finish(brokenBy);
  }

  /** Makes the report of a broken stream. Ignores errors of the report: the consumer gets the error that broke the stream. */
  #reportBreak(error: Error): void {
    try {
      this.#finish(error);
    } catch {}
  }

  /** Returns the API's annotations for the event's text part. The array is not a copy, so the caller may add to it. */
  #sentFor(event: Event): Annotation[] {
    const key = keyOf(event);
    const sent = this.#sent.get(key) ?? [];
    this.#sent.set(key, sent);
    return sent;
  }

  #takeText(event: Event, numberBefore: () => unknown, isReleased: boolean): Taken {
    const position = positionOf(event);
    if (!position || typeof event.text !== "string") return [event];
    const missing = this.#repair.missingOf(position, event.text, this.#sentFor(event));
    return andThen(missing, (citations) => {
      // Holds the end event until the event after the message arrives. The text may still get a citation: see `isLacking`.
      if (!isReleased && this.#repair.isLacking(position)) return this.#hold(event, numberBefore);
      return andThen(this.#linked(event, position, citations), (sent) => {
        const known = this.#repair.knownOf(position, String(event.text));
        this.#texts.set(keyOf(event), { event, addedCount: known.length });
        return [...this.#citationEvents(event, known, 0, numberBefore() ?? precedingNumber(event)), sent];
      });
    });
  }

  /** Returns the event that ends a text, with links in its text. Returns the same event if the text gets no links. */
  #linked(
    event: Event,
    position: PartPosition,
    citations: readonly ContainerFileCitation[],
  ): Event | Promise<Event> {
    if (!this.#links) return event;
    const sent = this.#sentFor(event);
    const linked = this.#repair.withLinks(position, String(event.text), sent, notAmong(sent, citations));
    return andThen(linked, ({ text }) => {
      if (text === event.text) return event;
      return { ...event, text, ...(Array.isArray(event.logprobs) && { logprobs: [] }) };
    });
  }

  /**
   * Returns the events that add `citations` to a text, starting with the citation at the index `from`. The events for the
   * earlier citations were already sent.
   */
  #citationEvents(
    text: Event,
    citations: readonly ContainerFileCitation[],
    from: number,
    sequenceNumber: unknown,
  ): Event[] {
    const sent = this.#sentFor(text);
    const position = positionOf(text)!;
    const { links } = this.#repair;
    // Leaves out citations that the stream already has. An earlier repair of the same stream may have inserted them.
    const unsent = notAmong(sent, citations.slice(from));
    const moved = links ? links.moved(position, [...sent, ...unsent]).slice(sent.length) : unsent;
    return moved.map((annotation, added) => ({
      type: "response.output_text.annotation.added",
      // Repeats the previous event's number. So a client that resumes after this number misses no event of the API.
      ...("sequence_number" in text && { sequence_number: sequenceNumber }),
      ...("stream_id" in text && { stream_id: text.stream_id }),
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
    const repaired = andThen(repairFinal(this.#repair, response), (value) =>
      andThen(this.#askOnceMore(response), () => value),
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

  /**
   * Looks up the missing citations of the texts that were sent. Does so only if the final event has no output, because then
   * `repairFinal` found no texts.
   */
  #askOnceMore({ output }: Record<string, unknown>): undefined | Promise<unknown> {
    if (Array.isArray(output) && output.length > 0) return undefined;
    const texts = [...this.#texts.values()].map(({ event }) => event);
    const asked = texts
      .map((event) => this.#repair.missingOf(positionOf(event)!, String(event.text), this.#sentFor(event)))
      .filter((missing) => missing instanceof Promise);
    if (!this.#repair.mayCiteUnmentioned) return asked.length > 0 ? Promise.all(asked) : undefined;
    const last = texts.at(-1);
    return Promise.all(asked).then(() => this.#repair.citeUnmentioned(last && positionOf(last), true));
  }
}

/** The types of events that carry one piece of a text, or one annotation. */
const PARTS_OF_TEXT: ReadonlySet<unknown> = new Set([
  "response.output_text.delta",
  "response.output_text.annotation.added",
]);

function isMessage(item: unknown): boolean {
  return isRecord(item) && item.type === "message";
}

/** Returns whether `end` is the event that ends the text of `delta`. */
function isEndOf(end: Event, delta: Event): boolean {
  return end.type === "response.output_text.done" && keyOf(end) === keyOf(delta);
}

/** Returns whether an event's number is more than one above `before`. Then the events in between are missing or come later. */
function isAfterGap({ sequence_number: number }: Event, before: unknown): boolean {
  return typeof number === "number" && typeof before === "number" && number > before + 1;
}

/** Describes the text that an event belongs to, for use in an error message. */
function textAt({ output_index, content_index }: Event): string {
  return `the text at output_index ${output_index}, content_index ${content_index},`;
}

/** Returns the texts in an end event. `given`: the annotations of the text, if the event has them. */
function textsOf(event: Event): { position: PartPosition; text: string; given?: readonly Annotation[] }[] {
  const position = positionOf(event);
  if (typeof event.text === "string") return position ? [{ position, text: event.text }] : [];
  if (isOutputText(event.part)) {
    return position ? [{ position, text: event.part.text, given: annotationsOf(event.part) }] : [];
  }
  const { item, output_index: outputIndex } = event;
  const parts = isIndex(outputIndex) ? partsOf(item) : undefined;
  if (!parts || !isIndex(outputIndex)) return [];
  return parts.parts.flatMap((part, contentIndex) =>
    isOutputText(part)
      ? [{ position: { outputIndex, contentIndex }, text: part.text, given: annotationsOf(part) }]
      : [],
  );
}

/** Returns a copy of the event with one property replaced, or the same object if the value is the same. */
function replace(event: Event, key: string, repaired: unknown): Taken {
  return andThen(repaired, (value) => [value === event[key] ? event : { ...event, [key]: value }]);
}
