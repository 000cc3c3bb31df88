/**
 * Checks that CI workflows and Dockerfiles name each action and each image by its digest and its version, and that Dependabot
 * updates these names.
 */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = new URL("../", import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), "utf8");

async function linesOf(paths: readonly string[], start: RegExp): Promise<string[]> {
  const texts = await Promise.all(paths.map(read));
  return texts.flatMap((text) => text.split("\n").filter((line) => start.test(line)));
}

it("each action is given by digest, with its version in a comment", async () => {
  const names = await readdir(new URL(".github/workflows/", root));
  const uses = await linesOf(
    names.map((name) => `.github/workflows/${name}`),
    /^\s*(?:- )?["']?uses\b/,
  );
  const foreign = uses.filter((line) => !/uses: \.\/\.github\/workflows\//.test(line));
  expect(foreign.length).toBeGreaterThan(2);
  expect(foreign.filter((line) => !/uses: [\w./-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
});

it("each base image is given by version and digest", async () => {
  const { stdout } = await promisify(execFile)("git", ["ls-files", "*Dockerfile*"], {
    cwd: fileURLToPath(root),
  });
  const names = stdout.trim().split("\n");
  const from = await linesOf(names, /^\s*FROM\b/i);
  expect(from.length).toBeGreaterThan(0);
  expect(
    from.filter((line) => !/^FROM [\w./-]+:\d+\.\d+\.\d+[\w.-]*@sha256:[\da-f]{64}( AS \w+)?$/.test(line)),
  ).toEqual([]);
});

it("each image of a workflow is given by version and digest", async () => {
  const images = await linesOf(
    ["ci.yml", "fuzz.yml"].map((name) => `.github/workflows/${name}`),
    /^\s*(?:container|image):/,
  );
  expect(images.length).toBeGreaterThan(0);
  expect(images.filter((line) => !/: [\w./-]+:\d+\.\d+\.\d+[\w.-]*@sha256:[\da-f]{64}$/.test(line))).toEqual(
    [],
  );
});

it("Dependabot updates actions, images and packages", async () => {
  const config = await read(".github/dependabot.yml");
  const ecosystems = [...config.matchAll(/package-ecosystem: (\S+)/g)].map(([, name]) => name);
  expect(ecosystems.sort()).toEqual(["docker", "github-actions", "npm"]);
});
