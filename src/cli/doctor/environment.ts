/** Checks the installed versions and the webhook secret. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Finding, failed, ok, skipped } from "./check.js";

/** The installed versions. */
export interface Versions {
  node: string;
  package: string;
  /** `undefined` if `openai` is installed neither for the current folder nor beside this package. */
  openai: string | undefined;
}

/** The versions that this package supports, as ranges such as `>=20.19` and `>=5 <8`. */
export interface Supported {
  node: string;
  openai: string;
}

/** Returns the installed versions. Looks for `openai` from the current folder first, as the user's own code does. */
export function installedVersions(ownVersion: string): Versions {
  return {
    node: process.versions.node,
    package: ownVersion,
    openai: versionFor(join(process.cwd(), "x.js")) ?? versionFor(import.meta.url),
  };
}

/** Returns the installed version of `openai`, as seen from a module at `path`. */
function versionFor(path: string): string | undefined {
  // `openai` does not export its package.json, so this code searches the folders and reads the file.
  for (const folder of createRequire(path).resolve.paths("openai") ?? []) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, "openai/package.json"), "utf8"));
      if (typeof version === "string") return version;
    } catch {}
  }
  return undefined;
}

export function checkVersions({ node, package: own, openai }: Versions, supported: Supported): Finding {
  const seen = `Node.js ${node}, openai-file-citations ${own}, openai ${openai ?? "is not installed here"}`;
  if (!isInRange(node, supported.node)) return failed(seen, `Install Node.js ${supported.node}.`);
  if (openai !== undefined && !isInRange(openai, supported.openai)) {
    return failed(seen, `Install a supported version: npm install "openai@${supported.openai}"`);
  }
  return ok(seen);
}

/** Returns whether a version is in a range such as `>=20.19` or `>=5 <8`. */
export function isInRange(version: string, range: string): boolean {
  return range.split(" ").every((bound) => {
    const [, operator, limit = ""] = /^(>=|<)([\d.]+)$/.exec(bound) ?? [];
    return operator === "<" ? compare(version, limit) < 0 : compare(version, limit) >= 0;
  });
}

function compare(version: string, limit: string): number {
  const numbers = version.split(".").map((part) => Number.parseInt(part, 10));
  const differences = limit.split(".").map((part, at) => (numbers[at] ?? 0) - Number(part));
  return differences.find((difference) => difference !== 0) ?? 0;
}

const PREFIX = "whsec_";
/** OpenAI follows the Standard Webhooks specification, which asks for secrets of at least this many bytes. */
const SHORTEST_SECRET = 24;

/** Checks the form of a webhook secret. Only the delivery of a webhook can show whether the secret is the right one. */
export function checkWebhookSecret(secret: string | undefined): Finding {
  if (!secret?.trim()) return skipped("OPENAI_WEBHOOK_SECRET is not set");
  const advice =
    "Copy the signing secret again from the webhook's page. It begins with whsec_. Set it without quotes.";
  const trimmed = secret.trim(); // the SDK trims the secret too
  if (!trimmed.startsWith(PREFIX)) return failed("OPENAI_WEBHOOK_SECRET does not begin with whsec_", advice);
  const base64 = trimmed.slice(PREFIX.length);
  if (!/^[A-Za-z\d+/]+={0,2}$/.test(base64)) {
    return failed("OPENAI_WEBHOOK_SECRET has characters that are not base64", advice);
  }
  const { length } = Buffer.from(base64, "base64");
  if (length < SHORTEST_SECRET) {
    return failed(`OPENAI_WEBHOOK_SECRET is too short: ${length} bytes`, advice);
  }
  return ok("OPENAI_WEBHOOK_SECRET has the right form; a delivery shows whether it is the right one");
}
