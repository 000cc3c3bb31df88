/**
 * Decides whether a path or a file name may start or end at an offset of a text. The answer is no if the path or the name
 * goes on there. The rules look only at the text around the offset. Other files find the end: name-list.ts for a known
 * name, mentions.ts for a path that matches no file, and links/mention-end.ts for a path in a text that is still arriving.
 */
import { once } from "../once.js";
import { endOfCompound } from "./compounds.js";
import { extensionOf } from "./file-index.js";
import { closesAfterSpace, HTML_TAGS, type Place } from "./markup/places.js";
import { ON_OTHER_SYSTEM } from "./other-systems.js";
import { endOfMatch, isWordCharacter, LETTER, matchAt, readEncoded, testAt, UNSPACED } from "./spelling.js";

/**
 * Text after which a path or a name may always start. Each pattern in the tables of this file has a name, an example and a test
 * of the same name.
 */
export const OPENING = {
  space: String.raw`[\s'"${"`"}“”‘’«»「『(\[<\|>]`, // `(/mnt/data/a.csv`, `"/mnt/data/a.csv"`
  jsonBreak: String.raw`(?<!\\)(?:\\\\){0,8}\\[nrt]|\\[nrt](?=[/\\])`, // `Saved:\n/mnt/data/a.csv`, in raw JSON
  curlFile: "(?<![^\\s='\"(])@(?=/)", // `-F file=@/mnt/data/a.csv`: curl sends the content of that file
  semiticPrefix: String.raw`(?<![\p{L}\p{M}/])[\p{Script=Arabic}\p{Script=Hebrew}](?=\/)`, // `و/mnt/data/a.csv`: "and" in Arabic
};
const opened = once(() => either(OPENING, "(?<=", ")"));

/** Text after which a path or a name is part of a longer path or name. */
export const ATTACHING = {
  joiner: String.raw`[/\\.%+@$^#&})\]\u2010\u2011]`, // `v1.a.csv`, `{date}a.csv`
  letter: LETTER, // `mya.csv`
  underscore: String.raw`(?:${LETTER}|[${UNSPACED}])\\{0,2}_`, // `my_a.csv`, `my\_a.csv`; not `__`, which is bold type
  underscores: String.raw`${LETTER}(?:\\{0,2}_){2,4}`, // `my__a.csv`
  home: "(?<!~)~", // `~/mnt/data/a.csv`; not `~~`, which is strikethrough
  hyphen: String.raw`(?!\p{Script=Hebrew})\S-`, // `my-a.csv`
  dash: String.raw`\S[–−](?![/\\]|[a-z]{4,10}:)`, // `2020–a.csv`; not before a path, where a dash is punctuation
  // `「最新a.csv」`, `**2024年a.csv**`, `| 最新a.csv |`
  quotedWord: String.raw`(?:[${"`"}“「『《【]|\*\*|\| ?)[\d${UNSPACED}]{1,64}(?![/\\]|[a-z]{4,10}:)`,
  url: String.raw`:\/\/(?:[^\s"'${"`"}<>\(\)[\]\{\}\|，。；、]|\[\]){0,256}`, // `https://host/mnt/data/a.csv`
};
const attached = once(() => either({ ...ATTACHING, ...ON_OTHER_SYSTEM }, "(?<=", ")"));
/** An invisible character, or `<wbr>`: this tag allows a line break inside a word. */
const INVISIBLE = String.raw`(?:[\u00ad\u200b-\u200d\u2060\ufeff]|<wbr\s?\/?>)`;
const INVISIBLE_BEFORE = new RegExp(`(?<=(${INVISIBLE}{1,8}))`, "iy");
const INVISIBLE_AFTER = new RegExp(`${INVISIBLE}{1,8}`, "iy");
const ENCODED_BEFORE = /(?<=(&#?\w{2,8};|\\{1,2}u[\da-f]{4}))/iy;

/** Returns whether a path or a name may start at `at`. Returns false if the path or the name starts before `at`. */
export function canStart(text: string, at: number): boolean {
  const before = at === 0 ? 0x20 : text.charCodeAt(at - 1);
  // The most frequent characters are checked without a regular expression. The codes below are, in this order: space, line
  // break, `(`, `"`, backtick, slash.
  if (before === 0x20 || before === 0x0a || before === 0x28 || before === 0x22 || before === 0x60)
    return true;
  if (before === 0x2f) return false;
  const invisible = matchAt(INVISIBLE_BEFORE, text, at)?.[1];
  if (invisible) {
    const lead = text.slice(Math.max(0, at - 80), at - invisible.length);
    return !isWordCharacter(lead, lead.length - 1) && canStart(lead, lead.length);
  }
  const encoded = matchAt(ENCODED_BEFORE, text, at)?.[1];
  if (encoded) {
    // An unknown HTML entity most likely stands for an arrow, a bullet or a space.
    const meant = readEncoded(encoded, 0)?.meant ?? " ";
    const lead = text.slice(Math.max(0, at - 80), at - encoded.length) + meant;
    return canStart(lead, lead.length);
  }
  return testAt(opened(), text, at) || !testAt(attached(), text, at);
}

/** The full-width punctuation marks, such as the comma of Chinese text, and the ellipsis. They end every path and name. */
export const WIDE_PUNCTUATION = "，。、；：！？…";
/**
 * Characters that end a name without an extension. There is one exception: in `Makefile,final.pdf`, the comma does not end the
 * name (see `punctuatedName`). A name with an extension ends at any text that does not continue it (see
 * {@link CONTINUING_WITH_EXTENSION}).
 */
const ENDING = String.raw`"'${"`"}“”‘’\)\|\]\}>»」』）】》〉${WIDE_PUNCTUATION}．｡､,;:!?—،؛؟۔।॥።։`;
/** The text with which a name goes on after square brackets, such as the second `.csv` in `a.csv[1].csv`. */
const MORE = String.raw`[_.\-]{0,4}(?:\/|${LETTER})`;
/** Text that continues any name. If such text follows a file's name, both together name another file. */
const CONTINUING = {
  letter: LETTER, // `a.csv2`
  slash: String.raw`\/`, // `a.csv/x`
  sign: String.raw`[@+$^](?!\s|$)`, // `a.csv+1`
  equals: String.raw`=(?![>=\s]|$)`, // `a.csv=1`; not `a.csv=>` and `a.csv==`
  percent: String.raw`%[\dA-Fa-f]{2}|%\d{0,3}[dsifu]`, // `a.csv%20b`, `a.csv%03d`
  ampersand: "&(?![\\s&]|$|[A-Za-z]{2,8};)", // `a.csv&b`; not `a.csv&& ls`
  backup: "~(?!~)", // `a.csv~`
  copy: String.raw`[^\S\r\n]\([^()\s]{1,16}\)\.[A-Za-z\d]`, // `a.csv (1).csv`
  wideCopy: String.raw`[^\S\r\n]?（[^（）\s]{1,16}）\.[A-Za-z\d]`, // `a.csv（旧）.csv`
  call: String.raw`\(\)`, // `a.csv()`
  backslash: String.raw`\\(?![nrt"'\s]|$)`, // `a.csv\_b`; not `\n` and `\"`, which end a name in raw JSON
  braces: String.raw`\{[^\}\n]{1,98}\}`, // `a.csv{,.bak}`
  placeholder: "<[^\\W_abipqsu]>", // `a.csv<n>`; not `a.csv<b>`, where `<b>` is an HTML tag
  brackets: String.raw`\[(?!\^)[^\]]{0,98}\]${MORE}`, // `a.csv[1].csv`; not `a.csv[^1]`, where a footnote follows
  // `a.csv.bak`, `a.csv_old`; not a sentence's full stop or the closing underscore of emphasis
  suffix: String.raw`[._]+(?![._])(?:${LETTER}|[\-/@+=$^%&~\{]|\*(?!\*)|\\(?![nrt"'\\*_]|$))`,
  extensionPlaceholder: String.raw`\.<(?!${HTML_TAGS})\w[\w \-]{0,30}>`, // `a.csv.<ext>`
  starredWord: String.raw`\*+_{0,2}(?:[/\{A-Za-z\d]|\.\w)`, // `a.csv*b`
  wildCard: String.raw`(?<!\*[^\n]{0,500})\*(?!\*)`, // `a.csv*`; not `*a.csv*`, which is italic, and `**`, which is bold
  // `a.csv数据_1.csv`; not `a.csvを`, where a particle (such as を, 에 or 的) stands directly after the name
  unspacedName: String.raw`[${UNSPACED}]{1,64}(?:[_\-]|\.[A-Za-z\d])`,
};
const HYPHEN = "[\\-\\u2010\\u2011]";
/** Text that continues a name such as `a.csv`, which has an extension. */
export const CONTINUING_WITH_EXTENSION = {
  ...CONTINUING,
  hyphen: String.raw`${HYPHEN}(?!-*(?:[\s>]|$))`, // `a.csv-old`; not `a.csv- ` and `a.csv-->`. See compounds.ts for `a.csv-Datei`
};
const continuesWithExtension = once(() => either(CONTINUING_WITH_EXTENSION));

const NAME_PART = String.raw`\p{L}\p{N}\p{M}_.\-`;
const EXTENSION = String.raw`\.(?=\d{0,9}[A-Za-z])[A-Za-z\d]{1,10}(?![A-Za-z\d])`;
/**
 * The rest of a name up to an extension (`.am` in `Makefile.am`), or one more word with an extension (` report.pdf` in
 * `Makefile report.pdf`). If the next word has an extension, it is most likely part of the name.
 */
const REST = String.raw`[${NAME_PART}]{0,64}(?:(?<!\.)[^\S\r\n](?![a-z]+:|[*[|<])[^\s/\]["'${"`"}]{0,64}(?:[^\S\r\n]\(\w{1,16}\))?)?${EXTENSION}`;
/**
 * A Japanese or Korean particle right after a name or a folder. `を` always counts. Any other particle does not count if
 * letters of its script (Hiragana or Hangul) follow, because it is then most likely the beginning of a word.
 */
const PARTICLE = String.raw`を|[にはがへで](?!\p{Script=Hiragana})|(?:[을를은는이가의로와과도]|에[서는도]?|으로)(?!\p{Script=Hangul})`;
/**
 * Text that continues a name without an extension, such as `.am` in `Makefile.am`. A name without an extension is often the
 * beginning of another name, so there are more patterns here than in {@link CONTINUING_WITH_EXTENSION}.
 */
export const CONTINUING_WITHOUT_EXTENSION = {
  ...CONTINUING,
  hyphen: String.raw`${HYPHEN}(?!-*(?:[\s>]|$))`, // `Makefile-old`
  rest: REST, // `Makefile.am`, `Makefile report.pdf`
  // `Makefile Files/report.csv`; not `Makefile and/or`, where no folder follows
  folder: String.raw`[^\S\r\n](?!and\/or\b|w\/|n\/a\b)[${NAME_PART}]{1,64}\/[${NAME_PART}]`,
  punctuatedName: `(?=[!-~])[${ENDING}][${NAME_PART}]{0,64}${EXTENSION}`, // `Makefile,final.pdf`
  unspacedRest: `[${UNSPACED}]{1,64}${REST}`, // `Makefile最终版.xlsx`
  unspacedWord: `(?<=[${UNSPACED}])(?!${PARTICLE})[${UNSPACED}]`, // `データベース`; not `データに`
  opener: String.raw`[\{\[]`, // `Makefile{n}`
  tag: String.raw`<(?!\/|br\b)`, // `Makefile<n>`
  // `Makefile#final`
  other: String.raw`(?![\s${ENDING}${UNSPACED}<\\&%._*~\-\u2010\u2011])[\s\S](?=[${NAME_PART}/])`,
};
const continuesWithoutExtension = once(() => either(CONTINUING_WITHOUT_EXTENSION));

function either(patterns: Record<string, string>, before = "(?:", after = ")"): RegExp {
  return new RegExp(before + Object.values(patterns).join("|") + after, "uy");
}

/**
 * Returns whether a path or a name stops at `end`. The text up to `end` spells the path or the name. For example, the name
 * `report.csv` stops in the texts `report.csv.` and `report.csvに`, but goes on in `report.csv2` and `report.csv.bak`. `name` is
 * the file's name. `opener` is the character before the mention. If `opener` is a quote or a backtick, a name without an
 * extension does not stop at a space.
 */
function canEnd(text: string, end: number, name: string, opener = ""): boolean {
  const afterInvisible = endOfMatch(INVISIBLE_AFTER, text, end);
  if (afterInvisible > end) return canEnd(text, afterInvisible, name, opener);
  const encoded = text[end] === "%" ? undefined : readEncoded(text, end);
  if (encoded) return canEnd(encoded.meant + text.slice(encoded.end, encoded.end + 300), 0, name, opener);
  if (extensionOf(name) !== "") {
    const closer = opener === "'" ? opener : CLOSER[opener];
    const isContinued =
      testAt(continuesWithExtension(), text, end) && endOfCompound(text, end, closer) === end;
    return !isContinued && !isPartOfQuoted(text, end, opener);
  }
  if (/["'`“‘«「『]/.test(opener) && /[^\S\r\n]/.test(text.charAt(end))) return false;
  return !testAt(continuesWithoutExtension(), text, end);
}

/** The keys are the characters that open code or a quotation. The value of a key is the closing character. */
const CLOSER: Record<string, string> = { "`": "`", '"': '"', "“": "”", "「": "」", "『": "』", "《": "》" };
/** Matches the further words of a name, such as ` - Sheet1.csv` in `a.xlsx - Sheet1.csv`. The last word has an extension. */
const LAST_WORDS = new RegExp(
  String.raw`[^\S\r\n](?:[-–&+] |[${NAME_PART}]{1,64} ){0,4}[${NAME_PART}()]{0,64}${EXTENSION}`,
  "uy",
);

/** Returns whether the path before `end` is only the beginning of a longer name: `` `/mnt/data/a.xlsx - Sheet1.csv` ``. */
function isPartOfQuoted(text: string, end: number, opener: string): boolean {
  const closer = CLOSER[opener];
  if (closer === undefined || text[end] !== " ") return false;
  const after = endOfMatch(LAST_WORDS, text, end);
  return after > end && text[after] === closer;
}

/**
 * Text that may follow a folder's last slash, such as punctuation, markup, a particle or the words "in" and "folder". Any other
 * word may be a file's name.
 */
export const AFTER_FOLDER = {
  end: String.raw`$|[\s\p{Script=Hiragana}${ENDING}]`, // `out/ `, `out/,`, `out/に`
  particle: PARTICLE, // `out/에`
  in: String.raw`[中下里内](?!\p{Script=Han})`, // `out/中`
  folder: String.raw`(?:目[录錄]|文件[夹夾])(?![\w.])`, // `out/目录`
  fullStop: String.raw`\.(?:\s|$)`, // `out/.`
  emphasis: String.raw`\*\*(?![\w*/.\{])|_+(?!\w)|~~`, // `**out/**`, `_out/_`, `~~out/~~`
  tag: "<\\/", // `<b>out/</b>`
};
const endsFolder = once(() => either(AFTER_FOLDER));

/**
 * Returns whether a folder's path stops at `end`. The text up to `end` spells the path. The path may end with a slash. For
 * example, the path `/mnt/data/out` stops in the text `/mnt/data/out.`, but goes on in `/mnt/data/out2`.
 */
export function canFolderEnd(text: string, end: number): boolean {
  if (isWordCharacter(text, end)) return false;
  if (text[end - 1] !== "/") return canEnd(text, end, "a.b"); // the rules for a file name with an extension
  return testAt(endsFolder(), text, end);
}

/** The query and fragment of a URL in prose. */
export const QUERY = /[?#][^\s)>"'\\|<]*/y;
/** Patterns for the query and fragment of a link's destination. The key is the character that closes the destination. */
const QUERIES: Record<string, RegExp> = {
  "": QUERY,
  ")": /[?#](?:[^\s()\\]|\\\S|\((?:[^\s()]|\([^\s()]*\))*\))*/y,
  ">": /[?#][^<>\n]*/y,
  '"': /[?#][^"\\\n]*/y,
  "'": /[?#][^'\\\n]*/y,
};

/**
 * Returns where the citation of a mention ends. The text spells the file's path or name up to `end`. If the path or name goes on
 * after `end`, the text names something else, and the function returns `undefined`. In a link's destination, only a query, a
 * fragment or punctuation may follow `end`. The citation includes the query and the fragment of a destination with a scheme. In all
 * other cases, the citation ends at `end`.
 */
export function endOfCitation(
  text: string,
  { start, place, hasScheme }: { start: number; place: Place; hasScheme: boolean },
  end: number,
  name: string,
): number | undefined {
  if (place.kind === "text") return canEnd(text, end, name, text[start - 1]) ? end : undefined;
  const afterQuery = endOfMatch(QUERIES[place.closer]!, text, end);
  if (afterQuery > end && hasScheme) return afterQuery;
  if (afterQuery > end) return canEnd(text, end, name) ? end : undefined;
  const afterPunctuation = endOfMatch(PUNCTUATION, text, end);
  return isClosedAt(text, afterPunctuation, place, afterPunctuation > end) ? end : undefined;
}

/** Sentence punctuation that models write between a path and the end of its link: `[x](sandbox:/mnt/data/a.csv.)`. */
const PUNCTUATION = new RegExp(`[.,;:!?${WIDE_PUNCTUATION}]{1,3}`, "y");
/** A closing quote that is escaped for JSON. */
const ESCAPED_QUOTE = /\\{1,4}["']/y;
/** The end of an unquoted attribute or of a definition's destination: one of these characters, or the end of the text. */
const ENDS_UNQUOTED = /["'<>)\]}|\\`]|$/y;
/** The rest of a line, at most 4,096 characters. It is searched for the character that closes a link, such as `)`. */
const LINE = /[^\n]{0,4096}/y;

/** Returns whether a link's destination ends at `at`. `isPunctuated` is true if punctuation is between the file name and `at`. */
function isClosedAt(text: string, at: number, place: Place, isPunctuated: boolean): boolean {
  const { kind, closer } = place;
  if (at === text.length) return true;
  if (/\s/.test(text.charAt(at))) {
    return closesAfterSpace(text, at, place) || (isPunctuated && kind === "definition");
  }
  if (closer === "") return testAt(ENDS_UNQUOTED, text, at);
  if (text.startsWith(closer, at)) return true;
  if (kind === "attribute") return testAt(ESCAPED_QUOTE, text, at);
  // If the rest of the line has no `closer`, the path is not in a link. Then the rules for prose apply.
  return !text.slice(at, endOfMatch(LINE, text, at)).includes(closer) && canEnd(text, at, "a.b");
}
