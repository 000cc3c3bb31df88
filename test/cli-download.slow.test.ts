/** Runs `download` as a user does, to list and save the files of a container. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, serve, useFolder } from "./asking.js";
import { run, runOnTerminal } from "./command.js";

useFolder();

const NOW = Date.UTC(2026, 10, 29, 3, 5);
const UTC = { TZ: "UTC" };

/** Starts an emulator and creates a container with these files. */
async function container(files: Record<string, string>, options: Parameters<typeof serve>[0] = {}) {
  const { emulator, env } = await serve({ now: () => NOW, ...options });
  return { emulator, container: emulator.createContainer({ files }), env: { ...env, ...UTC } };
}

const FILES = {
  "plan.docx": "plan",
  "data.csv": "1,2\n",
  "out/more.csv": "3,4\n",
  "out/deep/chart.png": "png",
  "report (final) [v2].pdf": "pdf",
};

describe("without --out", () => {
  it("lists path, size, date, source and id, sorted by path, in at most 80 columns", async () => {
    const { container: it, env } = await container({ "b.csv": "1".repeat(1_234_567), "a/plan.docx": "x" });
    it.write("upload.txt", "in", "user");
    const { code, stdout, stderr } = await run(["download", it.id], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const id = (path: string) => it.files.find((file) => file.path === `/mnt/data/${path}`)!.id;
    expect(stdout).toBe(
      [
        "/mnt/data/a/plan.docx",
        `     1 byte  2026-11-29 03:05  assistant  ${id("a/plan.docx")}`,
        "/mnt/data/b.csv",
        `     1.2 MB  2026-11-29 03:05  assistant  ${id("b.csv")}`,
        "/mnt/data/upload.txt",
        `    2 bytes  2026-11-29 03:05  user       ${id("upload.txt")}`,
        "",
      ].join("\n"),
    );
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(await readdir(folder)).toEqual([]);
  });

  it("prints the API's file objects as an array with --json, which `repair --files` reads", async () => {
    const { container: it, env } = await container({ "a.csv": "1,2\n" });
    const { code, stdout } = await run(["download", it.id, "--json"], { env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      {
        id: it.files[0]!.id,
        object: "container.file",
        container_id: it.id,
        path: "/mnt/data/a.csv",
        bytes: 4,
        source: "assistant",
        created_at: NOW / 1000,
      },
    ]);
    await writeFile(join(folder, "list.json"), stdout);
    const response = {
      output: [
        { type: "code_interpreter_call", container_id: it.id, code: "open('/mnt/data/a.csv', 'w')" },
        { type: "message", content: [{ type: "output_text", text: "/mnt/data/a.csv", annotations: [] }] },
      ],
    };
    const repaired = await run(["repair", "--files", join(folder, "list.json")], {
      input: JSON.stringify(response),
    });
    expect(repaired.stdout).toContain(it.files[0]!.id);
  });

  it("says that a container has no files, and prints an empty array with --json", async () => {
    const { container: it, env } = await container({});
    expect(await run(["download", it.id], { env })).toEqual({
      code: 0,
      stdout: "",
      stderr: `The container ${it.id} has no files.\n`,
    });
    expect(await run(["download", it.id, "--json"], { env })).toMatchObject({ code: 0, stdout: "[]\n" });
  });

  it("lists every page", async () => {
    const files = Object.fromEntries(Array.from({ length: 230 }, (_, at) => [`${at}.txt`, ""]));
    const { container: it, env } = await container(files);
    const { stdout } = await run(["download", it.id, "--json"], { env });
    expect(JSON.parse(stdout)).toHaveLength(230);
  });

  it("replaces control characters in names on a terminal", async () => {
    const { container: it, env } = await container({ "a\u001b[31m.csv": "1" });
    const { shown } = await runOnTerminal(["download", it.id], { env: { ...env, NO_COLOR: "1" } });
    expect(shown).toContain("/mnt/data/a␛[31m.csv");
  });
});

describe("FILE", () => {
  it.each([
    ["*.csv", ["/mnt/data/data.csv", "/mnt/data/out/more.csv"]],
    ["out/**", ["/mnt/data/out/deep/chart.png", "/mnt/data/out/more.csv"]],
    ["out/*", ["/mnt/data/out/more.csv"]],
    ["/mnt/data/*", ["/mnt/data/data.csv", "/mnt/data/plan.docx", "/mnt/data/report (final) [v2].pdf"]],
    ["/mnt/data/out/more.csv", ["/mnt/data/out/more.csv"]],
    ["chart.png", ["/mnt/data/out/deep/chart.png"]],
    ["plan.d?cx", ["/mnt/data/plan.docx"]],
    ["{plan,chart}.*", ["/mnt/data/out/deep/chart.png", "/mnt/data/plan.docx"]],
    ["report (final) [v2].pdf", ["/mnt/data/report (final) [v2].pdf"]],
  ])(
    "%s is matched against the path below /mnt/data, the whole path and the name",
    async (pattern, paths) => {
      const { container: it, env } = await container(FILES);
      const { code, stdout } = await run(["download", it.id, pattern, "--json"], { env });
      expect(code).toBe(0);
      expect(JSON.parse(stdout).map(({ path }: { path: string }) => path)).toEqual(paths);
    },
  );

  it("may be repeated, and a file that matches twice is listed once", async () => {
    const { container: it, env } = await container(FILES);
    const { stdout } = await run(["download", it.id, "data.csv", "*.docx", "data.*", "--json"], { env });
    expect(JSON.parse(stdout)).toHaveLength(2);
  });

  it("that matches nothing is reported with exit code 1, and the matches of the other patterns are listed", async () => {
    const { container: it, env } = await container(FILES);
    const { code, stdout, stderr } = await run(["download", it.id, "*.xlsx", "plan.docx"], { env });
    expect(code).toBe(1);
    expect(stdout).toContain("/mnt/data/plan.docx\n");
    expect(stderr).toBe('"*.xlsx" matches none of the container\'s files (5). Leave out FILE to list all.\n');
  });

  it("that begins with ! matches a name with ! and excludes nothing", async () => {
    const { container: it, env } = await container({ "!a.csv": "1", "b.csv": "2" });
    const { stdout } = await run(["download", it.id, "!a.csv", "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject([{ path: "/mnt/data/!a.csv" }]);
  });
});

describe("with --out", () => {
  it("saves all files and prints their paths", async () => {
    const { container: it, env } = await container({ "a.csv": "1,2\n", "b.txt": "b" });
    it.write("in.csv", "in", "user");
    const { code, stdout, stderr } = await run(["download", it.id, "--out", "new"], { env, cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      `${folder}/new/a.csv (4 bytes)\n${folder}/new/b.txt (1 byte)\n${folder}/new/in.csv (2 bytes)\n`,
    );
    expect(await readFile(join(folder, "new/a.csv"), "utf8")).toBe("1,2\n");
  });

  it("saves only matching files, under safe names, and overwrites nothing", async () => {
    await writeFile(join(folder, ".npmrc"), "mine");
    await writeFile(join(folder, "_npmrc"), "mine too");
    const { container: it, env } = await container({ "sub/.npmrc": "theirs", "b.txt": "b" });
    const { code } = await run(["download", it.id, "sub/*", "--out", "."], { env, cwd: folder });
    expect(code).toBe(0);
    expect((await readdir(folder)).sort()).toEqual([".npmrc", "_npmrc", "_npmrc (2)"]);
    expect(await readFile(join(folder, "_npmrc (2)"), "utf8")).toBe("theirs");
  });

  it("saves the newer of two entries with the same path", async () => {
    const entry = (id: string, created_at: number) => ({
      id,
      path: "/mnt/data/a.csv",
      source: "assistant",
      created_at,
    });
    const { env } = await serve({
      intercept: ({ path }) =>
        path.endsWith("/files")
          ? Response.json({
              object: "list",
              data: [entry("cfile_new", 2), entry("cfile_old", 1)],
              has_more: false,
            })
          : new Response(path.includes("cfile_new") ? "new" : "old"),
    });
    await run(["download", "cntr_1", "--out", "."], { env, cwd: folder });
    expect(await readdir(folder)).toEqual(["a.csv"]);
    expect(await readFile(join(folder, "a.csv"), "utf8")).toBe("new");
  });

  it("prints one object with --json", async () => {
    const { container: it, env } = await container({ "out/a.csv": "1,2\n" });
    const { code, stdout } = await run(["download", it.id, "--out", "new", "--json"], { env, cwd: folder });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      files: [
        {
          filename: "a.csv",
          path: `${folder}/new/a.csv`,
          bytes: 4,
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          containerId: it.id,
          fileId: it.files[0]!.id,
        },
      ],
      failed: [],
      unmatched: [],
    });
  });

  it("exits with 1 if a file cannot be downloaded, and saves the others", async () => {
    const { container: it, env } = await container(
      { "a.csv": "1", "b.csv": "2" },
      {
        intercept: ({ path }) => (/1\/content$/.test(path) ? new Response(null, { status: 404 }) : undefined),
      },
    );
    const { code, stdout, stderr } = await run(["download", it.id, "--out", "."], { env, cwd: folder });
    expect(code).toBe(1);
    expect(stdout).toBe(`${folder}/b.csv (1 byte)\n`);
    expect(stderr).toBe("a.csv could not be saved: the container has expired, or the file in it is gone\n");
    const json = await run(["download", it.id, "a.csv", "--out", ".", "--json"], { env, cwd: folder });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ files: [], failed: [{ filename: "a.csv" }] });
  });

  it.each([
    ["a container without files", {}, [], /^The container cntr_\w+ has no files\.\n$/],
    [
      "no matching file",
      { "a.csv": "1" },
      ["*.pdf"],
      /^"\*\.pdf" matches none of the container's files \(1\)/,
    ],
  ])("exits with 1 and creates no folder for %s", async (_, files, patterns, message) => {
    const { container: it, env } = await container(files);
    const { code, stdout, stderr } = await run(["download", it.id, ...patterns, "--out", "new"], {
      env,
      cwd: folder,
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(await readdir(folder)).toEqual([]);
  });

  it("shows a progress bar on a terminal", async () => {
    const { container: it, env } = await container({ "a.csv": "x".repeat(300_000) });
    const { code, shown } = await runOnTerminal(["download", it.id, "--out", "."], { env, cwd: folder });
    expect(code).toBe(0);
    expect(shown).toMatch(/\[=+ *\] +\d+% [\d.]+ kB of 1 file/);
  });
});
