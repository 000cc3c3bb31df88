/** Where a text speaks of the container's files by a path: `/mnt/data/…` in any form that models write it. */
import { canFolderEnd, canStart } from "./boundaries.js";
import { type Place, placeOf } from "./markdown.js";
import { decode, endOfMatch } from "./spelling.js";

/** The folder that a container's files are handed over from. */
export const DEFAULT_ROOTS: readonly string[] = ["/mnt/data"];

/** A place that names something below a root. What file that is, and where the path ends, the files decide. */
export interface PathMention {
  /** Where a citation of it starts, its scheme included. UTF-16, as all offsets here. */
  start: number;
  /** Where the path below the root starts, behind the root's slash. */
  relativeStart: number;
  /** The root, as it was given. */
  root: string;
  /** The text writes the root in other case than it was given. */
  isDifferent: boolean;
  /** False for the bare root, `/mnt/data`. */
  hasSlash: boolean;
  hasScheme: boolean;
  place: Place;
}

/** A slash, as it is, or escaped, or encoded. */
const SLASH = String.raw`(?:\\{0,4}\/|%2f|&#47;|&#x2f;)`;
/** The quick answer for `/home/me/mnt/data` and its like: a path or a word runs right up to the root's slash. */
const INSIDE_PATH = String.raw`(?:(?<!\\|\\u[\da-f]{3})[a-z\d]|[^/:]\/)\/`;
const SLASHES_BEFORE = new RegExp(`(?:(sandbox|https?|file|attachment):)?(${SLASH}{0,5})$`, "i");
const ONE_SLASH = new RegExp(SLASH, "gi");
const SLASH_AT = new RegExp(`${SLASH}+`, "iy");
/** Longer than any scheme with any slashes, each of them escaped. */
const LONGEST_LEAD = 48;

/** Finds the mentions of one set of roots. */
export class MentionFinder {
  readonly #roots: readonly string[];
  /** The roots without their first slash. */
  readonly #plain: readonly string[];
  readonly #pattern: RegExp;

  /** `roots` are absolute paths without a slash at the end. */
  constructor(roots: readonly string[]) {
    // The longest first: of two roots, one inside the other, the inner one is meant.
    this.#roots = [...roots].sort((a, b) => b.length - a.length);
    this.#plain = this.#roots.map((root) => root.slice(1));
    const alternatives = this.#plain.map((root) => {
      const [first, ...more] = root
        .split("/")
        .map((segment) => segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      return `(${[`${first}(?<!${INSIDE_PATH}${first})`, ...more].join(`${SLASH}+`)})`;
    });
    // Without a root, what never matches: an empty pattern would match everywhere.
    this.#pattern = new RegExp(alternatives.join("|") || "(?!)", "gi");
  }

  /** The next mention at or after `from`, if there is one. */
  next(text: string, from: number): PathMention | undefined {
    const pattern = this.#pattern;
    pattern.lastIndex = from;
    // `test` makes no array, as `exec` does: a text may be full of what is no mention.
    while (pattern.test(text)) {
      const end = pattern.lastIndex;
      let which = 0;
      let at = 0;
      for (; which < this.#plain.length; which++) {
        at = end - this.#plain[which]!.length;
        if (at >= from && text.startsWith(this.#plain[which]!, at)) break;
      }
      if (which === this.#plain.length) {
        pattern.lastIndex = from;
        const match = pattern.exec(text)!;
        which = match.findIndex((group, position) => position > 0 && group !== undefined) - 1;
        at = match.index;
      }
      const mention = this.#mentionAt(text, at, end, this.#roots[which]!, from);
      if (mention) return mention;
      pattern.lastIndex = from = end;
    }
    return undefined;
  }

  /** The mention whose root is written, without its first slash, from `at` to `end`. */
  #mentionAt(text: string, at: number, end: number, root: string, from: number): PathMention | undefined {
    const relativeStart = endOfSlashes(text, end);
    const hasSlash = relativeStart > end;
    // The root itself may be meant ("it is in /mnt/data."), a longer name (/mnt/database) not.
    if (!hasSlash && !canFolderEnd(text, end)) return undefined;
    const start = startOf(text, at, from);
    if (start < 0) return undefined;
    // Only a scheme starts with a letter: an encoded slash does not.
    const hasScheme = isAsciiWord(text.charCodeAt(start));
    const isDifferent = !text.startsWith(root, at - 1) && !spellsRoot(text.slice(at, end), root);
    const place = placeOf(text, start, hasScheme);
    return { start, relativeStart, root, hasSlash, isDifferent, hasScheme, place };
  }
}

/** Whether a root is written as it was given, whatever its slashes look like. */
function spellsRoot(written: string, root: string): boolean {
  return `/${decode(written)}`.startsWith(root);
}

/** Where the slashes at `at` end. */
export function endOfSlashes(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (isAsciiWord(code) || isSpace(code)) return at;
  // One plain slash, before what can be no other: the quick answer for nearly every mention.
  const next = text.charCodeAt(at + 1);
  if (code === 0x2f && (isAsciiWord(next) || isSpace(next))) return at + 1;
  return endOfMatch(SLASH_AT, text, at);
}

/** Where the mention starts whose root has its first letter at `at`, its scheme included; -1 where none can start. */
function startOf(text: string, at: number, from: number): number {
  if (text.charCodeAt(at - 1) === 0x2f && at > from) {
    if (at - 1 === from || isSpace(text.charCodeAt(at - 2))) return canStart(text, at - 1) ? at - 1 : -1;
    if (at - 9 >= from && text.startsWith("sandbox:", at - 9) && canStart(text, at - 9)) return at - 9;
  }
  const [whole, scheme, slashes] = SLASHES_BEFORE.exec(text.slice(Math.max(from, at - LONGEST_LEAD), at))!;
  const slashCount = slashes!.match(ONE_SLASH)?.length ?? 0;
  if (scheme !== undefined && slashCount <= 3 && canStart(text, at - whole!.length))
    return at - whole!.length;
  // "xsandbox:/mnt/data": no scheme that is known, still a path.
  const start = at - slashes!.length;
  return slashCount === 1 && canStart(text, start) ? start : -1;
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

/** ASCII letters and digits. */
function isAsciiWord(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** No path is longer, however it is encoded: what goes on and on is not read to its end for each mention in it. */
export const LONGEST_PATH = 4096;

/** What closes a path as it opened it. */
export const QUOTES = "\"'`";
const ENDS: Record<string, RegExp> = {
  // " (2)" is more of a name, unless the link ends behind it: then it is a title.
  ")": /[^\s()\\"]*(?:(?:[ ](?=[^\s)"'(\\])|\([^\s()]*\)|[ ]\([^()\n]{0,100}\)(?![ ]*\)))[^\s()\\"]*)*/y,
  ">": /(?:[^<>\n]|<[^<>\n]{0,32}>)*/y,
  '"': /[^"\n\\]*/y,
  "'": /[^'\n\\]*/y,
};
/** Behind a folder's slash, these are HTML; any other word in `<>` stands for a name. */
const TAGS = "(?:br|p|hr|b|i|li|ul|ol|td|th|tr|div|span|sup|code)\\b";
const BARE_CHARACTERS = "[^\\s\"'`|<>\\\\“”‘’«»「」『』【】《》〈〉，。、；：！？…]*";
const BARE = new RegExp(
  `${BARE_CHARACTERS}(?:(?:\\\\{1,4}[!#-&(-/:-@[-_{-~]|<\\w[\\w -]{0,30}>(?=[\\w.-])|(?<=^|[/_-])<(?!${TAGS})[a-z][\\w -]{0,30}>)${BARE_CHARACTERS})*`,
  "iy",
);

/**
 * Where a mention that no file matches ends, as far as the text shows it: at its closer, or where a path cannot
 * go on, and before `limit`, where the next mention starts.
 */
export function endOfUnknown(
  text: string,
  { start, relativeStart, place }: PathMention,
  limit: number,
  plainEnd = endOfPlain(text, relativeStart),
): number {
  const quote = place.kind === "text" ? text[start - 1] : undefined;
  if (quote && QUOTES.includes(quote)) {
    const line = text.slice(relativeStart, relativeStart + 300);
    const close = line.indexOf(quote);
    if (close >= 0 && !line.slice(0, close).includes("\n")) return relativeStart + close;
  }
  const known = place.kind === "text" ? undefined : ENDS[place.closer];
  if (known) {
    const rest = text.slice(relativeStart, relativeStart + LONGEST_PATH);
    return relativeStart + rest.slice(0, endOfMatch(known, rest, 0)).trimEnd().length;
  }
  if (plainEnd <= limit && isSpace(text.charCodeAt(plainEnd)) && isAsciiWord(text.charCodeAt(plainEnd - 1))) {
    return plainEnd;
  }
  const bound = Math.max(relativeStart, Math.min(limit, relativeStart + LONGEST_PATH));
  const rest = text.slice(relativeStart, bound);
  const path = rest.slice(0, endOfMatch(BARE, rest, 0));
  const emphasized = path.includes("*") ? endOfEmphasis(text, start, path) : path.length;
  return relativeStart + trimPunctuation(path.slice(0, emphasized)).length;
}

/** Where the ASCII letters, digits, `-`, `_` and `/` at `at` end: nearly all of most paths, read without a pattern. */
export function endOfPlain(text: string, at: number): number {
  return endOfMatch(PLAIN, text, at);
}

const PLAIN = /[\w/-]*/y;

/** Where the `*` or `**` in `path` stands that closes one opened on the line before `start`; else the path's length. */
function endOfEmphasis(text: string, start: number, path: string): number {
  const line = text.slice(Math.max(0, start - 500), start).replace(/^.*\n/s, "");
  const open: string[] = [];
  for (const { 0: mark, index } of line.matchAll(/\*+/g)) {
    if (open.at(-1) === mark) open.pop();
    else if (!/[\s.]/.test(line[index + mark.length] ?? "/")) open.push(mark);
  }
  const mark = open.at(-1);
  if (mark === undefined) return path.length;
  const closer = new RegExp(`\\*{${mark.length}}(?![\\w*/{<]|\\.\\w)`).exec(path);
  return closer ? closer.index : path.length;
}

/** Without the sentence's punctuation and the brackets that close what opened before. */
function trimPunctuation(path: string): string {
  let end = path.length;
  let unopened: number | undefined;
  for (; end > 0; end--) {
    const last = path[end - 1]!;
    if (")]}".includes(last)) {
      unopened ??= count(path, /[)\]}]/g) - count(path, /[([{]/g);
      if (unopened-- <= 0) break;
    } else if ("([{".includes(last)) {
      if (unopened !== undefined) unopened++;
    } else if (!".,;:!?~_".includes(last)) {
      break;
    }
  }
  return path.slice(0, end);
}

function count(path: string, brackets: RegExp): number {
  return path.match(brackets)?.length ?? 0;
}
