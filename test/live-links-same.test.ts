/**
 * Tests that a streamed response and a whole response get the same texts and annotations with the option `links`. The responses
 * have several messages and calls in any order. Some have citations from the API. Some requests have a known container.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { createFileCitationsFetch, type RepairOptions } from "../src/index.js";
import { OPTIONS, textIn, toUrl } from "./linking.js";
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

const NEW = file("/mnt/data/a.csv", { created_at: 1_760_000_001 });
const OLD = file("/mnt/data/old.csv", { created_at: 1 });
const MOVED = file("/mnt/data/out/b.csv", { created_at: 1_760_000_001 });
/** The files of a second container. The first container has a file with the same path as the first of these files. */
const SECOND = [
  file("/mnt/data/a.csv", { container_id: "cntr_2", created_at: 1_760_000_001 }),
  file("/mnt/data/c.csv", { container_id: "cntr_2", created_at: 1_760_000_001 }),
];
const FILES = [NEW, OLD, MOVED, ...SECOND];

/** A piece of a text. `cited` is the id of the file that the API cites in this piece; `undefined` if the API cites none. */
type Fragment = readonly [text: string, cited?: string];

const fragments = fc.constantFrom<Fragment>(
  ["Some text. "],
  ["[it](sandbox:/mnt/data/a.csv) ", NEW.id],
  ["[it](sandbox:/mnt/data/a.csv) "],
  ["sandbox:/mnt/data/old.csv ", OLD.id],
  ["`/mnt/data/old.csv` "],
  ["/mnt/data/b.csv "],
  ["/mnt/data/none.csv "],
  ["/mnt/database "],
  ["[the folder](/mnt/data/) "],
  ["[the name](a.csv) "],
  ["[only a name](sandbox:a.csv) "],
  ["[the old name](old.csv) "],
  ["saved in /mnt/data: "],
  ["a.csv "],
  ["[third](/mnt/data/c.csv) "],
);

function partOf(pieces: readonly Fragment[]): { text: string; annotations: unknown[] } {
  const annotations: unknown[] = [];
  let text = "";
  for (const [piece, cited] of pieces) {
    const [path = ""] = /sandbox:[^) ]+/.exec(piece) ?? [];
    const start_index = text.length + piece.indexOf(path);
    text += piece;
    if (cited === undefined) continue;
    annotations.push({
      ...{ type: "container_file_citation", container_id: "cntr_1", file_id: cited },
      ...{
        filename: path.slice(path.lastIndexOf("/") + 1),
        start_index,
        end_index: start_index + path.length,
      },
    });
  }
  return { text, annotations };
}

const parts = fc.array(fragments, { minLength: 1, maxLength: 6 }).map(partOf);
const messages = fc
  .record({
    texts: fc.array(parts, { minLength: 1, maxLength: 2 }),
    phase: fc.constantFrom({}, {}, { phase: "commentary" }, { phase: "final_answer" }),
    isRefused: fc.constantFrom(false, false, false, true),
  })
  .map(({ texts, phase, isRefused }) => {
    const { content, ...item } = message(...texts);
    const refusal = { type: "refusal", refusal: "No." };
    return { ...item, ...phase, content: [...(content as unknown[]), ...(isRefused ? [refusal] : [])] };
  });
/** One agent's answer to another. Its texts come without deltas. */
const answers = parts.map((part) => ({
  ...{ type: "multi_agent_call_output", call_id: "c_1", action: "wait_agent" },
  output: [{ type: "output_text", ...part }],
}));
const calls = fc.constantFrom(
  call("open('/mnt/data/a.csv', 'w')"),
  call("print(1)"),
  call("open('/mnt/data/old.csv')"),
  { ...call("open('/mnt/data/a.csv', 'w')"), container_id: null },
  call("open('/mnt/data/c.csv', 'w')", "cntr_2"),
  call("open('/mnt/data/a.csv', 'w')", "cntr_2"),
);
const reasoning = fc.constant({ type: "reasoning", summary: [] });
const outputs = fc
  .array(fc.oneof({ weight: 4, arbitrary: messages }, { weight: 2, arbitrary: calls }, answers, reasoning), {
    minLength: 1,
    maxLength: 5,
  })
  .map((items) => items.map((item, at) => ({ ...item, id: `item_${at}` })));

const EARLIER = [
  response([{ ...call("open('/mnt/data/old.csv', 'w')"), id: "ci_0" }]),
  response([message("No file.")]),
];
const requests = fc.constantFrom<{ body: object; previous?: unknown }>(
  { body: {} },
  { body: { tools: [{ type: "code_interpreter", container: "cntr_1" }] } },
  { body: { tools: [{ type: "code_interpreter", container: "cntr_2" }] } },
  { body: { previous_response_id: "resp_0" }, previous: EARLIER[0] },
  { body: { previous_response_id: "resp_0" }, previous: EARLIER[1] },
);

interface Part {
  text: string;
  /** `undefined` for a refusal. */
  annotations?: unknown[];
}
type Output = { content?: Part[] }[];

function containersIn(value: unknown): string[] {
  return JSON.stringify(value).match(/cntr_\d/g) ?? [];
}

/**
 * Removes all citations that the API would not make. The API cites files of the containers in which calls ran before the text. If
 * no call names its container, the API cites files of the request's container.
 */
function withoutImpossible(
  output: readonly Record<string, unknown>[],
  { body }: { body: object },
): Record<string, unknown>[] {
  const requested = containersIn(body);
  const called = new Set<unknown>();
  return output.map((item) => {
    if (typeof item.container_id === "string") called.add(item.container_id);
    const containers = called.size > 0 ? [...called] : requested;
    // All citations in these tests are of `cntr_1`. Keeps them if no container is known: the API may have used `cntr_1`.
    if (containers.length === 0 || containers.includes("cntr_1")) return item;
    return JSON.parse(JSON.stringify(item), (key, value) => (key === "annotations" ? [] : value));
  });
}

/** Returns the events of a stream whose texts are cut into deltas of `size` UTF-16 units. */
function eventsOf(output: Record<string, unknown>[], size: number): StreamEvent[] {
  return streamOf(output)
    .filter(({ type }) => type !== "response.output_text.delta")
    .flatMap((event): StreamEvent[] => {
      if (event.type !== "response.content_part.added") return [event];
      const { item_id, output_index, content_index } = event;
      const { text = "" } = (output as Output)[output_index as number]!.content![content_index as number]!;
      const deltas = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      const place = { item_id, output_index, content_index, logprobs: [] };
      return [
        event,
        ...deltas.map((delta) => ({ type: "response.output_text.delta", ...place, delta }) as never),
      ];
    })
    .map((event, sequence_number) => ({ ...event, sequence_number }));
}

/** Returns the output of the final event. All earlier events of each part must agree with it. */
function outputOf(events: readonly StreamEvent[]): Output {
  const { output } = events.at(-1)!.response as { output: Output };
  for (const [output_index, { content = [] }] of output.entries()) {
    for (const [content_index, { text, annotations }] of content.entries()) {
      if (annotations === undefined) continue;
      const own = events.filter(
        (event) => event.output_index === output_index && event.content_index === content_index,
      );
      const of = (type: string): StreamEvent[] => own.filter((event) => event.type === `response.${type}`);
      expect(textIn(own)).toBe(text);
      expect(of("output_text.done")[0]!.text).toBe(text);
      expect((of("content_part.done")[0]!.part as Part).text).toBe(text);
      expect(of("output_text.annotation.added").map(({ annotation }) => annotation)).toEqual(annotations);
    }
  }
  return output;
}

const options = fc.constantFrom<RepairOptions>(OPTIONS, {
  ...OPTIONS,
  links: { toUrl, onMissing: ({ text }) => `(${text.length} characters are gone)` },
});

it("a response has the same texts and annotations streamed as whole, and a second repair changes nothing", async () => {
  const setting = fc.record({
    ...{ output: outputs, request: requests, options },
    ...{ size: fc.integer({ min: 1, max: 40 }), chunk: fc.integer({ min: 1, max: 400 }) },
  });
  await fc.assert(
    fc.asyncProperty(setting, async ({ output: items, request, options, size, chunk }) => {
      const output = withoutImpossible(items, request);
      const read = async (answer: () => Response, stream: boolean): Promise<string> => {
        const { fetch } = upstream({
          answer: ({ method }) =>
            method === "GET" ? json({ ...Object(request.previous), id: "resp_0" }) : answer(),
          files: FILES,
        });
        const body = JSON.stringify({ input: "x", ...request.body, stream });
        const repairing = createFileCitationsFetch({ fetch, ...options });
        return (await repairing(`${BASE}/responses`, { method: "POST", body })).text();
      };
      const plain = async (items: unknown[]): Promise<Output> => {
        const text = await read(() => json(response(items)), false);
        return (JSON.parse(text) as { output: Output }).output;
      };
      const streamed = eventsIn(await read(() => sse(frames(eventsOf(output, size)), chunk), true));
      const whole = await plain(output);
      expect(outputOf(streamed)).toEqual(whole);
      // A second repair of the stream must change nothing. This is not tested if only the previous response names the
      // container. In that case, the second repair ignores the URLs that the first repair wrote, so it may link a plain name.
      if (request.previous === undefined) {
        const again = eventsIn(await read(() => sse(frames(streamed), chunk), true));
        expect(outputOf(again)).toEqual(whole);
      }
      expect(await plain(whole)).toEqual(whole);
    }),
    { numRuns: 300 },
  );
});
