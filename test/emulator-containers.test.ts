/** Tests the emulator's containers: which container a response uses, when containers expire, lists and paging. */
import { describe, expect, it } from "vitest";
import { createResponsesEmulator, type Script } from "../src/testing/index.js";
import { call, itemsOf, respond } from "./emulator-calls.js";

describe("containers", () => {
  it("are created if a tool asks for an automatic one, and reused by responses that continue a previous response", async () => {
    const emulator = createResponsesEmulator();
    const { id } = await respond(emulator);
    await respond(emulator);
    expect(emulator.containers.size).toBe(2);
    await respond(emulator, { previous_response_id: id });
    expect(emulator.containers.size).toBe(2);
    const [first = ""] = emulator.containers.keys();
    emulator.expireContainer(first);
    await respond(emulator, { previous_response_id: id });
    expect(emulator.containers.size).toBe(3);
  });

  it("are reused if the input has calls that ran in them", async () => {
    const emulator = createResponsesEmulator();
    const { output } = await respond(emulator);
    await respond(emulator, { input: output });
    expect(emulator.containers.size).toBe(1);
  });

  it("are those that the code interpreter and shell tools name", async () => {
    const script: Script = () => [
      { type: "python", code: "a" },
      { type: "shell", commands: ["b"] },
    ];
    const emulator = createResponsesEmulator({ script });
    const { id: container } = emulator.createContainer({ name: "mine" });
    const code = await respond(emulator, { tools: [{ type: "code_interpreter", container }] });
    const environment = { type: "container_reference", container_id: container };
    const shell = await respond(emulator, { tools: [{ type: "shell", environment }] });
    for (const response of [code, shell]) {
      expect(itemsOf(response, "code_interpreter_call")[0]?.container_id).toBe(container);
      expect(itemsOf(response, "shell_call")[0]?.environment).toEqual(environment);
    }
    expect(emulator.containers.size).toBe(1);
  });

  it("expire after 20 idle minutes, counted from the last call", async () => {
    let minutes = 0;
    const emulator = createResponsesEmulator({ now: () => minutes * 60_000 });
    const { id } = emulator.createContainer({ files: { "a.txt": "a" } });
    minutes = 19;
    expect((await call(emulator, "GET", `containers/${id}/files`)).status).toBe(200);
    minutes = 38;
    expect((await call(emulator, "GET", `containers/${id}`)).status).toBe(200);
    expect(emulator.containers.get(id)?.status).toBe("running");
    minutes = 58;
    expect(emulator.containers.get(id)?.status).toBe("expired");
    expect(await call(emulator, "GET", `containers/${id}/files`)).toEqual({
      status: 404,
      body: {
        error: { message: "Container is expired.", type: "invalid_request_error", param: null, code: null },
      },
    });
    minutes = 0;
    expect(emulator.containers.get(id)?.status).toBe("expired");
  });

  it("omit new files from the first lists if listLag is set", async () => {
    const emulator = createResponsesEmulator({ listLag: 2 });
    await respond(emulator);
    const [id] = emulator.containers.keys();
    const sizes: unknown[] = [];
    for (let list = 0; list < 4; list += 1) {
      sizes.push(((await call(emulator, "GET", `containers/${id}/files`)).body.data as unknown[]).length);
    }
    expect(sizes).toEqual([0, 0, 1, 1]);
  });

  it("replace a file that is written to the same path", async () => {
    const emulator = createResponsesEmulator();
    const container = emulator.createContainer();
    const first = container.write("a.txt", "old");
    const second = container.write("/mnt/data/a.txt", new Uint8Array([1]));
    expect(first.id).not.toBe(second.id);
    expect(container.files).toEqual([second]);
    expect((await call(emulator, "GET", `containers/${container.id}/files/${first.id}`)).status).toBe(404);
    expect(() => container.write("dir/", "x")).toThrow(
      'must be a string that ends in a file name, got "dir/".',
    );
  });

  it.each([
    ["limit=0", "expected a value >= 1"],
    ["limit=101", "expected a value <= 100"],
    ["limit=ten", "expected an integer"],
    ["order=up", "'asc' and 'desc'"],
    ["after=cfile_none", "no entry with id 'cfile_none'"],
  ])("reject a list with %s", async (query, message) => {
    const emulator = createResponsesEmulator();
    const { id } = emulator.createContainer();
    const { status, body } = await call(emulator, "GET", `containers/${id}/files?${query}`);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      type: "invalid_request_error",
      message: expect.stringContaining(message),
    });
  });

  it("are listed page by page", async () => {
    const emulator = createResponsesEmulator();
    const ids = [1, 2, 3].map(() => emulator.createContainer().id);
    const first = await call(emulator, "GET", "containers?limit=2");
    expect(first.body).toMatchObject({ has_more: true, first_id: ids[2], last_id: ids[1] });
    const second = await call(emulator, "GET", `containers?limit=2&after=${ids[1]}`);
    expect(second.body).toMatchObject({ has_more: false, first_id: ids[0], last_id: ids[0] });
  });
});
