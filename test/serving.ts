/** The proxy over real loopback HTTP, and what else its tests need: an API that answers as told, a raw connection. */
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
import { type Answered, startServer } from "../src/cli/server.js";
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
  /** Every request that was answered, as it would be logged. */
  log: Answered[];
  /** Resolves once so many requests were answered, or had an end all the same. */
  logged(count: number): Promise<Answered[]>;
  stop(graceMs: number): Promise<boolean>;
}

/** Serves the proxy until the test has ended. */
export async function serveProxy(
  upstream: string,
  {
    maxHeaders = 16_384,
    proxy: given,
    ...options
  }: Partial<ProxyOptions> & { maxHeaders?: number; proxy?: ApiProxy } = {},
): Promise<Served> {
  const proxy =
    given ?? createProxy({ upstream, fetch: fetchUpstream, maxBody: 2 ** 30, maxJson: 2 ** 26, ...options });
  const log: Answered[] = [];
  const waiting = new Set<() => void>();
  const server = await startServer(proxy, {
    port: 0,
    host: "127.0.0.1",
    maxHeaders,
    onAnswered(answered) {
      log.push(answered);
      for (const look of waiting) look();
    },
  });
  onTestFinished(async () => {
    await server.stop(0);
  });
  const logged = (count: number): Promise<Answered[]> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (log.length < count) return;
        waiting.delete(look);
        resolve(log);
      };
      waiting.add(look);
      look();
    });
  return { url: server.url, baseURL: `${server.url}/v1`, log, logged, stop: server.stop };
}

/** An API that answers as told, until the test has ended. */
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

/** All of a request's or an answer's body. */
export async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Writes to a connection as no client does, and reads what comes until the other side ends it. */
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

/** A promise that something else resolves. */
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

/** The emulator over HTTP, until the test has ended. */
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

/** The emulator behind the proxy, and the official client before it. */
export async function setUp(
  options: EmulatorOptions = {},
  proxyOptions: Parameters<typeof serveProxy>[1] = {},
): Promise<{ emulator: ResponsesEmulator; proxy: Served; client: OpenAI; upstream: string }> {
  const { emulator, upstream } = await listenEmulator(options);
  const proxy = await serveProxy(upstream, proxyOptions);
  const client = new OpenAI({ apiKey: KEY, baseURL: proxy.baseURL, maxRetries: 0 });
  return { emulator, proxy, client, upstream };
}

/** What an API behind the proxy saw of a request that it answered with `{}`. */
interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

export async function setUpApi(
  path = "/v1",
  answer: (response: ServerResponse) => void = (answering) => answering.end("{}"),
): Promise<{ proxy: Served; seen: Seen[]; api: string }> {
  const seen: Seen[] = [];
  const api = await serveApi(async (asked, answering) => {
    const { method, url, headers } = asked;
    seen.push({ method, url, headers, body: await bodyOf(asked) });
    answer(answering);
  });
  return { proxy: await serveProxy(api + path), seen, api };
}

/** Asks over a connection of its own. */
export async function ask(
  url: string,
  { body, ...options }: Parameters<typeof request>[1] & { body?: string | undefined } = {},
): Promise<{ answer: IncomingMessage; text: string }> {
  const asking = request(url, { agent: new Agent({ maxSockets: 1 }), ...options });
  asking.end(body);
  const [answer] = await once(asking, "response");
  return { answer, text: await bodyOf(answer) };
}
