/**
 * Tests the WebSocket endpoint of the emulator. Requests with the same `stream_id` form a lane: they run one after the other, and
 * different lanes run at the same time. This file is long because each rule of the endpoint has a test.
 */
import { describe, expect, it, vi } from "vitest";
import { createResponsesEmulator, type Script } from "../src/testing/index.js";
import { itemsOf, type Json, TOOLS } from "./emulator-calls.js";
import { expectValid } from "./schemas.js";
import { Client, listening, responses } from "./websocket-client.js";

const say =
  (text: string): Script =>
  () => [{ type: "message", text }];

/** A script that repeats the last user message. */
const echo: Script = ({ lastUserText }) => [{ type: "message", text: lastUserText }];

const typesOf = (events: readonly Json[]) => events.map(({ type }) => type);
const responseOf = (event: Json | undefined) => event?.response as Json;
const errorOf = (event: Json | undefined) => event?.error as Json;
const textOf = (event: Json | undefined): unknown => {
  const [message] = itemsOf(responseOf(event), "message");
  return (message?.content as { text: string }[] | undefined)?.[0]?.text;
};
const isType = (type: string) => (event: Json) => event.type === type;

it("answers response.create with the same events as a stream over HTTP", async () => {
  const script: Script = () => [
    { type: "reasoning" },
    { type: "python", code: "go()", files: { "a.csv": "1" } },
    { type: "message", text: "[a](sandbox:/mnt/data/a.csv)" },
  ];
  const now = () => 0;
  const { emulator, url } = await listening({ script, now });
  const client = await Client.open(url);
  client.create({ tools: TOOLS });
  const events = await client.until(responses(1));

  const streamed = await createResponsesEmulator({ script, now }).fetch(
    "https://api.openai.com/v1/responses",
    {
      method: "POST",
      headers: { authorization: "Bearer test" },
      body: JSON.stringify({ model: "gpt-6", input: "Go.", tools: TOOLS, stream: true }),
    },
  );
  const frames = (await streamed.text()).trim().split("\n\n");
  expect(events).toEqual(frames.map((frame) => JSON.parse(frame.slice(frame.indexOf("data: ") + 6))));
  expect(emulator.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /v1/responses",
    "WS /v1/responses",
  ]);
  expect(emulator.requests[1]?.body).toMatchObject({ type: "response.create", model: "gpt-6" });
});

it("adds stream_id to every event of a lane, and to no other events", async () => {
  const { url } = await listening({ script: echo });
  const client = await Client.open(url);
  client.create({ stream_id: "a", input: "A" });
  client.create({ input: "none" });
  const events = await client.until(responses(2));
  const final = events.filter(isType("response.completed"));
  expect(final.map((event) => [event.stream_id, textOf(event)])).toEqual(
    expect.arrayContaining([
      ["a", "A"],
      [undefined, "none"],
    ]),
  );
  const ofA = events.filter(({ stream_id }) => stream_id === "a");
  expect(ofA).toHaveLength(events.length / 2);
  expect(ofA.map(({ sequence_number }) => sequence_number)).toEqual([...ofA.keys()]);
});

it("runs the requests of one lane one after the other", async () => {
  const { url } = await listening({ script: echo });
  const client = await Client.open(url);
  for (const input of ["1", "2", "3"]) client.create({ stream_id: "a", input });
  const events = await client.until(responses(3));
  expect(events.filter(isType("response.completed")).map(textOf)).toEqual(["1", "2", "3"]);
  const bounds = typesOf(events).filter((type) => /\.(?:created|completed)$/.test(String(type)));
  expect(bounds).toEqual(Array.from({ length: 3 }, () => ["response.created", "response.completed"]).flat());
});

it.each([
  [["a", "b"], "ababababababababab"],
  [["a", "b", "b"], "abbabbabbabbabaaaa"],
  [["b", "b", "b", "b", "a"], "bbbbabbbbabaaaaaaa"],
])("interleaves lanes in the order %j", async (laneOrder, expected) => {
  const { url } = await listening({ script: say("x"), laneOrder });
  const client = await Client.open(url);
  client.create({ stream_id: "a" });
  client.create({ stream_id: "b" });
  const events = await client.until(responses(2));
  expect(events.map(({ stream_id }) => stream_id).join("")).toBe(expected);
});

it("lets only the lanes in laneOrder wait for their turn", async () => {
  const { url } = await listening({ script: say("x"), laneOrder: ["a", "b"] });
  const client = await Client.open(url);
  client.create({ stream_id: "b" });
  client.create({ stream_id: "c" });
  const first = await client.until(responses(1));
  expect(new Set(first.map(({ stream_id }) => stream_id))).toEqual(new Set(["c"]));
  client.create({ stream_id: "a" });
  const [next] = await client.until(responses(2));
  expect(next?.stream_id).toBe("a");
});

it("sends events of other lanes while beforeEvent holds one lane", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { url } = await listening({
    script: say("x"),
    beforeEvent: (event) => (event.stream_id === "a" && event.sequence_number === 2 ? held : undefined),
  });
  const client = await Client.open(url);
  client.create({ stream_id: "a" });
  client.create({ stream_id: "b" });
  const before = await client.until(responses(1));
  expect(before.at(-1)?.stream_id).toBe("b");
  expect(before.filter(({ stream_id }) => stream_id === "a")).toHaveLength(2);
  release();
  expect((await client.until(responses(1))).at(-1)?.stream_id).toBe("a");
});

it("continues a response of another lane, even if it is not stored", async () => {
  const { emulator, url } = await listening({
    script: ({ previous, lastUserText }) => [
      { type: "message", text: [...previous.map((turn) => turn.lastUserText), lastUserText].join("+") },
    ],
  });
  const client = await Client.open(url);
  client.create({ stream_id: "a", input: "1", store: false });
  const { id } = responseOf((await client.until(responses(1))).at(-1));
  client.create({ stream_id: "b", input: "2", previous_response_id: id });
  expect(textOf((await client.until(responses(1))).at(-1))).toBe("1+2");

  const stored = await emulator.fetch(`https://api.openai.com/v1/responses/${id}`, {
    headers: { authorization: "Bearer test" },
  });
  expect(stored.status).toBe(404);
  const other = await Client.open(url);
  other.create({ previous_response_id: id });
  expect(errorOf((await other.until(responses(1))).at(-1)).code).toBe("previous_response_not_found");
});

it("prepares a response without output for generate: false", async () => {
  const { url } = await listening({ script: [say("first")] });
  const client = await Client.open(url);
  client.create({ generate: false });
  const { id, output } = responseOf((await client.until(responses(1))).at(-1));
  expect(output).toEqual([]);
  client.create({ previous_response_id: id });
  expect(textOf((await client.until(responses(1))).at(-1))).toBe("first");
});

it.each<[string, unknown, Json]>([
  ["invalid JSON", "{", { code: "invalid_json" }],
  ["an array", "[]", { code: "invalid_type", param: "event" }],
  ["no type", {}, { code: "invalid_value", param: "type" }],
  ["an unknown type", { type: "response.cancel" }, { code: "invalid_value", param: "type" }],
  ["a number as stream_id", { type: "response.create", stream_id: 1 }, { param: "stream_id" }],
  [
    "no model",
    { type: "response.create", input: "x" },
    { param: "model", code: "missing_required_parameter" },
  ],
  ["no input", { type: "response.create", model: "gpt-6" }, { param: "input" }],
  ["stream", { type: "response.create", model: "gpt-6", input: "x", stream: true }, { param: "stream" }],
  [
    "background",
    { type: "response.create", model: "gpt-6", input: "x", background: true },
    { param: "background" },
  ],
  [
    "an unknown previous response",
    { type: "response.create", model: "gpt-6", input: "x", previous_response_id: "resp_none" },
    { param: "previous_response_id", code: "previous_response_not_found" },
  ],
  [
    "a steer without a response id",
    { type: "response.steer", input: "x" },
    { param: "previous_response_id" },
  ],
])("answers %s with an error event and keeps the connection", async (_, event, error) => {
  const { url } = await listening({ script: say("x") });
  const client = await Client.open(url);
  client.send(event);
  client.create();
  const events = await client.until(responses(2));
  expect(events[0]).toMatchObject({
    type: "error",
    status: 400,
    error: { type: "invalid_request_error", ...error },
  });
  expect(events.at(-1)?.type).toBe("response.completed");
});

it("adds stream_id to an error event, and answers the lane's next request", async () => {
  const { url } = await listening({ script: say("x") });
  const client = await Client.open(url);
  client.create({ stream_id: "a", stream: false });
  client.create({ stream_id: "a" });
  const events = await client.until(responses(2));
  expect(events[0]).toMatchObject({ type: "error", stream_id: "a", error: { param: "stream" } });
  expect(events.at(-1)).toMatchObject({ type: "response.completed", stream_id: "a" });
});

it("sends an error event with the reason if a script fails", async () => {
  const { url } = await listening({
    script: () => {
      throw new Error("no idea");
    },
  });
  const client = await Client.open(url);
  client.create();
  expect((await client.until(responses(1)))[0]).toMatchObject({
    type: "error",
    status: 500,
    error: { message: "The script failed for turn 0. Error: no idea" },
  });
});

const status = (url: string, headers: Record<string, string>) =>
  Client.open(url, headers).then(
    () => 101,
    (error: Error) => Number(/response: (\d+)/.exec(error.message)?.[1]),
  );

it("refuses the handshake if the key or the path is wrong, or intercept answers it", async () => {
  const { url } = await listening({
    apiKey: "right",
    intercept: ({ headers }) => ("x-busy" in headers ? new Response("busy", { status: 503 }) : undefined),
  });
  const right = { authorization: "Bearer right" };
  expect(await status(url, { authorization: "Bearer wrong" })).toBe(401);
  expect(await status(url, {})).toBe(401);
  expect(await status(url.replace("/responses", "/realtime"), right)).toBe(404);
  expect(await status(url, { ...right, "x-busy": "1" })).toBe(503);
  expect(await status(url, right)).toBe(101);
  expect(await status(`${url}?beta=true`, { "api-key": "right" })).toBe(101);
});

it("refuses the handshake if the package ws is not installed", async () => {
  vi.doMock("ws", () => {
    throw new Error("Cannot find package 'ws'");
  });
  try {
    const { url } = await listening();
    expect(await status(url, { authorization: "Bearer test" })).toBe(501);
  } finally {
    vi.doUnmock("ws");
  }
});

it("closes with the code given to disconnect, with 1003 for a binary message, and with no code if it breaks", async () => {
  const { server, url } = await listening({
    script: say("x"),
    breakIn: ({ type }) => (type === "response.completed" ? 10 : undefined),
  });
  const [first, second] = [await Client.open(url), await Client.open(url)];
  server.disconnect();
  expect(await Promise.all([first.closed, second.closed])).toEqual([1001, 1001]);
  const third = await Client.open(url);
  server.disconnect(1008, "policy");
  expect(await third.closed).toBe(1008);
  const fourth = await Client.open(url);
  fourth.socket.send(new Uint8Array([1]));
  expect(await fourth.closed).toBe(1003);
  const fifth = await Client.open(url);
  fifth.create();
  expect(await fifth.closed).toBe(1006);
  const sixth = await Client.open(url);
  await server.close();
  expect(await sixth.closed).toBe(1006);
});

it("breaks at the event for which beforeEvent throws", async () => {
  const { url } = await listening({
    script: say("x"),
    beforeEvent(event) {
      if (event.sequence_number === 3) throw new Error("connection lost");
    },
  });
  const client = await Client.open(url);
  client.create();
  expect(await client.closed).toBe(1006);
  expect(await client.until(({ sequence_number }) => sequence_number === 2)).toHaveLength(3);
});

/**
 * Returns a `beforeEvent` that holds all events of a type until `release` is called, so that a test can send a steer event while
 * the response runs.
 */
function holdingFirst(held: string) {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    release: () => release(),
    beforeEvent: ({ type }: { type: string }) => (type === held ? released : undefined),
  };
}

it("ends a steered response after its current item and continues with the queued input", async () => {
  const { release, beforeEvent } = holdingFirst("response.output_text.delta");
  const script: Script = ({ lastUserText }) => [
    { type: "message", text: `1 ${lastUserText}` },
    { type: "message", text: "2" },
  ];
  const { emulator, url } = await listening({ script, beforeEvent });
  const client = await Client.open(url);
  client.create({ stream_id: "a", input: "Go.", instructions: "Be brief." });
  client.create({ stream_id: "a", input: "later" });
  const [created] = await client.until(isType("response.content_part.added"));
  const { id } = responseOf(created);
  client.send({ type: "response.steer", previous_response_id: id, input: "in red" });
  client.send({
    type: "response.steer",
    previous_response_id: id,
    input: [{ role: "user", content: [{ type: "input_text", text: "and big" }] }],
  });
  await vi.waitFor(() => expect(emulator.requests.filter(({ method }) => method === "WS")).toHaveLength(4));
  release();
  const events = await client.until(responses(3));
  expect(events.every(({ stream_id }) => stream_id === "a")).toBe(true);
  const steered = events.filter(isType("response.steer.accepted")).map(({ steer }) => steer as Json);
  expect(steered.map(({ previous_response_id }) => previous_response_id)).toEqual([id, id]);
  expect(new Set(steered.map((steer) => steer.id)).size).toBe(2);

  const finals = events.filter(
    ({ type }) => /completed$|incomplete$/.test(String(type)) && !/item/.test(String(type)),
  );
  expect(finals.map(textOf)).toEqual(["1 Go.", "1 and big", "1 later"]);
  expect(responseOf(finals[0])).toMatchObject({
    status: "incomplete",
    incomplete_details: { reason: "steered" },
  });
  expect(responseOf(finals[1])).toMatchObject({
    previous_response_id: id,
    instructions: "Be brief.",
    status: "completed",
  });
  const firsts = events.slice(0, events.indexOf(finals[0]!) + 1);
  expect(firsts.map((event) => event.sequence_number)).toEqual(firsts.map((_, index) => index + 4));
});

it("continues with the queued input if the steered response completed", async () => {
  const { release, beforeEvent } = holdingFirst("response.output_text.delta");
  const { emulator, url } = await listening({ script: echo, beforeEvent });
  const client = await Client.open(url);
  client.create();
  const { id } = responseOf((await client.until(isType("response.content_part.added")))[0]);
  client.send({ type: "response.steer", previous_response_id: id, input: "more" });
  await vi.waitFor(() => expect(emulator.requests).toHaveLength(3));
  release();
  const finals = (await client.until(responses(2))).filter(isType("response.completed"));
  expect(finals.map(textOf)).toEqual(["Go.", "more"]);
});

it("returns a steer's input if the steer is rejected", async () => {
  const { release, beforeEvent } = holdingFirst("response.output_text.delta");
  const { url } = await listening({ script: echo, beforeEvent });
  const client = await Client.open(url);
  const steer = async (event: Json) => {
    client.send({ type: "response.steer", input: "x", ...event });
    const failed = (await client.until(isType("response.steer.failed"))).at(-1)!;
    return [errorOf(failed).code, (failed.steer as Json).input, failed.stream_id];
  };
  expect(await steer({ previous_response_id: "resp_none" })).toEqual(["response_not_found", "x", undefined]);
  client.create({ stream_id: "a" });
  const { id } = responseOf((await client.until(isType("response.content_part.added")))[0]);
  const wrong = [
    [],
    7,
    [{ role: "assistant", content: "x" }],
    [{ role: "user", content: "x", id: "msg_1" }],
    [{ type: "function_call_output", call_id: "c", output: "x" }],
  ];
  for (const input of wrong) {
    expect(await steer({ previous_response_id: id, input })).toEqual(["invalid_input", input, "a"]);
  }
  expect(await steer({ previous_response_id: id, stream_id: "a" })).toEqual(["invalid_input", "x", "a"]);
  release();
  await client.until(responses(1));
  expect(await steer({ previous_response_id: id })).toEqual(["response_already_completed", "x", "a"]);
});

it("returns a steer's input if the next response cannot start", async () => {
  const { release, beforeEvent } = holdingFirst("response.output_text.delta");
  const script: Script = ({ turn }) => {
    if (turn === 1) throw new Error("no successor");
    return [{ type: "message", text: "x" }];
  };
  const { emulator, url } = await listening({ script, beforeEvent });
  const client = await Client.open(url);
  client.create({ stream_id: "a" });
  const { id } = responseOf((await client.until(isType("response.content_part.added")))[0]);
  client.send({ type: "response.steer", previous_response_id: id, input: "more" });
  await vi.waitFor(() => expect(emulator.requests).toHaveLength(3));
  release();
  const events = await client.until(isType("response.steer.failed"));
  const accepted = events.find(isType("response.steer.accepted"));
  expect(events.at(-2)?.type).toBe("response.completed");
  expect(events.at(-1)).toMatchObject({
    stream_id: "a",
    error: { code: "successor_creation_failed" },
    steer: { ...(accepted?.steer as Json), input: "more" },
  });
});

it("rejects a steer of a multi-agent response, and of a response in a conversation", async () => {
  const { release, beforeEvent } = holdingFirst("response.output_text.delta");
  const { emulator, url } = await listening({ script: echo, beforeEvent });
  const made = await emulator.fetch("https://api.openai.com/v1/conversations", {
    method: "POST",
    headers: { authorization: "Bearer test" },
    body: "{}",
  });
  const conversation = ((await made.json()) as Json).id;
  const client = await Client.open(url);
  for (const fields of [{ multi_agent: { enabled: true } }, { conversation }]) {
    client.create({ stream_id: JSON.stringify(fields), ...fields });
    const { id } = responseOf((await client.until(isType("response.content_part.added")))[0]);
    client.send({ type: "response.steer", previous_response_id: id, input: "x" });
    const failed = (await client.until(isType("response.steer.failed"))).at(-1);
    expect(errorOf(failed).code).toBe("steering_not_supported");
  }
  release();
});

describe("the schemas", () => {
  it("hold for every event of two lanes", async () => {
    const script: Script = ({ lastUserText }) => [
      { type: "reasoning" },
      { type: "python", code: "go()", files: { [`${lastUserText}.csv`]: "1" } },
      { type: "message", text: `[x](sandbox:/mnt/data/${lastUserText}.csv)` },
    ];
    const { url } = await listening({ script, laneOrder: ["a", "b"] });
    const client = await Client.open(url);
    for (const stream_id of ["a", "b"]) client.create({ stream_id, input: stream_id, tools: TOOLS });
    for (const event of await client.until(responses(2))) expectValid("ResponseStreamEvent", event);
  });
});
