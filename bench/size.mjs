/**
 * What the package costs: to download, and in a bundle, minified and gzipped.
 *
 *     npm run build && node bench/size.mjs
 *
 * Prints a Markdown table and fails when a limit is exceeded. Where what is true is not yet what it should be, the limit
 * holds what is true, and the aim stands beside it.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const KB = 1000;

/** In kB. `packages`: whether the dependencies are in the bundle. */
const BUNDLES = [
  { what: "`resolveFileCitations` alone", names: "{ resolveFileCitations }", limit: 11, aim: 5 },
  { what: "`withFileCitations` alone", names: "{ withFileCitations }", limit: 25.4 },
  { what: "the whole main entry", names: "*", limit: 32.3, aim: 12 },
  { what: "the whole main entry with its dependencies", names: "*", packages: "bundle", limit: 45.2 },
];

async function gzippedSize({ names, packages = "external" }) {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names} from "./dist/index.js";`, resolveDir: ROOT },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    packages,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length / KB;
}

function tarballSize() {
  const packed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: ROOT });
  return JSON.parse(packed)[0].size / KB;
}

const sizes = [];
for (const { what, limit, aim, ...bundle } of BUNDLES) {
  sizes.push({ what, size: await gzippedSize(bundle), limit, aim });
}
sizes.push({ what: "the tarball", size: tarballSize(), limit: 150 });

console.log("| what | kB | limit | aim |\n|---|---|---|---|");
for (const { what, size, limit, aim } of sizes) {
  const isOver = size > limit;
  const isShort = aim !== undefined && size > aim;
  console.log(
    `| ${what} | ${size.toFixed(1)} | ≤ ${limit}${isOver ? " **exceeded**" : ""} | ${aim === undefined ? "" : `< ${aim}${isShort ? ", not reached" : ""}`} |`,
  );
  if (isOver) process.exitCode = 1;
}
