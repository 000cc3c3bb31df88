/**
 * Tests garbage collection. If a program no longer refers to an HTTP response, the response's connection is closed, as with
 * `fetch` alone. If a program reads a response late, it still gets all bytes.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createFileCitationsFetch } from "../src/index.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** The server's responses. Each response stays open until a test ends it. */
const answers: ServerResponse[] = [];
const server = createServer((request, answer) => {
  request.resume();
  const type = request.url === "/v1/responses/json" ? "application/json" : "text/event-stream";
  answer.writeHead(200, { "content-type": type });
  answer.write("data: x\n\n");
  answers.push(answer);
});
const types = ["stream", "json"];
const ask = (type: string) =>
  createFileCitationsFetch()(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/responses/${type}`,
  );

beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it.each(types)("closes the connection of a dropped response: %s", async (type) => {
  await (async () => void (await ask(type)).headers)();
  const answer = answers.pop()!;
  const ended = new Promise((resolve) => answer.once("close", () => resolve("ended")));
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  while (!isEnded) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await ended).toBe("ended");
});

it.each(types)("delivers all bytes of a response that is read late: %s", async (type) => {
  const kept = await ask(type);
  for (let time = 0; time < 20; time++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  answers.pop()!.end("data: y\n\n");
  expect(await kept.text()).toBe("data: x\n\ndata: y\n\n");
});
