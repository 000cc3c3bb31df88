/**
 * Tests citations, lists, downloads, links and requests behind each gateway of docs/gateways.md. The emulator simulates the
 * gateways.
 */
import OpenAI, { AzureOpenAI, type ClientOptions } from "openai";
import type { Response as ApiResponse } from "openai/resources/responses/responses";
import { describe, expect, it } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import {
  type ContainerFileCitation,
  collectFiles,
  createFileCitationsFetch,
  type Report,
  saveFiles,
  withFileCitations,
} from "../src/index.js";
import {
  createResponsesEmulator,
  type GatewayOptions,
  type ResponsesEmulator,
  type Script,
} from "../src/testing/index.js";
import { reporting } from "./doors.js";
import { TOOLS } from "./emulator-calls.js";
import { citation, SECRET } from "./file-route.js";
import { memory } from "./saving.js";
import { cited, eventsIn, message } from "./upstream.js";

const PORTKEY = { "x-portkey-api-key": "pk-1", "x-portkey-provider": "openai" };
const AZURE = "https://RESOURCE.openai.azure.com/openai";

interface Row {
  /** The client's options, as in docs/gateways.md. */
  options?: ClientOptions;
  /** How the gateway differs from the API. */
  gateway?: GatewayOptions;
}

const GATEWAYS: Record<string, Row> = {
  LiteLLM: {
    options: { baseURL: "http://localhost:4000" },
    gateway: { ids: "litellm", nativeIdsInLists: true },
  },
  // OpenRouter's own sandbox also lists files with relative paths. A separate test below covers these paths.
  "OpenRouter, with absolute paths": {
    options: { baseURL: "https://openrouter.ai/api/v1" },
    gateway: { ids: "openrouter", emptyPages: 2 },
  },
  Bifrost: {
    options: { baseURL: "http://localhost:8080/openai", defaultQuery: { provider: "azure" } },
    gateway: { requiredQuery: { provider: "azure" } },
  },
  Portkey: { options: { baseURL: "https://api.portkey.ai/v1", defaultHeaders: PORTKEY } },
  "Azure OpenAI": { options: { baseURL: `${AZURE}/v1` } },
  "Azure OpenAI, with a version": {
    options: { baseURL: AZURE, defaultQuery: { "api-version": "preview" } },
    gateway: { requiredQuery: { "api-version": "preview" } },
  },
  "Microsoft Foundry": {
    options: { baseURL: "https://ACCOUNT.services.ai.azure.com/api/projects/PROJECT/openai/v1" },
  },
  Oracle: {
    options: { baseURL: "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/openai/v1" },
  },
  "one with special characters in its ids": {
    gateway: {
      ids: (id, path) => (id.startsWith("cntr_") ? "sbx/pod 1" : (path ?? `${id}?#=`)),
      nativeIdsInLists: true,
    },
  },
  "one with all differences": {
    options: { defaultQuery: { provider: "openai", "api-version": "7" } },
    gateway: {
      ids: "litellm",
      nativeIdsInLists: true,
      requiredQuery: { provider: "openai", "api-version": "7" },
      emptyPages: 3,
    },
  },
};

const writing: Script = () => [
  { type: "python", code: "…", files: { "out/plan.docx": "bytes" } },
  { type: "message", text: "Done." },
];
const naming: Script = () => [{ type: "message", text: "It is /mnt/data/out/plan.docx" }];
const both: Script = async (request) => [...(await writing(request)).slice(0, 1), ...(await naming(request))];

const PARAMS = { model: "gpt-5", input: "A plan", tools: TOOLS as never };

/** Returns a gateway, a client for it without this library, and the requests that the gateway received. */
function setUp({ options = {}, gateway = {} }: Row, script: Script | Script[] = both) {
  const emulator = createResponsesEmulator({ script, gateway });
  const settings = { baseURL: "https://gateway.example/v1", apiKey: "sk-1", maxRetries: 0, ...options };
  const client = new OpenAI({ ...settings, fetch: emulator.fetch });
  const base = new URL(`${settings.baseURL}/`);
  /** Checks the origin, query and headers of every request. Returns the paths below the base URL, with decoded segments. */
  const requestedPaths = () => {
    for (const { url, headers } of emulator.requests) {
      expect(new URL(url).origin).toBe(base.origin);
      expect(Object.fromEntries(new URL(url).searchParams)).toMatchObject(settings.defaultQuery ?? {});
      expect(headers).toMatchObject({ authorization: "Bearer sk-1", ...settings.defaultHeaders });
    }
    const paths = emulator.requests.map(({ path }) => path.slice(base.pathname.length));
    return paths.map((path) => path.split("/").map(decodeURIComponent).join(" | "));
  };
  return { emulator, client, requestedPaths };
}

type Ask = (client: OpenAI, params: object, onReport?: (report: Report) => void) => Promise<ApiResponse>;

/** The ways to get a repaired response. */
const WAYS: Record<string, Ask> = {
  "the client, plain": (client, params, onReport) =>
    withFileCitations(client, { ...(onReport && { onReport }) }).responses.create({ ...PARAMS, ...params }),
  "the client, streamed": (client, params, onReport) =>
    withFileCitations(client, { ...(onReport && { onReport }) })
      .responses.stream({ ...PARAMS, ...params })
      .finalResponse(),
  "the fetch, plain": async (client, params, onReport) =>
    (await askByFetch(client, { ...PARAMS, ...params }, onReport)).json(),
  "the fetch, streamed": async (client, params, onReport) => {
    const answer = await askByFetch(client, { ...PARAMS, ...params, stream: true }, onReport);
    return eventsIn(await answer.text()).at(-1)!.response as ApiResponse;
  },
};

/** Sends the request that an HTTP client with the gateway's base URL, query and headers would send. */
async function askByFetch(client: OpenAI, params: object, onReport?: (report: Report) => void) {
  const { req, url } = await client.buildRequest({ method: "post", path: "/responses", body: params });
  const { fetch } = client as unknown as { fetch: typeof globalThis.fetch };
  return createFileCitationsFetch({ fetch, ...(onReport && { onReport }) })(url, req as RequestInit);
}

/** Creates a container with a file in the emulator, and returns a citation of this file. */
function citationOfFile(emulator: ResponsesEmulator) {
  const { id, files } = emulator.createContainer({ files: { "out/a.csv": "1" } });
  return { ...citation("a.csv"), container_id: id, file_id: files[0]!.id };
}

const citing = (file: ContainerFileCitation) => ({
  output: [message({ text: "", annotations: [file] })],
});

/** Returns the API's status from an error or one of its causes. */
const statusOf = (error: unknown): unknown => {
  const { status, cause } = Object(error) as { status?: unknown; cause?: unknown };
  return status ?? (cause && statusOf(cause));
};

const GATEWAY_ROWS = Object.entries(GATEWAYS);
const WAY_ROWS = Object.entries(WAYS);

describe.each(GATEWAY_ROWS)("%s", (_, row) => {
  const pages = 1 + (row.gateway?.emptyPages ?? 0);

  it.each(WAY_ROWS)("%s: cites, saves and links the file", async (_, ask) => {
    const { emulator, client, requestedPaths } = setUp(row);
    const response = await ask(client, {});
    expect(cited(response)).toEqual(["plan.docx@/mnt/data/out/plan.docx"]);

    const { sink, kept } = memory();
    expect((await saveFiles(client, response, sink)).failed).toEqual([]);
    expect(String(kept.get("plan.docx"))).toBe("bytes");
    const route = createFileRoute(client, { secret: SECRET });
    const [file] = collectFiles(response);
    const link = await route.urlFor(file as never);
    expect(await (await route.handler(new Request(`https://app.example${link}`))).text()).toBe("bytes");

    const [container] = emulator.containers.values();
    const files = `containers | ${container!.id} | files`;
    const content = `${files} | ${container!.files[0]!.id} | content`;
    expect(requestedPaths()).toEqual(["responses", ...Array(pages).fill(files), content, content]);
  });

  it.each(WAY_ROWS)("%s: finds the container in the previous response", async (_, ask) => {
    const { emulator, client, requestedPaths } = setUp(row, [writing, naming]);
    const { id } = await client.responses.create(PARAMS);
    const response = await ask(client, { previous_response_id: id, tools: [] });
    expect(cited(response)).toEqual(["plan.docx@/mnt/data/out/plan.docx"]);
    const [container] = emulator.containers.keys();
    const files = `containers | ${container} | files`;
    expect(requestedPaths()).toEqual([
      "responses",
      "responses",
      `responses | ${id}`,
      ...Array(pages).fill(files),
    ]);
  });
});

it("AzureOpenAI sends its version with every request", async () => {
  const { emulator } = setUp({ gateway: { requiredQuery: { "api-version": "preview" } } });
  const client = new AzureOpenAI({
    endpoint: "https://resource.openai.azure.com",
    apiKey: "key-1",
    apiVersion: "preview",
    fetch: emulator.fetch,
  });
  const response = await withFileCitations(client).responses.create(PARAMS);
  expect(cited(response)).toHaveLength(1);
  const { sink, kept } = memory();
  await saveFiles(client, response, sink);
  expect(kept.size).toBe(1);
  expect(emulator.requests).toHaveLength(3);
});

describe("OpenRouter's own sandbox, which lists relative paths", () => {
  const gateway: GatewayOptions = { ids: "openrouter", emptyPages: 1, relativePaths: true };

  it.each(WAY_ROWS)("%s: cites nothing and reports the text as not found", async (_, ask) => {
    const { reports, onReport } = reporting();
    const { client } = setUp({ gateway });
    expect(cited(await ask(client, {}, onReport))).toEqual([]);
    expect(reports).toMatchObject([{ outcome: "unchanged", unresolved: [{ reason: "not-found" }] }]);
  });

  it("saves a file that the API cited", async () => {
    const { emulator, client } = setUp({ gateway });
    const file = citationOfFile(emulator);
    const { sink, kept } = memory();
    expect(await saveFiles(client, citing(file), sink)).toMatchObject({ failed: [] });
    expect(String(kept.get("a.csv"))).toBe("1");
  });
});

describe("a gateway that refuses lists and downloads", () => {
  const requiredQuery = { provider: "openai" };

  describe.each<[string, Row, number]>([
    ["because it has no container routes", { gateway: { containerRoutes: "missing" } }, 404],
    ["because it does not support containers", { gateway: { containerRoutes: "unsupported" } }, 400],
    ["because the request names no provider", { gateway: { requiredQuery } }, 400],
    [
      "because the request names another provider",
      { gateway: { requiredQuery }, options: { defaultQuery: { provider: "azure" } } },
      404,
    ],
  ])("%s", (_, row, status) => {
    it.each(WAY_ROWS)("%s: returns the unchanged response and reports the status", async (_, ask) => {
      const { reports, onReport } = reporting();
      const [repaired, plain] = [setUp(row), setUp(row)];
      const include = ["code_interpreter_call.outputs" as const];
      const response = await ask(repaired.client, { include }, onReport);
      const { output } = await plain.client.responses.create({ ...PARAMS, include });
      expect(response.output).toMatchObject(output);
      const message = expect.stringContaining(String(status));
      expect(reports).toMatchObject([{ outcome: "failed", error: { message } }]);
      expect(repaired.emulator.requests).toHaveLength(2);
    });

    it("makes saves and links fail, and its status is given as the reason", async () => {
      const { emulator, client } = setUp(row);
      const file = citationOfFile(emulator);
      const { saved, failed } = await saveFiles(client, citing(file), memory().sink);
      expect(saved).toEqual([]);
      expect(failed.map(({ error }) => statusOf(error))).toEqual([status]);
      const errors: unknown[] = [];
      const onError = (error: unknown) => void errors.push(error);
      const route = createFileRoute(client, { secret: SECRET, onError });
      const link = await route.urlFor(file);
      const answer = await route.handler(new Request(`https://app.example${link}`));
      // The API also answers 404 for an expired container, so the route does not report a 404 as an error.
      expect([answer.status, errors.map(statusOf)]).toEqual(status === 404 ? [410, []] : [502, [status]]);
    });
  });
});
