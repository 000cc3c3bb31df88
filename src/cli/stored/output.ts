/** Where bytes go: gathered, since a write for each line would cost more than all else. */
import { type FileHandle, open, rm, stat } from "node:fs/promises";
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
  /** Of a file that was not there before. */
  readonly #newPath: string | undefined;
  /** Pieces that lie behind each other in memory are one: most of an input goes out as the chunks that it came in. */
  #gathered: { buffer: ArrayBufferLike; start: number; end: number }[] = [];
  #gatheredLength = 0;

  private constructor(length: number, file?: FileHandle, newPath?: string) {
    this.length = length;
    this.#file = file;
    this.#newPath = newPath;
  }

  static toStdout(): Output {
    return new Output(0);
  }

  /**
   * A new file, or one that goes on behind its first `length` bytes. Nothing of it changes before `begin`.
   *
   * @throws WrongUse where it is shorter than that, or cannot be opened.
   */
  static async toFile(path: string, length = 0): Promise<Output> {
    const found = await stat(path).catch(() => undefined);
    const file = await open(path, "a").catch((error: Error) => {
      throw new WrongUse(error.message);
    });
    const output = new Output(length, file, found ? undefined : path);
    if (length > (found?.size ?? 0)) {
      await output.leave();
      throw new WrongUse(`${path} is shorter than the interrupted run left it`);
    }
    return output;
  }

  /** Cuts off what it does not go on behind: half a line, and what was written after the last milestone. */
  async begin(): Promise<void> {
    const file = this.#file;
    if (file && (await file.stat()).isFile()) await file.truncate(this.length);
  }

  /** Nothing will be written: all is as it was. */
  async leave(): Promise<void> {
    await this.#file?.close();
    if (this.#newPath !== undefined) await rm(this.#newPath, { force: true });
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
