/** Sets up a webhook handler for tests, with the emulator or with a fake client. */
import OpenAI from "openai";
import type { Report } from "../src/index.js";
import { createResponsesEmulator, type EmulatorOptions, stubbornModel } from "../src/testing/index.js";
import { createWebhookHandler, type WebhookClient, type WebhookOptions } from "../src/webhook.js";
import { BYTES, REQUEST } from "./serving.js";
import { deliveryOf, WEBHOOK_SECRET } from "./webhook-delivery.js";

export const IN_BACKGROUND = { ...REQUEST, background: true };

export const ENDPOINT = "https://example.com/webhook";
export type Options = WebhookOptions<OpenAI.Responses.Response>;

/** Returns an emulator with a background response that has ended, and a handler whose callbacks record what they receive. */
export async function setUp(options: Partial<Options> = {}, emulatorOptions: EmulatorOptions = {}) {
  const emulator = createResponsesEmulator({
    script: stubbornModel({ files: { "totals.csv": BYTES } }),
    pollsUntilDone: 1,
    ...emulatorOptions,
  });
  const client = new OpenAI({
    apiKey: "k",
    webhookSecret: WEBHOOK_SECRET,
    fetch: emulator.fetch,
    maxRetries: 0,
  });
  const { id } = await client.responses.create(IN_BACKGROUND);
  const given: { response: OpenAI.Responses.Response; report: Report; deliveryId: string }[] = [];
  const errors: unknown[] = [];
  const handler = createWebhookHandler(client, {
    onResponse: (response, report, deliveryId) => void given.push({ response, report, deliveryId }),
    onError: (error) => void errors.push(error),
    ...options,
  });
  const deliver = async (init: RequestInit = completed(id)): Promise<number> =>
    (await handler(new Request(ENDPOINT, init))).status;
  const before = emulator.requests.length;
  return {
    emulator,
    client,
    id,
    given,
    errors,
    handler,
    deliver,
    asked: () => emulator.requests.slice(before),
  };
}

export function completed(id: string, options: Parameters<typeof deliveryOf>[1] = {}) {
  return deliveryOf({ type: "response.completed", data: { id } }, options);
}

/** Returns a client that accepts every delivery and always returns the same response, for tests that need no API. */
export function fakeClient(unwrap: (payload: string) => unknown = JSON.parse) {
  const client = {
    webhookSecret: "s",
    webhooks: { unwrap: async (payload: string) => unwrap(payload) },
    containers: { files: { list: async () => ({ data: [] }) } },
    responses: {
      retrieve: () => ({
        withResponse: async () => ({ data: { output: [], status: "completed" }, response: new Response() }),
      }),
    },
    withOptions: (options: object) => ({ ...client, ...options }),
  };
  return client as WebhookClient;
}
