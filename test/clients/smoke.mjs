// Uses the built package in any runtime. This file must not import `node:` modules, as it also runs in browsers and workers.
import OpenAI from "openai";
import NewestOpenAI from "openai-7-newest";
import {
  collectFiles,
  createFileCitationsFetch,
  resolveFileCitations,
  saveFiles,
  withFileCitations,
} from "openai-file-citations";
import { createFileRoute } from "openai-file-citations/route";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { createWebhookHandler } from "openai-file-citations/webhook";

const PATH = "/mnt/data/plan.docx";
const TEXT = `Download: ${PATH}`;
const ASK = {
  model: "gpt-5",
  input: "Write a lesson plan as a Word file.",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
};

const SDKS = { openai: OpenAI, "the newest openai": NewestOpenAI };

/**
 * Runs the checks one after the other. At the first failure, throws an Error with the name of the failed check and the stack
 * trace.
 *
 * @param baseURL the URL of an emulator with a `stubbornModel`, for checks that use the runtime's own `fetch`
 * @returns the names of the checks, all of which passed
 */
export async function smoke(baseURL) {
  const passed = [];
  const ofClients = Object.entries(SDKS).flatMap(([sdk, Client]) =>
    Object.entries(CLIENT_CHECKS).map(([name, check]) => [`${name}, ${sdk}`, () => check(clientsOf(Client))]),
  );
  for (const [name, check] of [...Object.entries(CHECKS), ...ofClients]) {
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

  // zod compiles its checks to code if the runtime allows that. The package must also work in a runtime that forbids it.
  options() {
    try {
      createFileCitationsFetch({ timeoutMs: "soon" });
    } catch (error) {
      if (error instanceof TypeError && error.message.includes("timeoutMs")) return;
      throw error;
    }
    throw new Error("expected a TypeError for an invalid option");
  },

  async "no citation without the package"() {
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

  // The first list lacks the file, so the package requests the list again, with p-retry.
  async "a list that lags behind"() {
    const fetch = createFileCitationsFetch({ fetch: emulator({ listLag: 1 }).fetch });
    expectCitation(annotationsOf(await ask(fetch)));
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

/** Checks that use the official client. They run with each version of the client. */
const CLIENT_CHECKS = {
  async "the official client"(clientOf) {
    const client = withFileCitations(clientOf());
    expectCitation(annotationsOf(await client.responses.create(ASK)));
    const events = [];
    for await (const event of await client.responses.create({ ...ASK, stream: true })) events.push(event);
    expectCitation(addedIn(events));
    expectCitation(annotationsOf(await client.responses.stream(ASK).finalResponse()));
  },

  // `saveFiles` hashes with the runtime's own SHA-256 or with a JavaScript implementation. Both must give the right hash.
  async "files saved"(clientOf) {
    const client = withFileCitations(clientOf());
    const { saved, failed } = await saveFiles(client, await client.responses.create(ASK), (_, stream) =>
      new Response(stream).text(),
    );
    if (failed.length > 0) throw failed[0].error;
    const [{ location, bytes, sha256 }] = saved;
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("plan")));
    const expected = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (location !== "plan" || bytes !== 4 || sha256 !== expected) throw new Error(JSON.stringify(saved));
  },

  // The file route uses the dependencies jose, mime and content-disposition.
  async "a link"(clientOf) {
    const client = withFileCitations(clientOf());
    const { urlFor, handler } = createFileRoute(client, { secret: "x".repeat(32) });
    const [file] = collectFiles(await client.responses.create(ASK));
    const url = `https://example.com${await urlFor(file)}`;
    const answer = await handler(new Request(url));
    if (answer.status !== 200 || (await answer.text()) !== "plan")
      throw new Error(`expected status 200 and the file, got status ${answer.status}`);
    const type = answer.headers.get("content-type");
    if (!type.includes("wordprocessingml")) throw new Error(`expected the type of a Word file, got ${type}`);
    const forged = await handler(new Request(`${url}x`));
    if (forged.status !== 403) throw new Error(`expected status 403 for a forged link, got ${forged.status}`);
  },

  // This check must run in each runtime: the SDK verifies signatures with the runtime's own crypto API.
  async "a webhook"(clientOf) {
    const webhookSecret = `whsec_${btoa("a secret of 24 bytes, or so")}`;
    const client = clientOf({ webhookSecret });
    const { id } = await client.responses.create({ ...ASK, background: true });
    const received = [];
    const handler = createWebhookHandler(client, {
      onResponse: (response) => received.push(response),
      onError: (error) => received.push(error),
    });
    const init = await signed({ type: "response.completed", data: { id } }, webhookSecret);
    for (let time = 0; time < 2; time++) {
      const { status } = await handler(new Request("https://example.com/webhook", init));
      if (status !== 200) throw new Error(`expected status 200, got ${status}: ${received[0]?.stack}`);
    }
    if (received.length !== 1) throw new Error(`expected one call of onResponse, got ${received.length}`);
    expectCitation(annotationsOf(received[0]));
    const headers = { ...init.headers, "webhook-id": "wh_2" };
    const forged = await handler(new Request("https://example.com/webhook", { ...init, headers }));
    if (forged.status !== 400)
      throw new Error(`expected status 400 for a forged delivery, got ${forged.status}`);
  },
};

function emulator(options = {}) {
  return createResponsesEmulator({ script: stubbornModel({ files: { "plan.docx": "plan" } }), ...options });
}

/** Returns a function that creates clients of one SDK version, each with an emulator of its own. */
function clientsOf(Client) {
  return (options = {}) => {
    const { fetch } = emulator({ pollsUntilDone: 1 });
    return new Client({ apiKey: "test", fetch, dangerouslyAllowBrowser: true, ...options });
  };
}

/** Returns a delivery with the signature that OpenAI would add, as specified by Standard Webhooks. */
async function signed(event, secret) {
  const [id, timestamp, body] = ["wh_1", String(Math.floor(Date.now() / 1000)), JSON.stringify(event)];
  const bytes = Uint8Array.from(atob(secret.slice("whsec_".length)), (character) => character.charCodeAt(0));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${btoa(String.fromCharCode(...signature))}`,
  };
  return { method: "POST", headers, body };
}

async function post(fetch, baseURL, body) {
  const response = await fetch(`${baseURL}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer test" },
    body: JSON.stringify(body),
  });
  if (!response.ok)
    throw new Error(`expected a successful response, got ${response.status}: ${await response.text()}`);
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
  if (message.content[0].text !== TEXT)
    throw new Error(`expected the text ${TEXT}, got ${message.content[0].text}`);
  return message.content[0].annotations;
}

function addedIn(events) {
  const added = events.filter((event) => event.type === "response.output_text.annotation.added");
  return added.map((event) => event.annotation);
}

function expectNone(annotations) {
  if (annotations.length > 0) throw new Error(`expected no citation, got ${JSON.stringify(annotations)}`);
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
  if (!isRight) throw new Error(`expected a citation of ${PATH}, got ${JSON.stringify(annotations)}`);
}
