/** Debian's Chromium, for the tests that click: skipped where there is none, but not in CI, where it must be. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isThere = existsSync(CHROMIUM);
if (!isThere && !process.env.CI) console.warn(`skipped: the tests in a browser, for there is no ${CHROMIUM}`);

export const hasNoChromium = !isThere && !process.env.CI;

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    // Root in a container has no sandbox; the rest keeps it from calling anyone but the test's page.
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
}
