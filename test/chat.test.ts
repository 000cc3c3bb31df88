/**
 * examples/chat, as somebody sees it who tries it: in Chromium.
 *
 *     SCREENSHOT=docs/chat.png npx vitest run test/chat.test.ts    # takes the README's picture again
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, expect, it } from "vitest";
import {
  chartModel,
  createResponsesEmulator,
  type EmulatorOptions,
  type Script,
} from "../src/testing/index.js";
import { hasNoChromium, launchChromium } from "./chromium.js";
import { commandFolder } from "./command.js";

/** Beside what `test/build-command.ts` made, so that the example's imports find the package as it is in src. */
const folder = pathToFileURL(join(commandFolder, "examples/chat/"));
beforeAll(() => cp(new URL("../examples/chat/", import.meta.url), folder, { recursive: true }));

/** What a test started, to be stopped in the other order. */
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Starts the example, and gives the URL that it prints. */
async function startChat(env: Record<string, string> = {}): Promise<{ url: string; said: string }> {
  const child = spawn(process.execPath, [new URL("server.mjs", folder).pathname], {
    env: { PATH: process.env.PATH, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  stops.push(() => {
    child.kill();
    return exited;
  });
  const [said] = (await Promise.race([once(createInterface(child.stdout), "line"), exited])) as [string];
  return { said, url: /http:\/\/\S+/.exec(said)![0] };
}

/** The same with an API of the test's own. */
async function startWith(options: EmulatorOptions) {
  const emulator = createResponsesEmulator(options);
  const api = await emulator.listen();
  stops.push(api.close);
  const { url } = await startChat({ OPENAI_API_KEY: "sk-any", OPENAI_BASE_URL: api.baseURL });
  return { emulator, url };
}

interface Line {
  delta?: string;
  html?: string;
  id?: string;
  error?: string;
}

async function ask(url: string, previous?: string): Promise<Line[]> {
  const body = JSON.stringify({ question: "Plot the sales", previous });
  const answer = await fetch(`${url}/ask`, { method: "POST", body });
  const lines = (await answer.text()).trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

it.skipIf(hasNoChromium)(
  "Chromium: asks, sees the answer come, sees the chart in its place, clicks on the file and has its bytes",
  async () => {
    const { script }: { script: Script } = await import(new URL("emulated.mjs", folder).href);
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let deltas = 0;
    const { emulator, url } = await startWith({
      script,
      beforeEvent: ({ type }) => (type === "response.output_text.delta" && ++deltas > 3 ? held : undefined),
    });
    const browser = await launchChromium();
    stops.push(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 760, height: 600 } });
    await page.goto(url);
    await page.click("button");

    // The stream stands still in the middle of the answer: what came before is on the page.
    const answer = page.locator(".answer");
    await page.waitForFunction(() => document.querySelector(".answer")?.textContent === "Here is the");
    expect(await page.locator(".answer.done, .answer a, .answer img").count()).toBe(0);
    goOn();

    await page.locator(".answer.done").waitFor();
    const elements = await answer.evaluate((element) =>
      [...element.querySelectorAll("p")].map((paragraph) =>
        [...paragraph.childNodes].map((node) => node.nodeName.toLowerCase()).join(" "),
      ),
    );
    expect(elements).toEqual(["#text", "img", "#text a #text"]);
    const image = page.locator(".answer img");
    const width = await image.evaluate((element: HTMLImageElement) =>
      element.decode().then(() => element.naturalWidth),
    );
    expect(width).toBe(640);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });

    const [container] = emulator.containers.values();
    const wanted = container!.files.find(({ path }) => path === "/mnt/data/sales.csv")!;
    const downloading = page.waitForEvent("download");
    await page.click(".answer a");
    const download = await downloading;
    expect(download.suggestedFilename()).toBe("sales.csv");
    expect(await readFile(await download.path())).toEqual(Buffer.from(wanted.bytes));

    // The next question goes on in the same conversation.
    await page.fill("input", "Once more");
    await page.click("button");
    await page.locator(".answer.done").nth(1).waitFor();
    expect(await page.locator(".answer").nth(1).textContent()).toContain("Here it is once more");
  },
);

it("starts with one command, without a key", async () => {
  const { said, url } = await startChat();
  expect(said).toMatch(/^The emulator answers at http:/);
  expect(await (await fetch(url)).text()).toContain("<title>Chat</title>");
  const lines = await ask(url);
  const last = lines.pop()!;
  expect(lines.map(({ delta }) => delta).join("")).toContain("`/mnt/data/sales.csv`");
  const [, link] = /<a href="([^"]+)">sales\.csv<\/a>/.exec(last.html!)!;
  expect(await (await fetch(url + link)).text()).toMatch(/^month,sales\nJanuary,1200\n/);
});

it("shows a chart that stands for no place in the text above it", async () => {
  const { url } = await startWith({ script: chartModel() });
  const { html } = (await ask(url)).at(-1)!;
  const [, link] = /^<p><img src="([^"]+)" alt="cfile_\w+\.png"><\/p>\n/.exec(html!)!;
  const shown = await fetch(url + link);
  expect(shown.headers.get("content-type")).toBe("image/png");
  expect(shown.headers.get("content-disposition")).toMatch(/^inline/);
});

it("says what went wrong, and shows nothing of the model's as a page", async () => {
  const failed = await startWith({ script: () => [{ type: "fail", message: "No more today." }] });
  expect((await ask(failed.url)).at(-1)).toEqual({ error: "No more today." });

  const text = "<img src=x onerror=alert(1)> [x](javascript:alert(1))";
  const hostile = await startWith({ script: () => [{ type: "message", text }] });
  expect((await ask(hostile.url)).at(-1)!.html).toBe(
    "<p>&lt;img src=x onerror=alert(1)&gt; [x](javascript:alert(1))</p>\n",
  );
  expect((await ask(hostile.url, "resp_unknown")).at(-1)!.error).toMatch(/resp_unknown/);
});
