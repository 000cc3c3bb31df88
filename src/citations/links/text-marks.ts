/** Finds the marks in a growing text: the places where a link to a file, or markup that affects links, can begin. */
import { oncePer } from "../../once.js";
import { literal } from "../spelling.js";

/** A place where a link to a file, or markup that affects links, can begin. Offsets are in UTF-16 units. */
export type Mark =
  /** The start of a comment, script, style sheet or text field, in which no link works. `closer` matches its end. */
  | { kind: "raw"; start: number; end: number; closer: RegExp }
  /** The markup before a link's destination or an attribute's value. The destination or the value starts at `end`. */
  | { kind: "destination"; start: number; end: number }
  /** The opening bracket of a label. The label's text starts at `end`. */
  | { kind: "label"; start: number; end: number }
  /**
   * A path with the markup before it, such as a backtick. At the end of the text, the path may be incomplete. The path itself
   * starts at `core`.
   */
  | { kind: "path"; start: number; core: number; end: number };

/** Finds the marks for one set of roots. */
export interface Marks {
  /**
   * Searches from the offset `from` and returns the next mark. The caller has already read the text up to the offset `seen`.
   * Skips a `path` or `label` that starts before `seen`. Skips a `destination` or `raw` only if it ends at or before `seen`.
   * The text of these two kinds is not held. So the caller may have read the start of such a mark, but not its end.
   */
  next(text: string, from: number, seen: number): Mark | undefined;
  /** Returns whether a path starts at an offset; `undefined` if the text ends too early to tell. */
  isPathAt(text: string, at: number): boolean | undefined;
}

/** A slash in any form (see mentions.ts), or the beginning of an escaped or encoded slash at the end of the text. */
const SLASH = String.raw`(?:\\{0,4}\/|\\{1,4}$|%(?:$|2(?:$|f))|&(?:$|#(?:$|4(?:$|7(?:$|;))|x(?:$|2(?:$|f(?:$|;))))))`;
const COLON = "(?:$|:|%(?:$|3(?:$|a))|&(?:$|#(?:$|5(?:$|8(?:$|;)))))";
const SANDBOX = String.raw`(?<![a-z\d_])s${lettersOf("andbox")}${COLON}`;
/** The schemes, other than `sandbox:`, that a path in prose can have. */
const FILE_SCHEME = String.raw`(?<![a-z\d_])(?:f${lettersOf("ile")}|h${lettersOf("ttp")}(?:$|s)?)${COLON}`;
/**
 * The lead of a path is the markup right before the path. A new link for the path replaces or changes this markup. A lead
 * consists of runs. This pattern matches one run: only backticks, only `!` and `<`, or only backslashes. A lead is held and
 * read again with each delta until the path begins. So the number of runs and their length are limited.
 */
const RUN_OF_LEAD = String.raw`(?:\x60{1,99}(?!\x60)\s{0,8}|[!<]{1,99}(?![!<])|\\{1,99}(?![\\/]))`;
const LEAD_CHARACTERS = "`!<\\";
const RUN = new RegExp(RUN_OF_LEAD, "uy");
const MOST_RUNS = 4;
const LEAD = String.raw`(?<![\x60!<\\])${RUN_OF_LEAD}{1,${MOST_RUNS}}`;
/**
 * Matches a lead at the end of the text. The last run may be backslashes that belong to the path, as in `\\/mnt`. So this
 * pattern allows one more run than `LEAD`.
 */
const OPEN_LEAD = String.raw`(?<![\x60!<\\])${RUN_OF_LEAD}{1,${MOST_RUNS + 1}}$`;
const RAW = String.raw`<!--|<(?:script|style|textarea)\b[^<>]{0,200}>`;
const DESTINATION = String.raw`\]\(\s{0,8}<?\s{0,8}|\]:[ \t]{0,8}<?|\b(?:href|src|poster)\s{0,8}=\s{0,8}\\?["']?\s{0,8}`;
const SCHEME = "(?:(?:https?|file|attachment):)?";
/** A scheme that a path can have only in a link's destination. */
const ATTACHMENT = `a${lettersOf("ttachment")}${COLON}`;

/** Returns a pattern for `word`, or for the beginning of `word` at the end of the text. */
function lettersOf(word: string): string {
  return Array.from(word, (letter) => `(?:$|${literal(letter)})`).join("");
}

/**
 * Returns a pattern for a root, or for the beginning of a root at the end of the text. The number of slashes is limited, because
 * the text is held while more slashes may follow. No path starts with more than three slashes (see mentions.ts).
 */
function patternOf(root: string): string {
  return root
    .slice(1)
    .split("/")
    .map((folder, at) => `${at === 0 ? `${SLASH}{1,3}` : `(?:$|${SLASH}{1,99})`}${lettersOf(folder)}`)
    .join("");
}

const marksWithLabels = oncePer((roots: readonly string[]) => new RootMarks(roots, true));
const marksWithoutLabels = oncePer((roots: readonly string[]) => new RootMarks(roots, false));

/** Returns the marks for an array of roots, created once for each array. If `withLabels` is true, labels are marks too. */
export function marksOf(roots: readonly string[], withLabels: boolean): Marks {
  return (withLabels ? marksWithLabels : marksWithoutLabels)(roots);
}

/**
 * Matches a character with which a mark can start. Most text has few such characters. The pattern for whole marks is much
 * slower, so it is tried only at these characters. In a row of slashes or markup characters, `FIRST` matches only a few.
 */
const FIRST =
  /\/(?!\/{3})|[%&\][]|(?<![`!<\\])[`!<\\]|!(?=\[)|<(?=!--|[st])|\\(?=\\{0,3}(?:\/|$))|s(?=a|rc|$)|f(?=i|$)|h(?=t|ref|$)|p(?=oster)/gi;

/** Adjacent runs (see `RUN_OF_LEAD`) that end at `end`. The lead of a path cannot start before the offset `leadFrom`. */
interface Runs {
  end: number;
  leadFrom: number;
}

class RootMarks implements Marks {
  /** Matches a mark at an offset. */
  readonly #pattern: RegExp;
  /** Like `#pattern`, but matches a path without the lead before it. */
  readonly #alone: RegExp;
  /** Matches a path that may be incomplete at the end of the text. */
  readonly #path: RegExp;
  /** Matches only a complete root or a complete `sandbox:`. */
  readonly #whole: RegExp;

  constructor(roots: readonly string[], withLabels: boolean) {
    const inRoot = roots.map(patternOf).join("|") || "(?!)";
    const path = `${SANDBOX}|${FILE_SCHEME}(?:$|${inRoot})|${inRoot}`;
    const label = withLabels ? String.raw`(?<label>!?\[)|` : "";
    this.#pattern = new RegExp(
      `(?<raw>${RAW})|(?<destination>${DESTINATION})|${label}(?<lead>${LEAD})?(?<path>${path})|${OPEN_LEAD}`,
      "iuy",
    );
    this.#alone = new RegExp(`(?<raw>${RAW})|(?<destination>${DESTINATION})|${label}(?<path>${path})`, "iuy");
    this.#path = new RegExp(`${SCHEME}(?:${path})|${ATTACHMENT}(?:$|${inRoot})`, "iuy");
    const whole = roots.map((root) => root.slice(1).split("/").map(literal).join(`${SLASH}+`));
    this.#whole = new RegExp(
      `sandbox(?::|%3a|&#58;)|${SCHEME}(?:${SLASH}*)(?:${whole.join("|") || "(?!)"})`,
      "iuy",
    );
  }

  next(text: string, from: number, seen: number): Mark | undefined {
    let runs: Runs = { end: 0, leadFrom: 0 };
    FIRST.lastIndex = from;
    for (let first = FIRST.exec(text); first; first = FIRST.exec(text)) {
      if (first.index >= runs.end) runs = this.#runsAt(text, first.index);
      const mark = this.#markAt(text, first.index, first.index >= runs.leadFrom);
      const canBeCut = mark?.kind === "destination" || mark?.kind === "raw";
      if (mark && (canBeCut ? mark.end > seen : mark.start >= seen)) return mark;
    }
    return undefined;
  }

  #markAt(text: string, at: number, mayBeLead: boolean): Mark | undefined {
    if (!mayBeLead && text[at] === "`") return undefined; // a backtick starts no mark except a lead
    const pattern = mayBeLead ? this.#pattern : this.#alone;
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    return found ? markOf(found, pattern.lastIndex) : undefined;
  }

  /**
   * Reads the adjacent runs (see `RUN_OF_LEAD`) from `at` on. Reads all of them in one call, so that `next` does not call this
   * method for each run.
   */
  #runsAt(text: string, at: number): Runs {
    if (!LEAD_CHARACTERS.includes(text[at]!) || LEAD_CHARACTERS.includes(text[at - 1] ?? " "))
      return { end: at, leadFrom: 0 };
    const starts: number[] = [];
    let end = at;
    for (RUN.lastIndex = at; RUN.test(text); end = RUN.lastIndex) starts.push(end);
    this.#alone.lastIndex = end;
    const isLead = end === text.length || this.#alone.test(text);
    return { end, leadFrom: isLead ? (starts.at(-MOST_RUNS - 1) ?? at) : end };
  }

  isPathAt(text: string, at: number): boolean | undefined {
    if (at === text.length) return undefined;
    this.#whole.lastIndex = at;
    if (this.#whole.test(text)) return true;
    this.#path.lastIndex = at;
    return this.#path.test(text) && this.#path.lastIndex === text.length ? undefined : false;
  }
}

const CLOSERS: Record<string, RegExp> = {
  script: /<\\?\/script\b/gi,
  style: /<\\?\/style\b/gi,
  textarea: /<\\?\/textarea\b/gi,
};
const END_OF_COMMENT = /-->/g;

function markOf({ index: start, groups }: RegExpExecArray, end: number): Mark {
  const { raw, destination, label, lead = "", path } = groups!;
  if (raw !== undefined) return { kind: "raw", start, end, closer: closerOf(raw) };
  if (destination !== undefined) return { kind: "destination", start, end };
  if (label !== undefined) return { kind: "label", start, end };
  return { kind: "path", start, core: path === undefined ? end : start + lead.length, end };
}

function closerOf(raw: string): RegExp {
  const tag = /\w+/.exec(raw)?.[0].toLowerCase();
  return tag === undefined ? END_OF_COMMENT : CLOSERS[tag]!;
}
