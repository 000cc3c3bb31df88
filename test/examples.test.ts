/** Every example compiles: the doc comments' and the documentation's, as a user would write them, each a module. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";

const root = new URL("../", import.meta.url);
// Inside the repository, so that `openai` and the package's own name resolve as they do for a user.
const folder = new URL("node_modules/.examples/", root);

/** The examples that need packages which only test/clients installs are compiled there, by .ci/clients. */
const NEEDS_ANOTHER_LIBRARY = /from "(?:@ai-sdk|ai"|@langchain|@openai|@aws-sdk)/;

/** What the one-liner that opens the README and the short ones in comments stand without. */
const GLOBALS = `
declare const OpenAI: typeof import("openai").default;
declare const bytes: Uint8Array;
declare const emulator: import("openai-file-citations/testing").ResponsesEmulator;
declare const withFileCitations: typeof import("openai-file-citations").withFileCitations;
declare const compliantModel: typeof import("openai-file-citations/testing").compliantModel;
declare const stubbornModel: typeof import("openai-file-citations/testing").stubbornModel;
declare const createResponsesEmulator: typeof import("openai-file-citations/testing").createResponsesEmulator;
type Script = import("openai-file-citations/testing").Script;
`;

async function filesBelow(path: string, ending: string): Promise<string[]> {
  const names = await readdir(new URL(path, root), { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => path + name);
}

async function examples(): Promise<{ name: string; code: string }[]> {
  const found: { name: string; code: string }[] = [];
  for (const file of [
    "README.md",
    ...(await filesBelow("docs/", ".md")),
    ...(await filesBelow("src/", ".ts")),
  ]) {
    const text = await readFile(new URL(file, root), "utf8");
    const plain = file.endsWith(".ts") ? text.replaceAll(/^ *\* ?/gm, "") : text;
    for (const [position, match] of [...plain.matchAll(/^```ts\n(.*?)^```$/gms)].entries()) {
      const code = match[1]!;
      if (!NEEDS_ANOTHER_LIBRARY.test(code))
        found.push({ name: `${file.replaceAll(/\W/g, "_")}_${position}`, code });
    }
  }
  return found;
}

afterAll(() => rm(folder, { recursive: true, force: true }));

it("compiles", { timeout: 60_000 }, async () => {
  const all = await examples();
  expect(all.length).toBeGreaterThan(12);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const { name, code } of all) await writeFile(new URL(`${name}.ts`, folder), `${code}\nexport {};\n`);
  await writeFile(new URL("globals.d.ts", folder), GLOBALS);
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: {
      paths: {
        "openai-file-citations": ["../../src/index.ts"],
        "openai-file-citations/node": ["../../src/node.ts"],
        "openai-file-citations/route": ["../../src/files/route.ts"],
        "openai-file-citations/testing": ["../../src/testing/index.ts"],
        "openai-file-citations/webhook": ["../../src/webhook.ts"],
      },
    },
    include: ["*.ts"],
    exclude: [],
  };
  await writeFile(new URL("tsconfig.json", folder), JSON.stringify(config));
  const tsc = new URL("node_modules/.bin/tsc", root).pathname;
  const { stdout } = await promisify(execFile)(tsc, ["-p", folder.pathname]).catch((error) => error);
  expect(stdout).toBe("");
});
