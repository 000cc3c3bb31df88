/**
 * How the characters of a path or a name are written in a text: as they are, percent-encoded, escaped for
 * Markdown or JSON, as HTML entities, composed or decomposed. And the folded form in which two spellings of one
 * name are the same: other dashes, spaces, quotes and case.
 */

/** One way to read the text at a position: the characters it means, and where the next ones start. */
export interface Reading {
  meant: string;
  end: number;
}

const COMBINING = /\p{M}/u;

/**
 * The character that stands at `at`, in NFD, with the combining marks after it: together they may be written
 * in any order and composed or not.
 */
export function readLiteral(text: string, at: number): Reading {
  const base = text.codePointAt(at)!;
  let end = at + (base > 0xffff ? 2 : 1);
  if (base < 0x80) {
    // "a//b" is the same path as "a/b".
    if (base === 0x2f) while (text[end] === "/") end++;
    return { meant: text[at]!, end }; // its marks are read after it
  }
  // Sixteen marks on one character are more than any language writes; without a bound, a text of nothing but
  // marks would be read from each of its positions to its end.
  for (let marks = 0; marks < 16 && text.charCodeAt(end) >= 0x300; marks++) {
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
/** `&eacute;` is an e and this: letters are read in NFD. */
const MARKS: Record<string, string> = {
  ...{ acute: "\u0301", grave: "\u0300", circ: "\u0302", tilde: "\u0303", uml: "\u0308", ring: "\u030a" },
  cedil: "\u0327",
};
const ENCODED = new RegExp(
  [
    // A character escaped for Markdown or, a space, for a shell. JSON may have escaped it again.
    String.raw`\\{1,4}([ -/:-@[-${"`"}{-~])`,
    // One of JSON's: a surrogate pair, another.
    String.raw`\\{1,2}u(d[89ab][\da-f]{2})\\{1,2}u(d[c-f][\da-f]{2})|\\{1,2}u([\da-f]{4})`,
    String.raw`(%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3})`,
    `&(?:(${Object.keys(NAMED).join("|")})|([a-z])(${Object.keys(MARKS).join("|")})|#(\\d{1,7})|#x([\\da-f]{1,6}));`,
  ].join("|"),
  "iy",
);

/** What an escape, an encoded character or an entity at `at` stands for, in NFD, if there is one. */
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
    return undefined; // bytes that are no UTF-8, a number that is no character's
  }
}

/** `pattern`, which is sticky, at `at`. */
export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Whether `pattern`, which is sticky, matches at `at`. */
export function testAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

/** Where what `pattern`, which is sticky, matches at `at` ends; `at` if it does not. Costs no array, as a match does. */
export function endOfMatch(pattern: RegExp, text: string, at: number): number {
  return testAt(pattern, text, at) ? pattern.lastIndex : at;
}

const UNUSUAL = /[\\%&]|\/\/|[^\0-\x7f]/;
const ESCAPES = /[\\%&]/g;

/** A whole run of text as it is meant: every escape in it decoded, in NFD, "//" as "/". */
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

/** Whether `written` means `name`, which is in NFD, letter by letter: with every escape decoded, or as it stands. */
export function spells(written: string, name: string): boolean {
  return decode(written) === name || written.normalize("NFD") === name;
}

/** Other dashes, spaces, single and double quotes; and a sigma, which is written by its place in the word. */
const VARIANTS =
  /([\u2010-\u2015\u2212\ufe58\ufe63\uff0d])|([\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])|([\u2018-\u201b\u2032])|([\u201c-\u201f\u2033])|ς/g;

/** The form in which a name written with other dashes, spaces, quotes or case equals the file's own. */
export function fold(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text.toLowerCase();
  return text
    .normalize("NFD")
    .toLowerCase()
    .replace(VARIANTS, (_, dash, space, single, double) =>
      dash ? "-" : space ? " " : single ? "'" : double ? '"' : "σ",
    );
}
