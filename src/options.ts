import * as z from "zod/mini";
import { badInput, unknownNames } from "./bad-input.js";
import { DEFAULT_ROOTS, ROOT } from "./citations/mentions.js";
import type { IndexUnit, Report } from "./types.js";

/** Options of the wrapper, of the `fetch` and, where they apply, of every function that repairs. */
export interface FileCitationsOptions {
  /**
   * The sentence that asks the model for the one link form that the API annotates by itself. `true`: ours, at the
   * end of the last user message. A string: that sentence. `false`: none. Default `true`.
   */
  instruction?: boolean | string | Instruction | undefined;
  /** Add `code_interpreter_call.outputs` to the request's `include`: what the calls printed tells of files. Default `true`. */
  includeOutputs?: boolean | undefined;
  /**
   * What to do with a file that the response wrote and no text mentions: tell it in the report, or cite it as the
   * API cites charts, from 0 to 0, in the last message. In a stream where something follows that message, the citation's
   * event comes right before the final event. Default `"report"`.
   */
  unmentioned?: "report" | "cite" | undefined;
  /** The unit of `start_index` and `end_index`. Default `"auto"`: what the part's annotations prove, else code points. */
  indexUnit?: IndexUnit | undefined;
  /** The container's folders whose files are looked for: absolute paths. Default `["/mnt/data"]`. */
  roots?: readonly string[] | undefined;
  /** How long a recovery may hold an answer, in milliseconds. After that it goes out as it came. Default `5000`. */
  timeoutMs?: number | undefined;
  /**
   * How often a list is asked for again, with growing pauses and within `timeoutMs`: one that failed where another try may
   * help, and one that lacks a file which the calls wrote. Default `2`.
   */
  retries?: number | undefined;
  /** When a recovery fails: let the answer through as it came, or throw a {@link FileCitationsError}. Default `"pass-through"`. */
  onFailure?: "pass-through" | "throw" | undefined;
  /**
   * Called once for each response, when its recovery is over, and for one that breaks off (`error` says why); not for one
   * that its reader left. What it throws is ignored.
   */
  onReport?: ((report: Report) => void) | undefined;
}

/** The sentence, and where it goes. */
export interface Instruction {
  /** Default: the library's own sentence. */
  text?: string | undefined;
  /** `"instructions"`: at the end of the request's `instructions`. Default `"last-user-message"`. */
  placement?: "last-user-message" | "instructions" | undefined;
}

/** The options with their defaults filled in. */
export interface Settings {
  instruction: { text: string; placement: "last-user-message" | "instructions" } | undefined;
  includeOutputs: boolean;
  unmentioned: "report" | "cite";
  indexUnit: IndexUnit;
  roots: readonly string[];
  timeoutMs: number;
  retries: number;
  onFailure: "pass-through" | "throw";
  onReport: ((report: Report) => void) | undefined;
}

const LINK_SENTENCE =
  "If you made a file for me in /mnt/data, link to it in Markdown with a destination that starts with sandbox:, " +
  "like this: [report.csv](sandbox:/mnt/data/report.csv)";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

const placement = z.enum(["last-user-message", "instructions"], {
  error: '"last-user-message" or "instructions"',
});
const absolutePath = z
  .string({ error: "an absolute path" })
  .check(z.regex(ROOT, "an absolute path without a slash at the end"));
const sentence = z.string({ error: "a sentence" }).check(z.minLength(1, "a sentence that is not empty"));

// Every message here ends the sentence "options.x must be …".
const schema = z.strictObject({
  instruction: z._default(
    z.union(
      [
        z.boolean(),
        sentence,
        z.strictObject({ text: z.optional(sentence), placement: z.optional(placement) }),
      ],
      { error: "a boolean, a sentence, or { text, placement }" },
    ),
    true,
  ),
  includeOutputs: z._default(z.boolean({ error: "a boolean" }), true),
  unmentioned: z._default(z.enum(["report", "cite"], { error: '"report" or "cite"' }), "report"),
  indexUnit: z._default(
    z.enum(["auto", "code-point", "utf-16"], { error: '"auto", "code-point" or "utf-16"' }),
    "auto",
  ),
  roots: z._default(
    z
      .array(absolutePath, { error: "an array of absolute paths" })
      .check(z.minLength(1, "at least one absolute path")),
    [...DEFAULT_ROOTS],
  ),
  // A timer that is set for longer goes off at once.
  timeoutMs: z._default(
    z
      .number({ error: "a number of milliseconds" })
      .check(z.positive("above 0"), z.maximum(LONGEST_TIMER_MS, `${LONGEST_TIMER_MS} or less`)),
    5000,
  ),
  retries: z._default(
    z.int({ error: "a whole number" }).check(z.minimum(0, "0 or more"), z.maximum(100, "100 or less")),
    2,
  ),
  onFailure: z._default(
    z.enum(["pass-through", "throw"], { error: '"pass-through" or "throw"' }),
    "pass-through",
  ),
  onReport: z.optional(
    z.custom<(report: Report) => void>((value) => typeof value === "function", { error: "a function" }),
  ),
});

/** Checks options and fills in the defaults. Throws a `TypeError` that names the option, what it got and what it takes. */
export function settingsOf(options: FileCitationsOptions = {}): Settings {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw optionError(parsed.error.issues[0]!, options);
  const { instruction, ...settings } = parsed.data;
  return {
    ...settings,
    instruction: instructionOf(instruction),
    // The very same array each time, so that what is made for it once can be kept.
    roots: isDefault(settings.roots) ? DEFAULT_ROOTS : settings.roots,
    onReport: settings.onReport,
  };
}

function isDefault(roots: readonly string[]): boolean {
  return roots.length === 1 && roots[0] === DEFAULT_ROOTS[0];
}

function instructionOf(instruction: boolean | string | Instruction): Settings["instruction"] {
  if (instruction === false) return undefined;
  if (instruction === true) return { text: LINK_SENTENCE, placement: "last-user-message" };
  if (typeof instruction === "string") return { text: instruction, placement: "last-user-message" };
  return { text: instruction.text ?? LINK_SENTENCE, placement: instruction.placement ?? "last-user-message" };
}

function optionError(issue: z.core.$ZodIssue, options: unknown): TypeError {
  const name = ["options", ...issue.path].join(".");
  if (issue.code === "unrecognized_keys") {
    const taken = issue.path.length === 0 ? Object.keys(schema.shape) : ["text", "placement"];
    return unknownNames(name, issue.keys, taken);
  }
  if (issue.path.length === 0) return badInput("options", "an object", options);
  let got: unknown = options;
  for (const key of issue.path) got = (got as Record<PropertyKey, unknown>)[key];
  return badInput(name, issue.message, got);
}
