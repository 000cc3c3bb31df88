/** Tests the option `links` with a function that never settles. The caller aborts or stops reading while the function runs. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileCitationsFetch, repairResponse } from "../src/index.js";
import { A, eventsOf, given, itemsOf, OPTIONS } from "./linking.js";
import { BASE, frames, response, upstream } from "./upstream.js";

describe("a toUrl that hangs", () => {
  const hangs = (): Promise<never> => new Promise(() => {});
  const items = itemsOf(given);

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("does not delay a plain response whose caller aborts", async () => {
    const controller = new AbortController();
    const whole = response(items);
    const options = { ...OPTIONS, links: hangs, timeoutMs: 3000, signal: controller.signal };
    const repairing = repairResponse(whole, [A], options);
    await vi.advanceTimersByTimeAsync(50);
    controller.abort(new Error("left"));
    await vi.advanceTimersByTimeAsync(0);
    const { response: repaired, report } = await repairing;
    expect(repaired).toBe(whole);
    expect(report.error!.message).toBe("left");
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not delay a plain response whose caller aborted in toUrl", async () => {
    const controller = new AbortController();
    const links = () => {
      controller.abort(new Error("left"));
      return hangs();
    };
    const options = { ...OPTIONS, links, timeoutMs: 3000, signal: controller.signal };
    const { report } = await repairResponse(response(items), [A], options);
    expect(report.error!.message).toBe("left");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer when the reader of a body cancels it", async () => {
    const bytes = new TextEncoder().encode(frames(eventsOf(given, []).slice(0, 7)));
    const headers = { "content-type": "text/event-stream" };
    const body = new ReadableStream<Uint8Array>({ start: (started) => started.enqueue(bytes) });
    const { fetch } = upstream({ answer: () => new Response(body, { headers }), files: [A] });
    const repairing = createFileCitationsFetch({ fetch, ...OPTIONS, links: hangs, timeoutMs: 3000 });
    const answer = await repairing(`${BASE}/responses`, { method: "POST", body: "{}" });
    const reader = answer.body!.getReader();
    const reading = (async () => {
      while (!(await reader.read()).done);
    })();
    await vi.advanceTimersByTimeAsync(50);
    expect(vi.getTimerCount()).toBe(1);
    await reader.cancel();
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    await reading;
  });
});
