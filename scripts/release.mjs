/**
 * Makes a release of what is under "Unreleased" in the changelog: the version, the heading, a commit and a tag. Pushing the
 * tag publishes it, by .github/workflows/release.yml.
 *
 *     npm run release -- patch|minor|major|1.2.3
 *     node scripts/release.mjs --notes              # what the changelog says of package.json's version
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const UNRELEASED = "## [Unreleased]\n";
const run = (command, ...args) => execFileSync(command, args, { encoding: "utf8" }).trim();
const version = () => JSON.parse(readFileSync("package.json", "utf8")).version;

/** A section's text, up to the next one. */
function sectionOf(changelog, heading) {
  const start = changelog.indexOf(heading);
  if (start < 0) throw new Error(`CHANGELOG.md has no "${heading.trim()}"`);
  const [text] = changelog.slice(changelog.indexOf("\n", start) + 1).split(/^## /m, 1);
  return text.trim();
}

function release(bump) {
  const changelog = readFileSync("CHANGELOG.md", "utf8");
  if (sectionOf(changelog, UNRELEASED) === "") throw new Error("nothing is under Unreleased in CHANGELOG.md");
  if (run("git", "status", "--porcelain") !== "") throw new Error("there are changes that are not committed");
  run("npm", "version", bump, "--no-git-tag-version");
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(
    "CHANGELOG.md",
    changelog.replace(UNRELEASED, `${UNRELEASED}\n## [${version()}] - ${today}\n`),
  );
  run("git", "commit", "--all", "--message", `Release ${version()}`);
  run("git", "tag", "--annotate", `v${version()}`, "--message", `Release ${version()}`);
  console.log(`v${version()} is committed and tagged: git push --follow-tags`);
}

const [what] = process.argv.slice(2);
if (what === undefined) throw new Error("which release? patch, minor, major or a version");
if (what === "--notes") console.log(sectionOf(readFileSync("CHANGELOG.md", "utf8"), `## [${version()}]`));
else release(what);
