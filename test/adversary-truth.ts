/**
 * Decides which file a mention in an invented conversation means, and which citations the rules allow. This file is long because
 * the rules for paths, similar paths and names belong together.
 *
 * There are three kinds of mentions. If a mention surely means one file, a citation of another file is wrong. If a mention surely
 * means no file, every citation is wrong. If the rules leave open what a mention means, any file in `Truth.allowed` may be cited.
 */
import { COMPLETE, type ListMode, QUICK, type WorldFile } from "./adversary-world.js";

/** A call of a turn. */
export interface Call {
  /** The index of the call (Python) or of the call's output (shell). The call's files exist once that item is complete. */
  item: number;
  container: string;
  code: string | null;
  /** What the call printed. */
  logs: string | null;
  isShell: boolean;
  /** The agent that ran the call, in a response of several agents. */
  agent: string | undefined;
}

/** A mention in a text. */
export interface Mention {
  /** The range, in code points. */
  start: number;
  end: number;
  /** The decoded path that the model means. If the text has only a name, `name` is set instead. */
  path?: string;
  name?: string;
  /** The mention is a link's destination or has a scheme, so it offers the file to the user. */
  isHandedOver: boolean;
  truth: Truth;
  /** The API cited the mention. */
  isCited: boolean;
}

export interface Truth {
  meant?: WorldFile | undefined;
  /** The files that may be cited. */
  allowed: readonly WorldFile[];
  /** The file must be cited: the rules leave no doubt, and the list arrives in time. */
  isDemanded: boolean;
  /** The plain and the streamed response may cite different files here, because they request lists at different times. */
  isLoose: boolean;
}

/** The facts about a response that decide which files its mentions mean. */
export interface TurnFacts {
  index: number;
  createdAt: number;
  calls: readonly Call[];
  /** The agents of the items, by item index. Empty in a response without agents. */
  agents: ReadonlyMap<number, string>;
  /** Maps the item index of another tool's call (not Python or shell) to the container that the call's output names. */
  outputs: ReadonlyMap<number, string>;
  modes: ReadonlyMap<string, ListMode>;
  /**
   * The containers that a text can mean if no call comes before it. The container that the request names comes first. The
   * containers of earlier responses follow, the most recently used one first.
   */
  known: readonly string[];
  /**
   * Whether the order of the containers in `known` is certain. The order of several containers is uncertain in two cases: the
   * request names one of them, or several agents wrote the earlier response.
   */
  isKnownOrdered: boolean;
  retries: number;
}

/** Matches a path in a folder that tools fill, such as `node_modules` or any folder whose name begins with a dot. */
export const FOLDERS_OF_OTHERS = /\/(?:\.[^/]*|__MACOSX|__pycache__|node_modules)\//;
/** Matches a prefix that only an upload has. Does not match a short prefix: `file-q3-report.csv` may be the file's own name. */
const SURE_UPLOAD = /^(?:[0-9a-f]{32}|(?:file|assistant)-(?=[^-]*\d)[A-Za-z0-9]{20,})-/;
const UPLOAD = /^(?:[0-9a-f]{32}|(?:file|assistant)-[A-Za-z0-9]+)-(.+)$/;

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** Returns the name that an upload had before the API added a prefix. */
export function formerName({ source, path }: WorldFile): string | undefined {
  return source === "user" ? UPLOAD.exec(nameOf(path))?.[1] : undefined;
}

/** Returns the same text for all spellings that count as similar. */
function fold(text: string): string {
  return text.toLowerCase().replaceAll("\u2011", "-").replaceAll("%20", " ");
}

/** Returns how the path of `file` is similar to `path`, or `undefined` if it is not similar. There is no file at `path`. */
function likeness(path: string, file: WorldFile): "written" | "moved" | "upload" | undefined {
  if (fold(path) === fold(file.path)) return "written";
  const former = formerName(file);
  const folder = folderOf(path);
  const itsFolder = folderOf(file.path);
  if (former !== undefined && fold(former) === fold(nameOf(path)) && itsFolder === folder) return "upload";
  if (fold(nameOf(path)) !== fold(nameOf(file.path))) return undefined;
  if ([folder, itsFolder].some((one) => FOLDERS_OF_OTHERS.test(one))) return undefined;
  const [outer, inner] = folder.length < itsFolder.length ? [folder, itsFolder] : [itsFolder, folder];
  const isOneLevel = inner.startsWith(outer) && inner.slice(outer.length).split("/").length === 2;
  return isOneLevel ? "moved" : undefined;
}

/** Returns whether two paths in one text could each mean `file`, but may also mean two different files. */
function mayBeTwoFiles(path: string, other: string, file: WorldFile): boolean {
  const names = [nameOf(path), nameOf(file.path), formerName(file) ?? ""].map(fold);
  return names.includes(fold(nameOf(other))) && (other === file.path || fold(other) !== fold(path));
}

/** Matches code that writes to a path with a variable in it. Also matches code with `cp`, which can write any path. */
const UNSPELLED = /OUT|\{stem\}|\bcp /;

/** Returns whether code contains a path. A path that is only the beginning of a longer path does not count. */
function saysPath(code: string | null, path: string): boolean {
  const at = code?.indexOf(path) ?? -1;
  return at >= 0 && !/[\w.-]/.test(code!.charAt(at + path.length));
}

/** Returns whether code contains a text in quotes. */
function isQuoted(code: string | null, text: string): boolean {
  return ["'", '"'].some((quote) => code?.includes(quote + text + quote));
}

/** Returns whether code contains a file name in quotes, or at the end of a quoted path. */
function saysName(code: string | null, name: string): boolean {
  return ["'", '"', "/"].some((before) => ["'", '"'].some((after) => code?.includes(before + name + after)));
}

/**
 * Returns whether a call names a path. The full path counts. The file name alone counts in quotes, after a space, or at the
 * end of a quoted path. So `cp x 'sales data.csv'` names `/mnt/data/data.csv`: the command may mean a file `data.csv`.
 */
function mayName({ code, logs }: Call, path: string): boolean {
  const name = nameOf(path);
  return [code, logs].some(
    (said) => saysPath(said, path) || saysName(said, name) || said?.includes(` ${name}`) === true,
  );
}

/** Decides which files the mentions in the texts of one response mean. */
export class Truths {
  readonly #files: readonly WorldFile[];
  readonly #turn: TurnFacts;

  constructor(files: readonly WorldFile[], turn: TurnFacts) {
    this.#files = files.filter(({ isGarbage }) => !isGarbage);
    this.#turn = turn;
  }

  /**
   * Returns which file a mention in the text at `item` means. `others` are the paths and names of the other mentions in the same
   * text: they can show that a similar path means another file.
   */
  of(
    mention: Pick<Mention, "path" | "name" | "isHandedOver">,
    item: number,
    others: readonly string[],
  ): Truth {
    const text = new TextTruth(this.#files, this.#turn, item);
    if (mention.path !== undefined) return text.ofPath(mention.path, mention.isHandedOver, others);
    return text.ofName(mention.name!, mention.isHandedOver, others);
  }

  /** Returns whether a file may be cited without a mention: it is new, and a call of this turn names it. */
  mayCiteUnmentioned(file: WorldFile): boolean {
    const { calls, createdAt, index } = this.#turn;
    const isOutdated = this.#files.some(
      (other) => other.hides === file && other.turn === index && other.late === 0 && !other.isLost,
    );
    return (
      !file.isGarbage &&
      !isOutdated &&
      file.createdAt >= createdAt &&
      calls.some(({ container }) => container === file.container) &&
      calls.some((call) => `${call.code} ${call.logs}`.includes(nameOf(file.path)))
    );
  }

  /** Returns the newest versions of the files that a text at this item can mean. */
  filesAt(item: number): WorldFile[] {
    return new TextTruth(this.#files, this.#turn, item).files;
  }

  /** Returns the containers that a text at this item can mean. */
  containersAt(item: number): readonly string[] {
    return new TextTruth(this.#files, this.#turn, item).containers;
  }
}

/** Decides which files the mentions in one text mean. */
class TextTruth {
  /** The containers that the text can mean: first those of the text's own agent, latest call first, then all others. */
  readonly containers: readonly string[];
  /** The containers in which only calls of other agents ran. */
  readonly #foreign: readonly string[];
  readonly #files: readonly WorldFile[];
  readonly #turn: TurnFacts;
  readonly #item: number;
  readonly #callsBefore: readonly Call[];

  constructor(files: readonly WorldFile[], turn: TurnFacts, item: number) {
    this.#files = files;
    this.#turn = turn;
    this.#item = item;
    this.#callsBefore = turn.calls.filter((call) => call.item < item);
    const agent = turn.agents.get(item);
    const inOrder = this.#callsBefore.toReversed();
    const own = inOrder.filter((call) => call.agent === agent).map(({ container }) => container);
    const near = [...new Set([...own, ...inOrder.map(({ container }) => container)])];
    const outputs = [...turn.outputs].filter(([at]) => at < item).map(([, container]) => container);
    const all = near.length > 0 ? [...near, ...outputs] : [...outputs, ...turn.known];
    this.containers = [...new Set(all)];
    this.#foreign = near.filter((container) => !own.includes(container));
  }

  /** The newest version of each file in `containers` that was written before this text. */
  get files(): WorldFile[] {
    return this.containers.flatMap((container) => this.#newestIn(container));
  }

  ofPath(path: string, isHandedOver: boolean, others: readonly string[]): Truth {
    const holders = this.containers.filter((container) => this.#versions(container, path).length > 0);
    const [holder] = holders;
    if (holders.length > 1 && holders.every((container) => this.#foreign.includes(container))) {
      // Several containers of other agents have the file, so the path is ambiguous. A container whose list answers 404 has expired,
      // so its file is gone.
      const alive = holders.filter((container) => this.#turn.modes.get(container) !== "404");
      // An old file that no call in its own container names does not count beside a file that the response wrote.
      const isNew = (container: string): boolean =>
        this.#versions(container, path).at(-1)!.createdAt >= this.#turn.createdAt;
      const isNamed = (container: string): boolean =>
        this.#isSaid(path, container) ||
        this.#callsBefore.some(({ container: id, code }) => id === container && isQuoted(code, nameOf(path)));
      const written = alive.filter(isNew);
      const isOneMeant = written.length === 1 && alive.every((one) => written.includes(one) || !isNamed(one));
      const meant = alive.length === 1 ? alive : isOneMeant ? written : [];
      const allowed = meant.flatMap((container) => this.#versions(container, path));
      return { allowed, isDemanded: false, isLoose: false };
    }
    if (holder === undefined)
      return this.#loosened(this.#ofLookAlikes(path, isHandedOver, others), nameOf(path), path);
    const truth = this.#ofExact(path, isHandedOver, holder, holders);
    // No citation is demanded if another agent's call in a second container may concern `path` (see `#mayMean`). That call may
    // have written a file at `path`, even if the second container does not list such a file.
    const isUnsure =
      this.#foreign.includes(holder) &&
      this.#callsBefore.some(
        (call) =>
          call.container !== holder && this.#foreign.includes(call.container) && this.#mayMean(call, path),
      );
    return this.#loosened({ ...truth, isDemanded: truth.isDemanded && !isUnsure }, nameOf(path), path);
  }

  /** Returns what a path means if one of the containers has a file at exactly this path. */
  #ofExact(path: string, isHandedOver: boolean, holder: string, holders: readonly string[]): Truth {
    const versions = this.#versions(holder, path);
    const meant = versions.at(-1)!;
    const later = this.#writtenLater((file) => file.path === path);
    const nearer = this.containers.slice(0, this.containers.indexOf(holder));
    // If a call in a nearer container names the path, the text may mean a file there. So `meant` must not be cited.
    if (nearer.some((container) => this.#isSaid(path, container))) {
      return { allowed: later, isDemanded: false, isLoose: false };
    }
    const isNear = nearer.length === 0;
    const isOlder = meant.createdAt < this.#turn.createdAt;
    const isLate = this.#isLate(meant);
    const isSeen =
      !meant.isLost && (!isLate || (isNear && this.#isWaitedFor(meant) && versions.length === 1));
    const allowed = [meant, ...later];
    // If the list may lack the newest version of the file, other files may be cited too: an older version, a file at the same
    // path in a farther container, or a look-alike.
    if (!isSeen) allowed.push(...versions, ...this.#fartherExact(path, holder), ...this.#lookAlikes(path));
    if (!isNear)
      allowed.push(...this.#lookAlikes(path).filter(({ container }) => nearer.includes(container)));
    if (!this.#isOrdered) for (const other of holders) allowed.push(...this.#versions(other, path));
    // The response may have written a file at `path` in another container. This file may be cited if the file in `holder` is older
    // than the response.
    const written = holders
      .filter((container) => container !== holder && this.#isWrittenIn(path, container))
      .flatMap((container) => this.#listedVersions(container, path))
      .filter(({ createdAt }) => createdAt >= this.#turn.createdAt && isOlder);
    allowed.push(...written);
    const isDemanded =
      written.length === 0 &&
      isSeen &&
      later.length === 0 &&
      (isHandedOver || meant.source === "assistant") &&
      (holders.length === 1 || this.#isOrdered) &&
      !this.#isAnnounced(path, holder) &&
      // A call in another container may have written a newer version of the file, or tried to.
      !(isOlder && this.#isNamedElsewhere(path, holder)) &&
      this.#isReached(path, holder, nearer, isOlder);
    return { meant, allowed, isDemanded, isLoose: later.length > 0 };
  }

  /** Returns whether all calls come after the text, no call runs in `holder`, and a call names the path (see `mayName`). */
  #isAnnounced(path: string, holder: string): boolean {
    const { calls } = this.#turn;
    return (
      this.#callsBefore.length === 0 &&
      !calls.some(({ container }) => container === holder) &&
      calls.some((call) => mayName(call, path))
    );
  }

  /** Returns whether a call before the text names the path (see `mayName`), and no such call ran in `holder`. */
  #isNamedElsewhere(path: string, holder: string): boolean {
    const naming = this.#callsBefore.filter((call) => mayName(call, path));
    return naming.length > 0 && naming.every(({ container }) => container !== holder);
  }

  /**
   * Returns whether the repair surely requests the list of `holder`. Returns false if a nearer container has a file with a
   * similar name, or ran a call that may concern the path. If the file in `holder` is older than the response (`isOlder`),
   * each nearer call with Python's `open` or the shell's `cat` counts too: the call may have written a newer version.
   */
  #isReached(path: string, holder: string, nearer: readonly string[], isOlder: boolean): boolean {
    const later = this.#callsBefore.length > 0 ? [] : this.#turn.calls.map(({ container }) => container);
    const asked = [...nearer, ...later, ...this.#groupOf(holder)];
    if (!this.#isQuick || !asked.every((container) => this.#isComplete(container))) return false;
    if (nearer.length === 0) return true;
    const isRelated = nearer.some(
      (container) =>
        this.#relatives(nameOf(path)).some((file) => file.container === container) ||
        this.#callsBefore.some(
          (call) =>
            call.container === container &&
            (this.#mayMean(call, path) || (isOlder && /open\(|\bcat /.test(call.code ?? ""))),
        ),
    );
    return this.#callsBefore.length > 0 && !isRelated;
  }

  /** Returns the files with the same path in the containers after `holder`. Returns none if a call in `holder` names the path. */
  #fartherExact(path: string, holder: string): WorldFile[] {
    if (this.#isSaid(path, holder)) return [];
    const farther = this.containers.slice(this.containers.indexOf(holder) + 1);
    return farther.flatMap((container) => this.#listedVersions(container, path));
  }

  /** Returns what a path means if none of the containers has a file at exactly this path. */
  #ofLookAlikes(path: string, isHandedOver: boolean, others: readonly string[]): Truth {
    const later = this.#writtenLater((file) => file.path === path);
    const alike = this.#lookAlikes(path);
    const allowed = [...later, ...alike];
    const [only] = alike;
    // A call before or after the text may overwrite an upload. The newest file that the list has at this path is then the call's
    // file, which has no former name.
    const isOverwritten =
      only !== undefined &&
      (this.#versions(only.container, only.path).at(-1) !== only ||
        this.#writtenLater(({ container, path: its }) => container === only.container && its === only.path)
          .length > 0);
    const isSure =
      only !== undefined &&
      later.length === 0 &&
      !isOverwritten &&
      alike.length === 1 &&
      this.#relatives(nameOf(path)).length === 1 &&
      !others.some((other) => mayBeTwoFiles(path, other, only)) &&
      this.#surelyCounts(path, only);
    if (!isSure) return { meant: later.at(-1), allowed, isDemanded: false, isLoose: false };
    const kind = likeness(path, only);
    const isDemanded =
      // If a tool's output names another container, no citation is demanded: the exact path may be in that container.
      this.#turn.outputs.size === 0 &&
      (isHandedOver || only.source === "assistant") &&
      (kind !== "moved" || nameOf(path) === nameOf(only.path)) &&
      (kind !== "upload" || SURE_UPLOAD.test(nameOf(only.path))) &&
      ![path, only.path].some((one) => one.includes("%")) &&
      this.#isQuick &&
      this.containers[0] === only.container &&
      this.#neededFor(only.container).every((id) => this.#isComplete(id)) &&
      !only.isLost &&
      !this.#isLate(only);
    return { meant: only, allowed, isDemanded, isLoose: false };
  }

  /**
   * Returns the containers whose lists the library needs before it can cite a look-alike in `container`. If no call comes
   * before the text, the library needs the lists of all containers.
   */
  #neededFor(container: string): readonly string[] {
    return this.#callsBefore.length === 0 ? this.containers : this.#groupOf(container);
  }

  /** Returns the group of `container`. A group's lists are requested together. All containers of other agents form a group. */
  #groupOf(container: string): readonly string[] {
    return this.#foreign.includes(container) ? this.#foreign : [container];
  }

  /** Returns the files whose path is similar to `path`. Leaves out files that `path` cannot mean in this response. */
  #lookAlikes(path: string): WorldFile[] {
    const isWritten = this.#isSaid(path);
    const relatives = this.#relatives(nameOf(path));
    // While a list lacks the newest version of a file, it has an older version.
    const versions = relatives.flatMap((file) =>
      file.isLost || this.#isLate(file) ? this.#versionsLike(file) : [],
    );
    return [...new Set([...relatives, ...versions])].filter((file) => {
      if (file.path === path) return false;
      const isOtherReading = file.path.replaceAll("%20", " ") === path.replaceAll("%20", " ");
      if (isOtherReading) return true;
      return !isWritten && likeness(path, file) !== undefined && this.#mayCount(file);
    });
  }

  /** Returns whether a similar path can mean the file: the file is new, a call names it, or the response has no call. */
  #mayCount(file: WorldFile): boolean {
    const { calls, createdAt } = this.#turn;
    if (calls.length === 0 || file.createdAt >= createdAt) return true;
    // A call names the file if it contains the file's name and the folder's name. In the root, the file's name is enough. The
    // full path is not needed, because code may build the path from parts or use a relative path.
    const folder = folderOf(file.path).split("/").at(-2)!;
    const isInRoot = folderOf(file.path) === "/mnt/data/";
    return calls.some(({ code, logs }) => {
      const said = `${code} ${logs}`;
      return said.includes(nameOf(file.path)) && (isInRoot || said.includes(folder));
    });
  }

  /** Returns whether the calls leave no doubt that a similar path means the file. */
  #surelyCounts(path: string, file: WorldFile): boolean {
    const { calls, createdAt } = this.#turn;
    if (calls.length === 0) return true;
    if (this.#callsBefore.length === 0 || file.item >= this.#item) return false;
    const isPathMeant = calls.some(({ code, logs }) =>
      // Code and logs may write the spaces of a path as `%20`.
      [nameOf(path), nameOf(path).replaceAll(" ", "%20")].some((name) =>
        `${code} ${logs}`.replaceAll(file.path, "").includes(name),
      ),
    );
    if (isPathMeant) return false;
    const isNew = file.createdAt >= createdAt;
    if (isNew && file.source === "assistant") return true;
    // Some code writes a file but does not contain the file's path. Such code may have written a file at `path`.
    if (calls.some(({ code }) => code === null || UNSPELLED.test(code))) return false;
    return isNew || this.#callsBefore.some(({ code }) => saysPath(code, file.path));
  }

  ofName(name: string, isHandedOver: boolean, others: readonly string[]): Truth {
    const relatives = this.#relatives(name);
    // A name means an upload only if the name is a link's destination or has a scheme, such as `sandbox:`.
    const isNamed = (file: WorldFile): boolean =>
      nameOf(file.path) === name && (isHandedOver || file.source === "assistant");
    const named = relatives.filter((file) => isNamed(file) && this.#isBefore(file));
    const own = named.filter((file) => file.turn === this.#turn.index && file.item >= 0);
    const later = this.#writtenLater(isNamed);
    const [nearest] = this.containers;
    const isOwnSure =
      own.length > 0 &&
      own.every((file) => file.container === nearest && !file.isLost && !this.#isLate(file)) &&
      named.every((file) => own.includes(file) || !this.#isLate(file));
    const allowed = isOwnSure ? [...own, ...later] : [...named, ...later];
    for (const { container, path } of isOwnSure ? [] : named)
      allowed.push(...this.#versions(container, path));
    const isSeen = named.some((file) => !file.isLost && !this.#isLate(file));
    if (!isSeen) {
      const alike = relatives.filter((file) => nameOf(file.path) !== name);
      const unseen = alike.filter((file) => file.isLost || this.#isLate(file));
      const versions = unseen.flatMap((file) => this.#versionsLike(file));
      allowed.push(...[...alike, ...versions].filter((file) => this.#mayCount(file)));
    }
    const candidates = own.length > 0 ? own : named;
    const meant = candidates.length === 1 ? candidates[0] : undefined;
    const isDemanded =
      meant !== undefined &&
      later.length === 0 &&
      relatives.length === 1 &&
      !others.some((other) => fold(nameOf(other)) === fold(name)) &&
      this.#isNameDemanded(name, meant);
    return this.#loosened({ meant, allowed, isDemanded, isLoose: false }, name, undefined);
  }

  #isNameDemanded(name: string, meant: WorldFile): boolean {
    const isSaid = this.#callsBefore.some(({ code }) => saysName(code, name));
    const isListed =
      !this.#isLate(meant) ||
      (this.#isWaitedFor(meant) && this.#versions(meant.container, meant.path).length === 1);
    return (
      isSaid &&
      // The rules demand a citation only for names of files that the model wrote.
      meant.source === "assistant" &&
      /^[a-z.-]+$/i.test(name) &&
      !FOLDERS_OF_OTHERS.test(folderOf(meant.path)) &&
      this.containers[0] === meant.container &&
      this.#isQuick &&
      this.#groupOf(meant.container).every((id) => this.#isComplete(id)) &&
      !meant.isLost &&
      isListed
    );
  }

  /** Returns `truth`, with `isLoose` true if the plain and the streamed response may cite different files. */
  #loosened(truth: Truth, name: string, path: string | undefined): Truth {
    const relatives = this.#relatives(name);
    const versions = relatives.flatMap((file) => [file, ...this.#versionsLike(file)]);
    // A bare path with `%20` is ambiguous once the list has two files: one with `%20` in its name, and one with a space.
    const isTwofold = path?.includes("%20") === true && relatives.length > 1;
    const isMoving =
      (!truth.isDemanded || isTwofold) &&
      versions.some((file) => this.#isLate(file) && Number.isFinite(file.late));
    const later = relatives.filter((file) => !this.#isBefore(file));
    // A later call may overwrite an upload. The list for a plain response then has the call's file in place of the upload.
    const isOverwritten = relatives.some(
      ({ container, path: its, source }) =>
        source === "user" &&
        this.#writtenLater((other) => other.container === container && other.path === its).length > 0,
    );
    // True if the only file that matches is written later, at exactly `path`. Plain and streamed responses then cite this file.
    const isAnnounced = relatives.length === 1 && later[0]?.path === path;
    const allowed = [...new Set(truth.allowed)];
    const isLoose = truth.isLoose || isMoving || isOverwritten || (later.length > 0 && !isAnnounced);
    return { ...truth, allowed, isLoose };
  }

  /**
   * Returns the files that the text can mean by this name. Similar spellings of the name count too (see `fold`). An upload is
   * also found by the name that it had before the API added a prefix.
   */
  #relatives(name: string): WorldFile[] {
    const { calls, index } = this.#turn;
    const containers = new Set([...this.containers, ...calls.map(({ container }) => container)]);
    const newest = new Map<string, WorldFile>();
    for (const file of this.#files) {
      if (!containers.has(file.container) || file.turn > index) continue;
      // If only later calls use a container, the text cannot mean the files that the container had before the response.
      const isOfLaterCall = !this.containers.includes(file.container);
      if (isOfLaterCall && this.#isBefore(file) && !this.#isOfFirstSecond(file)) continue;
      const names = [nameOf(file.path), formerName(file) ?? ""].map(fold);
      if (names.includes(fold(name)))
        newest.set(`${this.#isBefore(file)} ${file.container} ${file.path}`, file);
    }
    return [...newest.values()];
  }

  /** Returns the files that this response writes after the text, in any container. */
  #writtenLater(isIt: (file: WorldFile) => boolean): WorldFile[] {
    return this.#files.filter(
      (file) =>
        file.turn === this.#turn.index &&
        (!this.#isBefore(file) || this.#isOfFirstSecond(file)) &&
        isIt(file),
    );
  }

  /**
   * Returns whether a file counts as written by the response, although it may have been written shortly before the response
   * began. This is so if the file is in a container that only later calls use, and is no upload. `created_at` has whole seconds,
   * so the exact time of a file from the response's first second is not known.
   */
  #isOfFirstSecond({ createdAt, source, container }: WorldFile): boolean {
    return createdAt >= this.#turn.createdAt && source !== "user" && !this.containers.includes(container);
  }

  #versions(container: string, path: string): WorldFile[] {
    return this.#files.filter(
      (file) => file.container === container && file.path === path && this.#isBefore(file),
    );
  }

  /** Returns the newest version of a file. If a list may lack it, also returns the older versions: the list may have one of them. */
  #listedVersions(container: string, path: string): WorldFile[] {
    const versions = this.#versions(container, path);
    const newest = versions.at(-1);
    return newest && (newest.isLost || this.#isLate(newest)) ? versions : versions.slice(-1);
  }

  /** If a file existed before the text, returns its versions from before the text. Otherwise returns its later versions. */
  #versionsLike(file: WorldFile): WorldFile[] {
    const { container, path } = file;
    if (this.#isBefore(file)) return this.#versions(container, path);
    return this.#writtenLater((other) => other.container === container && other.path === path);
  }

  #newestIn(container: string): WorldFile[] {
    const newest = new Map<string, WorldFile>();
    for (const file of this.#files) {
      if (file.container === container && this.#isBefore(file)) newest.set(file.path, file);
    }
    return [...newest.values()];
  }

  #isBefore({ turn, item }: WorldFile): boolean {
    return turn < this.#turn.index || (turn === this.#turn.index && item < this.#item);
  }

  #isLate({ turn, late }: WorldFile): boolean {
    return turn === this.#turn.index && late > 0;
  }

  /** Returns whether the first list lacks the file, but a later list has it, and the allowed retries reach that list. */
  #isWaitedFor(file: WorldFile): boolean {
    return this.#isLate(file) && file.late <= this.#turn.retries && this.#callsBefore.length > 0;
  }

  /** Returns whether a call before the text names exactly this path. With `container`, only calls in this container count. */
  #isSaid(path: string, container?: string): boolean {
    return this.#callsBefore.some(
      (call) => (container ?? call.container) === call.container && saysPath(call.code, path),
    );
  }

  /** Returns whether a call in a container names a path as one string, or builds it from a folder and the quoted file name. */
  #isWrittenIn(path: string, container: string): boolean {
    const calls = this.#callsBefore.filter((call) => call.container === container);
    return this.#isSaid(path, container) || calls.some(({ code }) => saysName(code, nameOf(path)));
  }

  /** Returns whether a call may concern a path: the call contains the file's name, or could have written any file. */
  #mayMean({ code, logs }: Call, path: string): boolean {
    if (code === null || /write|to_csv|cp /.test(code)) return true;
    return fold(`${code} ${logs}`).includes(fold(nameOf(path)));
  }

  get #isOrdered(): boolean {
    return this.#callsBefore.length > 0 || this.#turn.isKnownOrdered;
  }

  /** Whether each list of this turn is complete or fails at once. A slow failure may leave too little time for other lists. */
  get #isQuick(): boolean {
    return [...this.#turn.modes.values()].every((mode) => QUICK.has(mode));
  }

  #isComplete(container: string): boolean {
    return COMPLETE.has(this.#turn.modes.get(container) ?? "ok");
  }
}
