/** Provides colours, links and safe text for terminals. */
import { pathToFileURL } from "node:url";
import pc from "picocolors";

interface Stream {
  isTTY?: boolean;
}

/**
 * Returns colour functions for `stdout` or `stderr`. They add colour only on a terminal, and only if neither `NO_COLOR` nor
 * `TERM=dumb` is set.
 */
export function colorsFor(stream: Stream): ReturnType<typeof pc.createColors> {
  return pc.createColors(canStyle(stream));
}

function canStyle({ isTTY }: Stream): boolean {
  const { NO_COLOR, TERM } = process.env;
  return isTTY === true && !NO_COLOR && TERM !== "dumb";
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern must find control characters
const C0 = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
/** Matches control characters above ASCII, and characters that change the writing direction. */
const OTHERS = /[\u0080-\u009f\p{Bidi_Control}]/gu;
const DELETE = 0x7f;

/**
 * Makes text from a model or a server safe to print on a terminal. Control characters could change the screen or run
 * terminal commands, so they are replaced by visible symbols. Newlines and tabs stay.
 */
export function shown(text: string): string {
  return text
    .replace(C0, (character) => {
      const code = character.charCodeAt(0);
      return String.fromCharCode(code === DELETE ? 0x2421 : 0x2400 + code);
    })
    .replace(OTHERS, "\ufffd");
}

/**
 * Returns a path as a link if `stream` is a terminal that shows colours (see `colorsFor`). Otherwise returns the path only. A
 * terminal that does not support links shows only the path of a link.
 */
export function linkTo(path: string, stream: Stream): string {
  if (!canStyle(stream)) return stream.isTTY ? shown(path) : path;
  return `\u001b]8;;${pathToFileURL(path).href}\u001b\\${shown(path)}\u001b]8;;\u001b\\`;
}
