/** `directory` on a file system that has no hard links: a name is taken by an empty file, and still never twice. */
import { link, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CollectedFile } from "../src/index.js";
import { directory } from "../src/node.js";

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return { ...real, link: vi.fn(), rename: vi.fn(real.rename) };
});

const FILE: CollectedFile = {
  kind: "container-file",
  containerId: "cntr_1",
  fileId: "cfile_1",
  filename: "plan.docx",
};
const saying = (text: string) => new Blob([text]).stream();
const failing = (code: string) => Object.assign(new Error(code), { code });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "directory-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.each(["EPERM", "ENOTSUP", "ENOSYS"])(
  "%s: files of one name get numbers, and none is lost",
  async (code) => {
    vi.mocked(link).mockRejectedValue(failing(code));
    const sink = directory(folder);
    expect(await sink(FILE, saying("one"))).toBe(join(folder, "plan.docx"));
    expect(await sink(FILE, saying("two"))).toBe(join(folder, "plan (2).docx"));
    expect(await sink(FILE, saying("three"))).toBe(join(folder, "plan (3).docx"));
    expect((await readdir(folder)).sort()).toEqual(["plan (2).docx", "plan (3).docx", "plan.docx"]);
    expect(await readFile(join(folder, "plan (2).docx"), "utf8")).toBe("two");
  },
);

it("another failure is told, and leaves nothing behind", async () => {
  vi.mocked(link).mockRejectedValue(failing("EIO"));
  await expect(directory(folder)(FILE, saying("one"))).rejects.toThrow("EIO");
  expect(await readdir(folder)).toEqual([]);
});

it("no file is lost where several come at once", async () => {
  vi.mocked(link).mockRejectedValue(failing("EPERM"));
  await writeFile(join(folder, "plan.docx"), "mine");
  const texts = ["one", "two", "three"];
  const locations = await Promise.all(texts.map((text) => directory(folder)(FILE, saying(text))));
  const contents = await Promise.all(locations.map((location) => readFile(location, "utf8")));
  expect(contents).toEqual(texts);
  expect(await readFile(join(folder, "plan.docx"), "utf8")).toBe("mine");
});

it("the empty file does not stay where the complete one cannot follow", async () => {
  vi.mocked(link).mockRejectedValue(failing("EPERM"));
  vi.mocked(rename).mockRejectedValueOnce(failing("EIO"));
  await expect(directory(folder)(FILE, saying("one"))).rejects.toThrow("EIO");
  expect(await readdir(folder)).toEqual([]);
});

it("a folder that is gone is told", async () => {
  vi.mocked(link).mockImplementation(async () => {
    await rm(folder, { recursive: true, force: true });
    throw failing("EPERM");
  });
  await expect(directory(folder)(FILE, saying("one"))).rejects.toThrow("ENOENT");
});
