/** Checks a streamed response: when the citation arrives, and when the container's file list is requested. */
import { isRecord } from "../../errors.js";
import { createFileCitationsFetch } from "../../http/fetch.js";
import type { Report } from "../../types.js";
import { eventsOf } from "../api.js";
import { quoted } from "./access.js";
import { type Finding, failed, ok, warning } from "./check.js";
import { answerOf, type Caller } from "./connection.js";
import type { Exchange, Recorder } from "./recorder.js";
import { noCode, readResponse } from "./run-code.js";
import { FILENAME, fileRequest } from "./task.js";

type Event = Record<string, unknown>;

const ANNOTATION = "response.output_text.annotation.added";
const DELTA = "response.output_text.delta";
const TEXT_DONE = "response.output_text.done";
const FINAL = /^response\.(?:completed|incomplete|failed)$/;

/** Sends the request for the file through the library again, this time streamed. Checks the events. */
export async function checkStreaming(caller: Caller, recorder: Recorder, model: string): Promise<Finding> {
  let report: Report | undefined;
  const fetch = createFileCitationsFetch({ fetch: recorder.fetch, onReport: (made) => (report = made) });
  const first = recorder.exchanges.length;
  const answer = await caller.open("/responses", { ...fileRequest(model), stream: true }, fetch);
  if (!(answer instanceof Response)) return failed(answer.problem, answer.advice);
  if (!answer.ok) {
    const read = await answerOf(answer);
    return failed(
      `the API answered ${read.status}${quoted(caller.messageOf(read))}`,
      "Streams are refused. Use plain responses, or correct what the message says.",
    );
  }
  const events: Event[] = [];
  try {
    for await (const event of eventsOf(answer)) events.push(event);
  } catch (error) {
    const { advice } = caller.failureOf(error);
    return failed(`the stream broke off after ${events.length} events`, advice);
  }
  return judge(events, report, recorder.exchanges.slice(first));
}

function judge(
  events: readonly Event[],
  report: Report | undefined,
  exchanges: readonly Exchange[],
): Finding {
  const final = events.find(({ type }) => FINAL.test(String(type)));
  if (!final) {
    return failed(
      `the stream ended after ${events.length} events without its last one`,
      "Something between you and the API ends streams early. Increase its time limit, or turn its buffering off.",
    );
  }
  const response = readResponse(final.response, report);
  if (!response) return { ...noCode(final.response), mark: "warning" };
  if (!response.citation) {
    const why = response.report.error?.message ?? response.report.unresolved[0]?.reason;
    return failed(
      `the response has no citation${why === undefined ? "" : `: ${why}`}`,
      "See the checks above, and run the command again.",
    );
  }
  const { origin } = response.citation;
  const who = origin === "api" ? "the API's citation" : "the recovered citation";
  if (!isInTime(events)) {
    return warning(
      `${who} came after the text was done (${TEXT_DONE})`,
      "Read the citations from the last event, response.completed. " +
        "A text that names a file before Python writes it has to wait.",
    );
  }
  return withList(`${who} came before the text was done`, origin, exchanges);
}

/** Returns whether the event with the citation comes before the event that ends the citation's text. */
function isInTime(events: readonly Event[]): boolean {
  const at = events.findIndex(
    ({ type, annotation }) => type === ANNOTATION && isRecord(annotation) && annotation.filename === FILENAME,
  );
  const { output_index: output, content_index: content } = events[at] ?? {};
  const end = events.findIndex(
    (event) => event.type === TEXT_DONE && event.output_index === output && event.content_index === content,
  );
  return at >= 0 && at < end;
}

/** Returns a finding that also says when in the stream the file list was requested, or that no file list was needed. */
function withList(seen: string, origin: "api" | "recovered", exchanges: readonly Exchange[]): Finding {
  const [stream, ...others] = exchanges;
  const list = others.find(({ method, url }) => method === "GET" && url.includes("/containers/"));
  if (!list) return ok(origin === "api" ? `${seen}, so no list was needed` : seen);
  const done = orderOf(stream!, TEXT_DONE);
  if (list.order < done) return ok(`${seen}; the list was requested early`);
  if (orderOf(stream!, DELTA) === done) {
    return warning(
      `${seen}, but the whole text arrived in one piece`,
      "Something between you and the API holds streams back. Turn its buffering off.",
    );
  }
  return ok(`${seen}; the list was requested after the text`);
}

/** Finds the chunk with which the first event of a type arrived, and returns its `order`. Returns `Infinity` if there is none. */
function orderOf({ chunks }: Exchange, type: string): number {
  const decoder = new TextDecoder();
  let text = "";
  for (const { bytes, order } of chunks) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes(`"${type}"`)) return order;
  }
  return Number.POSITIVE_INFINITY;
}
