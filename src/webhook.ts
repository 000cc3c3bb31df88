/**
 * The entry point `openai-file-citations/webhook`: verifies OpenAI's deliveries and passes on the repaired responses. This file
 * is long because a third of it documents the options.
 */

import { type OpenAIClient, withFileCitations } from "./client.js";
import { getterFor } from "./containers/ids.js";
import { withoutServerText } from "./containers/retries.js";
import { badInput, isRecord, notify } from "./errors.js";
import { checkStore, type FileStore, type FoundFile, type StoredFile } from "./files/store.js";
import { copyCited, createStoreCopies } from "./files/store-copies.js";
import { reportOf } from "./http/fetch.js";
import type { FileCitationsOptions } from "./options.js";
import { outputTextsOf } from "./responses/items.js";
import { repairResponse } from "./responses/repair.js";
import type { Report } from "./types.js";
import { answer, type Delivery, verify } from "./webhook-request.js";

export type { FileStore, FoundFile, StoredFile };

/** An OpenAI client of any version and class. It verifies deliveries and retrieves responses. */
export interface WebhookClient extends OpenAIClient {
  webhookSecret: string | null;
  webhooks: { unwrap(payload: string, headers: Record<string, string>): PromiseLike<unknown> };
  responses: {
    retrieve(
      id: string,
      query: { include?: "code_interpreter_call.outputs"[] },
    ): { withResponse(): PromiseLike<{ data: unknown; response: Response }> };
  };
}

/** A complete response, in the client's own types. */
export type ResponseOf<Client extends WebhookClient> = Extract<
  Awaited<ReturnType<Client["responses"]["retrieve"]>>,
  { output: unknown }
>;

/**
 * A store that records which deliveries were handled. Several processes or machines can share it. OpenAI sends a delivery
 * again until the answer is 200, and may send it twice at the same time. Each function gets the delivery's `webhook-id` and may
 * return a promise. docs/webhook.md has a store for Redis and one for PostgreSQL.
 *
 * @example
 * ```ts
 * import type { WebhookDeliveries } from "openai-file-citations/webhook";
 *
 * const states = new Map<string, "busy" | "done">();
 * // For one process. In a shared store, `claim` must read and write in one atomic step.
 * export const deliveries: WebhookDeliveries = {
 *   claim(id) {
 *     const before = states.get(id);
 *     if (!before) states.set(id, "busy");
 *     return before ?? "new";
 *   },
 *   done: (id) => states.set(id, "done"),
 *   release: (id) => states.delete(id),
 * };
 * ```
 */
export interface WebhookDeliveries {
  /**
   * Claims a delivery atomically. One caller gets `"new"` and handles the delivery. Until `done` or `release` is called, all
   * other callers get `"busy"`, and the handler answers 409, so that OpenAI delivers again. After `done`, all callers get
   * `"done"`, and the handler answers 200. A claim should expire, because a process that dies calls neither `done` nor
   * `release`.
   *
   * If `claim` throws, rejects or returns another value, the handler answers 500 and calls `onError`.
   */
  claim(deliveryId: string): "new" | "busy" | "done" | PromiseLike<"new" | "busy" | "done">;
  /**
   * Marks a claimed delivery as handled. Keep the mark for four days, because OpenAI delivers again for up to three days. If
   * `done` throws or rejects, `onError` is called and the handler still answers 200, because the delivery was handled.
   */
  done(deliveryId: string): unknown;
  /**
   * Gives up the claim of a delivery that could not be handled: the next `claim` returns `"new"`. If `release` throws or
   * rejects, `onError` is called and the handler still answers 500. The claim then stays until it expires. After that, the
   * next delivery of the event is handled.
   */
  release(deliveryId: string): unknown;
}

/**
 * Options of {@link createWebhookHandler}: its own, and most options of `withFileCitations`. If the client is already
 * wrapped by `withFileCitations`, it keeps the options that it was wrapped with. Then the handler ignores the options of
 * `withFileCitations` that are given here, except `onReport` and `includeOutputs`.
 */
export interface WebhookOptions<Response> extends Omit<FileCitationsOptions, "instruction"> {
  /**
   * Called with each response that has ended, with all its citations. Its `status` is completed, incomplete or failed. If the
   * callback throws or rejects, the handler answers 500 and OpenAI delivers again. OpenAI waits only a few seconds and treats
   * a slower answer as a failure, so put slow work into a queue or the runtime's `waitUntil`.
   *
   * @param report the report on the response's citations.
   * @param deliveryId the delivery's `webhook-id`. It is the same for each delivery of the event.
   */
  onResponse: (response: Response, report: Report, deliveryId: string) => unknown;
  /**
   * Records which deliveries were handled. Needed if several processes receive deliveries. By default, this process remembers
   * the latest 10,000. A delivery that arrives twice at the same time is handled once, and both requests get the same answer.
   */
  deliveries?: WebhookDeliveries | undefined;
  /**
   * Keeps the container files that a response cites. Files that the store does not have yet are copied into it, four at a time,
   * before `onResponse` is called. A file route with the same store serves them after the container has expired. If a file
   * cannot be copied, `onError` is called, and the delivery is still handled. Default: none.
   */
  store?: FileStore | undefined;
  /**
   * Called with the error if
   *
   * - the handler answers 500,
   * - `done` or `release` of `deliveries` throws or rejects, or
   * - a file cannot be copied into the `store`.
   *
   * Errors that the callback throws or rejects with are ignored. Default `console.error`.
   */
  onError?: ((error: unknown) => unknown) | undefined;
}

/** How many handled deliveries are remembered in memory if the option `deliveries` is not set. */
const MOST_DELIVERIES = 10_000;
const STORE = "an object with the functions claim, done and release";

/**
 * Creates a handler for OpenAI's webhooks. For each `response.completed`, `response.incomplete` or `response.failed` event, it
 * retrieves the response, repairs it and passes it to `onResponse` once. The handler never rejects, and answers
 *
 * - 200 if the delivery was handled, now or earlier. Also 200 for events of other types, which the handler ignores;
 * - 400 if the signature is missing, wrong or older than five minutes, or the body is not an event;
 * - 405 for methods other than POST, 413 for more than 1 MiB;
 * - 409 while the `deliveries` store says that another process is handling the delivery;
 * - 500 if the response cannot be retrieved, `onResponse` throws or rejects, or `claim` of the `deliveries` fails. A response
 *   that was deleted or belongs to another project cannot be retrieved: the API answers 404.
 *
 * After a 409 or 500, OpenAI delivers again, for up to three days.
 *
 * In Cloudflare Workers, openai 5 and 6 need the flag `nodejs_compat` to verify signatures; openai 7 does not.
 *
 * @param client an OpenAI client with a `webhookSecret`. The SDK reads it from `OPENAI_WEBHOOK_SECRET` by default.
 * @throws {TypeError} if `client` is not an OpenAI client or has no secret, or an option is wrong.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { saveFiles } from "openai-file-citations";
 * import { directory } from "openai-file-citations/node";
 * import { createWebhookHandler } from "openai-file-citations/webhook";
 *
 * const client = new OpenAI(); // reads OPENAI_API_KEY and OPENAI_WEBHOOK_SECRET
 * export const POST = createWebhookHandler(client, {
 *   onResponse: (response) => saveFiles(client, response, directory("downloads")),
 * });
 * ```
 */
export function createWebhookHandler<Client extends WebhookClient>(
  client: Client,
  options: WebhookOptions<ResponseOf<Client>>,
): (request: Request) => Promise<Response> {
  checkClient(client);
  checkOptions(options);
  const {
    onResponse,
    deliveries,
    store,
    onError = (error: unknown) => console.error(error),
    ...repairOptions
  } = options;
  const repairing = withFileCitations(client, repairOptions);
  const handled = deliveries ?? deliveriesInMemory();
  const copies = store && createStoreCopies(client, store, onError);
  // Without the option `deliveries`, a delivery that arrives twice at once is handled once, and no request gets a 409.
  const handle = deliveries ? handleClaimed : sharingOutcomes(handleClaimed);

  async function handleClaimed({ deliveryId, responseId }: Delivery): Promise<Response> {
    const claim = checkClaim(await handled.claim(deliveryId));
    if (claim === "busy") return answer(409, "another process is handling the delivery");
    if (claim === "done") return answer(200, "the delivery was handled before");
    try {
      const { response, report } = await read(responseId);
      if (copies) await copyCited(copies, response);
      await onResponse(response, report, deliveryId);
    } catch (error) {
      await catchError(() => handled.release(deliveryId));
      return fail(error);
    }
    // The answer is 200 even if `done` fails, because after a 500 the same delivery would be handled a second time.
    await catchError(() => handled.done(deliveryId));
    return answer(200, "handled");
  }

  /** Awaits `action`. If it throws or rejects, passes the error to `onError`. */
  async function catchError(action: () => unknown): Promise<void> {
    try {
      await action();
    } catch (error) {
      notify(onError, error);
    }
  }

  /** Retrieves a response and repairs it. */
  async function read(id: string): Promise<{ response: ResponseOf<Client>; report: Report }> {
    const query =
      repairOptions.includeOutputs === false ? {} : { include: ["code_interpreter_call.outputs" as const] };
    const { data, response: raw } = await retrieve(repairing, id, query).then(undefined, (error: unknown) => {
      // If the body is not a response, the SDK throws a TypeError that quotes the body. A quoted body must not get into logs.
      throw error instanceof TypeError ? noResponse(id) : withoutServerText(error);
    });
    if (!isRecord(data) || !Array.isArray(data.output)) throw noResponse(id);
    const response = data as unknown as ResponseOf<Client> & { status?: unknown };
    if (response.status === "queued" || response.status === "in_progress") {
      throw new Error(
        `the webhook says that the response ${id} has ended, but its status is ${response.status}`,
      );
    }
    const report = reportOf(raw);
    // If there is no report, the client's `fetch` did not repair the response, for example because its content type is not JSON.
    if (!report) return repairResponse(response, client, repairOptions);
    // If `client` was already wrapped, it has reported to its own `onReport`. The handler's `onReport` still needs the report.
    if (repairing === client) notify(repairOptions.onReport, report);
    return { response, report };
  }

  function fail(error: unknown): Response {
    notify(onError, error);
    return answer(500, "the delivery could not be handled");
  }

  return async (request) => {
    try {
      const delivery = await verify(request, client.webhooks);
      return delivery instanceof Response ? delivery : await handle(delivery);
    } catch (error) {
      return fail(error);
    }
  };
}

/** Wraps `handle`. If a delivery arrives again while it is being handled, the second call gets the outcome of the first. */
function sharingOutcomes(handle: (delivery: Delivery) => Promise<Response>): typeof handle {
  const running = new Map<string, Promise<Response>>();
  return async (delivery) => {
    const { deliveryId } = delivery;
    let outcome = running.get(deliveryId);
    if (!outcome) {
      outcome = handle(delivery).finally(() => running.delete(deliveryId));
      running.set(deliveryId, outcome);
    }
    return (await outcome).clone();
  };
}

type Retrieval = ReturnType<WebhookClient["responses"]["retrieve"]>;

/**
 * Retrieves a response, with the field `output_text`. The SDK's `retrieve` adds this field. The SDK's `get` does not, so this
 * function adds the field after a `get`.
 */
async function retrieve(
  client: WebhookClient,
  id: string,
  query: Parameters<WebhookClient["responses"]["retrieve"]>[1],
): Promise<{ data: unknown; response: Response }> {
  const get = getterFor(client, [id]);
  if (!get) return client.responses.retrieve(id, query).withResponse();
  const answer = get(`/responses/${encodeURIComponent(id)}`, { query }) as Retrieval;
  const { data, response } = await answer.withResponse();
  if (!isRecord(data) || !Array.isArray(data.output)) return { data, response };
  const messages = data.output.filter((item) => isRecord(item) && item.type === "message");
  return { data: { ...data, output_text: messages.flatMap(outputTextsOf).join("") }, response };
}

function noResponse(id: string): Error {
  return new Error(`the API's answer for ${id} is not a response`);
}

function checkClient(client: WebhookClient): void {
  const { webhooks, responses } = Object(client) as Partial<WebhookClient>;
  if (typeof webhooks?.unwrap !== "function" || typeof responses?.retrieve !== "function") {
    throw badInput("client", "an OpenAI client, with webhooks.unwrap and responses.retrieve", client);
  }
  if (typeof client.webhookSecret !== "string" || client.webhookSecret === "") {
    throw badInput(
      "client.webhookSecret",
      "the secret that OpenAI signs with (OPENAI_WEBHOOK_SECRET)",
      client.webhookSecret,
    );
  }
}

/** Checks the options of the webhook handler itself. `withFileCitations` checks the others. */
function checkOptions(options: unknown): void {
  if (!isRecord(options)) throw badInput("options", "an object with onResponse", options);
  for (const name of ["alreadySeen", "forget"]) {
    if (name in options) throw new TypeError(`options.${name} was removed: use options.deliveries, ${STORE}`);
  }
  const { onResponse, onError, deliveries, store } = options;
  checkFunction("onResponse", onResponse);
  checkStore(store);
  if (onError !== undefined) checkFunction("onError", onError);
  if (deliveries === undefined) return;
  if (!isRecord(deliveries)) throw badInput("options.deliveries", STORE, deliveries);
  for (const name of ["claim", "done", "release"]) checkFunction(`deliveries.${name}`, deliveries[name]);
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw badInput(`options.${name}`, "a function", value);
}

/** Returns the result of a store's `claim`. Throws a `TypeError` if it is not one of the three valid results. */
function checkClaim(claim: "new" | "busy" | "done"): typeof claim {
  if (claim === "new" || claim === "busy" || claim === "done") return claim;
  throw badInput("the result of options.deliveries.claim", '"new", "busy" or "done"', claim);
}

/**
 * Creates a store of the latest handled deliveries, in memory. Its `claim` never returns `"busy"`, because `sharingOutcomes`
 * already prevents a delivery from being handled twice at the same time.
 */
function deliveriesInMemory(): WebhookDeliveries {
  const handled = new Set<string>();
  return {
    claim: (id) => (handled.has(id) ? "done" : "new"),
    done(id) {
      handled.add(id);
      if (handled.size > MOST_DELIVERIES) handled.delete(handled.values().next().value!);
    },
    release() {},
  };
}
