/**
 * The shapes that cross rooms. They are structural and loose on purpose: a response read from disk, from a
 * gateway or from any version of the `openai` package fits them without a cast.
 */

/** A file of a container, as `GET /v1/containers/{id}/files` lists it. */
export interface ContainerFile {
  /** `cfile_…` */
  id: string;
  object?: string;
  /** `cntr_…` */
  container_id: string;
  /** Seconds since 1970. Of two entries with one path, the newer is the file. */
  created_at: number;
  bytes?: number | null;
  /** Absolute, for example `/mnt/data/plan.docx`. */
  path: string;
  /** `"user"` for an upload, `"assistant"` for what the model's code wrote. */
  source: string;
}

/** The annotation that the Responses API writes for a container file, and the one this library adds. */
export interface ContainerFileCitation {
  type: "container_file_citation";
  container_id: string;
  /** Exclusive. In Unicode code points, unless `indexUnit` says or the part's own annotations prove UTF-16. */
  end_index: number;
  file_id: string;
  /** The last segment of the file's path. */
  filename: string;
  /** In the unit of `end_index`. `0` to `0` is a file that stands for no place in the text. */
  start_index: number;
}

/** Any annotation of an `output_text` part. Those with a range are left alone, whatever their type. */
export interface Annotation {
  type: string;
  start_index?: number | null | undefined;
  end_index?: number | null | undefined;
  file_id?: string | null | undefined;
  filename?: string | null | undefined;
  container_id?: string | null | undefined;
}

/** The unit that `start_index` and `end_index` count. `"auto"` takes what the part's annotations prove, else code points. */
export type IndexUnit = "auto" | "code-point" | "utf-16";

/**
 * How a mention led to its file: its very path (whatever its encoding), a path written with other dashes,
 * spaces, quotes or case, the only file of that name in another folder, an upload under the name it had before
 * the API prefixed it, or the bare name of a file that the model wrote. `"unmentioned"`: no mention at all; see the
 * option of that name.
 */
export type MatchKind = "path" | "written-differently" | "moved" | "upload" | "filename" | "unmentioned";

/** A citation that was missing. */
export interface RecoveredCitation {
  annotation: ContainerFileCitation;
  match: MatchKind;
  /** The mention as the text spells it: `text.slice(start, end)`. */
  text: string;
  /** UTF-16 offset into the given text, whatever unit the annotation counts in. */
  start: number;
  /** UTF-16 offset, exclusive. */
  end: number;
}

/** Why a mention stays without a citation. */
export type UnresolvedReason = "not-found" | "ambiguous" | "directory" | "pattern" | "container-unavailable";

/** A mention that no citation was added for. */
export interface UnresolvedMention {
  text: string;
  /** UTF-16 offset into the given text. */
  start: number;
  /** UTF-16 offset, exclusive. */
  end: number;
  reason: UnresolvedReason;
  /** For `"ambiguous"`: the files that fit equally well. */
  candidates?: ContainerFile[];
}

/** Where in a response a citation or a mention stands. */
export interface PartPosition {
  /** The item's place in `response.output`. */
  outputIndex: number;
  /** The part's place in the item's `content`. */
  contentIndex: number;
}

/** A citation in a report: one that the API made, or one that was recovered. */
export type ReportedCitation = PartPosition &
  ({ origin: "api"; annotation: ContainerFileCitation } | ({ origin: "recovered" } & RecoveredCitation));

/** What became of one response. */
export interface Report {
  /** `undefined` where the stream ended before it told. */
  responseId: string | undefined;
  /**
   * `"recovered"`: at least one citation was added. Where none was: `"failed"`: something went wrong, `error` says what;
   * `"unchanged"`: some mention stays without one, see `unresolved`; `"nothing-to-do"`: none was missing.
   */
  outcome: "nothing-to-do" | "recovered" | "unchanged" | "failed";
  citations: ReportedCitation[];
  unresolved: (PartPosition & UnresolvedMention)[];
  /** Files that this response wrote and no text mentions. Known only when a list was asked for. */
  unmentioned: ContainerFile[];
  /** The containers whose lists were asked for, in that order. */
  containers: string[];
  /** How many pages of lists, and earlier responses, were asked for. */
  listRequests: number;
  /** For how long the answer was held back, in milliseconds. */
  heldMs: number;
  /** What failed, where something did. */
  error?: Error;
}
