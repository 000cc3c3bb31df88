/**
 * Tests how `directory` places files, with and without hard links, and which part files it removes. A part file holds a file that
 * is not complete yet. A killed process leaves its part file behind.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
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
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

async function useRealLink(): Promise<void> {
  const real = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
  vi.mocked(link).mockImplementation(real.link);
}

it.each(["EPERM", "ENOTSUP", "ENOSYS"])(
  "adds numbers to files with the same name if the system call link fails with %s",
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

it("rejects and leaves no file behind if the system call link fails with another error", async () => {
  vi.mocked(link).mockRejectedValue(failing("EIO"));
  await expect(directory(folder)(FILE, saying("one"))).rejects.toThrow("EIO");
  expect(await readdir(folder)).toEqual([]);
});

it("loses no file if several files with the same name come at the same time, without hard links", async () => {
  vi.mocked(link).mockRejectedValue(failing("EPERM"));
  await writeFile(join(folder, "plan.docx"), "mine");
  const texts = ["one", "two", "three"];
  const locations = await Promise.all(texts.map((text) => directory(folder)(FILE, saying(text))));
  const contents = await Promise.all(locations.map((location) => readFile(location, "utf8")));
  expect(contents).toEqual(texts);
  expect(await readFile(join(folder, "plan.docx"), "utf8")).toBe("mine");
});

it("removes the empty file that reserves a name if the rename fails", async () => {
  vi.mocked(link).mockRejectedValue(failing("EPERM"));
  vi.mocked(rename).mockRejectedValueOnce(failing("EIO"));
  await expect(directory(folder)(FILE, saying("one"))).rejects.toThrow("EIO");
  expect(await readdir(folder)).toEqual([]);
});

it("rejects if the folder was removed", async () => {
  vi.mocked(link).mockImplementation(async () => {
    await rm(folder, { recursive: true, force: true });
    throw failing("EPERM");
  });
  await expect(directory(folder)(FILE, saying("one"))).rejects.toThrow("ENOENT");
});

describe("many files of one name", () => {
  beforeEach(useRealLink);

  it("take a bounded number of attempts each", async () => {
    const sink = directory(folder);
    vi.mocked(link).mockClear();
    for (let count = 1; count <= 100; count++) await sink(FILE, saying(`${count}`));
    expect(vi.mocked(link).mock.calls.length).toBeLessThanOrEqual(200);
    expect(await readdir(folder)).toHaveLength(100);
    expect(await readFile(join(folder, "plan (100).docx"), "utf8")).toBe("100");
  });

  it("get numbers after those of files from another process, which stay", async () => {
    const sink = directory(folder);
    await writeFile(join(folder, "plan.docx"), "mine");
    expect(await sink(FILE, saying("a"))).toBe(join(folder, "plan (2).docx"));
    await writeFile(join(folder, "plan (3).docx"), "mine");
    expect(await sink(FILE, saying("b"))).toBe(join(folder, "plan (4).docx"));
    expect(await readFile(join(folder, "plan (3).docx"), "utf8")).toBe("mine");
  });

  it("get the plain name again once it is free", async () => {
    const sink = directory(folder);
    await sink(FILE, saying("a"));
    await sink(FILE, saying("b"));
    await rm(join(folder, "plan.docx"));
    expect(await sink(FILE, saying("c"))).toBe(join(folder, "plan.docx"));
  });

  it("are all kept if they come at the same time", async () => {
    const sink = directory(folder);
    const texts = Array.from({ length: 20 }, (_, at) => `${at}`);
    const locations = await Promise.all(texts.map((text) => sink(FILE, saying(text))));
    const contents = await Promise.all(locations.map((location) => readFile(location, "utf8")));
    expect(contents).toEqual(texts);
    expect(new Set(locations).size).toBe(20);
  });
});

describe("the cleanup of part files", () => {
  beforeEach(useRealLink);

  const HOUR_MS = 60 * 60 * 1000;
  const UUID = "0b3d8f0e-6d55-4c1b-9f0e-3a1c2b4d5e6f";
  const hashOf = (host: string) => createHash("sha256").update(host).digest("hex").slice(0, 16);
  const here = hashOf(hostname());
  /** Returns the id of a process that has ended. */
  const deadPid = () => spawnSync(process.execPath, ["--version"]).pid;

  /** Writes a file that is `ageMs` old and saves another file in the folder. Returns the names of all files but the saved one. */
  async function leftBeside(name: string, ageMs = 2 * HOUR_MS): Promise<string[]> {
    const changed = new Date(Date.now() - ageMs);
    await writeFile(join(folder, name), "half");
    await utimes(join(folder, name), changed, changed);
    await directory(folder)(FILE, saying("one"));
    return (await readdir(folder)).filter((entry) => entry !== "plan.docx");
  }

  it("removes a part file of a process of this host that has ended", async () => {
    expect(await leftBeside(`.${here}-${deadPid()}-${UUID}.part`)).toEqual([]);
  });

  it("removes a part file of an earlier process with the same process id", async () => {
    vi.spyOn(process, "uptime").mockReturnValue(60);
    expect(await leftBeside(`.${here}-${process.pid}-${UUID}.part`)).toEqual([]);
  });

  it.each([
    ["a running process", () => `.${here}-${process.ppid}-${UUID}.part`],
    ["another host", () => `.${hashOf("another.example")}-${deadPid()}-${UUID}.part`],
    ["another program", () => `.${UUID}.part`],
    ["another extension", () => `.${here}-${deadPid()}-${UUID}.partial`],
    ["a visible name", () => `${here}-${deadPid()}-${UUID}.part`],
  ])("keeps a file whose name is not that of a removable part file: %s", async (_, nameOf) => {
    const name = nameOf();
    expect(await leftBeside(name)).toEqual([name]);
  });

  it("keeps a part file of this process, however old", async () => {
    vi.spyOn(process, "uptime").mockReturnValue(3 * 60 * 60);
    const name = `.${here}-${process.pid}-${UUID}.part`;
    expect(await leftBeside(name)).toEqual([name]);
  });

  it("keeps a part file that was written to in the last hour", async () => {
    const name = `.${here}-${deadPid()}-${UUID}.part`;
    expect(await leftBeside(name, HOUR_MS - 60_000)).toEqual([name]);
  });

  it("keeps a part file of a process that it has no permission to signal", async () => {
    vi.spyOn(process, "kill").mockImplementation(() => {
      throw failing("EPERM");
    });
    const name = `.${here}-${deadPid()}-${UUID}.part`;
    expect(await leftBeside(name)).toEqual([name]);
  });

  it("keeps a folder and a symbolic link with the name of a part file", async () => {
    const pid = deadPid();
    const names = [`.${here}-${pid}-${UUID}.part`, `.${here}-${pid}-${UUID.replace("0b", "1b")}.part`];
    await mkdir(join(folder, names[0]!));
    await symlink(join(folder, names[0]!), join(folder, names[1]!));
    vi.setSystemTime(Date.now() + 2 * HOUR_MS);
    await directory(folder)(FILE, saying("one"));
    vi.useRealTimers();
    expect((await readdir(folder)).sort()).toEqual([...names, "plan.docx"].sort());
  });

  it("writes the host and the process id into the name of a part file", async () => {
    let names: string[] = [];
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        names = await readdir(folder);
        if (names.length > 0) controller.close();
        else controller.enqueue(new Uint8Array(100_000));
      },
    });
    await directory(folder)(FILE, stream);
    expect(names).toEqual([expect.stringMatching(`^\\.${here}-${process.pid}-[\\da-f-]{36}\\.part$`)]);
  });
});
