/** Tests the sentence that asks the model for links: where it is added, which requests are changed, and its options. */
import { describe, expect, it } from "vitest";
import { addLinkInstruction } from "../src/index.js";
import { frozen } from "./frozen.js";
import { expectValid } from "./schemas.js";

const INTERPRETER = { type: "code_interpreter", container: { type: "auto" } };
const HOSTED_SHELL = { type: "shell", environment: { type: "container_auto" } };
const OUTPUTS = "code_interpreter_call.outputs";

function ask(params: Record<string, unknown>, options?: Parameters<typeof addLinkInstruction>[1]) {
  return addLinkInstruction<Record<string, unknown>>(
    frozen({ model: "gpt-5", tools: [INTERPRETER], ...params }),
    options,
  );
}

const SENTENCE = (ask({ input: "" }).input as string).trim();

describe("the sentence", () => {
  it("shows the one form that the API annotates", () => {
    expect(SENTENCE).toContain("](sandbox:/mnt/data/");
    expect(SENTENCE.split("\n")).toHaveLength(1);
  });

  it("is added at the end of an input that is a string", () => {
    expect(ask({ input: "Plot it" }).input).toBe(`Plot it\n\n${SENTENCE}`);
  });

  it("is added at the end of the last user message's text", () => {
    const input = [
      { role: "user", content: "First" },
      { role: "assistant", content: "Yes?" },
      { role: "user", content: "Plot it" },
      { type: "function_call_output", call_id: "call_1", output: "7" },
    ];
    expect(ask({ input }).input).toEqual(input.with(2, { role: "user", content: `Plot it\n\n${SENTENCE}` }));
  });

  it("is added as a new part to a message of parts", () => {
    const image = { type: "input_image", image_url: "https://example.com/a.png", detail: "auto" };
    const content = [{ type: "input_text", text: "Plot it" }, image];
    const asked = ask({ input: [{ type: "message", role: "user", content }] });
    expect(asked.input).toEqual([
      { type: "message", role: "user", content: [...content, { type: "input_text", text: SENTENCE }] },
    ]);
  });

  it.each([
    ["no input", undefined],
    ["no user message", [{ role: "developer", content: "Plot it" }]],
    ["only a call's output", [{ type: "function_call_output", call_id: "call_1", output: "7" }]],
    ["an empty input", []],
  ])("is added to the instructions if there is %s", (_, input) => {
    expect(ask({ input })).toMatchObject({ instructions: SENTENCE });
    expect(ask({ input, instructions: "Be kind." }).instructions).toBe(`Be kind.\n\n${SENTENCE}`);
    expect(ask({ input }).input).toBe(input);
  });

  it("is added once", () => {
    for (const params of [
      { input: "Plot it" },
      { input: [{ role: "user", content: "Plot it" }] },
      { input: [{ role: "user", content: [{ type: "input_text", text: "Plot it" }] }] },
      { input: [] },
    ]) {
      const once = ask(params);
      expect(addLinkInstruction(once)).toBe(once);
    }
  });

  it("is not added to a message that already shows such a link", () => {
    const input = "Link it like this: [x](sandbox:/mnt/data/x)";
    expect(ask({ input }).input).toBe(input);
    const parts = [{ role: "user", content: [{ type: "input_text", text: input }] }];
    expect(ask({ input: parts }).input).toBe(parts);
    expect(ask({ input: [], instructions: input }).instructions).toBe(input);
  });
});

describe("a request", () => {
  it.each([
    ["code interpreter", INTERPRETER],
    ["code interpreter in a container", { type: "code_interpreter", container: "cntr_1" }],
    ["hosted shell", HOSTED_SHELL],
    [
      "hosted shell in a container",
      { type: "shell", environment: { type: "container_reference", container_id: "cntr_1" } },
    ],
  ])("with %s is changed", (_, tool) => {
    expect(ask({ input: "x", tools: [{ type: "web_search" }, tool] }).input).not.toBe("x");
  });

  it.each([
    ["no tools", undefined],
    ["tools that are null", null],
    ["an empty list", []],
    ["other tools", [{ type: "web_search" }, { type: "function", name: "shell" }]],
    ["the caller's own shell", [{ type: "shell" }, { type: "shell", environment: { type: "local" } }]],
    ["tools that are not an array", "code_interpreter"],
  ])("with %s is returned as the same object", (_, tools) => {
    const params = frozen({ input: "x", tools });
    expect(addLinkInstruction(params)).toBe(params);
  });

  it("gets the value for the outputs of calls once, at the end of include", () => {
    expect(ask({ input: "x" }).include).toEqual([OUTPUTS]);
    expect(ask({ input: "x", include: null }).include).toEqual([OUTPUTS]);
    expect(ask({ input: "x", include: ["reasoning.encrypted_content"] }).include).toEqual([
      "reasoning.encrypted_content",
      OUTPUTS,
    ]);
    expect(ask({ input: "x", include: [OUTPUTS] }).include).toEqual([OUTPUTS]);
    expect(ask({ input: "x", tools: [HOSTED_SHELL] }).include).toBeUndefined();
  });
});

describe("the options", () => {
  it("turn off the sentence and the include", () => {
    const params = frozen({ input: "x", tools: [INTERPRETER] });
    expect(addLinkInstruction(params, { instruction: false, includeOutputs: false })).toBe(params);
    expect(addLinkInstruction<object>(params, { instruction: false })).toEqual({
      ...params,
      include: [OUTPUTS],
    });
    expect(addLinkInstruction<object>(params, { includeOutputs: false })).not.toHaveProperty("include");
  });

  it("replace the sentence, and the other sentence is also added only once", () => {
    const instruction = "Cite your files.";
    const asked = ask({ input: "x" }, { instruction });
    expect(asked.input).toBe("x\n\nCite your files.");
    expect(addLinkInstruction(asked, { instruction })).toBe(asked);
    expect(ask({ input: "x" }, { instruction: { text: instruction } }).input).toBe("x\n\nCite your files.");
  });

  it("place the sentence in the instructions", () => {
    const asked = ask(
      { input: "x", instructions: "Be kind." },
      { instruction: { placement: "instructions" } },
    );
    expect(asked).toMatchObject({ input: "x", instructions: `Be kind.\n\n${SENTENCE}` });
  });
});

it("throws a TypeError for params that are not an object", () => {
  for (const params of [undefined, null, "x", []]) {
    expect(() => addLinkInstruction(params as never)).toThrow(
      /^params must be the parameters of a Responses request, got /,
    );
  }
});

describe("the schemas", () => {
  it("accept the changed request", () => {
    for (const params of [
      { input: "Plot it" },
      { input: [{ role: "user", content: "Plot it" }] },
      { input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "Plot it" }] }] },
      { input: [], tools: [HOSTED_SHELL] },
    ]) {
      expectValid("CreateResponse", ask(params));
    }
  });
});
