/**
 * Writes files under hidden names until they are complete. Such an incomplete file is called a part file. Removes the part files
 * that crashed processes left.
 */
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";

/** A part file is removed only if the last write to it is at least this long ago. */
const LEAST_AGE_MS = 60 * 60 * 1000;

/**
 * Matches the name of a part file: `.<host>-<process id>-<UUID>.part`. The host is a hash, because a host name can be long or
 * invalid as a file name.
 */
const PART = /^\.([\da-f]{16})-(\d{1,10})-[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.part$/;

const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 16);

/**
 * Writes a stream to a part file. When all bytes are written, calls `place` with the part file's path. `place` must give the file
 * its final name.
 */
export type WritePart = <Result>(
  stream: ReadableStream<Uint8Array>,
  place: (partial: string) => Promise<Result>,
) => Promise<Result>;

/**
 * Returns a function that writes streams into part files of `folder`. This function creates the folder if needed. Before it
 * writes its first file, it removes the part files of killed processes.
 */
export function partWriter(folder: string): WritePart {
  let prepared: Promise<void> | undefined;
  return async (stream, place) => {
    await mkdir(folder, { recursive: true });
    prepared ??= removeDeadParts(folder);
    await prepared;
    const partial = join(folder, newPartName());
    try {
      const source = Readable.fromWeb(stream as unknown as NodeReadableStream<Uint8Array>);
      await pipeline(source, createWriteStream(partial, { flags: "wx", flush: true }));
      return await place(partial);
    } finally {
      await rm(partial, { force: true });
    }
  };
}

function newPartName(): string {
  return `.${host}-${process.pid}-${randomUUID()}.part`;
}

/**
 * Removes old part files from `folder`. A part file is old if its process ran on this host and has ended, and if the last
 * write was more than an hour ago. Ignores errors, because a part file that stays does no harm.
 */
async function removeDeadParts(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const [, partHost, pid] = PART.exec(name) ?? [];
    if (partHost !== host) continue;
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (!found?.isFile() || Date.now() - found.mtimeMs < LEAST_AGE_MS) continue;
    if (!isDead(Number(pid), found.mtimeMs)) continue;
    await rm(path, { force: true }).catch(() => {});
  }
}

/** Returns whether the process that wrote a part file has ended. `writtenMs` is the time of the last write. */
function isDead(pid: number, writtenMs: number): boolean {
  // In a Docker container, each run of a program can have the same process id. If a file has the id of this process but is older
  // than this process, an earlier run wrote it.
  if (pid === process.pid) return writtenMs < Date.now() - process.uptime() * 1000;
  try {
    process.kill(pid, 0); // signal 0 only checks that the process exists
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
