/** Tests that `saveFiles` retries a download only if a retry can help, and stops when its signal aborts. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Sink, saveFiles } from "../src/index.js";
import { citing, clientOf, memory, overloaded, settled, sha256 } from "./saving.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each([429, 500, 503])("retries after a %d", async (status) => {
  let asked = 0;
  const client = clientOf(() => {
    if (asked++ < 2) throw overloaded(status);
    return new Response("done");
  });
  const { sink, kept } = memory();
  const { saved } = await settled(saveFiles(client, citing("a"), sink));
  expect(saved).toHaveLength(1);
  expect(asked).toBe(3);
  expect(kept.get("a")?.toString()).toBe("done");
});

it("retries from the start after a connection error in the body", async () => {
  let asked = 0;
  const client = clientOf(() => {
    if (asked++ > 0) return new Response("whole");
    let isSent = false;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (isSent) controller.error(new Error("reset"));
          else controller.enqueue(new TextEncoder().encode("who"));
          isSent = true;
        },
      }),
    );
  });
  const { sink, kept } = memory();
  const { saved } = await settled(saveFiles(client, citing("a"), sink));
  expect(kept.get("a")?.toString()).toBe("whole");
  expect(saved).toMatchObject([{ bytes: 5, sha256: sha256("whole") }]);
});

it.each([400, 401, 403, 404])("does not retry after a %d", async (status) => {
  let asked = 0;
  const client = clientOf(() => {
    asked++;
    throw overloaded(status);
  });
  const { failed } = await settled(saveFiles(client, citing("a"), memory().sink));
  expect(failed).toHaveLength(1);
  expect(asked).toBe(1);
});

it("does not retry after an error of the sink, and saves the other files", async () => {
  let asked = 0;
  const client = clientOf(() => {
    asked++;
    return new Response("x");
  });
  const { sink } = memory();
  const failing: Sink<string> = (file, stream) =>
    file.filename === "b" ? Promise.reject(new Error("disk full")) : sink(file, stream);
  const { saved, failed } = await settled(saveFiles(client, citing("a", "b", "c"), failing));
  expect(saved.map(({ file }) => file.filename)).toEqual(["a", "c"]);
  expect(failed).toMatchObject([{ file: { filename: "b" }, error: { message: "disk full" } }]);
  expect(asked).toBe(3);
});

it("does not retry after a sink that cancels while it waits for bytes, and reports the sink's error", async () => {
  let asked = 0;
  const client = clientOf(() => {
    asked++;
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(3)) });
    return new Response(body, { headers: { "content-length": "10" } });
  });
  const failing: Sink<string> = async (_, stream) => {
    const reader = stream.getReader();
    await reader.read();
    reader.read().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 10)); // a folder refuses a file after some time
    await reader.cancel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    throw Object.assign(new Error("permission denied"), { code: "EACCES" });
  };
  const { failed } = await settled(saveFiles(client, citing("a"), failing));
  expect(failed).toMatchObject([{ error: { code: "EACCES" } }]);
  expect(asked).toBe(1);
});

it("stops all downloads when the signal aborts", async () => {
  const controller = new AbortController();
  const client = clientOf(() => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })));
  const promise = saveFiles(client, citing("a", "b"), memory().sink, {
    signal: controller.signal,
    concurrency: 1,
  });
  await vi.advanceTimersByTimeAsync(0);
  controller.abort(new Error("enough"));
  const { saved, failed } = await settled(promise);
  expect(saved).toEqual([]);
  expect(failed.map(({ error }) => error.message)).toEqual(["enough", "enough"]);
});

it("stops at once if the signal is already aborted, or aborts before a retry", async () => {
  let asked = 0;
  const client = clientOf(() => {
    asked++;
    throw overloaded(503);
  });
  const before = await saveFiles(client, citing("a"), memory().sink, {
    signal: AbortSignal.abort(new Error("enough")),
  });
  expect(before.failed).toMatchObject([{ error: { message: "enough" } }]);
  expect(asked).toBe(0);

  const controller = new AbortController();
  const promise = saveFiles(client, citing("a"), memory().sink, { signal: controller.signal });
  await vi.advanceTimersByTimeAsync(600);
  expect(asked).toBe(2);
  controller.abort(new Error("enough"));
  expect((await promise).failed).toMatchObject([{ error: { message: "enough" } }]);
  expect(asked).toBe(2);
  expect(vi.getTimerCount()).toBe(0);
});

it.each([0, 1])(
  "fails with the signal's reason even if chunks come after the abort (highWaterMark %d)",
  async (highWaterMark) => {
    const controller = new AbortController();
    // With a high-water mark of 1, the stream calls `pull` at once. With 0, it calls `pull` at the first read.
    const body = new ReadableStream<Uint8Array>(
      {
        pull(upstream) {
          controller.abort(new Error("enough"));
          upstream.enqueue(new Uint8Array(10));
        },
      },
      { highWaterMark },
    );
    const promise = saveFiles(
      clientOf(() => new Response(body)),
      citing("a"),
      memory().sink,
      { signal: controller.signal },
    );
    expect((await settled(promise)).failed).toMatchObject([{ error: { message: "enough" } }]);
  },
);

it.each([
  ["7", 7000],
  ["Thu, 01 Jan 2026 00:00:07 GMT", 7000],
  ["3600", 60_000],
  ["soon", 0],
  ["-5", 0],
])("waits for Retry-After %s before the retry: %d ms", async (retryAfter, ms) => {
  vi.setSystemTime("2026-01-01T00:00:00Z");
  const times: number[] = [];
  const client = clientOf(() => {
    times.push(Date.now());
    if (times.length > 1) return new Response("done");
    throw Object.assign(overloaded(429), { headers: new Headers({ "retry-after": retryAfter }) });
  });
  expect((await settled(saveFiles(client, citing("a"), memory().sink))).saved).toHaveLength(1);
  expect(times[1]! - times[0]!).toBe(ms + 500);
});

it("stops during the pause of Retry-After when the signal aborts", async () => {
  const controller = new AbortController();
  const client = clientOf(() => {
    throw Object.assign(overloaded(429), { headers: new Headers({ "retry-after": "30" }) });
  });
  const promise = saveFiles(client, citing("a"), memory().sink, { signal: controller.signal });
  await vi.advanceTimersByTimeAsync(1000);
  controller.abort(new Error("enough"));
  expect((await promise).failed).toMatchObject([{ error: { message: "enough" } }]);
  expect(vi.getTimerCount()).toBe(0);
});

it("retries after a TypeError with any message", async () => {
  let asked = 0;
  const client = clientOf(() => {
    if (asked++ === 0) throw new TypeError("error reading a body from connection");
    if (asked === 2)
      return new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError("x")) }));
    return new Response("done");
  });
  expect((await settled(saveFiles(client, citing("a"), memory().sink))).saved).toHaveLength(1);
  expect(asked).toBe(3);
});
