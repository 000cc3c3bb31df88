// The built package as a program of any runtime uses it. No `node:` import: this file runs in browsers and workers.
import OpenAI from "openai";
import { createFileCitationsFetch, resolveFileCitations, withFileCitations } from "openai-file-citations";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";

const PATH = "/mnt/data/plan.docx";
const TEXT = `Download: ${PATH}`;
const ASK = {
  model: "gpt-5",
  input: "Write a lesson plan as a Word file.",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
};

/**
 * Throws at the first thing that is not as it should be.
 *
 * @param baseURL where an emulator with a stubborn model listens, to be reached by the runtime's own `fetch`
 * @returns the names of what was tried
 */
export async function smoke(baseURL) {
  const passed = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    try {
      await check(baseURL);
    } catch (error) {
      throw new Error(`${name}: ${error?.stack ?? error}`);
    }
    passed.push(name);
  }
  return passed;
}

const CHECKS = {
  resolve() {
    const file = { id: "cfile_1", path: PATH, source: "assistant", container_id: "cntr_1", created_at: 1 };
    const { annotations } = resolveFileCitations(TEXT, [file]);
    expectCitation(annotations);
  },

  // zod, which compiles its checks where the runtime lets it, and must do without where it does not.
  options() {
    try {
      createFileCitationsFetch({ timeoutMs: "soon" });
    } catch (error) {
      if (error instanceof TypeError && error.message.includes("timeoutMs")) return;
      throw error;
    }
    throw new Error("a wrong option was taken");
  },

  async "nothing without the package"() {
    const { fetch } = emulator();
    expectNone(annotationsOf(await ask(fetch)));
    expectNone(addedIn(await askStreamed(fetch)));
  },

  async plain() {
    const fetch = createFileCitationsFetch({ fetch: emulator().fetch });
    expectCitation(annotationsOf(await ask(fetch)));
  },

  async streamed() {
    const fetch = createFileCitationsFetch({ fetch: emulator().fetch });
    const events = await askStreamed(fetch);
    expectCitation(addedIn(events));
    expectCitation(annotationsOf(events.at(-1).response));
  },

  // p-retry: the list lacks the file the first time.
  async "a list that lags behind"() {
    const fetch = createFileCitationsFetch({ fetch: emulator({ listLag: 1 }).fetch });
    expectCitation(annotationsOf(await ask(fetch)));
  },

  async "the official client"() {
    const client = withFileCitations(
      new OpenAI({ apiKey: "test", fetch: emulator().fetch, dangerouslyAllowBrowser: true }),
    );
    expectCitation(annotationsOf(await client.responses.create(ASK)));
    const events = [];
    for await (const event of await client.responses.create({ ...ASK, stream: true })) events.push(event);
    expectCitation(addedIn(events));
    expectCitation(annotationsOf(await client.responses.stream(ASK).finalResponse()));
  },

  async "plain, over the runtime's own fetch"(baseURL) {
    expectCitation(annotationsOf(await ask(createFileCitationsFetch(), baseURL)));
  },

  async "streamed, over the runtime's own fetch"(baseURL) {
    const events = await askStreamed(createFileCitationsFetch(), baseURL);
    expectCitation(addedIn(events));
    expectCitation(annotationsOf(events.at(-1).response));
  },
};

function emulator(options = {}) {
  return createResponsesEmulator({ script: stubbornModel({ files: { "plan.docx": "plan" } }), ...options });
}

async function post(fetch, baseURL, body) {
  const response = await fetch(`${baseURL}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer test" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`answered ${response.status}: ${await response.text()}`);
  return response;
}

async function ask(fetch, baseURL = "https://api.openai.com/v1") {
  return (await post(fetch, baseURL, ASK)).json();
}

async function askStreamed(fetch, baseURL = "https://api.openai.com/v1") {
  const text = await (await post(fetch, baseURL, { ...ASK, stream: true })).text();
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data));
}

function annotationsOf(response) {
  const message = response.output.find((item) => item.type === "message");
  if (message.content[0].text !== TEXT) throw new Error(`the text is ${message.content[0].text}`);
  return message.content[0].annotations;
}

function addedIn(events) {
  const added = events.filter((event) => event.type === "response.output_text.annotation.added");
  return added.map((event) => event.annotation);
}

function expectNone(annotations) {
  if (annotations.length > 0) throw new Error(`cited: ${JSON.stringify(annotations)}`);
}

function expectCitation(annotations) {
  const [cited] = annotations;
  const isRight =
    annotations.length === 1 &&
    cited.type === "container_file_citation" &&
    cited.filename === "plan.docx" &&
    cited.file_id.startsWith("cfile_") &&
    cited.container_id.startsWith("cntr_") &&
    TEXT.slice(cited.start_index, cited.end_index) === PATH;
  if (!isRight) throw new Error(`no citation of ${PATH}, but ${JSON.stringify(annotations)}`);
}
