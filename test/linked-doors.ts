/** Provides a model whose text mentions three files, and checks that the option `links` writes the right links into this text. */
import { expect } from "vitest";
import type { Script } from "../src/testing/index.js";
import { expectValid } from "./schemas.js";
import { cited } from "./upstream.js";

const FILES = { "plan.docx": "the plan", "totals.csv": "1,7\n", "notes final.md": "notes" };
export const TEXT =
  "🎉 See [the plan](sandbox:/mnt/data/plan.docx), `/mnt/data/totals.csv` and /mnt/data/notes final.md 👍";
const JSON_TEXT = '{"files":[{"path":"/mnt/data/plan.docx"},{"path":"/mnt/data/notes final.md"}]}';
const SITE = "https://f.test/";
export const URLS = { files: [{ path: `${SITE}plan.docx` }, { path: `${SITE}notes%20final.md` }] };
export const LINKED = `🎉 See [the plan](${SITE}plan.docx), [totals.csv](${SITE}totals.csv) and [notes final.md](${SITE}notes%20final.md) 👍`;
/** The citations as `name@text`, with the text that the range covers. The API makes the first citation, the library the others. */
export const FOUND = [
  `plan.docx@${SITE}plan.docx`,
  `totals.csv@${SITE}totals.csv`,
  `notes final.md@${SITE}notes%20final.md`,
];

export const links = ({ filename }: { filename: string }): string => SITE + encodeURIComponent(filename);

export const REQUEST = {
  model: "gpt-5",
  input: "Write the plan, the totals and the notes",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};

/** A model that cites one of its three files. Its deltas have 3 characters each, so they cut words and links. */
export const script: Script = ({ body }) => [
  { type: "reasoning" },
  { type: "python", code: "write()", files: FILES },
  { type: "message", text: body.text?.format?.type === "json_schema" ? JSON_TEXT : TEXT, chunks: 3 },
];

interface Message {
  type: string;
  content: { type: string; text: string }[];
}

/** Returns the joined texts of all messages among the items. */
export function textIn(items: readonly unknown[]): string {
  const messages = (items as Message[]).filter(({ type }) => type === "message");
  const parts = messages.flatMap(({ content }) => content).filter(({ type }) => type === "output_text");
  return parts.map(({ text }) => text).join("");
}

/** Returns a value as the API sends it, without the fields that the SDK adds. */
export function asSent<Value>(value: Value): Value {
  const added = new Set(["output_text", "output_parsed", "parsed", "_request_id"]);
  return JSON.parse(JSON.stringify(value, (key, entry) => (added.has(key) ? undefined : entry)));
}

export interface StreamEvent {
  type: string;
  delta?: unknown;
  response?: unknown;
  annotation?: unknown;
  sequence_number?: number;
}

export interface Read {
  events: StreamEvent[];
  /** The deltas of the text, joined. */
  deltas: string;
  last: { output: unknown[] };
}

export async function read(stream: AsyncIterable<unknown>): Promise<Read> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event as StreamEvent);
  return summary(events);
}

export function summary(events: StreamEvent[]): Read {
  const deltas = events.filter(({ type }) => type === "response.output_text.delta");
  return {
    events,
    deltas: deltas.map(({ delta }) => delta).join(""),
    last: events.at(-1)!.response as Read["last"],
  };
}

export function expectLinked(response: { output: readonly unknown[] }): void {
  expect(textIn(response.output)).toBe(LINKED);
  expect(cited(response)).toEqual(FOUND);
  expectValid("Response", asSent(response));
}

/** Checks a whole stream: the deltas, the events that add citations, and the final event. */
export function expectLinkedStream({ events, deltas, last }: Read): void {
  expect(deltas).toBe(LINKED);
  expectLinked(last);
  const added = events.filter(({ type }) => type === "response.output_text.annotation.added");
  const message = last.output.at(-1) as { content: { annotations: unknown[] }[] };
  expect(added.map(({ annotation }) => annotation)).toEqual(message.content[0]!.annotations);
  for (const event of events) expectValid("ResponseStreamEvent", asSent(event));
}
