/** Tests the proxy with links: the links in its answers, and the files that the links open. */
import OpenAI from "openai";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  answerOf,
  containerOf,
  ENV,
  linkIn,
  newFolder,
  OWN_KEY,
  post,
  serveLinks,
  setUpLinks,
  textOf,
} from "./linked-proxy.js";
import { ask, BYTES, FOUND, KEY, listenEmulator, REQUEST } from "./serving.js";
import { cited, eventsIn } from "./upstream.js";

afterEach(() => void vi.useRealTimers());

const DAY_MS = 86_400_000;

describe("an answer to a request with the proxy's key", () => {
  it("has a link that opens the file, without streaming", async () => {
    const { proxy } = await setUpLinks();
    const text = await answerOf(proxy);
    expect(text).toMatch(/^Download: \[totals\.csv\]\(http:\/\/127\.0\.0\.1:\d+\/files\/[\w.-]+\)$/);
    const opened = await fetch(linkIn(text));
    expect([opened.status, await opened.text()]).toEqual([200, BYTES]);
    const log = await proxy.logged(2);
    expect(log).toMatchObject([
      { method: "POST", path: "/v1/responses", recovered: 1 },
      { method: "GET", path: "/files/…", status: 200, recovered: 0 },
    ]);
    expect(log.some((line) => "otherKey" in line)).toBe(false);
  });

  it("has the link in the deltas of a stream, and in the later events that repeat the text", async () => {
    const { proxy } = await setUpLinks();
    const events = eventsIn(await (await post(proxy, { stream: true })).text());
    const deltas = events.filter(({ type }) => type === "response.output_text.delta");
    const streamed = deltas.map(({ delta }) => delta).join("");
    expect(await (await fetch(linkIn(streamed))).text()).toBe(BYTES);
    const done = events.find(({ type }) => type === "response.output_text.done")!;
    const last = events.at(-1) as unknown as { response: Parameters<typeof textOf>[0] };
    expect([done.text, textOf(last.response)]).toEqual([streamed, streamed]);
  });

  it("has a link in a background response of the official client, and with Azure's header for the key", async () => {
    const { proxy } = await setUpLinks();
    const client = new OpenAI({ apiKey: OWN_KEY, baseURL: proxy.baseURL, maxRetries: 0 });
    let read = await client.responses.create({ ...REQUEST, background: true });
    while (read.status !== "completed") read = await client.responses.retrieve(read.id);
    expect(await (await fetch(linkIn(read.output_text))).text()).toBe(BYTES);
    const own = { authorization: `Bearer ${OWN_KEY}`, "api-key": OWN_KEY };
    expect(await answerOf(proxy, {}, own)).toContain("/files/");
  });

  it("has a link to the public URL, whose host may open links and nothing else", async () => {
    const { upstream } = await listenEmulator();
    const proxy = await serveLinks(upstream, { links: "https://files.example.com/below/" });
    const link = linkIn(await answerOf(proxy));
    expect(link).toMatch(/^https:\/\/files\.example\.com\/below\/files\/[\w.-]+$/);
    const path = new URL(link).pathname.replace("/below", "");
    const headers = { host: "files.example.com" };
    expect((await ask(proxy.url + path, { headers })).text).toBe(BYTES);
    expect((await ask(`${proxy.baseURL}/models`, { headers })).answer.statusCode).toBe(403);
    const other = await ask(proxy.url + path, { headers: { host: "evil.example" } });
    expect(other.answer.statusCode).toBe(403);
  });

  it("has a note in place of a link whose file does not exist, with --missing", async () => {
    const script = () => [
      { type: "python" as const, code: "1", files: { "a.csv": "1" } },
      { type: "message" as const, text: "[a](sandbox:/mnt/data/a.csv) [b](sandbox:/mnt/data/b.csv)" },
    ];
    const { upstream } = await listenEmulator({ script });
    const proxy = await serveLinks(upstream, { missing: "(file not found)" }, ENV, { retries: 0 });
    expect(await answerOf(proxy)).toMatch(/^\[a\]\(http:\S+\) \(file not found\)$/);
  });
});

describe("a request with another key", () => {
  it.each([
    ["another key", { authorization: `Bearer ${KEY}` }],
    ["another key that begins alike", { authorization: `Bearer ${OWN_KEY}2` }],
    ["two keys", { authorization: `Bearer ${OWN_KEY}`, "api-key": KEY }],
    ["an organization of its own", { authorization: `Bearer ${OWN_KEY}`, "openai-organization": "org-2" }],
    ["a project of its own", { authorization: `Bearer ${OWN_KEY}`, "openai-project": "proj_2" }],
  ])("is repaired without links, and the log says so: %s", async (_, headers) => {
    const folder = await newFolder();
    const { proxy, emulator } = await setUpLinks({ keep: folder });
    const answer = (await (await post(proxy, {}, headers)).json()) as OpenAI.Responses.Response;
    expect(textOf(answer as never)).toBe("Download: /mnt/data/totals.csv");
    expect(cited(answer)).toEqual(FOUND);
    expect(await proxy.logged(1)).toMatchObject([{ otherKey: true, recovered: 1 }]);
    expect(await proxy.links.kept(1000)).toBe(true);
    expect(emulator.requests.some(({ path }) => path.endsWith("/content"))).toBe(false);
    const sent = new Set(emulator.requests.map(({ headers: { authorization } }) => authorization));
    expect([...sent]).toEqual([headers.authorization]);
  });

  it("is not one with the proxy's own key, with or without its own project, which gets links", async () => {
    const { upstream } = await listenEmulator();
    const env = { ...ENV, OPENAI_ORG_ID: "org-1", OPENAI_PROJECT_ID: "proj_1" };
    const proxy = await serveLinks(upstream, {}, env);
    const own = { authorization: `bearer ${OWN_KEY}` };
    expect(await answerOf(proxy, {}, { ...own, "openai-project": "proj_1" })).toContain("/files/");
    expect(await answerOf(proxy, {}, own)).toContain("/files/");
  });

  it.each([[{}], [{ authorization: `Basic ${OWN_KEY}` }]])(
    "is marked in the log even if it has no bearer token: %j",
    async (headers) => {
      const { proxy } = await setUpLinks();
      expect((await post(proxy, {}, headers)).status).toBe(401);
      expect(await proxy.logged(1)).toMatchObject([{ status: 401, otherKey: true }]);
    },
  );
});

describe("a link", () => {
  it("answers HEAD, range and conditional requests like the route", async () => {
    const { proxy } = await setUpLinks({ keep: await newFolder() });
    const link = linkIn(await answerOf(proxy));
    await proxy.links.kept(5000);
    const head = await fetch(link, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([
      200,
      String(BYTES.length),
      "",
    ]);
    const part = await fetch(link, { headers: { range: "bytes=4-8" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      `bytes 4-8/${BYTES.length}`,
      BYTES.slice(4, 9),
    ]);
    expect((await fetch(link, { headers: { range: "bytes=999-" } })).status).toBe(416);
    const etag = head.headers.get("etag")!;
    expect((await fetch(link, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await fetch(link, { method: "POST", body: "x" })).status).toBe(405);
  });

  it("without --keep, sends ranges from the container, and answers 410 when the container has expired", async () => {
    const { proxy, emulator } = await setUpLinks();
    const link = linkIn(await answerOf(proxy));
    const part = await fetch(link, { headers: { range: "bytes=4-8" } });
    expect(emulator.requests.at(-1)!.headers).toMatchObject({
      range: "bytes=4-8",
      authorization: `Bearer ${OWN_KEY}`,
    });
    expect([200, 206]).toContain(part.status);
    await part.text();
    emulator.expireContainer(containerOf(emulator));
    expect((await fetch(link)).status).toBe(410);
  });

  it("with --keep, opens when the container has expired, at another proxy and after a restart", async () => {
    const keep = await newFolder();
    const { proxy, emulator, upstream } = await setUpLinks({ links: "https://files.example.com", keep });
    const { pathname } = new URL(linkIn(await answerOf(proxy)));
    expect(await proxy.links.kept(5000)).toBe(true);
    emulator.expireContainer(containerOf(emulator));
    expect(await (await fetch(proxy.url + pathname)).text()).toBe(BYTES);
    await proxy.stop(0);
    const again = await serveLinks(upstream, { links: "https://files.example.com", keep });
    const opened = await fetch(again.url + pathname);
    expect([opened.status, await opened.text()]).toEqual([200, BYTES]);
    expect(opened.headers.get("content-disposition")).toContain("totals.csv");
  });

  it.each<[{ isKept?: true; expires?: number }, number, number]>([
    [{ expires: 60 }, 59_000, 200],
    [{ expires: 60 }, 61_000, 410],
    [{}, 19 * 60_000, 200],
    [{}, 21 * 60_000, 410],
    [{ isKept: true }, 6 * DAY_MS, 200],
    [{ isKept: true }, 8 * DAY_MS, 410],
    [{ isKept: true, expires: Number.POSITIVE_INFINITY }, 1000 * DAY_MS, 200],
  ])("with %j, answers after %d ms with status %d", async ({ isKept = false, ...options }, ms, status) => {
    const keep = isKept ? { keep: await newFolder() } : {};
    // The emulator's clock stands still, so that the container does not expire.
    const { proxy } = await setUpLinks({ ...keep, ...options }, { now: () => 1_800_000_000_000 });
    const link = linkIn(await answerOf(proxy));
    await proxy.links.kept(5000);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
    expect((await fetch(link)).status).toBe(status);
  });

  it("opens at two proxies with one secret and one folder, and its file is copied once", async () => {
    const { upstream, emulator } = await listenEmulator();
    const shared = { links: "https://files.example.com", keep: await newFolder() };
    const first = await serveLinks(upstream, shared);
    const second = await serveLinks(upstream, shared);
    const text = await answerOf(first);
    await first.links.kept(5000);
    expect(await (await fetch(second.url + new URL(linkIn(text)).pathname)).text()).toBe(BYTES);
    expect(emulator.requests.filter(({ path }) => path.endsWith("/content"))).toHaveLength(1);
    // The input of a request to the second proxy has a link of the first proxy. The second proxy replaces this link with the text
    // that the model wrote, as it does with its own links.
    await answerOf(second, { input: [{ role: "assistant", content: text }] });
    const { input } = emulator.requests.findLast(({ method }) => method === "POST")!.body as {
      input: object[];
    };
    expect(input[0]).toEqual({ role: "assistant", content: "Download: /mnt/data/totals.csv" });
  });
});

describe("the proxy with links", () => {
  it("forwards the API's own /files, and answers the health check without contacting the upstream", async () => {
    const { proxy, emulator } = await setUpLinks();
    const uploads = await fetch(`${proxy.baseURL}/files/file-1`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect([uploads.status, emulator.requests.at(-1)!.path]).toEqual([404, "/v1/files/file-1"]);
    const health = await fetch(`${proxy.url}/healthz`);
    expect(await health.text()).toBe('{"status":"ok"}');
    expect(emulator.requests).toHaveLength(1);
  });

  it("copies a file when its link is opened, if the copy failed before", async () => {
    let isDown = true;
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    const { proxy, emulator } = await setUpLinks(
      { keep: await newFolder() },
      {
        intercept: ({ path }) =>
          isDown && path.endsWith("/content") ? new Response(OWN_KEY, { status: 403 }) : undefined,
      },
    );
    const link = linkIn(await answerOf(proxy));
    await proxy.links.kept(5000);
    expect(printed.mock.calls).toEqual([["a file: the API answered 403"]]);
    isDown = false;
    expect(await (await fetch(link)).text()).toBe(BYTES);
    await proxy.links.kept(5000);
    emulator.expireContainer(containerOf(emulator));
    expect(await (await fetch(link)).text()).toBe(BYTES);
    printed.mockRestore();
  });
});
