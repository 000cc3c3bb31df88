/** Decides whether a file's name in a text is part of something longer: another name, another path, or code. */
import { canStart } from "./boundaries.js";
import { extensionOf, type IndexedFile } from "./file-index.js";
import { COPY_COMMANDS, LABEL } from "./other-systems.js";
import type { Range } from "./ranges.js";
import { composed, decode, endOfMatch, matchAt, startOfSpelled, testAt } from "./spelling.js";

/** Matches the opening parenthesis of a function call, as in `console.log(x)`, but not of a size, as in `report.csv(12 KB)`. */
const CALL = /\((?!~?\d[\d.,]{0,12} ?(?:[kKMGT]?i?B|bytes)\b)/y;
/** A space that is escaped for a shell: `my\ report.csv`. */
const ESCAPED_SPACE = /(?<=[^\s\\]\\[ ])/y;
/** A space, including no-break, figure and thin spaces. */
const SPACE = "[ \\u00a0\\u2007\\u2009\\u202f]";
const IS_SPACE = new RegExp(SPACE);
/** A revision, host or placeholder right before a name in code: `` `git show HEAD:report.csv` ``, `` `<date>report.csv` ``. */
const ATTACHED_IN_CODE = new RegExp(
  `(?<=\`(?:[\\w.-]{1,20} ){0,3}(?:(?!(?:${LABEL}):)[\\w./@~^-]{1,64}:|[^\`<>\\s]{0,60}<[a-z][\\w -]{0,30}>))`,
  "iy",
);
/** A command right before a name. The command copies a file from another system to this name: `scp me@h:/mnt/data/a.csv b.csv`. */
const COPY_TARGET = new RegExp(
  `(?<=\\b(?:${COPY_COMMANDS})\\s[^\\n\`]{0,200}[\\w\\]]:["']?[\\w/~.][^\\s\`]{0,200}[^\\S\\n])`,
  "y",
);

/**
 * Returns whether the name from `start` to `end` is part of something longer, judging by the text before and after it.
 * `isPathEnd` returns whether a mention by path ends at an offset.
 */
export function isPartOfLongerText(
  text: string,
  { start, end }: Range,
  isPathEnd: (at: number) => boolean,
): boolean {
  if (testAt(CALL, text, end)) return true;
  if (testAt(ATTACHED_IN_CODE, text, start) && !text.startsWith("</", end)) return true;
  if (!IS_SPACE.test(text.charAt(start - 1))) return false;
  return (
    testAt(ESCAPED_SPACE, text, start) ||
    testAt(COPY_TARGET, text, start) ||
    isEndOfQuoted(text, start, end) ||
    (!isPathEnd(start - 1) && isEndOfPath(text, start))
  );
}

/** The marks that close code, bold type or a quotation, by the last character of the opening mark (`*` for `**`). */
const CLOSERS: Record<string, RegExp> = {
  "`": /`/y,
  "*": /\*\*/y,
  _: /__/y,
  '"': /\\{0,4}"/y,
  "'": /\\{0,4}'/y,
  "“": /”/y,
  "„": /[“”]/y,
  "‘": /’/y,
  "«": /»/y,
  "「": /」/y,
  "『": /』/y,
  "《": /》/y,
};
const WORD = "[^\\s`*\"'“”„‘«»「」『』《》]{1,60}";
/** The mark that opens code, bold type or a quotation, and one to three words between this mark and a name. */
const OPENED_BEFORE = new RegExp(
  String.raw`(?<=(?<![\p{L}\p{N}])(${"`"}{1,3}|\*\*|__|\\{0,4}["']|[“„‘«「『《])(${WORD}(?:${SPACE}${WORD}){0,2})${SPACE})`,
  "uy",
);
const LONGEST_LEAD = 60;

/** Returns whether a name is the end of a longer name or path in backticks, quotes or bold type: `"2024 report.csv"`. */
function isEndOfQuoted(text: string, start: number, end: number): boolean {
  const opened = matchAt(OPENED_BEFORE, text, start);
  if (!opened) return false;
  const [, opener, lead] = opened;
  const closer = CLOSERS[opener!.at(-1)!]!;
  if (lead!.length > LONGEST_LEAD || endOfMatch(closer, text, end) === end) return false;
  return isPartOfPath(lead!) || isPartOfName(lead!);
}

/** Commands, and words about files. Such a word often comes before a name and is not part of the name. */
const BEFORE_NAME =
  /^(?:cat|head|tail|less|more|open|start|python3?|node|npx|bash|sh|ls|wc|rm|mv|cp|cd|tar|zip|unzip|jq|vim?|nano|code|import|from|git|curl|download|get|view|see|save[ds]?|create[ds]?|generated?|wrote|write|read|load|export(?:ed)?|update[ds]?|attached|file|files|the|this|your|datei|fichier|archivo)$/i;
const NUMBER_OF_ITEM = /^\d{1,3}[.)] ?/;
const NAME_LIKE = /^[\p{L}\p{N}\p{M}._\-()&+#@]+$/u;

function isPartOfName(lead: string): boolean {
  const words = lead.replace(NUMBER_OF_ITEM, "").split(IS_SPACE);
  return !BEFORE_NAME.test(words[0]!) && words.every((word) => NAME_LIKE.test(word));
}

/**
 * Returns whether `lead` ends with an unfinished path. An unfinished path has no extension, and its last character is neither a
 * slash nor punctuation.
 */
function isPartOfPath(lead: string): boolean {
  const words = lead.split(" ");
  const first = words.findIndex((word) => /[/\\]/.test(word));
  const path = first < 0 ? "" : words.slice(first).join(" ");
  return /[^/\\.,:;!?)\]…]$/.test(path) && extensionOf(path.split(/[/\\]/).at(-1)!) === "";
}

/** A path right before a name. It starts with a scheme, a host, a drive, a variable, `/`, `~/`, `./` or `../`. */
const PATH_BEFORE =
  /(?<=(?<![^\s"'`(=|<>])((?:[a-z][\w+.-]{0,20}:\/\/|~?\/|\.{1,2}\/|\$\{?\w{1,40}\}?\/|[A-Za-z]:[\\/]|(?:[\w.@-]{1,64}|\[[\da-fA-F:.]{2,45}\]):\/)[^\s"'`<>()|]{0,300}) )/y;

/** Returns whether a name is the end of a path with spaces: `s3://b/my report.csv`, `/tmp/my report.csv`. */
function isEndOfPath(text: string, start: number): boolean {
  const path = matchAt(PATH_BEFORE, text, start)?.[1];
  return path !== undefined && isPartOfPath(path);
}

/** Markup right before a name: code, bold type, tags. */
const MARKUP_BEFORE =
  /(?<=((?:`{1,3}|\*{1,3}|__|~~|<\/?(?:b|i|em|strong|code|u|s|mark|kbd|span)\b[^<>]{0,60}>){1,4}))/iy;
/**
 * The end of an unfinished path or name: `/tmp/`, `v2_`, `my-`. Does not match the separator of two names, as in
 * "`a.csv`/`b.csv`".
 */
const UNFINISHED_BEFORE = /(?<=(?:^|[^`*"'>])[/\\]|[\p{L}\p{N}]_|(?!\p{Script=Hebrew})[^\s-]-)/uy;

/**
 * Returns whether a name is the end of a longer name or path, with markup in between: ``/tmp/`report.csv` ``,
 * `v2_**report.csv**`. If the text before the markup is the file's own folder, returns false.
 */
export function isSplitByMarkup(text: string, start: number, { root, folder }: IndexedFile): boolean {
  const markup = matchAt(MARKUP_BEFORE, text, start)?.[1];
  if (markup === undefined) return false;
  const at = start - markup.length;
  if (!testAt(UNFINISHED_BEFORE, text, at)) return false;
  const isFolder = (path: string): boolean => {
    const folderStart = startOfSpelled(text, at, path.normalize("NFD"));
    return folderStart !== undefined && folderStart < at && canStart(text, folderStart);
  };
  return !isFolder(`${root}/${folder}`) && !isFolder(folder);
}

/**
 * Two letters that are most likely in one word: `종보` in `최종보고서`, `上グ` in `売上グラフ`. Does not match `はグ` in `はグラフ`, because `は` is a
 * particle and ends a word.
 */
const IN_ONE_WORD =
  /\p{Script=Hangul}{2}$|[\p{Script=Katakana}ー\p{Script=Han}]\p{Script=Katakana}$|\p{Script=Hiragana}{2}$/u;

/**
 * Returns whether a folder before a name is only the end of a longer folder: `보고서/` in `최종보고서/a.png`. This concerns Korean and
 * Japanese, which can join words without a space. `start` is where the text spells `folder`.
 */
export function isEndOfWord(text: string, start: number, folder: string): boolean {
  const before = decode(text.slice(Math.max(0, start - LONGEST_CHARACTER), start));
  return IN_ONE_WORD.test(composed(before) + composed(folder).charAt(0));
}

/** The maximum length of an encoded character in UTF-16 units: a Hangul syllable of three letters, each like `%E1%84%8E`. */
const LONGEST_CHARACTER = 27;
