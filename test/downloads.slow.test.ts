/** Runs the code of docs/downloads.md as programs, and downloads files from them with `fetch` and with Chromium. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import MarkdownIt from "markdown-it";
import OpenAI from "openai";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createFileRoute, type FileRoute } from "../src/files/route.js";
import { replaceFileLinks, withFileCitations } from "../src/index.js";
import { createResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";
import { hasNoChromium, launchChromium } from "./chromium.js";
import { codeOf, programOf } from "./run-page.js";
import { gate } from "./serving.js";

const BYTES = new Uint8Array(3_000_000).map((_, at) => (at * 7) % 251);
const SECRET = "a secret that is long enough to sign with";
const ENV = { OPENAI_API_KEY: "sk-secret", FILES_SECRET: SECRET, PORT: "0" };

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Functions that stop what a test started. They are called in reverse order. */
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Starts an emulator whose model writes a bare path. `content` may answer downloads in place of the emulator. */
async function startApi(content = (): Response | undefined => undefined) {
  const emulator = createResponsesEmulator({
    script: stubbornModel({ files: { "plan.docx": BYTES } }),
    apiKey: "sk-secret",
    intercept: ({ path }) => (path.endsWith("/content") ? content() : undefined),
  });
  const server = await emulator.listen();
  stops.push(server.close);
  return { emulator, baseURL: server.baseURL };
}

/** Starts a code block of docs/downloads.md as a server. The server prints its port. Returns the server's URL. */
async function start(code: string, baseURL: string): Promise<string> {
  const program = await programOf(code);
  stops.push(program.remove);
  const child = spawn(process.execPath, [program.path], {
    env: { PATH: process.env.PATH, ...ENV, OPENAI_BASE_URL: baseURL },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  stops.push(() => {
    child.kill();
    return exited;
  });
  const [line] = await Promise.race([once(child.stdout, "data"), exited]);
  const [, port] = /port (\d+)/.exec(String(line)) ?? [];
  if (!port) throw new Error(`expected the program to print its port, got ${line}`);
  return `http://127.0.0.1:${port}`;
}

const [, hono, express, next] = (await codeOf("docs/downloads.md")) as [string, string, string, string];

describe.each([
  ["Hono", hono],
  ["Express", express],
])("%s", (name, code) => {
  async function ask(content?: () => Response) {
    const { emulator, baseURL } = await startApi(content);
    const url = await start(code, baseURL);
    const headers = { "content-type": "text/plain" };
    const asked = await fetch(`${url}/ask`, { method: "POST", headers, body: "A plan, please" });
    const text = await asked.text();
    const [path] = /\/files\/[\w-]+\.[\w-]+\.[\w-]+/.exec(text) ?? [];
    return { emulator, text, link: url + path };
  }

  it("answers with a link to the whole file, supports HEAD, and rejects forged and expired links", async () => {
    const { text, link, emulator } = await ask();
    const { pathname } = new URL(link);
    const expected = {
      Hono: `Download: [plan.docx](${pathname})`,
      Express: JSON.stringify({ text: "Download: /mnt/data/plan.docx", links: [pathname] }),
    };
    expect(text).toBe(expected[name as "Hono" | "Express"]);

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

  it("closes the connection to the API when the browser disconnects", async () => {
    const cancelled = gate();
    const cancel = (): void => cancelled.open();
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(BYTES.slice(0, 1000));
    const { link } = await ask(() => new Response(new ReadableStream({ pull, cancel })));
    const controller = new AbortController();
    const answer = await fetch(link, { signal: controller.signal });
    await answer.body!.getReader().read();
    controller.abort();
    await cancelled.promise;
  });
});

it("Next.js: GET and HEAD answer links that another process created", async () => {
  const { emulator, baseURL } = await startApi();
  for (const [key, value] of Object.entries({ ...ENV, OPENAI_BASE_URL: baseURL })) vi.stubEnv(key, value);
  stops.push(async () => vi.unstubAllEnvs());
  const program = await programOf(next);
  stops.push(program.remove);
  const route: Record<"GET" | "HEAD", FileRoute["handler"]> = await import(pathToFileURL(program.path).href);

  const container = emulator.createContainer({ files: { "plan.docx": BYTES } });
  const client = new OpenAI();
  const { data } = await client.containers.files.list(container.id);
  const url = await createFileRoute(client, { secret: SECRET }).urlFor(data[0]!);
  const answer = await route.GET(new Request(`https://example.com${url}`));
  expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(sha256(BYTES));
  const head = await route.HEAD(new Request(`https://example.com${url}`, { method: "HEAD" }));
  expect([head.status, head.body]).toEqual([200, null]);
});

it.skipIf(hasNoChromium)("Chromium: a click on a link downloads the file, also an HTML file", async () => {
  const emulator = createResponsesEmulator({
    script: stubbornModel({
      files: { "レッスン plan (1).docx": BYTES, "page.html": "<script>alert(1)</script>" },
    }),
    apiKey: "sk-secret",
  });
  const api = await emulator.listen();
  stops.push(api.close);
  const client = withFileCitations(new OpenAI({ apiKey: "sk-secret", baseURL: api.baseURL }));
  const files = createFileRoute(client, { secret: SECRET });
  const { output } = await client.responses.create({
    model: "gpt-5",
    input: "A plan, please",
    tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  });
  const message = output.find((item) => item.type === "message");
  const [part] = message!.content;
  if (part?.type !== "output_text") throw new Error("no text");
  const page = new MarkdownIt().render(await replaceFileLinks(part.text, part.annotations, files.urlFor));
  const server = await listen(
    async (request) =>
      new URL(request.url).pathname === "/"
        ? new Response(`<!doctype html>${page}`, { headers: { "content-type": "text/html" } })
        : files.handler(request),
    {},
  );
  stops.push(server.close);

  const browser = await launchChromium();
  stops.push(() => browser.close());
  const tab = await browser.newPage();
  await tab.goto(server.url);
  const [download] = await Promise.all([tab.waitForEvent("download"), tab.click("text=plan")]);
  expect(download.suggestedFilename()).toBe("レッスン plan (1).docx");
  expect(sha256(await readFile(await download.path()))).toBe(sha256(BYTES));

  const [html] = await Promise.all([tab.waitForEvent("download"), tab.click("text=page.html")]);
  expect(html.suggestedFilename()).toBe("page.html");
  expect(tab.url()).toBe(`${server.url}/`);
});
