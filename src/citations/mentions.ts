/** Where a text speaks of the container's files by a path: `/mnt/data/…` in any form that models write it. */
import { canFolderEnd, canStart, UNSPACED } from "./boundaries.js";
import { isInDestination, type Place, placeOf } from "./markdown.js";
import { endOfMatch, matchAt } from "./spelling.js";

/** The folder that a container's files are handed over from. */
export const DEFAULT_ROOTS: readonly string[] = ["/mnt/data"];
/** What a root is: an absolute path without a slash at its end. */
export const ROOT = /^(?:\/[^/]+)+$/;

/** A place that names something below a root. What file that is, and where the path ends, the files decide. */
export interface PathMention {
  /** Where a citation of it starts, its scheme included. UTF-16, as all offsets here. */
  start: number;
  /** Where the path below the root starts, behind the root's slash. */
  relativeStart: number;
  /** The root, as it was given. */
  root: string;
  /** False for the bare root, `/mnt/data`. */
  hasSlash: boolean;
  hasScheme: boolean;
  place: Place;
}

/** A slash, as it is, or escaped, or encoded. */
const SLASH = String.raw`(?:\\{0,4}\/|%2f|&#47;|&#x2f;)`;
const SLASHES = new RegExp(`${SLASH}*`, "iy");
const ONE_SLASH = new RegExp(`^${SLASH}$`, "i");
/** What is before a root's first letter: its slash, or a scheme and up to three of them. */
const LEAD = new RegExp(`(?<=((?:sandbox|https?|file|attachment)(?::|%3a|&#58;))?(${SLASH}{0,3}))`, "iy");
/** A folder in a script without spaces: `/home/田中` before the root makes it another one. */
const FOLDER_BEFORE = new RegExp(String.raw`(?<=(\/[${UNSPACED}\p{Extended_Pictographic}]{1,64}))`, "uy");
/** The quick answer for `/home/me/mnt/data` and its like: a path or a word runs right up to the root's slash. */
const INSIDE_PATH = String.raw`(?:(?<!\\|\\u[\da-f]{3}|%3)[a-z\d]|[^/:]\/)\/`;

/** Finds the mentions of one set of roots. */
export class MentionFinder {
  readonly #roots: readonly string[];
  readonly #pattern: RegExp;

  /** `roots` are absolute paths without a slash at the end. */
  constructor(roots: readonly string[]) {
    // The longest first: of two roots, one inside the other, the inner one is meant.
    this.#roots = [...roots].sort((a, b) => b.length - a.length);
    const alternatives = this.#roots.map((root) => {
      const [first, ...more] = root.slice(1).split("/").map(literal);
      return `(${[`${first}(?<!${INSIDE_PATH}${first})`, ...more].join(`${SLASH}+`)})`;
    });
    // Without a root, what never matches: an empty pattern would match everywhere.
    this.#pattern = new RegExp(alternatives.join("|") || "(?!)", "gi");
  }

  /** The next mention at or after `from`, if there is one. */
  next(text: string, from: number): PathMention | undefined {
    const pattern = this.#pattern;
    let bound = from;
    pattern.lastIndex = from;
    for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
      const end = pattern.lastIndex;
      const root = this.#roots[found.indexOf(found[0], 1) - 1]!;
      const mention = mentionAt(text, found.index, end, root, bound);
      if (mention) return mention;
      bound = pattern.lastIndex = end;
    }
    return undefined;
  }
}

/** The mention whose root is written, without its first slash, from `at` to `end`; none that starts before `bound`. */
function mentionAt(
  text: string,
  at: number,
  end: number,
  root: string,
  bound: number,
): PathMention | undefined {
  const relativeStart = endOfSlashes(text, end);
  const hasSlash = relativeStart > end;
  // The root itself may be meant ("it is in /mnt/data."), a longer name (/mnt/database) not.
  if (!hasSlash && !canFolderEnd(text, end)) return undefined;
  const [, scheme = "", slashes] = matchAt(LEAD, text, at)!;
  const canStartAt = (start: number): boolean => start >= bound && canStart(text, start);
  let start = at - slashes!.length - scheme.length;
  const hasScheme = scheme !== "" && canStartAt(start);
  if (!hasScheme) {
    // "xsandbox:/mnt/data": no scheme that is known, still a path.
    start = at - slashes!.length;
    if (!canStartAt(start)) return undefined;
    const folder = matchAt(FOLDER_BEFORE, text, start)?.[1];
    if (folder && start - folder.length >= bound) return undefined;
  }
  const place = placeOf(text, start, hasScheme);
  // "[x](git:/mnt/data/a.py)": a piece of a destination is nothing by itself.
  if (place.kind === "text" && /[:=,?&;]/.test(text.charAt(start - 1)) && isInDestination(text, start)) {
    return undefined;
  }
  // Without its slash, only what is a link's whole destination is a path.
  if (!hasScheme && !ONE_SLASH.test(slashes!) && (slashes !== "" || place.kind === "text")) return undefined;
  return { start, relativeStart, root, hasSlash, hasScheme, place };
}

/** Where the slashes at `at` end. */
export function endOfSlashes(text: string, at: number): number {
  return endOfMatch(SLASHES, text, at);
}

/** A text as a pattern that matches just that. */
export function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

const LAST_SLASH = new RegExp(`.*${SLASH}`, "isy");

/** Where the last segment of a path starts, whatever its slashes look like. */
export function lastSegment(path: string): number {
  return endOfMatch(LAST_SLASH, path, 0);
}

const finders = new WeakMap<readonly string[], MentionFinder>();

/** The finder of some roots, made once for each array of them. */
export function finderOf(roots: readonly string[]): MentionFinder {
  let finder = finders.get(roots);
  if (!finder) {
    finder = new MentionFinder(roots);
    finders.set(roots, finder);
  }
  return finder;
}

/** No path is longer, however it is encoded: what goes on and on is not read to its end for each mention in it. */
export const LONGEST_PATH = 4096;

const ENDS: Record<string, RegExp> = {
  // " (2)" is more of a name, unless the link ends behind it: then it is a title.
  ")": /[^\s()\\"]*(?:(?:[ ](?=[^\s)"'(\\])|\([^\s()]*\)|[ ]\([^()\n]{0,100}\)(?![ ]*\)))[^\s()\\"]*)*/y,
  ">": /(?:[^<>\n]|<[^<>\n]{0,32}>)*/y,
  '"': /[^"\n\\]*/y,
  "'": /[^'\n\\]*/y,
};
const CHARACTERS = String.raw`[^\s"'${"`"}|<>\\“”‘’«»「」『』【】《》〈〉，。、；：！？…]*`;
/** These are HTML; any other word in `<>` stands for a name, and so does `<i>` in the midst of one. */
const TAGS = String.raw`(?:br|p|hr|b|i|li|ul|ol|td|th|tr|div|span|sup|code)\b`;
const PLACEHOLDER = String.raw`<(?!${TAGS})\w[\w -]{0,30}>(?:(?=[\w.-])|(?<=(?:^|[/_-])<[^<]*))|<\w>(?=[.-])`;
const ESCAPED = String.raw`\\{1,4}[ !#-&(-/:-@[-_{-~]`;
const BARE = new RegExp(`${CHARACTERS}(?:(?:${ESCAPED}|${PLACEHOLDER})${CHARACTERS})*`, "iy");

/** A particle right behind an extension. */
const PARTICLE = new RegExp(String.raw`(?<=\.[a-z\d]{1,10})[${UNSPACED}]{1,64}$`, "iu");

/**
 * Where a mention that no file matches ends, as far as the text shows it: at its closer, or where a path cannot
 * go on, and before `limit`, where the next mention starts.
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

/** Where the `*` or `**` in `path` stands that closes one opened on the line before `start`; else the path's length. */
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

/** Up to a bracket that closes what opened before the path, and without the sentence's punctuation. */
function trimPunctuation(path: string): string {
  let end = 0;
  for (let open = 0; end < path.length; end++) {
    if ("([{".includes(path[end]!)) open++;
    else if (")]}".includes(path[end]!) && open-- === 0) break;
  }
  while (end > 0 && ".,;:!?~_([{".includes(path[end - 1]!)) end--;
  return path.slice(0, end);
}
