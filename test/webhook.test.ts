import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import fc from "fast-check";
import OpenAI from "openai";
import OpenAI5 from "openai-5";
import OpenAI7 from "openai-7";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import { type Report, type SaveResult, saveFiles, withFileCitations } from "../src/index.js";
import { directory } from "../src/node.js";
import { createResponsesEmulator, type EmulatorOptions, stubbornModel } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";
import { createWebhookHandler, type WebhookClient, type WebhookOptions } from "../src/webhook.js";
import { cited } from "./upstream.js";
import { deliveryOf, WEBHOOK_SECRET } from "./webhook-delivery.js";

const BYTES = "day,total\n1,7\n";
const FOUND = ["totals.csv@/mnt/data/totals.csv"];
const REQUEST = {
  model: "gpt-5",
  input: "Write the totals to a CSV",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
  background: true,
};
const ENDPOINT = "https://example.com/webhook";

// The SDKs have types of their own; the calls made here are the same in each.
const SDKS = [
  ["openai 5", OpenAI5 as unknown as typeof OpenAI],
  ["openai 6", OpenAI],
  ["openai 7", OpenAI7 as unknown as typeof OpenAI],
] as const;

type Options = WebhookOptions<OpenAI.Responses.Response>;

/** An API with a background response that has ended, and a handler that keeps what it is given. */
async function setUp(options: Partial<Options> = {}, emulatorOptions: EmulatorOptions = {}) {
  const emulator = createResponsesEmulator({
    script: stubbornModel({ files: { "totals.csv": BYTES } }),
    pollsUntilDone: 1,
    ...emulatorOptions,
  });
  const client = new OpenAI({
    apiKey: "k",
    webhookSecret: WEBHOOK_SECRET,
    fetch: emulator.fetch,
    maxRetries: 0,
  });
  const { id } = await client.responses.create(REQUEST);
  const given: { response: OpenAI.Responses.Response; report: Report; deliveryId: string }[] = [];
  const errors: unknown[] = [];
  const handler = createWebhookHandler(client, {
    onResponse: (response, report, deliveryId) => void given.push({ response, report, deliveryId }),
    onError: (error) => void errors.push(error),
    ...options,
  });
  const deliver = async (init: RequestInit = completed(id)): Promise<number> =>
    (await handler(new Request(ENDPOINT, init))).status;
  const before = emulator.requests.length;
  return {
    emulator,
    client,
    id,
    given,
    errors,
    handler,
    deliver,
    asked: () => emulator.requests.slice(before),
  };
}

function completed(id: string, options: Parameters<typeof deliveryOf>[1] = {}) {
  return deliveryOf({ type: "response.completed", data: { id } }, options);
}

describe.each(SDKS)("%s over real HTTP", (_, Client) => {
  let folder: string;
  const servers: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "webhook-test-"));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
    await rm(folder, { recursive: true });
  });

  it("the whole way: background request, webhook, repaired response, files saved", async () => {
    const emulator = createResponsesEmulator({
      script: stubbornModel({ files: { "totals.csv": BYTES } }),
      pollsUntilDone: 1,
      apiKey: "sk-test",
    });
    const api = await emulator.listen();
    const client = new Client({ apiKey: "sk-test", baseURL: api.baseURL, webhookSecret: WEBHOOK_SECRET });
    const results: { text: string; report: Report; result: SaveResult<string> }[] = [];
    const handler = createWebhookHandler(client, {
      async onResponse(response, report) {
        const result = await saveFiles(client, response, directory(folder));
        results.push({ text: response.output_text, report, result });
      },
    });
    const endpoint = await listen(handler, {});
    servers.push(api, endpoint);

    const { id, status } = await client.responses.create(REQUEST);
    expect(status).toBe("queued");
    const answer = await fetch(`${endpoint.url}/webhook`, completed(id));
    expect(answer.status).toBe(200);
    expect(results).toHaveLength(1);
    const [{ text, report, result }] = results as [(typeof results)[0]];
    expect(text).toContain("/mnt/data/totals.csv");
    expect(report).toMatchObject({ responseId: id, outcome: "recovered", listRequests: 1 });
    expect(result.failed).toEqual([]);
    expect(await readFile(result.saved[0]!.location, "utf8")).toBe(BYTES);
  });

  it("a forged delivery is 400, and the API is never asked", async () => {
    const emulator = createResponsesEmulator();
    const client = new Client({ apiKey: "k", fetch: emulator.fetch, webhookSecret: WEBHOOK_SECRET });
    const handler = createWebhookHandler(client, { onResponse: () => expect.unreachable() });
    const real = completed("resp_1");
    const now = Math.floor(Date.now() / 1000);
    const header = (name: string, value: string) => ({
      ...real,
      headers: { ...real.headers, [name]: value },
    });
    const without = (name: string) => {
      const { [name]: _, ...headers } = real.headers;
      return { ...real, headers };
    };
    for (const forged of [
      completed("resp_1", { secret: `whsec_${btoa("another secret")}` }),
      completed("resp_1", { timestamp: now - 301 }),
      completed("resp_1", { timestamp: now + 301 }),
      { ...real, body: real.body.replace("resp_1", "resp_2") },
      { ...real, body: "" },
      header("webhook-id", "wh_another"),
      header("webhook-id", ""),
      header("webhook-timestamp", String(now + 1)),
      header("webhook-timestamp", "soon"),
      header("webhook-signature", "v1,"),
      header("webhook-signature", real.headers["webhook-signature"]!.replace("v1,", "v1,A")),
      header("webhook-signature", "v1,AAAA ".repeat(1000)),
      without("webhook-id"),
      without("webhook-timestamp"),
      without("webhook-signature"),
    ]) {
      expect((await handler(new Request(ENDPOINT, forged))).status, JSON.stringify(forged)).toBe(400);
    }
    expect(emulator.requests).toEqual([]);
  });
});

it("each SDK's client fits, and onResponse is given its own type", () => {
  type Given<Client extends WebhookClient> = Parameters<
    Parameters<typeof createWebhookHandler<Client>>[1]["onResponse"]
  >[0];
  expectTypeOf<Given<OpenAI>>().toExtend<OpenAI.Responses.Response>();
  expectTypeOf<Given<OpenAI5>>().toExtend<OpenAI5.Responses.Response>();
  expectTypeOf<Given<OpenAI7>>().toExtend<OpenAI7.Responses.Response>();
});

it("the response comes repaired, with its report, the delivery's id, and the outputs of its calls", async () => {
  const reports: Report[] = [];
  const { deliver, given, asked, id } = await setUp({ onReport: (report) => reports.push(report) });
  expect(await deliver(completed(id, { id: "wh_1" }))).toBe(200);
  expect(given).toHaveLength(1);
  const { response, report, deliveryId } = given[0]!;
  expect(cited(response)).toEqual(FOUND);
  expect(report).toMatchObject({ responseId: id, outcome: "recovered" });
  expect(report.citations).toMatchObject([{ origin: "recovered" }]);
  expect(deliveryId).toBe("wh_1");
  expect(reports).toEqual([report]);
  expect(asked().map(({ path }) => path.replace(/_\w+/g, ""))).toEqual([
    "/v1/responses/resp",
    "/v1/containers/cntr/files",
  ]);
  expect(new URL(asked()[0]!.url).searchParams.getAll("include[]")).toEqual([
    "code_interpreter_call.outputs",
  ]);
});

it("asks for no outputs where they are not wanted", async () => {
  const { deliver, asked } = await setUp({ includeOutputs: false });
  expect(await deliver()).toBe(200);
  expect(new URL(asked()[0]!.url).search).toBe("");
});

it.each([
  ["response.incomplete", { type: "incomplete" as const }, "incomplete"],
  ["response.failed", { type: "fail" as const }, "failed"],
])("%s is handed over as well", async (type, end, status) => {
  const script = () => [
    { type: "python" as const, code: "x", files: { "totals.csv": BYTES } },
    { type: "message" as const, text: "Download: /mnt/data/totals.csv" },
    end,
  ];
  const { deliver, given, id } = await setUp({}, { script });
  expect(await deliver(deliveryOf({ type, data: { id } }))).toBe(200);
  expect(given.map(({ response }) => response.status)).toEqual([status]);
  expect(cited(given[0]!.response)).toEqual(FOUND);
});

it.each(["response.cancelled", "batch.completed", "response.completed.", "a.response.completed", ""])(
  "an event of type %j is 200 and ignored",
  async (type) => {
    const { deliver, given, asked, id } = await setUp();
    expect(await deliver(deliveryOf({ type, data: { id } }))).toBe(200);
    expect(given).toEqual([]);
    expect(asked()).toEqual([]);
  },
);

it.each([null, "resp_1", {}, { id: 7 }, { id: "" }, { id: "../containers/cntr_1" }, []])(
  "an event of %j is 400: of no response",
  async (data) => {
    const { deliver, asked } = await setUp();
    expect(await deliver(deliveryOf({ type: "response.completed", data }))).toBe(400);
    expect(asked()).toEqual([]);
  },
);

describe("one delivery", () => {
  it("is handled once, however often it comes", async () => {
    const { deliver, given, asked, id } = await setUp();
    const delivery = completed(id);
    expect([await deliver(delivery), await deliver(delivery), await deliver(delivery)]).toEqual([
      200, 200, 200,
    ]);
    expect(given).toHaveLength(1);
    expect(asked()).toHaveLength(2);
    expect(await deliver(completed(id))).toBe(200);
    expect(given).toHaveLength(2);
  });

  /** Two of one delivery, the first of them held in `onResponse` until the second is verified as well. */
  async function atTheSameTime(handle: () => void) {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const onResponse = vi.fn(async () => {
      await released;
      handle();
    });
    const { client, deliver, errors, id } = await setUp({ onResponse });
    const unwrap = vi.spyOn(client.webhooks, "unwrap");
    const delivery = completed(id);
    const answers = [deliver(delivery), deliver(delivery)];
    await vi.waitFor(() => expect(unwrap).toHaveBeenCalledTimes(2));
    await Promise.all(unwrap.mock.results.map(({ value }) => value));
    await new Promise((resolve) => setImmediate(resolve));
    release();
    return { statuses: await Promise.all(answers), onResponse, errors, again: () => deliver(delivery) };
  }

  it("is handled once when it comes twice at the same time", async () => {
    const { statuses, onResponse, again } = await atTheSameTime(() => {});
    expect(statuses).toEqual([200, 200]);
    expect(await again()).toBe(200);
    expect(onResponse).toHaveBeenCalledTimes(1);
  });

  it("that fails is 500 for each of two at the same time, and handled when it comes again", async () => {
    let isFull = true;
    const { statuses, onResponse, errors, again } = await atTheSameTime(() => {
      if (isFull) throw new Error("disk full");
    });
    expect(statuses).toEqual([500, 500]);
    expect(onResponse).toHaveBeenCalledTimes(1);
    expect(errors).toMatchObject([{ message: "disk full" }]);
    isFull = false;
    expect([await again(), await again()]).toEqual([200, 200]);
    expect(onResponse).toHaveBeenCalledTimes(2);
  });

  it("tells the outside nothing of an error", async () => {
    const { handler, id } = await setUp({
      onResponse() {
        throw new Error("postgres://user:password@host");
      },
    });
    const answer = await handler(new Request(ENDPOINT, completed(id)));
    expect([answer.status, await answer.text()]).toEqual([500, "not handled: deliver it again"]);
  });
});

describe("a response that cannot be read is 500, so that it is delivered again", () => {
  it.each([404, 429, 503])("for a %d", async (status) => {
    let isDown = true;
    const intercept = ({ method }: { method: string }) =>
      isDown && method === "GET" ? Response.json({ error: { message: "no" } }, { status }) : undefined;
    const { deliver, given, errors, id } = await setUp({}, { intercept });
    const delivery = completed(id);
    expect(await deliver(delivery)).toBe(500);
    expect(given).toEqual([]);
    expect(errors).toMatchObject([{ status }]);
    isDown = false;
    expect(await deliver(delivery)).toBe(200);
    expect(given).toHaveLength(1);
  });

  it("and one that has not ended, whatever its webhook says", async () => {
    const { deliver, given, errors, id } = await setUp({}, { pollsUntilDone: 2 });
    const delivery = completed(id);
    expect(await deliver(delivery)).toBe(500);
    expect(errors).toMatchObject([
      { message: expect.stringContaining("has ended, says its webhook, but is") },
    ]);
    expect(await deliver(delivery)).toBe(200);
    expect(given).toHaveLength(1);
  });

  it("while a list that fails is no reason", async () => {
    const intercept = ({ path }: { path: string }) =>
      path.endsWith("/files") ? Response.json({}, { status: 404 }) : undefined;
    const { deliver, given } = await setUp({}, { intercept });
    expect(await deliver()).toBe(200);
    expect(given).toMatchObject([{ report: { outcome: "failed" } }]);
  });

  it("unless a failed recovery is to be thrown", async () => {
    const intercept = ({ path }: { path: string }) =>
      path.endsWith("/files") ? Response.json({}, { status: 404 }) : undefined;
    const { deliver, given, errors } = await setUp({ onFailure: "throw" }, { intercept });
    expect(await deliver()).toBe(500);
    expect(given).toEqual([]);
    expect(errors).toMatchObject([{ name: "FileCitationsError" }]);
  });
});

describe("a store of one's own", () => {
  it("is asked by the delivery's id, and answers for good", async () => {
    const asked: string[] = [];
    const alreadySeen = async (id: string): Promise<boolean> => asked.push(id) > 1;
    const { deliver, given, id } = await setUp({ alreadySeen });
    const delivery = completed(id, { id: "wh_1" });
    expect([await deliver(delivery), await deliver(delivery)]).toEqual([200, 200]);
    expect(asked).toEqual(["wh_1", "wh_1"]);
    expect(given).toHaveLength(1);
  });

  it("that marks when it is asked is told to forget what failed, and nothing else", async () => {
    const marked = new Set<string>();
    const alreadySeen = (id: string): boolean => marked.size === marked.add(id).size;
    const forget = async (id: string): Promise<boolean> => marked.delete(id);
    let calls = 0;
    const onResponse = (): void => {
      if (++calls === 1) throw new Error("disk full");
    };
    const { deliver, id } = await setUp({ alreadySeen, forget, onResponse });
    const delivery = completed(id, { id: "wh_1" });
    expect(await deliver(delivery)).toBe(500);
    expect([...marked]).toEqual([]);
    expect([await deliver(delivery), await deliver(delivery)]).toEqual([200, 200]);
    expect([...marked]).toEqual(["wh_1"]);
    expect(calls).toBe(2);
  });

  it("that is down is a 500, and nothing is done", async () => {
    const { deliver, given, errors } = await setUp({ alreadySeen: () => Promise.reject(new Error("down")) });
    expect(await deliver()).toBe(500);
    expect(given).toEqual([]);
    expect(errors).toMatchObject([{ message: "down" }]);
  });

  it("that cannot forget is told of beside the error itself", async () => {
    const { deliver, errors } = await setUp({
      alreadySeen: () => false,
      forget: () => Promise.reject(new Error("down")),
      onResponse: () => Promise.reject(new Error("disk full")),
    });
    expect(await deliver()).toBe(500);
    expect(errors).toMatchObject([{ message: "down" }, { message: "disk full" }]);
  });
});

it("a client that is wrapped already repairs once, and both reports come", async () => {
  const { client, id, emulator } = await setUp();
  const reports: [string, Report][] = [];
  const wrapped = withFileCitations(client, { onReport: (report) => reports.push(["client", report]) });
  const handler = createWebhookHandler(wrapped, {
    onResponse: (response, report) => {
      expect(cited(response)).toEqual(FOUND);
      reports.push(["onResponse", report]);
    },
    onReport: (report) => reports.push(["handler", report]),
  });
  expect((await handler(new Request(ENDPOINT, completed(id)))).status).toBe(200);
  expect(reports.map(([name]) => name)).toEqual(["client", "handler", "onResponse"]);
  for (const [, report] of reports) {
    expect(report).toBe(reports[0]![1]);
    expect(report.citations).toMatchObject([{ origin: "recovered" }]);
  }
  expect(emulator.requests.filter(({ path }) => path.endsWith("/files"))).toHaveLength(1);
});

it("an answer that the client's fetch lets pass is repaired all the same", async () => {
  const emulator = createResponsesEmulator({ script: stubbornModel(), pollsUntilDone: 1 });
  const gateway: typeof fetch = async (input, init) => {
    const answer = await emulator.fetch(input, init);
    answer.headers.set("content-type", "application/vnd.gateway+json");
    return answer;
  };
  const client = new OpenAI({ apiKey: "k", webhookSecret: WEBHOOK_SECRET, fetch: gateway });
  const { id } = await client.responses.create(REQUEST);
  const outcomes: unknown[] = [];
  const handler = createWebhookHandler(client, { onResponse: (_, { outcome }) => outcomes.push(outcome) });
  expect((await handler(new Request(ENDPOINT, completed(id)))).status).toBe(200);
  expect(outcomes).toEqual(["recovered"]);
});

/** A client that takes every delivery and has one response, for what needs no API. */
function fakeClient(unwrap: (payload: string) => unknown = JSON.parse) {
  const client = {
    webhookSecret: "s",
    webhooks: { unwrap: async (payload: string) => unwrap(payload) },
    containers: { files: { list: async () => ({ data: [] }) } },
    responses: {
      retrieve: () => ({
        withResponse: async () => ({ data: { output: [], status: "completed" }, response: new Response() }),
      }),
    },
    withOptions: () => client,
  };
  return client as WebhookClient;
}

it("the latest 10,000 deliveries are known, the oldest forgotten first", async () => {
  let calls = 0;
  const handler = createWebhookHandler(fakeClient(), { onResponse: () => calls++ });
  const { headers, ...init } = completed("resp_1");
  const deliver = (id: string) =>
    handler(new Request(ENDPOINT, { ...init, headers: { ...headers, "webhook-id": id } }));
  for (let n = 0; n < 10_001; n++) await deliver(`wh_${n}`);
  await deliver("wh_10000");
  await deliver("wh_1");
  expect(calls).toBe(10_001);
  await deliver("wh_0");
  expect(calls).toBe(10_002);
});

it("only POST", async () => {
  const { handler } = await setUp();
  for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]) {
    const answer = await handler(new Request(ENDPOINT, { method }));
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
  }
});

it("a body that goes on for more than 1 MiB is 413, and read no further", async () => {
  const { handler } = await setUp();
  let sent = 0;
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
    cancel() {
      isCancelled = true;
    },
  });
  const { headers } = completed("resp_1");
  const init = { method: "POST", headers, body: endless, duplex: "half" } as RequestInit;
  expect((await handler(new Request(ENDPOINT, init))).status).toBe(413);
  expect(sent).toBeLessThan(1.3 * 2 ** 20);
  expect(isCancelled).toBe(true);
});

it("a body that somebody has read before is our side's mistake, and told", async () => {
  const { handler, errors, id } = await setUp();
  const request = new Request(ENDPOINT, completed(id));
  await request.text();
  expect((await handler(request)).status).toBe(500);
  expect(errors).toMatchObject([{ message: "the request's body was read before the handler got it" }]);
});

it("a runtime without what the SDK verifies with is our side's mistake, and told", async () => {
  const errors: unknown[] = [];
  const client = fakeClient(() => {
    throw new ReferenceError("Buffer is not defined");
  });
  const handler = createWebhookHandler(client, {
    onResponse: () => {},
    onError: (error) => errors.push(error),
  });
  expect((await handler(new Request(ENDPOINT, completed("resp_1")))).status).toBe(500);
  expect(errors).toMatchObject([{ message: "Buffer is not defined" }]);
});

it("whatever comes, signed or not, is answered and never thrown", async () => {
  const { handler: real } = await setUp();
  const loose = createWebhookHandler(fakeClient(), { onResponse: () => {} });
  const header = fc.stringMatching(/^[ -~]*$/);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.uint8Array()),
      fc.dictionary(fc.constantFrom("webhook-id", "webhook-timestamp", "webhook-signature"), header),
      async (body, headers) => {
        const init = { method: "POST", headers, body: body as BodyInit };
        expect((await real(new Request(ENDPOINT, init))).status).toBe(400);
        expect([200, 400]).toContain((await loose(new Request(ENDPOINT, init))).status);
      },
    ),
    { numRuns: 500 },
  );
});

it("what the callbacks throw besides is ignored", async () => {
  const mine = (): never => {
    throw new Error("mine");
  };
  const { deliver } = await setUp({ onReport: mine, onError: mine });
  expect(await deliver()).toBe(200);
  const { deliver: failing } = await setUp({ onResponse: mine, onError: mine });
  expect(await failing()).toBe(500);
});

it("bad input is a TypeError that says so", () => {
  const client = new OpenAI({ apiKey: "k", webhookSecret: WEBHOOK_SECRET });
  const onResponse = (): void => {};
  const cases = [
    [{}, { onResponse }, /^client must be an OpenAI client, with webhooks\.unwrap and .*, got \{\}$/],
    [undefined, { onResponse }, /^client must be an OpenAI client, .*, got undefined$/],
    [
      new OpenAI({ apiKey: "k", webhookSecret: null }),
      { onResponse },
      /^client\.webhookSecret must be the secret .* \(OPENAI_WEBHOOK_SECRET\), got null$/,
    ],
    [client, undefined, /^options must be an object with onResponse, got undefined$/],
    [client, {}, /^options\.onResponse must be a function, got undefined$/],
    [client, { onResponse, alreadySeen: new Set() }, /^options\.alreadySeen must be a function, got \{\}$/],
    [client, { onResponse, forget: onResponse }, /^options\.forget must be given together with alreadySeen/],
    [client, { onResponse, onError: "log" }, /^options\.onError must be a function, got "log"$/],
    [client, { onResponse, timeoutMs: "soon" }, /^options\.timeoutMs must be a number of milliseconds/],
    [client, { onResponse, alreadySen: onResponse }, /^options has no alreadySen/],
  ] as const;
  for (const [badClient, options, shown] of cases) {
    const create = () => createWebhookHandler(badClient as OpenAI, options as never);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(shown);
  }
});

it("needs nothing that only Node has", async () => {
  const bundle = build({
    entryPoints: [new URL("../src/webhook.ts", import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser", // fails on any `node:` import
    logLevel: "silent",
  });
  await expect(bundle).resolves.toMatchObject({ errors: [] });
});
