/** The options of the library: their types, their checks and their defaults. */
import * as z from "zod/mini";
import type { LinkUrl } from "./citations/links/writing.js";
import { DEFAULT_ROOTS, ROOT } from "./citations/mentions.js";
import { badInput, isRecord, unknownNames } from "./errors.js";
import { once } from "./once.js";
import type { ContainerFile, ContainerFileCitation, IndexUnit, Report, UnresolvedMention } from "./types.js";

/** The options of {@link withFileCitations}. Other functions that repair responses take the options that apply to them. */
export interface FileCitationsOptions {
  /**
   * The sentence that asks the model for links in the form that the API annotates: `[plan](sandbox:/mnt/data/plan.docx)`. `true`:
   * the library's own sentence, at the end of the last user message. A string: that sentence instead. `false`: no sentence.
   * Default `true`.
   */
  instruction?: boolean | string | Instruction | undefined;
  /**
   * Adds `code_interpreter_call.outputs` to the request's `include`. The outputs of the calls help to find the files that the
   * calls wrote. Default `true`.
   */
  includeOutputs?: boolean | undefined;
  /**
   * What to do with a file that the response wrote and no text mentions. Default `"report"`.
   *
   * - `"report"`: list it in the report only.
   * - `"cite"`: cite it in the last message if a call of the response names the file. The citation has the range 0 to 0, like the
   *   API's citations of charts.
   * - A function: decides for each file. `true` does the same as `"cite"`, and `false` does the same as `"report"`. The
   *   function can be called several times for a file. If it throws or does not return a boolean, no unmentioned file is
   *   cited, and the report has the error.
   *
   * If other items follow the last message in a stream, the citation's event comes right before the final event.
   *
   * ```ts
   * // Leaves out drafts, previews and the images that the API names itself.
   * const client = withFileCitations(new OpenAI(), {
   *   unmentioned: ({ path }) => !/\/(?:draft|preview|cfile_)[^/]*$/i.test(path),
   * });
   * ```
   */
  unmentioned?: "report" | "cite" | ((file: ContainerFile) => boolean) | undefined;
  /**
   * Puts working links into the texts, also in a stream's deltas. Default: none, and texts stay as the model wrote them. With
   * this option, each cited path becomes a link: `[plan.docx](/files/cfile_1)` instead of `/mnt/data/plan.docx`. The rules are
   * those of `replaceFileLinks`. The ranges of the annotations fit the new text. A name without a path is replaced only if
   * it is a link's destination. Code blocks stay unchanged.
   *
   * - A function returns the URL for a citation. If it returns nothing, the text stays unchanged.
   * - `{ toUrl, onMissing }`: `toUrl` returns the URL for a citation. `onMissing` returns a note, which replaces the mention
   *   of a missing file. For a file route with notes, use `{ toUrl: route.toUrl, originals: route.originals, onMissing }`.
   * - A file route (see `createFileRoute`) makes signed links. In the input of later requests, the library replaces these links
   *   with the text that the model wrote.
   *
   * In a stream, only text that can belong to a path, a file name or its link is held back. `timeoutMs` limits the wait for the
   * rest of the path, the wait for the file list, and the time to make a URL.
   *
   * ```ts
   * const client = withFileCitations(new OpenAI(), { links: ({ file_id }) => `/files/${file_id}` });
   * ```
   */
  links?: LinkToUrl | LinkOptions | LinkRoute | undefined;
  /** The unit of `start_index` and `end_index`. Default `"auto"`: the unit that the part's annotations prove, or code points. */
  indexUnit?: IndexUnit | undefined;
  /** The absolute paths of the container's folders whose files are cited. Default `["/mnt/data"]`. */
  roots?: readonly string[] | undefined;
  /**
   * How long the search for missing citations may delay a response, in milliseconds. If the search takes longer, the response is
   * passed on with the citations that were found by then. Default `5000`.
   */
  timeoutMs?: number | undefined;
  /**
   * How many times a container's list can be requested again, with growing pauses and within `timeoutMs`. Default `2`. The
   * list is requested again
   *
   * - if the request failed in a way that a retry can fix;
   * - if a call ran in the container, and the list lacks a file that the text mentions, or lacks the file's newest version.
   */
  retries?: number | undefined;
  /**
   * What to do if the search for missing citations fails: pass the response on without the citations that were not found, or
   * throw a {@link FileCitationsError}. Default `"pass-through"`.
   */
  onFailure?: "pass-through" | "throw" | undefined;
  /**
   * Called once for each response, when its recovery has ended or its stream has failed (`error` says why). Not called if the
   * consumer cancels the stream. Errors that the callback throws are ignored.
   */
  onReport?: ((report: Report) => void) | undefined;
}

/**
 * The text that a link replaces. The function that makes the URL can keep this text, to put it back in place of the link later.
 */
export interface ReplacedText {
  /** The text as the model wrote it: a link's destination, or a path with the backticks around it. */
  text: string;
  /**
   * What is written before and after the URL: `[report.csv](` and `)`. Both are empty if the URL replaces a link's destination.
   */
  before: string;
  after: string;
}

/** Returns the URL for a citation. If it returns `null`, `undefined` or an empty string, the text stays unchanged. */
export type LinkToUrl = (
  citation: ContainerFileCitation,
  replaced: ReplacedText,
) => LinkUrl | PromiseLike<LinkUrl>;

/** The option `links` as an object: a function that makes URLs, and optional functions for missing files and later requests. */
export interface LinkOptions {
  toUrl: LinkToUrl;
  /** Returns a Markdown note that replaces the mention. If it returns nothing, the mention stays. See `replaceFileLinks`. */
  onMissing?: ((mention: UnresolvedMention) => string | null | undefined) | undefined;
  /**
   * Finds the links of `toUrl` in a text and returns them in order. In the input of later requests, the library replaces them
   * with the model's own text. A file route has this function. Default: none, and the input is sent unchanged.
   */
  originals?: ((text: string) => Promise<readonly OriginalText[]>) | undefined;
}

/** A link in a text, and the model's own text that the link replaced. Offsets are in UTF-16 units. */
export interface OriginalText {
  start: number;
  end: number;
  text: string;
}

/** The part of a file route that the option `links` uses. */
export interface LinkRoute {
  urlFor: (citation: ContainerFileCitation) => Promise<string>;
  toUrl: LinkToUrl;
  /**
   * Finds the route's links in a text and returns them in order. In the input of later requests, the library replaces them with
   * the model's own text.
   */
  originals?: ((text: string) => Promise<readonly OriginalText[]>) | undefined;
}

/** The option `links` after `linksOf` has turned a function or a file route into an object. */
export type Links = LinkOptions;

/** The sentence that asks for links, and its place in the request. */
export interface Instruction {
  /** The sentence to add to the request. By default, the library adds its own sentence. */
  text?: string | undefined;
  /** Where to add the sentence: at the end of the last user message, or of `instructions`. Default `"last-user-message"`. */
  placement?: "last-user-message" | "instructions" | undefined;
}

/** The options with the defaults filled in. */
export interface Settings {
  instruction: { text: string; placement: "last-user-message" | "instructions" } | undefined;
  includeOutputs: boolean;
  unmentioned: "report" | "cite" | ((file: ContainerFile) => boolean);
  links: Links | undefined;
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

const TIMEOUT = `a number of milliseconds above 0, ${LONGEST_TIMER_MS} at most`;
const RETRIES = "an integer from 0 to 100";

// Each message completes the sentence "options.x must be …".
const schema = once(() => {
  const placement = z.enum(["last-user-message", "instructions"], {
    error: '"last-user-message" or "instructions"',
  });
  const absolutePath = z
    .string({ error: "an absolute path" })
    .check(z.regex(ROOT, "an absolute path without a slash at the end"));
  const sentence = z.string({ error: "a sentence" }).check(z.minLength(1, "a sentence that is not empty"));
  return z.strictObject({
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
    unmentioned: z._default(
      z.union(
        [
          z.enum(["report", "cite"]),
          z.custom<(file: ContainerFile) => boolean>((value) => typeof value === "function"),
        ],
        { error: '"report", "cite" or a function' },
      ),
      "report",
    ),
    links: z.optional(
      z.custom<NonNullable<FileCitationsOptions["links"]>>(isLinks, {
        error: "a function that takes a citation, { toUrl, onMissing, originals }, or a file route",
      }),
    ),
    indexUnit: z._default(
      z.enum(["auto", "code-point", "utf-16"], { error: '"auto", "code-point" or "utf-16"' }),
      "auto",
    ),
    roots: z._default(
      z
        .array(absolutePath, { error: "an array of absolute paths" })
        .check(z.minLength(1, "an array of at least one absolute path")),
      [...DEFAULT_ROOTS],
    ),
    // A timer with a longer delay than this maximum would fire immediately.
    timeoutMs: z._default(
      z.number({ error: TIMEOUT }).check(z.positive(TIMEOUT), z.maximum(LONGEST_TIMER_MS, TIMEOUT)),
      5000,
    ),
    retries: z._default(z.int({ error: RETRIES }).check(z.minimum(0, RETRIES), z.maximum(100, RETRIES)), 2),
    onFailure: z._default(
      z.enum(["pass-through", "throw"], { error: '"pass-through" or "throw"' }),
      "pass-through",
    ),
    onReport: z.optional(
      z.custom<(report: Report) => void>((value) => typeof value === "function", { error: "a function" }),
    ),
  });
});

/** Checks options and fills in defaults. Throws a `TypeError` that names the option, what is accepted and the value. */
export function settingsOf(options: FileCitationsOptions = {}): Settings {
  const parsed = schema().safeParse(options);
  if (!parsed.success) throw optionError(parsed.error.issues[0]!, options);
  const { instruction, links, ...settings } = parsed.data;
  return {
    ...settings,
    links: links && linksOf(links),
    instruction: instructionOf(instruction),
    // The default roots are always the same array, because caches use the array itself as their key.
    roots: isDefault(settings.roots) ? DEFAULT_ROOTS : settings.roots,
    onReport: settings.onReport,
  };
}

function isLinks(value: unknown): boolean {
  if (typeof value === "function") return true;
  if (!isRecord(value)) return false;
  const isRoute = typeof value.urlFor === "function" && typeof value.toUrl === "function";
  if (isRoute) return true;
  const { toUrl, onMissing, originals, ...others } = value;
  const isOptional = (given: unknown): boolean => given === undefined || typeof given === "function";
  return (
    typeof toUrl === "function" &&
    [onMissing, originals].every(isOptional) &&
    Object.keys(others).length === 0
  );
}

function linksOf(links: LinkToUrl | LinkOptions | LinkRoute): Links {
  if (typeof links === "function") return { toUrl: links };
  if (!("urlFor" in links)) return links;
  return {
    toUrl: (citation, replaced) => links.toUrl(citation, replaced),
    originals: links.originals && ((text) => links.originals!(text)),
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
    const accepted = issue.path.length === 0 ? Object.keys(schema().shape) : ["text", "placement"];
    return unknownNames(name, issue.keys, accepted);
  }
  if (issue.path.length === 0) return badInput("options", "an object", options);
  let got: unknown = options;
  for (const key of issue.path) got = (got as Record<PropertyKey, unknown>)[key];
  return badInput(name, issue.message, got);
}
