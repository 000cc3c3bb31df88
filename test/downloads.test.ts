/** The code of docs/downloads.md, run as the programs that a user would make of it. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { createFileRoute } from "../src/files/route.js";
import { collectFiles, type Sink, saveFiles, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, stubbornModel } from "../src/testing/index.js";

const root = new URL("../", import.meta.url).pathname;
// Beside the repository's packages, so that the programs find them.
const programs = join(root, "node_modules/.downloads");
const BYTES = new Uint8Array(3_000_000).map((_, at) => (at * 7) % 251);
const SECRET = "a secret that is long enough to sign with";
const ENV = { OPENAI_API_KEY: "sk-secret", FILES_SECRET: SECRET, PORT: "0" };

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

beforeAll(async () => {
  await rm(programs, { recursive: true, force: true });
  await mkdir(programs, { recursive: true });
});
afterAll(() => rm(programs, { recursive: true, force: true }));

/** The code below a heading, as a module that Node runs. */
async function programOf(heading: string): Promise<string> {
  const page = await readFile(join(root, "docs/downloads.md"), "utf8");
  const [, code] = new RegExp(`^### ${heading}\\n.*?^\`\`\`ts\\n(.*?)^\`\`\`$`, "ms").exec(page) ?? [];
  if (!code) throw new Error(`no code below ${heading}`);
  const outfile = join(programs, `${heading.replaceAll(/\W/g, "")}.mjs`);
  await build({
    stdin: { contents: code, loader: "ts", resolveDir: root },
    alias: {
      "openai-file-citations": join(root, "src/index.ts"),
      "openai-file-citations/route": join(root, "src/files/route.ts"),
    },
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    outfile,
    logLevel: "error",
  });
  return outfile;
}

/** An API with a model that names its files and cites none, on HTTP. */
async function startApi({
  files = { "plan.docx": BYTES },
  content = (): Response | undefined => undefined,
}: {
  files?: Record<string, Uint8Array>;
  content?: () => Response | undefined;
} = {}) {
  const emulator = createResponsesEmulator({
    script: stubbornModel({ files }),
    apiKey: "sk-secret",
    intercept: ({ path }) => (path.endsWith("/content") ? content() : undefined),
  });
  return { emulator, ...(await emulator.listen()) };
}

/** Runs a program that prints the port it listens on. */
function start(program: string, baseURL: string) {
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, ...ENV, OPENAI_BASE_URL: baseURL },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  return {
    async url(): Promise<string> {
      const [line] = await Promise.race([once(child.stdout, "data"), exited]);
      const [, port] = /port (\d+)/.exec(String(line)) ?? [];
      if (!port) throw new Error(`the program printed no port, but ${line}`);
      return `http://127.0.0.1:${port}`;
    },
    async stop(): Promise<void> {
      child.kill();
      await exited;
    },
  };
}

describe.each(["Hono", "Express"])("%s", (name) => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function ask(content?: () => Response) {
    const api = await startApi(content && { content });
    const server = start(await programOf(name), api.baseURL);
    stops.push(api.close, server.stop);
    const url = await server.url();
    const asked = await fetch(`${url}/ask`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "A plan, please",
    });
    const { text, links } = (await asked.json()) as { text: string; links: string[] };
    return { ...api, text, links, link: url + links[0] };
  }

  it("asks, and its link opens: the whole file, its head, and no more than was signed", async () => {
    const { text, links, link, emulator } = await ask();
    expect(text).toBe("Download: /mnt/data/plan.docx");
    expect(links).toHaveLength(1);

    const answer = await fetch(link);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-disposition")).toBe("attachment; filename=plan.docx");
    expect(answer.headers.get("content-security-policy")).toBe("sandbox");
    expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(sha256(BYTES));

    const head = await fetch(link, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(BYTES.length)]);

    const before = emulator.requests.length;
    const forged = await fetch(`${link.slice(0, -8)}AAAAAAAA`);
    expect([forged.status, await forged.text()]).toEqual([403, "This link is not valid."]);
    expect(emulator.requests.length).toBe(before);

    for (const id of emulator.containers.keys()) emulator.expireContainer(id);
    const gone = await fetch(link);
    expect([gone.status, await gone.text()]).toEqual([410, "This file is gone: its container has expired."]);
  });

  it("a browser that leaves closes the connection to the API", async () => {
    const cancel = vi.fn();
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(BYTES.slice(0, 1000));
    const { link } = await ask(() => new Response(new ReadableStream({ pull, cancel })));
    const controller = new AbortController();
    const answer = await fetch(link, { signal: controller.signal });
    await answer.body!.getReader().read();
    controller.abort();
    await vi.waitFor(() => expect(cancel).toHaveBeenCalled(), { timeout: 4000 });
  });
});

it("Next.js: its GET and HEAD answer links, in the process that made them or another", async () => {
  const api = await startApi();
  try {
    for (const [key, value] of Object.entries({ ...ENV, OPENAI_BASE_URL: api.baseURL }))
      vi.stubEnv(key, value);
    const program = (await import(pathToFileURL(await programOf("Next.js")).href)) as Record<
      "GET" | "HEAD",
      ReturnType<typeof createFileRoute>["handler"]
    >;
    const { createFileRoute: create } = await import("../src/files/route.js");
    const container = api.emulator.createContainer({ files: { "plan.docx": BYTES } });
    const client = new OpenAI();
    const { data } = await client.containers.files.list(container.id);
    const url = await create(client, { secret: SECRET }).urlFor({ ...data[0]!, bytes: null });
    const answer = await program.GET(new Request(`https://example.com${url}`));
    expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(sha256(BYTES));
    const head = await program.HEAD(new Request(`https://example.com${url}`, { method: "HEAD" }));
    expect([head.status, head.body]).toEqual([200, null]);
  } finally {
    vi.unstubAllEnvs();
    await api.close();
  }
});

it("unstorage, with its driver for folders: each file whole, and none outside", async () => {
  const folder = await mkdtemp(join(tmpdir(), "downloads-test-"));
  const api = await startApi({
    files: { "plan.docx": BYTES, "notes.txt": new TextEncoder().encode("notes") },
  });
  const before = process.cwd();
  try {
    // The page's folder is a relative one.
    process.chdir(folder);
    const { store } = (await import(pathToFileURL(await programOf("Any driver of unstorage")).href)) as {
      store: Sink<string>;
    };
    const client = withFileCitations(new OpenAI({ apiKey: "sk-secret", baseURL: api.baseURL }));
    const response = await client.responses.create({
      model: "gpt-5",
      input: "x",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    });
    expect(collectFiles(response)).toHaveLength(2);
    const { saved, failed } = await saveFiles(client, response, store);
    expect(failed).toEqual([]);
    for (const { location, sha256: hash } of saved) {
      expect(sha256(await readFile(join(folder, "downloads", location.replaceAll(":", "/"))))).toBe(hash);
    }
    const hostile = { kind: "container-file", containerId: "c", fileId: "f" } as const;
    for (const filename of [
      "../../../evil",
      "..\\..\\evil",
      "..",
      "a:..:..:evil",
      "/etc/evil",
      "$",
      "%2e%2e%2fevil",
    ]) {
      await store({ ...hostile, filename }, new Response("x").body!).catch(() => {});
    }
    const all = await readdir(folder, { recursive: true });
    for (const path of all) expect(path).toMatch(/^downloads/);
    expect((await readdir(tmpdir())).filter((name) => name.includes("evil"))).toEqual([]);
  } finally {
    process.chdir(before);
    await api.close();
    await rm(folder, { recursive: true });
  }
});
