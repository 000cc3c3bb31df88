/** Tests that `saveFiles` saves container files through a client over HTTP, and images from the response itself. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Sink, saveFiles, withFileCitations } from "../src/index.js";
import { directory } from "../src/node.js";
import { createResponsesEmulator, type ResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";
import { citing, clientOf, memory, sha256 } from "./saving.js";

const FILES = { "a.csv": "1,2\n", "b.txt": "b".repeat(100_000), "c.bin": new Uint8Array(5000).fill(7) };

const REQUEST = {
  model: "gpt-5",
  input: "x",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};

describe("over real HTTP", () => {
  let emulator: ResponsesEmulator;
  let client: OpenAI;
  let close: () => Promise<void>;
  let folder: string;

  beforeEach(async () => {
    emulator = createResponsesEmulator({ script: stubbornModel({ files: FILES }) });
    const server = await emulator.listen();
    close = () => server.close();
    client = withFileCitations(new OpenAI({ apiKey: "k", baseURL: server.baseURL }));
    folder = await mkdtemp(join(tmpdir(), "save-test-"));
  });
  afterEach(async () => {
    await close();
    await rm(folder, { recursive: true });
  });

  it("saves every file completely, in the response's order, with its size and hash", async () => {
    const made = await client.responses.create(REQUEST);
    const progress = new Map<string, number>();
    const { saved, failed } = await saveFiles(client, made, directory(join(folder, "new", "folder")), {
      onProgress: ({ file, bytes }) => progress.set(file.filename, bytes),
    });
    expect(failed).toEqual([]);
    expect(saved.map(({ file }) => file.filename)).toEqual(Object.keys(FILES));
    for (const { file, location, bytes, sha256: hash } of saved) {
      const content = FILES[file.filename as keyof typeof FILES];
      expect(sha256(await readFile(location))).toBe(sha256(content));
      expect(hash).toBe(sha256(content));
      expect(bytes).toBe(content.length);
      expect(progress.get(file.filename)).toBe(bytes);
    }
    expect((await readdir(join(folder, "new", "folder"))).sort()).toEqual(Object.keys(FILES));
  });

  it("fails for each file of an expired container, says so, and does not retry", async () => {
    const made = await client.responses.create(REQUEST);
    for (const id of emulator.containers.keys()) emulator.expireContainer(id);
    const before = emulator.requests.length;
    const { saved, failed } = await saveFiles(client, made, directory(folder));
    expect(saved).toEqual([]);
    expect(failed.map(({ error }) => error.message)).toEqual(
      Array(3).fill("the container has expired, or the file in it is gone"),
    );
    expect(emulator.requests.length - before).toBe(3);
    expect(await readdir(folder)).toEqual([]);
  });
});

it("saves a file that only the answer of one agent to another cites", async () => {
  const emulator = createResponsesEmulator({
    script: () => [
      {
        type: "python",
        agent: "worker",
        code: "open('/mnt/data/report.csv', 'w')",
        files: { "report.csv": "1" },
      },
      { type: "multi_agent_call", agent: "root", output: "I wrote /mnt/data/report.csv" },
      { type: "message", agent: "root", text: "The worker is done." },
    ],
  });
  const client = withFileCitations(new OpenAI({ apiKey: "k", fetch: emulator.fetch }));
  const { kept, sink } = memory();
  const { saved, failed } = await saveFiles(client, await client.responses.create(REQUEST), sink);
  expect(failed).toEqual([]);
  expect(saved).toHaveLength(1);
  expect(kept.get("report.csv")?.toString()).toBe("1");
});

it("saves at most `concurrency` files at the same time", async () => {
  let running = 0;
  let most = 0;
  const sink: Sink<void> = async (_, stream) => {
    most = Math.max(most, ++running);
    await new Response(stream).arrayBuffer();
    running--;
  };
  const names = Array.from({ length: 20 }, (_, at) => `${at}`);
  for (const [concurrency, expected] of [
    [undefined, 4],
    [1, 1],
    [50, 20],
  ] as const) {
    most = 0;
    await saveFiles(
      clientOf(() => new Response("x")),
      citing(...names),
      sink,
      { concurrency },
    );
    expect(most).toBe(expected);
  }
});

it("saves images from the response itself, in base64 and in data: URLs", async () => {
  const bytes = new Uint8Array(200_000).map((_, at) => at % 251);
  const base64 = Buffer.from(bytes).toString("base64");
  const outputs = [
    { type: "image", url: `data:image/png;base64,${base64}` },
    { type: "image", url: "data:image/svg+xml,%3Csvg%2F%3E%C3%A9" },
  ];
  const output = [
    { type: "image_generation_call", id: "ig_1", status: "completed", result: base64 },
    { type: "code_interpreter_call", id: "ci_1", outputs },
  ];
  const { sink, kept } = memory();
  const totals: (number | undefined)[] = [];
  const { saved, failed } = await saveFiles(
    clientOf(() => Response.error()),
    { output },
    sink,
    { onProgress: ({ total }) => totals.push(total) },
  );
  expect(failed).toEqual([]);
  expect(saved.map(({ sha256: hash }) => hash)).toEqual([sha256(bytes), sha256(bytes), sha256("<svg/>é")]);
  expect(kept.size).toBe(3);
  expect(new Set(totals)).toEqual(new Set([bytes.length, 8]));
});

it("decodes valid data: URLs and fails for invalid ones", async () => {
  const urls: [url: string, content: string | undefined][] = [
    ["data:text/plain,100%", "100%"],
    ["data:text/plain,%zz%4", "%zz%4"],
    ["data:,%e2%82%ac€", "€€"],
    ["data:image/png;base64,aGVs\nbG8\r\n=", "hello"],
    ["data:image/png;base64,aGVsbG8%3D", "hello"],
    ["data:image/png;charset=x; base64,aGVsbG8", "hello"],
    ["DATA:image/png;BASE64,aGVsbG8=", "hello"],
    [`data:;base64,${btoa("x".repeat(150_000)).replace(/.{76}/g, "$&\n")}`, "x".repeat(150_000)],
    ["data:image/png;base64,", ""],
    ["data:image/png;base64,$$$$", undefined],
    ["data:image/png;base64,A", undefined],
    ["data:image/png", undefined],
  ];
  const outputs = urls.map(([url]) => ({ type: "image", url }));
  const { kept, sink } = memory();
  const { saved, failed } = await saveFiles(
    clientOf(() => Response.error()),
    { output: [{ type: "code_interpreter_call", id: "ci_1", outputs }] },
    sink,
  );
  expect(saved).toHaveLength(9);
  for (const [at, [url, content]] of urls.entries()) {
    expect(kept.get(`ci_1-${at + 1}.png`)?.toString(), url).toBe(content);
  }
  // The invalid URLs fail without a retry: their bytes are in the URL itself, so a retry would read the same bytes.
  expect(failed).toHaveLength(3);
  const bad = { type: "image_generation_call", id: "ig_1", status: "completed", result: "$no base64$" };
  expect(
    (
      await saveFiles(
        clientOf(() => Response.error()),
        { output: [bad] },
        sink,
      )
    ).failed,
  ).toHaveLength(1);
});

it("computes the same hash if the runtime has no hash function", async () => {
  const getBuiltinModule = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  const bytes = new Uint8Array(100_000).map((_, at) => at % 251);
  const { saved } = await saveFiles(
    clientOf(() => new Response(bytes)),
    citing("a"),
    memory().sink,
  );
  expect(getBuiltinModule).toHaveBeenCalledWith("node:crypto");
  expect(saved).toMatchObject([{ sha256: sha256(bytes) }]);
  getBuiltinModule.mockRestore();
});

it("sends no key to the other origin of a redirect", async () => {
  const keys: (string | null)[] = [];
  const elsewhere = await listen(async ({ headers }) => {
    keys.push(headers.get("authorization"));
    return new Response("bytes");
  }, {});
  const api = await listen(async () => Response.redirect(`${elsewhere.url}/blob`, 302), {});
  const client = new OpenAI({ apiKey: "sk-secret", baseURL: `${api.url}/v1` });
  const { saved } = await saveFiles(client, citing("a"), memory().sink);
  expect(saved).toHaveLength(1);
  expect(keys).toEqual([null]);
  await api.close();
  await elsewhere.close();
});

it("fetches an image with an https: URL without credentials", async () => {
  const fetch = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("png"));
  const output = [
    {
      type: "code_interpreter_call",
      id: "ci_1",
      outputs: [{ type: "image", url: "https://example.com/a.png" }],
    },
  ];
  const { saved } = await saveFiles(
    clientOf(() => Response.error()),
    { output },
    memory().sink,
  );
  expect(saved).toHaveLength(1);
  expect(fetch.mock.calls).toEqual([["https://example.com/a.png", { credentials: "omit" }]]);
  fetch.mockRestore();
});

describe("throws a TypeError that names the wrong argument", () => {
  const client = clientOf(() => new Response("x"));
  const { sink } = memory();
  it.each([
    [
      {},
      citing(),
      sink,
      {},
      /^client must be an OpenAI client, with containers\.files\.content\.retrieve, got \{\}$/,
    ],
    [client, {}, sink, {}, /^response must be a response of the Responses API, .*, got \{\}$/],
    [
      client,
      citing(),
      "x",
      {},
      /^sink must be a function of a file and its stream, or a store, an object with .*, got "x"$/,
    ],
    [client, citing(), { put() {} }, {}, /^sink must be .*, or a store, .*, got an object with put$/],
    [client, citing(), sink, { concurrency: 0 }, /^options\.concurrency must be an integer above 0, got 0$/],
    [client, citing(), sink, { retries: 1.5 }, /^options\.retries must be an integer, 0 or more, got 1\.5$/],
    [
      client,
      citing(),
      sink,
      { maxBytes: "1 MB" },
      /^options\.maxBytes must be a number of bytes, 0 or more, got "1 MB"$/,
    ],
    [client, citing(), sink, { signal: {} }, /^options\.signal must be an AbortSignal, got \{\}$/],
    [client, citing(), sink, { onProgress: "bar" }, /^options\.onProgress must be a function, got "bar"$/],
    [client, citing(), sink, null, /^options must be an object, got null$/],
    [
      client,
      citing(),
      sink,
      { maxbytes: 1, x: 2 },
      /^options has no property maxbytes, x; it accepts concurrency, .*, onProgress$/,
    ],
  ])("%#", async (...[badClient, badResponse, badSink, options, shown]) => {
    const promise = saveFiles(badClient as never, badResponse as never, badSink as never, options as never);
    await expect(promise).rejects.toThrow(TypeError);
    await expect(promise).rejects.toThrow(shown);
  });

  it("of directory()", () => {
    expect(() => directory(7 as never)).toThrow(new TypeError("path must be the path of a folder, got 7"));
    const open = directory as (path: string, options: unknown) => unknown;
    for (const [options, shown] of [
      [5, "options must be an object, got 5"],
      [null, "options must be an object, got null"],
      [{ overwrite: "false" }, 'options.overwrite must be a boolean, got "false"'],
      [{ overwrit: true }, "options has no property overwrit; it accepts overwrite"],
    ] as const) {
      expect(() => open("x", options)).toThrow(new TypeError(shown));
    }
  });
});
