/** Tests which bytes the file route sends: a stream for GET, a part for a range, and none for HEAD. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import type { RecordedRequest } from "../src/testing/index.js";
import { citation, routeOf, SECRET, setUp } from "./file-route.js";
import { gate } from "./serving.js";

describe("HEAD", () => {
  it("gets the headers of GET without the body", async () => {
    const { get } = await setUp();
    const whole = await get();
    await whole.arrayBuffer();
    const head = await get({ method: "HEAD" });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    const { date, connection, "keep-alive": _, ...said } = Object.fromEntries(whole.headers);
    expect(Object.fromEntries(head.headers)).toMatchObject(said);
  });

  it("reads only as much of the file as its media type needs", async () => {
    let sent = 0;
    let isCancelled = false;
    const route = routeOf(
      () =>
        new Response(
          new ReadableStream<Uint8Array>(
            {
              pull(controller) {
                sent++;
                controller.enqueue(new Uint8Array(1000));
              },
              cancel() {
                isCancelled = true;
              },
            },
            { highWaterMark: 0 },
          ),
        ),
    );
    const url = `https://example.com${await route.urlFor(citation("a.bin"))}`;
    expect((await route.handler(new Request(url, { method: "HEAD" }))).status).toBe(200);
    expect([sent, isCancelled]).toEqual([1, true]);
  });

  it("gets only a status for a failure", async () => {
    const { getPath } = await setUp();
    const answer = await getPath("/files/x", { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([403, ""]);
  });
});

describe("Range", () => {
  /** Answers like an API that supports ranges (RFC 9110). The file has ten bytes. */
  const ranging = ({ path, headers }: RecordedRequest): Response | undefined => {
    if (!path.endsWith("/content")) return undefined;
    const all = { "accept-ranges": "bytes", etag: '"v1"', "last-modified": "Sat, 21 Nov 2026 05:00:00 GMT" };
    const answer = (text: string, status: number, more = {}) =>
      new Response(text, { status, headers: { ...all, "content-length": String(text.length), ...more } });
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "") ?? [];
    if (from === undefined || (headers["if-range"] ?? '"v1"') !== '"v1"') return answer("0123456789", 200);
    const start = from === "" ? 10 - Number(to) : Number(from);
    const end = from === "" || to === "" ? 9 : Math.min(Number(to), 9);
    if (start > 9) return answer("", 416, { "content-range": "bytes */10" });
    return answer("0123456789".slice(start, end + 1), 206, { "content-range": `bytes ${start}-${end}/10` });
  };
  const files = { "digits.txt": "0123456789" };

  it.each([
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=-2", 206, "89", "bytes 8-9/10"],
    ["bytes=0-3,5-6", 200, "0123456789", null],
    ["lines=1-2", 200, "0123456789", null],
  ])("%s is answered %d", async (range, status, text, contentRange) => {
    const { get } = await setUp({ files, intercept: ranging });
    const answer = await get({ headers: { range } });
    expect([answer.status, await answer.text(), answer.headers.get("content-range")]).toEqual([
      status,
      text,
      contentRange,
    ]);
    expect(answer.headers.get("content-length")).toBe(String(text.length));
    expect(answer.headers.get("accept-ranges")).toBe("bytes");
    expect(answer.headers.get("etag")).toBe('"v1"');
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  });

  it("gets the whole file if it has changed since If-Range", async () => {
    const { get } = await setUp({ files, intercept: ranging });
    expect((await get({ headers: { range: "bytes=4-", "if-range": '"v1"' } })).status).toBe(206);
    expect((await get({ headers: { range: "bytes=4-", "if-range": '"v0"' } })).status).toBe(200);
  });

  it("outside the file is answered 416 with the file's size", async () => {
    const { get, errors } = await setUp({ files, intercept: ranging });
    const answer = await get({ headers: { range: "bytes=10-" } });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    expect(errors).toEqual([]);
  });

  it("is ignored for HEAD", async () => {
    const { get, asked } = await setUp({ files, intercept: ranging });
    const head = await get({ method: "HEAD", headers: { range: "bytes=4-" } });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
    expect(asked()[0]!.headers.range).toBeUndefined();
  });

  it("is ignored if the API ignores it", async () => {
    const { get } = await setUp({ files });
    const answer = await get({ headers: { range: "bytes=4-" } });
    expect([answer.status, await answer.text(), answer.headers.get("accept-ranges")]).toEqual([
      200,
      "0123456789",
      null,
    ]);
  });

  it("of an encoded body is an error, because the range counts encoded bytes", async () => {
    const headers = { "content-range": "bytes 4-9/10", "content-encoding": "gzip" };
    const route = routeOf(() => new Response("456789", { status: 206, headers }));
    const url = `https://example.com${await route.urlFor(citation("a"))}`;
    expect((await route.handler(new Request(url, { headers: { range: "bytes=4-" } }))).status).toBe(502);
  });
});

describe("streaming", () => {
  /** Returns a body whose chunks the test enqueues. */
  function fed() {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const cancelled = vi.fn();
    const body = new ReadableStream<Uint8Array>({
      start: (given) => {
        controller = given;
      },
      cancel: cancelled,
    });
    const send = (text: string) => controller.enqueue(new TextEncoder().encode(text));
    return {
      body,
      send,
      cancelled,
      fail: (error: Error) => controller.error(error),
      end: () => controller.close(),
    };
  }

  it("sends a chunk before the next one has arrived", async () => {
    const { body, send, end } = fed();
    const route = routeOf(() => new Response(body));
    const answering = route.handler(
      new Request(`https://example.com${await route.urlFor(citation("a.txt"))}`),
    );
    send("0123456789");
    send("abcdefghij");
    const reader = (await answering).body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe("0123456789");
    expect((await reader.read()).value).toBe("abcdefghij");
    send("more");
    expect((await reader.read()).value).toBe("more");
    end();
    expect((await reader.read()).done).toBe(true);
  });

  it("reads no further than the consumer does", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++;
          controller.enqueue(new Uint8Array(1000));
        },
      },
      { highWaterMark: 0 },
    );
    const route = routeOf(() => new Response(body));
    const answer = await route.handler(
      new Request(`https://example.com${await route.urlFor(citation("a"))}`),
    );
    const reader = answer.body!.getReader();
    await reader.read();
    expect(pulled).toBe(1);
    await reader.read();
    expect(pulled).toBe(2);
  });

  it("cancels the API's body when the consumer cancels", async () => {
    const { body, send, cancelled } = fed();
    const route = routeOf(() => new Response(body));
    const answering = route.handler(new Request(`https://example.com${await route.urlFor(citation("a"))}`));
    send("0123456789abcdef");
    await (await answering).body!.cancel(new Error("left"));
    expect(cancelled).toHaveBeenCalledTimes(1);
  });

  it("closes the connection to the API when the browser disconnects", async () => {
    const { body, send, cancelled } = fed();
    const left = gate();
    cancelled.mockImplementation(() => left.open());
    const intercept = ({ path }: RecordedRequest) =>
      path.endsWith("/content") ? new Response(body) : undefined;
    const { get } = await setUp({ intercept });
    send("0123456789abcdef");
    const controller = new AbortController();
    const answer = await get({ signal: controller.signal });
    await answer.body!.getReader().read();
    controller.abort();
    await left.promise;
  });

  it("aborts the request to the API when the browser's request is aborted, without calling onError", async () => {
    const controller = new AbortController();
    const asked = gate<AbortSignal | undefined>();
    const errors: unknown[] = [];
    const retrieve = (_: string, __: unknown, { signal }: { signal?: AbortSignal }) => {
      asked.open(signal);
      return new Promise<Response>((_, reject) =>
        signal?.addEventListener("abort", () => reject(new Error("aborted"))),
      );
    };
    const route = createFileRoute(
      { containers: { files: { content: { retrieve } } } },
      { secret: SECRET, onError: (error) => errors.push(error) },
    );
    const url = `https://example.com${await route.urlFor(citation("a"))}`;
    const answering = route.handler(new Request(url, { signal: controller.signal }));
    expect(await asked.promise).toBeInstanceOf(AbortSignal);
    controller.abort();
    expect((await answering).status).toBe(502);
    expect(errors).toEqual([]);
  });

  it("fails in the middle if the API's body does", async () => {
    const { body, send, fail } = fed();
    const route = routeOf(() => new Response(body));
    const answering = route.handler(new Request(`https://example.com${await route.urlFor(citation("a"))}`));
    send("0123456789abcdef");
    const answer = await answering;
    fail(new Error("reset"));
    await expect(answer.text()).rejects.toThrow("reset");
  });

  it("answers 502 if the API's body fails before its first byte", async () => {
    const { body, send, fail } = fed();
    const route = routeOf(() => new Response(body));
    const answering = route.handler(new Request(`https://example.com${await route.urlFor(citation("a"))}`));
    send("012");
    fail(new Error("reset"));
    expect((await answering).status).toBe(502);
  });

  it.each([[""], [null]])("sends an empty file: %j", async (body) => {
    const route = routeOf(() => new Response(body));
    const answer = await route.handler(
      new Request(`https://example.com${await route.urlFor(citation("a.txt"))}`),
    );
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  it("sends the same file in chunks of any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 })), async (chunks) => {
        const route = routeOf(
          () =>
            new Response(
              new ReadableStream({
                start(controller) {
                  for (const chunk of chunks) controller.enqueue(chunk.slice());
                  controller.close();
                },
              }),
            ),
        );
        const url = `https://example.com${await route.urlFor(citation("a"))}`;
        const answer = await route.handler(new Request(url));
        expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.concat(chunks))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
