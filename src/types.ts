/**
 * The types that several folders share. They are structural and loose on purpose, so that a response from a file, a gateway or
 * any version of the `openai` package fits without a cast.
 */

/** A container file, as `GET /v1/containers/{id}/files` lists it. */
export interface ContainerFile {
  /** `cfile_…` */
  id: string;
  object?: string;
  /** `cntr_…` */
  container_id: string;
  /** Unix time in seconds. If two entries have the same path, the newer entry describes the file. */
  created_at: number;
  bytes?: number | null;
  /** The absolute path, such as `/mnt/data/plan.docx`. */
  path: string;
  /** `"user"` for an upload, `"assistant"` for a file that the model's code wrote. */
  source: string;
}

/** The annotation for a container file, as the Responses API sends it and as this library adds it. */
export interface ContainerFileCitation {
  type: "container_file_citation";
  container_id: string;
  /** The end of the range, exclusive. Counts code points, or UTF-16 units if `indexUnit` or the part's annotations say so. */
  end_index: number;
  file_id: string;
  /** The last segment of the file's path. */
  filename: string;
  /** The start of the range, in the unit of `end_index`. A range from 0 to 0 cites a file without a place in the text. */
  start_index: number;
}

/** An annotation of an `output_text` part, of any type. No citation is added to text that an annotation already covers. */
export interface Annotation {
  type: string;
  start_index?: number | null | undefined;
  end_index?: number | null | undefined;
  file_id?: string | null | undefined;
  filename?: string | null | undefined;
  container_id?: string | null | undefined;
}

/** The unit of `start_index` and `end_index`. `"auto"`: the unit that the part's annotations prove, or else code points. */
export type IndexUnit = "auto" | "code-point" | "utf-16";

/**
 * How a mention (a path or a file name in a text) matched its file.
 *
 * - `"path"`: by its path, in any encoding.
 * - `"written-differently"`: by its path, with other dashes, spaces, quotes or case.
 * - `"moved"`: as the only file of that name, in another folder.
 * - `"upload"`: as an upload, by the name that it had before the API added a prefix.
 * - `"filename"`: as a file that the model wrote, by its name alone.
 * - `"unmentioned"`: no text mentions the file; see the option `unmentioned`.
 */
export type MatchKind = "path" | "written-differently" | "moved" | "upload" | "filename" | "unmentioned";

/** A missing citation that was added. */
export interface RecoveredCitation {
  annotation: ContainerFileCitation;
  match: MatchKind;
  /** The mention as it is in the text: `text.slice(start, end)`. */
  text: string;
  /** The start of the mention, as an offset in UTF-16 units, even if the annotation uses another unit. */
  start: number;
  /** The end of the mention, exclusive, in UTF-16 units. */
  end: number;
}

/** Why a mention got no citation. */
export type UnresolvedReason = "not-found" | "ambiguous" | "directory" | "pattern" | "container-unavailable";

/** A mention (a path or a file name in a text) that got no citation. */
export interface UnresolvedMention {
  text: string;
  /** The start of the mention, as an offset in UTF-16 units. */
  start: number;
  /** The end of the mention, exclusive, in UTF-16 units. */
  end: number;
  reason: UnresolvedReason;
  /** For `"ambiguous"`: the files that match equally well. */
  candidates?: ContainerFile[];
}

/** The position of the part that contains a citation or a mention. */
export interface PartPosition {
  /** The item's index in `response.output`. */
  outputIndex: number;
  /** The part's index in the item's `content`. */
  contentIndex: number;
}

/** A citation in a report, from the API or recovered by this library. */
export type ReportedCitation = PartPosition &
  ({ origin: "api"; annotation: ContainerFileCitation } | ({ origin: "recovered" } & RecoveredCitation));

/** The result of the recovery for one response. */
export interface Report {
  /** `undefined` if the stream ended before an event with the response's id. */
  responseId: string | undefined;
  /** The response's `model`, as the API names it; `undefined` if the response names none. */
  model: string | undefined;
  /**
   * - `"recovered"`: at least one citation was added.
   * - `"failed"`: none was added because of an error; see `error`.
   * - `"unchanged"`: none was added, but some mentions have no citation; see `unresolved`.
   * - `"nothing-to-do"`: none was missing.
   */
  outcome: "nothing-to-do" | "recovered" | "unchanged" | "failed";
  citations: ReportedCitation[];
  unresolved: (PartPosition & UnresolvedMention)[];
  /** Files that this response wrote, but that no text mentions. Known only if a list was requested. */
  unmentioned: ContainerFile[];
  /** The ids of the containers whose lists were requested, in the order of the requests. */
  containers: string[];
  /** How many requests the recovery sent, for pages of lists and for earlier responses. */
  listRequests: number;
  /** How long the recovery delayed the response, in milliseconds. */
  heldMs: number;
  /**
   * How long the response took from its request to this report, in milliseconds. If the library did not send the request, the
   * time counts from the moment when the library began to read the response. Includes `heldMs`.
   */
  durationMs: number;
  /** The error, if something failed. */
  error?: Error;
}
