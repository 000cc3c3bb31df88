/** Tests that everything the emulator sends is valid against OpenAI's schema and has the form of the recordings. */
import { describe, expect, it } from "vitest";
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

import { RESPONSES, STREAMS } from "./recordings.js";
import { expectValid } from "./schemas.js";

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

/**
 * Sends requests to an emulator that plays one script. All requests have the same body. `create` and `stream` can add `fields` to
 * it.
 */
class Caller {
  readonly emulator: ResponsesEmulator;
  readonly #body: Json;

  constructor(script: Script, body: Json) {
    this.emulator = createResponsesEmulator({ script });
    this.#body = { model: "gpt-5", ...body };
  }

  async create(fields: Json = {}): Promise<Json> {
    return (await post(this.emulator, "responses", { ...this.#body, ...fields })).json();
  }

  async stream(fields: Json = {}): Promise<Json[]> {
    return events(await post(this.emulator, "responses", { ...this.#body, ...fields, stream: true }));
  }

  get(path: string): Promise<unknown> {
    return get(this.emulator, path);
  }
}

async function expectValidStream(caller: Caller, plain: Json, conversation: unknown): Promise<void> {
  const streamed = await caller.stream({ conversation });
  for (const event of streamed) expectValid("ResponseStreamEvent", event);
  expect(streamed.map((event) => event.sequence_number)).toEqual([...streamed.keys()]);
  const last = streamed.at(-1)?.response as Json;
  expect(last.status).toBe(plain.status);
  expect(shapeOf(last.output)).toEqual(shapeOf(plain.output));
}

async function expectValidInBackground(caller: Caller): Promise<void> {
  const queued = await caller.create({ background: true });
  expectValid("Response", queued);
  for (let poll = 0; poll < 2; poll += 1) {
    expectValid("Response", await caller.get(`responses/${queued.id}`));
  }
  for (const event of await caller.stream({ background: true })) expectValid("ResponseStreamEvent", event);
}

async function expectValidContainers(caller: Caller): Promise<void> {
  for (const [id, { files }] of caller.emulator.containers) {
    expectValid("ContainerResource", await caller.get(`containers/${id}`));
    expectValid("ContainerFileListResource", await caller.get(`containers/${id}/files`));
    for (const file of files) {
      expectValid("ContainerFileResource", await caller.get(`containers/${id}/files/${file.id}`));
    }
  }
}

const CASES = Object.entries(SCRIPTS).flatMap(([script, model]) =>
  Object.entries(REQUESTS).map(([request, body]) => [script, request, model, body] as const),
);

describe("the schemas", () => {
  it.each(CASES)("hold for the script %s and a %s request", async (_script, _request, model, body) => {
    const caller = new Caller(model, body);
    const conversation = (await (await post(caller.emulator, "conversations", {})).json()) as Json;
    const plain = await caller.create();
    expectValid("Response", plain);
    await expectValidStream(caller, plain, conversation.id);
    await expectValidInBackground(caller);

    const nextInput = [...(plain.output as Json[]), { role: "user", content: "Again." }];
    const next = await caller.create({ input: nextInput });
    for (const id of [plain.id, next.id]) {
      expectValid("ResponseItemList", await caller.get(`responses/${id}/input_items`));
    }
    expectValid("ConversationItemList", await caller.get(`conversations/${conversation.id}/items`));
    await expectValidContainers(caller);
    expectValid("ErrorResponse", await caller.get("responses/resp_none"));
  });

  it("hold for an empty list and a new container", async () => {
    const emulator = createResponsesEmulator();
    const container = (await (await post(emulator, "containers", { name: "mine" })).json()) as Json;
    expectValid("ContainerResource", container);
    expectValid("ContainerFileListResource", await get(emulator, `containers/${container.id}/files`));
  });
});

/** Returns whether a recording comes from OpenAI. Azure's responses have further fields, which the emulator does not send. */
const ofOpenAI = ({ name }: { name: string }): boolean => !name.startsWith("azure");

describe("the emulator sends what is recorded", () => {
  it.each(STREAMS.filter(ofOpenAI))(
    "$name: the same events, fields and order",
    async ({ events: recorded }) => {
      const last = recorded.at(-1)!.response as RecordedTurn;
      const response = await postRecorded(last, { stream: true });
      expect(normalize(await events(response))).toEqual(normalize(recorded));
    },
  );

  it.each(RESPONSES.filter(ofOpenAI))("$name: the same response", async ({ response: recorded }) => {
    const response = await postRecorded(recorded as unknown as RecordedTurn);
    // Not every account gets the field `billing`.
    const { billing: _, ...rest } = recorded;
    expect(normalize([(await response.json()) as Json])).toEqual(normalize([rest]));
  });
});

interface RecordedTurn {
  readonly model: string;
  readonly tools: unknown;
  readonly max_output_tokens: number | null;
  readonly incomplete_details: { reason: "max_output_tokens" } | null;
  readonly output: readonly RecordedItem[];
}

interface RecordedItem {
  readonly type: string;
  readonly code: string;
  readonly outputs: readonly { logs: string }[] | null;
  readonly content: readonly { text: string; annotations: readonly { filename: string }[] }[];
}

/** Sends the request of a recorded turn to an emulator that plays this turn. */
function postRecorded(recorded: RecordedTurn, more: Json = {}): Promise<Response> {
  const { model, tools, max_output_tokens, output } = recorded;
  const asksForOutputs = output.some(({ outputs }) => outputs);
  const include = asksForOutputs ? ["code_interpreter_call.outputs"] : [];
  const emulator = createResponsesEmulator({ script: () => stepsOf(recorded) });
  return post(emulator, "responses", { model, input: "Go.", tools, max_output_tokens, include, ...more });
}

/** Returns steps that reproduce a recorded turn. */
function stepsOf({ output, incomplete_details }: RecordedTurn): Step[] {
  const names = output.flatMap(({ content = [] }) =>
    content.flatMap((part) => part.annotations.map((annotation) => annotation.filename)),
  );
  const steps = output.map((item): Step => {
    if (item.type === "reasoning") return { type: "reasoning" };
    if (item.type === "message") return { type: "message", text: item.content.map(({ text }) => ({ text })) };
    const files = Object.fromEntries(
      names.filter((name) => item.code.includes(name)).map((name) => [name, "x"]),
    );
    const [logged] = item.outputs ?? [];
    return {
      type: "python",
      code: item.code,
      files,
      ...(logged && { logs: logged.logs }),
      ...(item.code.includes("plt.show()") && { charts: [PIXEL] }),
    };
  });
  return incomplete_details ? [...steps, { type: "incomplete", ...incomplete_details }] : steps;
}

/**
 * Returns the events as JSON text, so that comparisons include the order of fields. Replaces everything that differs between
 * runs: ids become numbers in the order of their first use, consecutive deltas are joined, and times, token counts and
 * obfuscation become constants.
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
      if (typeof value !== "string" || !/^(resp|msg|rs|ci|cntr|cfile)_[0-9a-f]+(\.png)?$/.test(value))
        return value;
      if (!ids.includes(value)) ids.push(value);
      return `${value.split("_")[0]}#${ids.indexOf(value)}`;
    }),
  );
}

/** Returns a value without ids, because ids differ from run to run. Also removes the ids in encrypted content. */
function shapeOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/(_|AAAA[a-z]+_)[0-9a-f]{32,}/g, ""));
}
