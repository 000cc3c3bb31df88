/** Tests what each option of the emulator's `gateway` changes, with plain requests. */
import { describe, expect, it } from "vitest";
import {
  createResponsesEmulator,
  type EmulatorOptions,
  type GatewayOptions,
  type Script,
  stubbornModel,
} from "../src/testing/index.js";
import { AUTH, BASE, call, type Json, respond, TOOLS } from "./emulator-calls.js";

const script = stubbornModel({ files: { "out/report ü.csv": "1" } });

/** Returns an emulator in which a response has written a file, and functions that request this file and the container's list. */
async function setUp(gateway: GatewayOptions, options: EmulatorOptions = {}) {
  const emulator = createResponsesEmulator({ script, ...options, gateway });
  const response = await respond(emulator);
  const [container] = emulator.containers.values();
  const ids = { response: String(response.id), container: container!.id, file: container!.files[0]!.id };
  const inUrl = encodeURIComponent(ids.container);
  const get = (path: string) => call(emulator, "GET", path);
  return {
    emulator,
    response,
    container: container!,
    ids,
    get,
    list: (query = "") => get(`containers/${inUrl}/files${query}`),
    download: async (containerId: string, fileId: string, query = "") => {
      const [container, file] = [containerId, fileId].map(encodeURIComponent);
      const path = `containers/${container}/files/${file}/content${query}`;
      const answer = await emulator.fetch(`${BASE}/${path}`, { headers: AUTH });
      return [answer.status, await answer.text()];
    },
  };
}

const NATIVE = `cntr_${"1".padStart(48, "0")}`;

describe("ids", () => {
  it("are OpenAI's by default", async () => {
    const { ids, list } = await setUp({});
    expect(ids).toEqual({
      response: `resp_${"1".padStart(48, "0")}`,
      container: NATIVE,
      file: `cfile_${"1".padStart(32, "0")}`,
    });
    expect((await list()).body).toMatchObject({ data: [{ container_id: NATIVE }] });
  });

  it("are base64 behind LiteLLM, except for files", async () => {
    const { ids } = await setUp({ ids: "litellm" });
    const read = (id: string) => atob(id.slice(id.indexOf("_") + 1));
    expect(ids.container).toMatch(/^cntr_[\w+/]+=+$/);
    expect(ids.container).toHaveLength(241);
    expect(read(ids.container)).toMatch(
      new RegExp(`^litellm:custom_llm_provider:openai;model_id:[0-9a-f]{64};container_id:${NATIVE}$`),
    );
    expect(ids.response).toMatch(/^resp_[\w+/]+=*$/);
    expect(read(ids.response)).toMatch(/;response_id:resp_0+1$/);
    expect(ids.file).toMatch(/^cfile_[0-9a-f]{32}$/);
  });

  it("are sessions and paths behind OpenRouter", async () => {
    const { emulator, ids } = await setUp({ ids: "openrouter" });
    expect(ids.container).toBe(`sess_${"1".padStart(48, "0")}`);
    expect(ids.file).toMatch(/^cfile_[\w-]+$/);
    expect(Buffer.from(ids.file.slice(6), "base64url").toString()).toBe("out/report ü.csv");
    expect(ids.response).toMatch(/^resp_[0-9a-f]{48}$/);
    // A path of 379 bytes gets an id of 512 characters, the longest that OpenRouter documents.
    const { id } = emulator.createContainer().write(`${"é".repeat(189)}a`, "1");
    expect(id).toHaveLength(512);
  });

  it("are what the function returns for the native ids", async () => {
    const calls: unknown[][] = [];
    const { ids, list, get } = await setUp({
      ids: (...args) => `${calls.push(args)} /${args[0].split("_")[0]}==`,
    });
    expect(ids).toEqual({ container: "2 /cntr==", file: "3 /cfile==", response: "1 /resp==" });
    expect(calls).toEqual([
      [`resp_${"1".padStart(48, "0")}`, undefined],
      [NATIVE, undefined],
      [`cfile_${"1".padStart(32, "0")}`, "/mnt/data/out/report ü.csv"],
    ]);
    expect((await list()).body).toMatchObject({ data: [{ id: ids.file, container_id: ids.container }] });
    expect((await get(`responses/${encodeURIComponent(ids.response)}`)).body).toMatchObject({
      id: ids.response,
    });
  });

  it("replace the native ids in responses and streams, and requests with native ids fail", async () => {
    const link: Script = () => [
      { type: "python", code: "", files: { "a.csv": "1" }, charts: [new Uint8Array([1])] },
      { type: "shell", commands: ["ls"] },
      { type: "message", text: "[a](sandbox:/mnt/data/a.csv)" },
    ];
    const { emulator, response, ids, download, get } = await setUp({ ids: "litellm" }, { script: link });
    const body = JSON.stringify({ model: "gpt-5", input: "Go.", tools: TOOLS, stream: true });
    const streamed = await (
      await emulator.fetch(`${BASE}/responses`, { method: "POST", headers: AUTH, body })
    ).text();
    for (const text of [JSON.stringify(response), streamed]) {
      const named = [...text.matchAll(/"container_id":"([^"]*)"/g)].map(([, id]) => id!);
      expect(named.length).toBeGreaterThanOrEqual(4);
      expect(named.filter((id) => !emulator.containers.has(id))).toEqual([]);
      expect(text).not.toContain(NATIVE);
    }
    expect(await download(ids.container, ids.file)).toEqual([200, "1"]);
    expect((await download(NATIVE, ids.file))[0]).toBe(404);
    expect((await get(`responses/resp_${"1".padStart(48, "0")}`)).status).toBe(404);
  });

  it("work in previous_response_id and in a tool that names the container", async () => {
    const { emulator, ids } = await setUp({ ids: "litellm" });
    await respond(emulator, { previous_response_id: ids.response });
    await respond(emulator, { tools: [{ type: "code_interpreter", container: ids.container }] });
    expect(emulator.containers.size).toBe(1);
  });

  it("of a file can still be chosen in write", async () => {
    const { container } = await setUp({ ids: "openrouter" });
    expect(container.write("a.csv", "1", "assistant", "cfile_own").id).toBe("cfile_own");
  });

  it.each([
    ["a number", () => 7 as never, "It must return a non-empty string for resp_0"],
    ["an empty string", () => "", 'got "".'],
    ["an error", () => JSON.parse("{"), "SyntaxError"],
  ])("cause an error that names the option if the function returns or throws %s", async (_, ids, message) => {
    const emulator = createResponsesEmulator({ script, gateway: { ids } });
    const { status, body } = await call(emulator, "POST", "responses", { input: "Go.", tools: TOOLS });
    expect(status).toBe(500);
    expect((body.error as Json).message).toContain("The option gateway.ids failed. ");
    expect((body.error as Json).message).toContain(message);
  });

  it("of two containers must differ", async () => {
    const emulator = createResponsesEmulator({ gateway: { ids: () => "same" } });
    emulator.createContainer();
    expect(() => emulator.createContainer()).toThrow(
      'The option gateway.ids failed. It returned "same" for two containers.',
    );
    expect(await respond(emulator)).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("for two containers") },
    });
  });
});

describe("lists", () => {
  it("have the native container_id, which requests do not accept", async () => {
    const { ids, list, download, get } = await setUp({ ids: "litellm", nativeIdsInLists: true });
    expect((await list()).body).toMatchObject({ data: [{ id: ids.file, container_id: NATIVE }] });
    const file = `containers/${encodeURIComponent(ids.container)}/files/${ids.file}`;
    expect((await get(file)).body).toMatchObject({ container_id: NATIVE });
    expect((await get(`containers/${NATIVE}/files`)).status).toBe(404);
    expect((await download(NATIVE, ids.file))[0]).toBe(404);
    expect(await download(ids.container, ids.file)).toEqual([200, "1"]);
  });

  it("have paths relative to /mnt/data", async () => {
    const { container, list } = await setUp({ relativePaths: true });
    container.write("/tmp/b.csv", "2");
    const { data } = (await list("?order=asc")).body as { data: Json[] };
    expect(data.map(({ path }) => path)).toEqual(["out/report ü.csv", "/tmp/b.csv"]);
  });

  it.each([1, 3])("have %d empty pages before each page", async (emptyPages) => {
    const { emulator, container, list } = await setUp({ emptyPages }, { listLag: 1 });
    container.write("b.csv", "2");
    container.write("c.csv", "3");
    const read = async () => {
      const sizes: number[] = [];
      const ids: unknown[] = [];
      for (let after: string | undefined = ""; after !== undefined; ) {
        const { data, has_more, last_id } = (await list(`?limit=2&order=asc${after}`)).body as {
          data: Json[];
          has_more: boolean;
          last_id: string;
        };
        sizes.push(data.length);
        ids.push(...data.map(({ id }) => id));
        if (data.length === 0) expect([has_more, last_id]).toEqual([true, expect.stringMatching(/[/=]/)]);
        after = has_more ? `&after=${encodeURIComponent(last_id)}` : undefined;
      }
      return { sizes, ids };
    };
    const none = Array<number>(emptyPages).fill(0);
    const all = container.files.map(({ id }) => id);
    // Empty pages and the page after them belong to the same listing, so `listLag` counts all of them as one list.
    expect(await read()).toEqual({ sizes: [...none, 2], ids: all.slice(1) });
    expect(await read()).toEqual({ sizes: [...none, 2, ...none, 1], ids: all });
    emulator.expireContainer(container.id);
    expect((await list()).status).toBe(404);
  });
});

describe("a required parameter", () => {
  const requiredQuery = { provider: "openai", "api-version": "2026" };

  it("is needed to list, download and retrieve, but not to create responses", async () => {
    const { ids, list, download, get } = await setUp({ requiredQuery });
    for (const [query, status] of [
      ["", 400],
      ["?provider=openai", 400],
      ["?provider=azure&api-version=2026", 404],
      ["?provider=openai&api-version=2026", 200],
    ] as const) {
      expect((await list(query)).status, query).toBe(status);
      expect((await download(ids.container, ids.file, query))[0], query).toBe(status);
      expect((await get(`responses/${ids.response}${query}`)).status, query).toBe(status);
    }
    expect((await list("?provider=openai")).body).toEqual({
      error: {
        message: "Missing required query parameter: 'api-version'.",
        type: "invalid_request_error",
        param: "api-version",
        code: "missing_required_parameter",
      },
    });
  });
});

describe("container routes", () => {
  it.each([
    ["missing", 404, "Invalid URL (GET /v1/containers"],
    ["unsupported", 400, "OperationId get-container not supported for CheckAccess."],
  ] as const)("that are %s answer %d, and responses still work", async (containerRoutes, status, message) => {
    const { ids, list, download, get } = await setUp({ containerRoutes });
    for (const answer of [await list(), await get(`containers/${ids.container}`), await get("containers")]) {
      expect(answer.status).toBe(status);
      expect((answer.body.error as Json).message).toContain(message);
    }
    expect((await download(ids.container, ids.file))[0]).toBe(status);
    expect((await get(`responses/${ids.response}`)).status).toBe(200);
  });
});

describe("mistakes", () => {
  it.each([
    [7, "The option gateway must be an object, got 7."],
    [null, "The option gateway must be an object, got null."],
    [
      { id: "litellm" },
      'The option gateway has no option "id"; its options are ids, nativeIdsInLists, relativePaths, requiredQuery, emptyPages, containerRoutes.',
    ],
    [{ ids: "azure" }, 'The option gateway.ids must be "litellm", "openrouter" or a function, got "azure".'],
    [{ nativeIdsInLists: 1 }, "The option gateway.nativeIdsInLists must be a boolean, got 1."],
    [{ nativeIdsInLists: true }, "The option gateway.nativeIdsInLists needs the option gateway.ids"],
    [{ relativePaths: "yes" }, 'The option gateway.relativePaths must be a boolean, got "yes".'],
    [
      { requiredQuery: { v: 1 } },
      "The option gateway.requiredQuery must be an object of strings by parameter, got an object.",
    ],
    [{ requiredQuery: ["v"] }, "The option gateway.requiredQuery must be an object of strings by parameter"],
    [{ emptyPages: -1 }, "The option gateway.emptyPages must be a whole number of pages, 0 or more, got -1."],
    [
      { containerRoutes: 404 },
      'The option gateway.containerRoutes must be "missing" or "unsupported", got 404.',
    ],
  ])("in the options throw a TypeError that names the option: %j", (gateway, message) => {
    const create = () => createResponsesEmulator({ gateway: gateway as GatewayOptions });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(message);
  });
});
