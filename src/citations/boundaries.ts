/**
 * Where a path or a name in a text begins and ends. The container's files say how far a name is spelled; these
 * rules say whether it may begin or end just there, or is a piece of a longer one.
 */
import { extensionOf } from "./file-index.js";
import { closesAfterSpace, type Place } from "./markdown.js";
import { endOfMatch, matchAt, readEncoded, testAt } from "./spelling.js";

/** Letters of the scripts that put no space between words: a particle may follow a file name at once. */
export const UNSPACED = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー々〆`;
/** What the words of the others are made of. Not what only says how the emoji before it is drawn. */
const LETTER = String.raw`(?![${UNSPACED}\ufe00-\ufe0f])[\p{L}\p{Nd}\p{Mn}\p{Mc}]`;

/** What is before a place where something begins, whatever it is; in raw JSON a line break is the two characters `\n`. */
const OPENED = either(
  [
    String.raw`[\s'"${"`"}“”‘’«»「『(\[<\|>]`,
    String.raw`(?<!\\)(?:\\\\){0,8}\\[nrt]|\\[nrt](?=[/\\])`,
    "(?<![^\\s='\"(])@(?=/)", // curl's: the content of that file
    // "and", "in", "to": one letter, written right before the word.
    String.raw`(?<![\p{L}\p{M}/])[\p{Script=Arabic}\p{Script=Hebrew}](?=\/)`,
  ],
  "(?<=",
  ")",
);
/** What is before a place where something goes on. */
const ATTACHED = either(
  [
    String.raw`[/\\.%+@$^#&})\]\u2010\u2011]`,
    LETTER,
    // my_a.csv and my\_a.csv are names; __a.csv__ is bold type, which scripts without spaces put right behind a word.
    String.raw`(?:${LETTER}|[${UNSPACED}])\\{0,2}_`,
    String.raw`${LETTER}(?:\\{0,2}_){2,4}`,
    "(?<!~)~",
    String.raw`(?!\p{Script=Hebrew})\S-`,
    // For paths these are separators: a name is often written with them, or with a word right before it.
    String.raw`(?:\S[–−]|[${"`"}“「『《【][${UNSPACED}]{1,64})(?![/\\]|[a-z]{4,10}:)`,
    // A drive's letter, or the host of `user@host:`.
    String.raw`(?<![A-Za-z\d_.])[A-Za-z]:|@\S{0,63}:`,
    // A host or a container that a command copies from or to.
    String.raw`\b(?:scp|rsync|cp|mount)\s[^\n"']{0,100}[\w\]]:`,
    // Another storage's scheme, and a URL with an authority, `https://host…`.
    String.raw`(?<![A-Za-z\d])(?:dbfs|hdfs|s3[an]?|gs|abfss?|wasbs?|s?ftp|ssh|scp):`,
    String.raw`:\/\/(?:[^\s"'${"`"}<>\(\)[\]\{\}\|，。；、]|\[\]){0,256}`,
  ],
  "(?<=",
  ")",
);
const ENCODED_BEFORE = /(?<=(&#?\w{2,8};|\\{1,2}u[\da-f]{4}))/iy;

/** Whether a path or a name may start at `at`: not where something before it makes it a part of something else. */
export function canStart(text: string, at: number): boolean {
  const before = at === 0 ? 0x20 : text.charCodeAt(at - 1);
  // The quick answers: a space, a line break, `(`, `"`, a backtick; a slash.
  if (before === 0x20 || before === 0x0a || before === 0x28 || before === 0x22 || before === 0x60)
    return true;
  if (before === 0x2f) return false;
  const encoded = matchAt(ENCODED_BEFORE, text, at)?.[1];
  if (encoded) {
    // An entity that is read as no letter stands for an arrow, a bullet, a space.
    const meant = readEncoded(encoded, 0)?.meant ?? " ";
    const lead = text.slice(Math.max(0, at - 80), at - encoded.length) + meant;
    return canStart(lead, lead.length);
  }
  return testAt(OPENED, text, at) || !testAt(ATTACHED, text, at);
}

/** ASCII letters and digits: the quick half of the question whether a name may start or end here. */
export function isWordCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);
}

/** What ends a name that has an extension, and one without only where none follows. */
const ENDING = String.raw`"'${"`"}“”‘’\)\|\]\}>»」』）】》〉，。、；：！？．｡､,;:!?…—،؛؟۔।॥።։`;
/** More of a name behind a template in it: `{date}.csv`, `[id]/a.csv`. Not `[^1]`, a footnote's mark. */
const MORE = String.raw`[_.\-]{0,4}(?:\/|${LETTER})`;
/** What follows a name that goes on. */
const GOING_ON = [
  LETTER,
  String.raw`\/|[@+$^](?!\s|$)|=(?![>=\s]|$)|%[\dA-Fa-f]{2}|&(?![\s&]|$|[A-Za-z]{2,8};)|~(?!~)|[\-\u2010\u2011](?!-*(?:[\s>]|$))`,
  String.raw`[^\S\r\n]\([^()\s]{1,16}\)\.[A-Za-z\d]|\(\)`, // " (1).csv", a call
  // In raw JSON `\n` and `\"` end a name.
  String.raw`\\(?![nrt"'\s]|$)`,
  String.raw`\{[^\}\n]{1,98}\}|<[^\W_abipqsu]>|\[(?!\^)[^\]]{0,98}\]${MORE}`,
  // Full stops that end a sentence, underscores that end an emphasis: no name goes on behind the run.
  String.raw`[._]+(?![._])(?:${LETTER}|[\-/@+=$^%&~\{]|\*(?!\*)|\\(?![nrt"'\\*_]|$))`,
  // "**" ends bold type. One "*" ends italics only where some began on the line, and is a wild card elsewhere.
  String.raw`\*+_{0,2}(?:[/\{A-Za-z\d]|\.\w)|(?<!\*[^\n]{0,500})\*(?!\*)`,
  // A particle (を, 에, 的) follows a name at once, but so does the rest of a longer name.
  String.raw`[${UNSPACED}]{1,64}(?:[_\-]|\.[A-Za-z\d])`,
];
const GOES_ON = either(GOING_ON);

const NAME_PART = String.raw`\p{L}\p{N}\p{M}_.\-`;
const EXTENSION = String.raw`\.(?=\d{0,9}[A-Za-z])[A-Za-z\d]{1,10}(?![A-Za-z\d])`;
/** The rest of a name, or its next word, with an extension. A sentence that goes on has none in its next word. */
const REST = String.raw`[${NAME_PART}]{0,64}(?:(?<!\.)[^\S\r\n](?![a-z]+:|[*[|<])[^\s/\]["'${"`"}]{0,64}(?:[^\S\r\n]\(\w{1,16}\))?)?${EXTENSION}`;
/** A particle behind a name in the same script: another word begins behind it, or none. */
const PARTICLE = String.raw`を|[にはがへで](?!\p{Script=Hiragana})|(?:[을를은는이가의로와과도]|에[서는도]?|으로)(?!\p{Script=Hangul})`;
/** What follows a name without an extension that goes on: such a name is easily the beginning of another. */
const GOES_ON_BARE = either([
  ...GOING_ON,
  `${REST}|(?=[!-~])[${ENDING}][${NAME_PART}]{0,64}${EXTENSION}`,
  `[${UNSPACED}]{1,64}${REST}|(?<=[${UNSPACED}])(?!${PARTICLE})[${UNSPACED}]`,
  String.raw`[\{\[]|<(?!\/|br\b)|(?![\s${ENDING}${UNSPACED}<\\&%._*~\-\u2010\u2011])[\s\S](?=[${NAME_PART}/])`,
]);

function either(patterns: readonly string[], before = "(?:", after = ")"): RegExp {
  return new RegExp(before + patterns.join("|") + after, "uy");
}

/**
 * Whether a path or a name spelled up to `end` stops there: `report.csv` does in `report.csv.` and `report.csvに`,
 * not in `report.csv2` or `report.csv.bak`. `name` is the file's; `opener` is the character before the mention.
 */
function canEnd(text: string, end: number, name: string, opener = ""): boolean {
  const encoded = text[end] === "%" ? undefined : readEncoded(text, end);
  if (encoded) return canEnd(encoded.meant + text.slice(encoded.end, encoded.end + 300), 0, name, opener);
  if (extensionOf(name) !== "") return !testAt(GOES_ON, text, end);
  if (/["'`“‘«「『]/.test(opener) && /[^\S\r\n]/.test(text.charAt(end))) return false;
  return !testAt(GOES_ON_BARE, text, end);
}

/** What may stand right behind a folder's slash: particles, "in", "folder". Any other word may be a file's name. */
const BEHIND_FOLDER = either([
  String.raw`$|[\s\p{Script=Hiragana}${ENDING}]|${PARTICLE}|[中下里内](?!\p{Script=Han})|(?:目[录錄]|文件[夹夾])(?![\w.])`,
  String.raw`\.(?:\s|$)|\*\*(?![\w*/.\{])|<\/|_+(?!\w)|~~`,
]);

/** Whether a folder spelled up to `end`, with its slash or without, stops there. */
export function canFolderEnd(text: string, end: number): boolean {
  if (isWordCharacter(text, end)) return false;
  if (text[end - 1] !== "/") return canEnd(text, end, "a.b"); // a space or a particle ends it, as it does an extension
  return testAt(BEHIND_FOLDER, text, end);
}

/** What of a URL follows its path, in a text. */
export const QUERY = /[?#][^\s)>"'\\|<]*/y;
/** The same in a link, by what closes that. */
const QUERIES: Record<string, RegExp> = {
  "": QUERY,
  ")": /[?#](?:[^\s()\\]|\\\S|\((?:[^\s()]|\([^\s()]*\))*\))*/y,
  ">": /[?#][^<>\n]*/y,
  '"': /[?#][^"\\\n]*/y,
  "'": /[?#][^'\\\n]*/y,
};

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
  const behindQuery = hasScheme ? endOfMatch(QUERIES[place.closer]!, text, end) : end;
  if (behindQuery > end) return behindQuery;
  if (place.closer !== "" && text.startsWith(place.closer, end)) return end;
  if (/\s/.test(text.charAt(end))) return closesAfterSpace(text, end, place) ? end : undefined;
  return canEnd(text, end, name) ? end : undefined;
}
