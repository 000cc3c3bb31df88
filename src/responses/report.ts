/** What became of a response, for its caller. */
import type { Resolution } from "../citations/resolve.js";
import type { Annotation, ContainerFileCitation, PartPosition, Report } from "../types.js";

/** What a recovery threw when `onFailure` is `"throw"`. `cause` is what went wrong, `report` all that is known. */
export class FileCitationsError extends Error {
  override name = "FileCitationsError";
  readonly report: Report;
  constructor(report: Report) {
    super(`file citations could not be recovered: ${report.error?.message}`, { cause: report.error });
    this.report = report;
  }
}

/** What was found out about one part. */
export interface PartResult extends Resolution {
  position: PartPosition;
  text: string;
  /** What the API cited in it. */
  given: readonly Annotation[];
}

/** Makes the report of the parts and of all else that is known. */
export function makeReport(
  parts: readonly PartResult[],
  known: Omit<Report, "outcome" | "citations" | "unresolved" | "error"> & { error: Error | undefined },
): Report {
  const { responseId, unmentioned, containers, listRequests, heldMs, error } = known;
  const inOrder = [...parts].sort(
    ({ position: a }, { position: b }) => a.outputIndex - b.outputIndex || a.contentIndex - b.contentIndex,
  );
  const report: Report = {
    responseId,
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
      unresolved.map((left) => ({ ...position, ...left })),
    ),
    unmentioned,
    containers,
    listRequests,
    heldMs,
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
