/** Finds the paths of container files in a text: `/mnt/data/…` in any form in which models write it. */
import { oncePer } from "../once.js";
import { canFolderEnd, canStart, WIDE_PUNCTUATION } from "./boundaries.js";
import { OUTSIDE } from "./file-index.js";
import { HTML_TAGS, isInDestination, type Place, placeOf } from "./markup/places.js";
import { isOnOtherSystem } from "./other-systems.js";
import { endOfMatch, literal, matchAt, testAt, UNSPACED } from "./spelling.js";

/** The default roots. A root is a folder in the container. Models leave files for the user there. */
export const DEFAULT_ROOTS: readonly string[] = ["/mnt/data"];
/** Matches a valid root: an absolute path without a slash at its end. */
export const ROOT = /^(?:\/[^/]+)+$/;

/**
 * A place in a text where a path starts: a root, a path below a root, or any path with the scheme `sandbox:`. The end of the path
 * and the file that the path means depend on the container's files.
 */
export interface PathMention {
  /** Where the citation of the path starts, scheme included. All offsets are in UTF-16 units. */
  start: number;
  /** Where the path below the root starts: after the root's slash or, for {@link OUTSIDE}, after the scheme and its slashes. */
  relativeStart: number;
  /** The root as the caller gave it. {@link OUTSIDE} if a path with the scheme `sandbox:` is outside all roots. */
  root: string;
  /** True if a slash follows the root, and always for {@link OUTSIDE}. False for the root alone: `/mnt/data`. */
  hasSlash: boolean;
  hasScheme: boolean;
  place: Place;
}

/** A slash: plain, escaped or encoded. */
const SLASH = String.raw`(?:\\{0,4}\/|%2f|&#47;|&#x2f;)`;
const SLASHES = new RegExp(`${SLASH}*`, "iy");
const ONE_SLASH = new RegExp(`^${SLASH}$`, "i");
const COLON = "(?::|%3a|&#58;)";
/**
 * The scheme `sandbox:`, or a URL that some programs make of it: `https://chat.openai.com/sandbox:`, `https://sandbox/`.
 */
const SANDBOX = String.raw`(?:(?:https?:\/\/[\w.\-]{1,99}(?::\d{1,5})?\/(?:[\w.~%\-]{1,99}\/){0,3})?sandbox${COLON}|https?:\/\/sandbox(?=\/))`;
const STARTS_IN_SANDBOX = new RegExp(SANDBOX, "iy");
/** Text before a path's first letter: an optional scheme and up to three slashes. */
const LEAD = new RegExp(`(?<=(?:(${SANDBOX})|((?:https?|file|attachment)${COLON}))?(${SLASH}{0,3}))`, "iy");
/** The scheme `sandbox:` with up to three slashes after it. */
const IN_SANDBOX = `sandbox(?:${COLON}|(?<=https?:\\/\\/sandbox)(?=\\/))${SLASH}{0,3}`;
/**
 * Matches the beginning of a name. Used for paths outside all roots. In prose and in `<…>`, a mention starts at `sandbox:` only
 * if a name follows, with or without slashes in between. If there is no slash, the name must have an extension.
 */
const NAME = /[\p{L}\p{N}_.~%$-]/uy;
const NAME_WITH_EXTENSION = /(?:\.\/)?[\p{L}\p{N}_.\-%]{1,255}\.[A-Za-z]\w{0,9}(?!\w)/uy;
/** Matches the end of the text, or a character that cannot begin a path after `sandbox:` and its slashes. */
const NO_PATH = new RegExp(String.raw`$|[\s)>"'<]|${SLASH}`, "iy");
/**
 * Matches the name of a folder right before a root: `/田中` before `/mnt/data` in `/home/田中/mnt/data`. The root is then part of
 * another path, so it is not a mention. Matches only emoji and letters of languages that put no spaces between words.
 */
const FOLDER_BEFORE = new RegExp(String.raw`(?<=(\/[${UNSPACED}\p{Extended_Pictographic}]{1,64}))`, "uy");
/**
 * Matches text right before a root, if the root is only part of another path: `e/` before `mnt/data` in `/home/me/mnt/data`.
 * After such text, the pattern of a root does not match.
 */
const INSIDE_PATH = String.raw`(?:(?<!\\|\\u[\da-f]{3}|%3)[a-z\d]|[^/:]\/)\/`;

/** Finds the mentions of paths below the given roots, and of any paths with the scheme `sandbox:`. */
export class MentionFinder {
  readonly #roots: readonly string[];
  /**
   * Matches one of two texts: a root without its first slash (one capture group for each root), or `sandbox:` with the slashes
   * after it.
   */
  readonly #pattern: RegExp;
  /** Matches a root after `sandbox:` and its slashes: `mnt/data` in `sandbox:/mnt/data`. */
  readonly #root: RegExp;

  /** `roots` are absolute paths without a slash at the end. */
  constructor(roots: readonly string[]) {
    // The longest root comes first. If one root is inside another, a path below the inner root must match the inner root.
    this.#roots = [...roots].sort((a, b) => b.length - a.length);
    const patternOf = (root: string, isGuarded: boolean): string => {
      const [first, ...more] = root.slice(1).split("/").map(literal);
      const guard = isGuarded ? `(?<!${INSIDE_PATH}${first})` : "";
      return `(${[`${first}${guard}`, ...more].join(`${SLASH}+`)})`;
    };
    // Without any root the pattern must never match. An empty pattern would match everywhere.
    const guarded = this.#roots.map((root) => patternOf(root, true));
    this.#pattern = new RegExp(roots.length > 0 ? [...guarded, IN_SANDBOX].join("|") : "(?!)", "gi");
    this.#root = new RegExp(this.#roots.map((root) => patternOf(root, false)).join("|") || "(?!)", "iy");
  }

  /** Returns the next mention at or after `from`, if there is one. */
  next(text: string, from: number): PathMention | undefined {
    const pattern = this.#pattern;
    let bound = from;
    pattern.lastIndex = from;
    for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
      const end = pattern.lastIndex;
      const mention = this.#mentionOf(text, found, bound);
      if (mention) return mention;
      bound = pattern.lastIndex = end;
    }
    return undefined;
  }

  /** Returns whether a mention starts at `at`. */
  startsAt(text: string, at: number): boolean {
    // Checks only the first match from `at` on. If a mention starts at `at`, the mention contains this match.
    this.#pattern.lastIndex = at;
    const found = this.#pattern.exec(text);
    return found !== null && this.#mentionOf(text, found, at)?.start === at;
  }

  #mentionOf(text: string, found: RegExpExecArray, bound: number): PathMention | undefined {
    const root = this.#rootOf(found);
    const end = found.index + found[0].length;
    if (root === undefined) return this.#inSandbox(text, end, bound);
    return mentionAt(text, found.index, { root, end }, bound);
  }

  /** Returns the mention whose path starts at `at`. The scheme `sandbox:` and its slashes come right before `at`. */
  #inSandbox(text: string, at: number, bound: number): PathMention | undefined {
    const found = matchAt(this.#root, text, at);
    const belowRoot =
      found && mentionAt(text, at, { root: this.#rootOf(found)!, end: at + found[0].length }, bound);
    return belowRoot || mentionOutside(text, at, bound);
  }

  /** Returns the root that a match found, or `undefined` for `sandbox:`. */
  #rootOf(found: RegExpExecArray): string | undefined {
    return this.#roots[found.indexOf(found[0], 1) - 1];
  }
}

/** Returns whether the text of a mention starts with the scheme `sandbox:`. */
export function hasSandboxScheme(mention: string): boolean {
  return testAt(STARTS_IN_SANDBOX, mention, 0);
}

/**
 * Returns the mention of a path below `root`. The text from `at` to `end` is the root without its first slash. Returns
 * `undefined` if there is no mention, or if the mention would start before `bound`.
 */
function mentionAt(
  text: string,
  at: number,
  { root, end }: { root: string; end: number },
  bound: number,
): PathMention | undefined {
  const relativeStart = endOfSlashes(text, end);
  const hasSlash = relativeStart > end;
  // "It is in /mnt/data." mentions the root; "/mnt/database" does not.
  if (!hasSlash && !canFolderEnd(text, end)) return undefined;
  const { scheme, slashes } = leadBefore(text, at);
  const pathStart = at - slashes.length;
  const hasScheme = scheme !== "" && canStartAt(text, pathStart - scheme.length, bound);
  // In "Xsandbox:/mnt/data", `sandbox:` is only the end of a word. The path after the colon may still be a mention.
  if (!hasScheme && !isPathAt(text, pathStart, bound)) return undefined;
  const start = hasScheme ? pathStart - scheme.length : pathStart;
  const place = placeOf(text, start, hasScheme);
  if (isPartOfDestination(text, start, place)) return undefined;
  // Without a scheme, a path must start with exactly one slash. In a link, the slash may be missing.
  if (!hasScheme && !ONE_SLASH.test(slashes) && (slashes !== "" || place.kind === "text")) return undefined;
  return { start, relativeStart, root, hasSlash, hasScheme, place };
}

/** Returns the mention of a path that has the scheme `sandbox:` and is outside all roots. The path starts at `at`. */
function mentionOutside(text: string, at: number, bound: number): PathMention | undefined {
  const { scheme, slashes, isSandbox } = leadBefore(text, at);
  const start = at - slashes.length - scheme.length;
  if (!isSandbox || testAt(NO_PATH, text, at)) return undefined;
  const place = placeOf(text, start, true);
  const isLink = place.kind !== "text" && place.kind !== "autolink";
  if (!isLink && !testAt(slashes === "" ? NAME_WITH_EXTENSION : NAME, text, at)) return undefined;
  if (!canStartAt(text, start, bound) || isPartOfDestination(text, start, place)) return undefined;
  return { start, relativeStart: at, root: OUTSIDE, hasSlash: true, hasScheme: true, place };
}

/** Returns the scheme and the slashes before a path that starts at `at`. */
function leadBefore(text: string, at: number): { scheme: string; slashes: string; isSandbox: boolean } {
  const [, sandbox, other, slashes] = matchAt(LEAD, text, at)!;
  return { scheme: sandbox ?? other ?? "", slashes: slashes!, isSandbox: sandbox !== undefined };
}

function canStartAt(text: string, start: number, bound: number): boolean {
  return start >= bound && canStart(text, start);
}

/** Returns whether a path without a scheme may start at `start`. */
function isPathAt(text: string, start: number, bound: number): boolean {
  if (!canStartAt(text, start, bound) || isOnOtherSystem(text, start)) return false;
  const folder = matchAt(FOLDER_BEFORE, text, start)?.[1];
  return !folder || start - folder.length < bound;
}

/** Returns whether a path is only part of a link's destination, as in `[x](git:/mnt/data/a.py)`. Such a path is not a mention. */
function isPartOfDestination(text: string, start: number, { kind }: Place): boolean {
  return kind === "text" && /[:=,?&;]/.test(text.charAt(start - 1)) && isInDestination(text, start);
}

/** Returns the offset after the slashes that start at `at`. If there is no slash at `at`, returns `at`. */
export function endOfSlashes(text: string, at: number): number {
  return endOfMatch(SLASHES, text, at);
}

const LAST_SLASH = new RegExp(`.*${SLASH}`, "isy");

/** Returns where the last segment of a path starts. Slashes may be escaped or encoded. */
export function lastSegment(path: string): number {
  return endOfMatch(LAST_SLASH, path, 0);
}

/** Returns the finder for an array of roots. It is created once per array. */
export const finderOf = oncePer((roots: readonly string[]) => new MentionFinder(roots));

/**
 * The maximum length of a path as the text writes it, in UTF-16 units. The limit keeps the time to read a text linear, even if no
 * path in the text has an end.
 */
export const LONGEST_PATH = 4096;

/** Patterns for the content of a link up to the character that closes the link. The keys are the closing characters. */
const ENDS: Record<string, RegExp> = {
  // In `(/mnt/data/a (2))`, ` (2)` is the link's title, because the link ends right after it. In `(/mnt/data/a (2).csv)`, ` (2)` is
  // part of the file's name.
  ")": /[^\s()\\"]*(?:(?:[ ](?=[^\s)"'(\\])|\([^\s()]*\)|[ ]\([^()\n]{0,100}\)(?![ ]*\)))[^\s()\\"]*)*/y,
  ">": /(?:[^<>\n]|<[^<>\n]{0,32}>)*/y,
  '"': /[^"\n\\]*/y,
  "'": /[^'\n\\]*/y,
};
/** Characters that end a path outside of links and quotes, unless a known file name contains them. */
export const ENDS_BARE = String.raw`\s"'${"`"}|<>“”‘’«»「」『』【】《》〈〉${WIDE_PUNCTUATION}`;
const CHARACTERS = String.raw`[^${ENDS_BARE}\\]*`;
const PLACEHOLDER = String.raw`<(?!${HTML_TAGS})\w[\w -]{0,30}>(?:(?=[\w.-])|(?<=(?:^|[/_.-])<[^<]*))|<\w>(?=[.-])`;
const ESCAPED = String.raw`\\{1,4}[ !#-&(-/:-@[-_{-~]`;
const BARE = new RegExp(`${CHARACTERS}(?:(?:${ESCAPED}|${PLACEHOLDER})${CHARACTERS})*`, "iy");

/** Letters right after an extension, in a language that puts no spaces between words: the Japanese particle `に` in `a.csvに`. */
const PARTICLE = new RegExp(String.raw`(?<=\.[a-z\d]{1,10})[${UNSPACED}]{1,64}$`, "iu");

/**
 * Returns where a mention ends if it matches no file:
 *
 * - In a link with a closing character, such as `)`, it ends at this character.
 * - In quotes or backticks that are closed on the same line, it ends at the closing character.
 * - Any other mention ends at the first character that cannot be part of a path, or at `limit`, where the next mention starts.
 *   Punctuation or a particle at the end of the path is left out.
 */
export function endOfUnknown(
  text: string,
  { start, relativeStart, place }: PathMention,
  limit: number,
): number {
  const rest = text.slice(relativeStart, relativeStart + LONGEST_PATH);
  if (place.closer !== "") {
    const inside = rest.slice(0, endOfMatch(ENDS[place.closer]!, rest, 0));
    return relativeStart + inside.trimEnd().length;
  }
  const quote = text.charAt(start - 1);
  if (/["'`]/.test(quote)) {
    const close = rest.slice(0, 300).indexOf(quote);
    if (close >= 0 && !rest.slice(0, close).includes("\n")) return relativeStart + close;
  }
  const bounded = rest.slice(0, Math.max(0, limit - relativeStart));
  const path = bounded.slice(0, endOfMatch(BARE, bounded, 0));
  const emphasized = path.includes("*") ? endOfEmphasis(text, start, path) : path.length;
  return relativeStart + trimPunctuation(path.slice(0, emphasized)).replace(PARTICLE, "").length;
}

/**
 * Returns the index in `path` where an emphasis ends with `*` or `**`. The emphasis begins before `path`, on the same line. If
 * no emphasis ends in `path`, returns the length of `path`.
 */
function endOfEmphasis(text: string, start: number, path: string): number {
  const line = text.slice(Math.max(0, start - 500), start).replace(/^.*\n/s, "");
  const open: string[] = [];
  for (const { 0: mark, index } of line.matchAll(/\*+/g)) {
    if (open.at(-1) === mark) open.pop();
    else if (!/[\s.]/.test(line.charAt(index + mark.length))) open.push(mark);
  }
  const mark = open.at(-1);
  if (mark === undefined) return path.length;
  const closer = new RegExp(`\\*{${mark.length}}(?![\\w*/{<]|\\.\\w)`).exec(path);
  return closer ? closer.index : path.length;
}

/** Cuts `path` before the first closing bracket that has no opening bracket. Then removes sentence punctuation from the end. */
function trimPunctuation(path: string): string {
  let end = 0;
  for (let open = 0; end < path.length; end++) {
    if ("([{".includes(path[end]!)) open++;
    else if (")]}".includes(path[end]!) && open-- === 0) break;
  }
  while (end > 0 && ".,;:!?~_([{".includes(path[end - 1]!)) end--;
  return path.slice(0, end);
}
