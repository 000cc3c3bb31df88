/**
 * Checks that no key or secret appears in what the library, the command and the proxy print, log, throw and report, for each
 * fault of the API. This file is long because it checks each kind of output after each fault.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import type OpenAI from "openai";
import { AzureOpenAI } from "openai";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createFileRoute } from "../src/files/route.js";
import { createProxy } from "../src/http/proxy.js";
import {
  createFileCitationsFetch,
  type FileCitationsOptions,
  repairResponse,
  repairResponseStream,
  saveFiles,
  withFileCitations,
} from "../src/index.js";
import { createWebhookHandler } from "../src/webhook.js";
import { run } from "./command.js";
import { SDKS } from "./sdks.js";
import { serveApi, serveProxy } from "./serving.js";
import { BASE, call, frames, json, message, response, sse, streamOf } from "./upstream.js";
import { deliveryOf, WEBHOOK_SECRET } from "./webhook-delivery.js";

const KEY = "sk-secret-k3y";
const ROUTE_SECRET = "a route's secret of more than 32 bytes";
const SECRETS = [KEY, WEBHOOK_SECRET, WEBHOOK_SECRET.slice("whsec_".length), ROUTE_SECRET];

/** Returns all text that a person or a logger can read in a value: message, stack, causes, all fields and JSON. */
function readable(value: unknown): string {
  const seen = new Set<unknown>();
  const texts: string[] = [];
  const collect = (inner: unknown): void => {
    if (typeof inner === "string") texts.push(inner);
    if ((typeof inner !== "object" && typeof inner !== "function") || inner === null || seen.has(inner))
      return;
    seen.add(inner);
    if (inner instanceof Headers || inner instanceof Map) for (const pair of inner) collect(pair);
    // A client has its key as a field, so the test also fails if an output contains the client.
    for (const key of Reflect.ownKeys(inner)) collect(Reflect.get(inner, key));
  };
  collect(value);
  texts.push(inspect(value, { depth: null, showHidden: true }), String(value));
  texts.push(JSON.stringify(value, (_, inner) => (inner instanceof Error ? { ...inner } : inner)) ?? "");
  return texts.join("\n");
}

function expectNoSecret(...values: unknown[]): void {
  const text = values.map(readable).join("\n");
  for (const secret of SECRETS) {
    const at = text.indexOf(secret);
    expect(at < 0 ? "no secret" : text.slice(Math.max(0, at - 200), at + 40)).toBe("no secret");
  }
}

/** The body of an error that contains the request's key. */
const echo = JSON.stringify({
  error: { message: `Incorrect API key: ${KEY}`, type: "x", param: KEY, code: `invalid_${KEY}` },
});
const echoing = (status: number): Response =>
  new Response(echo, {
    status,
    headers: {
      ...{ "content-type": "application/json", "x-you-sent": KEY, "retry-after": "0" },
      ...{ "www-authenticate": `Bearer realm="${KEY}"` },
    },
  });
const hang = (signal: AbortSignal | null | undefined): Promise<Response> =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

type Fault = (signal: AbortSignal | null | undefined) => Response | Promise<Response>;
const FAULTS: Record<string, Fault> = {
  ...Object.fromEntries(
    [400, 401, 403, 404, 429, 500, 503].map((status) => [`${status}, echoing`, () => echoing(status)]),
  ),
  HTML: () => new Response(`<html>${KEY}</html>`, { headers: { "content-type": "text/html" } }),
  "the key instead of JSON": () => json(KEY),
  "the key as a string, and a number after it": () => json(`"${KEY}"1`),
  "another shape": () => json({ [KEY]: KEY }),
  "an error's shape, answered 200": () => json(echo),
  "wrong data": () => json({ data: KEY, has_more: KEY }),
  redirect: () =>
    new Response(null, { status: 302, headers: { location: `https://elsewhere.invalid/?key=${KEY}` } }),
  "a body that breaks off": () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`{"data":["${KEY}`));
          controller.error(new TypeError("terminated"));
        },
      }),
    ),
  reset: () => Promise.reject(new TypeError("fetch failed", { cause: new Error("ECONNRESET") })),
  "a hang": hang,
};

const TEXT = "See /mnt/data/a.csv.";
const ANSWER = () => response([call(), message(TEXT)]);
const EVENTS = () => frames(streamOf([call(), message(TEXT)]));
const AUTHORIZATION = { authorization: `Bearer ${KEY}`, "api-key": KEY, "content-type": "application/json" };
const post = () => ({
  method: "POST",
  headers: AUTHORIZATION,
  body: JSON.stringify({ model: "gpt-5", input: "x", tools: [{ type: "code_interpreter" }] }),
});

/** Returns the `fetch` of an API that fails requests for containers and answers requests for responses correctly. */
function failing(fault: Fault, asStream = false): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (url.includes("/containers/")) return fault(init?.signal);
    return asStream ? sse(EVENTS()) : json(ANSWER());
  };
}

/** The arguments of all calls of `console` methods. */
let printed: unknown[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  printed = [];
  for (const method of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => void printed.push(...args));
  }
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Returns a promise's result, or its error as `{ thrown }`. Advances the fake clock until the promise has settled. */
async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  let isDone = false;
  const outcome = work.then(
    (value) => value,
    (error: unknown) => ({ thrown: error }),
  );
  outcome.then(() => (isDone = true));
  while (!isDone) await vi.advanceTimersByTimeAsync(1000);
  return outcome;
}

const CLIENTS: Record<string, (fetch: typeof globalThis.fetch) => OpenAI> = {
  ...Object.fromEntries(
    SDKS.map(([name, Client]) => [
      name,
      (fetch: typeof globalThis.fetch) =>
        new Client({
          ...{
            apiKey: KEY,
            baseURL: BASE,
            maxRetries: 0,
            timeout: 20_000,
            webhookSecret: WEBHOOK_SECRET,
            fetch,
          },
        }),
    ]),
  ),
  Azure: (fetch) =>
    new AzureOpenAI({
      ...{ apiKey: KEY, endpoint: "https://res.openai.azure.com", apiVersion: "2025-04-01-preview" },
      ...{ maxRetries: 0, timeout: 20_000, webhookSecret: WEBHOOK_SECRET, fetch },
    }),
};

describe.each(Object.entries(FAULTS))("the list: %s", (_, fault) => {
  const onReport = vi.fn();
  beforeEach(() => onReport.mockClear());
  const options = (onFailure: "pass-through" | "throw"): FileCitationsOptions => ({ onFailure, onReport });

  describe.each(["pass-through", "throw"] as const)("onFailure %j", (onFailure) => {
    it("createFileCitationsFetch, plain and streamed", async () => {
      for (const asStream of [false, true]) {
        const wrapped = createFileCitationsFetch({
          ...options(onFailure),
          fetch: failing(fault, asStream),
        });
        const read = async (): Promise<string> => (await wrapped(`${BASE}/responses`, post())).text();
        const outcome = await outcomeOf(read());
        expect(typeof outcome === "string").toBe(onFailure === "pass-through");
        expectNoSecret(outcome, printed, onReport.mock.calls);
      }
      expect(onReport).toHaveBeenCalledTimes(2);
      expect(onReport.mock.lastCall![0]).toMatchObject({ outcome: "failed", error: expect.any(Error) });
    });

    it.each(Object.keys(CLIENTS))("withFileCitations and repairResponse: %s", async (name) => {
      const bare = CLIENTS[name]!(failing(fault));
      const client = withFileCitations(bare, options(onFailure));
      const outcomes = [
        // If `onFailure` is `throw`, the SDK wraps the library's error in an error of its own.
        await outcomeOf(
          client.responses.create({ model: "gpt-5", input: "x" }).then((found) => found.output),
        ),
        await outcomeOf(repairResponse(ANSWER(), bare, options(onFailure))),
        await outcomeOf(
          (async () => {
            const events = [];
            const source = streamOf([call(), message(TEXT)]);
            for await (const event of repairResponseStream(source as never, bare, options(onFailure))) {
              events.push(event);
            }
            return events;
          })(),
        ),
      ];
      expect(onReport).toHaveBeenCalledTimes(3);
      for (const [report] of onReport.mock.calls) expect(report.outcome).toBe("failed");
      expectNoSecret(outcomes, printed, onReport.mock.calls);
    });
  });

  it("the proxy", async () => {
    const proxy = createProxy({ upstream: BASE, fetch: failing(fault), maxBody: 2 ** 20, maxJson: 2 ** 20 });
    const read = async () =>
      (await proxy(new Request("http://127.0.0.1/v1/responses", post()), { onReport })).text();
    expectNoSecret(await outcomeOf(read()), printed, onReport.mock.calls);
    expect(onReport).toHaveBeenCalledOnce();
  });
});

describe.each(Object.entries(FAULTS))("a file, or a response: %s", (_, fault) => {
  it.each(Object.keys(CLIENTS))("the route and the webhook: %s", async (name) => {
    const client = CLIENTS[name]!(async (_, init) => fault(init?.signal));
    const citation = {
      ...{ type: "container_file_citation" as const, container_id: "cntr_1", file_id: "cfile_1" },
      ...{ filename: "a.csv", start_index: 4, end_index: 19 },
    };
    const route = createFileRoute(client, { secret: ROUTE_SECRET });
    const url = await route.urlFor(citation);
    const aborted = new AbortController();
    // Downloads have no time limit, so the reader must abort a hanging one.
    const timer = setTimeout(() => aborted.abort(), 3000);
    const answered = async () => {
      const answer = await route.handler(
        new Request(`https://app.example${url}`, { signal: aborted.signal }),
      );
      return [answer.status, [...answer.headers], answer.ok || (await answer.text())];
    };
    const handler = createWebhookHandler(client, { onResponse: () => {} });
    const delivery = deliveryOf({ type: "response.completed", data: { id: "resp_1" } });
    const delivered = async (request: typeof delivery) => {
      const answer = await handler(new Request("https://app.example/webhook", request));
      return [answer.status, [...answer.headers], await answer.text()];
    };
    const forged = { ...delivery, headers: { ...delivery.headers, "webhook-signature": "v1,AAAA" } };
    const outcomes = [
      await outcomeOf(answered()),
      await outcomeOf(delivered(delivery)),
      await outcomeOf(delivered(forged)),
    ];
    clearTimeout(timer);
    // The route's response must not contain headers of the API's response.
    expectNoSecret(outcomes, printed);
  });

  it("saveFiles: the errors of files that failed", async () => {
    const client = CLIENTS["openai 6"]!(async (_, init) => fault(init?.signal));
    const annotations = [
      {
        ...{ type: "container_file_citation", container_id: "cntr_1", file_id: "cfile_1" },
        ...{ filename: "a.csv", start_index: 4, end_index: 19 },
      },
    ];
    const given = response([message({ text: TEXT, annotations })]);
    const { failed } = (await outcomeOf(
      saveFiles(client, given, async (_, stream) => void (await new Response(stream).text()), {
        signal: AbortSignal.timeout(3000),
      }),
    )) as { failed: unknown[] };
    expectNoSecret(failed, printed);
  });
});

describe("bad input", () => {
  it.each([
    () => createFileRoute({} as never, { secret: ROUTE_SECRET }),
    () => createFileRoute(CLIENTS["openai 6"]!(fetch), { secret: ROUTE_SECRET, basePath: 1 as never }),
    () => createFileRoute(CLIENTS["openai 6"]!(fetch), { secret: [ROUTE_SECRET, 1] as never }),
    () => createWebhookHandler({ webhookSecret: WEBHOOK_SECRET } as never, { onResponse: () => {} }),
    () => createWebhookHandler(CLIENTS["openai 6"]!(fetch), {} as never),
    () => withFileCitations({ apiKey: KEY } as never),
    () => withFileCitations(CLIENTS["openai 6"]!(fetch), { apiKey: KEY } as never),
    () => withFileCitations(CLIENTS["openai 6"]!(fetch), { onReport: { apiKey: KEY } } as never),
    () => createProxy({ upstream: `https://x:${KEY}@api.example/?k=${KEY}`, fetch, maxBody: 1, maxJson: 1 }),
  ])("%s", (make) => {
    expect(make).toThrow(TypeError);
    try {
      make();
    } catch (error) {
      expectNoSecret(error);
    }
  });
});

describe("the command and the proxy over HTTP", () => {
  const answers: Record<string, RequestListener> = {
    "401, echoing": (_, answer) => answer.writeHead(401, { "x-you-sent": KEY }).end(echo),
    "the key instead of JSON": (_, answer) => answer.end(KEY),
    "another shape": (_, answer) => answer.end(JSON.stringify({ data: KEY })),
    redirect: (_, answer) => answer.writeHead(302, { location: `http://127.0.0.1:9/?${KEY}` }).end(),
    reset: (request) => request.socket.destroy(),
  };
  beforeEach(() => void vi.useRealTimers());

  it.each(Object.entries(answers))("%s", async (_, fail) => {
    const folder = await mkdtemp(join(tmpdir(), "secrets-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const input = join(folder, "in.jsonl");
    await writeFile(input, JSON.stringify(ANSWER()));
    const listFails = await serveApi((request, answer) => {
      if (request.url!.includes("/containers/")) return fail(request, answer);
      answer.setHeader("content-type", "text/event-stream");
      answer.end(EVENTS());
    });
    const allFails = await serveApi(fail);
    const runs = [listFails, allFails].flatMap((url) => {
      const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${url}/v1` };
      return [
        run(["ask", "x", "--json"], { env, cwd: folder }),
        run(["ask", "x"], { env, cwd: folder }),
        run(["repair", input, "--report", join(folder, `report-${url.slice(-5)}`)], { env }),
      ];
    });
    expectNoSecret(await Promise.all(runs));

    const served = await serveProxy(`${listFails}/v1`, QUICK);
    await (await fetch(`${served.baseURL}/responses`, post())).text();
    await fetch(`${served.baseURL}/responses?api-key=${KEY}`, post()).then((answer) => answer.text());
    expectNoSecret(await served.logged(2));
  });
});

const QUICK = { retries: 0 };
