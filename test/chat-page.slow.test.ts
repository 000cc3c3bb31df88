/**
 * Tests the page of examples/chat in Chromium.
 *
 *     SCREENSHOT=docs/chat.png npx vitest run test/chat-page.slow.test.ts    # updates the README's picture
 */
import { readFile } from "node:fs/promises";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { script, startWith } from "./chat.js";
import { hasNoChromium, launchChromium } from "./chromium.js";

/** Returns a promise that the emulator's stream waits for, and the function that resolves the promise. */
function hold() {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { held, release };
}

describe.skipIf(hasNoChromium)("the chat in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  /** Opens the chat in a new page. `problems` collects console messages, script errors and failed requests. */
  async function open(url: string, viewport = { width: 760, height: 800 }, deviceScaleFactor = 1) {
    const page = await browser.newPage({ viewport, deviceScaleFactor });
    onTestFinished(() => page.close());
    const problems: string[] = [];
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", ({ message }) => problems.push(message));
    page.on("requestfailed", (request) => problems.push(`no answer: ${request.url()}`));
    page.on("response", (response) => {
      if (response.status() >= 400) problems.push(`${response.status()}: ${response.url()}`);
    });
    await page.goto(url);
    const without = page.getByRole("radio", { name: "Without this library" });
    const withLibrary = page.getByRole("radio", { name: "With this library" });
    const askButton = page.getByRole("button", { name: "Ask" });
    const question = page.getByRole("textbox", { name: "Your question" });
    return { page, problems, without, withLibrary, askButton, question };
  }

  async function complete(page: Page, position = 0): Promise<void> {
    await page.locator(".answer[id]:not([aria-busy])").nth(position).waitFor();
  }

  /** Returns the links, images and image placeholders in an answer, each as `text: URL`. */
  function filesIn(page: Page): Promise<string[]> {
    return page.locator(".answer").evaluate((answer) =>
      [...answer.querySelectorAll("a, img, .dead")].map((element) => {
        const url = element.getAttribute("href") ?? element.getAttribute("src") ?? "no URL";
        return `${element.textContent || element.getAttribute("alt")}: ${url.replace(/^(.files.).+/, "$1…")}`;
      }),
    );
  }
  const ALIVE = ["Sales per month: /files/…", "sales.csv: /files/…"];
  const DEAD = ["✕ Sales per month\n/mnt/data/sales.png: no URL", "sales.csv: sandbox:/mnt/data/sales.csv"];

  it("downloads the file by a click on its link before the answer has ended", async () => {
    const { held, release } = hold();
    const { emulator, url } = await startWith({
      script,
      beforeEvent: ({ type, delta }) =>
        type === "response.output_text.delta" && delta === " by" ? held : undefined,
    });
    const { page, problems, askButton, question } = await open(url);
    let images = 0;
    page.on("request", (request) => {
      if (request.resourceType() === "image" && request.url().includes("/files/")) images++;
    });
    await askButton.click();
    const answer = page.locator(".answer");
    const text = () => answer.innerText().then((shown) => shown.replaceAll(/\s+/g, " ").trim());
    const link = page.locator(".answer a");
    await link.waitFor();
    await page.waitForFunction(() => document.querySelector(".answer")?.textContent?.includes(", month"));

    const downloading = page.waitForEvent("download");
    await link.click();
    const download = await downloading;
    const [container] = emulator.containers.values();
    const wanted = container!.files.find(({ path }) => path === "/mnt/data/sales.csv")!;
    expect(download.suggestedFilename()).toBe("sales.csv");
    expect(await readFile(await download.path())).toEqual(Buffer.from(wanted.bytes));
    const decoded = await page
      .locator(".answer img")
      .evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth));
    expect(decoded).toBe(640);
    expect(await text()).toBe("Here is the chart: The numbers are in sales.csv, month");
    expect(await answer.getAttribute("aria-busy")).toBe("true");
    await link.focus();

    release();
    await complete(page);
    expect(await text()).toBe("Here is the chart: The numbers are in sales.csv, month by month.");
    // The rest of the answer replaced no elements: the link still has the focus, and the image was loaded only once.
    expect(await link.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(images).toBe(1);

    // The next question continues the same conversation.
    await question.fill("Once more");
    await askButton.click();
    await complete(page, 1);
    expect(await answer.nth(1).textContent()).toContain("Here it is once more");
    await page.waitForFunction(
      () => scrollY > 100 && innerHeight + scrollY >= document.documentElement.scrollHeight - 1,
    );
    expect(problems).toEqual([]);
  });

  it("shows the same answer with and without the library", async () => {
    const { emulator, url } = await startWith({ script });
    const { page, problems, without, withLibrary, askButton } = await open(url);
    await page.getByRole("heading", { name: "A chat whose file links open", level: 1 }).waitFor();
    const conversation = page.getByRole("main", { name: "Conversation" });
    expect(await conversation.getAttribute("aria-live")).toBe("polite");
    await askButton.click();
    await complete(page);
    expect(await filesIn(page)).toEqual(ALIVE);
    await without.check();
    await page.locator(".dead").waitFor();
    await complete(page);
    expect(await filesIn(page)).toEqual(DEAD);

    // The link has the model's URL, which does not work: a click neither downloads anything nor leaves the page.
    expect(problems).toEqual([]);
    page.on("download", () => problems.push("a download"));
    const failing = page.waitForEvent("requestfailed");
    await page.locator(".answer a").click();
    expect((await failing).url()).toBe("sandbox:/mnt/data/sales.csv");
    expect(page.url()).toBe(`${url}/`);

    await withLibrary.check();
    await page.locator(".answer img").waitFor();
    await complete(page);
    expect(await filesIn(page)).toEqual(ALIVE);
    expect(problems).toEqual(["no answer: sandbox:/mnt/data/sales.csv"]);
    const asked = emulator.requests.filter(({ method }) => method === "POST");
    expect(asked.map(({ path }) => path)).toEqual(["/v1/responses"]); // the model was asked once
  });

  it("shows the complete answer with the library if the library is switched on while the answer streams", async () => {
    const { held, release } = hold();
    const { url } = await startWith({
      script,
      beforeEvent: ({ type }) => (type === "response.output_text.done" ? held : undefined),
    });
    const { page, problems, without, withLibrary, askButton } = await open(url);
    await without.check();
    await askButton.click();
    await page.waitForFunction(() => document.querySelector(".answer")?.textContent?.includes("by month."));
    expect(await filesIn(page)).toEqual(DEAD);
    await withLibrary.check();
    release();
    await complete(page);
    expect(await filesIn(page)).toEqual(ALIVE);
    expect(problems).toEqual([]);
  });

  it("works by keyboard at 390 pixels, without horizontal scrolling", async () => {
    const long = `${"long".repeat(60)}.txt`;
    const table = `|${" a column |".repeat(12)}\n|${"---|".repeat(12)}\n|${" a value |".repeat(12)}`;
    const { url } = await startWith({
      script: () => [
        { type: "python", code: "go()", files: { [long]: "1" } },
        {
          type: "message",
          text: `[${long}](sandbox:/mnt/data/${long})\n\n${table}\n\n    ${"code ".repeat(40)}`,
        },
      ],
    });
    const { page, problems, without, withLibrary, question } = await open(url, { width: 390, height: 700 });
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    const focused = (element: Locator) => element.evaluate((one) => one === document.activeElement);
    /** Returns whether the element with the focus, or its label, has an outline. */
    const isOutlined = () =>
      page.evaluate(() => {
        const { activeElement } = document;
        const shown = [activeElement!, activeElement!.closest("label")].filter((one) => one !== null);
        return shown.some((one) => getComputedStyle(one).outlineStyle === "solid");
      });
    expect(await width()).toBe(390);

    await page.keyboard.press("Tab");
    expect(await focused(withLibrary)).toBe(true);
    expect(await isOutlined()).toBe(true);
    await page.keyboard.press("Tab");
    expect(await focused(question)).toBe(true);
    expect(await isOutlined()).toBe(true);
    await page.keyboard.press("Enter");
    await complete(page);
    expect(await width()).toBe(390);

    const link = page.locator(".answer a");
    for (const scrolling of ["pre", "table"]) {
      await page.keyboard.press("Shift+Tab");
      expect(await focused(page.locator(`.answer ${scrolling}`))).toBe(true);
    }
    await page.keyboard.press("Shift+Tab");
    expect(await focused(link)).toBe(true);
    expect(await isOutlined()).toBe(true);
    const downloading = page.waitForEvent("download");
    await page.keyboard.press("Enter");
    expect((await readFile(await (await downloading).path())).toString()).toBe("1");

    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("ArrowLeft");
    expect(await focused(without)).toBe(true);
    await page.locator('.answer a[href^="sandbox:"]').waitFor();
    await complete(page);
    expect(await width()).toBe(390);
    expect(problems).toEqual([]);
  });

  it("escapes HTML and unsafe links of the model, and loads no image from another server", async () => {
    const text = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![y](https://other.invalid/y.png)";
    const { url } = await startWith({ script: () => [{ type: "message", text }] });
    const { page, problems, askButton } = await open(url);
    await askButton.click();
    await complete(page);
    expect((await page.locator(".answer").innerHTML()).trim()).toBe(
      "<p>&lt;img src=x onerror=alert(1)&gt; [x](javascript:alert(1)) " +
        '<span class="dead">✕ y\nhttps://other.invalid/y.png</span></p>',
    );
    expect(problems).toEqual([]);
  });

  it("shows an error below the text that arrived before it", async () => {
    const { url } = await startWith({
      script: () => [
        { type: "message", text: "It begins." },
        { type: "fail", message: "No more today." },
      ],
    });
    const { page, problems, askButton } = await open(url);
    await askButton.click();
    await page.locator(".answer:not([aria-busy]) .error").waitFor();
    expect(await page.locator(".answer").allInnerTexts()).toEqual(["It begins.\n\nNo more today."]);
    expect(problems).toEqual([]);
  });

  it.runIf(process.env.SCREENSHOT)("takes a picture of an answer in both states", async () => {
    const size = { width: 480, height: 768 };
    const { url } = await startWith({ script });
    const { page, without, askButton } = await open(url, size, 1.25);
    await askButton.click();
    await complete(page);
    await page.locator(".answer img").evaluate((image: HTMLImageElement) => image.decode());
    const alive = await page.screenshot();
    await without.check();
    await page.locator(".dead").waitFor();
    await complete(page);
    const dead = await page.screenshot();

    const both = await browser.newPage({ viewport: { width: 960, height: 768 }, deviceScaleFactor: 1.25 });
    onTestFinished(() => both.close());
    const images = [dead, alive].map((one) => `data:image/png;base64,${one.toString("base64")}`);
    await both.setContent(
      `<body style="margin:0;display:flex">${images.map((one) => `<img width="480" src="${one}">`).join("")}`,
    );
    const picture = await both.screenshot({ path: process.env.SCREENSHOT! });
    expect(picture.length).toBeLessThan(120_000);
  });
});
