/** Checks whether the list of a container's files can be read, and whether it has the file that Python wrote. */
import { inPages } from "../../containers/listing.js";
import { pagesOfFetch } from "../../containers/pages.js";
import { pause } from "../../containers/retries.js";
import { asError } from "../../errors.js";
import type { ContainerFile } from "../../types.js";
import { quoted } from "./access.js";
import { type Finding, failed, ok, warning } from "./check.js";
import { type Answer, type Caller, isAnswer, type NoAnswer, type Server, serverAt } from "./connection.js";
import { FILENAME, PATH } from "./task.js";

type Fetch = typeof globalThis.fetch;

/** The pauses before the list is requested again. A list can lag behind the container, so it may lack a new file. */
const PAUSES_MS = [250, 500];
const LONGEST_LIST_MS = 20_000;

/** The finding of the check, and the file that Python wrote, if the list has it. */
export interface Listed {
  finding: Finding;
  file: ContainerFile | undefined;
  /**
   * Why later checks are skipped. `"no file"`: the list was read and lacks the file, so the model has not written it.
   * `"no containers"`: the server has no container routes.
   */
  lack?: "no file" | "no containers";
}

/** Reads the container's file list as the library does. If this fails, sends further requests to find out why. */
export async function checkList(caller: Caller, fetch: Fetch, containerId: string): Promise<Listed> {
  let files: ContainerFile[];
  try {
    files = await filesOf(caller, fetch, containerId);
  } catch (error) {
    if (caller.signal.aborted) throw error;
    return { file: undefined, ...(await explain(caller, containerId, asError(error))) };
  }
  const file = newest(files.filter(({ path }) => path === PATH));
  if (file) {
    const others = files.length - 1;
    const count = others === 0 ? "" : `, and ${others} other file${others === 1 ? "" : "s"}`;
    return { finding: ok(`can be read: ${PATH}${count}`), file };
  }
  if (files.some(({ path }) => path.endsWith(FILENAME))) return { finding: relative(), file: undefined };
  return { finding: missing(files.length), file: undefined, lack: "no file" };
}

/** Lists the files. If the list lacks the file, requests the list again after each of the pauses. */
async function filesOf(caller: Caller, fetch: Fetch, containerId: string): Promise<ContainerFile[]> {
  const headers = Object.fromEntries(caller.headers);
  const list = inPages(
    pagesOfFetch(
      fetch,
      { retries: 1, timeoutMs: LONGEST_LIST_MS },
      { base: caller.baseURL, search: "", headers },
    ),
  );
  const read = (): Promise<ContainerFile[]> =>
    list(containerId, AbortSignal.any([caller.signal, AbortSignal.timeout(LONGEST_LIST_MS)]), () => {});
  let files = await read();
  for (const ms of PAUSES_MS) {
    if (files.some(({ path }) => path.endsWith(FILENAME))) break;
    await pause(ms, caller.signal);
    files = await read();
  }
  return files;
}

function newest(files: readonly ContainerFile[]): ContainerFile | undefined {
  return [...files].sort((a, b) => b.created_at - a.created_at)[0];
}

function relative(): Finding {
  return warning(
    `can be read, but ${FILENAME} is not in /mnt/data`,
    "The server lists relative paths or another folder, so that no citation can be recovered from its list. " +
      "If the folder is fixed, name it in the option roots.",
  );
}

function missing(count: number): Finding {
  return failed(
    `can be read, but has no ${FILENAME} (${count} other file${count === 1 ? "" : "s"})`,
    "The model's code wrote no such file. Run the command again, or choose another model with --model.",
  );
}

/** Returns the finding that says why the list could not be read. */
async function explain(caller: Caller, containerId: string, error: Error): Promise<Omit<Listed, "file">> {
  const answer = await caller.get(`/containers/${encodeURIComponent(containerId)}/files?limit=100`);
  if (!isAnswer(answer)) return { finding: failed(answer.problem, answer.advice) };
  const { status } = answer;
  const server = serverAt(caller.baseURL);
  const seen = `the API answered ${status}${quoted(caller.messageOf(answer))}`;
  if (status === 401 || status === 403) return { finding: failed(seen, NO_RIGHT[server]) };
  if (status === 429 || status >= 500) {
    return { finding: failed(seen, "The service failed. Run the command again later.") };
  }
  if (status === 404 && hasRoutes(await caller.get("/containers?limit=1"))) {
    return { finding: failed(seen, NOT_FOUND[server]) };
  }
  const what = status < 300 ? error.message : status === 404 ? "GET /containers answers 404" : seen;
  return {
    finding: failed(`the server has no containers: ${what}`, NO_ROUTES[server]),
    lack: "no containers",
  };
}

/**
 * Returns whether the server has `GET /containers`, judging by its answer. The statuses 401 and 403 count too: the server has the
 * route, but the key may not read the list.
 */
function hasRoutes(answer: Answer | NoAnswer): boolean {
  return isAnswer(answer) && [200, 401, 403].includes(answer.status) && answer.type !== "text/html";
}

const OTHER_CLIENT =
  "Or repair the responses with a client that has another key: repairResponse(response, client), docs/troubleshooting.md.";
const FOUNDRY =
  "A container belongs to its project. Set OPENAI_BASE_URL to the project's endpoint, " +
  "https://ACCOUNT.services.ai.azure.com/api/projects/PROJECT/openai/v1, and OPENAI_API_KEY to a Microsoft Entra " +
  "token for https://ai.azure.com.";
const AZURE =
  "Use the v1 API: OPENAI_BASE_URL=https://RESOURCE.openai.azure.com/openai/v1, without an api-version. " +
  "Older versions have no containers.";

/** Advice for a key that may not read containers. */
const NO_RIGHT: Record<Server, string> = {
  openai: `The key may create responses, but not read containers. Give it this permission. ${OTHER_CLIENT}`,
  azure: `Use a key of the resource that runs the code. If that is a Foundry project: ${FOUNDRY}`,
  foundry: FOUNDRY,
  gateway: `The gateway's key may not read containers. Give it this permission, or use an admin key. ${OTHER_CLIENT}`,
};

/** Advice for a server that has container routes but does not know the container. */
const NOT_FOUND: Record<Server, string> = {
  openai:
    "The container has expired, or it is in a different project than the key. Check OPENAI_PROJECT_ID, and run the " +
    "command again.",
  azure: `The container belongs to another resource or project. ${FOUNDRY}`,
  foundry: FOUNDRY,
  gateway:
    "The gateway does not know the container's id, or the container has expired. Run the command again, update the " +
    "gateway, or repair the responses with a client of the provider: repairResponse(response, client), " +
    "docs/troubleshooting.md.",
};

/** Advice for a server without container routes. */
const NO_ROUTES: Record<Server, string> = {
  openai: "Set OPENAI_BASE_URL to https://api.openai.com/v1, or remove it.",
  azure: AZURE,
  foundry: FOUNDRY,
  gateway:
    "The gateway has no container routes. Update it, or repair the responses with a client of the provider behind it: " +
    "repairResponse(response, client), docs/troubleshooting.md.",
};
