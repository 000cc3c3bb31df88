/**
 * Writes to a file, to stdout or nowhere. Collects bytes before it writes them, because one write for each line would cost more
 * than the repair.
 */
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { WrongUse } from "../wrong-use.js";
import { joined, LF } from "./piece.js";

/** When this many bytes are collected, `isFull` is true. The caller should then flush the bytes. */
const FULL = 2 ** 20;

export class Output {
  /** The length of the output in bytes, including the part that a resumed run keeps. */
  length: number;
  /** True if the output is empty or ends with a newline. */
  endsLine = true;
  readonly #file: FileHandle | undefined;
  /** The path of a file that did not exist before. `leave` removes this file. `undefined` if the file existed. */
  readonly #newPath: string | undefined;
  #isDiscarded = false;
  /**
   * The collected pieces. Pieces that are adjacent in memory are merged, so that most of an input is written in its original
   * chunks.
   */
  #pending: { buffer: ArrayBufferLike; start: number; end: number }[] = [];
  #pendingLength = 0;

  private constructor(length: number, file?: FileHandle, newPath?: string) {
    this.length = length;
    this.#file = file;
    this.#newPath = newPath;
  }

  static toStdout(): Output {
    return new Output(0);
  }

  /** Creates an output that discards what is written. */
  static toNowhere(): Output {
    const output = new Output(0);
    output.#isDiscarded = true;
    return output;
  }

  /**
   * Opens or creates a file, to write after its first `length` bytes. The file's content does not change before `begin`.
   *
   * @throws WrongUse if the file is shorter than `length` bytes or cannot be opened.
   */
  static async toFile(path: string, length = 0): Promise<Output> {
    const found = await stat(path).catch(() => undefined);
    const file = await open(path, "a").catch((error: Error) => {
      throw new WrongUse(error.message);
    });
    const output = new Output(length, file, found ? undefined : path);
    if (length > (found?.size ?? 0)) {
      await output.leave();
      throw new WrongUse(`${path} is shorter than the interrupted run left it: restore it or start again`);
    }
    return output;
  }

  /**
   * Cuts the file off after its first `length` bytes. This removes what an interrupted run wrote after its last milestone, such
   * as half a line.
   */
  async begin(): Promise<void> {
    const file = this.#file;
    if (file && (await file.stat()).isFile()) await file.truncate(this.length);
  }

  /** Closes the output without a change. Removes the file if it did not exist before. */
  async leave(): Promise<void> {
    await this.#file?.close();
    if (this.#newPath !== undefined) await rm(this.#newPath, { force: true });
  }

  get isFull(): boolean {
    return this.#pendingLength >= FULL;
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { buffer, byteOffset: start, length } = bytes;
    const last = this.#pending.at(-1);
    if (last?.buffer === buffer && last.end === start) last.end += length;
    else this.#pending.push({ buffer, start, end: start + length });
    this.#pendingLength += bytes.length;
    this.length += bytes.length;
    this.endsLine = bytes.at(-1) === LF;
  }

  /** Writes the collected bytes. */
  async flush(): Promise<void> {
    if (this.#pendingLength === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingLength = 0;
    if (this.#isDiscarded) return;
    const bytes = joined(pending.map(({ buffer, start, end }) => Buffer.from(buffer, start, end - start)));
    if (this.#file) {
      for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at)).bytesWritten;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Writes the file's bytes to the disk, so that they survive a crash of the machine. Ignores errors: pipes cannot do this. */
  async sync(): Promise<void> {
    await this.#file?.datasync().catch(() => {});
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file?.close();
  }
}
