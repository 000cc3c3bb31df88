/** Where a text names a file without its path: `summary.docx`. */
import { canStart, endOfCitation } from "./boundaries.js";
import { extensionOf, type FileIndex, type Fit, fitOf } from "./file-index.js";
import { isInside, type Place, placeOf, type Range } from "./markdown.js";

/** A file's name, standing alone. */
export interface NameMention extends Range {
  text: string;
  fit: Fit;
  place: Place;
}

/** What may stand in a link before a name, as a part of it. */
const LEAD = /(?:(?:attachment|sandbox):)?(?:\.\/)?$/i;

/**
 * The names in `text` of files that the model wrote, outside of `taken`, in order. Only what comes before the dot
 * of an extension that some file has is looked at, so a text without one is only searched for dots.
 */
export function nameMentions(text: string, index: FileIndex, taken: readonly Range[]): NameMention[] {
  const mentions: NameMention[] = [];
  if (index.extensions.size === 0) return mentions;
  // A character is nine at most, percent-encoded; a file's name has no more than 255 bytes, three each.
  const reach = Math.min(index.longestName * 9, 3 * 255);
  let from = 0;
  for (let dot = text.indexOf("."); dot >= 0; dot = text.indexOf(".", dot + 1)) {
    if (!index.extensions.has(extensionAt(text, dot))) continue;
    for (let at = Math.max(from, dot - reach); at < dot; at++) {
      if (isWordCharacter(text, at - 1) && text[at - 2] !== "\\") continue;
      const mention = nameAt(text, at, index);
      if (!mention || isInside(taken, mention.start)) continue;
      mentions.push(mention);
      at = mention.end - 1;
    }
    from = Math.max(from, dot + 1, mentions.at(-1)?.end ?? 0);
  }
  return mentions;
}

function nameAt(text: string, at: number, index: FileIndex): NameMention | undefined {
  for (const spelled of index.namesAt(text, at)) {
    const fit = fitOf(spelled, ({ key, isUploadAlias }) => !isUploadAlias && extensionOf(key) !== "");
    if (!fit) continue;
    const lead = LEAD.exec(text.slice(Math.max(0, at - 16), at))![0];
    const start = at - lead.length;
    if (!canStart(text, start)) return undefined;
    const hasScheme = lead.includes(":");
    const place = placeOf(text, start, hasScheme);
    const end = endOfCitation(text, { start, place, hasScheme }, spelled.end, fit.entries[0]!.key);
    if (end !== undefined) return { text: text.slice(start, end), start, end, fit, place };
  }
  return undefined;
}

/** The extension that starts with the dot at `dot`, lower case, or `""` if what follows is longer than one. */
function extensionAt(text: string, dot: number): string {
  let end = dot + 1;
  while (isWordCharacter(text, end) && end - dot < 12) end++;
  return text.slice(dot + 1, end).toLowerCase();
}

/** ASCII letters and digits: the quick half of the question whether a name may start or end here. */
function isWordCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);
}
