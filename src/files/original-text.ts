/** Finds the links of a route in a text, and the model's own text that each link replaced. */
import type { OriginalText } from "../options.js";
import { withoutSpan } from "../responses/restored-input.js";
import { replacedBy } from "./signed-link.js";

/** Matches a token: three parts in base64url. */
const TOKEN = /^[\w-]{1,8000}\.[\w-]{1,20000}\.[\w-]{20,100}/;

/**
 * Returns the links below `base` and the text that each link replaced, in the order of the text. Leaves out links that none of
 * the keys signed, and links that do not contain the replaced text.
 */
export async function originalsIn(
  text: string,
  base: string,
  keys: readonly Uint8Array[],
): Promise<OriginalText[]> {
  const originals: OriginalText[] = [];
  const lead = `${base}/`;
  let from = 0;
  for (let at = text.indexOf(lead); at >= 0; at = text.indexOf(lead, at + lead.length)) {
    const tokenStart = at + lead.length;
    const token = TOKEN.exec(text.slice(tokenStart, tokenStart + 30_000))?.[0];
    const replaced = token && at >= from ? await replacedBy(token, keys) : undefined;
    if (!token || !replaced) continue;
    const original = originalAt(text, { start: at, end: tokenStart + token.length }, replaced);
    if (original.start < from) continue;
    originals.push(original);
    from = original.end;
  }
  return originals;
}

/**
 * Returns the range to restore and the text to put there. The range is the whole link, or only its URL if the text around the URL
 * has changed.
 */
function originalAt(
  text: string,
  { start, end }: { start: number; end: number },
  replaced: { text: string; before: string; after: string },
): OriginalText {
  const { before, after } = replaced;
  if (text.endsWith(before, start) && text.startsWith(after, end)) {
    return { start: start - before.length, end: end + after.length, text: replaced.text };
  }
  return { start, end, text: withoutSpan(replaced.text).path };
}
