/** Builds the `Report` that is passed to `onReport`. */
import type { Resolution } from "../citations/resolve.js";
import type { Annotation, ContainerFileCitation, PartPosition, Report, UnresolvedMention } from "../types.js";

/**
 * Thrown if the recovery fails and `onFailure` is `"throw"`. `cause` is the error of the recovery, and `report` is the report of
 * the response.
 */
export class FileCitationsError extends Error {
  override name = "FileCitationsError";
  readonly report: Report;
  constructor(report: Report) {
    super(`file citations could not be recovered: ${report.error?.message}`, { cause: report.error });
    this.report = report;
  }

  /**
   * Makes `instanceof` accept the errors of any copy of this class: the ES modules and the CommonJS files of the package each
   * have a copy.
   */
  static override readonly [Symbol.hasInstance]: (this: unknown, value: unknown) => boolean = isInstance;
}

function isInstance(this: unknown, value: unknown): boolean {
  const isSubclass = this !== FileCitationsError;
  if (isSubclass) return Function.prototype[Symbol.hasInstance].call(this as typeof Error, value);
  return value instanceof Error && value.name === "FileCitationsError";
}

/** The result for one part. */
export interface PartResult extends Resolution {
  position: PartPosition;
  text: string;
  /** The annotations that the API sent for the part. */
  given: readonly Annotation[];
}

/** Drops the unresolved mentions of a root if a file name in the same message was cited, as in "Saved in /mnt/data: a.csv". */
export function withoutRoots(parts: readonly PartResult[], roots: readonly string[]): PartResult[] {
  const withName = new Set(
    parts
      .filter(({ citations }) => citations.some(({ match }) => match === "filename"))
      .map(({ position }) => position.outputIndex),
  );
  const isRoot = ({ text }: UnresolvedMention): boolean => roots.includes(text.replace(/\/$/, ""));
  return parts.map((part) =>
    withName.has(part.position.outputIndex)
      ? { ...part, unresolved: part.unresolved.filter((mention) => !isRoot(mention)) }
      : part,
  );
}

/** Makes the report from the results of all parts and the other facts about the response. */
export function makeReport(
  parts: readonly PartResult[],
  known: Omit<Report, "outcome" | "citations" | "unresolved" | "error"> & { error: Error | undefined },
): Report {
  const { responseId, model, unmentioned, containers, listRequests, heldMs, durationMs, error } = known;
  const inOrder = [...parts].sort(
    ({ position: a }, { position: b }) => a.outputIndex - b.outputIndex || a.contentIndex - b.contentIndex,
  );
  const report: Report = {
    responseId,
    model,
    outcome: "nothing-to-do",
    citations: inOrder.flatMap(({ position, given, citations }) => [
      ...given.filter(isContainerCitation).map((annotation) => ({
        origin: "api" as const,
        outputIndex: position.outputIndex,
        contentIndex: position.contentIndex,
        annotation,
      })),
      ...citations.map((citation) => ({ origin: "recovered" as const, ...position, ...citation })),
    ]),
    unresolved: inOrder.flatMap(({ position, unresolved }) =>
      unresolved.map((mention) => ({ ...position, ...mention })),
    ),
    unmentioned,
    containers,
    listRequests,
    heldMs,
    durationMs,
  };
  if (error) report.error = error;
  if (report.citations.some(({ origin }) => origin === "recovered")) report.outcome = "recovered";
  else if (report.error) report.outcome = "failed";
  else if (report.unresolved.length > 0) report.outcome = "unchanged";
  return report;
}

function isContainerCitation(annotation: Annotation): annotation is ContainerFileCitation {
  return annotation.type === "container_file_citation";
}
