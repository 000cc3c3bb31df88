/** Tests the sinks of docs/sinks.md: runs the code of the page over real HTTP. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStorage } from "unstorage";
import fsDriver from "unstorage/drivers/fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createResponsesEmulator, type ResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { codeOf, run } from "./run-page.js";

/** A small file, a file that S3 receives in three parts, and a file whose name is not valid on a disk or in a header. */
const FILES = {
  "plan.docx": "a plan",
  "big.bin": Buffer.alloc(11 * 1024 * 1024, "0123456789abcdef-"),
  "報告 “ü”\n.csv": "1,2",
};

let emulator: ResponsesEmulator;
let env: Record<string, string>;
let close: () => Promise<void>;
let folder: string;

beforeEach(async () => {
  emulator = createResponsesEmulator({ script: stubbornModel({ files: FILES }) });
  const server = await emulator.listen();
  close = () => server.close();
  env = { OPENAI_API_KEY: "any", OPENAI_BASE_URL: server.baseURL };
  folder = await mkdtemp(join(tmpdir(), "sinks-"));
});
afterEach(async () => {
  await close();
  await rm(folder, { recursive: true });
});

/** Returns the files to save: their ids, names and bytes. */
function expected(): { containerId: string; fileId: string; name: string; content: Buffer }[] {
  return [...emulator.containers.values()].flatMap(({ id: containerId, files }) =>
    [...files.values()].map(({ id: fileId, path }) => {
      const name = path.slice("/mnt/data/".length) as keyof typeof FILES;
      return { containerId, fileId, name, content: Buffer.from(FILES[name]) };
    }),
  );
}

it("saves every file to S3 with its name as metadata, the large one in parts", async () => {
  const bucket = await fakeBucket();
  try {
    const [code] = await codeOf("docs/sinks.md");
    const s3 = { AWS_ENDPOINT_URL_S3: bucket.url, AWS_REGION: "eu-central-1" };
    const keys = { AWS_ACCESS_KEY_ID: "any", AWS_SECRET_ACCESS_KEY: "any" };
    const printed = await run(code!, { cwd: folder, env: { ...env, ...s3, ...keys } });
    const files = expected();
    expect(files).toHaveLength(3);
    const lines = files.map(
      ({ containerId, fileId, content }) => `s3://lesson-plans/${containerId}/${fileId} ${content.length}\n`,
    );
    expect(printed).toBe(lines.join(""));
    for (const { containerId, fileId, name, content } of files) {
      const object = bucket.objects.get(`/lesson-plans/${containerId}/${fileId}`)!;
      expect(object.content.equals(content)).toBe(true);
      expect(object.parts).toBe(name === "big.bin" ? 3 : 1);
      expect(decodeURIComponent(object.filename)).toBe(name);
    }
    expect(bucket.objects.size).toBe(3);
  } finally {
    bucket.server.close();
  }
});

it("saves every file with unstorage's fs driver, with its name as metadata", async () => {
  const [, code] = await codeOf("docs/sinks.md");
  const printed = await run(code!, { cwd: folder, env });
  const files = expected();
  expect(files).toHaveLength(3);
  expect(printed).toBe(
    files.map(({ containerId, fileId, content }) => `${containerId}:${fileId} ${content.length}\n`).join(""),
  );
  const storage = createStorage({ driver: fsDriver({ base: join(folder, "files") }) });
  for (const { containerId, fileId, name, content } of files) {
    const key = `${containerId}:${fileId}`;
    expect(content.equals((await storage.getItemRaw(key)) as Buffer)).toBe(true);
    expect(await storage.getMeta(key)).toMatchObject({ filename: name, size: content.length });
  }
  expect(await readdir(folder)).toEqual(["files"]);
});

interface StoredObject {
  content: Buffer;
  filename: string;
  parts: number;
}

/** Starts a minimal S3 server, which accepts objects whole or in parts. */
async function fakeBucket(): Promise<{ server: Server; url: string; objects: Map<string, StoredObject> }> {
  const objects = new Map<string, StoredObject>();
  const uploads = new Map<string, { filename: string; parts: Map<number, Buffer> }>();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "http://s3");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    const filename = String(request.headers["x-amz-meta-filename"]);
    const upload = uploads.get(searchParams.get("uploadId") ?? "");
    response.setHeader("etag", '"etag"');
    if (searchParams.has("uploads")) {
      const id = `upload-${uploads.size}`;
      uploads.set(id, { filename, parts: new Map() });
      response.end(
        `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    } else if (upload && request.method === "PUT") {
      upload.parts.set(Number(searchParams.get("partNumber")), content);
      response.end();
    } else if (upload) {
      const parts = [...upload.parts.entries()].sort(([a], [b]) => a - b).map(([, part]) => part);
      objects.set(pathname, {
        content: Buffer.concat(parts),
        filename: upload.filename,
        parts: parts.length,
      });
      response.end("<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
    } else {
      objects.set(pathname, { content, filename, parts: 1 });
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}`, objects };
}
