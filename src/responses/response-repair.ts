/** What a response lacks: which of its parts need a citation, whose files they mean, what is to be added. */
import { asError, isRecord } from "../bad-input.js";
import { citationOf, type Resolution } from "../citations/resolve.js";
import { CitedText } from "../citations/uncited.js";
import type { Settings } from "../options.js";
import { tell } from "../tell.js";
import type {
  Annotation,
  ContainerFile,
  ContainerFileCitation,
  PartPosition,
  RecoveredCitation,
  Report,
} from "../types.js";
import { ContainerCandidates, type OtherContainers } from "./candidates.js";
import { ContainerLists } from "./container-lists.js";
import { containersOfAnnotations, containersOfItems, conversationKey } from "./containers.js";
import { fileNamesIn } from "./evidence.js";
import { HeldTime } from "./held-time.js";
import { ResponseItems } from "./items.js";
import type { ListFiles } from "./lookup.js";
import { FileCitationsError, makeReport, type PartResult } from "./report.js";
import { fileKeyOf } from "./same-citation.js";
import { resolveText } from "./text-files.js";
import { unmentionedIn } from "./unmentioned.js";

/** Why nothing more is recovered. One for all responses: an error costs its stack. */
const COMPLETE = new Error("the response is complete");

/** All that a repair knows besides the response itself. */
export interface RepairContext extends OtherContainers {
  list: ListFiles;
  settings: Settings;
  /** The response that is asked for by its id: a stream that is resumed may not say it again. */
  responseId?: string | undefined;
  /** Aborts when nobody waits for the answer any more. */
  signal?: AbortSignal | undefined;
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
  readonly #items = new ResponseItems();
  readonly #parts = new Map<string, PartResult & { hadContainers: boolean }>();
  readonly #lists: ContainerLists;
  readonly #candidates: ContainerCandidates;
  readonly #time: HeldTime;
  #response: Record<string, unknown> = {};
  #error: Error | undefined;
  #isLeft = false;
  /** What became of the response, once that is known. */
  report: Report | undefined;

  constructor(context: RepairContext) {
    const { list, memory, settings, signal, responseId } = context;
    this.#context = context;
    this.#lists = new ContainerLists(list, memory);
    this.#candidates = new ContainerCandidates(context, this.#lists);
    this.#time = new HeldTime(settings.timeoutMs, signal);
    if (responseId !== undefined) this.noteResponse({ id: responseId });
  }

  /** Takes note of what a response says besides its output: its id, its tools, what came before it. */
  noteResponse(response: Record<string, unknown>): void {
    this.#response = response;
    this.#candidates.noteResponse(response);
  }

  /** Takes note of an item of the output. One that comes again, complete now, replaces the one before. */
  noteItem(outputIndex: number, item: unknown): void {
    this.#items.note(outputIndex, item);
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
      this.#context.signal?.throwIfAborted();
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
    return this.#items.hasContainers || this.#candidates.known.length > 0;
  }

  /**
   * Asks for the list that a part will need, before its text has ended. Nobody waits for it here: what fails is
   * asked for again when it is needed.
   */
  lookAhead({ outputIndex }: PartPosition): void {
    const [nearest] = this.#items.before(outputIndex).containers;
    for (const id of nearest !== undefined ? [nearest] : this.#candidates.known) {
      this.#lists.of(id, this.#items.callCount, this.#time.signal);
    }
  }

  /**
   * Adds to the citations that a part lacks those of the files that the response wrote and no text mentions. To be
   * called once all parts were asked about, for the last text; without one, the report alone tells of them. `isTold`: the other citations have gone out by now, and
   * these get the numbers behind theirs.
   */
  async citeUnmentioned(position: PartPosition | undefined, isTold = false): Promise<void> {
    const { containers } = this.#items.before(this.#items.all.length);
    await this.#inTime((signal) => this.#lists.add([], containers, this.#items.callCount, signal));
    const part = position && this.#parts.get(keyOf(position));
    if (!part) return;
    const citations = this.#unmentioned().map((file): RecoveredCitation => {
      return { annotation: citationOf(file, 0, 0), match: "unmentioned", text: "", start: 0, end: 0 };
    });
    const annotations = citations.map(({ annotation }) => annotation);
    // The API's citations that stand for no place come first as well.
    part.citations = isTold ? [...part.citations, ...citations] : [...citations, ...part.citations];
    part.annotations = isTold ? [...part.annotations, ...annotations] : [...annotations, ...part.annotations];
    const { containers: near } = this.#items.before(position.outputIndex);
    if (!annotations.some(({ container_id }) => !near.includes(container_id))) return;
    // By these the part names containers of later calls, too: all that a next repair would find in them is found now.
    const given = [...part.given, ...part.annotations];
    if (!this.#mayLack(position, part.text, given)) return;
    const more = await this.#resolve(position, part.text, given);
    part.citations = [...part.citations, ...more.citations];
    part.annotations = [...part.annotations, ...more.annotations];
    part.unresolved = more.unresolved;
  }

  /** Whether files that no text mentions are to be cited, and a call ran that may have written some. */
  get mayCiteUnmentioned(): boolean {
    return this.#context.settings.unmentioned === "cite" && this.#items.callCount > 0;
  }

  /**
   * What became of the response. Calls `onReport`, unless its reader left, and fills the memory. Throws if a failure is
   * to be thrown; that the response itself broke off is none of ours.
   */
  finish(brokenBy?: Error): Report {
    const { settings, signal } = this.#context;
    // Who stopped it has the response as it was.
    const parts = [...this.#parts.values()].map((part) =>
      signal?.aborted ? { ...part, ...nothing() } : part,
    );
    const report = makeReport(parts, {
      responseId: typeof this.#response.id === "string" ? this.#response.id : undefined,
      unmentioned: this.#unmentioned(),
      containers: [...this.#lists.containers],
      listRequests: this.#lists.requests,
      heldMs: this.#time.ms,
      error: this.#error ?? brokenBy,
    });
    this.report = report;
    this.#time.stop(COMPLETE);
    this.#remember();
    if (!this.#isLeft && !signal?.aborted) tell(settings.onReport, report);
    if (this.#error && settings.onFailure === "throw") throw new FileCitationsError(report);
    return report;
  }

  /** Nobody waits for the answer any more. */
  cancel(reason?: unknown): void {
    this.#isLeft = true;
    this.#time.stop(reason);
  }

  /** Hands on which containers this response can mean: a later one may mean them too. */
  #remember(): void {
    const { memory } = this.#context;
    if (!memory) return;
    const ids = this.#items.all.map((item) => (isRecord(item) ? item.id : undefined));
    memory.remember(
      [this.#response.id, conversationKey({ ...this.#context, response: this.#response }), ...ids],
      [...containersOfItems(this.#items.all), ...this.#candidates.known],
    );
    this.#lists.remember(this.#response.id);
  }

  /** Whether a citation may be missing: told from the text and what the calls wrote, without a list. */
  #mayLack(position: PartPosition, text: string, given: readonly Annotation[]): boolean {
    const { indexUnit, roots } = this.#context.settings;
    const cited = new CitedText(text, given, indexUnit, roots);
    if (cited.hasUncitedPath()) return true;
    const before = this.#items.before(position.outputIndex);
    if (!before.hasEvidence) return false;
    for (const { start, name } of fileNamesIn(text)) {
      if (cited.isUncited(start) && !cited.isCitedName(name) && before.namesFile(name)) return true;
    }
    return false;
  }

  #resolve(position: PartPosition, text: string, given: readonly Annotation[]): Promise<Resolution> {
    const { indexUnit, roots } = this.#context.settings;
    const before = this.#items.before(position.outputIndex);
    const { containers, readEvidence } = before;
    const named = before.hasEvidence
      ? [...fileNamesIn(text)].filter(({ name }) => before.namesFile(name))
      : [];
    const namesLacking = (found: readonly Annotation[]): string[] => {
      if (named.length === 0) return [];
      const cited = new CitedText(text, [...given, ...found], indexUnit, roots);
      const lacking = named.filter(({ start, name }) => cited.isUncited(start) && !cited.isCitedName(name));
      return lacking.map(({ name }) => name);
    };
    return resolveText(
      {
        ...{ text, given, readEvidence, namesLacking },
        containers: [...containers, ...containersOfAnnotations(given)],
      },
      {
        lists: this.#lists,
        candidates: this.#candidates,
        callCount: this.#items.callCount,
        settings: this.#context.settings,
        inTime: (recover) => this.#inTime(recover),
      },
    );
  }

  /** Runs a recovery within the time that is left, and keeps what goes wrong in it for the report. */
  async #inTime(recover: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await this.#time.wait(recover);
    } catch (error) {
      this.noteError(error);
    }
  }

  /** The files that this response wrote and that no text mentions, as far as a list was asked for. */
  #unmentioned(): ContainerFile[] {
    const { created_at: created, id } = this.#response;
    const written = this.#lists
      .filesSince(typeof created === "number" ? created : Infinity, id)
      .filter(({ source }) => source !== "user");
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

function keyOf({ outputIndex, contentIndex }: PartPosition): string {
  return `${outputIndex}/${contentIndex}`;
}
