/** Tests the citations that the emulator adds, and the scripts that the package includes. */
import { describe, expect, it } from "vitest";
import {
  chartModel,
  compliantModel,
  createResponsesEmulator,
  type Script,
  structuredModel,
  stubbornModel,
  twoContainersModel,
  twoFilesModel,
} from "../src/testing/index.js";
import { cited, parts, respond } from "./emulator-calls.js";

function saying(text: string, files: Record<string, string> = { "a.csv": "a" }): Script {
  return () => [
    { type: "python", code: "go()", files },
    { type: "message", text },
  ];
}

describe("citations", () => {
  it.each([
    ["a link", "[a](sandbox:/mnt/data/a.csv)", ["sandbox:/mnt/data/a.csv"]],
    ["an image", "![a](sandbox:/mnt/data/a.csv)", ["sandbox:/mnt/data/a.csv"]],
    ["an empty label", "[](sandbox:/mnt/data/a.csv)", ["sandbox:/mnt/data/a.csv"]],
    [
      "two links",
      "[a](sandbox:/mnt/data/a.csv)[b](sandbox:/mnt/data/a.csv)",
      Array(2).fill("sandbox:/mnt/data/a.csv"),
    ],
    ["a link after emoji", "🎉🎉 [👍](sandbox:/mnt/data/a.csv)", ["sandbox:/mnt/data/a.csv"]],
    ["a bare path", "/mnt/data/a.csv", []],
    ["a bare path with a scheme", "sandbox:/mnt/data/a.csv", []],
    ["another scheme", "[a](http:/mnt/data/a.csv)", []],
    ["no scheme", "[a](/mnt/data/a.csv)", []],
    ["another case", "[a](Sandbox:/mnt/data/a.csv)", []],
    ["a path that begins with the file's path", "[a](sandbox:/mnt/data/a.csv.gz)", []],
    ["a link with a title", '[a](sandbox:/mnt/data/a.csv "A \\" (b)")', ["sandbox:/mnt/data/a.csv"]],
    ["an image with a title", "![a](sandbox:/mnt/data/a.csv\n'A' )", ["sandbox:/mnt/data/a.csv"]],
    ["a title in parentheses", "[a](sandbox:/mnt/data/a.csv (A))", ["sandbox:/mnt/data/a.csv"]],
    ["a title without a space before it", '[a](sandbox:/mnt/data/a.csv"A")', []],
    ["a title without an end", '[a](sandbox:/mnt/data/a.csv "A)', []],
    ["two titles", '[a](sandbox:/mnt/data/a.csv "A" "B")', []],
    ["a missing file", "[a](sandbox:/mnt/data/b.csv)", []],
    ["a reference", "[a]: sandbox:/mnt/data/a.csv", []],
  ])("of %s", async (_, text, expected) => {
    expect(cited(await respond(createResponsesEmulator({ script: saying(text) })))).toEqual(expected);
  });

  it("use the longest matching file name", async () => {
    const script = saying("[a](sandbox:/mnt/data/a (1).csv)", { "a (1": "", "a (1).csv": "" });
    const [part] = parts(await respond(createResponsesEmulator({ script })));
    expect(part?.annotations.map(({ filename }) => filename)).toEqual(["a (1).csv"]);
  });

  it("refer to the container that was used last", async () => {
    const files = { "a.csv": "a" };
    const emulator = createResponsesEmulator({
      script: () => [
        { type: "python", code: "one()", files },
        { type: "shell", commands: ["two"], files, container: "other" },
        { type: "message", text: "[a](sandbox:/mnt/data/a.csv)" },
      ],
    });
    const [part] = parts(await respond(emulator));
    expect(part?.annotations[0]?.container_id).toBe([...emulator.containers.keys()][1]);
  });

  it("count code points, or UTF-16 units if indexUnit says so", async () => {
    const text = "🎉🎉 [👍](sandbox:/mnt/data/a.csv)";
    const at = text.indexOf("sandbox:");
    for (const [indexUnit, shift] of [
      [undefined, 3],
      ["code-point", 3],
      ["utf-16", 0],
    ] as const) {
      const emulator = createResponsesEmulator({ script: saying(text), ...(indexUnit && { indexUnit }) });
      const [part] = parts(await respond(emulator));
      expect(part?.annotations).toMatchObject([
        { start_index: at - shift, end_index: at - shift + "sandbox:/mnt/data/a.csv".length },
      ]);
    }
  });

  it("of charts come before all others", async () => {
    const script = chartModel({ files: { "a.csv": "a" } });
    const [part] = parts(
      await respond(createResponsesEmulator({ script }), { input: "Link it: sandbox:/mnt/data" }),
    );
    const [chart, link] = part?.annotations ?? [];
    expect(chart).toMatchObject({
      start_index: 0,
      end_index: 0,
      filename: expect.stringMatching(/^cfile_.+\.png$/),
    });
    expect(link).toMatchObject({ filename: "a.csv" });
  });
});

describe("the predefined models", () => {
  const asked = { input: "Link as [x](sandbox:/mnt/data/x)." };

  it("compliantModel writes links only if the request asks for them", async () => {
    const emulator = createResponsesEmulator({
      script: compliantModel({ files: { "b.txt": "b", "/mnt/data/c/d.txt": "d" } }),
    });
    expect(cited(await respond(emulator, asked))).toEqual([
      "sandbox:/mnt/data/b.txt",
      "sandbox:/mnt/data/c/d.txt",
    ]);
    const bare = await respond(emulator);
    expect(cited(bare)).toEqual([]);
    expect(parts(bare)[0]?.text).toContain("/mnt/data/c/d.txt");
    const instructed = await respond(emulator, { instructions: "Use sandbox:/mnt/data links." });
    expect(cited(instructed)).toHaveLength(2);
  });

  it("stubbornModel writes no links even if the request asks for them", async () => {
    const response = await respond(createResponsesEmulator({ script: stubbornModel() }), asked);
    expect(parts(response)[0]).toMatchObject({ text: "Download: /mnt/data/report.csv", annotations: [] });
  });

  it("twoFilesModel links only the first file", async () => {
    const response = await respond(createResponsesEmulator({ script: twoFilesModel() }));
    expect(cited(response)).toEqual(["sandbox:/mnt/data/report.csv"]);
    expect(parts(response)[0]?.text).toContain("/mnt/data/summary.txt");
  });

  it("twoContainersModel uses two containers, and the same ones in the next turn", async () => {
    const emulator = createResponsesEmulator({ script: twoContainersModel() });
    const { id } = await respond(emulator, asked);
    const next = await respond(emulator, { ...asked, previous_response_id: id });
    expect([...emulator.containers.values()].map(({ files }) => files.map(({ path }) => path))).toEqual([
      ["/mnt/data/report.csv"],
      ["/mnt/data/summary.txt"],
    ]);
    expect(parts(next)[0]?.annotations.map(({ container_id }) => container_id)).toEqual([
      ...emulator.containers.keys(),
    ]);
  });

  it("structuredModel answers with JSON only if the request has a JSON schema", async () => {
    const emulator = createResponsesEmulator({ script: structuredModel() });
    const format = { type: "json_schema", name: "files", schema: {} };
    const [part] = parts(await respond(emulator, { text: { format } }));
    expect(JSON.parse(part?.text ?? "")).toEqual({ files: [{ path: "/mnt/data/report.csv" }] });
    expect(parts(await respond(emulator))[0]?.text).toBe("Download: /mnt/data/report.csv");
  });

  it("reject invalid options", () => {
    // @ts-expect-error A content is not a number.
    expect(() => compliantModel({ files: { a: 1 } })).toThrow(
      new TypeError('The content of "a" must be a string or a Uint8Array, got 1.'),
    );
    expect(() => twoFilesModel({ files: {} })).toThrow(
      "The option files must be at least one file, got an object.",
    );
    // @ts-expect-error A chart is not a string.
    expect(() => chartModel({ chart: "x" })).toThrow('The option chart must be a Uint8Array, got "x".');
    // @ts-expect-error The files are not an array.
    expect(() => stubbornModel({ files: [] })).toThrow("got an empty array.");
  });
});
