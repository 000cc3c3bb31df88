/**
 * Finds the files that a text means, in the lists of the containers that the text can mean. Also decides whether a list is late:
 * a call wrote a file, but the list does not show the file yet. lists.ts requests a late list again. This file is long because
 * it has all rules that use the calls of the response to choose files. The code in `src/citations` uses only the text to choose.
 */
import { endOfCompound } from "../citations/compounds.js";
import { type FileIndex, filenameOf, type IndexedFile, nameOf, namesOf } from "../citations/file-index.js";
import type { AcceptLookAlike, NarrowName } from "../citations/found.js";
import type { Markup } from "../citations/markup/markup.js";
import { hasSandboxScheme } from "../citations/mentions.js";
import { isUnseenFolder } from "../citations/moved.js";
import { type Resolution, resolveWithIndex } from "../citations/resolve.js";
import { composed, decode, fold } from "../citations/spelling.js";
import { CitedText } from "../citations/uncited.js";
import type { Settings } from "../options.js";
import type { Annotation, ContainerFile, ContainerFileCitation, UnresolvedMention } from "../types.js";
import { LOCAL } from "./call-texts.js";
import type { ContainerCandidates, ContainerGroup, TextScope } from "./candidates.js";
import type { Evidence } from "./evidence.js";
import { fileNamesIn } from "./file-names.js";
import type { Lifetime } from "./lifetime.js";
import type { ContainerLists, FileList } from "./lists.js";

/** A text and the facts about it. */
export interface TextPart {
  text: string;
  /** The annotations that the text already has. */
  given: readonly Annotation[];
  scope: TextScope;
  /** The evidence of the calls before the text. */
  evidence: Evidence;
  /**
   * The evidence of all calls of the text's turn, before and after the text. `undefined` while a call may still follow the text.
   */
  turn: Evidence | undefined;
  /** When the text's response began and ended. */
  lifetime: Lifetime;
  /**
   * True if a call comes before the text and the text's message names a root, as in "saved in /mnt/data:". A name in such a
   * message can mean a file in the container even if no call contains the name, because code can build a name from parts.
   * `undefined` for a piece of a text, because later text may name a root.
   */
  isRootNamed: boolean | undefined;
  /** True if an earlier search, after the same calls, did not find all files. Late lists are then not requested again. */
  isRepeated: boolean;
  /**
   * The containers whose lists an earlier search for this text used. This search uses these lists too. So a text in a stream,
   * which may be searched twice, gets the same files as the text of a response that arrives whole.
   */
  asked: readonly string[];
  /** The markup of the piece, if this text is only a piece of a longer text. */
  markup?: Markup | undefined;
  /** The path or name at the end of a piece, without the root. It may continue in the next piece. */
  lastName?: string | undefined;
}

/** The state that all texts of a response share during the repair. */
export interface Recovery {
  lists: ContainerLists;
  candidates: ContainerCandidates;
  /** How many calls of the response ran so far. */
  callCount: number;
  settings: Settings;
  /** Runs a recovery within the time limit, and records its error for the report. */
  inTime: (recover: (signal: AbortSignal) => Promise<void>) => Promise<void>;
}

/** The result for a text. */
export interface TextResolution extends Resolution {
  /** True if more citations may be found once the response is complete. */
  isLacking: boolean;
  /** The containers whose lists were read for the text. */
  asked: readonly string[];
}

/** The result for a piece of a text, such as a part of a text that is still streaming. */
export interface PieceResolution extends TextResolution {
  /**
   * True if the name at the end of the piece may continue in the next piece: the lists have a longer path or name that starts
   * with it.
   */
  mayGoOn: boolean;
  /**
   * Returns whether the list has only an old version of a cited file: a call writes the file or may write it, but the file in the
   * list is older than the response.
   */
  isOutdated: (annotation: ContainerFileCitation) => boolean;
}

/**
 * Returns the citations that one text lacks, and its mentions that get no citation. If a list fails or exceeds the time limit,
 * only the lists that have arrived are used.
 */
export async function resolveText(part: TextPart, recovery: Recovery): Promise<TextResolution> {
  const search = new FileSearch(part, recovery);
  await recovery.inTime((signal) => search.run(signal));
  return search.result();
}

/** Like {@link resolveText}, for a piece of a longer text. */
export async function resolvePiece(part: TextPart, recovery: Recovery): Promise<PieceResolution> {
  const search = new FileSearch(part, recovery);
  await recovery.inTime((signal) => search.run(signal));
  return {
    ...search.result(),
    mayGoOn: search.mayGoOn,
    isOutdated: (annotation) => search.isOutdated(annotation),
  };
}

/** The statuses of answers that refuse a list: the key is not accepted, or the container has expired or is another user's. */
const REFUSED: ReadonlySet<unknown> = new Set([401, 403, 404, 410]);

/**
 * Returns whether a mention is a name after `sandbox:`. For `sandbox:a.csv`, `written` is `/a.csv`, with one slash. For a path below
 * a root, `written` has more slashes. For a name without `sandbox:`, it has none.
 */
function isSandboxName(written: string): boolean {
  return written.lastIndexOf("/") === 0;
}

/** Returns whether a path or name in a text ends with exactly the file's name. */
function isNameOf(written: string, file: ContainerFile): boolean {
  return nameOf(composed(written)) === composed(filenameOf(file));
}

/** Matches a character that can start an encoded character, as in `%20`, `&amp;` or `\_`. */
const ENCODED = /[%&\\]/;

/** The search for the files of one text. */
class FileSearch {
  readonly #part: TextPart;
  readonly #recovery: Recovery;
  readonly #evidence: Evidence;
  /**
   * The places in the text where a file name from a call occurs. Holds only names with spaces, or with letters of a language
   * that is written without spaces, such as Chinese.
   */
  readonly #spacedNames: readonly { start: number; name: string }[];
  /** The file names in the text that occur in calls too. */
  readonly #names: readonly { start: number; name: string }[];
  /** The lists so far, those of the nearest containers first. */
  readonly #listed: FileList[] = [];
  /**
   * Maps each requested container to the first container of its rank (see `ContainerLists.indexOf`). All containers of a `called`
   * group have the same rank. Every other container has a rank of its own.
   */
  readonly #leaderOf = new Map<string, string>();
  /** Listed files that the text cannot mean, but whose path may encode another path: `a%20b.csv` may encode `a b.csv`. */
  readonly #impossibleEncoded = new Set<ContainerFile>();
  /** Listed files that the text most likely does not mean, for example because they are too old. The key is the name in NFC. */
  readonly #unlikelyByName = new Map<string, ContainerFile[]>();
  /** The files of `#unlikelyByName`. Here the key is the path in NFC. */
  readonly #unlikelyByPath = new Map<string, ContainerFile[]>();
  #resolution: Resolution | undefined;
  /** The containers of the group that is searched first, because it is nearest to the text. */
  #nearest: readonly string[] = [];
  /** True if all lists that the text needs have arrived. */
  #isComplete = false;

  constructor(part: TextPart, recovery: Recovery) {
    this.#part = part;
    this.#recovery = recovery;
    this.#evidence = part.evidence;
    this.#spacedNames = this.#evidence.isEmpty ? [] : this.#evidence.spacedNamesIn(part.text);
    this.#names = this.#evidence.isEmpty ? [] : this.#namesInText();
  }

  #namesInText(): { start: number; name: string }[] {
    const { text } = this.#part;
    const words = [...fileNamesIn(text)].flatMap((word) => this.#evidence.wordIn(text, word) ?? []);
    return [...words.filter(({ start }) => !this.#isInSpacedName(start)), ...this.#spacedNames];
  }

  /**
   * Returns whether an offset is inside one of the `#spacedNames`, but not at its start. A name that starts at this offset is
   * only a part of the longer name.
   */
  #isInSpacedName(at: number): boolean {
    return this.#spacedNames.some(({ start, name }) => at > start && at < start + name.length);
  }

  /** Requests the lists, group by group, until the files of the text are found. */
  async run(signal: AbortSignal): Promise<void> {
    let isDecided = false;
    let areKnown = false;
    try {
      for await (const group of this.#recovery.candidates.groups(this.#part.scope, signal)) {
        const isVeto = this.#resolution !== undefined && !this.#needs(group);
        if (isVeto && !this.#hasSimilarName()) break;
        this.#isComplete = false;
        await this.#search(group, signal).catch((error) => {
          // Ignores a refused list if `isVeto` is true. This list was requested only because it may have a file with exactly
          // the name in the text. The text cannot mean a file of a container that has expired or is not the caller's.
          if (!isVeto || !REFUSED.has(Object(error).status)) throw error;
        });
        this.#isComplete = true;
        isDecided ||= group.kind === "called";
        areKnown ||= group.kind !== "cited" && group.kind !== "output";
      }
    } finally {
      // Files with a similar path are cited only if it is certain that no file has the exact path. It is certain when the lists
      // of the nearest `called` group have arrived, even if another list fails. If there is no `called` group, all lists must
      // have arrived, and one of the groups must be `later` or `known`.
      if (isDecided || (this.#isComplete && areKnown))
        this.#resolution = this.#withLookAlikes(this.#resolution!);
    }
  }

  /**
   * Returns the result. If a list is missing, the reason of mentions that match no file is `container-unavailable` instead of
   * `not-found`.
   */
  result(): TextResolution {
    this.#resolution ??= this.#resolve(() => false);
    const resolution = this.#resolution;
    const isLacking = this.#isLate(this.#nearest) || this.#hasLookAlikes(resolution);
    const asked = [...this.#leaderOf.keys()];
    if (this.#isComplete) return { ...resolution, isLacking, asked };
    const unresolved = resolution.unresolved.map((mention) =>
      isNotFound(mention) ? { ...mention, reason: "container-unavailable" as const } : mention,
    );
    return { ...resolution, unresolved, isLacking, asked };
  }

  /**
   * True if the name at the end of the piece may continue in the next piece: the lists have a longer path or name that starts
   * with it.
   */
  get mayGoOn(): boolean {
    const { lastName } = this.#part;
    if (lastName === undefined) return false;
    return this.#recovery.lists.indexOf(this.#listed, this.#leaderOf).startsLonger(lastName);
  }

  /** Returns whether files with a similar path may be cited once the response is complete. */
  #hasLookAlikes({ annotations }: Resolution): boolean {
    return !this.#part.turn && this.#resolve(() => true, annotations).citations.length > 0;
  }

  /**
   * Returns whether the lists of a group are needed: a mention has no file yet, an earlier search for this text used the lists,
   * or a name without a path may be that of a file in this group.
   */
  #needs({ kind, containers }: ContainerGroup): boolean {
    const { unresolved, annotations } = this.#resolution!;
    if (unresolved.some(isNotFound) || containers.some((id) => this.#part.asked.includes(id))) return true;
    // A word without a path, such as `np.float64`, can look like a file name without being one. So for such a word, only the lists
    // of containers in which calls ran are requested.
    return kind === "called" && this.#uncitedNames(annotations).length > 0;
  }

  /**
   * Returns whether a name without a path would be cited as a file with a similar name. If so, more lists are needed, because a
   * container that is farther away may have a file with exactly this name.
   */
  #hasSimilarName(): boolean {
    const { citations } = this.#resolve(this.#acceptLookAlike, this.#resolution!.annotations);
    return citations.some(({ match }) => match === "filename");
  }

  /**
   * Requests the lists of a group and resolves the text with all lists so far. If a list of the group is late (see `#mayBeLate`
   * and `#isLate`), the lists of the group are requested again.
   */
  async #search(group: ContainerGroup, signal: AbortSignal): Promise<void> {
    const { lists, callCount, settings } = this.#recovery;
    const { kind, containers } = group;
    const nearer = [...this.#leaderOf.keys()];
    const isFirst = nearer.length === 0;
    if (isFirst) this.#nearest = containers;
    for (const id of containers) this.#leaderOf.set(id, kind === "called" ? containers[0]! : id);
    const added: FileList[] = [];
    const from = this.#listed.length;
    try {
      await lists.add(added, containers, callCount, signal);
    } finally {
      this.#listed.push(...this.#possibleInGroup(added, group, nearer));
      this.#resolution = this.#resolve(this.#acceptOnlyName);
    }
    // A piece can end in the middle of a known name. The next piece shows whether the name continues there. So the search for this
    // piece does not wait for late lists.
    if (!this.#mayBeLate(group, isFirst) || this.mayGoOn || !this.#isLate(containers)) return;
    await lists.again(containers, callCount, signal, settings.retries, (later) => {
      this.#listed.splice(from, this.#listed.length - from, ...this.#possibleInGroup(later, group, nearer));
      this.#resolution = this.#resolve(this.#acceptOnlyName);
      return !this.#isLate(containers);
    });
  }

  /**
   * Returns whether the lists of a group may be late: a call may have written files that the lists do not show yet. If a call
   * comes before the text, only the first group can be late, and it must be a `called` group. Otherwise, a group can be late
   * if a call after the text ran in one of its containers.
   */
  #mayBeLate({ kind, containers }: ContainerGroup, isFirst: boolean): boolean {
    const { scope, isRepeated } = this.#part;
    if (isRepeated) return false;
    if (scope.hasCall) return kind === "called" && isFirst;
    return containers.some((id) => scope.later.includes(id));
  }

  #resolve(acceptLookAlike: AcceptLookAlike, found: readonly Annotation[] = []): Resolution {
    const { lists, settings } = this.#recovery;
    const index = lists.indexOf(this.#listed, this.#leaderOf);
    const resolution = resolveWithIndex(this.#part.text, index, {
      ...settings,
      annotations: [...this.#part.given, ...found],
      acceptLookAlike,
      narrowName: this.#narrowName,
      markup: this.#part.markup,
    });
    return this.#withMeantNames(this.#withOneReading(this.#withWholeNames(resolution)), index);
  }

  /**
   * Drops citations of `a.csv` in the text `a.csv-Export` if a call names a file `a.csv-Export`. The text then means the file of
   * the call, even if the list does not show that file yet.
   */
  #withWholeNames(resolution: Resolution): Resolution {
    if (this.#evidence.isEmpty) return resolution;
    const { text: whole } = this.#part;
    const missing: UnresolvedMention[] = [];
    const citations = resolution.citations.filter(({ start, end, match }) => {
      const compoundEnd = endOfCompound(whole, end);
      if (compoundEnd === end) return true;
      const text = whole.slice(start, compoundEnd);
      if (![nameOf(text), nameOf(decode(text))].some((name) => this.#evidence.namesFile(name))) return true;
      if (match !== "filename") missing.push({ text, start, end: compoundEnd, reason: "not-found" });
      return false;
    });
    if (citations.length === resolution.citations.length) return resolution;
    const annotations = citations.map(({ annotation }) => annotation);
    const unresolved = [...resolution.unresolved, ...missing].sort((a, b) => a.start - b.start);
    return { citations, annotations, unresolved };
  }

  /**
   * Drops a citation and reports its mention as ambiguous if a second listed file fits the text too. The resolver did not see
   * the second file, because `#possibleFiles` left it out as unlikely. A second file fits in three cases:
   *
   * - The text says `a%20b.csv`, the citation is of `a b.csv`, and the container of `a b.csv` also lists a file `a%20b.csv`.
   * - A call's container lists a file with the cited file's path, and only tool outputs or 0..0 citations name the container
   *   of the cited file.
   * - No call comes before the text, and the cited file is older than the response. The response wrote the other file, or the
   *   other file is in a nearer container.
   */
  #withOneReading(resolution: Resolution): Resolution {
    if (this.#impossibleEncoded.size + this.#unlikelyByName.size === 0) return resolution;
    const dropped: UnresolvedMention[] = [];
    const citations = resolution.citations.filter(({ text, start, end, annotation }) => {
      const file = this.#recovery.lists.file(annotation);
      const encoded = [...this.#impossibleEncoded].filter(
        ({ path, container_id: id }) =>
          id === file.container_id && path !== file.path && composed(text).endsWith(composed(path)),
      );
      const others = [...encoded, ...this.#unlikelyInstead(file)];
      if (others.length === 0) return true;
      dropped.push({ text, start, end, reason: "ambiguous", candidates: [file, ...others] });
      return false;
    });
    const annotations = citations.map(({ annotation }) => annotation);
    const unresolved = [...resolution.unresolved, ...dropped].sort((a, b) => a.start - b.start);
    return { citations, annotations, unresolved };
  }

  /**
   * Returns the unlikely files that have the same path as `file`, and that the text may mean instead.
   *
   * - If no call comes before the text: If `file` is older than the response, returns the files that the response wrote and those
   *   in nearer containers. Otherwise, returns none.
   * - After a call: If only tool outputs or 0..0 citations name the container of `file`, returns the files in the containers of the
   *   calls. Otherwise, returns none.
   */
  #unlikelyInstead(file: ContainerFile): readonly ContainerFile[] {
    const { scope, lifetime } = this.#part;
    const { hasCall, called, cited, weaklyCited, outputs } = scope;
    const others = this.#unlikelyByPath.get(composed(file.path)) ?? [];
    const id = file.container_id;
    if (!hasCall) {
      const asked = [...this.#leaderOf.keys()];
      const nearer = asked.slice(0, asked.indexOf(id));
      const isMeant = (other: ContainerFile) => lifetime.has(other) || nearer.includes(other.container_id);
      return lifetime.has(file) ? [] : others.filter(isMeant);
    }
    const ofCalls = called.flat();
    if (![...outputs, ...weaklyCited].includes(id) || cited.includes(id) || ofCalls.includes(id)) return [];
    return others.filter((other) => ofCalls.includes(other.container_id));
  }

  /** If no file matches a mention exactly, adds a citation of a file with a similar path. */
  #withLookAlikes(exact: Resolution): Resolution {
    const more = this.#resolve(this.#acceptLookAlike, exact.annotations);
    // `missing` contains no path in a code block, so a path in a code block gets no citation of a similar path. The citation
    // could be wrong: the exact file may be in a late list, and a late list is not requested again for a path in a code block.
    const missing = new Set(exact.unresolved.map(({ start }) => start));
    // A file with a similar name is cited only if all lists arrived. Another list may have a file with exactly this name.
    const meant = more.citations.filter(({ match, start }) =>
      match === "filename" ? this.#isComplete : missing.has(start),
    );
    if (meant.length === 0) return { ...exact, unresolved: more.unresolved };
    const citations = [...exact.citations, ...meant].sort((a, b) => a.start - b.start);
    return {
      citations,
      annotations: citations.map(({ annotation }) => annotation),
      unresolved: more.unresolved,
    };
  }

  /**
   * Returns the files of a group's lists that the text can mean, list by list. Two containers of a group can have files with
   * the same path. So a file is left out while a second file with its path is expected: a call in another container of the
   * group names the path, but that container's list does not have the path yet.
   */
  #possibleInGroup(
    lists: readonly FileList[],
    { kind, containers }: ContainerGroup,
    nearer: readonly string[],
  ): FileList[] {
    const possible = lists.map((list) => this.#possibleFiles(list, kind, nearer));
    if (kind !== "called" || containers.length === 1) return possible;
    const lacks = (path: string, at: number): boolean => {
      const list = lists[at];
      return !list || !namesInList(list).paths.has(composed(path));
    };
    const isUnsure = ({ path, container_id: own }: ContainerFile): boolean =>
      containers.some((id, at) => id !== own && lacks(path, at) && this.#evidence.mayNamePath(path, id));
    return possible.map((list) => list.filter((file) => !isUnsure(file)));
  }

  /** Returns those files of a list that the text can mean. In most cases, the text can mean all of them. */
  #possibleFiles(list: FileList, kind: ContainerGroup["kind"], nearer: readonly string[]): FileList {
    const isNearestCall = kind === "called" && nearer.length === 0 && this.#part.scope.latest !== undefined;
    if (!this.#part.lifetime.hasEnded && this.#areAllPossible(kind, isNearestCall)) return list;
    const isPossible = (file: ContainerFile): boolean => this.#isPossible(file, kind, nearer, isNearestCall);
    if (list.every(isPossible)) return list;
    for (const file of list) if (!isPossible(file)) this.#noteImpossible(file);
    return list.filter(isPossible);
  }

  #noteImpossible(file: ContainerFile): void {
    if (ENCODED.test(file.path)) this.#impossibleEncoded.add(file);
    const folder = fold(folderOf(file.path));
    if (this.#part.lifetime.isAfter(file) || isUnseenFolder(`${folder}/`)) return;
    addUpTo(MOST_NAMESAKES, this.#unlikelyByName, composed(filenameOf(file)), file);
    addUpTo(MOST_NAMESAKES, this.#unlikelyByPath, composed(file.path), file);
  }

  /**
   * Returns whether the text can mean every file in a list. The files are then not checked one by one. Used only while the end of
   * the response is unknown.
   */
  #areAllPossible(kind: ContainerGroup["kind"], isNearestCall: boolean): boolean {
    const { turn, scope } = this.#part;
    if (isNearestCall) return !scope.hasLocalCall && scope.called.flat().length === 1;
    if (kind === "cited" && scope.hasCall) return true;
    return (kind === "cited" || kind === "known") && turn?.isEmpty !== false;
  }

  /** Returns whether the text can mean a file, judging by the file's container, the file's time and the calls. */
  #isPossible(
    file: ContainerFile,
    kind: ContainerGroup["kind"],
    nearer: readonly string[],
    isNearestCall: boolean,
  ): boolean {
    const { lifetime, turn, scope } = this.#part;
    if (lifetime.isAfter(file)) return false;
    if (kind === "cited" && scope.hasCall) return true;
    if (kind === "later" || (kind === "cited" && this.#isOnlyLater(file.container_id)))
      return lifetime.has(file) && file.source !== "user";
    if (kind === "known" || kind === "cited")
      return turn === undefined || !turn.mayNamePath(file.path) || scope.later.includes(file.container_id);
    if (lifetime.has(file)) return !this.#isNamedNearer(file, nearer);
    const isOnlyPlace = nearer.length === 0 && scope.called.length === 0;
    if (isNearestCall || isOnlyPlace) return !this.#isOnlyLocal(file) && !this.#isWrittenElsewhere(file);
    return this.#isPossibleThoughOlder(file, nearer);
  }

  /**
   * Returns whether a call on the caller's own machine names the path of a file. Returns `false` if a call in the file's container
   * or at an unknown place also names the path.
   */
  #isOnlyLocal({ path, container_id: id }: ContainerFile): boolean {
    return this.#evidence.namesPath(path, LOCAL) && !this.#evidence.namesPath(path, id);
  }

  /**
   * Returns whether a container is known only from calls after the text: no earlier turn names it, and it is not in
   * `candidates.known`.
   */
  #isOnlyLater(id: string): boolean {
    const { later, earlier } = this.#part.scope;
    return later.includes(id) && !earlier.includes(id) && !this.#recovery.candidates.known.includes(id);
  }

  /** Returns whether a call in another container writes the path of a file, and no call in the file's own container names it. */
  #isWrittenElsewhere({ path, container_id: own }: ContainerFile): boolean {
    const others = this.#part.scope.called.flat().filter((id) => id !== own);
    return others.some((id) => this.#evidence.writesPath(path, id)) && !this.#evidence.mayNamePath(path, own);
  }

  /**
   * Returns whether the text can mean a file that is older than the response and not in the nearest container. Returns `false`
   * if a nearer container may have a newer file with the same path. A nearer container may have such a file in two cases:
   *
   * - A call in a nearer container may have written files.
   * - It is unknown where the latest call ran.
   *
   * There is one exception. If the start of the response is unknown, the given file may itself be new. In this case, returns
   * `true` if a call in the file's container names the path and no call in a nearer container does.
   */
  #isPossibleThoughOlder(file: ContainerFile, nearer: readonly string[]): boolean {
    const { scope, lifetime } = this.#part;
    const { latest, writing } = scope;
    if (latest !== undefined && !nearer.some((other) => writing.includes(other))) return true;
    // If the start of the response is unknown, only the calls can show which file is meant.
    const isNamedHere = this.#evidence.namesPath(file.path, file.container_id);
    return !lifetime.isKnown && isNamedHere && !this.#isNamedNearer(file, nearer);
  }

  /** Returns whether a call in a nearer container names the path of a file. */
  #isNamedNearer({ path }: ContainerFile, nearer: readonly string[]): boolean {
    return nearer.some((id) => this.#evidence.mayNamePath(path, id));
  }

  /**
   * Returns whether a file may be cited although its path is only similar to the path in the text. Before the response is complete,
   * no file is accepted, because a later call may name the exact path.
   *
   * - If a call ran before the text, the file is accepted only if no call names the exact path and one of these is true:
   *   - The response wrote the file.
   *   - A call names this file, and all calls in the file's container spell out the paths that they write to.
   *   - This file is an upload that is as new as the response, and all calls in the file's container spell out the paths that
   *     they write to.
   * - If calls ran only after the text, no file is accepted.
   * - If no call ran at all, the file is accepted, except if a call of an earlier turn names the exact path.
   */
  readonly #acceptLookAlike: AcceptLookAlike = (file, written, literal) => {
    const { turn, scope, lifetime } = this.#part;
    if (!turn || this.#mayMeanExact(turn, file, [written, literal])) return false;
    if (!scope.hasCall) {
      // If calls come after the text, the library assumes that these calls will write a file at exactly the path in the text. So
      // the text does not mean a file with a similar path.
      const isAnnouncement = scope.later.length > 0 || !turn.isEmpty;
      const { history } = this.#recovery.candidates;
      return !isAnnouncement && ![written, literal].some((path) => history.namesPath(path));
    }
    const isPath = written.includes("/");
    const isNamed = (path: string): boolean => turn.mayNamePath(path) || (!isPath && turn.namesFile(path));
    if ([written, literal].some(isNamed)) return false;
    const [meant, path] = [composed(written), composed(file.path)];
    const isMoved = isPath && folderOf(meant) !== folderOf(path);
    // The path in the text may have another folder than the file, or another letter case in the name, but not both.
    const [name, own] = [nameOf(meant), nameOf(path)];
    if (isMoved && name !== own && name.toLowerCase() === own.toLowerCase()) return false;
    // Accepts a file that is as new as the response and is not an upload, because a call of the response wrote this file. No call
    // wrote an upload, so an upload also needs the checks below.
    if (lifetime.has(file) && file.source !== "user") return true;
    // Accepts no file if a call writes to a path that it does not spell out. That path may be the exact path in the text, and
    // the list may not show the new file yet.
    if (turn.writesUnspelled(file.container_id)) return false;
    return lifetime.has(file) || turn.callsNamePath(file.path);
  };

  /**
   * Returns whether the text may mean a file with exactly the path or name in one of the `spellings`, and not `file`, whose path is
   * only similar. This is the case if a list has a file with exactly this path, even an unlikely file. For a name after `sandbox:`,
   * it is also the case if a call names a path that ends with this name.
   */
  #mayMeanExact(calls: Evidence, file: ContainerFile, spellings: readonly [string, string]): boolean {
    if (spellings.some((path) => this.#unlikelyByPath.has(composed(path)))) return true;
    const [written] = spellings;
    return isSandboxName(written) && !isNameOf(written, file) && this.#namesOtherPath(calls, spellings, file);
  }

  /**
   * Returns whether a file may be cited for `sandbox:name` while the lists may still be late. The response must have written a
   * file with exactly this name, and no call may name another path that ends with this name.
   */
  readonly #acceptOnlyName: AcceptLookAlike = (file, written, literal) => {
    const { scope, lifetime } = this.#part;
    if (!scope.hasCall || !lifetime.has(file) || !isSandboxName(written) || !isNameOf(written, file))
      return false;
    return !this.#namesOtherPath(this.#evidence, [written, literal], file);
  };

  /** Returns whether a call names a path that ends with the name in one of the `spellings`, but is not the path of `file`. */
  #namesOtherPath(calls: Evidence, spellings: readonly string[], file: ContainerFile): boolean {
    return spellings.some((path) => calls.namesOtherPath(nameOf(path), file.path));
  }

  /**
   * Chooses from several files with the same name. Returns only the file that the response wrote if four conditions are met:
   *
   * - The text's message names a root.
   * - The response wrote exactly one of the files.
   * - No call names the path of any of the other files.
   * - None of the other files is directly in a root. A message that names a root could mean such a file.
   *
   * Otherwise, returns all files. There is one exception: later text may still name a root, and the other three conditions are
   * met. Then returns no file, so that the name is not cited or reported yet.
   */
  readonly #narrowName: NarrowName = (indexed) => {
    const { isRootNamed, lifetime } = this.#part;
    const isWritten = ({ file }: IndexedFile): boolean => file.source !== "user" && lifetime.has(file);
    const written = indexed.filter(isWritten);
    if (isRootNamed === false || written.length !== 1) return indexed;
    const mayBeMeant = ({ file, folder }: IndexedFile): boolean =>
      folder === "" || this.#evidence.mayNamePath(file.path);
    if (indexed.some((other) => !isWritten(other) && mayBeMeant(other))) return indexed;
    return isRootNamed ? written : [];
  };

  /**
   * Drops the citation of a file name without a path in three cases:
   *
   * - The name is only a part of a longer name (see `#isInSpacedName`).
   * - The name can mean two files. The mention is then reported as ambiguous. This also applies to links, although the resolver
   *   alone would choose the file in the root for a link.
   * - It is not certain that the name means the file (see `#isNameMeant`, `#isOfCall` and `#isOnlyMeaning`). A `sandbox:name`
   *   is then reported as `not-found`, because it always means a file of the container. Other names are not reported.
   */
  #withMeantNames(resolution: Resolution, index: FileIndex): Resolution {
    const dropped: UnresolvedMention[] = [];
    const citations = resolution.citations.filter(({ match, annotation, text, start, end }) => {
      if (match !== "filename") return true;
      const file = this.#recovery.lists.file(annotation);
      if (this.#isInSpacedName(start)) return false;
      const isInSandbox = hasSandboxScheme(text);
      const namesakes = [...this.#namesakesOf(file, index), ...this.#exactNamesakesOf(file, text)];
      const candidates = [file, ...namesakes];
      const isMeant = isInSandbox
        ? this.#isNameMeant(file) || this.#isOnlyMeaning(file)
        : this.#isNameMeant(file) && this.#isOfCall(file);
      if (namesakes.length > 0) dropped.push({ text, start, end, reason: "ambiguous", candidates });
      else if (!isMeant && isInSandbox) dropped.push({ text, start, end, reason: "not-found" });
      return isMeant && namesakes.length === 0;
    });
    const annotations = citations.map(({ annotation }) => annotation);
    const unresolved = [...resolution.unresolved, ...dropped].sort((a, b) => a.start - b.start);
    return { citations, annotations, unresolved };
  }

  /**
   * Returns the other files that have the same name as `file`, if the name without a path can also mean these files (see
   * `#isNameMeant`). Only files in the same container or in a nearer container count. Uploads are left out.
   */
  #namesakesOf(file: ContainerFile, index: FileIndex): ContainerFile[] {
    const named = index.filesNamed([fold(filenameOf(file))]);
    const rank = named.find((indexed) => indexed.file === file)?.rank ?? 0;
    return named
      .filter(
        (namesake) =>
          namesake.file.container_id === file.container_id ||
          (namesake.rank < rank && !isUnseenFolder(namesake.foldedFolder)),
      )
      .map(({ file: namesake }) => namesake)
      .filter(
        (namesake) => namesake.id !== file.id && namesake.source !== "user" && this.#isNameMeant(namesake),
      );
  }

  /**
   * If the name in the text is only similar to the file's name, returns the unlikely files whose name is exactly the name in the
   * text. Otherwise, returns no files.
   */
  #exactNamesakesOf(file: ContainerFile, text: string): readonly ContainerFile[] {
    const name = composed(nameOf(decode(text)).replace(/^[a-z]+:/i, ""));
    return name === composed(filenameOf(file)) ? [] : (this.#unlikelyByName.get(name) ?? []);
  }

  /**
   * Returns whether the file's name alone can mean the file. Returns `true` if the response wrote the file. For an older file, one
   * of these must be true:
   *
   * - A call names the file's path.
   * - The file is directly in a root, a call contains its name, and no call gives a path for this name.
   *
   * Returns `false` for an older file if a call writes a file with this name in another folder. There is one exception: the
   * start of the response is unknown, and a call also writes to the file's own path.
   */
  #isNameMeant(file: ContainerFile): boolean {
    const { lifetime, scope } = this.#part;
    if (lifetime.has(file)) return true;
    const evidence = scope.hasCall ? this.#evidence : this.#recovery.candidates.history;
    const name = filenameOf(file);
    const written = evidence.writtenPathsTo(name);
    const isElsewhere = lifetime.isKnown
      ? written.some((path) => path !== composed(file.path))
      : !written.includes(composed(file.path));
    if (written.length > 0 && isElsewhere) return false;
    if (evidence.namesPath(file.path)) return true;
    const isInRoot = this.#recovery.settings.roots.includes(folderOf(file.path));
    return isInRoot && evidence.namesFile(name) && evidence.pathsTo(name).length === 0;
  }

  /**
   * Returns whether a file is in a container of the calls before the text. Returns true for every file if no call comes before
   * the text, or if the calls do not name their container.
   *
   * A plain name (without a path and without `sandbox:`) never means a file for which this method returns false. The lists of
   * other containers are requested only for other reasons, for example because another mention needs them. The meaning of a
   * plain name must not depend on other mentions.
   */
  #isOfCall({ container_id: id }: ContainerFile): boolean {
    const { hasCall, called } = this.#part.scope;
    return !hasCall || called.length === 0 || called.some((containers) => containers.includes(id));
  }

  /**
   * Returns whether `sandbox:name` can only mean this file. Returns `false` in two cases:
   *
   * - A call of the response comes before the text.
   * - A call of an earlier turn contains another path that ends with this name. Only the latest turn with calls is checked.
   */
  #isOnlyMeaning(file: ContainerFile): boolean {
    const { history } = this.#recovery.candidates;
    return !this.#part.scope.hasCall && !history.namesOtherPath(filenameOf(file), file.path);
  }

  /**
   * Returns whether the lists of some containers are late: they lack a path or name of the text, or have only an old file with
   * this path or name.
   */
  #isLate(containers: readonly string[]): boolean {
    const { unresolved, annotations, citations } = this.#resolution!;
    if (unresolved.some(isNotFound)) return true;
    const names = new Set(this.#uncitedNames(annotations).map(({ name }) => name));
    for (const { match, annotation } of citations) if (match === "filename") names.add(annotation.filename);
    if (names.size > 0 && this.#lacksName(names, containers)) return true;
    return citations.some(({ annotation }) => this.isOutdated(annotation));
  }

  /**
   * Returns whether the list has only an old version of a cited file: a call writes the file or may write it, but the file in the
   * list is older than the response.
   */
  isOutdated(annotation: ContainerFileCitation): boolean {
    const { lifetime, scope, turn } = this.#part;
    if (!lifetime.isKnown) return false;
    const file = this.#recovery.lists.file(annotation);
    // If no call comes before the text, the text announces files. The calls of the turn write these files later.
    const evidence = scope.hasCall ? this.#evidence : turn;
    if (lifetime.has(file) || !evidence) return false;
    return evidence.writesPath(file.path) || (scope.hasCall && evidence.writesUnspelled(file.container_id));
  }

  /** Returns whether a call names a file with one of these names, and the lists do not have that file. */
  #lacksName(names: ReadonlySet<string>, containers: readonly string[]): boolean {
    const near = this.#listed
      .filter(([file]) => file && containers.includes(file.container_id))
      .map(namesInList);
    return [...names].some((name) => {
      const written = this.#evidence.writtenPathsTo(name);
      if (written.length > 0) return !written.some((path) => this.#isListedAnew(path, containers));
      const named = this.#evidence.pathsTo(name);
      if (named.length > 0) return !named.some((path) => near.some(({ paths }) => paths.has(path)));
      return this.#evidence.namesFile(name) && !near.some(({ names: listed }) => listed.has(composed(name)));
    });
  }

  /**
   * Returns whether these containers list a file at `path` that the response wrote. If the start of the response is unknown, any
   * file at `path` counts. `path` is in NFC.
   */
  #isListedAnew(path: string, containers: readonly string[]): boolean {
    const { lifetime } = this.#part;
    return this.#listed
      .flat()
      .some(
        (file) =>
          composed(file.path) === path &&
          containers.includes(file.container_id) &&
          (!lifetime.isKnown || lifetime.has(file)),
      );
  }

  /**
   * Returns the file names in the text that occur in calls but are not cited yet. The API's citations and those in `found`
   * both count.
   */
  #uncitedNames(found: readonly Annotation[]): readonly { start: number; name: string }[] {
    if (this.#names.length === 0) return [];
    const { text, given } = this.#part;
    const { indexUnit, roots } = this.#recovery.settings;
    const cited = new CitedText(text, [...given, ...found], indexUnit, roots);
    return this.#names.filter((name) => cited.isUncitedName(name));
  }
}

/** The maximum number of unlikely files that are kept for one name or path. */
const MOST_NAMESAKES = 20;

function addUpTo<Value>(most: number, lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (!list) lists.set(key, [value]);
  else if (list.length < most) list.push(value);
}

interface ListedNames {
  paths: ReadonlySet<string>;
  names: ReadonlySet<string>;
}

const namesOfLists = new WeakMap<FileList, ListedNames>();

/** Returns the paths and names in a list, in NFC, cached per list. */
function namesInList(list: FileList): ListedNames {
  let names = namesOfLists.get(list);
  if (!names) {
    const paths = new Set(list.map(({ path }) => composed(path)));
    names = { paths, names: new Set(list.flatMap(namesOf).map(composed)) };
    namesOfLists.set(list, names);
  }
  return names;
}

function isNotFound({ reason }: UnresolvedMention): boolean {
  return reason === "not-found";
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
