/** Test helpers that serve the proxy, the emulator and custom APIs on loopback HTTP, and send raw requests. */
import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect } from "node:net";
import OpenAI from "openai";
import { onTestFinished } from "vitest";
import { type Answered, type ServerOptions, startServer } from "../src/cli/server.js";
import { type ApiProxy, createProxy, type ProxyOptions } from "../src/http/proxy.js";
import { fetchUpstream } from "../src/http/upstream.js";
import {
  createResponsesEmulator,
  type EmulatorOptions,
  type ResponsesEmulator,
  stubbornModel,
} from "../src/testing/index.js";

export interface Served {
  url: string;
  baseURL: string;
  /** The log entries of all requests that have ended. */
  log: Answered[];
  /** Resolves with the log as soon as the log has `count` entries. Aborted requests have entries too. */
  logged(count: number): Promise<Answered[]>;
  stop(graceMs: number): Promise<boolean>;
}

/** Serves the proxy until the end of the test. */
export async function serveProxy(
  upstream: string,
  {
    maxHeaders = 16_384,
    host = "127.0.0.1",
    allowHosts = [],
    linkHost,
    proxy: givenProxy,
    ...options
  }: Partial<ProxyOptions> &
    Partial<Pick<ServerOptions, "maxHeaders" | "host" | "allowHosts" | "linkHost">> & {
      proxy?: ApiProxy;
    } = {},
): Promise<Served> {
  const proxy =
    givenProxy ??
    createProxy({ upstream, fetch: fetchUpstream, maxBody: 2 ** 30, maxJson: 2 ** 26, ...options });
  const log: Answered[] = [];
  const waiting = new Set<() => void>();
  const server = await startServer(proxy, {
    port: 0,
    host,
    allowHosts,
    linkHost,
    maxHeaders,
    onAnswered(answered) {
      log.push(answered);
      for (const check of waiting) check();
    },
  });
  onTestFinished(async () => {
    await server.stop(0);
  });
  const logged = (count: number): Promise<Answered[]> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (log.length < count) return;
        waiting.delete(check);
        resolve(log);
      };
      waiting.add(check);
      check();
    });
  return { url: server.url, baseURL: `${server.url}/v1`, log, logged, stop: server.stop };
}

/** Serves an API that answers with this listener, until the end of the test. Returns its origin. */
export async function serveApi(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Returns the whole body of a request or a response. */
export async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Writes text to a raw connection. Returns everything that is received until the connection is closed. */
export async function sendRaw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(text);
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  await once(socket, "close");
  return answer;
}

/** Returns a promise and the function that resolves it. */
export function gate<Value = void>(): { promise: Promise<Value>; open: (value: Value) => void } {
  let open: (value: Value) => void = () => {};
  const promise = new Promise<Value>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

export const BYTES = "day,total\n1,7\n";
export const REQUEST = {
  model: "gpt-5",
  input: "Write the totals to a CSV",
  tools: [{ type: "code_interpreter" as const, container: { type: "auto" as const } }],
};
export const FOUND = ["totals.csv@/mnt/data/totals.csv"];
export const KEY = "sk-caller";

/** Serves an emulator until the end of the test. */
export async function listenEmulator(
  options: EmulatorOptions = {},
): Promise<{ emulator: ResponsesEmulator; upstream: string }> {
  const emulator = createResponsesEmulator({
    script: stubbornModel({ files: { "totals.csv": BYTES } }),
    ...options,
  });
  const server = await emulator.listen();
  onTestFinished(() => server.close());
  return { emulator, upstream: server.baseURL };
}

/** Serves an emulator behind the proxy. Returns both, and an official client that uses the proxy. */
export async function setUp(
  options: EmulatorOptions = {},
  proxyOptions: Parameters<typeof serveProxy>[1] = {},
): Promise<{ emulator: ResponsesEmulator; proxy: Served; client: OpenAI; upstream: string }> {
  const { emulator, upstream } = await listenEmulator(options);
  const proxy = await serveProxy(upstream, proxyOptions);
  const client = new OpenAI({ apiKey: KEY, baseURL: proxy.baseURL, maxRetries: 0 });
  return { emulator, proxy, client, upstream };
}

/** A request that an API behind the proxy received. */
interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Serves an API that records its requests, and a proxy that forwards to this API. By default, the API answers with `{}`. */
export async function setUpApi(
  path = "/v1",
  answer: (response: ServerResponse) => void = (response) => response.end("{}"),
): Promise<{ proxy: Served; seen: Seen[]; api: string }> {
  const seen: Seen[] = [];
  const api = await serveApi(async (received, response) => {
    const { method, url, headers } = received;
    seen.push({ method, url, headers, body: await bodyOf(received) });
    answer(response);
  });
  return { proxy: await serveProxy(api + path), seen, api };
}

/** Sends a request over a connection of its own. Returns the response and its body. */
export async function ask(
  url: string,
  { body, ...options }: Parameters<typeof request>[1] & { body?: string | undefined } = {},
): Promise<{ answer: IncomingMessage; text: string }> {
  const sent = request(url, { agent: new Agent({ maxSockets: 1 }), ...options });
  sent.end(body);
  const [answer] = await once(sent, "response");
  return { answer, text: await bodyOf(answer) };
}
