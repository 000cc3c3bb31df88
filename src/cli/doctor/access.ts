/** Checks the base URL, the key and the Responses endpoint. */
import { isRecord } from "../../errors.js";
import { type Finding, failed, ok, warning } from "./check.js";
import {
  type Answer,
  type Caller,
  errorCodeOf,
  isAnswer,
  type NoAnswer,
  serverAt,
  shownURL,
} from "./connection.js";
import { shortRequest } from "./task.js";

const LATER = "The service failed. Run the command again later.";

/** Checks a base URL before anything is sent to it. Returns `undefined` if nothing is wrong. */
export function checkBaseURL(baseURL: string): Finding | undefined {
  const { protocol, username, password, search, hash } = new URL(baseURL);
  const shown = shownURL(baseURL);
  if (protocol !== "https:" && protocol !== "http:") {
    return failed("OPENAI_BASE_URL is not an http: or https: URL", "Set it to the API's base URL.");
  }
  if (username || password) {
    return failed(
      `${shown} has a user or a password in it`,
      "Remove it, and set OPENAI_CUSTOM_HEADERS instead.",
    );
  }
  if (search || hash) {
    return failed(
      `${shown} has a query or a fragment in it`,
      "Remove it. At Azure, use the base URL that ends in /openai/v1, which needs no api-version.",
    );
  }
  return undefined;
}

/** Checks whether the server answered the first request, `GET /models/{model}`. */
export function checkReached(caller: Caller, first: Answer | NoAnswer): Finding {
  const shown = shownURL(caller.baseURL);
  if (!isAnswer(first)) return failed(first.problem, first.advice);
  const { status, type } = first;
  if (status >= 300 && status < 400) {
    return failed(
      `${shown} answers with a redirect (${status})`,
      "Set OPENAI_BASE_URL to the address that it redirects to. Check http: or https:, and the path.",
    );
  }
  if (type === "text/html" && status < 400) {
    return failed(
      `${shown} answers with a web page`,
      "OPENAI_BASE_URL must be the base URL of the API, not of its website. It mostly ends in /v1.",
    );
  }
  if (status >= 500) return warning(`${shown} answers with ${status}`, LATER);
  return ok(`${shown} answers`);
}

/** Checks whether the server accepted the key. */
export function checkKey(caller: Caller, first: Answer): Finding {
  if (!caller.hasKey) {
    return failed(
      "OPENAI_API_KEY is not set",
      "Set OPENAI_API_KEY to your key. To see a run without a key, add --emulate.",
    );
  }
  const { status } = first;
  const said = quoted(caller.messageOf(first));
  if (errorCodeOf(first) === "unsupported_country_region_territory") {
    return failed(`the API answered ${status}${said}`, "The API does not serve the country of your address.");
  }
  if (status === 401 && !lacksScope(caller.messageOf(first))) {
    return failed(`the API answered 401${said}`, KEY_ADVICE[serverAt(caller.baseURL)]);
  }
  if (status === 401 || status === 403) return ok("is known, but may not read models, which does no harm");
  if (status < 300) return ok("is accepted");
  return ok(`was not refused (GET /models answered ${status}, which does no harm)`);
}

/** Returns whether the message of a 401 means that the key is right but restricted. */
function lacksScope(message: string): boolean {
  return /insufficient permissions|missing scopes/i.test(message);
}

const KEY_ADVICE = {
  openai:
    "Check OPENAI_API_KEY: the whole key, without quotes. Keys are at https://platform.openai.com/api-keys. " +
    "OPENAI_ORG_ID and OPENAI_PROJECT_ID must be those of the key, or not be set.",
  azure: "Use a key of the resource in OPENAI_BASE_URL, or a Microsoft Entra token.",
  foundry: "Use a Microsoft Entra token for https://ai.azure.com. It is valid for about an hour.",
  gateway:
    "Use the gateway's own key, not the provider's. OPENAI_CUSTOM_HEADERS adds headers if it needs some.",
} as const;

/** Checks the Responses endpoint with a short request. */
export async function checkResponses(caller: Caller, model: string): Promise<Finding> {
  const answer = await caller.post("/responses", shortRequest(model));
  if (!isAnswer(answer)) return failed(answer.problem, answer.advice);
  const { status, json } = answer;
  if (status < 300 && isRecord(json) && Array.isArray(json.output)) return ok(`${model} answers`);
  const said = quoted(caller.messageOf(answer));
  if (status < 300) {
    return failed(
      "the answer is not a response",
      "OPENAI_BASE_URL must serve the Responses API, not only Chat Completions.",
    );
  }
  return failed(`the API answered ${status}${said}`, adviceForResponses(answer, caller));
}

function adviceForResponses(answer: Answer, caller: Caller): string {
  const { status } = answer;
  const code = errorCodeOf(answer);
  if (code === "insufficient_quota") return "Add credit to the account, or use the key of another project.";
  if (status === 429) return "There are too many requests for the key's limits. Run the command again later.";
  if (code !== "model_not_found" && (status === 401 || status === 403)) {
    return "The key may not create responses. Give it this permission, or use another key.";
  }
  if (code === "model_not_found" || (status < 500 && /\bmodel\b/i.test(caller.messageOf(answer)))) {
    return "Choose a model that the key may use with --model. At Azure, the model is the deployment's name.";
  }
  if (status === 404 || status === 405) {
    return "OPENAI_BASE_URL must be the part of the URL before /responses. It mostly ends in /v1.";
  }
  if (status >= 500) return LATER;
  return "Correct what the message says, or choose another model with --model.";
}

/**
 * Returns a server's message in the form `: message`, for the end of a sentence. Returns an empty text if there is no message.
 */
export function quoted(message: string): string {
  return message === "" ? "" : `: ${message}`;
}
