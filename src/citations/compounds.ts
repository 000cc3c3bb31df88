/**
 * Recognizes a hyphen and a word after a file name, if the word only describes the file: `report.xlsx-Datei` is German for
 * "report.xlsx file". The name ends before the hyphen. Any other word is part of a longer name: `report.xlsx-old`.
 */
import { endOfMatch, testAt } from "./spelling.js";

/** Words for "file" and for kinds of files, and endings such as "-based", in lower case. */
const FILE_WORD = [
  "datei(?:en|format)?|bestand(?:en|je)?|tabel|werkblad|presentatie|afbeelding", // German, Dutch
  "fil(?:en?|er|erna|ene|a)?|regneark(?:et)?|kalkylblad(?:et)?|vedlegg(?:et)?|bilaga|tabell(?:en)?", // Danish, Swedish, Norwegian
  "tiedosto[a-zä]{0,8}|raport(?:ti|in|tia|issa)|taulukko|fail(?:i|is)?|fájl[a-zá]{0,5}", // Finnish, Estonian, Hungarian
  "files?|formatted|format|based|like|style|compatible|spreadsheets?|workbooks?|fichiers?|archivos?|arquivos?",
  "(?:dokument|document|rapport)(?:en|et|e|s)?",
  "файл[а-яі]{0,4}|документ[а-яі]{0,4}|отч[её]т[а-я]{0,3}|таблиц[а-яі]{1,3}", // Russian, Ukrainian
  "αρχεί[οα]|文件|檔案|档案|表格|ファイル|파일",
].join("|");
/**
 * Matches words for another version or another part of a file. Such words are recognized by their beginning (`Back`) or their
 * ending (`ed`). After an extension, such a word belongs to the file name: `report.xlsx-Backup`, `report.xlsx-Fixed`.
 */
const VERSION = [
  "(?:Back|Kopi|Cop[iy]|Dupli|Sicher|Entw|Draft|Final|End|Orig|Lat?est|Akt|Neu|Alt|Temp|Test|Vers|Rev|Arch|Part|Teil|Sampl|Snap|Sav|Clean|Clear|Upd|Upgr|Mast|Full|Demo|Prod|Short|Long|Small|Merge)",
  "\\p{Lu}[\\p{Ll}\\p{M}]{0,29}(?:ed|iert|tet|igt)(?![\\p{Ll}\\p{M}])",
].join("|");
/** A capitalized word of at least four letters that is not a {@link VERSION}. German nouns are capitalized. */
const NOUN = `(?!${VERSION})\\p{Lu}[\\p{Ll}\\p{M}]{3,29}`;

/** Matches a hyphen and a word: `-Datei` in `report.xlsx-Datei`. Does not match a longer name: `-Datei2`, `-Datei.zip`. */
const COMPOUND = compound(`${FILE_WORD}|${NOUN}`, "uy");
/** Like {@link COMPOUND}, but matches only words for files and kinds of files, not any noun. Ignores case. */
const FILE_COMPOUND = compound(`${FILE_WORD}|tabelle|anhang`, "iuy");

function compound(words: string, flags: string): RegExp {
  return new RegExp(
    `[\\-\\u2010\\u2011](?:${words})(?![\\p{L}\\p{N}\\p{M}_\\-\\u2010\\u2011]|[./]\\w)`,
    flags,
  );
}

/**
 * If a hyphen and a word such as `-Datei` follow a name, returns the end of this word. Otherwise returns `at`, the end of the
 * name.
 *
 * `closer` is the character that closes the code or the quotation around the name. If `closer` comes right after the word,
 * only a word for a file counts, such as `-Datei`. Any other word is part of a longer name, as in `` `report.xlsx-Export` ``.
 */
export function endOfCompound(text: string, at: number, closer?: string): number {
  const end = endOfMatch(COMPOUND, text, at);
  const isClosed = end > at && closer !== undefined && text[end] === closer;
  return isClosed && !testAt(FILE_COMPOUND, text, at) ? at : end;
}
