/**
 * Tests that a killed run of `repair` can be resumed, and that no line is written twice or in part. This file is long because
 * each way in which an input can change has its own test.
 */
import { spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createResponsesEmulator, type ListeningServer } from "../src/testing/index.js";
import { main, type Run, run } from "./command.js";
import { eventsOf, fileOf, lines, responseOf, sse } from "./stored/responses.js";

const NUMBERS = Array.from({ length: 60 }, (_, n) => n);
const HANGING = 30;
const input = lines(NUMBERS.map((n) => responseOf(n)));
const expected = lines(NUMBERS.map((n) => responseOf(n, { cited: true })));

let folder: string;
let server: ListeningServer;
let env: NodeJS.ProcessEnv;
/** The containers whose lists were requested. */
let asked: number[];
let hangs: boolean;
let isReached: Promise<void>;
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "resume-test-"));
  asked = [];
  hangs = true;
  let reach: () => void = () => {};
  isReached = new Promise((resolve) => {
    reach = resolve;
  });
  const emulator = createResponsesEmulator({
    intercept: ({ path }) => {
      const n = Number(/cntr_(\d+)/.exec(path)?.[1]);
      asked.push(n);
      if (n === HANGING && hangs) {
        reach();
        return new Promise(() => {});
      }
      return Response.json({ object: "list", data: [fileOf(n)], has_more: false });
    },
  });
  server = await emulator.listen();
  env = { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: server.baseURL };
  await writeFile(at("in.jsonl"), input);
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** Starts a run whose list request gets no answer. Kills the run while it waits for the list. */
async function killed(args: readonly string[], stdin = ""): Promise<void> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [main, "repair", ...args], {
    env: { PATH, HOME, ...env },
    stdio: ["pipe", "ignore", "ignore"],
  });
  const isClosed = new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
  child.stdin.end(stdin);
  await isReached;
  child.kill("SIGKILL");
  expect(await isClosed).toBe("SIGKILL");
  hangs = false;
}

const reportOf = async (): Promise<unknown[]> =>
  (await readFile(at("report"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

it("resumes after SIGKILL, also if the output ends with half a line", async () => {
  const args = [at("in.jsonl"), "--out", at("out"), "--report", at("report"), "--concurrency", "4"];
  await killed(args);
  const written = await readFile(at("out"), "utf8");
  expect(expected.startsWith(written)).toBe(true);
  expect(written.length).toBeLessThan(expected.length);
  // An interrupted write may end in the middle of a line.
  await appendFile(at("out"), expected.slice(written.length, written.length + 100));
  await appendFile(at("report"), '{"line":');

  const without = await run(["repair", ...args], { env });
  expect(without).toMatchObject({ code: 2, stdout: "" });
  expect(without.stderr).toContain("--resume");

  const { code, stderr } = await run(["repair", ...args, "--resume"], { env });
  expect(stderr).toContain("60 responses: 60 citations recovered in 60 responses\n");
  expect(code).toBe(0);
  expect(await readFile(at("out"), "utf8")).toBe(expected);
  expect(await reportOf()).toMatchObject(
    NUMBERS.map((n) => ({ line: n + 1, responseId: `resp_${n}`, outcome: "recovered" })),
  );
  expect(asked.filter((n) => n === 0)).toHaveLength(1); // it resumed instead of starting again
  await expect(readFile(at("out.progress"))).rejects.toThrow("ENOENT");
});

it("resumes from stdin if it has the same content", async () => {
  await killed(["--out", at("out")], input);
  const { code } = await run(["repair", "--out", at("out"), "--resume"], { input, env });
  expect(code).toBe(0);
  expect(await readFile(at("out"), "utf8")).toBe(expected);
  expect(asked.filter((n) => n === 0)).toHaveLength(1);
});

it("refuses a shorter stdin", async () => {
  await killed(["--out", at("out")], input);
  const { code, stderr } = await run(["repair", "--out", at("out"), "--resume"], {
    input: input.slice(0, 10),
    env,
  });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("stdin is shorter") });
});

it("starts at the beginning if no run was interrupted, so --resume may always be given", async () => {
  hangs = false;
  const args = ["repair", at("in.jsonl"), "--out", at("out"), "--resume"];
  for (let time = 0; time < 2; time++) {
    expect(await run(args, { env })).toMatchObject({ code: 0 });
    expect(await readFile(at("out"), "utf8")).toBe(expected);
  }
});

/** Returns what the progress file says about each input: first the inputs that were read to their end, then the current input. */
async function partsRead(): Promise<Record<string, unknown>[]> {
  const { milestone } = JSON.parse(await readFile(at("out.progress"), "utf8"));
  return [...milestone.done, ...(milestone.current ? [milestone.current] : [])];
}

/** Removes each input's size and time from the progress file, as if an earlier version of the command had written the file. */
async function makeProgressOld(): Promise<void> {
  const progress = JSON.parse(await readFile(at("out.progress"), "utf8"));
  for (const part of [...progress.milestone.done, progress.milestone.current]) {
    delete part?.size;
    delete part?.mtime;
  }
  await writeFile(at("out.progress"), JSON.stringify(progress));
}

describe("the progress file", () => {
  const THEN = new Date("2025-09-11T15:12:47.250Z");

  it("holds the size and the time of an input that was read to its end", async () => {
    await writeFile(at("events"), sse(eventsOf(1)));
    await utimes(at("events"), THEN, THEN);
    await killed([at("events"), at("in.jsonl"), "--out", at("out")]);
    const [events] = await partsRead();
    const length = Buffer.byteLength(sse(eventsOf(1)));
    const sha256 = expect.stringMatching(/^[\da-f]{64}$/);
    expect(events).toEqual({ bytes: length, sha256, size: length, mtime: THEN.getTime() });
  });

  it("holds the size and the time of the current input", async () => {
    await utimes(at("in.jsonl"), THEN, THEN);
    await killed([at("in.jsonl"), "--out", at("out")]);
    expect(await partsRead()).toMatchObject([{ size: Buffer.byteLength(input), mtime: THEN.getTime() }]);
  });

  it("holds no size and no time for a pipe", async () => {
    await killed(["--out", at("out")], input);
    const [part] = await partsRead();
    expect(part).toHaveProperty("sha256");
    expect(part).not.toHaveProperty("size");
    expect(part).not.toHaveProperty("mtime");
  });

  it("may be from an earlier version that wrote no size and no time", async () => {
    await killed([at("in.jsonl"), "--out", at("out")]);
    await makeProgressOld();
    expect(await run(["repair", at("in.jsonl"), "--out", at("out"), "--resume"], { env })).toMatchObject({
      code: 0,
    });
    expect(await readFile(at("out"), "utf8")).toBe(expected);
    expect(asked.filter((n) => n === 0)).toHaveLength(1); // it resumed
  });
});

describe("a changed input", () => {
  const resume = (...inputs: string[]): Promise<Run> =>
    run(["repair", ...inputs, "--out", at("out"), "--resume"], { env });

  /** Expects that `repair --resume` refuses a changed input and writes nothing, and that it works with the original input. */
  async function expectRefused(
    inputs: string[],
    message: RegExp,
    restore: () => Promise<void>,
  ): Promise<void> {
    const before = await Promise.all(["out", "out.progress"].map((name) => readFile(at(name), "utf8")));
    const { code, stderr } = await resume(...inputs);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
    expect(stderr).toContain(`remove ${at("out.progress")} to start again`);
    const after = await Promise.all(["out", "out.progress"].map((name) => readFile(at(name), "utf8")));
    expect(after).toEqual(before);
    await restore();
    expect(await resume(...inputs)).toMatchObject({ code: 0 });
  }

  it.each([
    [
      "has new lines at its beginning",
      lines([responseOf(59)]) + input,
      /in\.jsonl has changed: its first [\d,]+ bytes/,
    ],
    [
      "has another byte, with the same time and size",
      input.replace("Nº 0 ", "Nº 9 "),
      /in\.jsonl has changed/,
    ],
    ["is cut off before the end of the part that was read", input.slice(0, 100), /in\.jsonl is shorter/],
    ["is empty", "", /in\.jsonl is shorter/],
  ])("is refused if it %s", async (_, other, message) => {
    const time = new Date(1757603567e3);
    await utimes(at("in.jsonl"), time, time);
    await killed([at("in.jsonl"), "--out", at("out")]);
    await writeFile(at("in.jsonl"), other);
    await utimes(at("in.jsonl"), time, time);
    await expectRefused([at("in.jsonl")], message, () => writeFile(at("in.jsonl"), input));
    expect(await readFile(at("out"), "utf8")).toBe(expected);
  });

  it.each([
    ["has a later time", "2026-01-02T03:04:05.000Z"],
    ["has an earlier time", "2001-01-02T03:04:05.000Z"],
  ])("is accepted if only its time changed: it %s", async (_, time) => {
    await killed([at("in.jsonl"), "--out", at("out")]);
    await utimes(at("in.jsonl"), new Date(time), new Date(time));
    expect(await resume(at("in.jsonl"))).toMatchObject({ code: 0 });
    expect(await readFile(at("out"), "utf8")).toBe(expected);
    expect(asked.filter((n) => n === 0)).toHaveLength(1); // it resumed
  });

  it("is refused with a message that gives its size and time before and now, the accepted changes and a remedy", async () => {
    const [before, now] = [new Date("2025-09-11T15:12:47.000Z"), new Date("2025-09-12T08:00:00.500Z")];
    await utimes(at("in.jsonl"), before, before);
    await killed([at("in.jsonl"), "--out", at("out")]);
    await writeFile(at("in.jsonl"), lines([responseOf(59)]) + input);
    await utimes(at("in.jsonl"), now, now);
    const sizes = [input, lines([responseOf(59)]) + input].map((text) =>
      Buffer.byteLength(text).toLocaleString("en"),
    );
    const { stderr } = await resume(at("in.jsonl"));
    expect(stderr).toContain(
      `Then it had ${sizes[0]} bytes and was last changed at 2025-09-11T15:12:47.000Z. ` +
        `Now it has ${sizes[1]} bytes and was last changed at 2025-09-12T08:00:00.500Z. ` +
        "The part that was read must be the same; new bytes may follow it. " +
        `Restore the input, or remove ${at("out.progress")} to start again`,
    );
  });

  it("is refused with a message without its earlier size and time if the progress file lacks them", async () => {
    await killed([at("in.jsonl"), "--out", at("out")]);
    await makeProgressOld();
    await writeFile(at("in.jsonl"), "{}");
    const { code, stderr } = await resume(at("in.jsonl"));
    expect(code).toBe(2);
    expect(stderr).not.toContain("Then it had");
    expect(stderr).toMatch(/in\.jsonl is shorter.*\. Now it has 2 bytes and was last changed at \d{4}-/);
  });

  it("is also refused on stdin", async () => {
    await killed(["--out", at("out")], input);
    const args = ["repair", "--out", at("out"), "--resume"];
    const { code, stderr } = await run(args, { input: lines([responseOf(59)]) + input, env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("stdin has changed") });
    expect(await run(args, { input, env })).toMatchObject({ code: 0 });
    expect(await readFile(at("out"), "utf8")).toBe(expected);
  });

  it.each([
    ["lines were added", input, input + lines([responseOf(60)])],
    ["its last line was incomplete", input.slice(0, -100), input + lines([responseOf(60)])],
    ["it was cut off after the part that was read", input + lines([responseOf(60)]), input],
  ])("may differ after the part that was read: %s", async (_, then, now) => {
    await writeFile(at("in.jsonl"), then);
    await killed([at("in.jsonl"), "--out", at("out")]);
    await writeFile(at("in.jsonl"), now);
    expect(await resume(at("in.jsonl"))).toMatchObject({ code: 0 });
    const added = now === input ? "" : lines([responseOf(60, { cited: true })]);
    expect(await readFile(at("out"), "utf8")).toBe(expected + added);
    expect(asked.filter((n) => n === 0)).toHaveLength(1); // it resumed
  });

  it.each([
    ["has changed", sse(eventsOf(2)), /events has changed.*must be the same, as the output of the next/],
    [
      "has grown",
      sse([...eventsOf(1), ...eventsOf(2)]),
      /events has grown.*Then it had 2,504 bytes.*Now it has 5,008 bytes/,
    ],
    ["is shorter", sse(eventsOf(1)).slice(0, -1), /events is shorter/],
  ])("is refused if it was read to its end and %s", async (_, other, message) => {
    const events = sse(eventsOf(1)); // the first milestone is at the end of this stream
    await writeFile(at("events"), events);
    const inputs = [at("events"), at("in.jsonl")];
    await killed([...inputs, "--out", at("out")]);
    await writeFile(at("events"), other);
    await expectRefused(inputs, message, () => writeFile(at("events"), events));
    expect(await readFile(at("out"), "utf8")).toBe(sse(eventsOf(1, { cited: true })) + expected);
  });
});

it("refuses other inputs, another report, a shorter output and an unreadable progress file", async () => {
  await killed([at("in.jsonl"), "--out", at("out")]);
  const written = await readFile(at("out"), "utf8");
  await writeFile(at("other.jsonl"), input);
  const other = await run(["repair", at("other.jsonl"), "--out", at("out"), "--resume"], { env });
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("other inputs") });
  const report = await run(
    ["repair", at("in.jsonl"), "--out", at("out"), "--report", at("report"), "--resume"],
    { env },
  );
  expect(report).toMatchObject({ code: 2, stderr: expect.stringContaining("another report") });
  expect(await readFile(at("out"), "utf8")).toBe(written);

  await truncate(at("out"), 10);
  const shorter = await run(["repair", at("in.jsonl"), "--out", at("out"), "--resume"], { env });
  expect(shorter).toMatchObject({ code: 2, stderr: expect.stringContaining("shorter") });

  await writeFile(at("out"), written);
  await truncate(at("in.jsonl"), 10);
  const cut = await run(["repair", at("in.jsonl"), "--out", at("out"), "--resume"], { env });
  expect(cut).toMatchObject({ code: 2, stderr: expect.stringContaining("in.jsonl is shorter") });

  const ofVersion1 = {
    ...{ version: 1, inputs: [at("in.jsonl")], report: null },
    milestone: { input: 0, offset: 600, outLength: 700, outEndsLine: true, reportLength: 0, counts: {} },
  };
  for (const text of [JSON.stringify(ofVersion1), '{"version":2}', '{"version":', ""]) {
    await writeFile(at("out.progress"), text);
    const version = await run(["repair", at("in.jsonl"), "--out", at("out"), "--resume"], { env });
    expect(version).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /out\.progress was not written by this version.*remove that file to start again/,
      ),
    });
  }
});
