/** Where bytes go: gathered, since a write for each line would cost more than all else. */
import { type FileHandle, open } from "node:fs/promises";
import { WrongUse } from "../wrong-use.js";
import { joined, LF } from "./piece.js";

/** So much is gathered. */
const FULL = 2 ** 20;

export class Output {
  /** How many bytes it was given, those before it went on included. */
  length: number;
  /** It holds nothing, or its last line is whole. */
  endsLine = true;
  readonly #file: FileHandle | undefined;
  /** Pieces that lie behind each other in memory are one: most of an input goes out as the chunks that it came in. */
  #gathered: { buffer: ArrayBufferLike; start: number; end: number }[] = [];
  #gatheredLength = 0;

  private constructor(length: number, file: FileHandle | undefined) {
    this.length = length;
    this.#file = file;
  }

  static toStdout(): Output {
    return new Output(0, undefined);
  }

  /**
   * A new file, or one that goes on behind its first `length` bytes.
   *
   * @throws WrongUse where it is shorter than that, or cannot be opened.
   */
  static async toFile(path: string, length = 0): Promise<Output> {
    const file = await open(path, length > 0 ? "a" : "w").catch((error: Error) => {
      throw new WrongUse(error.message);
    });
    if (length > 0) {
      const { size } = await file.stat();
      if (size < length) throw new WrongUse(`${path} is shorter than the interrupted run left it`);
      await file.truncate(length); // half a line, and what was written after the last milestone
    }
    return new Output(length, file);
  }

  get isFull(): boolean {
    return this.#gatheredLength >= FULL;
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { buffer, byteOffset: start, length } = bytes;
    const last = this.#gathered.at(-1);
    if (last?.buffer === buffer && last.end === start) last.end += length;
    else this.#gathered.push({ buffer, start, end: start + length });
    this.#gatheredLength += bytes.length;
    this.length += bytes.length;
    this.endsLine = bytes.at(-1) === LF;
  }

  /** Sends on what is gathered. */
  async flush(): Promise<void> {
    if (this.#gatheredLength === 0) return;
    const bytes = joined(
      this.#gathered.map(({ buffer, start, end }) => Buffer.from(buffer, start, end - start)),
    );
    this.#gathered = [];
    this.#gatheredLength = 0;
    if (this.#file) {
      for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at)).bytesWritten;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** What was sent on outlives the machine as well, where it goes to a disk. */
  async sync(): Promise<void> {
    await this.#file?.datasync().catch(() => {});
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file?.close();
  }
}
