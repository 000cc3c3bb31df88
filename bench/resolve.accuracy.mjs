/**
 * How exact the resolver is, beside what is usually written instead, on the same cases.
 *
 *     npm run build && node bench/resolve.accuracy.mjs [cases.json]
 *
 * A case counts as exact when its citations are the expected ones and no others. Without the cases it says so and
 * measures nothing, and fails where CI is set.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { resolveFileCitations } from "../dist/index.js";

const casesPath = process.argv[2] ?? fileURLToPath(new URL("../../shared/eval/cases.json", import.meta.url));
if (!existsSync(casesPath)) {
  console.error(`Nothing measured: ${casesPath} is not here`);
  process.exit(process.env.CI ? 1 : 0);
}
const cases = JSON.parse(readFileSync(casesPath, "utf8"));

const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);

/** What a pattern finds whose first group is a path below the root, where the container has that file. */
function byPattern(pattern) {
  return ({ text, files }) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const [start, end] = match.indices[1];
      const written = match[1].slice(match[1].indexOf("/mnt/data/"));
      const found = files.find(({ path }) => path === written);
      return found ? [{ start, end, id: found.id }] : [];
    });
}

/** Each place where a file's name stands. */
function byName({ text, files }) {
  return files.flatMap(({ id, path }) => {
    const found = [];
    for (let at = text.indexOf(nameOf(path)); at >= 0; at = text.indexOf(nameOf(path), at + 1)) {
      found.push({ start: at, end: at + nameOf(path).length, id });
    }
    return found;
  });
}

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
};

/** `isSame` says which of the citations found counts as which of the expected. */
function score(way, isSame) {
  let exact = 0;
  let right = 0;
  let wrong = 0;
  let missing = 0;
  for (const example of cases) {
    const got = way(example);
    const expected = example.expected.map((a) => ({ start: a.start_index, end: a.end_index, id: a.file_id }));
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

const total = cases.reduce((sum, { expected }) => sum + expected.length, 0);
console.log(`${cases.length} cases, ${total} citations\n`);
console.log("| way | cases exact | citations exact | right file, any range | wrong |\n|---|---|---|---|---|");
for (const [name, way] of Object.entries(WAYS)) {
  const exact = score(way, isExact);
  const loose = score(way, isSameFile);
  console.log(`| ${name} | ${exact.exact} | ${exact.right} | ${loose.right} | ${loose.wrong} |`);
  if (way === byResolver && exact.exact < cases.length) process.exitCode = 1;
}
