/** Finds the folder `../shared`, which has OpenAI's schema and API recordings. Prints a note if the tests do not use it. */
import { existsSync } from "node:fs";

/** With SHARED=none, the tests run as in a clone without the folder `../shared`. */
const isLeftOut = process.env.SHARED === "none";
export const sharedFolder = new URL("../../shared/", import.meta.url);

/** True if the tests also use `../shared`. In CI without SHARED=none, a missing folder makes the tests fail. */
export const hasShared = !isLeftOut && (existsSync(sharedFolder) || Boolean(process.env.CI));

export default function setup(): void {
  if (!hasShared)
    console.log("There is no ../shared. The tests use the repository's own recordings and schema.");
}
