/** Helpers for tests of the emulator: requests, and the texts that annotations cover. */
import { expect } from "vitest";
import type { ResponsesEmulator } from "../src/testing/index.js";

export type Json = Record<string, unknown>;

export const BASE = "https://api.openai.com/v1";
export const AUTH = { authorization: "Bearer test" };
export const TOOLS = [{ type: "code_interpreter", container: { type: "auto" } }];

export async function call(emulator: ResponsesEmulator, method: string, path: string, body?: unknown) {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await emulator.fetch(`${BASE}/${path}`, { method, headers: AUTH, ...init });
  return { status: response.status, body: (await response.json()) as Json };
}

export async function respond(emulator: ResponsesEmulator, body: Json = {}): Promise<Json> {
  const response = await call(emulator, "POST", "responses", {
    model: "gpt-5",
    input: "Go.",
    tools: TOOLS,
    ...body,
  });
  expect(response.status, JSON.stringify(response.body)).toBe(200);
  return response.body;
}

export interface Part {
  readonly text: string;
  readonly annotations: readonly {
    start_index: number;
    end_index: number;
    filename: string;
    container_id: string;
  }[];
}

export function parts(response: Json): Part[] {
  const output = response.output as { content?: Part[] }[];
  return output.flatMap(({ content }) => content ?? []);
}

export function itemsOf(response: Json, type: string): Json[] {
  return (response.output as Json[]).filter((item) => item.type === type);
}

/** Returns the text that each annotation of a response covers, `""` for an empty range. */
export function cited(response: Json): string[] {
  return parts(response).flatMap(({ text, annotations }) =>
    annotations.map(({ start_index, end_index }) => [...text].slice(start_index, end_index).join("")),
  );
}
