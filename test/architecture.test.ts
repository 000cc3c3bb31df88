/** What the pages say of the house is so: its rooms and floors, its doors, its tests, its files' length. */
import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";

const src = new URL("../src/", import.meta.url);
const files = (await readdir(src, { recursive: true })).filter((path) => path.endsWith(".ts")).sort();

const page = await readFile(new URL("../docs/architecture.md", import.meta.url), "utf8");

/** The page's tree: two spaces a level, folders with a slash at their end. */
function readTree(): string[] {
  const tree = /^```\nsrc\/\n(.*?)^```$/ms.exec(page)![1]!;
  const folders: string[] = [];
  return tree
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, indent, name] = /^( +)(\S+)/.exec(line)!;
      folders.length = indent!.length / 2 - 1;
      const path = posix.join(...folders, name!);
      if (name!.endsWith("/")) folders.push(name!);
      return path;
    });
}

/** From the ground up: each floor knows its own and those below. */
const FLOORS = [
  ["types", "bad-input", "tell", "citations"],
  ["options", "responses"],
  ["http"],
  ["client", "files"],
  ["webhook"],
  ["index", "node"],
  ["cli"],
];
const roomOf = (path: string): string => path.split("/")[0]!.replace(/\.ts$/, "");
const floorOf = (path: string): number => FLOORS.findIndex((rooms) => rooms.includes(roomOf(path)));

function mayImport(path: string, target: string): boolean {
  // The emulator is a house of its own, which the command shows.
  if (roomOf(path) === "testing") return roomOf(target) === "testing";
  if (roomOf(target) === "testing") return roomOf(path) === "cli";
  return floorOf(target) >= 0 && floorOf(target) <= floorOf(path);
}

async function importsOf(path: string): Promise<string[]> {
  const text = await readFile(new URL(path, src), "utf8");
  const targets = text.matchAll(
    /^(?:import|export)\b[^;]*? from "(\.[^"]+)\.js"|\bimport\("(\.[^"]+)\.js"\)/gms,
  );
  return Array.from(targets, ([, named, loaded]) => posix.join(posix.dirname(path), `${named ?? loaded}.ts`));
}

it("the tree names the files of src, and no others; a folder without files in it stands for all of them", () => {
  const tree = readTree();
  const isShut = (folder: string): boolean =>
    folder.endsWith("/") && !tree.some((path) => path !== folder && path.startsWith(folder));
  const isNamed = (file: string): boolean =>
    tree.some((path) => path === file || (isShut(path) && file.startsWith(path)));
  expect(files.filter((file) => !isNamed(file))).toEqual([]);
  expect(tree.filter((path) => !files.some((file) => file === path || file.startsWith(path)))).toEqual([]);
});

it("the diagram shows what is there", () => {
  const [diagram] = /^```mermaid\n.*?^```$/ms.exec(page)!;
  const shown = diagram.match(/\b[a-z/-]+(?:\.ts|\/(?=,))/g)!;
  expect(shown.length).toBeGreaterThan(8);
  expect(shown.filter((path) => !files.some((file) => file === path || file.startsWith(path)))).toEqual([]);
});

it("imports point down", async () => {
  const up: string[] = [];
  let count = 0;
  for (const path of files) {
    for (const target of await importsOf(path)) {
      count++;
      expect(files).toContain(target);
      if (!mayImport(path, target)) up.push(`${path} imports ${target}`);
    }
  }
  expect(up).toEqual([]);
  expect(count).toBeGreaterThan(100);
});

it.each(["index", "files/route", "webhook"])("%s needs nothing that only Node has", async (entry) => {
  const bundle = build({
    entryPoints: [new URL(`${entry}.ts`, src).pathname],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser", // fails on any `node:` import
    logLevel: "silent",
  });
  await expect(bundle).resolves.toMatchObject({ errors: [] });
});

it("docs/reliability.md names tests that are there", async () => {
  const text = await readFile(new URL("../docs/reliability.md", import.meta.url), "utf8");
  const [table] = /^\|.*shown by `test\/…` \|\n(?:\|.*\n)+/m.exec(text)!;
  const rows = table.trimEnd().split("\n").slice(2);
  const named = new Set(rows.flatMap((row) => row.split("|").at(-2)!.trim().split(", ")));
  expect(named.size).toBeGreaterThan(8);
  const tests = await readdir(new URL(".", import.meta.url));
  expect([...named].filter((name) => !tests.includes(`${name}.test.ts`))).toEqual([]);
});

it("a file of more than 300 lines says at its top why: Long, as …", async () => {
  const silent: string[] = [];
  for (const folder of ["src", "test", "bench", "scripts"]) {
    const root = new URL(`../${folder}/`, import.meta.url);
    for (const path of await readdir(root, { recursive: true })) {
      if (!/\.(?:ts|mjs)$/.test(path) || path.includes("node_modules")) continue;
      const text = await readFile(new URL(path, root), "utf8");
      const [top = ""] = /^\/\*\*.*?\*\//s.exec(text) ?? [];
      if (text.trimEnd().split("\n").length > 300 && !top.includes("Long, as "))
        silent.push(`${folder}/${path}`);
    }
  }
  expect(silent).toEqual([]);
});
