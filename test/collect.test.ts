/** Tests which files `collectFiles` finds in a response, and how it names them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { collectFiles } from "../src/index.js";
import { chartModel, createResponsesEmulator, type Script } from "../src/testing/index.js";
import { BASE, call, message, response } from "./upstream.js";

const base64 = (...bytes: (number | string)[]): string =>
  Buffer.concat(
    bytes.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from([part]))),
  ).toString("base64");
const PNG = base64(0x89, "PNG\r\n", 0x1a, "\nand more");
const JPEG = base64(0xff, 0xd8, 0xff, 0xe0, "and more");
const GIF = base64("GIF89a and more");

function citation(
  fileId: string,
  range: [number, number] = [0, 0],
  containerId = "cntr_1",
): Record<string, unknown> {
  const [start_index, end_index] = range;
  return {
    type: "container_file_citation",
    container_id: containerId,
    file_id: fileId,
    filename: `${fileId}.csv`,
    start_index,
    end_index,
  };
}

function cited(fileId: string, containerId = "cntr_1"): unknown {
  return { kind: "container-file", containerId, fileId, filename: `${fileId}.csv` };
}

describe("container files", () => {
  it("are found in every part of every message, in order and once each, with or without a range", () => {
    const output = [
      message(
        { text: "x", annotations: [citation("b", [0, 1]), { type: "url_citation" }] },
        { text: "y", annotations: [citation("a")] },
      ),
      message({
        text: "z",
        annotations: [citation("a", [0, 1]), citation("c"), citation("a", [0, 0], "cntr_2")],
      }),
    ];
    expect(collectFiles(response(output))).toEqual([
      cited("b"),
      cited("a"),
      cited("c"),
      cited("a", "cntr_2"),
    ]);
  });

  it("are found in what one agent answers another", () => {
    const part = (fileId: string) => ({
      type: "output_text",
      text: "x",
      annotations: [citation(fileId)],
    });
    const output = [
      { type: "multi_agent_call_output", id: "mac_1", call_id: "call_1", output: [part("a"), part("b")] },
      message(part("b"), part("c")),
      { type: "multi_agent_call_output", id: "mac_2", call_id: "call_2", output: "no parts" },
    ];
    expect(collectFiles(response(output))).toEqual([cited("a"), cited("b"), cited("c")]);
  });

  it("without a name are named by their id, and are left out without an id", () => {
    const { filename: _, ...nameless } = citation("a");
    const { file_id: __, ...idless } = citation("b");
    const [file, ...others] = collectFiles(
      response([message({ text: "x", annotations: [nameless, idless] })]),
    );
    expect(file).toMatchObject({ fileId: "a", filename: "a" });
    expect(others).toEqual([]);
  });
});

describe("generated images", () => {
  it.each([
    ["PNG", PNG, undefined, "ig_1.png", "image/png"],
    ["JPEG with the output_format png", JPEG, "png", "ig_1.jpg", "image/jpeg"],
    ["WebP", base64("RIFF", 1, 2, 3, 4, "WEBPVP8 "), undefined, "ig_1.webp", "image/webp"],
    ["WebP, larger", base64("RIFF", 255, 255, 255, 1, "WEBPVP8L"), undefined, "ig_1.webp", "image/webp"],
    ["GIF", GIF, undefined, "ig_1.gif", "image/gif"],
    ["unknown bytes with a known output_format", base64("something"), "webp", "ig_1.webp", "image/webp"],
    ["unknown bytes with an unknown output_format", base64("something"), "tiff", "ig_1.png", "image/png"],
  ])("get their name and media type: %s", (_, result, output_format, filename, mediaType) => {
    const item = { type: "image_generation_call", id: "ig_1", status: "completed", result, output_format };
    expect(collectFiles(response([item]))).toEqual([
      { kind: "generated-image", itemId: "ig_1", filename, mediaType, base64: result },
    ]);
  });

  it("are left out if the call has no result", () => {
    const items = [null, ""].map((result) => ({
      type: "image_generation_call",
      id: "ig_1",
      status: "failed",
      result,
    }));
    expect(collectFiles(response(items))).toEqual([]);
  });
});

describe("images of Code Interpreter calls", () => {
  it("are found in the outputs if they have a data: or https: URL", () => {
    const outputs = [
      { type: "logs", logs: "x" },
      { type: "image", url: `data:image/jpeg;base64,${JPEG}` },
      { type: "image", url: "https://example.com/chart" },
      { type: "image", url: "javascript:alert(1)" },
      { type: "image", url: 7 },
    ];
    expect(
      collectFiles(
        response([
          { ...call(), outputs },
          { ...call(), id: "ci_2", outputs: null },
        ]),
      ),
    ).toEqual([
      {
        kind: "code-image",
        itemId: "ci_1",
        filename: "ci_1-2.jpg",
        mediaType: "image/jpeg",
        url: outputs[1]!.url,
      },
      {
        kind: "code-image",
        itemId: "ci_1",
        filename: "ci_1-3.png",
        mediaType: undefined,
        url: "https://example.com/chart",
      },
    ]);
  });
});

it("returns an image that occurs twice once, and names it by its media type", () => {
  const outputs = [
    "https://h/a.jpg",
    "https://h/a.jpg",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "data:image/avif,x",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "data:text/html,x",
    "data:image/../x,y",
  ].map((url) => ({ type: "image", url }));
  expect(collectFiles(response([{ ...call(), outputs }])).map(({ filename }) => filename)).toEqual([
    "ci_1-1.png",
    "ci_1-3.svg",
    "ci_1-4.avif",
    "ci_1-6.png",
    "ci_1-7.png",
  ]);
});

describe("a response with files of all kinds", () => {
  const script: Script = async (request) => [
    ...(await chartModel({ files: { "totals.csv": "1" } })(request)),
    { type: "image", bytes: Buffer.from(PNG, "base64") },
  ];
  const body = {
    model: "gpt-5",
    input: "x",
    include: ["code_interpreter_call.outputs"],
    tools: [{ type: "code_interpreter", container: { type: "auto" } }, { type: "image_generation" }],
  };
  const headers = { authorization: "Bearer k" };

  it.each([false, true])("gives one file of each kind, with stream %s", async (stream) => {
    const emulator = createResponsesEmulator({ script });
    const answer = await emulator.fetch(`${BASE}/responses`, {
      method: "POST",
      headers,
      body: JSON.stringify({ ...body, stream }),
    });
    const text = await answer.text();
    const final = stream ? JSON.parse(text.trim().split("data: ").at(-1)!).response : JSON.parse(text);
    expect(collectFiles(final).map(({ kind }) => kind)).toEqual([
      "code-image",
      "container-file",
      "generated-image",
    ]);
  });
});

it("throws a TypeError for a value that is not a response", () => {
  for (const value of [undefined, null, "resp_1", [], { output: {} }]) {
    expect(() => collectFiles(value as never)).toThrow(
      /^response must be a response of the Responses API, with an output array, got /,
    );
  }
});

it("never throws, whatever the output array holds, and returns no file twice", () => {
  const type = fc.constantFrom(
    "message",
    "multi_agent_call_output",
    "image_generation_call",
    "code_interpreter_call",
    "reasoning",
  );
  const odd = fc.oneof(
    fc.anything(),
    fc.constantFrom<unknown>(
      "a",
      [citation("a")],
      [{ annotations: [citation("a"), null] }],
      [{ type: "image", url: "https://a" }],
    ),
  );
  const item = fc.oneof(
    fc.anything(),
    fc.record({ type, id: odd, content: odd, output: odd, outputs: odd, result: odd, output_format: odd }),
  );
  fc.assert(
    fc.property(fc.array(item), (output) => {
      const files = collectFiles({ output }).map((file) => JSON.stringify(file));
      expect(new Set(files).size).toBe(files.length);
    }),
    { numRuns: 2000 },
  );
});
