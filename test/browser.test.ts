/** Renders an answer as a page in Chromium, and downloads each file by a click on its link. */
import { readFile } from "node:fs/promises";
import MarkdownIt from "markdown-it";
import OpenAI from "openai";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { replaceFileLinks, withFileCitations } from "../src/index.js";
import { createResponsesEmulator } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";
import { hasNoChromium, launchChromium } from "./chromium.js";

/** A file name with Markdown and HTML that must not take effect. */
const HOSTILE = "[x](https:evil.example) *<img src=x onerror=alert(1)>* `|.csv";
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);
const FILES: Record<string, Buffer> = {
  "plan.docx": Buffer.from("a plan"),
  "Q3 report (final).csv": Buffer.from("quarter,total\n3,7\n"),
  "データ.csv": Buffer.from("日,計\n"),
  "page.html": Buffer.from("<script>document.title = 'run'</script>"),
  [HOSTILE]: Buffer.from("1,2\n"),
  "large.bin": Buffer.alloc(3_000_000, "0123456789abcdef-"),
  "chart.png": PIXEL,
};
const ANSWER = `I made what you asked for:

- [the plan](sandbox:/mnt/data/plan.docx)
- \`/mnt/data/Q3 report (final).csv\`
- データ.csv

| what | where |
|---|---|
| a page | /mnt/data/page.html |
| a name | sandbox:/mnt/data/${HOSTILE.replace(/[|]/g, "\\|")} |
| much | <a href="/mnt/data/large.bin">large.bin</a> |

![chart](/mnt/data/chart.png)
`;

describe.skipIf(hasNoChromium)("an answer in Chromium", () => {
  let browser: Browser;
  let page: Page;
  let html: string;
  const servers: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    const emulator = createResponsesEmulator({
      apiKey: "sk-secret",
      script: () => [
        { type: "python", code: "write()", files: FILES },
        { type: "message", text: ANSWER },
      ],
    });
    const api = await emulator.listen();
    servers.push(api);
    const client = withFileCitations(new OpenAI({ apiKey: "sk-secret", baseURL: api.baseURL }));
    const files = createFileRoute(client, { secret: "a secret of 32 bytes, or of more" });
    const response = await client.responses.create({
      model: "gpt-5",
      input: "Make it all.",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    });
    const [part] = response.output.flatMap((item) => (item.type === "message" ? item.content : []));
    if (part?.type !== "output_text") throw new Error("the response has no output text");
    const markdown = await replaceFileLinks(part.text, part.annotations, files.urlFor);
    html = `<!doctype html><title>not run</title>${new MarkdownIt({ html: true }).render(markdown)}`;
    const site = await listen(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/files/")) return files.handler(request);
      if (pathname !== "/") return new Response(null, { status: 404 });
      return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
    }, {});
    servers.push(site);

    browser = await launchChromium();
    page = await browser.newPage();
    await page.goto(site.url);
  });

  afterAll(async () => {
    await browser?.close();
    for (const server of servers) await server.close();
  });

  it("has one link per file except the image, and no element from a file name", async () => {
    const labels = await page.locator("a").allTextContents();
    expect(labels).toEqual(["the plan", ...Object.keys(FILES).slice(1, -1)]);
    expect(await page.locator("img").count()).toBe(1);
    expect(await page.locator("td").count()).toBe(6);
    expect(html).not.toMatch(/sandbox:|sk-secret|\/mnt\/data|cntr_|cfile_/);
  });

  it.each(Object.keys(FILES).slice(0, -1))(
    "%j: a click downloads the whole file with its name",
    async (name) => {
      const download = page.waitForEvent("download");
      await page.locator("a").nth(Object.keys(FILES).indexOf(name)).click();
      const file = await download;
      expect(FILES[name]!.equals(await readFile(await file.path()))).toBe(true);
      if (name !== HOSTILE) expect(file.suggestedFilename()).toBe(name);
      expect(file.suggestedFilename()).not.toMatch(/[<>|*]/);
      expect(await page.title()).toBe("not run");
    },
  );

  it("shows the image", async () => {
    const picture = page.locator("img");
    expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
    const bytes = await picture.evaluate(async (image: HTMLImageElement) =>
      Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer())),
    );
    expect(Buffer.from(bytes)).toEqual(PIXEL);
  });
});
