/**
 * Writes docs/api.md: every public name, from the declarations in dist and their comments.
 *
 *     npm run build && node scripts/api.mjs
 *     npm run build && node scripts/api.mjs --check    # fails where the page is not what it would write
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const PAGE = "docs/api.md";
const { name: packageName, exports } = JSON.parse(readFileSync("package.json", "utf8"));

/**
 * The exported declarations of a file by name, each with its comment. The compiler writes one after the other, and none
 * ends but where a line does that has no indent.
 */
function declarationsIn(path) {
  const found = new Map();
  let comment = "";
  const lines = readFileSync(path, "utf8").split("\n");
  for (let at = 0; at < lines.length; at++) {
    if (lines[at].startsWith("/**")) {
      const start = at;
      while (!lines[at].endsWith("*/")) at++;
      comment = lines.slice(start, at + 1).join("\n");
      continue;
    }
    const [, kind, name] =
      /^export (?:declare )?(function|interface|type|class|const) (\w+)/.exec(lines[at]) ?? [];
    if (name) {
      const start = at;
      while (/^\s/.test(lines[at]) || !/[;}]$/.test(lines[at])) at++;
      const code = lines
        .slice(start, at + 1)
        .join("\n")
        .replace(/^export (?:declare )?/, "");
      const before = found.get(name); // an overload has the comment of the first
      found.set(
        name,
        before ? { ...before, code: `${before.code}\n${code}` } : { name, kind, code, comment },
      );
    }
    comment = "";
  }
  return found;
}

/** All that a module gives to others, in its order: what it declares, and what it passes on. */
function publicNames(path) {
  const own = declarationsIn(path);
  const passed = [];
  const text = readFileSync(path, "utf8");
  for (const [, names, target] of text.matchAll(/^export (?:type )?(\*|\{[^}]*\}) from "(.+)\.js";$/gm)) {
    const all = publicNames(join(dirname(path), `${target}.d.ts`));
    const wanted = names.match(/\w+/g)?.filter((word) => word !== "type");
    passed.push(...(wanted ? wanted.map((name) => all.find((each) => each.name === name)) : all));
  }
  return [...own.values(), ...passed];
}

/** A comment's text, and its tags in their order. */
function readComment(comment) {
  const text = comment
    .replace(/^\/\*\*[ \n]?|\s*\*\/$/g, "")
    .replace(/^ \* ?/gm, "")
    .trim();
  const [description, ...tags] = text.split(/^@(?=\w)/m);
  return {
    description: description.trim(),
    tags: tags.map((tag) => {
      const [, name, rest] = /^(\w+)\s*(.*)$/s.exec(tag.trim());
      return { name, rest: rest.trim() };
    }),
  };
}

const oneLine = (text) => text.replaceAll(/\s*\n\s*/g, " ");

function renderTag({ name, rest }) {
  if (name === "param") {
    const [, parameter, text] = /^(\S+)\s+(.*)$/s.exec(rest);
    return `- \`${parameter}\`: ${oneLine(text)}`;
  }
  if (name === "throws") return `- throws ${oneLine(rest.replace(/^\{(\w+)\}/, "`$1`"))}`;
  if (name === "returns") return `- returns ${oneLine(rest)}`;
  throw new Error(`what is @${name}?`);
}

/** What a name in a comment is to a reader of the page. */
const linked = (text) =>
  text.replaceAll(/\{@link (\w+)\}/g, (_, name) =>
    known.has(name) ? `[\`${name}\`](#${name.toLowerCase()})` : `\`${name}\``,
  );
const unlinked = (code) => code.replaceAll(/\{@link (\w+)\}/g, "`$1`");

function renderName({ name, code, comment }) {
  const { description, tags } = readComment(comment);
  if (description === "") throw new Error(`${name} has no comment`);
  const listed = tags.filter((tag) => tag.name !== "example").map(renderTag);
  const examples = tags.filter((tag) => tag.name === "example").map(({ rest }) => rest);
  const signature = `\`\`\`typescript\n${unlinked(code)}\n\`\`\``;
  return [`### \`${name}\``, linked(description), signature, linked(listed.join("\n")), ...examples]
    .filter((block) => block !== "")
    .join("\n\n");
}

/** The declarations as the rest of the repository is formatted: all in one go, apart by a mark. */
function formatted(declarations) {
  const mark = (at) => `//@ ${at}\n`;
  const input = declarations.map(({ code }, at) => mark(at) + code).join("\n");
  const output = execFileSync("npx", ["biome", "format", "--stdin-file-path=api.d.ts"], { input }).toString();
  const codes = output.split(/^\/\/@ \d+\n/m).slice(1);
  return declarations.map((declaration, at) => ({ ...declaration, code: codes[at].trim() }));
}

const isValue = ({ kind }) => kind !== "interface" && kind !== "type";
const byName = (a, b) => a.name.localeCompare(b.name, "en");

function renderModule({ specifier, names }) {
  const values = names.filter(isValue).sort(byName);
  const types = names.filter((each) => !isValue(each)).sort(byName);
  const rows = [...values, ...types].map(({ name, comment }) => {
    const [first] = readComment(comment).description.split(/(?<=\.)\s/, 1);
    return `| [\`${name}\`](#${name.toLowerCase()}) | ${linked(oneLine(first)).replaceAll("|", "\\|")} |`;
  });
  return [
    `## \`${specifier}\``,
    ["| name | |", "|---|---|", ...rows].join("\n"),
    ...values.map(renderName),
    ...types.map(renderName),
  ].join("\n\n");
}

/** The page begins with code that runs, as all do. */
function renderExample(modules) {
  const imports = modules.map(({ specifier, alias }) => `import * as ${alias} from "${specifier}";`);
  const shown = `{ ${modules.map(({ alias }) => alias).join(", ")} }`;
  const loop = `for (const [name, module] of Object.entries(${shown})) console.log(name, Object.keys(module));`;
  return `\`\`\`ts runnable\n${imports.join("\n")}\n\n${loop}\n\`\`\``;
}

const modules = Object.entries(exports)
  .filter(([subpath]) => !subpath.endsWith(".json"))
  .map(([subpath, { types }]) => ({
    specifier: packageName + subpath.slice(1),
    alias: subpath.slice(2) || "main",
    names: formatted(publicNames(join(types))),
  }));
const known = new Set(modules.flatMap(({ names }) => names.map(({ name }) => name)));

const page = `${[
  "# Every public name",
  renderExample(modules),
  "Made from the comments in `src` by `npm run docs`. An editor shows the same on hover.",
  ...modules.map(renderModule),
].join("\n\n")}\n`;

if (!process.argv.includes("--check")) writeFileSync(PAGE, page);
else if (readFileSync(PAGE, "utf8") !== page) {
  console.error(`${PAGE} is not what the comments say: npm run docs`);
  process.exitCode = 1;
}
