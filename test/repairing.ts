/** Repairs a response or events for a test, and checks that the input objects stay unchanged. */
import { expect } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type RepairOptions,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import { BASE, eventsIn, file, frames, response, type StreamEvent, streamed, upstream } from "./upstream.js";

export const PLAN = file("/mnt/data/plan.docx");
export const POST = { method: "POST", body: "{}" };

/** Returns a function `list` that returns a container's files, and `asked`, the container ids that `list` was called with. */
export function sourceOf(files: readonly ContainerFile[]) {
  const asked: string[] = [];
  const list = async (containerId: string): Promise<ContainerFile[]> => {
    asked.push(containerId);
    return files.filter(({ container_id }) => container_id === containerId);
  };
  return { asked, list };
}

export async function repair(
  output: unknown[],
  files: readonly ContainerFile[],
  options: RepairOptions = {},
  more = {},
) {
  const { asked, list } = sourceOf(files);
  const given = response(output, more);
  const copy = structuredClone(given);
  const { response: repaired, report } = await repairResponse(given, list, options);
  expect(given, "the caller's object").toEqual(copy);
  return { given, repaired, report, asked };
}

export async function repaired(
  events: readonly StreamEvent[],
  source: Parameters<typeof repairResponseStream>[1] = [PLAN],
  options: RepairOptions = {},
): Promise<StreamEvent[]> {
  const out: StreamEvent[] = [];
  const copy = structuredClone(events);
  for await (const event of repairResponseStream(events, source, options)) out.push(event);
  expect(events, "the caller's events").toEqual(copy);
  return out;
}

/** Sends the events through the `fetch` middleware, as bytes. */
export async function throughFetch(
  events: readonly StreamEvent[],
  files = [PLAN],
  options: RepairOptions = {},
) {
  const { fetch, lists } = upstream({ answer: () => streamed(frames(events)), files });
  const answer = await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, POST);
  const text = await answer.text();
  return { text, events: eventsIn(text), lists: lists() };
}

/** Returns `filename@sequence_number output_index/content_index/annotation_index` for each annotation event. */
export function added(events: readonly StreamEvent[]): string[] {
  return events
    .filter(({ type }) => type === "response.output_text.annotation.added")
    .map(
      ({ annotation, sequence_number, output_index, content_index, annotation_index }) =>
        `${(annotation as { filename: string }).filename}@${sequence_number} ${output_index}/${content_index}/${annotation_index}`,
    );
}

/** Yields the events and then throws. */
export async function* broken(events: readonly StreamEvent[]): AsyncGenerator<StreamEvent> {
  yield* events;
  throw new Error("reset");
}

/** Returns the response in the final event. */
export const last = (events: readonly StreamEvent[]): unknown => events.at(-1)!.response;
