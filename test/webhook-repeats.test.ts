/** A delivery that comes again: handled once, and again only where that failed. Whose fault it was is told. */
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
  const { id } = await client.responses.create(IN_BACKGROUND);
  const outcomes: unknown[] = [];
  const handler = createWebhookHandler(client, { onResponse: (_, { outcome }) => outcomes.push(outcome) });
  expect((await handler(new Request(ENDPOINT, completed(id)))).status).toBe(200);
  expect(outcomes).toEqual(["recovered"]);
});

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

it.each([
  [
    "throw",
    (): never => {
      throw new Error("mine");
    },
  ],
  ["reject with", async () => Promise.reject(new Error("mine"))],
])("what the callbacks %s besides is ignored", async (_, mine) => {
  const { deliver } = await setUp({ onReport: mine, onError: mine });
  expect(await deliver()).toBe(200);
  const { deliver: failing } = await setUp({ onResponse: mine, onError: mine });
  expect(await failing()).toBe(500);
});
