/** Tests the options of `repair`, its requests to the API, its errors for wrong use, and pipes to other programs. */
import { execFile, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createResponsesEmulator } from "../src/testing/index.js";
import { environment, main, run } from "./command.js";
import { at, folder, list } from "./stored/folder.js";
import { batchLineOf, eventsOf, fileOf, lines, parsed, responseOf, SOME, some } from "./stored/responses.js";

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
      "lists by container whose files have the id that the container has behind a gateway",
      byContainer((n) => [{ ...fileOf(n), container_id: `cntr_native_${n}` }]),
    ],
    [
      "lists by container whose files do not repeat the container id",
      { ...byContainer((n) => [fileOf(n)]), cntr_1: [withoutContainer] },
    ],
  ])("accepts %s", async (_, files) => {
    await writeFile(at("files.json"), JSON.stringify(files));
    expect(await run(["repair", "--files", at("files.json")], { input })).toMatchObject({
      code: 0,
      stdout: expected,
    });
  });

  it.each([
    ["text that is not JSON", "nothing", /files\.json: .*JSON/],
    ["a number", "1", /neither a list nor an object/],
    ["an object without lists", '{"cntr_1":1}', /cntr_1 is not a list/],
    ["entries that are not files", '[{"id":"cfile_1"}]', /files\[0\] must be a container file/],
  ])("rejects %s", async (_, text, message) => {
    await writeFile(at("files.json"), text);
    const { code, stdout, stderr } = await run(["repair", "--files", at("files.json")], { input });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("never cites a file of another container", async () => {
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
  it("has one line per response with its place in the input", async () => {
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
  it("requests lists in parallel and keeps the order", async () => {
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
        if (n === 1) await gate; // the first request is answered last
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

  it("sends the headers of OPENAI_CUSTOM_HEADERS, as the SDK does", async () => {
    const emulator = createResponsesEmulator({
      intercept: () => Response.json({ object: "list", data: [fileOf(1)], has_more: false }),
    });
    const server = await emulator.listen();
    try {
      const env = {
        OPENAI_API_KEY: "sk-1",
        OPENAI_BASE_URL: server.baseURL,
        OPENAI_CUSTOM_HEADERS: "x-team: data: 1\nno header\nauthorization: Bearer of-the-gateway",
        OPENAI_ORG_ID: "org_1",
      };
      expect((await run(["repair"], { input: lines([responseOf(1)]), env })).code).toBe(0);
      expect(emulator.requests[0]!.headers).toMatchObject({
        "x-team": "data: 1",
        authorization: "Bearer of-the-gateway",
        "openai-organization": "org_1",
      });
    } finally {
      await server.close();
    }
  });

  it("writes each line without waiting for the next one", async () => {
    const emulator = createResponsesEmulator({
      intercept: ({ path }) => {
        const n = Number(/cntr_(\d+)/.exec(path)?.[1]);
        return Response.json({ object: "list", data: [fileOf(n)], has_more: false });
      },
    });
    const server = await emulator.listen();
    const env = { ...environment(), OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: server.baseURL };
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

  it("writes responses unchanged if the API refuses the list, and never prints the key", async () => {
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
    ["an invalid key", { OPENAI_API_KEY: "sk-very\nsecret" }],
    ["an invalid base URL", { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: "nowhere" }],
    ["no key", {}],
    ["a blank key", { OPENAI_API_KEY: "  " }],
  ])("does not start with %s", async (_, env) => {
    const { code, stdout, stderr } = await run(["repair"], { input: lines([responseOf(1)]), env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/OPENAI_(?:API_KEY|BASE_URL)/);
    expect(stderr).not.toContain("secret");
  });
});

describe("wrong use", () => {
  it.each([
    ["a missing input", () => [at("nowhere")], /nowhere/],
    ["a folder", () => [folder], /is a folder/],
    ["stdin twice", () => ["-", "-"], /once only/],
    ["the input as the output", () => [list, "--out", list], /would be overwritten/],
    ["the input as the report", () => [list, "--report", list], /would be overwritten/],
    ["the report as the output", () => ["-", "--out", at("o"), "--report", at("o")], /the same file/],
    ["an output that cannot be opened", () => ["-", "--out", at("nowhere/out")], /nowhere/],
    ["--resume without --out", () => ["-", "--resume"], /--out/],
    ["a concurrency of 0", () => ["-", "--concurrency", "0"], /whole number, 1 or more/],
    ["an unknown option", () => ["--nothing"], /unknown option/],
  ])("exits with 2 for %s", async (_, args, message) => {
    const before = await readFile(list, "utf8");
    const { code, stdout, stderr } = await run(["repair", "--files", list, ...args()]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(await readFile(list, "utf8")).toBe(before);
  });
});

describe("with other programs", () => {
  it("exits without an error when the reader closes the pipe", async () => {
    await writeFile(at("many"), lines(Array.from({ length: 5000 }, () => responseOf(1))));
    const script = `set -o pipefail; "${process.execPath}" "${main}" repair --files "${list}" "${at("many")}" | head -c 20`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { env: environment() });
    expect({ stdout, stderr }).toEqual({ stdout: JSON.stringify(responseOf(1)).slice(0, 20), stderr: "" });
  });

  it("writes no progress file for a device", async () => {
    const { code, stderr } = await run(["repair", "--files", list, "--out", "/dev/null"], {
      input: lines([responseOf(1)]),
    });
    expect(stderr).toContain("1 response: 1 citation recovered in 1 response\n");
    expect(code).toBe(0);
    await expect(readFile("/dev/null.progress")).rejects.toThrow("ENOENT");
  });
});
