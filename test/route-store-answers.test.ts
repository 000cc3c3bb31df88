/**
 * Tests that a file route with a store gives the same answer from the container and from the store.
 * This file is long because it covers each header.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { RecordedRequest } from "../src/testing/index.js";
import { citation, setUp } from "./file-route.js";
import { EMPTY, memoryStore, routeWith } from "./memory-store.js";
import { gate } from "./serving.js";

describe("the answers from the container and from the store are equal", () => {
  const PNG = Uint8Array.of(0x89, ...new TextEncoder().encode("PNG\r\n\x1a\n and more of it"));
  const FILES = {
    "digits.txt": "0123456789",
    "empty.txt": "",
    "page.html": "<!doctype html><script>alert(1)</script>",
    "drawing.svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "chart.png": PNG,
    "Übung “1”.csv": "1,2",
  };
  /** Answers like an API that supports ranges and sends its own ETag and date. */
  const ranging =
    (content: Uint8Array<ArrayBuffer>) =>
    (headers: Record<string, string>): Response => {
      const all = {
        "accept-ranges": "bytes",
        etag: '"the API\'s"',
        "last-modified": "Sat, 21 Nov 2026 05:00:00 GMT",
      };
      const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "") ?? [];
      const size = content.length;
      if (from === undefined || (from !== "" && to !== "" && Number(to) < Number(from))) {
        return new Response(content, { headers: { ...all, "content-length": `${size}` } });
      }
      const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
      const end = from === "" || to === "" ? size : Math.min(Number(to) + 1, size);
      if (start >= size)
        return new Response("", { status: 416, headers: { "content-range": `bytes */${size}` } });
      const part = {
        "content-length": `${end - start}`,
        "content-range": `bytes ${start}-${end - 1}/${size}`,
      };
      return new Response(content.subarray(start, end), { status: 206, headers: { ...all, ...part } });
    };
  /** Answers each request with the whole file, in chunks of three bytes. */
  const whole = (content: Uint8Array<ArrayBuffer>) => (): Response => {
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= content.length) return controller.close();
        controller.enqueue(content.slice(at, at + 3));
        at += 3;
      },
    });
    return new Response(body, { headers: { "content-length": `${content.length}` } });
  };

  async function readable(answer: Response) {
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
  }

  /**
   * Opens a link three times: with an empty store in front of an API without ranges, with an empty store in front of an API with
   * ranges, and with a store that has the file.
   */
  async function answersOf(name: string, init: RequestInit) {
    const content = new Uint8Array(Buffer.from(FILES[name as keyof typeof FILES] ?? name));
    const { store } = memoryStore();
    const answers = [];
    for (const [kept, api] of [
      [EMPTY, whole(content)],
      [EMPTY, ranging(content)],
      [store, whole(content)],
    ] as const) {
      const route = routeWith(kept, api);
      const url = await route.urlFor(citation(name));
      await route.keep();
      answers.push(await readable(await route.handler(new Request(`https://example.com${url}`, init))));
    }
    return answers;
  }

  const etagOf = async (name: string) => (await answersOf(name, {}))[0]!.headers.etag!;

  it.each(Object.keys(FILES))("GET and HEAD of %s", async (name) => {
    const [got, ...others] = await answersOf(name, {});
    expect(got!.status).toBe(200);
    expect(got!.headers).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": `${Buffer.from(FILES[name as keyof typeof FILES]).length}`,
      "cache-control": "private",
      "content-security-policy": "sandbox",
      "x-content-type-options": "nosniff",
      etag: expect.stringMatching(/^"[!#-~]+"$/),
    });
    for (const other of others) expect(other).toEqual(got);
    for (const head of await answersOf(name, { method: "HEAD", headers: { range: "bytes=1-2" } })) {
      expect(head).toEqual({ ...got, text: "" });
    }
  });

  it.each([
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=4-100", 206, "456789", "bytes 4-9/10"],
    ["bytes=-2", 206, "89", "bytes 8-9/10"],
    ["bytes=-20", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=10-", 416, "The file has no such range.", "bytes */10"],
    ["bytes=-0", 416, "The file has no such range.", "bytes */10"],
    ["bytes=5-3", 200, "0123456789", undefined],
    ["bytes=0-3,5-6", 200, "0123456789", undefined],
    ["lines=1-2", 200, "0123456789", undefined],
  ])("Range: %s", async (range, status, text, contentRange) => {
    const [got, ...others] = await answersOf("digits.txt", { headers: { range } });
    expect([got!.status, got!.text, got!.headers["content-range"]]).toEqual([status, text, contentRange]);
    if (status !== 416) expect(got!.headers["content-length"]).toBe(`${text.length}`);
    for (const other of others) expect(other).toEqual(got);
  });

  it.each(["bytes=0-", "bytes=-5"])("Range: %s of an empty file", async (range) => {
    for (const answer of await answersOf("empty.txt", { headers: { range } })) {
      expect([answer.status, answer.headers["content-range"]]).toEqual([416, "bytes */0"]);
    }
  });

  it("any range of any file", async () => {
    const offset = fc.oneof(fc.nat(30), fc.constant(""));
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 20 }).filter((name) => !(name in FILES)),
        offset,
        offset,
        async (name, first, last) => {
          const [got, ...others] = await answersOf(name, { headers: { range: `bytes=${first}-${last}` } });
          for (const other of others) expect(other).toEqual(got);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("If-Range", async () => {
    const etag = await etagOf("digits.txt");
    for (const [condition, status] of [
      [etag, 206],
      ['"the API\'s"', 200],
      [`W/${etag}`, 200],
      ["Sat, 21 Nov 2026 05:00:00 GMT", 200],
    ] as const) {
      const headers = { range: "bytes=4-", "if-range": condition };
      const [got, ...others] = await answersOf("digits.txt", { headers });
      expect(got!.status, condition).toBe(status);
      for (const other of others) expect(other).toEqual(got);
    }
  });

  it("If-None-Match", async () => {
    const etag = await etagOf("digits.txt");
    for (const [condition, status] of [
      [etag, 304],
      [`W/${etag}`, 304],
      [`"x", ${etag}`, 304],
      ["*", 304],
      ['"x"', 200],
      [etag.replaceAll('"', ""), 200],
    ] as const) {
      for (const method of ["GET", "HEAD"]) {
        const headers = { "if-none-match": condition, range: "bytes=4-" };
        const [got, ...others] = await answersOf("digits.txt", { method, headers });
        expect(got!.status, condition).toBe(status === 200 && method === "GET" ? 206 : status);
        if (status === 304) {
          expect(got!.text).toBe("");
          expect(got!.headers).toEqual({
            "cache-control": "private",
            "content-security-policy": "sandbox",
            "x-content-type-options": "nosniff",
            etag,
          });
        }
        for (const other of others) expect(other).toEqual(got);
      }
    }
  });

  it.each(["bytes=10-", "bytes=-0", "bytes=30-40"])(
    "If-None-Match with Range: %s, outside the file",
    async (range) => {
      const etag = await etagOf("digits.txt");
      for (const [condition, status] of [
        [etag, 304],
        ["*", 304],
        ['"x"', 416],
      ] as const) {
        const headers = { "if-none-match": condition, range };
        const [got, ...others] = await answersOf("digits.txt", { headers });
        expect(got!.status, condition).toBe(status);
        for (const other of others) expect(other).toEqual(got);
      }
    },
  );

  it("a range outside the file, from an API that does not say the file's length", async () => {
    const terse = ({ range }: Record<string, string>): Response =>
      range
        ? new Response("", { status: 416 })
        : new Response("0123456789", { headers: { "content-length": "10" } });
    const route = routeWith(EMPTY, terse);
    const url = `https://example.com${await route.urlFor(citation("a.txt"))}`;
    const answer = await route.handler(new Request(url, { headers: { range: "bytes=10-" } }));
    expect([answer.status, answer.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  });

  it("over HTTP", async () => {
    const files = { "digits.txt": FILES["digits.txt"] };
    const empty = await setUp({ files, store: EMPTY });
    const { store } = memoryStore();
    const filled = await setUp({ files, store });
    const answers = [];
    for (const { route, emulator, get } of [empty, filled]) {
      await get();
      await route.keep();
      if (route === filled.route) for (const id of emulator.containers.keys()) emulator.expireContainer(id);
      const { status, headers, text } = await readable(await get({ headers: { range: "bytes=2-4" } }));
      const { date, connection, "keep-alive": _, etag, ...said } = headers;
      answers.push([status, said, text]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject([206, { "content-range": "bytes 2-4/10" }, "234"]);
  });

  it("a file of unknown length has neither ranges nor an ETag until it is copied", async () => {
    const { store } = memoryStore();
    const held = gate();
    const route = routeWith(
      { ...store, put: (...args) => held.promise.then(() => store.put(...args)) },
      () => new Response(new Blob(["0123456789"]).stream()),
    );
    const url = await route.urlFor(citation("a.txt"));
    const open = async () =>
      readable(
        await route.handler(new Request(`https://example.com${url}`, { headers: { range: "bytes=2-3" } })),
      );
    const before = await open();
    expect([before.status, before.text, before.headers.etag]).toEqual([200, "0123456789", undefined]);
    held.open();
    await route.keep();
    const after = await open();
    expect([after.status, after.text]).toEqual([206, "23"]);
  });

  it("a file has another ETag if the API sends it with another length", async () => {
    const contents = ["one", "three"];
    const route = routeWith(EMPTY, () => {
      const content = contents[0]!;
      return new Response(content, { headers: { "content-length": `${content.length}` } });
    });
    const url = `https://example.com${await route.urlFor(citation("a.txt"))}`;
    const first = (await route.handler(new Request(url))).headers.get("etag");
    await route.keep();
    contents.shift();
    expect((await route.handler(new Request(url))).headers.get("etag")).not.toBe(first);
  });

  it.each([
    ["another range", { "content-range": "bytes 0-1/10" }],
    ["a range of unknown bytes", {}],
    ["a range of an encoded body", { "content-range": "bytes 4-5/10", "content-encoding": "gzip" }],
  ])("a request is answered 502 if the API sends %s", async (_, headers) => {
    const cancel = vi.fn();
    const errors: unknown[] = [];
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(1));
    const route = routeWith(
      { ...EMPTY, put: () => Promise.reject(new Error("full")) },
      ({ range }) =>
        range
          ? new Response(new ReadableStream({ pull, cancel }), { status: 206, headers })
          : new Response("x"),
      { onError: (error) => errors.push(error) },
    );
    const url = `https://example.com${await route.urlFor(citation("a"))}`;
    await route.keep();
    const answer = await route.handler(new Request(url, { headers: { range: "bytes=4-5" } }));
    expect(answer.status).toBe(502);
    expect(cancel).toHaveBeenCalledTimes(1);
    expect(errors).toHaveLength(2);
  });
});

describe("if the API sends only a part of the requested range, or does not say the file's length", () => {
  const DIGITS = "0123456789";
  const full = { put: () => Promise.reject(new Error("full")), get: async () => undefined };

  /**
   * Opens a link to a file of ten digits. If the route requests a range, the API sends the digits from `start` to `end`, whatever
   * the range is. RFC 9110 allows an API to send less than the requested range.
   */
  async function opened(
    range: string,
    [start, end, size]: [start: number, end: number, size: string],
    more: Record<string, string> = {},
  ) {
    const asked: (string | undefined)[] = [];
    const route = routeWith(full, ({ range }) => {
      asked.push(range);
      if (range === undefined) return new Response(DIGITS, { headers: { "content-length": "10" } });
      const headers = {
        "content-length": `${end - start}`,
        "content-range": `bytes ${start}-${end - 1}/${size}`,
      };
      return new Response(DIGITS.slice(start, end), { status: 206, headers });
    });
    const url = `https://example.com${await route.urlFor(citation("a.txt"))}`;
    await route.keep();
    const etag = (await route.handler(new Request(url))).headers.get("etag");
    await route.keep();
    asked.length = 0;
    const answer = await route.handler(new Request(url, { headers: { range, ...more } }));
    return { answer, asked: asked[0], etag };
  }

  it.each([
    ["bytes=0-", [0, 4, "10"]],
    ["bytes=2-8", [2, 3, "10"]],
    ["bytes=-6", [4, 6, "10"]],
    ["bytes=2-20", [2, 10, "10"]],
    ["bytes=0-", [0, 4, "*"]],
    ["bytes=2-8", [2, 9, "*"]],
    ["bytes=2-8", [2, 4, "*"]],
    ["bytes=-6", [4, 10, "*"]],
  ] as const)("the route passes the part on for %s: %j", async (range, [start, end, size]) => {
    const { answer, asked, etag } = await opened(range, [start, end, size]);
    expect(asked).toBe(range);
    expect([answer.status, await answer.text()]).toEqual([206, DIGITS.slice(start, end)]);
    expect(answer.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/${size}`);
    expect(answer.headers.get("content-length")).toBe(`${end - start}`);
    // The ETag contains the file's length. If the API does not say this length, there is no ETag.
    expect(answer.headers.get("etag")).toBe(size === "*" ? null : etag);
  });

  it.each([
    ["bytes=2-4", [2, 6, "10"]],
    ["bytes=2-4", [3, 4, "10"]],
    ["bytes=2-4", [1, 5, "*"]],
    ["bytes=2-4", [2, 6, "*"]],
    ["bytes=2-4", [2, 5, "4"]],
    ["bytes=2-4", [2, 1, "10"]],
    ["bytes=2-4", [2, 5, "1e1"]],
  ] as const)(
    "the route answers 502 to a part that starts too late, has bytes that were not requested or contradicts itself: %s, %j",
    async (range, part) => {
      expect((await opened(range, [...part])).answer.status).toBe(502);
    },
  );

  it("the route answers a request with If-Range from the whole file", async () => {
    const { etag } = await opened("bytes=0-", [0, 4, "10"]);
    const { answer, asked } = await opened("bytes=4-5", [0, 4, "10"], { "if-range": etag! });
    expect(asked).toBeUndefined();
    expect([answer.status, await answer.text()]).toEqual([206, "45"]);
  });
});

it("sends a Range to the API, but not with If-Range, as the API does not know the route's ETag", async () => {
  const seen: (string | undefined)[][] = [];
  const intercept = ({ path, headers }: RecordedRequest) => {
    if (path.endsWith("/content")) seen.push([headers.range, headers["if-range"]]);
    return undefined;
  };
  const { get, route } = await setUp({ store: EMPTY, intercept });
  await get();
  await route.keep();
  seen.length = 0;
  for (const headers of [{ range: "bytes=4-" }, { range: "bytes=4-", "if-range": '"x"' }] as const) {
    await (await get({ headers })).arrayBuffer();
  }
  await route.keep();
  expect(seen).toContainEqual(["bytes=4-", undefined]);
  expect(seen.filter(([range]) => range !== undefined)).toHaveLength(1);
});
