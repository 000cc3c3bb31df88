/** Runs `ask` as a user does. Tests how it prints the response and saves the files, also with --json and on a terminal. */
import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stubbornModel, twoFilesModel } from "../src/testing/index.js";
import { folder, saying, serve, useFolder } from "./asking.js";
import { environment, main, run, runOnTerminal } from "./command.js";

useFolder();

const ESCAPE = "\u001b";

const CLEAR = `\r${ESCAPE}[K`;

describe("ask", () => {
  it("prints the response, saves its files and prints their paths", async () => {
    const { emulator, env } = await serve({
      script: twoFilesModel({ files: { "a.csv": "1,2\n", "b.txt": "b" } }),
    });
    const { code, stdout, stderr } = await run(
      ["ask", "Two", "files", "--out", join(folder, "new"), "--model", "gpt-5-mini"],
      { env },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      `[Download a.csv](sandbox:/mnt/data/a.csv)\nIt is saved as /mnt/data/b.txt\n\n${folder}/new/a.csv (4 bytes)\n${folder}/new/b.txt (1 byte)\n`,
    );
    expect(await readFile(join(folder, "new/a.csv"), "utf8")).toBe("1,2\n");
    expect(emulator.requests[0]!.body).toMatchObject({ model: "gpt-5-mini", stream: true });
    expect(JSON.stringify(emulator.requests[0]!.body)).toContain("Two files");
  });

  it("prints each message as a paragraph", async () => {
    const { env } = await serve({
      script: () => [
        { type: "message", text: "First." },
        { type: "python", code: "1" },
        { type: "message", text: "Then." },
      ],
    });
    expect(await run(["ask", "What?"], { env, cwd: folder })).toMatchObject({
      code: 0,
      stdout: "First.\n\nThen.\n",
    });
  });

  it("prints one JSON object with --json", async () => {
    const { env } = await serve({ script: stubbornModel({ files: { "a.csv": "1,2\n" } }) });
    const { code, stdout } = await run(["ask", "A file", "--json"], { env, cwd: folder });
    expect(code).toBe(0);
    expect(stdout.trim()).not.toContain("\n");
    expect(JSON.parse(stdout)).toEqual({
      responseId: expect.stringMatching(/^resp_/),
      text: "Download: /mnt/data/a.csv",
      files: [
        {
          filename: "a.csv",
          path: `${folder}/downloads/a.csv`,
          bytes: 4,
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          containerId: expect.stringMatching(/^cntr_/),
          fileId: expect.stringMatching(/^cfile_/),
        },
      ],
      failed: [],
      unresolved: [],
    });
  });

  it("saves in the folder downloads and replaces a dot at the start of a name", async () => {
    const files = { ".npmrc": "a", "/mnt/data/sub/.env": "b" };
    const { env } = await serve({
      script: saying("[a](sandbox:/mnt/data/.npmrc) [b](sandbox:/mnt/data/sub/.env)", files),
    });
    const { code, stdout } = await run(["ask", "Settings"], { env, cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toContain(`\n${folder}/downloads/_npmrc (1 byte)\n${folder}/downloads/_env (1 byte)\n`);
    expect(await readdir(folder)).toEqual(["downloads"]);
    expect((await readdir(join(folder, "downloads"))).sort()).toEqual(["_env", "_npmrc"]);
  });

  it("creates no folder for a response without files", async () => {
    const { env } = await serve({ script: saying("Done.") });
    expect(await run(["ask", "Nothing"], { env, cwd: folder })).toMatchObject({ code: 0 });
    expect(await readdir(folder)).toEqual([]);
  });

  it("prints the text as it arrives", async () => {
    let goOn: () => void = () => {};
    const isHeld = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let deltas = 0;
    const { env } = await serve({
      script: () => [{ type: "message", text: "first second", chunks: ["first ", "second"] }],
      beforeEvent: ({ type }) =>
        type === "response.output_text.delta" && ++deltas === 2 ? isHeld : undefined,
    });
    const child = spawn(process.execPath, [main, "ask", "Count"], {
      env: { ...environment(), ...env },
      cwd: folder,
    });
    child.stdout.setEncoding("utf8");
    const pieces = child.stdout[Symbol.asyncIterator]();
    expect((await pieces.next()).value).toBe("first ");
    goOn();
    let rest = "";
    for (let piece = await pieces.next(); !piece.done; piece = await pieces.next()) rest += piece.value;
    expect(rest).toBe("second\n");
  });

  it("uploads the files of --file", async () => {
    const { emulator, env } = await serve({ script: saying("Done.") });
    await writeFile(join(folder, "sales.csv"), "month,sum\n");
    await writeFile(join(folder, "more.csv"), "more\n");
    const { code } = await run(["ask", "Which month?", "--file", "sales.csv", "more.csv"], {
      env,
      cwd: folder,
    });
    expect(code).toBe(0);
    const [container] = emulator.containers.values();
    expect(
      container!.files.map(({ path, source, bytes }) => [
        path.replace(/.*-/, ""),
        source,
        Buffer.from(bytes).toString(),
      ]),
    ).toEqual([
      ["sales.csv", "user", "month,sum\n"],
      ["more.csv", "user", "more\n"],
    ]);
  });

  it.each([
    ["with --emulate", ["--emulate"], { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: "http://127.0.0.1:9" }, ""],
    [
      "without a key",
      [],
      {},
      "OPENAI_API_KEY is not set: asking an emulator of the API, as with --emulate\n",
    ],
  ])("asks the emulator %s", async (_, args, env, stderr) => {
    await writeFile(join(folder, "in.txt"), "in");
    const result = await run(["ask", "A report, please", ...args, "--file", "in.txt"], { env, cwd: folder });
    expect(result).toEqual({
      code: 0,
      stdout: `Download: /mnt/data/report.csv\n\n${folder}/downloads/report.csv (18 bytes)\n`,
      stderr,
    });
  });
});

describe("on a terminal", () => {
  it("shows a progress bar and links to the files", async () => {
    const { env } = await serve({ script: stubbornModel({ files: { "a b.csv": "x".repeat(300_000) } }) });
    const { code, shown } = await runOnTerminal(["ask", "A file"], { env, cwd: folder });
    expect(code).toBe(0);
    expect(shown.split(CLEAR)).toContainEqual(expect.stringMatching(/^\[=+ *\] +\d+% [\d.]+ kB of 1 file$/));
    expect(shown).toContain(
      `${ESCAPE}]8;;file://${folder}/downloads/a%20b.csv${ESCAPE}\\${folder}/downloads/a b.csv${ESCAPE}]8;;${ESCAPE}\\`,
    );
  });

  it("replaces control characters in text and names", async () => {
    const name = `a${ESCAPE}]0;owned\u0007\u202e.csv`;
    const text = `${ESCAPE}[2Jfirst\rover /mnt/data/gone${ESCAPE}[31m.csv ${name}`;
    const { env } = await serve({
      script: saying(`${text}\n[it](<sandbox:/mnt/data/${name}>)`, { [`/mnt/data/${name}`]: "1" }),
    });
    const { shown } = await runOnTerminal(["ask", "A file"], { env: { ...env, NO_COLOR: "1" }, cwd: folder });
    expect(shown.replaceAll(CLEAR, "")).not.toContain(ESCAPE);
    expect(shown).toContain("␛[2Jfirst␍over");
    expect(await readdir(folder)).toEqual(["downloads"]);
    expect(await readdir(join(folder, "downloads"))).toHaveLength(1);
    // A pipe gets the text unchanged.
    const { stdout } = await run(["ask", "A file"], { env, cwd: folder });
    expect(stdout).toContain(text);
  });
});
