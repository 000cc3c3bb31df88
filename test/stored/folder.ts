/** Creates a temporary folder for a test file. The folder contains a list of the files of all containers. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { fileOf } from "./responses.js";

export const folder = await mkdtemp(join(tmpdir(), "repair-test-"));
export const at = (name: string): string => join(folder, name);
export const list = at("list.json");
await writeFile(list, JSON.stringify(Array.from({ length: 40 }, (_, n) => fileOf(n))));
afterAll(() => rm(folder, { recursive: true }));
