/**
 * Finds the files that a text means, in the lists of the containers that the text can mean. The code in `src/citations` uses
 * only the text to choose a file. The rules here also use the calls of the response. This file is long because all these rules
 * share one search.
 */
import { endOfCompound } from "../citations/compounds.js";
import { type FileIndex, filenameOf, folderOf, type IndexedFile, nameOf } from "../citations/file-index.js";
import type { AcceptLookAlike, NarrowName } from "../citations/found.js";
import type { Markup } from "../citations/markup/markup.js";
import { hasSandboxScheme } from "../citations/mentions.js";
import { isUnseenFolder } from "../citations/moved.js";
import { inTextOrder } from "../citations/ranges.js";
import { type Resolution, resolveWithIndex } from "../citations/resolve.js";
import { composed, decode, fold } from "../citations/spelling.js";
import { CitedText } from "../citations/uncited.js";
import type { Settings } from "../options.js";
import type {
  Annotation,
  ContainerFile,
  ContainerFileCitation,
  RecoveredCitation,
  UnresolvedMention,
} from "../types.js";
import type { ContainerCandidates, ContainerGroup } from "./candidates.js";
import type { Evidence } from "./evidence.js";
import { fileNamesIn } from "./file-names.js";
import { isLate, isNotFound, isOutdated, mayBeLate } from "./late-files.js";
import type { ContainerLists, FileList } from "./lists.js";
import { PossibleFiles, type TextContext } from "./possible-files.js";

/** A text and the facts about it. */
export interface TextPart extends TextContext {
  text: string;
  /** The annotations that the text already has. */
  given: readonly Annotation[];
  /**
   * True if a call comes before the text and the text's message names a root, as in "saved in /mnt/data:". In such a message,
   * a name can mean a file in the container even if no call contains the name. The reason: code can build a name from parts.
   * `undefined` for a piece of a text, because later text may name a root.
   */
  isRootNamed: boolean | undefined;
  /** True if an earlier search, after the same calls, did not find all files. Then no list is requested again. */
  isRepeated: boolean;
  /**
   * The containers that an earlier search for this text used. The current search also uses their lists. The reason: a text in
   * a stream may be searched twice, but must get the same files as in a plain response.
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
  readonly #possible: PossibleFiles;
  #resolution: Resolution | undefined;
  /** The containers of the group that is searched first, because it is nearest to the text. */
  #nearest: readonly string[] = [];
  /** True if all lists that the text needs have arrived. */
  #isComplete = false;

  constructor(part: TextPart, recovery: Recovery) {
    this.#part = part;
    this.#recovery = recovery;
    this.#evidence = part.evidence;
    this.#possible = new PossibleFiles(part, recovery.candidates);
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
          // If `isVeto` is true, the list is only needed to look for a file with exactly the name in the text. If the API
          // refuses the list, the caller cannot read this container. The text cannot mean its files, so the error is ignored.
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
   * Returns whether the lists of a group are needed. They are needed if a mention has no file yet, or if an earlier search for
   * this text used them. Lists of a `called` group are also needed if a file name in the text has no citation yet.
   */
  #needs({ kind, containers }: ContainerGroup): boolean {
    const { unresolved, annotations } = this.#resolution!;
    if (unresolved.some(isNotFound) || containers.some((id) => this.#part.asked.includes(id))) return true;
    // For a name without a path, lists are requested only if calls ran in their containers, because a word such as `np.float64`
    // only looks like a file name.
    return kind === "called" && this.#uncitedNames(annotations).length > 0;
  }

  /**
   * Returns whether a name without a path matches only a file with a similar name. If so, more lists are needed, because a
   * container that is farther away may have a file with exactly the name in the text.
   */
  #hasSimilarName(): boolean {
    const { citations } = this.#resolve(this.#acceptLookAlike, this.#resolution!.annotations);
    return citations.some(({ match }) => match === "filename");
  }

  /**
   * Requests the lists of a group and resolves the text with all lists so far. If these lists are late (see late-files.ts), they
   * are requested again.
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
      this.#listed.push(...this.#possible.inGroup(added, group, nearer));
      this.#resolution = this.#resolve(this.#acceptOnlyName);
    }
    // If a piece may end in the middle of a known name, late lists are not awaited. The next piece shows the whole name.
    const mayWait = !this.#part.isRepeated && !this.mayGoOn;
    if (!mayWait || !mayBeLate(group, isFirst, this.#part) || !this.#isLate(containers)) return;
    await lists.again(containers, callCount, signal, settings.retries, (later) => {
      this.#listed.splice(from, this.#listed.length - from, ...this.#possible.inGroup(later, group, nearer));
      this.#resolution = this.#resolve(this.#acceptOnlyName);
      return !this.#isLate(containers);
    });
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
    return resolutionOf(citations, [...resolution.unresolved, ...missing]);
  }

  /**
   * If a mention may also mean a file that `#possible` left out, drops the citation and reports the mention as ambiguous. The
   * resolver has not seen the files that `#possible` left out.
   */
  #withOneReading(resolution: Resolution): Resolution {
    const dropped: UnresolvedMention[] = [];
    const asked = [...this.#leaderOf.keys()];
    const citations = resolution.citations.filter(({ text, start, end, annotation }) => {
      const file = this.#recovery.lists.file(annotation);
      const others = this.#possible.meantInstead(file, text, asked);
      if (others.length === 0) return true;
      dropped.push({ text, start, end, reason: "ambiguous", candidates: [file, ...others] });
      return false;
    });
    return resolutionOf(citations, [...resolution.unresolved, ...dropped]);
  }

  /** If no file matches a mention exactly, adds a citation of a file with a similar path. */
  #withLookAlikes(exact: Resolution): Resolution {
    const more = this.#resolve(this.#acceptLookAlike, exact.annotations);
    // `missing` contains no path in a code block. This is on purpose: no file with a similar path is cited there. The reason:
    // the exact file may be in a late list, and late lists are not requested again for code blocks.
    const missing = new Set(exact.unresolved.map(({ start }) => start));
    // A file with a similar name is cited only if all lists arrived. Another list may have a file with exactly the text's name.
    const meant = more.citations.filter(({ match, start }) =>
      match === "filename" ? this.#isComplete : missing.has(start),
    );
    if (meant.length === 0) return { ...exact, unresolved: more.unresolved };
    return resolutionOf([...exact.citations, ...meant], more.unresolved);
  }

  /**
   * Returns whether a file may be cited although its path is only similar to the path in the text. Before the response is complete,
   * no file is accepted, because a later call may name the exact path.
   *
   * - If a call ran before the text, no call may mean the exact path. In addition, one of these must be true:
   *   - The response wrote the file.
   *   - A call names this file, and all calls in the file's container spell out the paths that they write to.
   *   - This file is an upload that is as new as the response, and all calls in the file's container spell out the paths that
   *     they write to.
   * - If calls ran only after the text, no file is accepted.
   * - If no call ran at all, the file is accepted unless a call of an earlier turn names the exact path.
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
    // The file's folder or the letter case of its name may differ from the path in the text, but not both.
    const [name, own] = [nameOf(meant), nameOf(path)];
    if (isMoved && name !== own && name.toLowerCase() === own.toLowerCase()) return false;
    // Accepts a file that a call of the response wrote: the file is as new as the response and is not an upload. An upload was
    // not written by a call, so it needs the checks below.
    if (lifetime.has(file) && file.source !== "user") return true;
    // Accepts no file if a call writes to a path that it does not spell out. That path may be the exact path in the text, and
    // the list may not show the new file yet.
    if (turn.writesUnspelled(file.container_id)) return false;
    return lifetime.has(file) || turn.callsNamePath(file.path);
  };

  /**
   * Returns whether the text may mean an exact match instead of `file`. Returns `true` in two cases:
   *
   * - A list has an unlikely file with exactly the path or name in one of the `spellings`.
   * - The text says `sandbox:name`, `file` has a different name, and a call names another path that ends with `name`.
   */
  #mayMeanExact(calls: Evidence, file: ContainerFile, spellings: readonly [string, string]): boolean {
    if (spellings.some((path) => path.includes("/") && this.#possible.unlikely(path).length > 0)) return true;
    const [written] = spellings;
    return isSandboxName(written) && !isNameOf(written, file) && this.#namesOtherPath(calls, spellings, file);
  }

  /**
   * Returns whether a file may be cited for `sandbox:name` while the lists may still be late. Returns `true` if the response
   * wrote the file, its name is exactly `name`, and no call names another path that ends with this name.
   */
  readonly #acceptOnlyName: AcceptLookAlike = (file, written, literal) => {
    const { scope, lifetime } = this.#part;
    if (!scope.hasCall || !lifetime.has(file) || !isSandboxName(written) || !isNameOf(written, file))
      return false;
    return !this.#namesOtherPath(this.#evidence, [written, literal], file);
  };

  /** Returns whether a call names a path with the file name of one of the `spellings`. Does not count the path of `file`. */
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
   * Otherwise, returns all files. There is one exception: only the first condition is not met, but later text may still name a
   * root. Then it returns no file, and the name is not cited or reported yet.
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
    return resolutionOf(citations, [...resolution.unresolved, ...dropped]);
  }

  /**
   * Returns the other files with the same name as `file` that the plain name can also mean (see `#isNameMeant`). They are in the
   * same container as `file` or in a nearer one. Uploads are left out.
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
    return name === composed(filenameOf(file)) ? [] : this.#possible.unlikely(name);
  }

  /**
   * Returns whether the file's name alone can mean the file. Returns `true` if the response wrote the file. For an older file, one
   * of these must be true:
   *
   * - A call names the file's path.
   * - The file is directly in a root, a call contains its name, and no call gives a path for this name.
   *
   * Returns `false` for an older file if a call writes a file with this name in another folder. If the start of the response
   * is unknown, this rule applies only if no call writes to the file's own path.
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
   * If this method returns false, a plain name (without a path and without `sandbox:`) does not mean the file. The file's list
   * was requested for another reason, such as another mention. The meaning of a plain name must not depend on other mentions.
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

  /** Returns whether the lists of some containers are late (see late-files.ts). */
  #isLate(containers: readonly string[]): boolean {
    const resolution = this.#resolution!;
    const uncited = () => this.#uncitedNames(resolution.annotations).map(({ name }) => name);
    const near = this.#listed.filter(([file]) => file && containers.includes(file.container_id));
    return isLate(resolution, uncited, near, (cited) => this.#recovery.lists.file(cited), this.#part);
  }

  /** See `isOutdated` in late-files.ts. */
  isOutdated(annotation: ContainerFileCitation): boolean {
    return isOutdated(this.#recovery.lists.file(annotation), this.#part);
  }

  /** Returns the file names in the text that occur in calls but are not cited yet, neither by the API nor in `found`. */
  #uncitedNames(found: readonly Annotation[]): readonly { start: number; name: string }[] {
    if (this.#names.length === 0) return [];
    const { text, given } = this.#part;
    const { indexUnit, roots } = this.#recovery.settings;
    const cited = new CitedText(text, [...given, ...found], indexUnit, roots);
    return this.#names.filter((name) => cited.isUncitedName(name));
  }
}

/** Returns a resolution with these citations and unresolved mentions, in the order of the text. */
export function resolutionOf(
  cited: readonly RecoveredCitation[],
  mentions: readonly UnresolvedMention[],
): Resolution {
  const citations = inTextOrder(cited);
  const annotations = citations.map(({ annotation }) => annotation);
  return { citations, annotations, unresolved: inTextOrder(mentions) };
}
