/** Chooses the file lists that `repair` and `stats` use: those of `--files`, the API's, or none. */
import { contextOf } from "../../responses/repair.js";
import type { RepairContext } from "../../responses/response-repair.js";
import { apiOf } from "../api.js";
import { readGivenFiles } from "./given-files.js";

/** The time limit for lists. It is longer than the library's default, because no user waits for a single response here. */
const LIST_TIMEOUT_MS = 60_000;

/**
 * The error for a response that needs a file list when there are no lists. All responses share one object, because each new error
 * would capture a stack.
 */
export const NO_LISTS = new Error("there are no file lists");

export interface StoredContext {
  context: RepairContext;
  /** Where file lists come from. `"none"`: the user gave neither `--files` nor a key, so each request fails with `NO_LISTS`. */
  lists: "file" | "api" | "none";
}

/**
 * Returns the context for repairing stored responses. The file lists come from the file `files`, or from the API if `files` is
 * `undefined`. If there is also no key for the API, each request for a list fails with `NO_LISTS`.
 *
 * @throws WrongUse if the file holds no lists, or if the settings of the API are wrong.
 */
export async function contextFor(files: string | undefined): Promise<StoredContext> {
  // No retries: the lists in a file do not change, so a retry would get the same list.
  if (files !== undefined)
    return { context: contextOf(await readGivenFiles(files), { retries: 0 }), lists: "file" };
  const api = apiOf(process.env);
  if (!api) {
    const fail = (): never => {
      throw NO_LISTS;
    };
    return { context: contextOf(fail, { retries: 0 }), lists: "none" };
  }
  const context = {
    ...contextOf(api, { timeoutMs: LIST_TIMEOUT_MS }),
    getResponse: (id: string, signal: AbortSignal) => api.getResponse(id, signal),
  };
  return { context, lists: "api" };
}
