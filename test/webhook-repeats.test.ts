/** Tests deliveries that are sent several times. Only a delivery that failed is handled again. */
import OpenAI from "openai";
import { describe, expect, it, vi } from "vitest";
import { type Report, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { createWebhookHandler } from "../src/webhook.js";
import { FOUND, gate } from "./serving.js";
import { cited } from "./upstream.js";
import { WEBHOOK_SECRET } from "./webhook-delivery.js";
import { completed, ENDPOINT, fakeClient, IN_BACKGROUND, setUp } from "./webhook-handler.js";

describe("one delivery", () => {
  it("is handled once, even if it comes several times", async () => {
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

  /** Sends a delivery twice at the same time. The first delivery waits in `onResponse` until the second delivery is verified. */
  async function atTheSameTime(handle: () => void) {
    const released = gate();
    const onResponse = vi.fn(async () => {
      await released.promise;
      handle();
    });
    const { client, deliver, errors, id } = await setUp({ onResponse });
    const bothCame = gate();
    const verify = client.webhooks.unwrap.bind(client.webhooks);
    const unwrap = vi.spyOn(client.webhooks, "unwrap").mockImplementation((...delivery) => {
      if (unwrap.mock.calls.length === 2) bothCame.open();
      return verify(...delivery);
    });
    const delivery = completed(id);
    const answers = [deliver(delivery), deliver(delivery)];
    await bothCame.promise;
    await Promise.all(unwrap.mock.results.map(({ value }) => value));
    await new Promise((resolve) => setImmediate(resolve));
    released.open();
    return { statuses: await Promise.all(answers), onResponse, errors, again: () => deliver(delivery) };
  }

  it("is handled once when it comes twice at the same time", async () => {
    const { statuses, onResponse, again } = await atTheSameTime(() => {});
    expect(statuses).toEqual([200, 200]);
    expect(await again()).toBe(200);
    expect(onResponse).toHaveBeenCalledTimes(1);
  });

  it("that fails is answered 500 twice if it comes twice at the same time, and handled when it comes again", async () => {
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

  it("gets an answer without the error message if it fails", async () => {
    const { handler, id } = await setUp({
      onResponse() {
        throw new Error("postgres://user:password@host");
      },
    });
    const answer = await handler(new Request(ENDPOINT, completed(id)));
    expect([answer.status, await answer.text()]).toEqual([500, "the delivery could not be handled"]);
  });
});

describe("the answer is 500, so that OpenAI delivers again,", () => {
  it.each([404, 429, 503])("if the API answers %d", async (status) => {
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

  it("if the response has not ended, although its webhook says so", async () => {
    const { deliver, given, errors, id } = await setUp({}, { pollsUntilDone: 2 });
    const delivery = completed(id);
    expect(await deliver(delivery)).toBe(500);
    expect(errors).toMatchObject([{ message: expect.stringContaining("has ended, but its status is") }]);
    expect(await deliver(delivery)).toBe(200);
    expect(given).toHaveLength(1);
  });

  it("but not if only a list fails", async () => {
    const intercept = ({ path }: { path: string }) =>
      path.endsWith("/files") ? Response.json({}, { status: 404 }) : undefined;
    const { deliver, given } = await setUp({}, { intercept });
    expect(await deliver()).toBe(200);
    expect(given).toMatchObject([{ report: { outcome: "failed" } }]);
  });

  it("if a list fails and onFailure is throw", async () => {
    const intercept = ({ path }: { path: string }) =>
      path.endsWith("/files") ? Response.json({}, { status: 404 }) : undefined;
    const { deliver, given, errors } = await setUp({ onFailure: "throw" }, { intercept });
    expect(await deliver()).toBe(500);
    expect(given).toEqual([]);
    expect(errors).toMatchObject([{ name: "FileCitationsError" }]);
  });
});

it("repairs once with a wrapped client, and calls both onReport callbacks", async () => {
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

it("repairs an answer that the client's fetch does not repair because of its content type", async () => {
  const emulator = createResponsesEmulator({ script: stubbornModel(), pollsUntilDone: 1 });
  const gateway: typeof fetch = async (input, init) => {
    const answer = await emulator.fetch(input, init);
    answer.headers.set("content-type", "application/vnd.gateway+json");
    return answer;
  };
  const client = new OpenAI({ apiKey: "k", webhookSecret: WEBHOOK_SECRET, fetch: gateway });
  const { id } = await client.responses.create(IN_BACKGROUND);
  const outcomes: unknown[] = [];
  const handler = createWebhookHandler(client, { onResponse: (_, { outcome }) => outcomes.push(outcome) });
  expect((await handler(new Request(ENDPOINT, completed(id)))).status).toBe(200);
  expect(outcomes).toEqual(["recovered"]);
});

it("remembers the latest 10,000 deliveries and forgets the oldest first", async () => {
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

it("answers 500 and calls onError if the body was already read", async () => {
  const { handler, errors, id } = await setUp();
  const request = new Request(ENDPOINT, completed(id));
  await request.text();
  expect((await handler(request)).status).toBe(500);
  expect(errors).toMatchObject([
    { message: "the request's body was already read; pass the request on before anything parses its body" },
  ]);
});

it("answers 500 and calls onError if the runtime lacks a global that the SDK verifies with", async () => {
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

it.each([
  [
    "throw",
    (): never => {
      throw new Error("mine");
    },
  ],
  ["reject with", async () => Promise.reject(new Error("mine"))],
])("ignores errors that onReport and onError %s", async (_, mine) => {
  const { deliver } = await setUp({ onReport: mine, onError: mine });
  expect(await deliver()).toBe(200);
  const { deliver: failing } = await setUp({ onResponse: mine, onError: mine });
  expect(await failing()).toBe(500);
});
