/** Finds `../shared`, and says once before all tests if it is missing. It has OpenAI's schema and recordings of its API. */
import { existsSync } from "node:fs";

/** SHARED=none runs the tests as in a clone that has no such folder beside it. */
const isLeftOut = process.env.SHARED === "none";
export const sharedFolder = new URL("../../shared/", import.meta.url);

/** Whether the tests also check against `../shared`. This is required in CI: if the folder is missing, the tests fail there. */
export const hasShared = !isLeftOut && (existsSync(sharedFolder) || Boolean(process.env.CI));

export default function setup(): void {
  if (!hasShared)
    console.log("There is no ../shared. The tests use the repository's own recordings and schema.");
}
