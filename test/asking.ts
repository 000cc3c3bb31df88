/** What tests of `ask` need: a folder to save into, and an API on loopback with the environment that leads there. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import {
  createResponsesEmulator,
  type EmulatorOptions,
  type ListeningServer,
  type ResponsesEmulator,
  type Script,
} from "../src/testing/index.js";

export let folder: string;

let server: ListeningServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ask-test-"));
  server = undefined;
});

afterEach(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

/** An API on loopback, and the environment that leads there. */
export async function serve(
  options: EmulatorOptions = {},
): Promise<{ emulator: ResponsesEmulator; env: NodeJS.ProcessEnv }> {
  const emulator = createResponsesEmulator({ apiKey: "sk-secret", ...options });
  server = await emulator.listen();
  return { emulator, env: { OPENAI_API_KEY: "sk-secret", OPENAI_BASE_URL: server.baseURL } };
}

export const saying =
  (text: string, files: Record<string, string> = {}): Script =>
  () => [
    { type: "python", code: "…", files },
    { type: "message", text },
  ];
