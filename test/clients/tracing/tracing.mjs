// Tests tracing wrappers of the openai package that are applied before or after withFileCitations. Either each call is cited
// and traced, or withFileCitations throws an error that says what to do.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as openai6 from "openai";
import * as openai7 from "openai-7-newest";
import { createFileCitationsFetch, withFileCitations } from "openai-file-citations";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { runProgram } from "../program.mjs";
import {
  braintrustTracer,
  langfuseTracer,
  langSmithTracer,
  openInferenceTracer,
  postHogTracer,
} from "./tracers.mjs";

const REQUEST = {
  model: "gpt-5",
  input: "Write a lesson plan",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
};

const CALLS = {
  plain: (client) => client.responses.create(REQUEST),
  async streamed(client) {
    let last;
    for await (const event of await client.responses.create({ ...REQUEST, stream: true })) last = event;
    return last.response;
  },
};

/** The name, the npm package and the tracer of each wrapper that turns a client into a traced client. */
const WRAPPERS = [
  ["LangSmith wrapOpenAI", "langsmith", langSmithTracer],
  ["Langfuse observeOpenAI", "@langfuse/openai", langfuseTracer],
  ["Braintrust wrapOpenAI", "braintrust", braintrustTracer],
];

const checks = [
  ...WRAPPERS.flatMap(([name, pkg, start]) => [
    [`${name}, around`, () => wrapAround(pkg, start)],
    [`${name}, inside`, () => refuseInside(pkg, start)],
  ]),
  ["PostHog OpenAI, inside and with the fetch", traceWithPostHog],
  ["OpenInference, patched after and before", traceWithOpenInference],
  ["tracing.md", runPage],
];

export const tracing = checks.map(([name, run]) => [name, () => withoutNetwork(run)]);

/** Runs a check, and fails if the check connects to another machine. No tracer may send traces to its maker's service. */
async function withoutNetwork(run) {
  const { connect } = Socket.prototype;
  const refused = [];
  Socket.prototype.connect = function (...args) {
    const [{ host = "localhost", path }] = [args.flat(2).find((arg) => typeof arg === "object") ?? {}];
    if (path || ["localhost", "127.0.0.1", "::1"].includes(host)) return connect.apply(this, args);
    refused.push(host);
    throw new Error(`a connection to ${host}`);
  };
  try {
    const detail = await run();
    assert.deepEqual(refused, [], "connections to other machines");
    return detail;
  } finally {
    Socket.prototype.connect = connect;
  }
}

const HERE = fileURLToPath(new URL(".", import.meta.url));

/**
 * Checks two traced clients: `wrapOpenAI(withFileCitations(client))`, and `wrapOpenAI(client)` where the client uses this
 * package's `fetch`. Then passes each traced client to `withFileCitations`, and checks the returned clients too.
 */
async function wrapAround(pkg, start) {
  const { traced, traces } = await start();
  for (const sdk of [openai6, openai7]) {
    for (const make of [
      (fetch) => withFileCitations(clientOf(sdk, fetch)),
      (fetch) => clientOf(sdk, createFileCitationsFetch({ fetch })),
    ]) {
      await expectBoth((fetch) => traced(make(fetch)), traces);
      await expectBoth((fetch) => withFileCitations(traced(make(fetch))), traces);
    }
  }
  return `${await versionOf(pkg)}: cited and traced, plain and streamed, with openai 6 and 7`;
}

/** Checks that `withFileCitations(wrapOpenAI(client))` throws, sends no request and leaves no trace. */
async function refuseInside(pkg, start) {
  const { traced, traces } = await start();
  for (const sdk of [openai6, openai7]) {
    const emulator = emulatorOf();
    assert.throws(() => withFileCitations(traced(clientOf(sdk, emulator.fetch))), {
      name: "TypeError",
      message: /Wrap the client before observeOpenAI, .* `fetch: createFileCitationsFetch\(\)`$/,
    });
    assert.deepEqual(emulator.requests, []);
    assert.deepEqual(await traces(), []);
  }
  return `${await versionOf(pkg)}: refused, with advice`;
}

async function traceWithPostHog() {
  const { create, traces } = postHogTracer();
  await expectBoth((fetch) => withFileCitations(create({ apiKey: "test", fetch })), traces);
  await expectBoth((fetch) => create({ apiKey: "test", fetch: createFileCitationsFetch({ fetch }) }), traces);
  return `${await versionOf("@posthog/ai")}: cited and traced, plain and streamed`;
}

async function traceWithOpenInference() {
  const { patch, traces } = openInferenceTracer();
  for (const sdk of [openai6, openai7]) {
    const wrapped = (fetch) => withFileCitations(clientOf(sdk, fetch));
    await expectBoth((fetch) => {
      const client = wrapped(fetch);
      patch(sdk.OpenAI);
      return client;
    }, traces);
    await expectBoth(wrapped, traces);
  }
  const version = await versionOf("@arizeai/openinference-instrumentation-openai");
  return `${version}: cited and traced, plain and streamed, with openai 6 and 7`;
}

function clientOf({ OpenAI }, fetch) {
  return new OpenAI({ apiKey: "test", fetch });
}

function emulatorOf() {
  return createResponsesEmulator({ script: stubbornModel({ files: { "plan.docx": "the plan" } }) });
}

/** Checks that each call returns its citation and has exactly one trace, which contains the model's answer. */
async function expectBoth(make, traces) {
  for (const [name, call] of Object.entries(CALLS)) {
    const client = make(emulatorOf().fetch);
    const response = await call(client);
    assert.deepEqual(citedFiles(response.output), ["plan.docx"], name);
    const [trace, ...more] = await tracesOf(traces);
    assert.match(trace, /mnt\/data\/plan\.docx/, name);
    assert.deepEqual(more, [], name);
  }
}

/** Waits for the traces. The wrappers read a copy of a stream, so a trace can end after the caller has read the stream. */
async function tracesOf(traces) {
  for (let turn = 0; turn < 100; turn++) {
    const found = await traces();
    if (found.length > 0) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("no trace came");
}

/** Compiles and runs each code block of docs/clients/tracing.md, with a request added at the end of the block. */
async function runPage() {
  const page = await readFile(join(HERE, "../../../docs/clients/tracing.md"), "utf8");
  const { traced } = langfuseTracer();
  assert.throws(
    () => withFileCitations(traced(clientOf(openai6, fetch))),
    ({ message }) => page.replaceAll("\n", " ").includes(message),
    "the page shows the error",
  );
  const codes = Array.from(page.matchAll(/^```ts\n(.*?)^```$/gms), ([, code]) => code);
  const folder = join(HERE, ".pages");
  await mkdir(folder, { recursive: true });
  const paths = codes.map((_, index) => join(folder, `tracing-${index}.ts`));
  const request = `
const response = await client.responses.create(${JSON.stringify(REQUEST)});
console.log(JSON.stringify("output" in response ? response.output : response));
process.exit();
`;
  for (const [index, path] of paths.entries()) await writeFile(path, codes[index] + request);
  const options =
    "--noEmit --ignoreConfig --strict --skipLibCheck --module nodenext --target es2023 --types node";
  const tsc = join(HERE, "../../../node_modules/.bin/tsc");
  await runProgram(tsc, [...options.split(" "), ...paths], { cwd: HERE });
  for (const path of paths) await runCode(path);
  return `${paths.length} pieces of code compiled and run, each cited`;
}

/** Runs a code block without real keys for the tracers, so that the tracers send their traces to the emulator or nowhere. */
async function runCode(path) {
  const emulator = emulatorOf();
  const server = await emulator.listen();
  try {
    const env = {
      PATH: process.env.PATH,
      OPENAI_API_KEY: "test",
      OPENAI_BASE_URL: server.baseURL,
      POSTHOG_KEY: "test",
      POSTHOG_HOST: server.url,
    };
    const { stdout } = await runProgram(process.execPath, [path], { cwd: HERE, env });
    assert.deepEqual(citedFiles(JSON.parse(stdout)), ["plan.docx"], path);
  } finally {
    await server.close();
  }
}

function citedFiles(output) {
  return output
    .flatMap(({ content }) => content?.flatMap(({ annotations }) => annotations) ?? [])
    .map(({ type, filename }) => (type === "container_file_citation" ? filename : type));
}

async function versionOf(pkg) {
  const path = join(HERE, "node_modules", pkg, "package.json");
  return `${pkg} ${JSON.parse(await readFile(path, "utf8")).version}`;
}
