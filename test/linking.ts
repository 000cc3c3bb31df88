/**
 * Repairs a response with the option `links` and returns its text. There is a function for each way: `repairResponse`,
 * `repairResponseStream`, and the fetch with JSON or with an event stream.
 */
import { expect } from "vitest";
import {
  type ContainerFile,
  createFileCitationsFetch,
  type RepairOptions,
  type Report,
  repairResponse,
  repairResponseStream,
} from "../src/index.js";
import {
  BASE,
  call,
  eventsIn,
  file,
  frames,
  json,
  message,
  response,
  type StreamEvent,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

export const toUrl = ({ file_id }: { file_id: string }): string => `https://f.test/${file_id}`;
export const OPTIONS: RepairOptions = { links: toUrl, retries: 0 };
const POST = { method: "POST", body: "{}" };

/** A text of the model, the container's files, and the annotations that the API made for the text. */
export interface Given {
  text: string;
  files: readonly ContainerFile[];
  annotations?: unknown[];
}

const CODE = "import os\nos.listdir('/mnt/data')";

export function itemsOf({ text, annotations = [] }: Given): Record<string, unknown>[] {
  return [call(CODE), message({ text, annotations })];
}

export function listOf(files: readonly ContainerFile[]) {
  return async (id: string): Promise<ContainerFile[]> =>
    files.filter(({ container_id }) => container_id === id);
}

export interface Read {
  text: string;
  annotations: { type: string; start_index: number; end_index: number }[];
}

function readPart(part: unknown): Read {
  const { text, annotations } = part as Read;
  return { text, annotations };
}

export async function plain(given: Given, options = OPTIONS): Promise<Read> {
  const { response: repaired } = await repairResponse(response(itemsOf(given)), listOf(given.files), options);
  const [, item] = repaired.output as { content: unknown[] }[];
  return readPart(item!.content[0]);
}

/** Returns the events of a stream whose text is cut into deltas at the offsets in `cuts`. */
export function eventsOf(given: Given, cuts: readonly number[]): StreamEvent[] {
  const events = streamOf(itemsOf(given)).filter(({ type }) => type !== "response.output_text.delta");
  const first = events.findIndex(({ type }) => type === "response.content_part.added") + 1;
  const { item_id, output_index, content_index } = events[first - 1]!;
  const edges = [0, ...new Set(cuts), given.text.length].sort((a, b) => a - b);
  const deltas = edges
    .slice(1)
    .map((end, at) => given.text.slice(edges[at], end))
    .filter((delta) => delta !== "")
    .map((delta) => ({
      ...{ type: "response.output_text.delta", item_id, output_index, content_index, delta, logprobs: [] },
    }));
  return [...events.slice(0, first), ...deltas, ...events.slice(first)].map(
    (event, sequence_number) => ({ ...event, sequence_number }) as StreamEvent,
  );
}

/**
 * Returns the text and the annotations of a stream. All events that contain the whole text must agree with each other and with
 * the deltas.
 */
export function readEvents(events: readonly StreamEvent[]): Read {
  const of = (type: string): StreamEvent[] => events.filter((event) => event.type === type);
  const deltas = of("response.output_text.delta");
  const annotations = of("response.output_text.annotation.added").map(({ annotation }) => annotation);
  const done = of("response.output_text.done")[0]!;
  expect(deltas.map(({ delta }) => delta).join("")).toBe(done.text);
  const read = readPart(of("response.content_part.done")[0]!.part);
  expect(read.text).toBe(done.text);
  expect(read.annotations).toEqual(annotations);
  const item = of("response.output_item.done").at(-1)!.item as { content: unknown[] };
  expect(readPart(item.content[0])).toEqual(read);
  const { output } = of("response.completed")[0]!.response as { output: { content: unknown[] }[] };
  expect(readPart(output.at(-1)!.content[0])).toEqual(read);
  const numbers = events.map(({ sequence_number }) => sequence_number);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  return read;
}

export async function streamed(given: Given, cuts: readonly number[], options = OPTIONS): Promise<Read> {
  const events: StreamEvent[] = [];
  for await (const event of repairResponseStream(eventsOf(given, cuts), listOf(given.files), options))
    events.push(event);
  return readEvents(events);
}

export async function throughFetch(
  given: Given,
  cuts: readonly number[],
  chunks: number | readonly number[] = Infinity,
  options = OPTIONS,
): Promise<Read> {
  const { fetch } = upstream({
    answer: () => sse(frames(eventsOf(given, cuts)), chunks),
    files: given.files,
  });
  const answer = await createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, POST);
  return readEvents(eventsIn(await answer.text()));
}

export async function plainFetch(given: Given): Promise<Read> {
  const { fetch } = upstream({ answer: () => json(response(itemsOf(given))), files: given.files });
  const answer = await createFileCitationsFetch({ fetch, ...OPTIONS })(`${BASE}/responses`, POST);
  const { output } = (await answer.json()) as { output: { content: unknown[] }[] };
  return readPart(output[1]!.content[0]);
}

/**
 * Expects a citation for each URL of a file in the text. The citation must cover exactly the URL, and name the file to which the
 * URL leads. No citation may cover only a part of such a URL.
 */
export function expectRanges({ text, annotations }: Read): void {
  const points = [...text];
  const cited = (annotations as (Read["annotations"][number] & { file_id: string })[])
    .filter(({ type, end_index }) => type === "container_file_citation" && end_index > 0)
    .map(({ file_id, start_index, end_index }) => {
      const covered = points.slice(start_index, end_index).join("");
      if (covered.includes("f.test")) expect(covered).toBe(toUrl({ file_id }));
      return covered === toUrl({ file_id }) ? points.slice(0, start_index).join("").length : -1;
    });
  for (const { index } of text.matchAll(/https:\/\/f\.test\//g)) expect(cited).toContain(index);
}

export const A = file("/mnt/data/a.csv", { created_at: 1_760_000_001 });
export const URL_OF_A = toUrl({ file_id: A.id });
export const TEXT = "Before. See [the file](sandbox:/mnt/data/a.csv) and more.";
export const LINKED = `Before. See [the file](${URL_OF_A}) and more.`;
export const given: Given = { text: TEXT, files: [A] };
export const CUTS = [8, 19, 30, 40, 50];

/** Returns the repaired stream, still unread, and the array that receives its reports. */
export function opened(
  events: AsyncIterable<StreamEvent> | Iterable<StreamEvent>,
  options: RepairOptions = {},
  list = listOf([A]),
) {
  const reports: Report[] = [];
  const stream = repairResponseStream(events, list, {
    ...OPTIONS,
    onReport: (report) => reports.push(report),
    ...options,
  });
  return { stream, reports };
}

export async function all(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

export const textIn = (events: readonly StreamEvent[]): string =>
  events
    .filter(({ type }) => type === "response.output_text.delta")
    .map(({ delta }) => delta)
    .join("");

/** Returns a stream that yields the events up to delta number `after`, counted from 1, and the rest once `resume` is called. */
export function paused(events: readonly StreamEvent[], after: number) {
  let resume!: () => void;
  const more = new Promise<void>((resolve) => {
    resume = resolve;
  });
  const isDelta = ({ type }: StreamEvent): boolean => type === "response.output_text.delta";
  const nth = events.filter(isDelta)[after - 1]!;
  const at = events.indexOf(nth) + 1;
  async function* generate() {
    yield* events.slice(0, at);
    await more;
    yield* events.slice(at);
  }
  return { events: generate(), resume };
}
