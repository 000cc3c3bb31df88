/** Runs the code of docs/files.md and compares its output with the page. */
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { codeOf, run } from "./run-page.js";

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "files-page-")));
});
afterEach(() => rm(folder, { recursive: true }));

it("docs/files.md starts with code that collects, saves and links files", async () => {
  const emulator = createResponsesEmulator({ script: stubbornModel({ files: { "plan.docx": "a plan" } }) });
  const server = await emulator.listen();
  try {
    const [code] = await codeOf("docs/files.md");
    const env = { OPENAI_API_KEY: "any", OPENAI_BASE_URL: server.baseURL };
    const printed = await run(code!, { cwd: folder, env });
    const path = join(folder, "downloads", "plan.docx");
    expect(printed).toBe(`container-file plan.docx\nDownload: [plan.docx](${pathToFileURL(path)})\n`);
    expect(await readFile(path, "utf8")).toBe("a plan");
  } finally {
    await server.close();
  }
});

it("the other code of docs/files.md prints what its comments say", async () => {
  const [, ...others] = await codeOf("docs/files.md");
  expect(others).toHaveLength(2);
  for (const code of others) {
    const comment = /^\/\/ (.*)$/m.exec(code)![1];
    expect(await run(code, { cwd: folder, env: {} })).toBe(`${comment}\n`);
  }
});
