// Removes from dist what neither an export nor a command leads to: declarations of what only other files use.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const { exports, bin } = JSON.parse(readFileSync("package.json", "utf8"));
const entries = [exports, bin]
  .flatMap((targets) => Object.values(targets))
  .flatMap((target) => (typeof target === "string" ? target : Object.values(target)));
/** `from "./x.js"`, `import "./x.js"` and `import("./x.js")`. */
const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)\.js"/g;

const reached = new Set();
const waiting = entries.filter((path) => path.startsWith("./dist/")).map((path) => join(path));
for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
  if (reached.has(path)) continue;
  reached.add(path);
  const ending = path.endsWith(".d.ts") ? ".d.ts" : ".js";
  for (const [, target] of readFileSync(path, "utf8").matchAll(RELATIVE_IMPORT)) {
    waiting.push(join(dirname(path), target + ending));
  }
}
for (const entry of readdirSync("dist", { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && !reached.has(path)) rmSync(path);
}
