/** Tests that a file counts as saved only if the sink read exactly the bytes of the file. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Sink, saveFiles } from "../src/index.js";
import { citing, clientOf, memory, settled, sha256 } from "./saving.js";
import { message, response } from "./upstream.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("fails without a retry for a file with more bytes than maxBytes", async () => {
  let asked = 0;
  const client = clientOf(() => {
    asked++;
    return new Response("123456");
  });
  const { saved, failed } = await settled(saveFiles(client, citing("a"), memory().sink, { maxBytes: 5 }));
  expect(saved).toEqual([]);
  expect(failed[0]!.error.message).toBe("the file has more than 5 bytes");
  expect(asked).toBe(1);
  expect((await settled(saveFiles(client, citing("a"), memory().sink, { maxBytes: 6 }))).saved).toHaveLength(
    1,
  );
});

it.each([
  ["shorter", "1234", "the download ended after 4 of 5 bytes"],
  ["longer", "123456", "the download ended after 6 of 5 bytes"],
])("fails for a download that is %s than its content-length", async (_, body, message) => {
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

it("ignores the content-length of an encoded download", async () => {
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

it("does not call the sink if the content-length is more than maxBytes", async () => {
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
])("fails without a retry if the sink %s", async (_, sink) => {
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

it("counts a file as saved if the sink reads the last byte but not the end of the stream", async () => {
  const client = clientOf(() => new Response("12345", { headers: { "content-length": "5" } }));
  const { saved } = await settled(
    saveFiles(client, citing("a"), async (_, stream) => void (await stream.getReader().read())),
  );
  expect(saved).toMatchObject([{ bytes: 5, sha256: sha256("12345") }]);
});

it("fails if the download fails and the sink ignores the error", async () => {
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

it("does not wait for a sink that never settles after an abort", async () => {
  const controller = new AbortController();
  const sink: Sink<void> = async (_, stream) => {
    await new Response(stream).text();
    controller.abort(new Error("stopped"));
    await new Promise(() => {});
  };
  const client = clientOf(() => new Response("x"));
  const { saved, failed } = await settled(
    saveFiles(client, citing("a"), sink, { signal: controller.signal }),
  );
  expect(saved).toEqual([]);
  expect(failed).toMatchObject([{ error: { message: "stopped" } }]);
  expect(vi.getTimerCount()).toBe(0);
});

it("waits for a sink that cleans up after an abort", async () => {
  const controller = new AbortController();
  let isClean = false;
  const sink: Sink<void> = async (_, stream) => {
    controller.abort();
    await new Response(stream).text().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 400));
    isClean = true;
    throw new Error("cleaned up");
  };
  const saving = saveFiles(
    clientOf(() => new Response("x")),
    citing("a"),
    sink,
    { signal: controller.signal },
  ).then(({ failed }) => [failed.length, isClean]);
  expect(await settled(saving)).toEqual([1, true]);
  expect(vi.getTimerCount()).toBe(0);
});

it.each([null, new Response(null, { status: 204 })])(
  "fails for an answer without a file: %s",
  async (answer) => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      return answer as Response;
    });
    const { failed } = await settled(saveFiles(client, citing("a"), memory().sink));
    expect(failed).toMatchObject([
      { error: { message: "the API answered 204 instead of sending the file" } },
    ]);
    expect(asked).toBe(1);
  },
);

it("saves an empty file", async () => {
  const { saved } = await settled(
    saveFiles(
      clientOf(() => new Response(null)),
      citing("a"),
      memory().sink,
    ),
  );
  expect(saved).toMatchObject([{ bytes: 0, sha256: sha256("") }]);
});

it("sends no request for invalid ids", async () => {
  const retrieve = vi.fn();
  const client = { containers: { files: { content: { retrieve } } } };
  const annotations = [
    ["cntr_1", ".."],
    ["..", "cfile_1"],
    ["cntr_1", ""],
    ["cntr_1", "cfile_1\r\nx: y"],
    ["cntr_1", "c".repeat(513)],
  ].map(([container_id, file_id]) => ({
    type: "container_file_citation",
    container_id,
    file_id,
    filename: "a",
    start_index: 0,
    end_index: 0,
  }));
  const { failed } = await settled(
    saveFiles(client, response([message({ text: "x", annotations })]), memory().sink),
  );
  expect(failed.map(({ error }) => error.message)).toEqual(
    Array(5).fill("the citation's container_id or file_id is not a valid id"),
  );
  expect(retrieve).not.toHaveBeenCalled();
});

it("says that an image's URL has expired", async () => {
  const fetch = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("", { status: 404 }));
  const outputs = [{ type: "image", url: "https://example.com/a.png" }];
  const { failed } = await settled(
    saveFiles(
      clientOf(() => Response.error()),
      { output: [{ type: "code_interpreter_call", id: "ci_1", outputs }] },
      memory().sink,
    ),
  );
  expect(failed).toMatchObject([{ error: { message: "the image's URL has expired" } }]);
  expect(fetch).toHaveBeenCalledTimes(1);
  fetch.mockRestore();
});

it.each([
  [
    "throws",
    () => {
      throw new Error("mine");
    },
  ],
  ["rejects", async () => Promise.reject(new Error("mine"))],
])("saves the file even if onProgress %s", async (_, onProgress) => {
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
