/** Finds the fenced and indented code blocks of a text, as CommonMark defines them. */
import type { Range } from "../ranges.js";
import { endOfMatch, matchAt, testAt } from "../spelling.js";

/** The block quote markers at the start of a line. All patterns for line starts have limits, which keeps the time linear. */
const QUOTE = /(?:[ \t]{0,3}> ?){0,32}/y;
const FENCE = /[ \t]{0,99}(?:(?:[-*+]|\d{1,9}[.)])[ \t]{1,9}){0,32}(`{3,}|~{3,})([^\n]*)/y;
const INDENT = /[ \t]{0,99}/y;
const LIST_ITEM = /[ \t]{0,99}(?:[-*+]|\d{1,9}[.)])[ \t]/y;
/** A heading, a heading's underline or a thematic break. Such a line ends the paragraph, so an indented line after it is code. */
const ALONE =
  / {0,3}(?:#{1,6}[ \t]|(?:=+[ \t]?|-[- \t]*|_[ \t]{0,99}_[ \t]{0,99}_[_ \t]*|\*[ \t]{0,99}\*[ \t]{0,99}\*[* \t]*)\r?$)/my;

const LINE_FEED = 0x0a;

/** Returns the code blocks of a text, in order. */
export function codeBlocks(text: string): Range[] {
  const reader = new BlockReader(text);
  for (let at = 0; at < text.length; ) at = reader.readLine(at);
  return reader.blocks;
}

/** Tells for each line of a growing text whether the line is in a code block. */
export class OpenBlocks {
  #reader = new BlockReader("");

  /** Reads the next whole line, with its line feed. */
  readLine(line: string): void {
    this.#reader = this.#reader.after(line);
  }

  /** True if a fenced code block is open after the lines so far. */
  get isFenced(): boolean {
    return this.#reader.isFenced;
  }

  /** True if the last line so far is in a code block, or opens one. The line that closes a fenced code block does not count. */
  get isInCode(): boolean {
    return this.#reader.isCode;
  }

  /** Returns whether the next line is in a code block. `line` is the beginning of that line and must not be blank. */
  isCode(line: string): boolean {
    return this.#reader.after(line).isCode;
  }
}

/** Reads a text line by line. */
class BlockReader {
  blocks: Range[] = [];
  #text: string;
  /** The open fenced block. `depth` is the number of block quotes around it. */
  #fence: { start: number; mark: string; depth: number } | undefined;
  /** The indented block that the next line can continue. */
  #indented: Range | undefined;
  /** True if the next line cannot continue a paragraph, for example after a blank line. An indented line is then code. */
  #isAfterBlank = true;
  /** How many block quotes the previous line is in. */
  #depth = 0;
  /** The column where the text of the list item starts. The indent of code in the item counts from there. 0 outside of lists. */
  #listIndent = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns a new reader that has read the same lines as this reader, and then `line`. */
  after(line: string): BlockReader {
    const next = new BlockReader(line);
    next.#fence = this.#fence;
    next.#indented = this.#indented && { ...this.#indented };
    next.#isAfterBlank = this.#isAfterBlank;
    next.#depth = this.#depth;
    next.#listIndent = this.#listIndent;
    if (line !== "") next.readLine(0);
    next.blocks = [];
    return next;
  }

  get isFenced(): boolean {
    return this.#fence !== undefined;
  }

  /**
   * True if the last line read is in a code block. False for the line that closes a block. After a blank line, the value has no
   * meaning.
   */
  get isCode(): boolean {
    return this.#fence !== undefined || this.#indented !== undefined;
  }

  /** Reads the line that starts at `start`. Returns where the next line starts. */
  readLine(start: number): number {
    const text = this.#text;
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline + 1;
    const first = text.charCodeAt(start);
    // Most lines start with a letter or are empty. Such lines cannot open or close a code block, so no pattern is tried.
    if (isLetter(first) || first === LINE_FEED) {
      this.#enterQuotes(start, 0);
      if (this.#fence) this.#readFenced(end, null);
      else if (first === LINE_FEED) this.#isAfterBlank = true;
      else this.#readProse();
      return end;
    }
    const inside = endOfMatch(QUOTE, text, start);
    const depth = inside === start ? 0 : text.slice(start, inside).split(">").length - 1;
    const mark = matchAt(FENCE, text, inside);
    this.#enterQuotes(start, depth);
    if (this.#fence) this.#readFenced(end, mark);
    else if (mark && opensFence(mark)) this.#openFence(start, end, { mark: mark[1]!, depth });
    else this.#readUnfenced(start, inside, end);
    return end;
  }

  /** Records how many block quotes a line is in. A fenced block ends with its block quote. */
  #enterQuotes(at: number, depth: number): void {
    if (this.#fence && depth < this.#fence.depth) {
      this.blocks.push({ start: this.#fence.start, end: at });
      this.#fence = undefined;
      this.#isAfterBlank = true;
    }
    if (depth > this.#depth) this.#isAfterBlank = true;
    this.#depth = depth;
  }

  #openFence(start: number, end: number, { mark, depth }: { mark: string; depth: number }): void {
    this.#fence = { start, mark, depth };
    this.#indented = undefined;
    if (end === this.#text.length) this.blocks.push({ start, end });
  }

  /** Reads a line of the open fenced block. The line closes the block if its `mark` is a closing fence. */
  #readFenced(end: number, mark: RegExpExecArray | null): void {
    const { start, mark: opener } = this.#fence!;
    const isClosed = mark !== null && mark[1]!.startsWith(opener) && mark[2]!.trim() === "";
    if (isClosed || end === this.#text.length) this.blocks.push({ start, end });
    if (isClosed) this.#fence = undefined;
    this.#isAfterBlank = true;
  }

  /** Reads a line of prose without indent. */
  #readProse(): void {
    this.#indented = undefined;
    if (this.#isAfterBlank) this.#listIndent = 0;
    this.#isAfterBlank = false;
  }

  /** Reads a line outside of fenced blocks. The line's text starts at `inside`, after the block quote markers. */
  #readUnfenced(start: number, inside: number, end: number): void {
    const text = this.#text;
    if (text.slice(inside, end).trim() === "") {
      this.#isAfterBlank = true;
      return;
    }
    const indent = columns(matchAt(INDENT, text, inside)![0]);
    const item = matchAt(LIST_ITEM, text, inside);
    const isIndented = indent >= this.#listIndent + 4 && !(item && this.#listIndent > 0);
    if (isIndented && this.#indented) this.#indented.end = end;
    else if (isIndented && this.#isAfterBlank) {
      this.#indented = { start, end };
      this.blocks.push(this.#indented);
    } else {
      this.#indented = undefined;
      if (item) this.#listIndent = columns(item[0]);
      else if (this.#isAfterBlank) this.#listIndent = Math.min(this.#listIndent, indent);
    }
    this.#isAfterBlank = testAt(ALONE, text, inside);
  }
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

/**
 * Returns whether a match of {@link FENCE} opens a code block. Backticks open a code span instead if more backticks follow on the
 * line.
 */
function opensFence([, mark, rest]: RegExpExecArray): boolean {
  return !(mark!.startsWith("`") && rest!.includes("`"));
}

/**
 * Returns the width of `lead` in columns. `lead` is white space, or a list marker with white space. A tab ends at the next multiple
 * of four.
 */
function columns(lead: string): number {
  let width = 0;
  for (const character of lead) width += character === "\t" ? 4 - (width % 4) : 1;
  return width;
}
