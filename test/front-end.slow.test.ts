/**
 * Tests links in front ends that know nothing of this package: examples/plain-chat in Chromium, curl, and Python's `urllib`.
 * Each front end only knows the proxy's base URL. A link must work while the text streams. The link must still work after the
 * container has expired and after the proxy has restarted.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ResponsesEmulator } from "../src/testing/index.js";
import { hasNoChromium, launchChromium } from "./chromium.js";
import { environment, type Serving, serve, startScript } from "./command.js";
import { gate, KEY, listenEmulator } from "./serving.js";
import { eventsIn } from "./upstream.js";

const SHEET = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
const TABLE = Buffer.from("month,sales\nJanuary,1200\n");
/** The model's own text: a link that the API cites, and a bare path that the API does not cite. */
const TEXT =
  "Here are [the sales](sandbox:/mnt/data/sales.xlsx), and the same as text: /mnt/data/sales.csv has one line per month.";
const QUESTION = "Write the sales to a sheet.";
const FILES: [string, Buffer][] = [
  ["sales.xlsx", SHEET],
  ["sales.csv", TABLE],
];

/** Starts an emulator whose model writes two files, and `serve --links --keep` in front of the emulator. */
async function start(beforeEvent: (event: { type: string; delta?: unknown }) => Promise<void> | undefined) {
  const { emulator, upstream } = await listenEmulator({
    apiKey: KEY,
    script: () => [
      { type: "python", code: "save(sales)", files: Object.fromEntries(FILES) },
      { type: "message", text: TEXT },
    ],
    beforeEvent,
  });
  const folder = await mkdtemp(join(tmpdir(), "front-end-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const args = ["--upstream", upstream, "--links", "--keep", folder];
  const env = { OPENAI_API_KEY: KEY, FILE_LINKS_SECRET: "a secret of 32 bytes, or of more" };
  const serving = await serve(args, env);

  /** Waits until the proxy has stored copies of both files. Then makes the container expire, so that the API has no files. */
  async function expire(): Promise<void> {
    const [container] = emulator.containers.values();
    const kept = container!.files.map(({ id }) => join(folder, container!.id, `${id}.json`));
    await vi.waitFor(() => expect(kept.filter((path) => !existsSync(path))).toEqual([]), 60_000);
    emulator.expireContainer(container!.id);
  }

  /** Stops the proxy and starts it again at the same address, with the same secret and folder. */
  async function restart(): Promise<void> {
    serving.child.kill();
    expect(await serving.ended).toBe(0);
    await serve([...args, "--port", new URL(serving.url).port], env);
  }
  return { emulator, serving, expire, restart };
}

/** Returns the `input` of the last `POST /responses` that the emulator received. */
function lastInput({ requests }: ResponsesEmulator): unknown[] {
  const asked = requests.filter(({ method, path }) => method === "POST" && path.endsWith("/responses"));
  return (asked.at(-1)!.body as { input: unknown[] }).input;
}

/** Starts examples/plain-chat with the proxy as its API. Returns the URL of the chat. */
function startChat({ baseURL }: Serving): Promise<string> {
  const script = new URL("../examples/plain-chat/server.mjs", import.meta.url);
  return startScript(script, { ...environment(), OPENAI_API_KEY: KEY, OPENAI_BASE_URL: baseURL });
}

/** Opens a page in Chromium. The browser's cache is off, so that each click reaches the proxy. */
async function openPage(url: string): Promise<Page> {
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const session = await page.context().newCDPSession(page);
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  await page.goto(url);
  return page;
}

/** Clicks each link of the first answer. Expects a download with the file's name and bytes. */
async function clickEach(page: Page): Promise<void> {
  const links = page.locator("article").nth(1).locator("a");
  for (const [at, [name, bytes]] of FILES.entries()) {
    const downloading = page.waitForEvent("download");
    await links.nth(at).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe(name);
    expect((await readFile(await download.path())).equals(bytes), name).toBe(true);
  }
}

describe.skipIf(hasNoChromium)("examples/plain-chat in Chromium", () => {
  it("has links while the text streams, after the container has expired, and after a restart", async () => {
    const goOn = gate();
    const { emulator, serving, expire, restart } = await start(({ delta }) =>
      String(delta).includes("month") ? goOn.promise : undefined,
    );
    const page = await openPage(await startChat(serving));
    await page.fill("input", QUESTION);
    await page.click("button");

    // The stream is held before its last word.
    const answer = page.locator("article").nth(1);
    await answer.locator("a").nth(1).waitFor();
    expect(await answer.textContent()).not.toContain("month");
    const urls = await answer
      .locator("a")
      .evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    for (const url of urls) expect(url).toMatch(new RegExp(`^${serving.url}/files/`));
    await clickEach(page);
    goOn.open();
    await page.waitForFunction(() => localStorage.getItem("conversation"));
    expect(await answer.textContent()).toContain("one line per month.");

    await expire();
    await page.reload();
    await clickEach(page);

    await restart();
    await clickEach(page);

    await page.fill("input", "Once more.");
    await page.click("button");
    await page.locator("article").nth(3).locator("a").nth(1).waitFor();
    expect(lastInput(emulator)).toEqual([
      { role: "user", content: QUESTION },
      { role: "assistant", content: TEXT },
      { role: "user", content: expect.stringMatching(/^Once more\./) },
    ]);
  });
});

const run = promisify(execFile);
const PYTHON = `
import sys, urllib.request
url, key, *body = sys.argv[1:]
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} if body else {}
data = body[0].encode() if body else None
with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as response:
    for line in response:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
`;
const OTHERS = [
  {
    program: "curl",
    ask: (url: string, body: string) => [
      ...["-sSN", url, "-H", `Authorization: Bearer ${KEY}`],
      ...["-H", "Content-Type: application/json", "-d", body],
    ],
    get: (url: string) => ["-sSf", url],
  },
  {
    program: "python3",
    ask: (url: string, body: string) => ["-c", PYTHON, url, KEY, body],
    get: (url: string) => ["-c", PYTHON, url, ""],
  },
].filter(({ program }) => process.env.CI || !spawnSync(program, ["--version"]).error);

/** Returns the URLs of the links in the deltas of a stream. */
function urlsIn(stream: string): string[] {
  const deltas = eventsIn(stream).filter(({ type }) => type === "response.output_text.delta");
  const text = deltas.map(({ delta }) => delta).join("");
  return Array.from(text.matchAll(/\]\((\S+)\)/g), ([, url]) => url!);
}

describe.each(OTHERS)("$program", ({ program, ask, get }) => {
  it("has links in the stream, after the container has expired, and after a restart", async () => {
    const goOn = gate();
    // The stream waits before its last word until the links have been opened.
    const { emulator, serving, expire, restart } = await start(({ delta }) =>
      String(delta).includes("month") ? goOn.promise : undefined,
    );
    const request = { model: "gpt-5", tools: [{ type: "code_interpreter", container: { type: "auto" } }] };
    const stream = (input: unknown) => {
      const body = JSON.stringify({ ...request, input, store: false, stream: true });
      return run(program, ask(`${serving.baseURL}/responses`, body));
    };
    const running = stream([{ role: "user", content: QUESTION }]);
    let received = "";
    const urls = await new Promise<string[]>((resolve, reject) => {
      running.child.stdout!.on("data", (chunk) => {
        received += chunk;
        const found = urlsIn(received.slice(0, received.lastIndexOf("\n\n") + 2));
        if (found.length === 2) resolve(found);
      });
      running.then(() => reject(new Error(`the stream ended without two links: ${received}`)), reject);
    });
    const download = async () => {
      const got = urls.map((url) => run(program, get(url), { encoding: "buffer" }));
      for (const [at, { stdout }] of (await Promise.all(got)).entries())
        expect(stdout.equals(FILES[at]![1]), FILES[at]![0]).toBe(true);
    };
    await download();
    expect(received).not.toContain("month");
    expect(received).not.toContain("response.completed");
    goOn.open();
    const events = eventsIn((await running).stdout);
    expect(urlsIn((await running).stdout)).toEqual(urls);

    await expire();
    await download();
    await restart();
    await download();

    // The next request repeats all items of the response, with their annotations. The API must get the model's own text.
    const { output } = (events.at(-1) as unknown as { response: { output: { type: string }[] } }).response;
    await stream([{ role: "user", content: QUESTION }, ...output, { role: "user", content: "Once more." }]);
    const message = lastInput(emulator).at(-2) as { content: { text: string }[] };
    expect(message.content[0]!.text).toBe(TEXT);
    expect(JSON.stringify(lastInput(emulator))).not.toContain(serving.url);
  });
});
