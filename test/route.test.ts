import { build } from "esbuild";
import fc from "fast-check";
import { SignJWT } from "jose";
import OpenAI from "openai";
import OpenAI5 from "openai-5";
import OpenAI7 from "openai-7";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createFileRoute, type FileRouteOptions } from "../src/files/route.js";
import { safeName } from "../src/files/safe-name.js";
import { collectFiles, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, type RecordedRequest, stubbornModel } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";

const SECRET = "a secret that is long enough to sign with";
const OTHER_SECRET = "another secret that is long enough as well";
const BYTES = new Uint8Array(300_000).map((_, at) => (at * 7) % 251);
const PNG = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="),
  (character) => character.charCodeAt(0),
);
const REQUEST = {
  model: "gpt-5",
  input: "x",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};

// The SDKs have types of their own; the calls made here are the same in each.
const SDKS = [
  ["openai 5", OpenAI5 as unknown as typeof OpenAI],
  ["openai 6", OpenAI],
  ["openai 7", OpenAI7 as unknown as typeof OpenAI],
] as const;

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const server of servers.splice(0)) await server.close();
});

/** The API and the route, each on HTTP, and one file in a container. */
async function setUp({
  Client = OpenAI as typeof OpenAI,
  files = { "plan.docx": BYTES } as Record<string, string | Uint8Array>,
  intercept = (_: RecordedRequest): Response | undefined => undefined,
  ...options
}: Partial<FileRouteOptions> & {
  Client?: typeof OpenAI;
  files?: Record<string, string | Uint8Array>;
  intercept?: (request: RecordedRequest) => Response | undefined;
} = {}) {
  const emulator = createResponsesEmulator({ apiKey: "sk-secret", intercept });
  const api = await emulator.listen();
  const client = new Client({ apiKey: "sk-secret", baseURL: api.baseURL, maxRetries: 0 });
  const errors: unknown[] = [];
  const route = createFileRoute(client, {
    secret: SECRET,
    onError: (error) => void errors.push(error),
    ...options,
  });
  const server = await listen(route.handler, {});
  servers.push(server, api);
  const container = emulator.createContainer({ files });
  const { data } = await client.containers.files.list(container.id);
  const file = { ...data[0]!, bytes: data[0]!.bytes ?? null };
  const before = emulator.requests.length;
  return {
    ...{ emulator, client, route, errors, file, container },
    url: async () => server.url + (await route.urlFor(file)),
    get: async (init: RequestInit = {}) => fetch(server.url + (await route.urlFor(file)), init),
    getPath: (path: string, init: RequestInit = {}) => fetch(server.url + path, init),
    asked: () => emulator.requests.slice(before),
  };
}

/** A route in front of an API that a test answers itself, for what no HTTP shows. */
function routeOf(
  answer: (options: {
    headers: Record<string, string>;
    signal?: AbortSignal;
  }) => Response | Promise<Response>,
) {
  const retrieve = async (_: string, __: unknown, options: Parameters<typeof answer>[0]) => answer(options);
  return createFileRoute(
    { containers: { files: { content: { retrieve } } } },
    { secret: SECRET, onError: () => {} },
  );
}

const citation = (filename: string) => ({
  type: "container_file_citation" as const,
  container_id: "cntr_1",
  file_id: "cfile_1",
  filename,
  start_index: 0,
  end_index: 0,
});

describe.each(SDKS)("%s over real HTTP", (_, Client) => {
  it("a cited file comes through its link, whole, without a key", async () => {
    const emulator = createResponsesEmulator({
      script: stubbornModel({ files: { "plan.docx": BYTES } }),
      apiKey: "sk-secret",
    });
    const api = await emulator.listen();
    const client = withFileCitations(new Client({ apiKey: "sk-secret", baseURL: api.baseURL }));
    const route = createFileRoute(client, { secret: SECRET, basePath: "/api/files/" });
    const server = await listen(route.handler, {});
    servers.push(server, api);

    const [file] = collectFiles(await client.responses.create(REQUEST));
    if (file?.kind !== "container-file") throw new Error("no file");
    const url = await route.urlFor(file);
    expect(url).toMatch(/^\/api\/files\/[\w-]+\.[\w-]+\.[\w-]+$/);
    const answer = await fetch(server.url + url);
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer()).equals(BYTES)).toBe(true);
    const { date, connection, "keep-alive": __, ...headers } = Object.fromEntries(answer.headers);
    expect(headers).toEqual({
      "cache-control": "private",
      "content-disposition": "attachment; filename=plan.docx",
      "content-length": String(BYTES.length),
      "content-security-policy": "sandbox",
      "content-type": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
      "x-content-type-options": "nosniff",
    });
  });

  it("a container that has expired is 410, in words", async () => {
    const { get, emulator, container, errors } = await setUp({ Client });
    emulator.expireContainer(container.id);
    const answer = await get();
    expect([answer.status, await answer.text()]).toEqual([
      410,
      "This file is gone: its container has expired.",
    ]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(errors).toEqual([]);
  });

  it.each([
    [401, 502, "The file cannot be had right now."],
    [403, 502, "The file cannot be had right now."],
    [429, 503, "Too many requests."],
    [500, 502, "The file cannot be had right now."],
    [503, 502, "The file cannot be had right now."],
  ])("the API's %d is %d, without a word of the API's own", async (status, expected, text) => {
    const intercept = ({ path }: RecordedRequest) =>
      path.endsWith("/content")
        ? Response.json(
            { error: { message: "Incorrect API key provided: sk-secret" } },
            { status, headers: { "retry-after": "7", "x-request-id": "req_1" } },
          )
        : undefined;
    const { get, errors } = await setUp({ Client, intercept });
    const answer = await get();
    expect([answer.status, await answer.text()]).toEqual([expected, text]);
    expect(answer.headers.get("retry-after")).toBe(status === 429 ? "7" : null);
    expect(JSON.stringify([...answer.headers])).not.toMatch(/sk-|req_/);
    expect(errors).toMatchObject([{ status }]);
  });
});

it("an API that is not there is 502", async () => {
  const { get, errors } = await setUp();
  await servers[1]!.close();
  const answer = await get();
  expect([answer.status, await answer.text()]).toEqual([502, "The file cannot be had right now."]);
  expect(errors).toHaveLength(1);
});

it("a link is made of a citation, of what collectFiles found, of a container's list", async () => {
  const { route } = await setUp({ basePath: "https://example.com/files" });
  vi.useFakeTimers({ now: 0, toFake: ["Date"] });
  const urls = await Promise.all([
    route.urlFor(citation("plan.docx")),
    route.urlFor({ kind: "container-file", containerId: "cntr_1", fileId: "cfile_1", filename: "plan.docx" }),
    route.urlFor({
      id: "cfile_1",
      container_id: "cntr_1",
      path: "/mnt/data/out/plan.docx",
      source: "assistant",
      created_at: 1,
    }),
  ]);
  expect(new Set(urls).size).toBe(1);
  expect(urls[0]).toMatch(/^https:\/\/example\.com\/files\/[\w.-]+$/);
  const payload = JSON.parse(atob(urls[0]!.split(".").at(-2)!.replaceAll("-", "+").replaceAll("_", "/")));
  expect(payload).toEqual({
    ...{ c: "cntr_1", f: "cfile_1", n: "plan.docx" },
    ...{ aud: "openai-file-citations", exp: 1200 },
  });
});

it.each([
  ["/", "/"],
  ["/a/b//", "/a/b/"],
  ["http://localhost:3000", "http://localhost:3000/"],
])("basePath %j", async (basePath, expected) => {
  const { route } = await setUp({ basePath });
  expect((await route.urlFor(citation("a"))).replace(/[^/]*$/, "")).toBe(expected);
});

describe("a link that was not made here is 403, and the API is never asked", () => {
  const key = new TextEncoder().encode(SECRET);
  const claims = { c: "cntr_1", f: "cfile_1", n: "a.txt" };
  const forged = (
    payload: Record<string, unknown> = claims,
    { alg = "HS256", secret = key, audience = "openai-file-citations", expires = "1h" } = {},
  ) => {
    const token = new SignJWT(payload).setProtectedHeader({ alg }).setExpirationTime(expires);
    return (audience === "" ? token : token.setAudience(audience)).sign(secret);
  };
  const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

  it("whatever was changed, left out or made up", async () => {
    const { getPath, route, file, asked, emulator } = await setUp();
    const token = (await route.urlFor(file)).replace("/files/", "");
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const read = JSON.parse(Buffer.from(payload, "base64url").toString());
    const long = new TextEncoder().encode(SECRET.repeat(4));
    const tokens = {
      nothing: "",
      garbage: "a.b.c",
      "another file": [header, base64url({ ...read, f: "cfile_2" }), signature].join("."),
      "another container": [header, base64url({ ...read, c: "cntr_2" }), signature].join("."),
      "a later expiry": [header, base64url({ ...read, exp: read.exp + 1 }), signature].join("."),
      "another name": [header, base64url({ ...read, n: "evil.html" }), signature].join("."),
      "no signature": `${header}.${payload}.`,
      "no signature part": `${header}.${payload}`,
      "a shorter signature": token.slice(0, -1),
      "half of it": token.slice(0, token.length / 2),
      twice: token + token,
      "alg none": [base64url({ alg: "none" }), payload, ""].join("."),
      "alg none, signed": [base64url({ alg: "none" }), payload, signature].join("."),
      "alg nOnE": [base64url({ alg: "nOnE" }), payload, ""].join("."),
      "alg HS512": await forged(claims, { alg: "HS512", secret: long }),
      "another secret": await forged(claims, { secret: new TextEncoder().encode(OTHER_SECRET) }),
      "another audience": await forged(claims, { audience: "somebody-else" }),
      "no audience": await forged(claims, { audience: "" }),
      "no expiry": await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256" })
        .setAudience("openai-file-citations")
        .sign(key),
      "no file": await forged({ c: "cntr_1", n: "a" }),
      "no name": await forged({ c: "cntr_1", f: "cfile_1" }),
      "an id that leads elsewhere": await forged({ ...claims, f: "../../files" }),
      "an id that is none": await forged({ ...claims, c: { toString: "cntr_1" } }),
      "a header that is critical": [base64url({ alg: "HS256", crit: ["x"], x: 1 }), payload, signature].join(
        ".",
      ),
    };
    for (const [what, changed] of Object.entries(tokens)) {
      const answer = await getPath(`/files/${changed}`);
      expect([answer.status, await answer.text()], what).toEqual([403, "This link is not valid."]);
    }
    for (const path of [
      "/",
      `/files/${token}/`,
      `/files/${token}/x`,
      `/files/x?token=${token}`,
      `/files/x#${token}`,
    ]) {
      expect((await getPath(path)).status, path).toBe(403);
    }
    expect(asked()).toEqual([]);
    expect((await getPath(`/anywhere/else/${token}?utm_source=mail`)).status).toBe(200);
    expect(emulator.requests.at(-1)!.path).toBe(
      `/v1/containers/${file.container_id}/files/${file.id}/content`,
    );
  });

  it("whatever text stands in its place", async () => {
    const route = routeOf(() => expect.unreachable());
    const token = (await route.urlFor(citation("a"))).replace("/files/", "");
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.webPath(),
          fc.string().map((text) => `/${encodeURIComponent(text)}`),
          fc
            .tuple(fc.nat(token.length - 1), fc.constantFrom("A", "B", "_", ".", "", "="))
            .map(([at, character]) => `/${token.slice(0, at)}${character}${token.slice(at + 1)}`)
            .filter((path) => path !== `/${token}`),
        ),
        async (path) => {
          const answer = await route.handler(new Request(`https://example.com/files${path}`));
          // A last character has bits that count for nothing, and a token with other ones is the same.
          if (answer.status === 502) expect(path.slice(0, -1)).toBe(`/${token.slice(0, -1)}`);
          else expect(answer.status).toBe(403);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

it("a link opens for as long as it was made for, and is 410 from then on", async () => {
  const { url, asked } = await setUp({ expiresIn: 60 });
  vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ["Date"] });
  const link = await url();
  vi.setSystemTime(1_800_000_059_999);
  expect((await fetch(link)).status).toBe(200);
  vi.setSystemTime(1_800_000_060_000);
  const answer = await fetch(link);
  expect([answer.status, await answer.text()]).toEqual([410, "This link has expired."]);
  expect(asked()).toHaveLength(1);
});

it("secrets can be rotated: the first signs, all are taken", async () => {
  const client = new OpenAI({
    apiKey: "k",
    fetch: async () => new Response("x"),
  });
  const statusOf = async (by: FileRouteOptions["secret"], opened: FileRouteOptions["secret"]) => {
    const url = await createFileRoute(client, { secret: by }).urlFor(citation("a"));
    const { handler } = createFileRoute(client, { secret: opened });
    return (await handler(new Request(`https://example.com${url}`))).status;
  };
  expect(await statusOf(OTHER_SECRET, [SECRET, OTHER_SECRET])).toBe(200);
  expect(await statusOf([SECRET, OTHER_SECRET], SECRET)).toBe(200);
  expect(await statusOf([SECRET, OTHER_SECRET], OTHER_SECRET)).toBe(403);
  expect(await statusOf(OTHER_SECRET, SECRET)).toBe(403);
  expect(await statusOf(SECRET, new TextEncoder().encode(SECRET))).toBe(200);
});

it.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("%s is 405", async (method) => {
  const { get, asked } = await setUp();
  const answer = await get({ method });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect(asked()).toEqual([]);
});

describe("HEAD", () => {
  it("is GET without the body", async () => {
    const { get } = await setUp();
    const whole = await get();
    await whole.arrayBuffer();
    const head = await get({ method: "HEAD" });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    const { date, connection, "keep-alive": _, ...said } = Object.fromEntries(whole.headers);
    expect(Object.fromEntries(head.headers)).toMatchObject(said);
  });

  it("reads no more of the file than tells what it is", async () => {
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

  it("says what went wrong by its status alone", async () => {
    const { getPath } = await setUp();
    const answer = await getPath("/files/x", { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([403, ""]);
  });
});

describe("Range", () => {
  /** An API that does ranges of ten bytes, as RFC 9110 says. */
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
  ])("%s", async (range, status, text, contentRange) => {
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

  it("of a file that has changed is the whole of it, by If-Range", async () => {
    const { get } = await setUp({ files, intercept: ranging });
    expect((await get({ headers: { range: "bytes=4-", "if-range": '"v1"' } })).status).toBe(206);
    expect((await get({ headers: { range: "bytes=4-", "if-range": '"v0"' } })).status).toBe(200);
  });

  it("that the file does not have is 416, with the file's size", async () => {
    const { get, errors } = await setUp({ files, intercept: ranging });
    const answer = await get({ headers: { range: "bytes=10-" } });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    expect(errors).toEqual([]);
  });

  it("is for GET only", async () => {
    const { get, asked } = await setUp({ files, intercept: ranging });
    const head = await get({ method: "HEAD", headers: { range: "bytes=4-" } });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
    expect(asked()[0]!.headers.range).toBeUndefined();
  });

  it("is ignored where the API ignores it", async () => {
    const { get } = await setUp({ files });
    const answer = await get({ headers: { range: "bytes=4-" } });
    expect([answer.status, await answer.text(), answer.headers.get("accept-ranges")]).toEqual([
      200,
      "0123456789",
      null,
    ]);
  });

  it("of an encoded body is an error: its numbers count other bytes", async () => {
    const headers = { "content-range": "bytes 4-9/10", "content-encoding": "gzip" };
    const route = routeOf(() => new Response("456789", { status: 206, headers }));
    const url = `https://example.com${await route.urlFor(citation("a"))}`;
    expect((await route.handler(new Request(url, { headers: { range: "bytes=4-" } }))).status).toBe(502);
  });
});

it("asks for the bytes as they are, and takes a length only of those", async () => {
  const gzipped = await new Response(
    new Blob(["x".repeat(10_000)]).stream().pipeThrough(new CompressionStream("gzip")),
  ).bytes();
  const intercept = ({ path }: RecordedRequest) =>
    path.endsWith("/content")
      ? new Response(gzipped, {
          headers: { "content-encoding": "gzip", "content-length": String(gzipped.length) },
        })
      : undefined;
  const { get, asked } = await setUp({ intercept });
  const answer = await get();
  expect(await answer.text()).toBe("x".repeat(10_000));
  expect(answer.headers.get("content-length")).toBeNull();
  expect(asked()[0]!.headers["accept-encoding"]).toBe("identity");
});

describe("what the browser is told of a file", () => {
  async function answerFor(filename: string, content: string | Uint8Array<ArrayBuffer> = "x") {
    const route = routeOf(() => new Response(content));
    const url = `https://example.com${await route.urlFor(citation(filename))}`;
    return route.handler(new Request(url));
  }
  const html = "<!doctype html><script>alert(1)</script>";

  it.each<[string, string | Uint8Array<ArrayBuffer>, string, "inline" | "attachment"]>([
    ["chart.png", PNG, "image/png", "inline"],
    ["chart", PNG, "image/png", "inline"],
    ["chart.jpg", PNG, "image/png", "inline"],
    ["chart.html", PNG, "image/png", "inline"],
    ["photo.jpg", new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]), "image/jpeg", "inline"],
    ["photo.webp", new TextEncoder().encode("RIFF1234WEBPVP8 "), "image/webp", "inline"],
    ["loop.gif", "GIF89a…", "image/gif", "inline"],
    ["chart.png", html, "application/octet-stream", "attachment"],
    ["chart.gif", "", "application/octet-stream", "attachment"],
    ["page.html", html, "text/html; charset=utf-8", "attachment"],
    ["page.htm", html, "text/html; charset=utf-8", "attachment"],
    ["page.xhtml", html, "application/xhtml+xml", "attachment"],
    ["drawing.svg", "<svg><script/></svg>", "image/svg+xml", "attachment"],
    ["feed.xml", "<x/>", "application/xml", "attachment"],
    ["paper.pdf", "%PDF-1.7", "application/pdf", "attachment"],
    ["code.js", "alert(1)", "text/javascript; charset=utf-8", "attachment"],
    ["notes.txt", html, "text/plain; charset=utf-8", "inline"],
    ["totals.csv", "1,2", "text/csv; charset=utf-8", "attachment"],
    ["sound.mp3", "ID3", "audio/mpeg", "inline"],
    ["film.mp4", "....ftyp", "video/mp4", "inline"],
    ["model.parquet", "PAR1", "application/octet-stream", "attachment"],
    ["data", html, "application/octet-stream", "attachment"],
    ["page.html.", html, "text/html; charset=utf-8", "attachment"],
    ["page.PNG", html, "application/octet-stream", "attachment"],
  ])("%s", async (filename, content, type, disposition) => {
    const answer = await answerFor(filename, content);
    expect(answer.headers.get("content-type")).toBe(type);
    expect(answer.headers.get("content-disposition")?.split(";")[0]).toBe(disposition);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-security-policy")).toBe("sandbox");
    expect(answer.headers.get("cache-control")).toBe("private");
  });

  it.each([
    ["plan.docx", "filename=plan.docx"],
    ["lesson plan (2).docx", 'filename="lesson plan (2).docx"'],
    ["Übung.docx", `filename="?bung.docx"; filename*=UTF-8''%C3%9Cbung.docx`],
    [
      "データ 🎉.csv",
      `filename="??? ??.csv"; filename*=UTF-8''%E3%83%87%E3%83%BC%E3%82%BF%20%F0%9F%8E%89.csv`,
    ],
    ["it's (100%41).csv", `filename="it's (100%41).csv"; filename*=UTF-8''it%27s%20%28100%2541%29.csv`],
    ['a"; filename="evil.exe', 'filename="a_; filename=_evil.exe"'],
    ['a\\"; filename=evil.exe', 'filename="_; filename=evil.exe"'],
    ["a\r\nset-cookie: b=c\r\n\r\n<script>", 'filename="a__set-cookie_ b=c_____script_"'],
    ["../../etc/passwd", "filename=passwd"],
    ["\ud800.csv", "filename=_.csv"],
    ["exe.\u202Etxt.exe", "filename=exe._txt.exe"],
  ])("the name %j", async (filename, expected) => {
    const answer = await answerFor(filename);
    expect(answer.headers.get("content-disposition")).toBe(`attachment; ${expected}`);
  });

  it("any name", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), async (filename) => {
        const answer = await answerFor(filename);
        expect(answer.status).toBe(200);
        const said = answer.headers.get("content-disposition")!;
        const full = /filename\*=UTF-8''([^;"]*)$/.exec(said)?.[1];
        const plain = /filename="?((?:[^"\\;]|\\.)*)"?$/.exec(said)?.[1]?.replace(/\\(.)/g, "$1");
        expect(full === undefined ? plain : decodeURIComponent(full), said).toBe(safeName(filename));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("streaming", () => {
  /** A body that a test feeds by hand. */
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

  it("what came goes out before the rest is there", async () => {
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

  it("no more is read than somebody asks for", async () => {
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

  it("a reader that leaves cancels the API's body", async () => {
    const { body, send, cancelled } = fed();
    const route = routeOf(() => new Response(body));
    const answering = route.handler(new Request(`https://example.com${await route.urlFor(citation("a"))}`));
    send("0123456789abcdef");
    await (await answering).body!.cancel(new Error("left"));
    expect(cancelled).toHaveBeenCalledTimes(1);
  });

  it("over HTTP, a browser that leaves closes the connection to the API", async () => {
    const { body, send, cancelled } = fed();
    const intercept = ({ path }: RecordedRequest) =>
      path.endsWith("/content") ? new Response(body) : undefined;
    const { get } = await setUp({ intercept });
    send("0123456789abcdef");
    const controller = new AbortController();
    const answer = await get({ signal: controller.signal });
    await answer.body!.getReader().read();
    controller.abort();
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalled(), { timeout: 5000 });
  });

  it("a request that is given up is given up at the API, and no error of anybody's", async () => {
    const controller = new AbortController();
    const signals: (AbortSignal | undefined)[] = [];
    const errors: unknown[] = [];
    const retrieve = (_: string, __: unknown, { signal }: { signal?: AbortSignal }) => {
      signals.push(signal);
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
    await vi.waitFor(() => expect(signals).toHaveLength(1));
    controller.abort();
    expect((await answering).status).toBe(502);
    expect(errors).toEqual([]);
  });

  it("a file that breaks off breaks off: it is never taken for a whole one", async () => {
    const { body, send, fail } = fed();
    const route = routeOf(() => new Response(body));
    const answering = route.handler(new Request(`https://example.com${await route.urlFor(citation("a"))}`));
    send("0123456789abcdef");
    const answer = await answering;
    fail(new Error("reset"));
    await expect(answer.text()).rejects.toThrow("reset");
  });

  it("one that breaks off before it began is 502", async () => {
    const { body, send, fail } = fed();
    const route = routeOf(() => new Response(body));
    const answering = route.handler(new Request(`https://example.com${await route.urlFor(citation("a"))}`));
    send("012");
    fail(new Error("reset"));
    expect((await answering).status).toBe(502);
  });

  it.each([[""], [null]])("an empty file is one: %j", async (body) => {
    const route = routeOf(() => new Response(body));
    const answer = await route.handler(
      new Request(`https://example.com${await route.urlFor(citation("a.txt"))}`),
    );
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  it("pieces of any size are the same file", async () => {
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

it("an onError that throws harms nobody", async () => {
  const { get } = await setUp({
    intercept: ({ path }) => (path.endsWith("/content") ? new Response("", { status: 500 }) : undefined),
    onError() {
      throw new Error("mine");
    },
  });
  expect((await get()).status).toBe(502);
});

it("bad input is a TypeError that says so", async () => {
  const client = new OpenAI({ apiKey: "k" });
  const secret = SECRET;
  for (const [badClient, options, shown] of [
    [
      {},
      { secret },
      /^client must be an OpenAI client, with containers\.files\.content\.retrieve, got \{\}$/,
    ],
    [client, undefined, /^options must be an object with secret, got undefined$/],
    [client, {}, /^options\.secret must be 32 bytes or more, or an array of such$/],
    [client, { secret: "too short" }, /^options\.secret must be 32 bytes or more, or an array of such$/],
    [client, { secret: [] }, /^options\.secret must be/],
    [client, { secret: [secret, ""] }, /^options\.secret must be/],
    [client, { secret: 7 }, /^options\.secret must be/],
    [client, { secret, basePath: "files" }, /^options\.basePath must be a path or a URL, .*, got "files"$/],
    [client, { secret, basePath: "/a?b=c" }, /^options\.basePath must be/],
    [client, { secret, basePath: "javascript:alert(1)" }, /^options\.basePath must be/],
    [client, { secret, expiresIn: 0 }, /^options\.expiresIn must be a number of seconds above 0, got 0$/],
    [client, { secret, expiresIn: "1h" }, /^options\.expiresIn must be/],
    [client, { secret, expiresIn: Number.NaN }, /^options\.expiresIn must be/],
    [client, { secret, onError: "log" }, /^options\.onError must be a function, got "log"$/],
  ] as const) {
    const create = () => createFileRoute(badClient as OpenAI, options as never);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(shown);
  }
  const { urlFor } = createFileRoute(client, { secret });
  for (const file of [
    undefined,
    {},
    { ...citation("a"), container_id: "../files" },
    { kind: "generated-image", itemId: "ig_1", filename: "a.png", mediaType: "image/png", base64: "" },
  ]) {
    await expect(urlFor(file as never)).rejects.toThrow(TypeError);
    await expect(urlFor(file as never)).rejects.toThrow(/^file must be a container file's citation, or such/);
  }
});

it("needs nothing that only Node has", async () => {
  const bundle = build({
    entryPoints: [new URL("../src/files/route.ts", import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser", // fails on any `node:` import
    logLevel: "silent",
  });
  await expect(bundle).resolves.toMatchObject({ errors: [] });
});
