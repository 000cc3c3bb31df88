/**
 * Runs the same tests for `directoryStore` and for each store in docs/stores.md. The stores' code comes from that page. The npm
 * package `@20minutes/s3rver` emulates S3.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
// @ts-expect-error the package has no types
import S3rver from "@20minutes/s3rver";
import { S3Client } from "@aws-sdk/client-s3";
import { createStorage, type Storage } from "unstorage";
import fsDriver from "unstorage/drivers/fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FileStore } from "../src/files/route.js";
import { directoryStore } from "../src/node.js";
import { BYTES, SECRET, setUp } from "./file-route.js";
import { codeOf, programOf } from "./run-page.js";

/** Runs the code block of docs/stores.md that exports `declaration`, such as `const store`. Returns the exported value. */
async function exportOf<Exported>(declaration: string): Promise<Exported> {
  const [, name] = declaration.split(" ");
  const code = (await codeOf("docs/stores.md")).find((block) => block.includes(`export ${declaration}`));
  const program = await programOf(code!);
  try {
    return (await import(program.path))[name!];
  } finally {
    await program.remove();
  }
}

interface Kind {
  store: FileStore;
  /** The folder in which the store keeps everything, if it has one. */
  folder?: string;
  close?(): Promise<unknown>;
}

const newFolder = () => mkdtemp(join(tmpdir(), "stores-"));

async function s3(): Promise<Kind> {
  const folder = await newFolder();
  const server = new S3rver({
    ...{ address: "127.0.0.1", port: 0, silent: true, directory: folder },
    configureBuckets: [{ name: "kept-files" }],
  });
  const { port } = await server.run();
  const client = new S3Client({
    ...{ endpoint: `http://127.0.0.1:${port}`, region: "eu-central-1", forcePathStyle: true, maxAttempts: 1 },
    credentials: { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" },
  });
  const s3Store = await exportOf<(client: S3Client, bucket: string) => FileStore>("function s3Store");
  return { store: s3Store(client, "kept-files"), folder, close: () => server.close() };
}

async function unstorage(): Promise<Kind> {
  const folder = await newFolder();
  const unstorageStore = await exportOf<(storage: Storage) => FileStore>("function unstorageStore");
  return { store: unstorageStore(createStorage({ driver: fsDriver({ base: folder }) })), folder };
}

async function folder(): Promise<Kind> {
  const path = await newFolder();
  return { store: directoryStore(path), folder: path };
}

const own = async (): Promise<Kind> => ({ store: await exportOf<FileStore>("const store") });

const FILE = { filename: "報告 “ü” (2).csv" };
const saying = (content: string | Uint8Array<ArrayBuffer>) => new Blob([content]).stream();
const BIG = new Uint8Array(Buffer.alloc(11 * 1024 * 1024, "0123456789abcdef-"));

describe.each([
  ["S3", s3],
  ["unstorage", unstorage],
  ["directoryStore", folder],
  ["your own", own],
])("%s", (_, open) => {
  let kind: Kind;
  let store: FileStore;
  let key: string;
  let next = 0;
  beforeAll(async () => {
    kind = await open();
    store = kind.store;
  });
  beforeEach(() => {
    key = `cntr_1/cfile_${next++}`;
  });
  afterAll(async () => {
    await kind.close?.();
    if (kind.folder) await rm(kind.folder, { recursive: true });
  });

  it("does not have a file that nobody has put", async () => {
    expect(await store.get(key)).toBeUndefined();
  });

  it.each([
    ["an empty file", new Uint8Array()],
    ["a small file", BYTES.slice(0, 10)],
    ["a file of 11 MB", BIG],
  ])("returns %s with its name and its length", async (_, content) => {
    await store.put(key, FILE, saying(content));
    const found = (await store.get(key))!;
    expect([found.file, found.size]).toEqual([FILE, content.length]);
    const bytes = Buffer.from(await new Response(found.stream()).arrayBuffer());
    expect(bytes.equals(content)).toBe(true);
  });

  it("returns ranges", async () => {
    await store.put(key, FILE, saying("0123456789"));
    for (const [start, end] of [
      [0, 2], // s3rver answers bytes=0-0 with the whole file
      [3, 7],
      [9, 10],
      [0, 10],
    ] as const) {
      const found = (await store.get(key))!;
      expect(await new Response(found.stream({ start, end })).text()).toBe("0123456789".slice(start, end));
    }
  });

  it("keeps nothing of a stream that fails", async () => {
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (++pulls > 8) controller.error(new Error("reset"));
        else controller.enqueue(BIG.subarray(0, 2 ** 20));
      },
    });
    await expect(store.put(key, FILE, stream)).rejects.toThrow();
    expect(await store.get(key)).toBeUndefined();
  });

  it("has the right file after it was put several times, also at the same time", async () => {
    await Promise.all([1, 2, 3].map(() => store.put(key, FILE, saying("0123456789"))));
    await store.put(key, FILE, saying("0123456789"));
    expect(await new Response((await store.get(key))!.stream()).text()).toBe("0123456789");
  });

  it("has a stream that can be cancelled before, while and after it is read", async () => {
    await store.put(key, FILE, saying(BIG));
    await (await store.get(key))!.stream().cancel();
    const reader = (await store.get(key))!.stream().getReader();
    await reader.read();
    await reader.cancel();
    expect((await store.get(key))!.size).toBe(BIG.length);
  });

  it("keeps the file of a link, whole and in ranges, without a key or a secret", async () => {
    const { route, url, emulator, container, file, errors } = await setUp({ store });
    const link = await url();
    await route.keep();
    emulator.expireContainer(container.id);
    expect(Buffer.from(await (await fetch(link)).arrayBuffer()).equals(BYTES)).toBe(true);
    const part = await fetch(link, { headers: { range: "bytes=-5" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 299995-299999/300000"]);
    expect(Buffer.from(await part.arrayBuffer()).equals(BYTES.subarray(-5))).toBe(true);
    const head = await fetch(link, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "300000"]);
    const etag = head.headers.get("etag")!;
    expect((await fetch(link, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await fetch(link, { headers: { range: "bytes=300000-" } })).status).toBe(416);
    expect(errors).toEqual([]);
    if (!kind.folder) return;
    const names = (await readdir(kind.folder, { recursive: true })).filter((name) => name.includes(file.id));
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const text = await readFile(join(kind.folder, name), "latin1").catch(() => "");
      expect(name + text).not.toMatch(/sk-secret|Bearer/);
      expect(name + text).not.toContain(SECRET);
    }
  });
});

it("S3: a server that is gone breaks no link", async () => {
  const { store, folder: path, close } = await s3();
  const closed = await setUp({ store });
  await close!();
  await rm(path!, { recursive: true });
  expect((await closed.get()).status).toBe(200);
  await closed.route.keep();
  expect(closed.errors.length).toBeGreaterThan(0);
  for (const error of closed.errors) expect(error).toMatchObject({ code: "ECONNREFUSED" });
  expect(JSON.stringify(closed.errors)).not.toMatch(/sk-secret/);
});
