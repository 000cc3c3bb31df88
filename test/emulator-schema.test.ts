import { expect, it } from "vitest";
import {
  chartModel,
  compliantModel,
  createResponsesEmulator,
  type ResponsesEmulator,
  type Script,
  type Step,
  structuredModel,
  stubbornModel,
  twoContainersModel,
  twoFilesModel,
} from "../src/testing/index.js";

import { describeShared, expectValid, readShared } from "./shared.js";

type Json = Record<string, unknown>;

const PIXEL = new Uint8Array([137, 80, 78, 71]);

const EVERYTHING: Script = () => [
  { type: "reasoning", summary: ["I should write it.", "And show it."] },
  {
    type: "python",
    code: "go()",
    logs: "gone",
    images: ["https://example.com/a.png", PIXEL],
    charts: [PIXEL],
    files: { "a.csv": "1" },
  },
  {
    type: "shell",
    commands: ["ls -la /mnt/data", "zip b.zip a.csv"],
    stdout: "a.csv\n",
    stderr: "hm\n",
    files: { "b.zip": PIXEL },
  },
  { type: "image", bytes: PIXEL },
  {
    type: "message",
    text: [
      { text: "A [link](sandbox:/mnt/data/a.csv) 🎉" },
      { text: "and [b](sandbox:/mnt/data/b.zip)", chunks: 3 },
    ],
  },
  { type: "refusal", text: "No more of this." },
];

const SCRIPTS: Readonly<Record<string, Script>> = {
  compliant: compliantModel(),
  stubborn: stubbornModel(),
  chart: chartModel(),
  twoFiles: twoFilesModel(),
  twoContainers: twoContainersModel(),
  structured: structuredModel(),
  everything: EVERYTHING,
  fail: () => [{ type: "reasoning" }, { type: "fail" }],
  incomplete: () => [{ type: "message", text: "I was about to" }, { type: "incomplete" }],
  nothing: () => [],
};

const SCHEMA_FORMAT = { type: "json_schema", name: "files", schema: { type: "object" }, strict: true };

const REQUESTS: Readonly<Record<string, Json>> = {
  plain: { input: "Write it." },
  full: {
    input: [
      { role: "developer", content: "Be short." },
      { role: "user", content: [{ type: "input_text", text: "Write it, link it with sandbox:/mnt/data/…" }] },
    ],
    instructions: "Be kind.",
    include: ["code_interpreter_call.outputs", "reasoning.encrypted_content"],
    tools: [
      { type: "code_interpreter", container: { type: "auto" } },
      { type: "shell", environment: { type: "container_auto" } },
      { type: "function", name: "now" },
    ],
    reasoning: { effort: "low" },
    text: { format: SCHEMA_FORMAT },
    metadata: { a: "b" },
  },
};

function post(emulator: ResponsesEmulator, path: string, body: Json): Promise<Response> {
  const headers = { authorization: "Bearer test", "content-type": "application/json" };
  return emulator.fetch(`https://api.openai.com/v1/${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
}

async function get(emulator: ResponsesEmulator, path: string): Promise<unknown> {
  const headers = { "api-key": "test" };
  return (await emulator.fetch(`https://api.openai.com/v1/${path}`, { headers })).json();
}

async function events(response: Response): Promise<Json[]> {
  const frames = (await response.text()).split("\n\n");
  expect(frames.pop()).toBe("");
  return frames.map((frame) => {
    const [event = "", data = "", ...rest] = frame.split("\n");
    expect(rest).toEqual([]);
    const parsed = JSON.parse(data.slice("data: ".length));
    expect(event).toBe(`event: ${parsed.type}`);
    return parsed;
  });
}

describeShared("OpenAI's schema", () => {
  for (const [script, model] of Object.entries(SCRIPTS)) {
    for (const [request, body] of Object.entries(REQUESTS)) {
      it(`holds for ${script}, asked by a ${request} request`, async () => {
        const emulator = createResponsesEmulator({ script: model });
        const conversation = (await (await post(emulator, "conversations", {})).json()) as Json;
        const create = { model: "gpt-5", ...body };
        const plain = (await (await post(emulator, "responses", create)).json()) as Json;
        expectValid("Response", plain);

        const streamed = await events(
          await post(emulator, "responses", { ...create, stream: true, conversation: conversation.id }),
        );
        for (const event of streamed) expectValid("ResponseStreamEvent", event);
        expect(streamed.map((event) => event.sequence_number)).toEqual([...streamed.keys()]);
        const last = streamed.at(-1)?.response as Json;
        expect(last.status).toBe(plain.status);
        expect(shapeOf(last.output)).toEqual(shapeOf(plain.output));

        const queued = (await (
          await post(emulator, "responses", { ...create, background: true })
        ).json()) as Json;
        expectValid("Response", queued);
        for (let poll = 0; poll < 2; poll += 1) {
          expectValid("Response", await get(emulator, `responses/${queued.id}`));
        }
        for (const event of await events(
          await post(emulator, "responses", { ...create, background: true, stream: true }),
        )) {
          expectValid("ResponseStreamEvent", event);
        }

        const again = [...(plain.output as Json[]), { role: "user", content: "Again." }];
        const next = (await (await post(emulator, "responses", { ...create, input: again })).json()) as Json;
        for (const id of [plain.id, next.id]) {
          expectValid("ResponseItemList", await get(emulator, `responses/${id}/input_items`));
        }
        expectValid("ConversationItemList", await get(emulator, `conversations/${conversation.id}/items`));
        for (const [id, { files }] of emulator.containers) {
          expectValid("ContainerResource", await get(emulator, `containers/${id}`));
          expectValid("ContainerFileListResource", await get(emulator, `containers/${id}/files`));
          for (const file of files) {
            expectValid("ContainerFileResource", await get(emulator, `containers/${id}/files/${file.id}`));
          }
        }
        expectValid("ErrorResponse", await get(emulator, "responses/resp_none"));
      });
    }
  }

  it("holds for an empty list, and for what is created", async () => {
    const emulator = createResponsesEmulator();
    const container = (await (await post(emulator, "containers", { name: "mine" })).json()) as Json;
    expectValid("ContainerResource", container);
    expectValid("ContainerFileListResource", await get(emulator, `containers/${container.id}/files`));
  });
});

describeShared("the recordings", () => {
  it("stream what the emulator streams: the same events, fields and order", async () => {
    const text = readShared("recordings/stream.jsonl");
    const recorded: Json[] = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const emulator = createResponsesEmulator({ script: () => stepsOf(recorded) });
    const response = await post(emulator, "responses", {
      model: "gpt-5-nano-2025-08-07",
      input: "Roll.",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      include: ["code_interpreter_call.outputs"],
      stream: true,
    });
    expect(normalize(await events(response))).toEqual(normalize(recorded));
  });

  it("hold the response that the emulator answers", async () => {
    const recorded: Json = JSON.parse(readShared("recordings/response.json"));
    const done = (recorded.output as Json[]).map((item) => ({ type: "response.output_item.done", item }));
    const emulator = createResponsesEmulator({ script: () => stepsOf(done) });
    const response = await post(emulator, "responses", {
      model: recorded.model,
      input: "Roll.",
      tools: recorded.tools,
      include: ["code_interpreter_call.outputs"],
    });
    // Not every account sees who pays.
    const { billing: _, ...rest } = recorded;
    expect(normalize([(await response.json()) as Json])).toEqual(normalize([rest]));
  });
});

interface RecordedItem {
  readonly type: string;
  readonly code: string;
  readonly outputs: readonly { logs: string }[];
  readonly content: readonly { text: string; annotations: readonly { filename: string }[] }[];
}

/** The script whose turn was recorded. */
function stepsOf(recorded: readonly Json[]): Step[] {
  const items = recorded
    .filter((event) => event.type === "response.output_item.done")
    .map((event) => event.item as RecordedItem);
  const names = items.flatMap(({ content = [] }) =>
    content.flatMap((part) => part.annotations.map((annotation) => annotation.filename)),
  );
  return items.map((item): Step => {
    if (item.type === "reasoning") return { type: "reasoning" };
    if (item.type === "message") return { type: "message", text: item.content.map(({ text }) => ({ text })) };
    const files = Object.fromEntries(
      names.filter((name) => item.code.includes(name)).map((name) => [name, "x"]),
    );
    const [output] = item.outputs;
    return { type: "python", code: item.code, files, ...(output && { logs: output.logs }) };
  });
}

/**
 * Events as lines of JSON, so that the order of fields counts, without what no two runs share: ids get numbers in the
 * order of their first use, deltas in a row are joined, times, token counts and obfuscation lose their values.
 */
function normalize(list: readonly Json[]): string[] {
  const joined: Json[] = [];
  for (const event of list) {
    const before = joined.at(-1);
    if ("delta" in event && before?.type === event.type) {
      joined[joined.length - 1] = { ...before, delta: `${before?.delta}${event.delta}` };
    } else {
      joined.push({ ...event });
    }
  }
  const ids: string[] = [];
  return joined.map((event) =>
    JSON.stringify(event, (key, value: unknown) => {
      if (key === "sequence_number" || key === "created_at" || key.endsWith("_tokens")) return 0;
      if (key === "obfuscation") return "…";
      if (typeof value !== "string" || !/^(resp|msg|rs|ci|cntr|cfile)_[0-9a-f]+$/.test(value)) return value;
      if (!ids.includes(value)) ids.push(value);
      return `${value.split("_")[0]}#${ids.indexOf(value)}`;
    }),
  );
}

/** A value without its ids, which differ from run to run, and without what counts them in. */
function shapeOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/(_|AAAA[a-z]+_)[0-9a-f]{32,}/g, ""));
}
