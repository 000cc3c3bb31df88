/**
 * Reads the relative paths in calls, such as `out/a.csv` in `to_csv('out/a.csv')`, or `a.csv` in
 * `os.path.join('/mnt/data/out', 'a.csv')`. Also decides whether a call writes a file whose path is not in the call.
 */
import { extensionOf, nameOf } from "../citations/file-index.js";
import { matchAt, testAt } from "../citations/spelling.js";

/** A file that a call names relative to a folder. */
export interface RelativePath {
  /** The paths that the file can have: below each root, or in the folder that the code joins with the name. */
  paths: string[];
  /** True if the call writes the file, judging by the code or command around the name. */
  isWritten: boolean;
}

/** How many characters before a name are read, and in `statementAround` also how many after it. */
const REACH = 200;
// The patterns below with the flag `y` are tried at a single offset. Their lookbehind reads the text before the offset. A
// pattern that ends with `$` could read the same text, but more slowly: it would be tried at each quote in the text.
/** Matches the text from the opening quote of a string to a name inside the string. */
const STRING = /(?<=["'`]([^"'`\n]{0,150}))/y;
/** Matches the beginning of a relative path. Rejects absolute paths, URLs, templates, patterns and home folders. */
const RELATIVE = /^(?!\/)[^\\{}$~:*?<>|]*$/;
/**
 * Matches a string, and what joins it to the next string: `os.path.join('/mnt/data', `, `Path('/mnt/data') / `,
 * `'/mnt/data/' + `.
 */
const JOINED_STRING =
  /(?<=(\3([^"'`\n]{1,150})(["'`])(?:\)?\s{0,20}(,|\/)|(?<=\/.)\s{0,20}(\+)|\)\.(joinpath)\()\s{0,20}))/y;
/** Matches the part before the first string in a call that joins its arguments: `os.path.join(`. */
const JOINING_CALL = /(?<=(?:join(?:path)?|resolve|Path)\(\s{0,20})/y;
/** Matches the part before the first string in a call that joins a variable with strings: `os.path.join(folder, `. */
const JOINING_VARIABLE = /(?<=(?:join(?:path)?|resolve|Path)\(\s{0,20}[\w.]{1,64}\s{0,20},\s{0,20})/y;
/** Matches code before the name of a file in an archive: `archive.writestr('a.csv'`. That file is not in the container. */
const IN_ARCHIVE = /(?:\bwritestr\(|\barcname\s?=)\s{0,20}$/;
/** The maximum number of strings before a file name that are read as parts of its path: `'/mnt/data/' + 'out/' + 'a.csv'`. */
const MOST_JOINED = 8;
/** Matches a variable and the slash that joins it to a string: `out / `. */
const JOINED_VARIABLE = /(?<=[\w)\]]\s{0,20}\/\s{0,20})/y;

const WRITES =
  /\b(?:to_\w+|save\w*|write(?!str\()\w*|output|dump|imwrite|export\w*|copy\w*|move)\(\s*f?["'`]?$|>\s*["']?$|\b(?:tee|touch)\s+["']?$/i;
const OPENS = /\bopen\(\s*f?["'`]$/;
const OPENED_TO_WRITE = /^[^"'`]*["'`]\s*,\s*(?:mode\s*=\s*)?["'`][wax]/;
/** Matches a statement that writes some file. */
const STATEMENT_WRITES =
  /\b(?:to_\w+|save\w*|write\w*|output|dump|imwrite|export\w*|copy\w*|move|touch)\(|\bopen\([^\n]{0,150}["'][wax]b?["']/i;
/**
 * Matches the part of a command before the file that the command writes: `cp /tmp/x ` in `cp /tmp/x a.csv`. Also matches the
 * part of a redirection before the file: `> ` in `> a.csv`.
 */
const COMMAND_WRITES = /\b(?:cp|mv|tee|touch|zip|tar)\s[^\n;&|]*$|>\s*["']?$/;

/** Matches a change of the working folder: `os.chdir('/mnt/data/q3')`, `cd q3 &&`, `%cd /mnt/data/q3`. */
const CHANGES_FOLDER =
  /(?:\bchdir\(\s{0,20}["'`]|(?:^|[\n;&|])[ \t]{0,20}%?cd[ \t]{1,20}["'`]?)([^"'`\n;&|)\s]{1,150})/g;
/** Matches a change of the working folder that does not give the folder as a string: `os.chdir(out)`. */
const CHANGES_TO_UNKNOWN = /\bchdir\(\s{0,20}[a-z_]/i;
/** Stands for a folder whose path is unknown. `?` is free for this, because no path of a container's file starts with `?`. */
const UNKNOWN = "?";

/** Returns whether the folder of a relative path is not known. */
export function isUnknown(path: string): boolean {
  return path.startsWith(`${UNKNOWN}/`);
}

/** The maximum number of changes of the working folder that are read. */
const MOST_CHANGES = 8;
/**
 * The maximum number of working folders that are used, besides the roots. Without a limit, many paths would be recorded, because
 * each relative path is recorded once for each folder.
 */
const MOST_FOLDERS = 4;

/**
 * Returns the folders that relative paths in code or in a command can start from: the roots, and each working folder, even if it
 * is outside of the roots. {@link UNKNOWN} stands for a folder whose path is not in the code.
 */
export function foldersOf(text: string, roots: readonly string[]): readonly string[] {
  if (!/chdir|\bcd\b/.test(text)) return roots;
  const folders = [...roots];
  if (CHANGES_TO_UNKNOWN.test(text)) folders.push(UNKNOWN);
  for (const [, spelled = ""] of [...text.matchAll(CHANGES_FOLDER)].slice(0, MOST_CHANGES)) {
    const folder = spelled.replace(/(?<=[^/])\/{1,9}$/, "");
    if (folder.startsWith("/")) folders.push(folder);
    else if (RELATIVE.test(folder)) folders.push(...pathsBelow(folders, folder).slice(0, MOST_FOLDERS));
    else folders.push(UNKNOWN);
  }
  return [...new Set(folders)].slice(0, roots.length + MOST_FOLDERS);
}

/**
 * Returns whether code writes to a path or name. `before` is the code up to the path. `from` is the code from the start of the
 * path on.
 */
export function isWriting(before: string, from: string): boolean {
  return WRITES.test(before) || (OPENS.test(before) && OPENED_TO_WRITE.test(from));
}

/**
 * Reads a path in code. The path ends with the name from `start` to `end`. Returns `undefined` if the path is not in a string,
 * is not relative, or is joined with a folder outside of the roots.
 */
export function relativePathInCode(
  text: string,
  start: number,
  end: number,
  roots: readonly string[],
): RelativePath | undefined {
  const [, lead] = matchAt(STRING, text, start) ?? [];
  if (lead === undefined || !RELATIVE.test(lead)) return undefined;
  const quote = start - lead.length - 1;
  if (IN_ARCHIVE.test(text.slice(Math.max(0, quote - 40), quote)))
    return { paths: pathsBelow([UNKNOWN], text.slice(quote + 1, end)), isWritten: true };
  const { folders, isJoined } = foldersBefore(text, quote, roots);
  if (folders.length === 0) return undefined;
  return {
    paths: pathsBelow(folders, text.slice(quote + 1, end)),
    isWritten: isJoined
      ? STATEMENT_WRITES.test(statementAround(text, start))
      : isWriting(text.slice(Math.max(0, quote - 40), quote + 1), text.slice(quote + 1, end + 40)),
  };
}

/**
 * Returns the folders that code may join with the string at `quote`. Returns no folder if the code joins the string with a folder
 * outside of the roots. `isJoined`: the code seems to join the string with another string or a variable.
 */
function foldersBefore(
  text: string,
  quote: number,
  roots: readonly string[],
): { folders: readonly string[]; isJoined: boolean } {
  const { folder, from, isOperator } = joinedBefore(text, quote);
  const isOfVariable = testAt(JOINING_VARIABLE, text, from) || testAt(JOINED_VARIABLE, text, from);
  const isSure = isOperator || isOfVariable || testAt(JOINING_CALL, text, from);
  if (!folder.startsWith("/")) {
    const below = folder !== "" && isSure ? pathsBelow(roots, folder) : [];
    const unknown = isOfVariable ? pathsBelow([UNKNOWN], folder) : [];
    return { folders: [...roots, ...below, ...unknown], isJoined: isOperator || isOfVariable };
  }
  const isBelowRoot = roots.some((root) => `${folder}/`.startsWith(`${root}/`));
  if (isSure) return { folders: isBelowRoot ? [folder] : [], isJoined: true };
  // Uses a string before a comma as a folder only if it has no extension. Otherwise the string is probably another argument of
  // the call, such as the file that is copied.
  const isFolder = isBelowRoot && extensionOf(nameOf(folder)) === "";
  return { folders: isFolder ? [folder, ...roots] : roots, isJoined: isFolder };
}

/**
 * Reads the strings that code joins with the string at `quote`. Reads backwards and stops at an absolute path. In the result,
 * `from` is the offset of the first of these strings. `isOperator` is true if the code joins with `/`, `+` or `joinpath`. A
 * comma does not count, because it may just separate two arguments.
 */
function joinedBefore(text: string, quote: number): { folder: string; from: number; isOperator: boolean } {
  let folder = "";
  let from = quote;
  let isOperator = testAt(JOINED_VARIABLE, text, quote);
  for (let count = 0; count < MOST_JOINED && !folder.startsWith("/"); count++) {
    const [, joined, string, , joiner] = matchAt(JOINED_STRING, text, from) ?? [];
    if (joined === undefined || string === undefined) break;
    from -= joined.length;
    isOperator ||= joiner !== ",";
    folder = folder === "" ? string : `${string.replace(/\/+$/, "")}/${folder}`;
  }
  return { folder, from, isOperator };
}

/**
 * Reads a word in a command. The word ends with the name from `start` to `end`. Returns `undefined` if the word is not a relative
 * path.
 */
export function relativePathInCommand(
  text: string,
  start: number,
  end: number,
  roots: readonly string[],
): RelativePath | undefined {
  const before = text.slice(Math.max(0, start - REACH), start);
  const [, lead] = /(?:^|[\s=>"'`])((?:[^\s"'`/\\{}$~:*?<>|]{1,64}\/){0,8})$/.exec(before) ?? [];
  if (lead === undefined) return undefined;
  return {
    paths: pathsBelow(roots, text.slice(start - lead.length, end)),
    isWritten: COMMAND_WRITES.test(before),
  };
}

/**
 * Matches function calls whose first argument is the path of a file to write: `df.to_csv(`. `open(` and `ZipFile(` write only if
 * their mode says so.
 */
const TAKES_PATH =
  /\b(?:(open|ZipFile|h5py\.File)|to_(?:csv|excel|json|parquet|feather|pickle|html|latex|xml|stata|hdf|markdown|orc|file|netcdf|image)|save\w*|m?im(?:save|write)|export\w*|output|write_(?:image|html|csv|parquet|excel|json|ipc|file|videofile|gif|pdf|png)|(?:nbformat|sf|soundfile|wavfile|\w{0,20}(?:tree|writer|merger))\.write|(?:sqlite3|duckdb)\.connect)\(\s*/gi;
/**
 * Matches an argument if strings in the code give the whole path: `'a.csv',`, `os.path.join('/mnt/data', 'a.csv')`,
 * `Path('/mnt/data') / 'a.csv')`.
 */
const SPELLED =
  /^(?:\w{1,20}\s*=\s*)?(?:[rf]?(["'])[^"'`{}\\\n]{1,300}\1\s*[,)]|(?:os\.path\.)?join\(\s*(?:["'][^"'`{}\n]{1,300}["'](?:\s*,)?\s*){1,9}\)|(?:Path\()?["'][^"'`{}\n]{1,300}["']\)?\s*\/\s*["'][^"'`{}\n]{1,300}["']\s*[,)])/;
/** How many characters of an argument are read. */
const LONGEST_ARGUMENT = 1000;
/** Matches arguments with a mode that writes: `path, 'w')`, `path, "w:gz")`. The mode can be on the next line. */
const MODE_TO_WRITE =
  /^(?:[^\n]{0,150},\s{0,20})?(?:mode\s?=\s?)?["'](?:[bt]{0,2}[wax][bt+]{0,2}(?:[:|]\w{0,3})?|r[bt]?\+[bt]?)["']/;
/**
 * A lookbehind before a method such as `.write_text(`. It rejects code that spells the file's name in a string right before
 * the method: `(folder / 'a.csv').write_text(`.
 */
const SPELLED_BEFORE = String.raw`(?<!\/\s{0,4}["'][^"'\n]{1,100}["']\))`;
/**
 * The patterns match calls that write a file, but do not take its path as their first argument. The path can be a later
 * argument (`shutil.copy(a, b)`) or an object (`path.write_text(x)`), or another program writes the file.
 */
const WRITES_ELSEWHERE = [
  /\bcopy(?:file(?:obj)?|2|tree)?\(\s{0,20}[^\s)]/i,
  /\b(?:move|extractall|urlretrieve|make_archive|joblib\.dump|os\.(?:rename|replace|link|symlink))\(|outputfile\s?=/i,
  /\b(?<!\.str\.)extract\((?!\))/i,
  /\b(?:ExcelWriter|PdfPages|SimpleDocTemplate|Canvas|VideoWriter)\(|\bWorkbook\((?!\s{0,20}(?:\)|write_only))/i,
  /\b(?:system|popen|exec|eval)\((?!\))|\bsubprocess\b/i,
  new RegExp(String.raw`${SPELLED_BEFORE}\.(?:write_(?:text|bytes)\(|touch\(|open\(\s{0,20}["'][wax])`, "i"),
  new RegExp(
    String.raw`${SPELLED_BEFORE}\.rename\((?!\s{0,20}(?:\w{1,20}\s{0,20}=|\{|["'][\w ]{1,60}["']\)))`,
    "i",
  ),
  new RegExp(String.raw`${SPELLED_BEFORE}\.replace\([^,(){}\n]{1,200}\)`, "i"),
  /^[ \t]{0,40}(?:!|%%|%(?:run|sx|system)\b)/im,
];

/** Returns whether code may write a file without spelling the file's path in strings: `df.to_csv(path)`, `os.rename(a, b)`. */
export function writesUnspelled(code: string): boolean {
  if (WRITES_ELSEWHERE.some((pattern) => pattern.test(code))) return true;
  for (const { index, 0: call, 1: open } of code.matchAll(TAKES_PATH)) {
    const at = index + call.length;
    const argument = code.slice(at, at + LONGEST_ARGUMENT);
    const isWriting = open === undefined ? !argument.startsWith(")") : MODE_TO_WRITE.test(argument);
    if (isWriting && !SPELLED.test(argument)) return true;
  }
  return false;
}

/** Matches shell keywords before a command: `do cp a b`, `if python make.py`. */
const KEYWORDS = /^(?:(?:if|elif|then|else|while|until|do|time|!|\{)\s{1,20})*/;
/**
 * Matches commands that write no file, or only a file whose path is in the command. The latter are `tee` and `touch`, as in
 * `tee a.csv`. If their path contains a variable, `CREATES` finds the command.
 */
const ONLY_READS =
  /^(?:cat|ls|head|tail|grep|egrep|fgrep|rg|wc|file|stat|du|df|diff|cmp|md5sum|sha\d{1,3}sum|echo|printf|pwd|cd|which|env(?!\s+\S)|date|tree|cut|tr|uniq|awk|jq|column|sort|basename|dirname|realpath|true|false|test|\[|sleep|mkdir|tee|touch|find|sed -n|set|export|for|read|done|fi|do|then|else|python3? (?:-V|--version))(?=[\s)]|$)(?!.*\s(?:-o|--output|-i|-delete|-exec(?:dir)?|-ok(?:dir)?|-fprint\w?)\b)/;
/** The patterns match a redirection to a path that contains a variable: `> "/mnt/data/$name.csv"`. */
const WRITES_TO_VARIABLE = [/>\s{0,9}"[^">\n$`{]{0,200}[$`{]/, />\s{0,9}[^\s">;|&$`{]{0,200}[$`{]/];

/** Matches commands that write the file in their argument. Used for arguments with a variable: `tee "$OUT"`. */
const CREATES = /^(?:tee|touch)\s/;

/** Like {@link writesUnspelled}, for shell commands. A program that is not in `ONLY_READS` counts as one that writes files. */
export function commandWritesUnspelled(command: string): boolean {
  if (WRITES_TO_VARIABLE.some((pattern) => pattern.test(command))) return true;
  const hasVariable = /[$`{]/.test(command);
  const parts = command.split(/&&|&(?![>\d])|\|\||[;|\n`]|[$<]\((?!\()/);
  return parts
    .map((part) => part.trim().replace(KEYWORDS, ""))
    .some((part) => part !== "" && (!ONLY_READS.test(part) || (hasVariable && CREATES.test(part))));
}

function pathsBelow(folders: readonly string[], relative: string): string[] {
  const path = relative.replace(/^(?:\.\/)+/, "");
  return folders.map((folder) => `${folder.replace(/\/+$/, "")}/${path}`);
}

/** Returns the statement that an offset is in, with up to 200 characters on both sides of the offset. */
function statementAround(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - REACH), at);
  const behind = text.slice(at, at + REACH);
  return (
    before.slice(Math.max(before.lastIndexOf("\n"), before.lastIndexOf(";")) + 1) +
    /^[^\n;]*/.exec(behind)![0]
  );
}
