/** Tests what `demo` shows: no citation without the wrapper, one with it, and the saved file. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DEMO_FILES, type DemoResult, demoAsJson, demoAsText, runDemo } from "../src/cli/demo-run.js";

let folder: string;
let result: DemoResult;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "demo-test-"));
  result = await runDemo(folder);
});
afterAll(() => rm(folder, { recursive: true }));

it("finds no citation without the wrapper, and one with it, also streamed", () => {
  const json = JSON.parse(demoAsJson(result));
  expect(Object.keys(json)).toEqual(["without", "with", "streamed", "files"]);
  expect(json.without).toEqual({ citations: 0 });
  expect(json.with).toEqual({ citations: 1 });
  expect(json.streamed).toEqual(json.with);
  expect(demoAsJson(result)).not.toContain("\n");
});

it("saves exactly the bytes that the model wrote", async () => {
  const [[path, content]] = Object.entries(DEMO_FILES) as [[string, string]];
  const [file] = result.files;
  expect(result.files).toHaveLength(1);
  expect(`/mnt/data/${file!.filename}`).toBe(path);
  const saved = await readFile(file!.savedTo);
  expect(saved.toString()).toBe(content);
  expect(file!.bytes).toBe(saved.length);
  expect(file!.sha256).toBe(createHash("sha256").update(content).digest("hex"));
});

it("shows the responses side by side, and the file", () => {
  const text = demoAsText(result);
  expect(text).toMatch(
    /Download: \/mnt\/data\/monthly_sales\.csv +Download: \/mnt\/data\/monthly_sales\.csv/,
  );
  expect(text).toMatch(/citations: 0 +citations: 1 +citations: 1/);
  expect(text).toContain(result.files[0]!.savedTo);
});
