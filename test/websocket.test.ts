/**
 * Tests the statements and the code of `docs/websocket.md`, with the SDK's WebSocket class and the emulator.
 * This file is long because each test opens and reads its own socket.
 */
import OpenAI from "openai-7";
import { ResponsesWS as BetaResponsesWS } from "openai-7/resources/beta/responses/ws";
import type {
  ResponsesClientEvent,
  ResponsesServerEvent,
  Response as SdkResponse,
} from "openai-7/resources/responses/responses";
import { ResponsesWS } from "openai-7/resources/responses/ws";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { addLinkInstruction, collectFiles, type Report, repairResponseStream } from "../src/index.js";
import type { EmulatorOptions, Script, StreamEvent } from "../src/testing/index.js";
import type { Json } from "./emulator-calls.js";
import { codeOf, run } from "./run-page.js";
import { listening } from "./websocket-client.js";

type Message = { type: string; message?: ResponsesServerEvent };

/** A model that writes a file and mentions its bare path, which the API does not annotate. */
const BARE: Script = ({ lastUserText }) => [
  { type: "python", code: "go()", files: { "report.csv": lastUserText } },
  { type: "message", text: "It is /mnt/data/report.csv" },
];

function asking(input: string, fields: Partial<ResponsesClientEvent.ResponseCreate> = {}) {
  const create: ResponsesClientEvent.ResponseCreate = {
    type: "response.create",
    model: "gpt-6-astra",
    input,
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    ...fields,
  };
  return create;
}

async function connected(options: EmulatorOptions = { script: BARE }) {
  const { emulator, server } = await listening(options);
  const client = new OpenAI({ apiKey: "test", baseURL: server.baseURL, maxRetries: 0 });
  const open = <Socket extends { close(): void }>(socket: Socket): Socket => {
    onTestFinished(() => socket.close());
    return socket;
  };
  return { emulator, server, client, open };
}

/** Returns the first `count` final events among a socket's messages. */
async function finals(messages: AsyncIterable<Message>, count: number): Promise<ResponsesServerEvent[]> {
  const found: ResponsesServerEvent[] = [];
  for await (const { type, message } of messages) {
    expect(type).not.toBe("error");
    if (message !== undefined && /^response\.(?:completed|incomplete|failed)$/.test(message.type)) {
      if (found.push(message) === count) break;
    }
  }
  return found;
}

const responseOf = (event: ResponsesServerEvent | undefined) => (event as { response: SdkResponse }).response;

/** Returns the containers in which the calls of a response ran, and the containers of its citations. */
function cited(response: { output: unknown }) {
  const calls = (response.output as Json[]).filter(({ type }) => type === "code_interpreter_call");
  return {
    own: calls.map(({ container_id }) => container_id),
    cited: collectFiles(response).map((file) => ("containerId" in file ? file.containerId : undefined)),
  };
}

describe("the SDK's socket with the emulator", () => {
  it("sends the link sentence that addLinkInstruction adds", async () => {
    const { client, open, emulator } = await connected({
      script: ({ asksForSandboxLinks }) => [
        { type: "message", text: asksForSandboxLinks ? "asked" : "not asked" },
      ],
    });
    const ws = open(new ResponsesWS(client));
    const create = asking("Go.", { stream_id: "a" });
    ws.send(addLinkInstruction(create));
    const [final] = await finals(ws, 1);
    expect(JSON.stringify(responseOf(final).output)).toContain('"asked"');
    expect(emulator.requests.at(-1)?.body).toMatchObject({
      type: "response.create",
      stream_id: "a",
      include: ["code_interpreter_call.outputs"],
    });
    expect(create).toEqual(asking("Go.", { stream_id: "a" }));
  });

  it("passes through repairResponseStream, with messages that are not response events unchanged", async () => {
    const { client, open } = await connected();
    const ws = open(new ResponsesWS(client));
    const seen: Message[] = [];
    const received: Message[] = [];
    async function* watched() {
      for await (const message of ws) {
        received.push(message);
        yield message;
      }
    }
    ws.send(asking("Go.", { previous_response_id: "resp_none" }));
    for await (const message of repairResponseStream(watched(), client)) {
      seen.push(message);
      if (message.type === "error") ws.close();
    }
    expect(seen.map(({ type }) => type)).toEqual(["connecting", "open", "error", "close"]);
    expect(seen.every((message, index) => message === received[index])).toBe(true);
  });

  it("connects again after close code 1001, and yields messages that say so", async () => {
    const { client, open, server } = await connected();
    const ws = open(new ResponsesWS(client, { reconnect: { onReconnecting() {}, initialDelay: 1 } }));
    const seen: string[] = [];
    for await (const { type } of repairResponseStream(ws, client)) {
      seen.push(type);
      if (seen.length === 2) server.disconnect();
      if (type === "reconnected") ws.close();
    }
    expect(seen.filter((type) => type !== "open")).toEqual([
      "connecting",
      "reconnecting",
      "reconnected",
      "close",
    ]);
  });
});

describe("repairs the messages of the SDK's socket:", () => {
  it("one response, whose messages stay messages", async () => {
    const { client, open } = await connected();
    const ws = open(new ResponsesWS(client));
    const reports: Report[] = [];
    ws.send(asking("Go."));
    const types: string[] = [];
    for await (const event of repairResponseStream(ws, client, {
      onReport: (report) => void reports.push(report),
    })) {
      if (event.type !== "message") continue;
      types.push(event.message.type);
      if (event.message.type !== "response.completed") continue;
      const { own, cited: found } = cited(event.message.response);
      expect(found).toEqual(own);
      ws.close();
    }
    expect(types.filter((type) => type === "response.output_text.annotation.added")).toHaveLength(1);
    expect(reports.map(({ outcome }) => outcome)).toEqual(["recovered"]);
  });

  it.each([[["a", "b"]], [["a", "b", "b", "c"]], [["c", "c", "c", "b", "a"]]])(
    "lanes that interleave as %j: each gets its own file",
    async (laneOrder) => {
      const { client, open } = await connected({ script: BARE, laneOrder });
      const ws = open(new ResponsesWS(client));
      const lanes = [...new Set(laneOrder)];
      for (const stream_id of lanes) ws.send(asking(stream_id, { stream_id }));
      const all = await finals(repairResponseStream(ws, client), lanes.length);
      const containers = all.map((event) => {
        const { own, cited: found } = cited(responseOf(event));
        expect(found).toEqual(own);
        return own[0];
      });
      expect(new Set(containers).size).toBe(lanes.length);
    },
  );

  it("the other lanes while one lane waits for a list", async () => {
    let answerList = () => {};
    const listed = new Promise<void>((resolve) => {
      answerList = resolve;
    });
    let first: string | undefined;
    const { client, open } = await connected({
      script: BARE,
      intercept: async ({ path }) => {
        const [, id] = /containers\/([^/]+)\/files$/.exec(path) ?? [];
        first ??= id;
        if (id !== undefined && id === first) await listed;
        return undefined;
      },
    });
    const ws = open(new ResponsesWS(client));
    for (const stream_id of ["a", "b"]) ws.send(asking(stream_id, { stream_id }));
    const ended: unknown[] = [];
    for await (const event of repairResponseStream(ws, client, { timeoutMs: 60_000 })) {
      if (event.type !== "message" || event.message.type !== "response.completed") continue;
      const { own, cited: found } = cited(event.message.response);
      expect(found).toEqual(own);
      ended.push(own[0]);
      answerList();
      if (ended.length === 2) ws.close();
    }
    expect(ended[1]).toBe(first);
  });

  it("a steered response and the response that follows", async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const script: Script = (request) => [...(BARE(request) as never[]), { type: "reasoning" }];
    const beforeEvent = ({ type }: StreamEvent) =>
      type === "response.output_text.delta" ? released : undefined;
    const { client, open } = await connected({ script, beforeEvent });
    const ws = open(new ResponsesWS(client));
    ws.send(asking("Go."));
    const ids: string[] = [];
    ws.on("response.created", ({ response: { id } }) => void ids.push(id));
    ws.once("response.content_part.added", () => {
      ws.send({ type: "response.steer", previous_response_id: ids[0]!, input: "in red" });
      // The emulator answers an invalid event at once. When the answer arrives, the emulator has read the earlier steer event.
      ws.send({ type: "response.steer", previous_response_id: "resp_none", input: "x" });
    });
    ws.on("response.steer.failed", () => release());
    const [steered, next] = await finals(repairResponseStream(ws, client), 2);
    expect(responseOf(steered).incomplete_details).toEqual({ reason: "steered" });
    expect(responseOf(next).previous_response_id).toBe(responseOf(steered).id);
    for (const event of [steered, next]) {
      const { own, cited: found } = cited(responseOf(event));
      expect(found).toEqual(own);
    }
  });

  it("a new response of a lane after the connection was made again", async () => {
    let isFirst = true;
    const { client, open, server } = await connected({
      script: BARE,
      beforeEvent({ type }) {
        if (type !== "response.output_text.done" || !isFirst) return;
        isFirst = false;
        server.disconnect();
      },
    });
    const ws = open(new ResponsesWS(client, { reconnect: { onReconnecting() {}, initialDelay: 1 } }));
    ws.send(asking("first", { stream_id: "a" }));
    ws.on("reconnected", () => ws.send(asking("second", { stream_id: "a" })));
    const [final] = await finals(repairResponseStream(ws, client), 1);
    const { own, cited: found } = cited(responseOf(final));
    expect(found).toEqual(own);
  });

  it("a text of an agent after another agent's call", async () => {
    const { own, message } = await ofTwoAgents();
    expect(message).toEqual([own]);
  });
});

describe("the repaired output of the SDK's socket", () => {
  it("has the stream_id of the lane in inserted events", async () => {
    const { client, open } = await connected({ script: BARE, laneOrder: ["a", "b"] });
    const ws = open(new ResponsesWS(client));
    for (const stream_id of ["a", "b"]) ws.send(asking(stream_id, { stream_id }));
    const lanes: unknown[] = [];
    for await (const { message } of repairResponseStream<Message>(ws, client)) {
      if (message?.type === "response.output_text.annotation.added") {
        const { container_id } = message.annotation as { container_id: string };
        lanes.push([message.stream_id, container_id]);
        if (lanes.length === 2) ws.close();
      }
    }
    expect(lanes.map((pair) => (pair as string[])[0]).sort()).toEqual(["a", "b"]);
    expect(new Set(lanes.map((pair) => (pair as string[])[1])).size).toBe(2);
  });

  it("includes repaired answers of one agent to another", async () => {
    const { own, result } = await ofTwoAgents();
    expect(result).toEqual([own]);
  });
});

/**
 * Repairs a response of two agents, alice and bob. Both write the same path, each in its own container, and bob writes last.
 * Returns alice's container as `own`. Also returns the containers that the citations name: `message` for alice's message, and
 * `result` for the other agent's answer to alice.
 */
async function ofTwoAgents() {
  const writes = { code: "to_csv('/mnt/data/report.csv')", files: { "report.csv": "1" } };
  const text = "It is /mnt/data/report.csv";
  const { client, open } = await connected({
    script: () => [
      { type: "python", agent: "alice", container: "of alice", ...writes },
      { type: "python", agent: "bob", container: "of bob", ...writes },
      { type: "multi_agent_call", agent: "alice", output: text },
      { type: "message", agent: "alice", text },
    ],
  });
  const ws = open(new BetaResponsesWS(client));
  ws.send({ type: "response.create", model: "gpt-6-astra", input: "Go." });
  const [final] = await finals(repairResponseStream<Message>(ws as AsyncIterable<Message>, client), 1);
  const output = responseOf(final).output as unknown as Json[];
  const containersIn = (type: string, field: string) => {
    const [part] = output.find((item) => item.type === type)![field] as { annotations: Json[] }[];
    return part!.annotations.map(({ container_id }) => container_id);
  };
  return {
    own: output[0]!.container_id,
    message: containersIn("message", "content"),
    result: containersIn("multi_agent_call_output", "output"),
  };
}

describe("the page's code", async () => {
  const [, lanes, steering, again] = (await codeOf("docs/websocket.md")).map((code) =>
    code.replaceAll(/"openai(?=["/])/g, '"openai-7'),
  );
  const inFolder = (baseURL: string) => ({
    cwd: import.meta.dirname,
    env: { OPENAI_API_KEY: "any", OPENAI_BASE_URL: baseURL },
  });

  it("gets each lane's file", async () => {
    const { server } = await listening({ script: BARE, laneOrder: ["south", "north"] });
    const printed = await run(lanes!, inFolder(server.baseURL));
    expect(printed.trim().split("\n").sort()).toEqual(["north report.csv", "south report.csv"]);
  });

  it("steers a response", async () => {
    const { emulator, server } = await listening({
      script: BARE,
      // Holds each delta of the code until the steer event has arrived.
      beforeEvent: async ({ type }) => {
        if (type !== "response.code_interpreter_call_code.delta") return;
        await vi.waitFor(() =>
          expect(emulator.requests.filter(({ method }) => method === "WS")).toHaveLength(2),
        );
      },
    });
    expect(await run(steering!, inFolder(server.baseURL))).toBe("incomplete 0\ncompleted 1\n");
  });

  it("reads the stored response after the connection was made again", async () => {
    let isFirst = true;
    const { server } = await listening({
      script: BARE,
      beforeEvent({ type }) {
        if (type === "response.output_text.done" && isFirst) {
          isFirst = false;
          server.disconnect();
        }
      },
    });
    expect(await run(again!, inFolder(server.baseURL))).toBe("Stored: 1\n");
  });
});
