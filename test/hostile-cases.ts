/**
 * Builds cases with a hostile id at one place in a response, request or list. Also builds a fake API that records stray
 * requests: requests that the library must never send.
 */
import OpenAI from "openai";
import { BASE, call, file, frames, json, listPage, message, response, sse, streamOf } from "./upstream.js";
import { WEBHOOK_SECRET } from "./webhook-delivery.js";

export const KEY = "sk-hostile-test";

/** A response, request or list that has a hostile id at one place. */
export interface Case {
  output: Record<string, unknown>[];
  more?: Record<string, unknown>;
  request?: Record<string, unknown>;
  fileId?: string;
  entry?: Record<string, unknown>;
}

export const TEXT = "See /mnt/data/a.csv and [b](sandbox:/mnt/data/b.csv).";

export const citation = (container_id: string, file_id: string) => {
  const filename = "a.csv";
  return {
    ...{ type: "container_file_citation", container_id, file_id, filename },
    ...{ start_index: 4, end_index: 19 },
  };
};

const shell = (container_id: string) => ({
  type: "shell_call",
  id: "sh_1",
  environment: { type: "container_reference", container_id },
});

export const PLACES: Record<string, (id: string) => Case> = {
  "code_interpreter_call.container_id": (id) => ({ output: [call("", id), message(TEXT)] }),
  "shell_call.environment.container_id": (id) => ({ output: [shell(id), message(TEXT)] }),
  "an annotation's container_id": (id) => ({
    output: [message({ text: TEXT, annotations: [citation(id, "cfile_1")] })],
  }),
  "an annotation's file_id": (id) => ({
    output: [call(), message({ text: TEXT, annotations: [citation("cntr_1", id)] })],
  }),
  "the response's tools": (id) => ({
    output: [message(TEXT)],
    more: { tools: [{ type: "code_interpreter", container: id }] },
  }),
  "the request's tools": (id) => ({
    output: [message(TEXT)],
    request: {
      tools: [
        { type: "code_interpreter", container: id },
        { type: "shell", environment: { type: "container_reference", container_id: id } },
      ],
    },
  }),
  "the request's input": (id) => ({
    output: [message(TEXT)],
    request: { input: [call("", id), shell(id), { type: "item_reference", id }] },
  }),
  previous_response_id: (id) => ({ output: [message(TEXT)], more: { previous_response_id: id } }),
  "the request's previous_response_id": (id) => ({
    output: [message(TEXT)],
    request: { previous_response_id: id },
  }),
  conversation: (id) => ({ output: [message(TEXT)], more: { conversation: { id } } }),
  "the response's and its items' own ids": (id) => ({
    output: [
      { ...call(), id },
      { ...message(TEXT), id },
    ],
    more: { id },
  }),
  "a list entry's id": (id) => ({ output: [call(), message(TEXT)], fileId: id }),
  "a list entry's container_id": (id) => ({
    output: [call(), message(TEXT)],
    entry: { container_id: id },
  }),
};

export const responseOf = ({ output, more }: Case) => response(output, more);

export const requestOf = ({ request }: Case) => ({
  model: "gpt-5",
  input: "x",
  tools: [{ type: "code_interpreter", container: { type: "auto" } }],
  ...request,
});

/** Matches one path segment with correct percent-encoding. `.` and `..` do not match, because they lead to another path. */
const SEGMENT = "(?!(?:\\.|%2[eE]){1,2}(?:/|$))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+";

const ALLOWED = new RegExp(
  `^(?:/v1/responses(?:/${SEGMENT})?|/v1/containers/${SEGMENT}/files(?:/${SEGMENT}/content)?)$`,
);

/** Returns the URL if the library must never request it, else `undefined`. */
export function strayOf(url: string): string | undefined {
  const { origin, pathname, search, hash } = new URL(url);
  const query = [...new URLSearchParams(search).keys()].filter(
    (name) => !/^(?:limit|after|include)/.test(name),
  );
  const isAllowed = origin === new URL(BASE).origin && ALLOWED.test(pathname) && hash === "";
  // A URL with `..` is stray, because its request goes to another path. `pathname` has no `..`, so this compares with `url`.
  return isAllowed && query.length === 0 && url.split("?")[0] === origin + pathname ? undefined : url;
}

/**
 * Returns a fake API for a case. `stray` collects the URLs of requests that the library must never send. `lists` collects the
 * paths of list requests.
 */
export function apiOf(given: Case, asStream = false) {
  const stray: string[] = [];
  const lists: string[] = [];
  const answer = ({ pathname, searchParams }: URL): Response => {
    if (pathname.endsWith("/content")) return new Response("bytes");
    if (pathname.includes("/containers/")) {
      lists.push(pathname);
      // The second page ends the list. The request for the second page has an entry's id as `after`.
      return searchParams.has("after") ? listPage([]) : listPage(entriesOf(given), true);
    }
    if (!asStream) return json(responseOf(given));
    const events = streamOf(given.output).map((event) =>
      "response" in event ? { ...event, response: { ...(event.response as object), ...given.more } } : event,
    );
    return sse(frames(events), 1000);
  };
  const recording: typeof fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const wrong = strayOf(url);
    if (wrong !== undefined) stray.push(wrong);
    new Headers(init?.headers); // throws for an invalid header
    return answer(new URL(url));
  };
  const client = new OpenAI({
    ...{ apiKey: KEY, baseURL: BASE, maxRetries: 0, webhookSecret: WEBHOOK_SECRET },
    fetch: recording,
  });
  return { fetch: recording, client, stray, lists };
}

export function entriesOf({ fileId, entry }: Case): object[] {
  return ["/mnt/data/a.csv", "/mnt/data/b.csv"].map((path, at) => ({
    ...file(path, { id: fileId ?? `cfile_${at}` }),
    ...(fileId === undefined && { container_id: undefined }),
    ...entry,
  }));
}

export const QUIET = { retries: 0 } as const;

export const post = (given: Case) => ({
  method: "POST",
  headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
  body: JSON.stringify(requestOf(given)),
});
