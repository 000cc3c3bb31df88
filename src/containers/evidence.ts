/**
 * Records the file names and paths in the calls of a response: the evidence of which files exist and which file a text means.
 * This file is long because all kinds of evidence come from one reading of a call.
 */

import { endOfCompound } from "../citations/compounds.js";
import { extensionOf, nameOf } from "../citations/file-index.js";
import { literal, UNSPACED } from "../citations/spelling.js";
import { once } from "../once.js";
import type { CallTexts } from "./call-texts.js";
import { fileNamesIn, IN_LINE, IN_QUOTES, type IsFileName } from "./file-names.js";
import {
  commandWritesUnspelled,
  foldersOf,
  isWriting,
  type RelativePath,
  relativePathInCode,
  relativePathInCommand,
  writesUnspelled,
} from "./relative-paths.js";

/** Where a call ran: a container id, the caller's own machine (`LOCAL`), or unknown (`undefined`). */
type Place = string | undefined;

/**
 * Maps each place to the number of the first call there that contains a certain name or path. The calls and outputs of a turn are
 * numbered from 0.
 */
type FirstCalls = Map<Place, number>;

/** Records the names and paths in the calls of a turn. The calls must be added in their order. */
export class EvidenceLog {
  /** How many calls and outputs were added. */
  count = 0;
  readonly paths = new Map<string, FirstCalls>();
  /** The `paths` that occur in code or commands, and not only in printed output. */
  readonly calledPaths = new Map<string, FirstCalls>();
  /** The paths that code and commands give relative to a root. */
  readonly relativePaths = new Map<string, FirstCalls>();
  /** Maps the last segment of each of the `relativePaths` to the paths that end with it. */
  readonly relativeByName = new Map<string, Set<string>>();
  /** The paths that a call writes to, judging by the call's code. */
  readonly writtenPaths = new Map<string, FirstCalls>();
  /** Maps the last segment of each of the `writtenPaths` to the paths that end with it. */
  readonly writtenByName = new Map<string, Set<string>>();
  /**
   * The file names with spaces, or with letters of scripts without spaces, that end a path or that a call writes. A name with
   * spaces counts only if the path is in quotes or written. The end of such a name can be another file's name. Each name has the
   * number of its first call, as in `pathsByName` and `words`.
   */
  readonly spacedNames = new Map<string, number>();
  readonly pathsByName = new Map<string, Map<string, number>>();
  /** All words in the calls and outputs that look like file names. */
  readonly words = new Map<string, number>();
  readonly wordLengths = new Set<number>();
  /** The names at places where a file name is expected, such as in quotes. */
  readonly names = new Map<string, FirstCalls>();
  /** The places where calls may have written files whose paths they do not spell. The numbers give the order of the places. */
  readonly unspelledWrites = new Map<Place, number>();
  readonly #roots: readonly string[];
  readonly #path: RegExp;
  /** The code and the commands whose relative paths were not read yet. `number` is the number of the call. */
  readonly #unread: { text: string; place: Place; number: number; read: typeof relativePathInCode }[] = [];

  constructor(roots: readonly string[]) {
    this.#roots = roots;
    this.#path = new RegExp(`(?:${roots.map(literal).join("|") || "(?!)"})/`, "g");
  }

  add({ code, commands, printed }: CallTexts, place: Place): void {
    for (const text of code) {
      this.#read(text, place, IN_QUOTES, true);
      this.#unread.push({ text, place, number: this.count, read: relativePathInCode });
    }
    for (const text of commands) {
      this.#read(text, place, IN_LINE, true);
      this.#unread.push({ text, place, number: this.count, read: relativePathInCommand });
    }
    for (const text of printed) this.#read(text, place, IN_LINE, false);
    if (code.some(writesUnspelled) || commands.some(commandWritesUnspelled)) this.addUnknown(place);
    this.count++;
  }

  /** Records that a call at this place may have written a file whose path it does not spell. */
  addUnknown(place: Place): void {
    if (!this.unspelledWrites.has(place)) this.unspelledWrites.set(place, this.unspelledWrites.size);
  }

  /**
   * Reads the relative paths of the code and the commands so far. Call this before you use `relativePaths`, `writtenPaths`,
   * `writtenByName` or `spacedNames`. They are not read earlier, because most responses lack nothing and need none of them.
   */
  readRelativePaths(): this {
    for (const { text, place, number, read } of this.#unread.splice(0)) {
      const folders = foldersOf(text, this.#roots);
      for (const { start, name } of fileNamesIn(text)) {
        const relative = read(text, start, start + name.length, folders);
        if (relative) this.#noteRelative(relative, place, number);
      }
    }
    return this;
  }

  /** Reads a text of a call. `isCalled`: the text is code or a command, not printed output. */
  #read(text: string, place: Place, isFileName: IsFileName, isCalled: boolean): void {
    for (const { start, name } of fileNamesIn(text)) {
      const end = start + name.length;
      note(this.words, name, this.count);
      this.wordLengths.add(name.length);
      if (isFileName(text, start, end)) noteAt(this.names, name, place, this.count);
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
   * Records the path at `start`. It is unclear where the path ends, so several readings are recorded: to the end of the word, of
   * the quotes and of the line.
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
      // The reading to the end of the line is only a guess, unless the path is the last word on the line. A guess does not count
      // as written.
      if (isWritten && (path !== line.trimEnd() || path === word)) this.#noteWritten(path, place, this.count);
      if (isLongName(name, path === quoted, path === word)) this.#noteSpaced(name, place, this.count);
      const paths = this.pathsByName.get(name) ?? new Map();
      this.pathsByName.set(name, paths);
      note(paths, path, this.count);
    }
  }
}

/** Answers questions about the names and paths in the calls before a text. */
export class Evidence {
  readonly #log: EvidenceLog;
  readonly #count: number;
  readonly #unspelledCount: number;

  /** Covers the calls that `log` has now. Calls that are added later are ignored. */
  constructor(log: EvidenceLog) {
    this.#log = log;
    this.#count = log.count;
    this.#unspelledCount = log.unspelledWrites.size;
  }

  /** True if no call has code, commands or output. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** True if a call names a file, or may have written a file whose path it does not spell. */
  get hasFiles(): boolean {
    const [first] = this.#log.words.values(); // the number of the first call that names a file
    return this.#isBefore(first) || this.#unspelledCount > 0;
  }

  /**
   * Returns whether a call contains `name` or an ending of `name` as a word. In a script without spaces, `name` can start with
   * other words of the sentence, so an ending counts.
   */
  hasWord(name: string): boolean {
    const { words, wordLengths } = this.#log;
    for (const length of wordLengths) if (this.#isBefore(words.get(name.slice(-length)))) return true;
    return false;
  }

  /**
   * Returns whether a call contains this file name, alone or in a path. With `place`, only calls that ran there or at an
   * unknown place count.
   */
  namesFile(name: string, place?: string): boolean {
    return this.#isNamed(this.#log.names.get(name), place);
  }

  /** Returns whether a call contains exactly this path. `place` works as in {@link namesFile}. */
  namesPath(path: string, place?: string): boolean {
    return this.#isNamed(this.#log.paths.get(path), place);
  }

  /** Like {@link namesPath}, but also returns true if a call gives the path relative to a root. */
  mayNamePath(path: string, place?: string): boolean {
    return (
      this.namesPath(path, place) ||
      this.#isNamed(this.#log.readRelativePaths().relativePaths.get(path), place)
    );
  }

  /** Returns whether the code or a command of a call contains this path, absolute or relative. Printed output does not count. */
  callsNamePath(path: string): boolean {
    const { calledPaths, relativePaths } = this.#log.readRelativePaths();
    return this.#isNamed(calledPaths.get(path)) || this.#isNamed(relativePaths.get(path));
  }

  /** Returns whether a call writes to this path, absolute or relative. `place` works as in {@link namesFile}. */
  writesPath(path: string, place?: string): boolean {
    return this.#isNamed(this.#log.readRelativePaths().writtenPaths.get(path), place);
  }

  /** Returns whether a call in a container, or at an unknown place, may have written a file whose path it does not spell. */
  writesUnspelled(containerId: string): boolean {
    const { unspelledWrites } = this.#log;
    return [containerId, undefined].some((place) => {
      const first = unspelledWrites.get(place);
      return first !== undefined && first < this.#unspelledCount;
    });
  }

  /** Returns the paths with this last segment that calls write to. */
  writtenPathsTo(name: string): readonly string[] {
    return [...(this.#log.readRelativePaths().writtenByName.get(name) ?? [])].filter((path) =>
      this.writesPath(path),
    );
  }

  /** Returns whether a call contains a path to a file with this name, absolute or relative, that is not `path`. */
  namesOtherPath(name: string, path: string): boolean {
    const relative = this.#log.readRelativePaths().relativeByName.get(name) ?? [];
    const others = [...this.pathsTo(name), ...[...relative].filter((other) => this.mayNamePath(other))];
    // In `cp /mnt/data/in.csv /mnt/data/a.csv`, the reading of the first path to the end of the line contains both paths. Such a
    // reading ends with a space and `path`, and does not count as another path.
    return others.some((other) => other !== path && !other.endsWith(` ${path}`));
  }

  /** Finds in a text the `spacedNames` that calls use. Returns each occurrence with its offset. */
  spacedNamesIn(text: string): { start: number; name: string }[] {
    const found: { start: number; name: string }[] = [];
    for (const [name, first] of [...this.#log.readRelativePaths().spacedNames].slice(0, MOST_SPACED_NAMES)) {
      if (!this.#isBefore(first)) continue;
      for (let start = text.indexOf(name); start >= 0; start = text.indexOf(name, start + name.length))
        found.push({ start, name });
    }
    return found;
  }

  /** Returns the paths below a root, found in calls, whose last segment is `name`. */
  pathsTo(name: string): readonly string[] {
    const paths = this.#log.pathsByName.get(name) ?? [];
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

/** The maximum number of names with spaces that are searched for. Each one is searched for in the whole text. */
const MOST_SPACED_NAMES = 100;
/** The maximum length of a path that is read, in characters. */
const LONGEST_PATH = 512;
/** A letter of a script without spaces. Before a name, such a letter can be part of the name or of the sentence. */
const unspaced = once(() => new RegExp(`[${UNSPACED}]`, "u"));

/** Returns whether the name of a path in quotes or of a path that is one word belongs to the `spacedNames`. */
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
