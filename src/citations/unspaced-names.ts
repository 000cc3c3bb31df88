/**
 * Decides whether the letters right before a file's name belong to a longer name, in a script without spaces such as Chinese. In
 * `“最新报告.xlsx”` ("newest report"), `最新` belongs to the name, so the text does not mean the file `报告.xlsx`. In
 * `已保存为报告.xlsx` ("saved as report"), `已保存为` does not belong to the name, so the text means `报告.xlsx`.
 *
 * In prose, nothing shows where the name starts. So the letters count as part of the name only in four cases:
 *
 * - A slash, a backslash, `_` or `-` joins the letters to a longer path or name.
 * - The letters come right after an opening quote or bracket such as `“` or `「`, or after a tag such as `<b>`.
 * - Straight quotes, square brackets, code, emphasis, a table cell or a list item contain only the letters and the name.
 * - The letters end with a Korean letter, and the name starts with a Korean letter. Korean has spaces between words, so the
 *   two letters are in one word.
 *
 * In the first three cases, letters that introduce a file, such as "saved as", are not part of the name.
 */
import { once } from "../once.js";
import type { Range } from "./ranges.js";
import { decode, matchAt, testAt, UNSPACED } from "./spelling.js";

/**
 * Matches the characters right before a name: `Q3最新` before `报告.xlsx`. The last of these characters is a letter of a script
 * without spaces, such as Chinese. The characters before that letter may be letters of any script, digits, `-` or `&`.
 */
const LETTERS = String.raw`([\p{L}\p{N}\p{M}\-&]{0,64}[${UNSPACED}])`;
/** Words after a folder: "folder", "in", "under", "of", "and". They begin the rest of a sentence, not a file's name. */
const AFTER_FOLDER = "目[录錄]|文件[夹夾]|フォルダ|[中里裡裏内內下上的和与與及或是のにでをと]";

/**
 * Matches at the start of a name if the letters before the name follow a `/`, `\`, `_` or `-`. This character joins the letters to
 * the name. `isEndOfUnspaced` has the exceptions.
 */
const JOINED = once(() =>
  before([
    String.raw`\/[\d${UNSPACED}]{1,64}`, // `/tmp/最新a.csv`
    // `/tmp/v2_最新a.csv`; not `/mnt/data目录下的a.csv`
    String.raw`\/[A-Za-z\d_\-]{1,64}(?!${AFTER_FOLDER})[\d${UNSPACED}]{1,64}`,
    String.raw`(?:\\|[\p{L}\p{N}]_|(?:[A-Za-z]|\d{4})-)[\d${UNSPACED}]{1,64}`, // `D:\最新a.csv`, `my_最新a.csv`, `2024-最新a.csv`
  ]),
);

/**
 * Opening quotes, brackets and tags. Letters right after them belong to the name that follows: in `“最新a.csv”`, the name is
 * `最新a.csv`. The code does not look for the closing quote, because more text may come before that quote.
 */
const OPENED = once(() =>
  before([
    `[“„‘«‹「『《〈【]${LETTERS}`,
    String.raw`<(?:code|kbd|samp|tt|t[dh]|b|strong|i|em|u|a|mark|span)\b[^<>]{0,200}>${LETTERS}`,
  ]),
);

const END_OF_LINE = /[ \t]{0,8}(?:\r?\n|$)/y;
/**
 * Pairs of an opener and a closer, such as straight quotes. Letters before a name belong to the name if they come right after
 * the opener and the closer comes right after the name.
 */
const WHOLE: readonly { opened: () => RegExp; closer: RegExp }[] = [
  { opened: opener('"'), closer: /"/y },
  { opened: opener("'"), closer: /'/y },
  { opened: opener("`"), closer: /`/y },
  { opened: opener(String.raw`\*`), closer: /\*/y },
  { opened: opener("_"), closer: /_/y },
  { opened: opener("~~"), closer: /~~/y },
  { opened: opener(String.raw`\[`), closer: /\]/y }, // `[最新a.csv](#)`
  { opened: opener(String.raw`\|[ \t]{0,40}`), closer: /[ \t]{0,40}\|/y }, // `|  最新a.csv  |`
  { opened: opener(String.raw`<(?:p|li|div|h\d)\b[^<>]{0,200}>\s{0,8}`), closer: /\s{0,8}</y },
  // `- 最新a.csv`, `1. 最新a.csv`
  { opened: opener(String.raw`\n[ \t>]{0,16}(?:[-*+•]|\d{1,3}[.)])[ \t]{1,4}`), closer: END_OF_LINE },
];

/** Words that introduce a file, right before its name: "as", "to", "in", "is", "see", and Japanese and Thai particles. */
const PARTICLE = "为|為|到|至|了|在|是|见|見|は|を|が|に|へ|เป็น|ที่|ใน|ไฟล์";
const INTRODUCING = new RegExp(`(?:${PARTICLE})$`);
/**
 * Matches if the letters are nothing but a word for "file", a request ("please view") or a report ("created"). Such letters are
 * not part of a name.
 */
const SENTENCE = new RegExp(
  [
    "^(?:文件|檔案|档案|附件|ファイル",
    "(?:[您我可请請]|可以|点击|點擊|直接){0,4}(?:下[载載]|打[开開]|[开開][启啟]|查看|[检檢][视視]|保存|[储儲]存|包含)",
    "(?:已|已[经經]|我|成功){1,4}(?:保存|[储儲]存|生成|[产產]生|[创創]建|建立|[写寫]入))$",
  ].join("|"),
);

/**
 * Words such as "file", "table" or "download". They introduce a name that starts with a Latin letter or a digit. Before a name
 * of Chinese letters, the same words may be a part of the name.
 */
const BEFORE_LATIN =
  /(?:文件名?|檔案|档案|附件|附表|表格?|[图圖]表?|[报報]告|[数數]据|[资資]料|查收|查看|下[载載]|ファイル名?|データ|レポート|グラフ)$/;
const IS_LATIN = /[a-z\d]/iy;
const IS_UNSPACED = new RegExp(`[${UNSPACED}]`, "u");

const IS_HANGUL_JOINED = /(?<=\p{Script=Hangul})\p{Script=Hangul}/uy;
const LONGEST_LEAD = 300;
const LONGEST_CLOSER = 80;

function before(patterns: readonly string[]): RegExp {
  return new RegExp(`(?<=(${patterns.join("|")}))`, "uy");
}

function opener(pattern: string): () => RegExp {
  return once(() => new RegExp(`(?<=${pattern}${LETTERS})`, "uy"));
}

/**
 * Returns whether the name from `start` to `end` is only the end of a longer name or path in a script without spaces. `pathEnd`
 * returns the end of the last path that is mentioned before the name. The path itself is not read. Otherwise a slash in the
 * path would join letters to the name.
 */
export function isEndOfUnspaced(text: string, { start, end }: Range, pathEnd: () => number): boolean {
  const last = text.charCodeAt(start - 1);
  if (!(last >= 0x80 || last === 0x3b)) return false; // 0x3b is `;`, the end of an HTML entity
  // Korean writes a space between words, so two Hangul letters without a space are in one word.
  if (testAt(IS_HANGUL_JOINED, text, start)) return true;
  const from = Math.max(0, start - LONGEST_LEAD, pathEnd());
  const lead = (from === 0 ? "\n" : "") + decode(text.slice(from, start)).normalize("NFC");
  const isLatin = testAt(IS_LATIN, text, start);
  const introduce = (letters: string): boolean =>
    INTRODUCING.test(letters) || (isLatin && BEFORE_LATIN.test(letters));
  const joined = matchAt(JOINED(), lead, lead.length)?.[1];
  if (joined !== undefined) {
    // In `下载/查看a.csv` ("download/view a.csv"), the slash stands between two words.
    const isBetweenWords = isLatin && IS_UNSPACED.test(lead.charAt(lead.length - joined.length - 1));
    return !isBetweenWords && !introduce(joined);
  }
  const tail = decode(text.slice(end, end + LONGEST_CLOSER));
  const letters = lettersAfterOpener(lead, tail);
  return letters !== undefined && !introduce(letters) && !SENTENCE.test(letters);
}

/**
 * Returns the letters at the end of `lead` that follow an opener of `OPENED` or `WHOLE`, such as a quote or a tag. Returns
 * `undefined` if there are none. For `WHOLE`, the text after the name (`tail`) must begin with the closer.
 */
function lettersAfterOpener(lead: string, tail: string): string | undefined {
  const opened = matchAt(OPENED(), lead, lead.length);
  if (opened) return opened[2] ?? opened[3];
  for (const { opened: pattern, closer } of WHOLE) {
    const letters = matchAt(pattern(), lead, lead.length)?.[1];
    if (letters !== undefined && testAt(closer, tail, 0)) return letters;
  }
  return undefined;
}
