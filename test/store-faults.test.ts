/** Tests stores that fail, for example because a disk is full. Links must still work, and no secret may leak. */
import { inspect } from "node:util";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFileRoute, type FileStore } from "../src/files/route.js";
import { BYTES, citation, SECRET, setUp } from "./file-route.js";
import { EMPTY, HANGING, memoryStore, routeWith } from "./memory-store.js";
import { settled } from "./saving.js";
import { gate } from "./serving.js";

const cited = (file_id: string) => ({ ...citation("a.txt"), file_id });
const failing = (code: string, message = code) => Object.assign(new Error(message), { code });

afterEach(() => void vi.useRealTimers());

/** Opens a link. */
const open = (route: { handler: (request: Request) => Promise<Response> }, url: string, init = {}) =>
  route.handler(new Request(`https://example.com${url}`, init));

describe("a store that fails to copy", () => {
  it.each(["ENOSPC", "EACCES", "EROFS", "EIO"])(
    "with %s: the link works from the container",
    async (code) => {
      const { store, overrides, copies } = memoryStore();
      overrides.put = () => Promise.reject(failing(code, `${code}: no, open '/kept/x'`));
      const { get, route, errors } = await setUp({ store });
      for (let count = 1; count <= 2; count++) {
        const answer = await get();
        expect(Buffer.from(await answer.arrayBuffer()).equals(BYTES)).toBe(true);
        await route.keep();
        expect(errors.length).toBeGreaterThanOrEqual(count);
      }
      for (const error of errors) expect(error).toMatchObject({ code });
      expect(copies.size).toBe(0);
      // The store works again, so opening the link copies the file.
      delete overrides.put;
      await get();
      await route.keep();
      expect(copies.size).toBe(1);
    },
  );

  it("by returning before it has read the whole file: onError is called", async () => {
    const { store, overrides } = memoryStore();
    overrides.put = async () => {};
    const { route, file, errors } = await setUp({ store });
    await route.urlFor(file);
    await route.keep();
    expect(errors).toMatchObject([{ message: "the sink stopped before the file's end" }]);
  });

  it("by throwing instead of rejecting: onError is called", async () => {
    const fail = () => {
      throw new Error("no bucket");
    };
    const { get, route, errors } = await setUp({ store: { put: fail, get: fail } });
    expect((await get()).status).toBe(200);
    await route.keep();
    expect(errors).toMatchObject([{ message: "no bucket" }, { message: "no bucket" }]);
  });

  it("by hanging: the copy is given up after 90 seconds, and other copies continue", async () => {
    vi.useFakeTimers();
    const { store, real, overrides, copies } = memoryStore();
    overrides.put = (key, ...rest) =>
      key.endsWith("_0") ? real.put(key, ...rest) : HANGING.put(key, ...rest);
    const errors: unknown[] = [];
    const route = routeWith(store, () => new Response("x"), { onError: (error) => errors.push(error) });
    for (const n of [1, 2, 3, 4, 0]) await route.urlFor(cited(`cfile_${n}`));
    const url = await route.urlFor(cited("cfile_1"));
    expect(await (await open(route, url)).text()).toBe("x");
    expect(copies.size).toBe(0);
    await settled(route.keep());
    expect(errors).toHaveLength(4);
    expect(errors[0]).toMatchObject({ message: "a copy into the store made no progress for 90 seconds" });
    expect([...copies.keys()]).toEqual(["cntr_1/cfile_0"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not count as stalled as long as bytes arrive", async () => {
    vi.useFakeTimers();
    const { store, copies } = memoryStore();
    let left = 10;
    const slow = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 60_000));
          if (left-- === 0) controller.close();
          else controller.enqueue(new Uint8Array(1));
        },
      },
      { highWaterMark: 0 },
    );
    const route = routeWith(store, () => new Response(slow));
    await route.urlFor(citation("a.txt"));
    const keeping = route.keep();
    await vi.advanceTimersByTimeAsync(15 * 60_000);
    await keeping;
    expect(copies.get("cntr_1/cfile_1")!.bytes).toHaveLength(10);
  });
});

describe("a store that fails to read", () => {
  const found = (stream: () => ReadableStream<Uint8Array>) => async () => ({
    file: { filename: "plan.docx" },
    size: BYTES.length,
    stream,
  });
  const broken: [string, FileStore["get"], RegExp][] = [
    ["rejects", () => Promise.reject(failing("EACCES", "EACCES: permission denied")), /EACCES/],
    ["returns something else", async () => "a file" as never, /the store's get must return undefined or \{/],
    [
      "does not know a size",
      async () => ({ file: {}, stream: () => {} }) as never,
      /the store's get must return/,
    ],
    [
      "has a stream that fails at once",
      found(() => new ReadableStream({ pull: () => Promise.reject(new Error("gone")) })),
      /gone/,
    ],
    [
      "throws instead of returning a stream",
      found(() => {
        throw new Error("no stream");
      }),
      /no stream/,
    ],
    ["has an empty stream", found(() => new Blob([]).stream()), /the file ended after 0 of 300000 bytes/],
  ];

  it.each(broken)("because it %s: the link works from the container", async (_, get, message) => {
    const { store, overrides, calls } = memoryStore();
    const { route, url, errors } = await setUp({ store });
    const link = await url();
    await route.keep();
    calls.put.length = 0;
    overrides.get = get;
    const answer = await fetch(link);
    expect(Buffer.from(await answer.arrayBuffer()).equals(BYTES)).toBe(true);
    await route.keep();
    expect(errors).toMatchObject([{ message: expect.stringMatching(message) }]);
    expect(calls.put).toEqual([]);
  });

  it.each(broken)("because it %s: an expired container is answered 502, not 410", async (_, get) => {
    const { store, overrides } = memoryStore();
    const { route, url, errors, emulator, container } = await setUp({ store });
    const link = await url();
    await route.keep();
    overrides.get = get;
    emulator.expireContainer(container.id);
    const answer = await fetch(link);
    expect([answer.status, await answer.text()]).toEqual([502, "The file is not available right now."]);
    expect(errors).toMatchObject([
      {},
      { message: "the container has expired, and the store could not be read" },
    ]);
  });

  it("null, which some databases return, means that the store does not have the file", async () => {
    const { store, overrides } = memoryStore();
    overrides.get = async () => null as never;
    const { get, errors, route } = await setUp({ store });
    expect((await get()).status).toBe(200);
    await route.keep();
    expect(errors).toEqual([]);
  });

  describe("because it hangs", () => {
    const errors: unknown[] = [];
    beforeEach(() => {
      vi.useFakeTimers();
      errors.length = 0;
    });
    const onError = (error: unknown) => void errors.push(error);
    const LATE = { message: "the store did not answer within 3 seconds" };

    it("the link works from the container after three seconds, and keep ends", async () => {
      const asked = [gate(), gate()];
      let next = 0;
      const get = () => {
        asked[next++]!.open();
        return HANGING.get("");
      };
      const route = routeWith({ ...HANGING, get }, () => new Response("x"), { onError });
      const url = await route.urlFor(citation("a.txt"));
      const answer = open(route, url);
      for (const one of asked) await one.promise;
      await vi.advanceTimersByTimeAsync(2999);
      expect(errors).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(await (await answer).text()).toBe("x");
      await route.keep();
      expect(errors).toMatchObject([LATE, LATE]);
      expect(vi.getTimerCount()).toBe(0);
    });

    it("the link also works if only the store's stream hangs, and a stream that comes late is cancelled", async () => {
      const asked = gate();
      const late = gate();
      const cancelled = gate();
      const stream = () =>
        new ReadableStream<Uint8Array>({
          async pull(controller) {
            asked.open();
            await late.promise;
            controller.enqueue(new Uint8Array(100));
          },
          cancel: () => cancelled.open(),
        });
      const store = { ...EMPTY, get: async () => ({ file: { filename: "a.txt" }, size: 1000, stream }) };
      const route = routeWith(store, () => new Response("x"), { onError });
      const answer = open(route, await route.urlFor(citation("a.txt")));
      await asked.promise;
      await vi.advanceTimersByTimeAsync(3000);
      expect(await (await answer).text()).toBe("x");
      late.open();
      await cancelled.promise;
      expect(errors).toMatchObject([LATE]);
    });
  });
});

it.each([
  [
    "throws",
    () => {
      throw new Error("mine");
    },
  ],
  ["rejects", async () => Promise.reject(new Error("mine"))],
])("a link works even if the store fails and onError %s", async (_, onError) => {
  const fail = () => Promise.reject(new Error("no"));
  const { get, route } = await setUp({ store: { put: fail, get: fail }, onError });
  expect((await get()).status).toBe(200);
  await route.keep();
});

describe("no key and no secret is in an error, a log, a link or the store", () => {
  const KEY = "sk-secret-k3y";

  it.each([401, 404, 429, 500])("if the API repeats the request in a %d", async (status) => {
    vi.useFakeTimers();
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    const { store, copies } = memoryStore();
    const answers = [new Response("the bytes")];
    const fetch = async (_: unknown, init?: RequestInit) => {
      const sent = JSON.stringify(Object.fromEntries(new Headers(init?.headers)));
      expect(sent).toContain(KEY);
      return (
        answers.pop() ?? Response.json({ error: { message: sent } }, { status, headers: { "x-sent": sent } })
      );
    };
    const client = new OpenAI({ apiKey: KEY, fetch, maxRetries: 0 });
    const route = createFileRoute(client, { secret: SECRET, store, expiresIn: Number.POSITIVE_INFINITY });
    const links = [await route.urlFor(citation("a.txt"))];
    await settled(route.keep());
    links.push(await route.urlFor({ ...citation("b.txt"), file_id: "cfile_2" }));
    await settled(route.keep());
    const answer = await route.handler(new Request(`https://example.com${links[1]}`));
    expect(answer.status).toBeGreaterThan(400);
    expect(copies.size).toBe(1);
    expect(printed).toHaveBeenCalled();
    const text = inspect([links, [...copies], printed.mock.calls, await answer.text(), [...answer.headers]], {
      depth: 20,
      showHidden: true,
      maxStringLength: null,
    });
    const readable = text + links.map((link) => Buffer.from(link.split(".").at(-2)!, "base64url")).join();
    expect(readable).not.toContain(KEY);
    expect(readable).not.toContain(SECRET);
    printed.mockRestore();
  });
});
