// Checks the option `links` with each library: the texts that the library returns must have links that work. Opens each link with
// `fetch`. Tests plain and streamed texts.
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, codeInterpreterTool, OpenAIResponsesModel, run, setTracingDisabled } from "@openai/agents";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { createFileCitationsFetch, withFileCitations } from "openai-file-citations";
import { createFileRoute } from "openai-file-citations/route";
import { createResponsesEmulator } from "openai-file-citations/testing";

const FILES = { "plan.docx": "the plan", "slides.pptx": "the slides" };
/** The API cites only the first file. The text streams in deltas of 5 code points, so both paths are split. */
const MESSAGE = {
  type: "message",
  text: "🎉 See [the plan](sandbox:/mnt/data/plan.docx) or /mnt/data/slides.pptx.",
  chunks: 5,
};
const PROMPT = "Write a lesson plan and slides.";

export const links = [
  ["ai-sdk, links", () => openLinks(textsOfAiSdk)],
  ["langchain, links", () => openLinks(textsOfLangChain)],
  ["agents, links", () => openLinks(textsOfAgents)],
];

/** Opens the links in the texts that a library shows. The emulator's server also serves the files. */
async function openLinks(textsOf) {
  let files;
  const emulator = createResponsesEmulator({
    script: () => [{ type: "python", code: "write()", files: FILES }, MESSAGE],
    intercept: ({ path, url }) => (path.startsWith("/files/") ? files.handler(new Request(url)) : undefined),
  });
  const server = await emulator.listen();
  const api = { apiKey: "test", baseURL: server.baseURL };
  files = createFileRoute(new OpenAI(api), { secret: "x".repeat(32), basePath: `${server.url}/files` });
  try {
    const texts = await textsOf(api, files);
    for (const text of texts) await expectLinks(text, server.url);
    return `${texts.length} texts, plain and streamed, and all links open`;
  } finally {
    await server.close();
  }
}

async function expectLinks(text, site) {
  const urls = text.match(/(?<=\()http[^)]+(?=\))/g) ?? [];
  const shape = urls.reduce((shown, url) => shown.replace(url, "URL"), text);
  assert.equal(shape, "🎉 See [the plan](URL) or [slides.pptx](URL).");
  const contents = [];
  for (const url of urls) {
    assert.ok(url.startsWith(`${site}/files/`), url);
    contents.push(await (await fetch(url)).text());
  }
  assert.deepEqual(contents, Object.values(FILES));
}

async function joined(stream) {
  let text = "";
  for await (const piece of stream) text += piece;
  return text;
}

async function textsOfAiSdk(api, files) {
  const openai = createOpenAI({ ...api, fetch: createFileCitationsFetch({ links: files }) });
  const asked = {
    model: openai("gpt-5"),
    tools: { code_interpreter: openai.tools.codeInterpreter() },
    prompt: PROMPT,
  };
  const streamed = streamText(asked);
  return [(await generateText(asked)).text, await joined(streamed.textStream), await streamed.text];
}

async function textsOfLangChain({ apiKey, baseURL }, files) {
  const fetch = createFileCitationsFetch({ links: files });
  const model = new ChatOpenAI({
    model: "gpt-5",
    apiKey,
    useResponsesApi: true,
    configuration: { baseURL, fetch },
  }).bindTools([{ type: "code_interpreter", container: { type: "auto" } }]);
  let streamed = "";
  for await (const chunk of await model.stream(PROMPT)) streamed += chunk.text;
  return [(await model.invoke(PROMPT)).text, streamed];
}

async function textsOfAgents(api, files) {
  setTracingDisabled(true);
  const client = withFileCitations(new OpenAI(api), { links: files });
  const model = new OpenAIResponsesModel(client, "gpt-5");
  const agent = new Agent({ name: "Teacher", model, tools: [codeInterpreterTool()] });
  const streamed = await run(agent, PROMPT, { stream: true });
  const text = await joined(streamed.toTextStream());
  await streamed.completed;
  return [(await run(agent, PROMPT)).finalOutput, text, streamed.finalOutput];
}
