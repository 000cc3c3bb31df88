/** What a terminal shows differently from a file or a pipe. */
import { pathToFileURL } from "node:url";
import pc from "picocolors";

interface Stream {
  isTTY?: boolean;
}

/** Colours for `stdout` or `stderr`: only where that is a terminal, and `NO_COLOR` does not forbid them. */
export function colorsFor(stream: Stream): ReturnType<typeof pc.createColors> {
  return pc.createColors(canStyle(stream));
}

function canStyle({ isTTY }: Stream): boolean {
  const { NO_COLOR, TERM } = process.env;
  return isTTY === true && !NO_COLOR && TERM !== "dumb";
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const C0 = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
/** Control characters above ASCII, and those that turn the direction of writing. */
const OTHERS = /[\u0080-\u009f\p{Bidi_Control}]/gu;
const DELETE = 0x7f;

/**
 * A model's or a server's words for a terminal, which takes control characters for commands: to change what stands
 * there already, or worse. They become pictures of themselves. Lines and tabs stay.
 */
export function shown(text: string): string {
  return text
    .replace(C0, (character) => {
      const code = character.charCodeAt(0);
      return String.fromCharCode(code === DELETE ? 0x2421 : 0x2400 + code);
    })
    .replace(OTHERS, "\ufffd");
}

/** A path to click on, where `stream` is a terminal (those that cannot do that show the path alone). */
export function linkTo(path: string, stream: Stream): string {
  if (!canStyle(stream)) return stream.isTTY ? shown(path) : path;
  return `\u001b]8;;${pathToFileURL(path).href}\u001b\\${shown(path)}\u001b]8;;\u001b\\`;
}
