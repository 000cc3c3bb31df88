/** Tests the emulator's agents: the items of each agent, the calls between agents, and the containers of each agent. */
import OpenAI from "openai-7";
import { describe, expect, it } from "vitest";
import { createResponsesEmulator, type Script } from "../src/testing/index.js";
import { call, itemsOf, type Json, respond, TOOLS } from "./emulator-calls.js";
import { ownSchema, sharedSchema } from "./schemas.js";
import { describeShared } from "./shared.js";

const PATH = "sandbox:/mnt/data/report.csv";

/** A script in which two agents write the same path, each in a container of its own. */
const TWO_AGENTS: Script = () => [
  {
    type: "multi_agent_call",
    agent: "root",
    action: "spawn_agent",
    arguments: '{"name":"bob"}',
    output: "spawned",
  },
  { type: "python", agent: "alice", container: "of alice", code: "go()", files: { "report.csv": "a" } },
  { type: "python", agent: "bob", container: "of bob", code: "go()", files: { "report.csv": "b" } },
  { type: "multi_agent_call", agent: "bob", output: [`[b](${PATH})`, "done"] },
  { type: "message", agent: "alice", text: `[a](${PATH})` },
  { type: "message", text: "no agent" },
];

const client = (script: Script) =>
  new OpenAI({ apiKey: "test", fetch: createResponsesEmulator({ script }).fetch });
const request = { model: "gpt-6", input: "Go.", tools: [] };

interface Part {
  readonly text: string;
  readonly annotations: readonly { readonly container_id: string }[];
}

const fileOf = (part: Part | undefined) => part?.annotations.map(({ container_id }) => container_id);

it("names the agent of a step in its items", async () => {
  const { output } = await client(TWO_AGENTS).beta.responses.create(request);
  expect(output.map((item) => [item.type, "agent" in item ? item.agent : undefined])).toEqual([
    ["multi_agent_call", { agent_name: "root" }],
    ["multi_agent_call_output", { agent_name: "root" }],
    ["code_interpreter_call", { agent_name: "alice" }],
    ["code_interpreter_call", { agent_name: "bob" }],
    ["multi_agent_call", { agent_name: "bob" }],
    ["multi_agent_call_output", { agent_name: "bob" }],
    ["message", { agent_name: "alice" }],
    ["message", undefined],
  ]);
});

it("answers a multi_agent_call with annotated output_text parts", async () => {
  const response = await respond(createResponsesEmulator({ script: TWO_AGENTS }));
  const [spawn, wait] = itemsOf(response, "multi_agent_call");
  expect(spawn).toMatchObject({ action: "spawn_agent", arguments: '{"name":"bob"}' });
  expect(wait).toMatchObject({ action: "wait_agent", arguments: "{}" });
  const [, result] = itemsOf(response, "multi_agent_call_output");
  expect(result).toMatchObject({ call_id: wait?.call_id, action: "wait_agent" });
  const [linked, plain] = result!.output as Part[];
  expect(linked).toMatchObject({
    type: "output_text",
    text: `[b](${PATH})`,
    annotations: [{ type: "container_file_citation", start_index: 4, end_index: 4 + PATH.length }],
  });
  expect(plain).toMatchObject({ type: "output_text", text: "done", annotations: [] });
});

it("cites the file in a container of the text's own agent", async () => {
  const response = await respond(createResponsesEmulator({ script: TWO_AGENTS }));
  const [ofAlice, ofBob] = itemsOf(response, "code_interpreter_call").map(({ container_id }) => container_id);
  const [message] = itemsOf(response, "message");
  const [, result] = itemsOf(response, "multi_agent_call_output");
  expect(fileOf((message!.content as Part[])[0])).toEqual([ofAlice]);
  expect(fileOf((result!.output as Part[])[0])).toEqual([ofBob]);
});

it("names the agent only in the events of its items", async () => {
  const stream = await client(TWO_AGENTS).beta.responses.create({ ...request, stream: true });
  const events: Json[] = [];
  for await (const event of stream) events.push({ ...event });
  const agents = new Map<unknown, Set<unknown>>();
  for (const { output_index, agent } of events) {
    const name = (agent as Json | undefined)?.agent_name;
    agents.set(output_index, (agents.get(output_index) ?? new Set()).add(name));
  }
  const names = [undefined, "root", "root", "alice", "bob", "bob", "bob", "alice", undefined];
  expect([...agents.values()]).toEqual(names.map((name) => new Set([name])));
});

it("rejects a multi_agent_call with an invalid output, action or agent", async () => {
  const reasonFor = async (step: Json) => {
    const script = (() => [step]) as unknown as Script;
    const { body } = await call(createResponsesEmulator({ script }), "POST", "responses", request);
    return (body.error as Json).message;
  };
  const step = { type: "multi_agent_call", output: "x" };
  expect(await reasonFor({ ...step, output: 1 })).toContain("steps[0].output must be a string or an array");
  expect(await reasonFor({ ...step, action: "dance" })).toContain(
    'steps[0].action must be one of "spawn_agent"',
  );
  expect(await reasonFor({ ...step, agent: 1 })).toContain("steps[0].agent must be a string, got 1.");
});

describe("an item of a conversation", () => {
  it("is found by its id, with the outputs that include asks for", async () => {
    const emulator = createResponsesEmulator({
      script: () => [
        { type: "python", code: "go()", logs: "gone" },
        { type: "message", text: "done" },
      ],
    });
    const sdk = new OpenAI({ apiKey: "test", fetch: emulator.fetch });
    const conversation = await sdk.conversations.create();
    const { output } = await sdk.responses.create({
      model: "gpt-6",
      input: "Go.",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
      conversation: conversation.id,
    });
    const [python, message] = output.map(({ id }) => id!);
    const params = { conversation_id: conversation.id };
    expect(await sdk.conversations.items.retrieve(message!, params)).toEqual(output[1]);
    expect(await sdk.conversations.items.retrieve(python!, params)).toMatchObject({ outputs: null });
    const include = ["code_interpreter_call.outputs" as const];
    expect(await sdk.conversations.items.retrieve(python!, { ...params, include })).toMatchObject({
      outputs: [{ type: "logs", logs: "gone" }],
    });
  });

  it("is answered with 404 if it or the conversation does not exist", async () => {
    const emulator = createResponsesEmulator();
    const { body } = await call(emulator, "POST", "conversations", {});
    expect(await call(emulator, "GET", `conversations/${body.id}/items/msg_none`)).toMatchObject({
      status: 404,
    });
    expect(await call(emulator, "GET", "conversations/conv_none/items/msg_none")).toMatchObject({
      status: 404,
    });
  });
});

it("a response of agents is valid against the types of the openai package", async () => {
  const response = await respond(createResponsesEmulator({ script: TWO_AGENTS }), { tools: TOOLS });
  ownSchema.expectValid("BetaResponse", response);
});

describeShared("OpenAI's schema", () => {
  it("holds for responses of agents, except for their new item types", async () => {
    const response = await respond(createResponsesEmulator({ script: TWO_AGENTS }), { tools: TOOLS });
    const output = response.output as Json[];
    const isNew = ({ type }: Json) => String(type).startsWith("multi_agent_call");
    const openai = sharedSchema!;
    openai.expectValid("Response", { ...response, output: output.filter((item) => !isNew(item)) });
    for (const item of output.filter(isNew)) {
      for (const part of (item.output ?? []) as Json[]) openai.expectValid("OutputTextContent", part);
    }
  });
});
