/** OpenAI's webhooks: a verified delivery in, the repaired response out. `openai-file-citations/webhook` */
import { badInput, isRecord } from "./bad-input.js";
import { type OpenAIClient, withFileCitations } from "./client.js";
import { reportOf } from "./http/fetch.js";
import type { FileCitationsOptions } from "./options.js";
import { withoutWords } from "./responses/answer-error.js";
import { isId } from "./responses/ids.js";
import { repairResponse } from "./responses/repair.js";
import { FINAL } from "./responses/stream-events.js";
import { tell } from "./tell.js";
import type { Report } from "./types.js";

/** An OpenAI client, of any version and class, that verifies deliveries and reads responses. */
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

/** A complete response as the client's own types have it. */
export type ResponseOf<Client extends WebhookClient> = Extract<
  Awaited<ReturnType<Client["responses"]["retrieve"]>>,
  { output: unknown }
>;

/**
 * Options of {@link createWebhookHandler}. Those of the repair are `withFileCitations`'s; they do not apply to a client
 * that is wrapped already, which has its own.
 */
export interface WebhookOptions<Response> extends Omit<FileCitationsOptions, "instruction"> {
  /**
   * Takes a response that has ended, complete, incomplete or failed (see its `status`), with its citations. When it
   * throws or rejects, OpenAI is answered 500 and delivers again. OpenAI waits for a few seconds only, and takes
   * longer for a failure: what takes its time belongs into a queue, or onto the runtime's `waitUntil`.
   *
   * @param report what became of its citations.
   * @param deliveryId the delivery's `webhook-id`, the same each time that it is delivered.
   */
  onResponse: (response: Response, report: Report, deliveryId: string) => unknown;
  /**
   * Whether a delivery was handled before, by its `webhook-id`; then it is answered 200 without work. What it throws is
   * answered 500. Default: the latest 10,000 are known, in this process.
   *
   * A store can keep that in two ways. It marks the delivery in the step in which it asks, so that of two machines only
   * one has it (Redis: `SET id 1 NX EX 86400`, and `DEL id` in `forget`). Or it only asks, and `onResponse` marks the
   * delivery in the transaction that does the work: then nothing is lost or done twice even if a machine dies in it.
   */
  alreadySeen?: ((deliveryId: string) => boolean | PromiseLike<boolean>) | undefined;
  /** Takes back the mark that `alreadySeen` made: the delivery could not be handled, and will come again. */
  forget?: ((deliveryId: string) => unknown) | undefined;
  /** Told what OpenAI was answered 500 for. What it throws, or rejects with, is ignored. Default `console.error`. */
  onError?: ((error: unknown) => unknown) | undefined;
}

/** The longest body that is read. A delivery of OpenAI's has a few hundred bytes. */
const MOST_BYTES = 1024 * 1024;
/** How many handled deliveries are known without a store. */
const MOST_DELIVERIES = 10_000;

/**
 * Handles OpenAI's webhooks: of a `response.completed`, `response.incomplete` or `response.failed`, the response is
 * read, repaired and handed to `onResponse`, once. It never rejects, and answers
 *
 * - 200 when the delivery was handled, now or before, and for other events, which are ignored;
 * - 400 for a signature that is missing, wrong or older than five minutes, and for what is no event;
 * - 405 for another method than POST, 413 for more than 1 MiB;
 * - 500 when the response cannot be read (deleted, or another project's: a 404 as well) or `onResponse` throws. OpenAI
 *   then delivers again, for up to three days.
 *
 * In Cloudflare Workers, openai 5 and 6 need the flag `nodejs_compat` to check signatures; openai 7 does not.
 *
 * @param client an OpenAI client, with its `webhookSecret` (by itself that is `OPENAI_WEBHOOK_SECRET`).
 * @throws {TypeError} when `client` is none or has no secret, or an option is wrong.
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { saveFiles } from "openai-file-citations";
 * import { directory } from "openai-file-citations/node";
 * import { createWebhookHandler } from "openai-file-citations/webhook";
 *
 * const client = new OpenAI(); // OPENAI_API_KEY, OPENAI_WEBHOOK_SECRET
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
  if (!isRecord(options)) throw badInput("options", "an object with onResponse", options);
  const {
    onResponse,
    alreadySeen,
    forget,
    onError = (error: unknown) => console.error(error),
    ...repairOptions
  } = options;
  for (const [name, value] of Object.entries({ onResponse, alreadySeen, forget, onError })) {
    const isMissing = value === undefined && name !== "onResponse";
    if (!isMissing && typeof value !== "function") throw badInput(`options.${name}`, "a function", value);
  }
  if (forget && !alreadySeen) throw badInput("options.forget", "given together with alreadySeen", forget);
  const repairing = withFileCitations(client, repairOptions);
  const deliveries = alreadySeen ? { alreadySeen, forget } : deliveriesInMemory();
  const underWay = new Map<string, Promise<Response>>();

  async function handleOnce(deliveryId: string, responseId: string): Promise<Response> {
    try {
      if (await deliveries.alreadySeen(deliveryId)) return answer(200, "handled before");
    } catch (error) {
      return fail(error);
    }
    try {
      const { response, report } = await read(responseId);
      await onResponse(response, report, deliveryId);
      return answer(200, "handled");
    } catch (error) {
      try {
        await deliveries.forget?.(deliveryId);
      } catch (forgetError) {
        tell(onError, forgetError);
      }
      return fail(error);
    }
  }

  async function read(id: string): Promise<{ response: ResponseOf<Client>; report: Report }> {
    const query =
      repairOptions.includeOutputs === false ? {} : { include: ["code_interpreter_call.outputs" as const] };
    const { data, response: raw } = await repairing.responses
      .retrieve(id, query)
      .withResponse()
      .then(undefined, (error: unknown) => {
        // The SDK trips over what is no response, and quotes it.
        throw error instanceof TypeError ? noResponse(id) : withoutWords(error);
      });
    if (!isRecord(data) || !Array.isArray(data.output)) throw noResponse(id);
    const response = data as unknown as ResponseOf<Client> & { status?: unknown };
    if (response.status === "queued" || response.status === "in_progress") {
      throw new Error(`the response ${id} has ended, says its webhook, but is ${response.status}`);
    }
    const report = reportOf(raw);
    // A gateway's answer that the client's `fetch` could not tell to be a response.
    if (!report) return repairResponse(response, client, repairOptions);
    // The client was wrapped before, and reports to where it was told to then.
    if (repairing === client) tell(repairOptions.onReport, report);
    return { response, report };
  }

  function fail(error: unknown): Response {
    tell(onError, error);
    return answer(500, "not handled: deliver it again");
  }

  return async (request) => {
    if (request.method !== "POST") return answer(405, "POST only", { allow: "POST" });
    // A framework's parser was first: what was signed is gone.
    if (request.bodyUsed) return fail(new TypeError("the request's body was read before the handler got it"));
    const headers = signatureHeaders(request.headers);
    if (!headers) return answer(400, "not signed");
    let event: unknown;
    try {
      const body = await bodyOf(request);
      if (body === undefined) return answer(413, `more than ${MOST_BYTES} bytes`);
      event = await client.webhooks.unwrap(body, headers);
    } catch (error) {
      // Not the delivery's fault: the runtime lacks what the SDK needs.
      if (error instanceof ReferenceError) return fail(error);
      return answer(400, "the signature is not valid");
    }
    if (!isRecord(event) || typeof event.type !== "string") return answer(400, "no event");
    if (!FINAL.has(event.type)) return answer(200, "ignored");
    const responseId = isRecord(event.data) ? event.data.id : undefined;
    if (!isId(responseId)) return answer(400, "an event of no response");

    const deliveryId = headers["webhook-id"];
    // The same delivery a second time while the first is under way: what becomes of that is true for this one too.
    let outcome = underWay.get(deliveryId);
    if (!outcome) {
      outcome = handleOnce(deliveryId, responseId).finally(() => underWay.delete(deliveryId));
      underWay.set(deliveryId, outcome);
    }
    return (await outcome).clone();
  };
}

function noResponse(id: string): Error {
  return new Error(`what the API answered for ${id} is no response`);
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

/** Those that sign a delivery (Standard Webhooks); `undefined` where one is missing. */
function signatureHeaders(headers: Headers) {
  const id = headers.get("webhook-id");
  const timestamp = headers.get("webhook-timestamp");
  const signature = headers.get("webhook-signature");
  if (!id || !timestamp || !signature) return undefined;
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
}

/** The text of a body; `undefined` for one that is too long, which is not read to its end. */
async function bodyOf(request: Request): Promise<string | undefined> {
  if (!request.body) return "";
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const reader = (request.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    chunks.push(read.value);
    bytes += read.value.length;
    if (bytes <= MOST_BYTES) continue;
    reader.cancel().catch(() => {}); // nobody reads on
    return undefined;
  }
  return new Blob(chunks).text();
}

/** The latest deliveries, the oldest forgotten first. */
function deliveriesInMemory() {
  const seen = new Set<string>();
  return {
    alreadySeen(id: string): boolean {
      if (seen.has(id)) return true;
      seen.add(id);
      if (seen.size > MOST_DELIVERIES) seen.delete(seen.values().next().value!);
      return false;
    },
    forget: (id: string): boolean => seen.delete(id),
  };
}

function answer(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain", ...headers } });
}
