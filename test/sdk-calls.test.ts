/** Tests `conversations.items`, `beta.responses` and the Amazon Bedrock clients of the newest openai SDK, against a fake API. */
import OpenAI, { BedrockOpenAI } from "openai-7";
import { bedrock } from "openai-7/providers/bedrock";
import { describe, expect, it } from "vitest";
import {
  createFileCitationsFetch,
  type FileCitationsOptions,
  type Report,
  withFileCitations,
} from "../src/index.js";
import {
  type Asked,
  call,
  cited,
  eventsIn,
  file,
  frames,
  json,
  message,
  response,
  sse,
  streamOf,
  upstream,
} from "./upstream.js";

const FILES = [
  file("/mnt/data/plan.docx"),
  file("/mnt/data/plan.docx", { container_id: "cntr_2", id: "cfile_of_2" }),
];
const TEXT = "Here: /mnt/data/plan.docx";
const FOUND = ["plan.docx@/mnt/data/plan.docx"];
const REQUEST = { model: "gpt-6", input: "Write the plan" };

type Api = ReturnType<typeof upstream>;

function setUp(
  answer: (asked: Asked) => Response,
  more: Partial<Parameters<typeof upstream>[0]> = {},
  options: FileCitationsOptions = {},
) {
  const reports: Report[] = [];
  const api: Api = upstream({ answer, files: FILES, ...more });
  const wrap = <Client extends OpenAI>(client: Client): Client =>
    withFileCitations(client, { ...options, onReport: (report) => reports.push(report) });
  const client = wrap(new OpenAI({ apiKey: "sk-1", fetch: api.fetch, maxRetries: 0 }));
  return { ...api, client, wrap, reports };
}

/** Returns the ids of the containers whose lists were requested. */
const listed = ({ lists }: Pick<Api, "lists">): string[] =>
  lists().map(({ url }) => /containers\/([^/]+)/.exec(url)![1]!);

describe("conversations.items.retrieve", () => {
  const retrieve = (client: OpenAI, conversation_id = "conv_1") =>
    client.conversations.items.retrieve("msg_1", { conversation_id });

  /** Returns a fake API that answers a POST request with a response, and every other request with an item. */
  const answers =
    (created: object, item: object) =>
    ({ method }: Asked) =>
      json(method === "POST" ? created : item);

  it("finds the container of the response that made the item", async () => {
    const newer = { ...response([call("", "cntr_2")]), id: "resp_2", conversation: { id: "conv_1" } };
    const made = response([call(), message(TEXT)], { conversation: { id: "conv_1" } });
    const created = [made, newer];
    const api = setUp(({ method }) => json(method === "POST" ? created.shift()! : message(TEXT)));
    await api.client.responses.create({ ...REQUEST, conversation: "conv_1" });
    await api.client.responses.create({ ...REQUEST, conversation: "conv_1" });
    const item = await retrieve(api.client);
    expect(item.type).toBe("message");
    expect(cited({ output: [item] })).toEqual(FOUND);
    expect(listed(api)).toEqual(["cntr_1", "cntr_1"]);
    expect(api.reports.at(-1)).toMatchObject({ outcome: "recovered", responseId: undefined });
  });

  it("finds the container of the conversation if the item is not known", async () => {
    const created = response([{ ...call(), id: "ci_2" }], { conversation: { id: "conv_1" } });
    const api = setUp(answers(created, message(TEXT)));
    await api.client.responses.create({ ...REQUEST, conversation: "conv_1" });
    expect(cited({ output: [await retrieve(api.client, "conv_2")] })).toEqual([]);
    expect(listed(api)).toEqual([]);
    expect(cited({ output: [await retrieve(api.client)] })).toEqual(FOUND);
  });

  it("finds the container that the item's own citations name", async () => {
    const { client } = setUp(() =>
      json(
        message({
          text: `/mnt/data/a.csv, and ${TEXT}`,
          annotations: [
            {
              type: "container_file_citation",
              container_id: "cntr_1",
              file_id: "cfile_a",
              filename: "a.csv",
              start_index: 0,
              end_index: 15,
            },
          ],
        }),
      ),
    );
    expect(cited({ output: [await retrieve(client)] })).toEqual(["a.csv@/mnt/data/a.csv", ...FOUND]);
  });

  it("does not change the remembered containers of the conversation", async () => {
    const items: Record<string, object> = { msg_1: message(TEXT), msg_9: { ...message(TEXT), id: "msg_9" } };
    const created = [
      response([call(), message(TEXT)], { conversation: { id: "conv_1" } }),
      { ...response([{ ...call("", "cntr_2"), id: "ci_2" }]), id: "resp_2", conversation: { id: "conv_1" } },
    ];
    const api = setUp(({ method, url }) =>
      json(method === "POST" ? created.shift()! : items[url.split("/").at(-1)!]!),
    );
    await api.client.responses.create({ ...REQUEST, conversation: "conv_1" });
    await api.client.responses.create({ ...REQUEST, conversation: "conv_1" });
    await retrieve(api.client);
    const item = await api.client.conversations.items.retrieve("msg_9", { conversation_id: "conv_1" });
    const [part] = item.type === "message" ? item.content : [];
    expect(part).toMatchObject({ annotations: [{ file_id: "cfile_of_2" }] });
  });

  it.each([
    ["a message of no known container", message(TEXT)],
    ["a call", call("open('/mnt/data/plan.docx', 'w')")],
    ["an object without a type", { content: [{ type: "output_text", text: TEXT, annotations: [] }] }],
  ])("passes %s on byte for byte, and sends no other request", async (_, item) => {
    const sent = await json(item).text();
    const api = setUp(() => json(sent));
    const answer = await retrieve(api.client).asResponse();
    expect(await answer.text()).toBe(sent);
    expect(api.asked).toHaveLength(1);
  });
});

describe("beta.responses", () => {
  const beta = (client: OpenAI) => client.beta.responses;
  const output = [call(), message(TEXT)];
  const plain = () => json(response(output));
  const streamed = () => sse(frames(streamOf(output)));
  const betas = ["responses_multi_agent=v1" as const];

  it.each([
    ["create", plain, (client: OpenAI) => beta(client).create({ ...REQUEST, betas })],
    ["retrieve", plain, (client: OpenAI) => beta(client).retrieve("resp_1", { betas })],
    ["cancel", plain, (client: OpenAI) => beta(client).cancel("resp_1", { betas })],
  ])("%s: repaired, and the list is requested without the beta query", async (_, answer, ask) => {
    const api = setUp(answer);
    expect(cited(await ask(api.client))).toEqual(FOUND);
    expect(new URL(api.asked[0]!.url).searchParams.get("beta")).toBe("true");
    expect(api.lists().map(({ url }) => new URL(url).search)).toEqual(["?limit=100"]);
  });

  it.each([
    ["create", (client: OpenAI) => beta(client).create({ ...REQUEST, stream: true })],
    ["retrieve", (client: OpenAI) => beta(client).retrieve("resp_1", { stream: true })],
  ])("%s with stream: repaired, and the list is requested without the beta query", async (_, ask) => {
    const api = setUp(streamed);
    const events = [];
    for await (const event of await ask(api.client)) events.push(event);
    const added = events.filter(({ type }) => type === "response.output_text.annotation.added");
    expect(added).toMatchObject([{ annotation: { filename: "plan.docx" } }]);
    const last = events.at(-1);
    expect(last?.type === "response.completed" && cited(last.response)).toEqual(FOUND);
    expect(api.lists().map(({ url }) => new URL(url).search)).toEqual(["?limit=100"]);
  });

  it("compact passes unchanged: a compacted conversation has no text that a user reads", async () => {
    const compacted = {
      id: "resp_1",
      object: "response.compaction" as const,
      created_at: 1,
      output: [message(TEXT), { id: "cmp_1", type: "compaction", encrypted_content: "…" }],
    };
    const api = setUp(() => json(compacted));
    expect(await beta(api.client).compact({ model: "gpt-6", input: [] })).toMatchObject(compacted);
    expect(new URL(api.asked[0]!.url).searchParams.get("beta")).toBe("true");
    expect(api.lists()).toEqual([]);
    expect(api.reports).toEqual([]);
  });

  it("inputItems.list is repaired like that of client.responses", async () => {
    const { client } = setUp(() => json({ object: "list", data: output.toReversed(), has_more: false }));
    const items: unknown[] = [];
    for await (const item of beta(client).inputItems.list("resp_1")) items.push(item);
    expect(cited({ output: items })).toEqual(FOUND);
  });

  it("requests the previous response without the beta query", async () => {
    const api = setUp(({ url }) =>
      url.includes("resp_0")
        ? json(response([call()], { id: "resp_0" }))
        : json(response([message(TEXT)], { previous_response_id: "resp_0" })),
    );
    expect(cited(await beta(api.client).create({ ...REQUEST, previous_response_id: "resp_0" }))).toEqual(
      FOUND,
    );
    expect(api.asked.map(({ url }) => url.replace("https://api.openai.com/v1", ""))).toEqual([
      "/responses?beta=true",
      "/responses/resp_0",
      "/containers/cntr_1/files?limit=100",
    ]);
  });
});

describe("Amazon Bedrock", () => {
  const BASE = "https://bedrock-mantle.us-east-1.api.aws/openai/v1";
  const clients: [string, (fetch: Api["fetch"]) => OpenAI][] = [
    [
      "BedrockOpenAI with a key",
      (fetch) => new BedrockOpenAI({ apiKey: "aws-1", awsRegion: "us-east-1", fetch, maxRetries: 0 }),
    ],
    [
      "BedrockOpenAI with a token provider",
      (fetch) =>
        new BedrockOpenAI({
          bedrockTokenProvider: async () => "aws-1",
          awsRegion: "us-east-1",
          fetch,
          maxRetries: 0,
        }),
    ],
    [
      "OpenAI with the Bedrock provider",
      (fetch) =>
        new OpenAI({
          provider: bedrock({ apiKey: "aws-1", region: "us-east-1" }),
          fetch,
          maxRetries: 0,
        }),
    ],
  ];

  describe.each(clients)("%s", (_, make) => {
    it("a plain response is repaired, and the list is requested from the same origin", async () => {
      const api = setUp(() => json(response([call(), message(TEXT)])));
      const bare = make(api.fetch);
      const client = api.wrap(bare);
      expect(client).toBeInstanceOf(bare.constructor);
      expect(cited(await client.responses.create(REQUEST))).toEqual(FOUND);
      expect(api.asked.map(({ url }) => url)).toEqual([
        `${BASE}/responses`,
        `${BASE}/containers/cntr_1/files?limit=100`,
      ]);
      expect(api.asked.map(({ headers }) => headers.get("authorization"))).toEqual([
        "Bearer aws-1",
        "Bearer aws-1",
      ]);
    });

    it("a streamed response is repaired, and finalResponse() too", async () => {
      const api = setUp(() => sse(frames(streamOf([call(), message(TEXT)]))));
      const client = api.wrap(make(api.fetch));
      const stream = await client.responses.create({ ...REQUEST, stream: true }).asResponse();
      expect(cited(eventsIn(await stream.text()).at(-1)!.response)).toEqual(FOUND);
      expect(cited(await client.responses.stream(REQUEST).finalResponse())).toEqual(FOUND);
    });

    it("without container routes, the response stays unchanged, and the report says why", async () => {
      const sent = JSON.stringify(response([call(), message(TEXT)]));
      const api = setUp(() => json(sent), { list: () => Response.json({ error: {} }, { status: 404 }) });
      const answer = await api.wrap(make(api.fetch)).responses.create(REQUEST).asResponse();
      expect(await answer.text()).toBe(sent);
      expect(api.reports).toMatchObject([
        { outcome: "failed", unresolved: [{ reason: "container-unavailable" }] },
      ]);
      expect(api.reports[0]!.error!.message).toMatch(/404/);
    });

    it("a response without a container causes no list request", async () => {
      const api = setUp(() => json(response([message(TEXT)])));
      await api.wrap(make(api.fetch)).responses.create(REQUEST);
      expect(api.asked).toHaveLength(1);
    });
  });

  it("the list is requested through the client, which signs each request", async () => {
    const asked: unknown[][] = [];
    const list = async (...request: unknown[]) => {
      asked.push(request);
      return { data: FILES, has_more: false };
    };
    const client = { baseURL: BASE, _options: { provider: {} }, containers: { files: { list } } };
    const { fetch } = upstream({ answer: () => json(response([call(), message(TEXT)])) });
    const answer = await createFileCitationsFetch({ fetch, client })(`${BASE}/responses`, {
      method: "POST",
      headers: { authorization: "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b" },
      body: JSON.stringify(REQUEST),
    });
    expect(cited(await answer.json())).toEqual(FOUND);
    expect(asked).toMatchObject([["cntr_1", { limit: 100 }, { maxRetries: 0 }]]);
    expect(asked[0]![2]).not.toHaveProperty("headers");
  });
});
