/** Tests the webhook handler with a store: the files of a response are kept before the response is handled. */
import { describe, expect, it, vi } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { collectFiles, withFileCitations } from "../src/index.js";
import type { RecordedRequest } from "../src/testing/index.js";
import { createWebhookHandler } from "../src/webhook.js";
import { SECRET } from "./file-route.js";
import { HANGING, memoryStore } from "./memory-store.js";
import { BYTES, gate } from "./serving.js";
import { completed, fakeClient, setUp } from "./webhook-handler.js";

const downloadsIn = (requests: readonly RecordedRequest[]) =>
  requests.filter(({ path }) => path.endsWith("/content")).length;

it("keeps the files that the repaired response cites before it calls onResponse", async () => {
  const { store, copies } = memoryStore();
  let keptBefore: string[] = [];
  const { deliver, client, id, emulator, errors, asked } = await setUp({
    store,
    onResponse() {
      keptBefore = [...copies.keys()];
    },
  });
  expect(await deliver()).toBe(200);
  const response = await withFileCitations(client).responses.retrieve(id);
  const [file] = collectFiles(response).filter((one) => one.kind === "container-file");
  expect(keptBefore).toEqual([`${file!.containerId}/${file!.fileId}`]);
  expect([...copies.values()].map(({ file, bytes }) => [file, Buffer.from(bytes).toString()])).toEqual([
    [{ filename: "totals.csv" }, BYTES],
  ]);
  emulator.expireContainer(file!.containerId);
  const route = createFileRoute(client, { secret: SECRET, store, expiresIn: Number.POSITIVE_INFINITY });
  const link = `https://example.com${await route.urlFor(file!)}`;
  expect(await (await route.handler(new Request(link))).text()).toBe(BYTES);
  await route.keep();
  expect(downloadsIn(asked())).toBe(1);
  expect(errors).toEqual([]);
});

it("copies each file once, however often OpenAI delivers", async () => {
  const { store, calls } = memoryStore();
  let attempts = 0;
  const { deliver, asked, id } = await setUp({
    store,
    onResponse() {
      if (++attempts === 1) throw new Error("busy");
    },
  });
  expect(await deliver(completed(id))).toBe(500);
  expect(await deliver(completed(id))).toBe(200);
  expect(calls.put).toHaveLength(1);
  expect(downloadsIn(asked())).toBe(1);
});

describe("a file that cannot be kept: the response is still handled, once, and onError is called", () => {
  it("because the store fails", async () => {
    const { store, overrides } = memoryStore();
    overrides.put = () => Promise.reject(Object.assign(new Error("no space"), { code: "ENOSPC" }));
    const { deliver, given, errors } = await setUp({ store });
    expect(await deliver()).toBe(200);
    expect(given).toHaveLength(1);
    expect(errors).toMatchObject([{ code: "ENOSPC" }]);
  });

  it("because the container has expired", async () => {
    const { store } = memoryStore();
    const intercept = ({ path }: RecordedRequest) =>
      path.endsWith("/content")
        ? Response.json({ error: { message: "expired" } }, { status: 404 })
        : undefined;
    const { deliver, given, errors } = await setUp({ store }, { intercept });
    expect(await deliver()).toBe(200);
    expect(given).toHaveLength(1);
    expect(errors).toMatchObject([{ message: "the container has expired, or the file in it is gone" }]);
  });

  it("because the store hangs: after three seconds", async () => {
    const asked = gate();
    const get = () => {
      asked.open();
      return HANGING.get("");
    };
    const { deliver, given, errors } = await setUp({ store: { ...HANGING, get } });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const delivering = deliver();
    await asked.promise;
    await vi.advanceTimersByTimeAsync(3000);
    vi.useRealTimers();
    expect(await delivering).toBe(200);
    expect(given).toHaveLength(1);
    expect(errors).toMatchObject([{ message: "the store did not answer within 3 seconds" }]);
  });
});

it("throws a TypeError for an invalid store, and for a client that cannot download", () => {
  const onResponse = () => {};
  const client = fakeClient();
  expect(() => createWebhookHandler(client, { onResponse, store: {} as never })).toThrow(
    new TypeError("options.store must be a store, an object with the functions put and get, got {}"),
  );
  expect(() => createWebhookHandler(client, { onResponse, store: HANGING })).toThrow(
    /^client must be an OpenAI client, with containers\.files\.content\.retrieve, got /,
  );
});
