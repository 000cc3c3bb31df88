/** `openai-file-citations/node`: exports a sink and a store that write to disk. Runs on Node.js and compatible runtimes. */
import type { FileStore, FoundFile, StoredFile } from "./files/store.js";

export { directory } from "./files/directory.js";
export { directoryStore } from "./files/directory-store.js";
export type { FileStore, FoundFile, StoredFile };
