// Runs the code of three pages of docs/clients as programs. Each page is about one library. The environment of the programs
// has the emulator's key and base URL, so that the programs use the emulator. For each library, also checks that an answer can
// be part of the next request's input.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, codeInterpreterTool, run, setDefaultOpenAIClient, setTracingDisabled } from "@openai/agents";
import { generateText } from "ai";
import OpenAI from "openai";
import { createFileCitationsFetch, withFileCitations } from "openai-file-citations";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { links } from "./links.mjs";
import { HERE, runProgram } from "./program.mjs";

/** `ours` is the piece of a page's code that calls the package. If `bare` replaces it, the code runs without the package. */
const PAGES = [
  { page: "ai-sdk", packages: ["ai", "@ai-sdk/openai"], ours: "createFileCitationsFetch()", bare: "fetch" },
  {
    page: "langchain",
    packages: ["@langchain/openai", "@langchain/core"],
    ours: "createFileCitationsFetch()",
    bare: "fetch",
  },
  {
    page: "agents",
    packages: ["@openai/agents"],
    ours: "withFileCitations(new OpenAI())",
    bare: "new OpenAI()",
  },
];

const WRITTEN = join(HERE, ".pages");

export const libraries = [
  ["the pages' types", compilePages],
  ...PAGES.flatMap((page) => [
    [`${page.page}.md`, () => runWithPackage(page)],
    [`${page.page}.md without the package`, () => runWithoutPackage(page)],
  ]),
  ["ai-sdk, the answer as the next request's input", secondTurnOfAiSdk],
  ["langchain, the answer as the next request's input", secondTurnOfLangChain],
  ["agents, the answer as the next request's input", secondTurnOfAgents],
  ...links,
];

async function codeOf(page) {
  const text = await readFile(join(HERE, "../../docs/clients", `${page}.md`), "utf8");
  const [, code] = /^# [^\n]*\n\n```ts\n(.*?)^```$/ms.exec(text) ?? [];
  if (!code) throw new Error(`${page}.md must start with a heading and a block of TypeScript`);
  return code;
}

async function writePage(name, code) {
  await mkdir(WRITTEN, { recursive: true });
  const path = join(WRITTEN, `${name}.ts`);
  await writeFile(path, code);
  return path;
}

async function compilePages() {
  const paths = [];
  for (const { page } of PAGES) paths.push(await writePage(page, await codeOf(page)));
  // Without `skipLibCheck`, errors in the libraries' own declarations would fail the check.
  const options =
    "--noEmit --ignoreConfig --strict --skipLibCheck --module nodenext --target es2023 --types node";
  const tsc = join(HERE, "../../node_modules/.bin/tsc");
  await runProgram(tsc, [...options.split(" "), ...paths], { cwd: HERE });
  return `${paths.length} pages`;
}

async function runWithPackage({ page, packages }) {
  const { files, stdout, requests } = await runPage(page, await codeOf(page));
  assert.deepEqual(files, { "plan.docx": "the plan", "slides.pptx": "the slides" });
  assert.equal(stdout, "Download: /mnt/data/slides.pptx");
  const turn = ["POST /v1/responses", "GET /v1/containers/*/files", "GET /v1/containers/*/files/*/content"];
  assert.deepEqual(requests, [...turn, ...turn]);
  const versions = [];
  for (const name of packages) {
    const { version } = JSON.parse(await readFile(join(HERE, "node_modules", name, "package.json"), "utf8"));
    versions.push(`${name} ${version}`);
  }
  return `${versions.join(", ")}: both files cited, plain and streamed, and downloaded`;
}

/** Runs a page's code without the package, to show that the citations come from the package. Checks that nothing is cited. */
async function runWithoutPackage({ page, ours, bare }) {
  const code = await codeOf(page);
  assert.equal(code.split(ours).length, 2, `${page}.md must contain ${ours} once`);
  const { files, stdout, requests } = await runPage(`${page}-bare`, code.replace(ours, bare));
  assert.deepEqual(files, {});
  assert.equal(stdout, "Download: /mnt/data/slides.pptx");
  assert.deepEqual(requests, ["POST /v1/responses", "POST /v1/responses"]);
  return "nothing cited";
}

async function runPage(name, code) {
  const emulator = createResponsesEmulator({
    apiKey: "test",
    script: [
      stubbornModel({ files: { "plan.docx": "the plan" } }),
      stubbornModel({ files: { "slides.pptx": "the slides" } }),
    ],
  });
  const server = await emulator.listen();
  const cwd = await mkdtemp(join(tmpdir(), "clients-page-"));
  try {
    const { stdout } = await runProgram(process.execPath, [await writePage(name, code)], {
      cwd,
      env: {
        PATH: process.env.PATH,
        OPENAI_API_KEY: "test",
        OPENAI_BASE_URL: server.baseURL,
        // By default, the Agents SDK sends traces to OpenAI, even if the client has another base URL. A test must not do this.
        OPENAI_AGENTS_DISABLE_TRACING: "1",
      },
    });
    const files = {};
    for (const file of (await readdir(cwd)).sort()) files[file] = await readFile(join(cwd, file), "utf8");
    const requests = emulator.requests.map(({ method, path }) =>
      `${method} ${path}`.replace(/(cntr|cfile)_\w+/g, "*"),
    );
    return { files, stdout, requests };
  } finally {
    await server.close();
    await rm(cwd, { recursive: true, force: true });
  }
}

/** Returns an emulator whose model writes a file in the first turn and only mentions the file in the second turn. */
function twoTurns() {
  return createResponsesEmulator({
    script: [
      stubbornModel({ files: { "plan.docx": "the plan" } }),
      () => [{ type: "message", text: "Again: /mnt/data/plan.docx" }],
    ],
  });
}

/** The AI SDK refers to items of earlier turns by id, and sends no `previous_response_id`. */
async function secondTurnOfAiSdk() {
  const emulator = twoTurns();
  const openai = createOpenAI({ apiKey: "test", fetch: createFileCitationsFetch({ fetch: emulator.fetch }) });
  const ask = { model: openai("gpt-5"), tools: { code_interpreter: openai.tools.codeInterpreter() } };
  const first = await generateText({ ...ask, prompt: "Write a lesson plan." });
  const second = await generateText({
    ...ask,
    messages: [
      { role: "user", content: "Write a lesson plan." },
      ...first.response.messages,
      { role: "user", content: "Where is it?" },
    ],
  });
  const types = emulator.requests
    .filter(({ method }) => method === "POST")
    .at(-1)
    .body.input.map(({ type }) => type);
  assert.ok(types.includes("item_reference"), `the input must contain an item_reference, got ${types}`);
  assert.equal(second.sources.length, 1);
  return "sends items by reference, and the second answer is cited";
}

async function secondTurnOfLangChain() {
  const emulator = twoTurns();
  const model = new ChatOpenAI({
    model: "gpt-5",
    apiKey: "test",
    useResponsesApi: true,
    configuration: { fetch: createFileCitationsFetch({ fetch: emulator.fetch }) },
  }).bindTools([{ type: "code_interpreter", container: { type: "auto" } }]);
  const first = await model.invoke("Write a lesson plan.");
  const second = await model.invoke([
    { role: "user", content: "Write a lesson plan." },
    first,
    { role: "user", content: "Where is it?" },
  ]);
  expectRoundTrip(emulator);
  const [cited] = second.contentBlocks.find(({ type }) => type === "text").annotations;
  assert.equal(cited.file_id, first.contentBlocks.find(({ type }) => type === "text").annotations[0].file_id);
  return "sends the citation back unchanged, and the second answer is cited";
}

async function secondTurnOfAgents() {
  const emulator = twoTurns();
  setTracingDisabled(true);
  setDefaultOpenAIClient(withFileCitations(new OpenAI({ apiKey: "test", fetch: emulator.fetch })));
  const agent = new Agent({ name: "Teacher", model: "gpt-5", tools: [codeInterpreterTool()] });
  const first = await run(agent, "Write a lesson plan.");
  const second = await run(agent, [...first.history, { role: "user", content: "Where is it?" }]);
  expectRoundTrip(emulator);
  const [cited] = second.newItems.at(-1).rawItem.content[0].providerData.annotations;
  assert.equal(cited.file_id, first.newItems.at(-1).rawItem.content[0].providerData.annotations[0].file_id);
  return "sends the citation back unchanged, and the second answer is cited";
}

/** Checks that the second request has the citation of the first answer, with exactly the fields of OpenAI's schema. */
function expectRoundTrip({ requests, containers }) {
  const [container] = containers.values();
  const { body } = requests.filter(({ method }) => method === "POST").at(-1);
  const message = body.input.find(({ role }) => role === "assistant");
  const [{ file_id, ...rest }, ...others] = message.content[0].annotations;
  assert.match(file_id, /^cfile_/);
  assert.deepEqual(rest, {
    type: "container_file_citation",
    container_id: container.id,
    filename: "plan.docx",
    start_index: 10,
    end_index: 29,
  });
  assert.deepEqual(others, []);
}
