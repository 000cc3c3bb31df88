/** Opens a page in Debian's Chromium, for runtimes.mjs and frameworks.mjs. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** Opens a page in Chromium and calls `run` with the page. Returns what `run` returns, and the browser's version. */
export async function inChromium(url, run) {
  const profile = await mkdtemp(join(tmpdir(), "clients-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Chromium's own sandbox does not work for the user root in a container. The other flags prevent requests to other servers.
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    return { version: browser.browser().version(), result: await run(page) };
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
}
