/**
 * Saves the progress of a `repair` run in a file beside the output, so that `--resume` can continue the run after a crash. `startOf`
 * in cli/repair.ts reads the file and decides where the run continues.
 */
import { open, readFile, rename, rm } from "node:fs/promises";
import * as z from "zod/mini";
import { WrongUse } from "../wrong-use.js";
import type { Milestone } from "./run.js";

/** The file format's version. Version 1 is rejected: it has no hashes of the inputs to show whether an input has changed. */
const VERSION = 2;

const count = z.int().check(z.minimum(0));
/** A time in milliseconds since 1970. It must be in the range that a JavaScript `Date` can hold. */
const time = z.int().check(z.minimum(-8.64e15), z.maximum(8.64e15));
/** Earlier releases wrote version 2 without `size` and `mtime`. */
const readPart = { bytes: count, sha256: z.string(), size: z.optional(count), mtime: z.optional(time) };
const position = z.object({ shape: z.enum(["lines", "values", "array"]), number: count, lines: count });
const milestoneSchema = z.object({
  done: z.array(z.object(readPart)),
  current: z.optional(z.object({ ...readPart, position })),
  outLength: count,
  outEndsLine: z.boolean(),
  reportLength: count,
  counts: z.object({
    responses: count,
    repaired: count,
    citations: count,
    left: count,
    failed: count,
    others: count,
  }),
});
const schema = z.object({
  version: z.literal(VERSION),
  inputs: z.array(z.string()),
  report: z.nullable(z.string()),
  milestone: milestoneSchema,
});

/** The inputs and the report file of a run. Only a run with the same task can be resumed. */
export interface Task {
  inputs: readonly string[];
  report: string | null;
}

export class ProgressFile {
  readonly path: string;

  /** `out` is the file that the run writes. */
  constructor(out: string) {
    this.path = `${out}.progress`;
  }

  /**
   * Returns the saved milestone; `undefined` if no run was interrupted. Throws `WrongUse` if the file is not valid or the task
   * differs.
   */
  async read(task: Task): Promise<Milestone | undefined> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const saved = schema.safeParse(jsonIn(text));
    if (!saved.success) {
      throw new WrongUse(
        `${this.path} was not written by this version of the command, so it cannot show whether the inputs changed: ` +
          "finish the run with the version that started it, or remove that file to start again",
      );
    }
    const { milestone, ...of } = saved.data;
    const was: Task = { inputs: of.inputs, report: of.report };
    if (JSON.stringify(was) !== JSON.stringify({ inputs: task.inputs, report: task.report })) {
      throw new WrongUse(
        `the interrupted run had other inputs or another report: resume it with ${JSON.stringify(was)}, or remove ${this.path} to start again`,
      );
    }
    const { current, ...rest } = milestone;
    return current ? { ...rest, current } : rest;
  }

  /** Replaces the file in one step. So the file is always complete, even if the process ends during `write`. */
  async write(task: Task, milestone: Milestone): Promise<void> {
    const next = `${this.path}.next`;
    const file = await open(next, "w");
    try {
      await file.writeFile(JSON.stringify({ version: VERSION, ...task, milestone }));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(next, this.path);
  }

  remove(): Promise<void> {
    return rm(this.path, { force: true });
  }
}

/** Parses JSON; `undefined` if the text is not valid. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
