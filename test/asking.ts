/**
 * Setup for tests of the commands `ask`, `download` and `doctor`: a temporary folder, an emulator, and the environment variables
 * that make a command use the emulator.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, onTestFinished } from "vitest";
import {
  createResponsesEmulator,
  type EmulatorOptions,
  type ResponsesEmulator,
  type Script,
} from "../src/testing/index.js";

/** The temporary folder of the current test. */
export let folder: string;

/**
 * Gives each test of a file a temporary folder. Each test file must call this function. Hooks at the top level of this module
 * would run for one test file only, because the test files share the module.
 */
export function useFolder(): void {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ask-test-"));
  });
  afterEach(() => rm(folder, { recursive: true }));
}

/** Starts an emulator on loopback. Returns the emulator, and the environment that makes a command use the emulator. */
export async function serve(
  options: EmulatorOptions = {},
): Promise<{ emulator: ResponsesEmulator; env: NodeJS.ProcessEnv }> {
  const emulator = createResponsesEmulator({ apiKey: "sk-secret", ...options });
  const server = await emulator.listen();
  onTestFinished(server.close);
  return { emulator, env: { OPENAI_API_KEY: "sk-secret", OPENAI_BASE_URL: server.baseURL } };
}

/** Returns a script that writes files and then a text. */
export const saying =
  (text: string, files: Record<string, string> = {}): Script =>
  () => [
    { type: "python", code: "…", files },
    { type: "message", text },
  ];
