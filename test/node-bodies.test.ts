/**
 * Tests downloads through a client on node-fetch: bodies are streams of Node.js, and headers have node-fetch's own class.
 */
import { once } from "node:events";
import { Readable } from "node:stream";
import OpenAI from "openai";
import { expect, it, vi } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { saveFiles, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { citation, SECRET } from "./file-route.js";
import { EMPTY, memoryStore } from "./memory-store.js";
import { citing, memory, settled } from "./saving.js";

/** Stands for node-fetch's `Headers`, which is not the same class as the global `Headers`. */
class OwnHeaders {
  readonly #headers: Headers;
  constructor(init: HeadersInit = {}) {
    this.#headers = new Headers(init);
  }
  get = (name: string) => this.#headers.get(name);
  has = (name: string) => this.#headers.has(name);
  entries = () => this.#headers.entries();
  [Symbol.iterator] = () => this.#headers.entries();
}

/** Makes a response as node-fetch does. */
function nodeResponse(body: Readable, status = 200, headers: HeadersInit = {}) {
  const bytes = async () => Buffer.concat(await body.toArray());
  return {
    ...{ ok: status < 300, status, statusText: "", url: "", headers: new OwnHeaders(headers), body },
    text: async () => String(await bytes()),
    json: async () => JSON.parse(String(await bytes())),
  } as unknown as Response;
}

const { fetch } = globalThis;
async function nodeFetch(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const { body, status, headers } = await fetch(url, init);
  return nodeResponse(body ? Readable.fromWeb(body as never) : Readable.from([]), status, headers);
}

/** Returns a client whose downloads are answered by `answer`. */
const clientOf = (answer: (headers: Record<string, string>) => Response) => ({
  containers: {
    files: {
      content: {
        retrieve: async (_: string, __: unknown, { headers = {} }: { headers?: Record<string, string> }) =>
          answer(headers),
      },
    },
  },
});

const open = async (
  client: Parameters<typeof createFileRoute>[0],
  options: Partial<Parameters<typeof createFileRoute>[1]> = {},
  init: RequestInit = {},
) => {
  const route = createFileRoute(client, { secret: SECRET, onError: () => {}, ...options });
  const url = `https://example.com${await route.urlFor(citation("a.txt"))}`;
  const answer = await route.handler(new Request(url, init));
  await route.keep();
  return answer;
};

it("saves, serves and keeps files over HTTP", async () => {
  const text = "x".repeat(200_000);
  const server = await createResponsesEmulator({
    script: stubbornModel({ files: { "a.txt": text } }),
  }).listen();
  const client = withFileCitations(new OpenAI({ apiKey: "k", baseURL: server.baseURL, fetch: nodeFetch }));
  const response = await client.responses.create({
    model: "gpt-5",
    input: "x",
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  });
  const { sink, kept } = memory();
  const { saved, failed } = await saveFiles(client, response, sink, { retries: 0 });
  expect(failed).toEqual([]);
  expect(kept.get("a.txt")?.toString()).toBe(text);
  const [{ file }] = saved as [(typeof saved)[0]];
  const { store, copies } = memoryStore();
  for (const options of [{}, { store: EMPTY }, { store }]) {
    const errors: unknown[] = [];
    const route = createFileRoute(client, {
      secret: SECRET,
      onError: (error) => errors.push(error),
      ...options,
    });
    const url = `https://example.com${await route.urlFor(file as never)}`;
    const answer = await route.handler(new Request(url));
    expect([answer.status, await answer.text()]).toEqual([200, text]);
    await route.keep();
    expect(errors).toEqual([]);
  }
  expect(copies.size).toBe(1);
  await server.close();
});

it("passes on the headers of the response", async () => {
  const headers = { "content-length": "2", "content-range": "bytes 4-5/10", etag: '"v1"' };
  const client = clientOf(() => nodeResponse(Readable.from([Buffer.from("45")]), 206, headers));
  const answer = await open(client, {}, { headers: { range: "bytes=4-5" } });
  expect([answer.status, await answer.text()]).toEqual([206, "45"]);
  expect(Object.fromEntries(answer.headers)).toMatchObject(headers);
});

it("destroys a body that is not needed: for HEAD, for an error status and after a redirect", async () => {
  const endless = () => new Readable({ read: () => {} });
  const started = () => {
    const body = endless();
    body.push(Buffer.alloc(100));
    return body;
  };
  const redirected = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("elsewhere"));
  const location = "https://storage.example/a";
  for (const [body, status, expected, init] of [
    [started(), 200, 200, { method: "HEAD" }],
    [endless(), 404, 410, {}],
    [endless(), 302, 200, {}],
  ] as const) {
    const closed = once(body, "close");
    const client = clientOf(() => nodeResponse(body, status, status === 302 ? { location } : {}));
    const answer = await open(client, {}, init);
    expect(answer.status).toBe(expected);
    await closed;
  }
  expect(redirected.mock.calls.map(([url]) => url)).toEqual([location]);
  redirected.mockRestore();
});

it("fails if the body breaks", async () => {
  const client = clientOf(() =>
    nodeResponse(
      new Readable({
        read() {
          this.destroy(new Error("reset"));
        },
      }),
    ),
  );
  const { failed } = await saveFiles(client, citing("a"), memory().sink, { retries: 0 });
  expect(failed).toMatchObject([{ error: { message: "reset" } }]);
  expect((await open(client)).status).toBe(502);
});

it("waits as long as Retry-After says", async () => {
  vi.useFakeTimers();
  let asked = 0;
  const client = clientOf(() => {
    if (asked++ === 0) return nodeResponse(Readable.from([]), 429, { "retry-after": "20" });
    return nodeResponse(Readable.from([Buffer.from("done")]));
  });
  const { sink, kept } = memory();
  const saving = saveFiles(client, citing("a"), sink);
  await vi.advanceTimersByTimeAsync(19_000);
  expect(asked).toBe(1);
  await settled(saving);
  expect(kept.get("a")?.toString()).toBe("done");
  vi.useRealTimers();
  const busy = clientOf(() => nodeResponse(Readable.from([]), 429, { "retry-after": "20" }));
  const answer = await open(busy);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "20"]);
});

it.each([
  ["of node-fetch", (sent: string) => new OwnHeaders({ "x-sent": sent })],
  ["in a plain object", (sent: string) => ({ "x-sent": sent })],
  ["that cannot be read", (sent: string) => ({ "x sent": sent })],
])("keeps the server's text out of errors with headers %s", async (_, headersOf) => {
  const errors: unknown[] = [];
  const text = "you sent sk-secret";
  const client = clientOf(() => {
    throw Object.assign(new Error(text), { status: 500, headers: headersOf(text), error: text });
  });
  const { failed } = await saveFiles(client, citing("a"), memory().sink, { retries: 0 });
  expect(failed).toMatchObject([{ error: { message: "the API answered 500" } }]);
  await open(client, { onError: (error: unknown) => errors.push(error) });
  expect(errors).toMatchObject([{ message: "the API answered 500" }]);
  expect(JSON.stringify([failed, errors])).not.toContain("sk-secret");
});
