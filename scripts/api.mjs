/**
 * Writes docs/api.md, the list of all public names, from the declarations in dist and their comments.
 *
 *     npm run build && node scripts/api.mjs
 *     npm run build && node scripts/api.mjs --check    # fails if the page is out of date
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const PAGE = "docs/api.md";
const { name: packageName, exports } = JSON.parse(readFileSync("package.json", "utf8"));

/**
 * Returns the exported declarations of a file by name, each with its comment. Relies on the compiler's layout: a declaration
 * ends with the first line that has no indent and ends with `;` or `}`.
 */
function declarationsIn(path) {
  const found = new Map();
  let comment = "";
  const lines = readFileSync(path, "utf8").split("\n");
  for (let at = 0; at < lines.length; ) {
    if (lines[at].startsWith("/**")) {
      const end = endOf(lines, at, (line) => line.endsWith("*/"));
      comment = lines.slice(at, end).join("\n");
      at = end;
      continue;
    }
    const [, kind, name] =
      /^export (?:declare )?(function|interface|type|class|const) (\w+)/.exec(lines[at]) ?? [];
    const end = name ? endOf(lines, at, (line) => !/^\s/.test(line) && /[;}]$/.test(line)) : at + 1;
    if (name) addDeclaration(found, { name, kind, comment, code: lines.slice(at, end).join("\n") });
    comment = "";
    at = end;
  }
  return found;
}

/** Returns the index after a block. The block starts at line `at` and ends with the first line for which `isLast` is true. */
function endOf(lines, at, isLast) {
  let end = at;
  while (!isLast(lines[end])) end++;
  return end + 1;
}

/** Adds a declaration. If it is a further overload, adds its code to the first overload, which has the comment. */
function addDeclaration(found, declaration) {
  const code = declaration.code.replace(/^export (?:declare )?/, "");
  const first = found.get(declaration.name);
  found.set(
    declaration.name,
    first ? { ...first, code: `${first.code}\n${code}` } : { ...declaration, code },
  );
}

/** Returns all declarations that a module exports: its own, then those that it re-exports. */
function publicNames(path) {
  const own = declarationsIn(path);
  const reexported = [];
  const text = readFileSync(path, "utf8");
  for (const [, names, target] of text.matchAll(/^export (?:type )?(\*|\{[^}]*\}) from "(.+)\.js";$/gm)) {
    const all = publicNames(join(dirname(path), `${target}.d.ts`));
    const wanted = names.match(/\w+/g)?.filter((word) => word !== "type");
    reexported.push(...(wanted ? wanted.map((name) => all.find((each) => each.name === name)) : all));
  }
  return [...own.values(), ...reexported];
}

/** Splits a comment into its text and its tags. */
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
  throw new Error(`the tag @${name} is not supported: use @param, @throws, @returns or @example`);
}

/** Turns `{@link name}` into a link, or into code if the page does not have the name. */
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

/** Formats all declarations in one run of biome, because many runs are slow. Marks in the input separate the declarations. */
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

/** Returns runnable code for the top of the page. */
function renderExample(modules) {
  const imports = modules.map(({ specifier, alias }) => `import * as ${alias} from "${specifier}";`);
  const shown = `{ ${modules.map(({ alias }) => alias).join(", ")} }`;
  const loop = `for (const [name, module] of Object.entries(${shown})) console.log(name, Object.keys(module));`;
  return `\`\`\`ts runnable\n${imports.join("\n")}\n\n${loop}\n\`\`\``;
}

const modules = Object.entries(exports)
  .filter(([subpath]) => !subpath.endsWith(".json"))
  .map(([subpath, target]) => ({
    specifier: packageName + subpath.slice(1),
    alias: subpath.slice(2) || "main",
    names: formatted(publicNames(join(target.import.types))),
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
  console.error(`${PAGE} is out of date: run npm run docs`);
  process.exitCode = 1;
}
