/** Tests that the file route sends a cited file to a browser that has no API key: bodies, headers and errors. */
import fc from "fast-check";
import OpenAI from "openai";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { safeName } from "../src/files/safe-name.js";
import { collectFiles, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, type RecordedRequest, stubbornModel } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";
import { BYTES, citation, routeOf, SECRET, setUp } from "./file-route.js";
import { SDKS } from "./sdks.js";

const PNG = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="),
  (character) => character.charCodeAt(0),
);

const REQUEST = {
  model: "gpt-5",
  input: "x",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};

describe.each(SDKS)("%s over real HTTP", (_, Client) => {
  it("sends a cited file completely to a client without a key", async () => {
    const emulator = createResponsesEmulator({
      script: stubbornModel({ files: { "plan.docx": BYTES } }),
      apiKey: "sk-secret",
    });
    const api = await emulator.listen();
    const client = withFileCitations(new Client({ apiKey: "sk-secret", baseURL: api.baseURL }));
    const route = createFileRoute(client, { secret: SECRET, basePath: "/api/files/" });
    const server = await listen(route.handler, {});
    for (const opened of [server, api]) onTestFinished(() => opened.close());

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

  it("answers 410 with a message for an expired container", async () => {
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
    [401, 502, "The file is not available right now."],
    [403, 502, "The file is not available right now."],
    [429, 503, "Too many requests."],
    [500, 502, "The file is not available right now."],
    [503, 502, "The file is not available right now."],
  ])("answers the API's %d with %d and does not show the API's message", async (status, expected, text) => {
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

it("answers 502 if the API cannot be reached", async () => {
  const { get, errors, api } = await setUp();
  await api.close();
  const answer = await get();
  expect([answer.status, await answer.text()]).toEqual([502, "The file is not available right now."]);
  expect(errors).toHaveLength(1);
});

it.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("answers 405 to %s", async (method) => {
  const { get, asked } = await setUp();
  const answer = await get({ method });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect(asked()).toEqual([]);
});

describe("the headers of a file", () => {
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
    ["sound.mp3", "ID3\x03\x00\x00", "audio/mpeg", "inline"],
    ["sound.wav", "RIFF\x24\x08\x00\x00WAVE", "audio/wav", "inline"],
    ["film.mp4", "\0\0\0 ftypisom", "video/mp4", "inline"],
    ["film.webm", new Uint8Array([0x1a, 0x45, 0xdf, 0xa3]), "video/webm", "inline"],
    ["still.avif", "\0\0\0 ftypavif", "image/avif", "inline"],
    ["still.avif", html, "application/octet-stream", "attachment"],
    ["film.mp4", html, "application/octet-stream", "attachment"],
    ["film.webm", "", "application/octet-stream", "attachment"],
    ["sound.wav", "\t\r\n\f <html>", "application/octet-stream", "attachment"],
    ["model.parquet", "PAR1", "application/octet-stream", "attachment"],
    ["data", html, "application/octet-stream", "attachment"],
    ["page.html.", html, "text/html; charset=utf-8", "attachment"],
    ["page.PNG", html, "application/octet-stream", "attachment"],
  ])("have the media type and disposition of %s", async (filename, content, type, disposition) => {
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
  ])("encode the name %j", async (filename, expected) => {
    const answer = await answerFor(filename);
    expect(answer.headers.get("content-disposition")).toBe(`attachment; ${expected}`);
  });

  it("encode any name", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), async (filename) => {
        const answer = await answerFor(filename);
        expect(answer.status).toBe(200);
        const header = answer.headers.get("content-disposition")!;
        const full = /filename\*=UTF-8''([^;"]*)$/.exec(header)?.[1];
        const plain = /filename="?((?:[^"\\;]|\\.)*)"?$/.exec(header)?.[1]?.replace(/\\(.)/g, "$1");
        expect(full === undefined ? plain : decodeURIComponent(full), header).toBe(safeName(filename));
      }),
      { numRuns: 1000 },
    );
  });
});

it("requests unencoded bytes and drops the content-length of an encoded body", async () => {
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

it.each([
  [404, 410],
  [416, 416],
  [500, 502],
])("if the client returns a %d instead of throwing, answers %d", async (status, expected) => {
  const cancel = vi.fn();
  const route = routeOf(() => new Response(new ReadableStream({ cancel }), { status }));
  const url = `https://example.com${await route.urlFor(citation("a.txt"))}`;
  expect((await route.handler(new Request(url))).status).toBe(expected);
  expect(cancel).toHaveBeenCalledTimes(1);
});

it.each([
  [
    "throws",
    () => {
      throw new Error("mine");
    },
  ],
  ["rejects", async () => Promise.reject(new Error("mine"))],
])("answers even if onError %s", async (_, onError) => {
  const { get } = await setUp({
    intercept: ({ path }) => (path.endsWith("/content") ? new Response("", { status: 500 }) : undefined),
    onError,
  });
  expect((await get()).status).toBe(502);
});

it("throws a TypeError that names the wrong argument", async () => {
  const client = new OpenAI({ apiKey: "k" });
  const secret = SECRET;
  for (const [badClient, options, shown] of [
    [
      {},
      { secret },
      /^client must be an OpenAI client, with containers\.files\.content\.retrieve, got \{\}$/,
    ],
    [client, undefined, /^options must be an object with secret, got undefined$/],
    [client, {}, /^options\.secret must be 32 bytes or more, or an array of such secrets$/],
    [
      client,
      { secret: "too short" },
      /^options\.secret must be 32 bytes or more, or an array of such secrets$/,
    ],
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
    [
      client,
      { secret, expires: 60 },
      /^options has no property expires; it accepts secret, basePath, expiresIn, onError, store$/,
    ],
  ] as const) {
    const create = () => createFileRoute(badClient as OpenAI, options as never);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(shown);
  }
  const { urlFor } = createFileRoute(client, { secret });
  for (const file of [
    undefined,
    {},
    { kind: "generated-image", itemId: "ig_1", filename: "a.png", mediaType: "image/png", base64: "" },
  ]) {
    await expect(urlFor(file as never)).rejects.toThrow(TypeError);
    await expect(urlFor(file as never)).rejects.toThrow(/^file must be a container file's citation, or such/);
  }
  for (const id of [".", ".."]) {
    const message = (owner: string) => `the ${owner}'s id must be an id other than "." and "..", got "${id}"`;
    for (const [ids, owner] of [
      [{ container_id: id }, "container"],
      [{ file_id: id }, "file"],
    ] as const) {
      const refused = urlFor({ ...citation("a"), ...ids });
      await expect(refused).rejects.toThrow(new TypeError(message(owner)));
    }
  }
});
