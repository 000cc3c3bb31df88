/**
 * Puts working links into the texts of a stream. Holds only text that can belong to a mention. This file is long because text,
 * annotation events and the time limit must be held and released together.
 */
import { andThen } from "../promises.js";
import type { LinkedPart, ResponseLinks } from "../responses/response-links.js";
import type { ResponseRepair } from "../responses/response-repair.js";
import type { Annotation, PartPosition } from "../types.js";
import { type Event, keyOf, positionOf, type Taken } from "./events.js";

/** Processes the text deltas and the annotation events of one response. */
export class StreamLinks {
  readonly #repair: ResponseRepair;
  readonly #links: ResponseLinks;
  readonly #timeoutMs: number;
  /** The latest delta event of each text. An inserted event is a copy of this event with another `delta`. */
  readonly #latest = new WeakMap<LinkedPart, Event>();
  /**
   * For each text that may hold characters: the time at which its first held character began to wait. All other texts are
   * left out, because a response can have thousands of texts.
   */
  readonly #holding = new Map<LinkedPart, number>();
  /** The start of the time limit: the earliest time that `#holding` had when the timer was set. */
  #limitedSince = 0;
  /** Held annotation events. Their new ranges depend on links that are not known yet. */
  #annotations: Event[] = [];
  /** The sequence number of the event before the first held annotation event. */
  #numberBeforeHeld: unknown;
  /** The id of the latest item for which file lists were requested. */
  #lookedAheadFor: unknown;
  /** True once the previous response was requested. */
  #isRetrieving = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;
  /** The time at which the library began to hold text (`now`), and the repair's `heldMs` at that time. Both in milliseconds. */
  #heldSince: { now: number; heldMs: number } | undefined;
  /** Resolves when text is held for longer than `timeoutMs`. `undefined` if no text is held. */
  overdue: Promise<void> | undefined;

  constructor(repair: ResponseRepair, links: ResponseLinks, timeoutMs: number) {
    this.#repair = repair;
    this.#links = links;
    this.#timeoutMs = timeoutMs;
  }

  /** True while annotation events are held. Other events must not overtake them. */
  get isHoldingEvents(): boolean {
    return this.#annotations.length > 0;
  }

  /**
   * True while no text is held and no link has begun. Then a delta that cannot belong to a mention can be sent unread. False
   * until the first delta of a text has been taken, because taking this delta may request the file lists.
   */
  isIdle = false;

  /**
   * Sets `isIdle` to false, so that the next delta is read. Call this when an item begins or a text ends, because the next delta
   * can belong to another text.
   */
  beginText(): void {
    this.isIdle = false;
  }

  /** Records text that was sent unread, because it cannot belong to a mention. `event` is the first delta of this text. */
  passText(event: Event, text: string): void {
    const position = positionOf(event);
    if (!position) return;
    const part = this.#partAt(position);
    this.#latest.set(part, event);
    this.#lookAhead(part, event);
    this.#links.pass(part, text);
  }

  /**
   * Returns the delta with the text that can be sent now. Returns the same object if its text is unchanged. If annotation events
   * were held, they come first.
   */
  takeDelta(event: Event): Taken {
    const position = positionOf(event);
    if (!position || typeof event.delta !== "string") return [event];
    const before = this.isHoldingEvents ? this.release(() => this.#numberBeforeHeld) : [];
    const part = this.#partAt(position);
    this.#latest.set(part, event);
    if (!this.#holding.has(part)) this.#holding.set(part, performance.now());
    const pushed = this.#links.push(part, event.delta);
    this.#lookAhead(part, event);
    const isDeciding = pushed instanceof Promise;
    // Stops the time limit of the held text: finding the file of a mention has a time limit of its own.
    if (isDeciding) this.stop();
    return andThen(pushed, (text) => {
      this.isIdle = part.text.isIdle;
      if (isDeciding || text !== "") this.#holding.set(part, performance.now());
      this.watchHeld();
      const sent = text === event.delta ? event : changed(event, text);
      return [...before, sent];
    });
  }

  /**
   * Returns the part that puts links into a text. While no container is known, `onlyPaths` is true and the text's paths are
   * held. The API's citations come after the text and may show which files the paths mean. At the first path, `#lookAhead`
   * requests the previous response. If that response names a container, this method sets `onlyPaths` to false.
   */
  #partAt(position: PartPosition): LinkedPart {
    const part = this.#links.partAt(position);
    const { text } = part;
    if (!text.onlyPaths) return part;
    const isFound = this.#repair.hasFoundContainers && text.isMentionOpen;
    text.onlyPaths = !isFound && !this.#repair.isGivenUp && !this.#repair.hasContainersFor(position);
    return part;
  }

  /**
   * Requests the file lists for the links of a text. If the calls name files, requests the lists when the text starts.
   * Otherwise requests them when a path begins. If no container is known, retrieves the previous response when a path begins.
   */
  #lookAhead({ position, text }: LinkedPart, { item_id: item }: Event): void {
    if (this.#lookedAheadFor === item) return;
    const isNeeded = text.onlyPaths
      ? text.isMentionOpen
      : text.isPathOpen || this.#repair.expectsFiles(position);
    if (!isNeeded) return;
    this.#lookedAheadFor = item;
    if (text.onlyPaths) this.#isRetrieving ||= this.#repair.findContainers(position);
    else this.#repair.lookAhead(position);
  }

  /**
   * Returns whether a text that has ended must wait for the next event, because the text may still get links. The next event
   * shows whether a call follows. The text must wait in these cases:
   *
   * - Only the complete response can show what a held mention means (see `isUndecided`).
   * - Text is held, and a later event can change which files the text means (see `isEarly`).
   * - The text came without deltas, and has a mention.
   */
  mustWait(position: PartPosition, text: string): boolean {
    const part = this.#links.get(position);
    if (part?.isUndecided) return true;
    return (!part || this.#repair.isEarly(position)) && this.#links.isPending(position, text);
  }

  /** Holds an annotation event until its text's links are known. `numberBefore` returns the previous event's sequence number. */
  hold(event: Event, numberBefore: () => unknown): void {
    if (!this.isHoldingEvents) this.#numberBeforeHeld = numberBefore();
    this.#annotations.push(event);
  }

  /**
   * Returns the text that is ready to be sent, and the held annotation events. Moves the ranges of these events to fit the text
   * with links.
   * `numberBefore` returns the sequence number of the latest event that was sent.
   */
  release(numberBefore: () => unknown): Event[] {
    return [...this.#deltas((part) => part.text.take(), numberBefore), ...this.#releaseAnnotations()];
  }

  /** Returns all held text unchanged, and the held annotation events. */
  releaseUnchanged(numberBefore: () => unknown): Event[] {
    return [...this.#deltas((part) => part.text.release(), numberBefore), ...this.#releaseAnnotations()];
  }

  /**
   * Returns the text and the annotation events that were held for longer than `timeoutMs`. Reports that the links of the text are
   * missing.
   */
  takeOverdue(numberBefore: () => unknown): Event[] {
    const error = new Error(
      `text was held for longer than ${this.#timeoutMs} ms, so its links were not replaced`,
    );
    for (const part of this.#holding.keys()) {
      part.overdue = error;
      // Reports the error now only if a path is held. Other held text may mean no file: a destination such as `about.html` may
      // lead to a website. Also, a container must be known, or the previous response must have been requested. Otherwise
      // `part.overdue` keeps the error. It is reported if the API later cites a file in the text.
      if (part.text.isPathOpen && (!part.text.onlyPaths || this.#isRetrieving)) this.#repair.noteError(error);
    }
    return this.releaseUnchanged(numberBefore);
  }

  /** Stops the time limit of the held text, and records how long the text was held. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.overdue = undefined;
    if (!this.#heldSince) return;
    const { now, heldMs } = this.#heldSince;
    this.#heldSince = undefined;
    // `heldMs` may already include a part of the time since `now`, for example the time of a recovery. Subtracts that part, so
    // that it does not count twice.
    this.#repair.noteHeld(Math.max(0, performance.now() - now - (this.#repair.heldMs - heldMs)));
  }

  /** Stops the time limit for good, because nobody reads the stream any more. */
  end(): void {
    this.#hasEnded = true;
    this.stop();
  }

  #deltas(take: (part: LinkedPart) => string, numberBefore: () => unknown): Event[] {
    const deltas: Event[] = [];
    let number: unknown;
    for (const part of this.#holding.keys()) {
      const latest = this.#latest.get(part);
      const text = latest ? take(part) : "";
      if (!latest || text === "") continue;
      this.#holding.set(part, performance.now());
      part.isUndecided = false;
      number ??= this.isHoldingEvents ? this.#numberBeforeHeld : numberBefore();
      // The inserted delta is a copy of the latest delta with another text. The `obfuscation` is padding for the old text only.
      const { obfuscation: _, ...delta } = changed(latest, text);
      const isNumbered = typeof delta.sequence_number === "number" && typeof number === "number";
      deltas.push(isNumbered ? { ...delta, sequence_number: number } : delta);
    }
    this.watchHeld();
    return deltas;
  }

  /**
   * Returns the held annotation events. Moves all ranges of a text in one call, because a single range may not show whether the
   * ranges count code points or UTF-16 units.
   */
  #releaseAnnotations(): Event[] {
    const events = this.#annotations.splice(0);
    const texts = new Map<string, Event[]>();
    for (const event of events) {
      const ofText = texts.get(keyOf(event));
      if (ofText) ofText.push(event);
      else texts.set(keyOf(event), [event]);
    }
    return [...texts.values()].flatMap((ofText) => this.#moved(ofText));
  }

  #moved(events: readonly Event[]): readonly Event[] {
    const position = positionOf(events[0]!);
    if (!position) return events;
    const annotations = events.map(({ annotation }) => annotation as Annotation);
    const moved = this.#links.moved(position, annotations);
    if (moved === annotations) return events;
    return events.map((event, at) => ({ ...event, annotation: moved[at] }));
  }

  /** Starts the time limit for the text that is held longest. Stops the time limit if no text is held. */
  watchHeld(): void {
    let since = Infinity;
    for (const [part, heldSince] of this.#holding) {
      if (part.text.heldLength === 0) this.#holding.delete(part);
      else since = Math.min(since, heldSince);
    }
    if (this.overdue && since === this.#limitedSince) return;
    this.stop();
    if (since === Infinity || this.#hasEnded) return;
    const now = performance.now();
    this.#heldSince = { now, heldMs: this.#repair.heldMs };
    this.#limitedSince = since;
    this.overdue = new Promise((resolve) => {
      this.#timer = setTimeout(resolve, since + this.#timeoutMs - now);
    });
  }
}

/** Returns a copy of a delta with another text. Removes its log probabilities, which belong to the tokens of the old text. */
function changed(event: Event, delta: string): Event {
  return { ...event, delta, ...(Array.isArray(event.logprobs) && { logprobs: [] }) };
}
