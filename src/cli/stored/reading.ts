/**
 * Reads inputs. A resumed run first reads again what the interrupted run read, to check that nothing has changed.
 */
import { createHash } from "node:crypto";
import { chunksOf, type Input, type InputState, stateOf } from "../repair-paths.js";
import { WrongUse } from "../wrong-use.js";

/** The part of an input that a run has read, starting at the beginning of the input. */
export interface ReadPart {
  bytes: number;
  sha256: string;
  /** `size` and `mtime` describe the whole file at the time when this part was read. A pipe has neither. */
  size?: number | undefined;
  mtime?: number | undefined;
}

/** Hashes an input while it is read. */
export class ReadHash {
  bytes = 0;
  readonly #hash = createHash("sha256");
  /**
   * The bytes that are not hashed yet. Pieces that are adjacent in memory are hashed together, because hashing each line on its
   * own is slow.
   */
  #pending: { buffer: ArrayBufferLike; start: number; end: number } | undefined;

  add({ buffer, byteOffset: start, length }: Buffer): void {
    this.bytes += length;
    const pending = this.#pending;
    if (pending?.buffer === buffer && pending.end === start) {
      pending.end += length;
      return;
    }
    this.#hashPending();
    this.#pending = { buffer, start, end: start + length };
  }

  /** Returns the part that was read so far. More bytes can be added afterwards. */
  part(): ReadPart {
    this.#hashPending();
    return { bytes: this.bytes, sha256: this.#hash.copy().digest("hex") };
  }

  #hashPending(): void {
    if (!this.#pending) return;
    const { buffer, start, end } = this.#pending;
    this.#hash.update(Buffer.from(buffer, start, end - start));
    this.#pending = undefined;
  }
}

/** The last sentence of an error message tells the user how an input may change before `--resume`. */
const ACCEPTED = "The part that was read must be the same; new bytes may follow it";
const ACCEPTED_AT_END =
  "An input that was read to its end must be the same, as the output of the next input follows it";

/** What a resumed run still has to read. */
export interface Remaining {
  /** The unread chunks of each input that was not read to its end. */
  inputs: AsyncIterable<Buffer>[];
  /** The hash of the part of the first input that was already read. */
  hash: ReadHash;
}

/**
 * Continues after the part that an interrupted run has read: all of the inputs in `done`, and the part `current` of the next
 * input.
 *
 * Reads and hashes these bytes again, at more than 1 GB/s on most machines. Comparing sizes and modification times would be
 * faster, but times are not reliable: a file can change without a new time, and a copy of the same bytes can have a new time.
 * Size and time are only used to tell the user what changed. Pipes that were read to their end are not read again, because
 * they may be gone.
 *
 * @throws WrongUse if an input has changed. Only the input of `current` may have grown.
 */
export async function readOn(
  inputs: readonly Input[],
  { done, current }: { done: readonly ReadPart[]; current?: ReadPart },
): Promise<Remaining> {
  for (const [index, part] of done.entries()) {
    const input = inputs[index]!;
    if (input.size !== undefined) await checkUnchanged(input, part);
  }
  const [next, ...others] = inputs.slice(done.length).map((input) => ({ input, chunks: chunksOf(input) }));
  if (!next) return { inputs: [], hash: new ReadHash() };
  const { hash, rest } = await readAgain(next.input, next.chunks, current);
  return { inputs: [rest, ...others.map(({ chunks }) => chunks)], hash };
}

/**
 * Reads again the part of an input that was read before. Returns the hash of this part and the chunks after it.
 *
 * @param accepted tells the user which changes are allowed.
 * @throws WrongUse if the part has changed.
 */
export async function readAgain(
  input: Input,
  given: AsyncIterable<Buffer>,
  part?: ReadPart,
  accepted = ACCEPTED,
): Promise<{ hash: ReadHash; rest: AsyncGenerator<Buffer> }> {
  const chunks = given[Symbol.asyncIterator]();
  const hash = new ReadHash();
  let behind: Buffer = Buffer.alloc(0);
  while (part && hash.bytes < part.bytes) {
    const { done, value } = await chunks.next();
    if (done)
      throw await changed(input, "is shorter than the part that the interrupted run read", part, accepted);
    const again = value.subarray(0, part.bytes - hash.bytes);
    hash.add(again);
    behind = value.subarray(again.length);
  }
  if (part && hash.part().sha256 !== part.sha256) {
    await chunks.return?.();
    const what = `has changed: its first ${inBytes(part.bytes)} are not those that the interrupted run read`;
    throw await changed(input, what, part, accepted);
  }
  return { hash, rest: startingWith([behind], chunks) };
}

export async function* startingWith(
  beginning: readonly Buffer[],
  chunks: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  for (const chunk of beginning) if (chunk.length > 0) yield chunk;
  for (let read = await chunks.next(); !read.done; read = await chunks.next()) yield read.value;
}

/**
 * Starts to read the next chunk, so that it is read while other chunks are repaired. A read error is thrown when the promise is
 * awaited.
 */
export function nextOf(chunks: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  const next = chunks.next();
  next.catch(() => {});
  return next;
}

/**
 * Throws if an input has changed since an earlier run read it to its end. Growth is an error too: the output for the new lines
 * would belong right after this input's output, but the output of the next input is already there.
 */
async function checkUnchanged(input: Input, part: ReadPart): Promise<void> {
  const { rest } = await readAgain(input, chunksOf(input), part, ACCEPTED_AT_END);
  const { done } = await rest.next();
  if (done) return;
  await rest.return(undefined);
  throw await changed(input, "has grown since the interrupted run read it to its end", part, ACCEPTED_AT_END);
}

/** Creates an error that says what changed, the input's size and time before and now, and which changes are allowed. */
async function changed(input: Input, what: string, before: ReadPart, accepted: string): Promise<WrongUse> {
  const { size, mtime } = before;
  const now = await stateOf(input);
  const sentences = [
    `${input.name} ${what}`,
    size !== undefined && mtime !== undefined && `Then it had ${inWords({ size, mtime })}`,
    now && `Now it has ${inWords(now)}`,
    accepted,
  ];
  return new WrongUse(sentences.filter((sentence) => typeof sentence === "string").join(". "));
}

/** Describes an input's size and time, such as `600 bytes and was last changed at 2025-09-11T15:12:47.000Z`. */
function inWords({ size, mtime }: InputState): string {
  return `${inBytes(size)} and was last changed at ${new Date(mtime).toISOString()}`;
}

function inBytes(count: number): string {
  return `${count.toLocaleString("en")} ${count === 1 ? "byte" : "bytes"}`;
}
