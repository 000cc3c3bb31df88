/** What a terminal shows differently from a file or a pipe. */
import pc from "picocolors";

/** Colours for `stdout` or `stderr`: only where that is a terminal, and `NO_COLOR` does not forbid them. */
export function colorsFor(stream: { isTTY?: boolean }): ReturnType<typeof pc.createColors> {
  const { NO_COLOR, TERM } = process.env;
  return pc.createColors(stream.isTTY === true && !NO_COLOR && TERM !== "dumb");
}
