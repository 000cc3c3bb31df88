/**
 * Tests that every example in doc comments and documentation compiles as its own module. Examples that are marked ```ts runnable
 * also run, with an emulator in OpenAI's place. They must print the ```text block that follows the example, if there is one.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { createResponsesEmulator, type ResponsesEmulator, stubbornModel } from "../src/testing/index.js";
import { run } from "./run-page.js";

const root = new URL("../", import.meta.url);
// The folder is inside the repository, so that imports of `openai` and of the package resolve as in a user's project.
const folder = new URL("node_modules/.examples/", root);

/** Matches imports of packages that are installed only for test/clients. .ci/clients compiles the examples that use them. */
const NEEDS_ANOTHER_LIBRARY =
  /from "(?:@ai-sdk|ai"|@langchain|@openai|@aws-sdk|langsmith|@langfuse|braintrust"|@posthog|@arizeai)/;

/** Declarations for short examples that omit their imports. */
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

/** In examples for WebSockets, replaces `openai` with `openai-7` in imports, because older versions have no WebSocket client. */
const forNewest = (code: string): string =>
  code.includes("openai/resources/responses/ws") ? code.replaceAll(/"openai(?=["/])/g, '"openai-7') : code;

interface Example {
  name: string;
  code: string;
  isRunnable: boolean;
  /** The expected output, if the page shows it. */
  printed: string | undefined;
}

const pages = ["README.md", ...(await filesBelow("docs/", ".md"))];

async function readExamples(): Promise<Example[]> {
  const found: Example[] = [];
  for (const file of [...pages, ...(await filesBelow("src/", ".ts"))]) {
    const text = await readFile(new URL(file, root), "utf8");
    const plain = file.endsWith(".ts") ? text.replaceAll(/^ *\* ?/gm, "") : text;
    const blocks = plain.matchAll(/^```ts( runnable)?\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?/gms);
    for (const [position, [, mark, code, printed]] of [...blocks].entries()) {
      found.push({
        name: `${file}, ${position + 1}`,
        code: forNewest(code!),
        isRunnable: mark !== undefined,
        printed,
      });
    }
  }
  return found;
}

const examples = await readExamples();

afterAll(() => rm(folder, { recursive: true, force: true }));

it("compiles", async () => {
  const all = examples.filter(({ code }) => !NEEDS_ANOTHER_LIBRARY.test(code));
  expect(all.length).toBeGreaterThan(12);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const { name, code } of all) {
    await writeFile(new URL(`${name.replaceAll(/\W+/g, "_")}.ts`, folder), `${code}\nexport {};\n`);
  }
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

describe("runs", () => {
  const runnable = examples.filter(({ isRunnable }) => isRunnable);

  it.each(runnable)("$name", async ({ code, printed }) => {
    const emulator = createResponsesEmulator({
      script: stubbornModel({ files: { "plan.docx": "a plan" } }),
      intercept: ({ path }) => (path.endsWith("/resp_123") ? storedResponse(emulator) : undefined),
    });
    const server = await emulator.listen();
    const cwd = await mkdtemp(join(tmpdir(), "example-"));
    try {
      await writeFile(join(cwd, "response.json"), await (await storedResponse(emulator)).text());
      const env = {
        OPENAI_API_KEY: "any",
        OPENAI_BASE_URL: server.baseURL,
        OPENAI_WEBHOOK_SECRET: `whsec_${btoa("x".repeat(32))}`,
        FILES_SECRET: "x".repeat(32),
      };
      const stdout = await run(code, { cwd, env });
      expect(stdout).not.toMatch(/undefined|\bNaN\b|\[object Object\]/);
      if (printed !== undefined) expect(stdout).toBe(printed);
    } finally {
      await server.close();
      await rm(cwd, { recursive: true });
    }
  });

  // The code of these pages is run by .ci/clients, .ci/at-scale, other tests or `npm run bench`. Only the code of
  // docs/mutation.md is run by hand, because the mutation tests take hours.
  const RUN_ELSEWHERE =
    /^docs\/(?:clients\/.*|sinks|at-scale|accuracy-and-speed|command|front-ends|mutation|proxy)\.md$/;

  it.each(pages.filter((page) => !RUN_ELSEWHERE.test(page)))("%s starts with runnable code", async (page) => {
    const text = await readFile(new URL(page, root), "utf8");
    expect(/^```.*$/m.exec(text)?.[0]).toBe("```ts runnable");
  });
});

/** Makes the emulator create a response, and returns the HTTP response that contains it. */
async function storedResponse(emulator: ResponsesEmulator): Promise<Response> {
  return emulator.fetch("https://api.openai.com/v1/responses", {
    method: "POST",
    headers: { authorization: "Bearer any" },
    body: JSON.stringify({
      input: "A plan",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    }),
  });
}
