/** File names that come from a model, made safe. */

/** The most that a file's name may have on the usual file systems, in bytes of UTF-8. */
const LONGEST_NAME = 255;
/** A longer one is no extension, but a name with a dot in it. */
const LONGEST_EXTENSION = 32;

/**
 * Control characters and halves of one, what breaks a line, what turns the direction of writing, and what Windows takes in
 * no name.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}<>:"|?*\ufffd]/gu;
/** Windows takes these for devices, whatever follows the dot. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?= *(?:\.|$))/i;

/** A name that is one on every system, and leads nowhere. */
export function safeName(filename: string): string {
  const last = filename.slice(Math.max(filename.lastIndexOf("/"), filename.lastIndexOf("\\")) + 1);
  const name = last.replace(UNSAFE, "_").replace(/^ +/, "").replace(DEVICE, "_$&");
  return shortened(withoutEnd(name) || "file", "");
}

/** A safe name with a number in it, `plan (2).docx`; as it is for the first. */
export function numberedName(name: string, number: number): string {
  return number === 1 ? name : shortened(name, ` (${number})`);
}

/** A name with `suffix` before its extension, cut so that both fit. */
function shortened(name: string, suffix: string): string {
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 && name.length - dot <= LONGEST_EXTENSION ? name.slice(dot) : "";
  let stem = name.slice(0, Math.min(LONGEST_NAME, name.length - extension.length));
  while (bytesOf(stem + suffix + extension) > LONGEST_NAME) stem = [...stem].slice(0, -1).join("");
  return withoutEnd(stem + suffix + extension);
}

/** Windows takes dots and spaces from a name's end. */
function withoutEnd(name: string): string {
  let end = name.length;
  while (name[end - 1] === "." || name[end - 1] === " ") end--;
  return name.slice(0, end);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
