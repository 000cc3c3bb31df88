/** Tests the emulator's errors: the API's own errors for wrong requests, and errors that report mistakes in a test. */
import { describe, expect, it } from "vitest";
import { createResponsesEmulator, type EmulatorOptions, type Script } from "../src/testing/index.js";
import { AUTH, BASE, call, respond } from "./emulator-calls.js";

describe("a request", () => {
  it("must have the right API key", async () => {
    const emulator = createResponsesEmulator({ apiKey: "right" });
    const status = async (headers: Record<string, string>) =>
      (await emulator.fetch(`${BASE}/containers`, { headers })).status;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: "Bearer wrong" })).toBe(401);
    expect(await status({ authorization: "Bearer right" })).toBe(200);
    expect(await status({ "api-key": "right" })).toBe(200);
  });

  it.each([
    "https://x.openai.azure.com/openai/responses?api-version=2025-04-01-preview",
    "https://x.openai.azure.com/openai/v1/responses",
    "http://localhost:8080/responses",
    new URL("https://proxy.example/team/v1/responses"),
    new Request("https://api.openai.com/v1/responses", { method: "POST" }),
  ])("to %s is answered", async (input) => {
    const emulator = createResponsesEmulator();
    const body = JSON.stringify({ model: "gpt-5", input: "Go." });
    const response = await emulator.fetch(input, { method: "POST", headers: { "api-key": "k" }, body });
    expect(response.status).toBe(200);
    expect(emulator.requests).toMatchObject([
      {
        method: "POST",
        path: expect.stringMatching(/responses$/),
        headers: { "api-key": "k" },
        body: { input: "Go." },
      },
    ]);
  });

  it("for a model is answered, whatever its name", async () => {
    const { status, body } = await call(createResponsesEmulator(), "GET", "models/gpt%2F5");
    expect({ status, body }).toMatchObject({ status: 200, body: { id: "gpt/5", object: "model" } });
  });

  it("to an unknown path or resource gets the API's error", async () => {
    const emulator = createResponsesEmulator();
    expect(await call(emulator, "GET", "models")).toEqual({
      status: 404,
      body: {
        error: {
          message: "Invalid URL (GET /v1/models)",
          type: "invalid_request_error",
          param: null,
          code: null,
        },
      },
    });
    expect((await call(emulator, "PUT", "responses")).status).toBe(404);
    expect((await call(emulator, "GET", "containers/cntr_none")).status).toBe(404);
    expect((await call(emulator, "GET", "conversations/conv_none/items")).status).toBe(404);
    expect((await call(emulator, "GET", "containers/%ff")).status).toBe(400);
  });

  it.each([
    ["a body that is not an object", [], 400, "body"],
    ["no input", {}, 400, "input"],
    ["a wrong input", { input: 1 }, 400, "input"],
    ["wrong tools", { input: "x", tools: {} }, 400, "tools"],
    ["a wrong stream", { input: "x", stream: "yes" }, 400, "stream"],
    ["an array as stream", { input: "x", stream: [] }, 400, "stream"],
    ["an object as stream", { input: "x", stream: {} }, 400, "stream"],
    [
      "an unknown previous response",
      { input: "x", previous_response_id: "resp_1" },
      400,
      "previous_response_id",
    ],
    ["an unknown conversation", { input: "x", conversation: "conv_1" }, 404, null],
    [
      "both a conversation and a previous response",
      { input: "x", conversation: "c", previous_response_id: "r" },
      400,
      null,
    ],
    [
      "an unknown upload",
      {
        input: "x",
        tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: ["file-1"] } }],
      },
      404,
      null,
    ],
    ["background and no storage", { input: "x", background: true, store: false }, 400, "store"],
    ["a number as a message's content", { input: [{ role: "user", content: 1 }] }, 400, "input[].content"],
    ["an item without a type", { input: [{ text: "x" }] }, 400, "input"],
    ["a reference to an unknown item", { input: [{ type: "item_reference", id: "msg_1" }] }, 404, null],
    ["a wrong conversation", { input: "x", conversation: 5 }, 400, "conversation"],
  ])("is rejected if it has %s", async (_, body, status, param) => {
    const answer = await call(createResponsesEmulator(), "POST", "responses", body);
    expect(answer).toMatchObject({ status, body: { error: { param, type: "invalid_request_error" } } });
  });

  it.each([
    ["a wrong name", { name: 1 }, "name"],
    ["wrong uploads", { file_ids: "file-1" }, "file_ids"],
    ["a wrong expires_after", { expires_after: 20 }, "expires_after.minutes"],
    ["a string as minutes", { expires_after: { minutes: "20" } }, "expires_after.minutes"],
    ["too few minutes", { expires_after: { minutes: 0 } }, "expires_after.minutes"],
    ["too many minutes", { expires_after: { minutes: 21 } }, "expires_after.minutes"],
  ])("for a container is rejected if it has %s", async (_, body, param) => {
    const answer = await call(createResponsesEmulator(), "POST", "containers", body);
    expect(answer).toMatchObject({ status: 400, body: { error: { param, type: "invalid_request_error" } } });
  });

  it("for an upload is rejected if it is not a form, the form is malformed or it has no file", async () => {
    const emulator = createResponsesEmulator();
    const upload = async (body: string | FormData, headers: Record<string, string> = {}) => {
      const response = await emulator.fetch(`${BASE}/files`, {
        method: "POST",
        headers: { ...AUTH, ...headers },
        body,
      });
      const { error } = (await response.json()) as { error: { message: string } };
      return [response.status, error.message];
    };
    expect(await upload("{}")).toEqual([400, "Expected a multipart/form-data body."]);
    expect(await upload("x", { "content-type": "multipart/form-data; boundary=b" })).toEqual([
      400,
      expect.stringContaining("Could not parse the multipart form"),
    ]);
    expect(await upload(new FormData())).toEqual([400, "'file' is a required property"]);
    const { id } = emulator.createContainer();
    const copied = await call(emulator, "POST", `containers/${id}/files`, {});
    expect(copied).toMatchObject({ status: 400, body: { error: { param: "file_id" } } });
  });

  it("is rejected if its body is not valid JSON", async () => {
    const emulator = createResponsesEmulator();
    const response = await emulator.fetch(`${BASE}/responses`, { method: "POST", headers: AUTH, body: "{" });
    expect(response.status).toBe(400);
    expect(emulator.requests[0]?.body).toBe("{");
  });

  it("is rejected if its body is an array", async () => {
    const answer = await call(createResponsesEmulator(), "POST", "responses", [1]);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "invalid_type" } } });
  });

  it("is answered by intercept if intercept returns a response", async () => {
    const emulator = createResponsesEmulator({
      intercept: ({ path }) =>
        path.endsWith("/containers") ? new Response("no", { status: 503 }) : undefined,
    });
    expect((await emulator.fetch(`${BASE}/containers`)).status).toBe(503);
    expect((await respond(emulator)).status).toBe("completed");
    expect(emulator.requests).toHaveLength(2);
  });
});

describe("mistakes", () => {
  it.each([
    [
      { script: [] },
      "The option script must be a function or an array of at least one function, got an empty array.",
    ],
    [{ script: "x" }, 'The option script must be a function or an array of at least one function, got "x".'],
    [{ apiKey: "" }, 'The option apiKey must be a non-empty string, got "".'],
    [{ now: 1 }, "The option now must be a function that returns milliseconds, got 1."],
    [{ indexUnit: "bytes" }, 'The option indexUnit must be "code-point" or "utf-16", got "bytes".'],
    [{ listLag: -1 }, "The option listLag must be a whole number of lists, 0 or more, got -1."],
    [
      { pollsUntilDone: 0 },
      "The option pollsUntilDone must be a whole number of requests, 1 or more, got 0.",
    ],
    [{ scripts: [] }, 'createResponsesEmulator has no option "scripts"; its options are script, apiKey, now'],
    [null, "The options of createResponsesEmulator must be an object, got null."],
  ])("in the options throw a TypeError that names the option: %j", (options, message) => {
    expect(() => createResponsesEmulator(options as EmulatorOptions)).toThrow(TypeError);
    expect(() => createResponsesEmulator(options as EmulatorOptions)).toThrow(message);
  });

  it.each([
    [undefined, "A script's return value must be an array of steps, got undefined."],
    [[{ type: "dance" }], 'steps[0] must be an object whose type is one of "reasoning", "python"'],
    [[{ type: "reasoning", summary: 1 }], "steps[0].summary must be a string or an array of strings, got 1."],
    [[{ type: "reasoning" }, { type: "python" }], "steps[1].code must be a string, got undefined."],
    [
      [{ type: "python", code: "", files: { a: 1 } }],
      'The content of "a" must be a string or a Uint8Array, got 1.',
    ],
    [[{ type: "python", code: "", files: [] }], "steps[0].files must be an object of contents by path"],
    [
      [{ type: "python", code: "", charts: ["x"] }],
      "steps[0].charts must be an array of Uint8Arrays, got an array.",
    ],
    [[{ type: "python", code: "", images: [1] }], "steps[0].images must be an array of URLs and Uint8Arrays"],
    [[{ type: "python", code: [] }], "steps[0].code must be a string, got an empty array."],
    [[{ type: "python", code: { type: "x" } }], 'steps[0].code must be a string, got an object of type "x".'],
    [[{ type: "python", code: () => "" }], "steps[0].code must be a string, got a function."],
    [[{ type: "shell", commands: "ls" }], 'steps[0].commands must be an array of strings, got "ls".'],
    [[{ type: "shell", commands: [], exitCode: 0.5 }], "steps[0].exitCode must be an integer, got 0.5."],
    [[{ type: "message", text: [] }], "steps[0].text must be a string or an array of { text, chunks }"],
    [[{ type: "message", text: ["a"] }], 'steps[0].text[0] must be { text, chunks }, got "a".'],
    [
      [{ type: "message", text: "ab", chunks: ["a"] }],
      'steps[0].chunks must equal the text when joined, got "a".',
    ],
    [
      [{ type: "message", text: "ab", chunks: 0 }],
      "steps[0].chunks must be an array of strings or a whole number above 0",
    ],
    [[{ type: "refusal" }], "steps[0].text must be a string"],
    [[{ type: "image", bytes: "x" }], 'steps[0].bytes must be a Uint8Array, got "x".'],
    [[{ type: "fail", code: "x" }], 'steps[0].code must be one of "server_error", "rate_limit_exceeded"'],
    [[{ type: "incomplete", reason: "x" }], 'steps[0].reason must be one of "max_output_tokens"'],
  ])("in a script's steps are reported with the field's name: %j", async (steps, message) => {
    const emulator = createResponsesEmulator({ script: (() => steps) as unknown as Script });
    const { status, body } = await call(emulator, "POST", "responses", { input: "Go." });
    expect(status).toBe(500);
    const { error } = body as { error: { message: string } };
    expect(error.message).toContain("The script failed for turn 0. TypeError: ");
    expect(error.message).toContain(message);
  });

  it("in a script are reported even if it throws something other than an Error", async () => {
    const script: Script = () => {
      throw "no error";
    };
    const { body } = await call(createResponsesEmulator({ script }), "POST", "responses", { input: "Go." });
    expect(body).toMatchObject({ error: { message: 'The script failed for turn 0. "no error"' } });
  });

  it("in a container's id are reported by expireContainer", () => {
    expect(() => createResponsesEmulator().expireContainer("cntr_none")).toThrow(
      new TypeError('expireContainer must get the id of an existing container, got "cntr_none".'),
    );
  });
});
