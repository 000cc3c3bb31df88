/** Checks the citation of the file that Python wrote: whether the API made it, its range, and the unit of the range. */
import { toCodePoints } from "../../citations/index-units.js";
import { resolveFileCitations } from "../../citations/resolve.js";
import type { ContainerFile, RecoveredCitation } from "../../types.js";
import { type Finding, failed, ok, skipped, warning } from "./check.js";
import type { FoundCitation, RunResponse } from "./run-code.js";
import { EMOJI, FILENAME, PATH } from "./task.js";

/** The range that a citation should have, counted in code points and in UTF-16 units. */
interface Expected {
  codePoints: readonly [number, number];
  utf16: readonly [number, number];
}

/**
 * Checks whether the API made the citation, and whether its range is the expected one.
 *
 * @param listed the file's entry in the container's list; `undefined` if the list lacks the file or could not be read.
 */
export function checkCitation(
  { citation, report, containerId }: RunResponse,
  listed: ContainerFile | undefined,
): Finding {
  if (!citation) return none(report);
  const { annotation, origin, text } = citation;
  const { start_index: start, end_index: end, file_id: id } = annotation;
  const at = `${start}..${end}`;
  if (origin === "recovered") return ok(`the API sent none; recovered at ${at}: ${covered(citation)}`);
  if (listed && id !== listed.id) {
    return warning(
      `the API sent one, but not of the file that the list has at ${PATH}`,
      "Python may have written the file twice. Run the command again.",
    );
  }
  if (end === 0) return warning("the API sent one, at 0..0: it stands for no place in the text", REPORT_IT);
  const expected = expectedRanges(text, listed ?? fileOf(annotation.file_id, containerId));
  if (expected.some(({ codePoints, utf16 }) => isRange(codePoints, citation) || isRange(utf16, citation))) {
    return ok(`the API sent it, at ${at}, as expected`);
  }
  const ours = expected.map(({ codePoints: [from, to] }) => `${from}..${to}`).join(" or ") || "none";
  return warning(`the API sent it, at ${at}; expected ${ours}`, REPORT_IT);
}

const REPORT_IT = "Please report this with a recording of the run: --record DIR";

/** Returns the finding for a response that does not cite the file. The finding gives the reason. */
function none({ error, unresolved }: RunResponse["report"]): Finding {
  if (error) {
    return failed(
      `the API sent none, and none could be recovered: ${error.message}`,
      "See the file list above, and run the command again.",
    );
  }
  const [mention] = unresolved;
  if (mention) {
    return failed(
      `the API sent none, and none could be recovered for ${mention.text}: ${mention.reason}`,
      `docs/troubleshooting.md says what to do about each reason. ${REPORT_IT}`,
    );
  }
  return warning(
    `the text does not mention ${FILENAME}, so there is nothing to cite`,
    'Run the command again. To cite files that no text mentions, use the option unmentioned: "cite".',
  );
}

/**
 * Checks whether the API's ranges count code points or UTF-16 units. The two differ only after a character of two UTF-16 units,
 * such as an emoji.
 */
export function checkUnit(citation: FoundCitation | undefined): Finding {
  if (citation?.origin !== "api" || citation.annotation.end_index === 0) {
    return skipped("the API sent no range that would show it; ours counts code points, as OpenAI's do");
  }
  const { annotation, text } = citation;
  const all = expectedRanges(text, fileOf(annotation.file_id, annotation.container_id));
  const fits = all.find(({ codePoints, utf16 }) => isRange(codePoints, citation) || isRange(utf16, citation));
  if (!fits) return skipped("the API's range differs from ours, see above");
  const { codePoints, utf16 } = fits;
  if (codePoints[0] === utf16[0]) return skipped(`the model wrote no ${EMOJI} before the link`);
  const { start_index: start } = annotation;
  if (isRange(codePoints, citation)) {
    return ok(`code points: the range begins at ${start} (UTF-16 units: ${utf16[0]})`);
  }
  return warning(
    `UTF-16 units: the range begins at ${start} (code points: ${codePoints[0]})`,
    'Set the option indexUnit: "utf-16". Without it, texts in which the API cites nothing get code points.',
  );
}

/** Returns the ranges of the citations that the library would make for a file in a text. */
function expectedRanges(text: string, file: ContainerFile): Expected[] {
  const { citations } = resolveFileCitations(text, [file], { indexUnit: "utf-16" });
  return citations.map(({ start, end }: RecoveredCitation) => {
    const [from = 0, to = 0] = toCodePoints(text, [start, end]);
    return { codePoints: [from, to], utf16: [start, end] };
  });
}

/** Builds a list entry for the file from its ids. The resolver needs an entry, even if the container's list was not read. */
function fileOf(id: string, containerId: string): ContainerFile {
  return { id, container_id: containerId, path: PATH, source: "assistant", created_at: 0 };
}

function isRange([start, end]: readonly [number, number], { annotation }: FoundCitation): boolean {
  return annotation.start_index === start && annotation.end_index === end;
}

/** Returns the text that a recovered citation covers. */
function covered({ annotation, text }: FoundCitation): string {
  return [...text].slice(annotation.start_index, annotation.end_index).join("");
}
