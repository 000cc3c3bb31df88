/** Checks whether the model runs Python, and reads the citation of the file that Python writes. */

import { isRecord } from "../../errors.js";
import { createFileCitationsFetch } from "../../http/fetch.js";
import type { ContainerFileCitation, Report } from "../../types.js";
import { quoted } from "./access.js";
import { type Finding, failed, ok } from "./check.js";
import { type Caller, isAnswer } from "./connection.js";
import { FILENAME, fileRequest } from "./task.js";

type Fetch = typeof globalThis.fetch;

/** A citation of the file that Python wrote, from a repaired response. */
export interface FoundCitation {
  annotation: ContainerFileCitation;
  origin: "api" | "recovered";
  /** The text of the part that the annotation belongs to. */
  text: string;
}

/** A response in which Python ran. */
export interface RunResponse {
  containerId: string;
  report: Report;
  citation: FoundCitation | undefined;
}

/** The finding of the check, and the response if Python ran. */
export interface CodeRun {
  finding: Finding;
  response: RunResponse | undefined;
}

/** Uses the library to send a request that makes the model run Python. Checks the response. */
export async function checkCodeInterpreter(caller: Caller, fetch: Fetch, model: string): Promise<CodeRun> {
  const no = (finding: Finding): CodeRun => ({ finding, response: undefined });
  let report: Report | undefined;
  const repairing = createFileCitationsFetch({ fetch, onReport: (made) => (report = made) });
  const answer = await caller.post("/responses", fileRequest(model), repairing);
  if (!isAnswer(answer)) return no(failed(answer.problem, answer.advice));
  const { status, json } = answer;
  if (status >= 300) {
    return no(
      failed(
        `the API answered ${status}${quoted(caller.messageOf(answer))}`,
        "Choose a model that supports Code Interpreter with --model. A gateway must pass on the tool.",
      ),
    );
  }
  const response = readResponse(json, report);
  return response ? { finding: ok("the model ran Python in a container"), response } : no(noCode(json));
}

/**
 * Reads the container and the citation of the file from a response. Returns `undefined` if no Python ran
 * or there is no report.
 */
export function readResponse(response: unknown, report: Report | undefined): RunResponse | undefined {
  const output = outputOf(response);
  const call = output.find(
    ({ type, container_id: id }) => type === "code_interpreter_call" && typeof id === "string",
  );
  if (!call || !report) return undefined;
  const own = report.citations.filter(({ annotation }) => annotation.filename === FILENAME);
  // Prefers a citation of a place in the text. The range from 0 to 0 stands for no place.
  const found = own.find(({ annotation }) => annotation.end_index > 0) ?? own[0];
  const text = found && textAt(output, found);
  return {
    containerId: call.container_id as string,
    report,
    citation:
      found && text !== undefined ? { annotation: found.annotation, origin: found.origin, text } : undefined,
  };
}

/** Returns the finding that no Python ran, with the reason. */
export function noCode(response: unknown): Finding {
  const { status, error, incomplete_details: details } = isRecord(response) ? response : {};
  if (status === "failed" || status === "incomplete") {
    const reason = isRecord(error) ? error.code : isRecord(details) ? details.reason : undefined;
    return failed(
      `the response is ${status}${typeof reason === "string" ? ` (${reason})` : ""}`,
      "Run the command again. If it fails again, choose another model with --model.",
    );
  }
  return failed(
    "the model answered without running Python",
    "Run the command again, or choose another model with --model. A gateway may drop the tool from the request.",
  );
}

function outputOf(response: unknown): Record<string, unknown>[] {
  const output = isRecord(response) ? response.output : undefined;
  return Array.isArray(output) ? output.filter(isRecord) : [];
}

function textAt(
  output: readonly Record<string, unknown>[],
  { outputIndex, contentIndex }: { outputIndex: number; contentIndex: number },
): string | undefined {
  const content = output[outputIndex]?.content;
  const part: unknown = Array.isArray(content) ? content[contentIndex] : undefined;
  return isRecord(part) && typeof part.text === "string" ? part.text : undefined;
}
