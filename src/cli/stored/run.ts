/** Inputs in, the same with their missing citations out: piece by piece, in order, whatever their size. */
import { ReadableStream } from "node:stream/web";
import { repairEventStream } from "../../http/sse.js";
import type { RepairContext } from "../../responses/response-repair.js";
import { StreamRepair } from "../../responses/stream-repair.js";
import type { Report } from "../../types.js";
import { isMissing } from "../missing.js";
import type { Output } from "./output.js";
import type { Piece, Position, Shape } from "./piece.js";
import { RecordRepair, type Repaired } from "./record.js";
import { type InputShape, Sniffer } from "./sniffer.js";
import { Splitter } from "./splitter.js";
import { Window } from "./window.js";

/** What a run came to. */
export interface Counts {
  responses: number;
  /** Responses that citations were added to, and how many these are. */
  repaired: number;
  citations: number;
  /** Mentions of a file that stay without a citation. */
  left: number;
  /** Responses whose recovery failed. */
  failed: number;
  /** Lines or values that are no response. */
  others: number;
}

/** How far a run has come: all before this is written, and nothing of what is behind it. */
export interface Milestone {
  /** The input's place among the inputs, and how many of its bytes were read. */
  input: number;
  offset: number;
  /** What stands there. Not there where that has to be found out, at an input's beginning. */
  position?: Position;
  outLength: number;
  outEndsLine: boolean;
  reportLength: number;
  counts: Counts;
}

export const START: Milestone = {
  input: 0,
  offset: 0,
  outLength: 0,
  outEndsLine: true,
  reportLength: 0,
  counts: { responses: 0, repaired: 0, citations: 0, left: 0, failed: 0, others: 0 },
};

export interface RunOptions {
  context: RepairContext;
  out: Output;
  report: Output | undefined;
  /** How many responses may wait for their lists at once. */
  concurrency: number;
  /** Told of records that are no responses; of several in a row once. */
  onOthers: (others: Others) => void;
  /** Called often: after each chunk, and whenever something was waited for. */
  onProgress: () => void;
  /** Called after each time that all is written up to a milestone. */
  onMilestone: (milestone: Milestone) => Promise<void>;
  /** Whether a milestone is wanted now. */
  isMilestoneDue: () => boolean;
}

/** Records in a row that are no responses, all for one reason. */
export interface Others {
  input: number;
  shape: Shape;
  from: number;
  to: number;
  problem: string;
}

/** Reads an input from an offset on. */
export type Read = (offset: number) => AsyncIterable<Buffer>;

export class Run {
  readonly counts: Counts;
  readonly #options: RunOptions;
  #input: number;
  #offset: number;
  #position: Position | undefined;
  /** A milestone that was reached, and not told of yet. */
  #milestone: Milestone | undefined;
  #others: Others | undefined;

  constructor(options: RunOptions, { input, offset, position, counts }: Milestone = START) {
    this.#options = options;
    this.#input = input;
    this.#offset = offset;
    this.#position = position;
    this.counts = { ...counts };
  }

  /** Repairs the inputs, from where it was told to begin. */
  async of(inputs: readonly Read[]): Promise<void> {
    for (; this.#input < inputs.length; this.#input++, this.#offset = 0) {
      const chunks = inputs[this.#input]!(this.#offset)[Symbol.asyncIterator]();
      if (this.#position) await this.#records(chunks, this.#position);
      else await this.#begin(chunks);
      this.#position = undefined;
      this.#tellOthers();
      if (this.#options.isMilestoneDue()) {
        this.#milestone = { ...this.#written(), input: this.#input + 1, offset: 0 };
      }
      await this.#flush();
    }
  }

  /** Reads an input's beginning, until it tells the shape. */
  async #begin(chunks: AsyncIterator<Buffer>): Promise<void> {
    const { out } = this.#options;
    if (!out.endsLine) out.write(Buffer.from("\n")); // the input before did not
    const sniffer = new Sniffer((bytes) => {
      out.write(bytes);
      this.#offset += bytes.length;
    });
    let shape: InputShape | undefined;
    while (shape === undefined) {
      const { done, value } = await chunks.next();
      if (done) break;
      shape = sniffer.take(value);
      if (out.isFull) await this.#flush();
    }
    const rest = startingWith(sniffer.rest, chunks);
    if (shape === "events") await this.#events(rest);
    else await this.#records(rest, { shape: shape ?? "lines", number: 0, lines: sniffer.blankLines });
  }

  /** An event stream as it came over HTTP: its bytes go through what repairs the API's. */
  async #events(chunks: AsyncGenerator<Buffer>): Promise<void> {
    const { context, out } = this.#options;
    const onReport = (report: Report): void => this.#report(report, {});
    const stream = new StreamRepair({ ...context, settings: { ...context.settings, onReport } });
    const source = ReadableStream.from(chunks) as globalThis.ReadableStream<Uint8Array>;
    const reader = repairEventStream(source.getReader(), stream).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      out.write(read.value);
      if (out.isFull) await this.#flush();
    }
  }

  async #records(chunks: AsyncIterator<Buffer>, position: Position): Promise<void> {
    const { concurrency, context } = this.#options;
    const splitter = new Splitter(position);
    const records = new RecordRepair(context);
    const window = new Window<Piece, Repaired>(concurrency, (piece, repaired) => this.#put(piece, repaired));
    let next = nextOf(chunks);
    for (;;) {
      const settled = window.settled();
      window.drain();
      await this.#flush();
      // What waits for its list goes out when that is there, though the next chunk may not be.
      const read = window.isEmpty ? await next : await Promise.race([next, settled]);
      if (!read) continue;
      await this.#takeAll(read.done ? splitter.end() : splitter.push(read.value), records, window);
      if (read.done) break;
      next = nextOf(chunks);
    }
    while (!window.isEmpty) await this.#waitFor(window);
    const left = await records.end();
    if (left) this.#write(left, {});
  }

  async #takeAll(
    pieces: readonly Piece[],
    records: RecordRepair,
    window: Window<Piece, Repaired>,
  ): Promise<void> {
    for (const piece of pieces) {
      const { bytes, number } = piece;
      window.add(piece, bytes.length, number > 0 ? records.take(piece) : { bytes, reports: [] });
      while (window.isFull) await this.#waitFor(window);
      if (this.#options.out.isFull) await this.#flush();
    }
  }

  async #waitFor(window: Window<Piece, Repaired>): Promise<void> {
    const settled = window.settled();
    window.drain();
    await this.#flush();
    if (!window.isEmpty) await settled;
    window.drain();
  }

  #put(piece: Piece, repaired: Repaired): void {
    const { problem, isInsideStream } = repaired;
    this.#offset += piece.bytes.length;
    if (piece.number === 0) {
      this.#options.out.write(repaired.bytes);
      return;
    }
    this.#write(repaired, piece.shape === "lines" ? { line: piece.number } : { value: piece.number });
    if (problem === undefined) this.#tellOthers();
    else this.#noteOther(piece, problem);
    const isWhole = piece.problem === undefined && !isInsideStream;
    if (isWhole && !this.#milestone && this.#options.isMilestoneDue())
      this.#milestone = this.#milestoneAt(piece);
  }

  #write({ bytes, reports, customId }: Repaired, place: object): void {
    this.#options.out.write(bytes);
    for (const report of reports) {
      this.#report(report, { ...place, ...(customId !== undefined && { customId }) });
    }
  }

  #report(report: Report, place: object): void {
    const { counts } = this;
    const recovered = report.citations.filter(({ origin }) => origin === "recovered").length;
    counts.responses++;
    counts.citations += recovered;
    if (recovered > 0) counts.repaired++;
    if (report.error) counts.failed++;
    counts.left += report.unresolved.filter(isMissing).length;
    if (!this.#options.report) return;
    const { error, ...rest } = report;
    const entry = { ...place, ...rest, ...(error && { error: error.message }) };
    this.#options.report.write(Buffer.from(`${JSON.stringify(entry)}\n`));
  }

  #noteOther({ number, shape }: Piece, problem: string): void {
    this.counts.others++;
    const others = this.#others;
    if (others && others.problem === problem && others.to === number - 1) others.to = number;
    else {
      this.#tellOthers();
      this.#others = { input: this.#input, shape, from: number, to: number, problem };
    }
  }

  #tellOthers(): void {
    if (this.#others) this.#options.onOthers(this.#others);
    this.#others = undefined;
  }

  #milestoneAt({ shape, number, lines }: Piece): Milestone {
    const position = { shape, number, lines };
    return { ...this.#written(), input: this.#input, offset: this.#offset, position };
  }

  #written(): Pick<Milestone, "outLength" | "outEndsLine" | "reportLength" | "counts"> {
    const { out, report } = this.#options;
    return {
      outLength: out.length,
      outEndsLine: out.endsLine,
      reportLength: report?.length ?? 0,
      counts: { ...this.counts },
    };
  }

  async #flush(): Promise<void> {
    const { out, report, onMilestone, onProgress } = this.#options;
    onProgress();
    await out.flush();
    await report?.flush();
    const milestone = this.#milestone;
    this.#milestone = undefined;
    if (milestone) await onMilestone(milestone);
  }
}

/** The next chunk, asked for while others are worked on: that it cannot be read is heard when it is waited for. */
function nextOf(chunks: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  const next = chunks.next();
  next.catch(() => {});
  return next;
}

async function* startingWith(
  beginning: Buffer,
  chunks: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  if (beginning.length > 0) yield beginning;
  for (let read = await chunks.next(); !read.done; read = await chunks.next()) yield read.value;
}
