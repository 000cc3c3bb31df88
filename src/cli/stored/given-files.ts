/** Reads the containers' file lists from the file of `--files`, so that the API is not needed. */
import { readFile } from "node:fs/promises";
import { checkFiles, type FileSourceFunction } from "../../containers/listing.js";
import { isRecord } from "../../errors.js";
import type { ContainerFile } from "../../types.js";
import { WrongUse } from "../wrong-use.js";

/**
 * Reads file lists from a JSON file. The JSON file holds an array of container files, or a page of `GET /containers/{id}/files`.
 * It can also hold an object with an array or a page for each container id.
 *
 * @throws WrongUse for any other content.
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
      // The keys of the JSON file are the container ids that the responses contain. A gateway may put other ids into the file
      // entries, so `container_id` is replaced by the key.
      containerId !== undefined && isRecord(file) ? { ...file, container_id: containerId } : file,
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
    else
      for (const [containerId, files] of entriesOf(given)) {
        if (files.length === 0) byContainer.set(containerId, []);
        add(files, containerId);
      }
  } catch (error) {
    throw wrong((error as Error).message);
  }
  return (containerId) => {
    const files = byContainer.get(containerId);
    // An unknown container is an error. A container without files has an empty list.
    if (!files) throw new Error(`${path} has no list of ${containerId}`);
    return files;
  };
}

/** Returns the container ids and lists of an object whose keys are container ids. */
function entriesOf(value: unknown): [containerId: string, files: readonly unknown[]][] {
  if (!isRecord(value)) {
    throw new TypeError("it holds neither a list nor an object with a list for each container id");
  }
  return Object.entries(value).map(([containerId, files]) => {
    const list = listIn(files);
    if (list) return [containerId, list];
    throw new TypeError(`${containerId} is not a list of files: expected an array or a page of the API`);
  });
}

function listIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return isRecord(value) && value.object === "list" && Array.isArray(value.data) ? value.data : undefined;
}
