/** The proxy on HTTP: what it refuses by itself, what it tells of each request, how it stops. */
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
import { type ApiProxy, HEALTH_PATH, targetOf } from "../http/proxy.js";

/** What became of a request, for the log: nothing of its query, its headers or a body. */
export interface Answered {
  /** When it came, in ISO 8601. */
  time: string;
  /** `-` where it could not be read; so is the path. */
  method: string;
  path: string;
  /** 499 where the caller went before there was an answer. */
  status: number;
  /** From the request to its answer's last byte, in milliseconds. */
  ms: number;
  /** How many citations the answer got here. */
  recovered: number;
  /** Only there where the answer broke off: the caller went, or the upstream. */
  aborted?: true;
  /** Only there where a citation may still be missing: its container's list failed. */
  failed?: true;
}

export interface ServerOptions {
  /** 0 is any that is free. */
  port: number;
  host: string;
  /** The longest head of a request, in bytes. */
  maxHeaders: number;
  onAnswered: (answered: Answered) => void;
}

export interface ProxyServer {
  /** Such as `http://127.0.0.1:8787`. */
  url: string;
  /** Takes no more requests, and waits for those that run, but no longer than this; whether all were answered. */
  stop(graceMs: number): Promise<boolean>;
}

/** A balancer keeps its connections for a minute, and must not find one closed that it is about to use. */
const KEEP_ALIVE_MS = 75_000;
/** How long the head of a request may take. */
const HEADERS_MS = 60_000;
/** How long who was refused may go on sending, and take to read why. */
const LINGER_MS = 2000;

/** What a connection says whose caller has gone. */
const GONE = new Set<string | undefined>(["ECONNRESET", "EPIPE", "HPE_INVALID_EOF_STATE"]);

/** Serves a proxy. Rejects where it cannot listen: the port is taken. */
export async function startServer(
  proxy: ApiProxy,
  { port, host, maxHeaders, onAnswered }: ServerOptions,
): Promise<ProxyServer> {
  const sockets = new Set<Socket>();
  /** The answers under way, the connections that they go to, and what will be told of them. */
  const running = new Map<ServerResponse, { socket: Socket; answered: Answered }>();
  let isStopping = false;

  const endIfIdle = (socket: Socket): void => {
    if (![...running.values()].some((busy) => busy.socket === socket)) socket.destroySoon();
  };

  const handle = (request: ServerRequest): Promise<Response> => {
    const { req, res } = request.runtime!.node as { req: IncomingMessage; res: ServerResponse };
    const start = performance.now();
    const { pathname: path = "-" } = targetOf(request);
    const time = new Date().toISOString();
    const answered: Answered = { time, method: request.method, path, status: 499, ms: 0, recovered: 0 };
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
    if (isWithoutHost(req))
      return Promise.resolve(apiError(400, "bad_request", "The request names no host."));
    const answer = proxy(request, {
      // Node's own stream: one of the Web's around it costs as much as all the rest of a small request.
      body: hasBody(req) ? req : null,
      onReport({ outcome, citations }) {
        answered.recovered += citations.filter(({ origin }) => origin === "recovered").length;
        hasFailed ||= outcome === "failed"; // as it does where the answer breaks off
      },
    });
    // The head of an answer goes out without its body where that takes its time; else with it, at once.
    const before = socket.bytesWritten;
    const sendHead = (): void => {
      if (res.headersSent && socket.bytesWritten === before) res.flushHeaders();
    };
    answer.then(() => setImmediate(sendHead)).catch(() => {});
    // A mistake of ours is no reason to lose the other requests that run.
    return answer.catch(() => apiError(500, "internal_error", "The proxy made a mistake."));
  };

  const options = {
    maxHeaderSize: maxHeaders,
    requireHostHeader: false, // Node would refuse it without a word, here or in the log
    headersTimeout: HEADERS_MS,
    requestTimeout: 0, // an upload takes as long as it takes: by default, five minutes would be its end
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server = createServer(options, toNodeHandler(handle) as RequestListener);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (socket.writableEnded) return; // it was refused already, and goes on sending
    const busy = [...running].filter(([, { socket: its }]) => its === socket);
    const hasBegun = busy.some(([{ headersSent }]) => headersSent);
    // Who goes in the middle of an upload needs no answer.
    const hasGone = busy.length > 0 && GONE.has(error.code);
    if (!socket.writable || hasBegun || hasGone) {
      socket.destroy();
      return;
    }
    const [status, code, message] = refusalFor(error, maxHeaders);
    // A request whose body is broken has a line of its own.
    for (const [, { answered }] of busy) answered.status = status;
    if (busy.length === 0) onAnswered(unread("-", status));
    refuse(socket, status, JSON.stringify(errorBody(status, code, message)));
  });
  server.on("connect", ({ method = "-" }: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {}); // who asks for a tunnel may go without an answer
    onAnswered(unread(method, 405));
    const body = errorBody(405, "method_not_allowed", `This proxy has the API, and opens no tunnels.`);
    refuse(socket, 405, JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host }, resolve);
  });

  return {
    url: urlOf(server.address() as AddressInfo),
    async stop(graceMs) {
      isStopping = true;
      // Not HTTP's own close: it cuts off what is written, but not yet sent.
      const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
      for (const socket of sockets) endIfIdle(socket);
      let isCut = false;
      const timer = setTimeout(() => {
        isCut = running.size > 0;
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
      return !isCut;
    },
  };
}

/** What is told of what never came to be a request. */
function unread(method: string, status: number): Answered {
  return { time: new Date().toISOString(), method, path: "-", status, ms: 0, recovered: 0 };
}

/** HTTP/1.1 wants one of each request. */
function isWithoutHost({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host === undefined && httpVersion === "1.1";
}

/** Whether a request comes with a body that means something: HTTP gives none to a GET. */
function hasBody({ method, headers }: IncomingMessage): boolean {
  if (method === "GET" || method === "HEAD") return false;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"]) > 0;
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** What is said to who sent something that is no request, or too much of a head. */
function refusalFor({ code }: NodeJS.ErrnoException, maxHeaders: number): [number, string, string] {
  if (code === "HPE_HEADER_OVERFLOW") {
    const message = `The request's headers are longer than this proxy takes: ${maxHeaders} bytes.`;
    return [431, "headers_too_large", message];
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return [408, "request_timeout", "The request's headers did not come in time."];
  }
  return [400, "bad_request", `This is no HTTP request: ${code}.`];
}

/** Answers without the request. Closed at once, with something unread, the connection would lose the answer. */
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
