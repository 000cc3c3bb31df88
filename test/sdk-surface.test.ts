/**
 * Lists every place in the newest openai SDK's types that can hold a container file citation or a container id. Each place has
 * a sentence, which says how the library handles the place or why it ignores the place. Each sentence has its own test.
 * This file is long because each place is a row of a table.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai-7";
import { describe, expect, it } from "vitest";
import {
  type ContainerFileCitation,
  createFileCitationsFetch,
  repairResponse,
  repairResponseStream,
  withFileCitations,
} from "../src/index.js";
import { newestSdkIn, placesIn } from "./sdk-places.js";
import { BASE, call, cited, file, json, message, response, streamOf, upstream } from "./upstream.js";

const FILES = [file("/mnt/data/plan.docx")];
const TEXT = "Here: /mnt/data/plan.docx";
const FOUND = ["plan.docx@/mnt/data/plan.docx"];
/** A text part that already has a citation. Nothing else in the response names the container. */
const CITED = { text: `/mnt/data/a.csv. ${TEXT}`, annotations: [citation("cfile_a", "a.csv", 0, 15)] };
const FOUND_BESIDE = ["a.csv@/mnt/data/a.csv", ...FOUND];

function citation(file_id: string, filename: string, start_index: number, end_index: number) {
  const type = "container_file_citation" as const;
  return { type, container_id: "cntr_1", file_id, filename, start_index, end_index } as ContainerFileCitation;
}

/** Lists the files of one container. */
const list = async (containerId: string) => FILES.filter(({ container_id }) => container_id === containerId);

/** Returns the citations of a repaired response with this output. */
async function citedIn(output: object[], request?: object): Promise<string[]> {
  return cited((await repairResponse(response(output), list, { request })).response);
}

/** Returns the original and the repaired events of a response with this output. */
async function eventsOf(output: Record<string, unknown>[]) {
  const events = streamOf(output);
  const repaired = [];
  for await (const event of repairResponseStream(events, list)) repaired.push(event);
  return { events, repaired };
}

/** Checks that a request and its response pass through the `fetch` unchanged and cause no other request. */
async function passes(method: string, path: string, answer: object): Promise<void> {
  const sent = json(answer);
  const { fetch, asked } = upstream({ answer: () => sent, list: () => sent });
  const body = method === "GET" || method === "DELETE" ? null : JSON.stringify({ container_id: "cntr_1" });
  expect(await createFileCitationsFetch({ fetch })(BASE + path, { method, body })).toBe(sent);
  expect(asked).toHaveLength(1);
}

/** The sentence about a place in the SDK's types, and the test that checks the sentence. */
type Row = readonly [sentence: string, check: () => Promise<void>];

const TEXT_OF_MESSAGE: Row = [
  "A message's text gets the citations that it lacks.",
  async () => expect(await citedIn([call(), message(TEXT)])).toEqual(FOUND),
];
const PARSED_TEXT: Row = [
  "The SDK parses what the `fetch` has repaired.",
  async () => {
    const answer = () => json(response([call(), message(JSON.stringify({ path: "/mnt/data/plan.docx" }))]));
    const { fetch } = upstream({ answer, files: FILES });
    const client = withFileCitations(new OpenAI({ apiKey: "sk-1", fetch }));
    const format = { type: "json_schema" as const, name: "file", schema: { type: "object" } };
    expect(cited(await client.responses.parse({ input: "x", text: { format } }))).toEqual(FOUND);
  },
];
const CONVERSATION_TEXT: Row = [
  "A message of a conversation gets the citations that it lacks.",
  async () => {
    const answer = () => json({ object: "list", data: [message(TEXT), call()], has_more: false });
    const { fetch } = upstream({ answer, files: FILES });
    const page = await createFileCitationsFetch({ fetch })(`${BASE}/conversations/conv_1/items`);
    const { data } = (await page.json()) as { data: unknown[] };
    expect(cited({ output: data })).toEqual(FOUND);
  },
];
const CITATION_OF_TEXT: Row = [
  "A citation that the API made names a container for the rest of its text.",
  async () => expect(await citedIn([message(CITED)])).toEqual(FOUND_BESIDE),
];
const CITATION_OF_EVENT: Row = [
  "A citation that came as an event names a container for the rest of its text.",
  async () => {
    const { repaired } = await eventsOf([message(CITED)]);
    const added = repaired.filter(({ type }) => type === "response.output_text.annotation.added");
    expect(added.map(({ annotation }) => (annotation as ContainerFileCitation).filename)).toEqual([
      "a.csv",
      "plan.docx",
    ]);
  },
];
const PART_ADDED: Row = [
  "The part is empty when it is added, so the event passes unchanged.",
  async () => {
    const { events, repaired } = await eventsOf([call(), message(TEXT)]);
    const index = events.findIndex(({ type }) => type === "response.content_part.added");
    expect(repaired[index]).toBe(events[index]);
  },
];
const PART_DONE: Row = [
  "The part gets the citations that it lacks.",
  async () => {
    const { repaired } = await eventsOf([call(), message(TEXT)]);
    const done = repaired.find(({ type }) => type === "response.content_part.done");
    expect(cited({ output: [{ content: [done!.part] }] })).toEqual(FOUND);
  },
];
const PYTHON_CALL: Row = [
  "A text after the call means the call's container.",
  async () => expect(await citedIn([call("", "cntr_1"), message(TEXT)])).toEqual(FOUND),
];
const SHELL_CALL: Row = [
  "A text after a hosted shell call means the call's container.",
  async () => {
    const environment = { type: "container_reference", container_id: "cntr_1" };
    const shell = { type: "shell_call", id: "sh_1", action: { commands: ["ls"] }, environment };
    expect(await citedIn([shell, message(TEXT)])).toEqual(FOUND);
  },
];
const SHELL_TOOL: Row = [
  "A text without a call before it can mean the container that the request's shell tool names.",
  async () => {
    const environment = { type: "container_reference", container_id: "cntr_1" };
    expect(await citedIn([message(TEXT)], { tools: [{ type: "shell", environment }] })).toEqual(FOUND);
  },
];
const LISTED_FILE: Row = [
  "The citation of a listed file names the file's container.",
  async () => {
    const { response: repaired } = await repairResponse(response([call(), message(TEXT)]), FILES);
    expect(repaired.output[1]).toMatchObject({
      content: [{ annotations: [{ container_id: "cntr_1", file_id: FILES[0]!.id }] }],
    });
  },
];
const containerRequest = (method: string, path: string): Row => [
  "A request to the Containers API and its response pass unchanged.",
  () => passes(method, `/containers/cntr_1/files${path}`, FILES[0]!),
];
const LIVE: Row = [
  "The library does not handle live sessions. Their requests pass unchanged.",
  () => passes("POST", "/live/sessions", { delegation: { container_id: "cntr_1" } }),
];
const AGENT_OUTPUT: Row = [
  "An answer of another agent gets the citations that it lacks.",
  async () => {
    const [part] = message(TEXT).content as object[];
    const output = { type: "multi_agent_call_output", id: "maco_1", call_id: "c_1", output: [part] };
    const { response: repaired } = await repairResponse(response([call(), output]), FILES);
    const [, item] = repaired.output as { output?: object[] }[];
    expect(cited({ output: [{ content: item!.output }] })).toEqual(FOUND);
  },
];
const AGENT_MESSAGE: Row = [
  "A message from one agent to another is not shown to users, so it passes unchanged.",
  async () => {
    const item = { ...message(TEXT), type: "agent_message", author: "a", recipient: "b" };
    const given = response([call(), item]);
    expect((await repairResponse(given, FILES)).response).toBe(given);
  },
];

const ROWS: Record<string, Record<string, Row>> = {
  "resources/responses/responses.d.ts": {
    "ContainerReference.container_id": SHELL_TOOL,
    "ParsedResponseOutputMessage.content": PARSED_TEXT,
    "ParsedResponseOutputText.annotations": PARSED_TEXT,
    "ResponseCodeInterpreterToolCall.container_id": PYTHON_CALL,
    "ResponseContainerReference.container_id": SHELL_CALL,
    "ResponseContentPartAddedEvent.part": PART_ADDED,
    "ResponseContentPartDoneEvent.part": PART_DONE,
    "ResponseOutputMessage.content": TEXT_OF_MESSAGE,
    "ResponseOutputText.ContainerFileCitation.container_id": CITATION_OF_TEXT,
    "ResponseOutputText.annotations": TEXT_OF_MESSAGE,
    "ResponseOutputTextAnnotationAddedEvent.ContainerFileCitation.container_id": CITATION_OF_EVENT,
  },
  "resources/conversations/conversations.d.ts": {
    "Message.content": CONVERSATION_TEXT,
    "OutputTextContent.annotations": CONVERSATION_TEXT,
  },
  "resources/beta/responses/responses.d.ts": {
    "BetaContainerReference.container_id": SHELL_TOOL,
    "BetaResponseCodeInterpreterToolCall.container_id": PYTHON_CALL,
    "BetaResponseContainerReference.container_id": SHELL_CALL,
    "BetaResponseContentPartAddedEvent.part": PART_ADDED,
    "BetaResponseContentPartDoneEvent.part": PART_DONE,
    "BetaResponseInputItem.MultiAgentCallOutput.Output.ContainerFileCitation.container_id": AGENT_OUTPUT,
    "BetaResponseInputItem.MultiAgentCallOutput.Output.annotations": AGENT_OUTPUT,
    "BetaResponseInputItem.MultiAgentCallOutput.output": AGENT_OUTPUT,
    "BetaResponseItem.AgentMessage.content": AGENT_MESSAGE,
    "BetaResponseItem.MultiAgentCallOutput.output": AGENT_OUTPUT,
    "BetaResponseOutputItem.AgentMessage.content": AGENT_MESSAGE,
    "BetaResponseOutputItem.MultiAgentCallOutput.output": AGENT_OUTPUT,
    "BetaResponseOutputMessage.content": TEXT_OF_MESSAGE,
    "BetaResponseOutputText.ContainerFileCitation.container_id": CITATION_OF_TEXT,
    "BetaResponseOutputText.annotations": TEXT_OF_MESSAGE,
    "BetaResponseOutputTextAnnotationAddedEvent.ContainerFileCitation.container_id": CITATION_OF_EVENT,
  },
  "resources/containers/files/content.d.ts": {
    "ContentRetrieveParams.container_id": containerRequest("GET", "/cfile_1/content"),
  },
  "resources/containers/files/files.d.ts": {
    "FileCreateResponse.container_id": containerRequest("POST", ""),
    "FileDeleteParams.container_id": containerRequest("DELETE", "/cfile_1"),
    "FileListResponse.container_id": LISTED_FILE,
    "FileRetrieveParams.container_id": containerRequest("GET", "/cfile_1"),
    "FileRetrieveResponse.container_id": containerRequest("GET", "/cfile_1"),
  },
  "resources/live/live.d.ts": {
    "ResponsesDelegationConfig.Shell.ContainerReference.container_id": LIVE,
    "ResponsesDelegationUpdateConfig.Shell.ContainerReference.container_id": LIVE,
  },
};

const known = Object.entries(ROWS).flatMap(([name, rows]) =>
  Object.keys(rows).map((place) => `${name}: ${place}`),
);

describe("the newest openai SDK's types", () => {
  it("have a row here for every place, and no row for a place that no longer exists", () => {
    const found = placesIn(newestSdkIn("."));
    expect({
      "places without a row": found.filter((place) => !known.includes(place)),
      "rows without a place": known.filter((place) => !found.includes(place)),
    }).toEqual({ "places without a row": [], "rows without a place": [] });
  });

  describe.each(Object.entries(ROWS))("%s", (_, rows) => {
    for (const [place, row] of Object.entries(rows)) {
      const [sentence, check] = row;
      it(`${place}: ${sentence}`, check);
    }
  });
});

describe("the newest SDK", () => {
  it("is the one with the highest version, whatever its name is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sdks-"));
    const install = async (name: string, manifest: object) => {
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, "package.json"), JSON.stringify(manifest));
    };
    try {
      const devDependencies = {
        openai: "^6.49.0",
        "openai-7": "npm:openai@^7.9.0",
        "openai-next": "npm:openai@7.60.0",
        "openai-7-55": "npm:openai@7.55.0",
        other: "^9.0.0",
      };
      await install("", { dependencies: { zod: "^4.0.0" }, devDependencies });
      const versions = {
        openai: "6.49.0",
        "openai-7": "7.9.1",
        "openai-next": "7.60.0",
        "openai-7-55": "7.55.0",
      };
      for (const [name, version] of Object.entries(versions))
        await install(join("node_modules", name), { version });
      expect(newestSdkIn(folder)).toBe(join(folder, "node_modules", "openai-next"));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("the search for places", () => {
  const TYPES = `
    interface Citation { container_id: string }
    type Any = { url: string } | Citation;
    type List<Entry> = ReadonlyArray<Entry> | null;
    export interface Text { annotations?: List<Any> }
    export type Alias = Text;
    export type Wider = Text & { more: string };
    export class Part { annotations: Citation[] }
    export declare namespace Outer {
      interface Inner extends Text { parts: { deep: Array<Part> } }
    }
    export interface Linked { annotations: Array<{ url: string }>; tools: { annotations: unknown } }
    export type Literal = { shell: { container_id?: string } | "none" };
  `;

  it("follows aliases, unions, generics and inheritance, and names each place", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sdk-places-"));
    try {
      await mkdir(join(folder, "resources"));
      await writeFile(join(folder, "resources/new.d.ts"), TYPES);
      expect(placesIn(folder).map((place) => place.replace("resources/new.d.ts: ", ""))).toEqual([
        "Alias.annotations",
        "Citation.container_id",
        "Literal.shell.container_id",
        "Outer.Inner.annotations",
        "Outer.Inner.parts.deep",
        "Part.annotations",
        "Text.annotations",
        "Wider.annotations",
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
