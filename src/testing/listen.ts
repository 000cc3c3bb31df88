/** Serves the emulator over HTTP and WebSocket. */
import type { Server } from "node:http";
import { wrong } from "./check-options.js";
import { serveWebSockets } from "./serve-websockets.js";
import type { Connect } from "./websocket.js";

/** Options of `ResponsesEmulator.listen`. */
export interface ListenOptions {
  /** The port to listen on. Default 0: any free port. */
  readonly port?: number;
  /** The address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
}

/** An emulator that listens for HTTP requests. */
export interface ListeningServer {
  /** The server's origin, such as `http://127.0.0.1:49152`, without a trailing slash. */
  readonly url: string;
  /** The `baseURL` for a client: the server's URL followed by `/v1`. */
  readonly baseURL: string;
  /**
   * Closes all WebSockets, as the service does when it restarts.
   *
   * @param code the close code. Default 1001 ("going away"), after which clients may reconnect.
   */
  disconnect(code?: number, reason?: string): void;
  /** Stops listening and closes all connections, so that they do not keep the process alive. */
  close(): Promise<void>;
}

const MAX_PORT = 65_535;
/**
 * How long idle connections stay open. This time is long, because requests on a closed connection fail. On a busy machine, a
 * client may take seconds to notice that a connection was closed.
 */
const KEEP_ALIVE_MS = 75_000;

const GOING_AWAY = 1001;

/**
 * Serves a handler over HTTP and accepts WebSockets. Only this function imports the package of the HTTP server, so the rest
 * of the emulator works without Node.
 *
 * @throws TypeError if the port or the host is invalid.
 */
export async function listen(
  handler: (request: Request) => Promise<Response>,
  { port = 0, host = "127.0.0.1" }: ListenOptions,
  connect?: Connect,
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
  const sockets = connect && serveWebSockets(server.node!.server as Server, connect);
  const url = new URL(server.url!).origin;
  return {
    url,
    baseURL: `${url}/v1`,
    disconnect: (code = GOING_AWAY, reason = "") => sockets?.close(code, reason),
    close() {
      // Without this, `server.close` would wait for the clients to close their WebSockets.
      sockets?.terminate();
      return server.close(true);
    },
  };
}
