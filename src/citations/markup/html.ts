/**
 * Finds the HTML that affects links in a text: blocks in which Markdown has no effect, and parts in which no link works. places.ts
 * and link-places.ts handle links in HTML attributes.
 */
import { isInside, type Range } from "../ranges.js";

const BLOCK_TAGS =
  "address|article|aside|blockquote|body|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|head|header|html|legend|li|main|menu|nav|ol|p|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul";
/**
 * Matches the start of an HTML block (CommonMark, section 4.6). If the capture group matches, the block ends at its own closing
 * mark (`-->`, `</pre>`). Any other block ends at a blank line. A tag outside of {@link BLOCK_TAGS} starts a block only if it is
 * alone on its line and does not continue a paragraph.
 */
const OPENING = new RegExp(
  String.raw`^ {0,3}<(?:(!--|(?:pre|script|style|textarea)(?=[\s>]))|\/?(?:${BLOCK_TAGS})(?=[\s/>]|$)|` +
    String.raw`(?<=(?:(?<![^])|^[ \t]*(?:#+ .*|[-~\x60]{3,}[ \t]*)?\r?\n) {0,3}<)\/?[a-z][a-z\d-]*(?:[ \t]+(?:[a-z_:][^<>\n]*|\/)?|\/)?>[ \t\r]*$)`,
  "gim",
);
const BLANK_LINE = /\n[ \t\r]*(?=\n)/g;
const END_OF_COMMENT = /-->.*/g;
const END_OF_RAW = /<\/(?:pre|script|style|textarea)>.*/gi;

/** Returns the HTML blocks of a text, in order. A tag in one of `codeBlocks` does not start a block. */
export function htmlBlocks(text: string, codeBlocks: readonly Range[]): Range[] {
  const blocks: Range[] = [];
  let end = 0;
  for (const { 1: raw, index: start } of text.matchAll(OPENING)) {
    if (start < end || isInside(codeBlocks, start)) continue;
    const ending = raw === undefined ? BLANK_LINE : raw === "!--" ? END_OF_COMMENT : END_OF_RAW;
    ending.lastIndex = start;
    end = ending.test(text) ? ending.lastIndex : text.length;
    blocks.push({ start, end });
  }
  return blocks;
}

const RAW = /<!--.*?(?:-->|$)|<(script|style|textarea)\b[^<>]*>.*?(?:<\\?\/\1\b|$)/gis;

/**
 * Returns the HTML in which no link works: comments, and the contents of scripts, style sheets and text fields. Leaves out
 * HTML in Markdown code, because it is shown as text. `isCode` returns whether an offset is in Markdown code.
 */
export function rawHtml(text: string, isCode: (at: number) => boolean): Range[] {
  return [...text.matchAll(RAW)]
    .filter(({ index }) => !isCode(index))
    .map(({ 0: raw, 1: tag, index }) => ({
      start: index + (tag ? raw.indexOf(">") : 0),
      end: index + raw.length,
    }));
}
