/** Tests the command as a whole: its help and version, `demo`, and several commands without the package `openai`. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { environmentIn, run, shellCodeOf } from "./command.js";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "command-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the command", () => {
  it("prints its version and its help on stdout", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const help = await run(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("demo");
  });

  it.each([[], ["nothing-like-it"], ["--nothing-like-it"], ["demo", "--nothing-like-it"], ["demo", "more"]])(
    "exits with 2 and a message on stderr for %j",
    async (...args) => {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/Usage:|error: /);
    },
  );

  it.each(["ask", "download", "repair", "stats", "serve", "demo", "doctor"])(
    "shows an example of %s",
    async (command) => {
      const { code, stdout } = await run([command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain(`$ openai-file-citations ${command}`);
    },
  );
});

describe("demo", () => {
  it("prints a page, or one JSON object with --json", async () => {
    const page = await run(["demo"]);
    expect(page).toMatchObject({ code: 0, stderr: "" });
    expect(page.stdout).toMatch(/citations: 0 +citations: 1 +citations: 1/);
    const json = await run(["demo", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ without: { citations: 0 }, with: { citations: 1 } });
  });
});

it("docs/command.md starts with a command that runs", async () => {
  const env = await environmentIn(folder);
  const code = await shellCodeOf("docs/command.md");
  const { stdout, stderr } = await promisify(execFile)("sh", ["-e", "-c", code], { env, cwd: folder });
  expect({ stdout, stderr }).toEqual({
    stdout: `Download: /mnt/data/report.csv\n\n${folder}/downloads/report.csv (18 bytes)\n`,
    stderr: "",
  });
});

describe("without the openai package", () => {
  /** Makes the import of `openai` fail. */
  const hooks = `export async function resolve(specifier, context, next) {
    if (specifier !== "openai") return next(specifier, context);
    throw Object.assign(new Error("Cannot find package 'openai'"), { code: "ERR_MODULE_NOT_FOUND" });
  }`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(register)}` };

  it("ask and repair run, and the demo says what to install", async () => {
    expect(await run(["ask", "A report", "--emulate"], { env, cwd: folder })).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(await run(["repair"], { env: { ...env, OPENAI_API_KEY: "sk-1" } })).toMatchObject({ code: 0 });
    const demo = await run(["demo"], { env });
    expect(demo).toMatchObject({ code: 1, stdout: "" });
    expect(demo.stderr).toContain("npx -p openai ");
  });
});
