/** Tests that the webhook handler passes on the repaired response of a verified delivery, and nothing for other requests. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import OpenAI from "openai";
import type OpenAI5 from "openai-5";
import type OpenAI7 from "openai-7";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { type Report, type SaveResult, saveFiles } from "../src/index.js";
import { directory } from "../src/node.js";
import { createResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";
import { createWebhookHandler, type WebhookClient } from "../src/webhook.js";
import { SDKS } from "./sdks.js";
import { BYTES, FOUND } from "./serving.js";
import { call, cited, file, json, message, response, upstream } from "./upstream.js";
import { deliveryOf, WEBHOOK_SECRET } from "./webhook-delivery.js";
import { completed, ENDPOINT, fakeClient, IN_BACKGROUND, setUp } from "./webhook-handler.js";

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

  it("repairs a background response after its webhook, and its files can be saved", async () => {
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

    const { id, status } = await client.responses.create(IN_BACKGROUND);
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

  it("answers 400 to a forged delivery and sends no request to the API", async () => {
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

it("accepts the client of each SDK version and passes its own type to onResponse", () => {
  type Given<Client extends WebhookClient> = Parameters<
    Parameters<typeof createWebhookHandler<Client>>[1]["onResponse"]
  >[0];
  expectTypeOf<Given<OpenAI>>().toExtend<OpenAI.Responses.Response>();
  expectTypeOf<Given<OpenAI5>>().toExtend<OpenAI5.Responses.Response>();
  expectTypeOf<Given<OpenAI7>>().toExtend<OpenAI7.Responses.Response>();
});

it("passes the repaired response, its report and the delivery's id to onResponse, and requests call outputs", async () => {
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

it("requests no call outputs if includeOutputs is false", async () => {
  const { deliver, asked } = await setUp({ includeOutputs: false });
  expect(await deliver()).toBe(200);
  expect(new URL(asked()[0]!.url).search).toBe("");
});

it.each([
  ["response.incomplete", { type: "incomplete" as const }, "incomplete"],
  ["response.failed", { type: "fail" as const }, "failed"],
])("passes the response of %s on as well", async (type, end, status) => {
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
  "answers 200 to an event of type %j and ignores it",
  async (type) => {
    const { deliver, given, asked, id } = await setUp();
    expect(await deliver(deliveryOf({ type, data: { id } }))).toBe(200);
    expect(given).toEqual([]);
    expect(asked()).toEqual([]);
  },
);

it.each([null, "resp_1", {}, { id: 7 }, { id: "" }, { id: ".." }, { id: "resp_1\n" }, []])(
  "answers 400 to an event without a response id: %j",
  async (data) => {
    const { deliver, asked } = await setUp();
    expect(await deliver(deliveryOf({ type: "response.completed", data }))).toBe(400);
    expect(asked()).toEqual([]);
  },
);

it("encodes a response id that looks like a path", async () => {
  const { deliver, given, asked } = await setUp();
  const data = { id: "../containers/cntr_1" };
  expect(await deliver(deliveryOf({ type: "response.completed", data }))).toBe(500);
  expect(given).toEqual([]);
  expect(new Set(asked().map(({ path }) => path))).toEqual(
    new Set(["/v1/responses/..%2Fcontainers%2Fcntr_1"]),
  );
});

it.each(SDKS)(
  "%s: a gateway's response id is encoded, and the response has its output_text",
  async (_, Client) => {
    const id = "resp_a+b/c=:@,;$&";
    const output = [call(), message("Download: /mnt/data/totals.csv", " Bye.")];
    const files = [file("/mnt/data/totals.csv")];
    const { fetch, asked } = upstream({ answer: () => json(response(output, { id })), files });
    const given: { output_text: string; output: unknown[] }[] = [];
    const client = new Client({ apiKey: "k", webhookSecret: WEBHOOK_SECRET, fetch, maxRetries: 0 }) as OpenAI;
    const handler = createWebhookHandler(client, { onResponse: (one) => void given.push(one) });
    expect((await handler(new Request(ENDPOINT, completed(id)))).status).toBe(200);
    const { pathname, search } = new URL(asked[0]!.url);
    expect(pathname).toBe(`/v1/responses/${encodeURIComponent(id)}`);
    expect(decodeURIComponent(search)).toBe("?include[]=code_interpreter_call.outputs");
    expect(given[0]!.output_text).toBe("Download: /mnt/data/totals.csv Bye.");
    expect(cited(given[0])).toEqual(["totals.csv@/mnt/data/totals.csv"]);
  },
);

it("answers 405 to methods other than POST", async () => {
  const { handler } = await setUp();
  for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]) {
    const answer = await handler(new Request(ENDPOINT, { method }));
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
  }
});

it("answers 413 to a body of more than 1 MiB and stops reading it", async () => {
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

it("answers any request, signed or not, and never rejects", async () => {
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

it("throws a TypeError that names the wrong argument", () => {
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
    [
      client,
      { onResponse, deliveries: null },
      /^options\.deliveries must be an object with the .*, got null$/,
    ],
    [
      client,
      { onResponse, deliveries: onResponse },
      /^options\.deliveries must be an object with the functions claim, done and release, got a function$/,
    ],
    [client, { onResponse, deliveries: [] }, /^options\.deliveries must be .*, got an array of 0$/],
    [
      client,
      { onResponse, deliveries: { claim: onResponse, done: onResponse } },
      /^options\.deliveries\.release must be a function, got undefined$/,
    ],
    [
      client,
      { onResponse, deliveries: { claim: onResponse, done: true, release: onResponse } },
      /^options\.deliveries\.done must be a function, got true$/,
    ],
    [client, { onResponse, deliveries: new Set() }, /^options\.deliveries\.claim must be a function, got/],
    [
      client,
      { onResponse, alreadySeen: onResponse },
      /^options\.alreadySeen was removed: use options\.deliveries, an object with the functions claim, done and release$/,
    ],
    [client, { onResponse, forget: onResponse }, /^options\.forget was removed: use options\.deliveries, /],
    [client, { onResponse, alreadySeen: undefined }, /^options\.alreadySeen was removed: /],
    [client, { onResponse, onError: "log" }, /^options\.onError must be a function, got "log"$/],
    [client, { onResponse, timeoutMs: "soon" }, /^options\.timeoutMs must be a number of milliseconds/],
    [client, { onResponse, alreadySen: onResponse }, /^options has no property alreadySen/],
  ] as const;
  for (const [badClient, options, shown] of cases) {
    const create = () => createWebhookHandler(badClient as OpenAI, options as never);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(shown);
  }
});
