/** Serves the proxy over HTTP: refuses invalid requests, logs all requests and waits for running requests when it stops. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { ServerRequest } from "srvx";
import { toNodeHandler } from "srvx/node";
import { apiError, errorBody } from "../http/api-error.js";
import type { ApiProxy } from "../http/proxy.js";
import { HEALTH_PATH, isFilesTarget, isHealthCheck, targetOf } from "../http/proxy-paths.js";
import { type HostRule, hostRule, refusalForInvalidHost } from "./allowed-hosts.js";

/** The log entry of a request. The query, the headers and the body may be secret, so the entry contains no part of them. */
export interface Answered {
  /** When the request arrived, in ISO 8601. */
  time: string;
  /** `-` if the request could not be parsed. Then `path` is `-` too. */
  method: string;
  path: string;
  /** 499 if the client disconnected before the response. */
  status: number;
  /** From the request to the last byte of the response, in milliseconds. */
  ms: number;
  /** How many citations were recovered. */
  recovered: number;
  /** Set if the response is incomplete, because the client or the upstream disconnected. */
  aborted?: true;
  /** Set if a citation may still be missing, because a recovery failed. */
  failed?: true;
  /** Set if the proxy added no links to the answer, because the request does not have the proxy's key. */
  otherKey?: true;
}

export interface ServerOptions {
  /** 0 for any free port. */
  port: number;
  host: string;
  /** The host names that the server accepts in addition to loopback names. See `hostRule`. */
  allowHosts: readonly string[];
  /** The host name of the links. It is accepted like a name in `allowHosts`, but only for requests below `/files`. */
  linkHost?: string | undefined;
  /** The limit of a request's headers, in bytes. */
  maxHeaders: number;
  onAnswered: (answered: Answered) => void;
}

export interface ProxyServer {
  /** The URL of the server, such as `http://127.0.0.1:8787`. */
  url: string;
  /** Stops accepting requests and waits up to `graceMs` for running requests. Returns whether all of them were answered. */
  stop(graceMs: number): Promise<boolean>;
}

/**
 * How long an idle connection stays open. Load balancers usually reuse an idle connection for up to a minute. The
 * server keeps the connection longer. Otherwise a load balancer could send a request while the server closes the connection.
 */
const KEEP_ALIVE_MS = 75_000;
/** How long a request's headers may take to arrive. */
const HEADERS_MS = 60_000;
/**
 * How long the connection of a refused client stays open, so that the client can finish sending and read the response.
 */
const LINGER_MS = 2000;

/** Error codes of a connection whose client has disconnected. */
const GONE = new Set<string | undefined>(["ECONNRESET", "EPIPE", "HPE_INVALID_EOF_STATE"]);

/** Starts the server. Rejects if it cannot listen, for example because the port is in use. */
export async function startServer(
  proxy: ApiProxy,
  { port, host, allowHosts, linkHost, maxHeaders, onAnswered }: ServerOptions,
): Promise<ProxyServer> {
  const sockets = new Set<Socket>();
  /** The responses that are not complete, with their connections and log entries. */
  const running = new Map<ServerResponse, { socket: Socket; answered: Answered }>();
  let isStopping = false;
  // The next two rules are set after the server has begun to listen, but before it handles the first request.
  let refusalByRule!: HostRule;
  let refusalOfLink!: HostRule;

  const endIfIdle = (socket: Socket): void => {
    if (![...running.values()].some((busy) => busy.socket === socket)) socket.destroySoon();
  };

  const handle = (request: ServerRequest): Promise<Response> => {
    const { req, res } = request.runtime!.node as { req: IncomingMessage; res: ServerResponse };
    const start = performance.now();
    const { pathname: path = "-" } = targetOf(request);
    const time = new Date().toISOString();
    const { method } = request;
    const answered: Answered = { time, method, path: withoutToken(path), status: 499, ms: 0, recovered: 0 };
    let hasFailed = false;
    const { socket } = req;
    running.set(res, { socket, answered });
    if (isStopping) res.setHeader("connection", "close");
    res.once("close", () => {
      running.delete(res);
      if (isStopping) endIfIdle(socket);
      if (path === HEALTH_PATH) return;
      if (res.headersSent) answered.status = res.statusCode;
      if (!res.writableFinished) answered.aborted = true;
      else if (hasFailed) answered.failed = true;
      answered.ms = Math.round(performance.now() - start);
      onAnswered(answered);
    });
    const { url: target = "" } = req;
    const refusalForHost = isFilesTarget(target) ? refusalOfLink : refusalByRule;
    // Health checks are allowed for any host, because their response contains nothing secret.
    const refusal =
      refusalForInvalidHost(req) ?? (isHealthCheck(method, path) ? undefined : refusalForHost(req));
    if (refusal) return Promise.resolve(refusal);
    const answer = proxy(request, {
      // The body is Node's own stream. Wrapping it in a Web stream would cost as much as the rest of a small request.
      body: hasBody(req) ? req : null,
      target,
      onReport({ outcome, citations }) {
        answered.recovered += citations.filter(({ origin }) => origin === "recovered").length;
        hasFailed ||= outcome === "failed"; // ignored above if the response was aborted
      },
      onOtherKey() {
        answered.otherKey = true;
      },
    });
    // Sends the headers early if the body is slow. If the body is ready, headers and body are sent together.
    const before = socket.bytesWritten;
    const sendHeaders = (): void => {
      if (res.headersSent && socket.bytesWritten === before) res.flushHeaders();
    };
    answer.then(() => setImmediate(sendHeaders)).catch(() => {});
    // A bug in one request must not end the process, because that would also end all other requests.
    return answer.catch(() => apiError(500, "internal_error", "An internal error occurred in the proxy."));
  };

  const options = {
    maxHeaderSize: maxHeaders,
    requireHostHeader: false, // `refusalForInvalidHost` checks it, because Node would not log a refusal
    headersTimeout: HEADERS_MS,
    requestTimeout: 0, // no limit: with Node's default, an upload would be cut off after five minutes
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server = createServer(options, toNodeHandler(handle) as RequestListener);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (socket.writableEnded) return; // the client was already refused and is still sending
    const busy = [...running].filter(([, { socket: its }]) => its === socket);
    const hasBegun = busy.some(([{ headersSent }]) => headersSent);
    // If the client has disconnected during an upload, it gets no error response, because it could not receive one.
    const hasGone = busy.length > 0 && GONE.has(error.code);
    if (!socket.writable || hasBegun || hasGone) {
      socket.destroy();
      return;
    }
    const [status, code, message] = refusalFor(error, maxHeaders);
    // A request with a broken body is in `running`. When its response closes, the request is logged with this status.
    for (const [, { answered }] of busy) answered.status = status;
    if (busy.length === 0) onAnswered(unread("-", status));
    refuse(socket, status, JSON.stringify(errorBody(status, code, message)));
  });
  server.on("connect", ({ method = "-" }: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {}); // the client may disconnect before the response
    onAnswered(unread(method, 405));
    const body = errorBody(
      405,
      "method_not_allowed",
      "CONNECT is not supported: send API requests to this proxy directly.",
    );
    refuse(socket, 405, JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host }, resolve);
  });

  const address = server.address() as AddressInfo;
  refusalByRule = hostRule(address, allowHosts);
  refusalOfLink = hostRule(address, allowHosts, linkHost);

  return {
    url: urlOf(address),
    async stop(graceMs) {
      isStopping = true;
      // The HTTP server's own `close` is not called, because it drops data that was written but is not sent yet.
      const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
      for (const socket of sockets) endIfIdle(socket);
      let wasCut = false;
      const timer = setTimeout(() => {
        wasCut = running.size > 0;
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
      return !wasCut;
    },
  };
}

/** Replaces the token of a link in a path, because anyone who has the token can open the file. */
function withoutToken(path: string): string {
  return path.replace(/(?<=\/)[^/.]+\.[^/.]+\.[^/]{40,}/g, "…");
}

/** Returns the log entry for data that could not be parsed as a request. */
function unread(method: string, status: number): Answered {
  return { time: new Date().toISOString(), method, path: "-", status, ms: 0, recovered: 0 };
}

/** Returns whether a request has a body to forward. HTTP gives the body of a GET no meaning, so such a body is not forwarded. */
function hasBody({ method, headers }: IncomingMessage): boolean {
  if (method === "GET" || method === "HEAD") return false;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"]) > 0;
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** Returns status, code and message for data that Node could not parse as a request. */
function refusalFor({ code }: NodeJS.ErrnoException, maxHeaders: number): [number, string, string] {
  if (code === "HPE_HEADER_OVERFLOW") {
    const message = `The request's headers exceed this proxy's limit of ${maxHeaders} bytes.`;
    return [431, "headers_too_large", message];
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return [408, "request_timeout", "The request's headers did not arrive in time."];
  }
  return [400, "bad_request", `The request is not valid HTTP: ${code}.`];
}

/**
 * Sends a response on the raw connection. Closes the connection only after `LINGER_MS`. If the connection were closed while the
 * client is still sending, the response could be lost.
 */
function refuse(socket: Socket, status: number, body: string): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
