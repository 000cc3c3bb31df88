/** Tests the option `links` with each version of the SDK: every way to get a response must return texts whose links work. */
import type OpenAI from "openai";
import NewestOpenAI from "openai-7";
import { ResponsesWS } from "openai-7/resources/responses/ws";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Report, repairResponseStream, withFileCitations } from "../src/index.js";
import {
  createResponsesEmulator,
  type ListeningServer,
  type ResponsesEmulator,
} from "../src/testing/index.js";
import {
  asSent,
  expectLinked,
  expectLinkedStream,
  FOUND,
  LINKED,
  links,
  REQUEST,
  read,
  type StreamEvent,
  script,
  summary,
  TEXT,
  textIn,
  URLS,
} from "./linked-doors.js";
import { expectValid } from "./schemas.js";
import { SDKS } from "./sdks.js";
import { cited } from "./upstream.js";
import { listening } from "./websocket-client.js";

describe.each(SDKS)("%s", (name, Client) => {
  let emulator: ResponsesEmulator;
  let server: ListeningServer;
  let bare: OpenAI;
  let client: OpenAI;
  let reports: Report[];

  beforeEach(async () => {
    emulator = createResponsesEmulator({ script });
    server = await emulator.listen();
    bare = new Client({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0 });
    reports = [];
    client = withFileCitations(bare, { links, onReport: (report) => reports.push(report) });
  });
  afterEach(() => server.close());

  /** Sends items as the input of another request. Checks that the API accepts them. */
  async function expectAccepted(items: readonly unknown[]): Promise<void> {
    const input = [
      ...(items as OpenAI.Responses.ResponseInputItem[]),
      { role: "user" as const, content: "And the next?" },
    ];
    const { status } = await client.responses.create({ ...REQUEST, input: asSent(input) });
    expect(status).toBe("completed");
    const { body } = emulator.requests.findLast(({ method }) => method === "POST")!;
    expectValid("CreateResponse", body);
  }

  it("create() returns a text with links", async () => {
    const response = await client.responses.create(REQUEST);
    expectLinked(response);
    expect(response.output_text).toBe(LINKED);
    expect(reports).toMatchObject([{ outcome: "recovered", listRequests: 1 }]);
    await expectAccepted(response.output);
  });

  it("create() with stream streams a text with links", async () => {
    const stream = await read(await client.responses.create({ ...REQUEST, stream: true }));
    expectLinkedStream(stream);
    expect(reports).toMatchObject([{ outcome: "recovered", listRequests: 1 }]);
    await expectAccepted(stream.last.output);
  });

  it("stream() and the response that it accumulates have a text with links", async () => {
    const stream = client.responses.stream(REQUEST);
    const { deltas } = await read(stream);
    const response = await stream.finalResponse();
    expect(deltas).toBe(LINKED);
    expectLinked(response);
    // The response that openai 5 accumulates has no `output_text`.
    if (name !== "openai 5") expect(response.output_text).toBe(deltas);
    await expectAccepted(response.output);
  });

  it("parse() returns the URLs in its parsed output", async () => {
    const response = await client.responses.parse({
      ...REQUEST,
      text: { format: { type: "json_schema", name: "files", schema: { type: "object" } } },
    });
    expect(response.output_parsed).toEqual(URLS);
    expect(JSON.parse(response.output_text)).toEqual(response.output_parsed);
    expect(cited(response)).toEqual([FOUND[0], FOUND[2]]);
    expectValid("Response", asSent(response));
    await expectAccepted(response.output);
  });

  it("stream() with a schema streams JSON with the URLs", async () => {
    const stream = client.responses.stream({
      ...REQUEST,
      text: { format: { type: "json_schema", name: "files", schema: { type: "object" } } },
    });
    const { deltas } = await read(stream);
    const response = await stream.finalResponse();
    expect(textIn(response.output)).toBe(deltas);
    expect(JSON.parse(deltas)).toEqual(URLS);
  });

  it("retrieve() returns a text with links, also for a response of another client", async () => {
    const created = await client.responses.create(REQUEST);
    const retrieved = await client.responses.retrieve(created.id);
    expectLinked(retrieved);
    expect(textIn(retrieved.output)).toBe(textIn(created.output));
    const { id } = await bare.responses.create(REQUEST);
    expectLinked(await client.responses.retrieve(id));
    await expectAccepted(retrieved.output);
  });

  it("create() in the background gives a text with links, polled and streamed", async () => {
    let response = await client.responses.create({ ...REQUEST, background: true });
    const { id } = response;
    while (response.status === "queued" || response.status === "in_progress") {
      response = await client.responses.retrieve(id);
    }
    expectLinked(response);
    expectLinkedStream(await read(await client.responses.retrieve(id, { stream: true })));
    await expectAccepted(response.output);
  });

  it("cancel() returns a text with links", async () => {
    const created = await client.responses.create({ ...REQUEST, background: true });
    while ((await bare.responses.retrieve(created.id)).status !== "completed");
    expectLinked(await client.responses.cancel(created.id));
  });

  it("the items of a conversation have a text with links, listed and one by one", async () => {
    const { id } = await client.conversations.create({});
    expectLinked(await client.responses.create({ ...REQUEST, conversation: id }));
    const items: OpenAI.Conversations.ConversationItem[] = [];
    for await (const item of client.conversations.items.list(id)) items.push(item);
    expect(textIn(items)).toBe(LINKED);
    expect(cited({ output: items })).toEqual(FOUND);
    const message = items.find((item) => item.type === "message" && item.role === "assistant")!;
    const one = await client.conversations.items.retrieve(message.id!, { conversation_id: id });
    expect(one).toEqual(message);
    expectValid(
      "ConversationItemList",
      await (await client.conversations.items.list(id).asResponse()).json(),
    );
    const output = items.toReversed().filter((item) => item.type !== "message" || item.role === "assistant");
    await expectAccepted(output);
  });

  it("the input items of a response have a text with links", async () => {
    const first = await bare.responses.create(REQUEST);
    expect(textIn(first.output)).toBe(TEXT);
    const input = [
      ...(first.output as OpenAI.Responses.ResponseInputItem[]),
      { role: "user" as const, content: "And?" },
    ];
    const { id } = await bare.responses.create({ ...REQUEST, input });
    const items: unknown[] = [];
    for await (const item of client.responses.inputItems.list(id)) items.push(item);
    expect(textIn(items)).toBe(LINKED);
    expect(cited({ output: items })).toEqual(FOUND);
    expectValid("ResponseItemList", await (await client.responses.inputItems.list(id).asResponse()).json());
  });
});

describe("the newest SDK's socket", () => {
  it.each([[["a"]], [["a", "b", "b"]]])("lanes %j: each has a text with links", async (laneOrder) => {
    const { server } = await listening({ script, laneOrder });
    const client = new NewestOpenAI({ apiKey: "test", baseURL: server.baseURL });
    const ws = new ResponsesWS(client);
    onTestFinished(() => ws.close());
    const lanes = new Map([...new Set(laneOrder)].map((lane): [string, StreamEvent[]] => [lane, []]));
    for (const stream_id of lanes.keys()) ws.send({ type: "response.create", ...REQUEST, stream_id });
    let running = lanes.size;
    for await (const event of repairResponseStream(ws, client, { links })) {
      if (event.type !== "message") continue;
      const { stream_id, ...message } = event.message as typeof event.message & { stream_id: string };
      lanes.get(stream_id)!.push(message);
      if (message.type !== "response.completed") continue;
      running--;
      if (running === 0) ws.close();
    }
    for (const events of lanes.values()) expectLinkedStream(summary(events));
  });
});
