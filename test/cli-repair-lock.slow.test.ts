/** Tests that two runs never write the same output. A second run is refused, and only one run takes over the lock of a dead run. */
import { spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createResponsesEmulator, type ListeningServer } from "../src/testing/index.js";
import { environment, main, type Run } from "./command.js";
import { fileOf, lines, responseOf } from "./stored/responses.js";

const NUMBERS = Array.from({ length: 40 }, (_, n) => n);
const HANGING = 20;
const input = lines(NUMBERS.map((n) => responseOf(n)));
const expected = lines(NUMBERS.map((n) => responseOf(n, { cited: true })));

let folder: string;
let server: ListeningServer;
/** The request for the files of container `HANGING` gets no answer until a test calls this function. */
let open: () => void;
let isReached: Promise<void>;
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-test-"));
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  let reach: () => void;
  isReached = new Promise((resolve) => {
    reach = resolve;
  });
  const emulator = createResponsesEmulator({
    intercept: async ({ path }) => {
      const n = Number(/cntr_(\d+)/.exec(path)?.[1]);
      if (n === HANGING) {
        reach();
        await isOpen;
      }
      return Response.json({ object: "list", data: [fileOf(n)], has_more: false });
    },
  });
  server = await emulator.listen();
  await writeFile(at("in.jsonl"), input);
});
afterEach(async () => {
  open();
  await server.close();
  await rm(folder, { recursive: true });
});

/** Starts `repair in.jsonl` in a child process. The list of container `HANGING` arrives only when the test calls `open`. */
function start(...args: string[]): { kill(signal: NodeJS.Signals): void; ended: Promise<Run> } {
  const env = { ...environment(), OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: server.baseURL };
  const child = spawn(process.execPath, [main, "repair", at("in.jsonl"), ...args], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Run & { signal: unknown }>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout: "", stderr }));
  });
  return { kill: (signal) => child.kill(signal), ended };
}

/**
 * Starts several runs at once, all with `--resume`. The run that has the lock waits for the API. The API answers when all other
 * runs have ended.
 */
async function race(count: number): Promise<Run[]> {
  let running = count;
  return Promise.all(
    Array.from({ length: count }, async () => {
      const ended = await start("--out", at("out"), "--resume").ended;
      running--;
      if (running <= 1) open();
      return ended;
    }),
  );
}

async function expectDone(): Promise<void> {
  expect(await readFile(at("out"), "utf8")).toBe(expected);
  expect((await readdir(folder)).sort()).toEqual(["in.jsonl", "out"]);
}

const pidNamespace = ((): string | undefined => {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
})();
const lockOf = (holder: object): string =>
  JSON.stringify({ pid: process.pid, host: hostname(), pidNamespace, id: "a", ...holder });
/** Returns the lock of a process that has ended. */
const deadLock = (): string => lockOf({ pid: spawnSync(process.execPath, ["--version"]).pid });

describe("while a run writes an output", () => {
  it("refuses a second run that starts at the same time, and writes each line once", async () => {
    const runs = await race(2);
    expect(runs.map(({ code }) => code).sort()).toEqual([0, 2]);
    expect(runs.find(({ code }) => code === 2)!.stderr).toMatch(
      /^error: another run is writing \S+\/out: process \d+\. Wait until it ends\. .*out\.lock\n$/,
    );
    await expectDone();
  });

  it("refuses a run with a link to the output, a run without --resume, and a run with the same report", async () => {
    await mkdir(at("real"));
    await symlink(at("real"), at("folder"));
    await symlink(join("folder", "out"), at("link")); // the link's target does not exist yet
    const first = start("--out", at("link"), "--report", at("report"));
    await isReached;
    await access(at("real/out.lock"));
    for (const args of [
      ["--out", at("real/out"), "--resume"],
      ["--out", at("folder/out")],
      ["--out", at("link"), "--resume"],
      ["--out", at("other"), "--report", at("report")],
      ["--out", at("report")],
    ]) {
      const second = await start(...args).ended;
      expect(second).toMatchObject({ code: 2, stderr: expect.stringContaining("another run is writing") });
    }
    open();
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(await readFile(at("link"), "utf8")).toBe(expected);
    expect((await readdir(folder)).sort()).toEqual(["folder", "in.jsonl", "link", "real", "report"]);
    expect(await readdir(at("real"))).toEqual(["out"]);
  });
});

describe("when a run ends", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("by %s, it removes its lock", async (signal) => {
    const first = start("--out", at("out"));
    await isReached;
    await access(at("out.lock"));
    first.kill(signal);
    expect(await first.ended).toMatchObject({ code: null, signal });
    await expect(access(at("out.lock"))).rejects.toThrow("ENOENT");
    open();
    expect(await start("--out", at("out"), "--resume").ended).toMatchObject({ code: 0 });
    await expectDone();
  });

  it("with an error, it removes its lock", async () => {
    await writeFile(at("out.progress"), "{}");
    expect(await start("--out", at("out")).ended).toMatchObject({ code: 2 });
    expect((await readdir(folder)).sort()).toEqual(["in.jsonl", "out.progress"]);
  });

  it("does not remove a lock that another run has taken meanwhile", async () => {
    const first = start("--out", at("out"));
    await isReached;
    await rm(at("out.lock"));
    await writeFile(at("out.lock"), lockOf({}));
    open();
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(await readFile(at("out.lock"), "utf8")).toBe(lockOf({}));
  });

  it("by SIGKILL, the next run takes over its lock", async () => {
    const first = start("--out", at("out"));
    await isReached;
    first.kill("SIGKILL");
    await first.ended;
    await access(at("out.lock"));
    open();
    expect(await start("--out", at("out"), "--resume").ended).toMatchObject({ code: 0 });
    await expectDone();
  });
});

describe("a dead run's lock", () => {
  it("is taken over by only one of several runs", async () => {
    await writeFile(at("out.lock"), deadLock());
    const runs = await race(5);
    expect(runs.map(({ code }) => code).sort()).toEqual([0, 2, 2, 2, 2]);
    await expectDone();
  });

  it("is not removed while another run is taking it over", async () => {
    const dead = deadLock();
    await writeFile(at("out.lock"), dead);
    await writeFile(at("out.lock.takeover"), lockOf({}));
    const { code, stderr } = await start("--out", at("out")).ended;
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("out.lock.takeover\n") });
    expect(await readFile(at("out.lock"), "utf8")).toBe(dead);
  });

  it("is taken over if another run died while taking it over", async () => {
    await writeFile(at("out.lock"), deadLock());
    await writeFile(at("out.lock.takeover"), deadLock());
    open();
    expect(await start("--out", at("out")).ended).toMatchObject({ code: 0 });
    await expectDone();
  });

  it.skipIf(process.platform !== "linux")("is recognized if its process id was reused", async () => {
    await writeFile(at("out.lock"), lockOf({ startedAt: "1" }));
    open();
    expect(await start("--out", at("out")).ended).toMatchObject({ code: 0 });
    await expectDone();
  });
});

describe("a lock whose run may be alive is not changed, and the error names it:", () => {
  it.each([
    [
      "of another host",
      () => lockOf({ host: "web-2", pid: 1 }),
      /process 1 on web-2 .*only if the other run/,
    ],
    [
      "of another container with the same host name",
      () => lockOf({ pidNamespace: "pid:[1]" }),
      /this host cannot tell whether it still runs/,
    ],
    ["that is empty", () => "", /was not written by this command/],
    ["with other content", () => '{"pid":0}', /was not written by this command/],
    ["of a running process", () => lockOf({}), /another run is writing/],
  ])("a lock %s", async (_, text, message) => {
    await writeFile(at("out"), "what the last run wrote");
    await writeFile(at("out.lock"), text());
    const { code, stderr } = await start("--out", at("out"), "--resume").ended;
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
    expect(stderr).toContain(at("out.lock"));
    expect(await readFile(at("out.lock"), "utf8")).toBe(text());
    expect(await readFile(at("out"), "utf8")).toBe("what the last run wrote");
  });
});

it("needs no lock for a device", async () => {
  open();
  await symlink("/dev/null", at("null"));
  await writeFile(at("null.lock"), lockOf({}));
  expect(await start("--out", at("null")).ended).toMatchObject({ code: 0 });
});
