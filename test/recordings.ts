/** Reads our recordings in `recordings/`. If the folder `../shared` exists, also reads its recordings of the real API. */
import { readFileSync } from "node:fs";
import type { ContainerFile } from "../src/index.js";
import { hasShared, readShared } from "./shared.js";
import type { StreamEvent } from "./upstream.js";

type Json = Record<string, unknown>;

export interface RecordedResponse {
  readonly name: string;
  readonly response: Json & { output: (Json & { content?: RecordedPart[] })[] };
  readonly files: ContainerFile[];
}

interface RecordedPart {
  text: string;
  annotations: { type: string; file_id: string; filename: string; start_index: number; end_index: number }[];
}

export interface RecordedStream {
  readonly name: string;
  readonly events: StreamEvent[];
  readonly files: ContainerFile[];
}

export function readOwn(name: string): string {
  return readFileSync(new URL(`recordings/${name}`, import.meta.url), "utf8");
}

/** Parses text with one JSON value in each line. */
export function parseLines<Value>(text: string): Value[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const { "two-lanes": laneFiles, ...turns }: Record<string, ContainerFile[]> = JSON.parse(
  readOwn("container-files.json"),
);
export const RESPONSES: RecordedResponse[] = Object.entries(turns).map(([turn, files]) => ({
  name: `${turn}.json`,
  response: JSON.parse(readOwn(`${turn}.json`)),
  files,
}));

export const STREAMS: RecordedStream[] = Object.entries(turns).map(([turn, files]) => ({
  name: `${turn}.jsonl`,
  events: parseLines(readOwn(`${turn}.jsonl`)),
  files,
}));

if (hasShared) {
  const files = JSON.parse(readShared("recordings/container-files.json"));
  const response = JSON.parse(readShared("recordings/response.json"));
  RESPONSES.push({ name: "../shared/response.json", response, files: files["response.json"] });
  const events = parseLines<StreamEvent>(readShared("recordings/stream.jsonl"));
  STREAMS.push({ name: "../shared/stream.jsonl", events, files: files["stream.jsonl"] });
}

/** Two responses on one WebSocket, without citations. Each text means the file of its own response. */
export const LANES = { events: parseLines<StreamEvent>(readOwn("two-lanes.jsonl")), files: laneFiles! };

interface Annotation {
  type?: string;
  end_index?: number;
}

function isRangedCitation({ type, end_index = 0 }: Annotation): boolean {
  return type === "container_file_citation" && end_index > 0;
}

/** Returns whether an event adds a citation that covers text. */
function isCitationEvent({ type, annotation }: StreamEvent): boolean {
  return type === "response.output_text.annotation.added" && isRangedCitation(annotation as Annotation);
}

/** Removes the citations that cover text. The result is like the answer of a reasoning model that writes no citations. */
export function withoutCitations<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (key, inner) =>
    key === "annotations" ? inner.filter((one: Annotation) => !isRangedCitation(one)) : inner,
  );
}

/**
 * Returns the expected result of repairing `withoutCitations(value)`: a copy of `value` whose citations of text have no `index`.
 * Only Azure sends this field, and the library does not add it.
 */
export function recovered<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_, inner) => {
    if (!inner || !isRangedCitation(inner)) return inner;
    const { index: __, ...citation } = inner;
    return citation;
  });
}

/**
 * Returns the expected result of repairing `uncitedEvents(events)`. Each inserted event has the same sequence number as the event
 * before it.
 */
export function recoveredEvents(events: readonly StreamEvent[]): StreamEvent[] {
  let last: unknown;
  return recovered(events).map((event) => {
    const numbered = isCitationEvent(event) ? { ...event, sequence_number: last } : event;
    last = numbered.sequence_number;
    return numbered as StreamEvent;
  });
}

/** Returns the events without the citations that cover text. Leaves out the events that add these citations. */
export function uncitedEvents(events: readonly StreamEvent[]): StreamEvent[] {
  return withoutCitations(events.filter((event) => !isCitationEvent(event)));
}
