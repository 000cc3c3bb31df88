/**
 * Replaces the links in a text that arrives piece by piece. Text that can belong to a mention is held until the caller has
 * decided what replaces the mention. All other text is passed on without being held.
 *
 * The result is the same wherever the text is cut into pieces. A mention becomes a candidate only when it has ended (see
 * mention-end.ts), and the candidate contains no text after that end.
 *
 * This file is long because one class holds the whole state of a text.
 */
import { OpenBlocks } from "../markup/code-blocks.js";
import { closingBracket, placeOf } from "../markup/places.js";
import { finderOf } from "../mentions.js";
import type { Range } from "../ranges.js";
import { endOfMention, endOfName, hasOpenSpan, type OpenMention, startOfMarkup } from "./mention-end.js";
import { type Mark, type Marks, marksOf } from "./text-marks.js";

/** The maximum length of a held mention in UTF-16 units. A longer mention stays as the model wrote it. */
const LONGEST_HELD = 4096;
/** To find the markup around a mention, usually this many UTF-16 units before the mention are read. */
const USUAL_WINDOW = 300;
/** If the markup starts before {@link USUAL_WINDOW}, up to this many UTF-16 units before the mention are read. */
const LONGEST_WINDOW = 2000;
/** A mark can be cut between two pieces. To find such a mark, the search starts this many UTF-16 units earlier than usual. */
const LONGEST_MARK = 256;
/** When this many UTF-16 units at the start of the buffer are no longer needed, they are removed. */
const MOST_READ = 65_536;
/**
 * How much of the beginning of a line and of the text is kept, in UTF-16 units. The beginning of a line shows whether the line is
 * code. The beginning of the text shows whether the text is JSON.
 */
const LONGEST_HEAD = 1000;

/** A mention that has ended, with the text around it. The caller decides what replaces the mention. */
export interface Candidate {
  /** True for a path, with or without a scheme. False for any other destination of a link, which may be a file's name. */
  isPath: boolean;
  /** The text from the start of the mention's paragraph, or from a later offset, to where the mention has ended. */
  window: string;
  /** Offsets in `window`: where the mention starts, and the offset after the character that ends the mention. */
  at: number;
  nameEnd: number;
  /** Where the mention starts in the whole text, in UTF-16 units and in code points. */
  start: number;
  startCodePoints: number;
}

/** A part of the text and what replaces it. The range has UTF-16 offsets in the model's text. */
export interface Replacement extends Range {
  before: string;
  /** The URL; empty for a note. */
  url: string;
  after: string;
  /**
   * Where the mention starts. In a link that leads nowhere, such as `[plan.docx](#)`, the mention is in the label, but the
   * range is the destination. Then the mention starts before the range.
   */
  mentionStart: number;
}

/** A mention that is held. All offsets are offsets in the buffer. */
interface HeldMention extends OpenMention {
  /** The offset of the first held character: the mention's start, or the start of the markup right before the mention. */
  heldFrom: number;
  isPath: boolean;
  /** Where the search for the character that ends the name starts. */
  nameFrom: number;
  /** The offset after the character that ends the name. `undefined` if the search has not found that character yet. */
  nameEnd?: number | undefined;
}

/** Matches the end of a text if the destination of a link or the value of an attribute may come next. */
const OPENER_AT_END = /(?:\](?:\(|:)?|=)\s{0,8}\\?["'<]?\s{0,8}$/;
const JSON_START = /^\s*(?:\{\s*["}]|\[\s*(?:\n|\{|\[\s*[{"\d\n]))/;

export class LinkedText {
  /** The replacements so far, in the text's order. */
  readonly replacements: Replacement[] = [];
  /** If true, a link's destination is held only if it is a path. A destination that may be a file's name is not held. */
  onlyPaths = false;
  readonly #roots: readonly string[];
  readonly #marks: Marks;
  /** The last part of the text so far. Unless noted otherwise, the offsets below count from the start of the buffer. */
  #buffer = "";
  /** Where the buffer starts in the text. */
  #start = 0;
  #isEnded = false;
  /**
   * True if the next mark can begin before `#scanned`. There are two cases. A new piece can complete a mark that was cut. A
   * comment or a script can begin at a `<` in a destination or a mention, as in `[r]: <script>`.
   */
  #mayBeCut = false;
  /** The search for the next mark continues at this offset. */
  #scanned = 0;
  /** The text before this offset can be sent. */
  #limit = 0;
  /** The text before the offset `#sent` was sent. `#sent` is an offset in the whole text, not in the buffer. */
  #sent = 0;
  #nextToSend = 0;
  #open: HeldMention | undefined;
  /** A link whose label is held until the caller has decided what replaces the link's destination. */
  #label: { start: number; destination: number } | undefined;
  /** The open comment, script, style sheet or text field: where its content starts, and the pattern that matches its end. */
  #raw: { start: number; closer: RegExp } | undefined;
  readonly #blocks = new OpenBlocks();
  #line = 0;
  /** The beginning of the current line, if the buffer no longer has it. */
  #lineHead = "";
  /** Where the current paragraph starts: after the last line that is blank or in a code block. */
  #paragraph = 0;
  #head = "";
  #points = { at: 0, count: 0 };

  /** If `holdsLabels` is true, labels are held too, so that a note can replace a whole link. */
  constructor(roots: readonly string[], holdsLabels: boolean) {
    this.#roots = roots;
    this.#marks = marksOf(roots, holdsLabels);
  }

  /** Adds the next piece of the text. */
  push(piece: string): void {
    this.#buffer += piece;
    this.#mayBeCut = true;
    if (this.#head.length < LONGEST_HEAD) this.#head += piece.slice(0, LONGEST_HEAD);
  }

  /**
   * Adds a piece that the caller has already sent. Call this only if `isIdle` is true and no mark begins in the piece: then
   * the piece cannot belong to a mention.
   */
  pass(piece: string): void {
    // The piece can end a comment or a script. It can also complete the mark that begins a comment or a script: `<script>`.
    const mayChangeRaw = this.#raw !== undefined || this.#buffer.slice(-LONGEST_MARK).includes("<");
    this.push(piece);
    if (mayChangeRaw) this.#scan();
    this.giveUp();
    this.#sent = this.#start + this.#limit;
    this.#trim();
  }

  /** Ends the text: no piece follows. */
  end(): void {
    this.#isEnded = true;
  }

  /**
   * False while some text is held. Also false if a link may follow, because the text ends with markup such as `](` or `href=`.
   */
  get isIdle(): boolean {
    return this.heldLength === 0 && !this.#label && !OPENER_AT_END.test(this.#buffer.slice(-LONGEST_MARK));
  }

  /** How many UTF-16 units of the text are held. */
  get heldLength(): number {
    return this.#start + this.#buffer.length - this.#sent;
  }

  /** True if a path is held. To decide what replaces the path, the caller will need the files of the path's container. */
  get isPathOpen(): boolean {
    return this.#open?.isPath === true;
  }

  /** True if the held text is certainly a path below a root or a path after `sandbox:`, whatever text follows. */
  get isMentionOpen(): boolean {
    const open = this.#open;
    if (!open?.isPath) return false;
    const from = this.#windowStart(open);
    const window = this.#buffer.slice(from);
    const finder = finderOf(this.#roots);
    // The `x` stands for the text that can follow: `/mnt/data` can become `/mnt/database`.
    return finder.startsAt(window, open.start - from) && finder.startsAt(`${window}x`, open.start - from);
  }

  /** True if the whole text is JSON, judging by its beginning. */
  get isJson(): boolean {
    return JSON_START.test(this.#head);
  }

  /**
   * Returns the next mention that has ended, or `undefined` if there is none yet. Returns the same mention again until the caller
   * calls `replace`, `leave`, `extend` or `giveUp`.
   */
  candidate(): Candidate | undefined {
    for (;;) {
      this.#scan();
      const open = this.#open;
      const end = open && this.#endOf(open);
      if (!open || (end === undefined && this.#open === open)) return undefined;
      const candidate = end === undefined ? undefined : this.#candidateOf(open, end);
      if (candidate) return candidate;
    }
  }

  /**
   * Returns the held mention as a candidate. In prose, only a path can be a mention. If the held text is something else, such
   * as `/mnt/database`, the method stops holding the text and returns `undefined`.
   */
  #candidateOf(open: HeldMention, end: number): Candidate | undefined {
    const from = this.#windowStart(open);
    const window = this.#buffer.slice(from, end);
    const at = open.start - from;
    const isPath = finderOf(this.#roots).startsAt(window, at);
    if (!isPath && open.place.kind === "text") {
      this.leave();
      return undefined;
    }
    return {
      isPath,
      window,
      at,
      nameEnd: open.nameEnd! - from,
      start: this.#start + open.start,
      startCodePoints: this.#codePointsBefore(open.start),
    };
  }

  /**
   * Drops the end that was found for the held mention, because a known name may be longer. The next call of `candidate()` then
   * searches for a later end. Returns false if the whole text ends where the mention's name ends.
   */
  extend(): boolean {
    const open = this.#open!;
    if (open.nameEnd! >= this.#buffer.length && this.#isEnded) return false;
    open.nameFrom = open.nameEnd!;
    open.nameEnd = undefined;
    return true;
  }

  /**
   * Replaces a range of the text and stops holding the mention. The offsets of the range are in the whole text. Replaces
   * nothing and returns false if the range starts before the held text, because that part may already be sent.
   */
  replace(replacement: Replacement): boolean {
    const heldFrom = Math.min(this.#open!.heldFrom, this.#label?.start ?? Infinity);
    if (replacement.start < Math.max(this.#sent, this.#start + heldFrom)) {
      this.leave();
      return false;
    }
    // If a note replaces a whole link, the replacements in the link's label no longer apply.
    while ((this.replacements.at(-1)?.start ?? -1) >= replacement.start) this.replacements.pop();
    this.replacements.push(replacement);
    this.#decide(Math.max(replacement.end - this.#start, this.#open!.start + 1));
    return true;
  }

  /** Leaves the candidate as the model wrote it. `end` is where the mention ends in the whole text, if that is known. */
  leave(end?: number): void {
    const open = this.#open!;
    this.#decide(Math.max(open.start + 1, end === undefined ? 0 : end - this.#start));
  }

  /** Returns the text that can be sent now and that no earlier call returned. */
  take(): string {
    const end = this.#start + this.#limit;
    let taken = "";
    for (; this.#nextToSend < this.replacements.length; this.#nextToSend++) {
      const { start, end: next, before, url, after } = this.replacements[this.#nextToSend]!;
      if (start >= end) break;
      taken += this.#slice(this.#sent, start) + before + url + after;
      this.#sent = next;
    }
    if (end > this.#sent) {
      taken += this.#slice(this.#sent, end);
      this.#sent = end;
    }
    this.#trim();
    return taken;
  }

  /** Leaves the held mention unchanged, and returns all text not sent yet. Mentions in later pieces are still found. */
  release(): string {
    this.giveUp();
    return this.take();
  }

  /** Leaves the held mention unchanged, so that all text can be sent. */
  giveUp(): void {
    this.#open = undefined;
    this.#label = undefined;
    this.#scanned = this.#limit = this.#buffer.length;
  }

  /** Looks for the next mention, and sets how much text can be sent. */
  #scan(): void {
    while (!this.#open && this.#scanned < this.#buffer.length) {
      const from = this.#scanned;
      if (this.#raw ? !this.#endRaw() : !this.#readMark()) break;
      if (this.#scanned === from && this.#open === undefined) break;
    }
    const held = this.#open?.heldFrom ?? this.#limit;
    this.#limit = this.#label ? Math.min(held, this.#label.start) : held;
  }

  /** Reads up to the end of the open comment, script, style sheet or text field. Returns false if the end is not there yet. */
  #endRaw(): boolean {
    const { start, closer } = this.#raw!;
    closer.lastIndex = Math.max(start, this.#scanned - LONGEST_MARK);
    const isClosed = closer.test(this.#buffer);
    this.#scanned = this.#limit = isClosed ? Math.max(closer.lastIndex, this.#scanned) : this.#buffer.length;
    if (isClosed) this.#raw = undefined;
    return isClosed;
  }

  /** Reads the next mark. Returns false if more text is needed. */
  #readMark(): boolean {
    // The next mark can begin before `#scanned`: see `#mayBeCut`.
    const from = this.#mayBeCut ? Math.max(0, this.#scanned - LONGEST_MARK) : this.#scanned;
    this.#mayBeCut = false;
    const mark = this.#marks.next(this.#buffer, from, this.#scanned);
    if (!mark) {
      this.#scanned = this.#limit = this.#buffer.length;
      return false;
    }
    const { kind, start, end } = mark;
    const at = kind === "destination" ? end : start;
    this.#limit = Math.max(this.#limit, at);
    if (kind === "destination" && end === this.#buffer.length) {
      // The destination itself is not in the text yet.
      this.#scanned = start;
      return false;
    }
    const behind = this.#behindCode(mark, at);
    if (behind !== undefined) return this.#pass(behind);
    if (kind === "raw") {
      this.#limit = end;
      const lead = this.#buffer.slice(this.#paragraphFrom(start), start);
      if (!hasOpenSpan(lead)) this.#raw = { start: end, closer: mark.closer };
      return this.#pass(end);
    }
    if (kind === "label") return this.#openLabel(start, end);
    return kind === "destination" ? this.#openDestination(start, end) : this.#openPath(mark);
  }

  /** Returns where the search continues if a mark is in a code block, or `undefined` if the mark is not in a code block. */
  #behindCode(mark: Mark, at: number): number | undefined {
    const isAtCode = this.#isCode(at);
    if (mark.kind === "path") {
      // A path mark includes the markup before the path. Backticks in this markup can be a code fence on the line before the
      // path. If the fence opens a code block, the path is in this block. If the fence closes a code block, the path's paragraph
      // starts after the fence.
      if (this.#isCode(mark.core)) return mark.core + 1;
      if (mark.start < this.#paragraph) return this.#paragraph;
    }
    if (!isAtCode) return undefined;
    return mark.kind === "raw" || mark.kind === "destination" ? mark.end : at + 1;
  }

  #pass(to: number): boolean {
    this.#scanned = Math.max(this.#scanned, Math.min(to, this.#buffer.length));
    this.#limit = Math.max(this.#limit, this.#scanned);
    return true;
  }

  /** Holds a label until the caller has decided about the link's destination. Returns false if more text is needed. */
  #openLabel(start: number, textStart: number): boolean {
    if (this.#label) return this.#pass(textStart);
    const close = closingBracket(this.#buffer, textStart);
    const next = close === undefined ? undefined : this.#buffer[close + 1];
    if (close !== undefined && (close < 0 || (next !== undefined && next !== "(")))
      return this.#pass(textStart);
    if (next === undefined) {
      if (this.#isEnded) return this.#pass(textStart);
      this.#scanned = this.#limit = start;
      return false;
    }
    this.#label = { start, destination: close! + 2 };
    this.#scanned = textStart;
    return true;
  }

  /** Holds a link's destination, which starts at `start`. `opener` is the offset of the markup before it, such as `](`. */
  #openDestination(opener: number, start: number): boolean {
    const isPath = this.#marks.isPathAt(this.#buffer, start);
    if (this.onlyPaths && !isPath) {
      if (isPath === undefined && !this.#isEnded) {
        this.#scanned = opener;
        return false;
      }
      return this.#passDestination(start);
    }
    const place = placeOf(this.#buffer, start, true);
    if (place.kind === "text" || place.kind === "autolink") return this.#passDestination(start);
    return this.#hold({ heldFrom: start, start, place, isPath: isPath !== false, nameFrom: start }, opener);
  }

  /** Passes over a destination that is no mention, and stops holding the label of the destination. */
  #passDestination(start: number): boolean {
    if (this.#label && start >= this.#label.destination) this.#label = undefined;
    this.#noteRawMark(start - 1, start);
    return this.#pass(start);
  }

  /** Holds the text that starts at `core` in prose, if this text is a path. Returns false if more text is needed to decide. */
  #openPath({ start: heldFrom, core, end }: { start: number; core: number; end: number }): boolean {
    const isPath = this.#marks.isPathAt(this.#buffer, core);
    if (isPath === undefined && !this.#isEnded) {
      this.#scanned = this.#limit = heldFrom;
      return false;
    }
    if (!isPath) return this.#pass(Math.max(heldFrom + 1, core));
    const place = placeOf(this.#buffer, core, /[a-z]/i.test(this.#buffer[core]!));
    return this.#hold({ heldFrom, start: core, place, isPath: true, nameFrom: end }, heldFrom);
  }

  /** Holds a mention. `markup` is the offset of the markup before the mention. The markup can be in the previous paragraph. */
  #hold(open: Omit<HeldMention, "paragraph">, markup: number): boolean {
    this.#open = { ...open, paragraph: Math.min(markup, this.#paragraphFrom(open.start)) };
    this.#scanned = open.heldFrom;
    return true;
  }

  /**
   * Returns the offset where the held mention ends, or `undefined` if the end is not in the text yet. If the mention is too long,
   * stops holding it and returns `undefined`.
   */
  #endOf(open: HeldMention): number | undefined {
    // A mention longer than `LONGEST_HELD` is not held. Without this limit, a path that never ends would take quadratic time.
    const text = this.#buffer.slice(0, open.start + LONGEST_HELD + 1);
    const isEnded = this.#isEnded && text.length === this.#buffer.length;
    open.nameEnd ??= endOfName(text, open, open.nameFrom) ?? (isEnded ? text.length : undefined);
    const end = open.nameEnd === undefined ? undefined : endOfMention({ text, isEnded }, open, open.nameEnd);
    if ((end ?? text.length) - open.start <= LONGEST_HELD) return end;
    this.#decide(open.start + LONGEST_HELD);
    return undefined;
  }

  #decide(scanned: number): void {
    const { start } = this.#open!;
    this.#open = undefined;
    this.#scanned = this.#limit = Math.min(scanned, this.#buffer.length);
    this.#noteRawMark(start - 1, this.#scanned);
    if (this.#label && this.#scanned > this.#label.destination) this.#label = undefined;
  }

  /**
   * Makes the next search start before `#scanned` if the text from `from` to `to` has a `<`. A comment or a script can begin
   * at the `<`. Without a `<`, the search starts at `#scanned`, which is faster.
   */
  #noteRawMark(from: number, to: number): void {
    this.#mayBeCut ||= this.#buffer.slice(Math.max(0, from), to).includes("<");
  }

  /**
   * Returns whether the character at `at` is in a code block. Only unread lines can be checked: if `at` is in a line that was
   * already read, returns whether the first unread line is in a code block.
   */
  #isCode(at: number): boolean {
    this.#readLines(at);
    const head = this.#lineHead + this.#buffer.slice(this.#line, at + 1);
    return this.#blocks.isCode(head.slice(0, LONGEST_HEAD));
  }

  #readLines(to: number): void {
    const text = this.#buffer;
    for (
      let feed = text.indexOf("\n", this.#line);
      feed >= 0 && feed < to;
      feed = text.indexOf("\n", this.#line)
    ) {
      const line = this.#lineHead + text.slice(this.#line, feed + 1);
      const wasFenced = this.#blocks.isFenced;
      this.#blocks.readLine(line);
      this.#line = feed + 1;
      this.#lineHead = "";
      if (wasFenced || this.#blocks.isInCode || line.trim() === "") this.#paragraph = this.#line;
    }
  }

  #paragraphFrom(at: number): number {
    this.#readLines(at);
    return Math.max(this.#paragraph, at - LONGEST_WINDOW, 0);
  }

  #windowStart({ start, paragraph }: OpenMention): number {
    return startOfMarkup(this.#buffer, paragraph, start, USUAL_WINDOW);
  }

  #codePointsBefore(at: number): number {
    const text = this.#buffer;
    let { count } = this.#points;
    for (let index = this.#points.at - this.#start; index < at; index++) {
      const isLow = (text.charCodeAt(index) & 0xfc00) === 0xdc00;
      if (!isLow) count++;
    }
    this.#points = { at: Math.max(this.#points.at, this.#start + at), count };
    return count;
  }

  #slice(from: number, to: number): string {
    return this.#buffer.slice(from - this.#start, to - this.#start);
  }

  /** Drops text that was sent and that no later mention needs. */
  #trim(): void {
    const keptFrom = Math.min(this.#scanned, this.#sent - this.#start) - 2 * LONGEST_WINDOW;
    if (keptFrom < MOST_READ || this.#open || this.#label) return;
    this.#readLines(keptFrom);
    this.#codePointsBefore(keptFrom);
    if (this.#line < keptFrom) {
      this.#lineHead = (this.#lineHead + this.#buffer.slice(this.#line, keptFrom)).slice(0, LONGEST_HEAD);
    }
    this.#buffer = this.#buffer.slice(keptFrom);
    this.#start += keptFrom;
    this.#scanned -= keptFrom;
    this.#limit -= keptFrom;
    if (this.#raw) this.#raw.start = Math.max(0, this.#raw.start - keptFrom);
    this.#line = Math.max(0, this.#line - keptFrom);
    this.#paragraph = Math.max(0, this.#paragraph - keptFrom);
  }
}
