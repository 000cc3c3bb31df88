import { wrong } from "./steps.js";

/** Options of `ResponsesEmulator.listen`. */
export interface ListenOptions {
  /** Default 0: any port that is free. */
  readonly port?: number;
  /** The address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
}

/** An emulator that listens on HTTP. */
export interface ListeningServer {
  /** Such as `http://127.0.0.1:49152`, without a slash at the end. */
  readonly url: string;
  /** What a client takes as its `baseURL`: the URL and `/v1`. */
  readonly baseURL: string;
  /** Stops listening and cuts every connection, so that nothing keeps the process alive. */
  close(): Promise<void>;
}

const MAX_PORT = 65_535;
/** On a busy machine a client may take seconds to notice that an idle connection was closed, and ask by it once more. */
const KEEP_ALIVE_MS = 75_000;

/** Serves a handler on HTTP. The server is loaded here and nowhere else: the emulator itself runs without Node. */
export async function listen(
  handler: (request: Request) => Promise<Response>,
  { port = 0, host = "127.0.0.1" }: ListenOptions,
): Promise<ListeningServer> {
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
    throw wrong("The option port", `a whole number from 0 to ${MAX_PORT}`, port);
  }
  if (typeof host !== "string" || host === "") throw wrong("The option host", "an address", host);
  const { serve } = await import("srvx/node");
  const server = serve({
    fetch: handler,
    port,
    hostname: host,
    silent: true,
    gracefulShutdown: false,
    node: { keepAliveTimeout: KEEP_ALIVE_MS },
  });
  await server.ready();
  const url = new URL(server.url!).origin;
  return { url, baseURL: `${url}/v1`, close: () => server.close(true) };
}
