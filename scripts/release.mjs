/**
 * Creates a release: sets the version, updates the changelog, commits and tags. In the changelog, the text under "Unreleased"
 * moves to a new heading with the version and the date. Pushing the tag starts .github/workflows/release.yml, which publishes.
 *
 *     npm run release -- patch|minor|major|1.2.3
 *     node scripts/release.mjs --notes              # prints the changelog of package.json's version
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const UNRELEASED = "## [Unreleased]\n";
const run = (command, ...args) => execFileSync(command, args, { encoding: "utf8" }).trim();
const version = () => JSON.parse(readFileSync("package.json", "utf8")).version;

/** Returns the text of a section of the changelog. */
function sectionOf(changelog, heading) {
  const start = changelog.indexOf(heading);
  if (start < 0) throw new Error(`CHANGELOG.md has no "${heading.trim()}"`);
  const [text] = changelog.slice(changelog.indexOf("\n", start) + 1).split(/^## /m, 1);
  return text.trim();
}

function release(bump) {
  const changelog = readFileSync("CHANGELOG.md", "utf8");
  if (sectionOf(changelog, UNRELEASED) === "")
    throw new Error("nothing is under Unreleased in CHANGELOG.md: write down the changes first");
  if (run("git", "status", "--porcelain") !== "")
    throw new Error("the working tree has changes that are not committed: commit them first");
  run("npm", "version", bump, "--no-git-tag-version");
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(
    "CHANGELOG.md",
    changelog.replace(UNRELEASED, `${UNRELEASED}\n## [${version()}] - ${today}\n`),
  );
  run("git", "commit", "--all", "--message", `Release ${version()}`);
  run("git", "tag", "--annotate", `v${version()}`, "--message", `Release ${version()}`);
  console.log(`v${version()} is committed and tagged. To publish it: git push --follow-tags`);
}

const [what] = process.argv.slice(2);
if (what === undefined) throw new Error("expected an argument: patch, minor, major, a version or --notes");
if (what === "--notes") console.log(sectionOf(readFileSync("CHANGELOG.md", "utf8"), `## [${version()}]`));
else release(what);
