/** Starts the chat of examples/chat as a process. */
import { cp, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";
import { createResponsesEmulator, type EmulatorOptions, type Script } from "../src/testing/index.js";
import { commandFolder, startScript } from "./command.js";

/** A copy of examples/chat. It is in the folder that build-command.ts creates, so that its imports find the built package. */
const folder = pathToFileURL(`${await mkdtemp(join(commandFolder, "chat-"))}/`);
await cp(new URL("../examples/chat/", import.meta.url), folder, { recursive: true });

/** The script of the example's emulated model. */
export const { script }: { script: Script } = await import(new URL("emulated.mjs", folder).href);

/** Starts the chat, and stops it when the test ends. Returns the first line that the chat prints, and the URL in that line. */
export async function startChat(env: Record<string, string> = {}): Promise<{ url: string; line: string }> {
  const line = await startScript(new URL("server.mjs", folder), { PATH: process.env.PATH, ...env });
  return { line, url: /http:\/\/\S+/.exec(line)![0] };
}

/** Starts an emulator with these options, and the chat with the emulator as its API. */
export async function startWith(options: EmulatorOptions) {
  const emulator = createResponsesEmulator(options);
  const api = await emulator.listen();
  onTestFinished(api.close);
  const { url } = await startChat({ OPENAI_API_KEY: "sk-any", OPENAI_BASE_URL: api.baseURL });
  return { emulator, url };
}
