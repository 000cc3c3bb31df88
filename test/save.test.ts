import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { safeName } from "../src/files/safe-name.js";
import { type CollectedFile, type Sink, saveFiles, withFileCitations } from "../src/index.js";
import { directory } from "../src/node.js";
import { createResponsesEmulator, type ResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";
import { message, response } from "./upstream.js";

const FILES = { "a.csv": "1,2\n", "b.txt": "b".repeat(100_000), "c.bin": new Uint8Array(5000).fill(7) };
const REQUEST = {
  model: "gpt-5",
  input: "x",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A sink that keeps the bytes in memory, under the file's name. */
function memory() {
  const kept = new Map<string, Buffer>();
  const sink: Sink<string> = async (file, stream) => {
    kept.set(file.filename, Buffer.from(await new Response(stream).arrayBuffer()));
    return `memory:${file.filename}`;
  };
  return { kept, sink };
}

function citing(...names: string[]): { output: unknown[] } {
  const annotations = names.map((filename, at) => ({
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: `cfile_${at}`,
    filename,
    start_index: 0,
    end_index: 0,
  }));
  return response([message({ text: "x", annotations })]);
}

/** A client whose downloads a test answers itself. */
function clientOf(answer: (fileId: string) => Response | Promise<Response>) {
  return { containers: { files: { content: { retrieve: async (fileId: string) => answer(fileId) } } } };
}

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

  it("every file is saved, whole, in the response's order, with its size and hash", async () => {
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

  it("a container that has expired: each fails, in those words, and is asked for once", async () => {
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

describe("what goes wrong with one file", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** The outcome, with all pauses passed by. */
  async function settled<T>(promise: Promise<T>): Promise<T> {
    await vi.advanceTimersByTimeAsync(120_000);
    return promise;
  }

  const overloaded = (status: number): Error => Object.assign(new Error(`${status}`), { status });

  it.each([429, 500, 503])("a %d is tried again", async (status) => {
    let asked = 0;
    const client = clientOf(() => {
      if (asked++ < 2) throw overloaded(status);
      return new Response("done");
    });
    const { sink, kept } = memory();
    const { saved } = await settled(saveFiles(client, citing("a"), sink));
    expect(saved).toHaveLength(1);
    expect(asked).toBe(3);
    expect(kept.get("a")?.toString()).toBe("done");
  });

  it("a connection that breaks in the middle is tried again, from the start", async () => {
    let asked = 0;
    const client = clientOf(() => {
      if (asked++ > 0) return new Response("whole");
      let isSent = false;
      return new Response(
        new ReadableStream({
          pull(controller) {
            if (isSent) controller.error(new Error("reset"));
            else controller.enqueue(new TextEncoder().encode("who"));
            isSent = true;
          },
        }),
      );
    });
    const { sink, kept } = memory();
    const { saved } = await settled(saveFiles(client, citing("a"), sink));
    expect(kept.get("a")?.toString()).toBe("whole");
    expect(saved).toMatchObject([{ bytes: 5, sha256: sha256("whole") }]);
  });

  it.each([400, 401, 403, 404])("a %d is not", async (status) => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      throw overloaded(status);
    });
    const { failed } = await settled(saveFiles(client, citing("a"), memory().sink));
    expect(failed).toHaveLength(1);
    expect(asked).toBe(1);
  });

  it("a sink that fails is not tried again, and the other files are saved", async () => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      return new Response("x");
    });
    const { sink } = memory();
    const failing: Sink<string> = (file, stream) =>
      file.filename === "b" ? Promise.reject(new Error("disk full")) : sink(file, stream);
    const { saved, failed } = await settled(saveFiles(client, citing("a", "b", "c"), failing));
    expect(saved.map(({ file }) => file.filename)).toEqual(["a", "c"]);
    expect(failed).toMatchObject([{ file: { filename: "b" }, error: { message: "disk full" } }]);
    expect(asked).toBe(3);
  });

  it("a file with more bytes than it may have fails, once", async () => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      return new Response("123456");
    });
    const { saved, failed } = await settled(saveFiles(client, citing("a"), memory().sink, { maxBytes: 5 }));
    expect(saved).toEqual([]);
    expect(failed[0]!.error.message).toBe("the file has more than 5 bytes");
    expect(asked).toBe(1);
    expect(
      (await settled(saveFiles(client, citing("a"), memory().sink, { maxBytes: 6 }))).saved,
    ).toHaveLength(1);
  });

  it("a signal stops all of them", async () => {
    const controller = new AbortController();
    const client = clientOf(() => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })));
    const promise = saveFiles(client, citing("a", "b"), memory().sink, {
      signal: controller.signal,
      concurrency: 1,
    });
    await vi.advanceTimersByTimeAsync(0);
    controller.abort(new Error("enough"));
    const { saved, failed } = await settled(promise);
    expect(saved).toEqual([]);
    expect(failed.map(({ error }) => error.message)).toEqual(["enough", "enough"]);
  });

  it("a signal that aborted before, or while a try is waited for, is the end at once", async () => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      throw overloaded(503);
    });
    const before = await saveFiles(client, citing("a"), memory().sink, {
      signal: AbortSignal.abort(new Error("enough")),
    });
    expect(before.failed).toMatchObject([{ error: { message: "enough" } }]);
    expect(asked).toBe(0);

    const controller = new AbortController();
    const promise = saveFiles(client, citing("a"), memory().sink, { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(600);
    expect(asked).toBe(2);
    controller.abort(new Error("enough"));
    expect((await promise).failed).toMatchObject([{ error: { message: "enough" } }]);
    expect(asked).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([0, 1])(
    "a signal's reason is what is told, also where chunks come after it (%d)",
    async (highWaterMark) => {
      const controller = new AbortController();
      // Pulled as soon as it is there, or when it is read for the first time.
      const body = new ReadableStream<Uint8Array>(
        {
          pull(upstream) {
            controller.abort(new Error("enough"));
            upstream.enqueue(new Uint8Array(10));
          },
        },
        { highWaterMark },
      );
      const promise = saveFiles(
        clientOf(() => new Response(body)),
        citing("a"),
        memory().sink,
        { signal: controller.signal },
      );
      expect((await settled(promise)).failed).toMatchObject([{ error: { message: "enough" } }]);
    },
  );

  it.each([
    ["7", 7000],
    ["Thu, 01 Jan 2026 00:00:07 GMT", 7000],
    ["3600", 60_000],
    ["soon", 0],
    ["-5", 0],
  ])("a server that says Retry-After: %s is left alone for so long", async (said, ms) => {
    vi.setSystemTime("2026-01-01T00:00:00Z");
    const times: number[] = [];
    const client = clientOf(() => {
      times.push(Date.now());
      if (times.length > 1) return new Response("done");
      throw Object.assign(overloaded(429), { headers: new Headers({ "retry-after": said }) });
    });
    expect((await settled(saveFiles(client, citing("a"), memory().sink))).saved).toHaveLength(1);
    expect(times[1]! - times[0]!).toBe(ms + 500);
  });

  it("a signal ends the pause that a server asks for", async () => {
    const controller = new AbortController();
    const client = clientOf(() => {
      throw Object.assign(overloaded(429), { headers: new Headers({ "retry-after": "30" }) });
    });
    const promise = saveFiles(client, citing("a"), memory().sink, { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(1000);
    controller.abort(new Error("enough"));
    expect((await promise).failed).toMatchObject([{ error: { message: "enough" } }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("a connection that breaks with a TypeError in any words is tried again", async () => {
    let asked = 0;
    const client = clientOf(() => {
      if (asked++ === 0) throw new TypeError("error reading a body from connection");
      if (asked === 2)
        return new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError("x")) }));
      return new Response("done");
    });
    expect((await settled(saveFiles(client, citing("a"), memory().sink))).saved).toHaveLength(1);
    expect(asked).toBe(3);
  });

  it.each([
    ["shorter", "1234", "the download ended after 4 of 5 bytes"],
    ["longer", "123456", "the download ended after 6 of 5 bytes"],
  ])("a download that is %s than was said is never taken for the file", async (_, body, message) => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      return new Response(body, { headers: { "content-length": "5" } });
    });
    const { sink, kept } = memory();
    const { saved, failed } = await settled(saveFiles(client, citing("a"), sink, { retries: 1 }));
    expect(saved).toEqual([]);
    expect(kept.size).toBe(0);
    expect(failed).toMatchObject([{ error: { message } }]);
    expect(asked).toBe(2);
  });

  it("the length of an encoded download is not the file's", async () => {
    const headers = { "content-length": "3", "content-encoding": "gzip" };
    const totals: unknown[] = [];
    const { saved } = await settled(
      saveFiles(
        clientOf(() => new Response("12345", { headers })),
        citing("a"),
        memory().sink,
        { maxBytes: 5, onProgress: ({ total }) => totals.push(total) },
      ),
    );
    expect(saved).toMatchObject([{ bytes: 5 }]);
    expect(totals).toEqual([undefined]);
  });

  it("a file that is known to be too long is not begun", async () => {
    const cancel = vi.fn();
    const body = () => new ReadableStream({ cancel });
    const sink = vi.fn();
    const { failed } = await settled(
      saveFiles(
        clientOf(() => new Response(body(), { headers: { "content-length": "6" } })),
        citing("a"),
        sink,
        { maxBytes: 5 },
      ),
    );
    expect(failed).toMatchObject([{ error: { message: "the file has 6 bytes, more than 5" } }]);
    expect(sink).not.toHaveBeenCalled();
    expect(cancel).toHaveBeenCalled();
  });

  it.each([
    ["reads nothing", async () => "somewhere"],
    [
      "stops in the middle",
      async (_: unknown, stream: ReadableStream<Uint8Array>) => {
        await stream.getReader().read();
        return "somewhere";
      },
    ],
  ])("a sink that %s has not saved the file, and is not asked again", async (_, sink) => {
    let asked = 0;
    const cancel = vi.fn();
    const client = clientOf(() => {
      asked++;
      const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(10));
      return new Response(new ReadableStream({ pull, cancel }));
    });
    const { saved, failed } = await settled(saveFiles(client, citing("a"), sink));
    expect(saved).toEqual([]);
    expect(failed).toMatchObject([{ error: { message: "the sink stopped before the file's end" } }]);
    expect(asked).toBe(1);
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  it("a sink that reads to the last byte, and not behind it, has saved the file", async () => {
    const client = clientOf(() => new Response("12345", { headers: { "content-length": "5" } }));
    const { saved } = await settled(
      saveFiles(client, citing("a"), async (_, stream) => void (await stream.getReader().read())),
    );
    expect(saved).toMatchObject([{ bytes: 5, sha256: sha256("12345") }]);
  });

  it("a sink that hides that the stream broke is not believed", async () => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      return new Response(new ReadableStream({ pull: () => Promise.reject(new Error("reset")) }));
    });
    const hiding: Sink<string> = async (_, stream) => {
      await new Response(stream).text().catch(() => {});
      return "somewhere";
    };
    const { saved, failed } = await settled(saveFiles(client, citing("a"), hiding, { retries: 1 }));
    expect(saved).toEqual([]);
    expect(failed).toMatchObject([{ error: { message: "reset" } }]);
    expect(asked).toBe(2);
  });

  it("an empty file is one", async () => {
    const { saved } = await settled(
      saveFiles(
        clientOf(() => new Response(null)),
        citing("a"),
        memory().sink,
      ),
    );
    expect(saved).toMatchObject([{ bytes: 0, sha256: sha256("") }]);
  });

  it("ids that are none are not asked for", async () => {
    const retrieve = vi.fn();
    const client = { containers: { files: { content: { retrieve } } } };
    const annotations = [
      ["cntr_1", "../../responses/resp_1"],
      ["..", "cfile_1"],
      ["cntr_1", ""],
    ].map(([container_id, file_id]) => ({
      type: "container_file_citation",
      ...{ container_id, file_id, filename: "a", start_index: 0, end_index: 0 },
    }));
    const { failed } = await settled(
      saveFiles(client, response([message({ text: "x", annotations })]), memory().sink),
    );
    expect(failed.map(({ error }) => error.message)).toEqual(
      Array(3).fill("the citation's ids are not those of a container's file"),
    );
    expect(retrieve).not.toHaveBeenCalled();
  });

  it("a picture whose URL has expired is said to be one", async () => {
    const fetch = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("", { status: 404 }));
    const outputs = [{ type: "image", url: "https://example.com/a.png" }];
    const { failed } = await settled(
      saveFiles(
        clientOf(() => Response.error()),
        { output: [{ type: "code_interpreter_call", id: "ci_1", outputs }] },
        memory().sink,
      ),
    );
    expect(failed).toMatchObject([{ error: { message: "the picture's URL has expired" } }]);
    expect(fetch).toHaveBeenCalledTimes(1);
    fetch.mockRestore();
  });

  it("a progress bar that throws harms nobody", async () => {
    const onProgress = (): never => {
      throw new Error("mine");
    };
    expect(
      (
        await settled(
          saveFiles(
            clientOf(() => new Response("x")),
            citing("a"),
            memory().sink,
            { onProgress },
          ),
        )
      ).saved,
    ).toHaveLength(1);
  });
});

it("no more are saved at once than may be", async () => {
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

it("images come from the response itself: base64, and data: URLs of any kind", async () => {
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

it("what a data: URL stands for, and what is none at all", async () => {
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
  // At once: what is wrong with a response is wrong with it each time.
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

it("the hash is the same where the runtime has none of its own", async () => {
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

it("a redirect to another origin gets no key", async () => {
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

it("an image behind an https: URL is fetched without credentials", async () => {
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

describe("a folder", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "folder-test-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const put = (filename: string, content: string, options = {}): Promise<string> =>
    directory(folder, options)(
      { kind: "container-file", containerId: "c", fileId: "f", filename },
      new Response(content).body!,
    );

  it("gives a file of the same name a number, and loses none", async () => {
    await writeFile(join(folder, "plan.docx"), "mine");
    const locations = await Promise.all(["1", "2", "3"].map((content) => put("plan.docx", content)));
    expect(locations.sort()).toEqual(
      ["plan (2).docx", "plan (3).docx", "plan (4).docx"].map((name) => join(folder, name)),
    );
    expect(await readFile(join(folder, "plan.docx"), "utf8")).toBe("mine");
    const contents = await Promise.all(locations.map((location) => readFile(location, "utf8")));
    expect(contents.sort()).toEqual(["1", "2", "3"]);
  });

  it("puts it in place of the other where that is wanted", async () => {
    await writeFile(join(folder, "plan.docx"), "old");
    expect(await put("plan.docx", "new", { overwrite: true })).toBe(join(folder, "plan.docx"));
    expect(await readdir(folder)).toEqual(["plan.docx"]);
    expect(await readFile(join(folder, "plan.docx"), "utf8")).toBe("new");
  });

  it("never shows half a file, and leaves nothing of one that broke", async () => {
    let names: string[] = [];
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        names = await readdir(folder);
        if (names.length > 0) controller.error(new Error("reset"));
        else controller.enqueue(new Uint8Array(100_000));
      },
    });
    const file: CollectedFile = {
      kind: "container-file",
      containerId: "c",
      fileId: "f",
      filename: "plan.docx",
    };
    await expect(directory(folder)(file, stream)).rejects.toThrow("reset");
    expect(names).toEqual([expect.stringMatching(/^\.[\da-f-]+\.part$/)]);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ["../../etc/passwd", "passwd"],
    ["..\\..\\boot.ini", "boot.ini"],
    ["..", "file"],
    [".", "file"],
    ["", "file"],
    ["a/", "file"],
    ["con", "_con"],
    ["NUL.txt", "_NUL.txt"],
    ["com1.tar.gz", "_com1.tar.gz"],
    ["console.txt", "console.txt"],
    ["CON .txt", "_CON .txt"],
    ["aux . .", "_aux"],
    ["CONIN$", "_CONIN$"],
    ["a\u2028b\u061c.txt", "a_b_.txt"],
    [`${"x".repeat(254)} ${"y".repeat(50)}`, "x".repeat(254)],
    [`${"x".repeat(254)}. ${"y".repeat(50)}`, "x".repeat(254)],
    ["plan.docx. . ", "plan.docx"],
    ["a\0b\n.txt", "a_b_.txt"],
    ['what? "this": <that>|*.txt', "what_ _this__ _that___.txt"],
    ["exe.\u202Etxt.exe", "exe._txt.exe"],
    [".env", ".env"],
    ["データ 🎉.csv", "データ 🎉.csv"],
    ["\ud800.csv", "_.csv"],
  ])("makes a name of %j", (filename, expected) => {
    expect(safeName(filename)).toBe(expected);
  });

  it("makes a name of anything that fits, and keeps its extension", async () => {
    for (const filename of [
      `${"x".repeat(300)}.csv`,
      `${"🎉".repeat(100)}.csv`,
      `${"é".repeat(1_000_000)}.csv`,
    ]) {
      const [first, second] = [await put(filename, "1"), await put(filename, "2")];
      for (const location of [first, second]) {
        expect(Buffer.byteLength(location.slice(folder.length + 1))).toBeLessThanOrEqual(255);
        expect(location).toMatch(/\.csv$/);
      }
      expect(second).not.toBe(first);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (filename) => {
        const name = safeName(filename);
        expect(name).not.toMatch(/[/\\\0]|^\.{0,2}$/);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        expect(safeName(name)).toBe(name);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("bad input is a TypeError that says so", () => {
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
    [client, citing(), "x", {}, /^sink must be a function of a file and its stream, got "x"$/],
    [
      client,
      citing(),
      sink,
      { concurrency: 0 },
      /^options\.concurrency must be a whole number above 0, got 0$/,
    ],
    [client, citing(), sink, { retries: 1.5 }, /^options\.retries must be a whole number, got 1\.5$/],
    [
      client,
      citing(),
      sink,
      { maxBytes: "1 MB" },
      /^options\.maxBytes must be a number of bytes, got "1 MB"$/,
    ],
    [client, citing(), sink, { signal: {} }, /^options\.signal must be an AbortSignal, got \{\}$/],
    [client, citing(), sink, { onProgress: "bar" }, /^options\.onProgress must be a function, got "bar"$/],
    [client, citing(), sink, null, /^options must be an object, got null$/],
  ])("%#", async (...[badClient, badResponse, badSink, options, shown]) => {
    const promise = saveFiles(badClient as never, badResponse as never, badSink as never, options as never);
    await expect(promise).rejects.toThrow(TypeError);
    await expect(promise).rejects.toThrow(shown);
  });

  it("a folder", () => {
    expect(() => directory(7 as never)).toThrow(new TypeError("path must be the path of a folder, got 7"));
  });
});
