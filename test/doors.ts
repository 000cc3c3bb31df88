/** Every way through which a response is repaired, as one row each: a request in, the answer's bytes out. */
import OpenAI from "openai";
import { createProxy } from "../src/http/proxy.js";
import {
  createFileCitationsFetch,
  type FileCitationsOptions,
  type Report,
  repairResponse,
  repairResponseStream,
  withFileCitations,
} from "../src/index.js";
import { BASE, eventsIn, frames } from "./upstream.js";

type Fetch = typeof globalThis.fetch;

export interface Door {
  name: string;
  /** It reads events and objects, so half a frame is nothing to it. */
  isByHand?: boolean;
  /** Asks the API behind `fetch` for a response. */
  ask(
    fetch: Fetch,
    key: string,
    options: FileCitationsOptions,
    params: { stream?: boolean },
  ): Promise<Response>;
}

const post = (key: string, params: object) => ({
  method: "POST",
  headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
  body: JSON.stringify(params),
});

export const DOORS: readonly Door[] = [
  {
    name: "the fetch",
    ask: (fetch, key, options, params) =>
      createFileCitationsFetch({ fetch, ...options })(`${BASE}/responses`, post(key, params)),
  },
  {
    name: "the wrapper",
    ask: (fetch, key, options, params) =>
      withFileCitations(new OpenAI({ apiKey: key, baseURL: BASE, fetch, maxRetries: 0 }), options)
        .responses.create(params)
        .asResponse(),
  },
  {
    name: "the proxy",
    ask: (fetch, key, { onReport, ...options }, params) =>
      createProxy({ upstream: BASE, fetch, maxBody: 1e6, maxJson: 1e6, ...options })(
        new Request("http://127.0.0.1/v1/responses", post(key, params)),
        onReport && { onReport },
      ),
  },
  {
    name: "by hand",
    isByHand: true,
    async ask(fetch, key, options, params) {
      const client = new OpenAI({ apiKey: key, baseURL: BASE, fetch, maxRetries: 0 });
      const answer = await fetch(`${BASE}/responses`, post(key, params));
      const text = await answer.text();
      const { headers } = answer;
      if (!params.stream) {
        const { response } = await repairResponse(JSON.parse(text), client, options);
        return new Response(JSON.stringify(response), { headers });
      }
      const events = repairResponseStream(eventsIn(text), client, options);
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await events.next();
          if (done) controller.close();
          else controller.enqueue(new TextEncoder().encode(frames([value])));
        },
      });
      return new Response(body, { headers });
    },
  },
];

/** What was read of an answer: its bytes as text, and what broke it, if anything did. */
export interface Read {
  text: string;
  error?: unknown;
}

export async function read(answer: Promise<Response>): Promise<Read> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of (await answer).body!) text += decoder.decode(chunk, { stream: true });
    return { text };
  } catch (error) {
    return { text, error };
  }
}

/** Reports as they come, for an option of that name. */
export function reporting(): { reports: Report[]; onReport: (report: Report) => void } {
  const reports: Report[] = [];
  return { reports, onReport: (report) => void reports.push(report) };
}
