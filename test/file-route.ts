/**
 * Sets up the file route in two ways. `setUp` serves the emulator and the route over HTTP. `routeOf` needs no emulator: the test
 * passes a function that answers the route's requests.
 */
import OpenAI from "openai";
import { onTestFinished, vi } from "vitest";
import { createFileRoute, type FileRouteOptions } from "../src/files/route.js";
import { createResponsesEmulator, type RecordedRequest } from "../src/testing/index.js";
import { listen } from "../src/testing/listen.js";

export const SECRET = "a secret that is long enough to sign with";
export const BYTES = new Uint8Array(300_000).map((_, at) => (at * 7) % 251);

/** Serves the API and the route over HTTP, with one file in a container. */
export async function setUp({
  Client = OpenAI as typeof OpenAI,
  files = { "plan.docx": BYTES } as Record<string, string | Uint8Array>,
  intercept = (_: RecordedRequest): Response | undefined => undefined,
  ...options
}: Partial<FileRouteOptions> & {
  Client?: typeof OpenAI;
  files?: Record<string, string | Uint8Array>;
  intercept?: (request: RecordedRequest) => Response | undefined;
} = {}) {
  const emulator = createResponsesEmulator({ apiKey: "sk-secret", intercept });
  const api = await emulator.listen();
  const client = new Client({ apiKey: "sk-secret", baseURL: api.baseURL, maxRetries: 0 });
  const errors: unknown[] = [];
  const route = createFileRoute(client, {
    secret: SECRET,
    onError: (error) => void errors.push(error),
    ...options,
  });
  const server = await listen(route.handler, {});
  onTestFinished(async () => {
    vi.useRealTimers();
    for (const opened of [server, api]) await opened.close();
  });
  const container = emulator.createContainer({ files });
  const { data } = await client.containers.files.list(container.id);
  const file = { ...data[0]!, bytes: data[0]!.bytes ?? null };
  const before = emulator.requests.length;
  return {
    ...{ api, emulator, client, route, errors, file, container },
    url: async () => server.url + (await route.urlFor(file)),
    get: async (init: RequestInit = {}) => fetch(server.url + (await route.urlFor(file)), init),
    getPath: (path: string, init: RequestInit = {}) => fetch(server.url + path, init),
    asked: () => emulator.requests.slice(before),
  };
}

/** Returns a file route without an emulator. `answer` answers the route's requests, also in ways that HTTP cannot produce. */
export function routeOf(
  answer: (options: {
    headers?: Record<string, string>;
    signal?: AbortSignal;
  }) => Response | Promise<Response>,
) {
  const retrieve = async (_: string, __: unknown, options: Parameters<typeof answer>[0]) => answer(options);
  return createFileRoute(
    { containers: { files: { content: { retrieve } } } },
    { secret: SECRET, onError: () => {} },
  );
}

export const citation = (filename: string) => ({
  type: "container_file_citation" as const,
  container_id: "cntr_1",
  file_id: "cfile_1",
  filename,
  start_index: 0,
  end_index: 0,
});
