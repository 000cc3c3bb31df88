/** Makes a webhook request as OpenAI sends it, signed by the rules of Standard Webhooks. */
import { createHmac, randomUUID } from "node:crypto";

export const WEBHOOK_SECRET = `whsec_${Buffer.from("a secret of 24 bytes, or so").toString("base64")}`;

/** Returns the request's `method`, `headers` and `body`, for `fetch` or `new Request`. */
export function deliveryOf(
  event: { type: string; data: unknown },
  {
    id = `wh_${randomUUID()}`,
    timestamp = Math.floor(Date.now() / 1000),
    secret = WEBHOOK_SECRET,
  }: { id?: string; timestamp?: number; secret?: string } = {},
) {
  const body = JSON.stringify({
    object: "event",
    id: `evt_${randomUUID()}`,
    created_at: timestamp,
    ...event,
  });
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "user-agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${signature}`,
  };
  return { method: "POST", headers, body };
}
