/** Makes the arguments of `saveFiles` for tests: a response, a client whose downloads the test answers, and a sink. */
import { createHash } from "node:crypto";
import { vi } from "vitest";
import type { Sink } from "../src/index.js";
import { message, response } from "./upstream.js";

export const sha256 = (bytes: string | Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

/** Returns a sink that keeps the bytes of each file in memory, and the map of these bytes by file name. */
export function memory() {
  const kept = new Map<string, Buffer>();
  const sink: Sink<string> = async (file, stream) => {
    kept.set(file.filename, Buffer.from(await new Response(stream).arrayBuffer()));
    return `memory:${file.filename}`;
  };
  return { kept, sink };
}

export function citing(...names: string[]): { output: unknown[] } {
  const annotations = names.map((filename, at) => ({
    type: "container_file_citation",
    container_id: "cntr_1",
    file_id: `cfile_${at}`,
    filename,
    start_index: 0,
    end_index: 0,
  }));
  return response([message({ text: "x", annotations })]);
}

/** Returns a client whose downloads are answered by `answer`. */
export function clientOf(answer: (fileId: string) => Response | Promise<Response>) {
  return { containers: { files: { content: { retrieve: async (fileId: string) => answer(fileId) } } } };
}

/** Advances the fake clock past all pauses. Returns the promise's result. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  await vi.advanceTimersByTimeAsync(120_000);
  return promise;
}

export const overloaded = (status: number): Error => Object.assign(new Error(`${status}`), { status });
