/** Tests machines that share a store of deliveries: one machine handles a delivery, and the other machine answers 409 or 200. */
import type OpenAI from "openai";
import { describe, expect, it, vi } from "vitest";
import { createWebhookHandler, type WebhookDeliveries } from "../src/webhook.js";
import { gate } from "./serving.js";
import { completed, ENDPOINT, setUp } from "./webhook-handler.js";

describe("with a store of deliveries", () => {
  /** Returns a store that two machines can share, and a log of the calls to the store. */
  function sharedStore() {
    const states = new Map<string, "busy" | "done">();
    const calls: string[] = [];
    const deliveries: WebhookDeliveries = {
      async claim(id) {
        calls.push(`claim ${id}`);
        const before = states.get(id);
        if (!before) states.set(id, "busy");
        return before ?? "new";
      },
      async done(id) {
        calls.push(`done ${id}`);
        states.set(id, "done");
      },
      async release(id) {
        calls.push(`release ${id}`);
        states.delete(id);
      },
    };
    return { deliveries, states, calls };
  }

  /** Starts a delivery on machine A, whose `onResponse` waits until `release` is called. */
  async function heldOnMachineA(deliveries: WebhookDeliveries, end: () => void = () => {}) {
    const started = gate();
    const released = gate();
    const a = await setUp({
      deliveries,
      async onResponse() {
        started.open();
        await released.promise;
        end();
      },
    });
    const delivery = completed(a.id, { id: "wh_1" });
    const answerOfA = a.deliver(delivery);
    await started.promise;
    return { a, delivery, answerOfA, release: released.open };
  }

  /** Sets up machine B: a second webhook handler, which uses the same client and the same store as machine A. */
  function machineB(client: OpenAI, deliveries: WebhookDeliveries) {
    const onResponse = vi.fn();
    const handler = createWebhookHandler(client, { deliveries, onResponse });
    const deliver = (init: RequestInit) => handler(new Request(ENDPOINT, init));
    return { deliver, onResponse };
  }

  it("answers 409 while another machine handles the delivery, and handles it after that machine has failed", async () => {
    const { deliveries, states } = sharedStore();
    const { a, delivery, answerOfA, release } = await heldOnMachineA(deliveries, () => {
      throw new Error("disk full");
    });
    const b = machineB(a.client, deliveries);

    const meanwhile = await b.deliver(delivery);
    expect([meanwhile.status, await meanwhile.text()]).toEqual([
      409,
      "another process is handling the delivery",
    ]);
    release();
    expect(await answerOfA).toBe(500);
    expect(b.onResponse).not.toHaveBeenCalled();

    expect((await b.deliver(delivery)).status).toBe(200);
    expect(b.onResponse).toHaveBeenCalledTimes(1);
    expect([...states]).toEqual([["wh_1", "done"]]);
  });

  it("answers 200 without work once another machine has handled the delivery", async () => {
    const { deliveries } = sharedStore();
    const { a, delivery, answerOfA, release } = await heldOnMachineA(deliveries);
    const b = machineB(a.client, deliveries);
    expect((await b.deliver(delivery)).status).toBe(409);
    release();
    expect(await answerOfA).toBe(200);
    const afterwards = await b.deliver(delivery);
    expect([afterwards.status, await afterwards.text()]).toEqual([200, "the delivery was handled before"]);
    expect(b.onResponse).not.toHaveBeenCalled();
  });

  it("answers 409 to a second delivery at the same time in one process", async () => {
    const { deliveries } = sharedStore();
    const { a, delivery, answerOfA, release } = await heldOnMachineA(deliveries);
    expect(await a.deliver(delivery)).toBe(409);
    expect(a.errors).toEqual([]);
    release();
    expect(await answerOfA).toBe(200);
  });

  it("claims a delivery and marks it done, or releases it after a failure, by its webhook-id", async () => {
    const { deliveries, calls } = sharedStore();
    let attempts = 0;
    const { deliver, id } = await setUp({
      deliveries,
      onResponse() {
        if (++attempts === 1) throw new Error("disk full");
      },
    });
    const delivery = completed(id, { id: "wh_1" });
    expect(await deliver(delivery)).toBe(500);
    expect(calls.splice(0)).toEqual(["claim wh_1", "release wh_1"]);
    expect(await deliver(delivery)).toBe(200);
    expect(calls.splice(0)).toEqual(["claim wh_1", "done wh_1"]);
    expect(await deliver(delivery)).toBe(200);
    expect(calls).toEqual(["claim wh_1"]);
    expect(attempts).toBe(2);
  });

  it("releases a delivery whose response cannot be read", async () => {
    const { deliveries, calls } = sharedStore();
    const intercept = ({ method }: { method: string }) =>
      method === "GET" ? Response.json({ error: { message: "no" } }, { status: 404 }) : undefined;
    const { deliver, id } = await setUp({ deliveries }, { intercept });
    expect(await deliver(completed(id, { id: "wh_1" }))).toBe(500);
    expect(calls).toEqual(["claim wh_1", "release wh_1"]);
  });

  it("accepts synchronous functions and calls them as methods of the store", async () => {
    class Store {
      readonly #states = new Map<string, "busy" | "done">();
      claim(id: string): "new" | "busy" | "done" {
        const before = this.#states.get(id);
        if (!before) this.#states.set(id, "busy");
        return before ?? "new";
      }
      done(id: string): void {
        this.#states.set(id, "done");
      }
      release(id: string): void {
        this.#states.delete(id);
      }
    }
    let attempts = 0;
    const { deliver, id } = await setUp({
      deliveries: new Store(),
      onResponse() {
        if (++attempts === 1) throw new Error("disk full");
      },
    });
    const delivery = completed(id);
    expect([await deliver(delivery), await deliver(delivery), await deliver(delivery)]).toEqual([
      500, 200, 200,
    ]);
    expect(attempts).toBe(2);
  });

  it.each([
    [
      "throws",
      (): never => {
        throw new Error("down");
      },
      /^down$/,
    ],
    ["rejects", () => Promise.reject(new Error("down")), /^down$/],
    ["returns true", () => true, /^the result of options\.deliveries\.claim must be "new", .*, got true$/],
    ["resolves with undefined", async () => undefined, /deliveries\.claim must be .*, got undefined$/],
  ])("answers 500, does nothing and calls onError if claim %s", async (_, claim, message) => {
    const { deliveries, calls } = sharedStore();
    const { deliver, given, asked, errors } = await setUp({ deliveries: { ...deliveries, claim } as never });
    expect(await deliver()).toBe(500);
    expect(given).toEqual([]);
    expect(asked()).toEqual([]);
    expect(calls).toEqual([]);
    expect(errors).toMatchObject([{ message: expect.stringMatching(message) }]);
  });

  const failures = [
    [
      "throws",
      (): never => {
        throw new Error("down");
      },
    ],
    ["rejects", () => Promise.reject(new Error("down"))],
  ] as const;

  it.each(failures)("answers 200 and calls onError if done %s", async (_, done) => {
    const { deliveries, calls } = sharedStore();
    const { deliver, given, errors, id } = await setUp({ deliveries: { ...deliveries, done } });
    expect(await deliver(completed(id, { id: "wh_1" }))).toBe(200);
    expect(given).toHaveLength(1);
    expect(errors).toMatchObject([{ message: "down" }]);
    expect(calls).toEqual(["claim wh_1"]);
  });

  it.each(failures)("answers 500 and passes both errors to onError if release %s", async (_, release) => {
    const { deliveries } = sharedStore();
    const { deliver, errors } = await setUp({
      deliveries: { ...deliveries, release },
      onResponse: () => Promise.reject(new Error("disk full")),
    });
    expect(await deliver()).toBe(500);
    expect(errors).toMatchObject([{ message: "down" }, { message: "disk full" }]);
  });
});
