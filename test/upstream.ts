/** Makes a fake API that needs no network and records its requests. Also makes responses, events and files for the fake API. */
import type { ContainerFile } from "../src/index.js";

export const BASE = "https://api.openai.com/v1";

export interface Asked {
  method: string;
  url: string;
  headers: Headers;
  body: string | undefined;
  redirect: RequestRedirect | undefined;
  signal: AbortSignal | null | undefined;
}

/** Returns a `fetch` that serves lists of container files from `files`, and everything else from `answer`. */
export function upstream({
  answer,
  files = [],
  list = (containerId) => listPage(files.filter((file) => file.container_id === containerId)),
}: {
  answer: (asked: Asked) => Response | Promise<Response>;
  files?: readonly ContainerFile[];
  list?: (containerId: string, asked: Asked) => Response | Promise<Response>;
}): { fetch: typeof fetch; asked: Asked[]; lists: () => Asked[] } {
  const asked: Asked[] = [];
  const isList = ({ url }: Asked): boolean => /\/containers\/[^/]+\/files/.test(url);
  return {
    asked,
    lists: () => asked.filter(isList),
    fetch: async (input, init) => {
      const request: Asked = {
        method: init?.method ?? (input instanceof Request ? input.method : "GET"),
        url: input instanceof Request ? input.url : String(input),
        headers: new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined)),
        body: input instanceof Request && init?.body == null ? await input.text() : textOf(init?.body),
        redirect: init?.redirect,
        signal: init?.signal,
      };
      asked.push(request);
      if (!isList(request)) return answer(request);
      return list(decodeURIComponent(/containers\/([^/]+)\/files/.exec(request.url)![1]!), request);
    },
  };
}

function textOf(body: unknown): string | undefined {
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  return typeof body === "string" ? body : undefined;
}

export function listPage(data: readonly unknown[], hasMore = false): Response {
  const [first_id = "", last_id = ""] = [data[0], data.at(-1)].map((entry) => Object(entry).id);
  return Response.json({ object: "list", data, first_id, last_id, has_more: hasMore });
}

export function json(value: unknown): Response {
  return new Response(typeof value === "string" ? value : JSON.stringify(value, null, 2), {
    headers: { "content-type": "application/json", "x-request-id": "req_1" },
  });
}

/** Returns a response whose body is an event stream with these bytes, in chunks of `cut` bytes or cut at the given offsets. */
export function sse(bytes: Uint8Array | string, cut: number | readonly number[] = Infinity): Response {
  const whole = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const chunks: Uint8Array[] = [];
  if (typeof cut === "number") {
    const size = Math.min(cut, whole.length);
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.slice(at, at + size));
  } else {
    const edges = [0, ...[...cut].sort((a, b) => a - b), whole.length];
    for (let at = 1; at < edges.length; at++) chunks.push(whole.slice(edges[at - 1], edges[at]));
  }
  let next = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (next === chunks.length) controller.close();
      else controller.enqueue(chunks[next++]!);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}

export interface StreamEvent {
  type: string;
  sequence_number: number;
  [key: string]: unknown;
}

/** Returns events as frames, in the format of the API. */
export function frames(events: readonly { type: string }[], newline = "\n"): string {
  return events
    .map((event) => `event: ${event.type}${newline}data: ${JSON.stringify(event)}${newline}${newline}`)
    .join("");
}

/** Parses the frames of an event stream and returns their events. */
export function eventsIn(text: string): StreamEvent[] {
  return text
    .split(/\r?\n\r?\n/)
    .flatMap((frame) => frame.split(/\r?\n/).filter((line) => line.startsWith("data:")))
    .map((line) => JSON.parse(line.slice(5)));
}

let counter = 0;

/** Returns a container file with a new id. */
export function file(path: string, more: Partial<ContainerFile> = {}): ContainerFile {
  counter += 1;
  return {
    id: `cfile_${counter}`,
    object: "container.file",
    container_id: "cntr_1",
    created_at: 1_760_000_000,
    bytes: 10,
    path,
    source: "assistant",
    ...more,
  };
}

/** Returns a code interpreter call that ran in a container. */
export function call(code = "", containerId = "cntr_1"): Record<string, unknown> {
  return {
    type: "code_interpreter_call",
    id: "ci_1",
    status: "completed",
    code,
    container_id: containerId,
    outputs: null,
  };
}

/** Returns a message with one part for each text. */
export function message(
  ...texts: (string | { text: string; annotations: unknown[] })[]
): Record<string, unknown> {
  const content = texts.map((text) => ({
    type: "output_text",
    annotations: typeof text === "string" ? [] : text.annotations,
    logprobs: [],
    text: typeof text === "string" ? text : text.text,
  }));
  return { id: "msg_1", type: "message", status: "completed", content, role: "assistant" };
}

/** Returns the items with unique ids. If several items have the same id, each item after the first gets a new id. */
function withOwnIds(output: readonly unknown[]): unknown[] {
  const ids = new Set<unknown>();
  return output.map((item, at) => {
    const { id } = Object(item) as { id?: unknown };
    if (id === undefined || !ids.has(id)) {
      ids.add(id);
      return item;
    }
    return { ...(item as object), id: `${id}_${at}` };
  });
}

/** Returns a response with `items` as its output. */
export function response(
  items: unknown[],
  more: Record<string, unknown> = {},
): Record<string, unknown> & { output: unknown[] } {
  const output = withOwnIds(items);
  return {
    id: "resp_1",
    object: "response",
    created_at: 1_760_000_000,
    status: "completed",
    error: null,
    incomplete_details: null,
    instructions: null,
    model: "gpt-5",
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    metadata: {},
    ...more,
  };
}

/** Returns `filename@covered text` for the annotations of all parts. The text is empty for a 0..0 citation. */
export function cited(value: unknown): string[] {
  const { output } = value as {
    output: { content?: { text: string; annotations?: Record<string, number & string>[] }[] }[];
  };
  return output
    .flatMap(({ content }) => content ?? [])
    .flatMap(({ text, annotations }) =>
      (annotations ?? []).map(
        ({ filename, start_index, end_index }) =>
          `${filename}@${[...text].slice(start_index, end_index).join("")}`,
      ),
    );
}

/** Returns a body without bytes, and the controller with which a test adds bytes and closes the body. */
export function fedBody(): {
  body: ReadableStream<Uint8Array>;
  controller: ReadableStreamDefaultController<Uint8Array>;
} {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(started) {
      controller = started;
    },
  });
  return { body, controller };
}

/** Returns a response whose body is an event stream. */
export function streamed(body: BodyInit): Response {
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** Returns the stream events of a response with `items` as its output. Each word is a delta. */
export function streamOf(items: Record<string, unknown>[], final = "response.completed"): StreamEvent[] {
  const output = withOwnIds(items) as Record<string, unknown>[];
  const events: Record<string, unknown>[] = [{ type: "response.created", response: response([]) }];
  for (const [output_index, item] of output.entries()) {
    const content = (item.content ?? []) as { type: string; text: string; annotations: unknown[] }[];
    const at = { item_id: item.id, output_index };
    events.push({ type: "response.output_item.added", output_index, item: { ...item, content: [] } });
    for (const [content_index, part] of content.entries()) {
      events.push({
        type: "response.content_part.added",
        ...at,
        content_index,
        part: { ...part, text: "", annotations: [] },
      });
      if (part.type !== "output_text") continue;
      for (const delta of part.text.match(/\s*\S+/g) ?? []) {
        events.push({ type: "response.output_text.delta", ...at, content_index, delta, logprobs: [] });
      }
      for (const [annotation_index, annotation] of part.annotations.entries()) {
        events.push({
          type: "response.output_text.annotation.added",
          ...at,
          content_index,
          annotation_index,
          annotation,
        });
      }
      events.push({ type: "response.output_text.done", ...at, content_index, text: part.text, logprobs: [] });
      events.push({ type: "response.content_part.done", ...at, content_index, part });
    }
    events.push({ type: "response.output_item.done", output_index, item });
  }
  events.push({ type: final, response: response(output) });
  return events.map((event, sequence_number) => ({ ...event, sequence_number }) as unknown as StreamEvent);
}
