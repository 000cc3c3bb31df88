/** How far an interrupted run came, in a file beside its output. */
import { open, readFile, rename, rm } from "node:fs/promises";
import * as z from "zod/mini";
import { WrongUse } from "../wrong-use.js";
import type { Milestone } from "./run.js";

const count = z.int().check(z.minimum(0));
const milestoneSchema = z.object({
  input: count,
  offset: count,
  position: z.optional(
    z.object({ shape: z.enum(["lines", "values", "array"]), number: count, lines: count }),
  ),
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
  version: z.literal(1),
  inputs: z.array(z.string()),
  report: z.nullable(z.string()),
  milestone: milestoneSchema,
});

/** What a run was asked to do: only the same one can go on. */
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

  /** Where to go on; `undefined` if no run was interrupted. */
  async read(task: Task): Promise<Milestone | undefined> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const saved = schema.safeParse(jsonIn(text));
    if (!saved.success) throw new WrongUse(`${this.path} is not of this version of the command`);
    const { milestone, ...of } = saved.data;
    const was: Task = { inputs: of.inputs, report: of.report };
    if (JSON.stringify(was) !== JSON.stringify({ inputs: task.inputs, report: task.report })) {
      throw new WrongUse(
        `the run that was interrupted had other inputs, or another report: ${JSON.stringify(was)}`,
      );
    }
    const { position, ...rest } = milestone;
    return position ? { ...rest, position } : rest;
  }

  /** Replaced in one step: half of it is never seen, whenever the process ends. */
  async write(task: Task, milestone: Milestone): Promise<void> {
    const next = `${this.path}.next`;
    const file = await open(next, "w");
    try {
      await file.writeFile(JSON.stringify({ version: 1, ...task, milestone }));
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

/** What a text is as JSON; `undefined` where it is none. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
