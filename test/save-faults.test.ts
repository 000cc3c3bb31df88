/** A file counts as saved when all of it went through: no more, no less, and nothing that was no file. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Sink, saveFiles } from "../src/index.js";
import { citing, clientOf, memory, settled, sha256 } from "./saving.js";
import { message, response } from "./upstream.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

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
  expect((await settled(saveFiles(client, citing("a"), memory().sink, { maxBytes: 6 }))).saved).toHaveLength(
    1,
  );
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

it("a sink that waits for something else does not hold what is stopped", async () => {
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

it("a sink that is stopped may clean up before the end", async () => {
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
  "an answer without a file is none: %s",
  async (answer) => {
    let asked = 0;
    const client = clientOf(() => {
      asked++;
      return answer as Response;
    });
    const { failed } = await settled(saveFiles(client, citing("a"), memory().sink));
    expect(failed).toMatchObject([{ error: { message: "the API answered 204, without a file" } }]);
    expect(asked).toBe(1);
  },
);

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

it.each([
  [
    "throws",
    () => {
      throw new Error("mine");
    },
  ],
  ["rejects", async () => Promise.reject(new Error("mine"))],
])("a progress bar that %s harms nobody", async (_, onProgress) => {
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
