/** Starts the emulator, and connects to it with a WebSocket client that does not use the SDK. */
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { createResponsesEmulator, type EmulatorOptions } from "../src/testing/index.js";
import type { Json } from "./emulator-calls.js";

export async function listening(options: EmulatorOptions = {}) {
  const emulator = createResponsesEmulator(options);
  const server = await emulator.listen();
  onTestFinished(() => server.close());
  return { emulator, server, url: `${server.baseURL.replace("http", "ws")}/responses` };
}

/** Returns whether an event is the last one that a test waits for. */
export type IsLast = (event: Json) => boolean;

export class Client {
  readonly socket: WebSocket;
  readonly #events: Json[] = [];
  readonly closed: Promise<number>;
  #wake = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => {
      this.#events.push(JSON.parse(String(data)));
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", resolve);
    });
  }

  static async open(url: string, headers: Record<string, string> = { authorization: "Bearer test" }) {
    const socket = new WebSocket(url, { headers });
    onTestFinished(() => socket.terminate());
    const client = new Client(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  send(event: unknown): void {
    this.socket.send(typeof event === "string" ? event : JSON.stringify(event));
  }

  create(fields: Json = {}): void {
    this.send({ type: "response.create", model: "gpt-6", input: "Go.", ...fields });
  }

  /** Waits for an event for which `isLast` returns true. Returns all events since the last call, up to this event. */
  async until(isLast: IsLast): Promise<Json[]> {
    for (;;) {
      const index = this.#events.findIndex(isLast);
      if (index >= 0) return this.#events.splice(0, index + 1);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const FINAL = new Set(["response.completed", "response.incomplete", "response.failed", "error"]);

/** Returns a function that returns true for the `count`th final event. An error event counts as a final event. */
export function responses(count: number): IsLast {
  const seen = new Set<Json>();
  return (event) => FINAL.has(String(event.type)) && seen.add(event).size === count;
}
