/** Tests the emulator's responses: outputs, turns, statuses, cancelling, deleting and input items. */
import { describe, expect, it } from "vitest";
import { createResponsesEmulator, type Script, type ScriptRequest } from "../src/testing/index.js";
import { AUTH, BASE, call, itemsOf, parts, respond } from "./emulator-calls.js";

describe("responses", () => {
  it("contain the outputs of code only if include asks for them", async () => {
    const emulator = createResponsesEmulator();
    expect(itemsOf(await respond(emulator), "code_interpreter_call")[0]?.outputs).toBeNull();
    const shown = await respond(emulator, { include: ["code_interpreter_call.outputs"] });
    expect(itemsOf(shown, "code_interpreter_call")[0]?.outputs).toEqual([
      { type: "logs", logs: "/mnt/data/report.csv" },
    ]);
  });

  it.each([[[]], [["code_interpreter_call.outputs"]]])(
    "contain the outputs of code if a later request's include asks for them, when created with include %j",
    async (include) => {
      const emulator = createResponsesEmulator();
      const { body: conversation } = await call(emulator, "POST", "conversations", {});
      const { id } = await respond(emulator, { include, conversation: conversation.id });
      const outputsOf = async (query: string): Promise<unknown[]> => {
        const { body: response } = await call(emulator, "GET", `responses/${id}?${query}`);
        const { body: items } = await call(
          emulator,
          "GET",
          `conversations/${conversation.id}/items?${query}`,
        );
        return [response, { output: items.data }].map(
          (of) => itemsOf(of, "code_interpreter_call")[0]?.outputs,
        );
      };
      const shown = [{ type: "logs", logs: "/mnt/data/report.csv" }];
      expect(await outputsOf("")).toEqual([null, null]);
      expect(await outputsOf("include=message.input_image.image_url")).toEqual([null, null]);
      for (const name of ["include", "include[]"]) {
        expect(await outputsOf(`${name}=code_interpreter_call.outputs`)).toEqual([shown, shown]);
      }
    },
  );

  it("use one script per turn and pass it the previous turns", async () => {
    const seen: ScriptRequest[] = [];
    const say =
      (text: string): Script =>
      (request) => {
        seen.push(request);
        return [{ type: "message", text }];
      };
    const emulator = createResponsesEmulator({ script: [say("one"), say("two")] });
    const first = await respond(emulator, { input: "first" });
    const second = await respond(emulator, {
      input: [
        { role: "user", content: "second" },
        { role: "assistant", content: "hm" },
      ],
      previous_response_id: first.id,
    });
    const third = await respond(emulator, { input: [], previous_response_id: second.id });
    expect([first, second, third].map((response) => parts(response)[0]?.text)).toEqual(["one", "two", "two"]);
    expect(seen.map(({ turn, lastUserText }) => [turn, lastUserText])).toEqual([
      [0, "first"],
      [1, "second"],
      [2, ""],
    ]);
    expect(seen[2]?.previous).toEqual([
      { responseId: first.id, lastUserText: "first", outputText: "one" },
      { responseId: second.id, lastUserText: "second", outputText: "two" },
    ]);
    expect(seen[2]?.body).toMatchObject({ model: "gpt-5" });
  });

  it("end with the status that the script chooses", async () => {
    const failed = await respond(
      createResponsesEmulator({ script: () => [{ type: "fail", message: "Oh." }] }),
    );
    expect(failed).toMatchObject({ status: "failed", error: { code: "server_error", message: "Oh." } });
    const cut = createResponsesEmulator({
      script: () => [
        { type: "message", text: "I wa" },
        { type: "incomplete" },
        { type: "message", text: "never said" },
      ],
    });
    const incomplete = await respond(cut);
    expect(incomplete).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [{ status: "incomplete" }],
    });
  });

  it("fail if their container expires while they run", async () => {
    const emulator = createResponsesEmulator({
      beforeEvent: ({ type }) => {
        if (type === "response.created") emulator.expireContainer(container);
      },
    });
    const { id: container } = emulator.createContainer();
    const body = { input: "Go.", stream: true, tools: [{ type: "code_interpreter", container }] };
    const response = await emulator.fetch(`${BASE}/responses`, {
      method: "POST",
      headers: AUTH,
      body: JSON.stringify(body),
    });
    expect(await response.text()).toMatch(/event: response\.failed\n.*Container is expired.*\n\n$/);
  });

  it("can be cancelled while they run in the background, and not otherwise", async () => {
    const emulator = createResponsesEmulator();
    const { id } = await respond(emulator, { background: true });
    expect((await call(emulator, "GET", `responses/${id}`)).body.status).toBe("in_progress");
    expect((await call(emulator, "POST", `responses/${id}/cancel`)).body.status).toBe("cancelled");
    expect((await call(emulator, "GET", `responses/${id}`)).body.status).toBe("cancelled");
    expect(emulator.containers.size).toBe(0);
    const done = await respond(emulator);
    expect((await call(emulator, "POST", `responses/${done.id}/cancel`)).status).toBe(400);
  });

  it("can be deleted, and are retrieved only if they were stored", async () => {
    const emulator = createResponsesEmulator();
    const { id } = await respond(emulator);
    expect((await call(emulator, "DELETE", `responses/${id}`)).body).toEqual({
      id,
      object: "response",
      deleted: true,
    });
    expect((await call(emulator, "GET", `responses/${id}`)).status).toBe(404);
    const unstored = await respond(emulator, { store: false });
    expect((await call(emulator, "GET", `responses/${unstored.id}`)).status).toBe(404);
  });

  it("list their input, with references resolved", async () => {
    const emulator = createResponsesEmulator();
    const first = await respond(emulator);
    const message = itemsOf(first, "message")[0];
    const { id } = await respond(emulator, {
      input: [
        { type: "item_reference", id: message?.id },
        { role: "user", content: "Again." },
      ],
    });
    const { body } = await call(emulator, "GET", `responses/${id}/input_items?order=asc`);
    expect(body.data).toEqual([message, expect.objectContaining({ role: "user", type: "message" })]);
  });

  it("add ids and default fields to the items of their input", async () => {
    const emulator = createResponsesEmulator();
    const { id } = await respond(emulator, {
      input: [
        { type: "function_call_output", call_id: "call_1", output: "7" },
        { type: "compaction" },
        {
          id: "msg_own",
          role: "user",
          content: [{ type: "input_image", image_url: "https://example.com/a.png" }],
        },
        { role: "user", content: [] },
      ],
    });
    const { body } = await call(emulator, "GET", `responses/${id}/input_items?order=asc`);
    expect(body.data).toMatchObject([
      { id: expect.stringMatching(/^fco_/), status: "completed", output: "7" },
      { id: expect.stringMatching(/^item_/), type: "compaction" },
      { id: "msg_own", content: [{ type: "input_image", detail: "auto" }] },
      { id: expect.stringMatching(/^msg_/), content: [] },
    ]);
  });

  it("add the uploads of a message to their container", async () => {
    const emulator = createResponsesEmulator();
    const form = new FormData();
    form.set("file", new File(["1,2"], "data.csv"));
    const uploaded = await emulator.fetch(`${BASE}/files`, { method: "POST", headers: AUTH, body: form });
    const { id } = (await uploaded.json()) as { id: string };
    await respond(emulator, {
      input: [
        {
          role: "user",
          content: [
            { type: "input_file", file_id: id },
            { type: "input_text", text: "Go." },
          ],
        },
      ],
    });
    const [container] = emulator.containers.values();
    expect(container?.files).toMatchObject([
      { path: `/mnt/data/${id}-data.csv`, source: "user" },
      { path: "/mnt/data/report.csv", source: "assistant" },
    ]);
  });
});
