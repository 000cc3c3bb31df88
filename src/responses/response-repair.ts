/**
 * Repairs one response: decides which parts lack citations, and finds the missing citations. A root is a folder whose files are
 * cited, such as `/mnt/data`. A list says which files a container has. This file is long because each step of a repair is a
 * method of one class.
 */

import { isRanged } from "../citations/index-units.js";
import { WindowMarkup } from "../citations/links/window-markup.js";
import { citationOf } from "../citations/resolve.js";
import { CitedText, namesFolder } from "../citations/uncited.js";
import { ContainerCandidates, type OtherContainers, type TextScope } from "../containers/candidates.js";
import { fileNamesIn, isAbbreviation } from "../containers/file-names.js";
import type { ItemsBefore } from "../containers/items-before.js";
import { conversationKey } from "../containers/known.js";
import { Lifetime } from "../containers/lifetime.js";
import type { ListFiles } from "../containers/listing.js";
import { ContainerLists, type FileList } from "../containers/lists.js";
import { containersOfAnnotations } from "../containers/named-containers.js";
import {
  type Recovery,
  resolutionOf,
  resolvePiece,
  resolveText,
  type TextPart,
  type TextResolution,
} from "../containers/text-files.js";
import { asError, isRecord, notify } from "../errors.js";
import type { Settings } from "../options.js";
import type {
  Annotation,
  ContainerFile,
  ContainerFileCitation,
  PartPosition,
  RecoveredCitation,
  Report,
} from "../types.js";
import { HeldTime } from "./held-time.js";
import { outputTextsOf, ResponseItems } from "./items.js";
import { FileCitationsError, makeReport, type PartResult, withoutRoots } from "./report.js";
import { keyOf, type LinkResolution, ResponseLinks, type TextWithAnnotations } from "./response-links.js";
import { fileKeyOf } from "./same-citation.js";
import { isWanted, mayCite, namedByCalls, unmentionedIn } from "./unmentioned.js";

/** Shared abort reason. Creating an Error for each response would capture a stack each time. */
const COMPLETE = new Error("the response is complete");

/** Everything a repair needs besides the response itself. */
export interface RepairContext extends OtherContainers {
  list: ListFiles;
  settings: Settings;
  /** True if the request created this response. False if the request retrieved a response that was created before. */
  isCreated?: boolean | undefined;
  /** When the request was sent, on the clock of `performance.now()`. `undefined` if the library did not send the request. */
  startedAt?: number | undefined;
  /** Why the request could not be parsed. This error is only reported and never thrown. */
  requestError?: Error | undefined;
  /** Aborts when the consumer no longer waits for the response. */
  signal?: AbortSignal | undefined;
}

/** The result for a part so far. */
interface KnownPart extends PartResult, TextResolution {
  /** True if later items of the response cannot add citations to this part. */
  isFinal: boolean;
  /** How many calls of the response were known when this result was stored. */
  callCount: number;
  /** True if the file lists of the part's containers were requested. */
  isSearched: boolean;
  /** True if the part's message named a root when this result was stored. */
  isRootNamed: boolean;
}

const NOTHING_FOUND: TextResolution = {
  annotations: [],
  citations: [],
  unresolved: [],
  isLacking: false,
  asked: [],
};

/**
 * Repairs one response, whole or event by event. Callers pass the items in order, ask for the missing citations of each part,
 * and call `finish` at the end to get the report.
 */
export class ResponseRepair {
  readonly #context: RepairContext;
  readonly #items: ResponseItems;
  readonly #parts = new Map<string, KnownPart>();
  /**
   * The messages by output index. `isRootNamed` is true if a text of the message so far names a root. `isWhole` is true if the
   * item arrived with all its texts. Then all texts have been searched, and `isRootNamed` does not change any more.
   */
  readonly #messages = new Map<number, { item: unknown; isWhole: boolean; isRootNamed: boolean }>();
  readonly #lists: ContainerLists;
  readonly #candidates: ContainerCandidates;
  readonly #time: HeldTime;
  #heldTextMs = 0;
  readonly #startedAt: number;
  #response: Record<string, unknown> = {};
  #isComplete = false;
  #isGivenUp = false;
  /** Why items may be missing. This error is only reported and never thrown. */
  #missed: Error | undefined;
  #error: Error | undefined;
  /** True if the consumer no longer waits for the response. */
  #isLeft = false;
  /**
   * How many calls had run when a search last missed a file. The list may have been late: it did not show a new file yet. Until
   * another call runs, `resolvePiece` does not request late lists again.
   */
  #lateAt: number | undefined;
  /** The texts that were finished with the option `links` before the response was complete. */
  readonly #sent = new Set<string>();
  /** Writes the links into the texts. `undefined` without the option `links`. */
  readonly links: ResponseLinks | undefined;
  /** The report. `undefined` before `finish` is called. */
  report: Report | undefined;

  constructor(context: RepairContext) {
    const { list, memory, settings, signal, responseId, startedAt = performance.now() } = context;
    this.#context = context;
    this.#startedAt = startedAt;
    this.#items = new ResponseItems(settings.roots);
    this.#lists = new ContainerLists(list, memory, settings.roots);
    this.#candidates = new ContainerCandidates(context, this.#lists, settings.roots);
    this.#time = new HeldTime(settings.timeoutMs, signal);
    this.links = settings.links && new ResponseLinks(settings.links, settings, this);
    // Uses the id from the request's URL, because the events of a resumed stream may lack the response's id.
    if (responseId !== undefined) this.noteResponse({ id: responseId });
  }

  /** Records the response's id, tools and previous response. */
  noteResponse(response: Record<string, unknown>): void {
    this.#response = response;
    this.#candidates.noteResponse(response);
  }

  /** Records an output item. In a stream, the complete item replaces the incomplete one that came first. */
  noteItem(outputIndex: number, item: unknown): void {
    this.#items.note(outputIndex, item);
  }

  /** Throws if an event's item id is not the id of the item that was recorded at the event's output index. */
  checkItem(outputIndex: number, itemId: unknown): void {
    const item = this.#items.all[outputIndex];
    const id = isRecord(item) ? item.id : undefined;
    if (typeof itemId !== "string" || typeof id !== "string" || itemId === id) return;
    throw new Error(
      `an event names the item ${JSON.stringify(itemId)}, but at output_index ${outputIndex} is ${JSON.stringify(id)}`,
    );
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Aborts when the consumer no longer waits for the response. */
  get callerSignal(): AbortSignal | undefined {
    return this.#context.signal;
  }

  /** Stops recovering citations for this response, because its data is inconsistent. */
  giveUp(error: unknown): void {
    this.noteError(error);
    this.#isGivenUp = true;
  }

  /**
   * Records that an event could not be assigned to one of several responses. This event may have contained an item. Texts
   * after an unknown item, and texts whose own item is unknown, get their citations only with the final event.
   */
  noteMissed(): void {
    this.#missed ??= new Error("an event could not be assigned to one of several responses");
  }

  /** Records the whole response. All calls are known then, so no text waits for a later call any more. */
  noteWhole(response: Record<string, unknown>): void {
    this.noteResponse(response);
    if (Array.isArray(response.output)) {
      for (const [outputIndex, item] of response.output.entries()) this.noteItem(outputIndex, item);
    }
    // If an event was missed, only `response.output` shows whether that event contained a call. Without this output, no more
    // citations are recovered.
    const isWhole = Array.isArray(response.output) && response.output.length > 0;
    if (this.#missed && !isWhole) this.#isGivenUp = true;
    this.#isComplete = true;
  }

  /**
   * Returns the citations that a part lacks. The result is a promise only if a citation may be missing. If a part is passed
   * again, the result also includes the citations that were found before. If no tool call comes before a text, the text can
   * announce a file that a later call writes. Such a text gets its citations once the response is complete.
   */
  missingOf(
    position: PartPosition,
    text: string,
    given: readonly Annotation[],
  ): readonly ContainerFileCitation[] | Promise<readonly ContainerFileCitation[]> {
    const known = this.#parts.get(keyOf(position));
    // Uses the earlier result only for the same text. A gateway may change the text or leave out items in the final event. Then
    // another part can have this position.
    const before = known?.text === text ? known : undefined;
    if (before && (before.isFinal || !this.#isComplete || this.#isCurrent(before))) return before.annotations;
    const keep = (
      found: TextResolution,
      isFinal: boolean,
      isSearched = false,
    ): readonly ContainerFileCitation[] =>
      this.#keep(position, text, given, before ? added(before, found) : found, isFinal, isSearched);
    if (this.#isGivenUp) return keep(NOTHING_FOUND, true);
    try {
      const cited = before ? [...given, ...before.annotations] : given;
      if (this.isEarly(position)) return keep({ ...NOTHING_FOUND, isLacking: true }, false);
      const isFinal = this.#isComplete;
      if (!before?.isSearched && !this.mayLack(position, text, cited)) return keep(NOTHING_FOUND, isFinal);
      this.#context.signal?.throwIfAborted();
      this.#items.check(position.outputIndex);
      const isRepeated = before?.isLacking === true && before.callCount === this.#items.callCount;
      return this.#resolve(position, text, cited, isRepeated, before?.asked ?? [])
        .then((found) => {
          if (found.isLacking) this.#lateAt = this.#items.callCount;
          return keep(found, isFinal, true);
        })
        .catch((error) => {
          this.noteError(error);
          return keep(NOTHING_FOUND, true);
        });
    } catch (error) {
      // The cause is a bug of ours or unexpected data. The part is sent unchanged.
      this.noteError(error);
      return keep(NOTHING_FOUND, true);
    }
  }

  /**
   * Returns whether a text must wait for the next event. It must wait if all of these are true:
   * - The text may lack a citation.
   * - There may be a container to search: one is known, the text's citations name one, or the previous response can name one.
   * - A later event can change which files the text means (see `isEarly`).
   */
  mustWait(position: PartPosition, text: string, given: readonly Annotation[]): boolean {
    if (this.#isGivenUp || !this.isEarly(position)) return false;
    const mayKnow = this.#candidates.mayKnow || containersOfAnnotations(given).length > 0;
    return mayKnow && this.mayLack(position, text, given);
  }

  /**
   * Returns whether a later event can change which files a text means. This is the case if no call comes before the text, because a
   * later call may write the files. It is also the case if an earlier call may have been missed. Returns false once the response is
   * complete. With the option `links`, the text of a final answer is not early (see `#isFinalAnswer`).
   */
  isEarly({ outputIndex }: PartPosition): boolean {
    if (this.#isComplete) return false;
    const mayCallFollow = !this.#items.before(outputIndex).hasCall && !this.#isFinalAnswer(outputIndex);
    return mayCallFollow || this.#isMissingItem(outputIndex);
  }

  /**
   * Returns whether the item at an index is the message that ends the response. No call follows it, so its links need not wait
   * for the next item. Without the option `links`, returns false: citations can wait for the end of the response.
   */
  #isFinalAnswer(outputIndex: number): boolean {
    const item = this.#items.all[outputIndex];
    return this.links !== undefined && isRecord(item) && item.phase === "final_answer";
  }

  /** Returns whether a citation may be missing. Reads the text and the calls, but requests no file list. */
  mayLack(position: PartPosition, text: string, given: readonly Annotation[]): boolean {
    const { indexUnit, roots } = this.#context.settings;
    const cited = new CitedText(text, given, indexUnit, roots);
    const before = this.#items.before(position.outputIndex);
    // True if a call ran and the message names a root, as in "Saved in /mnt/data: dist_1.png". Code can build such a name from
    // parts, so the calls need not contain the name. Only the file list shows whether the file exists. This line must come
    // before the first `return`: `#isRootNamed` also records the root for the message's later parts.
    const mayBeBuilt = before.hasCall && this.#isRootNamed(position, text);
    if (cited.hasUncitedPath()) return true;
    for (const word of fileNamesIn(text)) {
      if (!cited.isUncitedName(word)) continue;
      // The calls are read only for a text with an uncited name, because reading them costs more than reading the text.
      const known = before.evidence.wordIn(text, word);
      if (known ? cited.isUncitedName(known) : mayBeBuilt && !isAbbreviation(word.name)) return true;
    }
    return false;
  }

  /**
   * Returns whether a file of the text was not found yet. The search runs again when the response is complete. It can then
   * find more files, such as files with a similar path. Returns false if no call comes before the text: see `mustWait`.
   */
  isLacking(position: PartPosition): boolean {
    if (this.#isComplete || this.isEarly(position)) return false;
    return this.#parts.get(keyOf(position))?.isLacking === true;
  }

  /** Records an error for the report. Only the first error is kept, because later errors are mostly consequences of the first. */
  noteError(error: unknown): void {
    this.#error ??= asError(error);
  }

  /** Returns the citations found for a text; none if the part at this position now has another text. */
  knownOf(position: PartPosition, text: string): readonly ContainerFileCitation[] {
    const known = this.#parts.get(keyOf(position));
    return known?.text === text ? known.annotations : [];
  }

  /** Returns whether `missingOf` was called for a part. */
  knows(position: PartPosition): boolean {
    return this.#parts.has(keyOf(position));
  }

  /**
   * True if an item so far names a container, or a container existed before the response. Such a container can have a message's
   * files.
   */
  get hasContainers(): boolean {
    return this.#items.hasContainers || this.#candidates.known.length > 0;
  }

  /**
   * Returns whether a known container can have the files of a text. A container is known in three cases: a call or a tool output
   * before the text names the container, the container existed before the response, or the caller gave the container's files.
   *
   * A container does not count if only a citation of this response names it. An earlier repair may have added this citation,
   * and repairing a response again must not add links. A container does not count either if it is known only because the
   * previous response was retrieved.
   */
  hasContainersFor({ outputIndex }: PartPosition): boolean {
    return this.#items.useContainer(outputIndex) || this.#candidates.hasKnown;
  }

  /** True if the previous response was retrieved and names a container. */
  get hasFoundContainers(): boolean {
    return this.#candidates.found.length > 0;
  }

  /**
   * Returns whether a text needs the previous response: no call comes before the text, and there may be a container to search. If
   * so, retrieves the previous response, and then requests the lists of that response's containers. Callers do not wait for these
   * requests. If a request fails, the error is reported when the text has ended.
   */
  findContainers(position: PartPosition): boolean {
    if (this.#items.before(position.outputIndex).hasCall || !this.#candidates.mayKnow) return false;
    this.#candidates.retrievePrevious(this.#time.signal).then(
      () => this.lookAhead(position),
      () => {},
    );
    return true;
  }

  /**
   * Returns a text with links, and the annotations of this text. `given` are the part's annotations, and `missing` are the
   * citations that were found. Call this only if the option `links` is set.
   *
   * A text that comes too early (see `isEarly`) gets no links. There is one exception: if the text's own item or an item before
   * it is unknown so far, the final event can still add links.
   */
  withLinks(
    position: PartPosition,
    original: string,
    given: readonly Annotation[],
    missing: readonly ContainerFileCitation[],
  ): TextWithAnnotations | Promise<TextWithAnnotations> {
    const links = this.links!;
    const isEarly = this.isEarly(position);
    if (isEarly && this.#lacksItem(position.outputIndex)) {
      links.giveUp(position);
      return { text: original, annotations: [...given, ...missing] };
    }
    const key = keyOf(position);
    if (!this.#isComplete) this.#sent.add(key);
    const known = this.#parts.get(key);
    const unresolved = known?.text === original ? known.unresolved : [];
    return links.finish({ position, original, given, missing, unresolved, isEarly }, (found) => {
      const part = this.#parts.get(key);
      if (!part) return;
      Object.assign(part, resolutionOf([...part.citations, ...found], part.unresolved));
    });
  }

  /**
   * Returns the files that a piece of a text means. A piece is the last lines of the text so far, up to the end of a mention.
   * Returns `undefined` while the text comes too early for links (see `isEarly`). `lastName`: the path or name at the piece's end,
   * without the root.
   */
  async resolvePiece(
    position: PartPosition,
    piece: string,
    lastName: string,
  ): Promise<LinkResolution | undefined> {
    if (this.isEarly(position)) return undefined;
    const { outputIndex } = position;
    this.#items.check(outputIndex);
    const { callCount } = this.#items;
    const before = this.#items.before(outputIndex);
    const { called } = before;
    const turn = this.#turnOf(outputIndex);
    // `isRootNamed` is `undefined`, because later text of a streamed message may still name a root. The same value is used for
    // a message that is not streamed, so that both get the same links.
    const part = { ...this.#partOf(outputIndex, piece, [], turn), isRootNamed: undefined };
    const isRepeated = this.#lateAt === callCount;
    const found = await resolvePiece(
      { ...part, isRepeated, asked: [], markup: new WindowMarkup(piece), lastName },
      this.#recovery(),
    );
    if (found.isLacking) this.#lateAt = callCount;
    const lists = found.citations.length > 0 ? await this.#listsOf(called) : [];
    const isShared = (annotation: ContainerFileCitation): boolean => {
      const { path, container_id: own } = this.#lists.file(annotation);
      return lists.flat().some((file) => file.path === path && file.container_id !== own);
    };
    return { ...found, isShared };
  }

  /** Returns the lists of the containers, if there are several. Leaves out lists that fail or do not come in time. */
  async #listsOf(containers: readonly string[]): Promise<FileList[]> {
    const lists: FileList[] = [];
    if (containers.length < 2) return lists;
    const ask = async (signal: AbortSignal): Promise<void> => {
      const asked = containers.map((id) => this.#lists.of(id, this.#items.callCount, signal));
      for (const list of asked) lists.push(await list.catch(() => []));
    };
    await this.#time.wait(ask).catch(() => {});
    return lists;
  }

  /** Returns whether a call before a text names or writes files. The text will then probably mention these files. */
  expectsFiles({ outputIndex }: PartPosition): boolean {
    const { hasCall, evidence } = this.#items.before(outputIndex);
    return hasCall && evidence.hasFiles;
  }

  /**
   * Records that text was held for `ms` milliseconds. This time does not count toward the time limit of recoveries: the model
   * usually continues to write while text is held.
   */
  noteHeld(ms: number): void {
    this.#heldTextMs += ms;
  }

  /** How long recoveries and held text have delayed the response so far, in milliseconds. */
  get heldMs(): number {
    return this.#time.ms + this.#heldTextMs;
  }

  /**
   * Requests the file lists that a part will need, before its text has ended. Callers do not wait for the lists. A failed
   * request is reported when the text needs the list.
   */
  lookAhead({ outputIndex }: PartPosition): void {
    const before = this.#items.before(outputIndex);
    const [called = []] = before.calledFor(this.#items.agentAt(outputIndex));
    const { known, found } = this.#candidates;
    const nearest = before.hasCall ? called : [...before.named.slice(0, 1), ...known, ...found];
    for (const id of nearest) this.#lists.of(id, this.#items.callCount, this.#time.signal);
  }

  /**
   * Adds citations to a part for unmentioned files: files that the response wrote and no text mentions. A file gets a citation
   * only if a call names it and the option `unmentioned` selects it. If `position` is `undefined`, the files are only reported.
   * Call this after `missingOf` was called for all parts. If `isSent` is true, the part's other citations were sent already. Then
   * the new citations get higher annotation indices.
   */
  async citeUnmentioned(position: PartPosition | undefined, isSent = false): Promise<void> {
    const last = position?.outputIndex ?? this.#items.all.length - 1;
    const { called, named, evidence } = this.#items.turnOf(last);
    // If the calls name no container, uses the containers in `named`: those that citations and tool outputs name.
    const listed = called.length > 0 ? called : named;
    await this.#inTime((signal) => this.#lists.add([], listed, this.#items.callCount, signal));
    const part = position && this.#parts.get(keyOf(position));
    if (!part) return;
    const containers = (called.length > 0 ? called : this.#namedFor(part)).filter((id) =>
      this.#lists.isCurrent(id, this.#items.callCount),
    );
    const citations = this.#wanted(namedByCalls(this.#unmentioned(), containers, evidence)).map(
      (file): RecoveredCitation => ({
        annotation: citationOf(file, 0, 0),
        match: "unmentioned",
        text: "",
        start: 0,
        end: 0,
      }),
    );
    const annotations = citations.map(({ annotation }) => annotation);
    // New citations come first, like the API's own 0..0 citations. If other citations were sent already, new ones come last.
    part.citations = isSent ? [...part.citations, ...citations] : [...citations, ...part.citations];
    part.annotations = isSent ? [...part.annotations, ...annotations] : [...annotations, ...part.annotations];
    part.isFinal = true;
  }

  /**
   * Returns the containers that are named in the part's own citations or in tool outputs before the part. If the calls name no
   * container, an unmentioned file is cited only if it is in one of these containers. A citation of any other file would name a
   * further container. A second repair would search this further container too, and might add more citations.
   */
  #namedFor({ position, given, annotations }: KnownPart): string[] {
    const { outputs } = this.#items.before(position.outputIndex);
    return [...containersOfAnnotations([...given, ...annotations]), ...outputs];
  }

  /** Returns the files that the `unmentioned` option selects; none if the user's function throws or does not return a boolean. */
  #wanted(files: readonly ContainerFile[]): readonly ContainerFile[] {
    try {
      return files.filter((file) => isWanted(file, this.#context.settings));
    } catch (error) {
      this.noteError(error);
      return [];
    }
  }

  /** True if the options allow citations of unmentioned files, and a call ran that may have written such files. */
  get mayCiteUnmentioned(): boolean {
    return !this.#isGivenUp && mayCite(this.#context.settings) && this.#items.callCount > 0;
  }

  /**
   * Makes and returns the report, and updates the memory. Calls `onReport` if the consumer still waits for the response. Throws
   * if the recovery failed and `onFailure` is `"throw"`. `brokenBy` is the reason why the response broke off. It is reported, but
   * is not a failure of the recovery.
   */
  finish(brokenBy?: Error): Report {
    const { settings, signal } = this.#context;
    // After an abort, the caller gets the response unchanged, so the report must not list recovered citations.
    const parts = [...this.#parts.values()].map((part) =>
      signal?.aborted ? { ...part, ...NOTHING_FOUND } : part,
    );
    const report = makeReport(withoutRoots(parts, settings.roots), {
      responseId: stringIn(this.#response.id),
      model: stringIn(this.#response.model),
      unmentioned: this.#unmentioned(),
      containers: [...this.#lists.containers],
      listRequests: this.#lists.requests,
      heldMs: this.heldMs,
      durationMs: performance.now() - this.#startedAt,
      error: this.#error ?? brokenBy ?? this.#missed ?? this.#context.requestError,
    });
    this.report = report;
    this.#time.stop(COMPLETE);
    this.#remember();
    if (!this.#isLeft && !signal?.aborted) notify(settings.onReport, report);
    if (this.#error && settings.onFailure === "throw") throw new FileCitationsError(report);
    return report;
  }

  /** Stops the recovery because the consumer no longer waits for the response. */
  cancel(reason?: unknown): void {
    this.#isLeft = true;
    this.#time.stop(reason);
    this.links?.cancel(reason);
  }

  /**
   * Stores the containers of this response for later responses. These are the containers in which its calls ran. If no call names
   * a container, stores the containers that any item names, and those known before the response.
   */
  #remember(): void {
    const { memory, isCreated } = this.#context;
    if (!memory) return;
    const items = this.#items.before(this.#items.all.length);
    const ids = this.#items.all.map((item) => (isRecord(item) ? item.id : undefined));
    const own =
      items.called.length > 0 ? items.called : [...items.named, ...items.earlier, ...this.#candidates.known];
    memory.remember([this.#response.id, ...ids], own, isCreated);
    memory.remember([conversationKey({ ...this.#context, response: this.#response })], own);
    this.#lists.remember(this.#response.id);
  }

  /**
   * Returns whether an item before a text, or the text's own item, may have been missed. The text can then mean files of calls
   * that are unknown.
   */
  #isMissingItem(outputIndex: number): boolean {
    return this.#missed !== undefined && this.#lacksItem(outputIndex);
  }

  /** Returns whether an item before a text, or the text's own item, is unknown so far. */
  #lacksItem(outputIndex: number): boolean {
    return this.#items.all[outputIndex] === undefined || this.#items.before(outputIndex).hasGap;
  }

  /**
   * Returns whether the result for a part stays valid when the response is complete. All items before the part must be known, one
   * of them must be a call, and all files of the part must be found. The result is not valid if a later part of the message is
   * the first that names a root.
   */
  #isCurrent({ position, isLacking, isRootNamed }: KnownPart): boolean {
    const { hasCall, hasGap } = this.#items.before(position.outputIndex);
    return hasCall && !hasGap && !isLacking && isRootNamed === this.#isRootNamed(position);
  }

  /**
   * Returns whether the message of a part names a root: "saved in /mnt/data:". `text` is the part's own text. In a stream, the
   * later texts of the message are not known yet.
   */
  #isRootNamed({ outputIndex }: PartPosition, text = ""): boolean {
    const { roots } = this.#context.settings;
    const item = this.#items.all[outputIndex];
    let message = this.#messages.get(outputIndex);
    if (!message || message.item !== item) {
      const texts = outputTextsOf(item);
      const isRootNamed = texts.some((one) => namesFolder(one, roots));
      message = { item, isWhole: texts.length > 0, isRootNamed };
      this.#messages.set(outputIndex, message);
    }
    if (!message.isWhole) message.isRootNamed ||= namesFolder(text, roots);
    return message.isRootNamed;
  }

  /** Stores the result for a part and returns its citations. */
  #keep(
    position: PartPosition,
    text: string,
    given: readonly Annotation[],
    found: TextResolution,
    isFinal: boolean,
    isSearched: boolean,
  ): readonly ContainerFileCitation[] {
    this.#parts.set(keyOf(position), {
      position,
      text,
      given,
      ...found,
      isFinal,
      isSearched,
      isRootNamed: this.#messages.get(position.outputIndex)?.isRootNamed === true,
      callCount: this.#items.callCount,
    });
    return found.annotations;
  }

  /**
   * Finds the citations that a text lacks. If new citations were found, tries the ambiguous mentions again, because a citation
   * shows which container the text means. Otherwise a second repair of the response would cite these mentions.
   */
  async #resolve(
    position: PartPosition,
    text: string,
    given: readonly Annotation[],
    isRepeated: boolean,
    asked: readonly string[],
  ): Promise<TextResolution> {
    const part = this.#partOf(position.outputIndex, text, given, this.#turnOfText(position));
    const found = await resolveText({ ...part, isRepeated, asked }, this.#recovery());
    const isAmbiguous = found.unresolved.some(({ reason }) => reason === "ambiguous");
    if (!isAmbiguous || found.annotations.length === 0) return found;
    const more = await this.#resolve(position, text, [...given, ...found.annotations], true, []);
    if (more.annotations.length === 0) return found;
    return { ...found, ...resolutionOf([...found.citations, ...more.citations], more.unresolved) };
  }

  /** Returns all items of a text's turn; `undefined` while a call may still follow the text. */
  #turnOf(outputIndex: number): ItemsBefore | undefined {
    if (this.#isFinalAnswer(outputIndex)) return this.#items.before(outputIndex);
    return this.#isComplete ? this.#items.turnOf(outputIndex) : undefined;
  }

  /**
   * Returns the turn for the citations of a whole text, as `#turnOf` does. There is one exception: returns `undefined` if a
   * call comes before the text, and the text was sent before the response was complete. Files with a similar path then get no
   * citation. The text has no links to these files. With citations, a second repair would add the links and change the text.
   */
  #turnOfText(position: PartPosition): ItemsBefore | undefined {
    const { outputIndex } = position;
    const { hasCall } = this.#items.before(outputIndex);
    const isSent = hasCall && !this.#isFinalAnswer(outputIndex) && this.#sent.has(keyOf(position));
    return isSent ? undefined : this.#turnOf(outputIndex);
  }

  /** Returns a text with the facts that decide which files the text means. `turn`: see `#turnOf`. */
  #partOf(
    outputIndex: number,
    text: string,
    given: readonly Annotation[],
    turn: ItemsBefore | undefined,
  ): Omit<TextPart, "isRepeated" | "asked"> {
    const before = this.#items.before(outputIndex);
    return {
      text,
      given,
      scope: scopeOf(before, turn, given, this.#items.agentAt(outputIndex)),
      evidence: before.evidence,
      turn: turn?.evidence,
      lifetime: new Lifetime(this.#response),
      isRootNamed: before.hasCall && this.#isRootNamed({ outputIndex, contentIndex: 0 }),
    };
  }

  #recovery(): Recovery {
    return {
      lists: this.#lists,
      candidates: this.#candidates,
      callCount: this.#items.callCount,
      settings: this.#context.settings,
      inTime: (recover) => this.#inTime(recover),
    };
  }

  /** Runs a recovery within the remaining time, and records its error for the report. */
  async #inTime(recover: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await this.#time.wait(recover);
    } catch (error) {
      this.noteError(error);
    }
  }

  /** Returns the listed files that were written since the response began and that no text mentions. */
  #unmentioned(): ContainerFile[] {
    const { created_at: created, id } = this.#response;
    const lifetime = new Lifetime(this.#response);
    const written = this.#lists
      .filesSince(typeof created === "number" ? created : Infinity, id)
      .filter((file) => file.source !== "user" && !lifetime.isAfter(file));
    if (written.length === 0) return [];
    const parts = [...this.#parts.values()];
    const cited = new Set(
      parts.flatMap(({ given, annotations }) => [...given, ...annotations].map(fileKeyOf)),
    );
    const uncited = written.filter(
      (file) => !cited.has(fileKeyOf({ container_id: file.container_id, file_id: file.id })),
    );
    return unmentionedIn(
      uncited,
      parts.map(({ text }) => text),
    );
  }
}

/**
 * Joins two results for the same text: the citations of the first one, then those of the later one. Everything else comes from
 * the later result.
 */
function added(before: TextResolution, later: TextResolution): TextResolution {
  return {
    ...later,
    annotations: [...before.annotations, ...later.annotations],
    citations: [...before.citations, ...later.citations],
  };
}

/**
 * Returns the facts that decide which containers a text can mean. `before`: the items before the text. `turn`: all items of the
 * text's turn; `undefined` while a call may still follow the text. `agent`: the agent that wrote the text.
 */
function scopeOf(
  before: ItemsBefore,
  turn: ItemsBefore | undefined,
  given: readonly Annotation[],
  agent: string | undefined,
): TextScope {
  const { hasCall, called } = before;
  const inTurn = turn?.called ?? [];
  // Returns whether a container was used only by calls that come after the text. A 0..0 citation does not show that the text
  // means this container, because the API makes 0..0 citations of files that the text does not mention.
  const isOfLaterCall = (id: string): boolean => inTurn.includes(id) && !called.includes(id);
  const unranged = containersOfAnnotations(given.filter((annotation) => !isRanged(annotation)));
  const ranged = containersOfAnnotations(given.filter(isRanged));
  // The containers that 0..0 citations or tool outputs name. If a citation with a range also names one of them, the container
  // is in `weaklyCited`, not in `cited`. An earlier repair may have searched this container and added the citation.
  const named = hasCall ? [...unranged, ...before.outputs] : [];
  return {
    hasCall,
    hasLocalCall: before.hasLocalCall,
    called: before.calledFor(agent),
    latest: before.latest,
    writing: before.writing,
    outputs: before.outputs,
    earlier: before.earlier,
    later: hasCall ? [] : inTurn,
    cited: ranged.filter((id) => !named.includes(id)),
    // Leaves out the containers of later calls. Without `turn`, later calls are unknown. Then a 0..0 citation counts only if
    // no call before the text names a container.
    weaklyCited: [
      ...(turn || called.length === 0 ? unranged.filter((id) => !isOfLaterCall(id)) : []),
      ...ranged.filter((id) => named.includes(id)),
    ],
  };
}

function stringIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
