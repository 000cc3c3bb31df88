/** Reads `../shared`, which is not part of the repository. Its recordings, schema and cases are an additional check. */
import { readFileSync } from "node:fs";
import { describe } from "vitest";
import { hasShared, sharedFolder } from "./shared-folder.js";

export { hasShared };

/** A `describe` for tests about the files in `../shared`. Declares nothing if the folder is missing. */
export function describeShared(name: string, tests: () => void): void {
  if (hasShared) describe(name, tests);
}

export function readShared(path: string): string {
  return readFileSync(new URL(path, sharedFolder), "utf8");
}
