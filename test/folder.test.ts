/** Tests that `directory` never loses or overwrites a file, never shows an incomplete file, and makes file names safe. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { safeName } from "../src/files/safe-name.js";
import type { CollectedFile } from "../src/index.js";
import { directory } from "../src/node.js";

describe("a folder", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "folder-test-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const put = (filename: string, content: string, options = {}): Promise<string> =>
    directory(folder, options)(
      { kind: "container-file", containerId: "c", fileId: "f", filename },
      new Response(content).body!,
    );

  it("adds a number to a file name that exists, and keeps all files", async () => {
    await writeFile(join(folder, "plan.docx"), "mine");
    const locations = await Promise.all(["1", "2", "3"].map((content) => put("plan.docx", content)));
    expect(locations.sort()).toEqual(
      ["plan (2).docx", "plan (3).docx", "plan (4).docx"].map((name) => join(folder, name)),
    );
    expect(await readFile(join(folder, "plan.docx"), "utf8")).toBe("mine");
    const contents = await Promise.all(locations.map((location) => readFile(location, "utf8")));
    expect(contents.sort()).toEqual(["1", "2", "3"]);
  });

  it("replaces a file with overwrite: true", async () => {
    await writeFile(join(folder, "plan.docx"), "old");
    expect(await put("plan.docx", "new", { overwrite: true })).toBe(join(folder, "plan.docx"));
    expect(await readdir(folder)).toEqual(["plan.docx"]);
    expect(await readFile(join(folder, "plan.docx"), "utf8")).toBe("new");
  });

  it("never shows an incomplete file, and removes a file whose stream failed", async () => {
    let names: string[] = [];
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        names = await readdir(folder);
        if (names.length > 0) controller.error(new Error("reset"));
        else controller.enqueue(new Uint8Array(100_000));
      },
    });
    const file: CollectedFile = {
      kind: "container-file",
      containerId: "c",
      fileId: "f",
      filename: "plan.docx",
    };
    await expect(directory(folder)(file, stream)).rejects.toThrow("reset");
    expect(names).toEqual([expect.stringMatching(/^\.[\da-f-]+\.part$/)]);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ["../../etc/passwd", "passwd"],
    ["..\\..\\boot.ini", "boot.ini"],
    ["..", "file"],
    [".", "file"],
    ["", "file"],
    ["a/", "file"],
    ["con", "_con"],
    ["NUL.txt", "_NUL.txt"],
    ["com1.tar.gz", "_com1.tar.gz"],
    ["console.txt", "console.txt"],
    ["CON .txt", "_CON .txt"],
    ["aux . .", "_aux"],
    ["CONIN$", "_CONIN$"],
    ["a\u2028b\u061c.txt", "a_b_.txt"],
    [`${"x".repeat(254)} ${"y".repeat(50)}`, "x".repeat(254)],
    [`${"x".repeat(254)}. ${"y".repeat(50)}`, "x".repeat(254)],
    ["plan.docx. . ", "plan.docx"],
    ["a\0b\n.txt", "a_b_.txt"],
    ['what? "this": <that>|*.txt', "what_ _this__ _that___.txt"],
    ["exe.\u202Etxt.exe", "exe._txt.exe"],
    [".env", "_env"],
    [".npmrc", "_npmrc"],
    ["..foo", "_.foo"],
    ["...", "file"],
    ["  .envrc", "_envrc"],
    ["\u200d\ufeff .git", "_git"],
    ["\u202e.git", "_.git"],
    ["\t.git", "_.git"],
    ["a/.npmrc", "_npmrc"],
    [".con", "_con"],
    ["\uff0egit", "\uff0egit"],
    ["a.b.c", "a.b.c"],
    ["データ 🎉.csv", "データ 🎉.csv"],
    ["\ud800.csv", "_.csv"],
  ])("makes a safe name from %j", (filename, expected) => {
    expect(safeName(filename)).toBe(expected);
  });

  it("makes names of at most 255 bytes that keep their extension", async () => {
    for (const filename of [
      `${"x".repeat(300)}.csv`,
      `${"🎉".repeat(100)}.csv`,
      `${"é".repeat(1_000_000)}.csv`,
    ]) {
      const [first, second] = [await put(filename, "1"), await put(filename, "2")];
      for (const location of [first, second]) {
        expect(Buffer.byteLength(location.slice(folder.length + 1))).toBeLessThanOrEqual(255);
        expect(location).toMatch(/\.csv$/);
      }
      expect(second).not.toBe(first);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (filename) => {
        const name = safeName(filename);
        expect(name).not.toMatch(/[/\\\0]|^\.|^$/);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        expect(safeName(name)).toBe(name);
      }),
      { numRuns: 5000 },
    );
  });
});
