/** Tests that `directoryStore` writes copies under safe names, and that a copy is complete or missing, also after a crash. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { directoryStore } from "../src/node.js";
import { createResponsesEmulator } from "../src/testing/index.js";
import { BYTES, SECRET, setUp } from "./file-route.js";
import { programOf } from "./run-page.js";
import { gate } from "./serving.js";

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  return { ...real, createWriteStream: vi.fn(real.createWriteStream) };
});

const KEY = "cntr_1/cfile_1";
const FILE = { filename: "plan.docx" };
const saying = (text: string | Uint8Array<ArrayBuffer>) => new Blob([text]).stream();

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "directory-store-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const everything = async () => (await readdir(folder, { recursive: true })).sort();
const textOf = (stream: ReadableStream<Uint8Array>) => new Response(stream).text();

it("keeps a file and a JSON file beside it", async () => {
  const store = directoryStore(join(folder, "new", "folder"));
  expect(await store.get(KEY)).toBeUndefined();
  await store.put(KEY, FILE, saying("a plan"));
  const found = (await store.get(KEY))!;
  expect([found.file, found.size, await textOf(found.stream())]).toEqual([FILE, 6, "a plan"]);
  expect(await everything()).toEqual([
    "new",
    "new/folder",
    "new/folder/cntr_1",
    "new/folder/cntr_1/cfile_1",
    "new/folder/cntr_1/cfile_1.json",
  ]);
  expect(JSON.parse(await readFile(join(folder, "new/folder", `${KEY}.json`), "utf8"))).toEqual({
    key: KEY,
    file: FILE,
    size: 6,
  });
});

it.each([0, 1, 65_535, 65_536, 65_537, 300_000])("reads %d bytes, and ranges of them", async (size) => {
  const bytes = BYTES.slice(0, size);
  const store = directoryStore(folder);
  await store.put(KEY, FILE, saying(bytes));
  const { stream } = (await store.get(KEY))!;
  expect(Buffer.from(await new Response(stream()).arrayBuffer()).equals(bytes)).toBe(true);
  for (const [start, end] of [
    [0, 1],
    [size - 1, size],
    [Math.floor(size / 3), Math.ceil(size / 2)],
  ] as const) {
    if (start < 0 || end > size) continue;
    const part = Buffer.from(await new Response(stream({ start, end })).arrayBuffer());
    expect(part.equals(bytes.subarray(start, end))).toBe(true);
  }
});

it("closes the file when the reader cancels the stream", async () => {
  const open = async () => (await readdir("/proc/self/fd")).length;
  const store = directoryStore(folder);
  await store.put(KEY, FILE, saying(BYTES));
  const { stream } = (await store.get(KEY))!;
  await textOf(stream({ start: 0, end: 10 }));
  const before = await open();
  for (let count = 0; count < 10; count++) {
    const reader = stream().getReader();
    await reader.read();
    await reader.cancel();
    const other = stream().getReader();
    other.read().catch(() => {});
    await other.cancel();
    await stream().cancel();
  }
  expect(await open()).toBe(before);
});

describe("a copy that was cut off does not count", () => {
  it("while it is written, and if its stream fails", async () => {
    const store = directoryStore(folder);
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given;
      },
    });
    controller.enqueue(BYTES);
    const putting = store.put(KEY, FILE, stream);
    putting.catch(() => {});
    expect(await store.get(KEY)).toBeUndefined();
    controller.error(new Error("reset"));
    await expect(putting).rejects.toThrow("reset");
    expect(await store.get(KEY)).toBeUndefined();
    expect(await everything()).toEqual([]);
  });

  it.each<[string, (path: string) => Promise<unknown>]>([
    ["its JSON file is missing", (path) => unlink(`${path}.json`)],
    ["its JSON file is half", (path) => truncate(`${path}.json`, 20)],
    ["its JSON file is empty", (path) => writeFile(`${path}.json`, "")],
    ["its JSON file has another key", (path) => writeFile(`${path}.json`, '{"key":"x","file":{},"size":6}')],
    ["its JSON file is an array", (path) => writeFile(`${path}.json`, "[]")],
    ["its JSON file has no file", (path) => writeFile(`${path}.json`, `{"key":"${KEY}","size":6}`)],
    ["it is missing", (path) => unlink(path)],
    ["it is shorter", (path) => truncate(path, 5)],
    ["it is longer", (path) => writeFile(path, "a longer plan")],
  ])("because %s; the next put replaces it", async (_, damage) => {
    const store = directoryStore(folder);
    await store.put(KEY, FILE, saying("a plan"));
    await damage(join(folder, KEY));
    expect(await store.get(KEY)).toBeUndefined();
    await store.put(KEY, FILE, saying("a plan"));
    expect(await textOf((await store.get(KEY))!.stream())).toBe("a plan");
  });

  it("because the process was killed while it wrote", async () => {
    const { child, lines } = await startProgram(`
      import { directoryStore } from "openai-file-citations/node";
      let pulls = 0;
      const stream = new ReadableStream({
        pull(controller) {
          // The store asks for more bytes only after it has written the earlier ones.
          if (++pulls < 10) return controller.enqueue(new Uint8Array(100_000));
          console.log("writing");
          return new Promise((resolve) => setTimeout(resolve, 60_000));
        },
      });
      await directoryStore(${JSON.stringify(folder)}).put("${KEY}", { filename: "a" }, stream);
    `);
    for await (const line of lines) if (line === "writing") break;
    child.kill("SIGKILL");
    await once(child, "exit");
    const left = await everything();
    expect(left).toEqual([expect.stringMatching(/^\.[\da-f]{16}-\d+-.*\.part$/)]);
    const store = directoryStore(folder);
    expect(await store.get(KEY)).toBeUndefined();
    await store.put(KEY, FILE, saying("a plan"));
    expect(await textOf((await store.get(KEY))!.stream())).toBe("a plan");
  });
});

it("is not harmed by several stores that put the same file at the same time, nor by a reader meanwhile", async () => {
  const stores = [directoryStore(folder), directoryStore(folder), directoryStore(folder)];
  const put = () => Promise.all(stores.map((store) => store.put(KEY, FILE, saying(BYTES))));
  await put();
  const reading = (await stores[0]!.get(KEY))!.stream();
  const reader = reading.getReader();
  const first = (await reader.read()).value!;
  await put();
  let length = first.length;
  for (let next = await reader.read(); !next.done; next = await reader.read()) length += next.value.length;
  expect(length).toBe(BYTES.length);
  expect((await stores[1]!.get(KEY))!.size).toBe(BYTES.length);
  expect(await everything()).toEqual(["cntr_1", "cntr_1/cfile_1", "cntr_1/cfile_1.json"]);
});

it.each([
  "../../etc/passwd",
  "cntr_1/../../x_1",
  "/etc/passwd",
  "C:\\x",
  "con/nul",
  "a",
  "",
  "a_1/b_1/c_1",
  "a_1/.npmrc",
  "a_1/b_1.json",
  "cntr_1/CFILE_1",
  "x".repeat(5000),
  "ü/\u202e",
  "a\0b",
])("keeps the file of any key inside its folder: %j", async (key) => {
  const store = directoryStore(join(folder, "kept"));
  await store.put(key, FILE, saying("a plan"));
  await store.put(KEY, FILE, saying("another"));
  expect(await textOf((await store.get(key))!.stream())).toBe("a plan");
  expect(await readdir(folder)).toEqual(["kept"]);
  const names = await readdir(join(folder, "kept"), { recursive: true });
  expect(names.filter((name) => /\.\.|^\.|[^\w./-]|[A-Z]/.test(name))).toEqual([]);
  expect(names).toHaveLength(6); // two folders with a file and a JSON file each
});

describe("a disk that fails", () => {
  it("because it is full: put rejects and leaves nothing, and the link works from the container", async () => {
    // Linux fails each write to /dev/full with ENOSPC.
    const { createWriteStream: real } = await vi.importActual<typeof import("node:fs")>("node:fs");
    vi.mocked(createWriteStream).mockImplementation(() => real("/dev/full"));
    onTestFinished(() => void vi.mocked(createWriteStream).mockImplementation(real));
    const { get, route, errors } = await setUp({ store: directoryStore(folder) });
    expect(Buffer.from(await (await get()).arrayBuffer()).equals(BYTES)).toBe(true);
    await route.keep();
    for (const error of errors) expect(error).toMatchObject({ code: "ENOSPC" });
    expect(errors.length).toBeGreaterThan(0);
    expect(await everything()).toEqual([]);
  });

  it("because the folder is a file: the link works from the container", async () => {
    await writeFile(join(folder, "file"), "");
    const { get, route, errors } = await setUp({ store: directoryStore(join(folder, "file")) });
    expect((await get()).status).toBe(200);
    await route.keep();
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(Object(error).code).toMatch(/^(?:ENOTDIR|EEXIST)$/);
  });

  it("because a folder is where the copy should be: put rejects and leaves no hidden file", async () => {
    await mkdir(join(folder, KEY, "x"), { recursive: true });
    await expect(directoryStore(folder).put(KEY, FILE, saying("a plan"))).rejects.toThrow(/EISDIR|ENOTEMPTY/);
    expect(await everything()).toEqual(["cntr_1", KEY, `${KEY}/x`]);
  });
});

it("holds no key and no secret", async () => {
  const { route, url } = await setUp({ store: directoryStore(folder), files: { "plan.docx": "a plan" } });
  const link = await url();
  await route.keep();
  const names = await everything();
  expect(names).toHaveLength(3);
  const paths = names.filter((name) => name.includes("/")).map((name) => join(folder, name));
  const texts = [link, ...names, ...(await Promise.all(paths.map((path) => readFile(path, "utf8"))))];
  for (const secret of ["sk-secret", SECRET]) expect(texts.join("\n")).not.toContain(secret);
  expect(texts.slice(1).join("\n")).not.toContain(link.split(".").at(-1)); // the signature
});

it("a process does not exit before it has finished the copies under way", async () => {
  const isDone = gate();
  const emulator = createResponsesEmulator({
    // Delays the download until the program below has printed "done". So the copy is not complete when the program ends.
    async intercept({ path }) {
      if (path.endsWith("/content")) await isDone.promise;
      return undefined;
    },
  });
  const { id } = emulator.createContainer({ files: { "plan.docx": "a plan" } });
  const [file] = emulator.containers.get(id)!.files;
  const server = await emulator.listen();
  onTestFinished(() => server.close());
  const { child, lines } = await startProgram(`
    import OpenAI from "openai";
    import { directoryStore } from "openai-file-citations/node";
    import { createFileRoute } from "openai-file-citations/route";
    const client = new OpenAI({ apiKey: "any", baseURL: ${JSON.stringify(server.baseURL)} });
    const store = directoryStore(${JSON.stringify(folder)});
    const files = createFileRoute(client, { secret: "${SECRET}", store });
    const file = { kind: "container-file", containerId: "${id}", fileId: "${file!.id}", filename: "plan.docx" };
    await files.urlFor(file);
    console.log("done", await store.get("${id}/${file!.id}"));
  `);
  const said: string[] = [];
  lines.on("line", (line) => {
    said.push(line);
    isDone.open();
  });
  const [code] = await once(child, "exit");
  expect([code, said]).toEqual([0, ["done undefined"]]);
  expect((await directoryStore(folder).get(`${id}/${file!.id}`))!.size).toBe(6);
});

it.each([[""], [undefined], [7], [new URL("file:///x")]])("throws a TypeError for the path %j", (path) => {
  expect(() => directoryStore(path as never)).toThrow(/^path must be the path of a folder, got /);
  expect(() => directoryStore(path as never)).toThrow(TypeError);
});

/** Starts a program that imports the package by its name. The program is killed at the end of the test. */
async function startProgram(
  code: string,
): Promise<{ child: ChildProcess; lines: ReturnType<typeof createInterface> }> {
  const program = await programOf(code);
  const child = spawn(process.execPath, [program.path], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await program.remove();
  });
  return { child, lines: createInterface(child.stdout!) };
}
