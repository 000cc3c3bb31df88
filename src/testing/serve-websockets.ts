/** Adds WebSockets to a Node HTTP server with the package `ws`. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocketServer } from "ws";
import type { Connect } from "./websocket.js";

/** The open WebSockets of a server. */
export interface WebSockets {
  /** Closes all open WebSockets with a close frame. */
  close(code: number, reason: string): void;
  /** Cuts the connections of all open WebSockets without a close frame. */
  terminate(): void;
}

const UNSUPPORTED_DATA = 1003;

/**
 * Handles the server's upgrade requests. `ws` is imported at the first upgrade request, so tests without WebSockets
 * do not need it.
 */
export function serveWebSockets(server: Server, connect: Connect): WebSockets {
  const open = new Set<{ close(code: number, reason: string): void; terminate(): void }>();

  async function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const answer = await connect(toRequest(request));
    if (answer instanceof Response) return refuse(stream, answer);
    const websockets = await loadServer();
    if (websockets === undefined) return refuse(stream, missingPackage());
    websockets.handleUpgrade(request, stream, head, (socket) => {
      const connection = answer({
        send: (text) => socket.send(text),
        terminate: () => socket.terminate(),
      });
      open.add(socket);
      socket.on("message", (data, isBinary) => {
        if (isBinary) socket.close(UNSUPPORTED_DATA, "Only text messages are supported.");
        else connection.receive(String(data));
      });
      // A `close` event follows each `error` event, and the handler of `close` does all that is needed.
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        connection.closed();
      });
    });
  }

  server.on("upgrade", (request, stream: Duplex, head) => {
    stream.on("error", () => stream.destroy());
    upgrade(request, stream, head).catch(() => stream.destroy());
  });
  return {
    close: (code, reason) => open.forEach((socket) => void socket.close(code, reason)),
    terminate: () => open.forEach((socket) => void socket.terminate()),
  };
}

function toRequest({ url = "/", headers }: IncomingMessage): Request {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return new Request(new URL(url, `http://${headers.host ?? "localhost"}`), { headers: entries });
}

async function loadServer(): Promise<WebSocketServer | undefined> {
  const ws = await import("ws").catch(() => undefined);
  return ws && new ws.WebSocketServer({ noServer: true, clientTracking: false });
}

function missingPackage(): Response {
  const message = "The emulator's WebSocket endpoint needs the package ws: npm install --save-dev ws";
  return Response.json(
    { error: { message, type: "server_error", param: null, code: null } },
    { status: 501 },
  );
}

/** Writes a response to the raw socket, because the HTTP server no longer uses the socket after an upgrade request. */
async function refuse(stream: Duplex, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set("connection", "close");
  headers.set("content-length", String(body.byteLength));
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  stream.write(`HTTP/1.1 ${response.status} ${response.statusText || "Refused"}\r\n${lines.join("")}\r\n`);
  stream.end(body);
}
