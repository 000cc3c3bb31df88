/** Checks docs/architecture.md and docs/reliability.md against the code. Also checks the direction of imports, and file lengths. */
import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";

const src = new URL("../src/", import.meta.url);
const files = (await readdir(src, { recursive: true })).filter((path) => path.endsWith(".ts")).sort();

const page = await readFile(new URL("../docs/architecture.md", import.meta.url), "utf8");

/** Returns the paths in the folder tree of docs/architecture.md. Each level has two more spaces; a folder ends with a slash. */
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

/** The layers, lowest first. The modules of a layer may import from their own layer and from lower layers. */
const LAYERS = [
  ["types", "errors", "once", "arrays", "promises"],
  ["citations"],
  ["options"],
  ["containers"],
  ["responses"],
  ["stream"],
  ["http"],
  ["files"],
  ["client"],
  ["webhook", "webhook-request"],
  ["index", "node"],
  ["cli"],
];
const moduleOf = (path: string): string => path.split("/")[0]!.replace(/\.ts$/, "");
const layerOf = (path: string): number => LAYERS.findIndex((modules) => modules.includes(moduleOf(path)));

function mayImport(path: string, target: string): boolean {
  // The emulator imports only its own modules, and only the command imports the emulator.
  if (moduleOf(path) === "testing") return moduleOf(target) === "testing";
  if (moduleOf(target) === "testing") return moduleOf(path) === "cli";
  return layerOf(target) >= 0 && layerOf(target) <= layerOf(path);
}

async function importsOf(path: string): Promise<string[]> {
  const text = await readFile(new URL(path, src), "utf8");
  const targets = text.matchAll(
    /^(?:import|export)\b[^;]*? from "(\.[^"]+)\.js"|\bimport\("(\.[^"]+)\.js"\)/gms,
  );
  return Array.from(targets, ([, named, loaded]) => posix.join(posix.dirname(path), `${named ?? loaded}.ts`));
}

it("the tree names all files of src and no others; a folder without entries stands for all its files", () => {
  const tree = readTree();
  const standsForAll = (folder: string): boolean =>
    folder.endsWith("/") && !tree.some((path) => path !== folder && path.startsWith(folder));
  const isNamed = (file: string): boolean =>
    tree.some((path) => path === file || (standsForAll(path) && file.startsWith(path)));
  expect(files.filter((file) => !isNamed(file))).toEqual([]);
  expect(tree.filter((path) => !files.some((file) => file === path || file.startsWith(path)))).toEqual([]);
});

it("the diagram shows only existing files", () => {
  const [diagram] = /^```mermaid\n.*?^```$/ms.exec(page)!;
  const shown = diagram.match(/\b[a-z/-]+(?:\.ts|\/(?=,))/g)!;
  expect(shown.length).toBeGreaterThan(8);
  expect(shown.filter((path) => !files.some((file) => file === path || file.startsWith(path)))).toEqual([]);
});

it("imports lead to the same or a lower layer", async () => {
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

it("there are no import cycles, even of types", async () => {
  const imports = new Map<string, string[]>();
  for (const path of files) imports.set(path, await importsOf(path));
  const isDone = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) cycles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
    if (isDone.has(path) || way.includes(path)) return;
    for (const target of imports.get(path)!) walk(target, [...way, path]);
    isDone.add(path);
  };
  for (const path of files) walk(path, []);
  expect(cycles).toEqual([]);
});

it.each(["index", "files/route", "webhook"])("%s uses nothing that only Node has", async (entry) => {
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

it("docs/reliability.md names only existing tests", async () => {
  const text = await readFile(new URL("../docs/reliability.md", import.meta.url), "utf8");
  const [table] = /^\|.*shown by `test\/…` \|\n(?:\|.*\n)+/m.exec(text)!;
  const rows = table.trimEnd().split("\n").slice(2);
  const named = new Set(rows.flatMap((row) => row.split("|").at(-2)!.trim().split(", ")));
  expect(named.size).toBeGreaterThan(8);
  const tests = await readdir(new URL(".", import.meta.url));
  expect([...named].filter((name) => !tests.includes(`${name}.test.ts`))).toEqual([]);
});

it("a file of more than 300 lines gives the reason at its top: This file is long because …", async () => {
  const silent: string[] = [];
  for (const folder of ["src", "test", "bench", "scripts"]) {
    const root = new URL(`../${folder}/`, import.meta.url);
    for (const path of await readdir(root, { recursive: true })) {
      if (!/\.(?:ts|mjs)$/.test(path) || path.includes("node_modules")) continue;
      const text = await readFile(new URL(path, root), "utf8");
      const [top = ""] = /^\/\*\*.*?\*\//s.exec(text) ?? [];
      const isExplained = top.replaceAll(/\s*\n \* /g, " ").includes("This file is long because ");
      if (text.trimEnd().split("\n").length > 300 && !isExplained) silent.push(`${folder}/${path}`);
    }
  }
  expect(silent).toEqual([]);
});
