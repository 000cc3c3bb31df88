/** Corrects the range of an annotation that covers too much or too little, for example a whole link instead of its path. */
import { CLOSED_DESTINATION, isEscaped, LONGEST_LABEL, labelBefore } from "./markup/places.js";
import type { Range } from "./ranges.js";
import { endOfMatch, testAt } from "./spelling.js";

/** How the destination of a link to a container file begins. */
const CONTAINER_PATH = /(?:sandbox:|attachment:|(?:file:|https?:)?\/{0,3}mnt\/data\/)/iy;
const ANGLED_DESTINATION = /\(\s{0,8}<[^<>\n]{0,1000}>/y;
const BEFORE_DESTINATION = /\(\s{0,8}<?/y;

/**
 * Returns the range that an annotation should have. Some gateways and older versions of the API give one of these ranges instead:
 *
 * - The whole link, or the destination with its parentheses: returns the destination.
 * - The label with its brackets: returns the destination, or the label's text if the link does not lead to the container.
 * - A path without the backslash that escapes its first slash (`\/mnt/data/a.csv`): returns the path with the backslash.
 *
 * Returns any other range unchanged.
 */
export function meantRange(text: string, range: Range): Range {
  const { start, end } = range;
  const destination =
    text[end - 1] === "]" ? destinationAfterLabel(text, range) : destinationInLink(text, range);
  if (destination) return destination;
  return text[start] === "/" && isEscaped(text, start) ? { start: start - 1, end } : range;
}

/**
 * Takes a range that covers a link's label with its brackets. Returns the range of the link's destination. If the link does not
 * lead to the container, returns the range of the label's text. For any other range, returns `undefined`.
 */
function destinationAfterLabel(text: string, { start, end }: Range): Range | undefined {
  const link = isLabel(text, start, end - 1) ? linkFrom(text, end) : undefined;
  if (!link) return undefined;
  const isInContainer = testAt(CONTAINER_PATH, text, link.destination.start);
  return isInContainer ? link.destination : { start: start + 1, end: end - 1 };
}

/** Returns the destination of a link if a range covers the whole link or the destination with its parentheses. */
function destinationInLink(text: string, { start, end }: Range): Range | undefined {
  if (text[end - 1] !== ")") return undefined;
  let open = start;
  if (text[start] !== "(") {
    const close = text.slice(start, Math.min(end, start + LONGEST_LABEL)).indexOf("](");
    if (!isLabel(text, start, start + close)) return undefined;
    open = start + close + 1;
  } else if (text[start - 1] !== "]") return undefined;
  const link = linkFrom(text, open);
  return link?.end === end ? link.destination : undefined;
}

/** Returns whether a link's or image's label begins at `start` (at the `!` of an image) and its closing bracket is at `close`. */
function isLabel(text: string, start: number, close: number): boolean {
  const bracket = text.startsWith("![", start) ? start + 1 : start;
  return close > bracket && labelBefore(text, close)?.start === bracket + 1;
}

/** Returns the destination and end of the link whose parenthesis opens at `open`; `undefined` if the link is incomplete. */
function linkFrom(text: string, open: number): { destination: Range; end: number } | undefined {
  const start = endOfMatch(BEFORE_DESTINATION, text, open);
  const afterAngles = endOfMatch(ANGLED_DESTINATION, text, open);
  if (afterAngles > open) {
    const end = endOfMatch(CLOSED_DESTINATION, text, afterAngles);
    return end > afterAngles ? { destination: { start, end: afterAngles - 1 }, end } : undefined;
  }
  const last = Math.min(text.length, start + LONGEST_LABEL);
  for (let at = start, depth = 0; at < last; at++) {
    const character = text[at]!;
    const end = depth === 0 && /[\s)]/.test(character) ? endOfMatch(CLOSED_DESTINATION, text, at) : at;
    if (end > at) return { destination: { start, end: at }, end };
    if (character === "\n") return undefined;
    if (character === "(") depth++;
    else if (character === ")") depth--;
  }
  return undefined;
}
