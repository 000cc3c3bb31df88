/** Turns file names from a model into names that are safe on every system. */

/** The longest file name on common file systems, in bytes of UTF-8. */
const LONGEST_NAME = 255;
/** The maximum length of an extension with its dot, in characters. A longer ending does not count as an extension. */
const LONGEST_EXTENSION = 32;

/**
 * Matches characters that are replaced: control characters, lone surrogates, line and paragraph separators, characters that
 * change the text direction, and characters that Windows does not allow in names.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}<>:"|?*\ufffd]/gu;
/** Matches the names that Windows treats as devices, with any extension. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?= *(?:\.|$))/i;

/**
 * Matches spaces and invisible characters at the start. macOS ignores invisible characters in names, so it treats `<U+200D>.git`
 * as `.git`.
 */
const INVISIBLE_START = /^[ \p{Default_Ignorable_Code_Point}]+/u;

/**
 * Returns a file name that is valid on every system. It contains no folder and never starts with a dot. Otherwise a model could
 * write `.npmrc`, `.env` or `.git`, from which other programs read their settings.
 */
export function safeName(filename: string): string {
  const last = filename.slice(Math.max(filename.lastIndexOf("/"), filename.lastIndexOf("\\")) + 1);
  const visible = withoutEnd(last.replace(UNSAFE, "_").replace(INVISIBLE_START, ""));
  const name = visible.replace(/^\./, "_").replace(DEVICE, "_$&");
  return shortened(name || "file", "");
}

/** Adds a number to a safe name: `plan (2).docx`. */
export function numberedName(name: string, number: number): string {
  return shortened(name, ` (${number})`);
}

/** Inserts `suffix` before the extension of a name and shortens the rest so that the name is not too long. */
function shortened(name: string, suffix: string): string {
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 && name.length - dot <= LONGEST_EXTENSION ? name.slice(dot) : "";
  let stem = name.slice(0, Math.min(LONGEST_NAME, name.length - extension.length));
  while (bytesOf(stem + suffix + extension) > LONGEST_NAME) stem = [...stem].slice(0, -1).join("");
  return withoutEnd(stem + suffix + extension);
}

/** Removes dots and spaces from the end of a name, as Windows does. */
function withoutEnd(name: string): string {
  let end = name.length;
  while (name[end - 1] === "." || name[end - 1] === " ") end--;
  return name.slice(0, end);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
