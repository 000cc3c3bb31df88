/**
 * Records the file names and paths in the calls of a turn. (A turn is all items from one message of the user to the next.) These
 * names and paths are the evidence of which files exist and which file a text means. This file is long because all kinds of
 * evidence are collected in one pass over a call.
 */

import { canStart } from "../citations/boundaries.js";
import { endOfCompound } from "../citations/compounds.js";
import { extensionOf, nameOf } from "../citations/file-index.js";
import { composed, decode, fold, literal, UNSPACED } from "../citations/spelling.js";
import { once } from "../once.js";
import type { CallTexts } from "./call-texts.js";
import { fileNamesIn, IN_LINE, IN_QUOTES, type IsFileName, type Word } from "./file-names.js";
import {
  commandWritesUnspelled,
  foldersOf,
  isUnknown,
  isWriting,
  type RelativePath,
  relativePathInCode,
  relativePathInCommand,
  writesUnspelled,
} from "./relative-paths.js";

/** Where a call ran: a container id, the caller's own machine (`LOCAL`), or unknown (`undefined`). */
type Place = string | undefined;

/**
 * For one name or path: maps each place (see `Place`) to the number of the first call there that contains the name or path. The
 * calls and outputs of a turn are numbered from 0.
 */
type FirstCalls = Map<Place, number>;

/**
 * Records the names and paths in the calls of a turn. All of them are recorded in NFC, because calls, lists and texts can write
 * the same name in different Unicode forms. The calls must be added in their order.
 */
export class EvidenceLog {
  /** How many calls and outputs were added. */
  count = 0;
  readonly paths = new Map<string, FirstCalls>();
  /** The `paths` that occur in code or commands, and not only in printed output. */
  readonly calledPaths = new Map<string, FirstCalls>();
  /** The possible full paths of the files that code and commands name by a relative path. */
  readonly relativePaths = new Map<string, FirstCalls>();
  /** Maps the last segment of each of the `relativePaths` to the paths that end with it. */
  readonly relativeByName = new Map<string, Set<string>>();
  /** The paths that a call writes to, judging by the call's code or command. */
  readonly writtenPaths = new Map<string, FirstCalls>();
  /** Maps the last segment of each of the `writtenPaths` to the paths that end with it. */
  readonly writtenByName = new Map<string, Set<string>>();
  /**
   * Maps a file name to the number of the first call that contains the name. Only names with spaces (`Q3 report.csv`) are
   * here, and names in languages that are written without spaces, such as Chinese. The end of these names can be another
   * file's name (`report.csv`). The names come from files that a call writes, and from the last segments of paths in calls. A
   * path with spaces counts only if it is in quotes or a call writes to it.
   */
  readonly spacedNames = new Map<string, number>();
  readonly pathsByName = new Map<string, Map<string, number>>();
  /** All words in the calls and outputs that look like file names. The key is the word, folded (see `fold`). */
  readonly words = new Map<string, { name: string; first: number }>();
  /** The lengths of the keys of `words`, longest first. */
  readonly wordLengths: number[] = [];
  /** The names at positions where a file name is expected, such as in quotes. */
  readonly names = new Map<string, FirstCalls>();
  /**
   * The places where a call may have written a file without spelling the file's path. The places are numbered in the order in
   * which they were added: 0, 1 and so on. `Evidence` uses the numbers to ignore places that were added later.
   */
  readonly unspelledWrites = new Map<Place, number>();
  readonly #roots: readonly string[];
  readonly #path: RegExp;
  /** Matches the text before the last word of a quoted path: `'/mnt/data/sales ` in `'/mnt/data/sales data.csv'`. */
  readonly #quotedPath: RegExp;
  /** The code and the commands whose relative paths were not read yet. `number` is the number of the call. */
  readonly #unread: { text: string; place: Place; number: number; read: typeof relativePathInCode }[] = [];

  constructor(roots: readonly string[]) {
    this.#roots = roots.map(composed);
    const root = `(?:${this.#roots.map(literal).join("|") || "(?!)"})/`;
    this.#path = new RegExp(root, "g");
    // The words before the last word must not contain a dot. In `'/mnt/data/run.sh report.csv'`, the path ends at the space,
    // and `report.csv` is the name of another file.
    const name = String.raw`(?:[^\s"'\`/]{1,64}/){0,8}[^\s"'\`/.]{1,64}(?: \w[\w-]{0,63}){0,8} $`;
    this.#quotedPath = new RegExp(`(["'\`])${root}${name}`);
  }

  add({ code, commands, printed }: CallTexts, place: Place): void {
    for (const text of code.map(composed)) {
      this.#read(text, place, IN_QUOTES, true);
      this.#unread.push({ text, place, number: this.count, read: relativePathInCode });
    }
    for (const text of commands.map(composed)) {
      this.#read(text, place, IN_LINE, true);
      this.#unread.push({ text, place, number: this.count, read: relativePathInCommand });
    }
    for (const text of printed.map(composed)) this.#read(text, place, IN_LINE, false);
    if (code.some(writesUnspelled) || commands.some(commandWritesUnspelled)) this.addUnknown(place);
    this.count++;
  }

  /** Records that a call at `place` may have written a file without spelling the file's path. */
  addUnknown(place: Place): void {
    if (!this.unspelledWrites.has(place)) this.unspelledWrites.set(place, this.unspelledWrites.size);
  }

  /**
   * Reads the relative paths of the code and the commands so far. Call this before you use `relativePaths`, `writtenPaths`,
   * `writtenByName` or `spacedNames`. These properties are needed only if a citation is missing. Most responses already have all
   * citations, so the relative paths are not read earlier.
   */
  readRelativePaths(): this {
    for (const { text, place, number, read } of this.#unread.splice(0)) {
      const folders = foldersOf(text, this.#roots);
      for (const { start, name } of fileNamesIn(text)) {
        const end = start + name.length;
        const relative = this.#isInQuotedPath(text, start, end) ? undefined : read(text, start, end, folders);
        if (relative) this.#noteRelative(relative, place, number);
      }
    }
    return this;
  }

  /** Records the names and paths in one text of a call. `isCalled`: the text is code or a command, not printed output. */
  #read(text: string, place: Place, isFileName: IsFileName, isCalled: boolean): void {
    for (const { start, name } of fileNamesIn(text)) {
      const end = start + name.length;
      this.#noteWord(name);
      const isName = isFileName(text, start, end) && !this.#isInQuotedPath(text, start, end);
      if (isName) noteAt(this.names, name, place, this.count);
      const compoundEnd = endOfCompound(text, end);
      if (compoundEnd > end && isFileName(text, start, compoundEnd))
        noteAt(this.names, text.slice(start, compoundEnd), place, this.count);
    }
    this.#path.lastIndex = 0;
    while (this.#path.test(text)) {
      const end = this.#path.lastIndex;
      const root = this.#roots.find((candidate) => text.endsWith(`${candidate}/`, end));
      if (root !== undefined) this.#readPath(text, end - root.length - 1, root, place, isCalled);
    }
  }

  /** Returns whether a name is only the last word of a path below a root: `data.csv` in `'/mnt/data/sales data.csv'`. */
  #isInQuotedPath(text: string, start: number, end: number): boolean {
    if (text[start - 1] !== " ") return false;
    const quote = this.#quotedPath.exec(text.slice(Math.max(0, start - LONGEST_PATH), start))?.[1];
    return quote !== undefined && quote === text[end];
  }

  #noteWord(name: string): void {
    const folded = fold(name);
    if (this.words.has(folded)) return;
    this.words.set(folded, { name, first: this.count });
    const at = this.wordLengths.findIndex((length) => length <= folded.length);
    if (at < 0) this.wordLengths.push(folded.length);
    else if (this.wordLengths[at] !== folded.length) this.wordLengths.splice(at, 0, folded.length);
  }

  #noteRelative({ paths, isWritten }: RelativePath, place: Place, number: number): void {
    for (const path of paths) {
      noteAt(this.relativePaths, path, place, number);
      noteName(this.relativeByName, path);
      if (isWritten) this.#noteWritten(path, place, number);
    }
  }

  #noteWritten(path: string, place: Place, number: number): void {
    noteAt(this.writtenPaths, path, place, number);
    const name = noteName(this.writtenByName, path);
    if (name.includes(" ") || unspaced().test(name)) this.#noteSpaced(name, place, number);
  }

  #noteSpaced(name: string, place: Place, number: number): void {
    note(this.spacedNames, name, number);
    noteAt(this.names, name, place, number);
  }

  /**
   * Records the path at `start`. The text does not show where the path ends. So several paths are recorded: up to the end of the
   * word, up to the closing quote, and up to the end of the line.
   */
  #readPath(text: string, start: number, root: string, place: Place, isCalled: boolean): void {
    const rest = text.slice(start, start + LONGEST_PATH);
    const line = /^[^\r\n]*/.exec(rest)![0];
    const quote = text.charAt(start - 1);
    const quoted = /["'`]/.test(quote) ? line.slice(0, Math.max(0, line.indexOf(quote))) : "";
    const word = /^(?:\\ |[^\s"'`<>|;,(){}[\]\\])*/.exec(line)![0];
    const readings = [
      word,
      word.replace(/[.:!?]+$/, ""),
      word.replaceAll("\\ ", " "),
      quoted,
      line.trimEnd(),
    ];
    const isWritten = isWriting(text.slice(Math.max(0, start - 40), start), line);
    for (const path of new Set(readings)) {
      if (path.length <= root.length + 1) continue;
      const name = nameOf(path);
      noteAt(this.paths, path, place, this.count);
      if (isCalled) noteAt(this.calledPaths, path, place, this.count);
      noteAt(this.names, name, place, this.count);
      // A path of several words up to the end of the line is only a guess. It is not recorded as a file that a call wrote.
      if (isWritten && (path !== line.trimEnd() || path === word)) this.#noteWritten(path, place, this.count);
      if (isLongName(name, path === quoted, path === word)) this.#noteSpaced(name, place, this.count);
      const paths = this.pathsByName.get(name) ?? new Map();
      this.pathsByName.set(name, paths);
      note(paths, path, this.count);
    }
  }
}

/**
 * Answers questions about the names and paths in the calls before a text. Arguments can be in any Unicode form. Returned paths
 * are in NFC.
 */
export class Evidence {
  readonly #log: EvidenceLog;
  readonly #count: number;
  readonly #unspelledCount: number;

  /** Uses only the calls that `log` has now. Calls that are added to `log` later are ignored. */
  constructor(log: EvidenceLog) {
    this.#log = log;
    this.#count = log.count;
    this.#unspelledCount = log.unspelledWrites.size;
  }

  /** True if no call has code, commands or output. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** True if a call names a file, or may have written a file without spelling the file's path. */
  get hasFiles(): boolean {
    const [word] = this.#log.words.values(); // `Map` keeps the order, so this word is from the earliest call
    return this.#isBefore(word?.first) || this.#unspelledCount > 0;
  }

  /**
   * Checks whether a word of `text` is a file name from a call. If so, returns the name as the call writes it, and the offset in
   * `text` where the name starts. Returns `undefined` if no call has the name. The text may escape the name, or write it with
   * other dashes, quotes or letter case. The word can be longer than the name: it can start with a quotation mark. In a language
   * without spaces between words, it can also start with other words of the sentence.
   */
  wordIn(text: string, { start: wordStart, name }: Word): Word | undefined {
    const start = startOfEscaped(text, wordStart);
    const written = text.slice(start, wordStart) + name;
    const meant = fold(decode(written));
    const { words, wordLengths } = this.#log;
    for (const length of wordLengths) {
      const word = words.get(meant.slice(-length));
      if (!this.#isBefore(word?.first)) continue;
      const at = length < meant.length ? start + startOfEnding(written, meant.slice(-length)) : start;
      if (at === start || canStart(text, at)) return { start: at, name: word!.name };
    }
    return undefined;
  }

  /**
   * Returns whether a call contains this file name, alone or in a path. If `place` is given (a container id or `LOCAL`), only
   * calls at this place and calls at an unknown place count.
   */
  namesFile(name: string, place?: string): boolean {
    return this.#isNamed(this.#log.names.get(composed(name)), place);
  }

  /** Returns whether a call contains exactly this path. `place` works as in {@link namesFile}. */
  namesPath(path: string, place?: string): boolean {
    return this.#isNamed(this.#log.paths.get(composed(path)), place);
  }

  /** Like {@link namesPath}, but also returns true if a call gives the path relative to a root or to a working folder. */
  mayNamePath(path: string, place?: string): boolean {
    return (
      this.namesPath(path, place) ||
      this.#isNamed(this.#log.readRelativePaths().relativePaths.get(composed(path)), place)
    );
  }

  /** Returns whether the code or a command of a call contains this path, absolute or relative. Printed output does not count. */
  callsNamePath(path: string): boolean {
    const { calledPaths, relativePaths } = this.#log.readRelativePaths();
    const key = composed(path);
    return this.#isNamed(calledPaths.get(key)) || this.#isNamed(relativePaths.get(key));
  }

  /** Returns whether a call writes to this path. The call may give it as a relative path. For `place`, see {@link namesFile}. */
  writesPath(path: string, place?: string): boolean {
    return this.#isNamed(this.#log.readRelativePaths().writtenPaths.get(composed(path)), place);
  }

  /** Returns whether a call may have written a file without spelling its path, in this container or at an unknown place. */
  writesUnspelled(containerId: string): boolean {
    const { unspelledWrites } = this.#log;
    return [containerId, undefined].some((place) => {
      const first = unspelledWrites.get(place);
      return first !== undefined && first < this.#unspelledCount;
    });
  }

  /** Returns the paths that end with the segment `name` and that a call writes to. */
  writtenPathsTo(name: string): readonly string[] {
    return [...(this.#log.readRelativePaths().writtenByName.get(composed(name)) ?? [])].filter((path) =>
      this.writesPath(path),
    );
  }

  /** Returns whether a call contains a path that ends with the segment `name`, but is not `path`. The path may be relative. */
  namesOtherPath(name: string, path: string): boolean {
    const relative = this.#log.readRelativePaths().relativeByName.get(composed(name)) ?? [];
    const others = [...this.pathsTo(name), ...[...relative].filter((other) => this.mayNamePath(other))];
    // Ignores a recorded path if it ends with a space followed by `path`. Such a path is often several paths: for the command
    // `cp /mnt/data/in.csv /mnt/data/a.csv`, everything after `cp ` is recorded as one path too.
    const own = composed(path);
    return others.some((other) => other !== own && !other.endsWith(` ${own}`) && !isUnknown(other));
  }

  /**
   * Finds names from `spacedNames` in a text. Returns each occurrence with its offset. The name is returned as the text writes
   * it: in NFC or in NFD.
   */
  spacedNamesIn(text: string): { start: number; name: string }[] {
    const found: { start: number; name: string }[] = [];
    const named = [...this.#log.readRelativePaths().spacedNames].slice(0, MOST_SPACED_NAMES);
    const names = named.filter(([, first]) => this.#isBefore(first)).map(([name]) => name);
    for (const name of new Set(names.flatMap((one) => [one, one.normalize("NFD")]))) {
      for (let start = text.indexOf(name); start >= 0; start = text.indexOf(name, start + name.length))
        found.push({ start, name });
    }
    return found;
  }

  /** Returns the paths in calls that end with the segment `name`. Paths that do not start with a root are left out. */
  pathsTo(name: string): readonly string[] {
    const paths = this.#log.pathsByName.get(composed(name)) ?? [];
    return [...paths].filter(([, first]) => this.#isBefore(first)).map(([path]) => path);
  }

  #isNamed(calls: FirstCalls | undefined, place?: string): boolean {
    if (!calls) return false;
    if (place !== undefined) return this.#isBefore(calls.get(place)) || this.#isBefore(calls.get(undefined));
    return [...calls.values()].some((first) => this.#isBefore(first));
  }

  #isBefore(first: number | undefined): boolean {
    return first !== undefined && first < this.#count;
  }
}

/**
 * Returns where a word starts, including its escapes. For `my\_report.csv`, `start` is after the backslash, and the function
 * returns the offset of `my`. For `R&amp;D.csv`, it returns the offset of `R`. Returns `start` if no escape comes before it.
 */
function startOfEscaped(text: string, start: number): number {
  const before = text.charAt(start - 1);
  if (before !== "\\" && before !== ";") return start;
  return (
    start - /[^\s"'`/|<>*?:(),[\]{}=]{0,64}$/.exec(text.slice(Math.max(0, start - 64), start))![0].length
  );
}

/**
 * Returns the offset in `written` where `ending` starts, or 0 if no end of `written` equals `ending`. Each end is decoded and
 * folded before the comparison. Ends that are longer than `ending` are not tried.
 */
function startOfEnding(written: string, ending: string): number {
  for (let at = Math.max(0, written.length - ending.length); at < written.length; at++)
    if (fold(decode(written.slice(at))) === ending) return at;
  return 0;
}

/** The maximum number of `spacedNames` that are searched for. Each search reads the whole text. */
const MOST_SPACED_NAMES = 100;
/** The maximum length of a path that is read, in characters. */
const LONGEST_PATH = 512;
/**
 * A letter of a language that is written without spaces, such as Chinese. A letter right before a name can belong to the name
 * or to the sentence.
 */
const unspaced = once(() => new RegExp(`[${UNSPACED}]`, "u"));

/**
 * Returns whether the name at the end of a path must be added to `spacedNames`. `isQuoted`: the path is in quotes. `isWord`: the
 * path is a single word.
 */
function isLongName(name: string, isQuoted: boolean, isWord: boolean): boolean {
  if (extensionOf(name) === "") return false;
  return (isQuoted && name.trim().includes(" ")) || (isWord && unspaced().test(name));
}

function note<Key>(numbers: Map<Key, number>, key: Key, number: number): void {
  const known = numbers.get(key);
  if (known === undefined || number < known) numbers.set(key, number);
}

/** Adds a path to the paths that have the same last segment. Returns that segment. */
function noteName(paths: Map<string, Set<string>>, path: string): string {
  const name = nameOf(path);
  const known = paths.get(name);
  if (known) known.add(path);
  else paths.set(name, new Set([path]));
  return name;
}

function noteAt(named: Map<string, FirstCalls>, name: string, place: Place, number: number): void {
  const calls = named.get(name) ?? new Map();
  named.set(name, calls);
  note(calls, place, number);
}
