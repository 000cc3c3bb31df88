/** Tests `npm run release` in a temporary repository. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

const script = fileURLToPath(new URL("../scripts/release.mjs", import.meta.url));
const ENTRIES = "### Fixed\n\n- A file that was not found.\n";
const FIRST = "## [0.1.0] - 2026-01-01\n\nThe first one.\n";

let folder: string;

async function run(command: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(command, args, { cwd: folder })).stdout.trim();
}

async function changelog(unreleased: string): Promise<void> {
  await writeFile(join(folder, "CHANGELOG.md"), `# Changelog\n\n## [Unreleased]\n\n${unreleased}\n${FIRST}`);
  await run("git", "add", "--all");
  await run("git", "commit", "--message", "Write it down");
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "release-"));
  await run("git", "init", "--quiet");
  await run("git", "config", "user.name", "Somebody");
  await run("git", "config", "user.email", "somebody@example.com");
  await writeFile(join(folder, "package.json"), '{ "name": "x", "version": "0.1.0" }\n');
});
afterEach(() => rm(folder, { recursive: true }));

it("dates the unreleased section, sets the version, commits and tags", async () => {
  await changelog(ENTRIES);
  await run("node", script, "minor");
  const today = new Date().toISOString().slice(0, 10);
  expect(await readFile(join(folder, "CHANGELOG.md"), "utf8")).toBe(
    `# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - ${today}\n\n${ENTRIES}\n${FIRST}`,
  );
  expect(JSON.parse(await readFile(join(folder, "package.json"), "utf8")).version).toBe("0.2.0");
  expect(await run("git", "log", "--format=%s", "-1")).toBe("Release 0.2.0");
  expect(await run("git", "describe", "--exact-match")).toBe("v0.2.0");
  expect(await run("git", "status", "--porcelain")).toBe("");
  expect(await run("node", script, "--notes")).toBe(ENTRIES.trim());
});

it("refuses an empty release and uncommitted changes", async () => {
  await changelog("");
  await expect(run("node", script, "patch")).rejects.toThrow("nothing is under Unreleased");
  await changelog(ENTRIES);
  await writeFile(join(folder, "half-done.ts"), "");
  await expect(run("node", script, "patch")).rejects.toThrow("not committed");
  expect(await run("git", "tag")).toBe("");
});
