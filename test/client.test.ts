/** Tests `withFileCitations` with each version of the SDK: every way to get a response returns its citations. */
import { createHash } from "node:crypto";
import OpenAI, { AzureOpenAI } from "openai";
import OpenAI5, { AzureOpenAI as AzureOpenAI5 } from "openai-5";
import NewestOpenAI, { AzureOpenAI as NewestAzureOpenAI } from "openai-7";
import OpenAI7, { AzureOpenAI as AzureOpenAI7 } from "openai-7-55";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Report, withFileCitations } from "../src/index.js";
import {
  createResponsesEmulator,
  type ListeningServer,
  type ResponsesEmulator,
  structuredModel,
  stubbornModel,
} from "../src/testing/index.js";
import { cited } from "./upstream.js";

const BYTES = "day,total\n1,7\n";
const REQUEST = {
  model: "gpt-5",
  input: "Write the totals to a CSV",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};
const FOUND = ["totals.csv@/mnt/data/totals.csv"];

// The casts are needed because the types differ between SDK versions. The calls in this file work with all versions.
const SDKS = [
  ["openai 5", OpenAI5 as unknown as typeof OpenAI, AzureOpenAI5 as unknown as typeof AzureOpenAI],
  ["openai 6", OpenAI, AzureOpenAI],
  ["openai 7", OpenAI7 as unknown as typeof OpenAI, AzureOpenAI7 as unknown as typeof AzureOpenAI],
  [
    "openai 7, the newest",
    NewestOpenAI as unknown as typeof OpenAI,
    NewestAzureOpenAI as unknown as typeof AzureOpenAI,
  ],
] as const;

describe.each(SDKS)("%s over real HTTP", (name, Client, AzureClient) => {
  let emulator: ResponsesEmulator;
  let server: ListeningServer;
  let bare: OpenAI;
  let client: OpenAI;
  let reports: Report[];

  async function start(script = stubbornModel({ files: { "totals.csv": BYTES } })): Promise<void> {
    emulator = createResponsesEmulator({ script, apiKey: "sk-test" });
    server = await emulator.listen();
    reports = [];
    bare = new Client({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0 });
    client = withFileCitations(bare, { onReport: (report) => reports.push(report) });
  }

  beforeEach(() => start());
  afterEach(() => server.close());

  const listRequests = (): number => emulator.requests.filter(({ path }) => path.endsWith("/files")).length;

  it("lacks the citation without the wrapper", async () => {
    expect(cited(await bare.responses.create(REQUEST))).toEqual([]);
  });

  it("create() returns the citation, whose ids download the file", async () => {
    const response = await client.responses.create(REQUEST);
    expect(cited(response)).toEqual(FOUND);
    const message = response.output.find((item) => item.type === "message");
    const part = message?.content[0];
    if (part?.type !== "output_text") throw new Error("no text");
    const [annotation] = part.annotations;
    if (annotation?.type !== "container_file_citation") throw new Error("no citation");
    const content = await client.containers.files.content.retrieve(annotation.file_id, {
      container_id: annotation.container_id,
    });
    const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
    expect(sha256(new Uint8Array(await content.arrayBuffer()))).toBe(sha256(BYTES));
    expect(reports).toMatchObject([{ outcome: "recovered", listRequests: 1, responseId: response.id }]);
    expect(listRequests()).toBe(1);
  });

  it("create() with stream sends the event before response.output_text.done, and later events repeat the citation", async () => {
    const stream = await client.responses.create({ ...REQUEST, stream: true });
    const events = [];
    for await (const event of stream) events.push(event);
    const types = events.map(({ type }) => type);
    expect(types.slice(-6)).toEqual([
      "response.output_text.delta",
      "response.output_text.annotation.added",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const added = events.find((event) => event.type === "response.output_text.annotation.added");
    const completed = events.find((event) => event.type === "response.completed");
    if (!added || !completed) throw new Error("no events");
    expect(cited(completed.response)).toEqual(FOUND);
    const message = completed.response.output.find((item) => item.type === "message");
    expect(message?.content).toMatchObject([{ annotations: [added.annotation] }]);
    expect(listRequests()).toBe(1);
  });

  it("stream() has the citation in its events and in finalResponse()", async () => {
    const stream = client.responses.stream(REQUEST);
    const annotations: unknown[] = [];
    for await (const event of stream) {
      if (event.type === "response.output_text.annotation.added") annotations.push(event.annotation);
    }
    const response = await stream.finalResponse();
    expect(annotations).toMatchObject([{ filename: "totals.csv", start_index: 10, end_index: 30 }]);
    expect(cited(response)).toEqual(FOUND);
  });

  it("parse() cites the raw text of structured output", async () => {
    await server.close();
    await start(structuredModel({ files: { "totals.csv": BYTES } }));
    const response = await client.responses.parse({
      ...REQUEST,
      text: {
        format: { type: "json_schema", name: "files", schema: { type: "object" } },
      },
    });
    expect(cited(response)).toEqual(FOUND);
    expect(JSON.parse(response.output_text)).toEqual({ files: [{ path: "/mnt/data/totals.csv" }] });
  });

  it("withResponse(), asResponse() and _request_id keep the API's values", async () => {
    const { data, response } = await client.responses.create(REQUEST).withResponse();
    expect(cited(data)).toEqual(FOUND);
    const { _request_id } = data as { _request_id?: string };
    expect(_request_id).toBe(response.headers.get("x-request-id"));
    expect(_request_id).toMatch(/^req_/);
    expect(response.url).toBe(`${server.baseURL}/responses`);
    expect(cited(await (await client.responses.create(REQUEST).asResponse()).json())).toEqual(FOUND);
  });

  it("retrieve() repairs a background response, plain and as a stream", async () => {
    const created = await client.responses.create({ ...REQUEST, background: true });
    expect(created.status).toBe("queued");
    let response = created;
    while (response.status === "queued" || response.status === "in_progress") {
      response = await client.responses.retrieve(created.id);
    }
    expect(cited(response)).toEqual(FOUND);
    const stream = await client.responses.retrieve(created.id, { stream: true, starting_after: 3 });
    let last: unknown;
    for await (const event of stream) last = event;
    expect(cited((last as { response: unknown }).response)).toEqual(FOUND);
  });

  it("stream() repairs a running response that is resumed after an event", async () => {
    const created = await client.responses.create({ ...REQUEST, background: true, stream: true });
    let id = "";
    for await (const event of created) {
      if (event.type === "response.created") id = event.response.id;
      if (event.sequence_number === 4) break;
    }
    const stream = client.responses.stream({ response_id: id, starting_after: 4 });
    const added: unknown[] = [];
    for await (const event of stream) {
      if (event.type === "response.output_text.annotation.added") added.push(event.annotation);
    }
    expect(added).toMatchObject([{ filename: "totals.csv" }]);
    expect(cited(await stream.finalResponse())).toEqual(FOUND);
  });

  it("cancel() repairs the response that it returns", async () => {
    const created = await client.responses.create({ ...REQUEST, background: true });
    while ((await bare.responses.retrieve(created.id)).status !== "completed");
    expect(cited(await client.responses.cancel(created.id))).toEqual(FOUND);
  });

  it("beta.responses is repaired if the SDK has it", async () => {
    const { beta } = client as unknown as { beta: { responses?: OpenAI["responses"] } };
    expect("responses" in beta).toBe(name !== "openai 5");
    if (beta.responses) expect(cited(await beta.responses.create(REQUEST))).toEqual(FOUND);
  });

  it("lists of a conversation's items and of a response's input items are repaired", async () => {
    const conversation = await client.conversations.create({});
    await client.responses.create({ ...REQUEST, conversation: conversation.id });
    const items: unknown[] = [];
    for await (const item of client.conversations.items.list(conversation.id)) items.push(item);
    expect(cited({ output: items })).toEqual(FOUND);

    const first = await bare.responses.create(REQUEST);
    const replayed = first.output as OpenAI.Responses.ResponseInputItem[];
    const second = await bare.responses.create({
      ...REQUEST,
      input: [...replayed, { role: "user", content: "And?" }],
    });
    for (const [reader, expected] of [
      [bare, []],
      [client, FOUND],
    ] as const) {
      const inputs: unknown[] = [];
      for await (const item of reader.responses.inputItems.list(second.id)) inputs.push(item);
      expect(cited({ output: inputs })).toEqual(expected);
    }
  });

  it("returns a client of the same class and options, whose copies are repaired too", async () => {
    expect(client).toBeInstanceOf(Client);
    expect(client).not.toBe(bare);
    expect(client.baseURL).toBe(bare.baseURL);
    expect(cited(await client.withOptions({ timeout: 1000 }).responses.create(REQUEST))).toEqual(FOUND);
    expect(cited(await client.responses.create(REQUEST, { headers: { "x-mine": "1" } }))).toEqual(FOUND);
    expect(emulator.requests.at(-2)!.headers["x-mine"]).toBe("1");
    expect(cited(await bare.responses.create(REQUEST))).toEqual([]);
  });

  it("returns a wrapped client unchanged", async () => {
    expect(withFileCitations(client)).toBe(client);
    const copy = client.withOptions({ timeout: 1000 });
    expect(withFileCitations(copy)).toBe(copy);
  });

  it("sends requests with the client's own fetch", async () => {
    const seen: string[] = [];
    const proxied = new Client({
      apiKey: "sk-test",
      baseURL: "https://proxy.example/v1",
      fetch: async (input, init) => {
        seen.push(`${init?.method} ${new URL(String(input)).pathname}`);
        return emulator.fetch(String(input), init);
      },
    });
    expect(cited(await withFileCitations(proxied).responses.create(REQUEST))).toEqual(FOUND);
    const [container] = emulator.containers.keys();
    expect(seen).toEqual(["POST /v1/responses", `GET /v1/containers/${container}/files`]);
  });

  it("requests the list with the key of the copy that sent the request, not with the key of the wrapped client", async () => {
    const stranger = withFileCitations(
      new Client({ apiKey: "sk-other", baseURL: server.baseURL, maxRetries: 0 }),
    );
    expect(cited(await stranger.withOptions({ apiKey: "sk-test" }).responses.create(REQUEST))).toEqual(FOUND);
    expect(new Set(emulator.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set(["Bearer sk-test"]),
    );
  });

  it("keeps the class of a custom subclass", async () => {
    class MyClient extends Client {
      readonly mine = true;
    }
    const mine = withFileCitations(new MyClient({ apiKey: "sk-test", baseURL: server.baseURL }));
    expect(mine).toBeInstanceOf(MyClient);
    expect(mine.mine).toBe(true);
    expect(cited(await mine.responses.create(REQUEST))).toEqual(FOUND);
  });

  it("throws the SDK's error for an error of the API", async () => {
    const wrong = withFileCitations(
      new Client({ apiKey: "sk-wrong", baseURL: server.baseURL, maxRetries: 0 }),
    );
    await expect(wrong.responses.create(REQUEST)).rejects.toThrow(Client.AuthenticationError);
  });

  it("works with AzureOpenAI, with a key and with a token provider", async () => {
    for (const credentials of [{ apiKey: "sk-test" }, { azureADTokenProvider: async () => "sk-test" }]) {
      const azure = withFileCitations(
        new AzureClient({
          ...credentials,
          endpoint: server.url,
          apiVersion: "2025-04-01-preview",
          deployment: "mine",
        }),
      );
      expect(azure).toBeInstanceOf(AzureClient);
      expect(azure.apiVersion).toBe("2025-04-01-preview");
      expect(azure.deploymentName).toBe("mine");
      const before = emulator.requests.length;
      expect(cited(await azure.responses.create(REQUEST))).toEqual(FOUND);
      const asked = emulator.requests.slice(before);
      expect(asked.map(({ url }) => new URL(url).searchParams.get("api-version"))).toEqual([
        "2025-04-01-preview",
        "2025-04-01-preview",
      ]);
      expect(asked.map(({ path }) => path.replace(/cntr_\w+/, "{id}"))).toEqual([
        "/openai/responses",
        "/openai/containers/{id}/files",
      ]);
    }
  });
});

describe("a wrong client", () => {
  it.each([
    [undefined, "undefined"],
    ["sk-123", '"sk-123"'],
    [{}, "{}"],
    [{ withOptions: () => {} }, "an object with withOptions"],
  ])("throws a TypeError that shows the value: %j", (value, shown) => {
    expect(() => withFileCitations(value as never)).toThrow(TypeError);
    expect(() => withFileCitations(value as never)).toThrow(
      `client must be an OpenAI client, with withOptions and containers.files.list, got ${shown}`,
    );
  });
});
