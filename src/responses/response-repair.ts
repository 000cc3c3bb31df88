/** What a response lacks: which of its parts need a citation, whose files they mean, what is to be added. */
import { asError, isRecord } from "../bad-input.js";
import { FileIndex, filenameOf } from "../citations/file-index.js";
import { citationOf, type Resolution, resolveWithIndex } from "../citations/resolve.js";
import { CitedText } from "../citations/uncited.js";
import type { Settings } from "../options.js";
import type {
  Annotation,
  ContainerFile,
  ContainerFileCitation,
  PartPosition,
  RecoveredCitation,
  Report,
  UnresolvedMention,
} from "../types.js";
import { ContainerLists } from "./container-lists.js";
import {
  containersBefore,
  containersOfAnnotations,
  containersOfItems,
  containersOfTools,
  conversationKey,
  namesContainer,
  previousId,
} from "./containers.js";
import { evidenceOf, fileNamesIn, isContainerCall } from "./evidence.js";
import { HeldTime } from "./held-time.js";
import type { ListFiles } from "./lookup.js";
import type { ContainerMemory } from "./memory.js";

/** What a recovery threw when `onFailure` is `"throw"`. `cause` is what went wrong, `report` all that is known. */
export class FileCitationsError extends Error {
  override name = "FileCitationsError";
  readonly report: Report;
  constructor(report: Report) {
    super(`file citations could not be recovered: ${report.error?.message}`, { cause: report.error });
    this.report = report;
  }
}

/** Why nothing more is recovered. One for all responses: an error costs its stack. */
const COMPLETE = new Error("the response is complete");

/** All that a repair knows besides the response itself. */
export interface RepairContext {
  list: ListFiles;
  settings: Settings;
  /** The parameters of the request that led to the response, where they are known. */
  request?: Record<string, unknown> | undefined;
  memory?: ContainerMemory | undefined;
  /** Containers to try when nothing names one. */
  otherContainers?: readonly string[] | undefined;
  /** The last resort: an earlier response, by its id. */
  getResponse?: ((id: string, signal: AbortSignal) => Promise<unknown>) | undefined;
  /** Aborts when nobody waits for the answer any more. */
  signal?: AbortSignal | undefined;
}

/** What was found out about one part. */
interface PartResult extends Resolution {
  hadContainers: boolean;
  position: PartPosition;
  text: string;
  given: readonly Annotation[];
}

function nothing(): Resolution {
  return { annotations: [], citations: [], unresolved: [] };
}

/**
 * Repairs one response, whole or event by event: it is told of the items in their order, asked for the missing
 * citations of each part, and tells in the end what became of them.
 */
export class ResponseRepair {
  readonly #context: RepairContext;
  readonly #items: unknown[] = [];
  readonly #parts = new Map<string, PartResult>();
  readonly #lists: ContainerLists;
  readonly #held: HeldTime;
  #response: Record<string, unknown> = {};
  #previous: Promise<readonly string[]> | undefined;
  #error: Error | undefined;
  /** What became of the response, once that is known. */
  report: Report | undefined;

  constructor(context: RepairContext) {
    const { list, memory, settings, signal } = context;
    this.#context = context;
    this.#lists = new ContainerLists(list, memory);
    this.#held = new HeldTime(settings.timeoutMs, signal);
  }

  /** Takes note of what a response says besides its output: its id, its tools, what came before it. */
  noteResponse(response: Record<string, unknown>): void {
    this.#response = response;
  }

  /** Takes note of an item of the output. One that comes again, complete now, replaces the one before. */
  noteItem(outputIndex: number, item: unknown): void {
    this.#items[outputIndex] = item;
  }

  /**
   * The citations that a part lacks. At once where none can be missing, so that nobody waits for nothing; the same
   * ones each time it is asked about that part.
   */
  missingOf(
    position: PartPosition,
    text: string,
    given: readonly Annotation[],
  ): readonly ContainerFileCitation[] | Promise<readonly ContainerFileCitation[]> {
    const key = keyOf(position);
    const known = this.#parts.get(key);
    // A resumed stream may tell only in the end which container its text means. And a gateway may give another text
    // in the end, or leave items out, so that another part stands in this place: ranges are not for another text.
    if (known?.text === text && (known.hadContainers || !this.hasContainers)) return known.annotations;
    const keep = ({ annotations, citations, unresolved }: Resolution): readonly ContainerFileCitation[] => {
      const { hasContainers: hadContainers } = this;
      // Named one by one: to spread an object takes more time than all else here, for each part there is.
      this.#parts.set(key, { annotations, citations, unresolved, hadContainers, position, text, given });
      return annotations;
    };
    const giveUp = (error: unknown): readonly ContainerFileCitation[] => {
      // A mistake of ours, or data that nobody thought of: the answer goes out as it came.
      this.noteError(error);
      return keep(nothing());
    };
    try {
      if (!this.#mayLack(position, text, given)) return keep(nothing());
      return this.#resolve(position, text, given).then(keep).catch(giveUp);
    } catch (error) {
      return giveUp(error);
    }
  }

  /** Keeps what went wrong for the report: the first of it, since the rest mostly follows from that. */
  noteError(error: unknown): void {
    this.#error ??= asError(error);
  }

  /** The citations that a text was found to lack; none where another text stands in its place by now. */
  knownOf(position: PartPosition, text: string): readonly ContainerFileCitation[] {
    const known = this.#parts.get(keyOf(position));
    return known?.text === text ? known.annotations : [];
  }

  /** Whether it was asked about a part. */
  knows(position: PartPosition): boolean {
    return this.#parts.has(keyOf(position));
  }

  /** Whether a container is known that a message can mean by now. */
  get hasContainers(): boolean {
    return this.#items.some(namesContainer) || this.#knownBefore().length > 0;
  }

  /**
   * Asks for the list that a part will need, before its text has ended. Nobody waits for it here: what fails is
   * asked for again when it is needed.
   */
  lookAhead(position: PartPosition): void {
    const near = containersOfItems(this.#itemsBefore(position));
    for (const id of near.length > 0 ? near : this.#knownBefore()) {
      this.#lists.of(id, this.#callsBefore(position), this.#held.signal);
    }
  }

  /**
   * Adds to the citations that a part lacks those of the files that the response wrote and no text mentions. To be
   * called once all parts were asked about, for the last text. `isTold`: the other citations have gone out by now, and
   * these get the numbers behind theirs.
   */
  async citeUnmentioned(position: PartPosition, isTold = false): Promise<void> {
    const part = this.#parts.get(keyOf(position));
    if (!part) return;
    const callCount = this.#items.filter(isContainerCall).length;
    await this.#inTime((signal) => this.#lists.add([], containersOfItems(this.#items), callCount, signal));
    const citations = this.#unmentioned().map((file): RecoveredCitation => {
      return { annotation: citationOf(file, 0, 0), match: "unmentioned", text: "", start: 0, end: 0 };
    });
    const annotations = citations.map(({ annotation }) => annotation);
    // The API's citations that stand for no place come first as well.
    part.citations = isTold ? [...part.citations, ...citations] : [...citations, ...part.citations];
    part.annotations = isTold ? [...part.annotations, ...annotations] : [...annotations, ...part.annotations];
  }

  /** Whether files that no text mentions are to be cited, and a call ran that may have written some. */
  get mayCiteUnmentioned(): boolean {
    return this.#context.settings.unmentioned === "cite" && this.#items.some(isContainerCall);
  }

  /**
   * What became of the response. Calls `onReport`, and fills the memory. Throws if a failure is to be thrown; that the
   * response itself broke off is none of ours.
   */
  finish(brokenBy?: Error): Report {
    const { settings } = this.#context;
    const error = this.#error ?? brokenBy;
    const parts = [...this.#parts.values()];
    const report: Report = {
      responseId: typeof this.#response.id === "string" ? this.#response.id : undefined,
      outcome: "nothing-to-do",
      citations: parts.flatMap(({ position, given, citations }) => [
        ...given.filter(isContainerCitation).map((annotation) => ({
          origin: "api" as const,
          outputIndex: position.outputIndex,
          contentIndex: position.contentIndex,
          annotation,
        })),
        ...citations.map((citation) => ({ origin: "recovered" as const, ...position, ...citation })),
      ]),
      unresolved: parts.flatMap(({ position, unresolved }) =>
        unresolved.map((left) => ({ ...position, ...left })),
      ),
      unmentioned: this.#unmentioned(),
      containers: [...this.#lists.containers],
      listRequests: this.#lists.requests,
      heldMs: this.#held.ms,
      ...(error && { error }),
    };
    if (report.citations.some(({ origin }) => origin === "recovered")) report.outcome = "recovered";
    else if (report.error) report.outcome = "failed";
    else if (report.unresolved.length > 0) report.outcome = "unchanged";

    this.report = report;
    this.#held.stop(COMPLETE);
    this.#remember();
    try {
      // A caller's callback that throws is no reason to lose the answer, nor is an async one that rejects.
      Promise.resolve(settings.onReport?.(report)).catch(() => {});
    } catch {}
    if (this.#error && settings.onFailure === "throw") throw new FileCitationsError(report);
    return report;
  }

  /** Nobody waits for the answer any more. */
  cancel(reason?: unknown): void {
    this.#held.stop(reason);
  }

  #itemsBefore({ outputIndex }: PartPosition): unknown[] {
    return this.#items.slice(0, outputIndex);
  }

  #callsBefore(position: PartPosition): number {
    return this.#itemsBefore(position).filter(isContainerCall).length;
  }

  /** Hands on which containers this response can mean: a later one may mean them too. */
  #remember(): void {
    const { memory } = this.#context;
    if (!memory) return;
    const known = [...containersOfItems(this.#items), ...this.#knownBefore()];
    memory.remember(this.#response.id, known);
    memory.remember(conversationKey({ ...this.#context, response: this.#response }), known);
    for (const item of this.#items) if (isRecord(item)) memory.remember(item.id, known);
    this.#lists.remember(this.#response.id);
  }

  /** Whether a citation may be missing: told from the text and what the calls wrote, without a list. */
  #mayLack(position: PartPosition, text: string, given: readonly Annotation[]): boolean {
    const { indexUnit, roots } = this.#context.settings;
    const cited = new CitedText(text, given, indexUnit, roots);
    if (cited.hasUncitedPath()) return true;
    const evidence = evidenceOf(this.#itemsBefore(position));
    if (evidence === "") return false;
    // The text first: mostly it names nothing but what it cites, and the calls need not be read.
    const uncited = [...fileNamesIn(text)].filter(
      ({ start, name }) => cited.isUncited(start) && !cited.isCitedName(name),
    );
    if (uncited.length === 0) return false;
    const written = new Set([...fileNamesIn(evidence)].map(({ name }) => name));
    const lengths = [...new Set([...written].map(({ length }) => length))];
    // Where words are not spaced, the name is only the end of what looks like one.
    return uncited.some(({ name }) => lengths.some((length) => written.has(name.slice(-length))));
  }

  async #resolve(position: PartPosition, text: string, given: readonly Annotation[]): Promise<Resolution> {
    const { settings } = this.#context;
    const resolveWith = (files: readonly ContainerFile[]): Resolution =>
      resolveWithIndex(text, new FileIndex(files, settings.roots), { ...settings, annotations: given });
    const listed: ContainerFile[] = [];
    let resolution: Resolution | undefined;
    let isComplete = false;
    await this.#inTime(async (signal) => {
      for await (const containers of this.#candidates(position, given, signal)) {
        isComplete = false;
        await this.#lists.add(listed, containers, this.#callsBefore(position), signal);
        isComplete = true;
        resolution = resolveWith(listed);
        if (!resolution.unresolved.some(isNotFound)) return;
      }
      const evidence = evidenceOf(this.#itemsBefore(position));
      const isLate = (mention: UnresolvedMention): boolean =>
        isNotFound(mention) && wasWritten(mention, evidence);
      if (!resolution?.unresolved.some(isLate)) return;
      const near = containersOfItems(this.#itemsBefore(position));
      const later = await this.#lists.again(near, this.#callsBefore(position), signal, {
        retries: settings.retries,
        accept: (files) => {
          // What was found in the other containers is still there.
          const others = listed.filter(({ container_id }) => !near.includes(container_id));
          const again = resolveWith([...files, ...others]);
          return again.unresolved.some(isLate) ? undefined : again;
        },
      });
      if (later) resolution = later;
    });
    resolution ??= resolveWith(listed);
    if (isComplete) return resolution;
    const unresolved = resolution.unresolved.map((mention) =>
      isNotFound(mention) ? { ...mention, reason: "container-unavailable" as const } : mention,
    );
    return { ...resolution, unresolved };
  }

  /** The containers that a part can mean, nearest first; the next ones only if those did not have its files. */
  async *#candidates(
    position: PartPosition,
    given: readonly Annotation[],
    signal: AbortSignal,
  ): AsyncGenerator<readonly string[]> {
    const near = [...containersOfItems(this.#itemsBefore(position)), ...containersOfAnnotations(given)];
    const tried = new Set<string>();
    for (const group of [near, this.#knownBefore(), this.#context.otherContainers ?? []]) {
      const containers = [...new Set(group)].filter((id) => !tried.has(id));
      for (const id of containers) tried.add(id);
      if (containers.length > 0) yield containers;
    }
    if (tried.size > 0) return;
    const previous = await this.#ofPrevious(signal);
    if (previous.length > 0) yield previous;
  }

  #knownBefore(): string[] {
    return containersBefore({ ...this.#context, response: this.#response });
  }

  /** The containers of the response before this one, which has to be asked for. */
  #ofPrevious(signal: AbortSignal): Promise<readonly string[]> {
    const { getResponse } = this.#context;
    const id = previousId({ ...this.#context, response: this.#response });
    if (!getResponse || id === undefined) return Promise.resolve([]);
    if (!this.#previous) {
      this.#lists.requests++;
      this.#previous = getResponse(id, signal).then((previous) => {
        if (!isRecord(previous) || !Array.isArray(previous.output)) return [];
        return [...containersOfItems(previous.output), ...containersOfTools(previous.tools)];
      });
    }
    return this.#previous;
  }

  /** Runs a recovery within the time that is left, and keeps what goes wrong in it for the report. */
  async #inTime(recover: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await this.#held.wait(recover);
    } catch (error) {
      this.noteError(error);
    }
  }

  /** The files that this response wrote and that no text mentions, as far as a list was asked for. */
  #unmentioned(): ContainerFile[] {
    if (this.#lists.files.size === 0) return [];
    const parts = [...this.#parts.values()];
    const created = this.#response.created_at;
    const since = typeof created === "number" ? created : Infinity;
    const cited = new Set(
      parts.flatMap(({ given, annotations }) => [...given, ...annotations].map(({ file_id }) => file_id)),
    );
    return [...this.#lists.files.values()].filter((file) => {
      if (file.source === "user" || file.created_at < since) return false;
      if (cited.has(file.id) || this.#lists.wasSeenBefore(file, this.#response.id)) return false;
      return !parts.some(({ text }) => text.includes(filenameOf(file)));
    });
  }
}

function keyOf({ outputIndex, contentIndex }: PartPosition): string {
  return `${outputIndex}/${contentIndex}`;
}

function isNotFound({ reason }: UnresolvedMention): boolean {
  return reason === "not-found";
}

/** Whether the calls speak of the file that a mention names: then it was written, and the list is late. */
function wasWritten({ text }: UnresolvedMention, evidence: string): boolean {
  const name = text.replace(/^.*\//s, "");
  return name !== "" && evidence.includes(name);
}

function isContainerCitation(annotation: Annotation): annotation is ContainerFileCitation {
  return annotation.type === "container_file_citation";
}
