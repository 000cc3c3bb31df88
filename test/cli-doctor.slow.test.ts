/** Runs `doctor` as a user does. Tests its output, its exit codes, its first question, and the file that `--record` writes. */
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { linesOf, wrapped } from "../src/cli/doctor/display.js";
import { createResponsesEmulator } from "../src/testing/index.js";
import { folder, serve, useFolder } from "./asking.js";
import { environment, main, run, runOnTerminal } from "./command.js";
import { doctorModel } from "./examining.js";

useFolder();

const ESCAPE = "\u001b";
const pageWithout = (name: string, text: string): string =>
  text
    .split("\n")
    .filter((line) => !line.slice(2).startsWith(name))
    .join("\n");

const GREEN = `✓ base URL          http://emulator.invalid/v1 answers
✓ key               is accepted
✓ Responses API     gpt-5 answers
✓ Code Interpreter  the model ran Python in a container
✓ file list         can be read: /mnt/data/doctor 1.txt
✓ citation          the API sent it, at 17..47, as expected
✓ index unit        code points: the range begins at 17 (UTF-16 units: 18)
✓ download          256 bytes, the same as Python wrote
✓ streaming         the recovered citation came before the text was done; the
                    list was requested early
- webhook secret    OPENAI_WEBHOOK_SECRET is not set

Everything works.
`;

describe("with the emulator", () => {
  it("passes every check, without a key, a network or a question", async () => {
    const { code, stdout, stderr } = await run(["doctor", "--emulate"], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^✓ environment {7}Node\.js \d+\.\d+\.\d+, openai-file-citations \S+, openai \d/);
    expect(pageWithout("environment", stdout)).toBe(GREEN);
  });

  it("fits into 80 columns on a terminal, with and without colours", async () => {
    for (const env of [{ COLUMNS: "80" }, { NO_COLOR: "1" }]) {
      const { code, shown } = await runOnTerminal(["doctor", "--emulate"], { env, cwd: folder });
      expect(code).toBe(0);
      expect(shown.includes(`${ESCAPE}[32m✓`)).toBe(!("NO_COLOR" in env));
      // `ESC[K` clears a progress line, so only the text after the last `ESC[K` stays on the terminal.
      const lines = shown.split("\r\n").map((line) => line.slice(line.lastIndexOf(`${ESCAPE}[K`) + 1));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
      const plain = lines.map((line) => line.replaceAll(/\u001b?\[[\d;]*[mK]/g, ""));
      expect(plain.filter((line) => line.length > 80)).toEqual([]);
      expect(pageWithout("environment", plain.join("\n"))).toBe(GREEN);
    }
  });

  it("prints one JSON object with --json", async () => {
    const env = { OPENAI_WEBHOOK_SECRET: "wrong-secret" };
    const { code, stdout } = await run(["doctor", "--emulate", "--json"], { cwd: folder, env });
    expect(code).toBe(1);
    const { ok, checks } = JSON.parse(stdout);
    expect(ok).toBe(false);
    expect(checks).toHaveLength(11);
    expect(checks[1]).toEqual({ name: "base URL", mark: "ok", seen: "http://emulator.invalid/v1 answers" });
    expect(checks.at(-1)).toMatchObject({ mark: "failed", advice: expect.stringContaining("whsec_") });
    expect(stdout).not.toContain("wrong-secret");
  });

  it("checks the version of the openai package in the current folder", async () => {
    await mkdir(join(folder, "node_modules/openai"), { recursive: true });
    await writeFile(join(folder, "node_modules/openai/package.json"), JSON.stringify({ version: "4.1.0" }));
    const { code, stdout } = await run(["doctor", "--emulate"], { cwd: folder });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^✗ environment .*openai 4\.1\.0\n {4}→ Install .*"openai@>=5 <8"\n/);
    expect(stdout).toContain("\nSomething is wrong: environment.\n");
  });
});

describe("exits", () => {
  it.each([
    [["--model", " "], "--model must be the name of a model"],
    [["--base-url", "api.openai.com"], "It must be a URL"],
    [["--base-url", "file:///v1"], "It must be a URL"],
    [["--record", main], "--record"],
    [["--record", ""], "--record must be the path of a folder"],
    [["more"], "too many arguments"],
    [[], "add --yes to agree, or try --emulate"],
    [["--yes"], "characters that are not ASCII"],
  ])("with 2 for wrong use: %j", async (args, message) => {
    const env = { OPENAI_API_KEY: "sk-sécret" };
    const { code, stdout, stderr } = await run(["doctor", ...args], { cwd: folder, env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("sécret");
  });

  it("with 1 and advice without a key", async () => {
    const { env } = await serve();
    const { code, stdout } = await run(["doctor", "--yes"], { env: { ...env, OPENAI_API_KEY: "" } });
    expect(code).toBe(1);
    expect(stdout).toContain(
      "✗ key               OPENAI_API_KEY is not set\n    → Set OPENAI_API_KEY to your key.",
    );
    expect(stdout).toContain("- streaming         not checked: there is no valid key\n");
  });

  it("with 1 and advice without a network", async () => {
    const server = await createResponsesEmulator().listen();
    await server.close(); // now nothing listens there
    const env = { OPENAI_API_KEY: "sk-secret", OPENAI_BASE_URL: server.baseURL };
    const { code, stdout } = await run(["doctor", "--yes"], { env });
    expect(code).toBe(1);
    const { host } = new URL(server.url);
    expect(stdout).toContain(`✗ base URL          nothing listens at ${host} (ECONNREFUSED)\n    → Start`);
  });

  it("with 1 and advice for a key without rights", async () => {
    const { env } = await serve({ script: doctorModel(), listFault: 403 });
    const { code, stdout } = await run(["doctor", "--yes"], { env });
    expect(code).toBe(1);
    expect(stdout).toContain(
      "✗ file list         the API answered 403: You have insufficient permissions for",
    );
    expect(stdout).toContain("    → The gateway's key may not read containers.");
    expect(stdout).toContain("with --record DIR");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it("with 1 and advice for a model that writes no file", async () => {
    const { env } = await serve({ script: doctorModel({ runs: false }) });
    const { code, stdout } = await run(["doctor", "--yes", "--model", "gpt-5-mini"], { env });
    expect(code).toBe(1);
    expect(stdout).toContain(
      "✓ Responses API     gpt-5-mini answers\n✗ Code Interpreter  the model answered without",
    );
    expect(stdout).toContain("    → Run the command again, or choose another model");
  });

  it("with 0 after a warning, and takes key and URL from options", async () => {
    const { env } = await serve({ script: doctorModel(), indexUnit: "utf-16" });
    const args = ["--api-key", env.OPENAI_API_KEY!, "--base-url", env.OPENAI_BASE_URL!];
    const { code, stdout } = await run(["doctor", "--yes", ...args], {
      env: { OPENAI_API_KEY: "sk-wrong", OPENAI_BASE_URL: "http://127.0.0.1:1" },
    });
    expect(code).toBe(0);
    expect(stdout).toContain('\n    → Set the option indexUnit: "utf-16".');
    expect(stdout).toMatch(/\nEverything works, but see index unit\.\n$/);
  });
});

describe("on a terminal", () => {
  /** Runs the command on a terminal and types `answer` when it asks. */
  async function typing(
    answer: string,
    env: NodeJS.ProcessEnv,
  ): Promise<{ code: number | null; shown: string }> {
    const command = `'${process.execPath}' '${main}' doctor`;
    const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      env: { ...environment(), SHELL: "/bin/sh", TERM: "dumb", ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let shown = "";
    child.stdout.on("data", (chunk) => {
      const isAsked = shown.includes("[y/N]");
      shown += chunk;
      if (!isAsked && shown.includes("[y/N]")) child.stdin.write(answer);
    });
    return new Promise((resolve) => child.once("close", (code) => resolve({ code, shown })));
  }

  it.each([
    ["y\n", 0],
    ["n\n", 1],
    ["\n", 1],
    ["\u0004", 1], // Ctrl-D
    ["\u0003", 130], // Ctrl-C
  ])("says what the checks will cost, and asks before it starts: answer %j", async (answer, exitCode) => {
    const { emulator, env } = await serve({ script: doctorModel() });
    const { code, shown } = await typing(answer, env);
    expect(code).toBe(exitCode);
    expect(shown).toContain("3 requests to gpt-5");
    expect(shown).toContain("US dollars");
    expect(emulator.requests.filter(({ method }) => method === "POST")).toHaveLength(exitCode === 0 ? 3 : 0);
    if (exitCode === 1) expect(shown).toContain("not everything was checked");
  });
});

describe("--record", () => {
  it("saves each run in a file of its own, and says where", async () => {
    const args = ["doctor", "--emulate", "--record", "new/runs"];
    const { code, stdout } = await run(args, { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toContain(`\nRecorded in ${join(folder, "new/runs/doctor.json")}\nRead the recording`);
    const second = await run([...args, "--json"], { cwd: folder });
    expect(JSON.parse(second.stdout).recording).toBe(join(folder, "new/runs/doctor (2).json"));
    expect((await readdir(join(folder, "new/runs"))).sort()).toEqual(["doctor (2).json", "doctor.json"]);
    const recording = JSON.parse(await readFile(join(folder, "new/runs/doctor.json"), "utf8"));
    expect(recording.checks).toHaveLength(11);
    expect(recording.exchanges).toHaveLength(7);
  });

  it("leaves out the key, the webhook secret and the user's headers, also after a failure", async () => {
    const { env } = await serve({ script: doctorModel(), listFault: 403 });
    const secrets = {
      OPENAI_API_KEY: env.OPENAI_API_KEY!,
      OPENAI_WEBHOOK_SECRET: "whsec_dm9sY2Fuby12b2xjYW5vLXZvbGNhbm8=",
      OPENAI_ORG_ID: "org-volcano0001",
      OPENAI_PROJECT_ID: "proj_volcano0002",
    };
    const headers = "x-team: volcano-team\nCookie: session=volcano-cookie";
    const { code, stdout } = await run(["doctor", "--yes", "--record", "."], {
      cwd: folder,
      env: { ...env, ...secrets, OPENAI_CUSTOM_HEADERS: headers },
    });
    expect(code).toBe(1);
    const written = await readFile(join(folder, "doctor.json"), "utf8");
    const { host } = new URL(env.OPENAI_BASE_URL!);
    for (const secret of [...Object.values(secrets), "volcano-team", "volcano-cookie"]) {
      expect(written).not.toContain(secret);
      expect(stdout).not.toContain(secret);
    }
    expect(written).not.toContain(host);
    expect(written).toContain("You have insufficient permissions for this operation.");
  });
});

describe("a check", () => {
  const stream = { isTTY: false } as NodeJS.WriteStream;

  it("is wrapped, and text from a server cannot control the terminal", () => {
    const seen = `the API answered 400: ${ESCAPE}[2J${"word ".repeat(20)}`;
    const text = linesOf({ name: "key", mark: "failed", seen, advice: "Do it. ".repeat(15) }, stream);
    expect(text).not.toContain(ESCAPE);
    const lines = text.split("\n");
    expect(lines[0]).toMatch(/^✗ key {15}the API answered 400: ␛\[2Jword/);
    expect(lines[1]).toMatch(/^ {20}word/);
    expect(lines.find((line) => line.includes("→"))).toMatch(/^ {4}→ Do it\./);
    expect(lines.every((line) => line.length <= 80)).toBe(true);
  });

  it.each([
    ["a bb ccc", 4, ["a bb", "ccc"]],
    ["a-long-word b", 4, ["a-lo", "ng-w", "ord", "b"]],
    ["  ", 4, []],
  ])("is wrapped between words if possible: %j in %d columns", (text, width, lines) => {
    expect(wrapped(text, width)).toEqual(lines);
  });
});
