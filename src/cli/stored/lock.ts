/**
 * Locks an output, so that only one process writes it at a time. The lock is a file beside the output. It contains the id of the
 * process that holds the lock.
 */
import { randomUUID } from "node:crypto";
import { constants as FS, readFileSync, readlinkSync, unlinkSync } from "node:fs";
import { copyFile, link, open, readFile, readlink, realpath, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import * as z from "zod/mini";
import { WrongUse } from "../wrong-use.js";

/**
 * The content of a lock: it describes the process that holds the lock. Systems reuse process ids. On Linux, the start time
 * shows whether a running process is the holder. On other systems, any running process with the id counts as the holder. If it
 * is another process, the user has to remove the lock.
 */
const holderSchema = z.object({
  pid: z.int().check(z.minimum(1)),
  host: z.string(),
  /** On Linux, the namespace of `pid`. A Docker container and its host have different namespaces, even if `host` is the same. */
  pidNamespace: z.optional(z.string()),
  /** On Linux, the start time of the process, in clock ticks since the system started. */
  startedAt: z.optional(z.string()),
  /** Random, so that no two locks have the same content. */
  id: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The content of this process's locks. */
let ownText: string | undefined;
/** The paths of the locks that this process holds or is about to take. */
const ownLocks = new Set<string>();

/**
 * Locks an output until this process ends. If a dead process of this host holds the lock, takes it over.
 *
 * @returns the output's real path. The lock is beside this path, so all symbolic links to a file share one lock. Returns
 * `undefined` for a device or a pipe, which needs no lock.
 * @throws WrongUse if another process holds the lock or may hold it.
 */
export async function lockOutput(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found && !found.isFile()) return undefined;
  try {
    const file = await realPathOf(path);
    await takeLock(path, `${file}.lock`);
    return file;
  } catch (error) {
    throw error instanceof WrongUse ? error : new WrongUse((error as Error).message);
  }
}

/** Returns a path in which symbolic links are resolved. The file need not exist yet. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const folder = await realpath(dirname(path));
  const target = await readlink(path).catch(() => undefined);
  return target === undefined ? join(folder, basename(path)) : realPathOf(resolve(folder, target));
}

async function takeLock(output: string, lock: string): Promise<void> {
  ownText ??= installRelease();
  ownLocks.add(lock);
  while (!(await create(lock, ownText))) {
    const text = await contentOf(lock);
    if (text === undefined) continue; // the holder has just removed the lock
    await checkDead(output, lock, text);
    await removeDead(output, lock, text);
  }
}

/**
 * Removes the lock of a dead process. Another process may do the same at this moment, and may then take the first lock itself.
 * So this function takes a second lock, and removes the first lock only if its content is still `dead`. If this process dies
 * while it holds the second lock, the next process removes the second lock in the same way.
 */
async function removeDead(output: string, lock: string, dead: string): Promise<void> {
  const second = `${lock}.takeover`;
  await takeLock(output, second);
  if ((await contentOf(lock)) === dead) await rm(lock, { force: true });
  release(second);
}

/**
 * Creates a lock. Returns false if the lock exists. The lock is a hard link to a complete file, so no process reads half of
 * the content. If the file system has no hard links, the lock is a copy, and another process may read half of the content.
 */
async function create(lock: string, text: string): Promise<boolean> {
  const draft = `${lock}.${randomUUID()}`;
  const file = await open(draft, "wx");
  try {
    await file.writeFile(text);
    await file.datasync();
    await link(draft, lock).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") throw error;
      return copyFile(draft, lock, FS.COPYFILE_EXCL); // some file systems have no hard links
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

/** @throws WrongUse if the lock's holder still runs, or may still run. */
async function checkDead(output: string, lock: string, text: string): Promise<void> {
  const holder = holderIn(text);
  if (!holder) {
    throw new WrongUse(
      `${lock} was not written by this command. If no other run writes ${output}, remove that file`,
    );
  }
  const { pid, host, pidNamespace } = holder;
  if (host !== hostname() || pidNamespace !== ownPidNamespace()) {
    throw new WrongUse(
      `process ${pid} on ${host} holds ${lock}, and this host cannot tell whether it still runs. ` +
        `Two runs at once would corrupt ${output}: remove that file only if the other run has ended`,
    );
  }
  if (isRunning(holder)) {
    throw new WrongUse(
      `another run is writing ${output}: process ${pid}. Wait until it ends. ` +
        `If that process is another program, remove ${lock}`,
    );
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function isRunning({ pid, startedAt }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process exists, but belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const found = processOf(pid);
  if (!found || startedAt === undefined) return true;
  return found.startedAt === startedAt && !found.hasEnded;
}

/** Reads a process's state from `/proc`. Returns `undefined` if there is no `/proc`, or if `/proc` hides the process. */
function processOf(pid: number): { startedAt: string | undefined; hasEnded: boolean } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // `pid (name) state …`: the name may contain spaces and parentheses. The start time is the 22nd field.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { startedAt: fields[19], hasEnded: fields[0] === "Z" };
  } catch {
    return undefined;
  }
}

function ownPidNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

/** Makes the process remove its locks when it ends. After SIGKILL, the locks stay. Returns the content for these locks. */
function installRelease(): string {
  process.on("exit", releaseAll);
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      releaseAll();
      process.kill(process.pid, signal); // ends the process, because `once` has removed this listener
    });
  }
  const holder: Holder = { pid: process.pid, host: hostname(), id: randomUUID() };
  const pidNamespace = ownPidNamespace();
  const startedAt = processOf(process.pid)?.startedAt;
  return JSON.stringify({ ...holder, pidNamespace, startedAt });
}

function releaseAll(): void {
  for (const lock of ownLocks) release(lock);
}

/**
 * Removes a lock if this process still holds it. Keeps the lock of another run: if the user removed this process's lock, another
 * run may have created one.
 */
function release(lock: string): void {
  ownLocks.delete(lock);
  try {
    if (readFileSync(lock, "utf8") === ownText) unlinkSync(lock);
  } catch {
    // The lock is already gone, or it cannot be removed. The next run takes over a lock that stays.
  }
}

async function contentOf(lock: string): Promise<string | undefined> {
  return readFile(lock, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
