/** The containers' files from a file, `--files`: no API needed. */
import { readFile } from "node:fs/promises";
import { isRecord } from "../../bad-input.js";
import { checkFiles, type FileSourceFunction } from "../../responses/lookup.js";
import type { ContainerFile } from "../../types.js";
import { WrongUse } from "../wrong-use.js";

/**
 * Reads what `GET /containers/{id}/files` lists: files as an array, the API's page of them, or either of these by the
 * container's id.
 *
 * @throws WrongUse when it is anything else.
 */
export async function readGivenFiles(path: string): Promise<FileSourceFunction> {
  const wrong = (why: string): WrongUse => new WrongUse(`--files ${path}: ${why}`);
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw wrong(error.message);
  });
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
  const byContainer = new Map<string, ContainerFile[]>();
  const add = (list: readonly unknown[], containerId?: string): void => {
    const files = list.map((file) =>
      containerId && isRecord(file) ? { container_id: containerId, ...file } : file,
    );
    checkFiles(files, "files");
    for (const file of files) {
      const others = byContainer.get(file.container_id);
      if (others) others.push(file);
      else byContainer.set(file.container_id, [file]);
    }
  };
  try {
    const list = listIn(given);
    if (list) add(list);
    else if (!isRecord(given)) throw new TypeError("it holds neither a list nor an object by container id");
    else {
      for (const [containerId, files] of Object.entries(given)) {
        const list = listIn(files);
        if (!list) throw new TypeError(`${containerId} is no list of files`);
        if (list.length === 0) byContainer.set(containerId, []);
        add(list, containerId);
      }
    }
  } catch (error) {
    throw wrong((error as Error).message);
  }
  return (containerId) => {
    const files = byContainer.get(containerId);
    // No file of it is known: that is another thing than a container without files.
    if (!files) throw new Error(`${path} has no list of ${containerId}`);
    return files;
  };
}

function listIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return isRecord(value) && value.object === "list" && Array.isArray(value.data) ? value.data : undefined;
}
