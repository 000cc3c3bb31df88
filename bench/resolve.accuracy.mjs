/**
 * Measures how exact the resolver is, compared with common alternatives on the same cases.
 *
 *     npm run accuracy
 *     npm run build && node bench/resolve.accuracy.mjs [cases.json]
 *
 * A case is exact if its citations are the expected ones and no others. The first cases are the rows of
 * test/citations/table.ts. The other cases come from `cases.json`, by default from a file that is not public. If the file is
 * missing, the other cases are skipped. Exits with 1 if the resolver is not exact in every case. If the environment variable
 * CI is set, also exits with 1 if the file is missing.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { resolveFileCitations } from "../dist/index.js";

const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);

/** Returns a function that finds citations with a pattern. It cites the first group of each match if that is a file's path. */
function byPattern(pattern) {
  return ({ text, files }) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const [start, end] = match.indices[1];
      const written = match[1].slice(match[1].indexOf("/mnt/data/"));
      const found = files.find(({ path }) => path === written);
      return found ? [{ start, end, id: found.id }] : [];
    });
}

/** Cites each occurrence of a file's name. */
function byName({ text, files }) {
  return files.flatMap(({ id, path }) => {
    const found = [];
    for (let at = text.indexOf(nameOf(path)); at >= 0; at = text.indexOf(nameOf(path), at + 1)) {
      found.push({ start: at, end: at + nameOf(path).length, id });
    }
    return found;
  });
}

/** Adds no citation: the text stays as the API sent it. */
const byNothing = () => [];

function byResolver({ text, files, annotations }) {
  const { citations } = resolveFileCitations(text, files, { annotations, indexUnit: "utf-16" });
  return citations.map(({ start, end, annotation }) => ({ start, end, id: annotation.file_id }));
}

const WAYS = {
  "`resolveFileCitations`": byResolver,
  "`/\\[[^\\]]*\\]\\(sandbox:(\\/mnt\\/data\\/[^)]+)\\)/g`": byPattern(
    /\[[^\]]*\]\((sandbox:\/mnt\/data\/[^)]+)\)/dg,
  ),
  "`/\\/mnt\\/data\\/[^\\s)\\]]+/g`": byPattern(/(\/mnt\/data\/[^\s)\]]+)/dg),
  "search for each file's name": byName,
  nothing: byNothing,
};

/** Counts the results of one way to find citations. `isSame` decides whether a found citation is an expected one. */
function score(cases, way, isSame) {
  let exact = 0;
  let right = 0;
  let wrong = 0;
  let missing = 0;
  for (const example of cases) {
    const got = way(example);
    const { expected } = example;
    const hits = expected.filter((want) => got.some((have) => isSame(want, have)));
    const extra = got.filter((have) => !expected.some((want) => isSame(want, have)));
    right += hits.length;
    wrong += extra.length;
    missing += expected.length - hits.length;
    if (extra.length === 0 && hits.length === expected.length) exact++;
  }
  return { exact, right, wrong, missing };
}

const isExact = (want, have) => want.start === have.start && want.end === have.end && want.id === have.id;
const isSameFile = (want, have) => want.id === have.id && have.start < want.end && want.start < have.end;

/**
 * Prints the results of all ways to find citations. A case is `{ text, files, annotations, expected }`, with
 * `{ start, end, id }` in `expected`.
 */
function report(what, cases) {
  const total = cases.reduce((sum, { expected }) => sum + expected.length, 0);
  console.log(`${what}: ${cases.length} cases, ${total} citations\n`);
  console.log(
    "| way | cases exact | citations exact | right file, any range | wrong |\n|---|---|---|---|---|",
  );
  for (const [name, way] of Object.entries(WAYS)) {
    const exact = score(cases, way, isExact);
    const loose = score(cases, way, isSameFile);
    console.log(`| ${name} | ${exact.exact} | ${exact.right} | ${loose.right} | ${loose.wrong} |`);
    if (way === byResolver && exact.exact < cases.length) process.exitCode = 1;
  }
  console.log();
}

/** Returns the cases of test/citations/table.ts. */
async function tableCases() {
  const { outputFiles } = await build({
    stdin: {
      contents: 'export { TABLE } from "./table.js"; export { casesOf } from "./cases.js";',
      resolveDir: fileURLToPath(new URL("../test/citations", import.meta.url)),
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  const { TABLE, casesOf } = await import(`data:text/javascript;base64,${code}`);
  return TABLE.flatMap(casesOf).map(({ outcome, ...rest }) => ({
    ...rest,
    expected: outcome.cited.map(([start, end, id]) => ({ start, end, id })),
  }));
}

report("The repository's table", await tableCases());

const casesPath = process.argv[2] ?? fileURLToPath(new URL("../../shared/eval/cases.json", import.meta.url));
if (existsSync(casesPath)) {
  const cases = JSON.parse(readFileSync(casesPath, "utf8")).map(({ expected, ...rest }) => ({
    ...rest,
    expected: expected.map((a) => ({ start: a.start_index, end: a.end_index, id: a.file_id })),
  }));
  report(casesPath, cases);
} else {
  console.error(`Not measured: there is no ${casesPath}`);
  if (process.env.CI) process.exitCode = 1;
}
