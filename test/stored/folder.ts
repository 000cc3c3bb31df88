/**
 * Creates a temporary folder with a JSON list of the files of all containers. The folder is inside `commandFolder` and is removed
 * with it.
 */
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandFolder } from "../command.js";
import { fileOf } from "./responses.js";

export const folder = await mkdtemp(join(commandFolder, "stored-"));
export const at = (name: string): string => join(folder, name);
export const list = at("list.json");
await writeFile(list, JSON.stringify(Array.from({ length: 40 }, (_, n) => fileOf(n))));
