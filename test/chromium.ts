/** Starts Debian's Chromium for browser tests. Without Chromium, the tests are skipped, except in CI. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isInstalled = existsSync(CHROMIUM);
if (!isInstalled && !process.env.CI) console.warn(`Browser tests are skipped: ${CHROMIUM} does not exist.`);

export const hasNoChromium = !isInstalled && !process.env.CI;

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    // Chromium's own sandbox does not work for root in a container. The last two flags prevent requests to other servers.
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
}
