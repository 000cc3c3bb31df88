/** Checks that links in the documentation lead to existing files and headings. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const root = new URL("../", import.meta.url);
const inDocs = (await readdir(new URL("docs/", root), { recursive: true })).filter((path) =>
  path.endsWith(".md"),
);
const inRoot = (await readdir(root)).filter((path) => path.endsWith(".md"));
const pages = [...inRoot, ...inDocs.map((path) => `docs/${path}`)];

/** Returns a heading's anchor, as GitHub creates it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}

async function anchorsOf(page: URL): Promise<string[]> {
  const text = (await readFile(page, "utf8")).replaceAll(/^```.*?^```$/gms, "");
  return Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading]) => anchorOf(heading!));
}

it.each(pages)("%s", async (path) => {
  const page = new URL(path, root);
  const text = (await readFile(page, "utf8"))
    .replaceAll(/^```.*?^```$/gms, "")
    .replaceAll(/(`+).*?[^`]\1(?!`)/g, "");
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(target!)) continue;
    const url = new URL(target!, page);
    const anchor = decodeURIComponent(url.hash.slice(1));
    url.hash = "";
    expect(existsSync(url), `${target} in ${path}`).toBe(true);
    if (anchor !== "") expect(await anchorsOf(url), `${target} in ${path}`).toContain(anchor);
  }
});
