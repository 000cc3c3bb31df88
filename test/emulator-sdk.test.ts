/** Tests the emulator with each version of the official client, over HTTP. */
import OpenAI6, { APIError, toFile } from "openai";
import { afterEach, describe, expect, it } from "vitest";
import {
  compliantModel,
  createResponsesEmulator,
  type EmulatorOptions,
  type ListeningServer,
  twoContainersModel,
} from "../src/testing/index.js";
import { SDKS } from "./sdks.js";

const ASK = {
  model: "gpt-5",
  input: "Write the report and link it as [name](sandbox:/mnt/data/name).",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
} satisfies OpenAI6.Responses.ResponseCreateParamsNonStreaming;

let server: ListeningServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

for (const [name, OpenAI] of SDKS) {
  async function start(options: EmulatorOptions = {}) {
    const emulator = createResponsesEmulator(options);
    server = await emulator.listen();
    const client = new OpenAI({ apiKey: "test", baseURL: server.baseURL, maxRetries: 0 });
    return { emulator, client };
  }

  describe(`${name}, over HTTP`, () => {
    it("returns the outputs of Python if a later request's include asks for them", async () => {
      const { client } = await start();
      const { id } = await client.responses.create(ASK);
      const shown = await client.responses.retrieve(id, { include: ["code_interpreter_call.outputs"] });
      const outputs = [{ type: "logs", logs: "/mnt/data/report.csv" }];
      expect(shown.output.find(({ type }) => type === "code_interpreter_call")).toMatchObject({ outputs });
    });

    it("creates a response and downloads the file that it cites", async () => {
      const { client } = await start();
      const response = await client.responses.create(ASK);
      expect(response.output_text).toBe(
        "The work is done.\n\n[Download report.csv](sandbox:/mnt/data/report.csv)",
      );
      const message = response.output.at(-1);
      const part = message?.type === "message" ? message.content[0] : undefined;
      const citation = part?.type === "output_text" ? part.annotations[0] : undefined;
      if (citation?.type !== "container_file_citation") throw new Error("no citation");
      expect(response.output_text.slice(citation.start_index, citation.end_index)).toBe(
        "sandbox:/mnt/data/report.csv",
      );
      const content = await client.containers.files.content.retrieve(citation.file_id, {
        container_id: citation.container_id,
      });
      expect(await content.text()).toBe("day,total\n1,7\n2,9\n");
    });

    it("streams a response", async () => {
      const { client } = await start();
      const types: string[] = [];
      let text = "";
      for await (const event of await client.responses.create({ ...ASK, stream: true })) {
        types.push(event.type);
        if (event.type === "response.output_text.delta") text += event.delta;
      }
      expect(text).toContain("(sandbox:/mnt/data/report.csv)");
      expect(types.slice(0, 2)).toEqual(["response.created", "response.in_progress"]);
      expect(types.at(-1)).toBe("response.completed");
      const final = await client.responses.stream(ASK).finalResponse();
      expect(final.output.at(-1)).toMatchObject({
        content: [{ text, annotations: [{ filename: "report.csv" }] }],
      });
    });

    it("polls a background response", async () => {
      const { client } = await start({ pollsUntilDone: 3 });
      const statuses: unknown[] = [];
      let response = await client.responses.create({ ...ASK, background: true });
      const { id } = response;
      statuses.push(response.status);
      while (response.status === "queued" || response.status === "in_progress") {
        response = await client.responses.retrieve(id);
        statuses.push(response.status);
      }
      expect(statuses).toEqual(["queued", "queued", "in_progress", "completed"]);
      expect(response.output_text).toContain("report.csv");
    });

    it("resumes a background stream after the last event that it received", async () => {
      const { client } = await start();
      const seen: number[] = [];
      let id = "";
      for await (const event of await client.responses.create({ ...ASK, background: true, stream: true })) {
        if (event.type === "response.created") id = event.response.id;
        seen.push(event.sequence_number);
        if (seen.length === 7) break;
      }
      const resumed = await client.responses.retrieve(id, { stream: true, starting_after: 6 });
      let last = "";
      for await (const event of resumed) {
        seen.push(event.sequence_number);
        last = event.type;
      }
      expect(last).toBe("response.completed");
      expect(seen).toEqual([...seen.keys()]);
    });

    it("lists 45 files page by page", async () => {
      const { client, emulator } = await start();
      const paths = Array.from({ length: 45 }, (_, index) => `/mnt/data/${index}.txt`);
      const { id } = emulator.createContainer({
        files: Object.fromEntries(paths.map((path) => [path, path])),
      });
      const listed: string[] = [];
      for await (const file of client.containers.files.list(id)) listed.push(file.path);
      expect(listed).toEqual(paths.toReversed());
      expect(emulator.requests).toHaveLength(3);
      const { data, has_more } = await client.containers.files.list(id, { order: "asc", limit: 45 });
      expect(data.map((file) => file.path)).toEqual(paths);
      expect(has_more).toBe(false);
    });

    it("throws a NotFoundError for every request about an expired container", async () => {
      const { client, emulator } = await start();
      const { id } = emulator.createContainer({ files: { "a.txt": "a" } });
      const [file] = emulator.containers.get(id)?.files ?? [];
      emulator.expireContainer(id);
      const calls = [
        () => client.containers.retrieve(id),
        () => client.containers.files.list(id),
        () => client.containers.files.retrieve(file?.id ?? "", { container_id: id }),
        () => client.containers.files.content.retrieve(file?.id ?? "", { container_id: id }),
        () => client.responses.create({ ...ASK, tools: [{ type: "code_interpreter", container: id }] }),
      ];
      for (const call of calls) {
        const error = await call().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(OpenAI.NotFoundError);
        expect(error).toMatchObject({ status: 404, type: "invalid_request_error", message: /expired/ });
      }
    });

    it("uploads files, adds them to containers and deletes them", async () => {
      const { client, emulator } = await start();
      const file = await toFile(new TextEncoder().encode("1,2"), "data.csv");
      const upload = await client.files.create({ file, purpose: "user_data" });
      const container = { type: "auto" as const, file_ids: [upload.id] };
      await client.responses.create({ ...ASK, tools: [{ type: "code_interpreter", container }] });
      const [created] = emulator.containers.values();
      expect(created?.files.map(({ path, source }) => [path, source])).toEqual([
        [`/mnt/data/${upload.id}-data.csv`, "user"],
        ["/mnt/data/report.csv", "assistant"],
      ]);

      const mine = await client.containers.create({
        name: "mine",
        expires_after: { anchor: "last_active_at", minutes: 5 },
      });
      expect(mine).toMatchObject({ name: "mine", status: "running", expires_after: { minutes: 5 } });
      const direct = await client.containers.files.create(mine.id, { file });
      expect(direct).toMatchObject({
        source: "user",
        bytes: 3,
        path: /^\/mnt\/data\/[0-9a-f]{32}-data\.csv$/,
      });
      const byId = await client.containers.files.create(mine.id, { file_id: upload.id });
      expect(byId.path).toBe(`/mnt/data/${upload.id}-data.csv`);
      await client.containers.files.delete(direct.id, { container_id: mine.id });
      expect((await client.containers.files.list(mine.id)).data.map(({ id }) => id)).toEqual([byId.id]);
      await client.containers.delete(mine.id);
      await expect(client.containers.retrieve(mine.id)).rejects.toThrow("404");
    });

    it("continues a conversation with the same containers", async () => {
      const { client, emulator } = await start({ script: twoContainersModel() });
      const conversation = await client.conversations.create({ metadata: { topic: "reports" } });
      const first = await client.responses.create({ ...ASK, conversation: conversation.id });
      expect(first.conversation).toEqual({ id: conversation.id });
      await client.responses.create({ ...ASK, conversation: { id: conversation.id } });
      expect(emulator.containers.size).toBe(2);
      const types: string[] = [];
      for await (const item of client.conversations.items.list(conversation.id, { order: "asc", limit: 3 })) {
        types.push(item.type);
      }
      const turn = ["message", "code_interpreter_call", "code_interpreter_call", "message"];
      expect(types).toEqual([...turn, ...turn]);
    });

    it("throws the error of a failing script without retries", async () => {
      const emulator = createResponsesEmulator({ script: () => Promise.reject(new Error("no idea")) });
      const client = new OpenAI({ apiKey: "test", fetch: emulator.fetch });
      await expect(client.responses.create(ASK)).rejects.toThrow(
        "500 The script failed for turn 0. Error: no idea",
      );
      expect(emulator.requests).toHaveLength(1);
    });
  });
}

describe("listen", () => {
  it("listens on the given port and returns its URL", async () => {
    const emulator = createResponsesEmulator({ script: compliantModel() });
    server = await emulator.listen();
    const { port } = new URL(server.url);
    expect(server.baseURL).toBe(`http://127.0.0.1:${port}/v1`);
    expect((await fetch(server.url)).status).toBe(401);
    await server.close();
    await expect(fetch(server.url)).rejects.toThrow();
    server = await emulator.listen({ port: Number(port) });
    expect(server.url).toBe(`http://127.0.0.1:${port}`);
    await expect(emulator.listen({ port: Number(port) })).rejects.toThrow("EADDRINUSE");
  });

  it("breaks a hanging stream when it closes", async () => {
    const emulator = createResponsesEmulator({
      beforeEvent: ({ sequence_number }) => (sequence_number === 3 ? new Promise<void>(() => {}) : undefined),
    });
    server = await emulator.listen();
    const client = new OpenAI6({ apiKey: "test", baseURL: server.baseURL, maxRetries: 0 });
    const stream = await client.responses.create({ ...ASK, stream: true });
    const read = (async () => {
      for await (const event of stream) if (event.sequence_number === 2) await server?.close();
    })();
    await expect(read).rejects.toThrow();
  });

  it("sends all events before the one at which the connection breaks", async () => {
    const emulator = createResponsesEmulator({
      beforeEvent: ({ sequence_number }) => {
        if (sequence_number === 3) throw new Error("connection lost");
      },
    });
    server = await emulator.listen();
    const client = new OpenAI6({ apiKey: "test", baseURL: server.baseURL, maxRetries: 0 });
    const seen: number[] = [];
    const read = (async () => {
      for await (const event of await client.responses.create({ ...ASK, stream: true })) {
        seen.push(event.sequence_number);
      }
    })();
    await expect(read).rejects.toThrow();
    expect(seen).toEqual([0, 1, 2]);
  });

  it("answers a wrong key with the API's error", async () => {
    const emulator = createResponsesEmulator({ apiKey: "right" });
    server = await emulator.listen();
    const client = new OpenAI6({ apiKey: "wrong", baseURL: server.baseURL, maxRetries: 0 });
    const error: unknown = await client.responses.create(ASK).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
  });

  it("rejects an invalid port and an empty host", async () => {
    const emulator = createResponsesEmulator();
    await expect(emulator.listen({ port: 70_000 })).rejects.toThrow(
      new TypeError("The option port must be a whole number from 0 to 65535, got 70000."),
    );
    await expect(emulator.listen({ host: "" })).rejects.toThrow(
      new TypeError('The option host must be an address, got "".'),
    );
  });
});
