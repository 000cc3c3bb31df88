/** `repair`, run as a user runs it: what goes in, what comes out, what it says. */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createResponsesEmulator } from "../src/testing/index.js";
import { main, run } from "./command.js";
import { describeShared, readShared } from "./shared.js";
import { batchLineOf, eventsOf, fileOf, lines, responseOf, sse } from "./stored/responses.js";

const SOME = [1, 2, 3, 4, 5];
const some = <Value>(make: (n: number, options: { cited: boolean }) => Value, cited: boolean): Value[] =>
  SOME.map((n) => make(n, { cited }));

let folder: string;
let list: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "repair-test-"));
  list = at("list.json");
  await writeFile(list, JSON.stringify(Array.from({ length: 40 }, (_, n) => fileOf(n))));
});
afterAll(() => rm(folder, { recursive: true }));

/** Without the sequence numbers of inserted events, which the recording may have counted. */
const parsed = (text: string): unknown[] =>
  text
    .trim()
    .split(/\r?\n/)
    .map((line) => JSON.parse(line));

describe("every shape comes out as it went in, with the citations", () => {
  const shapes: [name: string, input: string, expected: string][] = [
    ["a response in one line", JSON.stringify(responseOf(1)), JSON.stringify(responseOf(1, { cited: true }))],
    ["an array", JSON.stringify(some(responseOf, false)), JSON.stringify(some(responseOf, true))],
    ["JSON Lines", lines(some(responseOf, false)), lines(some(responseOf, true))],
    ["a Batch API's output", lines(some(batchLineOf, false)), lines(some(batchLineOf, true))],
    ["events, one a line", lines(some(eventsOf, false).flat()), lines(some(eventsOf, true).flat())],
    [
      "events in an array",
      JSON.stringify(eventsOf(1)),
      JSON.stringify(eventsOf(1, { cited: true })).replace(
        /,(?=\{"type":"response.output_text.done")/,
        ",\n",
      ),
    ],
    ["an event stream", sse(some(eventsOf, false).flat()), sse(some(eventsOf, true).flat())],
    ["JSON Lines with CRLF", lines(some(responseOf, false), "\r\n"), lines(some(responseOf, true), "\r\n")],
    ["events with CRLF", lines(eventsOf(1), "\r\n"), lines(eventsOf(1, { cited: true }), "\r\n")],
    [
      "JSON Lines without a last newline",
      lines(some(responseOf, false)).trim(),
      lines(some(responseOf, true)).trim(),
    ],
    ["events without a last newline", lines(eventsOf(1)).trim(), lines(eventsOf(1, { cited: true })).trim()],
    [
      "JSON Lines with a byte order mark",
      `\ufeff${lines(some(responseOf, false))}`,
      `\ufeff${lines(some(responseOf, true))}`,
    ],
    [
      "an event stream with a byte order mark",
      `\ufeff${sse(eventsOf(1))}`,
      `\ufeff${sse(eventsOf(1, { cited: true }))}`,
    ],
    [
      "lines with empty ones between",
      `\n${lines(some(responseOf, false), "\n \n")}\n`,
      `\n${lines(some(responseOf, true), "\n \n")}\n`,
    ],
    ["nothing", "", ""],
  ];

  it.each(shapes)("%s", async (_, input, expected) => {
    await writeFile(at("input"), input);
    const piped = await run(["repair", "--files", list], { input });
    expect(piped.stdout).toBe(expected);
    expect(piped.code).toBe(0);
    const named = await run(["repair", "--files", list, at("input"), "--out", at("output")]);
    expect(named).toMatchObject({ code: 0, stdout: "" });
    expect(await readFile(at("output"), "utf8")).toBe(expected);
    // What has its citations keeps its bytes.
    expect((await run(["repair", "--files", list], { input: expected })).stdout).toBe(expected);
  });

  it.each([
    [
      "a response over several lines",
      [responseOf(1)],
      (values: object[]) => JSON.stringify(values[0], null, 2),
    ],
    [
      "responses over several lines, one after the other",
      some(responseOf, false),
      (values: object[]) => values.map((value) => `${JSON.stringify(value, null, 2)}\n`).join(""),
    ],
    [
      "an array over several lines",
      some(responseOf, false),
      (values: object[]) => JSON.stringify(values, null, 1),
    ],
    [
      "lines as Python writes them",
      some(batchLineOf, false),
      (values: object[]) =>
        values
          .map(
            (value) =>
              `${JSON.stringify(value, null, 1).replace(/\n */g, " ").replace(/º/g, "\\u00ba").replace('"temperature": 1,', '"temperature": 1.0,')}\n`,
          )
          .join(""),
    ],
  ])("%s, and nothing else in it is written otherwise", async (_, values, write) => {
    const input = write(values as object[]);
    const { stdout, code } = await run(["repair", "--files", list], { input });
    expect(code).toBe(0);
    const added = (JSON.stringify(responseOf(1, { cited: true })).match(/"annotations":\[(.*?)\]/) ?? [])[1]!;
    const pattern = new RegExp(added.replace(/[[\]{}.]/g, "\\$&").replace(/\d+/g, "\\d+"), "g");
    expect(stdout.match(pattern)).toHaveLength(values.length);
    expect(stdout.replace(pattern, "")).toBe(input);
  });
});

describeShared("the recordings", () => {
  it("get back the citations that were taken out of them", async () => {
    const files = Object.values<object[]>(JSON.parse(readShared("recordings/container-files.json"))).flat();
    await writeFile(at("recorded.json"), JSON.stringify(files));
    const without = (text: string): string =>
      JSON.stringify(JSON.parse(text), (key, value) => {
        const isRanged = (one: { start_index: number; end_index: number }): boolean =>
          one.end_index > one.start_index;
        return key === "annotations" ? value.filter((annotation: never) => !isRanged(annotation)) : value;
      });
    const plain = readShared("recordings/response.json");
    const { stdout } = await run(["repair", "--files", at("recorded.json")], { input: without(plain) });
    expect(JSON.parse(stdout)).toEqual(JSON.parse(plain));

    const recorded = readShared("recordings/stream.jsonl");
    const events = recorded
      .trim()
      .split("\n")
      .filter((line) => !line.includes("annotation.added"))
      .map(without);
    const streamed = await run(["repair", "--files", at("recorded.json")], { input: events.join("\n") });
    const bare = (text: string): unknown[] =>
      parsed(text).map((event) => ({ ...(event as object), sequence_number: undefined }));
    expect(bare(streamed.stdout)).toEqual(bare(recorded));
  });
});

describe("what is no response", () => {
  const broken = [
    Buffer.from(JSON.stringify(responseOf(9)).slice(0, 200)),
    Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xc0, 0x80]), Buffer.from('","output":[]}')]),
    Buffer.from("null"),
    Buffer.from('{"object":"chat.completion"}'),
    Buffer.from("not JSON \u0000\u001b[2J"),
    Buffer.from('{"custom_id":"a","response":{"status_code":500,"body":{"error":{}}}}'),
    Buffer.from("[]"),
  ];
  const newline = Buffer.from("\n");
  const input = Buffer.concat([
    Buffer.from(lines([responseOf(1)])),
    ...broken.flatMap((line) => [line, newline]),
    Buffer.from(lines([responseOf(2)])),
    newline,
    broken[0]!,
  ]);
  const expected = Buffer.concat([
    Buffer.from(lines([responseOf(1, { cited: true })])),
    ...broken.flatMap((line) => [line, newline]),
    Buffer.from(lines([responseOf(2, { cited: true })])),
    newline,
    broken[0]!,
  ]);

  it("passes byte for byte, and is counted and named", async () => {
    await writeFile(at("broken"), input);
    const { code, stderr } = await run([
      "repair",
      "--files",
      list,
      at("broken"),
      "--out",
      at("out"),
      "--report",
      at("report"),
    ]);
    expect(await readFile(at("out"))).toEqual(expected);
    expect(code).toBe(1);
    const named = [...stderr.matchAll(/broken: (.*), passed as it came/g)].map(([, words]) => words);
    expect(named).toEqual([
      "line 2 is no response (no JSON)",
      "line 3 is no response (not UTF-8)",
      "lines 4-5 are no responses (no response)",
      "line 6 is no response (no JSON)",
      "lines 7-8 are no responses (no response)",
      "line 11 is no response (no JSON)",
    ]);
    expect(stderr).toContain("2 responses: 2 citations recovered in 2 responses, 8 no response\n");
    expect(parsed(await readFile(at("report"), "utf8"))).toMatchObject([{ line: 1 }, { line: 9 }]);
  });

  it("passes first as well, whatever it looks like", async () => {
    for (const first of [
      ...broken,
      Buffer.from("["),
      Buffer.from('{"id":"r","output":['),
      Buffer.from('[{"id":"r"},'),
    ]) {
      const rest = lines(some(responseOf, false));
      const { stdout, code } = await run(["repair", "--files", list], {
        input: Buffer.concat([first, newline, Buffer.from(rest)]),
      });
      const all = Buffer.concat([first, newline, Buffer.from(lines(some(responseOf, true)))]);
      expect(stdout).toBe(all.toString());
      expect(code).toBe(first.toString() === "[]" ? 0 : 1); // an array of nothing has nothing wrong in it
    }
  });
});

describe("a line of 100 MB", () => {
  it("is repaired like any other", { timeout: 60_000 }, async () => {
    const filler = "é\\n".repeat(2 ** 21).replaceAll("\\n", ' a/b "quoted" and more text that goes on ');
    const input = lines([responseOf(1), responseOf(2, { filler }), responseOf(3)]);
    expect(Buffer.byteLength(input)).toBeGreaterThan(90e6);
    await writeFile(at("long"), input);
    const { code } = await run(["repair", "--files", list, at("long"), "--out", at("long.out")]);
    expect(code).toBe(0);
    const expected = lines([
      responseOf(1, { cited: true }),
      responseOf(2, { cited: true, filler }),
      responseOf(3, { cited: true }),
    ]);
    expect((await readFile(at("long.out"), "utf8")) === expected).toBe(true);
  });
});

describe("several inputs", () => {
  it("come one after the other, each in its own line", async () => {
    await writeFile(at("a"), lines([responseOf(1)]).trim());
    await writeFile(at("b"), JSON.stringify([responseOf(2)]));
    const { stdout } = await run(["repair", "--files", list, at("a"), "-", at("b")], {
      input: sse(eventsOf(3)),
    });
    const [a, b] = [responseOf(1, { cited: true }), [responseOf(2, { cited: true })]];
    expect(stdout).toBe(`${JSON.stringify(a)}\n${sse(eventsOf(3, { cited: true }))}${JSON.stringify(b)}`);
  });
});

describe("--files", () => {
  const input = lines(some(responseOf, false));
  const expected = lines(some(responseOf, true));
  const byContainer = (make: (n: number) => unknown): object =>
    Object.fromEntries(SOME.map((n) => [`cntr_${n}`, make(n)]));
  const { container_id: _, ...withoutContainer } = fileOf(1);

  it.each([
    ["the API's page", { object: "list", data: SOME.map(fileOf), has_more: false }],
    ["lists by container", byContainer((n) => [fileOf(n)])],
    ["pages by container", byContainer((n) => ({ object: "list", data: [fileOf(n)] }))],
    [
      "lists by container that do not say it again",
      { ...byContainer((n) => [fileOf(n)]), cntr_1: [withoutContainer] },
    ],
  ])("takes %s", async (_, files) => {
    await writeFile(at("files.json"), JSON.stringify(files));
    expect(await run(["repair", "--files", at("files.json")], { input })).toMatchObject({
      code: 0,
      stdout: expected,
    });
  });

  it.each([
    ["no JSON", "nothing", /files\.json: .*JSON/],
    ["a number", "1", /neither a list nor an object/],
    ["an object of anything else", '{"cntr_1":1}', /cntr_1 is no list/],
    ["files that are none", '[{"id":"cfile_1"}]', /files\[0\] must be a container file/],
  ])("does not take %s", async (_, text, message) => {
    await writeFile(at("files.json"), text);
    const { code, stdout, stderr } = await run(["repair", "--files", at("files.json")], { input });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("never lends one container's file to another's response", async () => {
    const other = { ...fileOf(1), container_id: "cntr_other" };
    await writeFile(at("files.json"), JSON.stringify([other]));
    const { code, stdout } = await run(["repair", "--files", at("files.json"), "--report", at("report")], {
      input: lines([responseOf(1)]),
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: lines([responseOf(1)]) });
    expect(parsed(await readFile(at("report"), "utf8"))).toMatchObject([
      {
        line: 1,
        responseId: "resp_1",
        outcome: "failed",
        unresolved: [{ reason: "container-unavailable" }],
        error: expect.stringContaining("has no list of cntr_1"),
      },
    ]);
  });
});

describe("--report", () => {
  it("has one line a response, that names its place", async () => {
    const input = [
      ...[batchLineOf(1), { nothing: 0 }, responseOf(2, { cited: true }), responseOf(50)],
      ...eventsOf(3),
      ...eventsOf(4).slice(0, -1),
    ];
    const { code } = await run(["repair", "--files", list, "--report", at("report")], {
      input: lines(input),
    });
    expect(code).toBe(1);
    const last = 4 + eventsOf(3).length;
    expect(parsed(await readFile(at("report"), "utf8"))).toMatchObject([
      { line: 1, customId: "question-1", responseId: "resp_1", outcome: "recovered" },
      { line: 3, responseId: "resp_2", outcome: "nothing-to-do" },
      { line: 4, responseId: "resp_50", outcome: "failed" },
      { line: last, responseId: "resp_3", outcome: "recovered" },
      { responseId: "resp_4", outcome: "recovered" },
    ]);
    await run(["repair", "--files", list, "--report", at("report")], {
      input: JSON.stringify([responseOf(1), responseOf(2)]),
    });
    expect(parsed(await readFile(at("report"), "utf8"))).toMatchObject([{ value: 1 }, { value: 2 }]);
  });
});

describe("with the API", () => {
  it("asks for the lists side by side and keeps the order", async () => {
    let arrived = 0;
    let openGate: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    const emulator = createResponsesEmulator({
      apiKey: "sk-the-key",
      intercept: async ({ path }) => {
        const n = Number(/cntr_(\d+)/.exec(path)?.[1]);
        if (++arrived === 3) openGate();
        if (n === 1) await gate; // the first is answered last
        return Response.json({ object: "list", data: [fileOf(n)], has_more: false });
      },
    });
    const server = await emulator.listen();
    try {
      const env = {
        OPENAI_API_KEY: " sk-the-key\n",
        OPENAI_BASE_URL: `${server.baseURL}/`,
        OPENAI_PROJECT_ID: "proj_1",
      };
      const { code, stdout } = await run(["repair", "--concurrency", "3"], {
        input: lines(some(responseOf, false)),
        env,
      });
      expect({ code, stdout }).toEqual({ code: 0, stdout: lines(some(responseOf, true)) });
      expect(emulator.requests).toHaveLength(SOME.length);
      for (const { headers } of emulator.requests) {
        expect(new Headers(headers).get("authorization")).toBe("Bearer sk-the-key");
        expect(new Headers(headers).get("openai-project")).toBe("proj_1");
      }
    } finally {
      await server.close();
    }
  });

  it("answers each line as soon as it can, for whoever sends one only after the other", async () => {
    const emulator = createResponsesEmulator({
      intercept: ({ path }) => {
        const n = Number(/cntr_(\d+)/.exec(path)?.[1]);
        return Response.json({ object: "list", data: [fileOf(n)], has_more: false });
      },
    });
    const server = await emulator.listen();
    const env = { ...process.env, OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: server.baseURL };
    const child = spawn(process.execPath, [main, "repair"], { env });
    try {
      child.stdout.setEncoding("utf8");
      const answers = child.stdout[Symbol.asyncIterator]();
      for (const n of SOME) {
        child.stdin.write(lines([responseOf(n)]));
        expect((await answers.next()).value).toBe(lines([responseOf(n, { cited: true })]));
      }
    } finally {
      child.kill();
      await server.close();
    }
  });

  it("passes what it gets no list for, and never prints the key", async () => {
    const emulator = createResponsesEmulator({
      intercept: ({ headers }) => {
        const sent = new Headers(headers).get("authorization");
        return Response.json({ error: { message: `no such key: ${sent}` } }, { status: 401 });
      },
    });
    const server = await emulator.listen();
    try {
      const env = { OPENAI_API_KEY: "sk-very-secret", OPENAI_BASE_URL: server.baseURL };
      const input = lines(some(responseOf, false));
      const { code, stdout, stderr } = await run(["repair", "--report", at("report")], { input, env });
      expect({ code, stdout }).toEqual({ code: 1, stdout: input });
      expect(stderr).toContain("5 failures");
      const report = await readFile(at("report"), "utf8");
      expect(parsed(report)).toMatchObject(
        SOME.map(() => ({ outcome: "failed", error: "the container's file list answered 401" })),
      );
      expect(report + stderr).not.toContain("secret");
    } finally {
      await server.close();
    }
  });

  it.each([
    ["a key that is none", { OPENAI_API_KEY: "sk-very\nsecret" }],
    ["a base URL that is none", { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: "nowhere" }],
    ["no key", {}],
    ["an empty one", { OPENAI_API_KEY: "  " }],
  ])("does not begin with %s", async (_, env) => {
    const { code, stdout, stderr } = await run(["repair"], { input: lines([responseOf(1)]), env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/OPENAI_(?:API_KEY|BASE_URL)/);
    expect(stderr).not.toContain("secret");
  });
});

describe("wrong use", () => {
  it.each([
    ["an input that is not there", () => [at("nowhere")], /nowhere/],
    ["a folder", () => [folder], /is a folder/],
    ["stdin twice", () => ["-", "-"], /once only/],
    ["an output that is the input", () => [list, "--out", list], /would be overwritten/],
    ["a report that is the input", () => [list, "--report", list], /would be overwritten/],
    ["an output that is the report", () => ["-", "--out", at("o"), "--report", at("o")], /the same file/],
    ["an output that cannot be opened", () => ["-", "--out", at("nowhere/out")], /nowhere/],
    ["--resume without --out", () => ["-", "--resume"], /--out/],
    ["a concurrency of nothing", () => ["-", "--concurrency", "0"], /whole number, 1 or more/],
    ["an option that is none", () => ["--nothing"], /unknown option/],
  ])("is %s", async (_, args, message) => {
    const before = await readFile(list, "utf8");
    const { code, stdout, stderr } = await run(["repair", "--files", list, ...args()]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(await readFile(list, "utf8")).toBe(before);
  });
});

describe("among other programs", () => {
  it("ends quietly when nobody reads on", async () => {
    await writeFile(at("many"), lines(Array.from({ length: 5000 }, () => responseOf(1))));
    const script = `set -o pipefail; "${process.execPath}" "${main}" repair --files "${list}" "${at("many")}" | head -c 20`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script]);
    expect({ stdout, stderr }).toEqual({ stdout: JSON.stringify(responseOf(1)).slice(0, 20), stderr: "" });
  });

  it("writes to a device without keeping notes of its progress", async () => {
    const { code, stderr } = await run(["repair", "--files", list, "--out", "/dev/null"], {
      input: lines([responseOf(1)]),
    });
    expect(stderr).toContain("1 response: 1 citation recovered in 1 response\n");
    expect(code).toBe(0);
    await expect(readFile("/dev/null.progress")).rejects.toThrow("ENOENT");
  });
});
