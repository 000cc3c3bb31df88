/** A run of `repair` that was killed goes on, and writes no line twice or half. */
import { spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createResponsesEmulator, type ListeningServer } from "../src/testing/index.js";
import { main, run } from "./command.js";
import { fileOf, lines, responseOf } from "./stored/responses.js";

const NUMBERS = Array.from({ length: 60 }, (_, n) => n);
const HANGING = 30;
const input = lines(NUMBERS.map((n) => responseOf(n)));
const expected = lines(NUMBERS.map((n) => responseOf(n, { cited: true })));

let folder: string;
let server: ListeningServer;
let env: NodeJS.ProcessEnv;
/** The containers that were asked about. */
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

/** Starts a run, and kills it as soon as it waits for the list that never comes. */
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

it("goes on after SIGKILL, also with half a line at the end", async () => {
  const args = [at("in.jsonl"), "--out", at("out"), "--report", at("report"), "--concurrency", "4"];
  await killed(args);
  const written = await readFile(at("out"), "utf8");
  expect(expected.startsWith(written)).toBe(true);
  expect(written.length).toBeLessThan(expected.length);
  // In the middle of a line, as a write may be that was never finished.
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
  expect(asked.filter((n) => n === 0)).toHaveLength(1); // it went on, rather than begin again
  await expect(readFile(at("out.progress"))).rejects.toThrow("ENOENT");
});

it("goes on from stdin, when that brings the same again", async () => {
  await killed(["--out", at("out")], input);
  const { code } = await run(["repair", "--out", at("out"), "--resume"], { input, env });
  expect(code).toBe(0);
  expect(await readFile(at("out"), "utf8")).toBe(expected);
  expect(asked.filter((n) => n === 0)).toHaveLength(1);
});

it("does not take a shorter stdin for the same", async () => {
  await killed(["--out", at("out")], input);
  const { code, stderr } = await run(["repair", "--out", at("out"), "--resume"], {
    input: input.slice(0, 10),
    env,
  });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("stdin is shorter") });
});

it("begins where nothing was interrupted, so that --resume may always be given", async () => {
  hangs = false;
  const args = ["repair", at("in.jsonl"), "--out", at("out"), "--resume"];
  for (let time = 0; time < 2; time++) {
    expect(await run(args, { env })).toMatchObject({ code: 0 });
    expect(await readFile(at("out"), "utf8")).toBe(expected);
  }
});

it("goes on with nothing else than what it began with", async () => {
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

  for (const text of ['{"version":2}', '{"version":', ""]) {
    await writeFile(at("out.progress"), text);
    const version = await run(["repair", at("in.jsonl"), "--out", at("out"), "--resume"], { env });
    expect(version).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("out.progress is not of this version"),
    });
  }
});
