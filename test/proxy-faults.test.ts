/**
 * Tests the proxy when the upstream fails, when a caller disconnects and when the proxy is stopped. No failure or disconnect
 * affects another request.
 */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import type { Readable } from "node:stream";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { readerOnDemand } from "../src/http/body.js";
import { fetchUpstream } from "../src/http/upstream.js";
import { ask, gate, KEY, REQUEST, serveApi, serveProxy, setUp, setUpApi } from "./serving.js";
import { cited, frames } from "./upstream.js";

describe("a failure", () => {
  it("of the connection to the upstream: answers 502 in the API's format", async () => {
    const api = await serveApi(() => {});
    const proxy = await serveProxy("http://127.0.0.1:1/v1");
    expect(api).not.toBe(proxy.url);
    const client = new OpenAI({ apiKey: KEY, baseURL: proxy.baseURL, maxRetries: 0 });
    const error = await client.models.list().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "upstream_failed", type: "server_error" });
    expect((error as Error).message).toContain("http://127.0.0.1:1 did not answer: ECONNREFUSED");
  });

  it("of an upstream that closes the connection: answers 502", async () => {
    const api = await serveApi((asked) => asked.socket.destroy());
    const { baseURL } = await serveProxy(`${api}/v1`);
    expect((await ask(`${baseURL}/responses`, { method: "POST", body: "{}" })).answer.statusCode).toBe(502);
  });

  it.each(["Upgrade: websocket\r\nConnection: Upgrade\r\n", ""])(
    "of an upstream that switches protocols (%j): answers 502 and closes its connection",
    async (headers) => {
      const closed = gate();
      const api = await serveApi(({ socket }) => {
        socket.once("close", () => closed.open());
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`);
      });
      const { baseURL } = await serveProxy(`${api}/v1`);
      for (const [method, path, authorization] of [
        ["GET", "/models", KEY],
        ["POST", "/responses", KEY],
        ["POST", "/files", KEY],
      ] as const) {
        const asked = { method, headers: { authorization }, body: method === "POST" ? "{}" : undefined };
        const { answer, text } = await ask(baseURL + path, asked);
        expect([answer.statusCode, JSON.parse(text).error.code]).toEqual([502, "upstream_failed"]);
        expect(JSON.parse(text).error.message).toContain("switched protocols");
      }
      await closed.promise;
    },
  );

  it("of an answer with a head over 64 KB: answers 502; a shorter head is passed on", async () => {
    const { proxy } = await setUpApi("/v1", (answering) => {
      answering.setHeader("x-long", "x".repeat(60_000));
      answering.end("{}");
    });
    const { answer, text } = await ask(`${proxy.baseURL}/models`, { maxHeaderSize: 100_000 });
    expect([answer.statusCode, answer.headers["x-long"]?.length, text]).toEqual([200, 60_000, "{}"]);
    const longer = await setUpApi("/v1", (answering) => {
      answering.setHeader("x-long", "x".repeat(70_000));
      answering.end("{}");
    });
    expect((await ask(`${longer.proxy.baseURL}/models`)).answer.statusCode).toBe(502);
  });

  it("in the middle of an answer: fails for the caller and is logged", async () => {
    const { client, proxy } = await setUp({
      beforeEvent({ sequence_number }) {
        if (sequence_number === 5) throw new Error("connection lost");
      },
    });
    const stream = await client.responses.create({ ...REQUEST, stream: true });
    const read = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow();
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, aborted: true }]);
  });

  it.each(["identity", "gzip", "gzip, br"])(
    "of an answer with the encoding %s before it is read: rejects the read and nothing else",
    async (encoding) => {
      const hangUp = gate();
      const api = await serveApi((_, answer) => {
        answer.writeHead(200, { "content-encoding": encoding }).write("half");
        hangUp.promise.then(() => answer.destroy());
      });
      const { body } = await fetchUpstream(api);
      hangUp.open();
      await new Promise((resolve) => (body as unknown as Readable).once("close", resolve));
      const reader = readerOnDemand(() => body!);
      const readAll = async (): Promise<void> => {
        while (!(await reader.read()).done);
      };
      await expect(readAll()).rejects.toThrow();
    },
  );

  it("of a list: passes the answer on unchanged and logs the failure", async () => {
    const { client, proxy } = await setUp({
      intercept: ({ path }) => (path.endsWith("/files") ? new Response("gone", { status: 404 }) : undefined),
    });
    expect(cited(await client.responses.create(REQUEST))).toEqual([]);
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, recovered: 0, failed: true }]);
  });

  it("by a loop, if the upstream is a proxy: answers 508", async () => {
    const first = await serveProxy("http://127.0.0.1:1/v1");
    const second = await serveProxy(first.baseURL);
    const { answer, text } = await ask(`${second.baseURL}/models`);
    expect(answer.statusCode).toBe(508);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "loop_detected" } });
  });

  it("by a bug: answers 500, and the next request is answered", async () => {
    let isFirst = true;
    const proxy = await serveProxy("", {
      proxy: async () => {
        if (!isFirst) return new Response("fine");
        isFirst = false;
        throw new Error("a bug");
      },
    });
    const { answer, text } = await ask(proxy.url);
    expect([answer.statusCode, JSON.parse(text).error.code]).toEqual([500, "internal_error"]);
    expect((await ask(proxy.url)).text).toBe("fine");
  });
});

describe("a caller that disconnects", () => {
  it("before the answer: cancels the request to the upstream", async () => {
    const asked = gate<IncomingMessage>();
    const api = await serveApi((incoming) => asked.open(incoming));
    const proxy = await serveProxy(`${api}/v1`);
    const aborter = new AbortController();
    const answer = fetch(`${proxy.baseURL}/responses`, {
      method: "POST",
      body: "{}",
      signal: aborter.signal,
    });
    const { socket } = await asked.promise;
    const closed = once(socket, "close");
    aborter.abort();
    await expect(answer).rejects.toThrow();
    await closed;
    expect(await proxy.logged(1)).toMatchObject([{ status: 499, aborted: true }]);
  });

  it.each([
    ["/responses", "text/event-stream", frames([{ type: "response.created" }])],
    ["/responses", "application/json", "{"],
    ["/files/file-1/content", "text/plain", "a"],
  ])("during the answer to %s (%s): cancels the upstream's answer", async (path, type, first) => {
    const asked = gate<IncomingMessage>();
    const api = await serveApi((incoming, answering) => {
      answering.writeHead(200, { "content-type": type });
      answering.write(first);
      asked.open(incoming);
    });
    const proxy = await serveProxy(`${api}/v1`);
    const { hostname, port } = new URL(proxy.url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /v1${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`);
    const { socket: upstream } = await asked.promise;
    // Waits for the first data of the answer. Does not wait for JSON, because the proxy sends JSON only when it is complete.
    if (type !== "application/json") await once(socket, "data");
    const closed = once(upstream, "close");
    socket.destroy();
    await closed;
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, aborted: true }]);
  });

  it("during an upload: aborts the upload to the upstream", async () => {
    const asked = gate<IncomingMessage>();
    const api = await serveApi((incoming) => {
      incoming.on("error", () => {});
      incoming.once("data", () => asked.open(incoming));
    });
    const { baseURL, logged, stop } = await serveProxy(`${api}/v1`);
    const asking = request(`${baseURL}/files`, { method: "POST", headers: { "content-length": "10" } });
    asking.on("error", () => {});
    asking.write("first");
    const incoming = await asked.promise;
    const closed = new Promise((resolve) => incoming.once("close", resolve));
    asking.destroy();
    await closed;
    expect(incoming.complete).toBe(false);
    await logged(1);
    await stop(0);
    expect(await logged(1)).toMatchObject([
      { method: "POST", path: "/v1/files", status: 499, aborted: true },
    ]);
  });

  it("after an invalid chunk: gets 400, and one line is logged", async () => {
    const asked = gate();
    const api = await serveApi((incoming) => {
      incoming.on("error", () => {});
      incoming.once("data", () => asked.open());
    });
    const { url, logged, stop } = await serveProxy(`${api}/v1`);
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write(
      "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    );
    await asked.promise;
    socket.write("no length\r\n");
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 .*"code":"bad_request"/s);
    socket.destroy();
    await logged(1);
    await stop(0);
    expect(await logged(1)).toMatchObject([
      { method: "POST", path: "/v1/files", status: 400, aborted: true },
    ]);
  });
});

describe("stopping", () => {
  it("finishes running requests, accepts no new ones and closes idle connections", async () => {
    const goOn = gate();
    const { proxy } = await setUpApi("/v1", async (answering) => {
      answering.write("{");
      await goOn.promise;
      answering.end("}");
    });
    const { hostname, port } = new URL(proxy.url);
    const idle = connect(Number(port), hostname);
    await once(idle, "connect");
    // This connection becomes idle after its request. HTTP keeps the connection open for the next request.
    const kept = connect(Number(port), hostname);
    kept.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(kept, "data");
    const running = await fetch(`${proxy.baseURL}/models`);
    const ended = Promise.all([once(idle, "close"), once(kept, "close")]);
    const stopped = proxy.stop(60_000);
    await ended;
    await expect(fetch(`${proxy.url}/healthz`)).rejects.toThrow();
    goOn.open();
    expect(await running.text()).toBe("{}");
    expect(await stopped).toBe(true);
  });

  it("closes connections whose requests take longer than allowed", async () => {
    const { proxy } = await setUpApi("/v1", (answering) => void answering.write("{"));
    const running = await fetch(`${proxy.baseURL}/models`);
    expect(await proxy.stop(0)).toBe(false);
    await expect(running.text()).rejects.toThrow();
  });
});
