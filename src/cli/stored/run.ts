/**
 * Repairs inputs of any size: reads them piece by piece and writes the repaired pieces in order. This file is long because one
 * object holds the whole state of a run.
 */
import { ReadableStream } from "node:stream/web";
import { repairEventStream } from "../../http/sse.js";
import type { RepairContext } from "../../responses/response-repair.js";
import type { Report } from "../../types.js";
import { isMissing } from "../missing.js";
import type { InputState } from "../repair-paths.js";
import type { Output } from "./output.js";
import { LF, type Piece, type Position, type Repaired, type Shape } from "./piece.js";
import { nextOf, ReadHash, type ReadPart, startingWith } from "./reading.js";
import { RecordRepair } from "./record.js";
import { type InputShape, Sniffer } from "./sniffer.js";
import { Splitter } from "./splitter.js";
import { Window } from "./window.js";

/** The totals of a run. */
export interface Counts {
  responses: number;
  /** Responses that got citations. */
  repaired: number;
  citations: number;
  /** Mentions of files that still have no citation. */
  left: number;
  /** Responses whose recovery failed. */
  failed: number;
  /** Lines or values that are not responses. */
  others: number;
}

/** A point from which an interrupted run can be resumed. When a milestone is saved, all output before it has been written. */
export interface Milestone {
  /** The inputs that were read to their end. */
  done: ReadPart[];
  /** The part of the next input that was read, and where that part ends. Missing if nothing of that input was read. */
  current?: ReadPart & { position: Position };
  outLength: number;
  outEndsLine: boolean;
  reportLength: number;
  counts: Counts;
}

export const START: Milestone = {
  done: [],
  outLength: 0,
  outEndsLine: true,
  reportLength: 0,
  counts: { responses: 0, repaired: 0, citations: 0, left: 0, failed: 0, others: 0 },
};

export interface RunOptions {
  context: RepairContext;
  out: Output;
  report: Output | undefined;
  /** Called with the report of each response. */
  onReport?: (report: Report) => void;
  /** How many responses may wait for their lists at the same time. */
  concurrency: number;
  /** Called for records that are not responses: once for all consecutive records with the same problem. */
  onOthers: (others: Others) => void;
  /** Called often: after each chunk and after each wait. */
  onProgress: () => void;
  /** Needed only for a run that can be resumed. If it is missing, no milestone is saved and no input is hashed. */
  milestones?: {
    /** Returns whether a milestone should be saved now. */
    isDue: () => boolean;
    /** Returns the current size and time of an input, if it is a file. */
    stateOf: (input: number) => Promise<InputState | undefined>;
    /** Saves a milestone (see `Milestone`). Called when all output before this milestone has been written. */
    save: (milestone: Milestone) => Promise<void>;
  };
}

/** Consecutive records that are not responses, all for the same reason. */
export interface Others {
  input: number;
  shape: Shape;
  from: number;
  to: number;
  problem: string;
}

export class Run {
  readonly counts: Counts;
  readonly #options: RunOptions;
  readonly #done: ReadPart[];
  #input: number;
  /** The current input's hash, up to the last byte whose result is in the output. `undefined` without `milestones`. */
  #hash: ReadHash | undefined;
  #position: Position | undefined;
  /** A milestone that was reached and is not saved yet. */
  #milestone: Milestone | undefined;
  #others: Others | undefined;

  /** Continues an interrupted run from the given milestone. Without a milestone, starts with the first input. */
  constructor(options: RunOptions, { done, current, counts }: Milestone = START) {
    this.#options = options;
    this.#done = [...done];
    this.#input = done.length;
    this.#position = current?.position;
    this.counts = { ...counts };
  }

  /** Repairs the inputs. If an interrupted run has read a part of the first input, `hash` is the hash of this part. */
  async of(inputs: readonly AsyncIterable<Buffer>[], hash = new ReadHash()): Promise<void> {
    if (this.#options.milestones) this.#hash = hash;
    for (const [index, input] of inputs.entries()) {
      const chunks = input[Symbol.asyncIterator]();
      if (this.#position) await this.#records(chunks, this.#position);
      else await this.#startInput(chunks);
      this.#position = undefined;
      this.#warnOfOthers();
      await this.#endInput(index === inputs.length - 1);
      await this.#flush();
    }
  }

  async #endInput(isLast: boolean): Promise<void> {
    const input = this.#input++;
    const { milestones } = this.#options;
    if (!milestones || !this.#hash) return;
    this.#done.push({ ...this.#hash.part(), ...(await milestones.stateOf(input)) });
    this.#hash = new ReadHash();
    // The end of the last input is no milestone, because the last input may still grow. A run can be resumed from a milestone
    // only if all inputs that end before the milestone are unchanged.
    if (!isLast && milestones.isDue()) this.#milestone = this.#baseMilestone();
  }

  /** Reads an input until its shape is known, then repairs it. */
  async #startInput(chunks: AsyncIterator<Buffer>): Promise<void> {
    const { out } = this.#options;
    if (!out.endsLine) out.write(Buffer.from("\n")); // ends the last line of the previous input
    const sniffer = new Sniffer((bytes) => {
      out.write(bytes);
      this.#hash?.add(bytes);
    });
    let shape: InputShape | undefined;
    while (shape === undefined) {
      const { done, value } = await chunks.next();
      if (done) break;
      shape = sniffer.take(value);
      if (out.isFull) await this.#flush();
    }
    shape ??= sniffer.end();
    const rest = startingWith(sniffer.held, chunks);
    if (shape === "events") await this.#events(rest);
    else await this.#records(rest, { shape, number: 0, lines: sniffer.blankLines });
  }

  /**
   * Repairs a recorded HTTP event stream in the same way as a live one, with one difference: a list that lacks a file is not
   * requested again. A stored response is old, so its lists do not change any more.
   */
  async #events(chunks: AsyncGenerator<Buffer>): Promise<void> {
    const { context, out } = this.#options;
    const onReport = (report: Report): void => this.#report(report, {});
    const settings = { ...context.settings, retries: 0, onReport };
    const source = ReadableStream.from(this.#hashed(chunks)) as globalThis.ReadableStream<Uint8Array>;
    const reader = repairEventStream(source.getReader(), { ...context, settings }).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      out.write(read.value);
      if (out.isFull) await this.#flush();
    }
  }

  async *#hashed(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      this.#hash?.add(chunk);
      yield chunk;
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
      // Waits for the next chunk or for a finished repair, whichever comes first. So a finished repair is written without waiting
      // for the next chunk.
      const read = window.isEmpty ? await next : await Promise.race([next, settled]);
      if (!read) continue;
      await this.#takeAll(read.done ? splitter.end() : splitter.push(read.value), records, window);
      if (read.done) break;
      next = nextOf(chunks);
    }
    const left = await records.end(); // repairs the held records too
    while (!window.isEmpty) await this.#waitFor(window);
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
      while (window.isFull) {
        if (window.isStuck) await records.release();
        await this.#waitFor(window);
      }
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
    this.#hash?.add(piece.bytes);
    if (piece.number === 0) {
      this.#options.out.write(repaired.bytes);
      return;
    }
    this.#write(repaired, piece.shape === "lines" ? { line: piece.number } : { value: piece.number });
    if (problem === undefined) this.#warnOfOthers();
    else this.#noteOther(piece, problem);
    if (!isInsideStream && isWhole(piece) && !this.#milestone && this.#options.milestones?.isDue())
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
    this.#options.onReport?.(report);
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
      this.#warnOfOthers();
      this.#others = { input: this.#input, shape, from: number, to: number, problem };
    }
  }

  #warnOfOthers(): void {
    if (this.#others) this.#options.onOthers(this.#others);
    this.#others = undefined;
  }

  #milestoneAt({ shape, number, lines }: Piece): Milestone {
    return {
      ...this.#baseMilestone(),
      current: { ...this.#hash!.part(), position: { shape, number, lines } },
    };
  }

  #baseMilestone(): Milestone {
    const { out, report } = this.#options;
    return {
      done: [...this.#done],
      outLength: out.length,
      outEndsLine: out.endsLine,
      reportLength: report?.length ?? 0,
      counts: { ...this.counts },
    };
  }

  async #flush(): Promise<void> {
    const { out, report, milestones, onProgress } = this.#options;
    onProgress();
    await out.flush();
    await report?.flush();
    const milestone = this.#milestone;
    this.#milestone = undefined;
    if (!milestone || !milestones) return;
    if (milestone.current) Object.assign(milestone.current, await milestones.stateOf(milestone.done.length));
    await milestones.save(milestone);
  }
}

/**
 * Returns whether a record has no problem and is complete. A last line without a newline is not complete: if the file grows, new
 * bytes continue this line.
 */
function isWhole({ bytes, shape, problem }: Piece): boolean {
  return problem === undefined && (shape !== "lines" || bytes.at(-1) === LF);
}
