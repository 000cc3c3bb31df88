/** Finds the words that look like file names in code, commands and printed output. */

/** Returns whether the name from `start` to `end` is at a place where a file name is expected. */
export type IsFileName = (text: string, start: number, end: number) => boolean;

/**
 * Matches the part of a path before the file name, if the path is not relative. Such a path starts with `/`, `~`, a variable
 * (`$DIR`) or a drive (`C:\`), or is a URL.
 */
const ELSEWHERE = /(?:^|[\s"'`(=,:])(?:\/|~|\$|[a-z][a-z\d+.-]*:\/\/|[a-z]:\\)[^\s"'`]*$/i;

/** Returns whether the name at `start` ends a path that is not relative to the working folder. */
function isElsewhere(text: string, start: number): boolean {
  return /[/\\]/.test(text.charAt(start - 1)) && ELSEWHERE.test(text.slice(Math.max(0, start - 200), start));
}

/**
 * Accepts a name in code if the name is a whole string or the end of a relative path in a string. Paths below a root are read
 * separately.
 */
export const IN_QUOTES: IsFileName = (text, start, end) =>
  /["'`/\\]/.test(text.charAt(start - 1)) && /["'`\\]/.test(text.charAt(end)) && !isElsewhere(text, start);

/** Returns whether a word that looks like a file name is an abbreviation: `e.g`, `i.e`, `z.B`. */
export function isAbbreviation(name: string): boolean {
  return /^\p{L}\.\p{L}$/u.test(name);
}

const USUAL_EXTENSION =
  /\.(?:csv|tsv|xlsx?|docx?|pptx?|pdf|png|jpe?g|gif|svg|webp|bmp|tiff?|txt|md|rtf|tex|od[tsp]|epub|json[l5]?|geojson|ya?ml|toml|xml|html?|css|[jt]sx?|py|ipynb|r|sql|sh|log|zip|tar|gz|tgz|7z|parquet|feather|pkl|npy|npz|h5|db|sqlite3?|mp[34]|wav|ogg|flac|avi|mov|webm|stl|obj|dxf|kml|ics|eml|vcf)$/i;

/**
 * Accepts a name in a command or in printed output if the name follows a quote, ends a relative path, or is a separate word with
 * a common extension. A separate word with any other extension is not accepted, because it may not be a file name: for example,
 * `scipy.stats` in a warning.
 */
export const IN_LINE: IsFileName = (text, start, end) => {
  if (!/^(?:$|[\s"'`\\,;:)\]<|&]|[.!?](?:\s|$))/.test(text.slice(end, end + 2))) return false;
  const before = text.charAt(start - 1);
  if (/["'`/\\]/.test(before)) return !isElsewhere(text, start);
  return (before === "" || /[\s>=:([]/.test(before)) && USUAL_EXTENSION.test(text.slice(start, end));
};

/**
 * Matches an extension. After it, there must be no letter or digit, and no `(` of a function call. Closing emphasis and a size in
 * parentheses are allowed: `_a.csv_`, `a.csv(12 KB)`.
 */
const EXTENSION =
  /\.(?=[a-z0-9]{0,9}[a-z])[a-z0-9]{1,10}(?![a-z0-9]|_{1,9}[a-z0-9]|\((?!\s?\d[\d.,]{0,9}\s?(?:[KMG]i?)?B(?:ytes)?\b))/gi;
const NO_NAME = /[\s"'`\\/|<>*?:(),;[\]{}=]/;

const LONGEST_NAME = 255;

/** A word that looks like a file name, and the offset where it starts. */
export interface Word {
  start: number;
  name: string;
}

/**
 * Yields the words that look like file names: words with an extension, between quotes, slashes or spaces. `np.float64` also
 * looks like a file name. `math.sqrt(` does not.
 */
export function* fileNamesIn(text: string): Generator<Word> {
  /**
   * `wordStart` is the offset where the current word starts. `seen` is the offset of the last dot. Characters before `seen` are
   * not scanned again.
   */
  let wordStart = 0;
  let seen = 0;
  for (const { index, 0: extension } of text.matchAll(EXTENSION)) {
    let at = index;
    while (at > seen && !NO_NAME.test(text[at - 1]!)) at--;
    if (at > seen) wordStart = at;
    seen = index;
    const start = Math.max(wordStart, index - LONGEST_NAME);
    if (start < index) yield { start, name: text.slice(start, index + extension.length) };
  }
}
