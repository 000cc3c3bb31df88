/** Makes stored responses, each with or without its citation. */
import type { ContainerFile } from "../../src/types.js";

export const fileOf = (n: number): ContainerFile => ({
  id: `cfile_${n}`,
  object: "container.file",
  container_id: `cntr_${n}`,
  created_at: 1757603592,
  bytes: 7,
  path: `/mnt/data/report-${n}.csv`,
  source: "assistant",
});

export function responseOf(n: number, { cited = false, filler = "" } = {}): object {
  const { id: file_id, container_id, path } = fileOf(n);
  const text = `Nº ${n} is done. ${filler}Download: ${path}`;
  const start_index = text.length - path.length; // `text` has as many code points as UTF-16 units
  const annotation = {
    type: "container_file_citation",
    container_id,
    end_index: start_index + path.length,
    file_id,
    filename: path.slice("/mnt/data/".length),
    start_index,
  };
  const part = { type: "output_text", text, annotations: cited ? [annotation] : [], logprobs: [] };
  return {
    id: `resp_${n}`,
    object: "response",
    created_at: 1757603567,
    status: "completed",
    model: "gpt-5",
    temperature: 1,
    output: [
      { id: `rs_${n}`, type: "reasoning", summary: [] },
      {
        id: `ci_${n}`,
        type: "code_interpreter_call",
        status: "completed",
        code: "…",
        container_id,
        outputs: [],
      },
      { id: `msg_${n}`, type: "message", status: "completed", role: "assistant", content: [part] },
    ],
  };
}

/** Returns the stream events of the `n`th response. */
export function eventsOf(n: number, { cited = false } = {}): object[] {
  const response = responseOf(n, { cited }) as {
    output: { id: string; content?: [{ text: string; annotations: unknown[] }] }[];
  };
  const item = response.output[2]!;
  const part = item.content![0];
  const at = { item_id: item.id, output_index: 2, content_index: 0 };
  const started = { ...response, status: "in_progress", output: [] };
  const events: object[] = [
    { type: "response.created", response: started },
    { type: "response.output_item.added", output_index: 1, item: response.output[1] },
    { type: "response.output_item.done", output_index: 1, item: response.output[1] },
    { type: "response.output_item.added", output_index: 2, item: { ...item, content: [] } },
    { type: "response.content_part.added", ...at, part: { ...part, text: "", annotations: [] } },
    { type: "response.output_text.delta", ...at, delta: part.text },
    ...part.annotations.map((annotation) => ({
      type: "response.output_text.annotation.added",
      ...at,
      annotation_index: 0,
      annotation,
    })),
    { type: "response.output_text.done", ...at, text: part.text },
    { type: "response.content_part.done", ...at, part },
    { type: "response.output_item.done", output_index: 2, item },
    { type: "response.completed", response },
  ];
  return events;
}

export const batchLineOf = (n: number, options?: { cited?: boolean }): object => ({
  id: `batch_req_${n}`,
  custom_id: `question-${n}`,
  response: { status_code: 200, request_id: `req_${n}`, body: responseOf(n, options) },
  error: null,
});

export const lines = (values: readonly unknown[], newline = "\n"): string =>
  values.map((value) => JSON.stringify(value) + newline).join("");

export const sse = (events: readonly object[]): string =>
  events
    .map((event) => `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join("");

export const SOME = [1, 2, 3, 4, 5];
export const some = <Value>(
  make: (n: number, options: { cited: boolean }) => Value,
  cited: boolean,
): Value[] => SOME.map((n) => make(n, { cited }));

/** Parses JSON Lines. */
export const parsed = (text: string): unknown[] =>
  text
    .trim()
    .split(/\r?\n/)
    .map((line) => JSON.parse(line));
