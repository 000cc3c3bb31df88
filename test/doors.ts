/** Puts every public way to repair a response behind one interface, `Door`: a request goes in, the response's bytes come out. */
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
import { SDKS } from "./sdks.js";
import { BASE, eventsIn, frames } from "./upstream.js";

type Fetch = typeof globalThis.fetch;

export interface Door {
  name: string;
  /** True if the door takes parsed objects and events, not bytes. Such a door cannot be tested with incomplete frames. */
  isByHand?: boolean;
  /** Requests a response from the API behind `fetch`, and repairs it. */
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
  ...SDKS.map(
    ([sdk, Client]): Door => ({
      name: `the wrapper of ${sdk}`,
      ask: (fetch, key, options, params) =>
        withFileCitations(new Client({ apiKey: key, baseURL: BASE, fetch, maxRetries: 0 }), options)
          .responses.create(params)
          .asResponse(),
    }),
  ),
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

/** The text of a response's body. If an error ended the body, `text` is the text before the error, and `error` is this error. */
export interface Read {
  text: string;
  error?: unknown;
}

/** Reads a response's body. Does not reject: an error is part of the result. */
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

/** Returns an `onReport` option and the array to which it adds the reports. */
export function reporting(): { reports: Report[]; onReport: (report: Report) => void } {
  const reports: Report[] = [];
  return { reports, onReport: (report) => void reports.push(report) };
}
