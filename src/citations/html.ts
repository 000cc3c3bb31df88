/** As much of HTML as a link needs: where Markdown is not read, and where no link can be written at all. */
import { isInside, type Range } from "./ranges.js";

const BLOCK_TAGS =
  "address|article|aside|blockquote|body|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|head|header|html|legend|li|main|menu|nav|ol|p|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul";
/**
 * What begins an HTML block (CommonMark, 4.6). In the first group, what goes on to its own end; a block of any other tag
 * ends at a blank line, and if the tag is not one of a block, it stands alone on its line and goes on with no paragraph.
 */
const OPENING = new RegExp(
  String.raw`^ {0,3}<(?:(!--|(?:pre|script|style|textarea)(?=[\s>]))|\/?(?:${BLOCK_TAGS})(?=[\s/>]|$)|` +
    String.raw`(?<=(?:(?<![^])|^[ \t]*(?:#+ .*|[-~\x60]{3,}[ \t]*)?\r?\n) {0,3}<)\/?[a-z][a-z\d-]*(?:[ \t]+[a-z_:][^<>\n]*)?[ \t]*\/?>[ \t\r]*$)`,
  "gim",
);
const BLANK_LINE = /\n[ \t\r]*(?=\n)/g;
const END_OF_COMMENT = /-->.*/g;
const END_OF_RAW = /<\/(?:pre|script|style|textarea)>.*/gi;

/** The blocks of HTML, in order. */
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

/** Comments, and what scripts, style sheets and text fields hold: a link is none in there. `isCode`: what only shows HTML. */
export function rawHtml(text: string, isCode: (at: number) => boolean): Range[] {
  return [...text.matchAll(RAW)]
    .filter(({ index }) => !isCode(index))
    .map(({ 0: raw, 1: tag, index }) => ({
      start: index + (tag ? raw.indexOf(">") : 0),
      end: index + raw.length,
    }));
}
