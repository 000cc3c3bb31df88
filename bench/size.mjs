/**
 * Measures the size of the package: the tarball, and bundles after minification and gzip.
 *
 *     npm run build && node bench/size.mjs
 *
 * Prints a Markdown table. Exits with 1 if a limit is exceeded. The limits keep the package from growing. An aim is a smaller
 * size that we want to reach.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const KB = 1000;

/** Limits are in kB and include all dependencies. `entry` is the file that a bundler reads for `import` or for `require`. */
const BUNDLES = [
  { what: "`resolveFileCitations` alone", names: "{ resolveFileCitations }", limit: 23, aim: 11 },
  { what: "`withFileCitations` alone", names: "{ withFileCitations }", limit: 79, aim: 36 },
  { what: "the whole main entry", names: "*", limit: 89 },
  { what: "the whole main entry, in CommonJS", names: "*", entry: "index.cjs", limit: 91.5 },
];

async function gzippedSize({ names, entry = "index.js" }) {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names} from "./dist/${entry}";`, resolveDir: ROOT },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
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
sizes.push({ what: "the tarball", size: tarballSize(), limit: 520 });

console.log("| what | kB | limit | aim |\n|---|---|---|---|");
for (const { what, size, limit, aim } of sizes) {
  const isOver = size > limit;
  const isShort = aim !== undefined && size > aim;
  console.log(
    `| ${what} | ${size.toFixed(1)} | ≤ ${limit}${isOver ? " **exceeded**" : ""} | ${aim === undefined ? "" : `< ${aim}${isShort ? ", not reached" : ""}`} |`,
  );
  if (isOver) process.exitCode = 1;
}
