/**
 * Where a path or a name in a text begins and ends. The container's files say how far a name is spelled; these
 * rules say whether it may begin or end just there, or is a piece of a longer one.
 */
import { extensionOf } from "./file-index.js";
import { closesAfterSpace, type Place } from "./markdown.js";
import { matchAt, readEncoded } from "./spelling.js";

/** Letters of the scripts that put no space between words: a particle may follow a file name at once. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー々〆]/u;
/** What words are made of. Not what only says how the emoji before it is drawn. */
const WORD = /[\p{L}\p{N}\p{Mn}\p{Mc}_](?<![\ufe00-\ufe0f])/u;
/** How far back a URL's `://` is looked for. A bound, so that no text is read twice for each of its mentions. */
const URL_LOOKBACK = 256;

/** Whether a path or a name may start at `at`: not where something before it makes it a part of something else. */
export function canStart(text: string, at: number): boolean {
  if (at === 0) return true;
  const code = text.charCodeAt(at - 1);
  // The quick answers: a space, a line break, `(`, `"`, a backtick; a slash.
  if (code === 0x20 || code === 0x0a || code === 0x28 || code === 0x22 || code === 0x60) return true;
  if (code === 0x2f) return false;
  const before = characterBefore(text, at);
  if (/[\s'“”‘’«»「『[<|>]/.test(before)) return true;
  if (isJsonEscapedBreak(text, at)) return true;
  return !attaches(text, at, before) && !isInUrl(text, at);
}

/** Whether the character before `at`, which is no white space, quote or bracket, belongs to what starts there. */
function attaches(text: string, at: number, before: string): boolean {
  if (UNSPACED.test(before)) return false;
  switch (before) {
    case "_": {
      let first = at;
      while (first > 0 && at - first < 4 && /[_\\]/.test(text[first - 1]!)) first--;
      if (first === 0) return false;
      const word = characterBefore(text, first);
      // 报告_a.csv is one name, 报告__a.csv__ bold type in a script that puts no space before it.
      return WORD.test(word) && !(at - first > 1 && UNSPACED.test(word));
    }
    case "~":
      return text[at - 2] !== "~";
    case "-":
      return at > 1 && !/\s/.test(text[at - 2]!);
    case ":": {
      // A drive's letter, or the host of `user@host:`.
      const word = /(\S{0,64}):$/.exec(text.slice(Math.max(0, at - 65), at))![1]!;
      return /(?<![a-z\d_])[a-z]$/i.test(word) || word.includes("@");
    }
    default:
      return /[/\\.%+@$^#&})\]\u2010\u2011]/.test(before) || WORD.test(before);
  }
}

/** ASCII letters and digits: the quick half of the question whether a name may start or end here. */
export function isWordCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);
}

/** The character before `at`, both halves of it where it is a surrogate pair. */
function characterBefore(text: string, at: number): string {
  const low = text.charCodeAt(at - 1);
  const isLow = low >= 0xdc00 && low < 0xe000 && at > 1;
  return isLow ? text.slice(at - 2, at) : text[at - 1]!;
}

/**
 * In raw JSON a line break is the two characters `\n`: the `n` is no letter of what follows. In JSON inside a JSON
 * string it is `\\n`, but so begins a file of a Windows folder: there, only a path is sure to start behind it.
 */
function isJsonEscapedBreak(text: string, at: number): boolean {
  if (!/[nrt]/.test(text[at - 1]!)) return false;
  let first = at - 1;
  while (first > 0 && text[first - 1] === "\\") first--;
  const backslashes = at - 1 - first;
  return backslashes % 2 === 1 || (backslashes > 0 && /[/\\]/.test(text[at]!));
}

/** The ASCII that no URL goes on over. */
const URL_ENDS = Uint8Array.from({ length: 128 }, (_, code) =>
  /[\s"'`<>()[\]{}|]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** Whether a URL with an authority (`https://host…`) runs up to `at`. */
function isInUrl(text: string, at: number): boolean {
  const from = Math.max(0, at - URL_LOOKBACK);
  for (let back = at - 1; back > from; back--) {
    const code = text.charCodeAt(back);
    if (code < 0x80 ? URL_ENDS[code] === 1 : /[\s，。；、]/.test(text[back]!)) return false;
    if (code === 0x3a && text.startsWith("://", back)) return true;
  }
  return false;
}

/** What ends a name that has an extension, and one without only where none follows; see {@link goesOn}. */
const ENDING = /["'`“”‘’)|\]}>»」』）】》〉，。、；：！？．｡､,;:!?…—،؛؟۔।॥።։¹²³⁰-⁹]/;
/** What ends a name that has an extension, and one without only before something that is no name. */
const OPENING = /[#([{<（【–]/;

/**
 * Whether a path or a name spelled up to `end` stops there: `report.csv` does in `report.csv.` and `report.csvに`,
 * not in `report.csv2` or `report.csv.bak`. `name` is the file's; one without an extension is easily the beginning
 * of another, so no more of a name may follow. `opener` is the character before the mention.
 */
function canEnd(text: string, end: number, name: string, opener = ""): boolean {
  if (end >= text.length) return true;
  const hasExtension = extensionOf(name) !== "";
  const next = String.fromCodePoint(text.codePointAt(end)!);
  if (/[\r\n\u2028]/.test(next)) return true;
  if (/\s/.test(next)) return hasExtension || !(/["'`“‘«「『]/.test(opener) || goesOn(text, end));
  if (ENDING.test(next)) return hasExtension || !goesOn(text, end + 1);
  switch (next) {
    case "/":
    case "@":
    case "+":
    case "=":
    case "$":
    case "^":
      return false;
    case "\\":
      return endsAtBackslash(text, end, name);
    case "&":
      return endsAtAmpersand(text, end);
    case "%":
      return !readEncoded(text, end);
    case ".":
    case "_":
      return endsAtRun(text, end, next);
    case "*":
      return endsAtAsterisk(text, end);
    case "~":
      return text[end + 1] === "~";
    case "-":
    case "\u2010":
    case "\u2011":
      return end + 1 === text.length || /[\s>]/.test(text[end + 1]!);
    case "<":
      return hasExtension || /<(?:\/|br\b)/y.test(text.slice(end, end + 4));
    case "{":
    case "[":
      return hasExtension && !isFilledIn(text, end, next === "{" ? "}" : "]");
    default:
  }
  if (UNSPACED.test(next)) return endsAtParticle(text, end, name);
  if (WORD.test(next)) return false;
  if (OPENING.test(next)) return hasExtension || !isNamePart(text, end + 1);
  return hasExtension || !isNamePart(text, end + next.length); // a symbol, an emoji
}

/** What may stand right behind a folder's slash. In Hiragana are particles; any other word may be a file's name. */
const BEHIND_FOLDER = /$|[\s\p{Script=Hiragana}]|\.(?:\s|$)|\*\*(?![\w*/.{])/uy;

/** Whether a folder spelled up to `end`, with its slash or without, stops there. */
export function canFolderEnd(text: string, end: number): boolean {
  if (isWordCharacter(text, end)) return false;
  if (text[end - 1] !== "/") return canEnd(text, end, "a.b"); // a space or a particle ends it, as it does an extension
  return matchAt(BEHIND_FOLDER, text, end) !== null || ENDING.test(text[end]!);
}

/** Whether a character that names are made of stands at `at`. */
function isNamePart(text: string, at: number): boolean {
  return at < text.length && /[\p{L}\p{N}\p{M}_.\-/]/u.test(String.fromCodePoint(text.codePointAt(at)!));
}

/** Dots and dashes that end a sentence are followed by no word. */
const BEHIND_FILLED_IN = /[_.-]{0,4}([^_.-])/suy;

/** `{date}` or `[id]` in a name: a template, where more of the name follows. Not `[^1]`, a footnote's mark. */
function isFilledIn(text: string, at: number, closer: string): boolean {
  const close = text.slice(at, at + 100).indexOf(closer);
  if (close < 0 || text[at + 1] === "^") return false;
  const next = matchAt(BEHIND_FILLED_IN, text, at + close + 1)?.[1] ?? "";
  return next === "/" || (WORD.test(next) && !UNSPACED.test(next));
}

const REST = /[\p{L}\p{N}\p{M}_.-]{0,64}(?:[^\S\r\n](?![a-z]+:|[*[|<])[^\s/\]["'`]{1,64})?/iuy;

/**
 * Whether a name without an extension goes on at `at`, to one that has it: `Q3` in `Q3 report.pdf`, `Q3, final.pdf`.
 * A sentence that goes on has none in its next word.
 */
function goesOn(text: string, at: number): boolean {
  const [rest] = matchAt(REST, text, at)!;
  return rest.split(/\s/).some((word) => extensionOf(word.replace(/[^a-z0-9]+$/i, "")) !== "");
}

/** In raw JSON `\n` and `\"` end a name; before Markdown's punctuation the backslash is not there. */
function endsAtBackslash(text: string, end: number, name: string): boolean {
  let next = end;
  while (text[next] === "\\" && next - end < 4) next++;
  if (next === text.length || /[nrt"'\s]/.test(text[next]!)) return true;
  const encoded = readEncoded(text, end);
  if (!encoded) return false;
  if (text[next] === "u") return !WORD.test(encoded.meant) && encoded.meant !== "/";
  return canEnd(text, next, name);
}

/** `&quot;`, `&lt;`, `&nbsp;` end a name; `&amp;` and a bare `&` before a word go on. */
function endsAtAmpersand(text: string, end: number): boolean {
  const entity = readEncoded(text, end)?.meant;
  if (entity !== undefined) return !WORD.test(entity) && entity !== "&" && entity !== "/" && entity !== ".";
  return end + 1 === text.length || /\s/.test(text[end + 1]!);
}

/** Full stops that end a sentence, underscores that end an emphasis: no name may go on behind the run. */
function endsAtRun(text: string, end: number, character: string): boolean {
  let after = end;
  while (text[after] === character) after++;
  if (after === text.length) return true;
  const next = String.fromCodePoint(text.codePointAt(after)!);
  if (UNSPACED.test(next)) return true;
  if (next === "*") return text[after + 1] === "*";
  if (next === "_") return endsAtRun(text, after, "_");
  if (next === ".") return endsAtRun(text, after, ".");
  if (next === "\\") return /[nrt"'\\*_]/.test(text[after + 1] ?? "n");
  return !/[/\-@+=$^%&~{]/.test(next) && !WORD.test(next);
}

/** `**` ends bold type. One `*` ends italics only where some began on the line, and is a wild card elsewhere. */
function endsAtAsterisk(text: string, end: number): boolean {
  let after = end;
  while (text[after] === "*") after++;
  if (/[/\w{]|\.\w/y.test(text.slice(after, after + 2).replace(/^_+/, ""))) return false;
  if (after - end > 1) return true;
  const line = text.slice(Math.max(0, end - 500), end);
  return line.slice(line.lastIndexOf("\n") + 1).includes("*");
}

const PARTICLES = new RegExp(`${UNSPACED.source}{1,64}`, "uy");

/** A particle (`を`, `에`, `的`) follows a name at once, but so does the rest of a longer name. */
function endsAtParticle(text: string, end: number, name: string): boolean {
  const after = end + matchAt(PARTICLES, text, end)![0].length;
  if (/[_-]|\.[a-z0-9]/iy.test(text.slice(after, after + 2))) return false;
  // 报告 in 报告最终版: without an extension, nothing tells a particle from more of such a name.
  return extensionOf(name) !== "" || !(UNSPACED.test(name.at(-1)!) || goesOn(text, after));
}

/** What of a URL follows its path. */
export const QUERY = /[?#][^\s)>"'\\|<]*/y;

/**
 * Where the citation of a mention ends whose path or name is spelled up to `end`: there, or behind the query of a
 * link; `undefined` where something else is meant. A link's destination is what stands in it, whole.
 */
export function endOfCitation(
  text: string,
  { start, place, hasScheme }: { start: number; place: Place; hasScheme: boolean },
  end: number,
  name: string,
): number | undefined {
  if (place.kind === "text") return canEnd(text, end, name, text[start - 1]) ? end : undefined;
  const query = hasScheme ? matchAt(QUERY, text, end) : null;
  if (query) return end + query[0].length;
  if (place.closer !== "" && text.startsWith(place.closer, end)) return end;
  if (/\s/.test(text[end] ?? "")) return closesAfterSpace(text, end, place) ? end : undefined;
  return canEnd(text, end, name) ? end : undefined;
}
