/** Tests files, pipes and devices as inputs and outputs of `repair`. Checks that wrong use of the command writes nothing. */
import { execFile } from "node:child_process";
import { link, mkdtemp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { environment, main, run } from "./command.js";
import { at, folder, list } from "./stored/folder.js";
import { lines, parsed, responseOf, SOME, some } from "./stored/responses.js";

const input = lines(some(responseOf, false));
const expected = lines(some(responseOf, true));
const summary = `${SOME.length} responses: `;

/** Runs a bash script in which `$repair` stands for the command with its `--files` option. Prints the exit code to stderr. */
function bash(script: string): Promise<{ stdout: string; stderr: string }> {
  const env = { ...environment(), repair: `${process.execPath} ${main} repair --files ${list}` };
  return promisify(execFile)("bash", ["-c", `${script}; echo "exit $?" >&2`], { env, cwd: folder });
}

describe("wrong use does not change the output:", () => {
  it.each([
    ["a report that cannot be opened", () => ["--report", at("nowhere/report")]],
    ["a missing input", () => [at("nowhere")]],
    ["an invalid list", () => ["--files", at("out")]],
    ["a missing list", () => ["--files", at("nowhere")]],
  ])("%s", async (_, args) => {
    await writeFile(at("out"), "what the last run wrote");
    const { code, stdout } = await run(["repair", "--files", list, "--out", at("out"), ...args()], { input });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(await readFile(at("out"), "utf8")).toBe("what the last run wrote");
  });

  it.skipIf(process.getuid?.() === 0)("an input without read permission", async () => {
    await writeFile(at("out"), "what the last run wrote");
    await writeFile(at("secret"), input, { mode: 0 });
    const { code } = await run(["repair", "--files", list, "--out", at("out"), at("secret")]);
    expect(code).toBe(2);
    expect(await readFile(at("out"), "utf8")).toBe("what the last run wrote");
  });

  it("and does not create an output", async () => {
    const empty = await mkdtemp(join(folder, "empty-"));
    const args = ["--files", list, "--out", join(empty, "out"), "--report", join(empty, "nowhere/report")];
    expect(await run(["repair", ...args], { input })).toMatchObject({ code: 2, stdout: "" });
    expect(await readdir(empty)).toEqual([]);
  });
});

describe("an output never overwrites an input:", () => {
  const writeList = async (path: string): Promise<void> => {
    await writeFile(path, await readFile(list));
  };

  it.each(["--out", "--report"])("the list cannot be %s, under any of its names", async (option) => {
    const own = at(`own${option}`);
    await writeList(own);
    await symlink(own, `${own}.symbolic`);
    await link(own, `${own}.hard`);
    for (const name of [own, `${own}.symbolic`, `${own}.hard`]) {
      const { code, stderr } = await run(["repair", "--files", own, option, name], { input });
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("would be overwritten") });
    }
    expect(await readFile(own)).toEqual(await readFile(list));
  });

  it("the file behind stdin cannot be the output", async () => {
    await writeFile(at("in"), input);
    const { stderr } = await bash("$repair --out in < in");
    expect(stderr).toBe(
      "error: stdin would be overwritten while it is read: write to another file\nexit 2\n",
    );
    expect(await readFile(at("in"), "utf8")).toBe(input);
  });

  it("one output cannot be a link to the other", async () => {
    await writeFile(at("one"), "");
    await link(at("one"), at("other"));
    const args = ["--files", list, "--out", at("one"), "--report", at("other")];
    expect(await run(["repair", ...args], { input })).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("a pipe is read from its beginning:", () => {
  it.each([
    ["a named pipe", "$repair <(cat in)"],
    ["several pipes and a file", "$repair <(head -n 1 in) <(head -n 2 in | tail -n 1) rest"],
    ["/dev/stdin", "cat in | $repair /dev/stdin"],
    ["/dev/stdin that is a file", "$repair /dev/stdin < in"],
    ["into a file", "$repair <(cat in) --out piped && cat piped"],
  ])("%s", async (_, script) => {
    await writeFile(at("in"), input);
    await writeFile(at("rest"), lines(some(responseOf, false).slice(2)));
    const { stdout, stderr } = await bash(script);
    expect(stdout).toBe(expected);
    expect(stderr).toMatch(new RegExp(`^${summary}.*\nexit 0\n$`));
  });

  it("/dev/stdin counts as stdin, which can be an input once only", async () => {
    const { code, stderr } = await run(["repair", "--files", list, "-", "/dev/stdin"], { input });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("once only") });
  });
});

describe("- is stdout", () => {
  it.each(["-", "/dev/stdout"])("for --out: %s", async (out) => {
    const { code, stdout } = await run(["repair", "--files", list, "--out", out], { input, cwd: folder });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expected });
    expect(await readdir(folder)).not.toContain("-");
  });

  it("for --report", async () => {
    const args = ["--files", list, "--out", at("out"), "--report", "-"];
    const { code, stdout } = await run(["repair", ...args], { input, cwd: folder });
    expect(code).toBe(0);
    expect(parsed(stdout)).toMatchObject(SOME.map((_, index) => ({ line: index + 1, outcome: "recovered" })));
    expect(await readFile(at("out"), "utf8")).toBe(expected);
    expect(await readdir(folder)).not.toContain("-");
  });

  it.each([
    [["--report", "-"]],
    [["--out", "-", "--report", "-"]],
    [["--out", "/dev/stdout", "--report", "-"]],
  ])("but not for both outputs: %s", async (args) => {
    const { code, stdout, stderr } = await run(["repair", "--files", list, ...args], { input });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("would both go to stdout");
  });

  it("and cannot be resumed", async () => {
    const { code, stderr } = await run(["repair", "--files", list, "--out", "-", "--resume"], { input });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining("--resume needs the --out"),
    });
  });
});

describe("a full disk", () => {
  it.each([
    ["for --out", "$repair --out /dev/full"],
    ["for --report", "$repair --report /dev/full"],
    ["for stdout", "$repair > /dev/full"],
  ])("%s gives one line of error", async (_, script) => {
    await writeFile(at("in"), input);
    const { stderr } = await bash(`cat in | ${script}`);
    expect(stderr).toMatch(/^error: .*ENOSPC.*\nexit 1\n$/);
  });

  it.each(["demo --json", "ask hello --emulate --json", "--version"])(
    "for stdout gives one line of error: %s",
    async (args) => {
      const { stderr } = await bash(`${process.execPath} ${main} ${args} > /dev/full`);
      expect(stderr).toMatch(/^error: .*ENOSPC.*\nexit 1\n$/);
    },
  );
});
