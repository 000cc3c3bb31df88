/** Where a text speaks of the container's files by a path: `/mnt/data/…` in any form that models write it. */
import { canStart } from "./boundaries.js";
import { type Place, placeOf } from "./markdown.js";
import { decode, matchAt } from "./spelling.js";

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
const SLASHES_BEFORE = new RegExp(`(?:(sandbox|https?|file|attachment):)?(${SLASH}{0,5})$`, "i");
const ONE_SLASH = new RegExp(SLASH, "gi");
const SLASH_AT = new RegExp(`${SLASH}+`, "iy");
/** Longer than any scheme with any slashes, each of them escaped. */
const LONGEST_LEAD = 48;

/** Finds the mentions of one set of roots. */
export class MentionFinder {
  readonly #roots: readonly string[];
  readonly #pattern: RegExp;

  /** `roots` are absolute paths without a slash at the end. */
  constructor(roots: readonly string[]) {
    // The longest first: of two roots, one inside the other, the inner one is meant.
    this.#roots = [...roots].sort((a, b) => b.length - a.length);
    const alternatives = this.#roots.map((root) => {
      const segments = root.split("/").slice(1);
      return `(${segments.map((segment) => segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(`${SLASH}+`)})`;
    });
    this.#pattern = new RegExp(alternatives.join("|"), "gi");
  }

  /** The next mention at or after `from`, if there is one. */
  next(text: string, from: number): PathMention | undefined {
    this.#pattern.lastIndex = from;
    for (let match = this.#pattern.exec(text); match; match = this.#pattern.exec(text)) {
      const mention = this.#mentionAt(text, match, from);
      if (mention) return mention;
    }
    return undefined;
  }

  #mentionAt(text: string, match: RegExpExecArray, from: number): PathMention | undefined {
    if (isInsidePath(text, match.index)) return undefined;
    const end = match.index + match[0].length;
    const slash = matchAt(SLASH_AT, text, end);
    // The root itself may be meant ("it is in /mnt/data."), a longer name (/mnt/database) not.
    if (!slash && /[\p{L}\p{N}_\-.](?=[\p{L}\p{N}_-])|[\p{L}\p{N}_-]/uy.test(text.slice(end, end + 2)))
      return undefined;
    const lead = text.slice(Math.max(from, match.index - LONGEST_LEAD), match.index);
    const [whole, scheme, slashes] = SLASHES_BEFORE.exec(lead)!;
    const slashCount = slashes!.match(ONE_SLASH)?.length ?? 0;
    let hasScheme = scheme !== undefined && slashCount <= 3;
    let start = match.index - (hasScheme ? whole!.length : slashes!.length);
    if (hasScheme && !canStart(text, start)) {
      // "xsandbox:/mnt/data": no scheme that is known, still a path.
      hasScheme = false;
      start = match.index - slashes!.length;
    }
    if (!hasScheme && (slashCount !== 1 || !canStart(text, start))) return undefined;
    const root = this.#roots[match.slice(1).findIndex((group) => group !== undefined)]!;
    return {
      start,
      relativeStart: slash ? end + slash[0].length : end,
      root,
      hasSlash: slash !== null,
      isDifferent: !`/${decode(match[0])}`.replace(/\/{2,}/g, "/").startsWith(root),
      hasScheme,
      place: placeOf(text, start, hasScheme),
    };
  }
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

/** The quick answer for `/home/me/mnt/data` and its like: a path or a word runs right up to the root's slash. */
function isInsidePath(text: string, at: number): boolean {
  if (text.charCodeAt(at - 1) !== 0x2f) return false;
  const before = text.charCodeAt(at - 2) | 0x20;
  const isWord = (before >= 0x61 && before <= 0x7a) || (before >= 0x30 && before <= 0x39);
  if (isWord) return text.charCodeAt(at - 3) !== 0x5c;
  return text.charCodeAt(at - 2) === 0x2f && !/[:/]/.test(text[at - 3] ?? "");
}

const ENDS: Record<string, RegExp> = {
  ")": /[^\s()\\"]*(?:(?:[ ](?=[^\s)"'(\\])|\([^\s()]*\))[^\s()\\"]*)*/y,
  ">": /[^>\n]*/y,
  '"': /[^"\n\\]*/y,
  "'": /[^'\n\\]*/y,
};
const BARE_CHARACTERS = "[^\\s\"'`|<>\\\\“”‘’«»「」『』【】《》〈〉，。、；：！？…]*";
const BARE = new RegExp(
  `${BARE_CHARACTERS}(?:(?:\\\\{1,4}[!#-&(-/:-@[-_{-~]|<[a-z][\\w ]{0,30}>(?=[\\w.-]))${BARE_CHARACTERS})*`,
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
): number {
  const quote = place.kind === "text" ? text[start - 1] : undefined;
  if (quote && /["'`]/.test(quote)) {
    const line = text.slice(relativeStart, relativeStart + 300);
    const close = line.indexOf(quote);
    if (close >= 0 && !line.slice(0, close).includes("\n")) return relativeStart + close;
  }
  const known = ENDS[place.closer];
  if (place.kind !== "text" && known)
    return relativeStart + matchAt(known, text, relativeStart)![0].trimEnd().length;
  const bare = matchAt(BARE, text, relativeStart)![0];
  return relativeStart + trimPunctuation(bare.slice(0, Math.max(0, limit - relativeStart))).length;
}

/** Without the sentence's punctuation, the emphasis, and the brackets that close what opened before. */
function trimPunctuation(path: string): string {
  let end = path.length;
  let closers = count(path, ")") + count(path, "]") + count(path, "}");
  let openers = count(path, "(") + count(path, "[") + count(path, "{");
  for (; end > 0; end--) {
    const last = path[end - 1]!;
    if (")]}".includes(last) && closers > openers) closers--;
    else if ("([{".includes(last)) openers--;
    else if (!".,;:!?~_".includes(last) && !path.slice(0, end).endsWith("**")) break;
  }
  return path.slice(0, end);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}
