/**
 * Decides which files of a container's list a text can mean, from the files' times and the calls of the response. For example,
 * after a call has written a file, the text does not mean an older file of the same path in another container. Also remembers the
 * files that are left out, because a mention that fits such a file may be ambiguous.
 */
import { filenameOf, folderOf } from "../citations/file-index.js";
import { isUnseenFolder } from "../citations/moved.js";
import { composed, fold } from "../citations/spelling.js";
import type { ContainerFile } from "../types.js";
import { LOCAL } from "./call-texts.js";
import type { ContainerCandidates, ContainerGroup, TextScope } from "./candidates.js";
import type { Evidence } from "./evidence.js";
import type { Lifetime } from "./lifetime.js";
import { type FileList, namesInList } from "./lists.js";

/** What is known about a text, except for its characters. */
export interface TextContext {
  scope: TextScope;
  /** The evidence of the calls before the text. */
  evidence: Evidence;
  /**
   * The evidence of all calls of the text's turn, before and after the text. `undefined` while a call may still follow the text.
   */
  turn: Evidence | undefined;
  /** When the text's response began and ended. */
  lifetime: Lifetime;
}

/** The maximum number of unlikely files that are kept for one name or path. */
const MOST_NAMESAKES = 20;

/** Matches a character that can start an encoded character, as in `%20`, `&amp;` or `\_`. */
const ENCODED = /[%&\\]/;

/** Decides which listed files a text can mean. */
export class PossibleFiles {
  readonly #context: TextContext;
  readonly #candidates: ContainerCandidates;
  /** Listed files that the text cannot mean, but whose path may encode another path: `a%20b.csv` may encode `a b.csv`. */
  readonly #impossibleEncoded = new Set<ContainerFile>();
  /**
   * Listed files that the text most likely does not mean, for example because they are too old. Each file has two keys: its path
   * and its name, both in NFC.
   */
  readonly #unlikely = new Map<string, ContainerFile[]>();

  constructor(context: TextContext, candidates: ContainerCandidates) {
    this.#context = context;
    this.#candidates = candidates;
  }

  /**
   * Returns the files of a group's lists that the text can mean, list by list. `nearer` has the containers of nearer groups.
   *
   * Leaves out a file if another container of the group may soon have a second file with the same path: a call in the other
   * container names the path, but the container's list lacks it. The text may mean the second file.
   */
  inGroup(lists: readonly FileList[], group: ContainerGroup, nearer: readonly string[]): FileList[] {
    const { kind, containers } = group;
    const possible = lists.map((list) => this.#inList(list, kind, nearer));
    if (kind !== "called" || containers.length === 1) return possible;
    const { evidence } = this.#context;
    const lacks = (path: string, at: number): boolean => {
      const list = lists[at];
      return !list || !namesInList(list).paths.has(composed(path));
    };
    const isUnsure = ({ path, container_id: own }: ContainerFile): boolean =>
      containers.some((id, at) => id !== own && lacks(path, at) && evidence.mayNamePath(path, id));
    return possible.map((list) => list.filter((file) => !isUnsure(file)));
  }

  /** Returns the files that were left out and have exactly this path or name. */
  unlikely(pathOrName: string): readonly ContainerFile[] {
    return this.#unlikely.get(composed(pathOrName)) ?? [];
  }

  /**
   * Returns the left-out files that a mention may mean instead of `file`. `text` is the mention. `asked` has the containers
   * whose lists were requested, nearest first. There are three cases:
   *
   * - The mention says `a%20b.csv`, and `file` is `a b.csv`. Returns the file `a%20b.csv` of the same container.
   * - No call comes before the text, and `file` is older than the response. Returns files with the same path: those from the
   *   time of the response, and those in nearer containers. Containers of later calls do not count as nearer.
   * - A call comes before the text, but only tool outputs or 0..0 citations name the container of `file`. Returns files with
   *   the same path: those in the containers of the calls.
   */
  meantInstead(file: ContainerFile, text: string, asked: readonly string[]): ContainerFile[] {
    const isEncoded = ({ path, container_id: id }: ContainerFile): boolean =>
      id === file.container_id && path !== file.path && composed(text).endsWith(composed(path));
    return [...[...this.#impossibleEncoded].filter(isEncoded), ...this.#unlikelyInstead(file, asked)];
  }

  #unlikelyInstead(file: ContainerFile, asked: readonly string[]): readonly ContainerFile[] {
    const others = this.unlikely(file.path);
    const { scope, lifetime } = this.#context;
    const { hasCall, called, cited, weaklyCited, outputs } = scope;
    const id = file.container_id;
    if (!hasCall) {
      const nearer = asked.slice(0, asked.indexOf(id)).filter((other) => !scope.later.includes(other));
      const isMeant = (other: ContainerFile) => lifetime.has(other) || nearer.includes(other.container_id);
      return lifetime.has(file) ? [] : others.filter(isMeant);
    }
    const ofCalls = called.flat();
    if (![...outputs, ...weaklyCited].includes(id) || cited.includes(id) || ofCalls.includes(id)) return [];
    return others.filter((other) => ofCalls.includes(other.container_id));
  }

  /** Returns those files of a list that the text can mean. In most cases, the text can mean all of them. */
  #inList(list: FileList, kind: ContainerGroup["kind"], nearer: readonly string[]): FileList {
    const { lifetime, scope } = this.#context;
    const isNearestCall = kind === "called" && nearer.length === 0 && scope.latest !== undefined;
    if (!lifetime.hasEnded && this.#areAllPossible(kind, isNearestCall)) return list;
    const possible = list.filter((file) => {
      const isPossible = this.#isPossible(file, kind, nearer, isNearestCall);
      if (!isPossible) this.#noteImpossible(file);
      return isPossible;
    });
    return possible.length === list.length ? list : possible; // the same array stays a cache key
  }

  #noteImpossible(file: ContainerFile): void {
    if (ENCODED.test(file.path)) this.#impossibleEncoded.add(file);
    const folder = fold(folderOf(file.path));
    if (this.#context.lifetime.isAfter(file) || isUnseenFolder(`${folder}/`)) return;
    for (const key of [file.path, filenameOf(file)].map(composed)) {
      const files = this.#unlikely.get(key) ?? [];
      if (files.length < MOST_NAMESAKES) this.#unlikely.set(key, [...files, file]);
    }
  }

  /**
   * Returns whether the text can mean every file in a list. The files are then not checked one by one. Used only while the end of
   * the response is unknown.
   */
  #areAllPossible(kind: ContainerGroup["kind"], isNearestCall: boolean): boolean {
    const { turn, scope } = this.#context;
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
    const { lifetime, turn, scope } = this.#context;
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
    const { evidence } = this.#context;
    return evidence.namesPath(path, LOCAL) && !evidence.namesPath(path, id);
  }

  /**
   * Returns whether a container is known only from calls after the text: no earlier turn names it, and it is not in
   * `candidates.known`.
   */
  #isOnlyLater(id: string): boolean {
    const { later, earlier } = this.#context.scope;
    return later.includes(id) && !earlier.includes(id) && !this.#candidates.known.includes(id);
  }

  /** Returns whether calls in other containers write a file's path, but no call in the file's own container names the path. */
  #isWrittenElsewhere({ path, container_id: own }: ContainerFile): boolean {
    const { scope, evidence } = this.#context;
    const others = scope.called.flat().filter((id) => id !== own);
    return others.some((id) => evidence.writesPath(path, id)) && !evidence.mayNamePath(path, own);
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
    const { scope, lifetime, evidence } = this.#context;
    const { latest, writing } = scope;
    if (latest !== undefined && !nearer.some((other) => writing.includes(other))) return true;
    // If the start of the response is unknown, only the calls can show which file is meant.
    const isNamedHere = evidence.namesPath(file.path, file.container_id);
    return !lifetime.isKnown && isNamedHere && !this.#isNamedNearer(file, nearer);
  }

  /** Returns whether a call in a nearer container names the path of a file. */
  #isNamedNearer({ path }: ContainerFile, nearer: readonly string[]): boolean {
    return nearer.some((id) => this.#context.evidence.mayNamePath(path, id));
  }
}
