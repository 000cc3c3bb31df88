/** Tests copies into a store: each file is copied once, whole or not at all, and a few files are copied at a time. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileRoute, type FileStore } from "../src/files/route.js";
import { citation, SECRET, setUp } from "./file-route.js";
import { EMPTY, memoryStore, routeWith } from "./memory-store.js";
import { settled } from "./saving.js";
import { gate } from "./serving.js";

const cited = (file_id: string) => ({ ...citation("a.txt"), file_id });

afterEach(() => void vi.useRealTimers());

/** Opens a link. */
const open = (route: { handler: (request: Request) => Promise<Response> }, url: string, init = {}) =>
  route.handler(new Request(`https://example.com${url}`, init));

describe("each file is copied once", () => {
  it("however often its link is made and opened", async () => {
    const { store, calls } = memoryStore();
    let downloads = 0;
    const route = routeWith(store, () => {
      downloads++;
      return new Response("x");
    });
    const urls = await Promise.all(Array.from({ length: 20 }, () => route.urlFor(citation("a.txt"))));
    await route.keep();
    for (let count = 0; count < 5; count++) await route.urlFor(citation("a.txt"));
    await route.keep();
    for (const url of urls) expect(await (await open(route, url)).text()).toBe("x");
    expect(calls.put).toEqual(["cntr_1/cfile_1"]);
    expect(downloads).toBe(1);
  });

  it("unless another process has stored it", async () => {
    const { store, real } = memoryStore();
    await real.put("cntr_1/cfile_1", { filename: "a.txt" }, new Blob(["x"]).stream());
    const route = routeWith(store, () => expect.unreachable());
    expect(await (await open(route, await route.urlFor(citation("a.txt")))).text()).toBe("x");
    await route.keep();
  });

  it("by each of two processes at the same time, without damage", async () => {
    const { store, copies, calls } = memoryStore();
    // Each process asks the API before the other process has stored the file.
    const asked = [gate(), gate()];
    const both = asked.map((mine) =>
      routeWith(store, async () => {
        mine.open();
        for (const one of asked) await one.promise;
        return new Response("the same bytes");
      }),
    );
    const [url] = await Promise.all(both.map((route) => route.urlFor(citation("a.txt"))));
    await Promise.all(both.map((route) => route.keep()));
    expect(calls.put).toHaveLength(2);
    expect(copies.size).toBe(1);
    for (const route of both) expect(await (await open(route, url!)).text()).toBe("the same bytes");
  });

  it("with at most four copies at the same time, in the order of the links, and keep waits for all", async () => {
    const begun = Array.from({ length: 10 }, () => gate());
    const held = Array.from({ length: 10 }, () => gate());
    let running = 0;
    let most = 0;
    let next = 0;
    const keys: string[] = [];
    const store: FileStore = {
      get: async () => undefined,
      async put(key, _, stream) {
        const at = next++;
        keys.push(key);
        most = Math.max(most, ++running);
        begun[at]!.open();
        await held[at]!.promise;
        await new Response(stream).text();
        running--;
      },
    };
    const route = routeWith(store, () => new Response("x"));
    for (let n = 0; n < 10; n++) await route.urlFor(cited(`cfile_${n}`));
    let isKept = false;
    const keeping = route.keep().then(() => {
      isKept = true;
    });
    for (let n = 0; n < 10; n++) {
      await begun[n]!.promise;
      expect(isKept).toBe(false);
      held[n]!.open();
    }
    await keeping;
    expect(most).toBe(4);
    expect(keys).toEqual(Array.from({ length: 10 }, (_, n) => `cntr_1/cfile_${n}`));
  });
});

describe("keep", () => {
  it("resolves at once if there is no store or nothing to copy", async () => {
    const { client, route } = await setUp();
    await route.keep();
    await createFileRoute(client, { secret: SECRET, store: EMPTY }).keep();
  });

  it("waits for copies that begin while it waits", async () => {
    const { store, copies } = memoryStore();
    const answers = [gate<Response>(), gate<Response>()];
    let next = 0;
    const route = routeWith(store, () => answers[next++]!.promise);
    await route.urlFor(cited("cfile_1"));
    const keeping = route.keep();
    await route.urlFor(cited("cfile_2"));
    answers[0]!.open(new Response("1"));
    answers[1]!.open(new Response("2"));
    await keeping;
    expect([...copies.keys()].sort()).toEqual(["cntr_1/cfile_1", "cntr_1/cfile_2"]);
  });
});

describe("a copy that was cut off", () => {
  beforeEach(() => void vi.useFakeTimers());

  it.each([
    ["a download that is too short", () => new Response("1234", { headers: { "content-length": "10" } })],
    [
      "a download that is too long",
      () => new Response("0123456789abc", { headers: { "content-length": "10" } }),
    ],
    [
      "a download that breaks",
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(new Uint8Array(4)),
            pull: () => Promise.reject(new Error("reset")),
          }),
        ),
    ],
    ["an API that fails", () => new Response("no", { status: 500 })],
  ])("is not stored, and is made again: %s", async (_, broken) => {
    const { store, copies, calls } = memoryStore();
    const answers = [broken(), broken(), new Response("0123456789", { headers: { "content-length": "10" } })];
    const errors: unknown[] = [];
    const route = routeWith(store, () => answers.shift()!, { onError: (error) => errors.push(error) });
    const url = await route.urlFor(citation("a.txt"));
    await vi.advanceTimersByTimeAsync(600);
    expect(copies.size).toBe(0);
    await settled(route.keep());
    expect(await (await open(route, url)).text()).toBe("0123456789");
    expect(copies.size).toBe(1);
    expect(calls.put.length).toBeLessThanOrEqual(3);
    expect(errors).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is given up after four tries, and begins anew when the link is opened", async () => {
    const { store, copies } = memoryStore();
    const errors: unknown[] = [];
    let isBroken = true;
    const route = routeWith(
      store,
      () => new Response(isBroken ? "12" : "1234", { headers: { "content-length": "4" } }),
      { onError: (error) => errors.push(error) },
    );
    const url = await route.urlFor(citation("a.txt"));
    await settled(route.keep());
    expect(errors).toMatchObject([{ message: "the download ended after 2 of 4 bytes" }]);
    expect(copies.size).toBe(0);
    isBroken = false;
    expect(await (await open(route, url)).text()).toBe("1234");
    await settled(route.keep());
    expect(copies.size).toBe(1);
    expect(errors).toHaveLength(1);
  });

  it("is made again at most once a minute after two failed copies in a row, however often the link is opened", async () => {
    const { store, overrides, copies } = memoryStore();
    const errors: unknown[] = [];
    let downloads = 0;
    const route = routeWith(
      store,
      () => {
        downloads++;
        return new Response("0123456789", { headers: { "content-length": "10" } });
      },
      { onError: (error) => errors.push(error) },
    );
    overrides.put = () => Promise.reject(new Error("full"));
    const url = await route.urlFor(citation("a.txt"));
    await route.keep();
    const openOften = async () => {
      for (let count = 0; count < 20; count++) {
        expect(await (await open(route, url, { headers: { range: "bytes=0-3" } })).text()).toBe("0123");
        await route.keep();
      }
    };
    await openOften();
    expect(errors).toHaveLength(2);
    expect(downloads).toBe(22);
    vi.advanceTimersByTime(59_999);
    await openOften();
    expect(downloads).toBe(42);
    vi.advanceTimersByTime(1);
    await openOften();
    expect(errors).toHaveLength(3);
    expect(downloads).toBe(63);
    // The pause is only for the file whose copies failed. A new link to this file starts a copy in spite of the pause.
    await route.urlFor(cited("cfile_2"));
    await route.keep();
    expect(errors).toHaveLength(4);
    delete overrides.put;
    await route.urlFor(citation("a.txt"));
    await route.keep();
    expect([...copies.keys()]).toEqual(["cntr_1/cfile_1"]);
    // After a success, the failures before it no longer count.
    copies.clear();
    overrides.put = () => Promise.reject(new Error("full"));
    await openOften();
    expect(errors).toHaveLength(6);
    // Sets the clock back to 1970. The pause must end at once, and not last until the clock reaches the present again.
    vi.setSystemTime(0);
    delete overrides.put;
    await openOften();
    expect(copies.size).toBe(1);
  });

  it("is never served: a store's stream that ends too early is an error, not a shorter file", async () => {
    const store: FileStore = {
      ...EMPTY,
      get: async () => ({
        file: { filename: "a.txt" },
        size: 100,
        stream: () => new Blob(["0123456789abcdef--"]).stream(),
      }),
    };
    const route = routeWith(store, () => expect.unreachable());
    const answer = await open(route, await route.urlFor(citation("a.txt")));
    expect(answer.headers.get("content-length")).toBe("100");
    await expect(answer.text()).rejects.toThrow("the file ended after 18 of 100 bytes");
  });
});

it("two files whose ids look the same when they are joined with a slash have different keys", async () => {
  const { store, copies } = memoryStore();
  const route = routeWith(store, () => new Response("x"));
  await route.urlFor({ ...citation("a"), container_id: "a_1", file_id: "b_1/c_1" });
  await route.urlFor({ ...citation("a"), container_id: "a_1/b_1", file_id: "c_1" });
  await route.keep();
  expect(copies.size).toBe(2);
});
