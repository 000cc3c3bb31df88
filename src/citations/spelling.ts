/**
 * Decodes the characters of a path or a name in a text. A character may be percent-encoded, escaped for Markdown or JSON, or
 * written as an HTML entity. It may be composed or decomposed. Also folds text: two spellings of a name become equal if they
 * differ only in dashes, spaces, quotes or case.
 */

/**
 * Letters of scripts (writing systems) in which a word such as "is" may follow a file name directly: `a.csv是`. Most of these
 * scripts, such as Chinese, have no spaces between words. Korean has spaces, but no space before a particle.
 */
export const UNSPACED = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー々〆`;
/**
 * A letter, a combining mark or a digit. Excludes the scripts in {@link UNSPACED}. Also excludes Unicode's variation selectors:
 * they count as combining marks, but usually follow an emoji, not a letter.
 */
export const LETTER = String.raw`(?![${UNSPACED}\ufe00-\ufe0f])[\p{L}\p{Nd}\p{Mn}\p{Mc}]`;

/** The character at an offset, decoded. An offset can have two readings: `%20` is a space, or the literal character `%`. */
export interface Reading {
  /** The decoded character, in NFD. */
  meant: string;
  /** Where the next characters start. */
  end: number;
}

const COMBINING = /\p{M}/u;
/**
 * The maximum number of combining marks that are read with one character. No language needs more. Without a limit, a text that
 * has only marks would take quadratic time.
 */
const MOST_MARKS = 16;
/** When a text is read backwards, at most this many slashes in a row are read as one slash. */
const MOST_SLASHES = 16;

/**
 * Reads the character at the offset `at`. Several slashes in a row are read as one slash. A non-ASCII character is read together
 * with its combining marks and returned in NFD. So composed and decomposed forms are equal, and the order of the marks makes no
 * difference.
 */
export function readLiteral(text: string, at: number): Reading {
  const base = text.codePointAt(at)!;
  let end = at + (base > 0xffff ? 2 : 1);
  if (base < 0x80) {
    // A run of slashes is read as one: "a//b" is the same path as "a/b".
    if (base === 0x2f) while (text[end] === "/") end++;
    return { meant: text[at]!, end }; // marks after an ASCII character are read separately
  }
  for (let marks = 0; marks < MOST_MARKS && text.charCodeAt(end) >= 0x300; marks++) {
    const next = text.codePointAt(end)!;
    if (!COMBINING.test(String.fromCodePoint(next))) break;
    end += next > 0xffff ? 2 : 1;
  }
  return { meant: text.slice(at, end).normalize("NFD"), end };
}

const NAMED: Record<string, string> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", szlig: "ß", ndash: "–", mdash: "—" },
  ...{ lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", hellip: "…" },
};
/** The combining marks of entities. `&eacute;` is decoded to NFD: the letter `e`, followed by the mark for `acute`. */
const MARKS: Record<string, string> = {
  ...{ acute: "\u0301", grave: "\u0300", circ: "\u0302", tilde: "\u0303", uml: "\u0308", ring: "\u030a" },
  cedil: "\u0327",
};
const ENCODED = new RegExp(
  [
    // A character escaped for Markdown, or a space escaped for a shell. JSON may have escaped the backslash again.
    String.raw`\\{1,4}([ -/:-@[-${"`"}{-~])`,
    // A JSON escape: either a surrogate pair, such as `\ud83d\ude00`, or one UTF-16 unit, such as `\u00e9`.
    String.raw`\\{1,2}u(d[89ab][\da-f]{2})\\{1,2}u(d[c-f][\da-f]{2})|\\{1,2}u([\da-f]{4})`,
    String.raw`(%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3})`,
    `&(?:(${Object.keys(NAMED).join("|")})|([a-z])(${Object.keys(MARKS).join("|")})|#(\\d{1,7})|#x([\\da-f]{1,6}));`,
  ].join("|"),
  "iy",
);

/** Decodes the escape, percent-encoded character or entity at the offset `at`. Returns `undefined` if none starts there. */
export function readEncoded(text: string, at: number): Reading | undefined {
  const code = text.charCodeAt(at);
  const found = code === 0x5c || code === 0x25 || code === 0x26 ? matchAt(ENCODED, text, at) : null;
  if (!found) return undefined;
  const [whole, escaped, high, low, unit, bytes, name, letter, mark, decimal, hex] = found;
  try {
    let meant = escaped;
    if (bytes) meant = decodeURIComponent(bytes);
    else if (name) meant = NAMED[name.toLowerCase()]!;
    else if (letter) meant = letter + MARKS[mark!.toLowerCase()]!;
    else if (high) meant = String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low!, 16));
    meant ??= String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(unit ?? hex!, 16));
    return { meant: meant.normalize("NFD"), end: at + whole.length };
  } catch {
    return undefined; // the bytes are not UTF-8, or the number is not a code point
  }
}

/** Matches `pattern` against the text at the offset `at`. `pattern` must be sticky. */
export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Returns whether `pattern` matches the text at the offset `at`. `pattern` must be sticky. */
export function testAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

/**
 * Matches `pattern`, which must be sticky, at the offset `at`. Returns the end of the match, or `at` if there is no match. Unlike
 * {@link matchAt}, this function creates no array for the match.
 */
export function endOfMatch(pattern: RegExp, text: string, at: number): number {
  return testAt(pattern, text, at) ? pattern.lastIndex : at;
}

/** Returns whether the character at the offset `at` is an ASCII letter or digit. Faster than a regular expression. */
export function isWordCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);
}

/** Escapes a text for use in a regular expression. */
export function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

const UNUSUAL = /[\\%&]|\/\/|[^\0-\x7f]/;
const ESCAPES = /[\\%&]/g;

/** Decodes every escape in a text. Returns it in NFD, with each run of slashes as one slash. */
export function decode(text: string): string {
  if (!UNUSUAL.test(text)) return text;
  let meant = "";
  let from = 0;
  ESCAPES.lastIndex = 0;
  while (ESCAPES.test(text)) {
    const at = ESCAPES.lastIndex - 1;
    const encoded = readEncoded(text, at);
    if (!encoded) continue;
    meant += text.slice(from, at) + encoded.meant;
    from = encoded.end;
    ESCAPES.lastIndex = from;
  }
  return (meant + text.slice(from)).normalize("NFD").replace(/\/{2,}/g, "/");
}

/** Returns a text in NFC. The paths and names in calls and in file lists are compared in this form. Fast for ASCII. */
export function composed(text: string): string {
  return /[^\0-\x7f]/.test(text) ? text.normalize("NFC") : text;
}

/** Returns whether `written` is `name`, either as it is or after its escapes are decoded. `name` must be in NFD. */
export function spells(written: string, name: string): boolean {
  return decode(written) === name || written.normalize("NFD") === name;
}

/** An escape, an encoded character or an entity, right before an offset. */
const ENCODED_BEFORE = new RegExp(`(?<=(${ENCODED.source}))`, "iy");

/**
 * Looks for `name` in the text right before the offset `end`. Returns the offset where the name starts, or `undefined` if another
 * text is there. The name may be written as it is or with escapes. `name` must be in NFD. Reads the text backwards and stops at
 * the first difference.
 */
export function startOfSpelled(text: string, end: number, name: string): number | undefined {
  return startOfReading(text, end, name, true) ?? startOfReading(text, end, name, false);
}

/** Like {@link startOfSpelled}, but reads the text in one way only: with every escape decoded (`isDecoded`), or as it is. */
function startOfReading(text: string, end: number, name: string, isDecoded: boolean): number | undefined {
  let at = end;
  for (let left = name.length; left > 0; ) {
    const { start, meant } = (isDecoded && encodedBefore(text, at)) || literalBefore(text, at);
    if (start === at || !name.endsWith(meant, left)) return undefined;
    at = start;
    left -= meant.length;
  }
  return at;
}

/** The characters right before an offset: where they start in the text, and the decoded characters in NFD. */
interface ReadingBefore {
  start: number;
  meant: string;
}

function encodedBefore(text: string, at: number): ReadingBefore | undefined {
  // Every kind of escape (`%20`, `\_`, `&amp;`, `\u00fc`) has a `%`, `\`, `;` or `u` at one of these offsets. If none is there,
  // the slow regular expression is skipped.
  const mayBeEncoded =
    text[at - 3] === "%" || text[at - 2] === "\\" || text[at - 1] === ";" || /u/i.test(text.charAt(at - 5));
  const written = mayBeEncoded ? matchAt(ENCODED_BEFORE, text, at)?.[1] : undefined;
  const reading = written === undefined ? undefined : readEncoded(written, 0);
  return reading && { start: at - written!.length, meant: reading.meant };
}

/** Reads backwards: the character before `at` with its combining marks, or several slashes as one. Reads nothing if `at` is 0. */
function literalBefore(text: string, at: number): ReadingBefore {
  let start = startOfCharacter(text, at);
  if (text[start] === "/") {
    while (text[start - 1] === "/" && at - start < MOST_SLASHES) start--;
    return { start, meant: "/" };
  }
  for (let marks = 0; marks < MOST_MARKS && text.charCodeAt(start) >= 0x300; marks++) {
    if (!COMBINING.test(String.fromCodePoint(text.codePointAt(start)!))) break;
    start = startOfCharacter(text, start);
  }
  return { start, meant: text.slice(start, at).normalize("NFD") };
}

/** Returns where the character before `at` starts: two UTF-16 units before `at` if the character is a surrogate pair. */
function startOfCharacter(text: string, at: number): number {
  const isPair = text.codePointAt(at - 2)! > 0xffff;
  return Math.max(0, at - (isPair ? 2 : 1));
}

/** Variants of the dash, the space, the single quote and the double quote, and the form of sigma at the end of a word. */
const VARIANTS =
  /([\u2010-\u2015\u2212\ufe58\ufe63\uff0d])|([\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])|([\u2018-\u201b\u2032])|([\u201c-\u201f\u2033])|ς/g;

/** Replaces variants of dashes, spaces and quotes, so that two spellings of a name are equal. Keeps the case. Returns NFD. */
export function withPlainTypography(text: string): string {
  return /[^\0-\x7f]/.test(text) ? plainVariants(text.normalize("NFD")) : text;
}

/** Like {@link withPlainTypography}, but also changes the text to lower case. */
export function fold(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text.toLowerCase();
  return plainVariants(text.normalize("NFD").toLowerCase());
}

function plainVariants(text: string): string {
  return text.replace(VARIANTS, (_, dash, space, single, double) =>
    dash ? "-" : space ? " " : single ? "'" : double ? '"' : "σ",
  );
}
