/** Recognizes a path on another system by the text before it, such as a host, a scheme or a command for another machine. */
import { once } from "../once.js";
import { HTML_TAGS } from "./markup/places.js";
import { LETTER, testAt } from "./spelling.js";

/** Common names of machines. A number may follow. */
const MACHINE =
  "localhost|nas|host|remote|server|srv|node|worker|db|vm|gpu|storage|backup|NAS|HOST|SERVER|DB|VM";
/**
 * Common file extensions. A word before a colon is not a host's name if it is an extension (`csv:`) or ends with one (`a.csv:`).
 */
const FILE_EXTENSION =
  "(?:csv|tsv|xlsx?|docx?|pptx?|pdf|png|jpe?g|gif|svg|webp|txt|md|jsonl?|xml|html?|css|zip|tar|gz|py|ipynb|[jt]sx?|[chr]|cpp|rs|go|java|sql|ya?ml|toml|parquet|log|tex|wav|mp[34])";
/** Words that people write before a colon and a path. Any other lower-case word there counts as a host's name or a scheme. */
export const LABEL = [
  "files?|(?:file|full|output|input|local|the)?_?paths?|file_?names?|names?|location|folder|outputs?|inputs?|out|downloads?|saved|save|links?|urls?|href|src",
  "results?|reports?|at|see|here|to|in|from|on|is|are|and|or|as|open|source|target|dest(?:ination)?|data|dataset|documents?|docs?|archive|script|export|attachment|artifacts?",
  `${FILE_EXTENSION}|images?|img|pictures?|plots?|charts?|figures?|fig|graph|tables?|sheet|excel|word|text|notebook|slides`,
  "datei|pfad|fichier|chemin|archivo|ruta|arquivo|caminho|percorso|bestand|fil",
].join("|");
/** Commands that copy between machines or storages. */
export const COPY_COMMANDS =
  "scp|rsync|cp|mount|rclone|sshfs|sftp|lftp|restic|borg|gsutil|azcopy|kubectl|docker|podman";
/** The schemes of other storages and protocols. */
const OTHER_SCHEMES = [
  "dbfs|hdfs|webhdfs|s3[an]?|gs|gcs|abfss?|wasbs?|adls?|az|azure|b2|r2|oss|cosn?|obs|swift|minio|ceph(?:fs)?|gluster(?:fs)?",
  "nfs|smb|cifs|afp|s?ftps?|tftp|ssh|scp|webdavs?|davs?|gdrive|onedrive|dropbox|box|ipfs|git|svn|hg|rsync|rclone|ldaps?",
].join("|");

/** Patterns of the text before a path or a name on another system. boundaries.ts uses these patterns in a lookbehind. */
export const ON_OTHER_SYSTEM = {
  drive: String.raw`(?<![A-Za-z\d_.])[A-Za-z]:`, // `C:/mnt/data/a.csv`
  userAtHost: String.raw`@\S{0,63}:`, // `me@host:/mnt/data/a.csv`
  // Matches `10.0.0.5:/mnt/data/a.csv`, `10.0.0.5:22:` and `node1.lan:`. Does not match `a.csv:`, because that is a file name.
  dottedHost: String.raw`(?<![\w.])(?:[\w\-]{1,63}\.){1,8}(?!${FILE_EXTENSION}:)[A-Za-z\d\-]{1,63}(?::\d{1,5})?:`,
  ipv6: String.raw`\[[\da-fA-F:.]{2,45}(?:%\w{1,32})?\](?::\d{1,5})?:`, // `[::1]:/mnt/data/a.csv`, `[fe80::1%25eth0]:`
  // `db-1:/mnt/data/a.csv`, `nas01:`, `host:`
  machine: String.raw`(?<![\p{L}\p{N}_.\-])(?:[a-z][a-z\d]{0,62}(?:-[a-z\d]{1,62}){1,8}|[a-z]{2,62}\d{2,8}|(?:${MACHINE})\d{0,8}):`,
  copyCommand: String.raw`\b(?:${COPY_COMMANDS})\s[^\n"']{0,100}[\w\]]:`, // `docker cp Web:/mnt/data/a.csv`
  scheme: String.raw`(?<![A-Za-z\d])(?:${OTHER_SCHEMES}):`, // `dbfs:/mnt/data/a.csv`, `nfs:`
};

const QUOTE = "[\"'`”’»]";
/**
 * More patterns like {@link ON_OTHER_SYSTEM}, but only for text before paths. Before a name, such text does not show that the
 * file is on another system. For example, the colon in `summary:report.csv` is only punctuation.
 */
export const BEFORE_OTHER_PATH = {
  word: String.raw`(?<![\p{L}\p{N}_.\-])(?!(?:${LABEL}):)[a-z][a-z\d_]{0,62}:`, // `titan:/mnt/data/a.csv`, `web_1:`
  variable: String.raw`\$\{\w{1,63}\}:|\$\w{1,63}:`, // `$HOST:/mnt/data/a.csv`, `${HOST}:`
  angles: String.raw`<(?!${HTML_TAGS})[\w\-]{1,63}>:`, // `<host>:/mnt/data/a.csv`; not `<br>:`
  braces: String.raw`\{[\w.\- ]{1,63}\}{1,2}:`, // `{host}:/mnt/data/a.csv`, `{{host}}:`
  quotedHost: String.raw`@[^\s"'${"`"}]{1,63}:\\?["']`, // `me@h:"/mnt/data/a.csv"`
  revision: String.raw`\bHEAD(?:[~^]\d{0,3})?:`, // `HEAD:/mnt/data/a.csv`, `HEAD~1:`, `HEAD^:`
  // The quote that ends a string right before the path, as in `"$HOME"/mnt/data/a.csv`. Some quotes end no string: those
  // after a string prefix (`f"`, `rb'`), after a French article (`l'`), and after an escape such as `\n`.
  closingQuote: String.raw`(?:${LETTER}|[_.}])(?<!\\[nrt]|(?<![\p{L}\p{N}])(?:[bdflru]|[fb]r|r[fb]))${QUOTE}`,
  ellipsis: String.raw`(?<![^\s"'${"`"}(\[])…`, // `…/mnt/data/a.csv`, where `…` stands for other folders
  // `ssh zeus 'tail /mnt/data/a.csv'`, `docker exec web cat`. The command must be at the start of a line or of code.
  remoteCommand: String.raw`(?:^|[${"`"}"'\n(]|\$ |sudo )[ \t]{0,8}(?:ssh|adb|(?:docker|podman|kubectl)(?: compose)? exec)[ \t](?:(?!\b(?:is|isn|are|and|at|the|to)\b|[,:.!?]\s)[^\n${"`"};&|]){0,200}[\s"'=]`,
};
const beforePath = once(() => new RegExp(`(?<=${Object.values(BEFORE_OTHER_PATH).join("|")})`, "uy"));

/**
 * Returns whether the text before `at` shows that the path at `at` is on another system. Tries only the patterns in
 * {@link BEFORE_OTHER_PATH}. `canStart` in boundaries.ts tries the patterns in {@link ON_OTHER_SYSTEM}.
 */
export function isOnOtherSystem(text: string, at: number): boolean {
  return testAt(beforePath(), text, at);
}
