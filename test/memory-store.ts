/** Provides stores for tests: one in memory that records its calls and can fail, one that stays empty, and one that hangs. */
import { createFileRoute, type FileStore, type StoredFile } from "../src/files/route.js";
import { SECRET } from "./file-route.js";

interface Copy {
  file: StoredFile;
  bytes: Uint8Array<ArrayBuffer>;
}

export function memoryStore(overrides: Partial<FileStore> = {}) {
  const copies = new Map<string, Copy>();
  const calls = { put: [] as string[], get: [] as string[] };
  const real: FileStore = {
    async put(key, file, stream) {
      copies.set(key, { file, bytes: new Uint8Array(await new Response(stream).arrayBuffer()) });
    },
    async get(key) {
      const copy = copies.get(key);
      if (!copy) return undefined;
      const { file, bytes } = copy;
      return {
        file,
        size: bytes.length,
        stream: ({ start, end } = { start: 0, end: bytes.length }) =>
          new Blob([bytes.subarray(start, end)]).stream(),
      };
    },
  };
  const store: FileStore = {
    put(key, file, stream) {
      calls.put.push(key);
      return (overrides.put ?? real.put)(key, file, stream);
    },
    get(key) {
      calls.get.push(key);
      return (overrides.get ?? real.get)(key);
    },
  };
  return { store, copies, calls, overrides, real };
}

/** A store whose functions never settle. */
export const HANGING: FileStore = { put: () => new Promise(() => {}), get: () => new Promise(() => {}) };

/** A store that never has a file, so that each answer comes from the container. */
export const EMPTY: FileStore = {
  put: async (_, __, stream) => void (await new Response(stream).arrayBuffer()),
  get: async () => undefined,
};

/** Returns a file route that uses `store`. `answer` answers the route's requests to the API. */
export function routeWith(
  store: FileStore,
  answer: (headers: Record<string, string>) => Response | Promise<Response>,
  options: { expiresIn?: number; onError?: (error: unknown) => void } = {},
) {
  const retrieve = async (_: string, __: unknown, { headers = {} }: { headers?: Record<string, string> }) =>
    answer(headers);
  const client = { containers: { files: { content: { retrieve } } } };
  return createFileRoute(client, { secret: SECRET, store, onError: () => {}, ...options });
}
